//! Statements on a file.

use crate::db::DbError;
use crate::db::tests::{Fixture, KEYS, Place};

#[test]
fn a_statement_is_parsed_once() {
    let fixture = Fixture::at(Place::sqlite(), |options| options.readers = 1);
    for _ in 0..3 {
        fixture.keys();
    }
    let runs = fixture.db.read(|conn| -> Result<_, DbError> {
        let cached = conn.session().raw().prepare_cached(KEYS.sql()).unwrap();
        Ok(cached.get_status(rusqlite::StatementStatus::Run))
    });
    assert_eq!(runs, Ok(3));
}
