//! Trusted browsers: those in which a person needs no code.

use domain::{AccountId, BrowserId, Timestamp};

use crate::{
    db::{Conn, DbError, Row},
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
    /// Since when it is trusted.
    pub created_at: Timestamp,
    /// Until when it is trusted.
    pub ends_at: Timestamp,
}

statements! {
    INSERT = "INSERT INTO browsers (id, account_id, token_hash, agent, created_at, ends_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    BY_TOKEN = "SELECT id, account_id, agent, created_at, ends_at FROM browsers WHERE token_hash = $1";
    OF_ACCOUNT = "SELECT id, account_id, agent, created_at, ends_at FROM browsers WHERE account_id = $1 AND ends_at > $2
        ORDER BY created_at DESC, id DESC";
    ROTATE = "UPDATE browsers SET token_hash = $3 WHERE id = $1 AND token_hash = $2";
    DELETE = "DELETE FROM browsers WHERE id = $1 AND account_id = $2";
    DELETE_OTHERS = "DELETE FROM browsers WHERE account_id = $1 AND id <> $2";
    DELETE_ALL = "DELETE FROM browsers";
    DELETE_ENDED = "DELETE FROM browsers WHERE ends_at <= $1";
}

/// Adds a browser.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, browser: &Browser, token_hash: &[u8]) -> Result<(), DbError> {
    conn.execute(
        &INSERT,
        &[
            browser.id.to_string().into(),
            browser.account.to_string().into(),
            token_hash.into(),
            browser.agent.as_str().into(),
            browser.created_at.millis().into(),
            browser.ends_at.millis().into(),
        ],
    )
    .map(drop)
}

/// The browser with this token, while it is trusted.
///
/// # Errors
/// As the database has them.
pub fn by_token(conn: &mut Conn, token_hash: &[u8], now: Timestamp) -> Result<Option<Browser>, DbError> {
    let browser = conn.query_one(&BY_TOKEN, &[token_hash.into()])?.as_ref().map(read).transpose()?;
    Ok(browser.filter(|browser| now < browser.ends_at))
}

/// The account's browsers that are trusted; the newest comes first.
///
/// # Errors
/// As the database has them.
pub fn of_account(conn: &mut Conn, account: AccountId, now: Timestamp) -> Result<Vec<Browser>, DbError> {
    conn.query(&OF_ACCOUNT, &[account.to_string().into(), now.millis().into()])?.iter().map(read).collect()
}

/// Gives the browser another token in place of this one. False when it has been forgotten, or has got another one meanwhile.
///
/// # Errors
/// As the database has them.
pub fn rotate(
    conn: &mut Conn,
    id: BrowserId,
    token_hash: &[u8],
    new_token_hash: &[u8],
) -> Result<bool, DbError> {
    Ok(conn.execute(&ROTATE, &[id.to_string().into(), token_hash.into(), new_token_hash.into()])? == 1)
}

/// Forgets one of the account's browsers. False when it was forgotten before, or isn't the account's.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, account: AccountId, id: BrowserId) -> Result<bool, DbError> {
    Ok(conn.execute(&DELETE, &[id.to_string().into(), account.to_string().into()])? == 1)
}

/// Forgets the account's browsers, but for `but`, and tells how many.
///
/// # Errors
/// As the database has them.
pub fn delete_others(conn: &mut Conn, account: AccountId, but: Option<BrowserId>) -> Result<u64, DbError> {
    let but = but.map(|id| id.to_string()).unwrap_or_default();
    conn.execute(&DELETE_OTHERS, &[account.to_string().into(), but.into()])
}

/// Forgets everybody's browsers.
///
/// # Errors
/// As the database has them.
pub fn delete_all(conn: &mut Conn) -> Result<(), DbError> {
    conn.execute(&DELETE_ALL, &[]).map(drop)
}

/// Forgets the browsers whose time is over.
///
/// # Errors
/// As the database has them.
pub fn delete_ended(conn: &mut Conn, now: Timestamp) -> Result<(), DbError> {
    conn.execute(&DELETE_ENDED, &[now.millis().into()]).map(drop)
}

fn read(row: &Row) -> Result<Browser, DbError> {
    Ok(Browser {
        id: row::parsed(row, 0)?,
        account: row::parsed(row, 1)?,
        agent: row.text(2)?.to_owned(),
        created_at: row::time(row, 3)?,
        ends_at: row::time(row, 4)?,
    })
}
