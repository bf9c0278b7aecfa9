//! `doorkey connections`

use std::{fs, io::Read as _, path::PathBuf};

use axum::http::Method;
use clap::Subcommand;
use domain::{Secret, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

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
    /// List them: what each is, how it is at Apple, and which projects use it
    List(List),
    /// Connect an API key of App Store Connect, once Apple takes it
    AddApiKey(AddApiKey),
    /// Ask Apple about one
    Test(One),
    /// Remove one; no build receives it any more
    Remove(Remove),
    /// Show which builds received one
    Readers(One),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "App Store Connect lets you download a key once, as AuthKey_KEYID.p8, under Users and Access, Integrations. The issuer ID \
                    stands above the list of keys there.\n\n    doorkey connections add-api-key AuthKey_2X9R4HXF34.p8 --issuer \
                    57246542-96fe-1a63-e053-0824d011072a";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
struct AddApiKey {
    /// The key's file; - for standard input
    file: PathBuf,
    /// The key ID [default: the one in the file's name]
    #[arg(long, value_name = "ID")]
    key_id: Option<String>,
    /// A team key's issuer ID, as App Store Connect shows it above the list of keys
    #[arg(long, value_name = "UUID")]
    issuer: Option<String>,
    /// Instead: it is an individual key, which has no issuer ID
    #[arg(long, conflicts_with = "issuer")]
    individual: bool,
    /// It belongs to the Apple Developer Enterprise Program
    #[arg(long)]
    enterprise: bool,
    /// The code from your authenticator app, or a recovery code [default: asked for where it is needed]
    #[arg(long)]
    code: Option<String>,
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct One {
    /// Which one: its id in the list
    #[arg(value_parser = path_part)]
    id: String,
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Remove {
    /// Which one: its id in the list
    #[arg(value_parser = path_part)]
    id: String,
    /// The code from your authenticator app, or a recovery code [default: asked for where it is needed]
    #[arg(long)]
    code: Option<String>,
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Answer {
    connections: Vec<Connection>,
}

/// A connection, as far as it is shown.
#[derive(Deserialize)]
struct Connection {
    id: String,
    name: String,
    state: String,
    answer: Option<String>,
    checked_at: Timestamp,
    api_key: Option<ApiKey>,
    used_by: Vec<Project>,
}

#[derive(Deserialize)]
struct ApiKey {
    reads: Vec<String>,
}

#[derive(Deserialize)]
struct Project {
    name: String,
}

#[derive(Deserialize)]
struct Removed {
    stopped: Vec<Project>,
}

#[derive(Deserialize)]
struct Readers {
    readers: Vec<Reader>,
}

/// A build that received a connection, as far as it is shown.
#[derive(Deserialize)]
struct Reader {
    at: Timestamp,
    project: Project,
    build: String,
    given: Vec<String>,
    repeats: i64,
    commit: Option<String>,
    reference: Option<String>,
    source: Option<String>,
}

pub(super) async fn run(args: Args, folder: &Folder, console: &mut Console) -> Result<(), Failure> {
    let (client, _) = folder.signed_in()?;
    match args.command {
        Command::List(args) => list(&args, &client, console).await,
        Command::AddApiKey(args) => add(&args, &client, console).await,
        Command::Test(args) => test(&args, &client, console).await,
        Command::Remove(args) => remove(&args, &client, console).await,
        Command::Readers(args) => readers(&args, &client, console).await,
    }
}

async fn list(args: &List, client: &Client, console: &mut Console) -> Result<(), Failure> {
    let answer = client.request(Method::GET, "/connections", None).await?;
    if args.json {
        return console.json(&answer);
    }
    console.say(&text(&read(&answer)?, Clock::System.now()))
}

fn text(answer: &Answer, now: Timestamp) -> String {
    if answer.connections.is_empty() {
        return "You have connected nothing. Connect an API key: doorkey connections add-api-key FILE --issuer UUID".into();
    }
    let rows: Vec<_> = answer.connections.iter().map(|one| one.row(now)).collect();
    table(["NAME", "AT APPLE", "READS", "USED BY", "ID"], &rows).join("\n")
}

fn names(projects: &[Project]) -> String {
    projects.iter().map(|project| clipped(&project.name)).collect::<Vec<_>>().join(", ")
}

impl Connection {
    fn state(&self) -> &'static str {
        match self.state.as_str() {
            "good" => "taken",
            "limited" => "may do too little",
            _ => "no longer taken",
        }
    }

    fn row(&self, now: Timestamp) -> [String; 5] {
        let reads = self.api_key.as_ref().map(|key| key.reads.join(", ")).unwrap_or_default();
        let used = if self.used_by.is_empty() { "no project".into() } else { names(&self.used_by) };
        let state = format!("{}, {}", self.state(), self.checked_at.human(now));
        [clipped(&self.name), state, reads, used, self.id.clone()]
    }
}

/// How much of a file is read: more than any key has, so that the server can say what is wrong with it.
const MOST: u64 = 32 * 1024;

/// The key's file: as text where it is text, and otherwise as base64, which the server reads too.
fn file(path: &PathBuf) -> Result<Secret<String>, Failure> {
    let mut bytes = Vec::new();
    let done = match path.as_os_str() == "-" {
        true => std::io::stdin().take(MOST).read_to_end(&mut bytes),
        false => fs::File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes)),
    };
    done.map_err(|error| Failure::Usage(format!("{} can't be read: {error}.", path.display())))?;
    let text = String::from_utf8(bytes).unwrap_or_else(|error| {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        STANDARD.encode(Secret::new(error.into_bytes()).expose())
    });
    Ok(Secret::new(text))
}

async fn add(args: &AddApiKey, client: &Client, console: &mut Console) -> Result<(), Failure> {
    if args.issuer.is_none() && !args.individual {
        return Err(Failure::Usage(
            "Say which kind of key it is: --issuer and the issuer ID, which App Store Connect shows above the list of keys, for a \
             team's key; or --individual for one person's own, which has none."
                .into(),
        ));
    }
    let key = file(&args.file)?;
    let name = args.file.file_name().unwrap_or_default().to_string_lossy();
    let body = json!({
        "key": key.expose(), "file_name": name, "key_id": args.key_id.as_deref().unwrap_or_default(),
        "issuer_id": args.issuer.as_deref().unwrap_or_default(), "individual": args.individual, "enterprise": args.enterprise,
    });
    let request = (Method::POST, "/connections", &body);
    let answer = confirm::request(client, console, args.code.as_deref(), request).await?;
    if args.json {
        return console.json(&answer);
    }
    let added: Connection = read(&answer)?;
    let next = "Next, offer it to a project: doorkey projects offer, or on its page.";
    let said = match added.answer {
        None => format!("{} is connected: Apple takes it. {next}", added.name),
        Some(answer) => format!("{} is connected. {answer}", added.name),
    };
    console.say(&format!("{}\nIts id is {}.", plain(&said), added.id))
}

/// Its address in the API.
fn address(id: &str) -> Result<String, Failure> {
    if id.starts_with("con_") {
        return Ok(format!("/connections/{}", in_path(id)));
    }
    Err(Failure::Usage(
        "Give its id, which begins with con_: it stands in the last column of `doorkey connections list`."
            .into(),
    ))
}

async fn test(args: &One, client: &Client, console: &mut Console) -> Result<(), Failure> {
    let path = format!("{}/test", address(&args.id)?);
    let answer = client.request(Method::POST, &path, None).await?;
    let tested: Connection = read(&answer)?;
    let refused = tested.state == "refused";
    if args.json {
        console.json(&answer)?;
    }
    let said = match tested.answer {
        None => format!("Apple takes {}.", tested.name),
        Some(answer) => format!("{}: {answer}", tested.name),
    };
    match (refused, args.json) {
        (true, _) => Err(Failure::Refused(plain(&said))),
        (false, true) => Ok(()),
        (false, false) => console.say(&plain(&said)),
    }
}

async fn remove(args: &Remove, client: &Client, console: &mut Console) -> Result<(), Failure> {
    let path = address(&args.id)?;
    let request = (Method::DELETE, path.as_str(), &Value::Null);
    let answer = confirm::request(client, console, args.code.as_deref(), request).await?;
    if args.json {
        return console.json(&answer);
    }
    let removed: Removed = read(&answer)?;
    let stopped = match removed.stopped.is_empty() {
        true => "No project used it.".to_owned(),
        false => format!("Builds of {} no longer receive it.", names(&removed.stopped)),
    };
    console.say(&format!("It is removed. {stopped} At Apple it goes on until you revoke it there."))
}

async fn readers(args: &One, client: &Client, console: &mut Console) -> Result<(), Failure> {
    let path = format!("{}/readers", address(&args.id)?);
    let answer = client.request(Method::GET, &path, None).await?;
    if args.json {
        return console.json(&answer);
    }
    console.say(&read_by(&read(&answer)?, Clock::System.now()))
}

fn read_by(answer: &Readers, now: Timestamp) -> String {
    if answer.readers.is_empty() {
        return "No build has received it.".into();
    }
    let rows: Vec<_> = answer.readers.iter().map(|one| one.row(now)).collect();
    table(["WHEN", "PROJECT", "WHAT", "COMMIT", "TO", "BUILD"], &rows).join("\n")
}

impl Reader {
    fn row(&self, now: Timestamp) -> [String; 6] {
        let given: Vec<_> = self
            .given
            .iter()
            .map(|given| match given.as_str() {
                "api_key" => "the key",
                _ => "a token",
            })
            .collect();
        let given = match self.repeats {
            0 => given.join(", "),
            1 => format!("{}, and once more", given.join(", ")),
            more => format!("{}, and {more} times more", given.join(", ")),
        };
        let commit: String = self.commit.as_deref().unwrap_or_default().chars().take(12).collect();
        let of = match self.reference.as_deref() {
            Some(reference) => format!("{commit} on {reference}"),
            None => commit,
        };
        let source = self.source.as_deref().unwrap_or_default();
        [
            self.at.human(now),
            clipped(&self.project.name),
            given,
            clipped(&of),
            clipped(source),
            self.build.clone(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_says_how_each_is_and_who_uses_it() {
        let one = |name: &str, state: &str, used: Value| {
            json!({
                "id": format!("con_{name}"), "kind": "api_key", "name": name, "state": state, "answer": null,
                "created_at": "2026-05-01T12:00:00Z", "checked_at": "2026-05-03T11:58:00Z", "offered_to": [], "used_by": used,
                "api_key": { "key_id": "2X9R4HXF34", "issuer_id": null, "enterprise": false, "reads": ["apps", "users"] },
            })
        };
        let used =
            json!([{ "id": "prj_1", "name": "Northwind iOS" }, { "id": "prj_2", "name": "Southwind" }]);
        let answer =
            json!({ "connections": [one("A", "good", used), one("B", "refused", json!([]))], "limit": 50 });
        let now = serde_json::from_value(json!("2026-05-03T12:00:00Z")).unwrap();
        assert_eq!(
            text(&read(&answer).unwrap(), now),
            "\
NAME  AT APPLE                        READS        USED BY                   ID
A     taken, 2 minutes ago            apps, users  Northwind iOS, Southwind  con_A
B     no longer taken, 2 minutes ago  apps, users  no project                con_B"
        );
        assert!(text(&Answer { connections: Vec::new() }, now).starts_with("You have connected nothing."));
    }

    #[test]
    fn readers_say_what_went_where() {
        let reader = |given: &str, repeats: i64, reference: Value| {
            json!({
                "number": 7, "at": "2026-05-03T11:58:00Z", "project": { "id": "prj_1", "name": "Northwind iOS" }, "build": "bld_1",
                "given": [given], "repeats": repeats, "commit": "1a2b3c4d5e6f7a8b9c", "reference": reference, "proof": {},
                "source": "203.0.113.9",
            })
        };
        let answer = json!({ "readers": [reader("api_key", 0, json!("main")), reader("app_store_connect_token", 4, Value::Null)] });
        let now = serde_json::from_value(json!("2026-05-03T12:00:00Z")).unwrap();
        assert_eq!(
            read_by(&read(&answer).unwrap(), now),
            "\
WHEN           PROJECT        WHAT                       COMMIT                TO           BUILD
2 minutes ago  Northwind iOS  the key                    1a2b3c4d5e6f on main  203.0.113.9  bld_1
2 minutes ago  Northwind iOS  a token, and 4 times more  1a2b3c4d5e6f          203.0.113.9  bld_1"
        );
        assert_eq!(read_by(&Readers { readers: Vec::new() }, now), "No build has received it.");
    }
}
