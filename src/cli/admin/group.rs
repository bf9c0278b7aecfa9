//! `doorkey admin group`

use axum::http::Method;
use clap::Subcommand;
use domain::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::{clipped, plain, read, table};
use crate::cli::{in_path, path_part};
use crate::clock::Clock;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the groups
    List {
        /// Print the API's answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// List who is in a group
    Members {
        /// Its name
        #[arg(value_parser = path_part)]
        name: String,
        /// Only those after this ID, where there are more than a thousand
        #[arg(long, value_name = "ID", default_value = "")]
        after: String,
        /// Print the API's answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a group, with nobody in it
    Add {
        /// Its name, like staff: letters a to z, digits, hyphens, underscores and dots; it can't be changed later
        name: String,
        /// Print the API's answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a group that no service names
    Remove {
        /// Its name
        #[arg(value_parser = path_part)]
        name: String,
    },
    /// Put somebody into a group
    Join {
        /// The group's name
        #[arg(value_parser = path_part)]
        name: String,
        /// The account's ID
        #[arg(value_parser = path_part)]
        id: String,
    },
    /// Take somebody out of a group
    Leave {
        /// The group's name
        #[arg(value_parser = path_part)]
        name: String,
        /// The account's ID
        #[arg(value_parser = path_part)]
        id: String,
    },
}

#[derive(Deserialize)]
struct Listed {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    members: u64,
    services: Vec<String>,
}

#[derive(Deserialize)]
struct Members {
    members: Vec<Member>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Member {
    name: String,
    display_name: String,
    joined_at: Timestamp,
}

impl Command {
    pub(super) fn call(&self) -> Call {
        let of = |name: &str| format!("/groups/{}", in_path(name));
        let member = |name: &str, id: &str| format!("{}/members/{}", of(name), in_path(id));
        let (method, path, body) = match self {
            Self::List { .. } => (Method::GET, "/groups".into(), None),
            Self::Members { name, after, .. } if after.is_empty() => {
                (Method::GET, format!("{}/members", of(name)), None)
            }
            Self::Members { name, after, .. } => {
                (Method::GET, format!("{}/members?after={}", of(name), in_path(after)), None)
            }
            Self::Add { name, .. } => (Method::POST, "/groups".into(), Some(json!({ "name": name }))),
            Self::Remove { name } => (Method::DELETE, of(name), None),
            Self::Join { name, id } => (Method::PUT, member(name, id), None),
            Self::Leave { name, id } => (Method::DELETE, member(name, id), None),
        };
        Call { method, path, body }
    }

    pub(super) fn print(&self, answer: &Value, console: &mut Console) -> Result<(), Failure> {
        let done = match self {
            Self::List { json: true } | Self::Members { json: true, .. } | Self::Add { json: true, .. } => {
                return console.json(answer);
            }
            Self::List { .. } => list(&read(answer)?),
            Self::Members { name, .. } => members(name, &read(answer)?, Clock::System.now()),
            Self::Add { .. } => {
                let Group { name, .. } = read(answer)?;
                plain(&format!(
                    "Made the group {name}. Put somebody into it: doorkey admin group join {name} ID"
                ))
            }
            Self::Remove { name } => plain(&format!("Removed the group {name}.")),
            Self::Join { name, id } => plain(&format!("{id} is in {name} now.")),
            Self::Leave { name, id } => plain(&format!("{id} is no longer in {name}.")),
        };
        console.say(&done)
    }
}

fn list(Listed { groups }: &Listed) -> String {
    if groups.is_empty() {
        return "There are no groups. Make one: doorkey admin group add NAME".into();
    }
    let row = |group: &Group| [group.name.clone(), group.members.to_string(), group.services.join(", ")];
    let rows: Vec<_> = groups.iter().map(row).collect();
    table(["NAME", "MEMBERS", "MAY USE"], &rows).join("\n")
}

fn members(group: &str, Members { members, next }: &Members, now: Timestamp) -> String {
    if members.is_empty() {
        return plain(&format!(
            "There is nobody in {group}. Add somebody: doorkey admin group join {group} ID"
        ));
    }
    let row = |m: &Member| [m.name.clone(), clipped(&m.display_name), m.joined_at.human(now)];
    let rows: Vec<_> = members.iter().map(row).collect();
    let mut lines = table(["ID", "NAME", "SINCE"], &rows);
    lines.extend(next.as_ref().map(|next| plain(&format!("There are more: add --after {next}"))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_stand_in_the_path_so_that_they_lead_nowhere_else() {
        let join = Command::Join { name: "staff".into(), id: "a/b?c@x.org".into() }.call();
        assert_eq!(
            (join.method, join.path.as_str()),
            (Method::PUT, "/groups/staff/members/a%2Fb%3Fc%40x.org")
        );
        let leave = Command::Leave { name: "../x".into(), id: "ada".into() }.call();
        assert_eq!((leave.method, leave.path.as_str()), (Method::DELETE, "/groups/..%2Fx/members/ada"));
        let more = Command::Members { name: "staff".into(), after: "a&b@x.org".into(), json: false }.call();
        assert_eq!(more.path, "/groups/staff/members?after=a%26b%40x.org");
    }

    #[test]
    fn groups_and_their_members_are_tables() {
        let answer = json!({ "groups": [
            { "name": "board", "members": 0, "services": [] },
            { "name": "staff", "members": 12, "services": ["dav", "mail"] },
        ]});
        let table = "NAME   MEMBERS  MAY USE\nboard  0\nstaff  12       dav, mail";
        assert_eq!(list(&read(&answer).unwrap()), table);
        assert!(list(&read(&json!({ "groups": [] })).unwrap()).starts_with("There are no groups."));
        let now = serde_json::from_value(json!("2026-05-03T12:00:00Z")).unwrap();
        let one = json!({ "name": "ada@x.org", "display_name": "Ada", "joined_at": "2026-05-03T11:00:00Z" });
        let answer = json!({ "members": [one], "next": "ada@x.org" });
        let table =
            "ID         NAME  SINCE\nada@x.org  Ada   1 hour ago\nThere are more: add --after ada@x.org";
        assert_eq!(members("staff", &read(&answer).unwrap(), now), table);
        let nobody = members("staff", &read(&json!({ "members": [], "next": null })).unwrap(), now);
        assert!(nobody.starts_with("There is nobody in staff."));
    }
}
