//! Accounts and the names that sign them in.

use domain::{AccountId, AccountName, DisplayName, Timestamp};

use crate::{
    db::{Conn, DbError, Row, Value},
    people, row, statements,
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
    /// When its person last signed in.
    pub signed_in_at: Option<Timestamp>,
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not yet: its person was invited, and has still to set a password. The one that is sealed in the row is nobody's.
    Invited,
    /// It may.
    Active,
    /// Not until an administrator lets it be used again.
    Suspended,
}

impl State {
    /// Its name, in the data and for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    pub(crate) fn from_code(code: &str) -> Result<Self, DbError> {
        match code {
            "invited" => Ok(Self::Invited),
            "active" => Ok(Self::Active),
            "suspended" => Ok(Self::Suspended),
            _ => Err(row::corrupt("accounts.state")),
        }
    }
}

statements! {
    INSERT = "INSERT INTO accounts
        (id, name, display_name, administrator, state, password_sealed, password_changed_at, created_at, signed_in_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    INSERT_NAME = "INSERT INTO account_names (name, account_id) VALUES ($1, $2)";
    BY_ID = "SELECT id, name, display_name, administrator, state, password_sealed, password_changed_at, created_at,
            signed_in_at
        FROM accounts WHERE id = $1";
    BY_NAME = "SELECT a.id, a.name, a.display_name, a.administrator, a.state, a.password_sealed,
            a.password_changed_at, a.created_at, a.signed_in_at
        FROM account_names n JOIN accounts a ON a.id = n.account_id WHERE n.name = $1";
    ALL_ACCOUNTS = "SELECT id, name, display_name, administrator, state, password_sealed, password_changed_at, created_at,
            signed_in_at
        FROM accounts ORDER BY id";
    NAMES_OF = "SELECT name FROM account_names WHERE account_id = $1 ORDER BY name";
    ALL_NAMES = "SELECT account_id, name FROM account_names ORDER BY account_id, name";
    NAMES_AFTER = "SELECT name FROM accounts WHERE name > $1 ORDER BY name LIMIT $2";
    ANY = "SELECT id FROM accounts LIMIT 1";
    SET_PASSWORD = "UPDATE accounts SET password_sealed = $2, password_changed_at = $3
        WHERE id = $1 AND password_changed_at = $4";
    ACCEPT = "UPDATE accounts SET password_sealed = $2, password_changed_at = $3, state = 'active'
        WHERE id = $1 AND state = 'invited'";
    SET_STATE = "UPDATE accounts SET state = $3 WHERE id = $1 AND state = $2";
    SET_DISPLAY_NAME = "UPDATE accounts SET display_name = $2 WHERE id = $1 AND display_name <> $2";
    SET_ADMINISTRATOR = "UPDATE accounts SET administrator = $2 WHERE id = $1 AND administrator <> $2";
    OTHER_ADMINISTRATOR = "SELECT id FROM accounts
        WHERE administrator = 1 AND state = 'active' AND id <> $1 ORDER BY id LIMIT 1";
    SIGNED_IN = "UPDATE accounts SET signed_in_at = $2 WHERE id = $1";
    DELETE_NAME = "DELETE FROM account_names WHERE name = $1 AND account_id = $2";
}

/// Adds an account and its ID as its first name. The ID being taken is a conflict.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, account: &Account) -> Result<(), DbError> {
    insert_all(conn, &[(account, &[])])
}

/// Adds accounts, each with its ID as its first name, and its aliases. Any of these being taken is a conflict.
///
/// # Errors
/// As the database has them.
pub fn insert_all(conn: &mut Conn, all: &[(&Account, &[AccountName])]) -> Result<(), DbError> {
    let rows: Vec<[Value; 9]> = all
        .iter()
        .map(|(account, _)| {
            [
                account.id.to_string().into(),
                account.name.as_str().into(),
                account.display_name.as_str().into(),
                i64::from(account.administrator).into(),
                account.state.code().into(),
                account.password_sealed.as_slice().into(),
                account.password_changed_at.millis().into(),
                account.created_at.millis().into(),
                row::opt_millis(account.signed_in_at),
            ]
        })
        .collect();
    conn.execute_all(&INSERT, &rows)?;
    let (mut names, mut words) = (Vec::new(), Vec::new());
    for (account, aliases) in all {
        let own: Vec<_> = [&account.name].into_iter().chain(*aliases).collect();
        names.extend(own.iter().map(|name| name_row(account.id, name)));
        words.extend(people::words(account.id, &own, &account.display_name));
    }
    conn.execute_all(&INSERT_NAME, &names)?;
    people::insert_words(conn, &words)
}

fn name_row(id: AccountId, name: &AccountName) -> [Value; 2] {
    [name.as_str().into(), id.to_string().into()]
}

/// Adds other names that sign the account in. One that is taken, by this account or another, is a conflict.
///
/// # Errors
/// As the database has them.
pub fn add_aliases(conn: &mut Conn, id: AccountId, aliases: &[AccountName]) -> Result<(), DbError> {
    let rows: Vec<_> = aliases.iter().map(|alias| name_row(id, alias)).collect();
    conn.execute_all(&INSERT_NAME, &rows)?;
    if aliases.is_empty() { Ok(()) } else { put_words(conn, id) }
}

/// Takes away a name that isn't the account's ID. False when it has no such name.
///
/// # Errors
/// As the database has them.
pub fn remove_alias(conn: &mut Conn, id: AccountId, alias: &AccountName) -> Result<bool, DbError> {
    let removed = conn.execute(&DELETE_NAME, &[alias.as_str().into(), id.to_string().into()])? == 1;
    put_words(conn, id)?;
    Ok(removed)
}

/// Writes down anew what the account is found by.
///
/// # Errors
/// As the database has them.
pub(crate) fn put_words(conn: &mut Conn, id: AccountId) -> Result<(), DbError> {
    let Some(account) = by_id(conn, id)? else { return Ok(()) };
    let names = names(conn, id)?;
    people::put_words(conn, id, &names.iter().collect::<Vec<_>>(), &account.display_name)
}

/// The account of this id.
///
/// # Errors
/// As the database has them.
pub fn by_id(conn: &mut Conn, id: AccountId) -> Result<Option<Account>, DbError> {
    conn.query_one(&BY_ID, &[id.to_string().into()])?.as_ref().map(read).transpose()
}

/// The accounts of these ids, in their order; none where there is none.
///
/// # Errors
/// As the database has them.
pub fn by_ids(conn: &mut Conn, ids: &[AccountId]) -> Result<Vec<Option<Account>>, DbError> {
    let found = conn.query_all(&BY_ID, &row::ids(ids))?;
    found.iter().map(|rows| rows.first().map(read).transpose()).collect()
}

/// The accounts that these names sign in, in their order; none where a name signs in none.
///
/// # Errors
/// As the database has them.
pub fn by_names(conn: &mut Conn, names: &[&AccountName]) -> Result<Vec<Option<Account>>, DbError> {
    let names: Vec<[Value; 1]> = names.iter().map(|name| [name.as_str().into()]).collect();
    let found = conn.query_all(&BY_NAME, &names)?;
    found.iter().map(|rows| rows.first().map(read).transpose()).collect()
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

/// The names that sign each of these accounts in, in their order.
///
/// # Errors
/// As the database has them.
pub fn names_of_all(conn: &mut Conn, ids: &[AccountId]) -> Result<Vec<Vec<AccountName>>, DbError> {
    let found = conn.query_all(&NAMES_OF, &row::ids(ids))?;
    found.iter().map(|rows| rows.iter().map(|row| name(row, 0)).collect()).collect()
}

/// At most `limit` IDs, in their order, those after `after`.
///
/// # Errors
/// As the database has them.
pub fn names_after(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<AccountName>, DbError> {
    conn.query(&NAMES_AFTER, &[after.into(), limit.into()])?.iter().map(|row| name(row, 0)).collect()
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

/// Sets the first password of somebody who was invited: the account may be used from now on. False when it isn't an invited one.
///
/// # Errors
/// As the database has them.
pub fn accept(conn: &mut Conn, id: AccountId, sealed: &[u8], now: Timestamp) -> Result<bool, DbError> {
    let params: [Value; 3] = [id.to_string().into(), sealed.into(), now.millis().into()];
    Ok(conn.execute(&ACCEPT, &params)? == 1)
}

/// Changes whether the account may be used. False when it wasn't in the state `from`.
///
/// # Errors
/// As the database has them.
pub fn set_state(conn: &mut Conn, id: AccountId, from: State, to: State) -> Result<bool, DbError> {
    Ok(conn.execute(&SET_STATE, &[id.to_string().into(), from.code().into(), to.code().into()])? == 1)
}

/// Changes what the person is called. False when they are called so already.
///
/// # Errors
/// As the database has them.
pub fn set_display_name(conn: &mut Conn, id: AccountId, name: &DisplayName) -> Result<bool, DbError> {
    let changed = conn.execute(&SET_DISPLAY_NAME, &[id.to_string().into(), name.as_str().into()])? == 1;
    if changed {
        put_words(conn, id)?;
    }
    Ok(changed)
}

/// Changes whether the person administers the server. False when it was so already.
///
/// # Errors
/// As the database has them.
pub fn set_administrator(conn: &mut Conn, id: AccountId, administrator: bool) -> Result<bool, DbError> {
    Ok(conn.execute(&SET_ADMINISTRATOR, &[id.to_string().into(), i64::from(administrator).into()])? == 1)
}

/// Whether somebody else administers the server, and may be signed in.
///
/// # Errors
/// As the database has them.
pub fn other_administrator(conn: &mut Conn, id: AccountId) -> Result<bool, DbError> {
    Ok(conn.query_one(&OTHER_ADMINISTRATOR, &[id.to_string().into()])?.is_some())
}

/// Writes down that the account's person signed in.
///
/// # Errors
/// As the database has them.
pub fn signed_in(conn: &mut Conn, id: AccountId, now: Timestamp) -> Result<(), DbError> {
    conn.execute(&SIGNED_IN, &[id.to_string().into(), now.millis().into()]).map(drop)
}

fn read(row: &Row) -> Result<Account, DbError> {
    Ok(Account {
        id: row::parsed(row, 0)?,
        name: name(row, 1)?,
        display_name: display_name(row, 2)?,
        administrator: row::flag(row, 3)?,
        state: State::from_code(row.text(4)?)?,
        password_sealed: row.bytes(5)?.to_vec(),
        password_changed_at: row::time(row, 6)?,
        created_at: row::time(row, 7)?,
        signed_in_at: row::opt_time(row, 8)?,
    })
}

pub(crate) fn display_name(row: &Row, column: usize) -> Result<DisplayName, DbError> {
    DisplayName::parse(row.text(column)?).map_err(|_| row::corrupt("accounts.display_name"))
}

pub(crate) fn name(row: &Row, column: usize) -> Result<AccountName, DbError> {
    AccountName::parse(row.text(column)?, "").map_err(|_| row::corrupt("account_names.name"))
}
