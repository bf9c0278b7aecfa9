//! Forms that more than one section has.

use std::net::SocketAddr;
use std::path::PathBuf;

use url::Host;

use super::section::{Form, Wrong};

/// An address to listen on.
pub(super) const fn address_like(example: &'static str) -> Form {
    Form { expected: "an IP address and a port", example, secret: false }
}

/// A file or a folder.
pub(super) const fn path_like(example: &'static str) -> Form {
    Form { expected: "a path", example, secret: false }
}

/// Reads an IP address and a port.
pub(super) fn address(text: &str) -> Result<SocketAddr, Wrong> {
    text.parse().map_err(|_| Wrong::Form)
}

/// Reads the address of a listener that is off when it is empty.
pub(super) fn address_or_off(text: &str) -> Result<Option<SocketAddr>, Wrong> {
    if text.is_empty() { Ok(None) } else { address(text).map(Some) }
}

/// Reads a path.
pub(super) fn path(text: &str) -> Result<PathBuf, Wrong> {
    if text.is_empty() || text.contains('\0') { Err(Wrong::Form) } else { Ok(PathBuf::from(text)) }
}

/// Whether only this machine reaches the address.
pub(super) fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// A domain name, in lower case.
pub(super) fn domain_name(text: &str) -> Option<String> {
    // A host may be percent-encoded, or end with a dot; a domain name in an e-mail address may not.
    if text.contains('%') || text.ends_with('.') {
        return None;
    }
    matches!(Host::parse(text), Ok(Host::Domain(_))).then(|| text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_names() {
        assert_eq!(domain_name("Example.ORG"), Some("example.org".into()));
        assert_eq!(domain_name("bücher.example"), Some("bücher.example".into()));
        for wrong in ["", "a@example.org", "192.0.2.1", "[::1]", "a b", "%41.example", "example.org.", "a/b"]
        {
            assert_eq!(domain_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn loopback() {
        for near in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(is_loopback(&near.parse().unwrap()), "{near}");
        }
        for far in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            assert!(!is_loopback(&far.parse().unwrap()), "{far}");
        }
    }
}
