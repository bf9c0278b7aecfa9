use std::collections::HashMap;

use domain::KindSet;
use proptest::{
    collection::vec, prelude::Strategy, prop_assert_eq, prop_oneof, proptest, sample::select, strategy::Just,
};

use super::*;

const ACCOUNTS: u8 = 4;
const NAMES: [&str; 6] = ["a@x.org", "b@x.org", "c@x.org", "d@x.org", "e@x.org", "f@x.org"];
/// Who may use each of some services: everyone, or these groups.
const SERVICES: [Option<&[u8]>; 5] = [None, Some(&[]), Some(&[0]), Some(&[1, 4]), Some(&[5, 2, 0, 3])];
const PASSWORDS: [u8; 8] = [0, 1, 2, 70, 128, 200, 254, 255];

#[derive(Clone, Debug)]
enum Step {
    Put { account: Account, passwords: Vec<Entry>, groups: Vec<u8> },
    Remove(u8),
    Clear,
    MarkEnded(u8, u8),
    Stamp(u8, u8, i64),
}

/// The same as the index, in the plainest way.
#[derive(Default)]
struct Model {
    names: HashMap<String, AccountId>,
    accounts: HashMap<AccountId, Account>,
    groups: HashMap<AccountId, Vec<u8>>,
    passwords: HashMap<(AccountId, u8), (Entry, Option<i64>)>,
}

impl Model {
    fn remove(&mut self, id: AccountId) -> HashMap<u8, Option<i64>> {
        self.accounts.remove(&id);
        self.names.retain(|_, owner| *owner != id);
        let mine: Vec<_> = self.passwords.keys().copied().filter(|(owner, _)| *owner == id).collect();
        mine.iter().filter_map(|key| Some((key.1, self.passwords.remove(key)?.1))).collect()
    }

    fn put(&mut self, account: &Account, passwords: &[Entry], groups: &[u8]) {
        let stamps = self.remove(account.id);
        self.groups.insert(account.id, groups.to_vec());
        for name in account.names() {
            self.names.insert(name.into(), account.id);
        }
        for entry in passwords {
            let known_by = entry.fingerprint[0];
            let stamp = stamps.get(&known_by).copied().flatten();
            self.passwords.insert((account.id, known_by), (entry.clone(), stamp));
        }
        self.accounts.insert(account.id, account.clone());
    }

    /// What the door of a service should find.
    fn find(&self, id: AccountId, known_by: u8, service: Option<&[u8]>) -> Option<Found> {
        let (entry, _) = self.passwords.get(&(id, known_by))?;
        Some(Found {
            id: entry.id,
            opens: entry.opens,
            expires_at: entry.expires_at,
            ended: entry.ended,
            account_active: self.accounts.get(&id)?.active,
            account_allowed: service
                .is_none_or(|allowed| self.groups[&id].iter().any(|n| allowed.contains(n))),
        })
    }
}

fn entries() -> impl Strategy<Value = Entry> {
    (select(&PASSWORDS[..]), 0..32_u8, proptest::option::of(0..9_i64), proptest::bool::ANY).prop_map(
        |(n, kinds, expires, ended)| Entry {
            opens: KindSet::from_bits(kinds).filter(|set| !set.is_empty()).map_or(Opens::First, Opens::Kinds),
            expires_at: expires.map(|seconds| Timestamp::from_millis(seconds * 1_000)),
            ended,
            ..entry(n)
        },
    )
}

fn put() -> impl Strategy<Value = Step> {
    let names = vec(select(&NAMES[..]), 1..4);
    (0..ACCOUNTS, names, proptest::bool::ANY, vec(entries(), 0..6), vec(0..6_u8, 0..5)).prop_map(
        |(n, names, active, mut passwords, groups)| {
            // The store has each fingerprint once.
            passwords.sort_by_key(|entry| entry.fingerprint);
            passwords.dedup_by_key(|entry| entry.fingerprint);
            passwords.reverse();
            Step::Put { account: Account { active, ..account(n, &names) }, passwords, groups }
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => put(),
        2 => (0..ACCOUNTS).prop_map(Step::Remove),
        1 => Just(Step::Clear),
        3 => (0..ACCOUNTS, select(&PASSWORDS[..])).prop_map(|(n, known_by)| Step::MarkEnded(n, known_by)),
        6 => (0..ACCOUNTS, select(&PASSWORDS[..]), 1..4_i64).prop_map(|(n, known_by, at)| Step::Stamp(n, known_by, at)),
    ];
    vec(step, 1..40)
}

proptest! {
    #[test]
    fn after_any_changes_the_index_knows_what_a_plain_model_knows(steps in steps()) {
        let (index, mut model) = (Index::new(), Model::default());
        let services = SERVICES.map(|service| {
            let group = |allowed: &[u8]| allowed.iter().copied().map(group).collect::<Vec<_>>();
            service.map_or(Allowed::Everyone, |allowed| index.allowed(&group(allowed)))
        });
        // Accounts as they were found after each step: what is looked up with them must be as it is now.
        let mut known: Vec<(u8, Known)> = Vec::new();
        for step in steps {
            match step {
                Step::Put { mut account, passwords, groups } => {
                    account.groups = index.groups(&groups.iter().copied().map(group).collect::<Vec<_>>());
                    model.put(&account, &passwords, &groups);
                    index.put_account(account, &passwords);
                }
                Step::Remove(n) => {
                    model.remove(id(n));
                    index.remove_account(id(n));
                }
                Step::Clear => {
                    model = Model::default();
                    index.clear();
                }
                Step::MarkEnded(n, known_by) => {
                    if let Some((entry, _)) = model.passwords.get_mut(&(id(n), known_by)) {
                        entry.ended = true;
                    }
                    mark_ended(&index, n, known_by);
                }
                Step::Stamp(n, known_by, at) => {
                    let stamp = model.passwords.get_mut(&(id(n), known_by));
                    let first = stamp.is_some_and(|(_, last)| last.replace(at) != Some(at));
                    let stamped = stamp_use(&index, n, known_by, Timestamp::from_millis(at * 1_000));
                    prop_assert_eq!(stamped, first);
                }
            }
            for name in NAMES {
                let owner = model.names.get(name).and_then(|owner| model.accounts.get(owner));
                prop_assert_eq!(index.account(name).as_deref().cloned(), owner.cloned(), "{}", name);
            }
            for n in 0..ACCOUNTS {
                let account = index.account_by_id(id(n));
                prop_assert_eq!(account.as_deref(), model.accounts.get(&id(n)));
                known.extend(account.map(|account| (n, account)));
            }
            for (n, account) in &known {
                for (service, allowed) in SERVICES.into_iter().zip(&services) {
                    for known_by in PASSWORDS {
                        let found = index.find(account, &[known_by; 32], allowed);
                        prop_assert_eq!(found, model.find(id(*n), known_by, service));
                    }
                }
            }
        }
    }
}
