//! `doorkey builds`

use clap::Subcommand;

use super::console::Console;
use super::exec::export;
use super::failure::Failure;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// In a build: put the project's credentials where the steps that follow look for them
    Export(export::Args),
}

pub(super) async fn run(args: Args, console: &mut Console) -> Result<(), Failure> {
    match args.command {
        Command::Export(args) => export::run(&args, console).await,
    }
}
