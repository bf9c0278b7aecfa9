//! What people have connected, to which projects they offer it, and which of it a project's builds use.

use domain::{AccountId, ConnectionId, ConnectionKind, ConnectionState, ProjectId, Timestamp};

use crate::{
    db::{Conn, DbError, Row},
    row, statements,
};

/// A row of `connections`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Whose it is.
    pub account: AccountId,
    /// What it is.
    pub kind: ConnectionKind,
    /// What it is called: the Apple ID, or the file that the key came in.
    pub name: String,
    /// How it was when Apple was last asked.
    pub state: ConnectionState,
    /// When it was connected.
    pub created_at: Timestamp,
    /// When Apple was last asked.
    pub checked_at: Timestamp,
    /// What Apple said then, in words, if that wasn't a plain yes.
    pub answer: Option<String>,
}

/// A row of `api_keys`: what is particular to an API key.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its connection.
    pub connection: ConnectionId,
    /// Apple's name for it.
    pub key_id: String,
    /// Whose keys they are, at Apple; none for an individual key.
    pub issuer_id: Option<String>,
    /// Whether it belongs to the Apple Developer Enterprise Program.
    pub enterprise: bool,
    /// What Apple said that it may do.
    pub can: String,
    /// The key itself, as PKCS#8 (RFC 5958), sealed.
    pub private_sealed: Vec<u8>,
}

statements! {
    INSERT = "INSERT INTO connections (id, account_id, kind, name, state, created_at, checked_at, answer)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    BY_ID = "SELECT id, account_id, kind, name, state, created_at, checked_at, answer FROM connections WHERE id = $1";
    OF_ACCOUNT = "SELECT id, account_id, kind, name, state, created_at, checked_at, answer FROM connections
        WHERE account_id = $1 ORDER BY created_at, id";
    SET_STATE = "UPDATE connections SET state = $2, checked_at = $3, answer = $4 WHERE id = $1";
    DELETE = "DELETE FROM connections WHERE id = $1";
    INSERT_API_KEY = "INSERT INTO api_keys (connection_id, key_id, issuer_id, enterprise, can, private_sealed)
        VALUES ($1, $2, $3, $4, $5, $6)";
    API_KEY = "SELECT connection_id, key_id, issuer_id, enterprise, can, private_sealed FROM api_keys WHERE connection_id = $1";
    SET_CAN = "UPDATE api_keys SET can = $2 WHERE connection_id = $1";
    DELETE_API_KEY = "DELETE FROM api_keys WHERE connection_id = $1";
    OFFER = "INSERT INTO connection_offers (connection_id, project_id, offered_at) VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING";
    TAKE_BACK = "DELETE FROM connection_offers WHERE connection_id = $1 AND project_id = $2";
    OFFERED_TO = "SELECT project_id FROM connection_offers WHERE connection_id = $1 ORDER BY project_id";
    OFFERED_BY = "SELECT c.id, c.account_id, c.kind, c.name, c.state, c.created_at, c.checked_at, c.answer
        FROM connection_offers o JOIN connections c ON c.id = o.connection_id
        WHERE o.project_id = $1 AND c.account_id = $2 ORDER BY c.created_at, c.id";
    OFFERED = "SELECT c.id, c.account_id, c.kind, c.name, c.state, c.created_at, c.checked_at, c.answer
        FROM connection_offers o JOIN connections c ON c.id = o.connection_id JOIN accounts a ON a.id = c.account_id
        JOIN project_members m ON m.project_id = o.project_id AND m.account_id = c.account_id
        WHERE o.project_id = $1 AND a.state = 'active' AND m.role IN ('owner', 'admin') ORDER BY c.created_at, c.id";
    CHOOSE = "INSERT INTO connection_uses (project_id, kind, connection_id, chosen_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (project_id, kind) DO UPDATE SET connection_id = $3, chosen_at = $4";
    CHOOSE_NONE = "DELETE FROM connection_uses WHERE project_id = $1 AND kind = $2";
    UNUSE = "DELETE FROM connection_uses WHERE project_id = $1 AND connection_id = $2";
    USED_BY = "SELECT project_id FROM connection_uses WHERE connection_id = $1 ORDER BY project_id";
    DELETE_OFFERS_TO = "DELETE FROM connection_offers WHERE project_id = $1";
    DELETE_USES_OF = "DELETE FROM connection_uses WHERE project_id = $1";
    IN_USE = "SELECT c.id, c.account_id, c.kind, c.name, c.state, c.created_at, c.checked_at, c.answer
        FROM connection_uses u JOIN connections c ON c.id = u.connection_id JOIN accounts a ON a.id = c.account_id
        JOIN connection_offers o ON o.connection_id = c.id AND o.project_id = u.project_id
        JOIN project_members m ON m.project_id = u.project_id AND m.account_id = c.account_id
        WHERE u.project_id = $1 AND a.state = 'active' AND m.role IN ('owner', 'admin') ORDER BY c.kind";
}

/// Adds a connection.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, connection: &Connection) -> Result<(), DbError> {
    conn.execute(
        &INSERT,
        &[
            connection.id.to_string().into(),
            connection.account.to_string().into(),
            connection.kind.code().into(),
            connection.name.as_str().into(),
            connection.state.code().into(),
            connection.created_at.millis().into(),
            connection.checked_at.millis().into(),
            connection.answer.clone().into(),
        ],
    )
    .map(drop)
}

/// The connection of this id.
///
/// # Errors
/// As the database has them.
pub fn by_id(conn: &mut Conn, id: ConnectionId) -> Result<Option<Connection>, DbError> {
    conn.query_one(&BY_ID, &[id.to_string().into()])?.as_ref().map(read).transpose()
}

/// What the account has connected, in the order in which it was.
///
/// # Errors
/// As the database has them.
pub fn of_account(conn: &mut Conn, account: AccountId) -> Result<Vec<Connection>, DbError> {
    conn.query(&OF_ACCOUNT, &[account.to_string().into()])?.iter().map(read).collect()
}

/// Writes down what Apple said. False when there is no such connection any more.
///
/// # Errors
/// As the database has them.
pub fn set_state(
    conn: &mut Conn,
    id: ConnectionId,
    state: ConnectionState,
    now: Timestamp,
    answer: Option<&str>,
) -> Result<bool, DbError> {
    let params =
        [id.to_string().into(), state.code().into(), now.millis().into(), answer.map(str::to_owned).into()];
    Ok(conn.execute(&SET_STATE, &params)? == 1)
}

/// Removes the connection and what is stored of it; its offers and uses are gone by now. False when there is no such connection any more.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, id: ConnectionId) -> Result<bool, DbError> {
    conn.execute(&DELETE_API_KEY, &[id.to_string().into()])?;
    Ok(conn.execute(&DELETE, &[id.to_string().into()])? == 1)
}

/// Adds what is particular to an API key.
///
/// # Errors
/// As the database has them.
pub fn insert_api_key(conn: &mut Conn, key: &ApiKey) -> Result<(), DbError> {
    conn.execute(
        &INSERT_API_KEY,
        &[
            key.connection.to_string().into(),
            key.key_id.as_str().into(),
            key.issuer_id.clone().into(),
            i64::from(key.enterprise).into(),
            key.can.as_str().into(),
            key.private_sealed.as_slice().into(),
        ],
    )
    .map(drop)
}

/// What is particular to an API key.
///
/// # Errors
/// As the database has them.
pub fn api_key(conn: &mut Conn, id: ConnectionId) -> Result<Option<ApiKey>, DbError> {
    conn.query_one(&API_KEY, &[id.to_string().into()])?.as_ref().map(read_api_key).transpose()
}

/// Writes down what an API key may do.
///
/// # Errors
/// As the database has them.
pub fn set_can(conn: &mut Conn, id: ConnectionId, can: &str) -> Result<(), DbError> {
    conn.execute(&SET_CAN, &[id.to_string().into(), can.into()]).map(drop)
}

/// Offers the connection to a project. False when it is offered already.
///
/// # Errors
/// As the database has them.
pub fn offer(conn: &mut Conn, id: ConnectionId, project: ProjectId, now: Timestamp) -> Result<bool, DbError> {
    let params = [id.to_string().into(), project.to_string().into(), now.millis().into()];
    Ok(conn.execute(&OFFER, &params)? == 1)
}

/// Takes the offer back. False when there was none.
///
/// # Errors
/// As the database has them.
pub fn take_back(conn: &mut Conn, id: ConnectionId, project: ProjectId) -> Result<bool, DbError> {
    Ok(conn.execute(&TAKE_BACK, &[id.to_string().into(), project.to_string().into()])? == 1)
}

/// The projects that the connection is offered to.
///
/// # Errors
/// As the database has them.
pub fn offered_to(conn: &mut Conn, id: ConnectionId) -> Result<Vec<ProjectId>, DbError> {
    conn.query(&OFFERED_TO, &[id.to_string().into()])?.iter().map(|row| row::parsed(row, 0)).collect()
}

/// What this account offers to the project, whether it counts or not.
///
/// # Errors
/// As the database has them.
pub fn offered_by(
    conn: &mut Conn,
    project: ProjectId,
    account: AccountId,
) -> Result<Vec<Connection>, DbError> {
    let params = [project.to_string().into(), account.to_string().into()];
    conn.query(&OFFERED_BY, &params)?.iter().map(read).collect()
}

/// What the project's admins can choose among: what is offered by those who are active and have admin authority there.
///
/// # Errors
/// As the database has them.
pub fn offered(conn: &mut Conn, project: ProjectId) -> Result<Vec<Connection>, DbError> {
    conn.query(&OFFERED, &[project.to_string().into()])?.iter().map(read).collect()
}

/// Has the project's builds use this connection, in the place of another one of its kind.
///
/// # Errors
/// As the database has them.
pub fn choose(
    conn: &mut Conn,
    project: ProjectId,
    connection: &Connection,
    now: Timestamp,
) -> Result<(), DbError> {
    let params = [
        project.to_string().into(),
        connection.kind.code().into(),
        connection.id.to_string().into(),
        now.millis().into(),
    ];
    conn.execute(&CHOOSE, &params).map(drop)
}

/// Has the project's builds use no connection of this kind. False when they did already.
///
/// # Errors
/// As the database has them.
pub fn choose_none(conn: &mut Conn, project: ProjectId, kind: ConnectionKind) -> Result<bool, DbError> {
    Ok(conn.execute(&CHOOSE_NONE, &[project.to_string().into(), kind.code().into()])? == 1)
}

/// Ends the project's use of the connection. False when it wasn't used there.
///
/// # Errors
/// As the database has them.
pub fn unuse(conn: &mut Conn, project: ProjectId, id: ConnectionId) -> Result<bool, DbError> {
    Ok(conn.execute(&UNUSE, &[project.to_string().into(), id.to_string().into()])? == 1)
}

/// Ends everything that is offered to the project, and used by it.
///
/// # Errors
/// As the database has them.
pub fn delete_of_project(conn: &mut Conn, project: ProjectId) -> Result<(), DbError> {
    conn.execute(&DELETE_USES_OF, &[project.to_string().into()])?;
    conn.execute(&DELETE_OFFERS_TO, &[project.to_string().into()]).map(drop)
}

/// The projects whose builds are set to use the connection.
///
/// # Errors
/// As the database has them.
pub fn used_by(conn: &mut Conn, id: ConnectionId) -> Result<Vec<ProjectId>, DbError> {
    conn.query(&USED_BY, &[id.to_string().into()])?.iter().map(|row| row::parsed(row, 0)).collect()
}

/// THE rule of what the project's builds receive: what was chosen, while its person is active, has admin authority in the project, and
/// offers it. At most one of each kind.
///
/// # Errors
/// As the database has them.
pub fn in_use(conn: &mut Conn, project: ProjectId) -> Result<Vec<Connection>, DbError> {
    conn.query(&IN_USE, &[project.to_string().into()])?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Connection, DbError> {
    Ok(Connection {
        id: row::parsed(row, 0)?,
        account: row::parsed(row, 1)?,
        kind: ConnectionKind::from_code(row.text(2)?).ok_or_else(|| row::corrupt("connections.kind"))?,
        name: row.text(3)?.to_owned(),
        state: ConnectionState::from_code(row.text(4)?).ok_or_else(|| row::corrupt("connections.state"))?,
        created_at: row::time(row, 5)?,
        checked_at: row::time(row, 6)?,
        answer: row.opt_text(7)?.map(str::to_owned),
    })
}

fn read_api_key(row: &Row) -> Result<ApiKey, DbError> {
    Ok(ApiKey {
        connection: row::parsed(row, 0)?,
        key_id: row.text(1)?.to_owned(),
        issuer_id: row.opt_text(2)?.map(str::to_owned),
        enterprise: row::flag(row, 3)?,
        can: row.text(4)?.to_owned(),
        private_sealed: row.bytes(5)?.to_owned(),
    })
}
