//! `doorkey admin restore`

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;

use super::backup::{contents, described};
use crate::backup::restore::{self, AppPasswords, RestoreError, Restored};
use crate::cli::Place;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::plain;

const HELP: &str = "The server must not run. The data that is there stays beside the restored data, under a name with the \
                    time in it. Everybody is signed out; personal API tokens and one-time links end.";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// The file that `doorkey admin backup` has written
    file: PathBuf,
    /// What becomes of app-specific passwords: those revoked since the backup would work again
    #[arg(long, value_name = "keep|revoke")]
    app_passwords: Option<Choice>,
    /// Print what was restored as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Choice {
    /// They work as they did when the backup was made
    Keep,
    /// All of them end
    Revoke,
}

impl From<Choice> for AppPasswords {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Keep => Self::Keep,
            Choice::Revoke => Self::Revoke,
        }
    }
}

pub(super) fn run(args: &Args, place: &Place, console: &mut Console) -> Result<(), Failure> {
    let config = place.load()?;
    let ready = restore::look(&config, &args.file).map_err(|error| refused(&error))?;
    let choice = match args.app_passwords {
        Some(choice) => choice,
        None => ask(&ready, console)?,
    };
    let choice = AppPasswords::from(choice);
    let restored = restore::restore(&config, &ready, choice).map_err(|error| refused(&error))?;
    if args.json {
        let mut answer = described(&restored.header);
        if let Some(members) = answer.as_object_mut() {
            members.insert("revoked".into(), restored.revoked.into());
            members.insert("signed_out".into(), restored.signed_out.into());
            let kept = restored.kept.as_ref().map(|kept| kept.display().to_string());
            members.insert("kept".into(), json!(kept));
        }
        return console.json(&answer);
    }
    console.say(&plain(&said(&restored, choice)))
}

fn ask(ready: &restore::Ready, console: &mut Console) -> Result<Choice, Failure> {
    let header = ready.header();
    let question = plain(&format!(
        "This backup was made on {}. It holds {}.\nApp-specific passwords that were revoked since then would work again. \
         Keep them all, or revoke them all? [keep/revoke] ",
        header.made_at.exact(),
        contents(header)
    ));
    let answer = console.choose(&question)?.ok_or_else(|| {
        Failure::Usage(
            "There is no terminal to ask on what becomes of app-specific passwords. Add --app-passwords keep or \
             --app-passwords revoke."
                .into(),
        )
    })?;
    Choice::from_str(answer.trim(), true)
        .map_err(|_| Failure::Refused("Nothing was restored. Answer keep or revoke.".into()))
}

fn said(restored: &Restored, choice: AppPasswords) -> String {
    let passwords = passwords(choice, restored.revoked);
    let mut said = format!(
        "Restored {}, as of {}. {passwords}, and everybody was signed out.",
        contents(&restored.header),
        restored.header.made_at.exact()
    );
    if let Some(kept) = &restored.kept {
        said += &format!(" The data that was there is kept: {}.", kept.display());
    }
    said
}

/// What became of app-specific passwords.
pub(super) fn passwords(choice: AppPasswords, revoked: u64) -> String {
    match choice {
        AppPasswords::Keep => "App-specific passwords work as they did then".into(),
        AppPasswords::Revoke => format!("{revoked} app-specific passwords were revoked"),
    }
}

fn refused(error: &RestoreError) -> Failure {
    Failure::Refused(error.to_string())
}
