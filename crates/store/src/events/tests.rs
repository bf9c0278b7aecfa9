use domain::{ConnectionKind, KindSet, RefusalReason, RequestId, ServiceId};

use super::*;
use crate::Store;

const ADA: AccountId = AccountId::from_bytes([1; 16]);
const GRACE: AccountId = AccountId::from_bytes([2; 16]);

/// A log with a few hundred events of all kinds of origins, its clock going now on and now back.
fn store(folder: &std::path::Path) -> (Store, Vec<Event>) {
    let store = Store::open_sqlite(&folder.join("doorkey.db"), |_| ()).unwrap();
    store
        .write_blocking(|tx| {
            for n in 0..400_i64 {
                let service = ["mail", "calendar"][n as usize % 2].to_owned();
                let (id, kind) = (ConnectionId::from_bytes([n as u8 % 2; 16]), ConnectionKind::ApiKey);
                let what = match n % 6 {
                    0 => What::SignedIn { agent: String::new(), trusted_browser: false },
                    1 => What::SignedOut,
                    2 => What::Refused { service, reason: RefusalReason::WrongPassword, count: 1 },
                    3 => What::TwoFactorOn,
                    4 => What::ConnectionAdded { id, name: String::new(), kind },
                    _ => What::ServiceAdded {
                        id: ServiceId::from_bytes([3; 16]),
                        name: service,
                        kinds: KindSet::NONE,
                        groups: Vec::new(),
                    },
                };
                let source = ["203.0.113.9", "2001:db8::1", "2001:db8:0:0::/64"][n as usize % 3];
                let new = NewEvent {
                    account: [None, Some(ADA), Some(GRACE)][n as usize % 3],
                    actor: [Actor::Account(ADA), Actor::Machine, Actor::Doorkey, Actor::Account(GRACE)]
                        [n as usize % 4],
                    source: (n % 7 > 0).then(|| source.to_owned()),
                    request: RequestId::from_bytes([4; 16]),
                    token: None,
                    what,
                };
                append(tx, Timestamp::from_millis(1_000 * (n + if n % 50 < 25 { 0 } else { 100 })), new)?;
            }
            Ok::<_, DbError>(())
        })
        .unwrap();
    let all = store.read(|conn| oldest(conn, &Filter::default(), 0, i64::MAX, 1_000)).unwrap();
    assert_eq!(all.len(), 400);
    (store, all)
}

fn fits(filter: &Filter, event: &Event) -> bool {
    let what = serde_json::to_value(&event.what).unwrap();
    filter.account.is_none_or(|id| event.account == Some(id))
        && filter.kind.as_ref().is_none_or(|kind| what["what"] == kind.as_str())
        && filter.sort.is_none_or(|sort| event.what.sort() == sort)
        && filter.actor.is_none_or(|actor| event.actor == actor)
        && filter.service.as_deref().is_none_or(|service| event.what.service() == Some(service))
        && (filter.sources.is_empty()
            || event.source.as_ref().is_some_and(|source| filter.sources.contains(source)))
        && filter.connection.is_none_or(|connection| event.what.connection() == Some(connection))
        && filter.from.is_none_or(|from| event.at >= from)
        && filter.to.is_none_or(|to| event.at < to)
}

#[test]
fn every_filter_in_both_directions_is_what_looking_at_each_event_finds() {
    let folder = tempfile::tempdir().unwrap();
    let (store, all) = store(folder.path());
    let mut tried = 0;
    // Each bit sets one condition, so every set of them is tried.
    for set in 0..512_u32 {
        let is = |bit: u32| set & (1 << bit) != 0;
        let filter = Filter {
            account: is(0).then_some(ADA),
            kind: is(1).then(|| "refused".to_owned()),
            sort: is(2).then_some(Sort::Refusals),
            actor: is(3).then_some(if is(0) { Actor::Account(GRACE) } else { Actor::Machine }),
            service: is(4).then(|| "mail".to_owned()),
            project: None,
            connection: is(8).then(|| ConnectionId::from_bytes([0; 16])),
            sources: if is(5) { vec!["2001:db8::1".into(), "2001:db8:0:0::/64".into()] } else { Vec::new() },
            from: is(6).then(|| Timestamp::from_millis(120_000)),
            to: is(7).then(|| Timestamp::from_millis(300_000)),
        };
        let expected: Vec<_> =
            all.iter().filter(|event| fits(&filter, event)).map(|event| event.number).collect();
        tried += usize::from(!expected.is_empty());
        let numbers = |events: Vec<Event>| events.into_iter().map(|event| event.number).collect::<Vec<_>>();
        let found = store.read(|conn| oldest(conn, &filter, 0, i64::MAX, 1_000)).unwrap();
        assert_eq!(numbers(found), expected, "{filter:?}");
        let (after, last) = (100, 350);
        let found = store.read(|conn| oldest(conn, &filter, after, last, 7)).unwrap();
        let some = expected.iter().copied().filter(|n| *n > after && *n <= last).take(7);
        assert_eq!(numbers(found), some.collect::<Vec<_>>(), "{filter:?}");
        let found = store.read(|conn| newest(conn, &filter, 300, 7)).unwrap();
        let some = expected.iter().copied().rev().filter(|n| *n < 300).take(7);
        assert_eq!(numbers(found), some.collect::<Vec<_>>(), "{filter:?}");
    }
    assert!(tried > 50, "{tried}");
    let (kinds, services) = store.read(|conn| Ok::<_, DbError>((kinds(conn)?, services(conn)?))).unwrap();
    assert_eq!(
        kinds,
        ["connection_added", "refused", "service_added", "signed_in", "signed_out", "two_factor_on"]
    );
    assert_eq!(services, ["calendar", "mail"]);
}
