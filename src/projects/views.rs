//! *Projects*, and what the pages of one project have in common.

use askama::Template;
use domain::Role;

use super::{Member, pages::page_of};
use crate::web::views::{Field, Frame, NavItem, When};

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

/// A project's builds.
#[derive(Template)]
#[template(path = "projects/builds.html")]
pub struct BuildsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The project.
    pub project: Head,
}

/// What lets a project's builds in.
#[derive(Template)]
#[template(path = "projects/integrations.html")]
pub struct IntegrationsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The project.
    pub project: Head,
}

/// A project's team.
#[derive(Template)]
#[template(path = "projects/team.html")]
pub struct TeamPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The project.
    pub project: Head,
}
