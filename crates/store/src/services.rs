//! Services.

use domain::{AccountId, KindSet, ServiceId, ServiceName, Timestamp};

use crate::{
    db::{Conn, DbError, Row},
    groups, row,
    set_up::{self, SetUp},
    sign_outs, statements,
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
    BY_ID = "SELECT id, name, kinds, key_hash, created_at, key_made_at FROM services WHERE id = $1";
    SET_KEY = "UPDATE services SET key_hash = $2, key_made_at = $3 WHERE id = $1";
    SET_KINDS = "UPDATE services SET kinds = $2 WHERE id = $1";
    USABLE = "SELECT s.id, s.name, s.kinds, s.key_hash, s.created_at, s.key_made_at FROM services s
        WHERE NOT EXISTS (SELECT g.group_id FROM service_groups g WHERE g.service_id = s.id)
            OR EXISTS (SELECT m.group_id FROM service_groups g JOIN group_members m ON m.group_id = g.group_id
                WHERE g.service_id = s.id AND m.account_id = $1)
        ORDER BY s.name";
    MAY_USE = "SELECT s.id FROM services s WHERE s.id = $1
        AND (NOT EXISTS (SELECT g.group_id FROM service_groups g WHERE g.service_id = s.id)
            OR EXISTS (SELECT m.group_id FROM service_groups g JOIN group_members m ON m.group_id = g.group_id
                WHERE g.service_id = s.id AND m.account_id = $2))";
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

/// The service of this id.
///
/// # Errors
/// As the database has them.
pub fn by_id(conn: &mut Conn, id: ServiceId) -> Result<Option<Service>, DbError> {
    conn.query_one(&BY_ID, &[id.to_string().into()])?.as_ref().map(read).transpose()
}

/// Replaces the service's key. False when there is no such service any more.
///
/// # Errors
/// As the database has them.
pub fn set_key(conn: &mut Conn, id: ServiceId, key_hash: &[u8; 32], now: Timestamp) -> Result<bool, DbError> {
    let params = [id.to_string().into(), key_hash.as_slice().into(), now.millis().into()];
    Ok(conn.execute(&SET_KEY, &params)? == 1)
}

/// Every service that the account may use, by name.
///
/// # Errors
/// As the database has them.
pub fn usable(conn: &mut Conn, account: AccountId) -> Result<Vec<Service>, DbError> {
    conn.query(&USABLE, &[account.to_string().into()])?.iter().map(read).collect()
}

/// Whether there is this service, and the account may use it.
///
/// # Errors
/// As the database has them.
pub fn may_use(conn: &mut Conn, service: ServiceId, account: AccountId) -> Result<bool, DbError> {
    let params = [service.to_string().into(), account.to_string().into()];
    Ok(conn.query_one(&MAY_USE, &params)?.is_some())
}

/// Sets what the service holds. False when there is no such service any more.
///
/// # Errors
/// As the database has them.
pub fn set_kinds(conn: &mut Conn, id: ServiceId, kinds: KindSet) -> Result<bool, DbError> {
    Ok(conn.execute(&SET_KINDS, &[id.to_string().into(), i64::from(kinds.bits()).into()])? == 1)
}

/// Removes the service. False when there is no such service any more.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, id: ServiceId) -> Result<bool, DbError> {
    groups::allow(conn, id, &[])?;
    set_up::replace(conn, id, &SetUp::default())?;
    sign_outs::unset_way(conn, id)?;
    sign_outs::delete_of(conn, id)?;
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
