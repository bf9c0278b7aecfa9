//! The log, as people and programs read it: everybody their own account's, administrators all of it.

use std::time::Duration;

use domain::{Event, Sort, Timestamp};
use store::events::{self as rows, Filter};

use crate::{
    access::{Admin, Oneself},
    app::App,
    problem::{Code, Problem},
};
use names::Names;

pub mod api;
pub mod end;
pub mod export;
pub mod names;
pub mod pages;
pub mod sentence;
pub mod views;
pub mod wanted;

/// How many events are shown at a time.
pub const PAGE: usize = 50;

/// The longest that an answer waits for an event.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A page of events, the newest first, and from where the next one goes on.
pub struct Page {
    /// The events.
    pub events: Vec<Event>,
    /// Who they are about, and who did them.
    pub names: Names,
    /// The number before which older ones are.
    pub older: Option<i64>,
}

/// What happened to the person's account before the event of this number: of one sort, and in a time, if that is asked for.
///
/// # Errors
/// As the database has them.
pub async fn activity(
    app: &App,
    person: &Oneself,
    sort: Option<Sort>,
    time: (Option<Timestamp>, Option<Timestamp>),
    before: Option<i64>,
) -> Result<Page, Problem> {
    let filter =
        Filter { account: Some(person.account()), sort, from: time.0, to: time.1, ..Filter::default() };
    page(app, filter, before).await
}

/// What happened at all before the event of this number, as far as it is wanted.
///
/// # Errors
/// As the database has them.
pub async fn log(app: &App, _admin: &Admin, filter: Filter, before: Option<i64>) -> Result<Page, Problem> {
    page(app, filter, before).await
}

async fn page(app: &App, filter: Filter, before: Option<i64>) -> Result<Page, Problem> {
    let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let before = before.unwrap_or(i64::MAX);
    app.store
        .scan(move |conn| {
            let mut events = rows::newest(conn, &filter, before, limit)?;
            let more = events.len() > PAGE;
            events.truncate(PAGE);
            let mut names = Names::default();
            names.learn(conn, &events)?;
            let older = events.last().filter(|_| more).map(|event| event.number);
            Ok(Page { events, names, older })
        })
        .await
}

/// What the log can be filtered by: what has ever happened, and at which services.
pub struct Choices {
    /// The names of what happened.
    pub kinds: Vec<String>,
    /// The names of services.
    pub services: Vec<String>,
}

/// What the log can be filtered by.
///
/// # Errors
/// As the database has them.
pub fn choices(app: &App, _admin: &Admin) -> Result<Choices, Problem> {
    Ok(app.store.read(|conn| {
        Ok::<_, store::DbError>(Choices { kinds: rows::kinds(conn)?, services: rows::services(conn)? })
    })?)
}

/// From where a program goes on to follow the log.
#[derive(Clone, Copy)]
pub struct Since {
    /// The number of the last event that it has; 0 to begin.
    pub after: i64,
    /// The numbering that it has that from, if it says so.
    pub epoch: Option<i64>,
    /// How many it takes at a time.
    pub limit: usize,
}

/// What a program gets that follows the log.
pub struct Followed {
    /// The events, the oldest first.
    pub events: Vec<Event>,
    /// Who they are about, and who did them.
    pub names: Names,
    /// From where to go on: nothing up to this number is left that is wanted.
    pub next: i64,
    /// The numbering that these numbers are of.
    pub epoch: i64,
}

/// What happened after an event, as far as it is wanted. When that is nothing, it waits so long for something: until an event is
/// committed, the time is over, or the server is to stop.
///
/// # Errors
/// `epoch-changed` when the number isn't one of this log's; `unavailable` when too many wait already.
pub async fn follow(
    app: &App,
    _admin: &Admin,
    filter: Filter,
    since: Since,
    wait: Duration,
) -> Result<Followed, Problem> {
    // Before the first look, so that nothing slips between.
    let mut watching = match wait.is_zero() {
        true => None,
        false => Some(app.live.end.watch().ok_or_else(too_many_wait)?),
    };
    let mut followed = look(app, &filter, since).await?;
    let Some(watching) = watching.as_mut().filter(|_| followed.events.is_empty()) else {
        return Ok(followed);
    };
    let more = async {
        while followed.events.is_empty() && watching.more().await {
            // Only what is new is looked at.
            followed =
                look(app, &filter, Since { after: followed.next, epoch: Some(followed.epoch), ..since })
                    .await?;
        }
        Ok::<_, Problem>(())
    };
    if let Ok(Err(problem)) = tokio::time::timeout(wait.min(LONGEST_WAIT), more).await {
        return Err(problem);
    }
    Ok(followed)
}

async fn look(app: &App, filter: &Filter, since: Since) -> Result<Followed, Problem> {
    let filter = filter.clone();
    app.store
        .scan(move |conn| {
            let last = rows::last(conn)?;
            if since.epoch.is_some_and(|epoch| epoch != last.epoch) || since.after > last.number {
                return Err(epoch_changed());
            }
            let limit = i64::try_from(since.limit).unwrap_or(i64::MAX);
            let events = rows::oldest(conn, &filter, since.after, last.number, limit)?;
            let mut names = Names::default();
            names.learn(conn, &events)?;
            // A page that isn't full has come to the end of the log.
            let next = events
                .last()
                .filter(|_| events.len() >= since.limit)
                .map_or(last.number, |event| event.number);
            Ok(Followed { events, names, next, epoch: last.epoch })
        })
        .await
}

fn epoch_changed() -> Problem {
    Problem::new(
        Code::EpochChanged,
        "These numbers are of another log than this one: a backup was restored, or this is another server. Begin anew, with \
         after=0 and without epoch.",
    )
}

fn too_many_wait() -> Problem {
    Problem {
        retry_after: Some(5),
        ..Problem::new(
            Code::Unavailable,
            "Too many programs wait for events already. Ask without wait, or again in a few seconds.",
        )
    }
}
