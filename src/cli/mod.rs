//! The command line: it reads what was typed, speaks to a server by the public API alone, and prints what comes back.
//!
//! What a script wants goes to standard output, the words around it to standard error.

mod admin;
mod builds;
mod ci;
mod client;
mod confirm;
mod connections;
mod console;
mod credentials;
mod doctor;
mod exec;
mod failure;
mod local;
mod passwords;
mod projects;
mod render;
mod rules;
mod serve;
mod server_url;
mod sessions;
mod sign_in;
mod sign_out;
#[cfg(test)]
mod testing;
mod tokens;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use crate::config::{self, Config, ConfigError, Origin, Overrides};
use console::Console;
use credentials::Folder;
use failure::Failure;

/// App-specific passwords for people, and Apple credentials for builds that are let in: one self-hosted server.
#[derive(Debug, Parser)]
#[command(
    name = "doorkey",
    version,
    after_help = "Exit codes: 0 done, 1 refused or not found, 2 wrong usage, 3 the server can't be reached."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server; the first start prints a link to set up the first account
    Serve(Place),
    /// Administer the server on this machine, whether it runs or not
    Admin(admin::Args),
    /// Look at everything around the server on this machine, and say what is wrong and what to do
    Doctor(doctor::Args),
    /// Sign in to a server; a token is kept in $XDG_CONFIG_HOME/doorkey
    SignIn(sign_in::Args),
    /// Sign out; the kept token ends
    SignOut,
    /// Your app-specific passwords
    Passwords(passwords::Args),
    /// What your CI builds: teams, and which connections builds use
    Projects(projects::Args),
    /// Your API tokens, for programs
    Tokens(tokens::Args),
    /// What you have connected for builds to use
    Connections(connections::Args),
    /// Where you are signed in
    Sessions(sessions::Args),
    /// Builds: the runs of a project's pipeline
    Builds(builds::Args),
    /// In a build: run a command that has the project's credentials where it looks for them
    Exec(exec::Args),
    /// What `exec` runs between itself and a command on a terminal
    #[command(hide = true)]
    ExecOnTerminal(exec::OnTerminal),
}

/// Where the server's configuration and data are.
#[derive(Debug, Clone, Default, clap::Args)]
struct Place {
    /// The configuration file [default: doorkey.toml, if there is one]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The data folder [default: what the configuration says, or doorkey-data]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
}

impl Place {
    fn load(&self) -> Result<Config, Failure> {
        self.load_with_origin().map(|(config, _)| config).map_err(|error| Failure::Usage(error.to_string()))
    }

    fn load_with_origin(&self) -> Result<(Config, Origin), ConfigError> {
        let overrides = Overrides { data: self.data.clone() };
        config::load_with_origin(self.config.as_deref(), config::variables(), overrides)
    }
}

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nowhere is left to complain to when the help can't be printed.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Failure::USAGE } else { 0 });
        }
    };
    let mut console = Console::of_this_process();
    if let Command::ExecOnTerminal(args) = &cli.command {
        return exec::become_the_command(args, &mut console);
    }
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Refused(format!("This machine gives no threads to work with: {error}.")))
        .and_then(|runtime| runtime.block_on(dispatch(cli.command, &mut console)));
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            console.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Does it, and gives the exit code.
async fn dispatch(command: Command, console: &mut Console) -> Result<u8, Failure> {
    match command {
        Command::Exec(args) => exec::run(args, console).await,
        command => answer(command, console).await.map(|()| 0),
    }
}

async fn answer(command: Command, console: &mut Console) -> Result<(), Failure> {
    match command {
        Command::Serve(place) => serve::run(&place).await,
        Command::Admin(args) => admin::run(args, console).await,
        Command::Doctor(args) => doctor::run(&args, console).await,
        Command::SignIn(args) => sign_in::run(args, &Folder::of_environment()?, console).await,
        Command::SignOut => sign_out::run(&Folder::of_environment()?, console).await,
        Command::Passwords(args) => passwords::run(args, &Folder::of_environment()?, console).await,
        Command::Projects(args) => projects::run(args, &Folder::of_environment()?, console).await,
        Command::Tokens(args) => tokens::run(args, &Folder::of_environment()?, console).await,
        Command::Connections(args) => connections::run(args, &Folder::of_environment()?, console).await,
        Command::Sessions(args) => sessions::run(args, &Folder::of_environment()?, console).await,
        Command::Builds(args) => builds::run(args, console).await,
        // Both have an exit code of their own.
        Command::Exec(_) | Command::ExecOnTerminal(_) => Ok(()),
    }
}

/// Reads what goes into a path of the API: an empty name, or one of dots, would make it another path.
fn path_part(text: &str) -> Result<String, &'static str> {
    match text {
        "" | "." | ".." => Err("this names nothing"),
        _ => Ok(text.to_owned()),
    }
}

/// All but what a URL's path takes as it is.
const NOT_IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same as it stands in the path.
fn in_path(part: &str) -> PercentEncode<'_> {
    utf8_percent_encode(part, NOT_IN_PATH)
}

#[cfg(test)]
mod tests;
