//! Whether the tables keep to what means the same on every database. What is somebody else's in the schema is left alone.

use super::Session;
use crate::db::{Column, ColumnType, DbError, Shape};

/// A column of another type. That a primary key is not NULL, and that what is referred to is there, PostgreSQL sees to itself.
pub(super) const ODD_COLUMN: &str = "
    SELECT c.relname || '.' || a.attname || ' is ' || upper(format_type(a.atttypid, a.atttypmod))
        || ', and not TEXT, BIGINT or BYTEA'
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
      AND pg_has_role(c.relowner, 'USAGE')
      AND a.attnum > 0 AND NOT a.attisdropped
      AND a.atttypid NOT IN ('text'::regtype, 'bigint'::regtype, 'bytea'::regtype)
    LIMIT 1";

/// The tables, their columns in order with their place in the primary key, and the tables that they refer to.
const COLUMNS: &str = "
    SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL), array_position(p.conkey, a.attnum)::bigint
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    LEFT JOIN pg_constraint AS p ON p.conrelid = c.oid AND p.contype = 'p'
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
      AND pg_has_role(c.relowner, 'USAGE') AND c.relname NOT IN ('schema_migrations', 'store_owner')
      AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY c.relname, a.attnum";
const REFERENCES: &str = "
    SELECT DISTINCT c.relname::text, f.relname::text
    FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_class AS f ON f.oid = k.confrelid
    WHERE k.contype = 'f' AND c.relnamespace = current_schema()::regnamespace";

/// The tables that the schema has. A type that isn't one of the three never gets past [`ODD_COLUMN`].
pub(super) fn all(session: &mut Session) -> Result<Vec<Shape>, DbError> {
    let unfit = |_| DbError::Corrupt("the database describes its tables in another way".to_owned());
    let mut shapes: Vec<Shape> = Vec::new();
    let mut key: Vec<(i64, String)> = Vec::new();
    for row in session.ask(COLUMNS, &[])? {
        let (table, column): (String, String) =
            (row.try_get(0).map_err(unfit)?, row.try_get(1).map_err(unfit)?);
        let of: String = row.try_get(2).map_err(unfit)?;
        let of = ColumnType::from_sql(&of.to_uppercase()).unwrap_or(ColumnType::Text);
        if shapes.last().is_none_or(|last| last.name != table) {
            close_key(&mut shapes, &mut key);
            shapes.push(Shape { name: table, columns: Vec::new(), key: Vec::new(), references: Vec::new() });
        }
        if let Some(place) = row.try_get::<_, Option<i64>>(3).map_err(unfit)? {
            key.push((place, column.clone()));
        }
        if let Some(shape) = shapes.last_mut() {
            shape.columns.push(Column { name: column, of });
        }
    }
    close_key(&mut shapes, &mut key);
    for row in session.ask(REFERENCES, &[])? {
        let (from, to): (String, String) = (row.try_get(0).map_err(unfit)?, row.try_get(1).map_err(unfit)?);
        if let Some(shape) = shapes.iter_mut().find(|shape| shape.name == from) {
            shape.references.push(to);
        }
    }
    Ok(shapes)
}

/// Gives the last table its primary key, now that all of its columns are known.
fn close_key(shapes: &mut [Shape], key: &mut Vec<(i64, String)>) {
    key.sort();
    if let Some(shape) = shapes.last_mut() {
        shape.key = key.drain(..).map(|(_, column)| column).collect();
    }
}
