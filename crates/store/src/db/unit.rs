//! A unit of work: what one caller wants to have stored, all of it or nothing.

use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Conn, DbError};

/// What a unit of work writes through: a connection, and the notes that go to the follower of the log if it is stored.
pub struct Tx<'a, C> {
    pub(super) conn: &'a mut Conn,
    pub(super) notes: &'a mut Vec<C>,
}

impl<C> Tx<'_, C> {
    /// Leaves a note for the follower. It is handed on after the commit, in the order of the log, or dropped with the unit.
    pub fn note(&mut self, note: C) {
        self.notes.push(note);
    }
}

impl<C> Deref for Tx<'_, C> {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        self.conn
    }
}

impl<C> DerefMut for Tx<'_, C> {
    fn deref_mut(&mut self) -> &mut Conn {
        self.conn
    }
}

/// A unit of work as the writer sees it, whatever it returns.
pub(super) trait Unit<C>: Send {
    /// Does the work, perhaps again; says whether it is to be kept.
    fn run(&mut self, tx: &mut Tx<'_, C>) -> bool;

    /// Tells the caller: what the work returned, or why that doesn't count.
    fn answer(self: Box<Self>, fate: Result<(), DbError>);
}

/// The work, what it returned last, and the way back to its caller.
pub(super) struct Work<F, R, E, A> {
    pub(super) work: F,
    pub(super) result: Option<Result<R, E>>,
    pub(super) reply: A,
}

impl<C, F, R, E, A> Unit<C> for Work<F, R, E, A>
where
    F: FnMut(&mut Tx<'_, C>) -> Result<R, E> + Send,
    A: FnOnce(Result<R, E>) + Send,
    R: Send,
    E: From<DbError> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_, C>) -> bool {
        // What the work has touched outside the database is its own; the database takes everything back.
        let result = match catch_unwind(AssertUnwindSafe(|| (self.work)(tx))) {
            Ok(Ok(_)) if tx.conn.is_poisoned() => Err(E::from(DbError::Poisoned)),
            Ok(result) => result,
            Err(_panic) => Err(E::from(DbError::Panicked)),
        };
        self.result.insert(result).is_ok()
    }

    fn answer(self: Box<Self>, fate: Result<(), DbError>) {
        let Self { result, reply, .. } = *self;
        reply(match (fate, result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(E::from(DbError::OutcomeUnknown)),
            (Err(error), _) => Err(E::from(error)),
        });
    }
}
