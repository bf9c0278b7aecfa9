//! Where a server is.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// A server's URL: scheme, host and, if it is not the scheme's own, port. Nothing is ever sent in clear to another
/// machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerUrl {
    origin: String,
    is_here: bool,
    is_https: bool,
}

impl ServerUrl {
    /// Whether it is on this machine.
    pub(super) const fn is_here(&self) -> bool {
        self.is_here
    }

    /// Whether the connection is encrypted.
    pub(super) const fn is_https(&self) -> bool {
        self.is_https
    }
}

/// Why a text isn't the URL of a server that may be signed in to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ServerUrlError {
    /// Something else altogether.
    #[error("write the server's URL, like https://doorkey.example.org")]
    Form,
    /// A user or a password in it.
    #[error("write it without a user and a password: the password is asked for")]
    User,
    /// A path or more.
    #[error("write only scheme, host and port, like https://doorkey.example.org")]
    More,
    /// Plain HTTP to another machine.
    #[error(
        "over plain HTTP everybody on the way could read your password: write https://, or sign in on the server's own \
         machine"
    )]
    InClear,
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<Self, ServerUrlError> {
        let url = Url::parse(text).map_err(|_| ServerUrlError::Form)?;
        let (true, Some(host)) = (matches!(url.scheme(), "http" | "https"), url.host()) else {
            return Err(ServerUrlError::Form);
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ServerUrlError::User);
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(ServerUrlError::More);
        }
        let is_here = match host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.to_canonical().is_loopback(),
        };
        let is_https = url.scheme() == "https";
        if !is_https && !is_here {
            return Err(ServerUrlError::InClear);
        }
        Ok(Self { origin: url.origin().ascii_serialization(), is_here, is_https })
    }
}

/// Without a slash at its end, so that a path can follow.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, ServerUrlError> {
        text.parse::<ServerUrl>().map(|url| url.to_string())
    }

    #[test]
    fn https_anywhere_and_http_on_this_machine() {
        assert_eq!(read("https://Doorkey.example.org:443/").as_deref(), Ok("https://doorkey.example.org"));
        for here in [
            "http://localhost:8080",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://[::ffff:7f00:1]:80",
        ] {
            assert!(read(here).is_ok(), "{here}");
        }
        for far in [
            "http://doorkey.example.org",
            "http://192.0.2.1",
            "http://localhost.example.org",
            "http://[2001:db8::1]",
        ] {
            assert_eq!(read(far), Err(ServerUrlError::InClear), "{far}");
        }
    }

    #[test]
    fn nothing_but_a_server() {
        for form in ["", "doorkey.example.org", "localhost:8080", "ftp://doorkey.example.org", "file:///etc"]
        {
            assert_eq!(read(form), Err(ServerUrlError::Form), "{form}");
        }
        assert_eq!(read("https://ada:secret@doorkey.example.org"), Err(ServerUrlError::User));
        assert_eq!(read("https://doorkey.example.org/sign-in"), Err(ServerUrlError::More));
        assert_eq!(read("https://doorkey.example.org/?x"), Err(ServerUrlError::More));
    }
}
