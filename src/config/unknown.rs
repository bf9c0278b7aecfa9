//! Settings and sections that nobody asked for, and the nearest one that exists.

use super::environment::variable;
use super::problem::{Place, Problem};
use super::tree::{Entries, SectionId, Tree};

/// From this likeness on, of 1, a name is taken for a slip of another.
const ALIKE: f64 = 0.5;

/// Known settings: section ("" is the top) and setting.
type Known = [(&'static str, &'static str)];

/// Reports everything that is left in the tree.
pub(super) fn report(tree: &Tree, known: &Known) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (id, entries) in &tree.sections {
        match id {
            SectionId::Named(name) if known.iter().all(|(section, _)| section != name) => {
                unknown_section(name, entries, known, &mut problems);
            }
            _ => {
                for (key, setting) in &entries.settings {
                    let message = unknown_setting(id, key, &setting.place, known);
                    problems.push(Problem { place: setting.place.clone(), message });
                }
            }
        }
    }
    problems
}

/// One problem for the section in the file, and one for each variable, since each has to be renamed.
fn unknown_section(name: &str, entries: &Entries, known: &Known, problems: &mut Vec<Problem>) {
    if let Some(place) = entries.place.clone() {
        let advice = match nearest(name, sections(known)) {
            _ if is_known(known, "", name) => format!("{name} is a setting: write it above all sections."),
            Some(near) => format!("Did you mean [{}]?", title(near)),
            None => {
                format!("There are {}.", listed(sections(known).map(|s| format!("[{}]", title(s))), "and"))
            }
        };
        problems.push(Problem {
            place,
            message: format!("There is no section [{}]. {advice}", name.escape_debug()),
        });
    }
    for (key, setting) in &entries.settings {
        let Place::Variable(_) = &setting.place else { continue };
        let advice = match nearest(name, sections(known)) {
            Some(near) => format!("Did you mean {}?", variable(&section_id(near), key)),
            None => {
                format!("There are {}.", listed(sections(known).map(|s| format!("[{}]", title(s))), "and"))
            }
        };
        let message = format!("There is no section [{}]. {advice}", name.escape_debug());
        problems.push(Problem { place: setting.place.clone(), message });
    }
}

fn unknown_setting(id: &SectionId, key: &str, place: &Place, known: &Known) -> String {
    let in_environment = matches!(place, Place::Variable(_));
    let write = |id: &SectionId, key: &str| {
        if in_environment { variable(id, key) } else { format!("\"{key}\"") }
    };
    let section = match id {
        SectionId::Top => "",
        SectionId::Named(name) => name,
        SectionId::Sasl(_) => "sasl",
    };
    match id {
        SectionId::Top if sections(known).any(|section| section == key) => {
            return is_a_section(key, in_environment, known);
        }
        SectionId::Named(name) if name == "sasl" => {
            let right = if in_environment {
                variable(&section_id("sasl"), "listen")
            } else {
                "[sasl.mail]".to_owned()
            };
            return format!("[sasl] has no settings of its own. Name the service: {right}.");
        }
        _ => {}
    }

    let said = match id {
        SectionId::Top => format!("There is no setting {key:?} outside the sections."),
        _ => format!("{id} has no setting {key:?}."),
    };
    let own = || known.iter().filter(|(s, _)| *s == section).map(|(_, setting)| *setting);
    let elsewhere: Vec<_> = known.iter().filter(|(_, setting)| *setting == key).map(|(s, _)| *s).collect();
    let advice = if !elsewhere.is_empty() {
        let places = elsewhere.into_iter().map(|section| match (section, in_environment) {
            ("", false) => "the top of the file, above all sections".to_owned(),
            (section, false) => format!("[{}]", title(section)),
            (section, true) => variable(&section_id(section), key),
        });
        let verb = if in_environment { "Did you mean" } else { "It belongs to" };
        let end = if in_environment { '?' } else { '.' };
        format!("{verb} {}{end}", listed(places, "or"))
    } else if let Some(near) = nearest(key, own()) {
        format!("Did you mean {}?", write(id, near))
    } else if let Some(near) = nearest(key, sections(known)).filter(|_| *id == SectionId::Top) {
        format!("Did you mean {}?", is_named_like(near, in_environment, known))
    } else {
        let settings = listed(own().map(|setting| write(id, setting)), "and");
        format!("There {} {settings}.", if own().count() == 1 { "is" } else { "are" })
    };
    format!("{said} {advice}")
}

/// What to say of a section that is written like a setting.
fn is_a_section(name: &str, in_environment: bool, known: &Known) -> String {
    let right = is_named_like(name, in_environment, known);
    if in_environment {
        format!("{name} is a section. Its settings are named like {right}.")
    } else {
        format!("{name} is a section. Write {right}, and its settings below.")
    }
}

/// A section as it is written where it is asked for.
fn is_named_like(section: &str, in_environment: bool, known: &Known) -> String {
    if !in_environment {
        return format!("[{}]", if section == "sasl" { "sasl.mail" } else { section });
    }
    let first = known.iter().find(|(s, _)| *s == section).map_or("", |(_, setting)| *setting);
    variable(&section_id(section), first)
}

fn sections(known: &Known) -> impl Iterator<Item = &'static str> {
    let mut last = "";
    known.iter().map(|(section, _)| *section).filter(move |section| {
        let is_new = *section != last;
        last = section;
        is_new
    })
}

fn is_known(known: &Known, section: &str, key: &str) -> bool {
    known.iter().any(|(s, k)| *s == section && *k == key)
}

fn section_id(section: &str) -> SectionId {
    match section {
        "" => SectionId::Top,
        "sasl" => SectionId::Sasl("mail".to_owned()),
        name => SectionId::Named(name.to_owned()),
    }
}

/// A section's name, with what stands for the service's name in that of the SASL door.
fn title(section: &str) -> &str {
    if section == "sasl" { "sasl.NAME" } else { section }
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::normalized_damerau_levenshtein(name, known), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

fn listed(items: impl Iterator<Item = String>, word: &str) -> String {
    let mut items: Vec<String> = items.collect();
    match items.pop() {
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} {word} {last}", items.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{faults, from_env, from_toml};

    fn fault(text: &str) -> String {
        faults(text).join("\n")
    }

    fn variable(name: &str) -> String {
        from_env(&[(name, "x")]).unwrap_err()
    }

    #[test]
    fn a_slip_in_a_setting() {
        assert_eq!(
            fault("data = 'x'\n\n[accounts]\n\n# a comment\n[http]\nlisen = '127.0.0.1:8080'"),
            "doorkey.toml, line 7: [http] has no setting \"lisen\". Did you mean \"listen\"?"
        );
        assert_eq!(
            fault("[sasl.mail]\nlsten = ''"),
            "doorkey.toml, line 2: [sasl.mail] has no setting \"lsten\". Did you mean \"listen\"?"
        );
        assert_eq!(
            fault("date = 'x'"),
            "doorkey.toml, line 1: There is no setting \"date\" outside the sections. Did you mean \"data\"?"
        );
        assert_eq!(
            variable("DOORKEY__HTTP__TLS__KEY"),
            "DOORKEY__HTTP__TLS__KEY: [http] has no setting \"tls__key\". Did you mean DOORKEY__HTTP__TLS_KEY?"
        );
        assert_eq!(
            variable("DOORKEY__SASL__WEB_MAIL__LISEN"),
            "DOORKEY__SASL__WEB_MAIL__LISEN: [sasl.web-mail] has no setting \"lisen\". \
             Did you mean DOORKEY__SASL__WEB_MAIL__LISTEN?"
        );
        assert_eq!(
            variable("DOORKEY__DTA"),
            "DOORKEY__DTA: There is no setting \"dta\" outside the sections. Did you mean DOORKEY__DATA?"
        );
    }

    #[test]
    fn a_setting_of_another_section() {
        assert_eq!(
            fault("[http]\nbase_dn = 'dc=x'"),
            "doorkey.toml, line 2: [http] has no setting \"base_dn\". It belongs to [ldap]."
        );
        assert_eq!(
            fault("[mail]\ndata = 'x'"),
            "doorkey.toml, line 2: [mail] has no setting \"data\". \
             It belongs to the top of the file, above all sections."
        );
        assert_eq!(
            fault("listen = 'x'"),
            "doorkey.toml, line 1: There is no setting \"listen\" outside the sections. \
             It belongs to [http], [ldap], [sasl.NAME], [sandbox] or [metrics]."
        );
        assert_eq!(
            variable("DOORKEY__STORE__SMTP"),
            "DOORKEY__STORE__SMTP: [store] has no setting \"smtp\". Did you mean DOORKEY__MAIL__SMTP?"
        );
    }

    #[test]
    fn nothing_like_it() {
        assert_eq!(
            fault("[key]\ncolour = 'x'"),
            "doorkey.toml, line 2: [key] has no setting \"colour\". There are \"file\", \"command\" and \"fd\"."
        );
        assert_eq!(
            fault("[store]\ncolour = 'x'"),
            "doorkey.toml, line 2: [store] has no setting \"colour\". There is \"url\"."
        );
        assert_eq!(
            fault("[colour]"),
            "doorkey.toml, line 1: There is no section [colour]. There are [accounts], [http], [ldap], \
             [sasl.NAME], [store], [key], [mail], [apple], [sandbox], [metrics] and [log]."
        );
        assert_eq!(
            variable("DOORKEY__KEY__COLOUR"),
            "DOORKEY__KEY__COLOUR: [key] has no setting \"colour\". \
             There are DOORKEY__KEY__FILE, DOORKEY__KEY__COMMAND and DOORKEY__KEY__FD."
        );
    }

    #[test]
    fn a_slip_in_a_section_is_reported_once() {
        assert_eq!(
            fault("[htpp]\nlisten = 'x'\npublic_url = 'x'"),
            "doorkey.toml, line 1: There is no section [htpp]. Did you mean [http]?"
        );
        assert_eq!(
            fault("[sals.mail]\nlisten = 'x'"),
            "doorkey.toml, line 1: There is no section [sals]. Did you mean [sasl.NAME]?"
        );
        assert_eq!(
            variable("DOORKEY__HTPP__LISTEN"),
            "DOORKEY__HTPP__LISTEN: There is no section [htpp]. Did you mean DOORKEY__HTTP__LISTEN?"
        );
    }

    #[test]
    fn sections_and_settings_are_not_each_other() {
        assert_eq!(
            fault("http = 'x'"),
            "doorkey.toml, line 1: http is a section. Write [http], and its settings below."
        );
        assert_eq!(
            fault("[[http]]\nlisten = 'x'"),
            "doorkey.toml, line 1: http is a section. Write [http], and its settings below."
        );
        assert_eq!(
            fault("[data]\npath = 'x'"),
            "doorkey.toml, line 1: There is no section [data]. data is a setting: write it above all sections."
        );
        assert_eq!(
            fault("[http.listen]\nport = 1"),
            "doorkey.toml, line 1: [http] listen must be an IP address and a port, in quotes, \
             like \"127.0.0.1:8080\"; it is a section."
        );
        assert_eq!(
            variable("DOORKEY__HTTP"),
            "DOORKEY__HTTP: http is a section. Its settings are named like DOORKEY__HTTP__LISTEN."
        );
        assert_eq!(
            variable("DOORKEY__MIAL"),
            "DOORKEY__MIAL: There is no setting \"mial\" outside the sections. Did you mean DOORKEY__MAIL__SMTP?"
        );
    }

    #[test]
    fn a_problem_keeps_to_its_line() {
        assert_eq!(
            fault("[http]\n\"a\\nb\" = 1\n[\"x\\ny\"]")
                .lines()
                .map(|line| line.split(". ").next().unwrap())
                .collect::<Vec<_>>(),
            [
                "doorkey.toml, line 2: [http] has no setting \"a\\nb\"",
                "doorkey.toml, line 3: There is no section [x\\ny]",
            ]
        );
    }

    #[test]
    fn an_empty_section_is_fine() {
        assert!(from_toml("[http]\n[sasl]\n[key]").is_ok());
    }
}
