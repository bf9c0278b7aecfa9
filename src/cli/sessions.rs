//! `doorkey sessions`

use axum::http::Method;
use clap::{ArgGroup, Subcommand};
use domain::Timestamp;
use serde::Deserialize;

use super::client::Client;
use super::console::Console;
use super::credentials::Folder;
use super::failure::Failure;
use super::render::{clipped, read, table};
use super::{in_path, path_part};
use crate::clock::Clock;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List them: what each is, from where, and when it ends
    List(List),
    /// Sign one out, or all but this one
    SignOut(SignOut),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("which").required(true))]
struct SignOut {
    /// Which one: its id in the list
    #[arg(value_parser = path_part, group = "which")]
    id: Option<String>,
    /// All but this one
    #[arg(long, group = "which")]
    others: bool,
}

#[derive(Deserialize)]
struct Answer {
    sessions: Vec<Session>,
}

#[derive(Deserialize)]
struct Session {
    id: String,
    client: String,
    agent: String,
    source: String,
    last_seen_at: Timestamp,
    ends_at: Timestamp,
    here: bool,
}

#[derive(Deserialize)]
struct SignedOut {
    signed_out: u64,
}

pub(super) async fn run(args: Args, folder: &Folder, console: &mut Console) -> Result<(), Failure> {
    let (client, _) = folder.signed_in()?;
    match args.command {
        Command::List(args) => list(&args, &client, console).await,
        Command::SignOut(args) => sign_out(&args, &client, console).await,
    }
}

async fn list(args: &List, client: &Client, console: &mut Console) -> Result<(), Failure> {
    let answer = client.request(Method::GET, "/sessions", None).await?;
    if args.json {
        return console.json(&answer);
    }
    console.say(&text(&read(&answer)?, Clock::System.now()))
}

fn text(answer: &Answer, now: Timestamp) -> String {
    let rows: Vec<_> = answer.sessions.iter().map(|session| session.row(now)).collect();
    table(["WHAT", "FROM", "LAST USED", "ENDS", "ID"], &rows).join("\n")
}

impl Session {
    fn row(&self, now: Timestamp) -> [String; 5] {
        let unnamed = if self.client == "browser" { "a browser" } else { "a command line" };
        let agent = if self.agent.is_empty() { unnamed } else { self.agent.as_str() };
        let here = if self.here { " (this one)" } else { "" };
        [
            format!("{}{here}", clipped(agent)),
            self.source.clone(),
            self.last_seen_at.human(now),
            self.ends_at.human(now),
            self.id.clone(),
        ]
    }
}

async fn sign_out(args: &SignOut, client: &Client, console: &mut Console) -> Result<(), Failure> {
    let Some(id) = &args.id else {
        let answer = client.request(Method::DELETE, "/sessions", None).await?;
        return console.say(&match read::<SignedOut>(&answer)?.signed_out {
            0 => "No other browser or command line was signed in.".into(),
            1 => "1 other browser or command line is signed out.".into(),
            n => format!("{n} other browsers and command lines are signed out."),
        });
    };
    if !id.starts_with("ses_") {
        return Err(Failure::Usage(
            "Give its id, which begins with ses_: it stands in the last column of `doorkey sessions list`."
                .into(),
        ));
    }
    client.request(Method::DELETE, &format!("/sessions/{}", in_path(id)), None).await?;
    console.say("It is signed out.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_list_says_which_one_this_is() {
        let session = |id: &str, agent: &str, here: bool| {
            json!({
                "id": id, "client": "browser", "agent": agent, "source": "198.51.100.7", "here": here,
                "created_at": "2026-05-01T12:00:00Z", "last_seen_at": "2026-05-03T11:58:00Z",
                "ends_at": "2026-05-17T11:58:00Z",
            })
        };
        let answer =
            json!({ "sessions": [session("ses_1", "Firefox on Linux", true), session("ses_2", "", false)] });
        let now = serde_json::from_value(json!("2026-05-03T12:00:00Z")).unwrap();
        assert_eq!(
            text(&read(&answer).unwrap(), now),
            "\
WHAT                         FROM          LAST USED      ENDS        ID
Firefox on Linux (this one)  198.51.100.7  2 minutes ago  in 14 days  ses_1
a browser                    198.51.100.7  2 minutes ago  in 14 days  ses_2"
        );
    }
}
