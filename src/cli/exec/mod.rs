//! `doorkey exec`: runs a command that has the build's credentials where it looks for them, and takes them away again.

mod build;
mod child;
pub(super) mod export;
mod folder;
mod relay;
mod signals;
mod terminal;
mod tools;

use std::{ffi::OsString, process::Command, sync::Arc};

use clap::ValueEnum as _;
use rustix::process::Signal;

use super::console::Console;
use super::failure::Failure;
use build::Build;
use folder::Folder;
use relay::Learned;
use signals::Signals;
use tools::{GivenKey, Handed, Tool};

pub(super) use terminal::{Args as OnTerminal, become_the_command};

const HELP: &str = "The command finds the project's App Store Connect API key in the variables and files that its tools read. The files \
                    are in a private folder that is removed when the command ends; what the command prints is passed on with \
                    every secret masked. Its exit code is passed on too: 127 says that it isn't there, 126 that it can't be \
                    started, 128 and more that a signal ended it.\n\n\
                    In a step without DOORKEY_BUILD_TOKEN a build is opened for the command, and closed after it: by the project \
                    token in DOORKEY_PROJECT_TOKEN, or else by the CI's identity token.\n\n    doorkey exec --for fastlane -- bundle exec fastlane release";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// Only what these tools read [default: what all of them do]
    #[arg(long = "for", value_name = "TOOL,...", value_delimiter = ',')]
    tools: Vec<Tool>,
    /// The project to open a build of, where none is open: its id or its name [default: DOORKEY_PROJECT; a project token says
    /// it by itself]
    #[arg(long)]
    project: Option<String>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the command, and gives its exit code.
pub(super) async fn run(args: Args, console: &mut Console) -> Result<u8, Failure> {
    // From here on nothing ends us before everything is put away.
    let mut signals = Signals::take()
        .map_err(|error| Failure::Refused(format!("This machine gives no signals to listen to: {error}.")))?;
    let build = match Build::of_environment()? {
        Some(open) => open,
        None => tokio::select! {
            biased;
            opened = Build::open(args.project.clone()) => opened?,
            signal = signals.ending() => return Ok(ended_by(signal)),
        },
    };
    let done = in_build(&build, &args, &mut signals, console).await;
    if build.ours
        && let Err(failure) = build.close().await
    {
        console.note("doorkey: The build isn't closed, and ends by itself in time:");
        console.failure(&failure);
    }
    done
}

/// The exit code that a shell has for it.
fn ended_by(signal: Signal) -> u8 {
    u8::try_from(128 + signal.as_raw()).unwrap_or(u8::MAX)
}

fn no_build() -> Failure {
    Failure::Refused(
        "No build is open here: DOORKEY_BUILD_TOKEN isn't set. Open one with doorkey builds open.".into(),
    )
}

async fn in_build(
    build: &Build,
    args: &Args,
    signals: &mut Signals,
    console: &mut Console,
) -> Result<u8, Failure> {
    let key = tokio::select! {
        biased;
        key = build.api_key() => key?,
        signal = signals.ending() => return Ok(ended_by(signal)),
    };
    let folder = folder::make().map_err(|error| not_written(&error))?;
    let handed = key.handed(&all_or(&args.tools), folder.path());
    say_refused(&handed, &args.tools, console)?;
    write(&handed, &folder)?;
    for name in set_before(&handed.without) {
        console.note(&format!(
            "doorkey: {name} was set, and would contradict the key: the command doesn't see it."
        ));
    }
    let masker = masker(build, &key)?;
    let files = folder.path().to_owned();
    let set = |command: &mut Command| {
        // What opens builds is nothing for what runs in one.
        for name in handed.without.iter().chain(&[PROJECT_TOKEN, "DOORKEY_ID_TOKEN"]) {
            command.env_remove(name);
        }
        command.envs(handed.variables.iter().map(|(name, value)| (*name, value)));
        command.envs(of_build(build)).env("DOORKEY_FILES", &files);
    };
    let put_away = |console: &mut Console| {
        if let Err(error) = folder.remove() {
            console.note(&format!(
                "doorkey: The folder with the key can't be removed: {error}. Remove it yourself."
            ));
        }
    };
    child::run(&args.command, &set, &masker, signals, console, put_away).await
}

/// Without a choice, all tools: no variable of one is a variable of another.
fn all_or(chosen: &[Tool]) -> Vec<Tool> {
    if chosen.is_empty() { Tool::value_variants().to_vec() } else { chosen.to_vec() }
}

/// A tool that was asked for and can't use the key is a refusal; without a choice the others go on.
fn say_refused(handed: &Handed, chosen: &[Tool], console: &mut Console) -> Result<(), Failure> {
    match handed.refused.as_slice() {
        [] => Ok(()),
        refused if chosen.is_empty() => {
            console.note(&format!("doorkey: This build's key is one person's. {}.", refused.join("; ")));
            Ok(())
        }
        refused => {
            Err(Failure::Refused(format!("This build's key is one person's. {}.", refused.join("; "))))
        }
    }
}

fn write(handed: &Handed, folder: &Folder) -> Result<(), Failure> {
    for (name, content) in &handed.files {
        folder.write(name, content.expose().as_bytes()).map_err(|error| not_written(&error))?;
    }
    Ok(())
}

fn not_written(error: &std::io::Error) -> Failure {
    Failure::Refused(format!(
        "The key's files can't be written: {error}. Nothing was run. XDG_RUNTIME_DIR or TMPDIR says where they go."
    ))
}

/// Those of these variables that are set.
fn set_before<'a>(names: &'a [&'static str]) -> impl Iterator<Item = &'a &'static str> {
    names.iter().filter(|name| std::env::var_os(name).is_some())
}

/// What every command in a build sees of it.
fn of_build(build: &Build) -> Vec<(&'static str, String)> {
    let mut variables =
        vec![("DOORKEY_URL", build.url.clone()), ("DOORKEY_BUILD_TOKEN", build.token.expose().clone())];
    variables.extend(build.id.clone().map(|id| ("DOORKEY_BUILD", id)));
    variables.extend(build.project.clone().map(|project| ("DOORKEY_PROJECT", project)));
    variables
}

/// What a project token is in.
const PROJECT_TOKEN: &str = "DOORKEY_PROJECT_TOKEN";

/// Learns the build's token and its key, as files have it and as bytes, while the command starts.
fn masker(build: &Build, key: &GivenKey) -> Result<Arc<Learned>, Failure> {
    let mut secrets = vec![
        key.key.pem().expose().as_bytes().to_vec(),
        build.token.expose().as_bytes().to_vec(),
        key.key.der().to_vec(),
    ];
    // An identity token opens one build, which is open.
    secrets.extend(build::variable(PROJECT_TOKEN).map(String::into_bytes));
    Learned::begin(secrets.into_iter().map(domain::Secret::new).collect())
        .map_err(|error| Failure::Refused(format!("This machine gives no threads to work with: {error}.")))
}
