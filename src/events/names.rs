//! The IDs of those whom events name: of an account that was removed, the ID that it bore.

use std::collections::{HashMap, hash_map::Entry};

use domain::{AccountId, AccountName, Actor, Event};
use store::{Conn, DbError, accounts, events as rows};

/// How many are kept. An export goes through the whole log, and shall not gather everybody who ever was in it.
const MOST: usize = 10_000;

/// The IDs of accounts.
#[derive(Default)]
pub struct Names(HashMap<AccountId, String>);

impl Names {
    /// Learns those that these events name.
    ///
    /// # Errors
    /// As the database has them.
    pub fn learn(&mut self, conn: &mut Conn, events: &[Event]) -> Result<(), DbError> {
        if self.0.len() > MOST {
            self.0.clear();
        }
        for event in events {
            for id in [event.account, actor(event)].into_iter().flatten() {
                if let Entry::Vacant(place) = self.0.entry(id) {
                    let name = match accounts::by_id(conn, id)? {
                        Some(account) => Some(account.name.to_string()),
                        None => rows::last_name(conn, id)?,
                    };
                    place.insert(name.unwrap_or_else(|| "a removed account".into()));
                }
            }
        }
        Ok(())
    }

    /// The ID of this account.
    pub fn of(&self, id: AccountId) -> &str {
        self.0.get(&id).map_or("", String::as_str)
    }

    /// The ID of the account that the event is about.
    pub fn account(&self, event: &Event) -> &str {
        event.account.map_or("", |id| self.of(id))
    }

    /// Who did it, in a word.
    pub fn actor(&self, event: &Event) -> &str {
        match event.actor {
            Actor::Account(id) => self.of(id),
            Actor::Machine => "machine",
            Actor::Doorkey => "doorkey",
        }
    }
}

const fn actor(event: &Event) -> Option<AccountId> {
    match event.actor {
        Actor::Account(id) => Some(id),
        Actor::Machine | Actor::Doorkey => None,
    }
}

/// The account that somebody means by its id or by an ID of its person's, also one that was removed.
///
/// # Errors
/// As the database has them.
pub fn account_meant(
    conn: &mut Conn,
    typed: &str,
    default_domain: &str,
) -> Result<Option<AccountId>, DbError> {
    if let Ok(id) = typed.parse() {
        return Ok(Some(id));
    }
    let Ok(name) = AccountName::parse(typed, default_domain) else { return Ok(None) };
    match accounts::by_name(conn, &name)? {
        Some(account) => Ok(Some(account.id)),
        None => rows::removed(conn, &name),
    }
}
