//! One-time links: setting up the first account, resetting a password.

use domain::{AccountId, LinkId, Timestamp};

use crate::{
    db::{Conn, DbError},
    row, statements,
};

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Setting up the first account.
    SetUp,
    /// Setting a new password for this account; its second factor is still asked for.
    Reset(AccountId),
    /// The same for somebody who has lost their second factor: it is taken away.
    ResetBoth(AccountId),
}

/// A row of `links`: one that hasn't been spent.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Its id; never what is in the link itself.
    pub id: LinkId,
    /// What it is for.
    pub purpose: Purpose,
    /// Until when it can be spent.
    pub expires_at: Timestamp,
}

statements! {
    INSERT = "INSERT INTO links (id, token_hash, purpose, account_id, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    BY_TOKEN = "SELECT id, purpose, account_id, expires_at FROM links WHERE token_hash = $1";
    SPEND = "DELETE FROM links WHERE id = $1";
    DELETE_SET_UP = "DELETE FROM links WHERE purpose = 'setup'";
    DELETE_RESET = "DELETE FROM links WHERE account_id = $1";
    DELETE_EXPIRED = "DELETE FROM links WHERE expires_at <= $1";
}

/// Adds a link, and takes back earlier ones for the same: only the newest works.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, link: &Link, token_hash: &[u8], now: Timestamp) -> Result<(), DbError> {
    let (purpose, account) = match link.purpose {
        Purpose::SetUp => ("setup", None),
        Purpose::Reset(account) => ("reset", Some(account.to_string())),
        Purpose::ResetBoth(account) => ("reset_both", Some(account.to_string())),
    };
    match &account {
        None => conn.execute(&DELETE_SET_UP, &[])?,
        Some(account) => conn.execute(&DELETE_RESET, &[account.as_str().into()])?,
    };
    conn.execute(
        &INSERT,
        &[
            link.id.to_string().into(),
            token_hash.into(),
            purpose.into(),
            account.into(),
            now.millis().into(),
            link.expires_at.millis().into(),
        ],
    )
    .map(drop)
}

/// The link with this token that is still to be spent, if its time isn't over.
///
/// # Errors
/// As the database has them.
pub fn by_token(conn: &mut Conn, token_hash: &[u8], now: Timestamp) -> Result<Option<Link>, DbError> {
    let Some(row) = conn.query_one(&BY_TOKEN, &[token_hash.into()])? else { return Ok(None) };
    let purpose = match (row.text(1)?, row::opt_parsed(&row, 2)?) {
        ("setup", None) => Purpose::SetUp,
        ("reset", Some(account)) => Purpose::Reset(account),
        ("reset_both", Some(account)) => Purpose::ResetBoth(account),
        _ => return Err(row::corrupt("links.purpose")),
    };
    let link = Link { id: row::parsed(&row, 0)?, purpose, expires_at: row::time(&row, 3)? };
    Ok((now < link.expires_at).then_some(link))
}

/// Spends a link. False when it was spent already: then nothing may follow from it.
///
/// # Errors
/// As the database has them.
pub fn spend(conn: &mut Conn, id: LinkId) -> Result<bool, DbError> {
    Ok(conn.execute(&SPEND, &[id.to_string().into()])? == 1)
}

/// Forgets the links whose time is over.
///
/// # Errors
/// As the database has them.
pub fn delete_expired(conn: &mut Conn, now: Timestamp) -> Result<(), DbError> {
    conn.execute(&DELETE_EXPIRED, &[now.millis().into()]).map(drop)
}
