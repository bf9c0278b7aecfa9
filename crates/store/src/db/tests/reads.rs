//! Reads: beside the writer, from pools that come back whole.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::{COUNT, Fixture, KEYS, null, poll};
use crate::db::{Conn, DbError};

fn count(conn: &mut Conn) -> Result<i64, DbError> {
    conn.query_one(&COUNT, &[])?.unwrap().int(0)
}

#[test]
fn a_long_read_sees_one_state_and_blocks_nobody() {
    let fixture = Fixture::new();
    fixture.add("a").unwrap();
    let counts = fixture.db.scan_blocking(|conn| -> Result<_, DbError> {
        let before = count(conn)?;
        fixture.add("b")?;
        Ok((before, count(conn)?, fixture.db.read(count)?))
    });
    assert_eq!(counts, Ok((1, 1, 2)));
    assert_eq!(fixture.db.scan_blocking(count), Ok(2), "the next scan sees the new state");
}

#[test]
fn a_read_does_not_wait_for_ever_for_a_connection() {
    let fixture = Fixture::with(|options| {
        (options.readers, options.scanners) = (1, 1);
        options.read_wait = Duration::from_millis(1);
    });
    assert_eq!(fixture.db.read(|_| fixture.db.read(count)), Err(DbError::Busy));
    assert_eq!(fixture.db.scan_blocking(|_| fixture.db.scan_blocking(count)), Err(DbError::Busy));
    assert_eq!(fixture.db.scan_blocking(|_| fixture.db.read(count)), Ok(0), "a scan takes no reader's place");
    assert_eq!(fixture.db.read(count), Ok(0));
}

#[test]
fn a_connection_comes_back_from_a_panic_and_from_an_error() {
    let fixture = Fixture::with(|options| {
        (options.readers, options.scanners) = (1, 1);
        options.read_wait = Duration::from_millis(1);
    });
    fixture.add("a").unwrap();
    let in_a_row =
        |conn: &mut Conn| conn.for_each(&KEYS, &[], &mut |_| -> Result<(), DbError> { panic!("in a row") });
    let db = &fixture.db;
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| db.read(in_a_row))).is_err());
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| db.scan_blocking(in_a_row))).is_err());
    assert!(db.read(|conn| conn.query(&KEYS, &[null()])).is_err());
    assert!(db.scan_blocking(|conn| conn.query(&KEYS, &[null()])).is_err());
    assert_eq!((db.read(count), db.scan_blocking(count)), (Ok(1), Ok(1)));
}

#[tokio::test]
async fn a_scan_runs_beside_the_caller() {
    let fixture = Fixture::new();
    fixture.add("a").unwrap();
    assert_eq!(fixture.db.scan(count).await, Ok(1));
    let panicking = fixture.db.scan(|_| -> Result<(), DbError> { panic!("in a scan") }).await;
    assert_eq!(panicking, Err(DbError::Panicked));
}

#[tokio::test]
async fn a_scan_stops_when_its_caller_goes_away() {
    let fixture = Fixture::new();
    fixture.add("a").unwrap();
    fixture.add("b").unwrap();
    let (entered, has_entered) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let (ended, has_ended) = mpsc::channel();
    let db = Arc::clone(&fixture.db);
    let mut scan: super::Answer<()> = Box::pin(async move {
        db.scan(move |conn| {
            let result: Result<(), DbError> = conn.for_each(&KEYS, &[], &mut |_| {
                entered.send(()).unwrap();
                may_go_on.recv().unwrap();
                Ok(())
            });
            ended.send(result.clone()).unwrap();
            result
        })
        .await
    });
    assert!(poll(&mut scan).is_pending());
    has_entered.recv().unwrap();
    drop(scan);
    go_on.send(()).unwrap();
    drop(go_on);
    let result = has_ended.recv().unwrap();
    assert!(matches!(&result, Err(DbError::Unavailable(text)) if text.contains("interrupted")), "{result:?}");
}
