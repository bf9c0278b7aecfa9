//! *Activity*: what happened to the person's account.

use askama::Template;

use crate::web::views::{Frame, When};

/// One event.
pub struct EventRow {
    /// When it happened.
    pub when: When,
    /// What happened, such as `You revoked Old laptop.`
    pub sentence: String,
    /// From where, such as `198.51.100.7` or `Firefox on Linux, 198.51.100.7`; nothing when it was Doorkey itself.
    pub from: Option<String>,
}

/// The list, the newest first.
#[derive(Template)]
#[template(path = "events/activity.html")]
pub struct ActivityPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The events.
    pub rows: Vec<EventRow>,
    /// The way to newer ones.
    pub newer_href: Option<String>,
    /// The way to older ones.
    pub older_href: Option<String>,
}
