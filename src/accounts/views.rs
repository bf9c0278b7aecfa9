//! *Sign-In and Security*: the person's own account, password and second factor.

use askama::Template;

use crate::web::views::{Frame, Qr, When};

/// Whether two-factor authentication is on.
pub enum TwoFactor {
    /// It is off.
    Off,
    /// It is on.
    On {
        /// Since when.
        since: When,
    },
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
    /// How many app-specific passwords are active.
    pub in_use: usize,
    /// How many there can be.
    pub limit: usize,
    /// The way to their list.
    pub app_passwords_href: String,
    /// The way to a new one; nothing when there can't be one now.
    pub generate_href: Option<String>,
    /// In how many browsers the person is signed in, this one included.
    pub browsers: usize,
    /// Where "Sign out other browsers" posts to.
    pub sign_out_others_action: String,
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

/// Turns two-factor authentication on.
#[derive(Template)]
#[template(path = "accounts/two_factor_on.html")]
pub struct TwoFactorOnPage {
    /// What surrounds it.
    pub frame: Frame,
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
    /// Set when a new `password` is asked for too.
    pub longer_password: Option<LongerPassword>,
}
