//! Migrations: once each, never edited, never half.

use std::path::Path;

use super::TABLES;
use crate::db::{Database, Migration, OpenError, Options, Outcome, Statement};

static TAGS: Statement = Statement::new("tags", "SELECT tag FROM tags");
static VERSIONS: Statement =
    Statement::new("versions", "SELECT name FROM schema_migrations ORDER BY version");

const TAGS_TABLE: Migration = Migration {
    version: 2,
    name: "tags",
    sql: "CREATE TABLE tags (tag TEXT NOT NULL); INSERT INTO tags VALUES ('x');",
};

fn open(folder: &Path, migrations: &[Migration]) -> Result<Database<()>, OpenError> {
    Database::open(Options::sqlite(folder.join("doorkey.db")), migrations, |_: Outcome<'_, ()>| {})
}

fn with_sql(sql: &'static str) -> Migration {
    Migration { version: 2, name: "second", sql }
}

#[test]
fn each_migration_runs_once() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), &[TABLES]).unwrap());
    for _ in 0..2 {
        let db = open(folder.path(), &[TABLES, TAGS_TABLE]).unwrap();
        assert_eq!(db.read(|conn| conn.query(&TAGS, &[])).unwrap().len(), 1);
        assert_eq!(
            db.read(|conn| conn.query(&VERSIONS, &[])).map(super::texts),
            Ok(vec!["tables".into(), "tags".into()])
        );
    }
}

#[test]
fn newer_data_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), &[TABLES, TAGS_TABLE]).unwrap());
    let error = open(folder.path(), &[TABLES]).err().unwrap();
    assert!(matches!(error, OpenError::Newer { found: 2, known: 1, .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!(
            "the data in {} was made by a newer Doorkey (schema 2; this one knows 1). \
             Start that version, or restore a backup made by this one.",
            folder.path().join("doorkey.db").display()
        )
    );
}

#[test]
fn an_edited_migration_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), &[TABLES, TAGS_TABLE]).unwrap());
    let edited = Migration { sql: "CREATE TABLE tags (tag TEXT NOT NULL, more TEXT)", ..TAGS_TABLE };
    let third = Migration { version: 3, name: "third", sql: "CREATE TABLE third (a TEXT)" };
    let error = open(folder.path(), &[TABLES, edited, third]).err().unwrap();
    assert!(matches!(error, OpenError::Differs { version: 2, .. }), "{error:?}");
    drop(open(folder.path(), &[TABLES, TAGS_TABLE]).unwrap());
}

#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let broken = with_sql("CREATE TABLE tags (tag TEXT NOT NULL); INSERT INTO nowhere VALUES (1);");
    let error = open(folder.path(), &[TABLES, broken]).err().unwrap();
    assert!(
        matches!(&error, OpenError::Migration { version: 2, problem, .. } if problem.contains("nowhere")),
        "{error:?}"
    );
    let db = open(folder.path(), &[TABLES, TAGS_TABLE]).unwrap();
    assert_eq!(db.read(|conn| conn.query(&TAGS, &[])).unwrap().len(), 1);
}

#[test]
fn migrations_are_numbered_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in [vec![TAGS_TABLE], vec![TAGS_TABLE, TABLES], vec![TABLES, TABLES]] {
        let error = open(folder.path(), &wrong).err().unwrap();
        assert!(error.to_string().contains("numbered from 1"), "{error}");
    }
}

#[test]
fn what_would_not_mean_the_same_everywhere_is_refused() {
    for (sql, says) in [
        ("CREATE TABLE t (a INTEGER)", "t.a is INTEGER"),
        ("CREATE TABLE t (a)", "t.a is "),
        ("CREATE TABLE t (a VARCHAR(9))", "t.a is VARCHAR(9)"),
        ("CREATE TABLE t (a TEXT PRIMARY KEY)", "t.a is of the primary key, and not NOT NULL"),
        ("CREATE TABLE t (a TEXT CHECK (a <> \"x y\"))", "no such column"),
        ("INSERT INTO child (k) VALUES ('nobody')", "a row of child refers to one that is not in kv"),
        ("COMMIT; CREATE TABLE t (a TEXT)", "ends its own transaction"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let error = open(folder.path(), &[TABLES, with_sql(sql)]).err().unwrap();
        assert!(
            matches!(&error, OpenError::Migration { problem, .. } if problem.contains(says)),
            "{sql}: {error:?}"
        );
    }
}

#[test]
fn a_table_can_be_built_anew_under_what_refers_to_it() {
    let folder = tempfile::tempdir().unwrap();
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
    let db = open(folder.path(), &[TABLES, rows, anew]).unwrap();
    assert_eq!(db.read(|conn| conn.query(&LEAVES, &[])).unwrap().len(), 1);
}
