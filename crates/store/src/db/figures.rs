//! What the database layer counts of its own work, for operators.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use domain::Durations;

use super::DbError;

/// What was counted since the database was opened.
#[derive(Debug, Default)]
pub struct Figures {
    waiting: AtomicUsize,
    commits: Durations,
    errors: [AtomicU64; KINDS.len()],
}

const KINDS: [&str; 8] =
    ["conflict", "busy", "unavailable", "corrupt", "outcome_unknown", "poisoned", "panicked", "misuse"];

impl Figures {
    /// How many units of work are in line to be stored.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How long it took to store a group of units of work, from beginning it to knowing that it is durable.
    pub const fn commits(&self) -> &Durations {
        &self.commits
    }

    /// How many statements and units of work failed, by kind.
    pub fn errors(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KINDS.iter().zip(&self.errors).map(|(kind, count)| (*kind, count.load(Ordering::Relaxed)))
    }

    pub(super) fn queued(&self, waiting: usize) {
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Measures an attempt to store a group.
    #[expect(clippy::disallowed_methods, reason = "a duration that is measured is no time of day")]
    pub(super) fn timed<R>(&self, attempt: impl FnOnce() -> R) -> R {
        let began = Instant::now();
        let done = attempt();
        self.commits.note(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        done
    }

    pub(super) fn failed(&self, error: &DbError) {
        let kind = match error {
            DbError::Conflict(_) => 0,
            DbError::Busy => 1,
            DbError::Unavailable(_) => 2,
            DbError::Corrupt(_) => 3,
            DbError::OutcomeUnknown => 4,
            DbError::Poisoned => 5,
            DbError::Panicked => 6,
            DbError::Misuse(_) => 7,
        };
        if let Some(count) = self.errors.get(kind) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
