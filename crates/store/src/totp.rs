//! Second factors of the kind that an authenticator app shows.

use domain::{AccountId, Timestamp};

use crate::{
    db::{Conn, DbError},
    row, statements,
};

/// A row of `totp`.
#[derive(Clone, Debug)]
pub struct Factor {
    /// The sealed secret.
    pub secret_sealed: Vec<u8>,
    /// When it was shown to be set up.
    pub created_at: Timestamp,
    /// When the first right code came; before that it isn't in force.
    pub confirmed_at: Option<Timestamp>,
    /// The step of the last code that counted.
    pub last_step: i64,
    /// The one that is to take its place.
    pub next: Option<Next>,
}

/// The secret of another phone, waiting for its first code.
#[derive(Clone, Debug)]
pub struct Next {
    /// The sealed secret.
    pub secret_sealed: Vec<u8>,
    /// When it was shown to be set up.
    pub created_at: Timestamp,
}

statements! {
    OF_ACCOUNT = "SELECT secret_sealed, created_at, confirmed_at, last_step, next_sealed, next_at FROM totp
        WHERE account_id = $1";
    PUT = "INSERT INTO totp (account_id, secret_sealed, created_at, confirmed_at, last_step) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (account_id) DO UPDATE SET secret_sealed = excluded.secret_sealed,
            created_at = excluded.created_at, confirmed_at = excluded.confirmed_at, last_step = excluded.last_step,
            next_sealed = NULL, next_at = NULL";
    PUT_NEXT = "UPDATE totp SET next_sealed = $2, next_at = $3 WHERE account_id = $1 AND confirmed_at IS NOT NULL";
    CONFIRM = "UPDATE totp SET confirmed_at = $2 WHERE account_id = $1 AND confirmed_at IS NULL";
    USE_STEP = "UPDATE totp SET last_step = $2 WHERE account_id = $1 AND last_step < $2";
    DELETE = "DELETE FROM totp WHERE account_id = $1";
}

/// The account's factor, in force or waiting for its first code.
///
/// # Errors
/// As the database has them.
pub fn of_account(conn: &mut Conn, account: AccountId) -> Result<Option<Factor>, DbError> {
    conn.query_one(&OF_ACCOUNT, &[account.to_string().into()])?
        .map(|row| {
            Ok(Factor {
                secret_sealed: row.bytes(0)?.to_vec(),
                created_at: row::time(&row, 1)?,
                confirmed_at: row::opt_time(&row, 2)?,
                last_step: row.int(3)?,
                next: match (row.opt_bytes(4)?, row::opt_time(&row, 5)?) {
                    (Some(sealed), Some(created_at)) => {
                        Some(Next { secret_sealed: sealed.to_vec(), created_at })
                    }
                    _ => None,
                },
            })
        })
        .transpose()
}

/// Sets the account's factor, in place of any other, and of any that was to take its place.
///
/// # Errors
/// As the database has them.
pub fn put(conn: &mut Conn, account: AccountId, factor: &Factor) -> Result<(), DbError> {
    conn.execute(
        &PUT,
        &[
            account.to_string().into(),
            factor.secret_sealed.as_slice().into(),
            factor.created_at.millis().into(),
            row::opt_millis(factor.confirmed_at),
            factor.last_step.into(),
        ],
    )
    .map(drop)
}

/// Sets what is to take the place of the account's factor. False when no factor is in force.
///
/// # Errors
/// As the database has them.
pub fn put_next(conn: &mut Conn, account: AccountId, next: &Next) -> Result<bool, DbError> {
    let params =
        [account.to_string().into(), next.secret_sealed.as_slice().into(), next.created_at.millis().into()];
    Ok(conn.execute(&PUT_NEXT, &params)? == 1)
}

/// Puts the factor in force. False when it was already, or there is none.
///
/// # Errors
/// As the database has them.
pub fn confirm(conn: &mut Conn, account: AccountId, now: Timestamp) -> Result<bool, DbError> {
    Ok(conn.execute(&CONFIRM, &[account.to_string().into(), now.millis().into()])? == 1)
}

/// Uses up the code of this step. False when it, or a later one, has been used: then it doesn't count.
///
/// # Errors
/// As the database has them.
pub fn use_step(conn: &mut Conn, account: AccountId, step: i64) -> Result<bool, DbError> {
    Ok(conn.execute(&USE_STEP, &[account.to_string().into(), step.into()])? == 1)
}

/// Takes the account's factor away.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, account: AccountId) -> Result<(), DbError> {
    conn.execute(&DELETE, &[account.to_string().into()]).map(drop)
}
