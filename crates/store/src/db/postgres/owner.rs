//! One server owns a database: an advisory lock on the connection that writes, and a row that says who had it last.
//!
//! Whoever lost the lock can't commit, since the lock and the transactions are of one session. What it may still do for a while is
//! answer from memory, until its lease ends; a successor waits that long, unless it knows that nobody does.

use std::time::Duration;

use tokio_postgres::types::ToSql;

use super::Session;
use crate::db::conn::Role;
use crate::db::lease::Lease;
use crate::db::{DbError, OpenError};

/// The lock's first number, "dkey"; the second is the schema's, so that each schema has its own.
const LOCK: i32 = 0x646b_6579;

const SCHEMA: &str = "(SELECT oid::bigint::bit(32)::int FROM pg_namespace WHERE nspname = current_schema())";

/// How long a second one waits for the lock before it gives up: a server that was just ended may need a moment.
const LOCK_PATIENCE: &str = "SET lock_timeout = '3s'";

const TABLE: &str = "CREATE TABLE IF NOT EXISTS store_owner (
    row BIGINT NOT NULL PRIMARY KEY CHECK (row = 1), holder TEXT NOT NULL, session BIGINT NOT NULL, given_back BIGINT NOT NULL)";

/// Takes the lock, and waits until no other server can be answering from memory. `holder` says who we are: the same
/// for every process that can only be there when no other is.
pub(super) fn acquire(session: &mut Session, holder: &str, lease: &Lease) -> Result<(), OpenError> {
    let place = session.server.place();
    let unreachable =
        |error: DbError| OpenError::Unreachable { place: place.clone(), why: error.to_string() };
    if !lock(session, holder).map_err(unreachable)? {
        let by = who(session).map_err(unreachable)?;
        return Err(OpenError::Owned { place, by });
    }
    session.configure(TABLE).map_err(unreachable)?;
    if let Some((had, given_back)) = last_holder(session).map_err(unreachable)?
        && had != holder
        && !given_back
    {
        // A little longer, for clocks that don't run alike.
        let wait = lease.length().mul_f32(1.1);
        tracing::info!(
            ?wait,
            "another server had the data and didn't give it back: waiting until it can't be answering"
        );
        wait_out(session, wait).map_err(unreachable)?;
    }
    let note =
        "INSERT INTO store_owner (row, holder, session, given_back) VALUES (1, $1, pg_backend_pid(), 0)
        ON CONFLICT (row) DO UPDATE SET holder = excluded.holder, session = excluded.session, given_back = 0";
    session.ask(note, &[&holder]).map(drop).map_err(unreachable)
}

/// Says that nobody answers from memory any more, so that a successor need not wait.
pub(super) fn give_back(session: &mut Session) -> Result<(), DbError> {
    session.ask("UPDATE store_owner SET given_back = 1", &[]).map(drop)
}

fn lock(session: &mut Session, holder: &str) -> Result<bool, DbError> {
    let taken = session.ask(&format!("SELECT pg_try_advisory_lock($1, {SCHEMA})"), &[&LOCK])?;
    if taken.first().is_some_and(|row| row.try_get(0).unwrap_or(false)) {
        return Ok(true);
    }
    end_our_own(session, holder)?;
    session.configure(LOCK_PATIENCE)?;
    match session.ask(&format!("SELECT 1 FROM pg_advisory_lock($1, {SCHEMA})"), &[&LOCK]) {
        Ok(_) => session.configure("SET lock_timeout = '5s'").map(|()| true),
        // The time for a lock is over.
        Err(_) if session.is_usable() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Ends the session that holds the lock, if it was ours: of a process that is dead, or a connection that we gave up, and the server
/// hasn't found out.
fn end_our_own(session: &mut Session, holder: &str) -> Result<(), DbError> {
    let there = session.ask("SELECT to_regclass('store_owner') IS NOT NULL", &[])?;
    if !there.first().is_some_and(|row| row.try_get(0).unwrap_or(false)) {
        return Ok(());
    }
    let end = format!(
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l JOIN store_owner AS o ON o.session = l.pid
         WHERE {OURS} AND l.granted AND o.holder = $2"
    );
    session.ask(&end, &[&LOCK, &holder]).map(drop)
}

/// Our lock in `pg_locks`.
const OURS: &str = "l.locktype = 'advisory' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid::bigint = $1::int AND l.objid::bigint = (SELECT oid::bigint FROM pg_namespace WHERE nspname = current_schema())";

/// Who holds the lock, for messages.
fn who(session: &mut Session) -> Result<String, DbError> {
    Ok(holder(session)?.unwrap_or_else(|| "another Doorkey".to_owned()))
}

/// Who holds the lock, as far as the server tells; nobody, if nobody does.
pub(super) fn holder(session: &mut Session) -> Result<Option<String>, DbError> {
    let ask = format!(
        "SELECT coalesce(host(a.client_addr), 'this machine'), to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ')
         FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) WHERE {OURS} AND l.granted"
    );
    let params: [&(dyn ToSql + Sync); 1] = [&LOCK];
    let rows = session.ask(&ask, &params)?;
    let text =
        |column: usize| rows.first().and_then(|row| row.try_get::<_, Option<String>>(column).ok().flatten());
    Ok(match (text(0), text(1)) {
        (Some(from), Some(since)) => Some(format!("another Doorkey, connected from {from} since {since}")),
        _ => rows.first().map(|_| "another Doorkey".to_owned()),
    })
}

fn last_holder(session: &mut Session) -> Result<Option<(String, bool)>, DbError> {
    let rows = session.ask("SELECT holder, given_back FROM store_owner", &[])?;
    Ok(rows.first().map(|row| {
        let holder: String = row.try_get(0).unwrap_or_default();
        (holder, row.try_get::<_, i64>(1).unwrap_or(0) == 1)
    }))
}

/// The server waits, so that its session is seen to live meanwhile.
fn wait_out(session: &mut Session, wait: Duration) -> Result<(), DbError> {
    session.set_patience(Role::Migrate)?;
    session.ask("SELECT 1 FROM pg_sleep($1)", &[&wait.as_secs_f64()])?;
    session.set_patience(Role::Write)
}
