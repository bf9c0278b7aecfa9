//! `doorkey admin move`

use serde_json::json;
use url::Url;

use super::backup::counted;
use super::restore::{Choice, passwords};
use crate::backup::restore::AppPasswords;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::plain;
use crate::cli::{Place, local};
use crate::config;
use crate::moving::{self, MoveError, Moved};

const HELP: &str = "The server must not run. Everything goes on in the new place as it was: people stay signed in, \
                    passwords and keys work. The data that was there stays, marked, so that no server starts on it; \
                    --undo takes that mark away again.";

/// What stands for a password in a line that is printed.
const PASSWORD: &str = "PASSWORD";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// Where to, as [store] url has it: an empty PostgreSQL database, or sqlite: and a file that isn't there; - reads it from
    /// standard input
    #[arg(long, value_name = "URL", required_unless_present = "undo")]
    to: Option<String>,
    /// Use the data here again, as it was when it was moved away
    #[arg(long, conflicts_with = "to", requires = "app_passwords")]
    undo: bool,
    /// With --undo, what becomes of app-specific passwords: those revoked since the move would work again
    #[arg(long, value_name = "keep|revoke", conflicts_with = "to")]
    app_passwords: Option<Choice>,
    /// Print what was moved as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, place: &Place, console: &mut Console) -> Result<(), Failure> {
    match (&args.to, args.app_passwords) {
        (Some(to), _) => to_another(args, to, place, console),
        (None, Some(choice)) => undo(args, choice.into(), place, console),
        (None, None) => Err(Failure::Usage("Say where to, with --to.".into())),
    }
}

fn to_another(args: &Args, to: &str, place: &Place, console: &mut Console) -> Result<(), Failure> {
    let config = place.load()?;
    let typed;
    let url = match to {
        "-" => {
            typed = console.first_line("URL")?;
            typed.expose().trim()
        }
        url => url,
    };
    let target = config::database(url, &config.data).map_err(|why| Failure::Usage(format!("--to {why}")))?;
    local::has_data(&config)?;
    let moved = moving::run(&config, &target).map_err(|error| refused(&error))?;
    let setting = to_be_set(url);
    if args.json {
        return console.json(&json!({
            "from": moved.from,
            "to": moved.to,
            "rows": moved.rows,
            "last_event": moved.last_event,
            "store_url": setting,
        }));
    }
    console.say(&plain(&said(&moved)))?;
    console.say(&format!(
        "\nNow set this, and start the server:\n\n    [store]\n    url = {}\n",
        quoted(&setting)
    ))?;
    if setting.contains(PASSWORD) {
        console.say(&format!("with the database's password in the place of {PASSWORD}."))?;
    }
    console.say(&plain(&format!(
        "The key stays the same: it opens the data there as it did here. What is in {} stays as it is, and no server starts on \
         it; delete it when you are sure. To use it again instead: doorkey admin move --undo --app-passwords keep|revoke.",
        moved.from
    )))
}

fn undo(args: &Args, choice: AppPasswords, place: &Place, console: &mut Console) -> Result<(), Failure> {
    let config = place.load()?;
    local::has_data(&config)?;
    let undone = moving::undo(&config, choice).map_err(|error| refused(&error))?;
    if args.json {
        return console.json(&json!({
            "moved_to": undone.to,
            "moved_at": undone.moved_at,
            "revoked": undone.revoked,
            "signed_out": undone.signed_out,
        }));
    }
    console.say(&plain(&format!(
        "This data is in use again, as it was on {}. {}, and everybody was signed out. Let no server run on {} any more: what is \
         changed there doesn't come here.",
        undone.moved_at.exact(),
        passwords(choice, undone.revoked),
        undone.to
    )))
}

fn said(moved: &Moved) -> String {
    let rows_of = |table: &str| moved.rows.get(table).copied().unwrap_or_default();
    let rows: u64 = moved.rows.values().sum();
    format!(
        "Moved {}, from {} to {}. {rows} rows of {} tables were compared, and everything is sound there.",
        counted(rows_of, moved.last_event.number),
        moved.from,
        moved.to,
        moved.rows.len()
    )
}

/// What `[store] url` has to be: as it was typed, without the password.
fn to_be_set(url: &str) -> String {
    let Some(mut shown) = Url::parse(url).ok().filter(|_| !url.starts_with("sqlite:")) else {
        return url.into();
    };
    let mut hidden = false;
    if shown.password().is_some() {
        hidden = shown.set_password(Some(PASSWORD)).is_ok();
    }
    let pairs: Vec<_> =
        shown.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    if pairs.iter().any(|(name, _)| name == "password") {
        let hide = |(name, value): &(String, String)| match name.as_str() {
            "password" => (name.clone(), PASSWORD.to_owned()),
            _ => (name.clone(), value.clone()),
        };
        shown.query_pairs_mut().clear().extend_pairs(pairs.iter().map(hide));
        hidden = true;
    }
    if hidden { shown.into() } else { url.into() }
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn refused(error: &MoveError) -> Failure {
    Failure::Refused(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_set_is_what_was_typed_without_the_password() {
        for (typed, shown) in [
            ("sqlite:doorkey.db", "sqlite:doorkey.db"),
            ("sqlite:/var/lib/a b/doorkey.db", "sqlite:/var/lib/a b/doorkey.db"),
            ("postgres:///doorkey?host=/run/postgresql", "postgres:///doorkey?host=/run/postgresql"),
            (
                "postgres://doorkey@db/doorkey?sslmode=require",
                "postgres://doorkey@db/doorkey?sslmode=require",
            ),
            ("postgres://doorkey:hunter2@db:5433/doorkey", "postgres://doorkey:PASSWORD@db:5433/doorkey"),
            (
                "postgres:///d?host=/run/p&user=u&password=hunter2",
                "postgres:///d?host=%2Frun%2Fp&user=u&password=PASSWORD",
            ),
        ] {
            assert_eq!(to_be_set(typed), shown);
        }
    }
}
