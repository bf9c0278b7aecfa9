//! A connection: what a unit of work runs its statements on, whatever the database.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::{DbError, Figures, Row, Shape, Statement, Value, postgres, sqlite};

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
    Postgres(postgres::Session),
}

/// What a connection is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Migrate,
    Write,
    /// For a look at a few rows.
    Read,
    /// For reading as much as it takes.
    Scan,
}

/// What begins, ends and divides transactions.
#[derive(Clone, Copy)]
pub(super) enum Control {
    BeginWrite,
    BeginSnapshot,
    Rollback,
    Savepoint,
    KeepSavepoint,
    UndoSavepoint,
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
        Self::new(Backend::Sqlite(session), role, figures)
    }

    pub(super) fn postgres(session: postgres::Session, role: Role, figures: Arc<Figures>) -> Self {
        Self::new(Backend::Postgres(session), role, figures)
    }

    fn new(backend: Backend, role: Role, figures: Arc<Figures>) -> Self {
        let access = match role {
            Role::Read | Role::Scan => Access::Read,
            Role::Migrate | Role::Write => Access::Write,
        };
        Self { backend, access, trouble: None, figures }
    }

    /// Runs a statement that changes rows, and says how many. `params` are the values of `$1`, `$2` and so on.
    pub fn execute(&mut self, statement: &'static Statement, params: &[Value]) -> Result<u64, DbError> {
        self.guarded(|backend, access| match backend {
            Backend::Sqlite(session) => session.execute(statement, params, access),
            Backend::Postgres(session) => session.execute(statement, params, access),
        })
    }

    /// Runs a statement that changes rows once for each of `all`, in their order, and says how many each changed. To a database
    /// elsewhere they go together, and wait for the network together.
    pub fn execute_all<P: AsRef<[Value]>>(
        &mut self,
        statement: &'static Statement,
        all: &[P],
    ) -> Result<Vec<u64>, DbError> {
        self.guarded(|backend, access| match backend {
            Backend::Sqlite(session) => {
                all.iter().map(|params| session.execute(statement, params.as_ref(), access)).collect()
            }
            Backend::Postgres(session) => session.execute_all(statement, all, access),
        })
    }

    /// Runs a statement that answers with rows once for each of `all`, and gives what each found. To a database elsewhere they go
    /// together, and wait for the network together.
    pub fn query_all<P: AsRef<[Value]>>(
        &mut self,
        statement: &'static Statement,
        all: &[P],
    ) -> Result<Vec<Vec<Row>>, DbError> {
        self.guarded(|backend, access| match backend {
            Backend::Sqlite(session) => all
                .iter()
                .map(|params| {
                    let mut found = Vec::new();
                    session.rows(statement, params.as_ref(), access, &mut |row| {
                        found.push(row.take());
                        ControlFlow::Continue(())
                    })?;
                    Ok(found)
                })
                .collect(),
            Backend::Postgres(session) => session.query_all(statement, all, access),
        })
    }

    /// Runs a statement that answers with rows, and takes them all into memory.
    pub fn query(&mut self, statement: &'static Statement, params: &[Value]) -> Result<Vec<Row>, DbError> {
        let mut found = Vec::new();
        self.rows(statement, params, &mut |row| {
            found.push(row.take());
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
            found = Some(row.take());
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
            Backend::Postgres(session) => session.check(statement),
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
            Backend::Postgres(session) => session.rows(statement, params, access, each),
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
        self.control(Control::BeginWrite)
    }

    /// Begins a transaction that sees one state of the data throughout.
    pub(super) fn begin_snapshot(&mut self) -> Result<(), DbError> {
        self.control(Control::BeginSnapshot)
    }

    pub(super) fn rollback(&mut self) -> Result<(), DbError> {
        if self.in_transaction() { self.control(Control::Rollback) } else { Ok(()) }
    }

    pub(super) fn savepoint(&mut self) -> Result<(), DbError> {
        self.control(Control::Savepoint)
    }

    pub(super) fn keep_savepoint(&mut self) -> Result<(), DbError> {
        self.control(Control::KeepSavepoint)
    }

    pub(super) fn undo_savepoint(&mut self) -> Result<(), DbError> {
        self.control(Control::UndoSavepoint)
    }

    fn control(&mut self, control: Control) -> Result<(), DbError> {
        match &mut self.backend {
            Backend::Sqlite(session) => session.control(control),
            Backend::Postgres(session) => session.control(control),
        }
    }

    pub(super) fn commit(&mut self) -> Result<(), CommitFailure> {
        match &mut self.backend {
            Backend::Sqlite(session) => session.commit(),
            Backend::Postgres(session) => session.commit(),
        }
    }

    pub(super) fn in_transaction(&self) -> bool {
        match &self.backend {
            Backend::Sqlite(session) => session.in_transaction(),
            Backend::Postgres(session) => session.in_transaction(),
        }
    }

    /// Whether the connection is there. A file doesn't go away.
    pub(super) fn is_usable(&self) -> bool {
        match &self.backend {
            Backend::Sqlite(_) => true,
            Backend::Postgres(session) => session.is_usable(),
        }
    }

    /// Makes certain, on a new connection, what an earlier commit of unknown outcome came to.
    pub(super) fn settle(&mut self) -> Result<(), DbError> {
        match &mut self.backend {
            Backend::Sqlite(session) => session.settle(),
            // The new connection has the lock, so the old one's session has ended, and its transaction with it.
            Backend::Postgres(_) => Ok(()),
        }
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        match &mut self.backend {
            Backend::Sqlite(session) => session.batch(sql),
            Backend::Postgres(session) => session.batch(sql),
        }
    }

    pub(super) fn shape_problem(&mut self) -> Result<Option<String>, DbError> {
        match &mut self.backend {
            Backend::Sqlite(session) => session.shape_problem(),
            Backend::Postgres(session) => session.shape_problem(),
        }
    }

    /// The tables that there are, in no particular order; without the one that the migrations keep for themselves.
    pub(super) fn shapes(&mut self) -> Result<Vec<Shape>, DbError> {
        self.guarded(|backend, _| match backend {
            Backend::Sqlite(session) => session.shapes(),
            Backend::Postgres(session) => session.shapes(),
        })
    }

    /// The names of the tables that there are.
    pub(crate) fn tables(&mut self) -> Result<Vec<String>, DbError> {
        Ok(self.shapes()?.into_iter().map(|shape| shape.name).collect())
    }

    /// The database and its version, such as `SQLite 3.50.4`.
    pub fn engine(&mut self) -> Result<String, DbError> {
        self.guarded(|backend, _| match backend {
            Backend::Sqlite(_) => Ok(format!("SQLite {}", sqlite::version())),
            Backend::Postgres(session) => session.version().map(|version| format!("PostgreSQL {version}")),
        })
    }

    /// What makes this database unfit for the data, if anything. A file is as this program made it.
    pub(super) fn misfit(&mut self) -> Result<Option<String>, DbError> {
        self.guarded(|backend, _| match backend {
            Backend::Sqlite(_) => Ok(None),
            Backend::Postgres(session) => session.misfit(),
        })
    }

    /// Who has the data. Of a file, the lock on its folder tells.
    pub(super) fn holder(&mut self) -> Result<Option<String>, DbError> {
        self.guarded(|backend, _| match backend {
            Backend::Sqlite(_) => Ok(None),
            Backend::Postgres(session) => session.holder(),
        })
    }

    /// What the database itself finds damaged in its files, a line each.
    pub fn damage(&mut self) -> Result<Vec<String>, DbError> {
        self.guarded(|backend, _| match backend {
            Backend::Sqlite(session) => session.damage(),
            // Its pages have checksums of their own where its operator wants them; what doesn't read, fails when it is read.
            Backend::Postgres(_) => Ok(Vec::new()),
        })
    }

    pub(super) fn checkpoint(&mut self, busy_timeout: std::time::Duration) -> Result<bool, DbError> {
        match &mut self.backend {
            Backend::Sqlite(session) => session.checkpoint(busy_timeout),
            // What was deleted goes when the server vacuums, by its own rules.
            Backend::Postgres(_) => Ok(true),
        }
    }

    /// Takes the data as ours, from now on. A file's is when it is open.
    pub(super) fn own(&mut self) -> Result<(), DbError> {
        match &mut self.backend {
            Backend::Sqlite(_) => Ok(()),
            Backend::Postgres(session) => session.own(),
        }
    }

    /// Makes sure that the data is still ours. Nothing to ask of a file.
    pub(super) fn ping(&mut self) -> Result<(), DbError> {
        match &mut self.backend {
            Backend::Sqlite(_) => Ok(()),
            Backend::Postgres(session) => session.ping(),
        }
    }

    /// Lets a successor begin at once.
    pub(super) fn give_back(&mut self) -> Result<(), DbError> {
        match &mut self.backend {
            Backend::Sqlite(_) => Ok(()),
            Backend::Postgres(session) => session.give_back(),
        }
    }

    /// Makes statements be waited for as on a connection of this role. For a file nobody waits.
    pub(super) fn patience_of(&mut self, role: Role) -> Result<(), DbError> {
        match &mut self.backend {
            Backend::Sqlite(_) => Ok(()),
            Backend::Postgres(session) => session.set_patience(role),
        }
    }

    /// What stops the statement that runs on this connection, from another thread.
    pub(super) fn interrupter(&mut self) -> Box<dyn Fn() + Send> {
        match &mut self.backend {
            Backend::Sqlite(session) => {
                let handle = session.interrupter();
                Box::new(move || handle.interrupt())
            }
            Backend::Postgres(session) => session.interrupter(),
        }
    }

    #[cfg(test)]
    pub(super) fn fail_next_commit(&mut self, fault: super::tests::CommitFault) {
        match &mut self.backend {
            Backend::Sqlite(session) => session.next_commit = Some(fault),
            Backend::Postgres(session) => session.next_commit = Some(fault),
        }
    }

    #[cfg(test)]
    pub(super) fn session(&mut self) -> &mut sqlite::Session {
        match &mut self.backend {
            Backend::Sqlite(session) => session,
            Backend::Postgres(_) => panic!("this test is about SQLite"),
        }
    }

    #[cfg(test)]
    pub(super) fn postgres_session(&mut self) -> &mut postgres::Session {
        match &mut self.backend {
            Backend::Postgres(session) => session,
            Backend::Sqlite(_) => panic!("this test is about PostgreSQL"),
        }
    }
}
