//! Settings as they were written, before anything knows what they mean.

use std::collections::BTreeMap;
use std::fmt;

use super::problem::Place;

/// The section that a setting stands in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SectionId {
    /// Above all sections.
    Top,
    /// `[name]`
    Named(String),
    /// `[sasl.name]`
    Sasl(String),
}

impl SectionId {
    /// A setting of this section, as messages name it.
    pub(super) fn setting(&self, key: &str) -> String {
        match self {
            Self::Top => key.to_owned(),
            section => format!("{section} {key}"),
        }
    }
}

impl fmt::Display for SectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => f.write_str("The top of the file"),
            Self::Named(name) => write!(f, "[{}]", name.escape_debug()),
            Self::Sasl(name) => write!(f, "[sasl.{}]", name.escape_debug()),
        }
    }
}

/// A value as it was written.
pub(super) enum Raw {
    /// Text in the file.
    Text(String),
    /// The value of an environment variable, which may mean any type.
    Plain(String),
    /// A whole number.
    Integer(i64),
    /// A list.
    List(Vec<Setting>),
    /// Anything that no setting takes, by the name of its type.
    Other(&'static str),
}

impl Raw {
    /// The value's type, as messages name it.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Plain(_) => "text",
            Self::Integer(_) => "a number",
            Self::List(_) => "a list",
            Self::Other(name) => name,
        }
    }
}

/// A value and where it stands.
pub(super) struct Setting {
    pub(super) raw: Raw,
    pub(super) place: Place,
}

/// What stands in a section.
#[derive(Default)]
pub(super) struct Entries {
    /// Where the section itself is written, if it is.
    pub(super) place: Option<Place>,
    pub(super) settings: BTreeMap<String, Setting>,
}

/// All that was written, in all sources.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) sections: BTreeMap<SectionId, Entries>,
}

impl Tree {
    /// Notes that a section is written at this place.
    pub(super) fn open(&mut self, section: SectionId, place: Place) {
        self.sections.entry(section).or_default().place = Some(place);
    }

    /// Sets a setting. What a later source sets replaces what an earlier one did.
    pub(super) fn set(&mut self, section: SectionId, key: String, setting: Setting) {
        self.sections.entry(section).or_default().settings.insert(key, setting);
    }
}
