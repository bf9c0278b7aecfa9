//! Transactions that the database itself refuses.

use super::{Fixture, adding};
use crate::db::{ConflictKind, DbError, Statement};

static ADD_LATE: Statement = Statement::new("child.add_late", "INSERT INTO child (k, late) VALUES ($1, $2)");

#[tokio::test]
async fn neighbours_survive_a_commit_that_is_refused() {
    let fixture = Fixture::new();
    let release = fixture.hold();
    let first = fixture.queued(adding("first"));
    let dangling = fixture.queued(|tx| tx.execute(&ADD_LATE, &["first".into(), "nobody".into()]));
    let last = fixture.queued(adding("last"));
    release.send(()).unwrap();
    first.await.unwrap();
    assert_eq!(dangling.await, Err(DbError::Conflict(ConflictKind::ForeignKey)));
    last.await.unwrap();
    assert_eq!(fixture.keys(), ["first", "last"]);
    assert_eq!(fixture.add("later"), Ok(()), "the refused transaction is not left open");
}
