//! The server is killed in the middle of changes, again and again. What it has answered holds afterwards.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;

use crate::support::{AppPassword, Connection, Data, Person, Server, Service, generate_request, race, until};

const ROUNDS: usize = 20;
/// Two of them are at work on each account.
const WORKERS: usize = 4;

/// What a worker knows of a password that it generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Live,
    Revoked,
    /// It was asked to be revoked, and the server was gone before it had answered.
    Either,
}

/// The passwords that one worker generated, by id.
#[derive(Default)]
struct Work(BTreeMap<String, (String, Known)>);

impl Work {
    /// Generates and revokes until the server is gone; counts what has been acknowledged.
    fn go_on(&mut self, person: &Person<'_>, acknowledged: &AtomicUsize, rng: &mut StdRng) {
        let Some(mut connection) = Connection::try_open(&person.server.address()) else { return };
        loop {
            let live: Vec<_> = self.0.iter().filter(|(_, (_, known))| *known == Known::Live).collect();
            let revoke = !live.is_empty() && (live.len() >= 8 || rng.random_bool(0.45));
            if revoke {
                let id = live[rng.random_range(0..live.len())].0.clone();
                let entry = self.0.get_mut(&id).unwrap();
                entry.1 = Known::Either;
                let request = person.api.request("DELETE", &format!("/app-passwords/{id}"), None);
                let Some(answer) = connection.try_ask(&request) else { return };
                answer.with(200);
                entry.1 = Known::Revoked;
            } else {
                let asked = generate_request("App", "mail");
                let request = person.api.request("POST", "/app-passwords", Some(&asked));
                let Some(answer) = connection.try_ask(&request) else { return };
                let generated = AppPassword::read(answer);
                self.0.insert(generated.id, (generated.password, Known::Live));
            }
            acknowledged.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Compares it with what the server says after it was started again.
    fn check(&mut self, person: &Person<'_>, mail: &Service<'_>, listed: &BTreeMap<String, bool>) {
        for (id, (password, known)) in &mut self.0 {
            let live = *listed.get(id).unwrap_or_else(|| panic!("{id} was acknowledged, and is gone"));
            match known {
                Known::Live => assert!(live, "{id} was never revoked, and has ended"),
                Known::Revoked => assert!(!live, "{id} was revoked, and lives"),
                Known::Either => *known = if live { Known::Live } else { Known::Revoked },
            }
            let status = mail.status(&person.id, password);
            assert_eq!(status, if live { 200 } else { 401 }, "{id}: the door and the list differ");
        }
    }
}

/// The person's list after a crash: each id, and whether it is live. What was generated without an answer is revoked.
fn list(person: &Person<'_>, works: &[&Work]) -> BTreeMap<String, bool> {
    let list = person.list();
    assert!(list["active"].as_i64().unwrap() <= 25, "{}", list["active"]);
    let all = list["app_passwords"].as_array().unwrap();
    let listed: BTreeMap<_, _> =
        all.iter().map(|one| (one["id"].as_str().unwrap().to_owned(), one["state"] == "live")).collect();
    for (id, live) in &listed {
        if *live && !works.iter().any(|work| work.0.contains_key(id)) {
            person.api.delete(&format!("/app-passwords/{id}")).with(200);
        }
    }
    listed
}

/// Opens a copy of the data as the crash has left it, and checks that the log has no gap. A database elsewhere hasn't crashed.
fn check_log(server: &Server, copy: &Path) -> Vec<Value> {
    let mut from = server.data();
    if let Data::File = server.store {
        for file in ["doorkey.db", "doorkey.db-wal"] {
            let _ = std::fs::copy(from.join(file), copy.join(file));
        }
        copy.clone_into(&mut from);
        assert_eq!(server.store.ask(&from, "PRAGMA integrity_check"), ["ok"]);
    }
    let ask = |sql: &str| server.store.ask(&from, sql);
    let numbers = ask("SELECT number FROM events ORDER BY number");
    for (place, number) in (1..).zip(&numbers) {
        assert_eq!(i64::to_string(&place), *number, "the log has a gap");
    }
    assert_eq!(ask("SELECT last_number FROM event_counter"), [numbers.len().to_string()]);
    let events = ask("SELECT what FROM events ORDER BY number");
    events.iter().map(|what| serde_json::from_str(what).unwrap()).collect()
}

#[test]
fn what_was_acknowledged_holds_however_often_the_server_is_killed() {
    let seed = std::env::var("DOORKEY_TEST_SEED")
        .map_or_else(|_| u64::from(std::process::id()), |seed| seed.parse().unwrap());
    println!("DOORKEY_TEST_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let server = Server::start();
    let people = [server.person("ada@example.org"), server.person("eve@example.org")];
    let mail = server.service("mail", "mail");
    let copy = tempfile::tempdir().unwrap();
    let works: Vec<_> = (0..WORKERS).map(|_| Mutex::new(Work::default())).collect();
    let mut events = Vec::new();
    for _ in 0..ROUNDS {
        let (acknowledged, at) = (AtomicUsize::new(0), rng.random_range(1..40));
        let seeds: Vec<u64> = (0..WORKERS).map(|_| rng.random()).collect();
        race(WORKERS + 1, |n| {
            if n == WORKERS {
                until(|| acknowledged.load(Ordering::SeqCst) >= at);
                server.kill();
            } else {
                let mut rng = StdRng::seed_from_u64(seeds[n]);
                works[n].lock().unwrap().go_on(&people[n % 2], &acknowledged, &mut rng);
            }
        });
        events = check_log(&server, copy.path());
        server.start_again();
        for (which, person) in people.iter().enumerate() {
            let mut own: Vec<_> =
                works.iter().skip(which).step_by(2).map(|work| work.lock().unwrap()).collect();
            let listed = list(person, &own.iter().map(|work| &**work).collect::<Vec<_>>());
            for work in &mut own {
                work.check(person, &mail, &listed);
            }
        }
    }
    // Each acknowledged change stands in the log, once.
    let told = |what: &str, id: &str| events.iter().filter(|e| e["what"] == what && e["id"] == id).count();
    let mut changes = 0;
    for work in &works {
        for (id, (_, known)) in &work.lock().unwrap().0 {
            assert_eq!(told("app_password_generated", id), 1, "{id}");
            assert_eq!(told("app_password_ended", id), usize::from(*known == Known::Revoked), "{id}");
            changes += 1;
        }
    }
    assert!(changes >= ROUNDS, "{changes}");
}
