//! Trying a service out: asking, the password, what was seen.

use askama::Template;

use super::MINUTES;
use crate::web::views::{Frame, When};

/// Asks before a password is made.
#[derive(Template)]
#[template(path = "trials/begin.html")]
pub struct BeginPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// The service's name.
    pub name: String,
    /// What the password will open.
    pub kinds: String,
}

/// The password, this once.
#[derive(Template)]
#[template(path = "trials/begun.html")]
pub struct BegunPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The service's name.
    pub name: String,
    /// What to sign in as.
    pub user_name: String,
    /// The password, in groups.
    pub groups: Vec<String>,
    /// What it opens.
    pub kinds: String,
    /// Until when it works.
    pub ends: When,
    /// Where Doorkey signed in with it.
    pub tried: Vec<TriedRow>,
    /// What was seen of that, the newest first.
    pub seen: Vec<SeenRow>,
    /// The way to what was seen.
    pub seen_href: String,
    /// The way back to the service.
    pub service_href: String,
}

/// A sign-in of Doorkey's own.
pub struct TriedRow {
    /// What came of it.
    pub sentence: String,
    /// Whether it was let in.
    pub good: bool,
}

/// A sign-in.
pub struct SeenRow {
    /// What it means.
    pub sentence: String,
    /// Whether it was let in.
    pub good: bool,
    /// The door, such as `HTTP door`.
    pub door: &'static str,
    /// What was asked for.
    pub kinds: String,
    /// The user name that came.
    pub user_name: String,
    /// From where.
    pub from: String,
    /// When.
    pub when: When,
}

/// What was seen.
#[derive(Template)]
#[template(path = "trials/seen.html")]
pub struct SeenPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The service's name.
    pub name: String,
    /// What was seen, the newest first.
    pub seen: Vec<SeenRow>,
    /// Until when the password works; none when it has ended.
    pub ends: Option<When>,
    /// Where it is looked again.
    pub here: String,
    /// How many were seen.
    pub count: usize,
    /// Where the test is ended.
    pub end_action: String,
    /// The way to another test.
    pub again_href: String,
    /// The way back to the service.
    pub service_href: String,
}
