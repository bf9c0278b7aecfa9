//! Speaking to the mail server: one connection at a time, each step bounded in time, every answer in words.

use std::{error::Error as _, fmt, net::IpAddr, time::Duration};

use lettre::transport::smtp::{
    Error,
    authentication::{Credentials, Mechanism},
    client::{AsyncSmtpConnection, TlsParameters},
    commands::{Data, Mail, Rcpt},
    extension::{ClientId, Extension, MailParameter},
};

use super::letter::Composed;
use crate::config::{Smtp, SmtpSecurity};

/// How long the mail server may take for each: to be reached and greet, and to take a mail.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How much of what it says is kept, in characters.
const WORDS_MOST: usize = 300;

/// Why a mail wasn't taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It never will be.
    Refused {
        /// The mail server's status; none when it wasn't asked.
        status: Option<u16>,
        /// What it said.
        words: String,
    },
    /// It may be later.
    NotNow(String),
    /// None is taken at the moment: the server is gone, or isn't set up for us.
    Closed(String),
}

impl Trouble {
    /// What stands in the way, in words.
    pub fn into_words(self) -> String {
        match self {
            Self::Refused { words, .. } | Self::NotNow(words) | Self::Closed(words) => words,
        }
    }
}

/// The mail server, as people are told of it.
pub fn place(smtp: &Smtp) -> String {
    format!("{}:{}", smtp.host, smtp.port)
}

/// A connection to the mail server, ready to take mail.
pub struct Connection {
    inner: AsyncSmtpConnection,
    place: String,
    patience: Duration,
}

struct Reset;

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RSET\r\n")
    }
}

impl Connection {
    /// Connects, encrypts, and signs in where a user is configured. `host` is what this server calls itself.
    ///
    /// # Errors
    /// In words.
    pub async fn open(smtp: &Smtp, host: &str, patience: Duration) -> Result<Self, String> {
        let opening = tokio::time::timeout(patience, Self::open_now(smtp, host, patience));
        opening.await.unwrap_or_else(|_| Err(too_slow(&place(smtp), patience)))
    }

    async fn open_now(smtp: &Smtp, host: &str, patience: Duration) -> Result<Self, String> {
        let place = place(smtp);
        let tls =
            || TlsParameters::new(smtp.host.clone()).map_err(|error| format!("TLS can't be used: {error}."));
        let hello = hello(host);
        let at_once = if smtp.security == SmtpSecurity::Tls { Some(tls()?) } else { None };
        let address = (smtp.host.as_str(), smtp.port);
        let mut inner = AsyncSmtpConnection::connect_tokio1(address, Some(patience), &hello, at_once, None)
            .await
            .map_err(|error| match said(&error) {
                (Some(_), words) => format!("{place} takes no mail from this machine: {words}"),
                (None, words) if is_tls(&error) => format!("TLS with {place} failed: {words}."),
                (None, words) => format!("{place} can't be reached: {words}."),
            })?;
        if !inner.is_encrypted() && !is_here(&smtp.host) {
            if !inner.can_starttls() {
                return Err(format!(
                    "{place} doesn't offer STARTTLS, and mail isn't sent unencrypted to another machine. Use smtps://, or \
                     another server."
                ));
            }
            let encrypted = inner.starttls(tls()?, &hello).await;
            encrypted.map_err(|error| format!("TLS with {place} failed: {}.", said(&error).1))?;
        }
        if let Some(login) = &smtp.login {
            let credentials = Credentials::new(login.user.clone(), login.password.expose().into());
            let signed_in = inner.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
            signed_in.map_err(|error| match said(&error) {
                (Some(_), words) => {
                    format!("{place} doesn't take the user and password of [mail] smtp: {words}")
                }
                (None, _) if error.is_client() => {
                    format!("{place} offers no way to sign in that Doorkey knows (PLAIN, LOGIN).")
                }
                (None, words) => format!("{place} can't be reached: {words}."),
            })?;
        }
        Ok(Self { inner, place, patience })
    }

    /// Hands a mail over, and gives what the server said when it took it.
    ///
    /// # Errors
    /// Why it didn't. After [`Trouble::Closed`] this connection is of no more use.
    pub async fn send(&mut self, mail: &Composed) -> Result<String, Trouble> {
        let (place, patience) = (self.place.clone(), self.patience);
        let sent = tokio::time::timeout(patience, self.send_now(mail)).await;
        let sent = sent.unwrap_or_else(|_| Err(Trouble::Closed(too_slow(&place, patience))));
        if matches!(sent, Err(Trouble::Refused { .. } | Trouble::NotNow(_))) {
            // What was begun is taken back, so that the next mail finds a fresh beginning.
            let reset = tokio::time::timeout(patience, self.inner.command(Reset)).await;
            if !matches!(reset, Ok(Ok(_))) {
                tracing::debug!("the mail server closed the connection after it refused a mail");
            }
        }
        sent
    }

    async fn send_now(&mut self, mail: &Composed) -> Result<String, Trouble> {
        let place = &self.place;
        let mut parameters = Vec::new();
        if mail.needs_utf8() {
            if !self.inner.server_info().supports_feature(Extension::SmtpUtfEight) {
                let words =
                    format!("{place} can't carry an address with such letters before the @ (no SMTPUTF8).");
                return Err(Trouble::Refused { status: None, words });
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        // Whoever isn't taken as a sender isn't for any mail.
        let from = self.inner.command(Mail::new(Some(mail.from.clone()), parameters)).await;
        from.map_err(|error| match said(&error) {
            (Some(_), words) => Trouble::Closed(format!("{place} takes no mail from {}: {words}", mail.from)),
            (None, words) => Trouble::Closed(format!("{place} can't be reached: {words}.")),
        })?;
        let no = |error: Error| trouble(&error, place);
        self.inner.command(Rcpt::new(mail.to.clone(), Vec::new())).await.map_err(no)?;
        self.inner.command(Data).await.map_err(no)?;
        let taken = self.inner.message(&mail.bytes).await.map_err(no)?;
        Ok(clean(&format!("{} {}", taken.code(), taken.message().collect::<Vec<_>>().join(" "))))
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(5), self.inner.quit()).await;
    }
}

fn trouble(error: &Error, place: &str) -> Trouble {
    let (status, words) = said(error);
    match status {
        // It closes the connection, for a reason of its own.
        Some(421) => Trouble::Closed(words),
        Some(500..) => Trouble::Refused { status, words },
        Some(_) => Trouble::NotNow(words),
        None => Trouble::Closed(format!("{place} can't be reached: {words}.")),
    }
}

/// Whether the encryption failed, and not the way to the server.
fn is_tls(error: &Error) -> bool {
    let mut at: &dyn std::error::Error = error;
    loop {
        let inner = at.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if at.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        match at.source() {
            Some(source) => at = source,
            None => return error.is_tls(),
        }
    }
}

/// The server's status, and what it said or what happened.
fn said(error: &Error) -> (Option<u16>, String) {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let status = error.status().map(u16::from);
    let words = match status {
        Some(status) => format!("{status} {}", error.source().map(ToString::to_string).unwrap_or_default()),
        None => deepest.to_string(),
    };
    (status, clean(&words))
}

/// What a server said, on one line. It may have repeated what the mail held: no address of the web is kept.
fn clean(words: &str) -> String {
    let kept = words.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let kept = kept.map(|word| if word.contains("://") || word.len() > 80 { "..." } else { word });
    kept.collect::<Vec<_>>().join(" ").chars().take(WORDS_MOST).collect()
}

fn too_slow(place: &str, patience: Duration) -> String {
    format!("{place} didn't answer within {} seconds.", patience.as_secs())
}

/// Whether the server is on this machine: there nobody listens on the way, and hardly one has a certificate.
fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn hello(host: &str) -> ClientId {
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::Domain(host.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_a_server_said_is_one_line_without_what_the_mail_held() {
        let said = "554 5.7.1 <bob@example.org>:\r\n\tsee https://d.example.org/reset/abc\u{1b}[31m now";
        assert_eq!(clean(said), "554 5.7.1 <bob@example.org>: see ... [31m now");
        assert_eq!(clean(&"x".repeat(81)), "...");
        assert_eq!(clean(&"word ".repeat(100)).len(), WORDS_MOST);
    }

    #[test]
    fn only_this_machine_is_spoken_to_without_encryption() {
        for here in ["localhost", "127.0.0.1", "127.1.2.3", "::1"] {
            assert!(is_here(here), "{here}");
        }
        for elsewhere in ["mail.example.org", "localhost.example.org", "0.0.0.0", "10.0.0.1", "fe80::1"] {
            assert!(!is_here(elsewhere), "{elsewhere}");
        }
    }

    #[tokio::test]
    async fn one_that_never_answers_is_left() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        let smtp = Smtp { security: SmtpSecurity::StartTls, host: "127.0.0.1".into(), port, login: None };
        let left = Connection::open(&smtp, "d.example.org", Duration::from_millis(50)).await.err();
        assert_eq!(left.unwrap(), format!("127.0.0.1:{port} didn't answer within 0 seconds."));
    }
}
