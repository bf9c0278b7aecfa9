use super::*;

#[test]
fn an_account_is_found_by_id_and_by_each_of_its_names() {
    let index = Index::new();
    let ada = account(1, &["ada", "countess"]);
    index.put_account(ada.clone(), &[]);
    for found in [index.account("ada@x.org"), index.account("countess@x.org"), index.account_by_id(id(1))] {
        assert_eq!(found.as_deref(), Some(&ada));
    }
    assert!(index.account("ada").is_none() && index.account("").is_none());
    assert!(index.account_by_id(id(2)).is_none());
}

#[test]
fn what_is_not_in_the_new_state_is_gone() {
    let index = Index::new();
    index.put_account(account(1, &["ada", "countess", "lovelace"]), &[entry(1), entry(2)]);
    let renamed = Account { active: false, ..account(1, &["lovelace", "king"]) };
    index.put_account(renamed, &[entry(2), entry(3)]);

    let known =
        ["ada@x.org", "countess@x.org", "lovelace@x.org", "king@x.org"].map(|name| whose(&index, name));
    assert_eq!(known, [None, None, Some(id(1)), Some(id(1))]);
    for (name, n) in [("lovelace@x.org", 1), ("king@x.org", 1)] {
        let found = index.account(name).unwrap();
        assert_eq!((found.id, found.name.as_str(), found.active), (id(n), "lovelace@x.org", false));
    }
    let found = [1, 2, 3].map(|n| find(&index, 1, [n; 32]).map(|found| (found.id, found.account_active)));
    let known = |n| Some((AppPasswordId::from_bytes([n; 16]), false));
    assert_eq!(found, [None, known(2), known(3)]);
}

#[test]
fn a_removed_account_leaves_nothing() {
    let index = Index::new();
    index.put_account(account(1, &["ada", "countess"]), &[entry(1)]);
    index.put_account(account(2, &["bob"]), &[entry(1)]);
    index.remove_account(id(1));
    index.remove_account(id(3));
    assert_eq!(["ada@x.org", "countess@x.org"].map(|name| whose(&index, name)), [None, None]);
    assert!(index.account_by_id(id(1)).is_none());
    assert!(find(&index, 2, [1; 32]).is_some() && index.account("bob@x.org").is_some());

    index.clear();
    assert!(index.account("bob@x.org").is_none() && index.account_by_id(id(2)).is_none());
}

#[test]
fn an_alias_that_was_handed_on_stays_with_its_new_account() {
    for giver_first in [true, false] {
        let index = Index::new();
        index.put_account(account(1, &["ada", "office"]), &[]);
        if giver_first {
            index.put_account(account(1, &["ada"]), &[]);
            assert_eq!(whose(&index, "office@x.org"), None);
        }
        index.put_account(account(2, &["bob", "office"]), &[]);
        if !giver_first {
            index.put_account(account(1, &["ada"]), &[]);
        }
        assert_eq!(whose(&index, "office@x.org"), Some(id(2)));
        index.remove_account(id(1));
        assert_eq!(whose(&index, "office@x.org"), Some(id(2)));
    }
}

#[test]
fn each_of_25_passwords_is_found_as_itself_and_only_with_its_account() {
    // Spread evenly, and all at one end or in the middle, where a look-up has to go a long way back or forth.
    for (first, step) in [(3, 10), (0, 1), (100, 1), (231, 1)] {
        let index = Index::new();
        let known_by: Vec<u8> = (0..25).map(|n| first + n * step).collect();
        let entries: Vec<_> = known_by.iter().map(|n| Entry { ended: n % 3 == 1, ..entry(*n) }).collect();
        index.put_account(account(1, &["ada"]), &entries);
        index.put_account(account(2, &["bob"]), &[entry(99)]);
        for entry in &entries {
            let found = find(&index, 1, entry.fingerprint).unwrap();
            assert_eq!((found.id, found.ended), (entry.id, entry.ended));
            assert_eq!(find(&index, 2, entry.fingerprint), None);
        }
        for n in (0..=255).filter(|n| !known_by.contains(n)) {
            assert_eq!(find(&index, 1, [n; 32]), None, "{n}");
        }
    }
}

#[test]
fn fingerprints_that_begin_alike_are_told_apart() {
    let index = Index::new();
    let entries: Vec<_> = [8, 15]
        .map(|byte| {
            let mut entry = entry(7);
            entry.fingerprint[byte] = 9;
            entry.id = AppPasswordId::from_bytes([byte as u8; 16]);
            entry
        })
        .into();
    index.put_account(account(1, &["ada"]), &entries);
    for entry in &entries {
        assert_eq!(find(&index, 1, entry.fingerprint).map(|found| found.id), Some(entry.id));
    }
    assert_eq!(find(&index, 1, [7; 32]), None);
}

#[test]
fn a_stamp_outlives_its_accounts_changes() {
    let index = Index::new();
    let at = Timestamp::from_millis(1_777_777_777_000);
    index.put_account(account(1, &["ada"]), &[entry(2), entry(4), entry(6)]);
    for n in [2, 6] {
        assert!(stamp_use(&index, 1, n, at));
    }
    index.put_account(account(1, &["ada"]), &[entry(1), entry(3), entry(4), entry(6), entry(7)]);
    let first = [1, 2, 3, 4, 6, 7].map(|n| stamp_use(&index, 1, n, at));
    assert_eq!(first, [true, false, true, true, false, true]);
    assert!(!stamp_use(&index, 2, 1, at));
}

#[test]
fn one_marked_as_ended_stays_so_until_the_store_is_heard() {
    let index = Index::new();
    let ended = || [1, 2].map(|n| find(&index, 1, [n; 32]).unwrap().ended);
    index.put_account(account(1, &["ada"]), &[entry(1), entry(2)]);
    mark_ended(&index, 1, 1);
    mark_ended(&index, 1, 9);
    assert_eq!(ended(), [true, false]);
    index.put_account(account(1, &["ada"]), &[entry(1), Entry { ended: true, ..entry(2) }]);
    assert_eq!(ended(), [false, true]);
}

#[test]
fn an_account_that_was_found_long_ago_finds_what_is_there_now() {
    let index = Index::new();
    index.put_account(account(1, &["ada"]), &[entry(1), entry(2)]);
    let (by_name, by_id) = (index.account("ada@x.org").unwrap(), index.account_by_id(id(1)).unwrap());
    index.put_account(Account { active: false, ..account(1, &["ada"]) }, &[entry(2), entry(3)]);
    let at = Timestamp::from_millis(1_777_777_777_000);
    for old in [&by_name, &by_id] {
        let found = [1, 2, 3]
            .map(|n| index.find(old, &[n; 32], &Allowed::Everyone).map(|found| found.account_active));
        assert_eq!(found, [None, Some(false), Some(false)]);
    }
    index.mark_ended(&by_name, &[2; 32]);
    assert!(index.stamp_use(&by_name, &[3; 32], at) && !stamp_use(&index, 1, 3, at));
    assert!(find(&index, 1, [2; 32]).unwrap().ended);

    index.remove_account(id(1));
    assert_eq!(
        (
            index.find(&by_name, &[2; 32], &Allowed::Everyone),
            index.find(&by_id, &[2; 32], &Allowed::Everyone)
        ),
        (None, None)
    );
    index.put_account(account(1, &["ada"]), &[entry(2)]);
    assert!(index.find(&by_name, &[2; 32], &Allowed::Everyone).is_some());
    let before = index.account_by_id(id(1)).unwrap();
    index.clear();
    assert_eq!(index.find(&before, &[2; 32], &Allowed::Everyone), None);
    assert!(!index.stamp_use(&before, &[2; 32], at));
}

#[test]
fn who_left_a_group_is_no_longer_found_to_be_in_it_also_by_those_who_found_them_before() {
    let index = Index::new();
    let groups = |of: &[u8]| index.groups(&of.iter().copied().map(group).collect::<Vec<_>>());
    let put =
        |of: &[u8]| index.put_account(Account { groups: groups(of), ..account(1, &["ada"]) }, &[entry(1)]);
    put(&[1, 2]);
    let (before, staff) = (index.account("ada@x.org").unwrap(), index.allowed(&[group(2)]));
    let found = || index.find(&before, &[1; 32], &staff).map(|found| found.account_allowed);
    assert_eq!((found(), is_in(&index, 1, &[2, 3]), is_in(&index, 1, &[3])), (Some(true), true, false));
    put(&[1]);
    assert_eq!((found(), is_in(&index, 1, &[2, 3])), (Some(false), false));
    put(&[2]);
    assert_eq!(found(), Some(true));
    // Everything may be read anew; who was allowed before stays so.
    index.clear();
    assert_eq!(found(), None);
    put(&[3, 2]);
    assert_eq!((found(), is_in(&index, 1, &[3])), (Some(true), true));
}
