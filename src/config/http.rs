//! `[http]`

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;

use ipnet::IpNet;
use url::Url;

use super::section::{Form, Given, Section, Wrong};
use super::tls::TlsFiles;
use super::values::{address, address_like, is_loopback};

/// Pages, API and the doors over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Where the server listens; port 0 picks a free one. Default: `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// Where people and builds reach the server. Default: `http://localhost:8080`.
    pub public_url: PublicUrl,
    /// The proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Default: none.
    pub trusted_proxies: Vec<IpNet>,
    /// With it, the server speaks HTTPS itself. Default: none.
    pub tls: Option<TlsFiles>,
    /// How many connections one address may have open at a time; trusted proxies aren't bounded. Default: 256; none is no bound.
    pub connections_per_address: Option<NonZeroUsize>,
}

const LISTEN: Form = address_like("127.0.0.1:8080");
const URL: Form =
    Form { expected: "an http or https address", example: "https://doorkey.example.org", secret: false };
const PROXY: Form =
    Form { expected: "an IP address or a network of them", example: "192.0.2.10", secret: false };

/// Far more than a browser or an app opens, and less than all that a server with the usual limit of 1024 files can take.
const CONNECTIONS_PER_ADDRESS: i32 = 256;
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

impl Http {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let listen = section.value("listen", &LISTEN, address);
        let public_url = section.value("public_url", &URL, PublicUrl::parse);
        let trusted_proxies = section.list("trusted_proxies", &PROXY, proxy);
        let tls = TlsFiles::read(section);
        let connections = section.count("connections_per_address", 0, CONNECTIONS_PER_ADDRESS);

        if let Given::Is(address, place) = &listen
            && !is_loopback(address)
            && trusted_proxies.is_absent()
            && tls.is_absent()
        {
            let predicate = format!(
                "is {address}, which other machines can reach, and passwords would cross the network \
                 unencrypted. Set tls_certificate and tls_key; or name the proxy in front, like \
                 trusted_proxies = [\"192.0.2.10\"]; or listen on 127.0.0.1."
            );
            section.problem("listen", place.clone(), &predicate);
        }

        let place = listen.place().cloned();
        let listen = listen.value().unwrap_or(DEFAULT_LISTEN);
        section.listens("listen", listen, place);
        Self {
            listen,
            public_url: public_url.value().unwrap_or_default(),
            trusted_proxies: trusted_proxies.value().unwrap_or_default(),
            tls: tls.value(),
            connections_per_address: NonZeroUsize::new(connections),
        }
    }
}

/// Where people and builds reach the server: scheme, host and, if it is not the scheme's own, port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    host: String,
}

impl PublicUrl {
    fn parse(text: &str) -> Result<Self, Wrong> {
        let url = Url::parse(text).map_err(|_| Wrong::Form)?;
        let (true, Some(host)) = (matches!(url.scheme(), "http" | "https"), url.host_str()) else {
            return Err(Wrong::Form);
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has a user or a password in it. Write only scheme, host and port, \
                        like \"https://doorkey.example.org\"."
                .into());
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("has something after the host. Doorkey needs a host of its own: \
                        write only scheme, host and port, like \"https://doorkey.example.org\"."
                .into());
        }
        Ok(Self { origin: url.origin().ascii_serialization(), host: host.to_owned() })
    }

    /// The URL without a slash at its end, so that a path can follow.
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// Its host, without the port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether browsers reach the server over HTTPS, so that its cookies can insist on it.
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }
}

impl PublicUrl {
    /// The address on this machine, at the port that was picked.
    pub fn local(port: u16) -> Self {
        Self { origin: format!("http://localhost:{port}"), host: "localhost".to_owned() }
    }
}

impl Default for PublicUrl {
    fn default() -> Self {
        Self::local(8080)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

fn proxy(text: &str) -> Result<IpNet, Wrong> {
    let net = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse::<IpNet>().map_err(|_| Wrong::Form)?,
    };
    if net.prefix_len() == 0 {
        return Err(Wrong::Because(format!(
            "has {net}, which is every address, so that anyone could claim to be anyone. Name the proxy itself."
        )));
    }
    Ok(net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{faults, from_toml};

    fn http(settings: &str) -> Http {
        from_toml(&format!("[http]\n{settings}")).unwrap().http
    }

    fn fault(settings: &str) -> String {
        faults(&format!("[http]\n{settings}")).join("\n")
    }

    #[test]
    fn everything_set() {
        let http = http(
            "listen = '[::]:443'\npublic_url = 'https://Doorkey.example.org:443/'\n\
             trusted_proxies = ['10.1.2.3/8', '192.0.2.1', '2001:db8::/32']\n\
             tls_certificate = 'c.pem'\ntls_key = 'k.pem'",
        );
        assert_eq!(http.listen.to_string(), "[::]:443");
        assert_eq!(http.public_url.to_string(), "https://doorkey.example.org");
        assert_eq!(http.public_url.host(), "doorkey.example.org");
        assert!(http.public_url.is_https());
        let proxies: Vec<_> = http.trusted_proxies.iter().map(IpNet::to_string).collect();
        assert_eq!(proxies, ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"]);
        assert_eq!(http.tls, Some(TlsFiles { certificate: "c.pem".into(), key: "k.pem".into() }));
    }

    #[test]
    fn the_default_public_url_is_what_parsing_it_gives() {
        assert_eq!(PublicUrl::parse("http://localhost:8080").ok(), Some(PublicUrl::default()));
        assert!(!PublicUrl::default().is_https());
    }

    #[test]
    fn connections_are_bounded_unless_it_says_not() {
        let bound = |settings: &str| http(settings).connections_per_address.map(NonZeroUsize::get);
        assert_eq!(bound(""), Some(256));
        assert_eq!(bound("connections_per_address = 3"), Some(3));
        assert_eq!(bound("connections_per_address = 0"), None);
        assert_eq!(
            fault("connections_per_address = -1"),
            "doorkey.toml, line 2: [http] connections_per_address must be a whole number from 0 on, like \
             connections_per_address = 0."
        );
    }

    #[test]
    fn port_0_is_allowed() {
        assert_eq!(http("listen = '127.0.0.1:0'").listen.port(), 0);
    }

    #[test]
    fn an_address_needs_ip_and_port() {
        assert_eq!(
            fault("listen = 'localhost:8080'"),
            "doorkey.toml, line 2: [http] listen must be an IP address and a port, like \"127.0.0.1:8080\"; \
             it is \"localhost:8080\"."
        );
        assert_eq!(
            fault("listen = 8080"),
            "doorkey.toml, line 2: [http] listen must be an IP address and a port, in quotes, like \
             \"127.0.0.1:8080\"; it is a number."
        );
        assert_eq!(
            fault("listen = ''"),
            "doorkey.toml, line 2: [http] listen must be an IP address and a port, like \"127.0.0.1:8080\"; \
             it is \"\"."
        );
    }

    #[test]
    fn public_url_is_an_origin() {
        let form = "doorkey.toml, line 2: [http] public_url must be an http or https address, like \
                    \"https://doorkey.example.org\"";
        for (wrong, end) in [
            ("doorkey.example.org", "; it is \"doorkey.example.org\"."),
            ("localhost:8080", "; it is \"localhost:8080\"."),
            ("ftp://example.org", "; it is \"ftp://example.org\"."),
            ("postgres://user:hunter2@db", "."),
        ] {
            assert_eq!(fault(&format!("public_url = '{wrong}'")), format!("{form}{end}"));
        }
        for wrong in ["https://example.org/doorkey", "https://example.org/?a=b", "https://example.org#a"] {
            assert_eq!(
                fault(&format!("public_url = '{wrong}'")),
                "doorkey.toml, line 2: [http] public_url has something after the host. Doorkey needs a host of \
                 its own: write only scheme, host and port, like \"https://doorkey.example.org\"."
            );
        }
        assert_eq!(
            fault("public_url = 'https://user:hunter2@example.org'"),
            "doorkey.toml, line 2: [http] public_url has a user or a password in it. Write only scheme, host and \
             port, like \"https://doorkey.example.org\"."
        );
    }

    #[test]
    fn each_proxy_is_judged_by_itself() {
        assert_eq!(
            fault("trusted_proxies = [\n'192.0.2.1',\n'proxy',\n'10.0.0.0/33', 7,\n'0.0.0.0/0']"),
            "doorkey.toml, line 4: [http] trusted_proxies must be an IP address or a network of them, like \
             \"192.0.2.10\"; it is \"proxy\".\n\
             doorkey.toml, line 5: [http] trusted_proxies must be an IP address or a network of them, in quotes, \
             like \"192.0.2.10\"; it is a number.\n\
             doorkey.toml, line 5: [http] trusted_proxies must be an IP address or a network of them, like \
             \"192.0.2.10\"; it is \"10.0.0.0/33\".\n\
             doorkey.toml, line 6: [http] trusted_proxies has 0.0.0.0/0, which is every address, so that anyone \
             could claim to be anyone. Name the proxy itself."
        );
        assert_eq!(
            fault("trusted_proxies = '192.0.2.1'"),
            "doorkey.toml, line 2: [http] trusted_proxies must be a list, like trusted_proxies = \
             [\"192.0.2.10\"]; it is text."
        );
    }

    #[test]
    fn certificate_and_key_come_together() {
        assert_eq!(
            fault("tls_key = 'k.pem'"),
            "doorkey.toml, line 2: [http] tls_key is set, but tls_certificate is not. Set both, or neither."
        );
        assert_eq!(
            fault("tls_key = ''\ntls_certificate = 'c.pem'"),
            "doorkey.toml, line 3: [http] tls_certificate is set, but tls_key is not. Set both, or neither."
        );
        assert_eq!(http("tls_key = ''\ntls_certificate = ''").tls, None);
    }

    #[test]
    fn plain_http_stays_on_the_machine_or_behind_a_named_proxy() {
        assert_eq!(
            fault("public_url = 'https://doorkey.example.org'\nlisten = '0.0.0.0:8080'"),
            "doorkey.toml, line 3: [http] listen is 0.0.0.0:8080, which other machines can reach, and passwords \
             would cross the network unencrypted. Set tls_certificate and tls_key; or name the proxy in front, \
             like trusted_proxies = [\"192.0.2.10\"]; or listen on 127.0.0.1."
        );
        http("listen = '0.0.0.0:8080'\ntrusted_proxies = ['192.0.2.10']");
        http("listen = '0.0.0.0:8080'\ntls_certificate = 'c.pem'\ntls_key = 'k.pem'");
        http("listen = '127.0.0.2:8080'");
        // What is meant to make it safe is wrong and already reported; saying more would mislead.
        assert_eq!(fault("listen = '0.0.0.0:8080'\ntrusted_proxies = ['proxy']").lines().count(), 1);
        assert_eq!(fault("listen = '0.0.0.0:8080'\ntls_key = 'k.pem'").lines().count(), 1);
    }
}
