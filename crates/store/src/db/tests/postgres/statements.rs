//! Statements as PostgreSQL sees them.

use std::sync::{Arc, mpsc};

use crate::db::tests::{Answer, Fixture, KEYS, PUT, Place, poll, until};
use crate::db::{DbError, Statement};

fn fixture() -> Fixture {
    Fixture::at(Place::postgres(), |_| {})
}

fn assert_misuse<R: std::fmt::Debug>(result: Result<R, DbError>, says: &str) {
    assert!(matches!(&result, Err(DbError::Misuse(text)) if text.contains(says)), "{result:?}");
}

#[test]
fn types_that_sqlite_would_not_notice_are_found_when_a_statement_is_checked() {
    static BOOL: Statement = Statement::new("t", "SELECT n > 0 FROM kv");
    static NUMERIC: Statement = Statement::new("t", "SELECT SUM(n) FROM kv");
    static INT4: Statement = Statement::new("t", "SELECT k FROM kv WHERE 1 = $1");
    let fixture = fixture();
    for (statement, says) in [
        (&BOOL, "its column 0 is of type bool"),
        (&NUMERIC, "its column 0 is of type numeric"),
        (&INT4, "its parameter 1 is of type int4"),
    ] {
        assert_misuse(fixture.db.read(|conn| conn.check(statement)), says);
    }
}

#[test]
fn a_value_of_another_type_is_not_sent() {
    let fixture = fixture();
    let put = |values: [crate::db::Value; 4]| fixture.db.write_blocking(move |tx| tx.execute(&PUT, &values));
    assert_misuse(
        put(["k".into(), 1.into(), 1.into(), b"b".into()]),
        "a BIGINT was given for a parameter of type text",
    );
    assert_misuse(
        put(["k".into(), "v".into(), "n".into(), b"b".into()]),
        "a TEXT was given for a parameter of type int8",
    );
    assert_misuse(
        put(["k".into(), "v".into(), 1.into(), "b".into()]),
        "a TEXT was given for a parameter of type bytea",
    );
    assert_eq!(put(["k".into(), "v".into(), 1.into(), b"b".into()]), Ok(1));
}

#[test]
fn texts_sort_by_their_bytes_as_in_sqlite() {
    let fixture = fixture();
    let keys = ["", "-a", "B", "Z", "_", "a", "a-b", "aa", "ab", "z", "é"];
    for key in keys.iter().rev() {
        fixture.add(key).unwrap();
    }
    assert_eq!(fixture.keys(), keys);
}

#[test]
fn a_statement_is_prepared_once_on_a_connection() {
    static COUNT: Statement = Statement::new(
        "t",
        "SELECT COUNT(*) FROM pg_prepared_statements WHERE statement LIKE '%FROM kv ORDER BY k'",
    );
    let fixture = Fixture::at(Place::postgres(), |options| options.readers = 1);
    for _ in 0..3 {
        fixture.keys();
    }
    let prepared = fixture.db.read(|conn| conn.query_one(&COUNT, &[])?.unwrap().int(0));
    assert_eq!(prepared, Ok(1));
}

#[test]
fn the_server_itself_refuses_to_write_where_only_reading_is_meant() {
    static CALL: Statement = Statement::new("t", "SELECT CAST(nextval('numbers') AS BIGINT)");
    let fixture = fixture();
    fixture.place.ask("CREATE SEQUENCE numbers");
    for answer in [
        fixture.db.read(|conn| conn.query(&CALL, &[])),
        fixture.db.scan_blocking(|conn| conn.query(&CALL, &[])),
    ] {
        assert!(
            matches!(&answer, Err(DbError::Unavailable(text)) if text.contains("read-only")),
            "{answer:?}"
        );
    }
}

/// A look at what else the server does, from a connection that reads.
static SLEEPING: Statement = Statement::new(
    "t",
    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(999)%'
         AND state = 'active' AND pid <> pg_backend_pid()",
);
static SLEEP: Statement = Statement::new("t", "SELECT 1 FROM pg_sleep(999)");

fn sleeping(fixture: &Fixture) -> i64 {
    fixture.db.read(|conn| conn.query_one(&SLEEPING, &[])?.unwrap().int(0)).unwrap()
}

#[tokio::test]
async fn a_scan_whose_caller_goes_away_is_stopped_on_the_server() {
    let fixture = Fixture::at(Place::postgres(), |options| options.scanners = 1);
    let (ended, has_ended) = mpsc::channel();
    let db = Arc::clone(&fixture.db);
    let mut scan: Answer<()> = Box::pin(async move {
        db.scan(move |conn| {
            let result = conn.query(&SLEEP, &[]).map(drop);
            ended.send(result.clone()).unwrap();
            result
        })
        .await
    });
    assert!(poll(&mut scan).is_pending());
    until(|| sleeping(&fixture) > 0);
    drop(scan);
    let result = has_ended.recv().unwrap();
    assert!(matches!(&result, Err(DbError::Unavailable(text)) if text.contains("interrupted")), "{result:?}");
    until(|| sleeping(&fixture) == 0);
    assert_eq!(
        fixture.db.scan_blocking(|conn| conn.query(&KEYS, &[])).unwrap().len(),
        0,
        "the next one isn't hit"
    );
}
