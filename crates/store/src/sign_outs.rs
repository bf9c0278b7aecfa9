//! How people are signed out of services, and what is still to be asked of them.

use domain::{
    AccountId, AppPasswordId, Initiator, KindSet, Opens, RequestId, ServiceId, SignOutId, SignOutKind,
    SignOutWay, SigningKeyId, Timestamp,
};

use crate::{
    db::{Conn, DbError, Row, Value},
    row, statements,
};

/// A row of `sign_out_ways`.
#[derive(Clone, Debug)]
pub struct Way {
    /// The service.
    pub service: ServiceId,
    /// How.
    pub way: SignOutWay,
    /// Where it is asked.
    pub url: String,
    /// What it is shown there, sealed; empty when there is nothing to show.
    pub secret_sealed: Vec<u8>,
    /// When this was set.
    pub set_at: Timestamp,
    /// When it last did what it was asked.
    pub done_at: Option<Timestamp>,
    /// When it last didn't.
    pub failed_at: Option<Timestamp>,
    /// What stood in the way then, in words.
    pub answer: Option<String>,
}

/// A row of `sign_outs`.
#[derive(Clone, Debug)]
pub struct SignOut {
    /// Its id.
    pub id: SignOutId,
    /// The service that is asked.
    pub service: ServiceId,
    /// What it is asked.
    pub kind: SignOutKind,
    /// Whose sessions are to end.
    pub whose: AccountId,
    /// Their canonical ID.
    pub name: String,
    /// The password whose sessions they are; none for all of the account.
    pub app_password: Option<AppPasswordId>,
    /// What its person calls it; empty for all of the account.
    pub label: String,
    /// The number of the event that caused it.
    pub event: i64,
    /// The request that caused it.
    pub request: RequestId,
    /// Who caused it.
    pub initiator: Initiator,
    /// When.
    pub happened_at: Timestamp,
    /// How often the service has done it.
    pub round: i64,
    /// How often it has been asked in vain since.
    pub attempts: i64,
    /// When it is asked next.
    pub next_at: Timestamp,
}

/// How much may wait of one account at one service, so that nobody who generates and revokes all day fills the database.
const MOST_OF_ACCOUNT: i64 = 100;

/// How many wait for a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Those that haven't been done yet.
    pub first: i64,
    /// Those that are done, and are asked once more.
    pub again: i64,
}

statements! {
    WAYS = "SELECT service_id, way, url, secret_sealed, set_at, done_at, failed_at, answer FROM sign_out_ways";
    WAY = "SELECT service_id, way, url, secret_sealed, set_at, done_at, failed_at, answer FROM sign_out_ways
        WHERE service_id = $1";
    SET_WAY = "INSERT INTO sign_out_ways (service_id, way, url, secret_sealed, set_at) VALUES ($1, $2, $3, $4, $5)";
    UNSET_WAY = "DELETE FROM sign_out_ways WHERE service_id = $1";
    NOTE_DONE = "UPDATE sign_out_ways SET done_at = $2 WHERE service_id = $1";
    NOTE_FAILED = "UPDATE sign_out_ways SET failed_at = $2, answer = $3 WHERE service_id = $1";
    INSERT = "INSERT INTO sign_outs (id, service_id, kind, whose, name, app_password, label, event, request, initiator,
            happened_at, round, attempts, next_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    OF_ACCOUNT = "SELECT CAST(COUNT(*) AS BIGINT) FROM sign_outs WHERE whose = $1 AND service_id = $2";
    FOLD = "DELETE FROM sign_outs WHERE whose = $1 AND service_id = $2";
    SAME = "DELETE FROM sign_outs WHERE service_id = $1 AND kind = $2 AND name = $3 AND app_password = $4";
    DUE_SERVICES = "SELECT DISTINCT service_id FROM sign_outs WHERE next_at <= $1";
    DUE = "SELECT id, service_id, kind, whose, name, app_password, label, event, request, initiator, happened_at, round,
            attempts, next_at
        FROM sign_outs WHERE service_id = $1 AND next_at <= $2 ORDER BY next_at, event, id LIMIT $3";
    NEXT = "SELECT MIN(next_at) FROM sign_outs";
    POSTPONE = "UPDATE sign_outs SET attempts = attempts + 1, next_at = $3 WHERE service_id = $1 AND next_at <= $2";
    POSTPONE_ONE = "UPDATE sign_outs SET attempts = attempts + 1, next_at = $2 WHERE id = $1";
    AT_ONCE = "UPDATE sign_outs SET next_at = $2, attempts = 0 WHERE service_id = $1 AND round = 0 AND next_at > $2";
    AGAIN = "UPDATE sign_outs SET round = round + 1, attempts = 0, next_at = $2 WHERE id = $1";
    DELETE = "DELETE FROM sign_outs WHERE id = $1";
    DELETE_OF_SERVICE = "DELETE FROM sign_outs WHERE service_id = $1";
    WAITING = "SELECT CAST(COALESCE(SUM(CASE WHEN round = 0 THEN 1 ELSE 0 END), 0) AS BIGINT),
            CAST(COALESCE(SUM(CASE WHEN round = 0 THEN 0 ELSE 1 END), 0) AS BIGINT)
        FROM sign_outs WHERE service_id = $1";
    READ = "SELECT sign_outs_read FROM event_counter";
    SET_READ = "UPDATE event_counter SET sign_outs_read = $1 WHERE sign_outs_read < $1";
    READ_ALL = "UPDATE event_counter SET sign_outs_read = last_number";
    LIVE = "SELECT a.id, a.name, p.opens FROM app_passwords p JOIN accounts a ON a.id = p.account_id
        WHERE p.ended_at IS NULL OR p.ended_at >= $1 ORDER BY a.id";
    NEWEST_KEY = "SELECT id, private_sealed FROM signing_keys ORDER BY created_at DESC, id DESC LIMIT 1";
    INSERT_KEY = "INSERT INTO signing_keys (id, private_sealed, created_at) VALUES ($1, $2, $3)";
}

/// How people are signed out of each service that does it.
///
/// # Errors
/// As the database has them.
pub fn ways(conn: &mut Conn) -> Result<Vec<Way>, DbError> {
    conn.query(&WAYS, &[])?.iter().map(read_way).collect()
}

/// How people are signed out of this service.
///
/// # Errors
/// As the database has them.
pub fn way(conn: &mut Conn, service: ServiceId) -> Result<Option<Way>, DbError> {
    conn.query_one(&WAY, &[service.to_string().into()])?.as_ref().map(read_way).transpose()
}

fn read_way(row: &Row) -> Result<Way, DbError> {
    Ok(Way {
        service: row::parsed(row, 0)?,
        way: SignOutWay::from_code(row.text(1)?).ok_or_else(|| row::corrupt("sign_out_ways"))?,
        url: row.text(2)?.into(),
        secret_sealed: row.bytes(3)?.into(),
        set_at: row::time(row, 4)?,
        done_at: row::opt_time(row, 5)?,
        failed_at: row::opt_time(row, 6)?,
        answer: row.opt_text(7)?.map(Into::into),
    })
}

/// Sets how people are signed out of the service, in the place of what was set.
///
/// # Errors
/// As the database has them.
pub fn set_way(conn: &mut Conn, way: &Way) -> Result<(), DbError> {
    unset_way(conn, way.service)?;
    let params = [
        way.service.to_string().into(),
        way.way.code().into(),
        way.url.as_str().into(),
        way.secret_sealed.as_slice().into(),
        way.set_at.millis().into(),
    ];
    conn.execute(&SET_WAY, &params).map(drop)
}

/// Nobody is signed out of the service any more. False when nobody was.
///
/// # Errors
/// As the database has them.
pub fn unset_way(conn: &mut Conn, service: ServiceId) -> Result<bool, DbError> {
    Ok(conn.execute(&UNSET_WAY, &[service.to_string().into()])? == 1)
}

/// The service did what it was asked.
///
/// # Errors
/// As the database has them.
pub fn note_done(conn: &mut Conn, service: ServiceId, now: Timestamp) -> Result<(), DbError> {
    conn.execute(&NOTE_DONE, &[service.to_string().into(), now.millis().into()]).map(drop)
}

/// The service didn't do what it was asked: why, in words.
///
/// # Errors
/// As the database has them.
pub fn note_failed(conn: &mut Conn, service: ServiceId, now: Timestamp, why: &str) -> Result<(), DbError> {
    conn.execute(&NOTE_FAILED, &[service.to_string().into(), now.millis().into(), why.into()]).map(drop)
}

/// Adds what a service is to be asked. Where it is to do the same already, it is asked anew; where very much waits of one account, all of
/// that becomes the end of everything that the account has open.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, new: &SignOut) -> Result<(), DbError> {
    let of_account = [new.whose.to_string().into(), new.service.to_string().into()];
    let waiting = conn.query_one(&OF_ACCOUNT, &of_account)?.map_or(Ok(0), |row| row.int(0))?;
    if waiting >= MOST_OF_ACCOUNT && new.app_password.is_some() {
        conn.execute(&FOLD, &of_account)?;
        let kind = if new.kind == SignOutKind::Kick { new.kind } else { SignOutKind::SessionRevoked };
        return insert_row(conn, &SignOut { kind, app_password: None, label: String::new(), ..new.clone() });
    }
    insert_row(conn, new)
}

fn insert_row(conn: &mut Conn, new: &SignOut) -> Result<(), DbError> {
    let app_password = new.app_password.map(|id| id.to_string()).unwrap_or_default();
    if new.kind == SignOutKind::Kick {
        let same = [
            new.service.to_string().into(),
            new.kind.code().into(),
            new.name.as_str().into(),
            app_password.as_str().into(),
        ];
        conn.execute(&SAME, &same)?;
    }
    let params: [Value; 14] = [
        new.id.to_string().into(),
        new.service.to_string().into(),
        new.kind.code().into(),
        new.whose.to_string().into(),
        new.name.as_str().into(),
        app_password.into(),
        new.label.as_str().into(),
        new.event.into(),
        new.request.to_string().into(),
        new.initiator.code().into(),
        new.happened_at.millis().into(),
        new.round.into(),
        new.attempts.into(),
        new.next_at.millis().into(),
    ];
    conn.execute(&INSERT, &params).map(drop)
}

/// The services that are to be asked something now.
///
/// # Errors
/// As the database has them.
pub fn due_services(conn: &mut Conn, now: Timestamp) -> Result<Vec<ServiceId>, DbError> {
    conn.query(&DUE_SERVICES, &[now.millis().into()])?.iter().map(|row| row::parsed(row, 0)).collect()
}

/// What the service is to be asked now, at most `limit`, the oldest first.
///
/// # Errors
/// As the database has them.
pub fn due(conn: &mut Conn, service: ServiceId, now: Timestamp, limit: i64) -> Result<Vec<SignOut>, DbError> {
    let params = [service.to_string().into(), now.millis().into(), limit.into()];
    conn.query(&DUE, &params)?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<SignOut, DbError> {
    let corrupt = || row::corrupt("sign_outs");
    let app_password = row.text(5)?;
    Ok(SignOut {
        id: row::parsed(row, 0)?,
        service: row::parsed(row, 1)?,
        kind: SignOutKind::from_code(row.text(2)?).ok_or_else(corrupt)?,
        whose: row::parsed(row, 3)?,
        name: row.text(4)?.into(),
        app_password: (!app_password.is_empty()).then(|| row::parsed(row, 5)).transpose()?,
        label: row.text(6)?.into(),
        event: row.int(7)?,
        request: row::parsed(row, 8)?,
        initiator: Initiator::from_code(row.text(9)?).ok_or_else(corrupt)?,
        happened_at: row::time(row, 10)?,
        round: row.int(11)?,
        attempts: row.int(12)?,
        next_at: row::time(row, 13)?,
    })
}

/// When something is to be asked next.
///
/// # Errors
/// As the database has them.
pub fn next(conn: &mut Conn) -> Result<Option<Timestamp>, DbError> {
    conn.query_one(&NEXT, &[])?.map_or(Ok(None), |row| row::opt_time(&row, 0))
}

/// Puts off all that the service was to be asked by `now`: it was asked in vain.
///
/// # Errors
/// As the database has them.
pub fn postpone(
    conn: &mut Conn,
    service: ServiceId,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), DbError> {
    let params = [service.to_string().into(), now.millis().into(), until.millis().into()];
    conn.execute(&POSTPONE, &params).map(drop)
}

/// Puts off this alone: the service doesn't want it.
///
/// # Errors
/// As the database has them.
pub fn postpone_one(conn: &mut Conn, id: SignOutId, until: Timestamp) -> Result<(), DbError> {
    conn.execute(&POSTPONE_ONE, &[id.to_string().into(), until.millis().into()]).map(drop)
}

/// Asks for everything that hasn't been done yet now: whoever is asked has changed.
///
/// # Errors
/// As the database has them.
pub fn at_once(conn: &mut Conn, service: ServiceId, now: Timestamp) -> Result<(), DbError> {
    conn.execute(&AT_ONCE, &[service.to_string().into(), now.millis().into()]).map(drop)
}

/// It is done, and asked once more at `at`. False when it is no longer there.
///
/// # Errors
/// As the database has them.
pub fn again(conn: &mut Conn, id: SignOutId, at: Timestamp) -> Result<bool, DbError> {
    Ok(conn.execute(&AGAIN, &[id.to_string().into(), at.millis().into()])? == 1)
}

/// It is done for good, or given up. False when it is no longer there.
///
/// # Errors
/// As the database has them.
pub fn delete(conn: &mut Conn, id: SignOutId) -> Result<bool, DbError> {
    Ok(conn.execute(&DELETE, &[id.to_string().into()])? == 1)
}

/// The service is asked nothing more.
///
/// # Errors
/// As the database has them.
pub fn delete_of(conn: &mut Conn, service: ServiceId) -> Result<(), DbError> {
    conn.execute(&DELETE_OF_SERVICE, &[service.to_string().into()]).map(drop)
}

/// How many wait for the service.
///
/// # Errors
/// As the database has them.
pub fn waiting(conn: &mut Conn, service: ServiceId) -> Result<Waiting, DbError> {
    let row = conn.query_one(&WAITING, &[service.to_string().into()])?;
    let row = row.ok_or_else(|| row::corrupt("a count"))?;
    Ok(Waiting { first: row.int(0)?, again: row.int(1)? })
}

/// The number of the last event that has been read for sign-outs.
///
/// # Errors
/// As the database has them.
pub fn read_to(conn: &mut Conn) -> Result<i64, DbError> {
    conn.query_one(&READ, &[])?.ok_or_else(|| row::corrupt("event_counter"))?.int(0)
}

/// Notes the number of the last event that has been read for sign-outs, unless a later one has been.
///
/// # Errors
/// As the database has them.
pub fn set_read_to(conn: &mut Conn, number: i64) -> Result<(), DbError> {
    conn.execute(&SET_READ, &[number.into()]).map(drop)
}

/// Begins to read with what comes next.
///
/// # Errors
/// As the database has them.
pub fn begin_here(conn: &mut Conn) -> Result<(), DbError> {
    conn.execute(&READ_ALL, &[]).map(drop)
}

/// Every account with app-specific passwords that hadn't ended before `at`, once for each of these, and what it opens: account by account.
///
/// # Errors
/// As the database has them.
pub fn for_each_live(
    conn: &mut Conn,
    at: Timestamp,
    mut each: impl FnMut(AccountId, &str, Opens),
) -> Result<(), DbError> {
    conn.for_each(&LIVE, &[at.millis().into()], &mut |row| {
        let opens = u8::try_from(row.int(2)?).ok().and_then(Opens::from_bits);
        each(row::parsed(row, 0)?, row.text(1)?, opens.unwrap_or(Opens::Kinds(KindSet::NONE)));
        Ok(())
    })
}

/// The key that signs what webhooks are told, sealed, if one was made.
///
/// # Errors
/// As the database has them.
pub fn signing_key(conn: &mut Conn) -> Result<Option<(SigningKeyId, Vec<u8>)>, DbError> {
    let row = conn.query_one(&NEWEST_KEY, &[])?;
    row.map(|row| Ok((row::parsed(&row, 0)?, row.bytes(1)?.to_vec()))).transpose()
}

/// Adds a key that signs what webhooks are told.
///
/// # Errors
/// As the database has them.
pub fn insert_signing_key(
    conn: &mut Conn,
    id: SigningKeyId,
    private_sealed: &[u8],
    now: Timestamp,
) -> Result<(), DbError> {
    conn.execute(&INSERT_KEY, &[id.to_string().into(), private_sealed.into(), now.millis().into()]).map(drop)
}
