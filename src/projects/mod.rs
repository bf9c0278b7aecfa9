//! Projects: what a CI builds, its team, and which connections its builds use.

use domain::{AccountId, Actor, ProjectId, ProjectName, Role};
use store::{
    Conn, Tx,
    projects::{self as rows, Project},
};

use crate::{
    access::Oneself,
    accounts::two_factor,
    app::App,
    problem::{Code, Problem},
};

pub mod api;
pub mod connections;
pub mod invitation_pages;
pub mod invitations;
pub mod life;
pub mod pages;
pub mod server;
pub mod team;
pub mod team_pages;
pub mod views;

pub use connections::{stop_using, stop_using_all};
pub use team::gone;

/// Somebody of a project's team.
#[derive(Clone)]
pub struct Member {
    /// The project.
    pub project: Project,
    /// Whose account.
    pub account: AccountId,
    /// What they may do.
    pub role: Role,
}

/// Somebody with admin authority in a project.
#[derive(Clone)]
pub struct ProjectAdmin(Member);

/// The owner of a project.
#[derive(Clone)]
pub struct ProjectOwner(Member);

impl Member {
    /// Somebody of the team of the project that is named: by its id, or by its name.
    ///
    /// # Errors
    /// `not-found` when there is none, or they aren't in its team: the two are told apart to nobody.
    pub fn of(app: &App, who: &Oneself, project: &str) -> Result<Self, Problem> {
        app.store.read(|conn| Self::find(conn, who.account(), project))
    }

    /// The same, in a unit of work.
    ///
    /// # Errors
    /// As [`Member::of`].
    pub fn find(conn: &mut Conn, account: AccountId, project: &str) -> Result<Self, Problem> {
        let project = named(conn, project)?.ok_or_else(no_project)?;
        let role = rows::role(conn, project.id, account)?.ok_or_else(no_project)?;
        Ok(Self { project, account, role })
    }

    /// Checks, in the transaction of a change, that they are still in the team, in at least this role, and that their account may be used.
    /// Gives the project as it is there.
    ///
    /// # Errors
    /// `not-found` when they aren't in the team any more, `role-needed` when their role is less by now.
    pub fn still(
        tx: &mut Tx<'_>,
        project: ProjectId,
        account: AccountId,
        least: Role,
    ) -> Result<Project, Problem> {
        match rows::role(tx, project, account)? {
            None => Err(no_project()),
            Some(role) if role < least => Err(not_allowed(least)),
            Some(_) => rows::by_id(tx, project)?.ok_or_else(no_project),
        }
    }

    /// As whom it stands in the log.
    pub const fn actor(&self) -> Actor {
        Actor::Account(self.account)
    }

    /// The same, if their role is at least this.
    ///
    /// # Errors
    /// `role-needed` when it is less.
    pub fn at_least(self, least: Role) -> Result<Self, Problem> {
        if self.role >= least { Ok(self) } else { Err(not_allowed(least)) }
    }

    /// Somebody with admin authority.
    ///
    /// # Errors
    /// `role-needed` for everybody else.
    pub fn admin(self) -> Result<ProjectAdmin, Problem> {
        self.at_least(Role::Admin).map(ProjectAdmin)
    }

    /// The owner.
    ///
    /// # Errors
    /// `role-needed` for everybody else.
    pub fn owner(self) -> Result<ProjectOwner, Problem> {
        self.at_least(Role::Owner).map(ProjectOwner)
    }
}

impl ProjectAdmin {
    /// Who it is.
    pub const fn member(&self) -> &Member {
        &self.0
    }

    /// Checks, in the transaction of a change, that they still are one, and gives the project as it is there.
    ///
    /// # Errors
    /// As [`Member::still`].
    pub fn still(&self, tx: &mut Tx<'_>) -> Result<Project, Problem> {
        Member::still(tx, self.0.project.id, self.0.account, Role::Admin)
    }

    /// The same, where somebody or something is let in: that takes an account with a second factor.
    ///
    /// # Errors
    /// As [`Member::still`], and `two-factor-needed`.
    pub fn may_give(&self, tx: &mut Tx<'_>) -> Result<Project, Problem> {
        let project = self.still(tx)?;
        has_second_factor(tx, self.0.account)?;
        Ok(project)
    }
}

/// Checks, in the transaction of a change that lets somebody or something in, that who makes it has a second factor: what builds receive is
/// other people's too, and they were asked for theirs.
fn has_second_factor(tx: &mut Tx<'_>, account: AccountId) -> Result<(), Problem> {
    if two_factor::is_on(tx, account)? {
        return Ok(());
    }
    Err(Problem::new(
        Code::TwoFactorNeeded,
        "This decides who and what receives what others have connected, so it takes an account with a second factor. Turn on \
         two-factor authentication first, under Sign-In and Security.",
    ))
}

impl ProjectOwner {
    /// Who it is.
    pub const fn member(&self) -> &Member {
        &self.0
    }

    /// Checks, in the transaction of a change, that they still are, and gives the project as it is there.
    ///
    /// # Errors
    /// As [`Member::still`].
    pub fn still(&self, tx: &mut Tx<'_>) -> Result<Project, Problem> {
        Member::still(tx, self.0.project.id, self.0.account, Role::Owner)
    }

    /// The same, where somebody is given more: that takes an account with a second factor.
    ///
    /// # Errors
    /// As [`Member::still`], and `two-factor-needed`.
    pub fn may_give(&self, tx: &mut Tx<'_>) -> Result<Project, Problem> {
        let project = self.still(tx)?;
        has_second_factor(tx, self.0.account)?;
        Ok(project)
    }
}

/// The project that is named by its id, or by its name in whatever case.
///
/// # Errors
/// As the database has them.
pub fn named(conn: &mut Conn, typed: &str) -> Result<Option<Project>, Problem> {
    if let Ok(id) = typed.parse::<ProjectId>() {
        return Ok(rows::by_id(conn, id)?);
    }
    match ProjectName::parse(typed) {
        Ok(name) => Ok(rows::by_name(conn, &name)?),
        Err(_) => Ok(None),
    }
}

/// No such project, or not for the one who asks.
pub fn no_project() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no such project, or you aren't in its team. Look at the list of your projects again.",
    )
}

fn not_allowed(least: Role) -> Problem {
    let who = match least {
        Role::Viewer | Role::Developer => "a developer or an admin of this project",
        Role::Admin => "an admin of this project",
        Role::Owner => "the owner of this project",
    };
    Problem::new(Code::RoleNeeded, format!("Only {who} can do that. Ask one."))
}
