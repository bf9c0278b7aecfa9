//! A Doorkey that comes back to where it was, as one does that others have in their configuration.

use crate::{parts::free_port, support::Server};

/// Starts one, reached by this name of this machine, and gives its URL.
pub fn start_at(host: &str) -> (Server, String) {
    let port = free_port();
    let url = format!("http://{host}:{port}");
    let server = Server::start_with(&[
        ("DOORKEY__HTTP__LISTEN", &format!("127.0.0.1:{port}")),
        ("DOORKEY__HTTP__PUBLIC_URL", &url),
    ]);
    (server, url)
}
