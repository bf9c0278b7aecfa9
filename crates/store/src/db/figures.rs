//! What the database layer counts of its own work, for operators.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use domain::Durations;

use super::DbError;

/// What was counted since the database was opened.
#[derive(Debug, Default)]
pub struct Figures {
    waiting: AtomicUsize,
    commits: Durations,
    errors: [AtomicU64; KINDS.len()],
    unwritable: AtomicBool,
}

const KINDS: [&str; 9] = [
    "conflict",
    "busy",
    "unavailable",
    "corrupt",
    "outcome_unknown",
    "poisoned",
    "panicked",
    "misuse",
    "unwritable",
];

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

    /// Whether the last change failed because the disk is full, or may only be read.
    pub fn is_unwritable(&self) -> bool {
        self.unwritable.load(Ordering::Relaxed)
    }

    /// Something was stored.
    pub(super) fn stored(&self) {
        if self.unwritable.swap(false, Ordering::Relaxed) {
            tracing::info!("the data can be written to again");
        }
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
            DbError::Unwritable(_) => 8,
        };
        if kind == 8 {
            self.unwritable.store(true, Ordering::Relaxed);
        }
        if let Some(count) = self.errors.get(kind) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
