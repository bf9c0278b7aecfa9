//! Signing in: ID and password, then the code; and showing again that it is you.

use askama::Template;

use super::code_field::CodeField;
use crate::web::views::Outside;

/// The first step.
#[derive(Template)]
#[template(path = "sign_in/sign_in.html")]
pub struct SignInPage {
    /// What surrounds it.
    pub page: Outside,
    /// Where the form posts to.
    pub action: String,
    /// The ID entered last; empty at first.
    pub id: String,
    /// Why it didn't work: wrong ID or password, or too many attempts.
    pub problem: Option<String>,
}

/// The second step.
#[derive(Template)]
#[template(path = "sign_in/code.html")]
pub struct CodePage {
    /// What surrounds it.
    pub page: Outside,
    /// Where the form posts to.
    pub action: String,
    /// Who is signing in.
    pub account_id: String,
    /// Which code is asked for.
    pub field: CodeField,
    /// Whether "Trust this browser" is ticked.
    pub trust: bool,
    /// For how many days.
    pub trusted_days: i64,
    /// Why it didn't work: a wrong code, or too many attempts.
    pub problem: Option<String>,
    /// The way to enter the other kind of code.
    pub other_href: String,
    /// The way to start again with another ID.
    pub start_again_href: String,
}

/// What shows that it is still the same person.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The code.
    Code(CodeField),
    /// The password, while two-factor authentication is off.
    Password,
}

/// Asks for a fresh proof before something that matters.
#[derive(Template)]
#[template(path = "sign_in/confirm.html")]
pub struct ConfirmPage {
    /// What surrounds it.
    pub page: Outside,
    /// Where the form posts to.
    pub action: String,
    /// Who is signed in.
    pub account_id: String,
    /// What it is asked for: completes "Then you can ...", such as `generate an app-specific password`.
    pub purpose: String,
    /// What is asked for.
    pub proof: Proof,
    /// Why it didn't work.
    pub problem: Option<String>,
    /// The way to enter the other kind of code.
    pub other_href: String,
    /// The way back without it.
    pub cancel_href: String,
}
