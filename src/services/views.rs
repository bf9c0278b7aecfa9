//! *Services*, for administrators: the servers that ask Doorkey whether a sign-in is good.

use askama::Template;

use crate::{
    set_up::views::Section,
    sign_out::views::Section as SignOutSection,
    web::views::{Choice, Field, Frame, When},
};

/// Stands for the key in ready configuration, because nobody can look the key up.
pub const KEY_PLACE: &str = "SERVICE-KEY";

/// A service in the list.
pub struct ServiceRow {
    /// Its name.
    pub name: String,
    /// Its kinds, such as `contacts and calendars`.
    pub kinds: String,
    /// Who may use it, shortly, such as `staff and board`; nothing when everyone may.
    pub only_for: Option<String>,
    /// Its page.
    pub href: String,
    /// When it was last used; nothing while it never was.
    pub last_used: Option<When>,
    /// What was last changed about it.
    pub changed: Option<Changed>,
}

/// The last change of a service.
pub struct Changed {
    /// Whether it was added then, or changed.
    pub is_new: bool,
    /// When.
    pub when: When,
    /// Who did it, such as `ada@example.org`.
    pub by: String,
    /// What happened, such as `ada@example.org gave the service dav a new key.`
    pub sentence: String,
}

/// The list.
#[derive(Template)]
#[template(path = "services/list.html")]
pub struct ListPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The way to add one.
    pub add_href: String,
    /// The services.
    pub rows: Vec<ServiceRow>,
}

/// Who may use a service, to be chosen.
pub struct WhoField {
    /// `who=groups` when set, `who=everyone` otherwise.
    pub only_groups: bool,
    /// `group`, any number of them: all groups that there are.
    pub groups: Vec<Choice>,
    /// Why what was chosen doesn't do.
    pub error: Option<String>,
}

/// Adds a service.
#[derive(Template)]
#[template(path = "services/add.html")]
pub struct AddPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// `name`: what it is called.
    pub name: Field,
    /// `kind`, any number of them; see [`Choice::kinds`].
    pub kinds: Vec<Choice>,
    /// Why the kinds don't do.
    pub kinds_error: Option<String>,
    /// Who may use it.
    pub who: WhoField,
}

/// Changes a service.
#[derive(Template)]
#[template(path = "services/change.html")]
pub struct ChangePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// The service's name.
    pub name: String,
    /// `seen`: what it was when the form was made.
    pub seen: String,
    /// `kind`, any number of them; see [`Choice::kinds`].
    pub kinds: Vec<Choice>,
    /// Why the kinds don't do.
    pub kinds_error: Option<String>,
    /// Who may use it.
    pub who: WhoField,
}

/// Where a key comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum KeyOf {
    /// A service that was just added.
    NewService,
    /// A service whose key was just replaced.
    Replaced,
}

/// Shows a service's key, once. It holds the secret, so it is never logged or kept.
#[derive(Template)]
#[template(path = "services/key.html")]
pub struct KeyPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The service's name.
    pub name: String,
    /// The key.
    pub key: String,
    /// Where the key comes from.
    pub key_of: KeyOf,
    /// Ready configuration with the key in it, the first one shown open.
    pub configurations: Vec<ConfigurationGroup>,
    /// The service's page.
    pub service_href: String,
}

/// What to put into one server's configuration.
pub struct Configuration {
    /// Names it within the page, such as `nginx`.
    pub id: String,
    /// The server, such as `nginx, auth_request`.
    pub title: String,
    /// What to do with it.
    pub note: String,
    /// What to copy.
    pub files: Vec<ConfigurationFile>,
}

/// A text to copy.
pub struct ConfigurationFile {
    /// Which file it goes into, where that is the same for everybody.
    pub place: Option<String>,
    /// The text, with [`KEY_PLACE`] where the key goes.
    pub text: String,
}

/// Servers of one sort.
pub struct ConfigurationGroup {
    /// What they are, such as `Mail servers`.
    pub title: String,
    /// One each.
    pub configurations: Vec<Configuration>,
}

/// A group that may use a service.
pub struct AllowedGroup {
    /// Its name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// How many are in it, such as `12 people`.
    pub members: String,
}

/// One service.
#[derive(Template)]
#[template(path = "services/service.html")]
pub struct ServicePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Its name.
    pub name: String,
    /// Its kinds, such as `contacts and calendars`.
    pub kinds: String,
    /// The groups that may use it; none when everyone may.
    pub groups: Vec<AllowedGroup>,
    /// The way to change what it holds and who may use it.
    pub change_href: String,
    /// When it was last used; nothing while it never was.
    pub last_used: Option<When>,
    /// When, and from where, its door was last asked with a wrong key, if it was.
    pub wrong_key: Option<(When, String)>,
    /// What was last changed about it.
    pub changed: Option<Changed>,
    /// The way to all that happened to it and at it.
    pub events_href: String,
    /// How people are signed out of it.
    pub sign_out: SignOutSection,
    /// The address of its HTTP door.
    pub door_url: String,
    /// When its key was made.
    pub key_made: When,
    /// How apps are set up with it.
    pub set_up: Section,
    /// Ready configuration, the first one shown open.
    pub configurations: Vec<ConfigurationGroup>,
    /// The list of services.
    pub list_href: String,
    /// The way to test it.
    pub test_href: String,
    /// The way to a new key.
    pub new_key_href: String,
    /// The way to remove it.
    pub remove_href: String,
}

/// Asks once before the key is replaced.
#[derive(Template)]
#[template(path = "services/new_key.html")]
pub struct NewKeyPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// The service's name.
    pub name: String,
}

/// Asks once before a service is removed.
#[derive(Template)]
#[template(path = "services/remove.html")]
pub struct RemovePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// The service's name.
    pub name: String,
}
