//! What happens at the doors, kept in memory until the keeper writes it down: uses, tries after the end, refusals. A door never
//! waits for the database to say no, and a flood of refusals can't fill memory or the log.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::{AccountId, AppPasswordId, LastUse, RefusalReason, ServiceName};

use crate::follow::Service;

/// How many different refusals of a minute are told apart; the rest is one number. It bounds memory and the log.
const MOST_REFUSALS: usize = 200;

/// What happened since it was last taken.
#[derive(Default)]
pub struct Usage {
    uses: Mutex<HashMap<AppPasswordId, LastUse>>,
    tries: Mutex<HashMap<AppPasswordId, LastUse>>,
    refusals: Mutex<Refusals>,
}

/// Refusals summed up.
#[derive(Default)]
pub struct Refusals {
    /// How many there were of each kind.
    pub counts: HashMap<Refusal, u64>,
    /// How many more there were, of kinds for which there was no room.
    pub more: u64,
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
        let full = refusals.counts.len() >= MOST_REFUSALS;
        match refusals.counts.get_mut(&refusal) {
            Some(count) => *count += 1,
            None if full => refusals.more += 1,
            None => {
                refusals.counts.insert(refusal, 1);
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

    /// Takes the refusals that aren't written down yet.
    pub fn take_refusals(&self) -> Refusals {
        std::mem::take(&mut lock(&self.refusals))
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
    use domain::{KindSet, Rng, ServiceId, Timestamp};

    use super::*;

    fn service() -> Service {
        let id = ServiceId::new(Timestamp::from_millis(0), &mut Rng::from_seed([1; 32]));
        let name = ServiceName::parse("calendar").unwrap();
        Service { id, name, kinds: KindSet::NONE, key_hash: [0; 32] }
    }

    #[test]
    fn a_flood_of_refusals_is_summed_up_and_bounded() {
        let usage = Usage::default();
        for n in 0..10_000_u32 {
            let source = IpAddr::from(n.to_be_bytes()).to_string();
            usage.refused(None, &service(), RefusalReason::UnknownAccount, &source);
        }
        let refusals = usage.take_refusals();
        assert_eq!((refusals.counts.len(), refusals.more), (MOST_REFUSALS, 9_800));
        assert_eq!(usage.take_refusals().counts.len(), 0);
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
