//! What SQLite lets a migration do.

use crate::db::tests::migrations::{open, with_sql};
use crate::db::tests::{Place, TABLES};
use crate::db::{Migration, OpenError, Statement};

#[test]
fn what_sqlite_alone_would_let_pass_is_refused() {
    for (sql, says) in [
        ("CREATE TABLE t (a)", "t.a is "),
        ("CREATE TABLE t (a VARCHAR(9))", "t.a is VARCHAR(9)"),
        ("CREATE TABLE t (a TEXT PRIMARY KEY)", "t.a is of the primary key, and not NOT NULL"),
        ("CREATE TABLE t (a TEXT CHECK (a <> \"x y\"))", "no such column"),
        ("INSERT INTO child (k) VALUES ('nobody')", "a row of child refers to one that is not in kv"),
    ] {
        let place = Place::sqlite();
        let error = open(&place, &[TABLES, with_sql(sql)]).err().unwrap();
        assert!(
            matches!(&error, OpenError::Migration { problem, .. } if problem.contains(says)),
            "{sql}: {error:?}"
        );
    }
}

#[test]
fn a_table_can_be_built_anew_under_what_refers_to_it() {
    let place = Place::sqlite();
    let rows = Migration {
        version: 2,
        name: "rows",
        sql: "CREATE TABLE leaf (k TEXT NOT NULL REFERENCES kv (k) ON DELETE CASCADE);
              INSERT INTO kv (k) VALUES ('a'); INSERT INTO leaf VALUES ('a');",
    };
    let anew = Migration {
        version: 3,
        name: "anew",
        sql: "CREATE TABLE kv_new (k TEXT NOT NULL PRIMARY KEY);
              INSERT INTO kv_new SELECT k FROM kv; DROP TABLE kv; ALTER TABLE kv_new RENAME TO kv;",
    };
    static LEAVES: Statement = Statement::new("leaves", "SELECT k FROM leaf");
    let db = open(&place, &[TABLES, rows, anew]).unwrap();
    assert_eq!(db.read(|conn| conn.query(&LEAVES, &[])).unwrap().len(), 1);
}
