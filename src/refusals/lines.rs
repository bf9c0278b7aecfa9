//! Refusals in the server's own log, one line each, for what bans addresses that try and try (fail2ban). The form of a line is
//! documented and stays: `refused sign-in from ADDRESS at PLACE: REASON`. It holds nothing that anybody typed.

use std::net::IpAddr;

use domain::{RefusalReason, Timestamp};

use super::Place;

/// How many lines a second has at most.
const A_SECOND: usize = 20;

/// Why somebody was refused, as a line says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// As in the log of events.
    Refused(RefusalReason),
    /// The password was good once: most likely a device of its person's that hasn't noticed.
    Ended,
}

impl Why {
    const fn words(self) -> &'static str {
        match self {
            Self::Refused(RefusalReason::UnknownAccount) => "unknown account",
            Self::Refused(RefusalReason::WrongPassword) => "wrong password",
            Self::Refused(RefusalReason::WrongCode) => "wrong code",
            Self::Refused(RefusalReason::NoCode) => "password without a code",
            Self::Refused(RefusalReason::TooManyAttempts) => "too many attempts",
            Self::Refused(RefusalReason::NotForThisService) => "password is for something else",
            Self::Refused(RefusalReason::NotForThisPerson) => "service is for others",
            Self::Refused(RefusalReason::Suspended) => "account is suspended",
            Self::Ended => "password has ended",
        }
    }

    /// Whether a stranger who guesses is refused like this. The others know a password, or knew one.
    const fn is_guessing(self) -> bool {
        matches!(
            self,
            Self::Refused(
                RefusalReason::UnknownAccount
                    | RefusalReason::WrongPassword
                    | RefusalReason::WrongCode
                    | RefusalReason::TooManyAttempts
            )
        )
    }
}

/// What this second has said.
#[derive(Default)]
pub(super) struct Lines {
    second: i64,
    said: Vec<(Place, Why, IpAddr)>,
    unwritten: u64,
}

impl Lines {
    /// Whether a line is due: once a second for an address, place and reason, as long as the second has room.
    pub(super) fn is_due(&mut self, now: Timestamp, place: &Place, why: Why, source: IpAddr) -> bool {
        if self.second != now.seconds() {
            self.second = now.seconds();
            self.said.clear();
        }
        let known = self.said.iter().any(|(p, w, s)| (p, *w, *s) == (place, why, source));
        if known || self.said.len() >= A_SECOND {
            self.unwritten += 1;
            return false;
        }
        self.said.push((place.clone(), why, source));
        true
    }

    /// How many had no line of their own since this was last asked, if any.
    pub(super) fn take_unwritten(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.unwritten)).filter(|count| *count > 0)
    }
}

/// Writes a line. No request's id stands before it: its form is the same wherever it comes from.
pub(super) fn write(place: &Place, why: Why, source: IpAddr) {
    let words = why.words();
    if why.is_guessing() {
        tracing::warn!(target: "doorkey::refused", parent: None, "refused sign-in from {source} at {place}: {words}");
    } else {
        tracing::info!(target: "doorkey::refused", parent: None, "refused sign-in from {source} at {place}: {words}");
    }
}

/// Sums up those that had no line.
pub(super) fn write_rest(count: u64) {
    tracing::info!(target: "doorkey::refused", parent: None, "refused {count} more sign-ins, without a line for each");
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_777_777_777_000);
    const WRONG: Why = Why::Refused(RefusalReason::WrongPassword);

    #[test]
    fn an_address_has_one_line_a_second_for_a_place_and_a_reason() {
        let mut lines = Lines::default();
        let source = IpAddr::from([203, 0, 113, 9]);
        let mut due =
            |seconds, why, source| lines.is_due(NOON.plus_seconds(seconds), &Place::SignIn, why, source);
        assert!(due(0, WRONG, source));
        assert!(!due(0, WRONG, source));
        assert!(due(0, Why::Ended, source));
        assert!(due(0, WRONG, IpAddr::from([203, 0, 113, 10])));
        assert!(due(1, WRONG, source));
        // A clock that was set back silences nobody.
        assert!(due(-60, WRONG, source));
        assert_eq!((lines.take_unwritten(), lines.take_unwritten()), (Some(1), None));
    }

    #[test]
    fn a_second_has_a_bounded_number_of_lines() {
        let mut lines = Lines::default();
        let due =
            (0..10_000_u32).filter(|n| lines.is_due(NOON, &Place::SignIn, WRONG, n.to_be_bytes().into()));
        assert_eq!(due.count(), A_SECOND);
        assert_eq!(lines.take_unwritten(), Some(10_000 - A_SECOND as u64));
        assert_eq!(lines.said.len(), A_SECOND);
    }
}
