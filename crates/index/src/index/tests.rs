mod model;
mod readers;
mod replacing;

use super::*;
use domain::{AccountName, AppPasswordId, DisplayName, Opens};

fn id(n: u8) -> AccountId {
    AccountId::from_bytes([n; 16])
}

/// Account `n`, which is called by the first of `names`, and by the others too.
fn account(n: u8, names: &[&str]) -> Account {
    let mut names = names.iter().map(|name| AccountName::parse(name, "x.org").unwrap());
    Account {
        id: id(n),
        name: names.next().unwrap(),
        aliases: names.collect(),
        display_name: DisplayName::parse("Ada").unwrap(),
        groups: Groups::default(),
        active: true,
    }
}

/// A live password that is known by `n`.
fn entry(n: u8) -> Entry {
    Entry {
        fingerprint: [n; 32],
        id: AppPasswordId::from_bytes([n; 16]),
        opens: Opens::First,
        expires_at: None,
        ended: false,
    }
}

/// The password of account `n` that is known by `known_by`, found in one go.
fn find(index: &Index, n: u8, known_by: [u8; 32]) -> Option<Found> {
    index.find(&index.account_by_id(id(n))?, &known_by, &Allowed::Everyone)
}

/// Group `n`.
fn group(n: u8) -> GroupId {
    GroupId::from_bytes([n; 16])
}

/// Whether account `n` is in one of these groups.
fn is_in(index: &Index, n: u8, groups: &[u8]) -> bool {
    let allowed = index.allowed(&groups.iter().copied().map(group).collect::<Vec<_>>());
    index.account_by_id(id(n)).is_some_and(|account| allowed.admits(&account.groups))
}

fn mark_ended(index: &Index, n: u8, known_by: u8) {
    if let Some(account) = index.account_by_id(id(n)) {
        index.mark_ended(&account, &[known_by; 32]);
    }
}

fn stamp_use(index: &Index, n: u8, known_by: u8, at: Timestamp) -> bool {
    index.account_by_id(id(n)).is_some_and(|account| index.stamp_use(&account, &[known_by; 32], at))
}

/// Which account answers to a name.
fn whose(index: &Index, name: &str) -> Option<AccountId> {
    index.account(name).map(|account| account.id)
}
