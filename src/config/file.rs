//! `doorkey.toml`: text to settings with their lines.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem};
use super::tree::{Raw, SectionId, Setting, Tree};

/// Reads the text of the file that messages call `name`.
///
/// Text that is no TOML gives its own problems and no settings: what the parser guessed behind a mistake would
/// only raise more of them.
pub(super) fn parse(name: &str, text: &str) -> Result<Tree, Vec<Problem>> {
    let at = |span: Range<usize>| Place::Line(name.to_owned(), line(text, span.start));
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // Only the parser's message: its whole text shows the line, and a password may stand there.
        let problem = |error: toml::de::Error| Problem {
            place: error.span().map_or_else(|| Place::File(name.to_owned()), at),
            message: format!("This is not TOML: {}.{}", error.message(), advice(error.message())),
        };
        return Err(errors.into_iter().map(problem).collect());
    }

    let mut tree = Tree::default();
    for (key, value) in document.into_inner() {
        let (place, key) = (at(key.span()), key.into_inner().into_owned());
        match value.into_inner() {
            DeValue::Table(table) if key == "sasl" => {
                for (key, value) in table {
                    let (place, name) = (at(key.span()), key.into_inner().into_owned());
                    match value.into_inner() {
                        DeValue::Table(table) => section(&mut tree, SectionId::Sasl(name), place, table, &at),
                        other => {
                            let setting = Setting { raw: raw(other, &at), place };
                            tree.set(SectionId::Named("sasl".to_owned()), name, setting);
                        }
                    }
                }
            }
            DeValue::Table(table) => section(&mut tree, SectionId::Named(key), place, table, &at),
            other => {
                let setting = Setting { raw: raw(other, &at), place };
                tree.set(SectionId::Top, key, setting);
            }
        }
    }
    Ok(tree)
}

fn section(
    tree: &mut Tree,
    id: SectionId,
    place: Place,
    table: DeTable<'_>,
    at: &impl Fn(Range<usize>) -> Place,
) {
    tree.open(id.clone(), place);
    for (key, value) in table {
        let setting = Setting { place: at(key.span()), raw: raw(value.into_inner(), at) };
        tree.set(id.clone(), key.into_inner().into_owned(), setting);
    }
}

/// A value of TOML as settings know it; `at` finds the place of an item of a list.
pub(super) fn raw(value: DeValue<'_>, at: &impl Fn(Range<usize>) -> Place) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.into_owned()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            parsed.map_or(Raw::Other("a number beyond 64 bits"), Raw::Integer)
        }
        DeValue::Array(items) => Raw::List(
            items
                .into_iter()
                .map(|item: Spanned<DeValue<'_>>| Setting {
                    place: at(item.span()),
                    raw: raw(item.into_inner(), at),
                })
                .collect(),
        ),
        DeValue::Float(_) => Raw::Other("a number with a fraction"),
        DeValue::Boolean(_) => Raw::Other("true or false"),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Table(_) => Raw::Other("a section"),
    }
}

/// What to do about the commonest slip: the parser takes a text without quotes for a number or a date.
fn advice(message: &str) -> &'static str {
    if message.starts_with("invalid") || message.contains("quoted") {
        " Text stands in quotes, like data = \"doorkey-data\"."
    } else {
        ""
    }
}

/// The line, from 1, that the byte at `offset` stands in.
fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
