//! App-specific passwords: rows, fingerprints and uses.

use domain::{
    AccountId, AppPassword, AppPasswordId, Ended, KindSet, Label, LastUse, Opens, ServiceName, Timestamp,
    WhyEnded,
};

use crate::{
    db::{Conn, DbError, Row},
    row, statements,
};

/// What the index keeps of an app-specific password.
#[derive(Clone, Copy, Debug)]
pub struct Indexed {
    /// The keyed hash of account and secret.
    pub fingerprint: [u8; 32],
    /// Its id.
    pub id: AppPasswordId,
    /// Whose it is.
    pub account: AccountId,
    /// What it opens.
    pub opens: Opens,
    /// When it stops working by itself.
    pub expires_at: Option<Timestamp>,
    /// Whether it has ended.
    pub ended: bool,
}

statements! {
    INSERT = "INSERT INTO app_passwords (id, account_id, label, opens, fingerprint, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    FORGET_ENDED = "DELETE FROM app_passwords WHERE account_id = $1 AND ended_at IS NOT NULL AND id NOT IN (
            SELECT id FROM app_passwords WHERE account_id = $1 AND ended_at IS NOT NULL
            ORDER BY ended_at DESC, id DESC LIMIT $2)";
    COUNT_LIVE = "SELECT COUNT(*) FROM app_passwords
        WHERE account_id = $1 AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > $2)";
    BY_ID = "SELECT id, account_id, label, opens, created_at, expires_at, ended_at, why_ended, last_used_at,
            last_used_service, last_used_source, tried_at, tried_service, tried_source
        FROM app_passwords WHERE id = $1";
    OF_ACCOUNT = "SELECT id, account_id, label, opens, created_at, expires_at, ended_at, why_ended, last_used_at,
            last_used_service, last_used_source, tried_at, tried_service, tried_source
        FROM app_passwords WHERE account_id = $1 ORDER BY id DESC";
    NOT_ENDED_OF_ACCOUNT = "SELECT id, account_id, label, opens, created_at, expires_at, ended_at, why_ended, last_used_at,
            last_used_service, last_used_source, tried_at, tried_service, tried_source
        FROM app_passwords WHERE account_id = $1 AND ended_at IS NULL ORDER BY id";
    LIVE_AT = "SELECT id, account_id, label, opens, created_at, expires_at, ended_at, why_ended, last_used_at,
            last_used_service, last_used_source, tried_at, tried_service, tried_source
        FROM app_passwords WHERE account_id = $1 AND (ended_at IS NULL OR ended_at >= $2) ORDER BY id";
    ALL_NOT_ENDED = "SELECT id, account_id, label, opens, created_at, expires_at, ended_at, why_ended, last_used_at,
            last_used_service, last_used_source, tried_at, tried_service, tried_source
        FROM app_passwords WHERE ended_at IS NULL LIMIT $1";
    NEVER_USED = "SELECT id, account_id, label, opens, created_at, expires_at, ended_at, why_ended, last_used_at,
            last_used_service, last_used_source, tried_at, tried_service, tried_source
        FROM app_passwords WHERE id = $1 AND last_used_at IS NULL";
    EXPIRED = "SELECT id, account_id, label, opens, created_at, expires_at, ended_at, why_ended, last_used_at,
            last_used_service, last_used_source, tried_at, tried_service, tried_source
        FROM app_passwords WHERE ended_at IS NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2";
    END = "UPDATE app_passwords SET ended_at = $2, why_ended = $3 WHERE id = $1 AND ended_at IS NULL";
    BIND = "UPDATE app_passwords SET opens = $2
        WHERE id = $1 AND opens = 0 AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > $3)";
    STAMP_USE = "UPDATE app_passwords SET last_used_at = $2, last_used_service = $3, last_used_source = $4
        WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $2)";
    STAMP_TRIED = "UPDATE app_passwords SET tried_at = $2, tried_service = $3, tried_source = $4 WHERE id = $1";
    INDEXED_OF_ACCOUNT = "SELECT fingerprint, id, account_id, opens, expires_at, ended_at
        FROM app_passwords WHERE account_id = $1";
    INDEXED = "SELECT fingerprint, id, account_id, opens, expires_at, ended_at FROM app_passwords ORDER BY account_id";
    LAST_USE_OF_SERVICE = "SELECT MAX(last_used_at) FROM app_passwords WHERE last_used_service = $1";
}

/// Adds an app-specific password.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, password: &AppPassword, fingerprint: &[u8; 32]) -> Result<(), DbError> {
    conn.execute(
        &INSERT,
        &[
            password.id.to_string().into(),
            password.account.to_string().into(),
            password.label.as_str().into(),
            i64::from(password.opens.bits()).into(),
            fingerprint.as_slice().into(),
            password.created_at.millis().into(),
            row::opt_millis(password.expires_at),
        ],
    )
    .map(drop)
}

/// Forgets the account's ended ones but for the newest `kept`.
///
/// # Errors
/// As the database has them.
pub fn forget_ended(conn: &mut Conn, account: AccountId, kept: usize) -> Result<(), DbError> {
    let kept = i64::try_from(kept).unwrap_or(i64::MAX);
    conn.execute(&FORGET_ENDED, &[account.to_string().into(), kept.into()]).map(drop)
}

/// How many of the account's work at `now`.
///
/// # Errors
/// As the database has them.
pub fn count_live(conn: &mut Conn, account: AccountId, now: Timestamp) -> Result<usize, DbError> {
    let params = [account.to_string().into(), now.millis().into()];
    let row = conn.query_one(&COUNT_LIVE, &params)?.ok_or_else(|| row::corrupt("app_passwords"))?;
    usize::try_from(row.int(0)?).map_err(|_| row::corrupt("app_passwords"))
}

/// The one of this id.
///
/// # Errors
/// As the database has them.
pub fn by_id(conn: &mut Conn, id: AppPasswordId) -> Result<Option<AppPassword>, DbError> {
    conn.query_one(&BY_ID, &[id.to_string().into()])?.as_ref().map(read).transpose()
}

/// All of the account's, live and ended, the newest first.
///
/// # Errors
/// As the database has them.
pub fn of_account(conn: &mut Conn, account: AccountId) -> Result<Vec<AppPassword>, DbError> {
    conn.query(&OF_ACCOUNT, &[account.to_string().into()])?.iter().map(read).collect()
}

/// Those of the account's whose end hasn't been written down.
///
/// # Errors
/// As the database has them.
pub fn not_ended(conn: &mut Conn, account: AccountId) -> Result<Vec<AppPassword>, DbError> {
    conn.query(&NOT_ENDED_OF_ACCOUNT, &[account.to_string().into()])?.iter().map(read).collect()
}

/// The account's that hadn't ended before `at`.
///
/// # Errors
/// As the database has them.
pub fn live_at(conn: &mut Conn, account: AccountId, at: Timestamp) -> Result<Vec<AppPassword>, DbError> {
    let params = [account.to_string().into(), at.millis().into()];
    conn.query(&LIVE_AT, &params)?.iter().map(read).collect()
}

/// At most `limit` of everybody's whose end hasn't been written down.
///
/// # Errors
/// As the database has them.
pub fn all_not_ended(conn: &mut Conn, limit: i64) -> Result<Vec<AppPassword>, DbError> {
    conn.query(&ALL_NOT_ENDED, &[limit.into()])?.iter().map(read).collect()
}

/// At most `limit` whose time is over and whose end hasn't been written down.
///
/// # Errors
/// As the database has them.
pub fn expired(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<AppPassword>, DbError> {
    conn.query(&EXPIRED, &[now.millis().into(), limit.into()])?.iter().map(read).collect()
}

/// Those of these that have never been used.
///
/// # Errors
/// As the database has them.
pub fn never_used(conn: &mut Conn, ids: &[AppPasswordId]) -> Result<Vec<AppPassword>, DbError> {
    conn.query_all(&NEVER_USED, &row::ids(ids))?.iter().flatten().map(read).collect()
}

/// Ends one for good. False when it had ended already, or never was.
///
/// # Errors
/// As the database has them.
pub fn end(conn: &mut Conn, id: AppPasswordId, ended: Ended) -> Result<bool, DbError> {
    let params = [id.to_string().into(), ended.at.millis().into(), ended.why.code().into()];
    Ok(conn.execute(&END, &params)? == 1)
}

/// Binds one that was made for the first app to the kinds that it opened first. False when it has been bound before, or works
/// no more.
///
/// # Errors
/// As the database has them.
pub fn bind(conn: &mut Conn, id: AppPasswordId, kinds: KindSet, now: Timestamp) -> Result<bool, DbError> {
    let params = [id.to_string().into(), i64::from(kinds.bits()).into(), now.millis().into()];
    Ok(conn.execute(&BIND, &params)? == 1)
}

/// Writes down when one was last used. An older use than the one on record changes nothing.
///
/// # Errors
/// As the database has them.
pub fn stamp_use(conn: &mut Conn, id: AppPasswordId, used: &LastUse) -> Result<(), DbError> {
    conn.execute(&STAMP_USE, &stamp(id, used)).map(drop)
}

/// Writes down that one was tried after its end.
///
/// # Errors
/// As the database has them.
pub fn stamp_tried(conn: &mut Conn, id: AppPasswordId, tried: &LastUse) -> Result<(), DbError> {
    conn.execute(&STAMP_TRIED, &stamp(id, tried)).map(drop)
}

/// What the index keeps of each of these accounts', in their order.
///
/// # Errors
/// As the database has them.
pub fn indexed_of_all(conn: &mut Conn, accounts: &[AccountId]) -> Result<Vec<Vec<Indexed>>, DbError> {
    let found = conn.query_all(&INDEXED_OF_ACCOUNT, &row::ids(accounts))?;
    found.iter().map(|rows| rows.iter().map(read_indexed).collect()).collect()
}

/// What the index keeps of every one, to `each`, by account.
///
/// # Errors
/// As the database has them.
pub fn for_each_indexed(conn: &mut Conn, mut each: impl FnMut(Indexed)) -> Result<(), DbError> {
    conn.for_each(&INDEXED, &[], &mut |row| read_indexed(row).map(&mut each))
}

/// When any was last used at this service.
///
/// # Errors
/// As the database has them.
pub fn last_use_of(conn: &mut Conn, service: &ServiceName) -> Result<Option<Timestamp>, DbError> {
    conn.query_one(&LAST_USE_OF_SERVICE, &[service.as_str().into()])?
        .map_or(Ok(None), |row| row::opt_time(&row, 0))
}

fn stamp(id: AppPasswordId, used: &LastUse) -> [crate::db::Value; 4] {
    [
        id.to_string().into(),
        used.at.millis().into(),
        used.service.as_str().into(),
        used.source.as_str().into(),
    ]
}

fn read(row: &Row) -> Result<AppPassword, DbError> {
    let ended = match (row::opt_time(row, 6)?, row.opt_text(7)?) {
        (None, None) => None,
        (Some(at), Some(why)) => Some(Ended {
            at,
            why: WhyEnded::from_code(why).ok_or_else(|| row::corrupt("app_passwords.why_ended"))?,
        }),
        _ => return Err(row::corrupt("app_passwords.ended_at")),
    };
    Ok(AppPassword {
        id: row::parsed(row, 0)?,
        account: row::parsed(row, 1)?,
        label: Label::parse(row.text(2)?).map_err(|_| row::corrupt("app_passwords.label"))?,
        opens: read_opens(row, 3)?,
        created_at: row::time(row, 4)?,
        expires_at: row::opt_time(row, 5)?,
        ended,
        last_use: read_use(row, 8)?,
        tried_after_end: read_use(row, 11)?,
    })
}

fn read_opens(row: &Row, column: usize) -> Result<Opens, DbError> {
    u8::try_from(row.int(column)?)
        .ok()
        .and_then(Opens::from_bits)
        .ok_or_else(|| row::corrupt("app_passwords.opens"))
}

/// A time, a service and a source, in three columns from `first` on.
fn read_use(row: &Row, first: usize) -> Result<Option<LastUse>, DbError> {
    let Some(at) = row::opt_time(row, first)? else { return Ok(None) };
    let service = ServiceName::parse(row.text(first + 1)?).map_err(|_| row::corrupt("a service's name"))?;
    Ok(Some(LastUse { at, service, source: row.text(first + 2)?.to_owned() }))
}

fn read_indexed(row: &Row) -> Result<Indexed, DbError> {
    Ok(Indexed {
        fingerprint: row.bytes(0)?.try_into().map_err(|_| row::corrupt("app_passwords.fingerprint"))?,
        id: row::parsed(row, 1)?,
        account: row::parsed(row, 2)?,
        opens: read_opens(row, 3)?,
        expires_at: row::opt_time(row, 4)?,
        ended: row.opt_int(5)?.is_some(),
    })
}
