//! Recovery codes that can still be used.

use domain::{AccountId, RecoveryCodeId, Timestamp};

use crate::{
    db::{Conn, DbError},
    row, statements,
};

/// A row of `recovery_codes`.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its id.
    pub id: RecoveryCodeId,
    /// The sealed salt and hash.
    pub hash_sealed: Vec<u8>,
}

/// How many there are, and since when.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    /// How many can still be used.
    pub count: u64,
    /// When they were made; none when there are none.
    pub made_at: Option<Timestamp>,
}

statements! {
    INSERT = "INSERT INTO recovery_codes (id, account_id, hash_sealed, created_at) VALUES ($1, $2, $3, $4)";
    OF_ACCOUNT = "SELECT id, hash_sealed FROM recovery_codes WHERE account_id = $1 ORDER BY id";
    LEFT = "SELECT COUNT(*), MIN(created_at) FROM recovery_codes WHERE account_id = $1";
    USE = "DELETE FROM recovery_codes WHERE id = $1 AND account_id = $2";
    DELETE = "DELETE FROM recovery_codes WHERE account_id = $1";
}

/// Puts a set in the place of the one that the account had.
///
/// # Errors
/// As the database has them.
pub fn replace(conn: &mut Conn, account: AccountId, set: &[Kept], now: Timestamp) -> Result<(), DbError> {
    delete(conn, account)?;
    for code in set {
        conn.execute(
            &INSERT,
            &[
                code.id.to_string().into(),
                account.to_string().into(),
                code.hash_sealed.as_slice().into(),
                now.millis().into(),
            ],
        )?;
    }
    Ok(())
}

/// The account's codes that can still be used.
///
/// # Errors
/// As the database has them.
pub fn of_account(conn: &mut Conn, account: AccountId) -> Result<Vec<Kept>, DbError> {
    let rows = conn.query(&OF_ACCOUNT, &[account.to_string().into()])?;
    rows.iter()
        .map(|row| Ok(Kept { id: row::parsed(row, 0)?, hash_sealed: row.bytes(1)?.to_vec() }))
        .collect()
}

/// How many of the account's codes can still be used.
///
/// # Errors
/// As the database has them.
pub fn left(conn: &mut Conn, account: AccountId) -> Result<Left, DbError> {
    let row = conn.query_one(&LEFT, &[account.to_string().into()])?;
    let row = row.ok_or_else(|| row::corrupt("recovery_codes"))?;
    let count = u64::try_from(row.int(0)?).map_err(|_| row::corrupt("recovery_codes"))?;
    Ok(Left { count, made_at: row::opt_time(&row, 1)? })
}

/// Uses a code up. False when it was used before, or its set was replaced: then it doesn't count.
///
/// # Errors
/// As the database has them.
pub fn use_up(conn: &mut Conn, account: AccountId, id: RecoveryCodeId) -> Result<bool, DbError> {
    Ok(conn.execute(&USE, &[id.to_string().into(), account.to_string().into()])? == 1)
}

/// Takes the account's codes away.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, account: AccountId) -> Result<(), DbError> {
    conn.execute(&DELETE, &[account.to_string().into()]).map(drop)
}
