//! Distinguished names (RFC 4514): reading what clients send, and writing what they are sent.

use std::fmt;

/// A distinguished name, the most particular part first. Empty is the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dn(Vec<Rdn>);

/// One part of a name: an attribute, in lower case, and its value.
#[derive(Clone, Debug)]
pub struct Rdn {
    /// The attribute's name, in lower case.
    pub attribute: String,
    /// Its value, unescaped.
    pub value: String,
}

/// Values are compared as directories compare names: letter case and the number of spaces between words say nothing.
impl PartialEq for Rdn {
    fn eq(&self, other: &Self) -> bool {
        self.attribute == other.attribute && folded(&self.value) == folded(&other.value)
    }
}

impl Eq for Rdn {}

/// A value as it is compared: lower case, its spaces evened (RFC 4518, as far as names here need it).
pub fn folded(value: &str) -> String {
    let lower = value.to_lowercase();
    if lower.contains("  ") || lower.starts_with(' ') || lower.ends_with(' ') {
        return lower.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    }
    lower
}

impl Dn {
    /// The root, which has no parts.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Reads a name. `None` when it isn't one, or has a part of several values, which no name here has.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::root());
        }
        split(text)?.iter().map(|part| Rdn::parse(part)).collect::<Option<_>>().map(Self)
    }

    /// This name, below another.
    pub fn below(&self, attribute: &str, value: &str) -> Self {
        let mut parts = vec![Rdn { attribute: attribute.to_owned(), value: value.to_owned() }];
        parts.extend_from_slice(&self.0);
        Self(parts)
    }

    /// The parts that stand before `base`; `None` when this name isn't below it, nor the same.
    pub fn before(&self, base: &Self) -> Option<&[Rdn]> {
        let (before, end) = self.0.split_at_checked(self.0.len().checked_sub(base.0.len())?)?;
        (end == base.0).then_some(before)
    }

    /// Whether it is the root.
    pub const fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The first part.
    pub fn first(&self) -> Option<&Rdn> {
        self.0.first()
    }
}

/// Splits at the commas that no backslash stands before. `None` when it ends in the middle of an escape.
fn split(text: &str) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            // LDAPv2 parted names with semicolons; some clients still do.
            ',' | ';' => {
                parts.push(text.get(start..at)?);
                start = at + 1;
            }
            '+' => return None,
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!escaped).then_some(parts)
}

impl Rdn {
    fn parse(part: &str) -> Option<Self> {
        let (attribute, value) = part.split_once('=')?;
        let attribute = attribute.trim();
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if attribute.is_empty() || !attribute.chars().all(letters) {
            return None;
        }
        Some(Self { attribute: attribute.to_ascii_lowercase(), value: unescape(value)? })
    }
}

/// A value without its escapes, and without the spaces around it that aren't escaped.
fn unescape(value: &str) -> Option<String> {
    let value = value.trim_start_matches(' ');
    let (mut bytes, mut kept) = (Vec::with_capacity(value.len()), 0);
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            if byte != b' ' {
                kept = bytes.len();
            }
            continue;
        }
        let first = rest.next()?;
        match hex(first) {
            Some(high) => bytes.push(high * 16 + hex(rest.next()?)?),
            None => bytes.push(first),
        }
        kept = bytes.len();
    }
    bytes.truncate(kept);
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}={}", part.attribute, escaped(&part.value))?;
        }
        Ok(())
    }
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let ends = at == 0 || at == last;
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => text.extend(['\\', c]),
            ' ' if ends => text.push_str("\\ "),
            '#' if at == 0 => text.push_str("\\#"),
            '\0' => text.push_str("\\00"),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dn(text: &str) -> Dn {
        Dn::parse(text).unwrap_or_else(|| panic!("{text} isn't read"))
    }

    #[test]
    fn names_are_read_as_clients_write_them() {
        let base = dn("dc=doorkey");
        let ada = base.below("ou", "mail").below("uid", "ada@example.org");
        for written in [
            "uid=ada@example.org,ou=mail,dc=doorkey",
            "UID=Ada@Example.org, OU=Mail , dc=Doorkey",
            "uid = ada\\40example.org,ou=\\6dail,dc=doorkey",
            "uid=ada@example.org;ou=mail;dc=doorkey",
        ] {
            assert_eq!(dn(written), ada, "{written}");
        }
        assert_eq!(ada.to_string(), "uid=ada@example.org,ou=mail,dc=doorkey");
        assert!(dn("").is_root() && dn("  ").is_root());
        assert_eq!(ada.before(&base).map(<[Rdn]>::len), Some(2));
        assert_eq!(base.before(&ada), None);
        assert_eq!(ada.before(&dn("dc=elsewhere")), None);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for wrong in [
            "ada",
            "=ada",
            "uid=a,",
            "uid=a,,dc=b",
            "uid=a+cn=b,dc=c",
            "uid=a\\",
            "uid=\\4",
            "uid=\\ff",
            "u d=a",
        ] {
            assert_eq!(Dn::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn escapes_keep_their_value_apart() {
        let evil = "a, ou=admins+x=\\1;\"<>#";
        let name = dn("dc=doorkey").below("uid", evil);
        assert_eq!(dn(&name.to_string()).first().map(|part| part.value.clone()), Some(evil.to_owned()));
        assert_eq!(dn("cn=\\ a \\ ").first().map(|part| part.value.clone()), Some(" a  ".to_owned()));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in "\\PC{1,40}") {
            let written = dn("dc=doorkey").below("uid", &value).to_string();
            prop_assert_eq!(dn(&written).first().map(|part| part.value.clone()), Some(value));
        }

        #[test]
        fn any_text_is_a_name_or_none(text in ".*") {
            let _ = Dn::parse(&text);
        }
    }
}
