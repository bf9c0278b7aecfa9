//! Projects, and who is in their teams.

use domain::{AccountId, AccountName, DisplayName, ProjectId, ProjectName, Role, Timestamp};

use crate::{
    accounts::State,
    db::{Conn, DbError, Row},
    row, statements,
};

/// A row of `projects`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// What it is called.
    pub name: ProjectName,
    /// How long a build of it lasts at most, in minutes.
    pub build_minutes: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Somebody of a project's team.
#[derive(Clone, Debug)]
pub struct Member {
    /// Whose account.
    pub account: AccountId,
    /// Their ID.
    pub name: AccountName,
    /// What they are called.
    pub display_name: DisplayName,
    /// How the account is.
    pub state: State,
    /// What they may do.
    pub role: Role,
    /// Since when they are in the team.
    pub joined_at: Timestamp,
}

statements! {
    INSERT = "INSERT INTO projects (id, name, folded, build_minutes, created_at) VALUES ($1, $2, $3, $4, $5)";
    BY_ID = "SELECT id, name, build_minutes, created_at FROM projects WHERE id = $1";
    BY_NAME = "SELECT id, name, build_minutes, created_at FROM projects WHERE folded = $1";
    SET = "UPDATE projects SET name = $2, folded = $3, build_minutes = $4 WHERE id = $1";
    DELETE = "DELETE FROM projects WHERE id = $1";
    OF_ACCOUNT = "SELECT p.id, p.name, p.build_minutes, p.created_at, m.role
        FROM project_members m JOIN projects p ON p.id = m.project_id WHERE m.account_id = $1 ORDER BY p.folded";
    ROLE = "SELECT m.role FROM project_members m JOIN accounts a ON a.id = m.account_id
        WHERE m.project_id = $1 AND m.account_id = $2 AND a.state = 'active'";
    MEMBER = "SELECT a.id, a.name, a.display_name, a.state, m.role, m.joined_at
        FROM project_members m JOIN accounts a ON a.id = m.account_id WHERE m.project_id = $1 AND m.account_id = $2";
    COUNT_MEMBERS = "SELECT CAST(COUNT(*) AS BIGINT) FROM project_members WHERE project_id = $1";
    COUNT_OF_ACCOUNT = "SELECT CAST(COUNT(*) AS BIGINT), CAST(COALESCE(SUM(CASE WHEN role = 'owner' THEN 1 ELSE 0 END), 0) AS BIGINT)
        FROM project_members WHERE account_id = $1";
    ALL = "SELECT p.id, p.name, p.build_minutes, p.created_at, a.name,
            (SELECT CAST(COUNT(*) AS BIGINT) FROM project_members m WHERE m.project_id = p.id)
        FROM projects p LEFT JOIN project_members o ON o.project_id = p.id AND o.role = 'owner'
        LEFT JOIN accounts a ON a.id = o.account_id WHERE p.folded > $1 ORDER BY p.folded LIMIT $2";
    MEMBERS = "SELECT a.id, a.name, a.display_name, a.state, m.role, m.joined_at
        FROM project_members m JOIN accounts a ON a.id = m.account_id WHERE m.project_id = $1 ORDER BY m.joined_at, a.name";
    JOIN = "INSERT INTO project_members (project_id, account_id, role, joined_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING";
    SET_ROLE = "UPDATE project_members SET role = $3 WHERE project_id = $1 AND account_id = $2";
    LEAVE = "DELETE FROM project_members WHERE project_id = $1 AND account_id = $2";
    DELETE_MEMBERS = "DELETE FROM project_members WHERE project_id = $1";
}

/// Adds a project. Its name being taken is a conflict.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, project: &Project) -> Result<(), DbError> {
    conn.execute(
        &INSERT,
        &[
            project.id.to_string().into(),
            project.name.as_str().into(),
            project.name.folded().into(),
            i64::from(project.build_minutes).into(),
            project.created_at.millis().into(),
        ],
    )
    .map(drop)
}

/// The project of this id.
///
/// # Errors
/// As the database has them.
pub fn by_id(conn: &mut Conn, id: ProjectId) -> Result<Option<Project>, DbError> {
    conn.query_one(&BY_ID, &[id.to_string().into()])?.as_ref().map(read).transpose()
}

/// The project of this name, in whatever case it is written.
///
/// # Errors
/// As the database has them.
pub fn by_name(conn: &mut Conn, name: &ProjectName) -> Result<Option<Project>, DbError> {
    conn.query_one(&BY_NAME, &[name.folded().into()])?.as_ref().map(read).transpose()
}

/// Writes down its name and how long its builds last. False when there is no such project any more; its name being taken is a conflict.
///
/// # Errors
/// As the database has them.
pub fn set(conn: &mut Conn, project: &Project) -> Result<bool, DbError> {
    let params = [
        project.id.to_string().into(),
        project.name.as_str().into(),
        project.name.folded().into(),
        i64::from(project.build_minutes).into(),
    ];
    Ok(conn.execute(&SET, &params)? == 1)
}

/// Removes the project, whose other rows are gone by now. False when there is no such project any more.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, id: ProjectId) -> Result<bool, DbError> {
    conn.execute(&DELETE_MEMBERS, &[id.to_string().into()])?;
    Ok(conn.execute(&DELETE, &[id.to_string().into()])? == 1)
}

/// The projects whose team the account is in, by name, and its role in each.
///
/// # Errors
/// As the database has them.
pub fn of_account(conn: &mut Conn, account: AccountId) -> Result<Vec<(Project, Role)>, DbError> {
    let rows = conn.query(&OF_ACCOUNT, &[account.to_string().into()])?;
    rows.iter().map(|row| Ok((read(row)?, role_in(row, 4)?))).collect()
}

/// How many teams the account is in, and how many projects it owns.
///
/// # Errors
/// As the database has them.
pub fn count_of_account(conn: &mut Conn, account: AccountId) -> Result<(u64, u64), DbError> {
    let row = conn.query_one(&COUNT_OF_ACCOUNT, &[account.to_string().into()])?;
    let row = row.ok_or_else(|| row::corrupt("project_members"))?;
    Ok((row::count(&row, 0)?, row::count(&row, 1)?))
}

/// A project as the server's administrators see it.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The project.
    pub project: Project,
    /// Its owner's ID; none when their account was removed.
    pub owner: Option<AccountName>,
    /// How many are in its team.
    pub members: u64,
}

/// At most `limit` projects whose names, in one case, come after `after`, by name.
///
/// # Errors
/// As the database has them.
pub fn all(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<Counted>, DbError> {
    let rows = conn.query(&ALL, &[after.into(), limit.into()])?;
    let counted = |row: &Row| {
        let owner = row.opt_text(4)?.map(|name| AccountName::parse(name, ""));
        Ok(Counted {
            project: read(row)?,
            owner: owner.transpose().map_err(|_| row::corrupt("accounts.name"))?,
            members: row::count(row, 5)?,
        })
    };
    rows.iter().map(counted).collect()
}

/// What the account may do in the project; none when it isn't in the team, or may not be used at the moment.
///
/// # Errors
/// As the database has them.
pub fn role(conn: &mut Conn, project: ProjectId, account: AccountId) -> Result<Option<Role>, DbError> {
    let row = conn.query_one(&ROLE, &[project.to_string().into(), account.to_string().into()])?;
    row.map(|row| role_in(&row, 0)).transpose()
}

/// The project's team, in the order in which they joined.
///
/// # Errors
/// As the database has them.
pub fn members(conn: &mut Conn, project: ProjectId) -> Result<Vec<Member>, DbError> {
    let rows = conn.query(&MEMBERS, &[project.to_string().into()])?;
    rows.iter().map(member).collect()
}

/// Somebody of the project's team.
///
/// # Errors
/// As the database has them.
pub fn member_of(conn: &mut Conn, project: ProjectId, account: AccountId) -> Result<Option<Member>, DbError> {
    let params = [project.to_string().into(), account.to_string().into()];
    conn.query_one(&MEMBER, &params)?.as_ref().map(member).transpose()
}

/// How many are in the project's team.
///
/// # Errors
/// As the database has them.
pub fn count_members(conn: &mut Conn, project: ProjectId) -> Result<u64, DbError> {
    let row = conn.query_one(&COUNT_MEMBERS, &[project.to_string().into()])?;
    row::count(&row.ok_or_else(|| row::corrupt("project_members"))?, 0)
}

/// Takes somebody into the team. False when they are in it already. A second owner is a conflict.
///
/// # Errors
/// As the database has them.
pub fn join(
    conn: &mut Conn,
    project: ProjectId,
    account: AccountId,
    role: Role,
    now: Timestamp,
) -> Result<bool, DbError> {
    let params =
        [project.to_string().into(), account.to_string().into(), role.code().into(), now.millis().into()];
    Ok(conn.execute(&JOIN, &params)? == 1)
}

/// Gives somebody of the team another role. False when they aren't in it. A second owner is a conflict.
///
/// # Errors
/// As the database has them.
pub fn set_role(
    conn: &mut Conn,
    project: ProjectId,
    account: AccountId,
    role: Role,
) -> Result<bool, DbError> {
    let params = [project.to_string().into(), account.to_string().into(), role.code().into()];
    Ok(conn.execute(&SET_ROLE, &params)? == 1)
}

/// Takes somebody out of the team. False when they weren't in it.
///
/// # Errors
/// As the database has them.
pub fn leave(conn: &mut Conn, project: ProjectId, account: AccountId) -> Result<bool, DbError> {
    Ok(conn.execute(&LEAVE, &[project.to_string().into(), account.to_string().into()])? == 1)
}

fn read(row: &Row) -> Result<Project, DbError> {
    Ok(Project {
        id: row::parsed(row, 0)?,
        name: ProjectName::parse(row.text(1)?).map_err(|_| row::corrupt("projects.name"))?,
        build_minutes: u32::try_from(row.int(2)?).map_err(|_| row::corrupt("projects.build_minutes"))?,
        created_at: row::time(row, 3)?,
    })
}

fn member(row: &Row) -> Result<Member, DbError> {
    Ok(Member {
        account: row::parsed(row, 0)?,
        name: AccountName::parse(row.text(1)?, "").map_err(|_| row::corrupt("accounts.name"))?,
        display_name: DisplayName::parse(row.text(2)?).map_err(|_| row::corrupt("accounts.display_name"))?,
        state: State::from_code(row.text(3)?)?,
        role: role_in(row, 4)?,
        joined_at: row::time(row, 5)?,
    })
}

fn role_in(row: &Row, column: usize) -> Result<Role, DbError> {
    Role::from_code(row.text(column)?).ok_or_else(|| row::corrupt("project_members.role"))
}
