//! The log: one table, numbered without gaps in commit order.

use std::ops::RangeInclusive;

use domain::{
    AccountId, AccountName, Actor, ConnectionId, Event, NewEvent, ProjectId, Sort, Timestamp, What,
};

use crate::{
    Tx,
    db::{Conn, DbError, Row, Statement, Value},
    row, statements,
};

/// Which events: those that fit everything that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The account that they are about.
    pub account: Option<AccountId>,
    /// The name of what happened, such as `signed_in`.
    pub kind: Option<String>,
    /// The sort that people know it by.
    pub sort: Option<Sort>,
    /// Who did it.
    pub actor: Option<Actor>,
    /// The name of the service that it is about, or that it happened at.
    pub service: Option<String>,
    /// The project that it is about, or that it happened in.
    pub project: Option<ProjectId>,
    /// The connection that it is about.
    pub connection: Option<ConnectionId>,
    /// Any of the addresses that it came from; none for all.
    pub sources: Vec<String>,
    /// Not before this moment.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
}

/// The columns and the conditions that all of the statements share; `$found` is what an index finds, and `$way` which come first.
///
/// A condition that isn't set is an empty text, so that one text serves all filters. The pluses keep the databases from going by the time:
/// numbers come in the order that is asked for, and the times of a number's neighbours are near.
macro_rules! fitting {
    ($found:literal, $way:literal) => {
        concat!(
            "SELECT number, at, account_id, actor, source, request, what, token FROM events WHERE ",
            $found,
            "number >= $1 AND number <= $2 AND ($4 = '' OR account_id = $4) AND ($5 = '' OR kind = $5)
                AND ($6 = '' OR sort = $6) AND ($7 = '' OR actor = $7) AND ($8 = '' OR service = $8)
                AND ($9 = '' OR source = $9) AND +at >= $10 AND +at < $11 AND ($12 = '' OR project = $12)
                AND ($13 = '' OR connection = $13)
            ORDER BY number ",
            $way,
            " LIMIT $3"
        )
    };
}

statements! {
    TAKE_NUMBERS = "UPDATE event_counter SET last_number = last_number + $1 RETURNING last_number";
    LAST = "SELECT epoch, last_number FROM event_counter";
    BEGIN_EPOCH = "UPDATE event_counter SET epoch = $1 WHERE epoch < $1";
    INSERT = "INSERT INTO events (number, at, account_id, actor, source, request, what, kind, sort, service, token, project, connection)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    NEWEST = fitting!("", "DESC");
    OLDEST = fitting!("", "");
    NEWEST_OF_ACCOUNT = fitting!("account_id = $4 AND ", "DESC");
    OLDEST_OF_ACCOUNT = fitting!("account_id = $4 AND ", "");
    NEWEST_OF_SOURCE = fitting!("source = $9 AND ", "DESC");
    OLDEST_OF_SOURCE = fitting!("source = $9 AND ", "");
    NEWEST_OF_KIND = fitting!("kind = $5 AND ", "DESC");
    OLDEST_OF_KIND = fitting!("kind = $5 AND ", "");
    NEWEST_OF_SERVICE = fitting!("service = $8 AND ", "DESC");
    OLDEST_OF_SERVICE = fitting!("service = $8 AND ", "");
    NEWEST_OF_PROJECT = fitting!("project = $12 AND ", "DESC");
    OLDEST_OF_PROJECT = fitting!("project = $12 AND ", "");
    NEWEST_OF_CONNECTION = fitting!("connection = $13 AND ", "DESC");
    OLDEST_OF_CONNECTION = fitting!("connection = $13 AND ", "");
    NEWEST_OF_ACTOR = fitting!("actor = $7 AND ", "DESC");
    OLDEST_OF_ACTOR = fitting!("actor = $7 AND ", "");
    NEWEST_OF_SORT = fitting!("sort = $6 AND ", "DESC");
    OLDEST_OF_SORT = fitting!("sort = $6 AND ", "");
    FIRST_FROM = "SELECT MIN(+number) FROM events WHERE at >= $1";
    LAST_BEFORE = "SELECT MAX(+number) FROM events WHERE at < $1";
    ALL_KINDS = "WITH RECURSIVE found (kind) AS (
            SELECT MIN(kind) FROM events
            UNION ALL SELECT (SELECT MIN(e.kind) FROM events e WHERE e.kind > found.kind) FROM found
                WHERE found.kind IS NOT NULL
        ) SELECT kind FROM found WHERE kind IS NOT NULL";
    ALL_SERVICES = "WITH RECURSIVE found (service) AS (
            SELECT MIN(service) FROM events WHERE service IS NOT NULL
            UNION ALL SELECT (SELECT MIN(e.service) FROM events e WHERE e.service > found.service) FROM found
                WHERE found.service IS NOT NULL
        ) SELECT service FROM found WHERE service IS NOT NULL";
    LAST_NAME = "SELECT what FROM events WHERE account_id = $1 AND kind IN ('account_added', 'account_invited', 'account_removed')
        ORDER BY number DESC LIMIT 1";
    REMOVED = "SELECT account_id, what FROM events WHERE kind = 'account_removed' ORDER BY number DESC";
    CONNECTIONS_OF = "SELECT number, at, account_id, actor, source, request, what, token FROM events
        WHERE kind IN ('connection_chosen', 'connection_unused') AND COALESCE(project, '') = $1 ORDER BY number DESC LIMIT $2";
    LATEST_TIME = "SELECT MAX(at) FROM events";
}

/// Appends an event to the log, as the next number, in the transaction of the change that it tells of.
///
/// # Errors
/// As the database has them.
pub fn append(tx: &mut Tx<'_>, now: Timestamp, new: NewEvent) -> Result<(), DbError> {
    append_all(tx, now, vec![new])
}

/// The same, and gives its number.
///
/// # Errors
/// As the database has them.
pub fn append_numbered(tx: &mut Tx<'_>, now: Timestamp, new: NewEvent) -> Result<i64, DbError> {
    append_from(tx, now, vec![new])
}

/// Appends events to the log, as the next numbers in this order, in the transaction of the changes that they tell of.
///
/// # Errors
/// As the database has them.
pub fn append_all(tx: &mut Tx<'_>, now: Timestamp, new: Vec<NewEvent>) -> Result<(), DbError> {
    append_from(tx, now, new).map(drop)
}

/// Gives the number of the first.
fn append_from(tx: &mut Tx<'_>, now: Timestamp, new: Vec<NewEvent>) -> Result<i64, DbError> {
    let count = i64::try_from(new.len()).map_err(|_| row::corrupt("events to be written"))?;
    let row = tx.query_one(&TAKE_NUMBERS, &[count.into()])?.ok_or_else(|| row::corrupt("event_counter"))?;
    let first = row.int(0)? - count + 1;
    let numbered: Vec<Event> = (first..)
        .zip(new)
        .map(|(number, NewEvent { account, actor, source, what, request, token })| Event {
            number,
            at: now,
            account,
            actor,
            source,
            request,
            token,
            what,
        })
        .collect();
    let rows = numbered.iter().map(write).collect::<Result<Vec<_>, _>>()?;
    tx.execute_all(&INSERT, &rows)?;
    for event in numbered {
        tx.note(event);
    }
    Ok(first)
}

fn write(event: &Event) -> Result<[Value; 13], DbError> {
    let what = serde_json::to_string(&event.what).map_err(|_| row::corrupt("an event to be written"))?;
    let kind = kind_of(&what).ok_or_else(|| row::corrupt("an event to be written"))?.to_owned();
    Ok([
        event.number.into(),
        event.at.millis().into(),
        event.account.map(|id| id.to_string()).into(),
        write_actor(event.actor).into(),
        event.source.clone().into(),
        event.request.to_string().into(),
        what.into(),
        kind.into(),
        event.what.sort().code().into(),
        event.what.service().map(str::to_owned).into(),
        event.token.clone().into(),
        event.what.project().map(|project| project.to_string()).into(),
        event.what.connection().map(|connection| connection.to_string()).into(),
    ])
}

/// The name of what happened, with which its text begins.
fn kind_of(what: &str) -> Option<&str> {
    what.strip_prefix("{\"what\":\"")?.split('"').next()
}

/// Where the log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    /// Which numbering it is: a restored backup begins a new one.
    pub epoch: i64,
    /// The number of the last event; 0 when there is none.
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

/// At most `limit` fitting events, the newest first, those before number `before`.
///
/// # Errors
/// As the database has them.
pub fn newest(conn: &mut Conn, filter: &Filter, before: i64, limit: i64) -> Result<Vec<Event>, DbError> {
    let numbers = i64::MIN..=before.saturating_sub(1);
    let mut events = fitting(conn, filter, numbers, limit, |found| match found {
        By::Account => &NEWEST_OF_ACCOUNT,
        By::Source => &NEWEST_OF_SOURCE,
        By::Kind => &NEWEST_OF_KIND,
        By::Service => &NEWEST_OF_SERVICE,
        By::Project => &NEWEST_OF_PROJECT,
        By::Connection => &NEWEST_OF_CONNECTION,
        By::Actor => &NEWEST_OF_ACTOR,
        By::Sort => &NEWEST_OF_SORT,
        By::Number => &NEWEST,
    })?;
    events.sort_unstable_by_key(|event| std::cmp::Reverse(event.number));
    events.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(events)
}

/// At most `limit` fitting events, the oldest first, those after number `after` and up to number `last`.
///
/// # Errors
/// As the database has them.
pub fn oldest(
    conn: &mut Conn,
    filter: &Filter,
    after: i64,
    last: i64,
    limit: i64,
) -> Result<Vec<Event>, DbError> {
    let mut events = fitting(conn, filter, after.saturating_add(1)..=last, limit, |found| match found {
        By::Account => &OLDEST_OF_ACCOUNT,
        By::Source => &OLDEST_OF_SOURCE,
        By::Kind => &OLDEST_OF_KIND,
        By::Service => &OLDEST_OF_SERVICE,
        By::Project => &OLDEST_OF_PROJECT,
        By::Connection => &OLDEST_OF_CONNECTION,
        By::Actor => &OLDEST_OF_ACTOR,
        By::Sort => &OLDEST_OF_SORT,
        By::Number => &OLDEST,
    })?;
    events.sort_unstable_by_key(|event| event.number);
    events.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(events)
}

/// What the events are found by: the condition that leaves the fewest, as far as that can be known beforehand.
enum By {
    Account,
    Source,
    Kind,
    Service,
    Connection,
    Project,
    Actor,
    Sort,
    Number,
}

impl Filter {
    fn found_by(&self) -> By {
        match self {
            Self { account: Some(_), .. } => By::Account,
            Self { sources, .. } if !sources.is_empty() => By::Source,
            Self { actor: Some(Actor::Account(_)), .. } => By::Actor,
            Self { connection: Some(_), .. } => By::Connection,
            Self { project: Some(_), .. } => By::Project,
            Self { kind: Some(_), .. } => By::Kind,
            Self { service: Some(_), .. } => By::Service,
            Self { sort: Some(_), .. } => By::Sort,
            Self { actor: Some(_), .. } => By::Actor,
            _ => By::Number,
        }
    }
}

fn fitting(
    conn: &mut Conn,
    filter: &Filter,
    numbers: RangeInclusive<i64>,
    limit: i64,
    statement: impl Fn(By) -> &'static Statement,
) -> Result<Vec<Event>, DbError> {
    let (mut first, mut last) = numbers.into_inner();
    // Exact whatever the clock did: no event outside of these numbers lies in the time that is asked for.
    if let Some(from) = filter.from {
        match bound(conn, &FIRST_FROM, from)? {
            Some(number) => first = first.max(number),
            None => return Ok(Vec::new()),
        }
    }
    if let Some(to) = filter.to {
        match bound(conn, &LAST_BEFORE, to)? {
            Some(number) => last = last.min(number),
            None => return Ok(Vec::new()),
        }
    }
    let text = |text: Option<String>| Value::from(text.unwrap_or_default());
    let mut events = Vec::new();
    // Each by its place in an index.
    let any = filter.sources.is_empty().then_some("");
    for source in filter.sources.iter().map(String::as_str).chain(any) {
        let params = [
            first.into(),
            last.into(),
            limit.into(),
            text(filter.account.map(|id| id.to_string())),
            text(filter.kind.clone()),
            text(filter.sort.map(|sort| sort.code().to_owned())),
            text(filter.actor.map(write_actor)),
            text(filter.service.clone()),
            source.into(),
            filter.from.map_or(i64::MIN, Timestamp::millis).into(),
            filter.to.map_or(i64::MAX, Timestamp::millis).into(),
            text(filter.project.map(|id| id.to_string())),
            text(filter.connection.map(|id| id.to_string())),
        ];
        for row in conn.query(statement(filter.found_by()), &params)? {
            events.push(read(&row)?);
        }
    }
    Ok(events)
}

fn bound(conn: &mut Conn, statement: &'static Statement, at: Timestamp) -> Result<Option<i64>, DbError> {
    conn.query_one(statement, &[at.millis().into()])?.map_or(Ok(None), |row| row.opt_int(0))
}

/// The names of all that ever happened, in their order: the kinds that there are in the log.
///
/// # Errors
/// As the database has them.
pub fn kinds(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    texts(conn, &ALL_KINDS)
}

/// The names of all services in the log, in their order.
///
/// # Errors
/// As the database has them.
pub fn services(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    texts(conn, &ALL_SERVICES)
}

fn texts(conn: &mut Conn, statement: &'static Statement) -> Result<Vec<String>, DbError> {
    conn.query(statement, &[])?.iter().map(|row| row.text(0).map(str::to_owned)).collect()
}

/// The ID that an account bore, by the log: for one that was removed.
///
/// # Errors
/// As the database has them.
pub fn last_name(conn: &mut Conn, account: AccountId) -> Result<Option<String>, DbError> {
    let found = conn.query_one(&LAST_NAME, &[account.to_string().into()])?;
    found.map_or(Ok(None), |row| row.text(0).map(name_in))
}

/// The account that was removed last under this ID.
///
/// # Errors
/// As the database has them.
pub fn removed(conn: &mut Conn, name: &AccountName) -> Result<Option<AccountId>, DbError> {
    let mut found = None;
    conn.for_each(&REMOVED, &[], &mut |row| {
        if found.is_none() && name_in(row.text(1)?).as_deref() == Some(name.as_str()) {
            found = row::opt_parsed(row, 0)?;
        }
        Ok::<_, DbError>(())
    })?;
    Ok(found)
}

/// The ID in an event that tells of an account's beginning or end.
fn name_in(what: &str) -> Option<String> {
    let what: serde_json::Value = serde_json::from_str(what).ok()?;
    what.get("name")?.as_str().map(str::to_owned)
}

/// At most `limit` events that tell which connections a project's builds use, and which they stopped using, the newest first. They are found
/// by their kinds: a project has many more of others.
///
/// # Errors
/// As the database has them.
pub fn connections_of(conn: &mut Conn, project: ProjectId, limit: i64) -> Result<Vec<Event>, DbError> {
    conn.query(&CONNECTIONS_OF, &[project.to_string().into(), limit.into()])?.iter().map(read).collect()
}

/// The latest time that any event bears.
///
/// # Errors
/// As the database has them.
pub fn latest_time(conn: &mut Conn) -> Result<Option<Timestamp>, DbError> {
    conn.query_one(&LATEST_TIME, &[])?.map_or(Ok(None), |row| row::opt_time(&row, 0))
}

pub(crate) fn read(row: &Row) -> Result<Event, DbError> {
    let what: What = serde_json::from_str(row.text(6)?).map_err(|_| row::corrupt("events.what"))?;
    Ok(Event {
        number: row.int(0)?,
        at: row::time(row, 1)?,
        account: row::opt_parsed(row, 2)?,
        actor: read_actor(row.text(3)?)?,
        source: row.opt_text(4)?.map(str::to_owned),
        request: row::parsed(row, 5)?,
        token: row.opt_text(7)?.map(str::to_owned),
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

#[cfg(test)]
mod tests;
