//! Commits to a file that fail, or leave open whether they did.

use crate::db::DbError;
use crate::db::tests::{CommitFault, Fixture, PUT, Told, adding, null};

#[test]
fn a_full_disk_is_told_and_the_writer_goes_on() {
    let fixture = Fixture::sqlite();
    let fill = fixture.db.write_blocking(|tx| {
        tx.session().raw().pragma_update(None, "max_page_count", 16).unwrap();
        tx.execute(&PUT, &["big".into(), null(), null(), vec![0; 1 << 20].into()])
    });
    assert!(matches!(fill, Err(DbError::Unwritable(_))), "{fill:?}");
    fixture.add("small").unwrap();
    assert_eq!(fixture.keys(), ["small"]);
}

#[test]
fn settling_waits_for_a_later_commit() {
    let fixture = Fixture::sqlite();
    let fences = || -> i64 {
        let file = rusqlite::Connection::open(fixture.path()).unwrap();
        file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    let before = fences();
    fixture.add_with("a", || CommitFault::LostUnheard).unwrap_err();
    assert_eq!(fences(), before + 1, "what the lost commit left in the log must be written over");
}

#[test]
fn until_it_is_settled_nothing_is_stored() {
    let fixture = Fixture::sqlite();
    let away = fixture.path().with_extension("away");
    let (path, to) = (fixture.path(), away.clone());
    let unknown = fixture.db.write_blocking(move |tx| {
        tx.fail_next_commit(CommitFault::StoredUnheard);
        std::fs::rename(&path, &to).unwrap();
        adding("a")(tx)
    });
    assert_eq!(unknown, Err(DbError::OutcomeUnknown));
    assert!(matches!(fixture.add("b"), Err(DbError::Unavailable(_))));
    assert_eq!(fixture.told(), [Told::Unknown(vec!["a"])]);
    assert!(!fixture.path().exists(), "a database that has vanished does not come back empty");

    std::fs::rename(&away, fixture.path()).unwrap();
    fixture.add("c").unwrap();
    let found = vec!["a".to_owned()];
    assert_eq!(fixture.told(), [Told::Unknown(vec!["a"]), Told::Settled(found), Told::Committed(vec!["c"])]);
}
