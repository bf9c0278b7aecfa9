//! The Dovecot authentication protocol, version 1.1, from the server's side: what its lines say. No sockets here.
//!
//! Lines end with LF; fields are parted by TAB; NUL, TAB, CR, LF and 0x01 inside a field are written as 0x01 and a letter. Source: Dovecot's
//! documentation of the protocol, and what Postfix and Radicale send.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Kind, KindSet, Secret};

/// The longest line that is taken, in bytes, its end included: Dovecot's own bound is twice that.
pub const LONGEST_LINE: usize = 8192;

/// What the server says first, at once and in one write: Radicale reads it with a single `recv` of 1024 bytes. The minor version stays
/// at 1, since from 3 on a client waits to be spoken to in another order; the mechanisms come before SPID, by which Postfix knows that
/// this isn't a master's socket.
pub fn greeting(process: u32, connection: u64, cookie: [u8; 16]) -> String {
    let cookie = data_encoding::HEXLOWER.encode(&cookie);
    format!(
        "VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t{process}\nCUID\t{connection}\n\
         COOKIE\t{cookie}\nDONE\n"
    )
}

/// What a client says.
#[derive(Debug)]
pub enum Line {
    /// `VERSION`: the protocol's major version, which has to be 1.
    Version(u32),
    /// `AUTH`: somebody signs in.
    Auth(Auth),
    /// `CONT`: the next answer of a sign-in that has begun, decoded; none when it can't be.
    Continue(u32, Option<Response>),
    /// `CANCEL`: a sign-in that has begun isn't wanted any more.
    Cancel(u32),
    /// Something else, which is passed over, as the protocol wants it.
    Other,
}

/// The beginning of a sign-in.
#[derive(Debug)]
pub struct Auth {
    /// The client's number for it.
    pub id: u32,
    /// How.
    pub mechanism: Option<Mechanism>,
    /// The protocol that the app speaks, in Dovecot's words: `imap`, `smtp` ...
    pub service: String,
    /// The app's address.
    pub remote: String,
    /// The first answer, decoded. The inner none is one that can't be decoded.
    pub first: Option<Option<Response>>,
}

/// What a client sent in base64. It may be a password.
pub type Response = Secret<Vec<u8>>;

/// How a client shows a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616: name and password in one answer.
    Plain,
    /// The older way: asked for one after the other.
    Login,
}

/// Reads a line, without its end. `None` is a line that breaks the protocol: the connection is of no use any more.
pub fn read(line: &[u8]) -> Option<Line> {
    let line = std::str::from_utf8(line).ok()?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    let mut fields = line.split('\t');
    let line = match fields.next()? {
        "VERSION" => Line::Version(fields.next()?.parse().ok()?),
        "AUTH" => Line::Auth(auth(fields)?),
        "CONT" => Line::Continue(fields.next()?.parse().ok()?, decode(fields.next().unwrap_or_default())),
        "CANCEL" => Line::Cancel(fields.next()?.parse().ok()?),
        _ => Line::Other,
    };
    Some(line)
}

fn auth<'a>(mut fields: impl Iterator<Item = &'a str>) -> Option<Auth> {
    let id = fields.next()?.parse().ok()?;
    let mechanism = match fields.next()? {
        name if name.eq_ignore_ascii_case("PLAIN") => Some(Mechanism::Plain),
        name if name.eq_ignore_ascii_case("LOGIN") => Some(Mechanism::Login),
        _ => None,
    };
    let mut auth = Auth { id, mechanism, service: String::new(), remote: String::new(), first: None };
    for field in fields {
        match field.split_once('=') {
            Some(("service", value)) => auth.service = unescape(value),
            Some(("rip", value)) => auth.remote = unescape(value),
            Some(("resp", value)) => auth.first = Some(decode(value)),
            _ => {}
        }
    }
    Some(auth)
}

/// An answer in base64. A single `=` is an empty one.
fn decode(encoded: &str) -> Option<Response> {
    let encoded = if encoded == "=" { "" } else { encoded };
    STANDARD.decode(encoded).ok().map(Secret::new)
}

/// Name and password of a PLAIN answer (RFC 4616): `authzid NUL authcid NUL password`. To act as somebody else is not offered.
pub fn plain(response: &Response) -> Option<(String, Secret<String>)> {
    let text = Secret::new(String::from_utf8(response.expose().clone()).ok()?);
    let mut parts = text.expose().splitn(3, '\0');
    let (act_as, name, password) = (parts.next()?, parts.next()?, parts.next()?);
    let as_themselves = act_as.is_empty() || act_as == name;
    (as_themselves && !password.contains('\0')).then(|| (name.to_owned(), Secret::new(password.to_owned())))
}

/// The words of one answer of LOGIN.
pub fn word(response: &Response) -> Option<Secret<String>> {
    let text = Secret::new(String::from_utf8(response.expose().clone()).ok()?);
    (!text.expose().contains('\0')).then_some(text)
}

/// What an app is after that speaks this protocol; none where the name says nothing, and the kinds of the service hold.
pub fn kinds_of(service: &str) -> Option<KindSet> {
    match service {
        "imap" | "pop3" | "sieve" | "smtp" | "submission" | "lmtp" => {
            Some([Kind::Mail].into_iter().collect())
        }
        "radicale" => Some([Kind::Contacts, Kind::Calendars].into_iter().collect()),
        _ => None,
    }
}

/// The sign-in is good.
pub fn ok(id: u32, user: &str) -> String {
    format!("OK\t{id}\tuser={}\n", escape(user))
}

/// It isn't. `reason` is for people; some servers hand it on.
pub fn fail(id: u32, user: &str, reason: Option<&str>) -> String {
    let user = if user.is_empty() { String::new() } else { format!("\tuser={}", escape(user)) };
    let reason = reason.map(|reason| format!("\treason={}", escape(reason))).unwrap_or_default();
    format!("FAIL\t{id}{user}{reason}\n")
}

/// The sign-in goes on with another answer; `prompt` is what LOGIN asks with.
pub fn proceed(id: u32, prompt: &str) -> String {
    format!("CONT\t{id}\t{}\n", STANDARD.encode(prompt))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{1}' => escaped.push_str("\u{1}1"),
            '\0' => escaped.push_str("\u{1}0"),
            '\t' => escaped.push_str("\u{1}t"),
            '\r' => escaped.push_str("\u{1}r"),
            '\n' => escaped.push_str("\u{1}n"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\u{1}') {
            (_, true) => match chars.next() {
                Some('1') => plain.push('\u{1}'),
                Some('0') => plain.push('\0'),
                Some('t') => plain.push('\t'),
                Some('r') => plain.push('\r'),
                Some('n') => plain.push('\n'),
                Some(other) => plain.push(other),
                None => {}
            },
            (c, false) => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
