//! *Activity*: what happened to the person's account. *Events*: what happened at all.

use askama::Template;

use super::sentence::Advice;
use crate::web::views::{Choice, Field, Frame, When};

/// One event of the person's own.
pub struct EventRow {
    /// When it happened.
    pub when: When,
    /// What happened, such as `You revoked Old laptop.`
    pub sentence: String,
    /// From where, such as `198.51.100.7`; nothing when it was Doorkey itself.
    pub from: Option<String>,
    /// Who did it, when it was neither the person nor Doorkey: `by an administrator: grace@example.org`.
    pub by: Option<String>,
    /// What to do about it.
    pub advice: Option<Advice>,
}

/// The person's own, the newest first.
#[derive(Template)]
#[template(path = "events/activity.html")]
pub struct ActivityPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The events.
    pub rows: Vec<EventRow>,
    /// The sorts to filter by.
    pub sorts: Vec<Choice>,
    /// The first day.
    pub from: Field,
    /// The last day.
    pub to: Field,
    /// Whether a filter is set.
    pub filtered: bool,
    /// The way to newer ones.
    pub newer_href: Option<String>,
    /// The way to older ones.
    pub older_href: Option<String>,
}

/// One event of the log.
pub struct LogRow {
    /// Its number.
    pub number: i64,
    /// When it happened.
    pub when: When,
    /// What happened, such as `ada@example.org signed in with Firefox on Linux.`
    pub sentence: String,
    /// What else belongs to it, and the way to all events that it belongs to.
    pub bits: Vec<Bit>,
}

/// A part of an event by which others are found.
pub struct Bit {
    /// What it is: `account`, `by`, `from`, `at`.
    pub name: &'static str,
    /// As it stands there.
    pub value: String,
    /// The way to all events with it.
    pub href: String,
}

/// All of the log, the newest first.
#[derive(Template)]
#[template(path = "events/log.html")]
pub struct LogPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The events.
    pub rows: Vec<LogRow>,
    /// What can have happened.
    pub kinds: Vec<Choice>,
    /// The sorts of that.
    pub sorts: Vec<Choice>,
    /// The services.
    pub services: Vec<Choice>,
    /// Whose account.
    pub account: Field,
    /// Who did it.
    pub actor: Field,
    /// From where.
    pub address: Field,
    /// From when on.
    pub from: Field,
    /// Until when.
    pub to: Field,
    /// Whether a filter is set.
    pub filtered: bool,
    /// The way to the same events as a file.
    pub export_href: String,
    /// The way to newer ones.
    pub newer_href: Option<String>,
    /// The way to older ones.
    pub older_href: Option<String>,
}
