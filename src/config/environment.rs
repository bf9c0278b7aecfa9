//! `DOORKEY__SECTION__KEY`: environment variables to settings.

use super::problem::{Place, Problem};
use super::tree::{Raw, SectionId, Setting, Tree};

/// What the names of all settings' variables begin with. Names with one underscore here, like `DOORKEY_URL`,
/// belong to builds.
const PREFIX: &str = "DOORKEY__";

/// Puts the variables that are settings over what is in the tree.
pub(super) fn overlay(
    tree: &mut Tree,
    problems: &mut Vec<Problem>,
    variables: impl Iterator<Item = (String, String)>,
) {
    for (name, value) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        // One spelling only: of two variables that differ in case, either could win.
        let upper = name.to_ascii_uppercase();
        if upper != name {
            let message = format!("Settings in the environment are in capitals. Write {upper}.");
            problems.push(Problem { place: Place::Variable(name), message });
            continue;
        }
        let (section, key) = split(&path.to_ascii_lowercase());
        // A value that came out of a file often ends with a line break, and no setting has one.
        let raw = Raw::Plain(value.trim().to_owned());
        tree.set(section, key, Setting { raw, place: Place::Variable(name) });
    }
}

/// The variable that sets this setting.
pub(super) fn variable(section: &SectionId, key: &str) -> String {
    let name = match section {
        SectionId::Top => key.to_owned(),
        SectionId::Named(section) => format!("{section}__{key}"),
        SectionId::Sasl(name) => format!("sasl__{}__{key}", name.replace('-', "_")),
    };
    format!("{PREFIX}{}", name.to_ascii_uppercase())
}

fn split(path: &str) -> (SectionId, String) {
    let Some((section, key)) = path.split_once("__") else {
        return (SectionId::Top, path.to_owned());
    };
    match key.split_once("__") {
        // No shell takes a hyphen in a variable's name, and no service's name has an underscore.
        Some((name, key)) if section == "sasl" => (SectionId::Sasl(name.replace('_', "-")), key.to_owned()),
        _ => (SectionId::Named(section.to_owned()), key.to_owned()),
    }
}
