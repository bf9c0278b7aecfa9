//! How a connection to the file is set up, and the proof that it is.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use super::fault;
use crate::db::conn::Role;
use crate::db::{DbError, OpenError};

pub(super) fn connect(path: &Path, role: Role, busy_timeout: Duration) -> Result<Connection, OpenError> {
    let database = |error: &rusqlite::Error| OpenError::Database {
        place: path.display().to_string(),
        source: fault::translate("open", error),
    };
    // Never CREATE: the file is made beforehand, so that it is closed to others from its first moment; and one that has
    // vanished must not come back empty.
    let access = match role {
        Role::Read | Role::Scan => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Role::Write | Role::Migrate => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let db = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|e| database(&e))?;
    apply(&db, role, busy_timeout).map_err(|e| database(&e))?;
    for (setting, wanted) in expected(role, busy_timeout) {
        let found = read_back(&db, setting).map_err(|e| database(&e))?;
        if found != wanted {
            return Err(OpenError::Setting { path: path.to_owned(), setting, wanted, found });
        }
    }
    // This one can't be read back, so its effect is tried: PostgreSQL's LIKE tells capitals apart.
    let folds: i64 = db.query_row("SELECT 'a' LIKE 'A'", [], |row| row.get(0)).map_err(|e| database(&e))?;
    if folds != 0 {
        let source = DbError::Misuse("LIKE does not tell capitals apart".to_owned());
        return Err(OpenError::Database { place: path.display().to_string(), source });
    }
    Ok(db)
}

const fn reads(role: Role) -> bool {
    matches!(role, Role::Read | Role::Scan)
}

fn apply(db: &Connection, role: Role, busy_timeout: Duration) -> rusqlite::Result<()> {
    db.busy_timeout(busy_timeout)?;
    // Without this, "text" in the wrong quotes is a value to SQLite and an unknown column to PostgreSQL.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    if !reads(role) {
        db.execute_batch("PRAGMA journal_mode = WAL")?;
    }
    db.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA trusted_schema = OFF;
         PRAGMA secure_delete = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA case_sensitive_like = ON;",
    )?;
    // A migration that builds a table anew must drop the old one without what refers to it going along; the runner checks
    // all references before it commits.
    db.pragma_update(None, "foreign_keys", role != Role::Migrate)?;
    db.pragma_update(None, "query_only", reads(role))
}

fn expected(role: Role, busy_timeout: Duration) -> [(&'static str, String); 8] {
    let flag = |on: bool| i64::from(on).to_string();
    [
        ("journal_mode", "wal".to_owned()),
        ("synchronous", "2".to_owned()),
        ("foreign_keys", flag(role != Role::Migrate)),
        ("busy_timeout", busy_timeout.as_millis().to_string()),
        ("trusted_schema", flag(false)),
        ("secure_delete", flag(true)),
        ("temp_store", "2".to_owned()),
        ("query_only", flag(reads(role))),
    ]
}

fn read_back(db: &Connection, setting: &str) -> rusqlite::Result<String> {
    db.pragma_query_value(None, setting, |row| {
        Ok(match row.get(0)? {
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => text,
            _ => "something else".to_owned(),
        })
    })
}
