//! Whether the tables keep to what means the same on every database.

use rusqlite::{Connection, OptionalExtension};

use crate::db::{Column, ColumnType, Shape};

/// A column of another type, or a primary key that may be NULL: SQLite lets both pass, and means something of its own by
/// them.
const ODD_COLUMN: &str = "
    SELECT t.name || '.' || c.name || CASE
        WHEN c.type NOT IN ('TEXT', 'BIGINT', 'BYTEA') THEN ' is ' || c.type || ', and not TEXT, BIGINT or BYTEA'
        ELSE ' is of the primary key, and not NOT NULL' END
    FROM sqlite_schema AS t, pragma_table_xinfo(t.name) AS c
    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite@_%' ESCAPE '@'
      AND (c.type NOT IN ('TEXT', 'BIGINT', 'BYTEA') OR (c.pk > 0 AND c.\"notnull\" = 0))
    LIMIT 1";

const LOOSE_REFERENCES: &str = "
    SELECT DISTINCT 'a row of ' || \"table\" || ' refers to one that is not in ' || parent
    FROM pragma_foreign_key_check LIMIT 100";

const LOOSE_REFERENCE: &str = "SELECT 'a row of ' || \"table\" || ' refers to one that is not in ' || parent FROM pragma_foreign_key_check LIMIT 1";

pub(super) fn problem(db: &Connection) -> rusqlite::Result<Option<String>> {
    for check in [ODD_COLUMN, LOOSE_REFERENCE] {
        if let Some(problem) = db.query_row(check, [], |row| row.get(0)).optional()? {
            return Ok(Some(problem));
        }
    }
    Ok(None)
}

const TABLES: &str = "
    SELECT name FROM sqlite_schema
    WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@' AND name <> 'schema_migrations'";
const COLUMNS: &str = "SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid";
const REFERENCES: &str = "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list($1)";

/// The tables that the file has. A type that isn't one of the three never gets past [`problem`].
pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<Shape>> {
    let mut tables = db.prepare(TABLES)?;
    let names: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    names.into_iter().map(|name| shape(db, name)).collect()
}

fn shape(db: &Connection, name: String) -> rusqlite::Result<Shape> {
    let mut columns = db.prepare(COLUMNS)?;
    let mut key = Vec::new();
    let columns: Vec<Column> = columns
        .query_map([&name], |row| {
            let (column, of, place): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if place > 0 {
                key.push((place, column.clone()));
            }
            let of = ColumnType::from_sql(&of).unwrap_or(ColumnType::Text);
            Ok(Column { name: column, of })
        })?
        .collect::<Result<_, _>>()?;
    key.sort();
    let mut references = db.prepare(REFERENCES)?;
    let references = references.query_map([&name], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Shape { name, columns, key: key.into_iter().map(|(_, column)| column).collect(), references })
}

pub(super) fn damage(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = db.prepare("PRAGMA integrity_check")?;
    let lines: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut references = db.prepare(LOOSE_REFERENCES)?;
    let loose: Vec<String> = references.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").chain(loose).collect())
}
