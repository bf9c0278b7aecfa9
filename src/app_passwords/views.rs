//! *App-Specific Passwords*: the list, generating one, revoking one or all.

use askama::Template;

use crate::{
    set_up::views::Row,
    web::views::{Choice, Field, Frame, Qr, When},
};

/// The last time that a password opened something.
pub struct Used {
    /// When.
    pub when: When,
    /// By which service or protocol, such as `imap`.
    pub by: String,
    /// From which address.
    pub from: String,
}

/// An active app-specific password.
pub struct ActiveRow {
    /// What the person named it.
    pub label: String,
    /// What it opens, such as `mail and contacts`, or `what its first app needs`.
    pub opens: String,
    /// When it was made.
    pub made: When,
    /// When it was last used; nothing while it never was.
    pub used: Option<Used>,
    /// When it expires, if it does.
    pub expires: Option<When>,
    /// The way to revoke it.
    pub revoke_href: String,
}

/// How an app-specific password ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was revoked.
    Revoked,
    /// Its time was over.
    Expired,
}

/// An app still trying a password that has ended.
pub struct TriedAgain {
    /// When last.
    pub when: When,
    /// From which address.
    pub from: String,
}

/// An app-specific password that has ended.
pub struct EndedRow {
    /// What the person named it.
    pub label: String,
    /// How it ended.
    pub ending: Ending,
    /// When it ended.
    pub when: When,
    /// Who or what ended it: completes "revoked 1 June ...", such as `by you`; empty when there is nothing to say.
    pub reason: String,
    /// Set when an app still tries it.
    pub tried_again: Option<TriedAgain>,
}

/// The list, in all its states.
#[derive(Template)]
#[template(path = "app_passwords/list.html")]
pub struct ListPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Whether two-factor authentication is on; without it the page leads there.
    pub two_factor: bool,
    /// The way to turn two-factor authentication on.
    pub turn_on_href: String,
    /// The way to a new password.
    pub generate_href: String,
    /// The way to revoke all.
    pub revoke_all_href: String,
    /// How many there can be.
    pub limit: usize,
    /// The active ones.
    pub rows: Vec<ActiveRow>,
    /// Those that have ended.
    pub ended: Vec<EndedRow>,
}

impl ListPage {
    /// Whether there is no room for another one.
    pub fn full(&self) -> bool {
        self.rows.len() >= self.limit
    }
}

/// Asks what a new password is for.
#[derive(Template)]
#[template(path = "app_passwords/generate.html")]
pub struct GeneratePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// `label`: what it is for.
    pub label: Field,
    /// `opens=first` when set, `opens=kinds` otherwise.
    pub first_app: bool,
    /// `kind`, any number of them; see [`Choice::kinds`].
    pub kinds: Vec<Choice>,
    /// Why what it may open doesn't do.
    pub opens_error: Option<String>,
    /// `expires`: see [`GeneratePage::expiries`].
    pub expiries: Vec<Choice>,
    /// What stands in the way of the whole form.
    pub problem: Option<String>,
}

impl GeneratePage {
    /// When it may expire: `never`, `30d`, `90d` or `1y`, the one that is `chosen` picked.
    pub fn expiries(chosen: &str) -> Vec<Choice> {
        [("never", "Never"), ("30d", "In 30 days"), ("90d", "In 90 days"), ("1y", "In 1 year")]
            .map(|(value, label)| Choice {
                value: value.to_owned(),
                label: label.to_owned(),
                hint: String::new(),
                chosen: value == chosen,
            })
            .into()
    }
}

/// A QR code that sets an app up. It holds the secret.
pub struct ScanCode {
    /// Names it within the page.
    pub id: String,
    /// For which app.
    pub title: String,
    /// What to do with it, in one or two sentences.
    pub note: String,
    /// The code.
    pub qr: Qr,
}

/// Shows the new password, once. It holds the secret, so it is never logged or kept.
#[derive(Template)]
#[template(path = "app_passwords/generated.html")]
pub struct GeneratedPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What the person named it.
    pub label: String,
    /// The secret, in its six groups of four.
    pub groups: Vec<String>,
    /// What it opens; completes "It opens ...".
    pub opens: String,
    /// When it expires, if it does.
    pub expires: Option<When>,
    /// What to enter as user name.
    pub user_name: String,
    /// The servers to enter, for each service that it opens; may be empty.
    pub servers: Vec<Row>,
    /// Where a form with `password` posts to for a profile that sets up an iPhone, where there is one.
    pub profile_action: Option<String>,
    /// Codes to be scanned.
    pub codes: Vec<ScanCode>,
    /// The way back to the list.
    pub done_href: String,
}

/// Asks once before one is revoked.
#[derive(Template)]
#[template(path = "app_passwords/revoke.html")]
pub struct RevokePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// Which one.
    pub label: String,
    /// How many connections it has open.
    pub open_connections: usize,
    /// The services that will be asked to end what is open there.
    pub services: Option<String>,
}

/// Asks once before all are revoked.
#[derive(Template)]
#[template(path = "app_passwords/revoke_all.html")]
pub struct RevokeAllPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// How many there are.
    pub count: usize,
    /// How many connections they have open.
    pub open_connections: usize,
    /// The services that will be asked to end what is open there.
    pub services: Option<String>,
}
