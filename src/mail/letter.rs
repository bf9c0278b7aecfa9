//! What letters say, and how they are put together as mail.

use std::time::{Duration, SystemTime};

use askama::Template;
use domain::{MailId, Timestamp};
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
};
use serde::{Deserialize, Serialize};
use url::Host;

use crate::config::Mailbox as From;

/// A letter to a person, in plain words.
#[derive(Clone, Serialize, Deserialize)]
pub struct Letter {
    /// What it is, in a word or two: it stands in the log when it can't be delivered.
    pub about: String,
    /// Its subject.
    pub subject: String,
    /// What its person is called; empty when nobody knows.
    pub name: String,
    /// What happened, and what to do.
    pub before: Vec<String>,
    /// What belongs to it: when, from where.
    #[serde(default)]
    pub facts: Vec<(String, String)>,
    /// What the link is labelled, and where it leads.
    pub link: Option<(String, String)>,
    /// What to know besides, and what to do if it wasn't them.
    pub after: Vec<String>,
    /// This server's address.
    pub server: String,
}

/// A letter as it is handed to a mail server.
pub struct Composed {
    /// The envelope's sender.
    pub from: Address,
    /// The envelope's recipient.
    pub to: Address,
    /// Headers and body.
    pub bytes: Vec<u8>,
}

impl Composed {
    /// Whether only a server that knows SMTPUTF8 (RFC 6531) can carry it.
    pub fn needs_utf8(&self) -> bool {
        !self.from.user().is_ascii() || !self.to.user().is_ascii()
    }
}

#[derive(Template)]
#[template(path = "mail/letter.txt")]
struct Text<'a>(&'a Letter);

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Html<'a>(&'a Letter);

/// Says that a machine wrote it, so that no machine answers (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

impl Letter {
    /// An invitation to an account that waits for its password.
    pub fn invitation(server: &str, id: &str, name: &str, link: &str, expires_at: Timestamp) -> Self {
        Self {
            about: "invitation".into(),
            subject: format!("Your account {id}"),
            name: name.into(),
            before: vec![
                format!("You have been invited to {server}. Your account there is {id}."),
                format!("Choose a password to begin. The link works once, until {}.", expires_at.exact()),
            ],
            facts: Vec::new(),
            link: Some(("Choose a password".into(), link.into())),
            after: vec![
                "If you don’t know what this is about, you needn’t do anything: until somebody opens the link, nobody can \
                 use the account. Don’t pass this mail on: whoever has the link can."
                    .into(),
            ],
            server: server.into(),
        }
    }

    /// An invitation to a project's team, to an address that somebody typed: nobody says whether it has an account here.
    pub fn project_invitation(
        server: &str,
        project: &str,
        (by, role): (&str, &str),
        invited: &str,
        link: &str,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            about: "project invitation".into(),
            subject: format!("{by} invites you to {project}"),
            name: String::new(),
            before: vec![
                format!("{by} invites you to the team of the project {project} at {server}, as {role}."),
                format!(
                    "To join, sign in there as {invited}, and accept. The link works once, until {}.",
                    expires_at.exact()
                ),
            ],
            facts: Vec::new(),
            link: Some(("Open the invitation".into(), link.into())),
            after: vec![
                format!(
                    "If you have no account there, ask an administrator of {server} for one with the ID {invited}; the link \
                     works for nobody else."
                ),
                "If you don’t know what this is about, you needn’t do anything.".into(),
            ],
            server: server.into(),
        }
    }

    /// A link to set a new password, which turns two-factor authentication off where the second factor was lost.
    pub fn reset(
        server: &str,
        id: &str,
        name: &str,
        link: &str,
        expires_at: Timestamp,
        lost_factor: bool,
    ) -> Self {
        let mut before = vec![
            format!(
                "An administrator of {server} made a link with which you can set a new password for {id}."
            ),
            format!("It works once, until {}.", expires_at.exact()),
        ];
        if lost_factor {
            before
                .push("It also turns two-factor authentication off, so that you can set it up again.".into());
        }
        Self {
            about: "reset link".into(),
            subject: format!("A new password for {id}"),
            name: name.into(),
            before,
            facts: Vec::new(),
            link: Some(("Set a new password".into(), link.into())),
            after: vec![
                "All your app-specific passwords will be revoked, and your browsers signed out.".into(),
                "If you didn’t ask for this, don’t open the link, and tell your administrator. Your password stays as it \
                 is."
                    .into(),
            ],
            server: server.into(),
        }
    }

    /// A letter that shows that mail arrives.
    pub fn test(server: &str) -> Self {
        Self {
            about: "test".into(),
            subject: "Mail from Doorkey arrives".into(),
            name: String::new(),
            before: vec![format!("{server} can send mail to you. An administrator tried it out.")],
            facts: Vec::new(),
            link: None,
            after: vec!["There is nothing to do.".into()],
            server: server.into(),
        }
    }

    /// What is in its link, if that is one that works once.
    pub fn one_time_token(&self) -> Option<&str> {
        let (rest, token) = self.link.as_ref()?.1.rsplit_once('/')?;
        let is_one_time =
            ["/invitation", "/project-invitation", "/reset"].iter().any(|path| rest.ends_with(path));
        is_one_time.then_some(token)
    }

    /// The letter as it is sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The letter that was sealed.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Puts it together, the same each time: who gets it twice sees by its Message-ID that it is one.
    ///
    /// # Errors
    /// In words, when it can't be addressed so.
    pub fn compose(&self, id: MailId, from: &From, to: &str, at: Timestamp) -> Result<Composed, String> {
        let (from_name, from, to) = (from.name.clone(), address(&from.address)?, address(to)?);
        let name = Some(self.name.clone()).filter(|name| !name.is_empty());
        let wrong = |_| "The mail can't be put together.".to_owned();
        let (text, html) = (Text(self).render(), Html(self).render());
        let (text, html) = (text.map_err(|_| wrong(()))?, html.map_err(|_| wrong(()))?);
        let body = MultiPart::alternative()
            .boundary(format!("{id}.part"))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(html));
        let message = Message::builder()
            .from(Mailbox::new(from_name, from.clone()))
            .to(Mailbox::new(name, to.clone()))
            .subject(&self.subject)
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(at.millis().try_into().unwrap_or_default()))
            .message_id(Some(format!("<{id}@{}>", from.domain())))
            .header(AutoSubmitted)
            .multipart(body)
            .map_err(|_| wrong(()))?;
        Ok(Composed { from, to, bytes: message.formatted() })
    }
}

/// An address as mail servers take it: its domain in ASCII (IDNA).
fn address(text: &str) -> Result<Address, String> {
    let wrong = || format!("{text} isn't an address that mail can be sent to.");
    let (local, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
    let domain = match Host::parse(domain) {
        Ok(Host::Domain(domain)) => domain,
        _ => return Err(wrong()),
    };
    Address::new(local, domain).map_err(|_| wrong())
}
