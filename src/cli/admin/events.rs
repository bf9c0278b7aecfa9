//! `doorkey admin events`

use axum::http::Method;
use domain::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::{json_line, plain, read};
use crate::cli::{Place, client::Client, local};

/// How many are asked for at a time.
const AT_ONCE: usize = 1_000;
/// For how long a request waits for more, in seconds: less than the client's own patience.
const WAIT: u32 = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only events after the one of this number
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// Go on with those that are yet to happen
    #[arg(long)]
    follow: bool,
    /// Only what happened under this name, like signed_in
    #[arg(long)]
    kind: Option<String>,
    /// Only this sort: sign_ins, app_passwords, security, builds, refusals, administration
    #[arg(long)]
    sort: Option<String>,
    /// Only about this account
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Only what this account did; or machine, or doorkey
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Only at or about this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only about this project, or in it
    #[arg(long, value_name = "PRJ_ID")]
    project: Option<String>,
    /// Only about this connection
    #[arg(long, value_name = "CON_ID")]
    connection: Option<String>,
    /// Only from this address
    #[arg(long)]
    address: Option<String>,
    /// Not before this time, like 2026-05-03 or 2026-05-03T14:05 (UTC)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Print each event as the API has it: JSON, one on a line
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Answer {
    events: Vec<Value>,
    next: u64,
    epoch: i64,
}

/// An event, as far as it is shown.
#[derive(Deserialize)]
struct Event {
    number: u64,
    at: Timestamp,
    source: Option<String>,
    sentence: String,
}

/// Prints the events as they come; with `follow`, until it is ended.
pub(super) async fn run(args: &Args, place: &Place, console: &mut Console) -> Result<(), Failure> {
    let client = local::connect(place, false).await?;
    let done = print(args, &client, console).await;
    client.close().await;
    done
}

async fn print(args: &Args, client: &Client, console: &mut Console) -> Result<(), Failure> {
    if args.follow && client.is_here() {
        let message = "No server runs here, so nothing is yet to happen. Start it, or leave out --follow.";
        return Err(Failure::Unreachable(message.into()));
    }
    let (filter, mut after, mut epoch) = (args.filter(), args.after.unwrap_or(0), String::new());
    loop {
        let wait = if args.follow { WAIT } else { 0 };
        let path = format!("/events?limit={AT_ONCE}&after={after}&wait={wait}{epoch}{filter}");
        let answer: Answer = read(&client.request(Method::GET, &path, None).await?)?;
        for event in &answer.events {
            let line = if args.json { json_line(event) } else { line(&read(event)?) };
            console.say(&line)?;
        }
        after = answer.next;
        epoch = format!("&epoch={}", answer.epoch);
        if !args.follow && answer.events.len() < AT_ONCE {
            return Ok(());
        }
    }
}

impl Args {
    fn filter(&self) -> String {
        let parts = [
            ("kind", &self.kind),
            ("sort", &self.sort),
            ("account", &self.account),
            ("actor", &self.actor),
            ("service", &self.service),
            ("project", &self.project),
            ("connection", &self.connection),
            ("address", &self.address),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let set = parts.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        set.map(|(name, value)| format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))).collect()
    }
}

fn line(event: &Event) -> String {
    let from = event.source.as_ref().map(|source| format!(" From {source}.")).unwrap_or_default();
    plain(&format!("{} {} {}{from}", event.at, event.number, event.sentence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::{Screen, TestServer};
    use axum::extract::RawQuery;
    use axum::{Json, Router, routing::get};
    use clap::Parser;
    use serde_json::json;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn event(number: u64) -> Value {
        json!({ "number": number, "at": "2026-05-03T09:14:07Z", "source": "203.0.113.9", "sentence": "ada\u{1b}[2J signed in." })
    }

    /// Two pages, of which the first is full.
    async fn events(RawQuery(query): RawQuery) -> Json<Value> {
        let query = query.unwrap();
        if query.contains("&after=0&") {
            let events: Vec<_> = (1..=1_000).map(event).collect();
            return Json(json!({ "events": events, "next": 1_000, "epoch": 7 }));
        }
        assert!(query.ends_with("after=1000&wait=0&epoch=7&account=a%2Bb%40example%2Eorg"), "{query}");
        Json(json!({ "events": [event(1_001)], "next": 1_005, "epoch": 7 }))
    }

    async fn printed(line: &[&str]) -> String {
        let server = TestServer::start(Router::new().route("/api/v1/events", get(events))).await;
        let client = Client::at(&server.url.parse().unwrap(), None).unwrap();
        let line = Line::try_parse_from(std::iter::once("events").chain(line.iter().copied())).unwrap();
        let screen = Screen::new();
        print(&line.args, &client, &mut screen.console()).await.unwrap();
        screen.out()
    }

    #[tokio::test]
    async fn all_pages_are_printed_and_nothing_drives_the_terminal() {
        let out = printed(&["--account", "a+b@example.org"]).await;
        assert_eq!(out.lines().count(), 1_001);
        let last = "2026-05-03T09:14:07Z 1001 ada\u{fffd}[2J signed in. From 203.0.113.9.";
        assert_eq!(out.lines().last(), Some(last));
        let out = printed(&["--account", "a+b@example.org", "--json"]).await;
        assert!(!out.contains('\u{1b}'));
        assert_eq!(serde_json::from_str::<Value>(out.lines().last().unwrap()).unwrap(), event(1_001));
    }
}
