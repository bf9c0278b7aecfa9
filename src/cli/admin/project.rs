//! `doorkey admin project`

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
    /// List the projects that there are: their owners, and how many are in their teams
    List {
        /// Only those after this name, where there are more than a thousand
        #[arg(long, value_name = "NAME", default_value = "")]
        after: String,
        /// Print the API's answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Name an owner where the account of the one before was removed
    Owner {
        /// The project: its name, or its id
        #[arg(value_parser = path_part)]
        project: String,
        /// Somebody of its team; anybody when nobody is left in it
        id: String,
    },
}

#[derive(Deserialize)]
struct Listed {
    projects: Vec<Project>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Project {
    id: String,
    name: String,
    owner: Option<String>,
    members: u64,
}

impl Command {
    pub(super) fn call(&self) -> Call {
        let (method, path, body) = match self {
            Self::List { after, .. } if after.is_empty() => (Method::GET, "/server/projects".into(), None),
            Self::List { after, .. } => {
                (Method::GET, format!("/server/projects?after={}", in_path(after)), None)
            }
            Self::Owner { project, id } => {
                let path = format!("/server/projects/{}/owner", in_path(project));
                (Method::PUT, path, Some(json!({ "account": id })))
            }
        };
        Call { method, path, body }
    }

    pub(super) fn print(&self, answer: &Value, console: &mut Console) -> Result<(), Failure> {
        match self {
            Self::List { json: true, .. } => console.json(answer),
            Self::List { .. } => console.say(&list(&read(answer)?)),
            Self::Owner { project, id } => console.say(&plain(&format!("{id} owns {project} now."))),
        }
    }
}

fn list(Listed { projects, next }: &Listed) -> String {
    if projects.is_empty() {
        return "There are no projects.".into();
    }
    let row = |one: &Project| {
        let owner = one.owner.clone().unwrap_or_else(|| "nobody".into());
        [clipped(&one.name), owner, one.members.to_string(), one.id.clone()]
    };
    let rows: Vec<_> = projects.iter().map(row).collect();
    let mut lines = table(["NAME", "OWNER", "IN ITS TEAM", "ID"], &rows);
    lines.extend(next.as_ref().map(|next| plain(&format!("There are more: add --after \"{next}\""))));
    lines.join("\n")
}
