//! Groups, who is in them, and which services name them.

use domain::{AccountId, AccountName, DisplayName, GroupId, GroupName, ServiceId, ServiceName, Timestamp};

use crate::{
    db::{Conn, DbError, Row, Value},
    row, statements,
};

/// A row of `groups`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: GroupName,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Somebody in a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// Whose account.
    pub account: AccountId,
    /// Their ID.
    pub name: AccountName,
    /// What they are called.
    pub display_name: DisplayName,
    /// Since when they are in it.
    pub joined_at: Timestamp,
}

statements! {
    INSERT = "INSERT INTO groups (id, name, created_at) VALUES ($1, $2, $3)";
    BY_NAME = "SELECT id, name, created_at FROM groups WHERE name = $1";
    DELETE = "DELETE FROM groups WHERE id = $1";
    COUNTED = "SELECT g.id, g.name, g.created_at, CAST(COUNT(m.account_id) AS BIGINT)
        FROM groups g LEFT JOIN group_members m ON m.group_id = g.id
        GROUP BY g.id, g.name, g.created_at ORDER BY g.name";
    COUNT = "SELECT CAST(COUNT(*) AS BIGINT) FROM group_members WHERE group_id = $1";
    OF_ACCOUNT = "SELECT g.id, g.name, g.created_at
        FROM group_members m JOIN groups g ON g.id = m.group_id WHERE m.account_id = $1 ORDER BY g.name";
    MEMBERS = "SELECT a.id, a.name, a.display_name, m.joined_at
        FROM group_members m JOIN accounts a ON a.id = m.account_id
        WHERE m.group_id = $1 AND a.name > $2 ORDER BY a.name LIMIT $3";
    MEMBER_IDS = "SELECT account_id FROM group_members WHERE group_id = $1 ORDER BY account_id";
    ALL_MEMBERS = "SELECT account_id, group_id FROM group_members ORDER BY account_id, group_id";
    JOIN = "INSERT INTO group_members (group_id, account_id, joined_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    LEAVE = "DELETE FROM group_members WHERE group_id = $1 AND account_id = $2";
    SERVICES = "SELECT s.name FROM service_groups g JOIN services s ON s.id = g.service_id
        WHERE g.group_id = $1 ORDER BY s.name";
    OF_SERVICE = "SELECT g.id, g.name, g.created_at
        FROM service_groups s JOIN groups g ON g.id = s.group_id WHERE s.service_id = $1 ORDER BY g.name";
    OF_SERVICES = "SELECT service_id, group_id FROM service_groups ORDER BY service_id, group_id";
    ALLOW = "INSERT INTO service_groups (service_id, group_id) VALUES ($1, $2)";
    ALLOW_EVERYONE = "DELETE FROM service_groups WHERE service_id = $1";
}

/// Adds a group. Its name being taken is a conflict.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, group: &Group) -> Result<(), DbError> {
    let params = [group.id.to_string().into(), group.name.as_str().into(), group.created_at.millis().into()];
    conn.execute(&INSERT, &params).map(drop)
}

/// The group of this name.
///
/// # Errors
/// As the database has them.
pub fn by_name(conn: &mut Conn, name: &GroupName) -> Result<Option<Group>, DbError> {
    conn.query_one(&BY_NAME, &[name.as_str().into()])?.as_ref().map(read).transpose()
}

/// Every group by name, with how many are in it.
///
/// # Errors
/// As the database has them.
pub fn counted(conn: &mut Conn) -> Result<Vec<(Group, u64)>, DbError> {
    conn.query(&COUNTED, &[])?.iter().map(|row| Ok((read(row)?, number(row, 3)?))).collect()
}

/// How many are in the group.
///
/// # Errors
/// As the database has them.
pub fn count(conn: &mut Conn, group: GroupId) -> Result<u64, DbError> {
    let row = conn.query_one(&COUNT, &[group.to_string().into()])?;
    number(&row.ok_or_else(|| row::corrupt("group_members"))?, 0)
}

/// The groups that the account is in, by name.
///
/// # Errors
/// As the database has them.
pub fn of_account(conn: &mut Conn, account: AccountId) -> Result<Vec<Group>, DbError> {
    conn.query(&OF_ACCOUNT, &[account.to_string().into()])?.iter().map(read).collect()
}

/// The groups that each of these accounts is in, in their order.
///
/// # Errors
/// As the database has them.
pub fn of_accounts(conn: &mut Conn, accounts: &[AccountId]) -> Result<Vec<Vec<Group>>, DbError> {
    let found = conn.query_all(&OF_ACCOUNT, &row::ids(accounts))?;
    found.iter().map(|rows| rows.iter().map(read).collect()).collect()
}

/// At most `limit` of those in the group, by their IDs, those after `after`.
///
/// # Errors
/// As the database has them.
pub fn members(conn: &mut Conn, group: GroupId, after: &str, limit: i64) -> Result<Vec<Member>, DbError> {
    conn.query(&MEMBERS, &[group.to_string().into(), after.into(), limit.into()])?
        .iter()
        .map(|row| {
            Ok(Member {
                account: row::parsed(row, 0)?,
                name: AccountName::parse(row.text(1)?, "").map_err(|_| row::corrupt("accounts.name"))?,
                display_name: DisplayName::parse(row.text(2)?)
                    .map_err(|_| row::corrupt("accounts.display_name"))?,
                joined_at: row::time(row, 3)?,
            })
        })
        .collect()
}

/// Everybody in the group.
///
/// # Errors
/// As the database has them.
pub fn member_ids(conn: &mut Conn, group: GroupId) -> Result<Vec<AccountId>, DbError> {
    conn.query(&MEMBER_IDS, &[group.to_string().into()])?.iter().map(|row| row::parsed(row, 0)).collect()
}

/// Every membership, to `each`, by the account's id.
///
/// # Errors
/// As the database has them.
pub fn for_each_member(conn: &mut Conn, mut each: impl FnMut(AccountId, GroupId)) -> Result<(), DbError> {
    conn.for_each(&ALL_MEMBERS, &[], &mut |row| {
        each(row::parsed(row, 0)?, row::parsed(row, 1)?);
        Ok(())
    })
}

/// Puts the account into the group. False when it is there already.
///
/// # Errors
/// As the database has them; a group or an account that doesn't exist is a conflict.
pub fn join(conn: &mut Conn, group: GroupId, account: AccountId, now: Timestamp) -> Result<bool, DbError> {
    let params = [group.to_string().into(), account.to_string().into(), now.millis().into()];
    Ok(conn.execute(&JOIN, &params)? == 1)
}

/// Puts new accounts into groups.
///
/// # Errors
/// As the database has them; a group or an account that doesn't exist is a conflict.
pub fn join_all(conn: &mut Conn, all: &[(GroupId, AccountId)], now: Timestamp) -> Result<(), DbError> {
    let rows: Vec<[Value; 3]> = all
        .iter()
        .map(|(group, account)| [group.to_string().into(), account.to_string().into(), now.millis().into()])
        .collect();
    conn.execute_all(&JOIN, &rows).map(drop)
}

/// Takes the account out of the group. False when it isn't in it.
///
/// # Errors
/// As the database has them.
pub fn leave(conn: &mut Conn, group: GroupId, account: AccountId) -> Result<bool, DbError> {
    Ok(conn.execute(&LEAVE, &[group.to_string().into(), account.to_string().into()])? == 1)
}

/// Removes the group. False when there is no such group any more. Somebody who is still in it, or a service that still names
/// it, is a conflict.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, group: GroupId) -> Result<bool, DbError> {
    Ok(conn.execute(&DELETE, &[group.to_string().into()])? == 1)
}

/// The services that name the group as one that may use them, by name.
///
/// # Errors
/// As the database has them.
pub fn services(conn: &mut Conn, group: GroupId) -> Result<Vec<ServiceName>, DbError> {
    conn.query(&SERVICES, &[group.to_string().into()])?
        .iter()
        .map(|row| ServiceName::parse(row.text(0)?).map_err(|_| row::corrupt("services.name")))
        .collect()
}

/// The groups that may use the service, by name; none when everyone may.
///
/// # Errors
/// As the database has them.
pub fn of_service(conn: &mut Conn, service: ServiceId) -> Result<Vec<Group>, DbError> {
    conn.query(&OF_SERVICE, &[service.to_string().into()])?.iter().map(read).collect()
}

/// Every service that not everyone may use, with each group that may, to `each`.
///
/// # Errors
/// As the database has them.
pub fn for_each_allowed(conn: &mut Conn, mut each: impl FnMut(ServiceId, GroupId)) -> Result<(), DbError> {
    conn.for_each(&OF_SERVICES, &[], &mut |row| {
        each(row::parsed(row, 0)?, row::parsed(row, 1)?);
        Ok(())
    })
}

/// Lets these groups use the service and nobody else; with none of them, everyone.
///
/// # Errors
/// As the database has them; a group that doesn't exist is a conflict.
pub fn allow(conn: &mut Conn, service: ServiceId, groups: &[GroupId]) -> Result<(), DbError> {
    conn.execute(&ALLOW_EVERYONE, &[service.to_string().into()])?;
    for group in groups {
        conn.execute(&ALLOW, &[service.to_string().into(), group.to_string().into()])?;
    }
    Ok(())
}

fn read(row: &Row) -> Result<Group, DbError> {
    Ok(Group {
        id: row::parsed(row, 0)?,
        name: GroupName::parse(row.text(1)?).map_err(|_| row::corrupt("groups.name"))?,
        created_at: row::time(row, 2)?,
    })
}

fn number(row: &Row, column: usize) -> Result<u64, DbError> {
    u64::try_from(row.int(column)?).map_err(|_| row::corrupt("a count"))
}
