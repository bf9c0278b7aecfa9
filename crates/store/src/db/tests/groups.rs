//! Groups: one commit for many, and nobody hears before it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::Poll;

use super::{ADD, COUNT, Fixture, KEYS, Place, TABLES, Told, adding, poll, texts};
use crate::db::{Database, DbError, Outcome};

#[tokio::test]
async fn what_has_gathered_shares_one_commit() {
    let fixture = Fixture::new();
    let release = fixture.hold();
    let answers: Vec<_> = (0..64_i64)
        .map(|number| {
            fixture.queued(move |tx| {
                tx.execute(&ADD, &[number.to_string().into()])?;
                tx.note("one");
                Ok(())
            })
        })
        .collect();
    release.send(()).unwrap();
    for answer in answers {
        answer.await.unwrap();
    }
    assert_eq!(
        fixture.told(),
        [Told::Committed(vec!["one"; 64])],
        "the follower is called once for each commit"
    );
    assert_eq!(fixture.keys().len(), 64);
}

#[tokio::test]
async fn a_unit_that_fails_leaves_its_neighbours_alone() {
    let fixture = Fixture::new();
    let release = fixture.hold();
    let first = fixture.queued(adding("first"));
    let failing = fixture.queued(|tx| {
        adding("failing")(tx)?;
        Err::<(), _>(DbError::Misuse("of its own".to_owned()))
    });
    let last = fixture.queued(adding("last"));
    release.send(()).unwrap();
    first.await.unwrap();
    assert_eq!(failing.await, Err(DbError::Misuse("of its own".to_owned())));
    last.await.unwrap();
    assert_eq!(fixture.keys(), ["first", "last"]);
    assert_eq!(fixture.told(), [Told::Committed(vec!["first", "last"])]);
}

#[tokio::test]
async fn a_unit_that_panics_leaves_its_neighbours_and_the_writer_alone() {
    let fixture = Fixture::new();
    let release = fixture.hold();
    let first = fixture.queued(adding("first"));
    let panicking = fixture.queued(|tx| -> Result<(), DbError> {
        adding("panicking")(tx)?;
        tx.for_each(&KEYS, &[], &mut |_| panic!("in the middle of a statement"))
    });
    let last = fixture.queued(adding("last"));
    release.send(()).unwrap();
    first.await.unwrap();
    assert_eq!(panicking.await, Err(DbError::Panicked));
    last.await.unwrap();
    fixture.add("later").unwrap();
    assert_eq!(fixture.keys(), ["first", "last", "later"]);
}

#[tokio::test]
async fn a_value_that_panics_when_dropped_does_not_end_the_writer() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let fixture = Fixture::new();
    let release = fixture.hold();
    // Nobody takes the answer, so it is dropped on the writer's thread.
    drop(fixture.queued(|_| Ok(Grenade)));
    let neighbour = fixture.queued(adding("neighbour"));
    release.send(()).unwrap();
    neighbour.await.unwrap();
    fixture.add("later").unwrap();
}

#[tokio::test]
async fn a_swallowed_error_is_not_stored() {
    let fixture = Fixture::new();
    fixture.add("taken").unwrap();
    let release = fixture.hold();
    let first = fixture.queued(adding("first"));
    let swallowing = fixture.queued(|tx| {
        adding("swallowing")(tx)?;
        assert!(adding("taken")(tx).is_err());
        assert_eq!(tx.execute(&ADD, &["more".into()]), Err(DbError::Poisoned));
        assert_eq!(tx.query(&KEYS, &[]).unwrap_err(), DbError::Poisoned);
        Ok(())
    });
    let last = fixture.queued(adding("last"));
    release.send(()).unwrap();
    first.await.unwrap();
    assert_eq!(swallowing.await, Err(DbError::Poisoned));
    last.await.unwrap();
    assert_eq!(fixture.keys(), ["first", "last", "taken"]);
}

#[test]
fn of_thirty_units_that_race_for_the_last_place_one_gets_it() {
    let fixture = Fixture::new();
    fixture.add("held").unwrap();
    let start = Barrier::new(30);
    let won = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..30_i64 {
            let (fixture, start, won) = (&fixture, &start, &won);
            scope.spawn(move || {
                start.wait();
                let answer: Result<(), DbError> = fixture.db.write_blocking(move |tx| {
                    tx.execute(&ADD, &[number.to_string().into()])?;
                    let places = tx.query_one(&COUNT, &[])?.unwrap().int(0)?;
                    if places > 2 { Err(DbError::Busy) } else { Ok(()) }
                });
                won.fetch_add(usize::from(answer.is_ok()), Ordering::Relaxed);
            });
        }
    });
    assert_eq!(won.into_inner(), 1);
    assert_eq!(fixture.keys().len(), 2);
}

#[test]
fn a_unit_runs_to_its_end_when_its_caller_goes_away() {
    let fixture = Fixture::new();
    let release = fixture.hold();
    drop(fixture.queued(adding("orphan")));
    let (entered, has_entered) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let in_the_middle = fixture.queued(move |tx| {
        adding("half")(tx)?;
        entered.send(()).unwrap();
        may_go_on.recv().unwrap();
        tx.execute(&ADD, &["whole".into()])
    });
    release.send(()).unwrap();
    has_entered.recv().unwrap();
    drop(in_the_middle);
    go_on.send(()).unwrap();
    fixture.add("later").unwrap();
    assert_eq!(fixture.keys(), ["half", "later", "orphan", "whole"]);
}

#[tokio::test]
async fn first_the_commit_then_the_follower_then_the_answer() {
    let place = Arc::new(Place::new());
    let (seen, has_seen) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let elsewhere = Arc::clone(&place);
    let follower = move |outcome: Outcome<'_, &'static str>| {
        let Outcome::Committed { conn, .. } = outcome else { panic!("it must be committed") };
        let here = texts(conn.query(&KEYS, &[]).unwrap());
        seen.send((here, elsewhere.ask("SELECT COUNT(*) FROM kv"))).unwrap();
        may_go_on.recv().unwrap();
    };
    let db = Arc::new(Database::open(place.options(), &[TABLES], follower).unwrap());
    let fixture = Fixture { db, told: Arc::default(), place };
    // Dropped before the database, so that a failed assertion doesn't leave its thread waiting.
    let go_on = go_on;
    let (mut stored, mut refused) = {
        let release = fixture.hold();
        let stored = fixture.queued(adding("one"));
        let refused = fixture.queued(|_| Err::<(), _>(DbError::Poisoned));
        release.send(()).unwrap();
        (stored, refused)
    };
    assert_eq!(
        has_seen.recv().unwrap(),
        (vec!["one".to_owned()], "1".to_owned()),
        "the follower comes after the commit"
    );
    assert!(poll(&mut stored).is_pending(), "the answer comes after the follower");
    assert!(poll(&mut refused).is_pending(), "a refusal may rest on what is not yet stored");
    go_on.send(()).unwrap();
    stored.await.unwrap();
    refused.await.unwrap_err();
}

#[test]
fn a_full_queue_refuses() {
    let fixture = Fixture::with(|options| options.queue = 2);
    let release = fixture.hold();
    drop((fixture.queued(adding("a")), fixture.queued(adding("b"))));
    let db = Arc::clone(&fixture.db);
    let mut third: super::Answer<()> = Box::pin(async move { db.write(adding("c")).await });
    assert_eq!(poll(&mut third), Poll::Ready(Err(DbError::Busy)));
    release.send(()).unwrap();
}

#[tokio::test]
async fn closing_finishes_what_was_taken() {
    let fixture = Fixture::new();
    let release = fixture.hold();
    let answers: Vec<_> = ["a", "b", "c"].map(|key| fixture.queued(adding(key))).into();
    let db = Arc::clone(&fixture.db);
    let closing = std::thread::spawn(move || db.close());
    release.send(()).unwrap();
    closing.join().unwrap();
    for answer in answers {
        answer.await.unwrap();
    }
    let closed = DbError::Unavailable("it is closed".to_owned());
    assert_eq!(fixture.add("d"), Err(closed.clone()));
    assert_eq!(fixture.db.read(|conn| conn.query(&KEYS, &[])).unwrap_err(), closed);
    assert_eq!(fixture.place.ask("SELECT COUNT(*) FROM kv"), "3");
    if fixture.place.is_sqlite() {
        assert!(!fixture.path().with_extension("db-wal").exists(), "all is in the main file");
    }
}

#[test]
fn without_its_follower_nothing_is_stored() {
    let place = Place::new();
    let calls = Arc::new(Mutex::new(0));
    let counting = Arc::clone(&calls);
    let follower = move |_: Outcome<'_, &'static str>| {
        *counting.lock().unwrap() += 1;
        panic!("the follower is broken");
    };
    let db = Database::open(place.options(), &[TABLES], follower).unwrap();
    assert_eq!(db.write_blocking(adding("a")), Err(DbError::OutcomeUnknown));
    assert!(matches!(db.write_blocking(adding("b")), Err(DbError::Unavailable(_))));
    assert_eq!(db.read(|conn| conn.query(&KEYS, &[])).map(texts), Ok(vec!["a".to_owned()]));
}

#[test]
fn the_follower_reads_and_does_not_write() {
    let place = Place::new();
    let (tried, has_tried) = mpsc::channel();
    let follower = move |outcome: Outcome<'_, &'static str>| {
        let Outcome::Committed { conn, .. } = outcome else { panic!("it must be committed") };
        tried.send(conn.execute(&ADD, &["x".into()])).unwrap();
    };
    let db = Database::open(place.options(), &[TABLES], follower).unwrap();
    for key in ["a", "b"] {
        db.write_blocking(adding(key)).unwrap();
        assert!(matches!(has_tried.recv().unwrap(), Err(DbError::Misuse(_))));
    }
    assert_eq!(db.read(|conn| conn.query(&KEYS, &[])).map(texts), Ok(vec!["a".to_owned(), "b".to_owned()]));
}
