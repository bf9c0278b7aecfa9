//! How people look on a screen.

use domain::Timestamp;
use serde::Deserialize;

use crate::cli::render::{clipped, plain, table};

/// What commands read of a person.
#[derive(Deserialize)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) display_name: String,
    aliases: Vec<String>,
    state: String,
    administrator: bool,
    two_factor: bool,
    app_passwords: u64,
    created_at: Timestamp,
    last_signed_in_at: Option<Timestamp>,
}

#[derive(Deserialize)]
pub(super) struct Listed {
    accounts: Vec<Person>,
}

/// A line for each.
pub(super) fn list(Listed { accounts }: &Listed, search: Option<&str>, now: Timestamp) -> String {
    if accounts.is_empty() {
        return match search {
            Some(text) => plain(&format!("No ID, no alias and no word of a name begins with {text}.")),
            None => {
                "There is nobody yet. Invite somebody: doorkey admin account invite ID --name NAME".into()
            }
        };
    }
    let row = |person: &Person| {
        let what = if person.administrator { "administrator" } else { "" };
        [
            person.name.clone(),
            clipped(&person.display_name),
            person.state.clone(),
            what.into(),
            on(person.two_factor).into(),
            person.app_passwords.to_string(),
            signed_in(person, now),
        ]
    };
    let rows: Vec<_> = accounts.iter().map(row).collect();
    table(["ID", "NAME", "STATE", "", "TWO-FACTOR", "PASSWORDS", "SIGNED IN"], &rows).join("\n")
}

/// A line for each thing that there is to say.
pub(super) fn person(person: &Person, now: Timestamp) -> String {
    let says = [
        ("ID", person.name.clone()),
        ("Name", person.display_name.clone()),
        ("Aliases", if person.aliases.is_empty() { "none".into() } else { person.aliases.join(", ") }),
        ("State", person.state.clone()),
        ("Administrator", if person.administrator { "yes" } else { "no" }.into()),
        ("Two-factor", on(person.two_factor).into()),
        ("App-specific passwords", person.app_passwords.to_string()),
        ("Signed in", signed_in(person, now)),
        ("Made", person.created_at.human(now)),
    ];
    let lines = says.iter().map(|(what, how)| format!("{what:22}  {}", plain(how)));
    lines.collect::<Vec<_>>().join("\n")
}

const fn on(is: bool) -> &'static str {
    if is { "on" } else { "off" }
}

fn signed_in(person: &Person, now: Timestamp) -> String {
    person.last_signed_in_at.map_or_else(|| "never".into(), |at| at.human(now))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::render::read;

    #[test]
    fn people_are_a_table_and_one_is_a_list() {
        let ada = json!({
            "id": "acc_1", "name": "ada@example.org", "display_name": "Ada\u{202e}", "aliases": ["a@example.org"],
            "state": "active", "administrator": true, "two_factor": true, "app_passwords": 2,
            "created_at": "2026-05-03T11:00:00Z", "last_signed_in_at": "2026-05-03T11:00:00Z",
        });
        let bob = json!({
            "id": "acc_2", "name": "bob@example.org", "display_name": "Bob", "aliases": [], "state": "invited",
            "administrator": false, "two_factor": false, "app_passwords": 0, "created_at": "2026-05-03T11:00:00Z",
            "last_signed_in_at": null,
        });
        let now = serde_json::from_value(json!("2026-05-03T12:00:00Z")).unwrap();
        let listed = list(&read(&json!({ "accounts": [ada, bob] })).unwrap(), None, now);
        assert_eq!(
            listed,
            "\
ID               NAME  STATE                   TWO-FACTOR  PASSWORDS  SIGNED IN
ada@example.org  Ada\u{fffd}  active   administrator  on          2          1 hour ago
bob@example.org  Bob   invited                 off         0          never"
        );
        let shown = person(&read(&ada).unwrap(), now);
        assert!(shown.contains("Aliases                 a@example.org\n"), "{shown}");
        assert!(shown.contains("Name                    Ada\u{fffd}\n"), "{shown}");
        let none = list(&read(&json!({ "accounts": [] })).unwrap(), Some("x"), now);
        assert_eq!(none, "No ID, no alias and no word of a name begins with x.");
    }
}
