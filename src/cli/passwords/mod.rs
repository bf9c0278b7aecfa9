//! `doorkey passwords`

mod generate;
mod list;
mod revoke;

use clap::Subcommand;

use super::client::Client;
use super::console::Console;
use super::credentials::Folder;
use super::failure::Failure;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List them: what each opens, when it was last used, and those that have ended
    List(list::Args),
    /// Generate one for an app; it is shown this once
    Generate(generate::Args),
    /// Revoke one, or all; the apps that used them are signed out at once
    Revoke(revoke::Args),
}

/// Somebody who has signed in.
struct Person {
    client: Client,
    /// Their account's ID, as an app signs in with it.
    id: String,
}

pub(super) async fn run(args: Args, folder: &Folder, console: &mut Console) -> Result<(), Failure> {
    let (client, id) = folder.signed_in()?;
    let person = Person { client, id };
    match args.command {
        Command::List(args) => list::run(&args, &person, console).await,
        Command::Generate(args) => generate::run(&args, &person, console).await,
        Command::Revoke(args) => revoke::run(&args, &person, console).await,
    }
}

#[cfg(test)]
mod tests;
