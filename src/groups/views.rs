//! *Groups*, for administrators.

use askama::Template;

use crate::web::views::{Field, Frame, Link, When};

/// A group in the list.
pub struct GroupRow {
    /// Its name.
    pub name: String,
    /// How many are in it, such as `12 people`.
    pub members: String,
    /// The services that name it, such as `dav and mail`; nothing when none does.
    pub services: Option<String>,
    /// Its page.
    pub href: String,
}

/// The list.
#[derive(Template)]
#[template(path = "groups/list.html")]
pub struct ListPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The way to add one.
    pub add_href: String,
    /// The groups.
    pub rows: Vec<GroupRow>,
}

/// Adds a group.
#[derive(Template)]
#[template(path = "groups/add.html")]
pub struct AddPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// `name`: what it is called.
    pub name: Field,
}

/// Somebody in a group.
pub struct MemberRow {
    /// What they are called.
    pub display_name: String,
    /// Their ID.
    pub id: String,
    /// Their own page.
    pub href: String,
    /// Since when they are in it.
    pub joined: When,
    /// The way to take them out.
    pub leave_href: String,
}

/// One group.
#[derive(Template)]
#[template(path = "groups/group.html")]
pub struct GroupPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Its name.
    pub name: String,
    /// How many are in it, such as `12 people`.
    pub members: String,
    /// The services that name it.
    pub services: Vec<Link>,
    /// Where the form that adds somebody posts to.
    pub action: String,
    /// `account`: whom to add.
    pub account: Field,
    /// Some of those in it.
    pub rows: Vec<MemberRow>,
    /// The way back to the first of them.
    pub first_href: Option<String>,
    /// The way to the next of them.
    pub next_href: Option<String>,
    /// The list of groups.
    pub list_href: String,
    /// The way to remove it.
    pub remove_href: String,
}

/// Asks once before somebody is taken out of a group.
#[derive(Template)]
#[template(path = "groups/leave.html")]
pub struct LeavePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// The group's name.
    pub name: String,
    /// Their ID.
    pub id: String,
    /// The services that they can then no longer use, such as `dav and mail`; nothing when there are none.
    pub loses: Option<String>,
}

/// Asks once before a group is removed.
#[derive(Template)]
#[template(path = "groups/remove.html")]
pub struct RemovePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// The group's name.
    pub name: String,
    /// How many are in it, such as `12 people`; nothing when nobody is.
    pub members: Option<String>,
}
