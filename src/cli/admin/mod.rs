//! `doorkey admin`

mod account;
mod group;
mod service;

use axum::http::Method;
use clap::Subcommand;
use serde_json::Value;

use super::console::Console;
use super::failure::Failure;
use super::{Place, local};

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
    /// The servers that people's apps sign in to
    #[command(subcommand)]
    Service(service::Command),
}

/// What a command asks of the API.
struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
}

pub(super) async fn run(args: Args, console: &mut Console) -> Result<(), Failure> {
    // Whatever has to be asked is asked first: while somebody thinks, no data folder stays locked.
    let call = match &args.command {
        Command::Account(command) => command.call(console)?,
        Command::Group(command) => command.call(),
        Command::Service(command) => command.call(),
    };
    // The first account may be made before the server has ever run. Anything else in an empty folder is a mistaken folder.
    let makes_data = matches!(&args.command, Command::Account(account::Command::Add(_)));
    let client = local::connect(&args.place, makes_data).await?;
    let answer = client.request(call.method, &call.path, call.body.as_ref()).await;
    client.close().await;
    match &args.command {
        Command::Account(command) => command.print(&answer?, console),
        Command::Group(command) => command.print(&answer?, console),
        Command::Service(command) => command.print(&answer?, console),
    }
}
