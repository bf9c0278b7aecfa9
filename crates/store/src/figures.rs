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
}

/// Counts them.
///
/// # Errors
/// As the database has them.
pub fn counts(conn: &mut Conn) -> Result<Counts, DbError> {
    let row = conn.query_one(&COUNTS, &[])?.ok_or_else(|| row::corrupt("a count"))?;
    Ok(Counts { accounts: row.int(0)?, app_passwords: row.int(1)?, sessions: row.int(2)? })
}
