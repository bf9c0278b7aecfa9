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
    link_expires_at: Option<Timestamp>,
    mail_given_up: bool,
    undelivered_mail: Option<Mail>,
}

/// A mail that the mail server hasn't taken.
#[derive(Deserialize)]
struct Mail {
    about: String,
    created_at: Timestamp,
    given_up_at: Option<Timestamp>,
    answer: Option<String>,
}

impl Person {
    fn is_invited(&self) -> bool {
        self.state == "invited"
    }

    /// What stands out about them, in a list.
    fn marks(&self) -> String {
        let marks = [
            (self.administrator, "administrator"),
            (self.is_invited() && self.link_expires_at.is_none(), "invitation over"),
            (self.mail_given_up, "mail given up"),
        ];
        let marks: Vec<_> = marks.into_iter().filter_map(|(is, mark)| is.then_some(mark)).collect();
        marks.join(", ")
    }

    /// What became of the link that was made for them, if there is anything to say.
    fn link(&self) -> Option<(&'static str, String)> {
        match (self.is_invited(), self.link_expires_at) {
            (true, Some(at)) => {
                Some(("Invitation", format!("not accepted yet; the link works until {}", at.exact())))
            }
            (true, None) => Some((
                "Invitation",
                format!(
                    "over: the link no longer works. Make a new one: doorkey admin account invite-link {}",
                    self.name
                ),
            )),
            (false, Some(at)) => Some(("Reset link", format!("works until {}", at.exact()))),
            (false, None) => None,
        }
    }
}

impl Mail {
    fn said(&self) -> String {
        let Self { about, created_at, given_up_at, answer } = self;
        let how = match given_up_at {
            Some(at) => format!("the {about} was given up on {}.", at.exact()),
            None => {
                format!("the {about} waits since {}, and is tried again by itself.", created_at.exact())
            }
        };
        let why = answer.as_deref().unwrap_or_default();
        format!("{how} {why}").trim_end().into()
    }
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
        [
            person.name.clone(),
            clipped(&person.display_name),
            person.state.clone(),
            person.marks(),
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
    let mut says = vec![
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
    says.extend(person.link());
    says.extend(person.undelivered_mail.as_ref().map(|mail| ("Mail", mail.said())));
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
            "link_expires_at": "2026-05-04T11:00:00Z", "mail_given_up": false,
            "undelivered_mail": {
                "about": "reset link", "created_at": "2026-05-03T11:00:00Z", "given_up_at": null, "answer": "Later\u{7}.",
            },
        });
        let bob = json!({
            "id": "acc_2", "name": "bob@example.org", "display_name": "Bob", "aliases": [], "state": "invited",
            "administrator": false, "two_factor": false, "app_passwords": 0, "created_at": "2026-05-03T11:00:00Z",
            "last_signed_in_at": null, "link_expires_at": null, "mail_given_up": true,
            "undelivered_mail": {
                "about": "invitation", "created_at": "2026-05-03T11:00:00Z", "given_up_at": "2026-05-03T11:30:00Z",
                "answer": "550 unknown",
            },
        });
        let now = serde_json::from_value(json!("2026-05-03T12:00:00Z")).unwrap();
        let listed = list(&read(&json!({ "accounts": [ada, bob] })).unwrap(), None, now);
        assert_eq!(
            listed,
            "\
ID               NAME  STATE                                    TWO-FACTOR  PASSWORDS  SIGNED IN
ada@example.org  Ada\u{fffd}  active   administrator                   on          2          1 hour ago
bob@example.org  Bob   invited  invitation over, mail given up  off         0          never"
        );
        let shown = person(&read(&ada).unwrap(), now);
        assert!(shown.contains("Aliases                 a@example.org\n"), "{shown}");
        assert!(shown.contains("Name                    Ada\u{fffd}\n"), "{shown}");
        let link = "Reset link              works until 4 May 2026, 11:00 UTC\n";
        assert!(shown.contains(link), "{shown}");
        let mail =
            "the reset link waits since 3 May 2026, 11:00 UTC, and is tried again by itself. Later\u{fffd}.";
        assert!(shown.ends_with(mail), "{shown}");
        let shown = person(&read(&bob).unwrap(), now);
        assert!(
            shown.contains("Make a new one: doorkey admin account invite-link bob@example.org\n"),
            "{shown}"
        );
        assert!(
            shown.ends_with("the invitation was given up on 3 May 2026, 11:30 UTC. 550 unknown"),
            "{shown}"
        );
        let none = list(&read(&json!({ "accounts": [] })).unwrap(), Some("x"), now);
        assert_eq!(none, "No ID, no alias and no word of a name begins with x.");
    }
}
