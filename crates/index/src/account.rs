use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::{AccountId, AccountName, DisplayName};

use crate::{Entry, Groups, password::Passwords};

/// An account as the store has it, as far as a door needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The canonical ID.
    pub name: AccountName,
    /// Other names that it is known by.
    pub aliases: Box<[AccountName]>,
    /// What its person is called.
    pub display_name: DisplayName,
    /// The groups that it is in, as [`Index::groups`](crate::Index::groups) gave them.
    pub groups: Groups,
    /// Whether its person may sign in anywhere at all.
    pub active: bool,
}

impl Account {
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        [&self.name].into_iter().chain(&self.aliases).map(AccountName::as_str)
    }

    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.names().any(|its| its == name)
    }
}

/// An account that was found. What it says is as old as the finding of it; looking up a password with it isn't.
#[derive(Clone)]
pub struct Known(Arc<Record>);

/// An account and its passwords, together: who has found the one needn't search for the other.
pub(crate) struct Record {
    account: Account,
    pub(crate) passwords: Passwords,
    /// Set once another record, or none, is in its place: what is asked of this one must be asked of that one.
    replaced: AtomicBool,
}

impl Known {
    pub(crate) fn new(account: Account, passwords: &[Entry]) -> Self {
        let (passwords, replaced) = (Passwords::new(passwords), AtomicBool::new(false));
        Self(Arc::new(Record { account, passwords, replaced }))
    }

    pub(crate) fn record(&self) -> &Record {
        &self.0
    }

    /// Whether there is something newer. It is there for all to find before this says so.
    pub(crate) fn is_replaced(&self) -> bool {
        self.0.replaced.load(Ordering::Acquire)
    }

    pub(crate) fn mark_replaced(&self) {
        self.0.replaced.store(true, Ordering::Release);
    }
}

impl Deref for Known {
    type Target = Account;

    fn deref(&self) -> &Account {
        &self.0.account
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_takes_120_bytes_beside_its_names_and_passwords() {
        assert_eq!(size_of::<Record>(), 120);
    }
}
