use serde::{Deserialize, Serialize};

/// What a service holds and an app-specific password opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Kind {
    /// Mail: IMAP, POP3, submission, filters.
    Mail = 1,
    /// Address books.
    Contacts = 2,
    /// Calendars and tasks.
    Calendars = 4,
    /// Uploads from build machines.
    Builds = 8,
    /// Whatever else signs in with a user name and password.
    Other = 16,
}

impl Kind {
    /// Every kind, in the order in which pages show them.
    pub const ALL: [Self; 5] = [Self::Mail, Self::Contacts, Self::Calendars, Self::Builds, Self::Other];

    /// The kind's name, as in the API, on the command line and in pages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Contacts => "contacts",
            Self::Calendars => "calendars",
            Self::Builds => "builds",
            Self::Other => "other",
        }
    }

    /// The kind as it stands in a sentence.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Other => "other things",
            kind => kind.name(),
        }
    }
}

/// A word that is no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is none of mail, contacts, calendars, builds, other")]
pub struct UnknownKind(pub String);

impl std::str::FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| UnknownKind(text.into()))
    }
}

/// Some of the kinds; possibly none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Kind>", into = "Vec<Kind>")]
pub struct KindSet(u8);

impl KindSet {
    /// No kind at all.
    pub const NONE: Self = Self(0);

    /// The bits as they are stored: the sum of the kinds' numbers.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// From stored bits; `None` when a bit stands for no kind.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits < 32 { Some(Self(bits)) } else { None }
    }

    /// Whether there is no kind in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `kind` is in it.
    #[must_use]
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & kind as u8 != 0
    }

    /// Whether any kind is in both.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The kinds that are in both.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The kinds in it, in the order of [`Kind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<Kind> for KindSet {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | kind as u8))
    }
}

impl From<Vec<Kind>> for KindSet {
    fn from(kinds: Vec<Kind>) -> Self {
        kinds.into_iter().collect()
    }
}

impl From<KindSet> for Vec<Kind> {
    fn from(set: KindSet) -> Self {
        set.iter().collect()
    }
}

/// As people say it: "mail", "contacts and calendars", "mail, contacts and other things".
impl std::fmt::Display for KindSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.iter().map(Kind::in_words).collect();
        match names.split_last() {
            None => f.write_str("nothing"),
            Some((last, [])) => f.write_str(last),
            Some((last, rest)) => write!(f, "{} and {last}", rest.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_keeps_what_was_put_in_and_says_it() {
        let set: KindSet = [Kind::Calendars, Kind::Contacts].into_iter().collect();
        assert_eq!(set.to_string(), "contacts and calendars");
        assert_eq!(KindSet::from_bits(set.bits()), Some(set));
        assert!(set.contains(Kind::Contacts) && !set.contains(Kind::Mail));
        assert_eq!(KindSet::from_bits(32), None);
        assert_eq!(KindSet::NONE.to_string(), "nothing");
        let all: KindSet = Kind::ALL.into_iter().collect();
        assert_eq!(all.to_string(), "mail, contacts, calendars, builds and other things");
        assert_eq!(KindSet::from_bits(31), Some(all));
    }

    #[test]
    fn kinds_read_back_from_their_names_only() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert_eq!("Mail".parse::<Kind>(), Err(UnknownKind("Mail".into())));
        assert_eq!(
            serde_json::to_string(&KindSet::from_bits(5).unwrap()).unwrap(),
            r#"["mail","calendars"]"#
        );
    }
}
