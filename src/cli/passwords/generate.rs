//! `doorkey passwords generate`

use axum::http::Method;
use domain::Kind;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Person;
use super::list::AppPassword;
use crate::cli::admin::service::PublicServer;
use crate::cli::confirm;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::{plain, read, table};

const HELP: &str = "The password is printed alone on standard output, the words around it on standard error, so that \
                    a script can take it:\n\n    password=$(doorkey passwords generate --label Backup --for mail)";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// What it is for, in your own words, like "Mail on iPhone"
    #[arg(long)]
    label: String,
    /// What it may open: mail, contacts, calendars, builds, other; or first, which is what its first app needs
    #[arg(long = "for", value_name = "KIND,...|first", default_value = "first", value_parser = opens)]
    opens: Value,
    /// When it stops working, like 30d, 12w or 1y [default: never]
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// The code from your authenticator app [default: asked for where it is needed]
    #[arg(long)]
    code: Option<String>,
    /// Print the API's answer as JSON, with the password in it
    #[arg(long)]
    json: bool,
}

/// Reads what it opens, as the API takes it.
fn opens(typed: &str) -> Result<Value, String> {
    if typed == "first" {
        return Ok(json!("first"));
    }
    let kinds = typed.split(',').map(str::parse).collect::<Result<Vec<Kind>, _>>();
    kinds.map(|kinds| json!(kinds)).map_err(|error| format!("{error}, and not first alone"))
}

#[derive(Deserialize)]
struct Answer {
    password: String,
    set_up: SetUp,
    #[serde(flatten)]
    described: AppPassword,
}

/// What to enter beside the password.
#[derive(Deserialize)]
struct SetUp {
    services: Vec<Opened>,
}

#[derive(Deserialize)]
struct Opened {
    service: String,
    servers: Vec<PublicServer>,
}

impl SetUp {
    /// Lines of what to enter where; empty when no administrator said where the services are.
    fn told(&self) -> String {
        let rows = self.services.iter().flat_map(|opened| {
            opened.servers.iter().map(|server| {
                let [protocol, value] = server.told();
                [opened.service.clone(), protocol, value]
            })
        });
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            return String::new();
        }
        format!("\n\n{}", table(["SERVICE", "PROTOCOL", "ENTER"], &rows).join("\n"))
    }
}

pub(super) async fn run(args: &Args, person: &Person, console: &mut Console) -> Result<(), Failure> {
    let mut body = json!({ "label": args.label, "for": args.opens });
    if let (Some(expires), Some(members)) = (&args.expires, body.as_object_mut()) {
        members.insert("expires".into(), expires.as_str().into());
    }
    let request = (Method::POST, "/app-passwords", &body);
    let answer = confirm::request(&person.client, console, args.code.as_deref(), request).await?;
    if args.json {
        return console.json(&answer);
    }
    let Answer { password, set_up, described } = read(&answer)?;
    let until = described.expires().map(|day| format!(", until {day}")).unwrap_or_default();
    let before = format!("Your password for {}. You see it once:", described.label);
    let after = format!(
        "Enter it where the app asks for your password, with {} as user name. It opens {}{until}.",
        person.id,
        described.opens()
    );
    console.secret(&plain(&before), &password, &format!("{}{}", plain(&after), set_up.told()))
}
