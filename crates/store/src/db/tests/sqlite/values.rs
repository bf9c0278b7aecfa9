//! Values that a file can hold, and no column should.

use crate::db::Statement;
use crate::db::tests::values::{assert_corrupt, stored};
use crate::db::tests::{Fixture, null};

#[test]
fn a_value_of_another_type_is_corrupt() {
    let row = stored(&Fixture::sqlite(), [null(), "text".into(), "text".into()]);
    assert_corrupt(row.int(2));
    assert_corrupt(row.opt_int(2));
    assert_corrupt(row.bytes(3));
    assert_corrupt(row.opt_text(9));
}

#[test]
fn text_that_is_not_utf_8_is_corrupt() {
    static NOT_UTF8: Statement = Statement::new("t", "SELECT CAST(x'ff' AS TEXT)");
    assert_corrupt(Fixture::sqlite().db.read(|conn| conn.query(&NOT_UTF8, &[])));
}
