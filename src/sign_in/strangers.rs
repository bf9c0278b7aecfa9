//! Failures at IDs that nobody has. They are slowed exactly like failures at real accounts, or the waiting would tell the two
//! apart; they are counted in memory, since anybody can make up any number of IDs.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, PoisonError},
};

use domain::{AccountName, Budget, Timestamp, TooManyFailures};

/// How many made-up IDs are remembered, in some 40 bytes each. Each attempt waits for a password to be hashed first, so that it takes
/// hours to fill them.
const MOST: usize = 500_000;

/// How long an ID that wasn't tried again is remembered once there are too many: longer than any wait.
const REMEMBERED_MINUTES: i64 = 30;

/// The budgets of IDs that nobody has, by a keyed hash of the ID.
#[derive(Default)]
pub struct Strangers {
    key: RandomState,
    budgets: Mutex<HashMap<u64, Budget>>,
}

impl Strangers {
    /// Counts an attempt, which always fails.
    ///
    /// # Errors
    /// When it comes too soon after others.
    pub fn attempt(&self, name: &AccountName, now: Timestamp) -> Result<(), TooManyFailures> {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let id = self.key.hash_one(name);
        if budgets.len() >= MOST && !budgets.contains_key(&id) {
            let since = now.plus_minutes(-REMEMBERED_MINUTES);
            budgets.retain(|_, budget| budget.last_failed_at.is_some_and(|at| at > since));
            if budgets.len() >= MOST {
                budgets.clear();
            }
        }
        let budget = budgets.entry(id).or_default();
        *budget = budget.not_ahead(now);
        *budget = budget.attempt(now)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_777_777_777_000);

    fn name(n: usize) -> AccountName {
        AccountName::parse(&format!("n{n}@example.org"), "").unwrap()
    }

    #[test]
    fn they_are_slowed_like_real_accounts() {
        let strangers = Strangers::default();
        for _ in 0..5 {
            assert_eq!(strangers.attempt(&name(0), NOON), Ok(()));
        }
        assert_eq!(strangers.attempt(&name(0), NOON), Err(TooManyFailures::Until(NOON.plus_seconds(1))));
    }

    #[test]
    fn a_flood_of_made_up_ids_fills_no_memory_and_frees_none_that_must_wait() {
        let strangers = Strangers::default();
        for n in 1..MOST {
            assert_eq!(strangers.attempt(&name(n), NOON), Ok(()));
        }
        let later = NOON.plus_minutes(REMEMBERED_MINUTES);
        for _ in 0..5 {
            assert_eq!(strangers.attempt(&name(0), later), Ok(()));
        }
        assert_eq!(strangers.attempt(&name(MOST), later), Ok(()));
        assert!(strangers.attempt(&name(0), later).is_err());
        assert_eq!(strangers.budgets.lock().unwrap().len(), 2);
    }
}
