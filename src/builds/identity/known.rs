//! The keys of issuers, kept in memory. They are asked for again when they are old, or when a token names one that isn't known; one request at
//! a time for each issuer, and at most every 30 seconds, whatever is sent here. While an issuer can't be asked, its keys are used for a day
//! longer than they would have been.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{IssuerId, Timestamp};
use store::issuers::Issuer;

use super::{
    fetch,
    jws::{Keys, Token},
};
use crate::clock::Clock;

/// How many seconds lie between two requests at least.
const PAUSE: i64 = 30;
/// For how many seconds keys are used after they should have been asked for again.
const KEPT: i64 = 24 * 60 * 60;

/// The keys of all issuers.
#[derive(Default)]
pub struct Known(Mutex<HashMap<IssuerId, Arc<Of>>>);

/// The keys of one issuer.
#[derive(Default)]
struct Of {
    keys: Mutex<Option<Held>>,
    /// Held by whoever asks: when it was last asked, and why that brought nothing.
    asking: tokio::sync::Mutex<Option<(Timestamp, Result<(), String>)>>,
}

#[derive(Clone)]
struct Held {
    keys: Arc<Keys>,
    fresh_until: Timestamp,
}

impl Held {
    fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.fresh_until
    }

    fn is_usable(&self, now: Timestamp) -> bool {
        now < self.fresh_until.plus_seconds(KEPT)
    }
}

impl Of {
    fn held(&self) -> Option<Held> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Known {
    /// The issuer's keys, among which is that of the token, if the issuer has it.
    ///
    /// # Errors
    /// In words, when there are none to use.
    pub async fn keys_for(
        &self,
        issuer: &Issuer,
        token: &Token<'_>,
        clock: &Clock,
    ) -> Result<Arc<Keys>, String> {
        let of = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(issuer.id).or_default())
        };
        let enough = |held: &Held| held.is_fresh(clock.now()) && held.keys.know(token);
        if let Some(held) = of.held().filter(enough) {
            return Ok(held.keys);
        }
        // While somebody else asks, whoever can do without goes on.
        let mut asked = match of.asking.try_lock() {
            Ok(asked) => asked,
            Err(_) => match of.held().filter(|held| held.is_usable(clock.now()) && held.keys.know(token)) {
                Some(held) => return Ok(held.keys),
                None => of.asking.lock().await,
            },
        };
        if let Some(held) = of.held().filter(enough) {
            return Ok(held.keys);
        }
        let now = clock.now();
        let recently = asked.as_ref().is_some_and(|(at, _)| (0..PAUSE * 1000).contains(&now.since(*at)));
        if !recently {
            let answered = fetch::keys(issuer).await.map(|fetched| {
                let fresh_until = clock.now().plus_seconds(fetched.fresh_seconds);
                let held = Held { keys: Arc::new(fetched.keys), fresh_until };
                *of.keys.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
            });
            if let Err(why) = &answered {
                tracing::warn!(issuer = issuer.url, why, "an issuer of identity tokens gives no keys");
            }
            *asked = Some((now, answered));
        }
        match (of.held().filter(|held| held.is_usable(clock.now())), asked.as_ref()) {
            (Some(held), _) => Ok(held.keys),
            (None, Some((_, Err(why)))) => Err(why.clone()),
            (None, _) => Err("its keys are too old".into()),
        }
    }

    /// Forgets an issuer that was removed.
    pub fn forget(&self, issuer: IssuerId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&issuer);
    }
}
