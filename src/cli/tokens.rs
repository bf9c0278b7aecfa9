//! `doorkey tokens`

use axum::http::Method;
use clap::Subcommand;
use domain::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::client::Client;
use super::confirm;
use super::console::Console;
use super::credentials::Folder;
use super::failure::Failure;
use super::render::{clipped, plain, read, table};
use super::{in_path, path_part};
use crate::clock::Clock;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List them: what each may be used for, when it was last used, and when it expires
    List(List),
    /// Make one for a program; it is shown this once
    Make(Make),
    /// Revoke one
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "The token is printed alone on standard output, the words around it on standard error, so that a script \
                    can take it:\n\n    token=$(doorkey tokens make --label Report --scope read --expires 90d)";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
struct Make {
    /// What it is for, in your own words, like "Weekly report"
    #[arg(long)]
    label: String,
    /// What it may be used for: read, revoke; as an administrator also events, people, services
    #[arg(long = "scope", value_name = "SCOPE,...", value_delimiter = ',', required = true)]
    scopes: Vec<String>,
    /// When it stops working, like 30d, 12w or 1y; a year at most
    #[arg(long, value_name = "TIME")]
    expires: String,
    /// The code from your authenticator app, or a recovery code [default: asked for where it is needed]
    #[arg(long)]
    code: Option<String>,
    /// Print the API's answer as JSON, with the token in it
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// Which one: its id in the list
    #[arg(value_parser = path_part)]
    id: String,
}

#[derive(Deserialize)]
struct Answer {
    tokens: Vec<Token>,
}

/// A token, as far as it is shown.
#[derive(Deserialize)]
struct Token {
    id: String,
    label: String,
    scopes: Vec<String>,
    expired: bool,
    expires_at: Timestamp,
    last_used_at: Option<Timestamp>,
    last_used_source: Option<String>,
}

#[derive(Deserialize)]
struct Made {
    token: String,
    #[serde(flatten)]
    described: Token,
}

pub(super) async fn run(args: Args, folder: &Folder, console: &mut Console) -> Result<(), Failure> {
    let (client, _) = folder.signed_in()?;
    match args.command {
        Command::List(args) => list(&args, &client, console).await,
        Command::Make(args) => make(&args, &client, console).await,
        Command::Revoke(args) => revoke(&args, &client, console).await,
    }
}

async fn list(args: &List, client: &Client, console: &mut Console) -> Result<(), Failure> {
    let answer = client.request(Method::GET, "/tokens", None).await?;
    if args.json {
        return console.json(&answer);
    }
    console.say(&text(&read(&answer)?, Clock::System.now()))
}

fn text(answer: &Answer, now: Timestamp) -> String {
    if answer.tokens.is_empty() {
        return "You have no API tokens. Make one: doorkey tokens make --label LABEL --scope read --expires 90d"
            .into();
    }
    let rows: Vec<_> = answer.tokens.iter().map(|token| token.row(now)).collect();
    table(["LABEL", "SCOPES", "LAST USED", "EXPIRES", "ID"], &rows).join("\n")
}

impl Token {
    fn row(&self, now: Timestamp) -> [String; 5] {
        let used = self.last_used_at.map_or_else(
            || "never".into(),
            |at| match self.last_used_source.as_deref().unwrap_or_default() {
                "" => at.human(now),
                from => format!("{} from {from}", at.human(now)),
            },
        );
        let expires = self.expires_at.human(now);
        let expires = if self.expired { format!("expired {expires}") } else { expires };
        [clipped(&self.label), self.scopes.join(", "), used, expires, self.id.clone()]
    }
}

async fn make(args: &Make, client: &Client, console: &mut Console) -> Result<(), Failure> {
    let body = json!({ "label": args.label, "scopes": args.scopes, "expires": args.expires });
    let request = (Method::POST, "/tokens", &body);
    let answer = confirm::request(client, console, args.code.as_deref(), request).await?;
    if args.json {
        return console.json(&answer);
    }
    let Made { token, described } = read(&answer)?;
    let before = format!("Your token for {}. You see it once:", described.label);
    let after = format!(
        "Send it as \"Authorization: Bearer\". It may be used for {}, until {}.",
        described.scopes.join(", "),
        described.expires_at.date()
    );
    console.secret(&plain(&before), &token, &plain(&after))
}

async fn revoke(args: &Revoke, client: &Client, console: &mut Console) -> Result<(), Failure> {
    if !args.id.starts_with("tok_") {
        return Err(Failure::Usage(
            "Give its id, which begins with tok_: it stands in the last column of `doorkey tokens list`."
                .into(),
        ));
    }
    client.request(Method::DELETE, &format!("/tokens/{}", in_path(&args.id)), None).await?;
    console.say("It is revoked. Whatever used it is refused from now on.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn token(label: &str, used: Value, expired: bool) -> Value {
        json!({
            "id": format!("tok_{label}"), "label": label, "scopes": ["read", "people"], "expired": expired,
            "created_at": "2026-05-01T12:00:00Z", "last_used_at": used, "last_used_source": "198.51.100.7",
            "expires_at": if expired { "2026-05-02T06:00:00Z" } else { "2026-05-13T12:00:00Z" },
        })
    }

    #[test]
    fn the_list_says_what_each_is_for_and_until_when() {
        let answer = json!({
            "tokens": [token("CI", json!("2026-05-03T11:58:00Z"), false), token("Old", Value::Null, true)], "limit": 25,
        });
        let now = serde_json::from_value(json!("2026-05-03T12:00:00Z")).unwrap();
        assert_eq!(
            text(&read(&answer).unwrap(), now),
            "\
LABEL  SCOPES        LAST USED                        EXPIRES            ID
CI     read, people  2 minutes ago from 198.51.100.7  in 10 days         tok_CI
Old    read, people  never                            expired yesterday  tok_Old"
        );
        assert!(text(&Answer { tokens: Vec::new() }, now).starts_with("You have no API tokens."));
    }
}
