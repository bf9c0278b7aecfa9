//! How many files the process may have open, and how connections share them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the process needs for itself: the database, logs, its own listeners.
const OWN: usize = 64;
/// More than this nobody needs, and some systems allow a thousand million.
const MOST: u64 = 65_536;

/// Raises the limit as far as the system lets this process, which is far more than what it starts with: 1024, so that programs from
/// long ago find no number that they can't count to.
pub fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(MOST).min(MOST);
    if limit.current.is_some_and(|current| current < most)
        && let Err(error) =
            setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum })
    {
        tracing::warn!(%error, "the limit of open files can't be raised");
    }
}

/// How many connections HTTP, and commands on this machine, may have open.
pub fn for_http(doors: impl Iterator<Item = usize>, local: usize) -> usize {
    all().saturating_sub(doors.sum::<usize>() + local).clamp(64, 20_000)
}

/// How many connections a listener of another door may have open that is configured for so many: of few files, each takes an eighth
/// at most.
pub fn for_door(configured: usize) -> usize {
    configured.min((all() / 8).max(16))
}

fn all() -> usize {
    let soft = getrlimit(Resource::Nofile).current.unwrap_or(MOST);
    usize::try_from(soft).unwrap_or(usize::MAX).saturating_sub(OWN)
}
