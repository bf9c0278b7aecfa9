//! The queue in front of the writer.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A bounded queue. Who comes when it is full is refused at once rather than kept waiting: what would wait here is
/// memory and sockets.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

/// Why something was not taken into the queue.
pub(super) enum Refused {
    Full,
    Closed,
}

/// What came of waiting.
pub(super) enum Taken<T> {
    /// What had gathered, oldest first.
    Items(Vec<T>),
    /// Nothing came in that time.
    Nothing,
    /// It is closed and empty.
    Closed,
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State { waiting: VecDeque::new(), closed: false }),
            changed: Condvar::new(),
            capacity,
        }
    }

    pub(super) fn push(&self, item: T) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.waiting.len() >= self.capacity {
            return Err(Refused::Full);
        }
        state.waiting.push_back(item);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for something, at most for `patience`, and takes what has gathered by then.
    pub(super) fn take(&self, at_most: usize, patience: Duration) -> Taken<T> {
        let (mut state, _) = self
            .changed
            .wait_timeout_while(self.lock(), patience, |state| state.waiting.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let count = state.waiting.len().min(at_most);
        match (count, state.closed) {
            (0, true) => Taken::Closed,
            (0, false) => Taken::Nothing,
            _ => Taken::Items(state.waiting.drain(..count).collect()),
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Takes nothing in any more; what is in the queue can still be taken out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Closes the queue and drops what is in it.
    pub(super) fn abandon(&self) {
        self.close();
        let dropped = std::mem::take(&mut self.lock().waiting);
        // Outside the lock: what is dropped may run code of others.
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing in here panics half-way, so a poisoned lock still guards a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
