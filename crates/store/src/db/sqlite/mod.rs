//! SQLite: one session is one connection to the file.

mod fault;
mod settings;
mod shape;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::{Null, ValueRef};
use rusqlite::{CachedStatement, Connection, InterruptHandle};

use super::conn::{Access, CommitFailure, Control, Role};
use super::{DbError, OpenError, Row, Shape, Statement, Value};

/// How many prepared statements a connection keeps: more than the store has, so that none is ever parsed twice.
const STATEMENT_CACHE: usize = 512;

/// The version of SQLite that this program was built with.
pub(super) fn version() -> &'static str {
    rusqlite::version()
}

pub(super) struct Session {
    db: Connection,
    /// Fails the next commit as a disk would.
    #[cfg(test)]
    pub(super) next_commit: Option<super::tests::CommitFault>,
}

impl Session {
    pub(super) fn open(path: &Path, role: Role, busy_timeout: Duration) -> Result<Self, OpenError> {
        let db = settings::connect(path, role, busy_timeout)?;
        db.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        Ok(Self {
            db,
            #[cfg(test)]
            next_commit: None,
        })
    }

    pub(super) fn check(&self, statement: &Statement) -> Result<(), DbError> {
        let prepared = self.prepare(statement)?;
        (1..=prepared.parameter_count())
            .try_for_each(|place| number_of(&prepared, place).map(drop))
            .map_err(|problem| misuse(statement, problem))
    }

    pub(super) fn execute(
        &mut self,
        statement: &Statement,
        params: &[Value],
        access: Access,
    ) -> Result<u64, DbError> {
        let mut prepared = self.bound(statement, params, access)?;
        if prepared.column_count() > 0 {
            return Err(misuse(statement, "it answers with rows, so it must be queried"));
        }
        let changed = prepared.raw_execute().map_err(|error| fault::translate(statement.name(), &error))?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    /// Steps through the rows until `each` breaks off. The row is the same one again and again, so that a long scan
    /// doesn't allocate for every row.
    pub(super) fn rows(
        &mut self,
        statement: &Statement,
        params: &[Value],
        access: Access,
        each: &mut dyn FnMut(&mut Row) -> ControlFlow<()>,
    ) -> Result<(), DbError> {
        let mut prepared = self.bound(statement, params, access)?;
        let width = prepared.column_count();
        if width == 0 {
            return Err(misuse(statement, "it answers with no rows, so it must be executed"));
        }
        let mut row = Row { statement: statement.name(), values: Vec::new() };
        let mut rows = prepared.raw_query();
        while let Some(found) = rows.next().map_err(|error| fault::translate(statement.name(), &error))? {
            row.values.resize(width, Value::Null);
            for (column, slot) in row.values.iter_mut().enumerate() {
                let value =
                    found.get_ref(column).map_err(|error| fault::translate(statement.name(), &error))?;
                fill(slot, value).map_err(|found| {
                    DbError::Corrupt(format!("{}: column {column} is {found}", statement.name()))
                })?;
            }
            if each(&mut row).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Runs the text of a migration, which may be many statements.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        self.db.execute_batch(sql).map_err(|error| fault::translate("migration", &error))
    }

    /// Begins, ends and divides transactions.
    pub(super) fn control(&mut self, control: Control) -> Result<(), DbError> {
        let texts: &[&'static str] = match control {
            Control::BeginWrite => &["BEGIN IMMEDIATE"],
            Control::BeginSnapshot => &["BEGIN"],
            Control::Rollback => &["ROLLBACK"],
            Control::Savepoint => &["SAVEPOINT unit"],
            Control::KeepSavepoint => &["RELEASE unit"],
            Control::UndoSavepoint => &["ROLLBACK TO unit", "RELEASE unit"],
        };
        for sql in texts {
            self.raw_control(sql).map_err(|error| fault::translate(sql, &error))?;
        }
        Ok(())
    }

    fn raw_control(&mut self, sql: &'static str) -> rusqlite::Result<()> {
        self.db.prepare_cached(sql)?.raw_execute().map(drop)
    }

    pub(super) fn commit(&mut self) -> Result<(), CommitFailure> {
        #[cfg(test)]
        if let Some(fault) = self.next_commit.take() {
            return Err(fault.commit(|sql| self.db.execute_batch(sql).unwrap()));
        }
        let Err(error) = self.raw_control("COMMIT") else { return Ok(()) };
        let translated = fault::translate("COMMIT", &error);
        // The transaction may still be open, and must not swallow the next one's work.
        let undone = self.db.is_autocommit() || self.raw_control("ROLLBACK").is_ok();
        if undone && fault::is_before_commit_mark(&error) {
            Err(CommitFailure::NotStored(translated))
        } else {
            Err(CommitFailure::Unknown(translated))
        }
    }

    pub(super) fn in_transaction(&self) -> bool {
        !self.db.is_autocommit()
    }

    /// Makes certain what an earlier commit of unknown outcome came to.
    ///
    /// What such a commit left in the log comes to life only if a recovery finds it there. A later commit writes over it,
    /// and waits for the disk; after that, what can be read is what stays. The number in `user_version` serves only this.
    pub(super) fn settle(&mut self) -> Result<(), DbError> {
        let run = |db: &Connection| -> rusqlite::Result<()> {
            let fence = db.unchecked_transaction()?;
            let number: i32 = fence.pragma_query_value(None, "user_version", |row| row.get(0))?;
            fence.pragma_update(None, "user_version", number.wrapping_add(1))?;
            fence.commit()
        };
        run(&self.db).map_err(|error| fault::translate("settle", &error))
    }

    /// Moves the log into the file and empties it, so that what was deleted is gone from both. `false` when a reader still
    /// needs the log.
    pub(super) fn checkpoint(&mut self, busy_timeout: Duration) -> Result<bool, DbError> {
        let run = || -> rusqlite::Result<bool> {
            // A writer that waited here for a slow reader would keep everyone waiting.
            self.db.busy_timeout(Duration::ZERO)?;
            let busy: i64 = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            Ok(busy == 0)
        };
        let done = run();
        self.db.busy_timeout(busy_timeout).map_err(|error| fault::translate("checkpoint", &error))?;
        done.map_err(|error| fault::translate("checkpoint", &error))
    }

    pub(super) fn interrupter(&self) -> InterruptHandle {
        self.db.get_interrupt_handle()
    }

    /// The tables, as the file has them.
    pub(super) fn shapes(&self) -> Result<Vec<Shape>, DbError> {
        shape::all(&self.db).map_err(|error| fault::translate("shapes", &error))
    }

    /// What SQLite finds damaged in the file, at most a hundred lines.
    pub(super) fn damage(&self) -> Result<Vec<String>, DbError> {
        shape::damage(&self.db).map_err(|error| fault::translate("integrity_check", &error))
    }

    /// What in the tables would not mean the same on another database, if anything.
    pub(super) fn shape_problem(&self) -> Result<Option<String>, DbError> {
        shape::problem(&self.db).map_err(|error| fault::translate("shape", &error))
    }

    #[cfg(test)]
    pub(super) fn raw(&mut self) -> &mut Connection {
        &mut self.db
    }

    fn prepare(&self, statement: &Statement) -> Result<CachedStatement<'_>, DbError> {
        self.db.prepare_cached(statement.sql()).map_err(|error| fault::translate(statement.name(), &error))
    }

    fn bound(
        &self,
        statement: &Statement,
        params: &[Value],
        access: Access,
    ) -> Result<CachedStatement<'_>, DbError> {
        let mut prepared = self.prepare(statement)?;
        if access == Access::Read && !prepared.readonly() {
            return Err(misuse(statement, "it writes, on a connection that is for reading"));
        }
        bind(&mut prepared, params).map_err(|problem| misuse(statement, problem))?;
        Ok(prepared)
    }
}

/// Binds each value to the parameter of its number.
///
/// To SQLite `$2` is a *name*, which it numbers by first appearance; binding by its order would swap values in silence.
/// With too few values it would read the rest as NULL, as silently.
fn bind(prepared: &mut rusqlite::Statement<'_>, params: &[Value]) -> Result<(), &'static str> {
    if prepared.parameter_count() != params.len() {
        return Err("it was given another number of values than it has parameters");
    }
    for place in 1..=params.len() {
        let number = number_of(prepared, place)?;
        let value = params
            .get(number.wrapping_sub(1))
            .ok_or("its parameters are not numbered from $1 without a gap")?;
        match value {
            Value::Null => prepared.raw_bind_parameter(place, Null),
            Value::Int(number) => prepared.raw_bind_parameter(place, number),
            // PostgreSQL can't store it, and C code stops reading there.
            Value::Text(text) if text.contains('\0') => return Err("a text has a NUL byte in it"),
            Value::Text(text) => prepared.raw_bind_parameter(place, text),
            Value::Bytes(bytes) => prepared.raw_bind_parameter(place, bytes),
        }
        .map_err(|_| "a value could not be bound to it")?;
    }
    Ok(())
}

/// The `n` of the `$n` at this place, if it is one of `$1` to `$count`.
fn number_of(prepared: &rusqlite::Statement<'_>, place: usize) -> Result<usize, &'static str> {
    prepared
        .parameter_name(place)
        .and_then(|name| name.strip_prefix('$'))
        .filter(|digits| !digits.starts_with('0'))
        .and_then(|digits| digits.parse::<usize>().ok())
        .filter(|number| *number <= prepared.parameter_count())
        .ok_or("its parameters are not numbered from $1 without a gap")
}

/// Puts what was found into the slot, in the memory that the slot already has; or says what it found.
fn fill(slot: &mut Value, found: ValueRef<'_>) -> Result<(), &'static str> {
    match (slot, found) {
        (Value::Text(slot), ValueRef::Text(text)) => {
            slot.clear();
            slot.push_str(utf8(text)?);
        }
        (Value::Bytes(slot), ValueRef::Blob(bytes)) => {
            slot.clear();
            slot.extend_from_slice(bytes);
        }
        (slot, ValueRef::Null) => *slot = Value::Null,
        (slot, ValueRef::Integer(number)) => *slot = Value::Int(number),
        (slot, ValueRef::Text(text)) => *slot = Value::from(utf8(text)?),
        (slot, ValueRef::Blob(bytes)) => *slot = Value::from(bytes),
        (_, ValueRef::Real(_)) => return Err("a floating-point number"),
    }
    Ok(())
}

fn utf8(text: &[u8]) -> Result<&str, &'static str> {
    std::str::from_utf8(text).map_err(|_| "text that is not UTF-8")
}

fn misuse(statement: &Statement, problem: &str) -> DbError {
    DbError::Misuse(format!("{}: {problem}", statement.name()))
}
