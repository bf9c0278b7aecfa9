//! Waiting on this thread, for a time, for what runs on the database's own.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::db::lease;

/// The time is over.
#[derive(Debug)]
pub(super) struct TooLong;

/// Waits for `future` at most for `patience`. No runtime is needed on this thread, and none is disturbed.
pub(super) fn wait<F: Future>(future: F, patience: Duration) -> Result<F::Output, TooLong> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let end = lease::now().saturating_add(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Ok(output);
        }
        // A thread may be woken for nothing, so what is left is counted anew each time.
        match end.saturating_sub(lease::now()) {
            0 => return Err(TooLong),
            left => thread::park_timeout(Duration::from_millis(left)),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
