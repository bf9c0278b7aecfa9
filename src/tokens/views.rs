//! *API Tokens*: the list, making one, and the one that was made.

use askama::Template;

use crate::web::views::{Choice, Field, Frame, When};

/// One token.
pub struct TokenRow {
    /// What its person calls it.
    pub label: String,
    /// What it may be used for, such as `read, revoke`.
    pub scopes: String,
    /// When it was made.
    pub made: When,
    /// When it expires, or did.
    pub expires: When,
    /// Whether its time is over.
    pub expired: bool,
    /// When it was last used; nothing before the first time.
    pub used: Option<When>,
    /// From where that was.
    pub from: String,
    /// Where "Revoke" posts to.
    pub revoke_action: String,
}

/// The list.
#[derive(Template)]
#[template(path = "tokens/list.html")]
pub struct ListPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Whether two-factor authentication is on.
    pub two_factor: bool,
    /// The way to turn it on.
    pub turn_on_href: String,
    /// The way to a new one.
    pub make_href: String,
    /// The tokens, the newest first.
    pub rows: Vec<TokenRow>,
}

/// Asks about a new one.
#[derive(Template)]
#[template(path = "tokens/make.html")]
pub struct MakePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// `label`.
    pub label: Field,
    /// The scopes that there are for this person.
    pub scopes: Vec<Choice>,
    /// Why the `scope`s don't do.
    pub scopes_error: Option<String>,
    /// The choices of `expires`.
    pub expiries: Vec<Choice>,
    /// What stands in the way of the whole form.
    pub problem: Option<String>,
}

/// The token, this once.
#[derive(Template)]
#[template(path = "tokens/made.html")]
pub struct MadePage {
    /// What surrounds it.
    pub frame: Frame,
    /// What its person calls it.
    pub label: String,
    /// The token.
    pub token: String,
    /// What it may be used for.
    pub scopes: String,
    /// When it expires.
    pub expires: When,
    /// The way on.
    pub done_href: String,
}
