//! Figures for monitoring.

use crate::{
    db::{Conn, DbError},
    row, statements,
};

pub use crate::db::Figures;

/// How many there are of what people ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Accounts.
    pub accounts: i64,
    /// App-specific passwords that haven't ended.
    pub app_passwords: i64,
    /// Sessions.
    pub sessions: i64,
}

statements! {
    COUNTS = "SELECT (SELECT CAST(COUNT(*) AS BIGINT) FROM accounts),
        (SELECT CAST(COUNT(*) AS BIGINT) FROM app_passwords WHERE ended_at IS NULL),
        (SELECT CAST(COUNT(*) AS BIGINT) FROM sessions)";
    TRY = "UPDATE event_counter SET last_number = last_number";
    KEPT = "SELECT (SELECT CAST(COUNT(*) AS BIGINT) FROM accounts WHERE administrator = 1 AND state = 'active'),
        (SELECT CAST(COUNT(*) AS BIGINT) FROM accounts a WHERE a.administrator = 1 AND a.state = 'active'
            AND NOT EXISTS (SELECT t.account_id FROM totp t
                WHERE t.account_id = a.id AND t.confirmed_at IS NOT NULL)),
        (SELECT CAST(COUNT(*) AS BIGINT) FROM mails WHERE given_up_at IS NULL AND attempts > 0),
        (SELECT CAST(COUNT(*) AS BIGINT) FROM mails WHERE given_up_at IS NOT NULL)";
}

/// How many there are of what keeps the server administered and its mail moving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Administrators whose account may be used.
    pub administrators: i64,
    /// Those of them without two-factor authentication.
    pub administrators_without_second_factor: i64,
    /// Mails that wait to be sent, and were tried in vain.
    pub mails_waiting: i64,
    /// Mails that were given up.
    pub mails_given_up: i64,
}

/// Counts them.
///
/// # Errors
/// As the database has them.
pub fn kept(conn: &mut Conn) -> Result<Kept, DbError> {
    let row = conn.query_one(&KEPT, &[])?.ok_or_else(|| row::corrupt("a count"))?;
    Ok(Kept {
        administrators: row.int(0)?,
        administrators_without_second_factor: row.int(1)?,
        mails_waiting: row.int(2)?,
        mails_given_up: row.int(3)?,
    })
}

/// Writes what is there already, to see whether anything can be written.
///
/// # Errors
/// As the database has them.
pub fn try_to_write(conn: &mut Conn) -> Result<(), DbError> {
    conn.execute(&TRY, &[]).map(drop)
}

/// Counts them.
///
/// # Errors
/// As the database has them.
pub fn counts(conn: &mut Conn) -> Result<Counts, DbError> {
    let row = conn.query_one(&COUNTS, &[])?.ok_or_else(|| row::corrupt("a count"))?;
    Ok(Counts { accounts: row.int(0)?, app_passwords: row.int(1)?, sessions: row.int(2)? })
}
