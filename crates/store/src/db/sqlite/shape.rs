//! Whether the tables keep to what means the same on every database.

use rusqlite::{Connection, OptionalExtension};

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

const LOOSE_REFERENCE: &str = "SELECT 'a row of ' || \"table\" || ' refers to one that is not in ' || parent FROM pragma_foreign_key_check LIMIT 1";

pub(super) fn problem(db: &Connection) -> rusqlite::Result<Option<String>> {
    for check in [ODD_COLUMN, LOOSE_REFERENCE] {
        if let Some(problem) = db.query_row(check, [], |row| row.get(0)).optional()? {
            return Ok(Some(problem));
        }
    }
    Ok(None)
}
