//! The data keys, each wrapped by the key that is kept outside the database.

use domain::Timestamp;

use crate::{
    db::{Conn, DbError},
    row, statements,
};

/// A row of `keys`.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its number, part of what it seals.
    pub id: i64,
    /// What it is for.
    pub purpose: String,
    /// The key itself, wrapped.
    pub wrapped: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

statements! {
    GET_ALL = "SELECT id, purpose, wrapped, created_at FROM keys ORDER BY id";
    REWRAP = "UPDATE keys SET wrapped = $3 WHERE id = $1 AND wrapped = $2";
    DELETE_OTHERS = "DELETE FROM keys WHERE purpose = $1 AND id <> $2";
    INSERT = "INSERT INTO keys (id, purpose, wrapped, created_at) VALUES ($1, $2, $3, $4)";
}

/// Every key, by number.
///
/// # Errors
/// As the database has them.
pub fn all(conn: &mut Conn) -> Result<Vec<Key>, DbError> {
    conn.query(&GET_ALL, &[])?
        .iter()
        .map(|row| {
            Ok(Key {
                id: row.int(0)?,
                purpose: row.text(1)?.into(),
                wrapped: row.bytes(2)?.into(),
                created_at: row::time(row, 3)?,
            })
        })
        .collect()
}

/// When the key was made that seals: the newest.
///
/// # Errors
/// As the database has them.
pub fn made_at(conn: &mut Conn) -> Result<Timestamp, DbError> {
    let newest = all(conn)?.into_iter().rfind(|key| key.purpose == "seal");
    newest.map(|key| key.created_at).ok_or_else(|| row::corrupt("keys"))
}

/// Adds a key.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, key: &Key) -> Result<(), DbError> {
    let wrapped = key.wrapped.as_slice().into();
    conn.execute(
        &INSERT,
        &[key.id.into(), key.purpose.as_str().into(), wrapped, key.created_at.millis().into()],
    )
    .map(drop)
}

/// Puts the same key, wrapped anew, in the place of what it was. False when it isn't that any more.
///
/// # Errors
/// As the database has them.
pub fn rewrap(conn: &mut Conn, id: i64, old: &[u8], new: &[u8]) -> Result<bool, DbError> {
    Ok(conn.execute(&REWRAP, &[id.into(), old.into(), new.into()])? == 1)
}

/// Drops the keys of this purpose but for one, and says how many.
///
/// # Errors
/// As the database has them.
pub fn delete_others(conn: &mut Conn, purpose: &str, id: i64) -> Result<u64, DbError> {
    conn.execute(&DELETE_OTHERS, &[purpose.into(), id.into()])
}
