//! *Signing out*, on the page of a service and on a page of its own.

use askama::Template;

use crate::web::views::{Choice, Field, Frame, When};

/// How people are signed out of a service, and how that goes.
pub struct Section {
    /// How; nothing when nobody is signed out.
    pub way: Option<Shown>,
    /// The way to change it.
    pub href: String,
}

/// What is shown of it.
pub struct Shown {
    /// How, as a sentence.
    pub sentence: String,
    /// Where the service is asked.
    pub url: String,
    /// When it last did what it was asked.
    pub done: Option<When>,
    /// When it last didn't, and why.
    pub failed: Option<(When, String)>,
    /// How many wait, in words; nothing when none do.
    pub waiting: Option<String>,
}

/// Sets it.
#[derive(Template)]
#[template(path = "services/set_sign_out.html")]
pub struct SetPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// The service's name.
    pub name: String,
    /// `way`: one of these.
    pub ways: Vec<Choice>,
    /// Why the way doesn't do.
    pub way_error: Option<String>,
    /// `url`.
    pub url: Field,
    /// Whether there is a key.
    pub has_key: bool,
    /// Why the `key` doesn't do.
    pub key_error: Option<String>,
}
