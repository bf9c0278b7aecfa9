//! `doorkey admin`

mod account;
mod backup;
mod check;
mod events;
mod group;
mod import;
mod issuer;
mod key;
mod mail;
mod moving;
mod people;
mod project;
mod restore;
pub(in crate::cli) mod service;
mod service_sign_out;

use axum::http::Method;
use clap::Subcommand;
use serde_json::Value;

use super::client::{CallError, Client};
use super::console::Console;
use super::failure::Failure;
use super::{Place, in_path, local};

const HELP: &str =
    "These go through the running server's socket in the data folder, or work on the data when none runs.";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// People's accounts
    #[command(subcommand)]
    Account(account::Command),
    /// Groups of people, which services can be kept to
    #[command(subcommand)]
    Group(group::Command),
    /// Invite everybody in a table (CSV)
    Import(import::Import),
    /// The servers that people's apps sign in to
    #[command(subcommand)]
    Service(service::Command),
    /// The CIs whose identity tokens open builds
    #[command(subcommand)]
    Issuer(issuer::Command),
    /// The projects that there are
    #[command(subcommand)]
    Project(project::Command),
    /// Print the log: what happened, the oldest first
    Events(events::Args),
    /// Mail that this server sends
    #[command(subcommand)]
    Mail(mail::Command),
    /// Write all data into one file, while the server runs or not
    Backup(backup::Args),
    /// Put a backup in the place of the data, while no server runs
    Restore(restore::Args),
    /// Move all data into another database, while no server runs
    Move(moving::Args),
    /// Replace the key that seals what is stored, while the server runs or not
    RotateKey(key::Rotate),
    /// Print a new key, for [key] command or fd
    NewKey,
    /// Look through all data for what isn't as it should be
    Check(check::Args),
}

/// What a command asks of the API.
struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
}

pub(super) async fn run(args: Args, console: &mut Console) -> Result<(), Failure> {
    let place = &args.place;
    match &args.command {
        Command::Account(command) => {
            let call = command.call(console)?;
            // The first account may be made before the server has ever run. Anything else in an empty folder is a mistaken folder.
            let makes_data = matches!(command, account::Command::Add(_));
            command.print(&ask(place, call, makes_data).await?, console)
        }
        Command::Import(import) => import.print(&ask(place, import.call()?, false).await?, console),
        Command::Project(command) => command.print(&ask(place, command.call(), false).await?, console),
        Command::Group(command) => command.print(&ask(place, command.call(), false).await?, console),
        Command::Service(command) => {
            let call = command.call(console)?;
            command.print(&ask(place, call, false).await?, console)
        }
        Command::Issuer(command) => command.print(&ask(place, command.call(), false).await?, console),
        Command::Events(events) => events::run(events, place, console).await,
        Command::Mail(command) => command.print(&ask(place, command.call(), false).await?, console),
        Command::Backup(backup) => backup::run(backup, place, console).await,
        Command::Restore(restore) => restore::run(restore, place, console),
        Command::Move(moving) => moving::run(moving, place, console),
        Command::RotateKey(command) => command.run(place, console).await,
        Command::NewKey => key::print_new(console),
        Command::Check(check) => check::run(check, place, console).await,
    }
}

/// Asks the server. Whatever has to be asked of a person was asked before: while somebody thinks, no data folder stays locked.
async fn ask(place: &Place, call: Call, makes_data: bool) -> Result<Value, Failure> {
    let client = local::connect(place, makes_data).await?;
    let answer = all(&client, &call).await;
    client.close().await;
    Ok(answer?)
}

/// One answer; where it is a list of accounts that goes on, all of it.
async fn all(client: &Client, call: &Call) -> Result<Value, CallError> {
    let next = |answer: &Value| {
        answer.get("accounts").and(answer.get("next")).and_then(Value::as_str).map(str::to_owned)
    };
    let mut answer = client.request(call.method.clone(), &call.path, call.body.as_ref()).await?;
    let mut after = next(&answer);
    while let Some(cursor) = after {
        let path = format!("{}&after={}", call.path, in_path(&cursor));
        let mut more = client.request(call.method.clone(), &path, None).await?;
        after = next(&more);
        if let (Some(Value::Array(all)), Some(Value::Array(more))) =
            (answer.get_mut("accounts"), more.get_mut("accounts"))
        {
            all.append(more);
        }
    }
    if answer.get("accounts").is_some()
        && let Some(next) = answer.get_mut("next")
    {
        *next = Value::Null;
    }
    Ok(answer)
}
