//! A connection: what a unit of work runs its statements on, whatever the database.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::{DbError, Figures, Row, Shape, Statement, Value, sqlite};

/// A connection to the database, in the middle of a unit of work.
///
/// The first statement that fails poisons the rest of the unit: nothing more runs, and nothing of it is stored, even if the
/// unit swallows the error. PostgreSQL works that way, and SQLite doesn't. So a conflict that is to be expected is asked for
/// with `ON CONFLICT DO NOTHING` and the number of rows changed.
pub struct Conn {
    backend: Backend,
    access: Access,
    trouble: Option<DbError>,
    figures: Arc<Figures>,
}

enum Backend {
    Sqlite(sqlite::Session),
}

/// What a connection is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Migrate,
    Write,
    Read,
}

/// What statements a connection takes at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// What became of a transaction whose commit failed.
pub(super) enum CommitFailure {
    /// Surely nothing of it is stored, and the connection is outside of it.
    NotStored(DbError),
    /// It may be stored or not; the connection is of no use any more.
    Unknown(DbError),
}

impl Conn {
    pub(super) fn sqlite(session: sqlite::Session, role: Role, figures: Arc<Figures>) -> Self {
        let access = if role == Role::Read { Access::Read } else { Access::Write };
        Self { backend: Backend::Sqlite(session), access, trouble: None, figures }
    }

    /// Runs a statement that changes rows, and says how many. `params` are the values of `$1`, `$2` and so on.
    pub fn execute(&mut self, statement: &'static Statement, params: &[Value]) -> Result<u64, DbError> {
        self.guarded(|backend, access| match backend {
            Backend::Sqlite(session) => session.execute(statement, params, access),
        })
    }

    /// Runs a statement that answers with rows, and takes them all into memory.
    pub fn query(&mut self, statement: &'static Statement, params: &[Value]) -> Result<Vec<Row>, DbError> {
        let mut found = Vec::new();
        self.rows(statement, params, &mut |row| {
            found.push(Row { statement: row.statement, values: std::mem::take(&mut row.values) });
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Runs a statement that answers with one row or none. More than one is [`DbError::Misuse`]: which of them comes first
    /// would be an accident.
    pub fn query_one(
        &mut self,
        statement: &'static Statement,
        params: &[Value],
    ) -> Result<Option<Row>, DbError> {
        let mut found = None;
        let mut count = 0_usize;
        self.rows(statement, params, &mut |row| {
            count += 1;
            found = Some(Row { statement: row.statement, values: std::mem::take(&mut row.values) });
            if count > 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if count > 1 {
            let error = DbError::Misuse(format!("{}: more than one row was found", statement.name()));
            self.trouble = Some(error.clone());
            return Err(error);
        }
        Ok(found)
    }

    /// Runs a statement that answers with rows, one after another through the same memory, until there are no more or
    /// `each` fails. An error of `each` is not the statement's, and poisons nothing.
    pub fn for_each<E: From<DbError>>(
        &mut self,
        statement: &'static Statement,
        params: &[Value],
        each: &mut dyn FnMut(&Row) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut stopped = Ok(());
        self.rows(statement, params, &mut |row| match each(row) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                stopped = Err(error);
                ControlFlow::Break(())
            }
        })?;
        stopped
    }

    /// Whether the database understands this statement, and its parameters are numbered from `$1` without a gap. Runs nothing.
    pub fn check(&mut self, statement: &'static Statement) -> Result<(), DbError> {
        self.guarded(|backend, _| match backend {
            Backend::Sqlite(session) => session.check(statement),
        })
    }

    fn rows(
        &mut self,
        statement: &'static Statement,
        params: &[Value],
        each: &mut dyn FnMut(&mut Row) -> ControlFlow<()>,
    ) -> Result<(), DbError> {
        self.guarded(|backend, access| match backend {
            Backend::Sqlite(session) => session.rows(statement, params, access, each),
        })
    }

    fn guarded<R>(
        &mut self,
        run: impl FnOnce(&mut Backend, Access) -> Result<R, DbError>,
    ) -> Result<R, DbError> {
        if self.trouble.is_some() {
            return Err(DbError::Poisoned);
        }
        let result = run(&mut self.backend, self.access);
        if let Err(error) = &result {
            self.figures.failed(error);
            self.trouble = Some(error.clone());
        }
        result
    }

    pub(super) fn is_poisoned(&self) -> bool {
        self.trouble.is_some()
    }

    /// The error that poisoned the unit, if one did; the next unit starts clean.
    pub(super) fn take_trouble(&mut self) -> Option<DbError> {
        self.trouble.take()
    }

    /// Lets `work` read and not write.
    pub(super) fn reading<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R {
        let before = std::mem::replace(&mut self.access, Access::Read);
        let result = work(self);
        self.access = before;
        self.trouble = None;
        result
    }

    /// Begins a transaction that writes, and takes the right to write at once: a transaction that begins by reading can't
    /// be sure of getting it later.
    pub(super) fn begin_write(&mut self) -> Result<(), DbError> {
        self.control("BEGIN IMMEDIATE")
    }

    /// Begins a transaction that sees one state of the data throughout.
    pub(super) fn begin_snapshot(&mut self) -> Result<(), DbError> {
        self.control("BEGIN")
    }

    pub(super) fn rollback(&mut self) -> Result<(), DbError> {
        if self.in_transaction() { self.control("ROLLBACK") } else { Ok(()) }
    }

    pub(super) fn savepoint(&mut self) -> Result<(), DbError> {
        self.control("SAVEPOINT unit")
    }

    pub(super) fn keep_savepoint(&mut self) -> Result<(), DbError> {
        self.control("RELEASE unit")
    }

    pub(super) fn undo_savepoint(&mut self) -> Result<(), DbError> {
        self.control("ROLLBACK TO unit")?;
        self.control("RELEASE unit")
    }

    fn control(&mut self, sql: &'static str) -> Result<(), DbError> {
        match &mut self.backend {
            Backend::Sqlite(session) => session.control(sql),
        }
    }

    pub(super) fn commit(&mut self) -> Result<(), CommitFailure> {
        match &mut self.backend {
            Backend::Sqlite(session) => session.commit(),
        }
    }

    pub(super) fn in_transaction(&self) -> bool {
        match &self.backend {
            Backend::Sqlite(session) => session.in_transaction(),
        }
    }

    /// Makes certain, on a new connection, what an earlier commit of unknown outcome came to.
    pub(super) fn settle(&mut self) -> Result<(), DbError> {
        match &mut self.backend {
            Backend::Sqlite(session) => session.settle(),
        }
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        match &mut self.backend {
            Backend::Sqlite(session) => session.batch(sql),
        }
    }

    pub(super) fn shape_problem(&self) -> Result<Option<String>, DbError> {
        match &self.backend {
            Backend::Sqlite(session) => session.shape_problem(),
        }
    }

    /// The tables that there are, in no particular order; without the one that the migrations keep for themselves.
    pub(super) fn shapes(&mut self) -> Result<Vec<Shape>, DbError> {
        self.guarded(|backend, _| match backend {
            Backend::Sqlite(session) => session.shapes(),
        })
    }

    /// What the database itself finds damaged in its files, a line each.
    pub fn damage(&mut self) -> Result<Vec<String>, DbError> {
        self.guarded(|backend, _| match backend {
            Backend::Sqlite(session) => session.damage(),
        })
    }

    pub(super) fn checkpoint(&mut self, busy_timeout: std::time::Duration) -> Result<bool, DbError> {
        match &mut self.backend {
            Backend::Sqlite(session) => session.checkpoint(busy_timeout),
        }
    }

    /// What stops the statement that runs on this connection, from another thread.
    pub(super) fn interrupter(&self) -> Box<dyn Fn() + Send> {
        match &self.backend {
            Backend::Sqlite(session) => {
                let handle = session.interrupter();
                Box::new(move || handle.interrupt())
            }
        }
    }

    #[cfg(test)]
    pub(super) fn session(&mut self) -> &mut sqlite::Session {
        let Backend::Sqlite(session) = &mut self.backend;
        session
    }
}
