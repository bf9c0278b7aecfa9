//! `[apple]`

use std::net::SocketAddr;
use std::path::PathBuf;

use super::section::{Form, Section, Wrong};
use super::values::{address, path, path_like};

/// Where Apple's servers are reached. Nothing set is Apple itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apple {
    /// Where every host of Apple's is reached instead: a sandbox. Default: none.
    pub hosts_at: Option<SocketAddr>,
    /// A PEM file with the authorities that are trusted for hosts of Apple's, in place of the system's.
    /// Default: none.
    pub ca_file: Option<PathBuf>,
}

const SANDBOX: Form =
    Form { expected: "the IP address and the port of a sandbox", example: "127.0.0.1:8443", secret: false };

const AUTHORITIES: Form = path_like("/etc/doorkey/authorities.pem");

impl Apple {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            hosts_at: section.optional("hosts_at", &SANDBOX, reachable).value(),
            ca_file: section.optional("ca_file", &AUTHORITIES, path).value(),
        }
    }
}

/// An address that something can be reached at, so not port 0.
fn reachable(text: &str) -> Result<SocketAddr, Wrong> {
    address(text).and_then(|address| if address.port() == 0 { Err(Wrong::Form) } else { Ok(address) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{faults, from_toml};

    #[test]
    fn everything_set() {
        let apple = from_toml("[apple]\nhosts_at = '127.0.0.1:8443'\nca_file = 'ca.pem'").unwrap().apple;
        assert_eq!(apple.hosts_at.unwrap().port(), 8443);
        assert_eq!(apple.ca_file, Some("ca.pem".into()));
        let off = Apple { hosts_at: None, ca_file: None };
        assert_eq!(from_toml("[apple]\nhosts_at = ''\nca_file = ''").unwrap().apple, off);
    }

    #[test]
    fn hosts_at_can_be_reached() {
        for wrong in ["sandbox:8443", "127.0.0.1", "127.0.0.1:0"] {
            assert_eq!(
                faults(&format!("[apple]\nhosts_at = '{wrong}'")),
                [format!(
                    "doorkey.toml, line 2: [apple] hosts_at must be the IP address and the port of a sandbox, \
                     like \"127.0.0.1:8443\"; it is \"{wrong}\"."
                )]
            );
        }
    }
}
