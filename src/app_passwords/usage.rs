//! What happens at the doors, kept in memory until the keeper writes it down: uses, tries after the end, refusals. A door never
//! waits for the database to say no, and a flood of refusals can't fill memory or the log.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::{AccountId, AppPassword, AppPasswordId, LastUse, RefusalReason, ServiceName, Timestamp};

use crate::follow::Service;

/// How many different refusals of a minute are told apart; the rest is one number. It bounds memory and the log.
const MOST_REFUSALS: usize = 200;

/// What happened since it was last taken.
#[derive(Default)]
pub struct Usage {
    uses: Mutex<HashMap<AppPasswordId, LastUse>>,
    tries: Mutex<HashMap<AppPasswordId, LastUse>>,
    refusals: Mutex<Refusals>,
    wrong_keys: Mutex<HashMap<ServiceName, WrongKey>>,
}

/// The last time that a service's door was asked with a wrong key, or none.
#[derive(Clone)]
pub struct WrongKey {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub source: String,
    logged_at: Timestamp,
}

/// Refusals, summed up. The first of a kind is written down by the next round, so that its person sees it soon; what follows within a minute is
/// one number.
#[derive(Default)]
struct Refusals {
    tallies: HashMap<Refusal, Tally>,
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
}

/// Refusals to be written down.
#[derive(Default)]
pub struct Summed {
    /// How many there were of each kind.
    pub counts: Vec<(Refusal, u64)>,
    /// How many more there were, of kinds for which there was no room.
    pub more: Option<u64>,
}

/// What refusals are summed by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// Whose password it would have been; none for IDs that nobody has.
    pub account: Option<AccountId>,
    /// At which service.
    pub service: ServiceName,
    /// Why.
    pub reason: RefusalReason,
    /// From where: an IPv4 address, or the first 64 bits of an IPv6 address.
    pub source: String,
}

impl Usage {
    /// An app-specific password opened something.
    pub fn used(&self, id: AppPasswordId, used: LastUse) {
        newest(&mut lock(&self.uses), id, used);
    }

    /// One was tried after its end.
    pub fn tried_after_end(&self, id: AppPasswordId, tried: LastUse) {
        newest(&mut lock(&self.tries), id, tried);
    }

    /// A sign-in was refused.
    pub fn refused(
        &self,
        account: Option<AccountId>,
        service: &Service,
        reason: RefusalReason,
        source: &str,
    ) {
        let refusal = Refusal { account, service: service.name.clone(), reason, source: network(source) };
        let mut refusals = lock(&self.refusals);
        let full = refusals.tallies.len() >= MOST_REFUSALS;
        match refusals.tallies.get_mut(&refusal) {
            Some(tally) => tally.count += 1,
            None if full => refusals.more.count += 1,
            None => {
                refusals.tallies.insert(refusal, Tally { count: 1, written_at: None });
            }
        }
    }

    /// A service's door was asked with a wrong key. True when that should be logged: once a minute.
    pub fn wrong_key(&self, service: &ServiceName, at: Timestamp, source: &str) -> bool {
        let mut wrong_keys = lock(&self.wrong_keys);
        let logged = wrong_keys.get(service).map(|wrong| wrong.logged_at);
        let due = logged.is_none_or(|logged| !(0..60_000).contains(&at.since(logged)));
        let logged_at = if due { at } else { logged.unwrap_or(at) };
        wrong_keys.insert(service.clone(), WrongKey { at, source: source.to_owned(), logged_at });
        due
    }

    /// When the service's door was last asked with a wrong key, since this server started.
    pub fn last_wrong_key(&self, service: &ServiceName) -> Option<WrongKey> {
        lock(&self.wrong_keys).get(service).cloned()
    }

    /// Puts what isn't written down yet into what is: a page shows a use from the moment that it happened.
    pub fn overlay(&self, password: &mut AppPassword) {
        for (of, known) in
            [(&self.uses, &mut password.last_use), (&self.tries, &mut password.tried_after_end)]
        {
            if let Some(newer) = lock(of).get(&password.id) {
                *known = Some(newer.clone());
            }
        }
    }

    /// Takes the uses that aren't written down yet.
    pub fn take_uses(&self) -> HashMap<AppPasswordId, LastUse> {
        std::mem::take(&mut lock(&self.uses))
    }

    /// Takes the tries that aren't written down yet.
    pub fn take_tries(&self) -> HashMap<AppPasswordId, LastUse> {
        std::mem::take(&mut lock(&self.tries))
    }

    /// Takes the refusals that are to be written down at `now`; at the end, all that there are.
    pub fn take_refusals(&self, now: Option<Timestamp>) -> Summed {
        let mut refusals = lock(&self.refusals);
        let counts = refusals
            .tallies
            .iter_mut()
            .filter_map(|(refusal, tally)| tally.take(now).map(|count| (refusal.clone(), count)))
            .collect();
        // A kind keeps its place for a minute after it was written down: that bounds what a minute can write.
        refusals.tallies.retain(|_, tally| tally.count > 0 || now.is_some_and(|now| tally.is_recent(now)));
        Summed { counts, more: refusals.more.take(now) }
    }

    /// Gives back what couldn't be written down.
    pub fn give_back(&self, uses: HashMap<AppPasswordId, LastUse>, tries: HashMap<AppPasswordId, LastUse>) {
        for (id, used) in uses {
            newest(&mut lock(&self.uses), id, used);
        }
        for (id, tried) in tries {
            newest(&mut lock(&self.tries), id, tried);
        }
    }
}

fn newest(of: &mut HashMap<AppPasswordId, LastUse>, id: AppPasswordId, used: LastUse) {
    if of.get(&id).is_none_or(|known| known.at <= used.at) {
        of.insert(id, used);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whoever has one IPv6 address has 2^64 of them.
fn network(source: &str) -> String {
    match source.parse() {
        Ok(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::{KindSet, Rng, ServiceId};

    use super::*;

    fn service() -> Service {
        let id = ServiceId::new(Timestamp::from_millis(0), &mut Rng::from_seed([1; 32]));
        let name = ServiceName::parse("calendar").unwrap();
        let allowed = index::Allowed::Everyone;
        Service { id, name, kinds: KindSet::NONE, allowed, key_hash: [0; 32], answers: Arc::default() }
    }

    #[test]
    fn a_flood_of_refusals_is_summed_up_and_bounded() {
        let usage = Usage::default();
        for n in 0..10_000_u32 {
            let source = IpAddr::from(n.to_be_bytes()).to_string();
            usage.refused(None, &service(), RefusalReason::UnknownAccount, &source);
        }
        let now = Timestamp::from_millis(1_777_777_777_000);
        let summed = usage.take_refusals(Some(now));
        assert_eq!((summed.counts.len(), summed.more), (MOST_REFUSALS, Some(9_800)));

        // Within the minute there is no room for others, and what is known waits.
        usage.refused(None, &service(), RefusalReason::WrongPassword, "198.51.100.7");
        usage.refused(None, &service(), RefusalReason::UnknownAccount, "0.0.0.1");
        let summed = usage.take_refusals(Some(now.plus_seconds(59)));
        assert_eq!((summed.counts.len(), summed.more), (0, None));
        let summed = usage.take_refusals(Some(now.plus_seconds(60)));
        assert_eq!((summed.counts.len(), summed.more), (1, Some(1)));
    }

    #[test]
    fn the_first_refusal_is_told_at_once_and_the_end_leaves_nothing_behind() {
        let (usage, now) = (Usage::default(), Timestamp::from_millis(1_777_777_777_000));
        let refuse = || usage.refused(None, &service(), RefusalReason::WrongPassword, "198.51.100.7");
        let counts = |summed: Summed| summed.counts.into_iter().map(|(_, count)| count).collect::<Vec<_>>();
        refuse();
        assert_eq!(counts(usage.take_refusals(Some(now))), [1]);
        refuse();
        refuse();
        assert_eq!(counts(usage.take_refusals(Some(now.plus_seconds(5)))), [0_u64; 0]);
        assert_eq!(counts(usage.take_refusals(None)), [2]);
        assert_eq!(counts(usage.take_refusals(None)), [0_u64; 0]);
    }

    #[test]
    fn a_wrong_key_is_logged_once_a_minute() {
        let (usage, now) = (Usage::default(), Timestamp::from_millis(1_777_777_777_000));
        let name = ServiceName::parse("calendar").unwrap();
        let logged = |at| usage.wrong_key(&name, at, "198.51.100.7");
        assert_eq!([0, 59, 60].map(|seconds| logged(now.plus_seconds(seconds))), [true, false, true]);
        assert_eq!(usage.last_wrong_key(&name).map(|wrong| wrong.at), Some(now.plus_seconds(60)));
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(network("198.51.100.7"), "198.51.100.7");
        assert_eq!(network("unix"), "unix");
    }

    #[test]
    fn what_is_given_back_never_hides_what_came_later() {
        let usage = Usage::default();
        let id = AppPasswordId::from_bytes([1; 16]);
        let at = |millis| LastUse {
            at: Timestamp::from_millis(millis),
            service: ServiceName::parse("calendar").unwrap(),
            source: "198.51.100.7".into(),
        };
        usage.used(id, at(1));
        let taken = usage.take_uses();
        usage.used(id, at(2));
        usage.give_back(taken, HashMap::new());
        assert_eq!(usage.take_uses().get(&id), Some(&at(2)));
    }
}
