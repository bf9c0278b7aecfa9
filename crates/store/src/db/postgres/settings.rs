//! How a session is set up, and the proof that the database answers as SQLite does.

use std::time::Duration;

use super::Session;
use crate::db::conn::Role;
use crate::db::{DbError, OpenError};

/// How long the server lets a statement run, and how long we wait for the next sign of one, before it counts as lost.
pub(super) fn patience(role: Role) -> (Duration, Duration) {
    let seconds = Duration::from_secs;
    match role {
        // A page waits for it.
        Role::Read => (seconds(5), seconds(7)),
        Role::Write => (seconds(60), seconds(10)),
        Role::Scan => (seconds(600), seconds(60)),
        // A large table may need long to be changed.
        Role::Migrate => (Duration::ZERO, seconds(24 * 3600)),
    }
}

const MAKE_ANEW: &str = "Make one for Doorkey alone: CREATE DATABASE doorkey OWNER doorkey TEMPLATE template0 ENCODING 'UTF8' \
    LOCALE 'C';";

/// The oldest version that its makers still mend.
const OLDEST: i32 = 14;

pub(super) fn apply(session: &mut Session, role: Role) -> Result<(), OpenError> {
    let place = session.server.place();
    let unreachable =
        |error: DbError| OpenError::Unreachable { place: place.clone(), why: error.to_string() };
    session.configure(SETTINGS).map_err(unreachable)?;
    session.set_patience(role).map_err(unreachable)?;
    if matches!(role, Role::Read | Role::Scan) {
        return session.configure("SET default_transaction_read_only = on").map_err(unreachable);
    }
    // Where the system can't look, it refuses the setting; then the server finds out later.
    let _ = session.configure("SET client_connection_check_interval = '2s'");
    match misfit(session).map_err(unreachable)? {
        None => Ok(()),
        Some(why) => Err(OpenError::Unfit { place: place.clone(), why }),
    }
}

/// The keep-alives are the server's: so it finds out as soon as we do that a connection has gone, and with it the lock.
const SETTINGS: &str = "
    SET lock_timeout = '5s';
    SET idle_session_timeout = 0;
    SET idle_in_transaction_session_timeout = 0;
    SET tcp_keepalives_idle = 5;
    SET tcp_keepalives_interval = 3;
    SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = '14s';
    SET bytea_output = 'hex';
    SET client_min_messages = 'warning';
    SET row_security = off;
";

/// What makes this database unfit, if anything.
pub(super) fn misfit(session: &mut Session) -> Result<Option<String>, DbError> {
    let asked = session.ask(
        "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding'),
            'B' < 'a' AND 'Z' < '_' AND '_' < 'a' AND 'a-b' < 'aa' AND 'z' < 'é' AND 'ab' < 'b'
                AND lower('É') = 'É',
            current_schema() IS NOT NULL, pg_is_in_recovery(),
            current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on',
            current_setting('synchronous_commit') <> 'off'",
        &[],
    )?;
    let Some(row) = asked.first() else { return Ok(None) };
    let flag = |column: usize| row.try_get::<_, bool>(column).unwrap_or(false);
    let version: i32 = row.try_get(0).unwrap_or(0);
    if version < OLDEST {
        return Ok(Some(format!("it is PostgreSQL {version}. Doorkey needs {OLDEST} or newer.")));
    }
    if row.try_get::<_, &str>(1).ok() != Some("UTF8") {
        return Ok(Some(format!("its encoding isn't UTF-8. {MAKE_ANEW}")));
    }
    if !flag(2) {
        return Ok(Some(format!("it sorts text in the order of a language, and not by bytes. {MAKE_ANEW}")));
    }
    if !flag(3) {
        return Ok(Some(
            "its search_path leads to no schema. Give the role one that it may create tables in.".into(),
        ));
    }
    if flag(4) {
        return Ok(Some("it is a standby, which can't be written to. Name the primary.".into()));
    }
    if !flag(5) {
        tracing::warn!(
            "fsync or full_page_writes is off in the database: a loss of power may take what was answered, or all"
        );
    }
    if !flag(6) {
        // Else an answer could come before what it tells is safe.
        session.configure("SET synchronous_commit = on")?;
    }
    Ok(None)
}
