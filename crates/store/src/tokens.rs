//! Personal API tokens. A revoked one has no row any more.

use domain::{AccountId, Label, Scope, Timestamp, TokenId};

use crate::{
    db::{Conn, DbError, Row},
    row, statements,
};

/// A row of `tokens`.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its id; never the token itself.
    pub id: TokenId,
    /// Whose it is.
    pub account: AccountId,
    /// What its person calls it.
    pub label: Label,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute, and the address that it was used from.
    pub last_use: Option<(Timestamp, String)>,
}

statements! {
    INSERT = "INSERT INTO tokens (id, account_id, label, scopes, token_hash, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    BY_HASH = "SELECT id, account_id, label, scopes, created_at, expires_at, last_used_at, last_used_source FROM tokens
        WHERE token_hash = $1";
    OF_ACCOUNT = "SELECT id, account_id, label, scopes, created_at, expires_at, last_used_at, last_used_source FROM tokens
        WHERE account_id = $1 ORDER BY created_at DESC, id DESC";
    COUNT_LIVE = "SELECT COUNT(*) FROM tokens WHERE account_id = $1 AND expires_at > $2";
    USED = "UPDATE tokens SET last_used_at = $2, last_used_source = $3 WHERE id = $1";
    DELETE = "DELETE FROM tokens WHERE id = $1 AND account_id = $2";
    DELETE_OF_ACCOUNT = "DELETE FROM tokens WHERE account_id = $1";
    DELETE_EXPIRED = "DELETE FROM tokens WHERE expires_at <= $1";
}

/// Adds a token.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, token: &Token, token_hash: &[u8]) -> Result<(), DbError> {
    let scopes: Vec<_> = token.scopes.iter().map(|scope| scope.name()).collect();
    conn.execute(
        &INSERT,
        &[
            token.id.to_string().into(),
            token.account.to_string().into(),
            token.label.as_str().into(),
            scopes.join(" ").into(),
            token_hash.into(),
            token.created_at.millis().into(),
            token.expires_at.millis().into(),
        ],
    )
    .map(drop)
}

/// The token with this hash, also when its time is over.
///
/// # Errors
/// As the database has them.
pub fn by_hash(conn: &mut Conn, token_hash: &[u8]) -> Result<Option<Token>, DbError> {
    conn.query_one(&BY_HASH, &[token_hash.into()])?.as_ref().map(read).transpose()
}

/// The account's tokens, the newest first.
///
/// # Errors
/// As the database has them.
pub fn of_account(conn: &mut Conn, account: AccountId) -> Result<Vec<Token>, DbError> {
    conn.query(&OF_ACCOUNT, &[account.to_string().into()])?.iter().map(read).collect()
}

/// How many of the account's tokens work at `now`.
///
/// # Errors
/// As the database has them.
pub fn count_live(conn: &mut Conn, account: AccountId, now: Timestamp) -> Result<usize, DbError> {
    let row = conn.query_one(&COUNT_LIVE, &[account.to_string().into(), now.millis().into()])?;
    let row = row.ok_or_else(|| row::corrupt("tokens"))?;
    usize::try_from(row.int(0)?).map_err(|_| row::corrupt("tokens"))
}

/// Writes down that a token was used.
///
/// # Errors
/// As the database has them.
pub fn used(conn: &mut Conn, id: TokenId, now: Timestamp, source: &str) -> Result<(), DbError> {
    conn.execute(&USED, &[id.to_string().into(), now.millis().into(), source.into()]).map(drop)
}

/// Ends one of the account's tokens. False when it had ended, or isn't the account's.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, account: AccountId, id: TokenId) -> Result<bool, DbError> {
    Ok(conn.execute(&DELETE, &[id.to_string().into(), account.to_string().into()])? == 1)
}

/// Ends the account's tokens, and tells how many.
///
/// # Errors
/// As the database has them.
pub fn delete_of_account(conn: &mut Conn, account: AccountId) -> Result<u64, DbError> {
    conn.execute(&DELETE_OF_ACCOUNT, &[account.to_string().into()])
}

/// Forgets the tokens whose time was over by `then`.
///
/// # Errors
/// As the database has them.
pub fn delete_expired(conn: &mut Conn, then: Timestamp) -> Result<(), DbError> {
    conn.execute(&DELETE_EXPIRED, &[then.millis().into()]).map(drop)
}

fn read(row: &Row) -> Result<Token, DbError> {
    let scopes = row.text(3)?.split(' ').map(Scope::from_name).collect::<Option<_>>();
    Ok(Token {
        id: row::parsed(row, 0)?,
        account: row::parsed(row, 1)?,
        label: Label::parse(row.text(2)?).map_err(|_| row::corrupt("tokens.label"))?,
        scopes: scopes.ok_or_else(|| row::corrupt("tokens.scopes"))?,
        created_at: row::time(row, 4)?,
        expires_at: row::time(row, 5)?,
        last_use: match (row::opt_time(row, 6)?, row.opt_text(7)?) {
            (Some(at), Some(source)) => Some((at, source.to_owned())),
            _ => None,
        },
    })
}
