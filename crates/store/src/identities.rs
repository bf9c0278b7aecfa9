//! Identity tokens that have opened a build: each opens one.

use domain::Timestamp;

use crate::{
    db::{Conn, DbError},
    row, statements,
};

statements! {
    SPEND = "INSERT INTO spent_identities (hash, ends_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    IS_SPENT = "SELECT 1 FROM spent_identities WHERE hash = $1";
    FORGET = "DELETE FROM spent_identities WHERE ends_at <= $1";
    REFUSED_UP_TO = "SELECT issued_after FROM identities_from WHERE place = 1";
    NO_FLOOR = "DELETE FROM identities_from";
    FLOOR = "INSERT INTO identities_from (place, issued_after) VALUES (1, $1)";
}

/// Writes down that the token with this hash has opened a build; it is remembered until `ends_at`. False when it had opened one before.
///
/// # Errors
/// As the database has them.
pub fn spend(conn: &mut Conn, hash: &[u8], ends_at: Timestamp) -> Result<bool, DbError> {
    Ok(conn.execute(&SPEND, &[hash.into(), ends_at.millis().into()])? == 1)
}

/// Whether the token with this hash has opened a build.
///
/// # Errors
/// As the database has them.
pub fn is_spent(conn: &mut Conn, hash: &[u8]) -> Result<bool, DbError> {
    Ok(conn.query_one(&IS_SPENT, &[hash.into()])?.is_some())
}

/// Forgets the tokens whose time is over.
///
/// # Errors
/// As the database has them.
pub fn forget(conn: &mut Conn, now: Timestamp) -> Result<(), DbError> {
    conn.execute(&FORGET, &[now.millis().into()]).map(drop)
}

/// Tokens that were issued by then open nothing.
///
/// # Errors
/// As the database has them.
pub fn refused_up_to(conn: &mut Conn) -> Result<Option<Timestamp>, DbError> {
    conn.query_one(&REFUSED_UP_TO, &[])?.map(|row| row::time(&row, 0)).transpose()
}

/// From now on, tokens that were issued by `then` open nothing.
///
/// # Errors
/// As the database has them.
pub fn refuse_up_to(conn: &mut Conn, then: Timestamp) -> Result<(), DbError> {
    conn.execute(&NO_FLOOR, &[])?;
    conn.execute(&FLOOR, &[then.millis().into()]).map(drop)
}
