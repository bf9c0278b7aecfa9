//! `[sasl.NAME]`

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::problem::Problem;
use super::section::{Form, Reader, Section, Wrong};
use super::tree::SectionId;
use super::values::address;

/// A listener of the SASL door. Who comes in by it asks for the service that the section is named after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sasl {
    /// Where it listens. Default: `127.0.0.1:3894`.
    pub listen: SaslListen,
    /// How many connections may be open at a time. Default: 512.
    pub connections: NonZeroUsize,
}

/// Each process of a mail server keeps one.
const CONNECTIONS: i32 = 512;

/// Where a listener of the SASL door is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaslListen {
    /// An address and a port; port 0 picks a free one.
    Tcp(SocketAddr),
    /// A socket in the file system; the path is absolute.
    Unix(PathBuf),
}

impl fmt::Display for SaslListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

const LISTEN: Form = Form {
    expected: "an IP address and a port, or unix: and a path from / on",
    example: "unix:/run/doorkey/sasl",
    secret: false,
};

const DEFAULT_LISTEN: SaslListen = SaslListen::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3894));

/// The longest path of a socket that Linux and macOS both take, in bytes.
const LONGEST_PATH: usize = 103;

/// Reads all listeners, by the names of their services. One that is off is left out.
pub(super) fn read(reader: &mut Reader) -> BTreeMap<String, Sasl> {
    // Known also when there is none, so that a misspelt section can be told about it.
    reader.know("sasl", "listen");
    reader.know("sasl", "connections");
    let services: Vec<String> = reader
        .tree
        .sections
        .keys()
        .filter_map(|id| if let SectionId::Sasl(service) = id { Some(service.clone()) } else { None })
        .collect();
    let mut listeners = BTreeMap::new();
    for service in services {
        check_name(reader, &service);
        if let Some(sasl) = Sasl::read(&mut reader.sasl(&service)) {
            listeners.insert(service, sasl);
        }
    }
    listeners
}

impl Sasl {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let given = section.value("listen", &LISTEN, listen_or_off);
        let connections = section.count("connections", 1, CONNECTIONS);
        let place = given.place().cloned();
        let listen = given.value().unwrap_or(Some(DEFAULT_LISTEN))?;
        match &listen {
            SaslListen::Tcp(address) => section.listens("listen", *address, place),
            SaslListen::Unix(_) => section.occupies("listen", listen.to_string(), place),
        }
        Some(Self { listen, connections: NonZeroUsize::new(connections).unwrap_or(NonZeroUsize::MIN) })
    }
}

fn listen_or_off(text: &str) -> Result<Option<SaslListen>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    let Some(path) = text.strip_prefix("unix:") else {
        let address = address(text)?;
        if !address.ip().is_loopback() {
            return Err("lets other machines in, and the protocol sends passwords as they are. Listen on a loopback address \
                        or a UNIX socket; a container can be given the socket."
                .into());
        }
        return Ok(Some(SaslListen::Tcp(address)));
    };
    if !path.starts_with('/') || path.contains('\0') {
        return Err(Wrong::Form);
    }
    if path.len() > LONGEST_PATH {
        let length = path.len();
        return Err(Wrong::Because(format!(
            "has a path of {length} bytes. A socket's path has {LONGEST_PATH} at most."
        )));
    }
    Ok(Some(SaslListen::Unix(PathBuf::from(path))))
}

/// Reports a name that no service can have.
fn check_name(reader: &mut Reader, service: &str) {
    let fine = service.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let id = SectionId::Sasl(service.to_owned());
    let Some(entries) = reader.tree.sections.get(&id).filter(|_| !fine) else { return };
    let first = entries.settings.values().map(|setting| &setting.place).min();
    if let Some(place) = entries.place.as_ref().or(first).cloned() {
        let message = format!(
            "{id} names no service: a service's name has lower-case letters, digits and hyphens, like [sasl.mail]."
        );
        reader.problems.push(Problem { place, message });
    }
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{faults, from_env, from_toml};

    #[test]
    fn one_listener_a_service() {
        let sasl = from_toml(
            "[sasl.mail]\n[sasl.web-mail]\nlisten = 'unix:/run/doorkey/sasl'\n[sasl.old]\nlisten = ''\n\
             [sasl.any]\nlisten = '127.0.0.1:0'\n[sasl.other]\nlisten = '127.0.0.1:0'",
        )
        .unwrap()
        .sasl;
        let shown: Vec<_> = sasl.iter().map(|(name, sasl)| format!("{name} {}", sasl.listen)).collect();
        assert_eq!(
            shown,
            [
                "any 127.0.0.1:0",
                "mail 127.0.0.1:3894",
                "other 127.0.0.1:0",
                "web-mail unix:/run/doorkey/sasl"
            ]
        );
    }

    #[test]
    fn a_hyphen_is_an_underscore_in_the_environment() {
        let sasl = from_env(&[("DOORKEY__SASL__WEB_MAIL__LISTEN", "127.0.0.1:9")]).unwrap().sasl;
        assert_eq!(sasl["web-mail"].listen.to_string(), "127.0.0.1:9");
    }

    #[test]
    fn where_it_can_listen() {
        let form = "[sasl.mail] listen must be an IP address and a port, or unix: and a path from / on, like \
                    \"unix:/run/doorkey/sasl\"; it is";
        for wrong in ["unix:sasl", "/run/doorkey/sasl", "localhost:1", "unix:"] {
            assert_eq!(
                faults(&format!("[sasl.mail]\nlisten = '{wrong}'")),
                [format!("doorkey.toml, line 2: {form} \"{wrong}\".")]
            );
        }
        assert_eq!(
            faults("[sasl.mail]\nlisten = '0.0.0.0:3894'"),
            [
                "doorkey.toml, line 2: [sasl.mail] listen lets other machines in, and the protocol sends passwords as they \
              are. Listen on a loopback address or a UNIX socket; a container can be given the socket."
            ]
        );
        let long = format!("unix:/{}", "x".repeat(103));
        assert_eq!(
            faults(&format!("[sasl.mail]\nlisten = '{long}'")),
            ["doorkey.toml, line 2: [sasl.mail] listen has a path of 104 bytes. \
                 A socket's path has 103 at most."]
        );
    }

    #[test]
    fn names_of_services() {
        assert_eq!(
            faults("[sasl.Mail]\nlisten = '127.0.0.1:1'"),
            ["doorkey.toml, line 1: [sasl.Mail] names no service: a service's name has lower-case letters, \
                 digits and hyphens, like [sasl.mail]."]
        );
        assert_eq!(
            from_env(&[("DOORKEY__SASL___X__LISTEN", "")]).unwrap_err(),
            "DOORKEY__SASL___X__LISTEN: [sasl.-x] names no service: a service's name has lower-case letters, \
             digits and hyphens, like [sasl.mail]."
        );
    }

    #[test]
    fn a_listener_needs_a_name() {
        assert_eq!(
            faults("[sasl]\nlisten = '127.0.0.1:1'"),
            ["doorkey.toml, line 2: [sasl] has no settings of its own. Name the service: [sasl.mail]."]
        );
        assert_eq!(
            from_env(&[("DOORKEY__SASL__LISTEN", "127.0.0.1:1")]).unwrap_err(),
            "DOORKEY__SASL__LISTEN: [sasl] has no settings of its own. \
             Name the service: DOORKEY__SASL__MAIL__LISTEN."
        );
    }
}
