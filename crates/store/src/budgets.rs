//! Budgets of failures: how many wrong answers in a row, for each bucket.

use domain::{Budget, Timestamp};

use crate::{
    db::{Conn, DbError},
    row, statements,
};

statements! {
    GET = "SELECT failures, last_failed_at FROM budgets WHERE bucket = $1";
    PUT = "INSERT INTO budgets (bucket, failures, last_failed_at) VALUES ($1, $2, $3)
        ON CONFLICT (bucket) DO UPDATE SET failures = excluded.failures, last_failed_at = excluded.last_failed_at";
    FORGET = "DELETE FROM budgets WHERE last_failed_at <= $1 AND bucket NOT LIKE 'acc%'";
    CLEAR = "DELETE FROM budgets WHERE bucket = $1";
}

/// The budget of this bucket; a fresh one when nothing has failed.
///
/// # Errors
/// As the database has them.
pub fn get(conn: &mut Conn, bucket: &str) -> Result<Budget, DbError> {
    conn.query_one(&GET, &[bucket.into()])?.map_or(Ok(Budget::default()), |row| {
        let failures = u32::try_from(row.int(0)?).map_err(|_| row::corrupt("budgets.failures"))?;
        Ok(Budget { failures, last_failed_at: Some(row::time(&row, 1)?) })
    })
}

/// Sets the budget of this bucket. One without a failure leaves no row.
///
/// # Errors
/// As the database has them.
pub fn put(conn: &mut Conn, bucket: &str, budget: Budget) -> Result<(), DbError> {
    match budget.last_failed_at {
        Some(at) if budget.failures > 0 => conn
            .execute(&PUT, &[bucket.into(), i64::from(budget.failures).into(), at.millis().into()])
            .map(drop),
        _ => clear(conn, bucket),
    }
}

/// Sets the budget of this bucket back to fresh.
///
/// # Errors
/// As the database has them.
pub fn clear(conn: &mut Conn, bucket: &str) -> Result<(), DbError> {
    conn.execute(&CLEAR, &[bucket.into()]).map(drop)
}

/// Forgets the budgets of sessions, browsers and links in which nothing has failed since `then`: they have ended. Those of accounts
/// stay, however old.
///
/// # Errors
/// As the database has them.
pub fn forget_old(conn: &mut Conn, then: Timestamp) -> Result<(), DbError> {
    conn.execute(&FORGET, &[then.millis().into()]).map(drop)
}
