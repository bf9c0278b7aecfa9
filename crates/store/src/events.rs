//! The log: one table, numbered without gaps in commit order.

use domain::{AccountId, Actor, Event, NewEvent, Timestamp, What};

use crate::{
    Tx,
    db::{Conn, DbError, Row},
    row, statements,
};

statements! {
    NEXT_NUMBER = "UPDATE event_counter SET last_number = last_number + 1 RETURNING last_number";
    LAST = "SELECT epoch, last_number FROM event_counter";
    BEGIN_EPOCH = "UPDATE event_counter SET epoch = $1 WHERE epoch < $1";
    LAST_NUMBER = "SELECT last_number FROM event_counter";
    INSERT = "INSERT INTO events (number, at, account_id, actor, source, request, what)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    OF_ACCOUNT = "SELECT number, at, account_id, actor, source, what FROM events
        WHERE account_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3";
    LATEST_TIME = "SELECT MAX(at) FROM events";
    NUMBERS = "SELECT COUNT(*), MIN(number), MAX(number) FROM events";
}

/// Appends an event to the log, as the next number, in the transaction of the change that it tells of.
///
/// # Errors
/// As the database has them.
pub fn append(tx: &mut Tx<'_>, now: Timestamp, new: NewEvent) -> Result<(), DbError> {
    let row = tx.query_one(&NEXT_NUMBER, &[])?.ok_or_else(|| row::corrupt("event_counter"))?;
    let number = row.int(0)?;
    let what = serde_json::to_string(&new.what).map_err(|_| row::corrupt("an event to be written"))?;
    tx.execute(
        &INSERT,
        &[
            number.into(),
            now.millis().into(),
            new.account.map(|id| id.to_string()).into(),
            write_actor(new.actor).into(),
            new.source.clone().into(),
            new.request.to_string().into(),
            what.into(),
        ],
    )?;
    let NewEvent { account, actor, source, what, request: _ } = new;
    tx.note(Event { number, at: now, account, actor, source, what });
    Ok(())
}

/// At most `limit` events about the account, the newest first, those before number `before`.
///
/// # Errors
/// As the database has them.
pub fn of_account(
    conn: &mut Conn,
    account: AccountId,
    before: i64,
    limit: i64,
) -> Result<Vec<Event>, DbError> {
    conn.query(&OF_ACCOUNT, &[account.to_string().into(), before.into(), limit.into()])?
        .iter()
        .map(read)
        .collect()
}

/// Where the log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    /// Which numbering it is: a restored backup begins a new one.
    pub epoch: i64,
    /// The number of the last event.
    pub number: i64,
}

/// Where the log ends.
///
/// # Errors
/// As the database has them.
pub fn last(conn: &mut Conn) -> Result<Last, DbError> {
    let row = conn.query_one(&LAST, &[])?.ok_or_else(|| row::corrupt("event_counter"))?;
    Ok(Last { epoch: row.int(0)?, number: row.int(1)? })
}

/// Begins a new numbering, in which the numbers go on. False when it isn't a later one than that which holds.
///
/// # Errors
/// As the database has them.
pub fn begin_epoch(conn: &mut Conn, epoch: i64) -> Result<bool, DbError> {
    Ok(conn.execute(&BEGIN_EPOCH, &[epoch.into()])? == 1)
}

/// The number of the last event.
///
/// # Errors
/// As the database has them.
pub fn last_number(conn: &mut Conn) -> Result<i64, DbError> {
    conn.query_one(&LAST_NUMBER, &[])?.ok_or_else(|| row::corrupt("event_counter"))?.int(0)
}

/// The latest time that any event bears.
///
/// # Errors
/// As the database has them.
pub fn latest_time(conn: &mut Conn) -> Result<Option<Timestamp>, DbError> {
    conn.query_one(&LATEST_TIME, &[])?.map_or(Ok(None), |row| row::opt_time(&row, 0))
}

/// Whether the log's numbers run from 1 to the counter without a gap.
///
/// # Errors
/// As the database has them.
pub fn is_whole(conn: &mut Conn) -> Result<bool, DbError> {
    let last = last_number(conn)?;
    let row = conn.query_one(&NUMBERS, &[])?.ok_or_else(|| row::corrupt("events"))?;
    let (count, first, highest) = (row.int(0)?, row.opt_int(1)?, row.opt_int(2)?);
    Ok(count == last && (last == 0 || (first == Some(1) && highest == Some(last))))
}

fn read(row: &Row) -> Result<Event, DbError> {
    let what: What = serde_json::from_str(row.text(5)?).map_err(|_| row::corrupt("events.what"))?;
    Ok(Event {
        number: row.int(0)?,
        at: row::time(row, 1)?,
        account: row::opt_parsed(row, 2)?,
        actor: read_actor(row.text(3)?)?,
        source: row.opt_text(4)?.map(str::to_owned),
        what,
    })
}

fn write_actor(actor: Actor) -> String {
    match actor {
        Actor::Account(id) => id.to_string(),
        Actor::Machine => "machine".into(),
        Actor::Doorkey => "doorkey".into(),
    }
}

fn read_actor(text: &str) -> Result<Actor, DbError> {
    match text {
        "machine" => Ok(Actor::Machine),
        "doorkey" => Ok(Actor::Doorkey),
        id => id.parse().map(Actor::Account).map_err(|_| row::corrupt("events.actor")),
    }
}
