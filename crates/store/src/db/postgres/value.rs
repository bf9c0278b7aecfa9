//! Values on their way into a statement and out of a row, in PostgreSQL's binary form.

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::db::Value;

type BoxError = Box<dyn std::error::Error + Sync + Send>;

/// A value that is being bound. Its `Debug` says its kind alone, as a value's does: the driver logs parameters.
#[derive(Debug)]
pub(super) struct Bound<'a>(pub(super) &'a Value);

/// Whether a parameter of this type takes this value; or why not.
pub(super) fn fits(value: &Value, parameter: &Type) -> Result<(), String> {
    match (value, parameter) {
        // PostgreSQL can't store it.
        (Value::Text(text), _) if text.contains('\0') => Err("a text has a NUL byte in it".to_owned()),
        (Value::Null, _)
        | (Value::Int(_), &Type::INT8)
        | (Value::Text(_), &Type::TEXT)
        | (Value::Bytes(_), &Type::BYTEA) => Ok(()),
        (value, parameter) => Err(format!("a {value:?} was given for a parameter of type {parameter}")),
    }
}

/// Whether parameters may have this type.
pub(super) fn is_parameter(of: &Type) -> bool {
    matches!(*of, Type::TEXT | Type::INT8 | Type::BYTEA)
}

/// Whether columns of an answer may have this type. A small integer is what a literal is.
pub(super) fn is_column(of: &Type) -> bool {
    matches!(*of, Type::TEXT | Type::INT8 | Type::INT4 | Type::BYTEA)
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Int(number) => out.put_i64(*number),
            Value::Text(text) => out.put_slice(text.as_bytes()),
            Value::Bytes(bytes) => out.put_slice(bytes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        // `fits` has looked at the value too.
        true
    }

    to_sql_checked!();
}

/// The bytes of a column as they came; none for NULL.
pub(super) struct Found<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Found<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, BoxError> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Puts what was found into the slot, in the memory that the slot already has; or says what it found.
pub(super) fn fill(slot: &mut Value, column: &Type, found: &Found<'_>) -> Result<(), &'static str> {
    let Some(bytes) = found.0 else {
        *slot = Value::Null;
        return Ok(());
    };
    match *column {
        Type::TEXT => {
            let text = std::str::from_utf8(bytes).map_err(|_| "text that is not UTF-8")?;
            match slot {
                Value::Text(slot) => {
                    slot.clear();
                    slot.push_str(text);
                }
                slot => *slot = Value::from(text),
            }
        }
        Type::BYTEA => match slot {
            Value::Bytes(slot) => {
                slot.clear();
                slot.extend_from_slice(bytes);
            }
            slot => *slot = Value::from(bytes),
        },
        Type::INT8 => {
            let number = bytes.try_into().map_err(|_| "a number of another size")?;
            *slot = Value::Int(i64::from_be_bytes(number));
        }
        Type::INT4 => {
            let number = bytes.try_into().map_err(|_| "a number of another size")?;
            *slot = Value::Int(i64::from(i32::from_be_bytes(number)));
        }
        _ => return Err("of a type that no column has"),
    }
    Ok(())
}
