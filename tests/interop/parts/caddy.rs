//! Caddy, as a web server in front of what is protected.

use tempfile::TempDir;

use super::{Part, change, free_port};
use crate::support::Address;

/// Caddy, with a few sites in it.
pub struct Caddy {
    part: Part,
    folder: TempDir,
    ports: Vec<u16>,
}

impl Caddy {
    /// Starts it with these sites, of which nothing but the address is changed.
    pub fn start(sites: &[String]) -> Self {
        Self::run(sites.len(), |number, port| {
            change(&sites[number], "calendar.example.org {", &format!("http://:{port} {{"))
        })
    }

    /// Starts it in front of this server, to speak TLS for it as `localhost` and as nobody else.
    pub fn start_tls(server: &str) -> Self {
        Self::start_tls_with(|_| format!("reverse_proxy {server}"))
    }

    /// Starts it with these lines for a site that speaks TLS as `localhost`, at the port that they are given.
    pub fn start_tls_with(lines: impl Fn(u16) -> String) -> Self {
        let caddy = Self::run(1, |_, port| {
            format!("https://localhost:{port} {{\ntls internal\n{}\n}}\n", lines(port))
        });
        // It listens before it has the certificate that it makes for itself.
        caddy.part.err.line_with("certificate obtained successfully").expect("Caddy makes a certificate");
        caddy
    }

    fn run(sites: usize, site: impl Fn(usize, u16) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports: Vec<_> = (0..sites).map(|_| free_port()).collect();
        let sites: String = ports.iter().enumerate().map(|(number, port)| site(number, *port)).collect();
        // On loopback alone, on these ports alone, and without making this machine trust its certificates.
        let options = "admin off\ndefault_bind 127.0.0.1\nauto_https disable_redirects\nskip_install_trust";
        let file = folder.path().join("Caddyfile");
        std::fs::write(&file, format!("{{\n{options}\n}}\n{sites}")).unwrap();
        let arguments = ["run", "--adapter", "caddyfile", "--config", file.to_str().unwrap()];
        let part = Part::start("caddy", folder.path(), &arguments);
        part.err.line_with("serving initial configuration").expect("Caddy starts");
        Self { part, folder, ports }
    }

    /// The certificate that its own are signed with.
    pub fn authority(&self) -> String {
        let root = self.folder.path().join(".local/share/caddy/pki/authorities/local/root.crt");
        assert!(root.exists(), "{}", root.display());
        root.to_str().unwrap().into()
    }

    /// The port of the site with this number.
    pub fn port(&self, number: usize) -> u16 {
        self.ports[number]
    }

    /// Where the site with this number is.
    pub fn address(&self, number: usize) -> Address {
        Address::Tcp(([127, 0, 0, 1], self.port(number)).into())
    }
}
