use std::fmt;

use crate::{Kind, KindSet};

/// What an app speaks with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Reading mail.
    Imap,
    /// Fetching mail.
    Pop3,
    /// Sending mail.
    Submission,
    /// Mail filters.
    Sieve,
    /// Calendars and tasks.
    Caldav,
    /// Address books.
    Carddav,
    /// A web address: whatever else an app asks for.
    Web,
}

impl Protocol {
    /// Every protocol, in the order in which pages show them.
    pub const ALL: [Self; 7] =
        [Self::Imap, Self::Pop3, Self::Submission, Self::Sieve, Self::Caldav, Self::Carddav, Self::Web];

    /// The protocol's name, as in the API and in forms.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Submission => "submission",
            Self::Sieve => "sieve",
            Self::Caldav => "caldav",
            Self::Carddav => "carddav",
            Self::Web => "web",
        }
    }

    /// The protocol of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }

    /// What people know it as.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Imap => "Incoming mail (IMAP)",
            Self::Pop3 => "Incoming mail (POP3)",
            Self::Submission => "Outgoing mail (SMTP)",
            Self::Sieve => "Mail filters (Sieve)",
            Self::Caldav => "Calendars (CalDAV)",
            Self::Carddav => "Contacts (CardDAV)",
            Self::Web => "Web address",
        }
    }

    /// Whether something of one of these kinds is reached by it.
    #[must_use]
    pub const fn fits(self, kinds: KindSet) -> bool {
        match self {
            Self::Imap | Self::Pop3 | Self::Submission | Self::Sieve => kinds.contains(Kind::Mail),
            Self::Caldav => kinds.contains(Kind::Calendars),
            Self::Carddav => kinds.contains(Kind::Contacts),
            Self::Web => kinds.contains(Kind::Builds) || kinds.contains(Kind::Other),
        }
    }

    /// Whether apps ask for an `https:` address, with a path, and not for a host and a port.
    #[must_use]
    pub const fn has_path(self) -> bool {
        matches!(self, Self::Caldav | Self::Carddav | Self::Web)
    }

    /// The port that stands for it where none is said.
    #[must_use]
    pub const fn usual_port(self, security: Security) -> u16 {
        match (self, security) {
            (Self::Imap, Security::Tls) => 993,
            (Self::Imap, Security::Starttls) => 143,
            (Self::Pop3, Security::Tls) => 995,
            (Self::Pop3, Security::Starttls) => 110,
            (Self::Submission, Security::Tls) => 465,
            (Self::Submission, Security::Starttls) => 587,
            (Self::Sieve, _) => 4190,
            (Self::Caldav | Self::Carddav | Self::Web, _) => 443,
        }
    }

    /// The scheme of its addresses, as [`PublicServer`] writes them.
    const fn scheme(self, security: Security) -> &'static str {
        match (self, security) {
            (Self::Imap, Security::Tls) => "imaps",
            (Self::Imap, Security::Starttls) => "imap",
            (Self::Pop3, Security::Tls) => "pop3s",
            (Self::Pop3, Security::Starttls) => "pop3",
            (Self::Submission, Security::Tls) => "submissions",
            (Self::Submission, Security::Starttls) => "submission",
            (Self::Sieve, Security::Tls) => "sieves",
            (Self::Sieve, Security::Starttls) => "sieve",
            (Self::Caldav, _) => "caldavs",
            (Self::Carddav, _) => "carddavs",
            (Self::Web, _) => "https",
        }
    }

    /// The protocol and the security that an address's scheme stands for.
    #[must_use]
    pub fn of_scheme(scheme: &str) -> Option<(Self, Security)> {
        Self::ALL.into_iter().find_map(|protocol| {
            let all = if protocol.has_path() { &[Security::Tls][..] } else { &Security::ALL };
            let security = all.iter().find(|security| protocol.scheme(**security) == scheme)?;
            Some((protocol, *security))
        })
    }
}

/// How a connection is kept from being read on its way. There is no way without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte on.
    Tls,
    /// TLS begun within the protocol, before anything is told.
    Starttls,
}

impl Security {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tls, Self::Starttls];

    /// Its name, as in the API and in forms.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Starttls => "starttls",
        }
    }

    /// As apps name it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Tls => "TLS",
            Self::Starttls => "STARTTLS",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|security| security.name() == name)
    }
}

/// A host's name, or a domain's, as DNS has it: small ASCII letters, digits and hyphens between dots, others than ASCII as `xn--`. It is never
/// an IP address, and needs no escaping in an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct HostName(String);

/// A text that can't be a host's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name is letters, digits and hyphens between dots, like mail.example.org")]
pub struct HostNameError;

impl HostName {
    /// Reads a name in its ASCII form.
    ///
    /// # Errors
    /// When it has any other form, or reads as an IP address.
    pub fn parse(text: &str) -> Result<Self, HostNameError> {
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        // What browsers take for an IPv4 address ends with a number.
        let last = text.rsplit('.').next().unwrap_or_default();
        let number =
            last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X");
        let fits = text.len() <= 253 && text.split('.').all(label) && !number;
        if fits { Ok(Self(text.into())) } else { Err(HostNameError) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is this domain, or lies below it.
    #[must_use]
    pub fn is_in(&self, domain: &Self) -> bool {
        let above = self.0.strip_suffix(domain.as_str());
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where people's apps reach a service by one protocol. As a text: `imaps://mail.example.org:993`, `caldavs://dav.example.org:443/dav/`; without
/// the last `s`, or for sending `submission:`, TLS begins within the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicServer {
    /// The protocol.
    pub protocol: Protocol,
    /// How it is kept from being read on its way.
    pub security: Security,
    /// The host.
    pub host: HostName,
    /// The port.
    pub port: u16,
    /// The path, with a `/` at its beginning; empty where the protocol has none.
    pub path: String,
}

/// A text that is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is no server's address")]
pub struct PublicServerError;

/// The longest path, in bytes.
const PATH_MAX: usize = 500;

impl PublicServer {
    /// Puts one together.
    ///
    /// # Errors
    /// When the protocol has no such path or security, or the port is 0.
    pub fn new(
        protocol: Protocol,
        security: Security,
        host: HostName,
        port: u16,
        path: &str,
    ) -> Result<Self, PublicServerError> {
        let plain = |b: u8| b.is_ascii_graphic() && !b"\"<>\\^`{|}?#".contains(&b);
        let path_fits = if protocol.has_path() {
            path.starts_with('/') && path.len() <= PATH_MAX && path.bytes().all(plain)
        } else {
            path.is_empty()
        };
        let security_fits = security == Security::Tls || !protocol.has_path();
        if port == 0 || !path_fits || !security_fits {
            return Err(PublicServerError);
        }
        Ok(Self { protocol, security, host, port, path: path.into() })
    }

    /// Reads the text of one.
    ///
    /// # Errors
    /// When it has any other form.
    pub fn parse(text: &str) -> Result<Self, PublicServerError> {
        let (scheme, rest) = text.split_once("://").ok_or(PublicServerError)?;
        let (protocol, security) = Protocol::of_scheme(scheme).ok_or(PublicServerError)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = authority.split_once(':').ok_or(PublicServerError)?;
        let digits = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
        let port = port.parse().ok().filter(|_| digits).ok_or(PublicServerError)?;
        let host = HostName::parse(host).map_err(|_| PublicServerError)?;
        Self::new(protocol, security, host, port, path)
    }

    /// The `https:` address that apps ask for; none where they ask for a host and a port.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        let port = if self.port == 443 { String::new() } else { format!(":{}", self.port) };
        self.protocol.has_path().then(|| format!("https://{}{port}{}", self.host, self.path))
    }
}

impl fmt::Display for PublicServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, security, host, port, path } = self;
        write!(f, "{}://{host}:{port}{path}", protocol.scheme(*security))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_and_no_addresses() {
        for good in ["mail.example.org", "localhost", "xn--bcher-kva.example", "a-1.b", "1.example"] {
            assert!(HostName::parse(good).is_ok(), "{good}");
        }
        let long = format!("{}.org", "a".repeat(64));
        let longer = format!("{}org", "a.".repeat(126));
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "-a",
            "a-.b",
            "A.b",
            "a_b",
            "a b",
            "bücher",
            "192.0.2.1",
            "127.1",
            "7",
            "a.0x7f",
            "[::1]",
            "a:1",
            "a/b",
            "a@b",
            &long,
            &longer,
        ] {
            assert_eq!(HostName::parse(bad), Err(HostNameError), "{bad}");
        }
    }

    #[test]
    fn a_host_lies_in_its_domain_and_in_no_other() {
        let host = |name| HostName::parse(name).unwrap();
        for (name, domain, is_in) in [
            ("example.org", "example.org", true),
            ("dav.example.org", "example.org", true),
            ("notexample.org", "example.org", false),
            ("example.org", "dav.example.org", false),
        ] {
            assert_eq!(host(name).is_in(&host(domain)), is_in, "{name} {domain}");
        }
    }

    #[test]
    fn what_is_written_reads_back_and_nothing_else_does() {
        for text in [
            "imaps://mail.example.org:993",
            "imap://mail.example.org:143",
            "pop3s://m:995",
            "submission://m:587",
            "submissions://m:1",
            "sieve://m:4190",
            "caldavs://dav.example.org:443/dav/%C3%A4/",
            "carddavs://dav.example.org:8443/",
            "https://files.example.org:443/",
        ] {
            assert_eq!(PublicServer::parse(text).unwrap().to_string(), text);
        }
        for bad in [
            "",
            "imaps://mail.example.org",
            "imaps://m:0",
            "imaps://m:65536",
            "imaps://m:+1",
            "imaps://m:01",
            "imaps://m:993/",
            "caldavs://m:443",
            "caldav://m:80/",
            "http://m:80/",
            "https://m:443/a b",
            "https://m:443/?q",
            "https://m:443/#f",
            "https://u@m:443/",
            "https://192.0.2.1:443/",
            "ftp://m:21",
        ] {
            assert_eq!(PublicServer::parse(bad), Err(PublicServerError), "{bad}");
        }
    }

    #[test]
    fn apps_ask_for_an_address_or_for_a_host_and_a_port() {
        let url = |text| PublicServer::parse(text).unwrap().url();
        assert_eq!(
            url("caldavs://dav.example.org:443/dav/").as_deref(),
            Some("https://dav.example.org/dav/")
        );
        assert_eq!(url("https://f.example.org:8443/").as_deref(), Some("https://f.example.org:8443/"));
        assert_eq!(url("imaps://mail.example.org:993"), None);
    }

    #[test]
    fn names_and_schemes_read_back() {
        for protocol in Protocol::ALL {
            assert_eq!(Protocol::from_name(protocol.name()), Some(protocol));
            assert_eq!(serde_json::to_value(protocol).unwrap(), protocol.name());
        }
        for security in Security::ALL {
            assert_eq!(Security::from_name(security.name()), Some(security));
            assert_eq!(serde_json::to_value(security).unwrap(), security.name());
        }
        assert_eq!(Protocol::of_scheme("imap"), Some((Protocol::Imap, Security::Starttls)));
        assert_eq!(Protocol::of_scheme("http"), None);
    }
}
