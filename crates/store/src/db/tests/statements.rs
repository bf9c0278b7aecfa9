//! Statements: what is refused, so that every database answers alike.

use super::{ADD, ALL, COUNT, Fixture, KEYS, PUT, null, texts};
use crate::db::{ConflictKind, DbError, Row, Statement, Value};

fn written(statement: &'static Statement, params: Vec<Value>) -> Result<u64, DbError> {
    let fixture = Fixture::new();
    fixture.add("taken").unwrap();
    fixture.db.write_blocking(move |tx| tx.execute(statement, &params))
}

fn asked(statement: &'static Statement, params: &[Value]) -> Result<Vec<Row>, DbError> {
    Fixture::new().db.read(|conn| conn.query(statement, params))
}

fn assert_misuse<R: std::fmt::Debug>(result: Result<R, DbError>, says: &str) {
    assert!(matches!(&result, Err(DbError::Misuse(text)) if text.contains(says)), "{result:?}");
}

#[test]
fn parameters_go_by_their_number() {
    static BACKWARDS: Statement = Statement::new("t", "SELECT $2, $1, $3, $1");
    let rows = asked(&BACKWARDS, &["one".into(), "two".into(), "three".into()]).unwrap();
    assert_eq!(rows[0].values, ["two", "one", "three", "one"].map(Value::from));
}

#[test]
fn as_many_values_as_parameters() {
    static TWO: Statement = Statement::new("t", "SELECT $1, $2, $1");
    assert_misuse(asked(&TWO, &["one".into()]), "another number of values");
    assert_misuse(asked(&TWO, &["one".into(), "two".into(), "three".into()]), "another number of values");
    assert_misuse(asked(&COUNT, &["one".into()]), "another number of values");
}

#[test]
fn parameters_are_numbered_without_a_gap() {
    static GAP: Statement = Statement::new("t", "SELECT $1, $3");
    static QUESTION: Statement = Statement::new("t", "SELECT ?, ?");
    static ZERO: Statement = Statement::new("t", "SELECT $0, $1");
    static TWICE: Statement = Statement::new("t", "SELECT $1, $01");
    static NAMED: Statement = Statement::new("t", "SELECT $a, $b");
    let fixture = Fixture::new();
    for wrong in [&GAP, &QUESTION, &ZERO, &TWICE, &NAMED] {
        let params = ["one".into(), "two".into()];
        assert_misuse(
            fixture.db.read(|conn| conn.query(wrong, &params)),
            "not numbered from $1 without a gap",
        );
        assert_misuse(fixture.db.read(|conn| conn.check(wrong)), "not numbered from $1 without a gap");
    }
    fixture.db.read(|conn| conn.check(&PUT)).unwrap();
}

#[test]
fn a_text_with_a_nul_byte_is_refused() {
    assert_misuse(written(&ADD, vec!["a\0b".into()]), "NUL byte");
}

#[test]
fn one_text_is_one_statement() {
    static TWO: Statement = Statement::new("t", "SELECT 1; SELECT 2");
    static ENDED: Statement = Statement::new("t", "SELECT 1; ");
    // Each database has its own words for it.
    assert!(
        matches!(asked(&TWO, &[]), Err(DbError::Misuse(text)) if text.to_lowercase().contains("multiple"))
    );
    assert_eq!(asked(&ENDED, &[]).unwrap().len(), 1);
}

#[test]
fn a_statement_reads_or_changes_rows() {
    for text in ["COMMIT", "PRAGMA foreign_keys = OFF", "SELECTION", "", "ATTACH 'x' AS y", "select 1"] {
        assert!(std::panic::catch_unwind(|| Statement::new("t", text)).is_err(), "{text}");
    }
    Statement::new("t", "\n    WITH a AS (SELECT 1) SELECT * FROM a");
}

#[test]
fn rows_are_queried_and_changes_are_executed() {
    static RETURNING: Statement = Statement::new("t", "INSERT INTO kv (k) VALUES ($1) RETURNING k");
    assert_misuse(written(&KEYS, vec![]), "must be queried");
    assert_misuse(written(&RETURNING, vec!["a".into()]), "must be queried");
    let fixture = Fixture::new();
    assert_misuse(fixture.db.write_blocking(|tx| tx.query(&ADD, &["a".into()])), "must be executed");
    let made = fixture.db.write_blocking(|tx| tx.query_one(&RETURNING, &["a".into()])).unwrap();
    assert_eq!(made.unwrap().text(0), Ok("a"));
    assert_eq!(fixture.keys(), ["a"]);
}

#[test]
fn rows_changed_are_counted() {
    static ADD_NEW: Statement = Statement::new("t", "INSERT INTO kv (k) VALUES ($1) ON CONFLICT DO NOTHING");
    static ALL_ONE: Statement = Statement::new("t", "UPDATE kv SET n = 1");
    let fixture = Fixture::new();
    let counts = fixture.db.write_blocking(|tx| -> Result<_, DbError> {
        let first = [tx.execute(&ADD_NEW, &["a".into()])?, tx.execute(&ADD_NEW, &["b".into()])?];
        let again = tx.execute(&ADD_NEW, &["a".into()])?;
        Ok((first, again, tx.execute(&ALL_ONE, &[])?))
    });
    assert_eq!(counts, Ok(([1, 1], 0, 2)));
}

#[test]
fn one_row_means_one() {
    static MANY: Statement = Statement::new("t", "SELECT 1 UNION ALL SELECT 2");
    static NONE: Statement = Statement::new("t", "SELECT k FROM kv WHERE k IS NULL");
    let fixture = Fixture::new();
    assert_misuse(fixture.db.read(|conn| conn.query_one(&MANY, &[])), "more than one row");
    assert!(fixture.db.read(|conn| conn.query_one(&NONE, &[])).unwrap().is_none());
    let swallowing = fixture.db.write_blocking(|tx| {
        assert!(tx.query_one(&MANY, &[]).is_err());
        Ok(())
    });
    assert_eq!(swallowing, Err(DbError::Poisoned));
}

#[test]
fn rows_come_one_by_one_until_the_caller_has_enough() {
    let fixture = Fixture::new();
    let rows = [
        ("a", Some("x"), Some(1_i64)),
        ("b", None, None),
        ("c", Some("longer"), Some(-7)),
        ("d", None, None),
    ];
    let seen = fixture.db.write_blocking(move |tx| -> Result<_, DbError> {
        for (k, v, n) in rows {
            tx.execute(&PUT, &[k.into(), v.into(), n.into(), v.map(str::as_bytes).into()])?;
        }
        let mut seen = Vec::new();
        let stopped: Result<(), DbError> = tx.for_each(&ALL, &[], &mut |row| {
            seen.push(row.values.clone());
            if row.text(0)? == "c" { Err(DbError::Busy) } else { Ok(()) }
        });
        assert_eq!(stopped, Err(DbError::Busy));
        tx.execute(&ADD, &["the caller's error poisons nothing".into()])?;
        Ok(seen)
    });
    let expected = rows.map(|(k, v, n)| vec![k.into(), v.into(), n.into(), v.map(str::as_bytes).into()]);
    assert_eq!(seen.unwrap(), expected[..3]);
    assert_eq!(fixture.keys().len(), 5);
}

#[test]
fn like_tells_capitals_apart_and_quotes_mean_names() {
    static LIKE: Statement = Statement::new("t", "SELECT k FROM kv WHERE k LIKE $1");
    static QUOTED: Statement = Statement::new("t", "SELECT \"text\"");
    let fixture = Fixture::new();
    fixture.add("alice").unwrap();
    for (pattern, found) in [("ALI%", 0), ("ali%", 1)] {
        let like = |conn: &mut crate::db::Conn| conn.query(&LIKE, &[pattern.into()]);
        assert_eq!(fixture.db.read(like).unwrap().len(), found, "{pattern} for reading");
        let like = move |tx: &mut super::Tx<'_>| tx.query(&LIKE, &[pattern.into()]);
        assert_eq!(fixture.db.write_blocking(like).unwrap().len(), found, "{pattern} for writing");
    }
    // Each database has its own words for it.
    assert!(matches!(asked(&QUOTED, &[]), Err(DbError::Misuse(text)) if text.contains("column")));
}

#[test]
fn conflicts_have_a_kind() {
    static CHILD: Statement = Statement::new("t", "INSERT INTO child (k) VALUES ($1)");
    let conflict = |kind| Err(DbError::Conflict(kind));
    assert_eq!(written(&ADD, vec!["taken".into()]), conflict(ConflictKind::Unique));
    assert_eq!(written(&ADD, vec![null()]), conflict(ConflictKind::NotNull));
    assert_eq!(written(&CHILD, vec!["nobody".into()]), conflict(ConflictKind::ForeignKey));
    assert_eq!(written(&PUT, vec!["a".into(), null(), 1000.into(), null()]), conflict(ConflictKind::Check));
}

#[test]
fn a_connection_for_reading_does_not_write() {
    static RETURNING: Statement = Statement::new("t", "DELETE FROM kv RETURNING k");
    let fixture = Fixture::new();
    fixture.add("a").unwrap();
    assert_misuse(fixture.db.read(|conn| conn.execute(&ADD, &["b".into()])), "for reading");
    assert_misuse(fixture.db.read(|conn| conn.query(&RETURNING, &[])), "for reading");
    assert_misuse(fixture.db.scan_blocking(|conn| conn.execute(&ADD, &["b".into()])), "for reading");
    assert_eq!(fixture.keys(), ["a"]);
}

#[test]
fn no_error_shows_a_value() {
    static WRONG: Statement = Statement::new("t", "SELECT nothing FROM kv WHERE k = $1");
    let secret = "s3cret-value";
    let mut errors = vec![
        written(&ADD, vec![secret.into(), secret.into()]).unwrap_err(),
        written(&ADD, vec![format!("{secret}\0").into()]).unwrap_err(),
        written(&WRONG, vec![secret.into()]).unwrap_err(),
        written(&PUT, vec![secret.into(), secret.into(), 1000.into(), secret.into()]).unwrap_err(),
    ];
    let fixture = Fixture::new();
    for _ in 0..2 {
        let put = fixture.db.write_blocking(move |tx| tx.execute(&ADD, &[secret.into()]));
        errors.extend(put.err());
    }
    let rows = fixture.db.read(|conn| conn.query(&KEYS, &[])).unwrap();
    errors.push(rows[0].int(0).unwrap_err());
    assert_eq!(errors.len(), 6);
    for error in errors {
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
    assert!(
        !format!("{rows:?} {:?} {:?}", Value::from(secret), Value::from(secret.as_bytes())).contains(secret)
    );
    assert_eq!(texts(rows), [secret]);
}

#[test]
fn one_statement_is_run_for_many_in_their_order() {
    static ADD_ONCE: Statement =
        Statement::new("t", "INSERT INTO kv (k, n) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    static FROM: Statement = Statement::new("t", "SELECT k, n FROM kv WHERE n >= $1 ORDER BY n LIMIT 2");
    let fixture = Fixture::new();
    // More than go out at a time.
    let rows: Vec<[Value; 2]> =
        (0..1301).map(|n| [format!("k{}", n % 1300).into(), (2_000 + n).into()]).collect();
    let changed = fixture.db.write_blocking(move |tx| tx.execute_all(&ADD_ONCE, &rows)).unwrap();
    assert_eq!(changed.len(), 1301);
    assert_eq!(changed.iter().sum::<u64>(), 1300);
    assert_eq!(changed.last(), Some(&0), "the last one was there already");
    let asked: Vec<[Value; 1]> = (0..1301).map(|n| [(2_000 + n).into()]).collect();
    let found = fixture.db.read(|conn| conn.query_all(&FROM, &asked)).unwrap();
    assert_eq!(found.len(), 1301);
    for (n, rows) in (0..).zip(&found) {
        let names: Vec<_> = rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect();
        let expected: Vec<_> = (n..1300).take(2).map(|n| format!("k{n}")).collect();
        assert_eq!(names, expected);
    }
    let none: [[Value; 1]; 0] = [];
    assert!(fixture.db.read(|conn| conn.query_all(&FROM, &none)).unwrap().is_empty());
}

#[test]
fn one_that_fails_among_many_fails_them_all() {
    let fixture = Fixture::new();
    fixture.add("taken").unwrap();
    let many = |keys: Vec<Value>| {
        let rows: Vec<[Value; 1]> = keys.into_iter().map(|key| [key]).collect();
        fixture.db.write_blocking(move |tx| {
            // Even if it is swallowed, nothing is stored.
            let done = tx.execute_all(&ADD, &rows);
            assert_eq!(tx.execute(&ADD, &["afterwards".into()]), Err(DbError::Poisoned));
            done.map(drop)
        })
    };
    let some = |n: i64| Value::from(format!("k{n}"));
    let mut keys: Vec<_> = (0..700).map(some).collect();
    keys.insert(600, "taken".into());
    assert_eq!(many(keys), Err(DbError::Conflict(ConflictKind::Unique)));
    let mut keys: Vec<_> = (0..700).map(some).collect();
    keys.insert(300, "a\0b".into());
    assert_misuse(many(keys), "NUL byte");
    assert_eq!(fixture.keys(), ["taken"]);
    assert_misuse(
        fixture.db.write_blocking(|tx| tx.query_all(&ADD, &[["x".into()]]).map(drop)),
        "it answers with no rows",
    );
    assert_misuse(fixture.db.read(|conn| conn.execute_all(&ADD, &[["x".into()]])), "for reading");
    assert_misuse(
        fixture.db.write_blocking(|tx| tx.execute_all(&KEYS, &[[], []]).map(drop)),
        "it answers with rows",
    );
    fixture.add("later").unwrap();
}
