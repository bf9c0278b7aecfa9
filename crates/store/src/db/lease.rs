//! For how long this process may say what the data says.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// For how long a server may answer from memory after it was last sure to own the data.
///
/// A successor that doesn't know that the lease was given back waits this long, and a little more, before it serves.
const LENGTH: Duration = Duration::from_secs(10);

const FOR_EVER: u64 = u64::MAX;

/// Whether this process still owns the data, as far as can be known without asking. Doors look at it before each answer.
///
/// Data in a file is owned as long as it is open. Data in a database elsewhere is owned as long as the database was heard of a
/// short while ago.
#[derive(Clone, Debug)]
pub struct Lease(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    length: Duration,
    /// Until when it runs, by [`now`]; 0 is "not at all".
    until: AtomicU64,
    /// How often it has begun: what an earlier connection still says changes nothing.
    term: Mutex<u64>,
}

impl Default for Lease {
    fn default() -> Self {
        Self::lasting(LENGTH)
    }
}

impl Lease {
    /// One that hasn't begun, and will last for this long each time.
    pub(super) fn lasting(length: Duration) -> Self {
        Self(Arc::new(Inner { length, until: AtomicU64::new(0), term: Mutex::new(0) }))
    }

    /// How long it lasts.
    pub(super) fn length(&self) -> Duration {
        self.0.length
    }

    /// Whether it runs.
    pub fn runs(&self) -> bool {
        let until = self.0.until.load(Ordering::Acquire);
        until == FOR_EVER || now() < until
    }

    /// It runs until [`Lease::end`].
    pub(super) fn begin_for_ever(&self) {
        *self.term() += 1;
        self.0.until.store(FOR_EVER, Ordering::Release);
    }

    /// It runs for its length from `since` on, and is the tenure's to renew and to end.
    pub(super) fn begin(&self, since: u64) -> Tenure {
        let mut term = self.term();
        *term += 1;
        self.0.until.store(self.end_of(since), Ordering::Release);
        Tenure { lease: self.clone(), term: *term }
    }

    /// It runs no more, whoever has begun it.
    pub(super) fn end(&self) {
        *self.term() += 1;
        self.0.until.store(0, Ordering::Release);
    }

    fn end_of(&self, since: u64) -> u64 {
        since.saturating_add(u64::try_from(self.0.length.as_millis()).unwrap_or(0))
    }

    fn term(&self) -> MutexGuard<'_, u64> {
        self.0.term.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's hold on a lease, in any number of copies.
#[derive(Clone, Debug)]
pub(super) struct Tenure {
    lease: Lease,
    term: u64,
}

impl Tenure {
    /// The data was owned at `since`. That can't bring back what has ended.
    pub(super) fn renew(&self, since: u64) {
        let term = self.lease.term();
        if *term == self.term && self.lease.0.until.load(Ordering::Acquire) != 0 {
            self.lease.0.until.fetch_max(self.lease.end_of(since), Ordering::AcqRel);
        }
    }

    /// The data is owned no more, or that can't be said any more.
    pub(super) fn end(&self) {
        let term = self.lease.term();
        if *term == self.term {
            self.lease.0.until.store(0, Ordering::Release);
        }
    }
}

/// Milliseconds since this machine started, those in which it slept among them: a machine that wakes up must not believe that no time
/// has passed.
pub(super) fn now() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_from_its_beginning_for_its_time() {
        let lease = Lease::default();
        assert!(!lease.runs(), "nothing has begun it");
        let tenure = lease.begin(now());
        assert!(lease.runs());
        tenure.end();
        assert!(!lease.runs());
        let long_ago = now() - 10_000;
        assert!(!lease.begin(long_ago).lease.runs(), "its time is over");
        assert!(lease.begin(long_ago + 5_000).lease.runs());
    }

    #[test]
    fn what_lapsed_can_be_renewed_and_what_ended_cannot() {
        let lease = Lease::default();
        let tenure = lease.begin(now() - 10_000);
        assert!(!lease.runs());
        tenure.renew(now());
        assert!(lease.runs());
        tenure.renew(now() - 10_000);
        assert!(lease.runs(), "an answer that comes late takes nothing back");
        tenure.end();
        tenure.renew(now());
        assert!(!lease.runs());
    }

    #[test]
    fn an_earlier_connection_says_nothing_about_a_later_one() {
        let lease = Lease::default();
        let first = lease.begin(now());
        let second = lease.begin(now());
        first.end();
        assert!(lease.runs());
        second.end();
        first.renew(now());
        assert!(!lease.runs());
        lease.begin_for_ever();
        second.end();
        assert!(lease.runs());
        lease.end();
        assert!(!lease.runs());
    }
}
