//! What was deleted leaves the files.

use std::fs;

use crate::db::tests::{COUNT, Fixture, PUT, null};
use crate::db::{DbError, Statement};

static DELETE_ALL: Statement = Statement::new("kv.delete_all", "DELETE FROM kv");

#[test]
fn what_was_deleted_is_gone_from_the_files() {
    let fixture = Fixture::sqlite();
    let secret = b"shown-once-and-then-deleted";
    let found = || {
        let files = fs::read_dir(fixture.folder()).unwrap();
        files
            .map(|file| fs::read(file.unwrap().path()).unwrap())
            .any(|file| file.windows(secret.len()).any(|at| at == secret))
    };
    fixture.db.write_blocking(|tx| tx.execute(&PUT, &["a".into(), null(), null(), secret.into()])).unwrap();
    assert!(found());
    fixture.db.write_blocking(|tx| tx.execute(&DELETE_ALL, &[])).unwrap();
    assert!(found(), "the log still has it");
    let checkpoint =
        || tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(fixture.db.checkpoint());
    let during_a_read = fixture.db.scan_blocking(|conn| -> Result<_, DbError> {
        conn.query_one(&COUNT, &[])?;
        fixture.add("b")?;
        checkpoint()
    });
    assert_eq!(during_a_read, Ok(false), "a reader needs the log");
    assert_eq!(checkpoint(), Ok(true));
    assert!(!found());
    let timeout = fixture.db.write_blocking(|tx| -> Result<i64, DbError> {
        Ok(tx.session().raw().pragma_query_value(None, "busy_timeout", |row| row.get(0)).unwrap())
    });
    assert_eq!(timeout, Ok(5000), "a checkpoint leaves the writer as patient as it was");
}
