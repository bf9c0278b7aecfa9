//! *People*, for administrators: who has an account, and what can be done about it.

use askama::Template;

use crate::web::views::{Choice, Field, Frame, When};

/// Whether an account may be used, as a badge says it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum StateBadge {
    /// It may: nothing is said.
    Active,
    /// Its person hasn't set a password yet.
    Invited,
    /// It may not.
    Suspended,
}

/// Somebody in the list.
pub struct PersonRow {
    /// What they are called.
    pub name: String,
    /// Their ID.
    pub id: String,
    /// Their page.
    pub href: String,
    /// Whether the account may be used.
    pub state: StateBadge,
    /// Whether they are invited, and their link no longer works.
    pub invitation_over: bool,
    /// Whether a mail to them was given up.
    pub mail_given_up: bool,
    /// Whether they administer the server.
    pub administrator: bool,
    /// The groups that they are in.
    pub groups: Vec<String>,
    /// Whether two-factor authentication is on.
    pub two_factor: bool,
    /// How many app-specific passwords work.
    pub app_passwords: usize,
    /// When they last signed in; nothing while they never did.
    pub signed_in: Option<When>,
}

/// The list.
#[derive(Template)]
#[template(path = "people/list.html")]
pub struct ListPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The way to invite somebody.
    pub invite_href: String,
    /// The way to import many.
    pub import_href: String,
    /// Where the search goes.
    pub search_action: String,
    /// What is looked for; empty when all are listed.
    pub look_for: String,
    /// The people.
    pub rows: Vec<PersonRow>,
    /// The way to sign everybody out.
    pub sign_out_href: String,
    /// The way back to the beginning.
    pub first_href: Option<String>,
    /// The way to those who come after these.
    pub next_href: Option<String>,
}

/// Asks once before everybody is signed out.
#[derive(Template)]
#[template(path = "people/sign_everybody_out.html")]
pub struct SignEverybodyOutPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
}

/// Invites somebody.
#[derive(Template)]
#[template(path = "people/invite.html")]
pub struct InvitePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// `id`: an e-mail address.
    pub id: Field,
    /// `name`: what they are called.
    pub name: Field,
    /// `aliases`, one on each line.
    pub aliases: Field,
    /// `group`, any number of them.
    pub groups: Vec<Choice>,
    /// Why the groups don't do.
    pub groups_error: Option<String>,
    /// Whether "administrator" is ticked.
    pub administrator: bool,
    /// Whether the link is mailed.
    pub mails: bool,
}

/// Imports people from a table.
#[derive(Template)]
#[template(path = "people/import.html")]
pub struct ImportPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// `csv`: the table.
    pub csv: String,
    /// What is wrong with it, a line for each row.
    pub wrong: Vec<String>,
    /// How many people are in it, once it was checked and nothing is wrong.
    pub fine: Option<usize>,
    /// How many people it may have.
    pub most: usize,
}

/// Shows the links of everybody who was imported, once. It holds secrets, so it is never logged or kept.
#[derive(Template)]
#[template(path = "people/imported.html")]
pub struct ImportedPage {
    /// What surrounds it.
    pub frame: Frame,
    /// How many are invited.
    pub count: usize,
    /// Everybody's ID and link; empty when the links are mailed.
    pub links: Vec<(String, String)>,
    /// Until when the links work.
    pub expires: Option<When>,
    /// The list of people.
    pub list_href: String,
}

/// Shows a one-time link, once. It holds the secret, so it is never logged or kept.
#[derive(Template)]
#[template(path = "people/link.html")]
pub struct LinkPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Whose it is.
    pub name: String,
    /// Their ID.
    pub id: String,
    /// The link, if it is shown.
    pub link: Option<String>,
    /// Where it is mailed to.
    pub mailed_to: Option<String>,
    /// What it does: completes "With it, they ...".
    pub does: String,
    /// Until when it works.
    pub expires: When,
    /// Their page.
    pub person_href: String,
}

/// What stands under *Account* on somebody's page.
pub struct About {
    /// Their ID.
    pub id: String,
    /// Whether the account may be used.
    pub state: StateBadge,
    /// Since when two-factor authentication is on.
    pub two_factor: Option<When>,
    /// How many app-specific passwords work.
    pub app_passwords: usize,
    /// When they last signed in.
    pub signed_in: Option<When>,
    /// When the account was made.
    pub made: When,
}

/// A group that somebody is in.
pub struct GroupOf {
    /// Its name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// The way out of it.
    pub leave_href: String,
}

/// One person.
#[derive(Template)]
#[template(path = "people/person.html")]
pub struct PersonPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What they are called.
    pub name: String,
    /// What they have.
    pub about: About,
    /// How many app-specific passwords there can be.
    pub limit: usize,
    /// Whether they administer the server.
    pub administrator: bool,
    /// Whether it is the one who looks.
    pub oneself: bool,
    /// The list of people.
    pub list_href: String,
    /// Where the page's own forms post to.
    pub action: String,
    /// `display_name`: what they are to be called.
    pub display_name: Field,
    /// Their aliases.
    pub aliases: Vec<String>,
    /// `alias`: one to be added; nothing when there is no room for another.
    pub alias: Option<Field>,
    /// The groups that they are in.
    pub groups: Vec<GroupOf>,
    /// `group`: those that they could join; none when they are in all there are.
    pub joinable: Vec<String>,
    /// Whether there is any group.
    pub any_group: bool,
    /// Why what was chosen doesn't do.
    pub group_error: Option<String>,
    /// Until when their one-time link works, if they have one.
    pub link_expires: Option<When>,
    /// The mail to them that has not been delivered.
    pub mail: Option<Undelivered>,
    /// The way to a new invitation link.
    pub invite_link_href: String,
    /// The way to a reset link.
    pub reset_link_href: String,
    /// The way to make them an administrator, or to end that.
    pub administrator_href: String,
    /// The way to sign them out.
    pub sign_out_href: String,
    /// The way to suspend them.
    pub suspend_href: String,
    /// The way to remove them.
    pub remove_href: String,
}

/// A mail that the mail server hasn't taken.
pub struct Undelivered {
    /// What it is: "invitation", for one.
    pub about: String,
    /// Since when it waits, or when it was given up.
    pub since: When,
    /// Whether it was given up.
    pub given_up: bool,
    /// What stood in the way; may be empty.
    pub why: String,
}

/// What is asked once before it is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Signing them out everywhere.
    SignOut,
    /// Suspending.
    Suspend,
    /// Removing.
    Remove,
    /// Removing somebody who was only invited.
    Withdraw,
    /// Letting them administer the server.
    MakeAdministrator,
    /// Ending that.
    UnmakeAdministrator,
    /// A new invitation link.
    InviteLink,
}

/// Asks once before something is done to somebody's account.
#[derive(Template)]
#[template(path = "people/ask.html")]
pub struct AskPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// What is asked.
    pub question: Question,
    /// What the person is called.
    pub name: String,
    /// Their ID.
    pub id: String,
    /// How many app-specific passwords of theirs work.
    pub app_passwords: usize,
    /// Whether a link is mailed.
    pub mails: bool,
}

/// Asks which reset link is to be made.
#[derive(Template)]
#[template(path = "people/reset_link.html")]
pub struct ResetLinkPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// What the person is called.
    pub name: String,
    /// Whether two-factor authentication is on, so that it can have been lost.
    pub two_factor: bool,
    /// Whether the link is mailed.
    pub mails: bool,
}
