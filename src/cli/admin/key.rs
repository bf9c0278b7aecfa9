//! `doorkey admin rotate-key` and `new-key`

use axum::http::Method;
use seal::MasterKey;
use serde::Deserialize;
use serde_json::Value;

use crate::cli::Place;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::local;
use crate::cli::render::{plain, read};
use crate::clock;

const ROTATE_HELP: &str = "\
Where the key is a file, a new one is made in its place. Elsewhere ([key] command or fd), put a new key above the one
in use first, as `doorkey admin new-key` prints it. The data stays readable at every moment, also after a crash.
Keep a copy of the new key in another place: the old one opens older backups, and nothing else.";

/// Replaces the key.
#[derive(Debug, clap::Args)]
#[command(after_help = ROTATE_HELP)]
pub(super) struct Rotate {
    /// Print the API's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Done {
    resealed: u64,
    finished: bool,
    advice: Option<String>,
}

impl Rotate {
    pub(super) async fn run(&self, place: &Place, console: &mut Console) -> Result<(), Failure> {
        let client = local::connect(place, false).await?;
        let answer = client.on_machine(Method::POST, "/machine/rotate-key").await;
        client.close().await;
        self.print(&answer?, console)
    }

    fn print(&self, answer: &Value, console: &mut Console) -> Result<(), Failure> {
        if self.json {
            return console.json(answer);
        }
        let done: Done = read(answer)?;
        let mut said = if done.finished {
            let values = if done.resealed == 1 { "1 value" } else { &format!("{} values", done.resealed) };
            format!("The key is replaced: {values} sealed anew, and the old key dropped.")
        } else {
            "The key is replaced.".to_owned()
        };
        if let Some(advice) = done.advice {
            said.push('\n');
            said.push_str(&plain(&advice));
        }
        console.say(&said)
    }
}

/// Prints a new key, for a place that the server doesn't write to.
pub(super) fn print_new(console: &mut Console) -> Result<(), Failure> {
    let mut rng = clock::rng().map_err(|error| Failure::Refused(format!("{error}.")))?;
    let key = MasterKey::generate(&mut rng).text();
    console.secret(
        "",
        key.expose().trim_end(),
        "Put it on a line above the key in use. Keep a copy in another place.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::Screen;
    use serde_json::json;

    #[test]
    fn what_is_left_to_do_is_said() {
        let print = |answer: Value| {
            let screen = Screen::new();
            Rotate { json: false }.print(&answer, &mut screen.console()).unwrap();
            screen.out()
        };
        assert_eq!(
            print(json!({ "data_key": 3, "resealed": 1, "finished": true, "advice": "Keep a copy." })),
            "The key is replaced: 1 value sealed anew, and the old key dropped.\nKeep a copy.\n"
        );
        assert_eq!(
            print(json!({ "data_key": 3, "resealed": 0, "finished": false, "advice": "It goes on." })),
            "The key is replaced.\nIt goes on.\n"
        );
    }

    #[test]
    fn a_new_key_is_one_that_can_be_used_and_stands_alone() {
        let screen = Screen::new();
        print_new(&mut screen.console()).unwrap();
        assert!(MasterKey::parse(&screen.out()).is_ok());
        assert!(!screen.err().contains("doorkey-key-1"));
    }
}
