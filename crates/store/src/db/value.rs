//! The values that go into a statement and come out of it.

use std::fmt;

use super::DbError;

/// One value bound to a statement, or found in a row.
///
/// There are three column types, TEXT, BIGINT and BYTEA, because only these mean the same on every database. A flag is a
/// BIGINT of 0 or 1, and there is deliberately no `From<bool>`: one database would take it, the other refuse it.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// No value.
    Null,
    /// A BIGINT: a number, a flag, or milliseconds since 1970 in UTC.
    Int(i64),
    /// A TEXT; never with a NUL byte in it.
    Text(String),
    /// A BYTEA.
    Bytes(Vec<u8>),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Int(_) => "BIGINT",
            Self::Text(_) => "TEXT",
            Self::Bytes(_) => "BYTEA",
        }
    }
}

/// Says what kind of value it is and not which: it may be a secret.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer. Columns are asked for by their place, counted from 0, and by the type they must have.
///
/// SQLite stores a value of another type than the column's where PostgreSQL refuses it. The type is therefore checked here,
/// and a row that doesn't fit is [`DbError::Corrupt`], never a guess.
#[derive(Clone, Debug)]
pub struct Row {
    pub(super) statement: &'static str,
    pub(super) values: Vec<Value>,
}

impl Row {
    /// What was found, out of the memory that the next row is found in.
    pub(super) fn take(&mut self) -> Self {
        Self { statement: self.statement, values: std::mem::take(&mut self.values) }
    }

    /// The BIGINT in this column.
    pub fn int(&self, column: usize) -> Result<i64, DbError> {
        self.opt_int(column)?.ok_or_else(|| self.unfit(column, "BIGINT"))
    }

    /// The TEXT in this column.
    pub fn text(&self, column: usize) -> Result<&str, DbError> {
        self.opt_text(column)?.ok_or_else(|| self.unfit(column, "TEXT"))
    }

    /// The BYTEA in this column.
    pub fn bytes(&self, column: usize) -> Result<&[u8], DbError> {
        self.opt_bytes(column)?.ok_or_else(|| self.unfit(column, "BYTEA"))
    }

    /// The BIGINT in this column, if there is a value.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, DbError> {
        match self.values.get(column) {
            Some(Value::Null) => Ok(None),
            Some(Value::Int(number)) => Ok(Some(*number)),
            _ => Err(self.unfit(column, "BIGINT")),
        }
    }

    /// The TEXT in this column, if there is a value.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, DbError> {
        match self.values.get(column) {
            Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            _ => Err(self.unfit(column, "TEXT")),
        }
    }

    /// The BYTEA in this column, if there is a value.
    pub fn opt_bytes(&self, column: usize) -> Result<Option<&[u8]>, DbError> {
        match self.values.get(column) {
            Some(Value::Null) => Ok(None),
            Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
            _ => Err(self.unfit(column, "BYTEA")),
        }
    }

    /// All of its values, in the order of the statement's columns.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    fn unfit(&self, column: usize, wanted: &str) -> DbError {
        let found = self.values.get(column).map_or("no such column", Value::kind);
        DbError::Corrupt(format!("{}: column {column} should be {wanted} and is {found}", self.statement))
    }
}
