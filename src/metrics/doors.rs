//! What the doors answered. Each service has numbers of its own, found together with the service, so that counting looks nothing up.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::{Durations, RefusalReason};

/// A door.
#[derive(Clone, Copy, Debug)]
pub enum Door {
    /// The HTTP door.
    Http,
    /// The mail-proxy door.
    NginxMail,
    /// The SASL door.
    Sasl,
    /// The LDAP door.
    Ldap,
}

/// What a door answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The sign-in is good.
    Yes,
    /// It isn't, or there was none.
    No,
    /// The password is good, but not for this service.
    NotForThisService,
    /// The password is good, but the service isn't for its person.
    NotForThisPerson,
    /// Doorkey can't tell.
    Unavailable,
    /// Whoever asked showed no key of a service.
    WrongKey,
}

impl Door {
    /// Its name, as programs read it.
    pub fn name(self) -> &'static str {
        DOORS.get(self as usize).map_or("", |(_, name)| name)
    }
}

impl Answer {
    /// Its name, as programs read it.
    pub fn name(self) -> &'static str {
        ANSWERS.get(self as usize).map_or("", |(_, name)| name)
    }
}

const DOORS: [(Door, &str); 4] =
    [(Door::Http, "http"), (Door::NginxMail, "nginx_mail"), (Door::Sasl, "sasl"), (Door::Ldap, "ldap")];
const ANSWERS: [(Answer, &str); 6] = [
    (Answer::Yes, "yes"),
    (Answer::No, "no"),
    (Answer::NotForThisService, "not_for_this_service"),
    (Answer::NotForThisPerson, "not_for_this_person"),
    (Answer::Unavailable, "unavailable"),
    (Answer::WrongKey, "wrong_key"),
];
const REASONS: [&str; 5] =
    ["unknown_account", "wrong_password", "not_for_this_service", "not_for_this_person", "suspended"];

/// How often each door gave each answer for one service.
#[derive(Debug, Default)]
pub struct Answers([[AtomicU64; ANSWERS.len()]; DOORS.len()]);

impl Answers {
    /// Counts one.
    pub fn count(&self, door: Door, answer: Answer) {
        if let Some(count) = self.0.get(door as usize).and_then(|door| door.get(answer as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Every door, answer and number.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        DOORS.iter().zip(&self.0).flat_map(|((_, door), counts)| {
            let named = ANSWERS.iter().zip(counts);
            named.map(|((_, answer), count)| (*door, *answer, count.load(Ordering::Relaxed)))
        })
    }
}

/// What isn't counted for each service.
#[derive(Debug, Default)]
pub struct Doors {
    /// What was answered to those who named no service that there is.
    pub nobody: Answers,
    durations: [Durations; DOORS.len()],
    refusals: [AtomicU64; REASONS.len()],
}

impl Doors {
    /// Notes how long an answer took, in microseconds.
    pub fn took(&self, door: Door, micros: u64) {
        if let Some(durations) = self.durations.get(door as usize) {
            durations.note(micros);
        }
    }

    /// Counts a sign-in that was refused.
    pub fn refused(&self, reason: RefusalReason) {
        let at = match reason {
            RefusalReason::UnknownAccount => 0,
            RefusalReason::WrongPassword => 1,
            RefusalReason::NotForThisService => 2,
            RefusalReason::NotForThisPerson => 3,
            RefusalReason::Suspended => 4,
            // A door asks for no code, and slows nobody down.
            RefusalReason::WrongCode | RefusalReason::NoCode | RefusalReason::TooManyAttempts => return,
        };
        if let Some(count) = self.refusals.get(at) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How long the answers of each door took.
    pub fn durations(&self) -> impl Iterator<Item = (&'static str, &Durations)> {
        DOORS.iter().zip(&self.durations).map(|((_, door), durations)| (*door, durations))
    }

    /// How many sign-ins were refused for each reason.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let named = REASONS.iter().zip(&self.refusals);
        named.map(|(reason, count)| (*reason, count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_counted_under_its_name() {
        let answers = Answers::default();
        for (place, (answer, _)) in ANSWERS.iter().enumerate() {
            assert_eq!(*answer as usize, place);
            (0..=place).for_each(|_| answers.count(Door::Http, *answer));
        }
        let counted: Vec<_> = answers.all().collect();
        assert_eq!(counted[0], ("http", "yes", 1));
        assert_eq!(counted[5], ("http", "wrong_key", 6));
    }
}
