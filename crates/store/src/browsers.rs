//! Browsers that a person marked as their own.

use domain::{AccountId, BrowserId, Timestamp};

use crate::{
    db::{Conn, DbError},
    row, statements,
};

/// A row of `browsers`.
#[derive(Clone, Debug)]
pub struct Browser {
    /// Its id.
    pub id: BrowserId,
    /// Whose it is.
    pub account: AccountId,
    /// What it says that it is.
    pub agent: String,
    /// Until when it is known.
    pub ends_at: Timestamp,
}

statements! {
    INSERT = "INSERT INTO browsers (id, account_id, token_hash, agent, created_at, ends_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    BY_TOKEN = "SELECT id, account_id, agent, ends_at FROM browsers WHERE token_hash = $1";
    DELETE_OTHERS = "DELETE FROM browsers WHERE account_id = $1 AND id <> $2";
    DELETE_ENDED = "DELETE FROM browsers WHERE ends_at <= $1";
    DELETE_ALL = "DELETE FROM browsers";
}

/// Adds a browser.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, browser: &Browser, token_hash: &[u8], now: Timestamp) -> Result<(), DbError> {
    conn.execute(
        &INSERT,
        &[
            browser.id.to_string().into(),
            browser.account.to_string().into(),
            token_hash.into(),
            browser.agent.as_str().into(),
            now.millis().into(),
            browser.ends_at.millis().into(),
        ],
    )
    .map(drop)
}

/// The browser with this token, while it is known.
///
/// # Errors
/// As the database has them.
pub fn by_token(conn: &mut Conn, token_hash: &[u8], now: Timestamp) -> Result<Option<Browser>, DbError> {
    let Some(row) = conn.query_one(&BY_TOKEN, &[token_hash.into()])? else { return Ok(None) };
    let browser = Browser {
        id: row::parsed(&row, 0)?,
        account: row::parsed(&row, 1)?,
        agent: row.text(2)?.to_owned(),
        ends_at: row::time(&row, 3)?,
    };
    Ok((now < browser.ends_at).then_some(browser))
}

/// Forgets the account's browsers, but for `but`.
///
/// # Errors
/// As the database has them.
pub fn delete_others(conn: &mut Conn, account: AccountId, but: Option<BrowserId>) -> Result<(), DbError> {
    let but = but.map(|id| id.to_string()).unwrap_or_default();
    conn.execute(&DELETE_OTHERS, &[account.to_string().into(), but.into()]).map(drop)
}

/// Forgets the browsers whose time is over.
///
/// # Errors
/// As the database has them.
pub fn delete_ended(conn: &mut Conn, now: Timestamp) -> Result<(), DbError> {
    conn.execute(&DELETE_ENDED, &[now.millis().into()]).map(drop)
}

/// Forgets every browser.
///
/// # Errors
/// As the database has them.
pub fn delete_all(conn: &mut Conn) -> Result<(), DbError> {
    conn.execute(&DELETE_ALL, &[]).map(drop)
}
