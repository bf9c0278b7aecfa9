use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::{AccountId, GroupId, Timestamp};

use crate::{
    Account, Allowed, Entry, Found, Groups, Known, groups::Numbering, password::Password, table::Table,
};

/// All accounts and their app-specific passwords.
pub struct Index {
    /// Keyed anew for every index, so that nobody can choose names that fall in one place.
    hasher: RandomState,
    by_name: Table<Known>,
    by_id: Table<Known>,
    /// Held for a whole change. Two changes of one account, or of two that hand a name on, never mix.
    changing: Mutex<()>,
    groups: Mutex<Numbering>,
}

impl Index {
    /// An index of nothing.
    #[must_use]
    pub fn new() -> Self {
        let (by_name, by_id) = (Table::new(), Table::new());
        Self {
            hasher: RandomState::new(),
            by_name,
            by_id,
            changing: Mutex::new(()),
            groups: Mutex::default(),
        }
    }

    /// Makes room for this many accounts, before they are put in at the start.
    pub fn reserve(&self, accounts: usize) {
        self.by_name.reserve(accounts);
        self.by_id.reserve(accounts);
    }

    /// The groups that an account is in, in the form in which it is put. No look-up ever waits for this.
    pub fn groups(&self, of: &[GroupId]) -> Groups {
        self.numbering().groups(of)
    }

    /// Those who are in one of these groups, to be asked for with [`Index::find`]; nobody, when there are none.
    pub fn allowed(&self, groups: &[GroupId]) -> Allowed {
        Allowed::Groups(self.numbering().set(groups))
    }

    /// THE one way in: from here on, of this account all that is known is this. Names and passwords that it had and
    /// doesn't have here are gone; a name that another account had is its own now. When a password was last stamped
    /// as used stays known. Meanwhile a reader finds each name and each password as it was before or as it is after.
    ///
    /// No two passwords have the same fingerprint.
    pub fn put_account(&self, account: Account, passwords: &[Entry]) {
        let known = Known::new(account, passwords);
        let _changing = self.change();
        let is = |held: &Known| held.id == known.id;
        let before = self.by_id.put(self.hash(known.id), is, known.clone(), |new, old| {
            new.record().passwords.keep_stamps(&old.record().passwords);
        });
        for name in known.names() {
            self.by_name.put(self.hash(name), |held| held.is_called(name), known.clone(), |_, _| ());
        }
        if let Some(before) = before {
            before.mark_replaced();
            self.forget_names(&before, |name| !known.is_called(name));
        }
    }

    /// Forgets an account, its names and its passwords.
    pub fn remove_account(&self, id: AccountId) {
        let _changing = self.change();
        if let Some(removed) = self.by_id.remove(self.hash(id), |held| held.id == id) {
            removed.mark_replaced();
            self.forget_names(&removed, |_| true);
        }
    }

    /// Forgets everything, before all of it is put in anew.
    pub fn clear(&self) {
        let _changing = self.change();
        self.by_id.clear(|removed| removed.mark_replaced());
        self.by_name.clear(drop);
    }

    /// The account that is known by this name, which must be in its canonical form.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<Known> {
        self.by_name.get(self.hash(name), |held| held.is_called(name), Known::clone)
    }

    /// The account of this id.
    #[must_use]
    pub fn account_by_id(&self, id: AccountId) -> Option<Known> {
        self.by_id.get(self.hash(id), |held| held.id == id, Known::clone)
    }

    /// The password of this account that has this fingerprint, live or ended, as it is now, also when the account
    /// was found long ago; and, seen in the same moment, whether the account is among those that are `allowed`.
    #[must_use]
    pub fn find(&self, account: &Known, fingerprint: &[u8; 32], allowed: &Allowed) -> Option<Found> {
        self.password(account, fingerprint, |password, account| {
            password.found(account.active, allowed.admits(&account.groups))
        })
    }

    /// Marks a password as ended, until its account is put again: a door that finds one whose time has come does
    /// so, and writes its end to the store. A clock that is set back then doesn't revive it.
    pub fn mark_ended(&self, account: &Known, fingerprint: &[u8; 32]) {
        let _ = self.password(account, fingerprint, |password, _| password.mark_ended());
    }

    /// Stamps a password as used. True when it hadn't been in this second, so that who records where it was used
    /// needs to do so once a second; twice, when its account changes in that very moment.
    #[must_use]
    pub fn stamp_use(&self, account: &Known, fingerprint: &[u8; 32], at: Timestamp) -> bool {
        self.password(account, fingerprint, |password, _| password.stamp_use(at)).unwrap_or(false)
    }

    fn password<R>(
        &self,
        account: &Known,
        fingerprint: &[u8; 32],
        read: impl FnOnce(&Password, &Known) -> R,
    ) -> Option<R> {
        let newer;
        let account = if account.is_replaced() {
            newer = self.account_by_id(account.id)?;
            &newer
        } else {
            account
        };
        account.record().passwords.find(fingerprint).map(|password| read(password, account))
    }

    /// Forgets those names of an account that are to go, unless they are another's by now.
    fn forget_names(&self, account: &Known, to_go: impl Fn(&str) -> bool) {
        for name in account.names().filter(|name| to_go(name)) {
            self.by_name.remove(self.hash(name), |held| held.id == account.id && held.is_called(name));
        }
    }

    fn hash(&self, key: impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }

    fn numbering(&self) -> MutexGuard<'_, Numbering> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
