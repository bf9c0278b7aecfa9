//! Who is asked to join a project's team.

use domain::{AccountId, AccountName, InvitationId, ProjectId, Role, Timestamp};

use crate::{
    db::{Conn, DbError, Row},
    row, statements,
};

/// A row of `project_invitations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// The project.
    pub project: ProjectId,
    /// The ID that is invited, whether anybody has it or not.
    pub invited: AccountName,
    /// The role that they get.
    pub role: Role,
    /// Who invites.
    pub made_by: AccountId,
    /// When they did.
    pub created_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
}

statements! {
    INSERT = "INSERT INTO project_invitations (id, project_id, invited, role, token_hash, made_by, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    OF_PROJECT = "SELECT id, project_id, invited, role, made_by, created_at, expires_at FROM project_invitations
        WHERE project_id = $1 ORDER BY created_at, id";
    MADE_BY = "SELECT id, project_id, invited, role, made_by, created_at, expires_at FROM project_invitations
        WHERE made_by = $1 ORDER BY created_at, id";
    BY_ID = "SELECT id, project_id, invited, role, made_by, created_at, expires_at FROM project_invitations WHERE id = $1";
    BY_TOKEN = "SELECT id, project_id, invited, role, made_by, created_at, expires_at FROM project_invitations
        WHERE token_hash = $1 AND expires_at > $2";
    DELETE = "DELETE FROM project_invitations WHERE id = $1";
    DELETE_OF = "DELETE FROM project_invitations WHERE project_id = $1 AND invited = $2";
    DELETE_OF_PROJECT = "DELETE FROM project_invitations WHERE project_id = $1";
}

/// Adds an invitation. Earlier ones of the same ID to the same project are taken back.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, invitation: &Invitation, token_hash: &[u8]) -> Result<(), DbError> {
    let (project, invited) = (invitation.project.to_string(), invitation.invited.as_str());
    conn.execute(&DELETE_OF, &[project.as_str().into(), invited.into()])?;
    conn.execute(
        &INSERT,
        &[
            invitation.id.to_string().into(),
            project.into(),
            invited.into(),
            invitation.role.code().into(),
            token_hash.into(),
            invitation.made_by.to_string().into(),
            invitation.created_at.millis().into(),
            invitation.expires_at.millis().into(),
        ],
    )
    .map(drop)
}

/// Those to a project, in the order in which they were made; also when their time is over.
///
/// # Errors
/// As the database has them.
pub fn of_project(conn: &mut Conn, project: ProjectId) -> Result<Vec<Invitation>, DbError> {
    conn.query(&OF_PROJECT, &[project.to_string().into()])?.iter().map(read).collect()
}

/// Those that somebody made.
///
/// # Errors
/// As the database has them.
pub fn made_by(conn: &mut Conn, account: AccountId) -> Result<Vec<Invitation>, DbError> {
    conn.query(&MADE_BY, &[account.to_string().into()])?.iter().map(read).collect()
}

/// The invitation of this id.
///
/// # Errors
/// As the database has them.
pub fn by_id(conn: &mut Conn, id: InvitationId) -> Result<Option<Invitation>, DbError> {
    conn.query_one(&BY_ID, &[id.to_string().into()])?.as_ref().map(read).transpose()
}

/// The invitation whose link's token has this hash, if its time isn't over.
///
/// # Errors
/// As the database has them.
pub fn by_token(conn: &mut Conn, token_hash: &[u8], now: Timestamp) -> Result<Option<Invitation>, DbError> {
    conn.query_one(&BY_TOKEN, &[token_hash.into(), now.millis().into()])?.as_ref().map(read).transpose()
}

/// Takes an invitation back, or away once it is accepted. False when it isn't there any more.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, id: InvitationId) -> Result<bool, DbError> {
    Ok(conn.execute(&DELETE, &[id.to_string().into()])? == 1)
}

/// Takes back all that invite to a project.
///
/// # Errors
/// As the database has them.
pub fn delete_of_project(conn: &mut Conn, project: ProjectId) -> Result<(), DbError> {
    conn.execute(&DELETE_OF_PROJECT, &[project.to_string().into()]).map(drop)
}

fn read(row: &Row) -> Result<Invitation, DbError> {
    let role = Role::from_code(row.text(3)?);
    Ok(Invitation {
        id: row::parsed(row, 0)?,
        project: row::parsed(row, 1)?,
        invited: AccountName::parse(row.text(2)?, "")
            .map_err(|_| row::corrupt("project_invitations.invited"))?,
        role: role.ok_or_else(|| row::corrupt("project_invitations.role"))?,
        made_by: row::parsed(row, 4)?,
        created_at: row::time(row, 5)?,
        expires_at: row::time(row, 6)?,
    })
}
