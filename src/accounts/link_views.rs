//! The pages behind one-time links: the first account, a new password, a link that is spent.

use askama::Template;

use crate::{
    sign_in::code_field::CodeField,
    web::views::{Field, Outside},
};

/// Makes the first account of a new server.
#[derive(Template)]
#[template(path = "accounts/first_account.html")]
pub struct FirstAccountPage {
    /// What surrounds it.
    pub page: Outside,
    /// Where the form posts to; it holds the link's secret.
    pub action: String,
    /// `id`: an e-mail address.
    pub id: Field,
    /// `name`: what the person is called.
    pub name: Field,
    /// Why the `password` doesn't do.
    pub password_error: Option<String>,
    /// How many characters the password needs.
    pub min_length: usize,
}

/// Sets a new password after an administrator gave a one-time link.
#[derive(Template)]
#[template(path = "accounts/reset.html")]
pub struct ResetPage {
    /// What surrounds it.
    pub page: Outside,
    /// Where the form posts to; it holds the link's secret.
    pub action: String,
    /// Whose password it is.
    pub account_id: String,
    /// Whether the account has a second factor, so that its `code` is asked for.
    pub asks_code: bool,
    /// Why the `password` doesn't do.
    pub password_error: Option<String>,
    /// Why the `code` doesn't do.
    pub code_error: Option<String>,
    /// Which code is asked for.
    pub field: CodeField,
    /// The way to enter the other kind of code.
    pub other_href: String,
    /// Whether two-factor authentication is turned off with it.
    pub turns_off: bool,
    /// How many characters the password needs.
    pub min_length: usize,
    /// How many app-specific passwords this revokes.
    pub revokes: usize,
    /// What stands in the way of the whole form, such as too many attempts.
    pub problem: Option<String>,
}

/// Accepts an invitation: sets the account's first password.
#[derive(Template)]
#[template(path = "accounts/invitation.html")]
pub struct InvitationPage {
    /// What surrounds it.
    pub page: Outside,
    /// Where the form posts to; it holds the link's secret.
    pub action: String,
    /// Who invites, such as `Ada Lovelace` or `The administrator`.
    pub by: String,
    /// The server's address, as people know it.
    pub server: String,
    /// Whose account it is.
    pub account_id: String,
    /// What they are called.
    pub name: String,
    /// Whether they will administer the server.
    pub administrator: bool,
    /// Why the `password` doesn't do.
    pub password_error: Option<String>,
    /// How many characters the password needs.
    pub min_length: usize,
}

/// What a one-time link was for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LinkFor {
    /// Setting up the first account.
    Setup,
    /// Accepting an invitation.
    Invitation,
    /// Setting a new password.
    Reset,
}

/// A one-time link that has been used, is too old, or never was one.
#[derive(Template)]
#[template(path = "accounts/link_spent.html")]
pub struct LinkSpentPage {
    /// What surrounds it.
    pub page: Outside,
    /// What the link looked like it was for.
    pub link_for: LinkFor,
    /// The way to the sign-in.
    pub sign_in_href: String,
}
