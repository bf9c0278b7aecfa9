//! Caddy, as a web server in front of what is protected.

use tempfile::TempDir;

use super::{Part, change, free_port};
use crate::support::Address;

/// Caddy, with a few sites in it.
pub struct Caddy {
    _part: Part,
    _folder: TempDir,
    ports: Vec<u16>,
}

impl Caddy {
    /// Starts it with these sites, of which nothing but the address is changed.
    pub fn start(sites: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports: Vec<_> = sites.iter().map(|_| free_port()).collect();
        let sites: String = sites
            .iter()
            .zip(&ports)
            .map(|(site, port)| change(site, "calendar.example.org {", &format!("http://:{port} {{")))
            .collect();
        let file = folder.path().join("Caddyfile");
        std::fs::write(&file, format!("{{\nadmin off\ndefault_bind 127.0.0.1\n}}\n{sites}")).unwrap();
        let arguments = ["run", "--adapter", "caddyfile", "--config", file.to_str().unwrap()];
        let part = Part::start("caddy", folder.path(), &arguments);
        part.err.line_with("serving initial configuration").expect("Caddy starts");
        Self { _part: part, _folder: folder, ports }
    }

    /// Where the site with this number is.
    pub fn address(&self, number: usize) -> Address {
        Address::Tcp(([127, 0, 0, 1], self.ports[number]).into())
    }
}
