//! Handing out to builds: the first time, beside rows that the store commits in groups, since each has an event that is durable before the
//! answer; and once more within a minute, beside a null server that answers as much.

use std::path::Path;

use appleid::ApiKey;
use domain::{
    BuildId, ConnectionId, ConnectionKind, ConnectionState, MachineToken, ProjectId, ProjectName,
    ProjectTokenId, Proof, Role, TokenKind,
};
use doorkey::serve;
use store::{
    DbError, accounts,
    builds::{self, Build},
    connections::{self, Connection},
    projects::{self, Project},
};

use crate::{
    data,
    load::{Work, unnumbered},
    process::{Null, Running},
    store as rows, table,
};

/// How many builds are open for each connection of the generator: more than it comes to in a run, so that each is asked for once.
const FOR_EACH: usize = 1_800;
/// How many ask at once.
const AT_ONCE: usize = 64;

/// What stands in an answer that gives the key.
const GIVEN: &[u8] = b"-----END PRIVATE KEY-----";

/// A key that openssl made for tests.
const KEY: &str = include_str!("../../crates/appleid/src/api_key/fixtures/pkcs8.pem");

/// Measures, and prints both.
pub fn run() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let requests = fill(&data, FOR_EACH * AT_ONCE);
    println!(
        "\n| rows/s in groups of 64 | first hand-outs/s, 64 builds at once | ratio | p99 µs |\n|---|---|---|---|"
    );
    let doorkey = Running::start(&["server", data.to_str().unwrap()]);
    // Some each time: the same builds would be asked for again.
    for part in requests.chunks(requests.len() / 3) {
        let committed = rows::committed(AT_ONCE);
        let measured = doorkey.measure(AT_ONCE, work(part, part.len() / AT_ONCE)).measured;
        println!(
            "| {committed:.0} | {:.0} | {:.2} | {:.0} |",
            measured.rate,
            measured.rate / committed,
            measured.p99
        );
    }
    drop(doorkey);
    let null = Running::start(&["null", Null::HandOut.name()]);
    let doorkey = Running::start(&["server", data.to_str().unwrap()]);
    table::head(&["again, builds", "connections"], &[]);
    for (builds, connections) in [(1, 8), (64, 8), (1, 64), (64, 64)] {
        let again = &requests[..builds];
        let ceiling = null.measure(connections, work(again, 1));
        let measured = doorkey.measure(connections, work(again, 1));
        table::row(&[builds.to_string(), connections.to_string()], &ceiling, &measured, &[]);
    }
}

fn work(requests: &[Vec<u8>], apart: usize) -> Work {
    Work {
        requests: requests.to_vec(),
        apart,
        numbered: unnumbered,
        hello: None,
        is_whole: |answer| answer.ends_with(b"}"),
        is_right: Box::new(|answer| {
            let is_given = answer.windows(GIVEN.len()).any(|part| part == GIVEN);
            answer.starts_with(b"HTTP/1.1 200") && is_given
        }),
        kept: true,
    }
}

/// What the null server answers.
pub fn body() -> String {
    let pem = ApiKey::read(KEY.as_bytes()).ok().unwrap().pem();
    let private_key = pem.expose().replace('\n', "\\n");
    format!(
        "{{\"key_id\":\"2X9R4HXF34\",\"issuer_id\":\"57246542-96fe-1a63-e053-0824d011072a\",\"private_key\":\"{private_key}\",\
         \"is_enterprise_account\":false}}"
    )
}

/// A project with so many open builds, and what their steps send.
fn fill(data: &Path, count: usize) -> Vec<Vec<u8>> {
    data::fill(data, 1);
    let (_, opened) = serve::open(data::config(data)).unwrap();
    let (app, now, mut rng) = (&opened.app, opened.app.clock.now(), doorkey::clock::rng().unwrap());
    let name = domain::AccountName::parse("u0@example.org", "").unwrap();
    let owner = app.store.read(|conn| accounts::by_name(conn, &name)).unwrap().unwrap().id;
    let project = Project {
        id: ProjectId::new(now, &mut rng),
        name: ProjectName::parse("Northwind iOS").unwrap(),
        build_minutes: 60,
        created_at: now,
    };
    let connection = Connection {
        id: ConnectionId::new(now, &mut rng),
        account: owner,
        kind: ConnectionKind::ApiKey,
        name: "AuthKey_2X9R4HXF34".into(),
        state: ConnectionState::Good,
        created_at: now,
        checked_at: now,
        answer: None,
    };
    let row = connection.id.to_bytes();
    let place = seal::Place { table: "api_keys", row: &row, column: "private_sealed" };
    let read = ApiKey::read(KEY.as_bytes()).ok().unwrap();
    let key = connections::ApiKey {
        connection: connection.id,
        key_id: "2X9R4HXF34".into(),
        issuer_id: Some("57246542-96fe-1a63-e053-0824d011072a".into()),
        enterprise: false,
        can: "Admin".into(),
        private_sealed: app.keyring.seal(place, read.der(), &mut rng),
    };
    let of = project.id;
    app.store
        .write_blocking(move |tx| {
            projects::insert(tx, &project)?;
            projects::join(tx, project.id, owner, Role::Owner, now)?;
            connections::insert(tx, &connection)?;
            connections::insert_api_key(tx, &key)?;
            connections::offer(tx, connection.id, project.id, now)?;
            connections::choose(tx, project.id, &connection, now)
        })
        .unwrap();
    let mut requests = Vec::with_capacity(count);
    while requests.len() < count {
        let mut some = Vec::new();
        for _ in 0..5_000.min(count - requests.len()) {
            let token = MachineToken::generate(TokenKind::Build, &mut rng);
            let build = Build {
                id: BuildId::new(now, &mut rng),
                project: of,
                opened_at: now,
                ends_at: now.plus_minutes(60),
                ended: None,
                proof: Proof::ProjectToken {
                    id: ProjectTokenId::new(now, &mut rng),
                    label: "Jenkins".into(),
                },
                commit: Some("1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b".into()),
                reference: Some("refs/heads/main".into()),
                run: Some("https://ci.example.org/runs/1234567".into()),
                source: Some("127.0.0.1".into()),
            };
            requests.push(
                format!(
                    "GET /builds/{}/apple_developer_portal_data.json HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Go-http-client/1.1\r\n\
                     Build_api_token: {}\r\nAccept-Encoding: gzip\r\n\r\n",
                    build.id,
                    token.expose()
                )
                .into_bytes(),
            );
            some.push((build, doorkey::secrets::hash(token.expose())));
        }
        app.store
            .write_blocking(move |tx| {
                some.iter().try_for_each(|(build, hash)| builds::insert(tx, build, hash))?;
                Ok::<_, DbError>(())
            })
            .unwrap();
    }
    app.store.close();
    requests
}
