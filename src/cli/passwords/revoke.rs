//! `doorkey passwords revoke`

use axum::http::Method;
use clap::ArgGroup;
use serde::Deserialize;

use super::Person;
use super::list::AppPassword;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::{plain, read};
use crate::cli::{in_path, path_part};
use crate::sign_out::open::Open;

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("which").required(true))]
pub(super) struct Args {
    /// Which one: its id in the list
    #[arg(value_parser = path_part, group = "which")]
    id: Option<String>,
    /// All of them
    #[arg(long, group = "which")]
    all: bool,
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Revoked {
    revoked: Option<u64>,
    #[serde(default)]
    signed_out: Open,
}

pub(super) async fn run(args: &Args, person: &Person, console: &mut Console) -> Result<(), Failure> {
    let one = args.id.as_deref().map(|id| format!("/app-passwords/{}", in_path(id)));
    if args.id.as_deref().is_some_and(|id| !id.starts_with("apw_")) {
        return Err(Failure::Usage(
            "Give its id, which begins with apw_: it stands in the last column of `doorkey passwords list`."
                .into(),
        ));
    }
    let path = one.as_deref().unwrap_or("/app-passwords");
    let answer = person.client.request(Method::DELETE, path, None).await?;
    if args.json {
        return console.json(&answer);
    }
    let ended: Revoked = read(&answer)?;
    let (revoked, ends) = (ended.revoked.unwrap_or(1), ended.signed_out);
    if one.is_some() {
        let (password, rest): (AppPassword, _) = (read(&answer)?, ends.sentences(false));
        let label = password.label;
        return console.say(&plain(&format!(
            "{label} no longer opens anything. The app that used it is signed out.{rest}"
        )));
    }
    let rest = ends.sentences(revoked > 1);
    console.say(&plain(&match revoked {
        0 => "There was no app-specific password left to revoke.".into(),
        1 => format!("Revoked 1 app-specific password. The app that used it is signed out.{rest}"),
        n => format!("Revoked {n} app-specific passwords. The apps that used them are signed out.{rest}"),
    }))
}
