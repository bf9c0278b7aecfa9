//! Time and chance: the two things that come from outside every request, taken in one place.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::UNIX_EPOCH,
};

use domain::{Rng, Timestamp};
use rand::{TryRng, rngs::SysRng};

/// What the time is.
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands until it is moved, for tests. Milliseconds since 1970.
    Set(AtomicI64),
}

impl Clock {
    /// The time.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Set(millis) => Timestamp::from_millis(millis.load(Ordering::SeqCst)),
            Self::System => {
                let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
        }
    }
}

/// A generator seeded by the operating system, for one request or one task.
///
/// # Errors
/// When the operating system has no randomness to give; then nothing may be made.
pub fn rng() -> Result<Rng, NoRandomness> {
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed).map_err(|_| NoRandomness)?;
    Ok(Rng::from_seed(seed))
}

/// The operating system gave no randomness.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the operating system gives no randomness, so no secret can be made")]
pub struct NoRandomness;

/// How long something takes, on a clock that nobody sets. It is measured for operators; nothing is decided by it.
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts it.
    #[expect(clippy::disallowed_methods, reason = "a duration that is measured is no time of day")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// The time since it was started, in microseconds.
    pub fn micros(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
