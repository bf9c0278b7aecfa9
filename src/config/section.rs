//! How a section asks for its settings: each getter takes the setting out of the tree, notes that it is known,
//! and reports what is wrong with it. So a section's file is also the list of what the section has.

use std::net::SocketAddr;

use toml::de::DeValue;

use super::file;
use super::problem::{Place, Problem};
use super::secret::quoted;
use super::shown::Places;
use super::tree::{Raw, SectionId, Setting, Tree};

/// What reading a setting gave.
#[derive(Debug)]
pub(super) enum Given<T> {
    /// It is not set, or set to nothing where nothing means the same.
    Absent,
    /// It is set to something wrong, which has been reported. Rules that join settings keep quiet about it.
    Faulty,
    /// It is set, here.
    Is(T, Place),
}

impl<T> Given<T> {
    /// The value, if there is one.
    pub(super) fn value(self) -> Option<T> {
        match self {
            Self::Is(value, _) => Some(value),
            Self::Absent | Self::Faulty => None,
        }
    }

    /// Where the value stands, if there is one.
    pub(super) fn place(&self) -> Option<&Place> {
        match self {
            Self::Is(_, place) => Some(place),
            Self::Absent | Self::Faulty => None,
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// What a setting's text looks like, for messages.
pub(super) struct Form {
    /// What it is, with its article.
    pub(super) expected: &'static str,
    /// One that is right.
    pub(super) example: &'static str,
    /// Whether it may hold a password, so that messages never show it.
    pub(super) secret: bool,
}

/// Why a text is wrong.
pub(super) enum Wrong {
    /// It does not look like its [`Form`].
    Form,
    /// It does, but: the rest of a sentence that begins with the setting's name.
    Because(String),
}

impl From<&str> for Wrong {
    fn from(reason: &str) -> Self {
        Self::Because(reason.to_owned())
    }
}

/// Reads the sections of a tree, and gathers what is known and what is wrong.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) tree: Tree,
    /// Section ("" is the top) and setting, in the order in which they were asked for.
    pub(super) known: Vec<(&'static str, &'static str)>,
    pub(super) problems: Vec<Problem>,
    /// Where what is set stands.
    pub(super) places: Places,
    addresses: Vec<Address>,
}

/// An address that the server will listen on, and the setting that says so.
struct Address {
    setting: String,
    address: String,
    place: Option<Place>,
}

impl Reader {
    pub(super) fn new(tree: Tree) -> Self {
        Self { tree, ..Self::default() }
    }

    /// What stands above all sections.
    pub(super) fn top(&mut self) -> Section<'_> {
        Section { id: SectionId::Top, name: "", reader: self }
    }

    /// The section `[name]`.
    pub(super) fn section(&mut self, name: &'static str) -> Section<'_> {
        Section { id: SectionId::Named(name.to_owned()), name, reader: self }
    }

    /// The section `[sasl.service]`.
    pub(super) fn sasl(&mut self, service: &str) -> Section<'_> {
        Section { id: SectionId::Sasl(service.to_owned()), name: "sasl", reader: self }
    }

    /// Notes a setting as known, also when no section has it.
    pub(super) fn know(&mut self, section: &'static str, key: &'static str) {
        if !self.known.contains(&(section, key)) {
            self.known.push((section, key));
        }
    }

    /// Reports addresses that two listeners would share. The system would refuse the second one in words that
    /// name neither setting.
    pub(super) fn check_addresses(&mut self) {
        let mut seen: Vec<Address> = Vec::new();
        for address in self.addresses.drain(..) {
            let Some(other) = seen.iter().find(|other| other.address == address.address) else {
                seen.push(address);
                continue;
            };
            let Some(place) = address.place.or_else(|| other.place.clone()) else { continue };
            let (first, second, both) = (&other.setting, &address.setting, &other.address);
            let message =
                format!("{first} and {second} are both {both}. Give each an address or a port of its own.");
            self.problems.push(Problem { place, message });
        }
    }
}

/// One section while it is read.
pub(super) struct Section<'a> {
    id: SectionId,
    name: &'static str,
    reader: &'a mut Reader,
}

impl Section<'_> {
    /// A setting that is one text. Nothing between the quotes is for `parse` to judge.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        form: &Form,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Given<T> {
        let Some(Setting { raw, place }) = self.take(key) else { return Given::Absent };
        self.text(key, form, raw, place, parse)
    }

    /// A setting that is one text, or is off when it is empty.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        form: &Form,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Given<T> {
        match self.value(key, form, |text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) }) {
            Given::Is(Some(value), place) => Given::Is(value, place),
            Given::Is(None, _) | Given::Absent => Given::Absent,
            Given::Faulty => Given::Faulty,
        }
    }

    /// A setting that is a list of texts of this form. A list without items is as good as none.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        form: &Form,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Given<Vec<T>> {
        let Some(Setting { raw, place }) = self.take(key) else { return Given::Absent };
        let items = match raw {
            Raw::List(items) => Some(items),
            Raw::Plain(text) => plain_list(&text, &place),
            Raw::Text(_) | Raw::Integer(_) | Raw::Other(_) => {
                let (found, example) = (raw.type_name(), form.example);
                let predicate = format!("must be a list, like {key} = [\"{example}\"]; it is {found}.");
                return self.faulty(key, place, &predicate);
            }
        };
        let Some(items) = items else {
            let example = form.example;
            let predicate = format!("must be a list: texts with commas between, or like [\"{example}\"].");
            return self.faulty(key, place, &predicate);
        };
        let (mut values, mut all) = (Vec::new(), true);
        for item in items {
            match self.text(key, form, item.raw, item.place, &parse) {
                Given::Is(value, _) => values.push(value),
                Given::Absent | Given::Faulty => all = false,
            }
        }
        match (all, values.is_empty()) {
            (false, _) => Given::Faulty,
            (true, true) => Given::Absent,
            (true, false) => Given::Is(values, place),
        }
    }

    /// A setting that is a whole number from `least` on.
    pub(super) fn integer(&mut self, key: &'static str, least: i32) -> Given<i32> {
        let Some(Setting { raw, place }) = self.take(key) else { return Given::Absent };
        let number = match &raw {
            Raw::Integer(number) => i32::try_from(*number).ok(),
            Raw::Plain(text) if text.is_empty() => return Given::Absent,
            Raw::Plain(text) => text.parse().ok(),
            Raw::Text(_) | Raw::List(_) | Raw::Other(_) => None,
        };
        match number {
            Some(number) if number >= least => Given::Is(number, place),
            _ => {
                let predicate = format!("must be a whole number from {least} on, like {key} = {least}.");
                self.faulty(key, place, &predicate)
            }
        }
    }

    /// How many there may be of something, from `least` on.
    pub(super) fn count(&mut self, key: &'static str, least: i32, default: i32) -> usize {
        self.integer(key, least).value().unwrap_or(default).try_into().unwrap_or_default()
    }

    /// Notes that the server will listen here. `place` is where it says so; none for a default.
    pub(super) fn listens(&mut self, key: &str, address: SocketAddr, place: Option<Place>) {
        // Of port 0 there is one for everybody.
        if address.port() != 0 {
            self.occupies(key, address.to_string(), place);
        }
    }

    /// Notes that the server will listen here, at anything that only one can listen at.
    pub(super) fn occupies(&mut self, key: &str, address: String, place: Option<Place>) {
        let setting = self.id.setting(key);
        self.reader.addresses.push(Address { setting, address, place });
    }

    /// Reports a problem with a setting; `predicate` goes on after the setting's name.
    pub(super) fn problem(&mut self, key: &str, place: Place, predicate: &str) {
        let message = format!("{} {predicate}", self.id.setting(key));
        self.reader.problems.push(Problem { place, message });
    }

    fn faulty<T>(&mut self, key: &str, place: Place, predicate: &str) -> Given<T> {
        self.problem(key, place, predicate);
        Given::Faulty
    }

    fn text<T>(
        &mut self,
        key: &'static str,
        form: &Form,
        raw: Raw,
        place: Place,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Given<T> {
        let Form { expected, example, secret } = form;
        let text = match raw {
            Raw::Text(text) | Raw::Plain(text) => text,
            Raw::Integer(_) | Raw::List(_) | Raw::Other(_) => {
                let found = raw.type_name();
                let predicate = format!("must be {expected}, in quotes, like \"{example}\"; it is {found}.");
                return self.faulty(key, place, &predicate);
            }
        };
        let predicate = match parse(&text) {
            Ok(value) => return Given::Is(value, place),
            Err(Wrong::Because(reason)) => reason,
            Err(Wrong::Form) => match quoted(&text).filter(|_| !secret) {
                Some(found) => format!("must be {expected}, like \"{example}\"; it is {found}."),
                None => format!("must be {expected}, like \"{example}\"."),
            },
        };
        self.faulty(key, place, &predicate)
    }

    fn take(&mut self, key: &'static str) -> Option<Setting> {
        self.reader.know(self.name, key);
        let setting = self.reader.tree.sections.get_mut(&self.id)?.settings.remove(key)?;
        self.reader.places.insert(self.id.setting(key), setting.place.clone());
        Some(setting)
    }
}

/// The items of a list in an environment variable: a list as TOML writes it, or texts with commas between.
fn plain_list(text: &str, place: &Place) -> Option<Vec<Setting>> {
    if text.starts_with('[') {
        let value = DeValue::parse(text).ok()?;
        return match file::raw(value.into_inner(), &|_| place.clone()) {
            Raw::List(items) => Some(items),
            Raw::Text(_) | Raw::Plain(_) | Raw::Integer(_) | Raw::Other(_) => None,
        };
    }
    if text.is_empty() {
        return Some(Vec::new());
    }
    let item = |item: &str| Setting { raw: Raw::Plain(item.trim().to_owned()), place: place.clone() };
    Some(text.split(',').map(item).collect())
}
