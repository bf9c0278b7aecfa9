//! `doorkey builds export`: the same files and variables for a CI whose steps can't be wrapped, in the way that it takes
//! variables from a step, and their removal.
//!
//! No variable holds a secret: each says where the file is. So nothing secret is printed, whatever a log shows.

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use clap::ValueEnum;
use domain::Timestamp;
use serde::Deserialize;

use super::build::{Build, variable};
use super::folder::{self, Folder, Place};
use super::tools::{GivenKey, Handed, Tool};
use super::{all_or, no_build, not_written, say_refused, set_before, write};
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::read;
use crate::clock::{self, Clock};

const HELP: &str = "The files stay until doorkey builds close or doorkey builds export --clean in the same build; run one of them in a step that \
                    always runs. What a killed job leaves behind is removed once its build's time is over, by the next export \
                    or exec on the machine.\n\n    \
                    eval \"$(doorkey builds export --to shell)\"";

/// How a CI takes variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// GitHub Actions: into the file that GITHUB_ENV names, after telling the log what to mask
    GithubEnv,
    /// GitLab CI and others: lines NAME=VALUE on standard output, for a file of this job
    GitlabDotenv,
    /// Bitrise: by envman
    Envman,
    /// A shell: lines to eval on standard output
    Shell,
}

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct Args {
    /// How this CI takes variables
    #[arg(long, value_name = "CI", required_unless_present = "clean")]
    to: Option<Form>,
    /// Only what these tools read [default: what all of them do]
    #[arg(long = "for", value_name = "TOOL,...", value_delimiter = ',', conflicts_with = "clean")]
    tools: Vec<Tool>,
    /// Print also where nothing evaluates it, on a terminal
    #[arg(long)]
    force: bool,
    /// Remove the files of an export instead: those in the folder that DOORKEY_FILES names
    #[arg(long, conflicts_with = "to")]
    clean: bool,
}

pub(in crate::cli) async fn run(args: &Args, console: &mut Console) -> Result<(), Failure> {
    let Some(form) = args.to else { return clean(console) };
    let terminal = io::stdout().is_terminal();
    ready(form, terminal && !args.force)?;
    let build = Build::of_environment()?.ok_or_else(no_build)?;
    let (key, (end, names)) = (build.api_key().await?, ends(&build).await?);
    let folder = Place::of_environment()
        .and_then(|place| {
            place.sweep(Clock::System.now())?;
            place.keep(end, &names)
        })
        .map_err(|error| not_written(&error))?;
    let mut handed = key.handed(&all_or(&args.tools), folder.path());
    say_refused(&handed, &args.tools, console)?;
    handed.variables.push(("DOORKEY_FILES", folder.path().display().to_string()));
    write(&handed, &folder)?;
    hand_over(form, &handed, &key, folder, console)
}

/// What has to be there, before anything is asked for.
fn ready(form: Form, seen: bool) -> Result<(), Failure> {
    match form {
        Form::GithubEnv if variable("GITHUB_ENV").is_none() => Err(Failure::Usage(
            "GITHUB_ENV isn't set: this is no step of GitHub Actions. Use --to shell, or doorkey exec.".into(),
        )),
        Form::Shell | Form::GitlabDotenv if seen => Err(Failure::Usage(
            "Nothing evaluates what is printed on a terminal. Write: eval \"$(doorkey builds export --to shell)\"\nOr add \
             --force."
                .into(),
        )),
        _ => Ok(()),
    }
}

/// When the build ends, and the names by which its closing finds what is kept.
async fn ends(build: &Build) -> Result<(Timestamp, Vec<String>), Failure> {
    #[derive(Deserialize)]
    struct Described {
        id: String,
        ends_at: Timestamp,
    }
    let described: Described = read(&build.described().await?)?;
    let names = [folder::by_id(&described.id), Some(folder::by_token(build.token.expose()))];
    Ok((described.ends_at, names.into_iter().flatten().collect()))
}

/// Removes what an export left on this machine of a build that is closed: of the one with this id, or with this token.
pub(in crate::cli) fn closed(id: Option<&str>, token: Option<&str>, console: &mut Console) {
    let names = [id.and_then(folder::by_id), token.map(folder::by_token)];
    for name in names.into_iter().flatten() {
        match folder::remove_of(&name) {
            Ok(0) => {}
            Ok(_) => console.note("The files that doorkey builds export left here are removed."),
            Err(error) => {
                console.note(&format!(
                    "The files that doorkey builds export left here can't be removed: {error}."
                ));
            }
        }
    }
}

fn hand_over(
    form: Form,
    handed: &Handed,
    key: &GivenKey,
    mut kept: Folder,
    console: &mut Console,
) -> Result<(), Failure> {
    let left = || {
        set_before(&handed.without)
            .map(|name| format!("doorkey: {name} is set, and contradicts the key. Take it out of this job."))
    };
    match form {
        Form::GithubEnv => {
            // The log masks what it has been told, so it is told first.
            console.say(&github_masks(key))?;
            github_env(&handed.variables).map_err(|error| {
                Failure::Refused(format!("The file that GITHUB_ENV names can't be written: {error}."))
            })?;
            left().for_each(|note| console.note(&note));
        }
        Form::GitlabDotenv => {
            let lines: Vec<_> =
                handed.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
            console.say(&lines.join("\n"))?;
            left().for_each(|note| console.note(&note));
        }
        Form::Envman => {
            envman(&handed.variables, key).map_err(|error| {
                Failure::Refused(format!(
                    "envman, which keeps variables for Bitrise's steps, doesn't take them: {error}."
                ))
            })?;
            left().for_each(|note| console.note(&note));
        }
        Form::Shell => {
            let unset = set_before(&handed.without).map(|name| format!("unset {name}"));
            let set = handed.variables.iter().map(|(name, value)| format!("export {name}={}", quoted(value)));
            console.say(&unset.chain(set).collect::<Vec<_>>().join("\n"))?;
        }
    }
    kept.stay();
    Ok(())
}

/// A command of the log for each line of the key, and for what tools make of it.
fn github_masks(key: &GivenKey) -> String {
    let pem = key.key.pem();
    let lines = pem.expose().lines().filter(|line| !line.starts_with("-----")).map(str::to_owned);
    let made = [key.key.der_base64(), key.key.pem_base64()].map(|made| made.expose().clone());
    let masks: Vec<_> = lines.chain(made).map(|line| format!("::add-mask::{line}")).collect();
    masks.join("\n")
}

/// Each value between two lines that nobody can guess.
fn github_env(variables: &[(&'static str, String)]) -> io::Result<()> {
    let mut between = [0; 16];
    clock::rng().map_err(io::Error::other)?.fill(&mut between);
    let between = data_encoding::HEXLOWER.encode(&between);
    let mut text = String::new();
    for (name, value) in variables {
        // Writing to a String can't fail.
        let _ = write!(text, "{name}<<{between}\n{value}\n{between}\n");
    }
    let path = variable("GITHUB_ENV").unwrap_or_default();
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

/// Each by one call, and the key in one that the log masks by. The key goes by standard input: other users can read what a
/// program was called with.
fn envman(variables: &[(&'static str, String)], key: &GivenKey) -> io::Result<()> {
    for (name, value) in variables {
        ended(
            Command::new("envman").args(["add", "--key", name, "--value", value]).stdin(Stdio::null()),
            None,
        )?;
    }
    let mut sensitive = Command::new("envman");
    sensitive.args(["add", "--key", "DOORKEY_API_KEY", "--sensitive"]);
    ended(&mut sensitive, Some(key.key.pem().expose()))
}

fn ended(command: &mut Command, input: Option<&str>) -> io::Result<()> {
    let mut running = match input {
        None => command.spawn()?,
        Some(input) => {
            let mut running = command.stdin(Stdio::piped()).spawn()?;
            if let Some(mut stdin) = running.stdin.take() {
                stdin.write_all(input.as_bytes())?;
            }
            running
        }
    };
    let status = running.wait()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("it ended with {status}"))) }
}

/// As one word of a shell, whatever is in it.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

fn clean(console: &mut Console) -> Result<(), Failure> {
    let Some(path) = variable("DOORKEY_FILES").map(PathBuf::from) else {
        return Err(Failure::Usage(
            "DOORKEY_FILES isn't set: no doorkey builds export has been here, or its variables haven't come this far.".into(),
        ));
    };
    let place = Place::of_environment().map_err(|error| not_removed(&error))?;
    let there = place.remove(&path).map_err(|error| not_removed(&error))?;
    // Best effort: those of others.
    let _ = place.sweep(Clock::System.now());
    console.note(if there { "The files are removed." } else { "The files are gone already." });
    Ok(())
}

fn not_removed(error: &io::Error) -> Failure {
    Failure::Refused(format!("The files can't be removed: {error}."))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_value_is_one_word_of_a_shell() {
        for value in ["/tmp/a b", "it's", "$(touch x)`y`\"\\", "'", "", "-n"] {
            let command = format!("printf %s {}", quoted(value));
            let printed = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
            assert_eq!(String::from_utf8(printed.stdout).unwrap(), value);
        }
    }
}
