//! PostgreSQL: one session is one connection to the server.
//!
//! The driver is asynchronous and runs on a thread of its own; a session waits for it, so that a unit of work is the same plain
//! closure on every database.

mod fault;
mod owner;
mod server;
mod settings;
mod shape;
mod text;
mod tls;
mod together;
mod url;
mod value;
mod wait;

use std::collections::HashMap;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_core::Stream as _;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use self::fault::Fault;
pub(super) use self::server::Server;
pub use self::url::PostgresUrl;
use self::value::{Bound, Found};
use super::conn::{Access, CommitFailure, Control, Role};
use super::lease::{self, Lease, Tenure};
use super::{DbError, OpenError, Row, Shape, Statement, Value};

/// Whether there is any data of Doorkey's in this database.
pub(crate) fn is_made(url: PostgresUrl) -> Result<bool, OpenError> {
    let server = Server::new(url)?;
    let nobody = Owner { holder: String::new(), lease: Lease::default() };
    let mut session = Session::open(&server, Role::Read, &nobody)?;
    let found = session.ask("SELECT to_regclass('schema_migrations') IS NOT NULL", &[]);
    let found = found.map_err(|source| OpenError::Database { place: server.place(), source })?;
    Ok(found.first().is_some_and(|row| row.try_get(0).unwrap_or(false)))
}

/// Whose the data is to be, and for how long.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    /// Who we are: the same for every process that can only be there when no other is.
    pub(super) holder: String,
    pub(super) lease: Lease,
}

pub(super) struct Session {
    server: Server,
    client: Client,
    /// The server says of a transaction only whether its statements go well, so its state is kept here.
    transaction: Transaction,
    prepared: HashMap<&'static str, Arc<Prepared>>,
    patience: Duration,
    broken: bool,
    lease: Lease,
    /// The hold on the data that goes with this connection, once it has one.
    tenure: Arc<OnceLock<Tenure>>,
    /// Set by whoever no longer waits for what runs here. The request to stop may reach the server late, and stop the next statement
    /// instead: so the connection isn't used again.
    stopped: Arc<AtomicBool>,
    /// Fails the next commit as a network would.
    #[cfg(test)]
    pub(super) next_commit: Option<super::tests::CommitFault>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
    /// A statement has failed. A `COMMIT` would now answer that all is well, and take everything back.
    Failed,
}

struct Prepared {
    statement: tokio_postgres::Statement,
    reads: bool,
}

impl Prepared {
    /// Puts what was found into the row.
    fn fill(&self, row: &mut Row, found: &tokio_postgres::Row) -> Result<(), DbError> {
        let columns = self.statement.columns();
        row.values.resize(columns.len(), Value::Null);
        for (place, (column, slot)) in columns.iter().zip(&mut row.values).enumerate() {
            let unfit = |what: &str| DbError::Corrupt(format!("{}: column {place} is {what}", row.statement));
            let bytes: Found<'_> = found.try_get(place).map_err(|_| unfit("unreadable"))?;
            value::fill(slot, column.type_(), &bytes).map_err(unfit)?;
        }
        Ok(())
    }
}

/// How many times a statement is sent before its first answer is waited for. They are in memory meanwhile.
const AT_ONCE: usize = 500;

impl Session {
    pub(super) fn open(server: &Server, role: Role, owner: &Owner) -> Result<Self, OpenError> {
        let tenure = Arc::new(OnceLock::<Tenure>::new());
        let its_tenure = Arc::clone(&tenure);
        // At once, and not only when the next statement fails: the lock has gone with the connection.
        let client = server.connect(Box::new(move || {
            if let Some(tenure) = its_tenure.get() {
                tenure.end();
            }
        }))?;
        let mut session = Self {
            server: server.clone(),
            client,
            transaction: Transaction::None,
            prepared: HashMap::new(),
            patience: settings::patience(role).1,
            broken: false,
            lease: owner.lease.clone(),
            tenure,
            stopped: Arc::default(),
            #[cfg(test)]
            next_commit: None,
        };
        settings::apply(&mut session, role)?;
        if role == Role::Write {
            owner::acquire(&mut session, &owner.holder, &owner.lease)?;
        }
        Ok(session)
    }

    /// The lock is ours, and what it guards is as we know it: from now on things may be answered from memory, as long as this
    /// connection lives.
    pub(super) fn own(&mut self) -> Result<(), DbError> {
        let since = lease::now();
        self.ping()?;
        let tenure = self.tenure.get_or_init(|| self.lease.begin(since));
        // It may have ended before it could tell the tenure.
        if self.client.is_closed() {
            tenure.end();
        }
        Ok(())
    }

    pub(super) fn check(&mut self, statement: &'static Statement) -> Result<(), DbError> {
        let prepared = self.prepare(statement)?;
        let unfit = |what: &str, place: usize, of: &tokio_postgres::types::Type| {
            Err(misuse(
                statement,
                &format!("its {what} {place} is of type {of}. Write a CAST to TEXT, BIGINT or BYTEA"),
            ))
        };
        for (place, of) in prepared.statement.params().iter().enumerate() {
            if !value::is_parameter(of) {
                return unfit("parameter", place + 1, of);
            }
        }
        for (place, column) in prepared.statement.columns().iter().enumerate() {
            if !value::is_column(column.type_()) {
                return unfit("column", place, column.type_());
            }
        }
        Ok(())
    }

    pub(super) fn execute(
        &mut self,
        statement: &'static Statement,
        params: &[Value],
        access: Access,
    ) -> Result<u64, DbError> {
        let prepared = self.fitting(statement, params, access)?;
        if !prepared.statement.columns().is_empty() {
            return Err(misuse(statement, "it answers with rows, so it must be queried"));
        }
        let bound = params.iter().map(Bound);
        self.answered(statement.name(), async |client| client.execute_raw(&prepared.statement, bound).await)
    }

    /// Runs a statement once for each of `all`, so many at a time that the network is waited for once and not each time.
    pub(super) fn execute_all<P: AsRef<[Value]>>(
        &mut self,
        statement: &'static Statement,
        all: &[P],
        access: Access,
    ) -> Result<Vec<u64>, DbError> {
        let mut changed = Vec::with_capacity(all.len());
        for some in all.chunks(AT_ONCE) {
            let prepared = self.all_fitting(statement, some, access)?;
            if !prepared.statement.columns().is_empty() {
                return Err(misuse(statement, "it answers with rows, so it must be queried"));
            }
            changed.extend(self.answered(statement.name(), async |client| {
                let each = some.iter().map(|params| {
                    let bound: Vec<_> = params.as_ref().iter().map(Bound).collect();
                    Box::pin(client.execute_raw(&prepared.statement, bound))
                });
                together::in_order(each.collect()).await
            })?);
        }
        Ok(changed)
    }

    /// The same for a statement that answers with rows.
    pub(super) fn query_all<P: AsRef<[Value]>>(
        &mut self,
        statement: &'static Statement,
        all: &[P],
        access: Access,
    ) -> Result<Vec<Vec<Row>>, DbError> {
        let mut found = Vec::with_capacity(all.len());
        for some in all.chunks(AT_ONCE) {
            let prepared = self.all_fitting(statement, some, access)?;
            if prepared.statement.columns().is_empty() {
                return Err(misuse(statement, "it answers with no rows, so it must be executed"));
            }
            let answers = self.answered(statement.name(), async |client| {
                let each = some.iter().map(|params| {
                    let bound: Vec<_> = params.as_ref().iter().map(Bound).collect();
                    let statement = &prepared.statement;
                    Box::pin(async move { together::rows(client.query_raw(statement, bound).await?).await })
                });
                together::in_order(each.collect()).await
            })?;
            for answer in answers {
                let rows = answer.iter().map(|row| {
                    let mut taken = Row { statement: statement.name(), values: Vec::new() };
                    prepared.fill(&mut taken, row)?;
                    Ok(taken)
                });
                found.push(rows.collect::<Result<_, DbError>>()?);
            }
        }
        Ok(found)
    }

    /// Takes the rows as they come until `each` breaks off. The row is the same one again and again, so that a long scan doesn't
    /// allocate for every row.
    pub(super) fn rows(
        &mut self,
        statement: &'static Statement,
        params: &[Value],
        access: Access,
        each: &mut dyn FnMut(&mut Row) -> ControlFlow<()>,
    ) -> Result<(), DbError> {
        let prepared = self.fitting(statement, params, access)?;
        if prepared.statement.columns().is_empty() {
            return Err(misuse(statement, "it answers with no rows, so it must be executed"));
        }
        let name = statement.name();
        let bound = params.iter().map(Bound);
        let stream =
            self.answered(name, async |client| client.query_raw(&prepared.statement, bound).await)?;
        let mut stream = pin!(stream);
        let mut row = Row { statement: name, values: Vec::new() };
        let mut wanted = true;
        // To its end in any case: an error may still come, and it would poison the transaction unseen.
        while let Some(found) = self.next(name, poll_fn(|context| stream.as_mut().poll_next(context)))? {
            if !wanted {
                continue;
            }
            prepared.fill(&mut row, &found)?;
            wanted = each(&mut row).is_continue();
        }
        Ok(())
    }

    /// Runs the text of a migration, which may be many statements.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        let before = self.transaction_number()?;
        self.answered("migration", async |client| client.batch_execute(sql).await)?;
        if self.transaction_number()? != before {
            self.transaction = Transaction::None;
        }
        Ok(())
    }

    /// A number that no other transaction has; none outside of one.
    fn transaction_number(&mut self) -> Result<Option<String>, DbError> {
        if self.transaction == Transaction::None {
            return Ok(None);
        }
        let rows = self.ask("SELECT pg_current_xact_id()::text", &[])?;
        Ok(rows.first().and_then(|row| row.try_get(0).ok()))
    }

    /// Begins, ends and divides transactions.
    pub(super) fn control(&mut self, control: Control) -> Result<(), DbError> {
        let (sql, after) = match control {
            Control::BeginWrite => ("BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE", Transaction::Open),
            Control::BeginSnapshot => ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", Transaction::Open),
            Control::Rollback => ("ROLLBACK", Transaction::None),
            Control::Savepoint => ("SAVEPOINT unit", self.transaction),
            Control::KeepSavepoint => ("RELEASE SAVEPOINT unit", self.transaction),
            Control::UndoSavepoint => {
                ("ROLLBACK TO SAVEPOINT unit; RELEASE SAVEPOINT unit", Transaction::Open)
            }
        };
        self.answered(sql, async |client| client.batch_execute(sql).await)?;
        self.transaction = after;
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<(), CommitFailure> {
        if self.transaction == Transaction::Failed {
            // The server would say yes.
            return Err(match self.control(Control::Rollback) {
                Ok(()) => CommitFailure::NotStored(DbError::Poisoned),
                Err(error) => CommitFailure::NotStored(error),
            });
        }
        #[cfg(test)]
        if let Some(fault) = self.next_commit.take() {
            let failure = fault
                .commit(|sql| self.answered(sql, async |client| client.batch_execute(sql).await).unwrap());
            self.transaction = Transaction::None;
            return Err(failure);
        }
        let since = lease::now();
        let answer = wait::wait(self.client.batch_execute("COMMIT"), self.patience);
        self.transaction = Transaction::None;
        match answer {
            Ok(Ok(())) => {
                self.renew(since);
                Ok(())
            }
            Ok(Err(error)) => {
                let fault = Fault::of("COMMIT", &error);
                self.broken |= fault.broken;
                if Fault::is_refusal(&error) {
                    Err(CommitFailure::NotStored(fault.error))
                } else {
                    Err(CommitFailure::Unknown(fault.error))
                }
            }
            Err(wait::TooLong) => {
                self.give_up();
                Err(CommitFailure::Unknown(Fault::silence("COMMIT").error))
            }
        }
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.transaction != Transaction::None && self.is_usable()
    }

    /// Whether the connection can be used for more.
    pub(super) fn is_usable(&self) -> bool {
        !self.broken && !self.client.is_closed() && !self.stopped.load(Ordering::Acquire)
    }

    /// Asks for a sign of life, which renews the hold on the data.
    pub(super) fn ping(&mut self) -> Result<(), DbError> {
        self.configure("")
    }

    /// Says that nobody answers from memory any more.
    pub(super) fn give_back(&mut self) -> Result<(), DbError> {
        let Some(tenure) = self.tenure.get() else { return Ok(()) };
        tenure.end();
        owner::give_back(self)
    }

    pub(super) fn interrupter(&mut self) -> Box<dyn Fn() + Send> {
        let stopped = Arc::new(AtomicBool::new(false));
        self.stopped = Arc::clone(&stopped);
        let (server, token) = (self.server.clone(), self.client.cancel_token());
        Box::new(move || {
            stopped.store(true, Ordering::Release);
            server.cancel(token.clone());
        })
    }

    /// The server's version.
    pub(super) fn version(&mut self) -> Result<String, DbError> {
        let rows = self.ask("SELECT split_part(current_setting('server_version'), ' ', 1)", &[])?;
        Ok(rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or_default())
    }

    /// What makes this database unfit, if anything.
    pub(super) fn misfit(&mut self) -> Result<Option<String>, DbError> {
        settings::misfit(self)
    }

    /// Who has the data, if anybody.
    pub(super) fn holder(&mut self) -> Result<Option<String>, DbError> {
        owner::holder(self)
    }

    pub(super) fn shape_problem(&mut self) -> Result<Option<String>, DbError> {
        let rows = self.ask(shape::ODD_COLUMN, &[])?;
        Ok(rows.first().and_then(|row| row.try_get(0).ok()))
    }

    /// The tables, as the schema has them.
    pub(super) fn shapes(&mut self) -> Result<Vec<Shape>, DbError> {
        shape::all(self)
    }

    /// How long statements may take, by the server's watch and by ours.
    pub(super) fn set_patience(&mut self, role: Role) -> Result<(), DbError> {
        let (theirs, ours) = settings::patience(role);
        self.patience = ours;
        self.configure(&format!("SET statement_timeout = {}", theirs.as_millis()))
    }

    /// Runs a fixed text without parameters.
    fn configure(&mut self, sql: &str) -> Result<(), DbError> {
        self.answered("settings", async |client| client.batch_execute(sql).await)
    }

    /// Asks the server about itself.
    fn ask(
        &mut self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, DbError> {
        self.answered("settings", async |client| client.query(sql, params).await)
    }

    fn prepare(&mut self, statement: &'static Statement) -> Result<Arc<Prepared>, DbError> {
        if let Some(prepared) = self.prepared.get(statement.sql()) {
            return Ok(Arc::clone(prepared));
        }
        if text::parameters(statement.sql()).is_none() {
            return Err(misuse(statement, "its parameters are not numbered from $1 without a gap"));
        }
        let made = self.answered(statement.name(), async |client| client.prepare(statement.sql()).await)?;
        let prepared = Arc::new(Prepared { statement: made, reads: text::reads(statement.sql()) });
        self.prepared.insert(statement.sql(), Arc::clone(&prepared));
        Ok(prepared)
    }

    /// The statement prepared, if these values and this access fit it.
    fn fitting(
        &mut self,
        statement: &'static Statement,
        params: &[Value],
        access: Access,
    ) -> Result<Arc<Prepared>, DbError> {
        let prepared = self.prepare(statement)?;
        if access == Access::Read && !prepared.reads {
            return Err(misuse(statement, "it writes, on a connection that is for reading"));
        }
        let wanted = prepared.statement.params();
        if wanted.len() != params.len() {
            return Err(misuse(statement, "it was given another number of values than it has parameters"));
        }
        for (value, of) in params.iter().zip(wanted) {
            value::fits(value, of).map_err(|problem| misuse(statement, &problem))?;
        }
        Ok(prepared)
    }

    /// The statement prepared, if all of these values and this access fit it.
    fn all_fitting<P: AsRef<[Value]>>(
        &mut self,
        statement: &'static Statement,
        all: &[P],
        access: Access,
    ) -> Result<Arc<Prepared>, DbError> {
        for params in all {
            self.fitting(statement, params.as_ref(), access)?;
        }
        self.prepare(statement)
    }

    /// Sends something and waits for its answer.
    fn answered<R>(
        &mut self,
        name: &str,
        send: impl AsyncFnOnce(&Client) -> Result<R, tokio_postgres::Error>,
    ) -> Result<R, DbError> {
        self.may_go_on(name)?;
        let since = lease::now();
        let answer = wait::wait(send(&self.client), self.patience);
        let answer = self.heard(name, answer)?;
        self.renew(since);
        Ok(answer)
    }

    /// Waits for the next row. It may have come long ago, so it renews nothing.
    fn next<T>(
        &mut self,
        name: &str,
        next: impl Future<Output = Option<Result<T, tokio_postgres::Error>>>,
    ) -> Result<Option<T>, DbError> {
        self.may_go_on(name)?;
        let answer = wait::wait(async { next.await.transpose() }, self.patience);
        self.heard(name, answer)
    }

    fn may_go_on(&self, name: &str) -> Result<(), DbError> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(DbError::Unavailable(format!("{name}: interrupted")));
        }
        if self.is_usable() {
            return Ok(());
        }
        Err(DbError::Unavailable(format!("{name}: the connection to the database was lost")))
    }

    fn heard<R>(
        &mut self,
        name: &str,
        answer: Result<Result<R, tokio_postgres::Error>, wait::TooLong>,
    ) -> Result<R, DbError> {
        let fault = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Fault::of(name, &error),
            Err(wait::TooLong) => {
                self.give_up();
                Fault::silence(name)
            }
        };
        if self.transaction == Transaction::Open {
            self.transaction = Transaction::Failed;
        }
        if fault.broken {
            self.broken = true;
            self.end_tenure();
        }
        Err(fault.error)
    }

    /// Whoever was silent for so long may do anything, or nothing: what still runs is asked to stop.
    fn give_up(&mut self) {
        self.broken = true;
        self.end_tenure();
        self.server.cancel(self.client.cancel_token());
    }

    /// The session lived at `since`, and with it the lock.
    fn renew(&self, since: u64) {
        if let Some(tenure) = self.tenure.get() {
            tenure.renew(since);
        }
    }

    fn end_tenure(&self) {
        if let Some(tenure) = self.tenure.get() {
            tenure.end();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end_tenure();
    }
}

fn misuse(statement: &Statement, problem: &str) -> DbError {
    DbError::Misuse(format!("{}: {problem}", statement.name()))
}
