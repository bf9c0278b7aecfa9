//! Handing out: what a build receives of the connection that its project uses. The event of it is durable before the answer, and what
//! the same build asks for again within a minute is counted on that event.
//!
//! What was given lately is kept in memory, sealed, so that steps that ask one after the other cost no write. Memory follows the log
//! ([`crate::follow`]): whatever could change what a build may receive drops it before that change is answered.

use std::sync::Arc;

use appleid::ApiKey;
use domain::{Actor, BuildId, Given, ProjectId, Timestamp, What};
use store::{
    Conn, DbError, Tx,
    builds::Build,
    connections, events,
    hand_outs::{self as rows, HandOut, Recent},
    projects,
};

use crate::{
    app::App,
    builds::BuildToken,
    ctx::Stamp,
    problem::{Code, Problem},
};
use memory::{Known, Slot};

pub mod api;
pub mod memory;
pub mod steps;

/// How long what is given again is counted on the event of the first time, in milliseconds.
const AGAIN: i64 = 60_000;
/// How often is begun anew when what a build may receive changes at that moment.
const TRIES: usize = 5;
/// How much of what a build was given in the last minute is looked through: it has one event for each address that asked.
const RECENT: i64 = 200;

/// A connection that a project's builds use, with its secret sealed.
pub struct Held {
    /// What it is.
    pub connection: connections::Connection,
    /// What is particular to an API key.
    pub key: connections::ApiKey,
}

/// What a build asks for.
pub struct Asked<'a> {
    /// The hash of the token that it came with.
    pub token: [u8; 32],
    /// The build that it says it is, where it says so.
    pub build: Option<BuildId>,
    /// The address that it came from.
    pub source: Option<&'a str>,
    /// What it wants.
    pub given: Given,
    /// Whether that can be given in the way that was asked.
    pub fits: fn(&Held) -> bool,
}

/// What a build was given.
pub struct Handed {
    /// The connection that it is of.
    pub held: Arc<Held>,
    /// The key itself.
    pub key: ApiKey,
}

/// Gives a build what it asks for; none when its project uses nothing of the kind, or nothing that can be given so. `stamp` is asked for
/// only when there is something to be written down.
///
/// # Errors
/// `build-token-wrong` when there is no open build with this token, `not-found` when it is another build's; and as the database has them.
pub async fn give(
    app: &App,
    asked: Asked<'_>,
    stamp: impl FnOnce() -> Result<Stamp, Problem>,
) -> Result<Option<Handed>, Problem> {
    if let Some(handed) = again(app, &asked)? {
        return Ok(Some(handed));
    }
    // What is read here is opened before a replaced key is forgotten.
    let _running = app.in_flight.begin();
    let mut stamp = Some(stamp);
    let mut stamped = None;
    for _ in 0..TRIES {
        let generation = app.live.hand_outs.generation();
        let build = BuildToken::of(app, &asked.token)?.into_build();
        is_the_same(&asked, build.id)?;
        let now = app.clock.now();
        let (held, given) = app
            .store
            .read(|conn| Ok::<_, DbError>((held(conn, build.project)?, lately(conn, build.id, now)?)))?;
        let Some(held) = held.filter(|held| (asked.fits)(held)) else { return Ok(None) };
        let key = crate::connections::open(app, &held.key)?;
        let recent = match given.into_iter().find(|recent| is_of(recent, &held, &asked)) {
            Some(recent) => Some((recent, true)),
            None => {
                if let Some(stamp) = stamp.take() {
                    stamped = Some(stamp()?);
                }
                let Some(stamp) = stamped.clone() else { return Err(Problem::unavailable()) };
                write(app, stamp, &build, &held, &asked).await?
            }
        };
        let Some((recent, repeated)) = recent else { continue };
        let slot = app.live.hand_outs.slot(recent);
        if repeated {
            slot.repeated(now);
        }
        let held = Arc::new(held);
        app.live.hand_outs.remember(asked.token, &build, &held, slot, (generation, now));
        return Ok(Some(Handed { held, key }));
    }
    Err(Problem::unavailable())
}

/// The same once more, to a build that was given it a moment ago.
fn again(app: &App, asked: &Asked<'_>) -> Result<Option<Handed>, Problem> {
    if !app.live.is_current() {
        return Ok(None);
    }
    let Some(known) = app.live.hand_outs.known(&asked.token) else { return Ok(None) };
    is_the_same(asked, known.build)?;
    let now = app.clock.now();
    let Known { held, ends_at, .. } = &*known;
    let Some(slot) = known.slot(asked.given, asked.source).filter(|slot| slot.is_recent(now)) else {
        return Ok(None);
    };
    if now >= *ends_at || !(asked.fits)(held) {
        return Ok(None);
    }
    // Sealed under a key that was replaced since, it is read anew.
    let Some(key) = crate::connections::unsealed(app, &held.key) else { return Ok(None) };
    slot.repeated(now);
    Ok(Some(Handed { held: Arc::clone(held), key }))
}

/// A token opens its own build alone.
fn is_the_same(asked: &Asked<'_>, build: BuildId) -> Result<(), Problem> {
    if asked.build.is_none_or(|said| said == build) {
        return Ok(());
    }
    Err(Problem::new(
        Code::NotFound,
        "This token is another build's. Send a build's own token to the address of that build.",
    ))
}

fn is_of(recent: &Recent, held: &Held, asked: &Asked<'_>) -> bool {
    recent.connection == held.connection.id
        && recent.given == asked.given
        && recent.source.as_deref() == asked.source
}

/// The API key that the project's builds use, if they use one.
fn held(conn: &mut Conn, project: ProjectId) -> Result<Option<Held>, DbError> {
    for connection in connections::in_use(conn, project)? {
        if let Some(key) = connections::api_key(conn, connection.id)? {
            return Ok(Some(Held { connection, key }));
        }
    }
    Ok(None)
}

/// What the build was given within the last minute.
fn lately(conn: &mut Conn, build: BuildId, now: Timestamp) -> Result<Vec<Recent>, DbError> {
    let after = Timestamp::from_millis(now.millis() - AGAIN);
    let mut recent = rows::recent(conn, build, after, RECENT)?;
    // Another request may have come a moment later and been written a moment earlier. What is farther ahead was written by a clock that
    // was set back since, and isn't of this minute.
    recent.retain(|recent| recent.at.millis() < now.millis() + AGAIN);
    Ok(recent)
}

/// Writes down that the build is given this, if nothing has changed; or finds that it was a moment ago, at another of its requests. The
/// second is whether it was. None when the connection is no longer what the project's builds use.
async fn write(
    app: &App,
    stamp: Stamp,
    build: &Build,
    held: &Held,
    asked: &Asked<'_>,
) -> Result<Option<(Recent, bool)>, Problem> {
    let (build, connection) = (build.clone(), held.connection.clone());
    let (given, source) = (asked.given, asked.source.map(str::to_owned));
    app.store
        .write(move |tx| {
            let now = stamp.now;
            BuildToken::still(tx, build.id, now)?;
            if !connections::in_use(tx, build.project)?.iter().any(|used| used.id == connection.id) {
                return Ok(None);
            }
            let same = |recent: &Recent| {
                recent.connection == connection.id && recent.given == given && recent.source == source
            };
            if let Some(recent) = lately(tx, build.id, now)?.into_iter().find(same) {
                return Ok(Some((recent, true)));
            }
            let event = append(tx, &stamp, &build, &connection, given)?;
            let (connection, source, at) = (connection.id, source.clone(), now);
            let recent = Recent { event, build: build.id, connection, given, source, at };
            rows::insert(tx, &recent)?;
            Ok(Some((recent, false)))
        })
        .await
}

/// It stands in the activity of the connection's person.
fn append(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    build: &Build,
    connection: &connections::Connection,
    given: Given,
) -> Result<i64, Problem> {
    let project_name = projects::by_id(tx, build.project)?.map(|project| project.name.as_str().to_owned());
    let what = What::HandedOut {
        project: build.project,
        project_name: project_name.unwrap_or_default(),
        build: build.id,
        proof: build.proof.clone(),
        commit: build.commit.clone(),
        reference: build.reference.clone(),
        id: connection.id,
        name: connection.name.clone(),
        given: vec![given],
    };
    let event = stamp.event(Some(connection.account), Actor::Doorkey, what);
    Ok(events::append_numbered(tx, stamp.now, event)?)
}

/// Writes down what was given again.
///
/// # Errors
/// As the database has them; then nothing is lost, and the next round tries again.
pub async fn write_repeats(app: &App) -> Result<(), Problem> {
    let taken = app.live.hand_outs.take_repeats(app.clock.now());
    if taken.is_empty() {
        return Ok(());
    }
    let repeats: Vec<_> = taken.iter().map(|(slot, count, at)| (slot.event, *count, *at)).collect();
    let done = app
        .store
        .write(move |tx| {
            for (event, count, last_at) in &repeats {
                rows::repeated(tx, *event, *count, *last_at)?;
            }
            Ok::<_, Problem>(())
        })
        .await;
    if done.is_err() {
        app.live.hand_outs.give_back(taken);
    }
    done
}

/// At most `limit` of what the build was given, the newest first, those of events before number `before`. The caller sees to it that
/// whoever asks may see the build.
///
/// # Errors
/// As the database has them.
pub fn of_build(app: &App, build: BuildId, before: i64, limit: i64) -> Result<Vec<HandOut>, DbError> {
    let found = app.store.read(|conn| rows::of_build(conn, build, before, limit))?;
    Ok(with_repeats(app, found))
}

/// The same of a connection, by whoever may see that: its person.
///
/// # Errors
/// As the database has them.
pub fn of_connection(
    app: &App,
    connection: domain::ConnectionId,
    before: i64,
    limit: i64,
) -> Result<Vec<HandOut>, DbError> {
    let found = app.store.read(|conn| rows::of_connection(conn, connection, before, limit))?;
    Ok(with_repeats(app, found))
}

/// With what isn't written down yet.
fn with_repeats(app: &App, mut found: Vec<HandOut>) -> Vec<HandOut> {
    app.live.hand_outs.overlay(&mut found);
    found
}

impl Slot {
    /// Whether what is given again is counted here.
    fn is_recent(&self, now: Timestamp) -> bool {
        (0..AGAIN).contains(&now.since(self.at))
    }
}
