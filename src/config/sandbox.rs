//! `[sandbox]`

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::section::{Form, Section};
use super::tls::TlsFiles;
use super::values::{address, address_like};

/// The stand-in for Apple; read by `sandbox` and `serve --sandbox` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// Where it listens; port 0 picks a free one. Default: `127.0.0.1:8443`.
    pub listen: SocketAddr,
    /// Its certificate, if it has one of the operator's. Default: none.
    pub tls: Option<TlsFiles>,
}

const LISTEN: Form = address_like("127.0.0.1:8443");

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

impl Sandbox {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        // Not among the addresses that must differ: a `serve` alone never listens here.
        Self {
            listen: section.value("listen", &LISTEN, address).value().unwrap_or(DEFAULT_LISTEN),
            tls: TlsFiles::read(section).value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{faults, from_toml};

    #[test]
    fn everything_set() {
        let sandbox = from_toml("[sandbox]\nlisten = '127.0.0.1:0'\ntls_certificate = 'c'\ntls_key = 'k'")
            .unwrap()
            .sandbox;
        assert_eq!(sandbox.listen.port(), 0);
        assert_eq!(sandbox.tls, Some(TlsFiles { certificate: "c".into(), key: "k".into() }));
    }

    #[test]
    fn certificate_and_key_come_together() {
        assert_eq!(
            faults("[sandbox]\ntls_key = 'k'"),
            [
                "doorkey.toml, line 2: [sandbox] tls_key is set, but tls_certificate is not. Set both, or neither."
            ]
        );
    }
}
