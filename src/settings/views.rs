//! *Settings*, for administrators.

use askama::Template;

use crate::{
    doctor::State,
    web::views::{Frame, When},
};

/// Something that was looked at.
pub struct CheckRow {
    /// What it is about, such as `disk space`.
    pub about: &'static str,
    /// How it is.
    pub state: State,
    /// What was found.
    pub said: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// A setting.
pub struct SettingRow {
    /// Its name.
    pub name: &'static str,
    /// What it is; empty when it is off.
    pub value: String,
    /// Where it is set; nothing for a default.
    pub place: Option<String>,
}

/// The settings of a section.
pub struct Section {
    /// As the file has it, such as `[http]`.
    pub title: String,
    /// Whether somebody set something in it.
    pub set: bool,
    /// Its settings.
    pub settings: Vec<SettingRow>,
}

/// How mail is sent.
pub struct Mail {
    /// The mail server.
    pub server: String,
    /// To whom a test goes.
    pub test_to: String,
}

/// The page.
#[derive(Template)]
#[template(path = "settings/settings.html")]
pub struct SettingsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the page's form posts to.
    pub action: String,
    /// The server's version.
    pub version: &'static str,
    /// Since when it runs.
    pub started: When,
    /// The database and its version.
    pub database: String,
    /// Where the key comes from.
    pub key_place: String,
    /// When it was made.
    pub key_made: When,
    /// What deserves a look, or is wrong.
    pub troubles: Vec<CheckRow>,
    /// What is fine.
    pub fine: Vec<CheckRow>,
    /// Whether the mail server and the public URL were looked at too.
    pub far: bool,
    /// How mail is sent; nothing when it isn't configured.
    pub mail: Option<Mail>,
    /// The file that settings were read from.
    pub file: Option<String>,
    /// Settings that a restart would use.
    pub changed: Vec<String>,
    /// All settings.
    pub sections: Vec<Section>,
}
