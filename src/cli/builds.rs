//! `doorkey builds`

use axum::http::Method;
use clap::{Subcommand, ValueEnum};
use domain::{MachineToken, Secret, Timestamp, TokenKind};
use serde::Deserialize;
use serde_json::Value;

use super::ci::{self, Ci, Run, Variables};
use super::client::Client;
use super::console::Console;
use super::credentials::Folder;
use super::exec::export;
use super::failure::Failure;
use super::render::{clipped, plain, read, table};
use super::server_url::ServerUrl;
use super::{in_path, path_part};
use crate::clock::Clock;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open a build, in a CI: with its identity token, or with a project token
    Open(Open),
    /// Close a build: this one in a CI, another one by its id
    Close(Close),
    /// List the builds of a project, the newest first
    List(List),
    /// In a build: put the project's credentials where the steps that follow look for them
    Export(export::Args),
}

const HELP: &str = "Without --oidc and --token-stdin, the project token in DOORKEY_PROJECT_TOKEN is used, or else the CI's identity \
                    token. The build's own token is printed alone on standard output; for the steps that follow:\n\n    \
                    eval \"$(doorkey builds open --project 'Northwind iOS' --export shell)\"";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
struct Open {
    /// The project: its id or its name [default: DOORKEY_PROJECT; a project token says it by itself]
    #[arg(long)]
    project: Option<String>,
    #[command(flatten)]
    server: Server,
    /// Read a project token from standard input
    #[arg(long, conflicts_with = "oidc")]
    token_stdin: bool,
    /// Use the CI's identity token: of GitHub Actions, GitLab, CircleCI, Buildkite, or the one in DOORKEY_ID_TOKEN
    #[arg(long)]
    oidc: bool,
    /// For whom the identity token is made [default: the server's URL]
    #[arg(long, value_name = "URL")]
    audience: Option<String>,
    /// The commit that is built [default: what the CI's variables say; so with the next two]
    #[arg(long)]
    commit: Option<String>,
    /// The branch, tag or other ref
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,
    /// The address of the CI's own page of the run
    #[arg(long, value_name = "URL")]
    run: Option<String>,
    /// How long it may last, in minutes [default: as long as the project lets it]
    #[arg(long)]
    minutes: Option<u32>,
    /// Print the API's answer as JSON, with the token in it
    #[arg(long)]
    json: bool,
    /// Print what the steps that follow need as variables
    #[arg(long, value_name = "FORM", conflicts_with = "json")]
    export: Option<Form>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// Lines for a shell to evaluate
    Shell,
}

/// Where the server is.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Server {
    /// The server's URL [default: DOORKEY_URL]
    #[arg(long = "server", value_name = "URL")]
    url: Option<ServerUrl>,
}

impl Server {
    /// The server that a build speaks to.
    pub(super) fn url(&self, variables: Variables<'_>) -> Result<ServerUrl, Failure> {
        if let Some(url) = &self.url {
            return Ok(url.clone());
        }
        let typed = variables("DOORKEY_URL").ok_or_else(|| {
            Failure::Usage(
                "Say where the server is: --server https://doorkey.example.org, or set DOORKEY_URL.".into(),
            )
        })?;
        typed.parse().map_err(|error| Failure::Usage(format!("DOORKEY_URL isn't a server's: {error}.")))
    }
}

#[derive(Debug, clap::Args)]
struct Close {
    /// Which one [default: this one, by DOORKEY_BUILD_TOKEN]
    #[arg(value_parser = path_part)]
    id: Option<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, clap::Args)]
struct List {
    /// The project: its id or its name
    #[arg(value_parser = path_part)]
    project: String,
    /// Only those before this one, where there are more
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

/// How a build shows whose it is.
pub(super) enum Shown {
    ProjectToken(Secret<String>),
    Identity(Secret<String>),
}

/// What is asked for when a build is opened.
pub(super) struct Wanted {
    pub(super) server: ServerUrl,
    pub(super) project: Option<String>,
    pub(super) shown: Shown,
    pub(super) run: Run,
    pub(super) minutes: Option<u32>,
}

/// A build that was just opened, as far as steps need it.
#[derive(Deserialize)]
pub(super) struct Opened {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) token: String,
    pub(super) project: Project,
    pub(super) ends_at: Timestamp,
}

#[derive(Deserialize)]
pub(super) struct Project {
    pub(super) id: String,
    pub(super) name: String,
}

impl Opened {
    /// The variables of the steps that follow.
    pub(super) fn variables(&self, server: &ServerUrl) -> [(&'static str, String); 6] {
        [
            ("DOORKEY_URL", server.to_string()),
            ("DOORKEY_PROJECT", self.project.id.clone()),
            ("DOORKEY_BUILD", self.id.clone()),
            ("DOORKEY_BUILD_TOKEN", self.token.clone()),
            ("BITRISE_BUILD_URL", self.url.clone()),
            ("BITRISE_BUILD_API_TOKEN", self.token.clone()),
        ]
    }
}

/// Opens a build, and gives what the server answered.
pub(super) async fn open_build(wanted: Wanted) -> Result<Value, Failure> {
    let Wanted { server, project, shown, run, minutes } = wanted;
    let mut body = serde_json::Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.into(), value);
        }
    };
    set("project", project.map(Value::from));
    set("commit", run.commit.map(Value::from));
    set("reference", run.reference.map(Value::from));
    set("run", run.run.map(Value::from));
    set("minutes", minutes.map(Value::from));
    let token = match shown {
        Shown::ProjectToken(token) => Some(token),
        Shown::Identity(token) => {
            set("identity_token", Some(token.expose().as_str().into()));
            None
        }
    };
    Ok(Client::at(&server, token)?.request(Method::POST, "/builds", Some(&body.into())).await?)
}

/// What shows whose the build is, from the variables of the CI: a project token in `DOORKEY_PROJECT_TOKEN`, or the CI's identity token.
pub(super) async fn shown(
    variables: Variables<'_>,
    audience: &str,
    identity_only: bool,
) -> Result<Shown, Failure> {
    if let Some(token) = variables("DOORKEY_PROJECT_TOKEN").filter(|_| !identity_only) {
        return Ok(Shown::ProjectToken(whole(Secret::new(token), "in DOORKEY_PROJECT_TOKEN")?));
    }
    let ci = Ci::of(variables).ok_or_else(ci::no_ci)?;
    Ok(Shown::Identity(ci.identity_token(variables, audience).await?))
}

/// A project token that isn't cut: the last letters of each say so of the others.
fn whole(token: Secret<String>, place: &str) -> Result<Secret<String>, Failure> {
    let fits = MachineToken::parse(TokenKind::Project, token.expose().trim()).is_some();
    fits.then_some(token).ok_or_else(|| {
        Failure::Refused(format!(
            "The project token {place} isn't whole: letters are missing, or others are among them. It begins with dkp_. Copy it \
             again from where it is kept, or make a new one on the project's page."
        ))
    })
}

pub(super) async fn run(args: Args, console: &mut Console) -> Result<(), Failure> {
    match args.command {
        Command::Open(args) => open(args, &ci::of_this_process, console).await,
        Command::Close(args) => close(args, &ci::of_this_process, console).await,
        Command::List(args) => list(&args, console).await,
        Command::Export(args) => export::run(&args, console).await,
    }
}

async fn open(args: Open, variables: Variables<'_>, console: &mut Console) -> Result<(), Failure> {
    let server = args.server.url(variables)?;
    let shown = if args.token_stdin {
        let token = console.first_line("project token")?;
        Shown::ProjectToken(whole(token, "on standard input")?)
    } else {
        let audience = args.audience.clone().unwrap_or_else(|| server.to_string());
        shown(variables, &audience, args.oidc).await?
    };
    let said = Run::of(variables);
    let wanted = Wanted {
        server: server.clone(),
        project: args.project.or_else(|| variables("DOORKEY_PROJECT")),
        shown,
        run: Run {
            commit: args.commit.or(said.commit),
            reference: args.reference.or(said.reference),
            run: args.run.or(said.run),
        },
        minutes: args.minutes,
    };
    let answer = open_build(wanted).await?;
    if args.json {
        return console.json(&answer);
    }
    let opened: Opened = read(&answer)?;
    if let Some(Form::Shell) = args.export {
        let lines =
            opened.variables(&server).map(|(name, value)| format!("export {name}={}", quoted(&value)));
        return console.say(&lines.join("\n"));
    }
    let before = format!("A build of {} is open: {}. Its token:", opened.project.name, opened.url);
    let after = format!("It is good until {}, or until doorkey builds close.", opened.ends_at.exact());
    console.secret(&plain(&before), &opened.token, &plain(&after))
}

/// A value as a shell takes it, whatever is in it.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

async fn close(args: Close, variables: Variables<'_>, console: &mut Console) -> Result<(), Failure> {
    if let Some(id) = args.id {
        export::closed(Some(&id), None, console);
        let (client, _) = Folder::of_environment()?.signed_in()?;
        client.request(Method::POST, &format!("/builds/{}/close", in_path(&id)), None).await?;
        return console.say("It is closed, and its token ended with it.");
    }
    let token = variables("DOORKEY_BUILD_TOKEN").ok_or_else(|| {
        Failure::Usage(
            "Say which one by its id, or run this in a build: DOORKEY_BUILD_TOKEN isn't set.".into(),
        )
    })?;
    // Also of a build that has ended already, which the server refuses to close.
    export::closed(None, Some(&token), console);
    let client = Client::at(&args.server.url(variables)?, Some(Secret::new(token)))?;
    client.request(Method::DELETE, "/build", None).await?;
    console.say("The build is closed, and its token ended with it.")
}

#[derive(Deserialize)]
struct Listed {
    builds: Vec<Build>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Build {
    id: String,
    open: bool,
    opened_at: Timestamp,
    why_ended: Option<String>,
    proof: Proof,
    commit: Option<String>,
    reference: Option<String>,
}

#[derive(Deserialize)]
struct Proof {
    label: Option<String>,
    issuer: Option<String>,
}

async fn list(args: &List, console: &mut Console) -> Result<(), Failure> {
    let (client, _) = Folder::of_environment()?.signed_in()?;
    let before = args.before.as_ref().map(|id| format!("?before={}", in_path(id))).unwrap_or_default();
    let path = format!("/projects/{}/builds{before}", in_path(&args.project));
    let answer = client.request(Method::GET, &path, None).await?;
    if args.json {
        return console.json(&answer);
    }
    console.say(&lines(&read(&answer)?, Clock::System.now()))
}

fn lines(Listed { builds, next }: &Listed, now: Timestamp) -> String {
    if builds.is_empty() {
        return "There are no builds. A CI opens one: doorkey builds open".into();
    }
    let rows: Vec<_> = builds
        .iter()
        .map(|build| {
            let commit = build.commit.as_deref().unwrap_or_default();
            let state = match build.why_ended.as_deref() {
                _ if build.open => "open".into(),
                why => why.unwrap_or_default().replace('_', " "),
            };
            [
                clipped(build.reference.as_deref().unwrap_or_default()),
                commit.chars().take(10).collect(),
                clipped(build.proof.label.as_deref().or(build.proof.issuer.as_deref()).unwrap_or_default()),
                state,
                build.opened_at.human(now),
                build.id.clone(),
            ]
        })
        .collect();
    let mut all = table(["REF", "COMMIT", "LET IN BY", "STATE", "OPENED", "ID"], &rows);
    all.extend(next.as_ref().map(|next| plain(&format!("There are more: add --before {next}"))));
    all.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_shell_takes_each_value_as_it_is() {
        assert_eq!(quoted("https://x.example"), "'https://x.example'");
        assert_eq!(quoted("a'b\n$(c)"), "'a'\\''b\n$(c)'");
    }

    #[test]
    fn builds_are_a_table() {
        let build = |open: bool, why: Value, label: Value| {
            json!({
                "id": "bld_1", "open": open, "opened_at": "2026-05-03T11:00:00Z", "why_ended": why, "commit": "1a2b3c4d5e6f7a8b",
                "reference": "refs/heads/main", "proof": { "label": label, "issuer": "https://ci.example" },
            })
        };
        let answer = json!({
            "builds": [build(true, Value::Null, json!("Jenkins")), build(false, json!("time_over"), Value::Null)], "next": "bld_1",
        });
        let now = serde_json::from_value(json!("2026-05-03T12:00:00Z")).unwrap();
        assert_eq!(
            lines(&read(&answer).unwrap(), now),
            "\
REF              COMMIT      LET IN BY           STATE      OPENED      ID
refs/heads/main  1a2b3c4d5e  Jenkins             open       1 hour ago  bld_1
refs/heads/main  1a2b3c4d5e  https://ci.example  time over  1 hour ago  bld_1
There are more: add --before bld_1"
        );
    }
}
