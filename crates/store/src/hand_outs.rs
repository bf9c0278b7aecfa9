//! What builds were given of connections: beside each such event, how often the same was given again within the minute after it.

use domain::{BuildId, ConnectionId, Event, Given, Timestamp};

use crate::{
    db::{Conn, DbError, Row},
    events, row, statements,
};

/// A hand-out: its event, and how often it was repeated.
#[derive(Clone, Debug)]
pub struct HandOut {
    /// A [`domain::What::HandedOut`].
    pub event: Event,
    /// How often the same build was given the same again, within a minute, at the same address.
    pub repeats: i64,
    /// When it was given last.
    pub last_at: Timestamp,
}

/// What a build was given a short while ago: a row of `hand_outs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    /// The number of its event.
    pub event: i64,
    /// To which build.
    pub build: BuildId,
    /// Of which connection.
    pub connection: ConnectionId,
    /// What.
    pub given: Given,
    /// The address that it was sent to.
    pub source: Option<String>,
    /// When.
    pub at: Timestamp,
}

statements! {
    INSERT = "INSERT INTO hand_outs (event, build_id, connection_id, given, source, at, repeats, last_at)
        VALUES ($1, $2, $3, $4, $5, $6, 0, $6)";
    RECENT = "SELECT event, build_id, connection_id, given, source, at FROM hand_outs
        WHERE build_id = $1 AND at > $2 ORDER BY event DESC LIMIT $3";
    REPEATED = "UPDATE hand_outs SET repeats = repeats + $2, last_at = CASE WHEN last_at < $3 THEN $3 ELSE last_at END
        WHERE event = $1";
    OF_BUILD = "SELECT e.number, e.at, e.account_id, e.actor, e.source, e.request, e.what, e.token, h.repeats, h.last_at
        FROM hand_outs h JOIN events e ON e.number = h.event
        WHERE h.build_id = $1 AND h.event < $2 ORDER BY h.event DESC LIMIT $3";
    OF_CONNECTION = "SELECT e.number, e.at, e.account_id, e.actor, e.source, e.request, e.what, e.token, h.repeats, h.last_at
        FROM events e JOIN hand_outs h ON h.event = e.number
        WHERE e.connection = $1 AND e.number < $2 ORDER BY e.number DESC LIMIT $3";
}

/// Adds a hand-out, whose event was just appended.
///
/// # Errors
/// As the database has them.
pub fn insert(conn: &mut Conn, hand_out: &Recent) -> Result<(), DbError> {
    let params = [
        hand_out.event.into(),
        hand_out.build.to_string().into(),
        hand_out.connection.to_string().into(),
        hand_out.given.code().into(),
        hand_out.source.clone().into(),
        hand_out.at.millis().into(),
    ];
    conn.execute(&INSERT, &params).map(drop)
}

/// At most `limit` of what the build was given after this moment, the newest first.
///
/// # Errors
/// As the database has them.
pub fn recent(conn: &mut Conn, build: BuildId, after: Timestamp, limit: i64) -> Result<Vec<Recent>, DbError> {
    let rows = conn.query(&RECENT, &[build.to_string().into(), after.millis().into(), limit.into()])?;
    rows.iter()
        .map(|row| {
            Ok(Recent {
                event: row.int(0)?,
                build: row::parsed(row, 1)?,
                connection: row::parsed(row, 2)?,
                given: Given::from_code(row.text(3)?).ok_or_else(|| row::corrupt("hand_outs.given"))?,
                source: row.opt_text(4)?.map(str::to_owned),
                at: row::time(row, 5)?,
            })
        })
        .collect()
}

/// Counts so many repeats, the last at `last_at`, on the hand-out of this event.
///
/// # Errors
/// As the database has them.
pub fn repeated(conn: &mut Conn, event: i64, count: i64, last_at: Timestamp) -> Result<(), DbError> {
    conn.execute(&REPEATED, &[event.into(), count.into(), last_at.millis().into()]).map(drop)
}

/// At most `limit` of what the build was given, the newest first, those of events before number `before`.
///
/// # Errors
/// As the database has them.
pub fn of_build(conn: &mut Conn, build: BuildId, before: i64, limit: i64) -> Result<Vec<HandOut>, DbError> {
    let rows = conn.query(&OF_BUILD, &[build.to_string().into(), before.into(), limit.into()])?;
    rows.iter().map(read).collect()
}

/// At most `limit` of what was given of the connection, the newest first, those of events before number `before`.
///
/// # Errors
/// As the database has them.
pub fn of_connection(
    conn: &mut Conn,
    connection: ConnectionId,
    before: i64,
    limit: i64,
) -> Result<Vec<HandOut>, DbError> {
    let rows = conn.query(&OF_CONNECTION, &[connection.to_string().into(), before.into(), limit.into()])?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<HandOut, DbError> {
    Ok(HandOut { event: events::read(row)?, repeats: row.int(8)?, last_at: row::time(row, 9)? })
}

#[cfg(test)]
mod tests {
    use domain::{AccountId, Actor, NewEvent, ProjectId, ProjectTokenId, Proof, RequestId, What};

    use super::*;
    use crate::Store;

    const ADA: AccountId = AccountId::from_bytes([1; 16]);

    fn given(tx: &mut crate::Tx<'_>, at: i64, build: u8, connection: u8) -> Result<i64, DbError> {
        let (build, id) = (BuildId::from_bytes([build; 16]), ConnectionId::from_bytes([connection; 16]));
        let at = Timestamp::from_millis(at);
        let what = What::HandedOut {
            project: ProjectId::from_bytes([2; 16]),
            project_name: "Northwind iOS".into(),
            build,
            proof: Proof::ProjectToken { id: ProjectTokenId::from_bytes([3; 16]), label: "Jenkins".into() },
            commit: Some("1a2b3c4".into()),
            reference: None,
            id,
            name: "AuthKey_2X9R4HXF34".into(),
            given: vec![Given::ApiKey],
        };
        let source = Some("203.0.113.9".to_owned());
        let (request, actor) = (RequestId::from_bytes([4; 16]), Actor::Doorkey);
        let new = NewEvent { account: Some(ADA), actor, source: source.clone(), request, token: None, what };
        let event = events::append_numbered(tx, at, new)?;
        insert(tx, &Recent { event, build, connection: id, given: Given::ApiKey, source, at })?;
        Ok(event)
    }

    #[test]
    fn a_hand_out_is_found_by_its_build_and_by_its_connection() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_sqlite(&folder.path().join("doorkey.db"), |_| ()).unwrap();
        let numbers = store
            .write_blocking(|tx| {
                let all = [(1_000, 7, 8), (2_000, 7, 9), (3_000, 6, 8), (70_000, 7, 8)];
                all.into_iter().map(|(at, build, of)| given(tx, at, build, of)).collect::<Result<Vec<_>, _>>()
            })
            .unwrap();
        let (seven, eight) = (BuildId::from_bytes([7; 16]), ConnectionId::from_bytes([8; 16]));
        let told = |all: Vec<HandOut>| all.iter().map(|one| one.event.number).collect::<Vec<_>>();
        let of_build = |before, limit| told(store.read(|c| of_build(c, seven, before, limit)).unwrap());
        assert_eq!(of_build(i64::MAX, 9), [numbers[3], numbers[1], numbers[0]]);
        assert_eq!(of_build(numbers[3], 1), [numbers[1]]);
        let of_eight = |before, limit| told(store.read(|c| of_connection(c, eight, before, limit)).unwrap());
        assert_eq!(of_eight(i64::MAX, 9), [numbers[3], numbers[2], numbers[0]]);
        assert_eq!(of_eight(numbers[2], 9), [numbers[0]]);

        let after = Timestamp::from_millis(1_000);
        let found = store.read(|conn| recent(conn, seven, after, 9)).unwrap();
        assert_eq!(found.iter().map(|one| one.event).collect::<Vec<_>>(), [numbers[3], numbers[1]]);
        assert_eq!((found[0].connection, found[0].source.as_deref()), (eight, Some("203.0.113.9")));

        let first = numbers[0];
        let counted = [(2, 50_000), (3, 40_000)];
        for (count, last) in counted {
            store.write_blocking(move |tx| repeated(tx, first, count, Timestamp::from_millis(last))).unwrap();
        }
        let all = store.read(|conn| super::of_build(conn, seven, i64::MAX, 9)).unwrap();
        assert_eq!((all[2].repeats, all[2].last_at.millis(), all[2].event.at.millis()), (5, 50_000, 1_000));
        assert_eq!((all[0].repeats, all[0].last_at.millis()), (0, 70_000));
    }
}
