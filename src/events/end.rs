//! The end of the log, and those who wait for it to move on. They are woken by what follows the log: nobody asks the database again
//! and again.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How many may wait at a time. Each is a connection that is open, and a look at the newest events when some are committed.
const PLACES: usize = 64;

/// How far the log has come.
pub struct End {
    at: watch::Sender<At>,
    places: Arc<Semaphore>,
}

#[derive(Clone, Copy)]
struct At {
    number: i64,
    stopping: bool,
}

/// Somebody who waits.
pub struct Watching {
    at: watch::Receiver<At>,
    /// None for a part of the server itself.
    _place: Option<OwnedSemaphorePermit>,
}

impl Default for End {
    fn default() -> Self {
        Self {
            at: watch::Sender::new(At { number: 0, stopping: false }),
            places: Arc::new(Semaphore::new(PLACES)),
        }
    }
}

impl End {
    /// The event of this number is committed.
    pub fn reached(&self, number: i64) {
        self.at.send_modify(|at| at.number = number);
    }

    /// The server is to stop: nobody waits any more.
    pub fn stop(&self) {
        self.at.send_modify(|at| at.stopping = true);
    }

    /// Whether the server is to stop.
    pub fn is_stopping(&self) -> bool {
        self.at.borrow().stopping
    }

    /// Watches from now on; none when too many do.
    pub fn watch(&self) -> Option<Watching> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Watching { at: self.at.subscribe(), _place: Some(place) })
    }

    /// The same for a part of the server itself, for which there is always a place.
    pub fn follow(&self) -> Watching {
        Watching { at: self.at.subscribe(), _place: None }
    }
}

impl Watching {
    /// Waits until the log has moved on since this was called last, or since the watch began. False when the server is to stop.
    pub async fn more(&mut self) -> bool {
        !self.at.borrow().stopping && self.at.changed().await.is_ok() && !self.at.borrow().stopping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_committed_while_nobody_looked_is_not_missed() {
        let end = End::default();
        let mut watching = end.watch().unwrap();
        end.reached(1);
        assert!(watching.more().await);
        end.stop();
        assert!(!watching.more().await);
        assert!(!end.watch().unwrap().more().await);
    }

    #[test]
    fn a_place_is_free_again_when_its_holder_has_gone() {
        let end = End::default();
        let all: Vec<_> = (0..PLACES).map(|_| end.watch().unwrap()).collect();
        assert!(end.watch().is_none());
        drop(all);
        assert!(end.watch().is_some());
    }
}
