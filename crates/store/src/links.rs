//! One-time links: setting up the first account, accepting an invitation, resetting a password.

use domain::{AccountId, LinkId, Timestamp};

use crate::{
    db::{Conn, DbError, Row, Value},
    row, statements,
};

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Setting up the first account.
    SetUp,
    /// Setting the first password of this account, whose person was invited.
    Invite(AccountId),
    /// Setting a new password for this account; its second factor is still asked for.
    Reset(AccountId),
    /// The same for somebody who has lost their second factor: it is taken away.
    ResetBoth(AccountId),
}

impl Purpose {
    const fn code(self) -> &'static str {
        match self {
            Self::SetUp => "setup",
            Self::Invite(_) => "invite",
            Self::Reset(_) => "reset",
            Self::ResetBoth(_) => "reset_both",
        }
    }

    const fn account(self) -> Option<AccountId> {
        match self {
            Self::SetUp => None,
            Self::Invite(id) | Self::Reset(id) | Self::ResetBoth(id) => Some(id),
        }
    }
}

/// A row of `links`: one that hasn't been spent.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Its id; never what is in the link itself.
    pub id: LinkId,
    /// What it is for.
    pub purpose: Purpose,
    /// The account of whoever made it; none for the command line on the server's machine, and for Doorkey itself.
    pub made_by: Option<AccountId>,
    /// Until when it can be spent.
    pub expires_at: Timestamp,
}

statements! {
    INSERT = "INSERT INTO links (id, token_hash, purpose, account_id, created_at, expires_at, made_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    BY_TOKEN = "SELECT id, purpose, account_id, expires_at, made_by FROM links WHERE token_hash = $1";
    OF_ACCOUNT = "SELECT id, purpose, account_id, expires_at, made_by FROM links
        WHERE account_id = $1 AND expires_at > $2";
    SPEND = "DELETE FROM links WHERE id = $1";
    DELETE_SET_UP = "DELETE FROM links WHERE purpose = 'setup'";
    DELETE_OF_ACCOUNT = "DELETE FROM links WHERE account_id = $1";
    DELETE_EXPIRED = "DELETE FROM links WHERE expires_at <= $1";
}

/// Adds a link, and takes back earlier ones for the same: only the newest works.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, link: &Link, token_hash: &[u8; 32], now: Timestamp) -> Result<(), DbError> {
    match link.purpose.account() {
        None => conn.execute(&DELETE_SET_UP, &[])?,
        Some(account) => conn.execute(&DELETE_OF_ACCOUNT, &[account.to_string().into()])?,
    };
    insert_first(conn, &[(link, token_hash)], now)
}

/// Adds links of accounts that have none yet.
///
/// # Errors
/// As the database has them.
pub fn insert_first(conn: &mut Conn, all: &[(&Link, &[u8; 32])], now: Timestamp) -> Result<(), DbError> {
    let rows: Vec<[Value; 7]> = all
        .iter()
        .map(|(link, token_hash)| {
            [
                link.id.to_string().into(),
                (*token_hash).into(),
                link.purpose.code().into(),
                link.purpose.account().map(|id| id.to_string()).into(),
                now.millis().into(),
                link.expires_at.millis().into(),
                link.made_by.map(|id| id.to_string()).into(),
            ]
        })
        .collect();
    conn.execute_all(&INSERT, &rows).map(drop)
}

/// The link with this token that is still to be spent, if its time isn't over.
///
/// # Errors
/// As the database has them.
pub fn by_token(conn: &mut Conn, token_hash: &[u8], now: Timestamp) -> Result<Option<Link>, DbError> {
    let found = conn.query_one(&BY_TOKEN, &[token_hash.into()])?;
    Ok(found.as_ref().map(read).transpose()?.filter(|link| now < link.expires_at))
}

/// The account's link that is still to be spent, if its time isn't over: there is only one, the newest.
///
/// # Errors
/// As the database has them.
pub fn of_account(conn: &mut Conn, account: AccountId, now: Timestamp) -> Result<Option<Link>, DbError> {
    let params = [account.to_string().into(), now.millis().into()];
    conn.query_one(&OF_ACCOUNT, &params)?.as_ref().map(read).transpose()
}

/// Takes back the account's links.
///
/// # Errors
/// As the database has them.
pub fn delete_of_account(conn: &mut Conn, account: AccountId) -> Result<(), DbError> {
    conn.execute(&DELETE_OF_ACCOUNT, &[account.to_string().into()]).map(drop)
}

/// Spends a link. False when it was spent already: then nothing may follow from it.
///
/// # Errors
/// As the database has them.
pub fn spend(conn: &mut Conn, id: LinkId) -> Result<bool, DbError> {
    Ok(conn.execute(&SPEND, &[id.to_string().into()])? == 1)
}

/// Forgets the links whose time is over.
///
/// # Errors
/// As the database has them.
pub fn delete_expired(conn: &mut Conn, now: Timestamp) -> Result<(), DbError> {
    conn.execute(&DELETE_EXPIRED, &[now.millis().into()]).map(drop)
}

fn read(row: &Row) -> Result<Link, DbError> {
    let purpose = match (row.text(1)?, row::opt_parsed(row, 2)?) {
        ("setup", None) => Purpose::SetUp,
        ("invite", Some(account)) => Purpose::Invite(account),
        ("reset", Some(account)) => Purpose::Reset(account),
        ("reset_both", Some(account)) => Purpose::ResetBoth(account),
        _ => return Err(row::corrupt("links.purpose")),
    };
    let (made_by, expires_at) = (row::opt_parsed(row, 4)?, row::time(row, 3)?);
    Ok(Link { id: row::parsed(row, 0)?, purpose, made_by, expires_at })
}
