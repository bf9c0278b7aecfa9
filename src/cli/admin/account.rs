//! `doorkey admin account`

use axum::http::Method;
use clap::Subcommand;
use domain::{Secret, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use super::people::{self, Person};
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::{plain, read};
use crate::cli::{in_path, path_part};
use crate::clock::Clock;

const LINK_HELP: &str =
    "The link is printed alone on standard output, the words around it on standard error.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List people, in the order of their IDs
    List {
        /// Only those whose ID, alias, or a word of whose name begins with this
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Print the API's answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one person
    Show(One),
    /// Add an account, with its password
    Add(Add),
    /// Invite somebody: make their account, and a one-time link with which they set its password
    #[command(after_help = LINK_HELP)]
    Invite(Invite),
    /// Make a new invitation link; earlier ones stop working
    #[command(after_help = LINK_HELP)]
    InviteLink {
        #[command(flatten)]
        one: One,
        /// Print the link also when it is mailed to them
        #[arg(long)]
        show_link: bool,
    },
    /// Make a one-time link with which somebody sets a new password
    #[command(after_help = LINK_HELP)]
    ResetLink {
        /// The account's ID
        #[arg(value_parser = path_part)]
        id: String,
        /// The second factor is lost: the link asks for no code, and turns two-factor authentication off
        #[arg(long)]
        lost_second_factor: bool,
        /// Print the link also when it is mailed to them
        #[arg(long)]
        show_link: bool,
        /// Print the API's answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Sign somebody, or everybody, out in every browser and command line; apps go on
    SignOut(SignOut),
    /// Suspend an account: it is signed out everywhere, and no app signs in with it
    Suspend(One),
    /// Let a suspended account be used again
    Resume(One),
    /// Remove an account for good, with all that is its own
    Remove {
        /// The account's ID
        #[arg(value_parser = path_part)]
        id: String,
        /// Don't ask: remove it
        #[arg(long)]
        yes: bool,
    },
    /// Let somebody administer this server
    MakeAdmin(One),
    /// End somebody's administering this server
    UnmakeAdmin(One),
    /// Change what somebody is called
    Rename {
        #[command(flatten)]
        one: One,
        /// What they are called from now on
        #[arg(long)]
        name: String,
    },
    /// Other names that sign an account in
    #[command(subcommand)]
    Alias(Alias),
}

#[derive(Debug, Subcommand)]
pub(super) enum Alias {
    /// Add one
    Add {
        #[command(flatten)]
        one: One,
        /// Another e-mail address
        alias: String,
    },
    /// Remove one
    Remove {
        #[command(flatten)]
        one: One,
        /// The alias
        #[arg(value_parser = path_part)]
        alias: String,
    },
}

/// An account, and how its answer is to be printed.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// The account's ID
    #[arg(value_parser = path_part)]
    id: String,
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

/// Whom to sign out, and how the answer is to be printed.
#[derive(Debug, clap::Args)]
pub(super) struct SignOut {
    /// The account's ID
    #[arg(value_parser = path_part, required_unless_present = "everybody")]
    id: Option<String>,
    /// Everybody who has an account
    #[arg(long, conflicts_with = "id")]
    everybody: bool,
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Deserialize)]
struct EverybodySignedOut {
    signed_out: u64,
}

#[derive(Debug, clap::Args)]
pub(super) struct Invite {
    /// Their ID, an e-mail address
    id: String,
    /// What they are called
    #[arg(long)]
    name: String,
    /// Another e-mail address that signs them in; may be given again
    #[arg(long = "alias", value_name = "ALIAS")]
    aliases: Vec<String>,
    /// Let them administer this server
    #[arg(long)]
    admin: bool,
    /// Print the link also when it is mailed to them
    #[arg(long)]
    show_link: bool,
    /// Print the API's answer as JSON, with the link in it
    #[arg(long)]
    json: bool,
}

const ADD_HELP: &str = "The password is asked for on the terminal, twice. With --totp, the secret for the authenticator \
                        app is printed alone on standard output, this once; --json has its otpauth: address too.";

#[derive(Debug, clap::Args)]
#[command(after_help = ADD_HELP)]
pub(super) struct Add {
    /// The account's ID, an e-mail address
    id: String,
    /// What its person is called
    #[arg(long)]
    name: String,
    /// Let the account administer this server
    #[arg(long)]
    admin: bool,
    /// Take the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    /// Turn two-factor authentication on, and print the secret for the authenticator app
    #[arg(long)]
    totp: bool,
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Added {
    name: String,
    totp_secret: Option<String>,
}

#[derive(Deserialize)]
struct Link {
    link: Option<String>,
    mailed_to: Option<String>,
    expires_at: Timestamp,
}

impl Command {
    pub(super) fn call(&self, console: &mut Console) -> Result<Call, Failure> {
        let of = |id: &str, rest: &str| format!("/accounts/{}{rest}", in_path(id));
        let call = |method, path, body| Ok(Call { method, path, body });
        match self {
            Self::List { search, .. } => {
                let search = search.as_deref().unwrap_or_default();
                call(Method::GET, format!("/accounts?limit=1000&q={}", in_path(search)), None)
            }
            Self::Show(one) => call(Method::GET, of(&one.id, ""), None),
            Self::Add(add) => {
                let password = new_password(add, console)?;
                let body = json!({
                    "id": add.id,
                    "name": add.name,
                    "password": password.expose(),
                    "administrator": add.admin,
                    "totp": add.totp,
                });
                call(Method::POST, "/accounts".into(), Some(body))
            }
            Self::Invite(Invite { id, name, aliases, admin, show_link, .. }) => {
                let body = json!({
                    "id": id, "name": name, "aliases": aliases, "administrator": admin, "show_link": show_link,
                });
                call(Method::POST, "/accounts".into(), Some(body))
            }
            Self::InviteLink { one, show_link } => {
                call(Method::POST, of(&one.id, "/invite-link"), Some(json!({ "show_link": show_link })))
            }
            Self::ResetLink { id, lost_second_factor, show_link, .. } => {
                let body = Some(json!({ "lost_second_factor": lost_second_factor, "show_link": show_link }));
                call(Method::POST, of(id, "/reset-link"), body)
            }
            Self::SignOut(SignOut { id: Some(id), .. }) => call(Method::POST, of(id, "/sign-out"), None),
            Self::SignOut(SignOut { id: None, .. }) => call(Method::POST, "/accounts/sign-out".into(), None),
            Self::Suspend(one) => call(Method::POST, of(&one.id, "/suspend"), None),
            Self::Resume(one) => call(Method::POST, of(&one.id, "/resume"), None),
            Self::Remove { id, yes } => {
                if !yes {
                    ask_before_removing(id, console)?;
                }
                call(Method::DELETE, of(id, ""), None)
            }
            Self::MakeAdmin(one) => {
                call(Method::PATCH, of(&one.id, ""), Some(json!({ "administrator": true })))
            }
            Self::UnmakeAdmin(one) => {
                call(Method::PATCH, of(&one.id, ""), Some(json!({ "administrator": false })))
            }
            Self::Rename { one, name } => {
                call(Method::PATCH, of(&one.id, ""), Some(json!({ "display_name": name })))
            }
            Self::Alias(Alias::Add { one, alias }) => {
                call(Method::POST, of(&one.id, "/aliases"), Some(json!({ "alias": alias })))
            }
            Self::Alias(Alias::Remove { one, alias }) => {
                call(Method::DELETE, of(&one.id, &format!("/aliases/{}", in_path(alias))), None)
            }
        }
    }

    const fn is_json(&self) -> bool {
        match self {
            Self::List { json, .. }
            | Self::Add(Add { json, .. })
            | Self::Invite(Invite { json, .. })
            | Self::SignOut(SignOut { json, .. })
            | Self::ResetLink { json, .. } => *json,
            Self::Show(one)
            | Self::InviteLink { one, .. }
            | Self::Suspend(one)
            | Self::Resume(one)
            | Self::MakeAdmin(one)
            | Self::UnmakeAdmin(one)
            | Self::Rename { one, .. }
            | Self::Alias(Alias::Add { one, .. } | Alias::Remove { one, .. }) => one.json,
            Self::Remove { .. } => false,
        }
    }

    pub(super) fn print(&self, answer: &Value, console: &mut Console) -> Result<(), Failure> {
        if self.is_json() {
            return console.json(answer);
        }
        let link = |console: &mut Console, before: String| {
            let Link { link, mailed_to, expires_at } = read(answer)?;
            let good = format!("It is good until {}.", expires_at.exact());
            let mailed = mailed_to.map(|address| {
                format!(
                    "It is sent by mail to {address}; doorkey admin account show {address} says if it wasn't \
                     delivered."
                )
            });
            match (link, mailed) {
                (Some(link), mailed) => {
                    let after = format!("{good} {}", mailed.unwrap_or_default());
                    console.secret(&plain(&format!("{before}:")), &link, plain(&after).trim_end())
                }
                (None, mailed) => {
                    let said = format!("{before}. {good} {}", mailed.unwrap_or_default());
                    console.say(plain(&said).trim_end())
                }
            }
        };
        let person = || read::<Person>(answer);
        let said = match self {
            Self::List { search, .. } => people::list(&read(answer)?, search.as_deref(), Clock::System.now()),
            Self::Show(_) => people::person(&person()?, Clock::System.now()),
            Self::Add(_) => {
                let Added { name, totp_secret } = read(answer)?;
                let added = plain(&format!("Added {name}."));
                let Some(secret) = totp_secret else { return console.say(&added) };
                return console.secret(
                    &format!("{added} The secret for their authenticator app, shown this once:"),
                    &secret,
                    "Hand it on in a way that nobody else sees.",
                );
            }
            Self::Invite(_) => {
                let name = person()?.name;
                return link(
                    console,
                    format!("Invited {name}. With this link they set their password, once"),
                );
            }
            Self::InviteLink { one, .. } => {
                return link(console, format!("With this link {} sets their password, once", one.id));
            }
            Self::ResetLink { id, lost_second_factor: false, .. } => {
                return link(console, format!("With this link {id} sets a new password, once"));
            }
            Self::ResetLink { id, lost_second_factor: true, .. } => {
                return link(
                    console,
                    format!(
                        "Whoever has this link has the account of {id}: it asks for no code, turns two-factor \
                         authentication off, ends every app-specific password, and sets a new password, once"
                    ),
                );
            }
            Self::SignOut(SignOut { id: Some(id), .. }) => format!("Signed {id} out everywhere."),
            Self::SignOut(SignOut { id: None, .. }) => {
                let EverybodySignedOut { signed_out } = read(answer)?;
                format!("Signed everybody out. Browsers and command lines that were signed in: {signed_out}.")
            }
            Self::Suspend(_) => format!("Suspended {}. It is signed out everywhere.", person()?.name),
            Self::Resume(_) => format!("Resumed {}.", person()?.name),
            Self::Remove { id, .. } => format!("Removed {id}."),
            Self::MakeAdmin(_) => format!("{} administers this server.", person()?.name),
            Self::UnmakeAdmin(_) => format!("{} doesn't administer this server.", person()?.name),
            Self::Rename { .. } => {
                let person = person()?;
                format!("{} is called {}.", person.name, person.display_name)
            }
            Self::Alias(Alias::Add { alias, .. }) => format!("{alias} signs {} in too.", person()?.name),
            Self::Alias(Alias::Remove { alias, .. }) => {
                format!("{alias} no longer signs {} in.", person()?.name)
            }
        };
        // A table's cells are made safe one by one, and it has lines.
        match self {
            Self::List { .. } | Self::Show(_) => console.say(&said),
            _ => console.say(&plain(&said)),
        }
    }
}

/// Asks once before what can't be undone.
fn ask_before_removing(id: &str, console: &mut Console) -> Result<(), Failure> {
    let question = format!(
        "{id} is deleted for good, with the app-specific passwords, which stop working, and all else that is its own; only \
         the log keeps its lines. Remove it? [yes/no] "
    );
    let answer = console.choose(&plain(&question))?.ok_or_else(|| {
        Failure::Usage(
            "There is no terminal to ask on whether the account is to be deleted for good. Add --yes if it is.".into(),
        )
    })?;
    if !answer.trim().eq_ignore_ascii_case("yes") {
        return Err(Failure::Refused("Nothing was removed. Answer yes to remove the account.".into()));
    }
    Ok(())
}

/// Asks twice, since nobody sees what is typed.
fn new_password(add: &Add, console: &mut Console) -> Result<Secret<String>, Failure> {
    let password = console.password(&format!("Password for {}: ", add.id), add.password_stdin)?;
    if !add.password_stdin {
        let again = console.password("The same again: ", false)?;
        if again.expose() != password.expose() {
            return Err(Failure::Refused(
                "The two passwords aren't the same, so nothing was added. Try again.".into(),
            ));
        }
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::Screen;

    fn add(password_stdin: bool, json: bool) -> Add {
        let (id, name) = ("ada@example.org".into(), "Ada".into());
        Add { id, name, admin: true, password_stdin, totp: true, json }
    }

    #[test]
    fn the_password_is_asked_for_twice_and_sent_with_the_rest() {
        let screen = Screen::new().answers(&["correct horse", "correct horse"]);
        let call = Command::Add(add(false, false)).call(&mut screen.console()).unwrap();
        assert_eq!((call.method, call.path.as_str()), (Method::POST, "/accounts"));
        let body = json!({
            "id": "ada@example.org", "name": "Ada", "password": "correct horse", "administrator": true, "totp": true,
        });
        assert_eq!(call.body, Some(body));
        assert_eq!(screen.prompts(), ["Password for ada@example.org: ", "The same again: "]);
    }

    #[test]
    fn two_passwords_that_differ_add_nothing() {
        let screen = Screen::new().answers(&["correct horse", "correct hose"]);
        let refused = Command::Add(add(false, false)).call(&mut screen.console()).err();
        assert_eq!(refused.map(|failure| failure.exit_code()), Some(1));
    }

    #[test]
    fn a_password_from_standard_input_is_taken_once() {
        let screen = Screen::new().typed_in("correct horse\n");
        let call = Command::Add(add(true, false)).call(&mut screen.console()).unwrap();
        assert_eq!(call.body.unwrap()["password"], "correct horse");
    }

    #[test]
    fn what_is_shown_once_stands_alone_on_standard_output() {
        let answer = json!({ "id": "acc_1", "name": "ada@example.org", "totp_secret": "JBSWY3DP" });
        let screen = Screen::new();
        Command::Add(add(true, false)).print(&answer, &mut screen.console()).unwrap();
        assert_eq!(screen.out(), "JBSWY3DP\n");
        let link = Command::ResetLink {
            id: "ada@example.org".into(),
            lost_second_factor: false,
            show_link: false,
            json: false,
        };
        let answer = json!({ "link": "https://d.example.org/reset/x", "expires_at": "2026-05-03T14:05:00Z" });
        let screen = Screen::new();
        link.print(&answer, &mut screen.console()).unwrap();
        assert_eq!(screen.out(), "https://d.example.org/reset/x\n");
        assert!(screen.err().ends_with("It is good until 3 May 2026, 14:05 UTC.\n"), "{}", screen.err());
    }

    #[test]
    fn removing_asks_once_and_takes_nothing_but_yes_for_an_answer() {
        let remove = |yes| Command::Remove { id: "ada@example.org".into(), yes };
        let asked = |screen: Screen| remove(false).call(&mut screen.console()).map(|call| call.method);
        let screen = Screen::new().answers(&[]).typed_in("yes\n");
        remove(false).call(&mut screen.console()).unwrap();
        assert!(screen.err().starts_with("ada@example.org is deleted for good, with "), "{}", screen.err());
        for answer in ["no\n", "y\n", "\n", ""] {
            let refused = asked(Screen::new().answers(&[]).typed_in(answer)).unwrap_err();
            assert_eq!(refused.exit_code(), 1, "{answer}");
        }
        let refused = asked(Screen::new().typed_in("yes\n")).unwrap_err();
        assert_eq!(refused.exit_code(), 2);
        assert!(refused.message().unwrap().contains("Add --yes"), "{refused:?}");
        assert_eq!(remove(true).call(&mut Screen::new().console()).unwrap().method, Method::DELETE);
    }

    #[test]
    fn a_link_for_a_lost_second_factor_says_that_it_is_the_account() {
        let link = Command::ResetLink {
            id: "ada@example.org".into(),
            lost_second_factor: true,
            show_link: false,
            json: false,
        };
        let until = "2026-05-03T14:05:00Z";
        for answer in [
            json!({ "link": "https://d/x", "expires_at": until }),
            json!({ "mailed_to": "ada", "expires_at": until }),
        ] {
            let screen = Screen::new();
            link.print(&answer, &mut screen.console()).unwrap();
            let said = screen.out() + &screen.err();
            assert!(said.contains("it asks for no code, turns two-factor authentication off"), "{said}");
        }
    }

    #[test]
    fn json_is_the_apis_answer() {
        let answer = json!({ "id": "acc_1", "anything": [1] });
        let screen = Screen::new();
        Command::Add(add(true, true)).print(&answer, &mut screen.console()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&screen.out()).unwrap(), answer);
    }
}
