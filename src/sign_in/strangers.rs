//! Failures at IDs that nobody has. They are slowed exactly like failures at real accounts, or the waiting would tell the two
//! apart; they are counted in memory, since anybody can make up any number of IDs.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use domain::{AccountName, Budget, Timestamp, TooManyFailures};

/// How many made-up IDs are remembered. Past that, all of them are forgotten at once.
const MOST: usize = 50_000;

/// The budgets of IDs that nobody has.
#[derive(Default)]
pub struct Strangers(Mutex<HashMap<AccountName, Budget>>);

impl Strangers {
    /// Counts an attempt, which always fails.
    ///
    /// # Errors
    /// When it comes too soon after others.
    pub fn attempt(&self, name: &AccountName, now: Timestamp) -> Result<(), TooManyFailures> {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if budgets.len() >= MOST && !budgets.contains_key(name) {
            budgets.clear();
        }
        let budget = budgets.entry(name.clone()).or_default();
        *budget = budget.attempt(now)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_slowed_like_real_accounts_and_never_fill_memory() {
        let (strangers, now) = (Strangers::default(), Timestamp::from_millis(1_777_777_777_000));
        let name = |n: usize| AccountName::parse(&format!("n{n}@example.org"), "").unwrap();
        for _ in 0..5 {
            assert_eq!(strangers.attempt(&name(0), now), Ok(()));
        }
        assert_eq!(strangers.attempt(&name(0), now), Err(TooManyFailures::Until(now.plus_seconds(1))));
        for n in 1..=MOST {
            assert_eq!(strangers.attempt(&name(n), now), Ok(()));
        }
        assert!(strangers.0.lock().unwrap().len() <= MOST);
    }
}
