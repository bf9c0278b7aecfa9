//! The tokens that open builds of a project. A revoked one has no row any more.

use domain::{AccountId, Label, ProjectId, ProjectTokenId, Timestamp};

use crate::{
    db::{Conn, DbError, Row},
    row, statements,
};

/// A row of `project_tokens`.
#[derive(Clone, Debug)]
pub struct ProjectToken {
    /// Its id; never the token itself.
    pub id: ProjectTokenId,
    /// Whose builds it opens.
    pub project: ProjectId,
    /// What it is called.
    pub label: Label,
    /// Who made it, and may have kept a copy.
    pub made_by: AccountId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it last opened a build, and from which address.
    pub last_use: Option<(Timestamp, String)>,
}

statements! {
    INSERT = "INSERT INTO project_tokens (id, project_id, label, token_hash, created_at, expires_at, made_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    BY_HASH = "SELECT id, project_id, label, created_at, expires_at, last_used_at, last_used_source, made_by FROM project_tokens
        WHERE token_hash = $1";
    BY_ID = "SELECT id, project_id, label, created_at, expires_at, last_used_at, last_used_source, made_by FROM project_tokens
        WHERE id = $1";
    OF_PROJECT = "SELECT id, project_id, label, created_at, expires_at, last_used_at, last_used_source, made_by FROM project_tokens
        WHERE project_id = $1 ORDER BY created_at DESC, id DESC";
    COUNT_LIVE = "SELECT COUNT(*) FROM project_tokens WHERE project_id = $1 AND expires_at > $2";
    USED = "UPDATE project_tokens SET last_used_at = $2, last_used_source = $3 WHERE id = $1";
    DELETE = "DELETE FROM project_tokens WHERE id = $1";
    DELETE_OF_PROJECT = "DELETE FROM project_tokens WHERE project_id = $1";
    DELETE_EXPIRED = "DELETE FROM project_tokens WHERE expires_at <= $1";
    DELETE_ALL = "DELETE FROM project_tokens";
}

/// Adds a token.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, token: &ProjectToken, token_hash: &[u8]) -> Result<(), DbError> {
    let params = [
        token.id.to_string().into(),
        token.project.to_string().into(),
        token.label.as_str().into(),
        token_hash.into(),
        token.created_at.millis().into(),
        token.expires_at.millis().into(),
        token.made_by.to_string().into(),
    ];
    conn.execute(&INSERT, &params).map(drop)
}

/// The token with this hash, also when its time is over.
///
/// # Errors
/// As the database has them.
pub fn by_hash(conn: &mut Conn, token_hash: &[u8]) -> Result<Option<ProjectToken>, DbError> {
    conn.query_one(&BY_HASH, &[token_hash.into()])?.as_ref().map(read).transpose()
}

/// The token of this id.
///
/// # Errors
/// As the database has them.
pub fn by_id(conn: &mut Conn, id: ProjectTokenId) -> Result<Option<ProjectToken>, DbError> {
    conn.query_one(&BY_ID, &[id.to_string().into()])?.as_ref().map(read).transpose()
}

/// The project's tokens, the newest first.
///
/// # Errors
/// As the database has them.
pub fn of_project(conn: &mut Conn, project: ProjectId) -> Result<Vec<ProjectToken>, DbError> {
    conn.query(&OF_PROJECT, &[project.to_string().into()])?.iter().map(read).collect()
}

/// How many of the project's tokens work at `now`.
///
/// # Errors
/// As the database has them.
pub fn count_live(conn: &mut Conn, project: ProjectId, now: Timestamp) -> Result<usize, DbError> {
    let row = conn.query_one(&COUNT_LIVE, &[project.to_string().into(), now.millis().into()])?;
    let row = row.ok_or_else(|| row::corrupt("project_tokens"))?;
    usize::try_from(row.int(0)?).map_err(|_| row::corrupt("project_tokens"))
}

/// Writes down that a token opened a build.
///
/// # Errors
/// As the database has them.
pub fn used(conn: &mut Conn, id: ProjectTokenId, now: Timestamp, source: &str) -> Result<(), DbError> {
    conn.execute(&USED, &[id.to_string().into(), now.millis().into(), source.into()]).map(drop)
}

/// Removes a token. False when there is none any more.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, id: ProjectTokenId) -> Result<bool, DbError> {
    Ok(conn.execute(&DELETE, &[id.to_string().into()])? == 1)
}

/// Removes all tokens of a project.
///
/// # Errors
/// As the database has them.
pub fn delete_of_project(conn: &mut Conn, project: ProjectId) -> Result<(), DbError> {
    conn.execute(&DELETE_OF_PROJECT, &[project.to_string().into()]).map(drop)
}

/// Forgets the tokens whose time was over by `then`.
///
/// # Errors
/// As the database has them.
pub fn delete_expired(conn: &mut Conn, then: Timestamp) -> Result<(), DbError> {
    conn.execute(&DELETE_EXPIRED, &[then.millis().into()]).map(drop)
}

/// Removes all tokens of all projects, and tells how many.
///
/// # Errors
/// As the database has them.
pub fn delete_all(conn: &mut Conn) -> Result<u64, DbError> {
    conn.execute(&DELETE_ALL, &[])
}

fn read(row: &Row) -> Result<ProjectToken, DbError> {
    Ok(ProjectToken {
        id: row::parsed(row, 0)?,
        project: row::parsed(row, 1)?,
        label: Label::parse(row.text(2)?).map_err(|_| row::corrupt("project_tokens.label"))?,
        made_by: row::parsed(row, 7)?,
        created_at: row::time(row, 3)?,
        expires_at: row::time(row, 4)?,
        last_use: match (row::opt_time(row, 5)?, row.opt_text(6)?) {
            (Some(at), Some(source)) => Some((at, source.to_owned())),
            _ => None,
        },
    })
}
