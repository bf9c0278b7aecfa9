//! Reading a row's values as the domain's types. What doesn't read is corrupt data, never a panic.

use std::str::FromStr;

use domain::Timestamp;

use crate::db::{DbError, Row, Value};

pub(crate) fn corrupt(what: &str) -> DbError {
    DbError::Corrupt(format!("{what} holds what no version of Doorkey writes"))
}

pub(crate) fn parsed<T: FromStr>(row: &Row, column: usize) -> Result<T, DbError> {
    row.text(column)?.parse().map_err(|_| corrupt("an id"))
}

pub(crate) fn opt_parsed<T: FromStr>(row: &Row, column: usize) -> Result<Option<T>, DbError> {
    row.opt_text(column)?.map(|text| text.parse().map_err(|_| corrupt("an id"))).transpose()
}

/// Each of these as the one value of a statement.
pub(crate) fn ids<T: ToString>(ids: &[T]) -> Vec<[Value; 1]> {
    ids.iter().map(|id| [id.to_string().into()]).collect()
}

pub(crate) fn flag(row: &Row, column: usize) -> Result<bool, DbError> {
    Ok(row.int(column)? != 0)
}

/// What COUNT or SUM gave.
pub(crate) fn count(row: &Row, column: usize) -> Result<u64, DbError> {
    u64::try_from(row.int(column)?).map_err(|_| corrupt("a count"))
}

pub(crate) fn time(row: &Row, column: usize) -> Result<Timestamp, DbError> {
    row.int(column).map(Timestamp::from_millis)
}

pub(crate) fn opt_time(row: &Row, column: usize) -> Result<Option<Timestamp>, DbError> {
    Ok(row.opt_int(column)?.map(Timestamp::from_millis))
}

pub(crate) fn opt_millis(at: Option<Timestamp>) -> Value {
    at.map(Timestamp::millis).into()
}
