//! Sign-ins that were refused, at the doors and to accounts themselves: summed up in memory until the keeper writes them into the log,
//! and told line by line to whatever watches the server's own log ([`lines`]). Nobody who is refused waits for the database, and a
//! flood can fill neither memory nor the log.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::{AccountId, RefusalReason, ServiceName, Timestamp};

use lines::{Lines, Why};

pub mod lines;

/// How many kinds of refusal of a minute are told apart for one account.
const OF_AN_ACCOUNT: usize = 10;
/// The same for all accounts together.
const OF_ALL_ACCOUNTS: usize = 100;
/// The same for IDs that nobody has: all of them are one bucket, so that strangers neither fill the log with names nor take the places of
/// those who have an account.
const OF_STRANGERS: usize = 30;

/// Refusals, until they are written down.
#[derive(Default)]
pub struct Refusals {
    tallies: Mutex<Tallies>,
    lines: Mutex<Lines>,
}

/// Where somebody was refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// At the door of this service.
    Door(ServiceName),
    /// Where people sign in to the account itself, by pages, API or command line.
    SignIn,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Door(service) => write!(f, "door {service}"),
            Self::SignIn => f.write_str("the sign-in page"),
        }
    }
}

/// What refusals are summed up by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// Where.
    pub place: Place,
    /// Why.
    pub reason: RefusalReason,
    /// From where: an IPv4 address, or the first 64 bits of an IPv6 address.
    pub source: String,
}

/// Refusals to be written down.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summed {
    /// Whose account, what, and how often. Strangers' have no account.
    pub counts: Vec<(Option<AccountId>, Refusal, u64)>,
    /// How many more there were, of kinds for which there was no room: of an account, or of all.
    pub more: Vec<(Option<AccountId>, u64)>,
}

/// The refusals of a minute. The first of a kind is written down by the next round, so that its person sees it soon; what follows within
/// a minute is one number.
#[derive(Default)]
struct Tallies {
    /// Strangers have the bucket of no account.
    buckets: HashMap<Option<AccountId>, Bucket>,
    more: Tally,
}

#[derive(Default)]
struct Bucket {
    kinds: HashMap<Refusal, Tally>,
    more: Tally,
}

#[derive(Default)]
struct Tally {
    count: u64,
    written_at: Option<Timestamp>,
}

impl Tally {
    /// What is to be written down at `now`, if anything is. At the end (`now` is none) that is everything.
    fn take(&mut self, now: Option<Timestamp>) -> Option<u64> {
        let waits = now.is_some_and(|now| self.is_recent(now));
        if self.count == 0 || waits {
            return None;
        }
        self.written_at = now;
        Some(std::mem::take(&mut self.count))
    }

    fn is_recent(&self, now: Timestamp) -> bool {
        self.written_at.is_some_and(|at| (0..60_000).contains(&now.since(at)))
    }

    /// Whether it keeps its place: for a minute after it was written down, which bounds what a minute can write.
    fn stays(&self, now: Option<Timestamp>) -> bool {
        self.count > 0 || now.is_some_and(|now| self.is_recent(now))
    }
}

impl Tallies {
    fn count(&mut self, account: Option<AccountId>, refusal: Refusal) {
        let bucket = self.buckets.get_mut(&account);
        if let Some(tally) = bucket.and_then(|bucket| bucket.kinds.get_mut(&refusal)) {
            tally.count += 1;
            return;
        }
        let all =
            || self.buckets.iter().filter(|(whose, _)| whose.is_some()).map(|(_, b)| b.kinds.len()).sum();
        let (most, is_room) = match account {
            None => (OF_STRANGERS, true),
            Some(_) => (OF_AN_ACCOUNT, usize::lt(&all(), &OF_ALL_ACCOUNTS)),
        };
        match self.buckets.get_mut(&account) {
            Some(bucket) if !is_room || bucket.kinds.len() >= most => bucket.more.count += 1,
            None if !is_room => self.more.count += 1,
            _ => {
                let tally = Tally { count: 1, written_at: None };
                self.buckets.entry(account).or_default().kinds.insert(refusal, tally);
            }
        }
    }
}

impl Refusals {
    /// A sign-in was refused. `account` is none for an ID that nobody has.
    pub fn refused(
        &self,
        now: Timestamp,
        account: Option<AccountId>,
        place: Place,
        reason: RefusalReason,
        source: &str,
    ) {
        self.tell(now, &place, Why::Refused(reason), source);
        let refusal = Refusal { place, reason, source: network(source) };
        lock(&self.tallies).count(account, refusal);
    }

    /// One was refused whose password had ended: its person is told otherwise, and only the server's own log here.
    pub fn ended(&self, now: Timestamp, place: &Place, source: &str) {
        self.tell(now, place, Why::Ended, source);
    }

    fn tell(&self, now: Timestamp, place: &Place, why: Why, source: &str) {
        // Only what has an address can be kept out by it.
        if let Ok(source) = source.parse()
            && lock(&self.lines).is_due(now, place, why, source)
        {
            lines::write(place, why, source);
        }
    }

    /// Takes the refusals that are to be written down at `now`; at the end, all that there are.
    pub fn take(&self, now: Option<Timestamp>) -> Summed {
        if let Some(count) = lock(&self.lines).take_unwritten() {
            lines::write_rest(count);
        }
        let mut summed = Summed::default();
        let mut tallies = lock(&self.tallies);
        tallies.buckets.retain(|account, bucket| {
            for (refusal, tally) in &mut bucket.kinds {
                summed.counts.extend(tally.take(now).map(|count| (*account, refusal.clone(), count)));
            }
            summed.more.extend(bucket.more.take(now).map(|count| (*account, count)));
            bucket.kinds.retain(|_, tally| tally.stays(now));
            !bucket.kinds.is_empty() || bucket.more.stays(now)
        });
        summed.more.extend(tallies.more.take(now).map(|count| (None, count)));
        summed
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whoever has one IPv6 address has 2^64 of them.
pub fn network(source: &str) -> String {
    match source.parse() {
        Ok(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => source.to_owned(),
    }
}

#[cfg(test)]
mod tests;
