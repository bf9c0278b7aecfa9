//! What happened to a build, for its page: what it received, and who closed it.

use domain::{Actor, Given, Timestamp, What, WhyBuildEnded};
use store::{
    accounts,
    builds::Build,
    events::{self, Filter},
    hand_outs,
};

use crate::{app::App, problem::Problem};

/// How much of what a build received is shown.
const MOST: usize = 200;

/// What happened to a build between its opening and its end.
pub struct Line {
    /// What it received, the oldest first.
    pub hand_outs: Vec<Received>,
    /// Whether it received more than that.
    pub more: bool,
    /// The ID of the person who closed it, if one did.
    pub closed_by: Option<String>,
}

/// Something that a build received.
pub struct Received {
    /// When.
    pub at: Timestamp,
    /// What.
    pub given: Vec<Given>,
    /// Of which connection.
    pub connection: String,
    /// At which address.
    pub source: Option<String>,
    /// How often the same was asked for again within a minute.
    pub repeats: i64,
}

/// What happened to the build.
///
/// # Errors
/// As the database has them.
pub fn of(app: &App, build: &Build) -> Result<Line, Problem> {
    app.store.read(|conn| {
        let limit = i64::try_from(MOST + 1).unwrap_or(i64::MAX);
        let mut found = hand_outs::of_build(conn, build.id, i64::MAX, limit)?;
        let more = found.len() > MOST;
        found.truncate(MOST);
        let received = found.into_iter().rev().filter_map(|hand_out| match hand_out.event.what {
            What::HandedOut { given, name, .. } => Some(Received {
                at: hand_out.event.at,
                given,
                connection: name,
                source: hand_out.event.source,
                repeats: hand_out.repeats,
            }),
            _ => None,
        });
        let closed_by = match build.ended {
            Some((at, WhyBuildEnded::ClosedByPerson)) => {
                let ends = Filter {
                    kind: Some("build_ended".into()),
                    project: Some(build.project),
                    from: Some(at),
                    to: Some(at.plus_minutes(1)),
                    ..Filter::default()
                };
                let ends = events::newest(conn, &ends, i64::MAX, limit)?;
                let end = ends.into_iter().find(|event| {
                    matches!(&event.what, What::BuildEnded { build: ended, .. } if *ended == build.id)
                });
                match end.map(|event| event.actor) {
                    Some(Actor::Account(id)) => {
                        accounts::by_id(conn, id)?.map(|account| account.name.to_string())
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        Ok(Line { hand_outs: received.collect(), more, closed_by })
    })
}

/// All that the build received, each once.
///
/// # Errors
/// As the database has them.
pub fn given(app: &App, build: &Build) -> Result<Vec<Given>, Problem> {
    let limit = i64::try_from(MOST).unwrap_or(i64::MAX);
    let found = app.store.read(|conn| hand_outs::of_build(conn, build.id, i64::MAX, limit))?;
    let mut given: Vec<_> = found
        .into_iter()
        .filter_map(|hand_out| match hand_out.event.what {
            What::HandedOut { given, .. } => Some(given),
            _ => None,
        })
        .flatten()
        .collect();
    given.sort_unstable();
    given.dedup();
    Ok(given)
}
