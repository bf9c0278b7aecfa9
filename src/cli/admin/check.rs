//! `doorkey admin check`

use serde::Deserialize as _;

use crate::check::{self, Report};
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::plain;
use crate::cli::{Place, local};

#[derive(Debug, clap::Args)]
#[command(after_help = "Nothing is changed. The exit code is 1 when something is wrong.")]
pub(super) struct Args {
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, place: &Place, console: &mut Console) -> Result<(), Failure> {
    let config = place.load()?;
    let report: Report = match local::running(&config)? {
        Some(client) => {
            let answer = client.fetch("/machine/check").await?;
            Report::deserialize(&answer).map_err(|_| {
                Failure::Refused(
                    "The server answered what this doorkey doesn't know. Use its version.".into(),
                )
            })?
        }
        None => {
            local::has_data(&config)?;
            check::on_data(&config).map_err(|error| local::not_opened(&config, &error))?
        }
    };
    if args.json {
        let answer = serde_json::to_value(&report).unwrap_or_default();
        console.json(&answer)?;
    } else {
        for found in &report.findings {
            console.say(&plain(&format!("{} {}", found.what, found.advice)))?;
        }
    }
    let rows: u64 = report.rows.values().sum();
    match report.found {
        0 if args.json => Ok(()),
        0 => console
            .say(&format!("Looked at {rows} rows of {} tables: everything is sound.", report.rows.len())),
        1 => Err(Failure::Refused("1 thing is wrong.".into())),
        n if n > report.findings.len() => Err(Failure::Refused(format!(
            "{n} things are wrong; the first {} are told.",
            report.findings.len()
        ))),
        n => Err(Failure::Refused(format!("{n} things are wrong."))),
    }
}
