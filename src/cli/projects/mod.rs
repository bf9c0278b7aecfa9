//! `doorkey projects`

use axum::http::Method;
use clap::{ArgGroup, Subcommand};
use domain::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Client;
use super::confirm;
use super::console::Console;
use super::credentials::Folder;
use super::failure::Failure;
use super::render::{clipped, plain, read, table};
use super::rules::{Rules, Tokens};
use super::{in_path, path_part};
use crate::clock::Clock;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    /// The code from your authenticator app, or a recovery code [default: asked for where it is needed]
    #[arg(long, global = true)]
    code: Option<String>,
    /// Print the API's answer as JSON
    #[arg(long, global = true)]
    json: bool,
}

/// A project, by its name or its id.
#[derive(Debug, clap::Args)]
struct Project {
    /// The project: its name, or its id
    #[arg(value_name = "PROJECT", value_parser = path_part)]
    project: String,
}

/// Somebody of a project's team.
#[derive(Debug, clap::Args)]
struct Member {
    #[command(flatten)]
    of: Project,
    /// Their ID
    #[arg(value_parser = path_part)]
    id: String,
}

/// A connection of your own, and a project.
#[derive(Debug, clap::Args)]
struct Own {
    /// Which one: its id, or its name if you have one of that name
    #[arg(value_parser = path_part)]
    connection: String,
    /// The project: its name, or its id
    #[arg(long, value_parser = path_part)]
    project: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the projects whose team you are in
    List,
    /// Make one, which you own
    Add {
        /// What it is called
        name: String,
        /// How long its builds last at most, in minutes: 5 to 1440
        #[arg(long, value_name = "MINUTES")]
        build_minutes: Option<u32>,
    },
    /// Show one: who owns it, how long its builds last, and which connections they use
    Show(Project),
    /// Give it another name, as its owner
    Rename {
        #[command(flatten)]
        of: Project,
        /// What it is to be called
        name: String,
    },
    /// Set how long its builds last at most, as its owner
    BuildMinutes {
        #[command(flatten)]
        of: Project,
        /// In minutes: 5 to 1440
        minutes: u32,
    },
    /// Remove it with its builds, rules and tokens, as its owner
    Remove(Project),
    /// List who is in its team
    Team(Project),
    /// Invite somebody to its team; the link is shown this once
    Invite {
        #[command(flatten)]
        who: Member,
        /// Their role: admin, developer or viewer
        #[arg(long)]
        role: String,
    },
    /// List who is invited
    Invitations(Project),
    /// Make a new link for an invitation
    Renew {
        #[command(flatten)]
        of: Project,
        /// The invitation's id, in the list of invitations
        #[arg(value_parser = path_part)]
        invitation: String,
    },
    /// Take an invitation back
    Withdraw {
        #[command(flatten)]
        of: Project,
        /// The invitation's id, in the list of invitations
        #[arg(value_parser = path_part)]
        invitation: String,
    },
    /// Join a team with the link of an invitation
    Join {
        /// The link
        link: String,
    },
    /// Give somebody of its team another role
    Role {
        #[command(flatten)]
        who: Member,
        /// admin, developer or viewer
        role: String,
    },
    /// Take somebody out of its team
    TakeOut(Member),
    /// Leave its team
    Leave(Project),
    /// Hand it over to somebody of its team, as its owner
    HandOver(Member),
    /// Offer a connection of yours, so that its admins can choose it
    Offer(Own),
    /// Take an offer of yours back: its builds stop using it at once
    TakeBack(Own),
    /// Its rules: whose identity tokens open its builds
    Rules {
        #[command(flatten)]
        of: Project,
        #[command(subcommand)]
        command: Rules,
    },
    /// Its tokens, which open its builds
    Tokens {
        #[command(flatten)]
        of: Project,
        #[command(subcommand)]
        command: Tokens,
    },
    /// Choose what its builds use
    #[command(group = ArgGroup::new("what").required(true))]
    Use {
        #[command(flatten)]
        of: Project,
        /// A connection that is offered: its id, or its name if there is one of that name
        #[arg(group = "what")]
        connection: Option<String>,
        /// No connection of this kind: apple_id or api_key
        #[arg(long, value_name = "KIND", value_parser = path_part, group = "what")]
        none: Option<String>,
    },
}

#[derive(Deserialize)]
struct All {
    projects: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    id: String,
    name: String,
    role: String,
    build_minutes: u32,
}

#[derive(Deserialize)]
struct Members {
    members: Vec<OneMember>,
}

#[derive(Deserialize)]
struct OneMember {
    name: String,
    display_name: String,
    role: String,
    suspended: bool,
    joined_at: Timestamp,
}

#[derive(Deserialize)]
struct Invitations {
    invitations: Vec<Invitation>,
}

#[derive(Deserialize)]
struct Invitation {
    id: String,
    invited: String,
    role: String,
    expires_at: Timestamp,
}

#[derive(Deserialize)]
struct Made {
    link: String,
    mailed: bool,
    #[serde(flatten)]
    invitation: Invitation,
}

#[derive(Deserialize)]
struct Choices {
    kinds: Vec<OfKind>,
    yours: Vec<Connection>,
}

#[derive(Deserialize)]
struct OfKind {
    kind: String,
    in_use: Option<String>,
    people: Vec<OfPerson>,
    unused: Option<Unused>,
}

#[derive(Deserialize)]
struct OfPerson {
    display_name: String,
    offered: Vec<Connection>,
    keeps_some: bool,
}

#[derive(Deserialize)]
struct Connection {
    id: String,
    name: String,
    #[serde(default)]
    state: String,
}

#[derive(Deserialize)]
struct Unused {
    name: String,
    person: String,
    at: Timestamp,
}

pub(super) async fn run(args: Args, folder: &Folder, console: &mut Console) -> Result<(), Failure> {
    let (client, _) = folder.signed_in()?;
    let mut session = Session { client: &client, console, code: args.code.as_deref(), json: args.json };
    args.command.run(&mut session).await
}

/// What the commands work with.
struct Session<'a> {
    client: &'a Client,
    console: &'a mut Console,
    code: Option<&'a str>,
    json: bool,
}

impl Session<'_> {
    /// Asks for something, and shows it.
    async fn show(
        &mut self,
        path: &str,
        words: impl FnOnce(&Value) -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        let answer = self.client.request(Method::GET, path, None).await?;
        self.print(&answer, words)
    }

    fn print(
        &mut self,
        answer: &Value,
        words: impl FnOnce(&Value) -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        if self.json { self.console.json(answer) } else { self.console.say(&words(answer)?) }
    }

    /// Changes something, and says so.
    async fn change(&mut self, method: Method, path: &str, body: Value, done: &str) -> Result<(), Failure> {
        let answer = confirm::request(self.client, self.console, self.code, (method, path, &body)).await?;
        self.print(&answer, |_| Ok(plain(done)))
    }

    /// Makes an invitation, and shows its link.
    async fn invite(&mut self, path: &str, body: Value) -> Result<(), Failure> {
        let request = (Method::POST, path, &body);
        let answer = confirm::request(self.client, self.console, self.code, request).await?;
        if self.json {
            return self.console.json(&answer);
        }
        let Made { link, mailed, invitation } = read(&answer)?;
        let before = format!("The link for {}, as {}. You see it once:", invitation.invited, invitation.role);
        let how = if mailed { "It is mailed to them too." } else { "Give it to them." };
        let after =
            format!("{how} It works once, until {}, and for nobody else.", invitation.expires_at.exact());
        self.console.secret(&plain(&before), &link, &plain(&after))
    }

    async fn choices(&self, project: &str) -> Result<Choices, Failure> {
        let answer = self.client.request(Method::GET, &format!("{}/connections", of(project)), None).await?;
        Ok(read(&answer)?)
    }
}

fn of(project: &str) -> String {
    format!("/projects/{}", in_path(project))
}

fn member(who: &Member) -> String {
    format!("{}/members/{}", of(&who.of.project), in_path(&who.id))
}

/// The connection that is meant, by its id or by a name that only one has.
fn meant<'a>(typed: &str, among: impl Iterator<Item = &'a Connection>) -> Result<&'a Connection, Failure> {
    let fitting: Vec<_> = among.filter(|one| one.id == typed || one.name == typed).collect();
    match fitting[..] {
        [one] => Ok(one),
        [] => Err(Failure::Refused(plain(&format!(
            "There is no connection {typed} to choose here. `doorkey projects show PROJECT` lists those that are offered."
        )))),
        _ => Err(Failure::Refused(plain(&format!(
            "There are several connections called {typed}. Give the id of one, which begins with con_."
        )))),
    }
}

impl Command {
    async fn run(&self, session: &mut Session<'_>) -> Result<(), Failure> {
        match self {
            Self::Rules { of, command } => {
                let with = (session.json, session.code);
                command.run(&of.project, with, session.client, session.console).await
            }
            Self::Tokens { of, command } => {
                let with = (session.json, session.code);
                command.run(&of.project, with, session.client, session.console).await
            }
            Self::List => session.show("/projects", |answer| Ok(list(&read(answer)?))).await,
            Self::Add { name, build_minutes } => {
                let body = json!({ "name": name, "build_minutes": build_minutes });
                let answer = session.client.request(Method::POST, "/projects", Some(&body)).await?;
                session.print(&answer, |answer| {
                    let One { id, name, .. } = read(answer)?;
                    Ok(plain(&format!("Made the project {name} ({id}), which you own.")))
                })
            }
            Self::Show(project) => self.show(session, &project.project).await,
            Self::Rename { of: project, name } => {
                let done = format!("It is called {name} now.");
                let body = json!({ "name": name });
                session.change(Method::PATCH, &of(&project.project), body, &done).await
            }
            Self::BuildMinutes { of: project, minutes } => {
                let done = format!("Its builds last at most {minutes} minutes from now on.");
                let body = json!({ "build_minutes": minutes });
                session.change(Method::PATCH, &of(&project.project), body, &done).await
            }
            Self::Remove(Project { project }) => {
                let done = format!("Removed {project}. Its open builds have ended.");
                session.change(Method::DELETE, &of(project), Value::Null, &done).await
            }
            Self::Team(Project { project }) => {
                let path = format!("{}/members", of(project));
                session.show(&path, |answer| Ok(team(&read(answer)?, Clock::System.now()))).await
            }
            Self::Invite { who, role } => {
                let path = format!("{}/invitations", of(&who.of.project));
                session.invite(&path, json!({ "id": who.id, "role": role })).await
            }
            Self::Invitations(Project { project }) => {
                let path = format!("{}/invitations", of(project));
                session.show(&path, |answer| Ok(invitations(&read(answer)?, Clock::System.now()))).await
            }
            Self::Renew { of: project, invitation } => {
                let path = format!("{}/invitations/{}/renew", of(&project.project), in_path(invitation));
                session.invite(&path, Value::Null).await
            }
            Self::Withdraw { of: project, invitation } => {
                let path = format!("{}/invitations/{}", of(&project.project), in_path(invitation));
                let done = "It is taken back: its link has stopped working.";
                session.change(Method::DELETE, &path, Value::Null, done).await
            }
            Self::Join { link } => {
                let body = json!({ "link": link });
                let path = "/project-invitations/accept";
                let answer = session.client.request(Method::POST, path, Some(&body)).await?;
                session.print(&answer, |answer| {
                    let One { name, role, .. } = read(answer)?;
                    Ok(plain(&format!("You are in the team of {name} now, as {role}.")))
                })
            }
            Self::Role { who, role } => {
                let done = format!("{} is {role} of {} now.", who.id, who.of.project);
                session.change(Method::PATCH, &member(who), json!({ "role": role }), &done).await
            }
            Self::TakeOut(who) => {
                let done = format!("{} is no longer in the team of {}.", who.id, who.of.project);
                session.change(Method::DELETE, &member(who), Value::Null, &done).await
            }
            Self::Leave(Project { project }) => {
                let path = format!("{}/leave", of(project));
                session.change(Method::POST, &path, Value::Null, &format!("You have left {project}.")).await
            }
            Self::HandOver(who) => {
                let path = format!("{}/owner", of(&who.of.project));
                let done = format!("{} owns {} now, and you are an admin of it.", who.id, who.of.project);
                session.change(Method::PUT, &path, json!({ "account": who.id }), &done).await
            }
            Self::Offer(own) => Self::own(session, own, Method::PUT).await,
            Self::TakeBack(own) => Self::own(session, own, Method::DELETE).await,
            Self::Use { of: project, connection, none } => {
                let project = &project.project;
                let (kind, id, done) = match (connection, none) {
                    (Some(typed), _) => {
                        let choices = session.choices(project).await?;
                        let offered =
                            |of: &'_ OfKind| of.people.iter().flat_map(|one| &one.offered).count() > 0;
                        let kinds = choices.kinds.iter().filter(|of| offered(of));
                        let all = kinds.clone().flat_map(|of| of.people.iter().flat_map(|one| &one.offered));
                        let one = meant(typed, all)?;
                        let is_in =
                            |of: &&OfKind| of.people.iter().any(|p| p.offered.iter().any(|o| o.id == one.id));
                        let kind = choices.kinds.iter().find(is_in).map(|of| of.kind.clone());
                        let done = format!("Builds of {project} use {} now.", one.name);
                        (kind.unwrap_or_default(), Some(one.id.clone()), done)
                    }
                    (None, kind) => {
                        let kind = kind.clone().unwrap_or_default();
                        let done = format!("Builds of {project} use no {} now.", called(&kind));
                        (kind, None, done)
                    }
                };
                let path = format!("{}/connections/{}", of(project), in_path(&kind));
                session.change(Method::PUT, &path, json!({ "connection": id }), &done).await
            }
        }
    }

    async fn own(session: &mut Session<'_>, own: &Own, method: Method) -> Result<(), Failure> {
        let choices = session.choices(&own.project).await?;
        let one = meant(&own.connection, choices.yours.iter())?;
        let done = match method {
            Method::PUT => format!("{} is offered to {}. Its admins can choose it.", one.name, own.project),
            _ => format!("{} is no longer offered to {}.", one.name, own.project),
        };
        let path = format!("{}/offers/{}", of(&own.project), in_path(&one.id));
        session.change(method, &path, Value::Null, &done).await
    }

    async fn show(&self, session: &mut Session<'_>, project: &str) -> Result<(), Failure> {
        let client = session.client;
        let answer = client.request(Method::GET, &of(project), None).await?;
        let connections = client.request(Method::GET, &format!("{}/connections", of(project)), None).await?;
        if session.json {
            return session.console.json(&json!({ "project": answer, "connections": connections }));
        }
        let text = show(&read(&answer)?, &read(&connections)?, Clock::System.now());
        session.console.say(&text)
    }
}

fn called(kind: &str) -> &str {
    match kind {
        "apple_id" => "Apple ID",
        "api_key" => "API key",
        other => other,
    }
}

fn list(All { projects }: &All) -> String {
    if projects.is_empty() {
        return "You are in no project's team. Make a project: doorkey projects add NAME".into();
    }
    let row = |one: &One| {
        [clipped(&one.name), one.role.clone(), format!("{} minutes", one.build_minutes), one.id.clone()]
    };
    let rows: Vec<_> = projects.iter().map(row).collect();
    table(["NAME", "YOU ARE", "BUILDS LAST", "ID"], &rows).join("\n")
}

fn show(one: &One, choices: &Choices, now: Timestamp) -> String {
    let mut lines = vec![format!(
        "{} ({}): you are {}, and builds last at most {} minutes.",
        one.name, one.id, one.role, one.build_minutes
    )];
    for of in &choices.kinds {
        if of.people.is_empty() && of.unused.is_none() {
            continue;
        }
        lines.push(String::new());
        lines.push(format!(
            "{}{}",
            called(&of.kind),
            if of.in_use.is_none() { ": builds use none" } else { "" }
        ));
        for person in &of.people {
            for offered in &person.offered {
                let mark = if of.in_use.as_ref() == Some(&offered.id) { "*" } else { " " };
                let state = match offered.state.as_str() {
                    "limited" => ", Apple lets it do less than builds may need",
                    "refused" => ", Apple no longer takes it",
                    _ => "",
                };
                lines.push(format!(
                    "{mark} {}: {}{state} ({})",
                    person.display_name, offered.name, offered.id
                ));
            }
            if person.keeps_some {
                lines.push(format!("  {}: not offered to this project", person.display_name));
            }
        }
        if let Some(unused) = &of.unused {
            let (name, person, at) = (&unused.name, &unused.person, unused.at.human(now));
            lines.push(format!("  Builds no longer use {person}'s {name}, since {at}. Choose another one."));
        }
    }
    lines.iter().map(|line| plain(line)).collect::<Vec<_>>().join("\n")
}

fn team(Members { members }: &Members, now: Timestamp) -> String {
    let row = |one: &OneMember| {
        let role = if one.suspended { format!("{}, suspended", one.role) } else { one.role.clone() };
        [one.name.clone(), clipped(&one.display_name), role, one.joined_at.human(now)]
    };
    let rows: Vec<_> = members.iter().map(row).collect();
    table(["ID", "NAME", "ROLE", "SINCE"], &rows).join("\n")
}

fn invitations(Invitations { invitations }: &Invitations, now: Timestamp) -> String {
    if invitations.is_empty() {
        return "Nobody is invited. Invite somebody: doorkey projects invite PROJECT ID --role developer"
            .into();
    }
    let row = |one: &Invitation| {
        let until = one.expires_at.human(now);
        let until = if one.expires_at <= now { format!("expired {until}") } else { until };
        [one.invited.clone(), one.role.clone(), until, one.id.clone()]
    };
    let rows: Vec<_> = invitations.iter().map(row).collect();
    table(["INVITED", "ROLE", "UNTIL", "ID"], &rows).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_project_uses_stands_by_kind_and_person() {
        let now = serde_json::from_value(json!("2026-05-03T12:00:00Z")).unwrap();
        let one = json!({
            "id": "prj_1", "name": "Northwind iOS", "role": "admin", "build_minutes": 120, "created_at": "2026-05-01T12:00:00Z",
        });
        let kind = |in_use: Value, unused: Value| {
            json!({ "kind": "api_key", "in_use": in_use, "unused": unused, "people": [
                { "display_name": "Ada", "keeps_some": false, "offered": [
                    { "id": "con_1", "name": "AuthKey_2X9R4HXF34", "state": "good" },
                ]},
                { "display_name": "Grace", "keeps_some": true, "offered": [] },
            ]})
        };
        let used = json!({ "yours": [], "kinds": [kind(json!("con_1"), Value::Null)] });
        assert_eq!(
            show(&read(&one).unwrap(), &read(&used).unwrap(), now),
            "\
Northwind iOS (prj_1): you are admin, and builds last at most 120 minutes.

API key
* Ada: AuthKey_2X9R4HXF34 (con_1)
  Grace: not offered to this project"
        );
        let unused =
            json!({ "name": "AuthKey_1", "person": "Eve", "at": "2026-05-03T11:00:00Z", "why": "left_team" });
        let gone = json!({ "yours": [], "kinds": [kind(Value::Null, unused)] });
        let text = show(&read(&one).unwrap(), &read(&gone).unwrap(), now);
        assert!(text.contains("API key: builds use none\n  Ada: AuthKey"), "{text}");
        assert!(
            text.ends_with("Builds no longer use Eve's AuthKey_1, since 1 hour ago. Choose another one."),
            "{text}"
        );
    }

    #[test]
    fn a_connection_is_meant_by_its_id_or_by_a_name_that_only_one_has() {
        let one =
            |id: &str, name: &str| Connection { id: id.into(), name: name.into(), state: String::new() };
        let all = [one("con_1", "AuthKey_A"), one("con_2", "AuthKey_B"), one("con_3", "AuthKey_B")];
        assert_eq!(meant("AuthKey_A", all.iter()).unwrap().id, "con_1");
        assert_eq!(meant("con_3", all.iter()).unwrap().id, "con_3");
        assert!(meant("AuthKey_B", all.iter()).is_err() && meant("AuthKey_C", all.iter()).is_err());
    }
}
