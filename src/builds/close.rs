//! The end of a build, and of its token with it.

use domain::{Actor, BuildId, Role, What, WhyBuildEnded};
use store::{
    Tx,
    builds::{self as rows, Build},
    events, projects,
};

use super::BuildToken;
use crate::{
    app::App,
    ctx::{Ctx, Stamp},
    problem::Problem,
    projects::Member,
};

/// How many builds are ended in one transaction.
const AT_ONCE: i64 = 500;

/// Ends these builds, each with its event, in the transaction of what they end by. Tells how many had not ended before.
///
/// # Errors
/// As the database has them.
pub fn end_all(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    builds: &[Build],
    why: WhyBuildEnded,
    actor: Actor,
) -> Result<u64, Problem> {
    let mut ended = 0;
    for build in builds {
        // One whose time was over ended by that, whoever comes to it later.
        let (at, why) = if build.ends_at <= stamp.now {
            (build.ends_at, WhyBuildEnded::TimeOver)
        } else {
            (stamp.now, why)
        };
        if !rows::end(tx, build.id, at, why)? {
            continue;
        }
        let project_name =
            projects::by_id(tx, build.project)?.map(|project| project.name.as_str().to_owned());
        let what = What::BuildEnded {
            project: build.project,
            project_name: project_name.unwrap_or_default(),
            build: build.id,
            why,
        };
        events::append(tx, stamp.now, stamp.event(None, actor, what))?;
        ended += 1;
    }
    Ok(ended)
}

/// The build says that it is done.
///
/// # Errors
/// As the database has them.
pub async fn close(app: &App, ctx: &Ctx, token: &BuildToken) -> Result<(), Problem> {
    let (stamp, build) = (ctx.stamp.clone(), token.build().clone());
    app.store
        .write(move |tx| {
            end_all(tx, &stamp, std::slice::from_ref(&build), WhyBuildEnded::Closed, Actor::Doorkey).map(drop)
        })
        .await
}

/// Somebody of the team closes a build. One that has ended stays as it is. Gives the build.
///
/// # Errors
/// `not-found`, `role-needed`.
pub async fn close_by_person(app: &App, ctx: &Ctx, member: Member, id: BuildId) -> Result<Build, Problem> {
    let member = member.at_least(Role::Developer)?;
    let stamp = ctx.stamp.clone();
    app.store
        .write(move |tx| {
            Member::still(tx, member.project.id, member.account, Role::Developer)?;
            let build = rows::by_id(tx, id)?.filter(|build| build.project == member.project.id);
            let build = build.ok_or_else(Problem::not_found)?;
            let all = std::slice::from_ref(&build);
            end_all(tx, &stamp, all, WhyBuildEnded::ClosedByPerson, member.actor())?;
            rows::by_id(tx, id)?.ok_or_else(Problem::not_found)
        })
        .await
}

/// Ends for good the builds whose time is over, so that no clock that is moved back brings their tokens to life.
///
/// # Errors
/// As the database has them.
pub async fn end_overdue(app: &App) -> Result<(), Problem> {
    let stamp = Ctx::own(app)?.stamp;
    let now = stamp.now;
    if app.store.read(|conn| rows::overdue(conn, now, 1))?.is_empty() {
        return Ok(());
    }
    app.store
        .write(move |tx| {
            let overdue = rows::overdue(tx, now, AT_ONCE)?;
            end_all(tx, &stamp, &overdue, WhyBuildEnded::TimeOver, Actor::Doorkey).map(drop)
        })
        .await
}
