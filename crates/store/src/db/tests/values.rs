//! Values: what goes in comes out, and what doesn't fit is never guessed.

use super::{ALL, Fixture, PUT, null};
use crate::db::{DbError, Row, Statement, Value};

pub(super) fn stored(fixture: &Fixture, values: [Value; 3]) -> Row {
    let stored = fixture.db.write_blocking(move |tx| {
        let [v, n, b] = values.clone();
        tx.execute(&PUT, &["key".into(), v, n, b])
    });
    assert_eq!(stored, Ok(1));
    fixture.db.read(|conn| conn.query_one(&ALL, &[])).unwrap().unwrap()
}

pub(super) fn assert_corrupt<R: std::fmt::Debug>(result: Result<R, DbError>) {
    assert!(matches!(result, Err(DbError::Corrupt(_))), "{result:?}");
}

#[test]
fn values_come_back_as_they_went_in() {
    let long = vec![7; 4 << 20];
    let row = stored(&Fixture::new(), ["ä%_'\"".into(), i64::MIN.into(), long.clone().into()]);
    assert_eq!(row.text(1), Ok("ä%_'\""));
    assert_eq!(row.int(2), Ok(i64::MIN));
    assert_eq!(row.bytes(3), Ok(long.as_slice()));

    let row = stored(&Fixture::new(), ["".into(), 0.into(), b"".into()]);
    assert_eq!((row.text(1), row.int(2), row.bytes(3)), (Ok(""), Ok(0), Ok(&b""[..])));
    assert_eq!(row.opt_bytes(3), Ok(Some(&b""[..])), "empty is not NULL");

    let row = stored(&Fixture::new(), [null(), null(), null()]);
    assert_eq!((row.opt_text(1), row.opt_int(2), row.opt_bytes(3)), (Ok(None), Ok(None), Ok(None)));
    assert_corrupt(row.text(1));
    assert_corrupt(row.int(2));
    assert_corrupt(row.bytes(3));
}

#[test]
fn what_no_column_type_holds_is_corrupt() {
    static FLOAT: Statement = Statement::new("t", "SELECT 1.5");
    let fixture = Fixture::new();
    assert_corrupt(fixture.db.read(|conn| conn.query(&FLOAT, &[])));
}

#[test]
fn an_option_is_its_value_or_null() {
    assert_eq!(Value::from(Some("a")), Value::from("a"));
    assert_eq!(Value::from(None::<i64>), Value::Null);
    assert_eq!(Value::from([1, 2]), Value::Bytes(vec![1, 2]));
}

/// A bool can't be bound: this does not compile if `Value: From<bool>`, since then two `probe` fit.
#[expect(dead_code, reason = "that it compiles is the test")]
fn no_bool() {
    trait Ambiguous<A> {
        fn probe() {}
    }
    struct IfItCan;
    impl<T> Ambiguous<()> for T {}
    impl<T: Into<Value>> Ambiguous<IfItCan> for T {}
    <bool as Ambiguous<_>>::probe();
}
