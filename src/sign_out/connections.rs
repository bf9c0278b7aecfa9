//! Connections that Doorkey's own doors keep: they are looked at again whenever something about their account, or their service, has
//! changed, and end at once when what let them in holds no more.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use domain::{AccountId, AppPasswordId, Event};
use tokio::sync::Notify;

use crate::{app_passwords::verify::Yes, follow::Live};

/// How many connections of one account are kept at a time.
const MOST_OF_ACCOUNT: usize = 64;

/// Connections that doors keep for somebody who has signed in.
#[derive(Default)]
pub struct Connections {
    by_account: Mutex<HashMap<AccountId, Vec<Connection>>>,
    last: AtomicU64,
}

/// One of them.
struct Connection {
    number: u64,
    yes: Arc<Yes>,
    ended: Arc<Notify>,
}

/// A connection's place in the table: it leaves it when this is dropped.
pub struct Kept {
    live: Arc<Live>,
    account: AccountId,
    number: u64,
    ended: Arc<Notify>,
}

impl Kept {
    /// Registers a connection, and then looks whether what let it in still holds: whatever is taken back before this is seen here,
    /// whatever is taken back after it ends the connection. `None` when it holds no more.
    pub fn register(live: &Arc<Live>, yes: Yes) -> Option<Self> {
        let (account, ended, yes) = (yes.account.id, Arc::new(Notify::new()), Arc::new(yes));
        let number = live.connections.last.fetch_add(1, Ordering::Relaxed);
        let connection = Connection { number, yes: Arc::clone(&yes), ended: Arc::clone(&ended) };
        {
            let mut table = live.connections.lock();
            let of_account = table.entry(account).or_default();
            of_account.push(connection);
            // Nobody takes all places with one password: the oldest goes.
            if let [oldest, .., _] = of_account.as_slice()
                && of_account.len() > MOST_OF_ACCOUNT
            {
                oldest.ended.notify_one();
            }
        }
        let kept = Self { live: Arc::clone(live), account, number, ended };
        yes.holds(live).then_some(kept)
    }

    /// Waits until the connection is to end.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut table = self.live.connections.lock();
        if let Some(connections) = table.get_mut(&self.account) {
            connections.retain(|connection| connection.number != self.number);
            if connections.is_empty() {
                table.remove(&self.account);
            }
        }
    }
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, Vec<Connection>>> {
        self.by_account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of an account's are kept by one of these passwords.
    pub fn count(&self, account: AccountId, is_one: impl Fn(AppPasswordId) -> bool) -> usize {
        let table = self.lock();
        let of_account = table.get(&account).into_iter().flatten();
        of_account.filter(|connection| is_one(connection.yes.app_password)).count()
    }

    /// Ends what holds no more after these events, once memory has followed them.
    pub fn follow(&self, live: &Live, events: &[Event]) {
        if events.iter().any(|event| event.what.changes_services()) {
            return self.look_again(live);
        }
        let changed =
            events.iter().filter(|event| event.what.changes_account()).filter_map(|event| event.account);
        let table = self.lock();
        for account in changed {
            table.get(&account).into_iter().flatten().for_each(|connection| connection.look_again(live));
        }
    }

    /// Looks at all of them again: after everything was read anew.
    pub fn look_again(&self, live: &Live) {
        self.lock().values().flatten().for_each(|connection| connection.look_again(live));
    }
}

impl Connection {
    fn look_again(&self, live: &Live) {
        if !self.yes.holds(live) {
            // Whoever isn't waiting yet finds it when they do.
            self.ended.notify_one();
        }
    }
}
