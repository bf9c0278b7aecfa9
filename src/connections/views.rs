//! *Apple Service connection*: the list, adding a key, one connection, who could read it.

use askama::Template;

use crate::web::views::{Field, Frame, When};

/// A connection in the list.
pub struct ConnectionRow {
    /// What it is called.
    pub name: String,
    /// What it is, such as `API key`.
    pub kind: &'static str,
    /// What it can do, such as `reads apps and users`.
    pub can: String,
    /// What is wrong with it, if anything is.
    pub state: Option<&'static str>,
    /// By how many projects it is used.
    pub used: String,
    /// Its page.
    pub href: String,
}

/// The list.
#[derive(Template)]
#[template(path = "connections/list.html")]
pub struct ListPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Whether two-factor authentication is on.
    pub two_factor: bool,
    /// The way to turn it on.
    pub turn_on_href: String,
    /// The way to add one.
    pub add_href: String,
    /// How many there may be.
    pub limit: usize,
    /// The connections.
    pub rows: Vec<ConnectionRow>,
}

/// Adds an API key.
#[derive(Template)]
#[template(path = "connections/add.html")]
pub struct AddPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The list.
    pub list_href: String,
    /// Where the form posts to.
    pub action: String,
    /// Why `file` or `key` doesn't do. Neither is ever shown again.
    pub key_error: Option<String>,
    /// `key_id`.
    pub key_id: Field,
    /// `issuer_id`, or `individual`.
    pub issuer_id: Field,
    /// Whether `individual` is ticked.
    pub individual: bool,
    /// Whether `enterprise` is ticked.
    pub enterprise: bool,
    /// What stands in the way of the whole form.
    pub problem: Option<String>,
}

/// What may be known of an API key.
pub struct KeyView {
    /// Apple's name for it.
    pub key_id: String,
    /// Whose keys they are; none for an individual key.
    pub issuer_id: Option<String>,
    /// Whether it is of the Enterprise Program.
    pub enterprise: bool,
    /// What it reads, such as `apps and users`.
    pub reads: String,
}

/// A project that a connection can be offered to.
pub struct ProjectRow {
    /// What it is called.
    pub name: String,
    /// Its team's page.
    pub href: String,
    /// What the form sends: its id.
    pub value: String,
    /// Whether it is offered there.
    pub offered: bool,
    /// Whether its builds use it.
    pub used: bool,
}

/// A build that received the connection.
pub struct ReaderRow {
    /// The project's name.
    pub project: String,
    /// The build's page.
    pub build_href: String,
    /// What it was given.
    pub given: String,
    /// Commit and branch, if the CI said so.
    pub of: Option<String>,
    /// When.
    pub at: When,
    /// The address that it went to.
    pub source: Option<String>,
    /// How often again within the minute.
    pub repeats: i64,
}

/// One connection.
#[derive(Template)]
#[template(path = "connections/connection.html")]
pub struct ConnectionPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The list.
    pub list_href: String,
    /// This page's own address.
    pub here: String,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: &'static str,
    /// How it is at Apple.
    pub state: &'static str,
    /// What Apple said, if that wasn't a plain yes.
    pub answer: Option<String>,
    /// When Apple was last asked.
    pub checked: When,
    /// When it was connected.
    pub connected: When,
    /// What is particular to an API key.
    pub key: Option<KeyView>,
    /// Whether it is an individual key.
    pub individual: bool,
    /// The projects that it can be offered to, and those that it is offered to.
    pub projects: Vec<ProjectRow>,
    /// The builds that received it, the newest first.
    pub readers: Vec<ReaderRow>,
    /// Whether these aren't the newest.
    pub later: bool,
    /// The way to older ones.
    pub older_href: Option<String>,
}

/// Asks once before a connection is removed.
#[derive(Template)]
#[template(path = "connections/remove.html")]
pub struct RemovePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// What it is called.
    pub name: String,
    /// What stops.
    pub consequence: String,
}

/// A project through which a connection can be read.
pub struct ReachedRow {
    /// Its id, which is unique on the page.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its page.
    pub href: String,
    /// Whether its builds receive it now.
    pub used: bool,
    /// Who has admin authority there, each with their role.
    pub people: Vec<String>,
    /// What lets builds in there.
    pub ways: Vec<String>,
}

/// Who could read a connection.
#[derive(Template)]
#[template(path = "connections/reach.html")]
pub struct ReachPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The connection's page.
    pub here: String,
    /// What it is called.
    pub name: String,
    /// The projects.
    pub projects: Vec<ReachedRow>,
}
