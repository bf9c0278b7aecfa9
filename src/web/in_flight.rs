//! The requests that run, so that what they still hold from before a change can be waited for: a value that was sealed and isn't stored
//! yet, or read and not opened yet.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use tokio::sync::watch;

use crate::app::App;

/// The one route that waits for others, and isn't waited for.
pub const WAITS: &str = "/machine/rotate-key";

/// The requests that run.
pub struct InFlight(Mutex<Arc<Since>>);

/// What the requests since the last change hold, each of them.
pub struct Since(watch::Sender<()>);

impl Default for InFlight {
    fn default() -> Self {
        Self(Mutex::new(Self::since()))
    }
}

impl InFlight {
    fn since() -> Arc<Since> {
        Arc::new(Since(watch::Sender::new(())))
    }

    /// Begins something that seals and stores, or reads and opens. It runs until what is returned is dropped.
    #[must_use]
    pub fn begin(&self) -> Arc<Since> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until everything has ended that began before now.
    pub async fn those_before(&self) {
        let before = {
            let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *since, Self::since())
        };
        let mut ended = before.0.subscribe();
        drop(before);
        // It never changes: it is closed when the last of them drops it.
        let _ = ended.changed().await;
    }
}

/// Notes that a request runs, until it is answered.
pub async fn track(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let waits = request.extensions().get::<MatchedPath>().is_some_and(|route| route.as_str() == WAITS);
    let running = (!waits).then(|| app.in_flight.begin());
    let response = next.run(request).await;
    drop(running);
    response
}

#[cfg(test)]
mod tests {
    use std::{future::Future as _, pin::pin, task::Context};

    use super::*;

    #[test]
    fn those_before_are_waited_for_and_those_after_are_not() {
        let in_flight = InFlight::default();
        let (one, two) = (in_flight.begin(), in_flight.begin());
        let mut waiting = pin!(in_flight.those_before());
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        let _later = in_flight.begin();
        drop(one);
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        drop(two);
        assert!(waiting.as_mut().poll(&mut context).is_ready());
        let nobody = InFlight::default();
        assert!(pin!(nobody.those_before()).poll(&mut context).is_ready());
    }
}
