//! Projects, as the server's administrators see them: that they exist, whose they are, and how many are in their teams. They see nothing that
//! a team has, and gain nothing of it by naming an owner.

use domain::Actor;
use store::{
    accounts::{self, State},
    projects::{self as rows, Counted},
};

use super::{named, team};
use crate::{
    access::{Admin, Fresh},
    accounts::Who,
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
};

/// Some of the server's projects, by name.
pub struct Page {
    /// The projects.
    pub projects: Vec<Counted>,
    /// The name after which there are more.
    pub next: Option<String>,
}

/// At most `most` of the server's projects, those whose names come after `after`.
///
/// # Errors
/// As the database has them.
pub async fn list(app: &App, _admin: &Admin, after: &str, most: usize) -> Result<Page, Problem> {
    let (after, limit) = (domain::fold(after), i64::try_from(most + 1).unwrap_or(i64::MAX));
    let mut projects = app.store.scan(move |conn| rows::all(conn, &after, limit)).await?;
    let more = projects.len() > most;
    projects.truncate(most);
    let next = projects.last().filter(|_| more).map(|last| last.project.name.as_str().to_owned());
    Ok(Page { projects, next })
}

/// One of the server's projects.
///
/// # Errors
/// `not-found`.
pub fn get(app: &App, _admin: &Admin, project: &str) -> Result<Counted, Problem> {
    app.store.read(|conn| {
        let project = named(conn, project)?.ok_or_else(no_project)?;
        let members = rows::members(conn, project.id)?;
        let owner = members.iter().find(|one| one.role == domain::Role::Owner).map(|one| one.name.clone());
        Ok(Counted { project, owner, members: u64::try_from(members.len()).unwrap_or(u64::MAX) })
    })
}

/// Names an owner where the account of the one before was removed: somebody of its team, or whoever it be when nobody is left in that.
///
/// # Errors
/// `not-found`; at `account` when there is no such account, or it isn't in the team; `conflict` when the project has an owner, or the account
/// can't be used; `own-account` for an administrator who would gain by it what the team has.
pub async fn name_owner(
    app: &App,
    ctx: &Ctx,
    admin: &Fresh<Admin>,
    project: &str,
    who: &str,
) -> Result<Counted, Problem> {
    let (stamp, project) = (ctx.stamp.clone(), project.to_owned());
    let (actor, of_team) = (admin.who().actor, team::Who::parse(app, who));
    let anybody = Who::parse(app, who).ok();
    app.store
        .write(move |tx| {
            Admin::still(tx, actor)?;
            let project = named(tx, &project)?.ok_or_else(no_project)?;
            let members = rows::members(tx, project.id)?;
            if let Some(owner) = members.iter().find(|one| one.role == domain::Role::Owner) {
                let detail =
                    format!("{} is owned by {}, who hands it over in its settings.", project.name.as_str(), owner.name);
                return Err(Problem::new(Code::Conflict, detail));
            }
            let account = match members.is_empty() {
                false => {
                    let member = of_team.find(tx, &project)?;
                    team::usable(&member)?;
                    member.account
                }
                true => {
                    let account = anybody.as_ref().map(|who| who.account(tx)).transpose()?;
                    account.filter(|account| account.state == State::Active).ok_or_else(nobody)?.id
                }
            };
            if actor == Actor::Account(account) && members.iter().any(|one| one.account != account) {
                return Err(Problem::new(
                    Code::OwnAccount,
                    "Nobody makes themselves the owner of a project that others are in the team of. Name one of them, or ask \
                     another administrator.",
                ));
            }
            team::becomes_owner(tx, &stamp, actor, &project, account)?;
            let owner = accounts::by_id(tx, account)?.map(|account| account.name);
            let members = rows::count_members(tx, project.id)?;
            Ok(Counted { project, owner, members })
        })
        .await
}

fn no_project() -> Problem {
    Problem::new(Code::NotFound, "There is no project of this name. Look at the list of projects again.")
}

fn nobody() -> Problem {
    let detail = "There is no account of this ID that can be used. Check how it is written.";
    Problem { field: Some("account"), ..Problem::new(Code::NotFound, detail) }
}
