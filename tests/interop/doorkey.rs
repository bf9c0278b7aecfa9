//! A Doorkey that comes back to where it was, as one does that others have in their configuration.

use ::doorkey::{
    config::SaslListen,
    services::configuration::{Directory, Encryption, Values},
};

use crate::{
    parts::{free_port, values},
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

/// One that runs, with the LDAP door and a listener of the SASL door for this service, both at ports that stay, and that believes
/// what proxies on this machine say. `ada` is in `example.org`.
pub fn with_doors(service: &str) -> Doors {
    let [ldap, sasl] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
    let listener = format!("DOORKEY__SASL__{}__LISTEN", service.to_uppercase());
    let settings = [
        ("DOORKEY__HTTP__TRUSTED_PROXIES", "127.0.0.1"),
        ("DOORKEY__ACCOUNTS__DEFAULT_DOMAIN", "example.org"),
        ("DOORKEY__LDAP__LISTEN", ldap.as_str()),
        (listener.as_str(), sasl.as_str()),
    ];
    let (server, url) = new_with(Data::new(), "127.0.0.1", &settings);
    server.start_again();
    Doors { server, url, ldap, sasl }
}

/// A server, and where its doors are.
pub struct Doors {
    pub server: Server,
    pub url: String,
    pub ldap: String,
    pub sasl: String,
}

impl Doors {
    /// What a service's page fills into ready configuration.
    pub fn values<'a>(&self, service: &'a str, key: &'a str) -> Values<'a> {
        Values {
            ldap: Some(Directory {
                host: "127.0.0.1".into(),
                port: self.ldap.rsplit(':').next().unwrap().parse().unwrap(),
                encryption: Encryption::None,
            }),
            sasl: Some(SaslListen::Tcp(self.sasl.parse().unwrap())),
            ..values(&self.url, service, key)
        }
    }
}
