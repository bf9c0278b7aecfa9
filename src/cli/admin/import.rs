//! `doorkey admin import`

use std::path::PathBuf;

use axum::http::Method;
use domain::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::{plain, read};
use crate::people::import::{BODY_MOST, text_of};

const HELP: &str = "\
The file is CSV in UTF-8 with a comma or a semicolon between. Its first line names the columns, in any order: id, name, and as \
needed groups, aliases, administrator (yes or no). Several groups or aliases stand in one field with spaces between. Everybody is \
invited, or, when any row is wrong, nobody. The report is CSV on standard output, with each person's one-time link.";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Import {
    /// The file
    file: PathBuf,
    /// Look at each row, and import nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the links also when they are mailed
    #[arg(long)]
    show_links: bool,
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Report {
    imported: usize,
    wrong: usize,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    line: u64,
    id: String,
    outcome: String,
    problem: Option<String>,
    link: Option<String>,
    mailed_to: Option<String>,
    expires_at: Option<Timestamp>,
}

impl Import {
    pub(super) fn call(&self) -> Result<Call, Failure> {
        let file = self.file.display();
        let unread = |error: std::io::Error| Failure::Refused(format!("{file} can't be read: {error}."));
        if std::fs::metadata(&self.file).map_err(unread)?.len() > BODY_MOST as u64 {
            let most = BODY_MOST / 1024 / 1024;
            return Err(Failure::Refused(format!(
                "{file} is larger than {most} MiB. Split it into several."
            )));
        }
        let bytes = std::fs::read(&self.file).map_err(unread)?;
        let csv = text_of(bytes).map_err(|why| Failure::Refused(format!("{file} {why}")))?;
        let body = Some(json!({ "csv": csv, "dry_run": self.dry_run, "show_links": self.show_links }));
        Ok(Call { method: Method::POST, path: "/accounts/import".into(), body })
    }

    pub(super) fn print(&self, answer: &Value, console: &mut Console) -> Result<(), Failure> {
        let report: Report = read(answer)?;
        if self.json {
            console.json(answer)?;
        } else {
            console.say(&table(&report)?)?;
        }
        let counted =
            |n: usize, one: &str, more: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {more}") };
        if report.wrong > 0 {
            let wrong = counted(report.wrong, "row is", "rows are");
            return Err(Failure::Refused(format!("{wrong} wrong. Nothing was imported.")));
        }
        if !self.json && report.imported == 0 {
            console.note("Nothing is wrong, and nothing was imported. Leave out --dry-run to import.");
        } else if !self.json {
            let people = counted(report.imported, "person is", "people are");
            let mailed = report.rows.iter().any(|row| row.mailed_to.is_some());
            let then = match mailed {
                true => "Each gets a mail with their link",
                false => "Give each their own link, and nobody else",
            };
            console.note(&format!("{people} invited. {then}; they are good for 7 days."));
        }
        Ok(())
    }
}

/// The report as CSV.
fn table(report: &Report) -> Result<String, Failure> {
    let unwritten = |error: &dyn std::fmt::Display| {
        Failure::Refused(format!("It was done, but the report can't be written: {error}."))
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(["line", "id", "outcome", "problem", "link", "expires_at"])
        .map_err(|e| unwritten(&e))?;
    for row in &report.rows {
        let line = row.line.to_string();
        let (problem, link) =
            (row.problem.as_deref().unwrap_or_default(), row.link.as_deref().unwrap_or_default());
        let expires = row.expires_at.map(|at| at.to_string()).unwrap_or_default();
        writer
            .write_record([&line, &plain(&row.id), &row.outcome, &plain(problem), &plain(link), &expires])
            .map_err(|e| unwritten(&e))?;
    }
    let bytes = writer.into_inner().map_err(|e| unwritten(&e))?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}
