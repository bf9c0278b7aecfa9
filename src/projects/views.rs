//! *Projects*, and what the pages of one project have in common.

use askama::Template;
use domain::Role;

use super::{Member, pages::page_of};
use crate::web::views::{Choice, Field, Frame, NavItem, Outside, When};

/// The parts of a project, each with a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its builds.
    Builds,
    /// Who is in its team, and what its builds use.
    Team,
    /// What lets builds in.
    Integrations,
    /// A page below none of them.
    Other,
}

/// What stands above each page of a project: its name, and the way to its parts. Templates of them extend `projects/frame.html`, have a
/// field `frame` and a field `project` with this, and fill the block `tab`.
pub struct Head {
    /// What it is called.
    pub name: String,
    /// Its parts.
    pub tabs: Vec<NavItem>,
    /// Where its owner renames, hands over and removes it; nothing for others.
    pub settings_href: Option<String>,
}

impl Head {
    /// What stands above the page of this part, to somebody of the team.
    pub fn of(member: &Member, part: Part) -> Self {
        let here = page_of(member.project.id);
        let tab = |label: &str, tail: &str, of: Part| NavItem {
            label: label.into(),
            href: format!("{here}{tail}"),
            current: of == part,
        };
        Self {
            name: member.project.name.as_str().into(),
            tabs: vec![
                tab("Builds", "", Part::Builds),
                tab("Team", "/team", Part::Team),
                tab("Integrations", "/integrations", Part::Integrations),
            ],
            settings_href: (member.role == Role::Owner).then(|| format!("{here}/settings")),
        }
    }
}

/// A project in the list.
pub struct ProjectRow {
    /// What it is called.
    pub name: String,
    /// The reader's role in it, such as `owner`.
    pub role: &'static str,
    /// When it was made.
    pub made: When,
    /// Its page.
    pub href: String,
}

/// The list.
#[derive(Template)]
#[template(path = "projects/list.html")]
pub struct ListPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The way to add one.
    pub add_href: String,
    /// The projects.
    pub rows: Vec<ProjectRow>,
    /// The server's projects, for its administrators.
    pub server_href: Option<String>,
}

/// Adds a project.
#[derive(Template)]
#[template(path = "projects/add.html")]
pub struct AddPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// `name`: what it is called.
    pub name: Field,
    /// What stands in the way of the whole form.
    pub problem: Option<String>,
}

/// Somebody of a team.
pub struct MemberRow {
    /// What they are called.
    pub name: String,
    /// Their ID.
    pub id: String,
    /// Their role.
    pub role: &'static str,
    /// Whether it is the reader.
    pub oneself: bool,
    /// Whether their account can't be used at the moment.
    pub suspended: bool,
    /// Since when they are in the team.
    pub joined: When,
    /// The way to change it; nothing for those who may not, or where it can't be.
    pub href: Option<String>,
}

/// Somebody who is invited.
pub struct InvitedRow {
    /// The ID that is invited.
    pub id: String,
    /// The role that they get.
    pub role: &'static str,
    /// Until when.
    pub expires: When,
    /// Whether that is over.
    pub over: bool,
    /// Its id.
    pub invitation: String,
}

/// What builds use of one kind, and could.
pub struct KindRow {
    /// What the form sends it as.
    pub code: &'static str,
    /// What it is called, such as `API key`.
    pub label: &'static str,
    /// Whether nothing of it is used.
    pub none: bool,
    /// What can be chosen.
    pub options: Vec<OptionRow>,
    /// The names of those who have something of it that they don't offer.
    pub not_offered: Vec<String>,
    /// What builds stopped using, and what to do.
    pub warning: Option<Warning>,
}

/// A connection that can be chosen.
pub struct OptionRow {
    /// Its id.
    pub value: String,
    /// Whose it is.
    pub person: String,
    /// What it is called.
    pub name: String,
    /// How it is, where it isn't good.
    pub state: Option<&'static str>,
    /// Whether builds use it.
    pub chosen: bool,
}

/// Builds stopped using something.
pub struct Warning {
    /// What happened, and when.
    pub text: String,
    /// What takes its place in one step: the id of a connection of the reader's own, and what it is called.
    pub own: Option<(String, String, bool)>,
}

/// A connection of the reader's own.
pub struct OwnRow {
    /// Its id.
    pub value: String,
    /// What it is called.
    pub name: String,
    /// What it is, such as `API key`.
    pub label: &'static str,
    /// Whether it is offered.
    pub offered: bool,
    /// The way to take the offer back.
    pub take_back_href: String,
}

/// A project's team, and what its builds use.
#[derive(Template)]
#[template(path = "projects/team.html")]
pub struct TeamPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The project.
    pub project: Head,
    /// Whether the reader may change the team, and choose.
    pub admin: bool,
    /// Whether the reader owns it.
    pub owner: bool,
    /// Where the small forms post to.
    pub action: String,
    /// The way to invite somebody.
    pub invite_href: String,
    /// The way to leave.
    pub leave_href: String,
    /// The team.
    pub members: Vec<MemberRow>,
    /// Who is invited; for admins alone.
    pub invited: Vec<InvitedRow>,
    /// What builds use, and could.
    pub kinds: Vec<KindRow>,
    /// What the reader has connected; for admins alone.
    pub own: Vec<OwnRow>,
    /// Whether anything can be chosen at all.
    pub any: bool,
    /// Whether there are both an Apple ID and an API key to choose from.
    pub both: bool,
    /// Where connections are made.
    pub connections_href: String,
    /// What stands in the way of choosing.
    pub problem: Option<String>,
}

/// Somebody of the team, to an admin.
#[derive(Template)]
#[template(path = "projects/member.html")]
pub struct MemberPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The project.
    pub project: Head,
    /// The team.
    pub team_href: String,
    /// Where the form posts to.
    pub action: String,
    /// What they are called.
    pub name: String,
    /// Their ID.
    pub id: String,
    /// The roles.
    pub roles: Vec<Choice>,
    /// What stands in the way of another role.
    pub error: Option<String>,
    /// The way to take them out.
    pub take_out_href: String,
    /// Whether it is the reader.
    pub oneself: bool,
}

/// Invites somebody.
#[derive(Template)]
#[template(path = "projects/invite.html")]
pub struct InvitePage {
    /// What surrounds it.
    pub frame: Frame,
    /// The project.
    pub project: Head,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// `id`: who is invited.
    pub id: Field,
    /// The roles.
    pub roles: Vec<Choice>,
    /// What is wrong with the role.
    pub role_error: Option<String>,
    /// Whether the link is mailed.
    pub mails: bool,
    /// What stands in the way of the whole form.
    pub problem: Option<String>,
}

/// An invitation's link, this once.
#[derive(Template)]
#[template(path = "projects/invited.html")]
pub struct InvitedPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The project.
    pub project: Head,
    /// Who is invited.
    pub id: String,
    /// As what.
    pub role: &'static str,
    /// The link.
    pub link: String,
    /// Whether it is mailed too.
    pub mailed: bool,
    /// Until when it can be accepted.
    pub expires: When,
    /// The team.
    pub team_href: String,
}

/// What a question about a project is about.
pub enum Question {
    /// Takes somebody out.
    TakeOut {
        /// What they are called.
        name: String,
        /// What builds use of theirs.
        used: Vec<String>,
    },
    /// Leaves it.
    Leave {
        /// What builds use of the reader's.
        used: Vec<String>,
    },
    /// Takes an offer back.
    TakeBack {
        /// What it is called.
        name: String,
        /// Whether builds use it.
        used: bool,
    },
    /// Removes it.
    Remove {
        /// How many are in the team beside the reader.
        others: usize,
    },
}

/// Asks once before something ends in a project.
#[derive(Template)]
#[template(path = "projects/ask.html")]
pub struct AskPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The project's name.
    pub name: String,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// What is asked.
    pub question: Question,
}

/// A project's own settings, to its owner.
#[derive(Template)]
#[template(path = "projects/settings.html")]
pub struct SettingsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The project.
    pub project: Head,
    /// Where the form posts to.
    pub action: String,
    /// `name`: what it is called.
    pub name: Field,
    /// `build_minutes`: how long its builds last at most.
    pub build_minutes: Field,
    /// Where handing over posts to.
    pub hand_over_action: String,
    /// To whom it can be handed over.
    pub members: Vec<Choice>,
    /// What stands in the way of handing over.
    pub hand_over_error: Option<String>,
    /// The way to remove it.
    pub remove_href: String,
}

/// Somebody opens an invitation's link.
#[derive(Template)]
#[template(path = "projects/join.html")]
pub struct JoinPage {
    /// What surrounds it.
    pub page: Outside,
    /// What the link opens.
    pub what: Join,
}

/// What an invitation's link opens.
pub enum Join {
    /// Nobody is signed in.
    SignIn {
        /// The way to.
        href: String,
    },
    /// It isn't for whoever is signed in, or for nobody any more.
    NotYours {
        /// Why, and what to do.
        why: String,
        /// The ID that is signed in.
        id: String,
    },
    /// It is theirs.
    Yours {
        /// Where the form posts to.
        action: String,
        /// The project.
        project: String,
        /// The role that they get.
        role: &'static str,
        /// What they may do then.
        may: &'static str,
        /// Who invites.
        by: String,
    },
}

/// A project as the server's administrators see it.
pub struct ServerRow {
    /// What it is called.
    pub name: String,
    /// Its owner's ID.
    pub owner: Option<String>,
    /// How many are in its team, such as `3 people`.
    pub members: String,
    /// The way to name an owner, where there is none.
    pub owner_href: Option<String>,
}

/// The server's projects.
#[derive(Template)]
#[template(path = "projects/server.html")]
pub struct ServerPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The projects.
    pub rows: Vec<ServerRow>,
    /// The way back to the first.
    pub first_href: Option<String>,
    /// The way to the next.
    pub next_href: Option<String>,
}

/// Names an owner.
#[derive(Template)]
#[template(path = "projects/owner.html")]
pub struct OwnerPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The project's name.
    pub name: String,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// `account`: who is to own it.
    pub account: Field,
    /// Whether anybody is in its team.
    pub team: bool,
    /// What stands in the way of the whole form.
    pub problem: Option<String>,
}
