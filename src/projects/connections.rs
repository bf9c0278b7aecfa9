//! Which connections a project's builds use: offered by their people, chosen by the project's admins, and no longer used the moment that
//! one of the two ends.

use domain::{AccountId, Actor, ProjectId, What, WhyUnused};
use store::{
    Tx,
    connections::{self as rows, Connection},
    events, projects,
};

use crate::{ctx::Stamp, problem::Problem};

/// Ends a connection's being offered and used: in this project, or in all. Each project whose builds used it is told, by the log, and from
/// it by mail to its admins; what builds receive follows at once.
///
/// # Errors
/// As the database has them.
pub fn stop_using(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    connection: &Connection,
    project: Option<ProjectId>,
    why: WhyUnused,
) -> Result<(), Problem> {
    let mut ids = rows::offered_to(tx, connection.id)?;
    ids.extend(rows::used_by(tx, connection.id)?);
    ids.sort();
    ids.dedup();
    for id in ids.into_iter().filter(|id| project.is_none_or(|project| project == *id)) {
        rows::take_back(tx, connection.id, id)?;
        if !rows::unuse(tx, id, connection.id)? {
            continue;
        }
        let Some(project) = projects::by_id(tx, id)? else { continue };
        let what = What::ConnectionUnused {
            project: project.id,
            project_name: project.name.as_str().into(),
            kind: connection.kind,
            id: connection.id,
            name: connection.name.clone(),
            why,
        };
        events::append(tx, stamp.now, stamp.event(Some(connection.account), actor, what))?;
    }
    Ok(())
}

/// The same for all that somebody has connected: in the project that they leave, or administer no longer, or in all when their account can't
/// be used any more.
///
/// # Errors
/// As the database has them.
pub fn stop_using_all(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    account: AccountId,
    project: Option<ProjectId>,
    why: WhyUnused,
) -> Result<(), Problem> {
    for connection in rows::of_account(tx, account)? {
        stop_using(tx, stamp, actor, &connection, project, why)?;
    }
    Ok(())
}
