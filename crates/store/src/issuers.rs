//! The CIs whose identity tokens projects may name in their rules.

use domain::{Ci, IssuerId, Timestamp};

use crate::{
    db::{Conn, DbError, Row},
    row, statements,
};

/// A row of `issuers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Its id.
    pub id: IssuerId,
    /// What it is called here.
    pub name: String,
    /// Whose tokens these are.
    pub ci: Ci,
    /// What their claim `iss` says, byte for byte.
    pub url: String,
    /// What their claim `aud` has to say, if that isn't this server's own URL.
    pub audience: Option<String>,
    /// The claim that names the project for good, where [`Ci`] doesn't know.
    pub claim: Option<String>,
    /// Whether it may be at an address of one's own network.
    pub near: bool,
    /// When it was added.
    pub created_at: Timestamp,
}

statements! {
    INSERT = "INSERT INTO issuers (id, name, preset, url, audience, claim, near, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    ALL = "SELECT id, name, preset, url, audience, claim, near, created_at FROM issuers ORDER BY created_at, id";
    BY_ID = "SELECT id, name, preset, url, audience, claim, near, created_at FROM issuers WHERE id = $1";
    BY_URL = "SELECT id, name, preset, url, audience, claim, near, created_at FROM issuers WHERE url = $1";
    DELETE = "DELETE FROM issuers WHERE id = $1";
}

/// Adds one. False when its name or its URL is taken.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, issuer: &Issuer) -> Result<bool, DbError> {
    let params = [
        issuer.id.to_string().into(),
        issuer.name.as_str().into(),
        issuer.ci.code().into(),
        issuer.url.as_str().into(),
        issuer.audience.clone().into(),
        issuer.claim.clone().into(),
        i64::from(issuer.near).into(),
        issuer.created_at.millis().into(),
    ];
    Ok(conn.execute(&INSERT, &params)? == 1)
}

/// Every one, in the order in which they were added.
///
/// # Errors
/// As the database has them.
pub fn all(conn: &mut Conn) -> Result<Vec<Issuer>, DbError> {
    conn.query(&ALL, &[])?.iter().map(read).collect()
}

/// The one of this id.
///
/// # Errors
/// As the database has them.
pub fn by_id(conn: &mut Conn, id: IssuerId) -> Result<Option<Issuer>, DbError> {
    conn.query_one(&BY_ID, &[id.to_string().into()])?.as_ref().map(read).transpose()
}

/// The one whose tokens say this in `iss`.
///
/// # Errors
/// As the database has them.
pub fn by_url(conn: &mut Conn, url: &str) -> Result<Option<Issuer>, DbError> {
    conn.query_one(&BY_URL, &[url.into()])?.as_ref().map(read).transpose()
}

/// Removes one, whose rules are gone by now. False when there is none any more.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, id: IssuerId) -> Result<bool, DbError> {
    Ok(conn.execute(&DELETE, &[id.to_string().into()])? == 1)
}

fn read(row: &Row) -> Result<Issuer, DbError> {
    Ok(Issuer {
        id: row::parsed(row, 0)?,
        name: row.text(1)?.to_owned(),
        ci: Ci::from_code(row.text(2)?).ok_or_else(|| row::corrupt("issuers.preset"))?,
        url: row.text(3)?.to_owned(),
        audience: row.opt_text(4)?.map(str::to_owned),
        claim: row.opt_text(5)?.map(str::to_owned),
        near: row::flag(row, 6)?,
        created_at: row::time(row, 7)?,
    })
}
