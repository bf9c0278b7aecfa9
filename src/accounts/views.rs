//! *Sign-In and Security*: the person's own account, password and second factor.

use askama::Template;

use crate::{
    sign_in::code_field::CodeField,
    web::views::{Frame, Qr, When},
};

/// Whether two-factor authentication is on.
pub enum TwoFactor {
    /// It is off.
    Off,
    /// It is on.
    On {
        /// Since when.
        since: When,
        /// How many recovery codes are left.
        codes_left: u64,
        /// When they were made; nothing when there are none.
        codes_made: Option<When>,
        /// Whether that is so few that new ones should be made.
        few: bool,
    },
}

/// One place where the person is signed in.
pub struct SessionRow {
    /// What it is, such as `Firefox on Linux`; never empty.
    pub agent: String,
    /// Whether it is the browser that shows the page.
    pub here: bool,
    /// From where it was signed in; may be empty.
    pub source: String,
    /// When it was signed in.
    pub began: When,
    /// When it was last used.
    pub seen: When,
    /// When it ends if it isn't used any more.
    pub ends: When,
    /// Where "Sign out" posts to.
    pub sign_out_action: String,
}

/// One trusted browser.
pub struct BrowserRow {
    /// What it is, such as `Firefox on Linux`.
    pub agent: String,
    /// Whether the person is signed in with it here and now.
    pub here: bool,
    /// Since when it is trusted.
    pub since: When,
    /// Until when.
    pub until: When,
    /// Where "Forget" posts to.
    pub forget_action: String,
}

/// The first page after signing in.
#[derive(Template)]
#[template(path = "accounts/security.html")]
pub struct SecurityPage {
    /// What surrounds it.
    pub frame: Frame,
    /// When the password was last changed.
    pub password_changed: When,
    /// The way to change it.
    pub change_password_href: String,
    /// Whether two-factor authentication is on.
    pub two_factor: TwoFactor,
    /// The way to turn it on.
    pub turn_on_href: String,
    /// The way to turn it off.
    pub turn_off_href: String,
    /// The way to set up another phone.
    pub move_href: String,
    /// The way to new recovery codes.
    pub renew_codes_href: String,
    /// How many app-specific passwords are active.
    pub in_use: usize,
    /// How many there can be.
    pub limit: usize,
    /// The way to their list.
    pub app_passwords_href: String,
    /// The way to a new one; nothing when there can't be one now.
    pub generate_href: Option<String>,
    /// How many API tokens work.
    pub tokens: usize,
    /// The way to their list.
    pub tokens_href: String,
    /// Where the person is signed in, this browser first.
    pub sessions: Vec<SessionRow>,
    /// Where "Sign out all others" posts to.
    pub sign_out_others_action: String,
    /// The trusted browsers.
    pub browsers: Vec<BrowserRow>,
    /// Where "Forget all" posts to.
    pub forget_all_action: String,
}

/// Changes the account's password.
#[derive(Template)]
#[template(path = "accounts/change_password.html")]
pub struct ChangePasswordPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// Why the `current` password doesn't do.
    pub current_error: Option<String>,
    /// Why the `password` doesn't do.
    pub password_error: Option<String>,
    /// How many characters the new password needs.
    pub min_length: usize,
    /// How many app-specific passwords this revokes.
    pub revokes: usize,
}

/// Turns two-factor authentication on, or sets up another phone for it.
#[derive(Template)]
#[template(path = "accounts/two_factor_on.html")]
pub struct TwoFactorOnPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Whether it is on already, and another phone is set up.
    pub moves: bool,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// What an authenticator app scans.
    pub qr: Qr,
    /// The same as an `otpauth:` link, for the phone that shows this page.
    pub otpauth_href: String,
    /// The key in groups of four, to be typed.
    pub key_groups: Vec<String>,
    /// Why the `code` doesn't do.
    pub code_error: Option<String>,
}

/// Asks for a longer password where the present one is too short without a second factor.
pub struct LongerPassword {
    /// How many characters it needs.
    pub min_length: usize,
    /// Why the `password` doesn't do.
    pub error: Option<String>,
}

/// Turns two-factor authentication off.
#[derive(Template)]
#[template(path = "accounts/two_factor_off.html")]
pub struct TwoFactorOffPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// How many app-specific passwords this revokes.
    pub revokes: usize,
    /// Why the `code` doesn't do.
    pub code_error: Option<String>,
    /// Which code is asked for.
    pub field: CodeField,
    /// The way to enter the other kind of code.
    pub other_href: String,
    /// Set when a new `password` is asked for too.
    pub longer_password: Option<LongerPassword>,
}

/// Recovery codes that were just made, this once.
#[derive(Template)]
#[template(path = "accounts/recovery_codes.html")]
pub struct RecoveryCodesPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What was done together with making them.
    pub done: Option<String>,
    /// The codes.
    pub codes: Vec<String>,
    /// The server's address, for the sheet that is printed.
    pub server: String,
    /// The day, for the same.
    pub date: String,
    /// The way on.
    pub done_href: String,
}

/// Asks before new recovery codes take the place of the old ones.
#[derive(Template)]
#[template(path = "accounts/renew_codes.html")]
pub struct RenewCodesPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// How many of the old ones stop working.
    pub left: u64,
}
