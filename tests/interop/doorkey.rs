//! A Doorkey that comes back to where it was, as one does that others have in their configuration.

use crate::{
    parts::free_port,
    support::{Data, Options, Server},
};

/// Starts one, reached by this name of this machine, and gives its URL.
pub fn start_at(host: &str) -> (Server, String) {
    start_on(Data::new(), host)
}

/// The same, with its data there.
pub fn start_on(data: Data, host: &str) -> (Server, String) {
    let (server, url) = new_on(data, host);
    server.start_again();
    (server, url)
}

/// The same, before it is started.
pub fn new_on(data: Data, host: &str) -> (Server, String) {
    new_with(data, host, &[])
}

/// The same, with more settings.
pub fn new_with(data: Data, host: &str, more: Options<'_>) -> (Server, String) {
    let port = free_port();
    let (url, listen) = (format!("http://{host}:{port}"), format!("127.0.0.1:{port}"));
    let mut settings = vec![("DOORKEY__HTTP__LISTEN", listen.as_str()), ("DOORKEY__HTTP__PUBLIC_URL", &url)];
    settings.extend_from_slice(more);
    (Server::on(data, &settings), url)
}
