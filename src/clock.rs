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
