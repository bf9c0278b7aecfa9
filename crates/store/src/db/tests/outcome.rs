//! Commits that fail, or leave open whether they did.

use super::{CommitFault, Fixture, Told, adding};
use crate::db::DbError;

impl Fixture {
    /// Stores a key with a commit that fails this way.
    pub(super) fn add_with(&self, key: &'static str, fault: fn() -> CommitFault) -> Result<(), DbError> {
        self.db.write_blocking(move |tx| {
            tx.fail_next_commit(fault());
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
