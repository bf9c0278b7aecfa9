//! How far the log has been turned into letters to people, and how many each of them got lately.

use domain::{AccountId, Timestamp};

use crate::{
    db::{Conn, DbError, Row},
    events::Last,
    row, statements,
};

/// A row of `notices_lately`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lately {
    /// Whose.
    pub account: AccountId,
    /// Since when.
    pub began_at: Timestamp,
    /// How many letters there were.
    pub sent: i64,
    /// How many events went without one.
    pub held: i64,
}

statements! {
    REACHED = "SELECT epoch, number FROM notices_reached";
    FORGET_REACHED = "DELETE FROM notices_reached";
    FORGET_LATELY = "DELETE FROM notices_lately";
    BEGIN = "INSERT INTO notices_reached (epoch, number) VALUES ($1, $2)";
    ADVANCE = "UPDATE notices_reached SET number = $3 WHERE epoch = $1 AND number = $2";
    LATELY = "SELECT account_id, began_at, sent, held FROM notices_lately WHERE account_id = $1";
    OVER = "SELECT account_id, began_at, sent, held FROM notices_lately WHERE began_at <= $1 OR began_at > $2 LIMIT $3";
    DELETE = "DELETE FROM notices_lately WHERE account_id = $1 AND held = $2";
    INSERT = "INSERT INTO notices_lately (account_id, began_at, sent, held) VALUES ($1, $2, 0, 0)";
    SENT = "UPDATE notices_lately SET sent = sent + 1 WHERE account_id = $1";
    HELD = "UPDATE notices_lately SET held = held + 1 WHERE account_id = $1";
}

/// Up to where the log has been turned into letters; none when it isn't.
///
/// # Errors
/// As the database has them.
pub fn reached(conn: &mut Conn) -> Result<Option<Last>, DbError> {
    let row = conn.query_one(&REACHED, &[])?;
    row.map(|row| Ok(Last { epoch: row.int(0)?, number: row.int(1)? })).transpose()
}

/// Begins anew behind this event, or ends it, and forgets what there was.
///
/// # Errors
/// As the database has them.
pub fn begin(conn: &mut Conn, behind: Option<Last>) -> Result<(), DbError> {
    conn.execute(&FORGET_REACHED, &[])?;
    conn.execute(&FORGET_LATELY, &[])?;
    let Some(Last { epoch, number }) = behind else { return Ok(()) };
    conn.execute(&BEGIN, &[epoch.into(), number.into()]).map(drop)
}

/// Goes on from one event to another. False when that isn't where it was.
///
/// # Errors
/// As the database has them.
pub fn advance(conn: &mut Conn, from: Last, to: i64) -> Result<bool, DbError> {
    Ok(conn.execute(&ADVANCE, &[from.epoch.into(), from.number.into(), to.into()])? == 1)
}

/// What there was for this account lately.
///
/// # Errors
/// As the database has them.
pub fn lately(conn: &mut Conn, account: AccountId) -> Result<Option<Lately>, DbError> {
    conn.query_one(&LATELY, &[account.to_string().into()])?.as_ref().map(read).transpose()
}

/// At most `limit` of those that began at `then` or before, or, by a clock that has been set since, after `now`.
///
/// # Errors
/// As the database has them.
pub fn over(conn: &mut Conn, then: Timestamp, now: Timestamp, limit: i64) -> Result<Vec<Lately>, DbError> {
    conn.query(&OVER, &[then.millis().into(), now.millis().into(), limit.into()])?.iter().map(read).collect()
}

/// Begins for this account.
///
/// # Errors
/// As the database has them.
pub fn begin_lately(conn: &mut Conn, account: AccountId, now: Timestamp) -> Result<(), DbError> {
    conn.execute(&INSERT, &[account.to_string().into(), now.millis().into()]).map(drop)
}

/// Forgets one that is over. False when something has come to it since, or its account has gone.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, lately: &Lately) -> Result<bool, DbError> {
    Ok(conn.execute(&DELETE, &[lately.account.to_string().into(), lately.held.into()])? == 1)
}

/// Counts a letter.
///
/// # Errors
/// As the database has them.
pub fn sent(conn: &mut Conn, account: AccountId) -> Result<(), DbError> {
    conn.execute(&SENT, &[account.to_string().into()]).map(drop)
}

/// Counts an event that goes without a letter.
///
/// # Errors
/// As the database has them.
pub fn held(conn: &mut Conn, account: AccountId) -> Result<(), DbError> {
    conn.execute(&HELD, &[account.to_string().into()]).map(drop)
}

fn read(row: &Row) -> Result<Lately, DbError> {
    Ok(Lately {
        account: row::parsed(row, 0)?,
        began_at: row::time(row, 1)?,
        sent: row.int(2)?,
        held: row.int(3)?,
    })
}
