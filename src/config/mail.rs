//! `[mail]`

use std::fmt;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::secret::{ENCODE_THE_LOGIN, Password, login_is_encoded};
use super::section::{Form, Given, Section, Wrong};
use super::values::domain_name;

/// How mail is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The server that takes it.
    pub smtp: Smtp,
    /// Who it comes from.
    pub from: Mailbox,
}

/// A server that takes mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// How the connection is encrypted.
    pub security: SmtpSecurity,
    /// Its name or IP address.
    pub host: String,
    /// Its port. Default: 465 for `smtps://`, 587 for `smtp://`.
    pub port: u16,
    /// User and password. Default: none, and mail is sent without signing in.
    pub login: Option<SmtpLogin>,
}

/// How the connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// `smtps://`: TLS from the first byte.
    Tls,
    /// `smtp://`: STARTTLS.
    StartTls,
}

/// How to sign in to a mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpLogin {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Password,
}

/// A name and an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The name that people see.
    pub name: Option<String>,
    /// The address.
    pub address: String,
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address),
            None => f.write_str(&self.address),
        }
    }
}

const SMTP: Form = Form {
    expected: "an smtps:// or smtp:// URL",
    example: "smtps://user:password@mail.example.org",
    secret: true,
};
const FROM: Form = Form {
    expected: "an e-mail address, with or without a name",
    example: "Doorkey <doorkey@example.org>",
    secret: false,
};

impl Mail {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        match (section.optional("smtp", &SMTP, Smtp::parse), section.optional("from", &FROM, Mailbox::parse))
        {
            (Given::Is(smtp, _), Given::Is(from, _)) => return Some(Self { smtp, from }),
            (Given::Is(_, place), Given::Absent) => {
                let predicate = "is set, but from is not. Set who mail comes from, \
                                 like from = \"Doorkey <doorkey@example.org>\".";
                section.problem("smtp", place, predicate);
            }
            (Given::Absent, Given::Is(_, place)) => {
                let predicate = "is set, but smtp is not. Set the server that takes mail, \
                                 like smtp = \"smtps://user:password@mail.example.org\".";
                section.problem("from", place, predicate);
            }
            (Given::Absent, Given::Absent) | (Given::Faulty, _) | (_, Given::Faulty) => {}
        }
        None
    }
}

impl Smtp {
    fn parse(text: &str) -> Result<Self, Wrong> {
        let (security, usual_port) = if text.starts_with("smtps://") {
            (SmtpSecurity::Tls, 465)
        } else if text.starts_with("smtp://") {
            (SmtpSecurity::StartTls, 587)
        } else {
            return Err(Wrong::Form);
        };
        if !login_is_encoded(text) {
            return Err(ENCODE_THE_LOGIN.into());
        }
        let url = Url::parse(text).map_err(|_| Wrong::Form)?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err("has something after the host. Write only user, password, host and port.".into());
        }
        let host = match Host::parse(url.host_str().unwrap_or_default()).map_err(|_| Wrong::Form)? {
            Host::Domain(name) => name,
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let port = url.port().unwrap_or(usual_port);
        if port == 0 {
            return Err(Wrong::Form);
        }
        Ok(Self { security, host, port, login: login(&url)? })
    }
}

fn login(url: &Url) -> Result<Option<SmtpLogin>, Wrong> {
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8().map_err(|_| Wrong::Form)?;
        Ok::<_, Wrong>(text.into_owned())
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) => Err("has a password but no user. Write both, or neither.".into()),
        (_, None) => Err("has a user but no password. Write both, or neither.".into()),
        (user, Some(password)) => {
            Ok(Some(SmtpLogin { user: decoded(user)?, password: Password::new(decoded(password)?) }))
        }
    }
}

impl Mailbox {
    fn parse(text: &str) -> Result<Self, Wrong> {
        let text = text.trim();
        let (name, address) = match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
            Some((name, address)) => (name.trim().trim_matches('"').trim(), address),
            None => ("", text),
        };
        let breaks_a_header = |c: char| c.is_control() || matches!(c, '<' | '>' | '"');
        let (user, domain) = address.rsplit_once('@').ok_or(Wrong::Form)?;
        let user_is_fine = !user.is_empty()
            && !user
                .contains(|c: char| breaks_a_header(c) || c.is_whitespace() || matches!(c, '@' | ',' | ';'));
        if !user_is_fine || name.contains(breaks_a_header) || domain_name(domain).is_none() {
            return Err(Wrong::Form);
        }
        let name = (!name.is_empty()).then(|| name.to_owned());
        Ok(Self { name, address: address.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{faults, from_toml};

    fn smtp(url: &str) -> Smtp {
        from_toml(&format!("[mail]\nsmtp = '{url}'\nfrom = 'd@example.org'")).unwrap().mail.unwrap().smtp
    }

    #[test]
    fn everything_set() {
        let mail = from_toml(
            "[mail]\nsmtp = 'smtps://u%40example.org:hun%2Fter2@mail.example.org'\n\
             from = 'Doorkey <doorkey@example.org>'",
        )
        .unwrap()
        .mail
        .unwrap();
        assert_eq!(mail.from.to_string(), "Doorkey <doorkey@example.org>");
        assert_eq!(mail.smtp.security, SmtpSecurity::Tls);
        assert_eq!((mail.smtp.host.as_str(), mail.smtp.port), ("mail.example.org", 465));
        assert!(!format!("{mail:?}").contains("ter2"), "{mail:?}");
        let login = mail.smtp.login.unwrap();
        assert_eq!((login.user.as_str(), login.password.expose()), ("u@example.org", "hun/ter2"));
    }

    #[test]
    fn servers() {
        let plain = smtp("smtp://localhost:25/");
        assert_eq!((plain.security, plain.port, plain.login), (SmtpSecurity::StartTls, 25, None));
        assert_eq!(smtp("smtp://[::1]").host, "::1");
        assert_eq!(smtp("smtp://192.0.2.1").port, 587);
    }

    #[test]
    fn off_when_nothing_is_set() {
        assert_eq!(from_toml("[mail]\nsmtp = ''\nfrom = ''").unwrap().mail, None);
    }

    #[test]
    fn server_and_sender_come_together() {
        assert_eq!(
            faults("[mail]\nsmtp = 'smtp://u:hunter2@localhost'"),
            ["doorkey.toml, line 2: [mail] smtp is set, but from is not. Set who mail comes from, \
                 like from = \"Doorkey <doorkey@example.org>\"."]
        );
        assert_eq!(
            faults("[mail]\nfrom = 'd@example.org'"),
            ["doorkey.toml, line 2: [mail] from is set, but smtp is not. Set the server that takes mail, \
                 like smtp = \"smtps://user:password@mail.example.org\"."]
        );
    }

    #[test]
    fn what_is_wrong_with_a_server_is_said_without_showing_it() {
        let form = "must be an smtps:// or smtp:// URL, like \"smtps://user:password@mail.example.org\".";
        let after = "has something after the host. Write only user, password, host and port.";
        for (wrong, said) in [
            ("mail.example.org", form),
            ("http://u:hunter2@h", form),
            ("smtp://u:hunter2@h:port", form),
            ("smtp://u:hunter2@h:0", form),
            ("smtp://u:hunter2@", form),
            ("smtp://u:hunter2%FF@h", form),
            ("smtp://u:hunter2@h/x", after),
            ("smtp://u:hunter2@h?tls=required", after),
            ("smtp://u:hunter2@x@h", ENCODE_THE_LOGIN),
            ("smtp://hunter2@h", "has a user but no password. Write both, or neither."),
            ("smtp://:hunter2@h", "has a password but no user. Write both, or neither."),
        ] {
            let faults = faults(&format!("[mail]\nsmtp = '{wrong}'\nfrom = 'd@example.org'"));
            assert_eq!(faults, [format!("doorkey.toml, line 2: [mail] smtp {said}")], "{wrong}");
            assert!(!faults.join("").contains("hunter2"), "{wrong}");
        }
    }

    #[test]
    fn senders() {
        let from = |text: &str| Mailbox::parse(text).ok();
        let mailbox = |name: Option<&str>| {
            Some(Mailbox { name: name.map(str::to_owned), address: "d@example.org".into() })
        };
        assert_eq!(from("d@example.org"), mailbox(None));
        assert_eq!(from("<d@example.org>"), mailbox(None));
        assert_eq!(from("\"Door, key\" <d@example.org>"), mailbox(Some("Door, key")));
        for wrong in [
            "Doorkey",
            "d@",
            "@example.org",
            "a b@example.org",
            "a@b@c",
            "A <d@example.org",
            "A\nB <d@e.org>",
        ] {
            assert_eq!(from(wrong), None, "{wrong}");
        }
        assert_eq!(
            faults("[mail]\nsmtp = 'smtp://h'\nfrom = 'Doorkey'"),
            ["doorkey.toml, line 3: [mail] from must be an e-mail address, with or without a name, like \
                 \"Doorkey <doorkey@example.org>\"; it is \"Doorkey\"."]
        );
    }
}
