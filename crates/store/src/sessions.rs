//! Signed-in browsers and command lines, and sign-ins that still wait for a code.

use domain::{AccountId, BrowserId, SessionId, Timestamp};

use crate::{
    db::{Conn, DbError, Row},
    row, statements,
};

/// A row of `sessions`.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id; never what is in the cookie or the token.
    pub id: SessionId,
    /// Who is signed in, or signing in.
    pub account: AccountId,
    /// What is signed in.
    pub client: Client,
    /// Whether the password was right and the code is still to come: such a session opens nothing else.
    pub code_wanted: bool,
    /// The trusted browser that it is in.
    pub browser: Option<BrowserId>,
    /// What the client says that it is.
    pub agent: String,
    /// The address that it signed in from.
    pub source: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// When its person last showed their second factor, or their password while they have none; the beginning of time when a
    /// trusted browser stood in for the second factor.
    pub fresh_at: Timestamp,
}

impl Session {
    /// Whether its person ever showed in it who they are: not where a trusted browser stood in for the second factor, and nothing came
    /// after that.
    #[must_use]
    pub fn was_ever_fresh(&self) -> bool {
        self.fresh_at > Timestamp::from_millis(0)
    }
}

/// What is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// A browser, by a cookie.
    Browser,
    /// A command line, by a token.
    CommandLine,
}

impl Client {
    const fn code(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::CommandLine => "command_line",
        }
    }
}

statements! {
    INSERT = "INSERT INTO sessions (id, account_id, token_hash, client, code_wanted, browser_id, agent, source, created_at,
            last_seen_at, fresh_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    BY_TOKEN = "SELECT id, account_id, client, code_wanted, browser_id, agent, source, created_at, last_seen_at, fresh_at
        FROM sessions WHERE token_hash = $1";
    OF_ACCOUNT = "SELECT id, account_id, client, code_wanted, browser_id, agent, source, created_at, last_seen_at, fresh_at
        FROM sessions WHERE account_id = $1 AND code_wanted = 0 ORDER BY last_seen_at DESC, id DESC";
    EXISTS = "SELECT id FROM sessions WHERE id = $1";
    SEEN = "UPDATE sessions SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2";
    FRESH = "UPDATE sessions SET fresh_at = $2 WHERE id = $1";
    ROTATE = "UPDATE sessions SET token_hash = $2 WHERE id = $1";
    DELETE = "DELETE FROM sessions WHERE id = $1";
    DELETE_OTHERS = "DELETE FROM sessions WHERE account_id = $1 AND id <> $2";
    DELETE_ALL = "DELETE FROM sessions";
    SURPLUS = "SELECT id, account_id, client, code_wanted, browser_id, agent, source, created_at, last_seen_at, fresh_at
        FROM sessions WHERE account_id = $1 AND code_wanted = 0
        ORDER BY CASE WHEN fresh_at > 0 THEN 0 ELSE 1 END, last_seen_at DESC, id DESC LIMIT 1000 OFFSET $2";
    SURPLUS_WAITING = "SELECT id, account_id, client, code_wanted, browser_id, agent, source, created_at, last_seen_at, fresh_at
        FROM sessions WHERE account_id = $1 AND code_wanted = 1
        ORDER BY CASE WHEN source = $3 THEN 1 ELSE 0 END, last_seen_at DESC, id DESC LIMIT 1000 OFFSET $2";
    WAITING_SINCE = "SELECT id, account_id, client, code_wanted, browser_id, agent, source, created_at, last_seen_at, fresh_at
        FROM sessions WHERE code_wanted = 1 AND created_at <= $1";
    DELETE_OLD = "DELETE FROM sessions WHERE created_at <= $1 OR last_seen_at <= $2
        OR (code_wanted = 1 AND created_at <= $3)";
}

/// Adds a session.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, session: &Session, token_hash: &[u8]) -> Result<(), DbError> {
    conn.execute(
        &INSERT,
        &[
            session.id.to_string().into(),
            session.account.to_string().into(),
            token_hash.into(),
            session.client.code().into(),
            i64::from(session.code_wanted).into(),
            session.browser.map(|id| id.to_string()).into(),
            session.agent.as_str().into(),
            session.source.as_str().into(),
            session.created_at.millis().into(),
            session.last_seen_at.millis().into(),
            session.fresh_at.millis().into(),
        ],
    )
    .map(drop)
}

/// The session with this token.
///
/// # Errors
/// As the database has them.
pub fn by_token(conn: &mut Conn, token_hash: &[u8]) -> Result<Option<Session>, DbError> {
    conn.query_one(&BY_TOKEN, &[token_hash.into()])?.as_ref().map(read).transpose()
}

/// Whether the session hasn't ended.
///
/// # Errors
/// As the database has them.
pub fn exists(conn: &mut Conn, id: SessionId) -> Result<bool, DbError> {
    Ok(conn.query_one(&EXISTS, &[id.to_string().into()])?.is_some())
}

/// The account's sessions, but those that wait for a code; the one that was used last comes first.
///
/// # Errors
/// As the database has them.
pub fn of_account(conn: &mut Conn, account: AccountId) -> Result<Vec<Session>, DbError> {
    conn.query(&OF_ACCOUNT, &[account.to_string().into()])?.iter().map(read).collect()
}

/// Gives the session another token; the one from before stops working. False when the session has ended.
///
/// # Errors
/// As the database has them.
pub fn rotate(conn: &mut Conn, id: SessionId, token_hash: &[u8]) -> Result<bool, DbError> {
    Ok(conn.execute(&ROTATE, &[id.to_string().into(), token_hash.into()])? == 1)
}

/// Writes down that the session was used.
///
/// # Errors
/// As the database has them.
pub fn seen(conn: &mut Conn, id: SessionId, now: Timestamp) -> Result<(), DbError> {
    conn.execute(&SEEN, &[id.to_string().into(), now.millis().into()]).map(drop)
}

/// Writes down that the session's person has just shown who they are. False when the session has ended.
///
/// # Errors
/// As the database has them.
pub fn fresh(conn: &mut Conn, id: SessionId, now: Timestamp) -> Result<bool, DbError> {
    Ok(conn.execute(&FRESH, &[id.to_string().into(), now.millis().into()])? == 1)
}

/// Ends the session. False when it had ended already.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, id: SessionId) -> Result<bool, DbError> {
    Ok(conn.execute(&DELETE, &[id.to_string().into()])? == 1)
}

/// Ends the account's sessions, but for `but`, and tells how many.
///
/// # Errors
/// As the database has them.
pub fn delete_others(conn: &mut Conn, account: AccountId, but: Option<SessionId>) -> Result<u64, DbError> {
    let but = but.map(|id| id.to_string()).unwrap_or_default();
    conn.execute(&DELETE_OTHERS, &[account.to_string().into(), but.into()])
}

/// Ends everybody's sessions, and tells how many.
///
/// # Errors
/// As the database has them.
pub fn delete_all(conn: &mut Conn) -> Result<u64, DbError> {
    conn.execute(&DELETE_ALL, &[])
}

/// Of the account's sessions, those that come after the `kept` ones that were used last. Those in which nobody ever showed who they are
/// come last of all: whoever has a trusted browser and the password can open any number of them.
///
/// # Errors
/// As the database has them.
pub fn surplus(conn: &mut Conn, account: AccountId, kept: i64) -> Result<Vec<Session>, DbError> {
    let params = [account.to_string().into(), kept.into()];
    conn.query(&SURPLUS, &params)?.iter().map(read).collect()
}

/// Of the account's sign-ins that wait for a code, those that come after the `kept` ones that were begun last. Those begun from `source`
/// come last of all: whoever begins too many ends their own.
///
/// # Errors
/// As the database has them.
pub fn surplus_waiting(
    conn: &mut Conn,
    account: AccountId,
    source: &str,
    kept: i64,
) -> Result<Vec<Session>, DbError> {
    let params = [account.to_string().into(), kept.into(), source.into()];
    conn.query(&SURPLUS_WAITING, &params)?.iter().map(read).collect()
}

/// The sign-ins that wait for a code since `then` or longer.
///
/// # Errors
/// As the database has them.
pub fn waiting_since(conn: &mut Conn, then: Timestamp) -> Result<Vec<Session>, DbError> {
    conn.query(&WAITING_SINCE, &[then.millis().into()])?.iter().map(read).collect()
}

/// Forgets sessions begun before `begun`, not used since `used`, and waiting for a code since before `waiting`.
///
/// # Errors
/// As the database has them.
pub fn delete_old(
    conn: &mut Conn,
    begun: Timestamp,
    used: Timestamp,
    waiting: Timestamp,
) -> Result<(), DbError> {
    conn.execute(&DELETE_OLD, &[begun.millis().into(), used.millis().into(), waiting.millis().into()])
        .map(drop)
}

fn read(row: &Row) -> Result<Session, DbError> {
    Ok(Session {
        id: row::parsed(row, 0)?,
        account: row::parsed(row, 1)?,
        client: match row.text(2)? {
            "browser" => Client::Browser,
            "command_line" => Client::CommandLine,
            _ => return Err(row::corrupt("sessions.client")),
        },
        code_wanted: row::flag(row, 3)?,
        browser: row::opt_parsed(row, 4)?,
        agent: row.text(5)?.to_owned(),
        source: row.text(6)?.to_owned(),
        created_at: row::time(row, 7)?,
        last_seen_at: row::time(row, 8)?,
        fresh_at: row::time(row, 9)?,
    })
}
