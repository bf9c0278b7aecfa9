//! Accounts and the names that sign them in.

use domain::{AccountId, AccountName, DisplayName, Timestamp};

use crate::{
    db::{Conn, DbError, Row, Value},
    row, statements,
};

/// A row of `accounts`.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The person's ID, canonical.
    pub name: AccountName,
    /// What the person is called.
    pub display_name: DisplayName,
    /// Whether the person administers this server.
    pub administrator: bool,
    /// Whether the account may be used.
    pub state: State,
    /// The sealed argon2 hash of the account's password.
    pub password_sealed: Vec<u8>,
    /// When the password was last set.
    pub password_changed_at: Timestamp,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It may.
    Active,
    /// Not until an administrator lets it be used again.
    Suspended,
}

impl State {
    const fn code(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

statements! {
    INSERT = "INSERT INTO accounts
        (id, name, display_name, administrator, state, password_sealed, password_changed_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    INSERT_NAME = "INSERT INTO account_names (name, account_id) VALUES ($1, $2)";
    BY_ID = "SELECT id, name, display_name, administrator, state, password_sealed, password_changed_at, created_at
        FROM accounts WHERE id = $1";
    BY_NAME = "SELECT a.id, a.name, a.display_name, a.administrator, a.state, a.password_sealed,
            a.password_changed_at, a.created_at
        FROM account_names n JOIN accounts a ON a.id = n.account_id WHERE n.name = $1";
    ALL_ACCOUNTS = "SELECT id, name, display_name, administrator, state, password_sealed, password_changed_at, created_at
        FROM accounts ORDER BY id";
    NAMES_OF = "SELECT name FROM account_names WHERE account_id = $1 ORDER BY name";
    ALL_NAMES = "SELECT account_id, name FROM account_names ORDER BY account_id, name";
    ANY = "SELECT id FROM accounts LIMIT 1";
    SET_PASSWORD = "UPDATE accounts SET password_sealed = $2, password_changed_at = $3
        WHERE id = $1 AND password_changed_at = $4";
}

/// Adds an account and its ID as its first name. The ID being taken is a conflict.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, account: &Account) -> Result<(), DbError> {
    conn.execute(
        &INSERT,
        &[
            account.id.to_string().into(),
            account.name.as_str().into(),
            account.display_name.as_str().into(),
            i64::from(account.administrator).into(),
            account.state.code().into(),
            account.password_sealed.as_slice().into(),
            account.password_changed_at.millis().into(),
            account.created_at.millis().into(),
        ],
    )?;
    conn.execute(&INSERT_NAME, &[account.name.as_str().into(), account.id.to_string().into()])?;
    Ok(())
}

/// The account of this id.
///
/// # Errors
/// As the database has them.
pub fn by_id(conn: &mut Conn, id: AccountId) -> Result<Option<Account>, DbError> {
    conn.query_one(&BY_ID, &[id.to_string().into()])?.as_ref().map(read).transpose()
}

/// The account that this name signs in.
///
/// # Errors
/// As the database has them.
pub fn by_name(conn: &mut Conn, name: &AccountName) -> Result<Option<Account>, DbError> {
    conn.query_one(&BY_NAME, &[name.as_str().into()])?.as_ref().map(read).transpose()
}

/// Every account, to `each`, by id.
///
/// # Errors
/// As the database has them, and as `each` returns.
pub fn for_each(conn: &mut Conn, mut each: impl FnMut(Account)) -> Result<(), DbError> {
    conn.for_each(&ALL_ACCOUNTS, &[], &mut |row| read(row).map(&mut each))
}

/// Every name with the account that it signs in, to `each`, by the account's id.
///
/// # Errors
/// As the database has them.
pub fn for_each_name(conn: &mut Conn, mut each: impl FnMut(AccountId, AccountName)) -> Result<(), DbError> {
    conn.for_each(&ALL_NAMES, &[], &mut |row| {
        each(row::parsed(row, 0)?, name(row, 1)?);
        Ok(())
    })
}

/// The names that sign the account in.
///
/// # Errors
/// As the database has them.
pub fn names(conn: &mut Conn, id: AccountId) -> Result<Vec<AccountName>, DbError> {
    conn.query(&NAMES_OF, &[id.to_string().into()])?.iter().map(|row| name(row, 0)).collect()
}

/// Whether there is any account yet.
///
/// # Errors
/// As the database has them.
pub fn any(conn: &mut Conn) -> Result<bool, DbError> {
    Ok(conn.query_one(&ANY, &[])?.is_some())
}

/// Sets the account's password, if it is still the one that was set at `seen`. False when it isn't.
///
/// # Errors
/// As the database has them.
pub fn set_password(
    conn: &mut Conn,
    id: AccountId,
    sealed: &[u8],
    now: Timestamp,
    seen: Timestamp,
) -> Result<bool, DbError> {
    let params: [Value; 4] =
        [id.to_string().into(), sealed.into(), now.millis().into(), seen.millis().into()];
    Ok(conn.execute(&SET_PASSWORD, &params)? == 1)
}

fn read(row: &Row) -> Result<Account, DbError> {
    Ok(Account {
        id: row::parsed(row, 0)?,
        name: name(row, 1)?,
        display_name: DisplayName::parse(row.text(2)?).map_err(|_| row::corrupt("accounts.display_name"))?,
        administrator: row::flag(row, 3)?,
        state: match row.text(4)? {
            "active" => State::Active,
            "suspended" => State::Suspended,
            _ => return Err(row::corrupt("accounts.state")),
        },
        password_sealed: row.bytes(5)?.to_vec(),
        password_changed_at: row::time(row, 6)?,
        created_at: row::time(row, 7)?,
    })
}

fn name(row: &Row, column: usize) -> Result<AccountName, DbError> {
    AccountName::parse(row.text(column)?, "").map_err(|_| row::corrupt("account_names.name"))
}
