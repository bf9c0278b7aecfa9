//! Commits that fail, or leave open whether they did.

use super::{CommitFault, Fixture, PUT, Told, adding, null};
use crate::db::DbError;

impl Fixture {
    /// Stores a key with a commit that fails this way.
    fn add_with(&self, key: &'static str, fault: fn() -> CommitFault) -> Result<(), DbError> {
        self.db.write_blocking(move |tx| {
            tx.session().next_commit = Some(fault());
            adding(key)(tx)
        })
    }
}

#[test]
fn a_commit_that_surely_failed_leaves_nothing() {
    let fixture = Fixture::new();
    assert!(matches!(fixture.add_with("a", || CommitFault::DiskFull), Err(DbError::Unavailable(_))));
    assert_eq!(fixture.keys(), [""; 0]);
    assert_eq!(fixture.told(), []);
    fixture.add("b").unwrap();
    assert_eq!(fixture.told(), [Told::Committed(vec!["b"])]);
}

#[test]
fn a_full_disk_is_unavailable_and_the_writer_goes_on() {
    let fixture = Fixture::new();
    let fill = fixture.db.write_blocking(|tx| {
        tx.session().raw().pragma_update(None, "max_page_count", 16).unwrap();
        tx.execute(&PUT, &["big".into(), null(), null(), vec![0; 1 << 20].into()])
    });
    assert!(matches!(fill, Err(DbError::Unavailable(_))), "{fill:?}");
    fixture.add("small").unwrap();
    assert_eq!(fixture.keys(), ["small"]);
}

#[test]
fn an_unknown_outcome_that_was_stored_is_settled_and_found() {
    let fixture = Fixture::new();
    assert_eq!(fixture.add_with("a", || CommitFault::StoredUnheard), Err(DbError::OutcomeUnknown));
    fixture.add("b").unwrap();
    let found = vec!["a".to_owned()];
    assert_eq!(fixture.told(), [Told::Unknown(vec!["a"]), Told::Settled(found), Told::Committed(vec!["b"])]);
}

#[test]
fn an_unknown_outcome_that_was_lost_is_settled_and_not_found() {
    let fixture = Fixture::new();
    assert_eq!(fixture.add_with("a", || CommitFault::LostUnheard), Err(DbError::OutcomeUnknown));
    fixture.add("b").unwrap();
    assert_eq!(fixture.told(), [Told::Unknown(vec!["a"]), Told::Settled(vec![]), Told::Committed(vec!["b"])]);
}

#[test]
fn settling_waits_for_a_later_commit() {
    let fixture = Fixture::new();
    let fences = || -> i64 {
        let file = rusqlite::Connection::open(&fixture.path).unwrap();
        file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    let before = fences();
    fixture.add_with("a", || CommitFault::LostUnheard).unwrap_err();
    assert_eq!(fences(), before + 1, "what the lost commit left in the log must be written over");
}

#[test]
fn until_it_is_settled_nothing_is_stored() {
    let fixture = Fixture::new();
    let away = fixture.path.with_extension("away");
    let (path, to) = (fixture.path.clone(), away.clone());
    let unknown = fixture.db.write_blocking(move |tx| {
        tx.session().next_commit = Some(CommitFault::StoredUnheard);
        std::fs::rename(&path, &to).unwrap();
        adding("a")(tx)
    });
    assert_eq!(unknown, Err(DbError::OutcomeUnknown));
    assert!(matches!(fixture.add("b"), Err(DbError::Unavailable(_))));
    assert_eq!(fixture.told(), [Told::Unknown(vec!["a"])]);
    assert!(!fixture.path.exists(), "a database that has vanished does not come back empty");

    std::fs::rename(&away, &fixture.path).unwrap();
    fixture.add("c").unwrap();
    let found = vec!["a".to_owned()];
    assert_eq!(fixture.told(), [Told::Unknown(vec!["a"]), Told::Settled(found), Told::Committed(vec!["c"])]);
}
