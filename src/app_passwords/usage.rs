//! What happens at the doors, kept in memory until the keeper writes it down: uses, and tries after the end. Each has one place for a
//! password that there is, so the data bounds them, and no stranger.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::{AppPassword, AppPasswordId, LastUse, ServiceName, Timestamp};

/// What happened since it was last taken.
#[derive(Default)]
pub struct Usage {
    uses: Mutex<HashMap<AppPasswordId, LastUse>>,
    tries: Mutex<HashMap<AppPasswordId, LastUse>>,
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

impl Usage {
    /// An app-specific password opened something.
    pub fn used(&self, id: AppPasswordId, used: LastUse) {
        newest(&mut lock(&self.uses), id, used);
    }

    /// One was tried after its end.
    pub fn tried_after_end(&self, id: AppPasswordId, tried: LastUse) {
        newest(&mut lock(&self.tries), id, tried);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_key_is_logged_once_a_minute() {
        let (usage, now) = (Usage::default(), Timestamp::from_millis(1_777_777_777_000));
        let name = ServiceName::parse("calendar").unwrap();
        let logged = |at| usage.wrong_key(&name, at, "198.51.100.7");
        assert_eq!([0, 59, 60].map(|seconds| logged(now.plus_seconds(seconds))), [true, false, true]);
        assert_eq!(usage.last_wrong_key(&name).map(|wrong| wrong.at), Some(now.plus_seconds(60)));
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
