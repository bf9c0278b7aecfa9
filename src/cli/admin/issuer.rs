//! `doorkey admin issuer`

use axum::http::Method;
use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::{clipped, plain, read, table};
use crate::cli::{in_path, path_part};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the CIs whose identity tokens are taken
    List {
        /// Print the API's answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a CI: its identity tokens open builds of projects that have a rule about them
    Add(Add),
    /// Remove a CI, with all rules that name it; the builds that they let in end
    Remove {
        /// Its name, URL or id
        #[arg(value_parser = path_part)]
        issuer: String,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// github, gitlab, circleci, buildkite, or other
    preset: String,
    /// What it is called here [default: the CI's own name]
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// What its tokens say in iss [default: the CI's own, where it has one for all]
    #[arg(long, default_value = "", hide_default_value = true)]
    url: String,
    /// What its tokens have to say in aud [default: this server's URL]
    #[arg(long, default_value = "", hide_default_value = true)]
    audience: String,
    /// With other: the claim that names a project, and never another one
    #[arg(long, default_value = "", hide_default_value = true)]
    claim: String,
    /// It may be at an address of one's own network, and be asked over http there
    #[arg(long)]
    allow_private: bool,
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Listed {
    issuers: Vec<Issuer>,
}

#[derive(Deserialize)]
struct Issuer {
    id: String,
    name: String,
    preset: String,
    url: String,
    audience: String,
}

impl Command {
    pub(super) fn call(&self) -> Call {
        let (method, path, body) = match self {
            Self::List { .. } => (Method::GET, "/issuers".into(), None),
            Self::Add(Add { preset, name, url, audience, claim, allow_private, .. }) => {
                let body = json!({
                    "preset": preset, "name": name, "url": url, "audience": audience, "claim": claim,
                    "allow_private": allow_private,
                });
                (Method::POST, "/issuers".into(), Some(body))
            }
            Self::Remove { issuer } => (Method::DELETE, format!("/issuers/{}", in_path(issuer)), None),
        };
        Call { method, path, body }
    }

    pub(super) fn print(&self, answer: &Value, console: &mut Console) -> Result<(), Failure> {
        let done = match self {
            Self::List { json: true } | Self::Add(Add { json: true, .. }) => return console.json(answer),
            Self::List { .. } => list(&read(answer)?),
            Self::Add(_) => {
                let Issuer { name, url, audience, .. } = read(answer)?;
                plain(&format!(
                    "Added {name} ({url}). Its tokens are taken when they are made for {audience}, and a rule of a project fits them."
                ))
            }
            Self::Remove { issuer } => plain(&format!("Removed {issuer}, and the rules that named it.")),
        };
        console.say(&done)
    }
}

fn list(Listed { issuers }: &Listed) -> String {
    if issuers.is_empty() {
        return "There are none. Add one: doorkey admin issuer add github".into();
    }
    let row =
        |i: &Issuer| [clipped(&i.name), i.preset.clone(), i.url.clone(), i.audience.clone(), i.id.clone()];
    let rows: Vec<_> = issuers.iter().map(row).collect();
    table(["NAME", "PRESET", "ISSUER", "AUDIENCE", "ID"], &rows).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_a_table_and_their_urls_stand_in_the_path() {
        let issuer = json!({
            "id": "iss_1", "name": "GitHub Actions", "preset": "github", "url": "https://x.example", "audience": "https://y.example",
        });
        let table = "\
NAME            PRESET  ISSUER             AUDIENCE           ID
GitHub Actions  github  https://x.example  https://y.example  iss_1";
        assert_eq!(list(&read(&json!({ "issuers": [issuer] })).unwrap()), table);
        let remove = Command::Remove { issuer: "https://x.example".into() }.call();
        assert_eq!(remove.path, "/issuers/https%3A%2F%2Fx.example");
    }
}
