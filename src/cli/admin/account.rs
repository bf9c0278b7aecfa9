//! `doorkey admin account`

use axum::http::Method;
use clap::Subcommand;
use domain::{Secret, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::{plain, read};
use crate::cli::{in_path, path_part};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add an account
    Add(Add),
    /// Make a one-time link with which somebody sets a new password
    #[command(
        after_help = "The link is printed alone on standard output, the words around it on standard error."
    )]
    ResetLink {
        /// The account's ID
        #[arg(value_parser = path_part)]
        id: String,
        /// The second factor is lost: the link asks for no code, and turns two-factor authentication off
        #[arg(long)]
        lost_second_factor: bool,
        /// Print the API's answer as JSON
        #[arg(long)]
        json: bool,
    },
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
struct ResetLink {
    link: String,
    expires_at: Timestamp,
}

impl Command {
    pub(super) fn call(&self, console: &mut Console) -> Result<Call, Failure> {
        match self {
            Self::Add(add) => {
                let password = new_password(add, console)?;
                let body = json!({
                    "id": add.id,
                    "name": add.name,
                    "password": password.expose(),
                    "administrator": add.admin,
                    "totp": add.totp,
                });
                Ok(Call { method: Method::POST, path: "/accounts".into(), body: Some(body) })
            }
            Self::ResetLink { id, lost_second_factor, .. } => {
                let path = format!("/accounts/{}/reset-link", in_path(id));
                let body = Some(json!({ "lost_second_factor": lost_second_factor }));
                Ok(Call { method: Method::POST, path, body })
            }
        }
    }

    pub(super) fn print(&self, answer: &Value, console: &mut Console) -> Result<(), Failure> {
        match self {
            Self::Add(Add { json: true, .. }) | Self::ResetLink { json: true, .. } => console.json(answer),
            Self::Add(_) => {
                let Added { name, totp_secret } = read(answer)?;
                let added = plain(&format!("Added {name}."));
                match totp_secret {
                    None => console.say(&added),
                    Some(secret) => console.secret(
                        &format!("{added} The secret for their authenticator app, shown this once:"),
                        &secret,
                        "Hand it on in a way that nobody else sees.",
                    ),
                }
            }
            Self::ResetLink { id, .. } => {
                let ResetLink { link, expires_at } = read(answer)?;
                let before = format!("With this link {} sets a new password, once:", plain(id));
                console.secret(&before, &link, &format!("It is good until {}.", expires_at.exact()))
            }
        }
    }
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
        let link =
            Command::ResetLink { id: "ada@example.org".into(), lost_second_factor: false, json: false };
        let answer = json!({ "link": "https://d.example.org/reset/x", "expires_at": "2026-05-03T14:05:00Z" });
        let screen = Screen::new();
        link.print(&answer, &mut screen.console()).unwrap();
        assert_eq!(screen.out(), "https://d.example.org/reset/x\n");
        assert!(screen.err().ends_with("It is good until 3 May 2026, 14:05 UTC.\n"), "{}", screen.err());
    }

    #[test]
    fn json_is_the_apis_answer() {
        let answer = json!({ "id": "acc_1", "anything": [1] });
        let screen = Screen::new();
        Command::Add(add(true, true)).print(&answer, &mut screen.console()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&screen.out()).unwrap(), answer);
    }
}
