//! Making, changing, handing over and removing a project.

use domain::{Actor, LineError, ProjectId, ProjectName, Role, What};
use store::{
    Tx, builds, connections, events, project_invitations, project_tokens,
    projects::{self as rows, Project},
    rules,
};

use super::{Member, ProjectOwner};
use crate::{
    access::{Fresh, Oneself, SignedIn},
    app::App,
    ctx::{Ctx, Stamp},
    problem::{Code, Problem},
};

/// How long a build lasts at most if nobody says otherwise, in minutes.
pub const BUILD_MINUTES: u32 = 120;

/// The shortest and the longest time that a project's builds can be given, in minutes.
pub const BUILD_MINUTES_FEWEST: u32 = 5;
/// The longest: a day.
pub const BUILD_MINUTES_MOST: u32 = 24 * 60;

/// How many projects one person owns at most.
pub const OWNED_MOST: u64 = 100;

/// In how many teams one person is at most, their own projects' among them.
pub const TEAMS_MOST: u64 = 500;

/// The projects whose team the person is in, by name, and their role in each.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App, who: &Oneself) -> Result<Vec<(Project, Role)>, Problem> {
    Ok(app.store.read(|conn| rows::of_account(conn, who.account()))?)
}

/// Reads a name as it was typed.
///
/// # Errors
/// `unfit` at `name`.
pub fn name_typed(typed: &str) -> Result<ProjectName, Problem> {
    let name = ProjectName::parse(typed)
        .map_err(|error: LineError| Problem::field("name", format!("The name {error}.")))?;
    if name.as_str().parse::<ProjectId>().is_ok() {
        return Err(Problem::field(
            "name",
            "That is how the id of a project looks. Choose a name that people know it by.",
        ));
    }
    Ok(name)
}

/// Checks how long builds are to last, in minutes.
///
/// # Errors
/// `unfit` at `build_minutes`.
pub fn minutes_fit(minutes: u32) -> Result<u32, Problem> {
    if (BUILD_MINUTES_FEWEST..=BUILD_MINUTES_MOST).contains(&minutes) {
        return Ok(minutes);
    }
    let detail =
        format!("Give builds {BUILD_MINUTES_FEWEST} to {BUILD_MINUTES_MOST} minutes, which is a day.");
    Err(Problem::field("build_minutes", detail))
}

fn name_is_free(tx: &mut Tx<'_>, name: &ProjectName, id: ProjectId) -> Result<(), Problem> {
    match rows::by_name(tx, name)? {
        Some(taken) if taken.id != id => {
            let detail = format!(
                "There is already a project {} on this server. Choose another name.",
                taken.name.as_str()
            );
            Err(Problem { code: Code::Conflict, ..Problem::field("name", detail) })
        }
        _ => Ok(()),
    }
}

/// Makes a project, which whoever makes it owns.
///
/// # Errors
/// `conflict` at `name` when it is taken, without a field when the person owns, or is in, as many as there can be.
pub async fn add(
    app: &App,
    ctx: &mut Ctx,
    person: &SignedIn,
    name: ProjectName,
    build_minutes: u32,
) -> Result<Project, Problem> {
    let now = ctx.stamp.now;
    let project = Project { id: ProjectId::new(now, &mut ctx.rng), name, build_minutes, created_at: now };
    let (stamp, account, session, row) =
        (ctx.stamp.clone(), person.account.id, person.session.id, project.clone());
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session)?;
            let (teams, owned) = rows::count_of_account(tx, account)?;
            if owned >= OWNED_MOST {
                let detail = format!(
                    "You own {OWNED_MOST} projects, the most there can be. Remove one, or hand it over to somebody."
                );
                return Err(Problem::new(Code::Conflict, detail));
            }
            room_in_teams(teams)?;
            name_is_free(tx, &row.name, row.id)?;
            rows::insert(tx, &row)?;
            rows::join(tx, row.id, account, Role::Owner, now)?;
            let what = What::ProjectAdded { project: row.id, project_name: row.name.as_str().into() };
            Ok(events::append(tx, now, stamp.event(Some(account), Actor::Account(account), what))?)
        })
        .await?;
    Ok(project)
}

/// Checks that somebody in so many teams can join another one.
pub(super) fn room_in_teams(teams: u64) -> Result<(), Problem> {
    if teams < TEAMS_MOST {
        return Ok(());
    }
    let detail =
        format!("You are in the teams of {TEAMS_MOST} projects, the most there can be. Leave one first.");
    Err(Problem::new(Code::Conflict, detail))
}

/// What is to be different about a project.
#[derive(Default)]
pub struct Changes {
    /// What it is called.
    pub name: Option<ProjectName>,
    /// How long its builds last at most, in minutes. Those that are open keep the time that they have.
    pub build_minutes: Option<u32>,
}

/// Changes a project, and gives it as it is now. What is so already stays so, and isn't told.
///
/// # Errors
/// `conflict` at `name` when it is taken.
pub async fn change(
    app: &App,
    ctx: &Ctx,
    owner: &ProjectOwner,
    changes: Changes,
) -> Result<Project, Problem> {
    let (stamp, owner) = (ctx.stamp.clone(), owner.clone());
    app.store
        .write(move |tx| {
            let before = owner.still(tx)?;
            let name = changes.name.clone().unwrap_or_else(|| before.name.clone());
            let build_minutes = changes.build_minutes.unwrap_or(before.build_minutes);
            let after = Project { name, build_minutes, ..before.clone() };
            if after == before {
                return Ok(after);
            }
            name_is_free(tx, &after.name, after.id)?;
            rows::set(tx, &after)?;
            let what = What::ProjectChanged {
                project: after.id,
                project_name: after.name.as_str().into(),
                build_minutes,
            };
            tell(tx, &stamp, owner.member(), what)?;
            Ok(after)
        })
        .await
}

/// An event that is about whoever did it.
pub(super) fn tell(tx: &mut Tx<'_>, stamp: &Stamp, who: &Member, what: What) -> Result<(), Problem> {
    Ok(events::append(tx, stamp.now, stamp.event(Some(who.account), who.actor(), what))?)
}

/// Removes a project with its team, its builds, and what was offered to it. Builds that are open end with it.
///
/// # Errors
/// As [`ProjectOwner::still`] has them.
pub async fn remove(app: &App, ctx: &Ctx, owner: &Fresh<ProjectOwner>) -> Result<(), Problem> {
    let (stamp, owner) = (ctx.stamp.clone(), owner.who().clone());
    app.store
        .write(move |tx| {
            let project = owner.still(tx)?;
            connections::delete_of_project(tx, project.id)?;
            project_invitations::delete_of_project(tx, project.id)?;
            builds::delete_of_project(tx, project.id)?;
            rules::delete_of_project(tx, project.id)?;
            project_tokens::delete_of_project(tx, project.id)?;
            rows::delete(tx, project.id)?;
            let what =
                What::ProjectRemoved { project: project.id, project_name: project.name.as_str().into() };
            tell(tx, &stamp, owner.member(), what)
        })
        .await
}
