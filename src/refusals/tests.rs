use super::*;

const NOON: Timestamp = Timestamp::from_millis(1_777_777_777_000);
const ADA: AccountId = AccountId::from_bytes([1; 16]);

fn place() -> Place {
    Place::Door(ServiceName::parse("calendar").unwrap())
}

fn refuse(refusals: &Refusals, account: Option<AccountId>, n: u32) {
    let source = IpAddr::from(n.to_be_bytes()).to_string();
    refusals.refused(NOON, account, place(), RefusalReason::WrongPassword, &source);
}

fn account(n: u32) -> AccountId {
    let mut bytes = [9; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    AccountId::from_bytes(bytes)
}

#[test]
fn a_flood_of_strangers_is_summed_up_and_takes_nobodys_place() {
    let refusals = Refusals::default();
    for n in 0..10_000 {
        refuse(&refusals, None, n);
    }
    refuse(&refusals, Some(ADA), 1);
    let summed = refusals.take(Some(NOON));
    assert_eq!(summed.counts.iter().filter(|(whose, ..)| whose.is_none()).count(), OF_STRANGERS);
    assert_eq!(summed.counts.iter().filter(|(whose, ..)| *whose == Some(ADA)).count(), 1);
    assert_eq!(summed.more, [(None, 10_000 - OF_STRANGERS as u64)]);

    // Within the minute there is no room for others, and what is known waits.
    refuse(&refusals, None, 20_000);
    refuse(&refusals, None, 1);
    assert_eq!(refusals.take(Some(NOON.plus_seconds(59))), Summed::default());
    let summed = refusals.take(Some(NOON.plus_seconds(60)));
    let total = summed.counts.iter().map(|(.., count)| count).sum::<u64>()
        + summed.more[..].iter().map(|m| m.1).sum::<u64>();
    assert_eq!(total, 2);
}

#[test]
fn a_flood_at_one_account_is_summed_up_there_and_takes_no_others_place() {
    let refusals = Refusals::default();
    for n in 0..10_000 {
        refuse(&refusals, Some(ADA), n);
    }
    refuse(&refusals, Some(account(0)), 1);
    let summed = refusals.take(Some(NOON));
    assert_eq!(summed.counts.iter().filter(|(whose, ..)| *whose == Some(ADA)).count(), OF_AN_ACCOUNT);
    assert_eq!(summed.counts.len(), OF_AN_ACCOUNT + 1);
    assert_eq!(summed.more, [(Some(ADA), 10_000 - OF_AN_ACCOUNT as u64)]);
}

#[test]
fn a_flood_at_all_accounts_writes_a_bounded_number_of_lines() {
    let refusals = Refusals::default();
    for n in 0..100_000 {
        refuse(&refusals, (n % 10 > 0).then(|| account(n % 1_000)), n);
    }
    let summed = refusals.take(Some(NOON));
    assert_eq!(summed.counts.len(), OF_ALL_ACCOUNTS + OF_STRANGERS);
    assert!(summed.more.len() <= OF_ALL_ACCOUNTS + 2, "{}", summed.more.len());
    let told: u64 = summed.counts.iter().map(|(.., n)| n).chain(summed.more.iter().map(|(_, n)| n)).sum();
    assert_eq!(told, 100_000);
    let tallies = lock(&refusals.tallies);
    assert!(tallies.buckets.len() <= OF_ALL_ACCOUNTS + 1);
    drop(tallies);
    // When it is over, nothing is left of it.
    refusals.take(Some(NOON.plus_seconds(120)));
    assert!(lock(&refusals.tallies).buckets.is_empty());
}

#[test]
fn the_first_refusal_is_told_at_once_and_the_end_leaves_nothing_behind() {
    let refusals = Refusals::default();
    let counts = |summed: Summed| summed.counts.into_iter().map(|(.., count)| count).collect::<Vec<_>>();
    refuse(&refusals, Some(ADA), 1);
    assert_eq!(counts(refusals.take(Some(NOON))), [1]);
    refuse(&refusals, Some(ADA), 1);
    refuse(&refusals, Some(ADA), 1);
    assert_eq!(counts(refusals.take(Some(NOON.plus_seconds(5)))), [0_u64; 0]);
    assert_eq!(counts(refusals.take(None)), [2]);
    assert_eq!(counts(refusals.take(None)), [0_u64; 0]);
}

#[test]
fn addresses_of_one_ipv6_network_are_one() {
    assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    assert_eq!(network("198.51.100.7"), "198.51.100.7");
    assert_eq!(network("unix"), "unix");
}
