//! `[ldap]`

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;

use super::section::{Form, Given, Section, Wrong};
use super::tls::TlsFiles;
use super::values::{address, address_like, address_or_off, is_loopback};

/// The LDAP door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ldap {
    /// Where it listens for LDAP, with StartTLS if there is a certificate; port 0 picks a free one; none is
    /// off. Default: `127.0.0.1:3893`.
    pub listen: Option<SocketAddr>,
    /// Where it listens for LDAP over TLS; port 0 picks a free one. Never without `tls`. Default: off.
    pub listen_tls: Option<SocketAddr>,
    /// The name that all entries stand below. Default: `dc=doorkey`.
    pub base_dn: String,
    /// The certificate for StartTLS and for `listen_tls`. Default: none.
    pub tls: Option<TlsFiles>,
    /// How many connections may be open at a time. Default: 1024.
    pub connections: NonZeroUsize,
    /// How many of them one address may have. Default: 256; none is no bound.
    pub connections_per_address: Option<NonZeroUsize>,
}

const CONNECTIONS: i32 = 1024;
/// More than one machine's programs keep in their pools.
const CONNECTIONS_PER_ADDRESS: i32 = 256;

const LISTEN: Form = address_like("127.0.0.1:3893");
const LISTEN_TLS: Form = address_like("0.0.0.0:636");
const NAME: Form = Form { expected: "a distinguished name", example: "dc=example,dc=org", secret: false };

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3893);

impl Ldap {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let listen = section.value("listen", &LISTEN, address_or_off);
        let listen_tls = section.optional("listen_tls", &LISTEN_TLS, address);
        let base_dn = section.value("base_dn", &NAME, distinguished_name);
        let tls = TlsFiles::read(section);
        let connections = section.count("connections", 1, CONNECTIONS);
        let for_one = section.count("connections_per_address", 0, CONNECTIONS_PER_ADDRESS);

        if let Given::Is(_, place) = &listen_tls
            && tls.is_absent()
        {
            let predicate = "is set, but there is no certificate. Set tls_certificate and tls_key too.";
            section.problem("listen_tls", place.clone(), predicate);
        }

        if let Given::Is(Some(address), place) = &listen
            && !is_loopback(address)
            && tls.is_absent()
        {
            let predicate = format!(
                "is {address}, which other machines can reach, and passwords would cross the network unencrypted. \
                 Set tls_certificate and tls_key, or listen on 127.0.0.1."
            );
            section.problem("listen", place.clone(), &predicate);
        }

        let place = listen.place().cloned();
        let listen = listen.value().unwrap_or(Some(DEFAULT_LISTEN));
        if let Some(address) = listen {
            section.listens("listen", address, place);
        }
        if let Given::Is(address, place) = &listen_tls {
            section.listens("listen_tls", *address, Some(place.clone()));
        }
        Self {
            listen,
            listen_tls: listen_tls.value(),
            base_dn: base_dn.value().unwrap_or_else(|| "dc=doorkey".to_owned()),
            tls: tls.value(),
            connections: NonZeroUsize::new(connections).unwrap_or(NonZeroUsize::MIN),
            connections_per_address: NonZeroUsize::new(for_one),
        }
    }
}

/// A name that looks like one: attributes with values, commas between. What the attributes mean is nobody's
/// business but the operator's.
fn distinguished_name(text: &str) -> Result<String, Wrong> {
    if parts(text).iter().all(|part| is_attribute_and_value(part)) {
        Ok(text.to_owned())
    } else {
        Err(Wrong::Form)
    }
}

/// Splits at commas that no backslash stands before.
fn parts(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut escaped) = (Vec::new(), String::new(), false);
    for character in text.chars() {
        if character == ',' && !escaped {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(character);
        }
        escaped = character == '\\' && !escaped;
    }
    parts.push(part);
    parts
}

fn is_attribute_and_value(part: &str) -> bool {
    let Some((attribute, value)) = part.split_once('=') else { return false };
    let attribute = attribute.trim();
    attribute.starts_with(|first: char| first.is_ascii_alphanumeric())
        && attribute.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
        && !value.trim().is_empty()
        && !value.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{faults, from_toml};

    fn ldap(settings: &str) -> Ldap {
        from_toml(&format!("[ldap]\n{settings}")).unwrap().ldap
    }

    #[test]
    fn everything_set() {
        let ldap = ldap(
            "listen = '127.0.0.1:0'\nlisten_tls = '[::]:636'\nbase_dn = 'ou=Door\\, key,dc=example'\n\
             tls_certificate = 'c.pem'\ntls_key = 'k.pem'",
        );
        assert_eq!(ldap.listen.unwrap().port(), 0);
        assert_eq!(ldap.listen_tls.unwrap().to_string(), "[::]:636");
        assert_eq!(ldap.base_dn, "ou=Door\\, key,dc=example");
        assert_eq!(ldap.tls, Some(TlsFiles { certificate: "c.pem".into(), key: "k.pem".into() }));
    }

    #[test]
    fn nothing_is_off() {
        let ldap = ldap("listen = ''\nlisten_tls = ''");
        assert_eq!((ldap.listen, ldap.listen_tls), (None, None));
    }

    #[test]
    fn base_dn_looks_like_a_name() {
        for wrong in ["", "example.org", "dc=", "=x", "dc=example,", "dc=a,,dc=b", "d c=x", "dc=a\\u0007b"] {
            let faults = faults(&format!("[ldap]\nbase_dn = \"{}\"", wrong));
            assert_eq!(faults.len(), 1, "{wrong}");
            let start = "doorkey.toml, line 2: [ldap] base_dn must be a distinguished name, like \
                         \"dc=example,dc=org\"; it is ";
            assert!(faults[0].starts_with(start), "{}", faults[0]);
        }
        for right in ["dc=doorkey", "O=Ada & Co., dc=org", "2.5.4.10=x"] {
            assert_eq!(ldap(&format!("base_dn = '{right}'")).base_dn, right);
        }
    }

    #[test]
    fn other_machines_need_tls() {
        assert_eq!(
            faults("[ldap]\nlisten = '0.0.0.0:389'"),
            [
                "doorkey.toml, line 2: [ldap] listen is 0.0.0.0:389, which other machines can reach, and passwords \
                 would cross the network unencrypted. Set tls_certificate and tls_key, or listen on 127.0.0.1."
            ]
        );
        ldap("listen = '0.0.0.0:389'\ntls_certificate = 'c.pem'\ntls_key = 'k.pem'");
    }

    #[test]
    fn tls_needs_a_certificate() {
        assert_eq!(
            faults("[ldap]\nlisten_tls = '0.0.0.0:636'"),
            ["doorkey.toml, line 2: [ldap] listen_tls is set, but there is no certificate. \
                 Set tls_certificate and tls_key too."]
        );
        assert_eq!(
            faults("[ldap]\nlisten_tls = '0.0.0.0:636'\ntls_key = 'k.pem'"),
            [
                "doorkey.toml, line 3: [ldap] tls_key is set, but tls_certificate is not. Set both, or neither."
            ]
        );
    }
}
