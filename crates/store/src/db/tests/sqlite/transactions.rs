//! Transactions that SQLite itself refuses, ends, or wants to have again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::db::tests::{Fixture, Place, Told, adding};
use crate::db::{ConflictKind, DbError, Statement};

static ADD_OR_END_ALL: Statement =
    Statement::new("kv.add_or_end_all", "INSERT OR ROLLBACK INTO kv (k) VALUES ($1)");
static ADD_OTHER: Statement = Statement::new("other.add", "INSERT INTO other.t VALUES ($1)");

#[test]
fn while_another_program_writes_the_answer_is_busy() {
    let fixture = Fixture::at(Place::sqlite(), |options| options.busy_timeout = Duration::ZERO);
    let other = rusqlite::Connection::open(fixture.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(fixture.add("a"), Err(DbError::Busy));
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(fixture.add("a"), Ok(()));
}

#[tokio::test]
async fn a_group_that_needs_a_fresh_look_is_run_again_whole() {
    let fixture = Fixture::at(Place::sqlite(), |options| options.busy_timeout = Duration::ZERO);
    let other = fixture.folder().join("other.db");
    let blocker = rusqlite::Connection::open(&other).unwrap();
    blocker.execute_batch("CREATE TABLE t (x TEXT); BEGIN IMMEDIATE").unwrap();
    let attach = format!("ATTACH '{}' AS other", other.display());
    let runs = Arc::new(AtomicUsize::new(0));

    let release = fixture.hold();
    let counting = Arc::clone(&runs);
    let neighbour = fixture.queued(move |tx| {
        counting.fetch_add(1, Ordering::Relaxed);
        adding("neighbour")(tx)
    });
    let mut blocker = Some(blocker);
    let mut attached = false;
    let blocked = fixture.queued(move |tx| {
        if attached {
            blocker = None;
        } else {
            tx.session().raw().execute_batch(&attach).unwrap();
            attached = true;
        }
        adding("blocked")(tx)?;
        // Even if it swallows the error, it is run again.
        let _ = tx.execute(&ADD_OTHER, &["x".into()]);
        Ok(blocker.is_none())
    });
    release.send(()).unwrap();
    neighbour.await.unwrap();
    assert_eq!(blocked.await, Ok(true), "the answer is the last run's");
    assert_eq!(runs.load(Ordering::Relaxed), 2, "what the neighbour saw may have changed too");
    assert_eq!(fixture.keys(), ["blocked", "neighbour"]);
    assert_eq!(fixture.told(), [Told::Committed(vec!["neighbour", "blocked"])]);
}

#[tokio::test]
async fn neighbours_survive_the_end_of_their_transaction() {
    let fixture = Fixture::sqlite();
    fixture.add("taken").unwrap();
    let release = fixture.hold();
    let first = fixture.queued(adding("first"));
    let ending = fixture.queued(|tx| tx.execute(&ADD_OR_END_ALL, &["taken".into()]));
    let last = fixture.queued(adding("last"));
    release.send(()).unwrap();
    first.await.unwrap();
    assert_eq!(ending.await, Err(DbError::Conflict(ConflictKind::Unique)));
    last.await.unwrap();
    assert_eq!(fixture.keys(), ["first", "last", "taken"]);
    let told: Vec<_> = fixture.told().split_off(1);
    assert_eq!(told, [Told::Committed(vec!["first"]), Told::Committed(vec!["last"])]);
}
