//! `doorkey doctor`

use super::Place;
use super::console::Console;
use super::failure::Failure;
use super::local;
use super::render::{plain, read};
use crate::doctor::{self, Findings, Report, State, configuration};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing is changed or sent, and no secret is printed. The exit code is 1 when something is wrong."
)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, console: &mut Console) -> Result<(), Failure> {
    let report = look(&args.place).await?;
    if args.json {
        console.json(&serde_json::to_value(&report).unwrap_or_default())?;
    } else {
        for line in lines(&report) {
            console.say(&line)?;
        }
    }
    let of = |state: State| report.checks.iter().filter(|check| check.state == state).count();
    match (of(State::Wrong), of(State::Warning)) {
        (0, _) if args.json => Ok(()),
        (0, 0) => console.say("\nEverything is fine."),
        (0, 1) => console.say("\nNothing is wrong. 1 thing deserves a look."),
        (0, looks) => console.say(&format!("\nNothing is wrong. {looks} things deserve a look.")),
        (1, _) => Err(Failure::Refused("1 thing is wrong.".into())),
        (wrong, _) => Err(Failure::Refused(format!("{wrong} things are wrong."))),
    }
}

/// Asks the server that runs, or looks at the data folder where none does.
async fn look(place: &Place) -> Result<Report, Failure> {
    let mut findings = Findings::default();
    let (config, origin) = match place.load_with_origin() {
        Ok(loaded) => loaded,
        Err(error) => {
            configuration::unread(&error, &mut findings);
            return Ok(findings.report(false));
        }
    };
    match local::running(&config)? {
        Some(client) => Ok(read(&client.fetch("/machine/doctor").await?)?),
        None => {
            configuration::read(&config, &origin, &mut findings);
            Ok(doctor::of_data(&config, findings).await)
        }
    }
}

/// A line for each thing that was looked at.
fn lines(report: &Report) -> impl Iterator<Item = String> {
    let width = report.checks.iter().map(|check| check.about.words().len()).max().unwrap_or_default();
    report.checks.iter().map(move |check| {
        let (state, about) = (check.state.words(), check.about.words());
        let advice = check.advice.as_ref().map(|advice| format!(" {advice}")).unwrap_or_default();
        plain(&format!("{state:7}  {about:width$}  {}{advice}", check.said))
    })
}
