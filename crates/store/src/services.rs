//! Services.

use domain::{KindSet, ServiceId, ServiceName, Timestamp};

use crate::{
    db::{Conn, DbError, Row},
    row, statements,
};

/// A row of `services`.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// Its name, as in the door's URL.
    pub name: ServiceName,
    /// What it holds.
    pub kinds: KindSet,
    /// The SHA-256 of its key.
    pub key_hash: [u8; 32],
    /// When it was registered.
    pub created_at: Timestamp,
    /// When its key was made.
    pub key_made_at: Timestamp,
}

statements! {
    INSERT = "INSERT INTO services (id, name, kinds, key_hash, created_at, key_made_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    GET_ALL = "SELECT id, name, kinds, key_hash, created_at, key_made_at FROM services ORDER BY name";
    BY_NAME = "SELECT id, name, kinds, key_hash, created_at, key_made_at FROM services WHERE name = $1";
    SET_KEY = "UPDATE services SET key_hash = $2, key_made_at = $3 WHERE id = $1";
    DELETE = "DELETE FROM services WHERE id = $1";
}

/// Adds a service. Its name being taken is a conflict.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, service: &Service) -> Result<(), DbError> {
    conn.execute(
        &INSERT,
        &[
            service.id.to_string().into(),
            service.name.as_str().into(),
            i64::from(service.kinds.bits()).into(),
            service.key_hash.as_slice().into(),
            service.created_at.millis().into(),
            service.key_made_at.millis().into(),
        ],
    )
    .map(drop)
}

/// Every service, by name.
///
/// # Errors
/// As the database has them.
pub fn all(conn: &mut Conn) -> Result<Vec<Service>, DbError> {
    conn.query(&GET_ALL, &[])?.iter().map(read).collect()
}

/// The service of this name.
///
/// # Errors
/// As the database has them.
pub fn by_name(conn: &mut Conn, name: &ServiceName) -> Result<Option<Service>, DbError> {
    conn.query_one(&BY_NAME, &[name.as_str().into()])?.as_ref().map(read).transpose()
}

/// Replaces the service's key. False when there is no such service any more.
///
/// # Errors
/// As the database has them.
pub fn set_key(conn: &mut Conn, id: ServiceId, key_hash: &[u8; 32], now: Timestamp) -> Result<bool, DbError> {
    let params = [id.to_string().into(), key_hash.as_slice().into(), now.millis().into()];
    Ok(conn.execute(&SET_KEY, &params)? == 1)
}

/// Removes the service. False when there is no such service any more.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, id: ServiceId) -> Result<bool, DbError> {
    Ok(conn.execute(&DELETE, &[id.to_string().into()])? == 1)
}

fn read(row: &Row) -> Result<Service, DbError> {
    let corrupt = || row::corrupt("services");
    Ok(Service {
        id: row::parsed(row, 0)?,
        name: ServiceName::parse(row.text(1)?).map_err(|_| corrupt())?,
        kinds: u8::try_from(row.int(2)?).ok().and_then(KindSet::from_bits).ok_or_else(corrupt)?,
        key_hash: row.bytes(3)?.try_into().map_err(|_| corrupt())?,
        created_at: row::time(row, 4)?,
        key_made_at: row::time(row, 5)?,
    })
}
