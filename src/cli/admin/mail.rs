//! `doorkey admin mail`

use axum::http::Method;
use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::{plain, read};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Send a test mail, and say what the mail server answers
    Test {
        /// Where to send it
        address: String,
        /// Print the API's answer as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Deserialize)]
struct Tested {
    server: String,
    accepted: bool,
    said: String,
}

impl Command {
    pub(super) fn call(&self) -> Call {
        let Self::Test { address, .. } = self;
        Call { method: Method::POST, path: "/mail/test".into(), body: Some(json!({ "address": address })) }
    }

    pub(super) fn print(&self, answer: &Value, console: &mut Console) -> Result<(), Failure> {
        let Self::Test { address, json } = self;
        let Tested { server, accepted, said } = read(answer)?;
        if *json {
            console.json(answer)?;
        }
        match accepted {
            true if *json => Ok(()),
            true => console.say(&plain(&format!("{server} took the mail to {address}: {said}"))),
            false => Err(Failure::Refused(plain(&said))),
        }
    }
}
