//! Transactions that meet somebody else's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::db::tests::{Fixture, Place, Told, adding};
use crate::db::{DbError, Statement, Value};

static BUMP: Statement = Statement::new("kv.bump", "UPDATE kv SET n = n + 1 WHERE k = $1");
static PUT_N: Statement = Statement::new("kv.put_n", "INSERT INTO kv (k, n) VALUES ($1, $2)");

fn fixture() -> Fixture {
    Fixture::at(Place::postgres(), |_| {})
}

#[tokio::test]
async fn a_group_that_needs_a_fresh_look_is_run_again_whole() {
    let fixture = fixture();
    fixture.db.write_blocking(|tx| tx.execute(&PUT_N, &["x".into(), 1.into()])).unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let release = fixture.hold();
    let counting = Arc::clone(&runs);
    let neighbour = fixture.queued(move |tx| {
        counting.fetch_add(1, Ordering::Relaxed);
        adding("neighbour")(tx)
    });
    let (place, mut disturbed) = (Arc::clone(&fixture.place), false);
    let blocked = fixture.queued(move |tx| {
        // By now the transaction sees one state of the data.
        adding("blocked")(tx)?;
        if !disturbed {
            place.ask("UPDATE kv SET n = 10 WHERE k = 'x'");
            disturbed = true;
        }
        // Even if it swallows the error, it is run again.
        let _ = tx.execute(&BUMP, &["x".into()]);
        Ok(())
    });
    release.send(()).unwrap();
    neighbour.await.unwrap();
    blocked.await.unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 2, "what the neighbour saw may have changed too");
    assert_eq!(fixture.place.ask("SELECT n FROM kv WHERE k = 'x'"), "11", "nothing was overwritten");
    assert_eq!(fixture.told(), [Told::Committed(vec!["neighbour", "blocked"])]);
}

#[test]
fn a_lock_that_somebody_keeps_is_not_waited_for_for_ever() {
    let fixture = fixture();
    fixture.add("x").unwrap();
    let Place::Postgres(database) = &*fixture.place else { panic!() };
    let other = database.session();
    other.say("BEGIN; LOCK TABLE kv IN EXCLUSIVE MODE;");
    let answer = fixture.add("y");
    assert!(
        matches!(&answer, Err(DbError::Unavailable(text)) if text.contains("lock timeout")),
        "{answer:?}"
    );
    assert_eq!(fixture.keys(), ["x"], "reading goes on");
    drop(other);
    assert_eq!(fixture.add("y"), Ok(()));
}

#[test]
fn a_commit_of_a_failed_transaction_is_no_success() {
    let fixture = fixture();
    fixture.add("taken").unwrap();
    // Past the layer that would undo it: the server's own answer to this COMMIT is that all is well.
    let committed = fixture.db.write_blocking(|tx| {
        let session = tx.postgres_session();
        let key: [Value; 1] = ["taken".into()];
        session.execute(&crate::db::tests::ADD, &key, crate::db::conn::Access::Write).unwrap_err();
        let refused = session.commit().is_err();
        session.control(crate::db::conn::Control::BeginWrite)?;
        session.control(crate::db::conn::Control::Savepoint)?;
        Ok::<_, DbError>(refused)
    });
    assert_eq!(committed, Ok(true));
}
