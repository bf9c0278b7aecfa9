use crate::Timestamp;

/// How many wrong answers in a row have been given, and when the last was. One budget covers everything that a
/// person types: password, code, recovery. A whole sign-in sets it back to nothing.
///
/// An attempt is counted before its answer is looked at and taken back when it was right, so that a hundred
/// attempts at once are a hundred attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Failures in a row.
    pub failures: u32,
    /// When the last of them was.
    pub last_failed_at: Option<Timestamp>,
}

/// Why no attempt is taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooManyFailures {
    /// One may be made at this moment.
    Until(Timestamp),
    /// A hundred in a row were wrong; none is taken until the account is reset, or a trusted browser signs in.
    Spent,
}

impl Budget {
    /// Consecutive failures after which nothing more is taken (NIST SP 800-63B, 5.2.2).
    pub const LIMIT: u32 = 100;
    /// Failures that cost no wait.
    const FREE: u32 = 5;
    /// The longest wait between two attempts, in seconds.
    const LONGEST_WAIT: i64 = 15 * 60;

    /// Counts an attempt before it is looked at: the budget as it stands if the attempt is wrong.
    ///
    /// # Errors
    /// When it comes too soon after failures, or the budget is spent. A refused attempt costs nothing.
    pub fn attempt(self, now: Timestamp) -> Result<Self, TooManyFailures> {
        if self.failures >= Self::LIMIT {
            return Err(TooManyFailures::Spent);
        }
        if let Some(until) = self.not_ahead(now).open_again_at().filter(|until| now < *until) {
            return Err(TooManyFailures::Until(until));
        }
        Ok(Self { failures: self.failures + 1, last_failed_at: Some(now) })
    }

    /// The budget without what can't be: a failure that is still to come, since the clock was ahead when it was counted. It is to be kept
    /// in the place of the other, also when the attempt is refused, or its wait would begin anew each time.
    #[must_use]
    pub fn not_ahead(self, now: Timestamp) -> Self {
        Self { last_failed_at: self.last_failed_at.map(|at| at.min(now)), ..self }
    }

    /// Takes back an attempt that was right but doesn't finish the sign-in, such as a password before its code; `before` is
    /// how it stood before that attempt. An earlier failure stays counted, or knowing the password would give endless
    /// guesses at the code. Its wait isn't begun anew, or the code would never come in time.
    #[must_use]
    pub fn refund(self, before: Self) -> Self {
        if self.failures == before.failures + 1 {
            return before;
        }
        // Others have come meanwhile, and theirs was the last.
        Self { failures: self.failures.saturating_sub(1), last_failed_at: self.last_failed_at }
    }

    fn open_again_at(self) -> Option<Timestamp> {
        let slow = self.failures.checked_sub(Self::FREE)?;
        let wait = 1_i64.checked_shl(slow).unwrap_or(Self::LONGEST_WAIT).clamp(1, Self::LONGEST_WAIT);
        Some(self.last_failed_at?.plus_seconds(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_777_777_777_000);

    fn failed(times: u32) -> Budget {
        Budget { failures: times, last_failed_at: Some(NOON) }
    }

    #[test]
    fn five_failures_are_free_then_each_wait_doubles_to_a_quarter_of_an_hour() {
        assert_eq!(failed(4).attempt(NOON), Ok(failed(5)));
        for (failures, wait) in [(5, 1), (6, 2), (7, 4), (14, 512), (15, 900), (40, 900), (99, 900)] {
            let open = NOON.plus_seconds(wait);
            assert_eq!(failed(failures).attempt(NOON), Err(TooManyFailures::Until(open)), "{failures}");
            assert!(failed(failures).attempt(open).is_ok());
        }
    }

    #[test]
    fn a_hundred_in_a_row_spend_it_for_good() {
        assert_eq!(failed(100).attempt(NOON.plus_days(400)), Err(TooManyFailures::Spent));
    }

    #[test]
    fn a_right_password_gives_no_more_guesses_at_the_code() {
        let mut budget = Budget::default();
        let (mut now, mut guesses) = (NOON, 0);
        loop {
            now = now.plus_days(1);
            let Ok(password) = budget.attempt(now) else { break };
            let Ok(code) = password.refund(budget).attempt(now) else { break };
            (budget, guesses) = (code, guesses + 1);
        }
        assert_eq!(guesses, 100);
    }

    #[test]
    fn the_code_may_follow_a_right_password_at_once_whatever_came_before() {
        for failures in [0, 5, 20, 99] {
            let (before, now) = (failed(failures), NOON.plus_seconds(900));
            let after = before.attempt(now).map(|password| password.refund(before));
            assert_eq!(after, Ok(before));
            assert!(before.attempt(now).is_ok(), "{failures}");
        }
    }

    #[test]
    fn a_failure_that_came_meanwhile_is_not_taken_back() {
        let (before, later) = (failed(3), NOON.plus_seconds(1));
        let both = before.attempt(NOON).and_then(|password| password.attempt(later));
        let left = Budget { failures: 4, last_failed_at: Some(later) };
        assert_eq!(both.map(|both| both.refund(before)), Ok(left));
        assert_eq!(Budget::default().refund(before), Budget::default());
    }

    #[test]
    fn a_clock_moved_back_makes_no_endless_wait() {
        let before = Timestamp::from_millis(NOON.millis() - 86_400_000);
        assert_eq!(failed(6).attempt(before), Err(TooManyFailures::Until(before.plus_seconds(2))));
        let kept = failed(6).not_ahead(before);
        assert!(kept.attempt(before.plus_seconds(2)).is_ok());
        assert_eq!(failed(6).not_ahead(NOON.plus_seconds(1)), failed(6));
    }
}
