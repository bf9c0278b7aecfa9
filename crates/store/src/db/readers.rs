//! A pool of connections that only read.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::conn::Role;
use super::{Conn, DbError, OpenError, Options};

pub(super) struct Readers {
    state: Mutex<State>,
    returned: Condvar,
    options: Options,
    role: Role,
}

struct State {
    free: Vec<Conn>,
    /// How many connections had to be thrown away, and may be opened anew.
    missing: usize,
    closed: bool,
}

impl Readers {
    /// Opens connections at once: what is wrong shows at start. To a file that is all of them, and its log stays mapped as long as
    /// the server runs; to a database elsewhere the first one, and others when they are needed.
    pub(super) fn open(options: &Options, role: Role, count: usize) -> Result<Self, OpenError> {
        let count = count.max(1);
        let at_once = if options.is_remote() { 1 } else { count };
        let free = (0..at_once).map(|_| options.connect(role)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            state: Mutex::new(State { free, missing: count - at_once, closed: false }),
            returned: Condvar::new(),
            options: options.clone(),
            role,
        })
    }

    /// Runs `work` on a connection; each statement sees what was committed last.
    pub(super) fn read<R, E: From<DbError>>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<R, E>,
    ) -> Result<R, E> {
        work(self.lend()?.conn())
    }

    /// Runs `work` on a connection that sees one state of the data throughout.
    pub(super) fn scan<R, E: From<DbError>>(
        &self,
        caller: &Caller,
        work: impl FnOnce(&mut Conn) -> Result<R, E>,
    ) -> Result<R, E> {
        let mut loan = self.lend()?;
        let conn = loan.conn();
        let _within_reach = caller.reach(conn)?;
        conn.begin_snapshot()?;
        work(conn)
    }

    fn lend(&self) -> Result<Loan<'_>, DbError> {
        let (mut state, _) = self
            .returned
            .wait_timeout_while(self.lock(), self.options.read_wait, |state| {
                !state.closed && state.free.is_empty() && state.missing == 0
            })
            .unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(DbError::Unavailable("it is closed".to_owned()));
        }
        while let Some(conn) = state.free.pop() {
            // One that ended while nobody used it is no longer of use.
            if conn.is_usable() {
                return Ok(Loan { readers: self, conn: Some(conn) });
            }
            state.missing += 1;
        }
        if state.missing == 0 {
            return Err(DbError::Busy);
        }
        state.missing -= 1;
        drop(state);
        let mut loan = Loan { readers: self, conn: None };
        let opened =
            self.options.connect(self.role).map_err(|error| DbError::Unavailable(error.to_string()))?;
        loan.conn = Some(opened);
        Ok(loan)
    }

    /// Closes what is free now, and what is lent when it comes back.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.free.clear();
        drop(state);
        self.returned.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection on loan; it goes back to the pool however the work ends, a panic included.
struct Loan<'a> {
    readers: &'a Readers,
    conn: Option<Conn>,
}

impl Loan<'_> {
    #[expect(
        clippy::expect_used,
        reason = "a loan is handed out with its connection, which leaves it on drop only"
    )]
    fn conn(&mut self) -> &mut Conn {
        self.conn.as_mut().expect("a loan has its connection")
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let usable = self.conn.take().and_then(|mut conn| {
            conn.take_trouble();
            (conn.rollback().is_ok() && conn.is_usable()).then_some(conn)
        });
        let mut state = self.readers.lock();
        match usable {
            Some(conn) if !state.closed => state.free.push(conn),
            Some(_) => {}
            None => state.missing += 1,
        }
        drop(state);
        self.readers.returned.notify_one();
    }
}

/// The one who waits for a scan. When the caller goes away, the statement that still runs for it is stopped.
#[derive(Clone, Default)]
pub(super) struct Caller(Arc<Mutex<Reach>>);

#[derive(Default)]
struct Reach {
    gone: bool,
    stop: Option<Box<dyn Fn() + Send>>,
}

impl Caller {
    fn reach(&self, conn: &mut Conn) -> Result<WithinReach<'_>, DbError> {
        let mut reach = self.lock();
        if reach.gone {
            return Err(DbError::Unavailable("nobody waits for the answer".to_owned()));
        }
        reach.stop = Some(conn.interrupter());
        Ok(WithinReach(self))
    }

    /// Stops what still runs for this caller.
    pub(super) fn leave(&self) {
        let mut reach = self.lock();
        reach.gone = true;
        if let Some(stop) = &reach.stop {
            stop();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Reach> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While this lives, the caller can stop the connection. It must be dropped before the connection goes back to the pool, or
/// the next one's statement would be stopped.
struct WithinReach<'a>(&'a Caller);

impl Drop for WithinReach<'_> {
    fn drop(&mut self) {
        self.0.lock().stop = None;
    }
}
