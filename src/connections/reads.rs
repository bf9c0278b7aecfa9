//! What an API key was seen to read.

use appleid::KeyName;

/// Something that a key may read at Apple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// The team's apps.
    Apps,
    /// The certificates that apps are signed with.
    Certificates,
    /// Who is in the team.
    Users,
}

impl Reads {
    /// Everything that is asked about.
    pub const ALL: [Self; 3] = [Self::Apps, Self::Certificates, Self::Users];

    /// As it is stored, as the API has it, and as Apple's own addresses have it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Apps => "apps",
            Self::Certificates => "certificates",
            Self::Users => "users",
        }
    }

    /// What makes sense to ask with this key: individual keys are never let at certificates, and the Enterprise Program has no apps.
    pub fn asked(name: &KeyName<'_>) -> impl Iterator<Item = Self> {
        let (individual, enterprise) = (name.issuer_id.is_none(), name.enterprise);
        Self::ALL.into_iter().filter(move |one| match one {
            Self::Apps => !enterprise,
            Self::Certificates => !individual,
            Self::Users => true,
        })
    }

    /// As they are stored.
    pub fn stored(all: &[Self]) -> String {
        all.iter().map(|one| one.code()).collect::<Vec<_>>().join(",")
    }

    /// What was stored.
    pub fn of_stored(text: &str) -> Vec<Self> {
        Self::ALL.into_iter().filter(|one| text.split(',').any(|code| code == one.code())).collect()
    }

    /// In words, for people.
    pub fn in_words(all: &[Self]) -> String {
        let words: Vec<_> = all.iter().map(|one| one.code()).collect();
        match words.as_slice() {
            [] => "reads nothing that builds need".into(),
            [one] => format!("reads {one}"),
            [all @ .., last] => format!("reads {} and {last}", all.join(", ")),
        }
    }
}
