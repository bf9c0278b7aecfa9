use domain::{
    AccountId, Actor, ConnectionId, ConnectionKind, ConnectionState, ProjectTokenId, Proof, RequestId,
    WhyBuildEnded, WhyUnused,
};
use store::connections;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_777_777_777_000);

fn held() -> Arc<Held> {
    let id = ConnectionId::from_bytes([8; 16]);
    let connection = connections::Connection {
        id,
        account: AccountId::from_bytes([1; 16]),
        kind: ConnectionKind::ApiKey,
        name: "AuthKey_2X9R4HXF34".into(),
        state: ConnectionState::Good,
        created_at: NOW,
        checked_at: NOW,
        answer: None,
    };
    let key = connections::ApiKey {
        connection: id,
        key_id: "2X9R4HXF34".into(),
        issuer_id: None,
        enterprise: false,
        can: String::new(),
        private_sealed: Vec::new(),
    };
    Arc::new(Held { connection, key })
}

fn build(number: u8, project: u8) -> Build {
    Build {
        id: BuildId::from_bytes([number; 16]),
        project: ProjectId::from_bytes([project; 16]),
        opened_at: NOW,
        ends_at: NOW.plus_minutes(60),
        ended: None,
        proof: Proof::ProjectToken { id: ProjectTokenId::from_bytes([3; 16]), label: "Jenkins".into() },
        commit: None,
        reference: None,
        run: None,
        source: None,
    }
}

fn given(event: i64, build: &Build, at: Timestamp) -> Recent {
    let (connection, given) = (ConnectionId::from_bytes([8; 16]), Given::ApiKey);
    Recent { event, build: build.id, connection, given, source: Some("203.0.113.9".into()), at }
}

fn remember(memory: &Memory, event: i64, build: &Build, generation: u64) {
    let slot = memory.slot(given(event, build, NOW));
    memory.remember([build.id.to_bytes()[0]; 32], build, &held(), slot, (generation, NOW));
}

fn event(what: What) -> Event {
    Event {
        number: 1,
        at: NOW,
        account: None,
        actor: Actor::Doorkey,
        source: None,
        request: RequestId::from_bytes([4; 16]),
        token: None,
        what,
    }
}

/// Two builds of one project and one of another.
fn filled() -> Memory {
    let memory = Memory::default();
    for (number, project) in [(1, 1), (2, 1), (3, 2)] {
        remember(&memory, number.into(), &build(number, project), 0);
    }
    assert_eq!(known(&memory), [1, 2, 3]);
    memory
}

fn known(memory: &Memory) -> Vec<u8> {
    (1..=3).filter(|number| memory.known(&[*number; 32]).is_some()).collect()
}

#[test]
fn whatever_could_change_what_a_build_may_have_drops_it() {
    let (project, project_name) = (ProjectId::from_bytes([1; 16]), || "Northwind".to_owned());
    let (id, name) = (ConnectionId::from_bytes([8; 16]), || "AuthKey".to_owned());
    let ended = What::BuildEnded {
        project,
        project_name: project_name(),
        build: BuildId::from_bytes([2; 16]),
        why: WhyBuildEnded::Closed,
    };
    let taken_back =
        What::ConnectionOfferTakenBack { project, project_name: project_name(), id, name: name() };
    let unused = What::ConnectionUnused {
        kind: ConnectionKind::ApiKey,
        project,
        project_name: project_name(),
        id,
        name: name(),
        why: WhyUnused::LeftTeam,
    };
    for (what, left) in [
        (ended, &[1, 3][..]),
        (taken_back, &[3]),
        (unused, &[3]),
        (What::MemberLeft { project, project_name: project_name() }, &[3]),
        (What::ConnectionRemoved { id, name: name() }, &[]),
        (What::AccountSuspended, &[]),
        (What::AccountRemoved { name: name() }, &[]),
        (What::KeyRotated { data_key: 3 }, &[]),
        (What::SignedOut, &[1, 2, 3]),
    ] {
        let memory = filled();
        memory.follow(&[event(what.clone())]);
        assert_eq!(known(&memory), left, "{what:?}");
    }
    let memory = filled();
    memory.clear();
    assert!(known(&memory).is_empty());
}

#[test]
fn what_was_read_before_a_change_is_not_kept_after_it() {
    let memory = filled();
    let before = memory.generation();
    memory.follow(&[event(What::AccountSuspended)]);
    remember(&memory, 1, &build(1, 1), before);
    assert!(known(&memory).is_empty());
    remember(&memory, 1, &build(1, 1), memory.generation());
    assert_eq!(known(&memory), [1]);
}

#[test]
fn repeats_are_taken_once_and_given_back_when_they_could_not_be_written() {
    let memory = filled();
    let slot = Arc::clone(memory.known(&[1; 32]).unwrap().slot(Given::ApiKey, Some("203.0.113.9")).unwrap());
    assert!(memory.known(&[1; 32]).unwrap().slot(Given::ApiKey, None).is_none());
    assert!(memory.known(&[1; 32]).unwrap().slot(Given::AppStoreConnectToken, Some("203.0.113.9")).is_none());
    slot.repeated(NOW.plus_seconds(2));
    slot.repeated(NOW.plus_seconds(1));
    let taken = memory.take_repeats(NOW);
    let told = |taken: &[(Arc<Slot>, i64, Timestamp)]| {
        taken.iter().map(|(slot, count, at)| (slot.event, *count, at.since(NOW))).collect::<Vec<_>>()
    };
    assert_eq!(told(&taken), [(1, 2, 2_000)]);
    assert!(memory.take_repeats(NOW).is_empty());
    memory.give_back(taken);
    slot.repeated(NOW.plus_seconds(3));
    // Also after its minute, and then it is forgotten.
    assert_eq!(told(&memory.take_repeats(NOW.plus_minutes(2))), [(1, 3, 3_000)]);
    memory.take_repeats(NOW.plus_minutes(2));
    assert!(memory.slots().is_empty());
}

#[test]
fn neither_builds_nor_addresses_fill_memory() {
    let memory = Memory::default();
    let one = build(1, 1);
    for number in 0..100_i64 {
        let new = Recent { source: Some(format!("203.0.113.{number}")), ..given(number, &one, NOW) };
        memory.remember([1; 32], &one, &held(), memory.slot(new), (0, NOW));
    }
    let known = memory.known(&[1; 32]).unwrap();
    assert_eq!(known.slots.len(), OF_A_BUILD);
    assert!(known.slot(Given::ApiKey, Some("203.0.113.99")).is_some());
    let token = |number: usize| {
        let mut token = [0; 32];
        token[..8].copy_from_slice(&number.to_le_bytes());
        token
    };
    let held = held();
    let put = |number: usize, now: Timestamp| {
        let slot = memory.slot(given(i64::try_from(number).unwrap(), &one, now));
        memory.remember(token(number), &one, &held, slot, (0, now));
    };
    (1_000..1_000 + MOST + 5).for_each(|number| put(number, NOW));
    assert_eq!(memory.read().by_token.len(), MOST);
    // Those of a minute ago make room.
    put(1, NOW.plus_minutes(2));
    assert_eq!(memory.read().by_token.len(), 1);
}
