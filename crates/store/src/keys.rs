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
