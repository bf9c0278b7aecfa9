//! Migrations: once each, never edited, never half.

use super::{Place, TABLES};
use crate::db::{Database, Migration, OpenError, Outcome, Statement};

static TAGS: Statement = Statement::new("tags", "SELECT tag FROM tags");
static VERSIONS: Statement =
    Statement::new("versions", "SELECT name FROM schema_migrations ORDER BY version");

const TAGS_TABLE: Migration = Migration {
    version: 2,
    name: "tags",
    sql: "CREATE TABLE tags (tag TEXT NOT NULL); INSERT INTO tags VALUES ('x');",
};

pub(super) fn open(place: &Place, migrations: &[Migration]) -> Result<Database<()>, OpenError> {
    Database::open(place.options(), migrations, |_: Outcome<'_, ()>| {})
}

pub(super) fn with_sql(sql: &'static str) -> Migration {
    Migration { version: 2, name: "second", sql }
}

#[test]
fn each_migration_runs_once() {
    let place = Place::new();
    drop(open(&place, &[TABLES]).unwrap());
    for _ in 0..2 {
        let db = open(&place, &[TABLES, TAGS_TABLE]).unwrap();
        assert_eq!(db.read(|conn| conn.query(&TAGS, &[])).unwrap().len(), 1);
        assert_eq!(
            db.read(|conn| conn.query(&VERSIONS, &[])).map(super::texts),
            Ok(vec!["tables".into(), "tags".into()])
        );
    }
}

#[test]
fn newer_data_is_refused() {
    let place = Place::new();
    drop(open(&place, &[TABLES, TAGS_TABLE]).unwrap());
    let error = open(&place, &[TABLES]).err().unwrap();
    assert!(matches!(error, OpenError::Newer { found: 2, known: 1, .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!(
            "the data in {} was made by a newer Doorkey (schema 2; this one knows 1). \
             Start that version, or restore a backup made by this one.",
            place.options().place()
        )
    );
}

#[test]
fn an_edited_migration_is_refused() {
    let place = Place::new();
    drop(open(&place, &[TABLES, TAGS_TABLE]).unwrap());
    let edited = Migration { sql: "CREATE TABLE tags (tag TEXT NOT NULL, more TEXT)", ..TAGS_TABLE };
    let third = Migration { version: 3, name: "third", sql: "CREATE TABLE third (a TEXT)" };
    let error = open(&place, &[TABLES, edited, third]).err().unwrap();
    assert!(matches!(error, OpenError::Differs { version: 2, .. }), "{error:?}");
    drop(open(&place, &[TABLES, TAGS_TABLE]).unwrap());
}

#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    let place = Place::new();
    let broken = with_sql("CREATE TABLE tags (tag TEXT NOT NULL); INSERT INTO nowhere VALUES (1);");
    let error = open(&place, &[TABLES, broken]).err().unwrap();
    assert!(
        matches!(&error, OpenError::Migration { version: 2, problem, .. } if problem.contains("nowhere")),
        "{error:?}"
    );
    let db = open(&place, &[TABLES, TAGS_TABLE]).unwrap();
    assert_eq!(db.read(|conn| conn.query(&TAGS, &[])).unwrap().len(), 1);
}

#[test]
fn migrations_are_numbered_without_a_gap() {
    let place = Place::new();
    for wrong in [vec![TAGS_TABLE], vec![TAGS_TABLE, TABLES], vec![TABLES, TABLES]] {
        let error = open(&place, &wrong).err().unwrap();
        assert!(error.to_string().contains("numbered from 1"), "{error}");
    }
}

#[test]
fn what_would_not_mean_the_same_everywhere_is_refused() {
    for (sql, says) in [
        ("CREATE TABLE t (a INTEGER)", "t.a is INTEGER, and not TEXT, BIGINT or BYTEA"),
        ("COMMIT; CREATE TABLE t (a TEXT)", "ends its own transaction"),
    ] {
        let place = Place::new();
        let error = open(&place, &[TABLES, with_sql(sql)]).err().unwrap();
        assert!(
            matches!(&error, OpenError::Migration { problem, .. } if problem.contains(says)),
            "{sql}: {error:?}"
        );
    }
}
