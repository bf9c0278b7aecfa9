//! Where a PostgreSQL database is, and how it is reached: a URL as libpq has it.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

/// The URL of a PostgreSQL database. `Debug` and `Display` leave out user, password and parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    /// Where, for messages.
    shown: String,
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: String,
    pub(super) tls: TlsMode,
    /// A PEM file with the authorities to trust, in place of the system's.
    pub(super) authorities: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// A name or an IP address.
    Tcp(String),
    /// The folder of its socket.
    Unix(PathBuf),
}

impl Host {
    /// Whether nobody stands between it and us.
    fn is_here(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp(host) => {
                host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
        }
    }
}

/// Whether the connection is encrypted, and to whom it must lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsMode {
    /// Not encrypted.
    Disable,
    /// Encrypted if the server can; to whoever answers.
    Prefer,
    /// Encrypted; to whoever answers.
    Require,
    /// Encrypted; to a server with a certificate of a trusted authority.
    VerifyCa,
    /// Encrypted; to a server with such a certificate, for this host.
    VerifyFull,
}

impl PostgresUrl {
    /// Reads a URL: `postgres://user:password@host:port/database?parameters`.
    ///
    /// # Errors
    /// What is wrong with it: the rest of a sentence that begins with the setting's name. It shows no part of the URL that may be
    /// secret.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form =
            || "must be a postgres:// URL, like \"postgres://user:password@host/database\".".to_owned();
        let url = Url::parse(text).map_err(|_| form())?;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err(form());
        }
        let mut host = url.host_str().map(|host| decoded(host.trim_matches(['[', ']']))).transpose()?;
        let mut port = url.port();
        let mut user = Some(decoded(url.username())?).filter(|user| !user.is_empty());
        let mut password = url.password().map(decoded).transpose()?;
        let mut database = Some(decoded(url.path().trim_start_matches('/'))?).filter(|name| !name.is_empty());
        let (mut mode, mut authorities) = (None, None);
        for (name, value) in url.query_pairs() {
            let value = value.into_owned();
            match &*name {
                "host" => host = Some(value),
                "port" => port = Some(port_number(&value)?),
                "user" => user = Some(value),
                "password" => password = Some(value),
                "dbname" => database = Some(value),
                "sslmode" => mode = Some(tls_mode(&value)?),
                // Beside a path, libpq knows the word "system"; that is where we look when nothing is said.
                "sslrootcert" => authorities = Some(PathBuf::from(value)).filter(|path| *path != *"system"),
                _ => {
                    return Err("has a parameter that Doorkey doesn't know. It knows host, port, user, password, dbname, \
                                sslmode and sslrootcert."
                        .to_owned());
                }
            }
        }
        let Some(host) = host.filter(|host| !host.is_empty()) else {
            return Err("names no host. Write one after the slashes, or a socket's folder: \
                        \"postgres:///database?host=/run/postgresql\"."
                .to_owned());
        };
        if host.contains(',') {
            return Err(
                "names several hosts. Name one: the address that always leads to the primary.".to_owned()
            );
        }
        let Some(database) = database else {
            return Err(
                "names no database. Write its name after the host: \"postgres://host/database\".".to_owned()
            );
        };
        let shown = shown(&url);
        let host = if host.starts_with('/') { Host::Unix(host.into()) } else { Host::Tcp(host) };
        let tls = match (mode, &authorities) {
            // As libpq has it: whoever names an authority wants it asked.
            (Some(TlsMode::Require), Some(_)) => TlsMode::VerifyCa,
            (Some(mode), _) => mode,
            (None, _) if host.is_here() => TlsMode::Prefer,
            (None, _) => TlsMode::VerifyFull,
        };
        Ok(Self { shown, host, port: port.unwrap_or(5432), user, password, database, tls, authorities })
    }

    /// Whether what is sent can be read, or the server be another one than it says it is, on the way there.
    pub fn is_open_to_others(&self) -> bool {
        !self.host.is_here() && !matches!(self.tls, TlsMode::VerifyCa | TlsMode::VerifyFull)
    }
}

fn decoded(part: &str) -> Result<String, String> {
    let text = percent_decode_str(part).decode_utf8();
    text.map(|text| text.into_owned())
        .map_err(|_| "has something percent-encoded that is not UTF-8.".to_owned())
}

fn wrong(name: &str, expected: &str) -> String {
    format!("has the parameter {name}, and it must be {expected}.")
}

fn port_number(value: &str) -> Result<u16, String> {
    value.parse().map_err(|_| wrong("port", "a port's number, like 5432"))
}

fn tls_mode(value: &str) -> Result<TlsMode, String> {
    Ok(match value {
        "disable" => TlsMode::Disable,
        "prefer" => TlsMode::Prefer,
        "require" => TlsMode::Require,
        "verify-ca" => TlsMode::VerifyCa,
        "verify-full" => TlsMode::VerifyFull,
        _ => return Err(wrong("sslmode", "disable, prefer, require, verify-ca or verify-full")),
    })
}

fn shown(url: &Url) -> String {
    let login = if url.username().is_empty() && url.password().is_none() { "" } else { "***@" };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{login}{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> PostgresUrl {
        PostgresUrl::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn a_url_says_where_and_as_whom() {
        let url = parsed("postgres://doorkey:hun%40ter2@db.example:5433/door%20key");
        assert_eq!((url.host, url.port), (Host::Tcp("db.example".into()), 5433));
        assert_eq!((url.user.as_deref(), url.password.as_deref()), (Some("doorkey"), Some("hun@ter2")));
        assert_eq!(url.database, "door key");
        let url = parsed("postgresql://db/x?user=u&password=p&port=1");
        assert_eq!((url.user.as_deref(), url.password.as_deref(), url.port), (Some("u"), Some("p"), 1));
        assert_eq!(parsed("postgres://u@[::1]/x").host, Host::Tcp("::1".into()));
        for socket in ["postgres:///x?host=/run/postgresql", "postgres://%2Frun%2Fpostgresql/x"] {
            assert_eq!(parsed(socket).host, Host::Unix("/run/postgresql".into()));
        }
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_something_else_is_said() {
        for (url, mode) in [
            ("postgres://db.example/x", TlsMode::VerifyFull),
            ("postgres://127.0.0.1/x", TlsMode::Prefer),
            ("postgres://localhost/x", TlsMode::Prefer),
            ("postgres:///x?host=/run/postgresql", TlsMode::Prefer),
            ("postgres://db.example/x?sslmode=disable", TlsMode::Disable),
            ("postgres://db.example/x?sslmode=prefer", TlsMode::Prefer),
            ("postgres://db.example/x?sslmode=require", TlsMode::Require),
            ("postgres://db.example/x?sslmode=require&sslrootcert=ca.pem", TlsMode::VerifyCa),
            ("postgres://db.example/x?sslmode=verify-ca", TlsMode::VerifyCa),
            ("postgres://localhost/x?sslmode=verify-full", TlsMode::VerifyFull),
        ] {
            assert_eq!(parsed(url).tls, mode, "{url}");
        }
        assert_eq!(parsed("postgres://db/x?sslrootcert=ca.pem").authorities, Some("ca.pem".into()));
        assert_eq!(parsed("postgres://db/x?sslrootcert=system").authorities, None);
        assert!(parsed("postgres://db/x?sslmode=require").is_open_to_others());
        assert!(!parsed("postgres://db/x").is_open_to_others());
        assert!(!parsed("postgres://127.0.0.1/x?sslmode=disable").is_open_to_others());
    }

    #[test]
    fn what_is_wrong_is_said_without_showing_it() {
        for (url, says) in [
            ("mysql://u:hunter2@db/x", "must be a postgres:// URL"),
            ("host=db password=hunter2", "must be a postgres:// URL"),
            ("postgres:///x", "names no host"),
            ("postgres://u:hunter2@db", "names no database"),
            ("postgres://a,b/x", "names several hosts"),
            ("postgres://db/x?sslmode=hunter2", "sslmode, and it must be"),
            ("postgres://db/x?sslmode=allow", "sslmode, and it must be"),
            ("postgres://db/x?port=hunter2", "port, and it must be"),
            ("postgres://db/x?hunter2=1", "a parameter that Doorkey doesn't know"),
            ("postgres://u:%ff@db/x", "not UTF-8"),
        ] {
            let why = PostgresUrl::parse(url).unwrap_err();
            assert!(why.contains(says) && !why.contains("hunter2"), "{url}: {why}");
        }
    }

    #[test]
    fn it_is_shown_without_its_secrets() {
        for (whole, shown) in [
            ("postgres://doorkey:hunter2@db.example:5433/doorkey", "postgres://***@db.example:5433/doorkey"),
            ("postgresql://doorkey@db/doorkey", "postgresql://***@db/doorkey"),
            ("postgres://db/doorkey?user=u&password=hunter2", "postgres://db/doorkey"),
            ("postgres:///doorkey?host=/run/postgresql", "postgres:///doorkey"),
            ("postgres://u:hun%40ter2@[::1]/doorkey", "postgres://***@[::1]/doorkey"),
        ] {
            assert_eq!(parsed(whole).to_string(), shown);
            assert_eq!(format!("{:?}", parsed(whole)), shown);
        }
    }
}
