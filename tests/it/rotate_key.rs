//! Replacing the key while the server runs, is loaded, is killed, or doesn't run.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use crate::support::{
    Address, Answer, Cli, Connection, PASSWORD, Person, Request, Server, Service, race, until,
};

const ADA: &str = "ada@example.org";
const EVE: &str = "eve@example.org";
const ROTATE: &str = "/machine/rotate-key";

fn key_file(server: &Server) -> PathBuf {
    server.data().join("doorkey.key")
}

fn keys(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

/// The keys that were put aside.
fn old_keys(server: &Server) -> Vec<String> {
    let files = fs::read_dir(server.data()).unwrap().map(|entry| entry.unwrap().path());
    let old = files.filter(|path| path.display().to_string().contains("doorkey.key.replaced-"));
    old.flat_map(|path| keys(&path)).collect()
}

fn socket(server: &Server) -> Address {
    Address::Unix(server.data().join("doorkey.sock"))
}

#[track_caller]
fn ask(server: &Server) -> Answer {
    socket(server).ask(&Request::new("POST", ROTATE))
}

#[track_caller]
fn rotate(server: &Server) -> Value {
    ask(server).json(200)
}

/// The numbers of the data keys that seal. One is dropped only when no value needs it.
fn data_keys(server: &Server) -> Vec<String> {
    server.data_lists("SELECT id FROM keys WHERE purpose = 'seal' ORDER BY id")
}

/// Signs in with password and code, and at a door, as somebody whose secrets are sealed.
#[track_caller]
fn everything_opens(server: &Server, person: &Person<'_>, mail: &Service<'_>, password: &str) {
    server.clock.move_by(30);
    person.new_token();
    assert_eq!(mail.status(&person.id, password), 200);
}

#[test]
fn a_rotation_changes_everything_and_nobody_notices() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let plain = server.person_without_second_factor(EVE);
    let password = person.generate("Phone", "mail").password;
    let before = keys(&key_file(&server));
    let old_copy = server.folder().join("old.key");
    fs::copy(key_file(&server), &old_copy).unwrap();

    // What a rotation that was cut off may have left: a part of the old key, under its name.
    let backup = server.folder().join("before.backup");
    server.run(&["admin", "backup", &backup.display().to_string()]).with(0);
    let told = server.run(&["admin", "backup", "--describe", &backup.display().to_string(), "--json"]).json();
    let mark = told["key"].as_str().unwrap().to_owned();
    fs::write(server.data().join(format!("doorkey.key.replaced-{mark}")), "doorkey-key-1:AA").unwrap();

    let done = rotate(&server);
    assert_eq!(
        (&done["data_key"], &done["resealed"], &done["finished"]),
        (&3.into(), &3.into(), &true.into())
    );
    assert!(
        done["advice"].as_str().unwrap().contains("keep a copy of the new one in another place"),
        "{done}"
    );
    let after = keys(&key_file(&server));
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before, after);
    // Backups from before need it.
    assert_eq!(old_keys(&server), [before[0].clone()]);
    assert_eq!(
        std::os::unix::fs::MetadataExt::mode(&fs::metadata(key_file(&server)).unwrap()) & 0o777,
        0o600
    );
    everything_opens(&server, &person, &mail, &password);
    plain.new_token();

    // And once more: what the first one left is what the second one finds.
    assert_eq!(rotate(&server)["data_key"], 4);
    everything_opens(&server, &person, &mail, &password);
    let events = person.events();
    assert!(events.iter().all(|event| event["what"] != "key_rotated"), "it is nobody's own activity");
    server.stop().with(0);
    assert_eq!(data_keys(&server), ["4"]);
    let told: i64 =
        server.data_says("SELECT COUNT(*) FROM events WHERE what LIKE '%key_rotated%' AND actor = 'machine'");
    assert_eq!(told, 2);

    // A copy of the old key opens nothing any more.
    fs::rename(key_file(&server), server.folder().join("new.key")).unwrap();
    fs::copy(&old_copy, key_file(&server)).unwrap();
    server.refuses_to_start(&[]).with(1).said("put back the one that was in use last");
    fs::rename(server.folder().join("new.key"), key_file(&server)).unwrap();
    server.start_again();
    everything_opens(&server, &person, &mail, &password);
    plain.new_token();
}

#[test]
fn it_is_done_on_the_machine_alone() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    let before = keys(&key_file(&server));
    let request = Request::new("POST", ROTATE);
    let token = format!("Bearer {}", admin.api.token.as_ref().unwrap());
    for request in [request.clone(), request.header("Authorization", token)] {
        assert_eq!(server.ask(&request).problem(), "404 not-found");
    }
    assert_eq!(keys(&key_file(&server)), before);
}

#[test]
fn the_command_works_with_a_server_and_without() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail").password;
    let (cli, data) = (Cli::new(), server.data().display().to_string());
    let before = keys(&key_file(&server));
    let done = cli.run(&["admin", "rotate-key", "--data", &data]).with(0);
    assert!(
        done.out.starts_with("The key is replaced: 2 values sealed anew, and the old key dropped.\n"),
        "{}",
        done.out
    );
    server.stop().with(0);
    let run = server
        .command(&["admin", "rotate-key", "--json"])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let done: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((&done["data_key"], &done["finished"]), (&4.into(), &true.into()));
    let after = keys(&key_file(&server));
    assert!(after.len() == 1 && after != before);
    assert!(!done.to_string().contains(after[0].trim_start_matches("doorkey-key-1:")));
    server.start_again();
    everything_opens(&server, &person, &mail, &password);
    // Without data there is nothing to rotate, and none is made.
    let nowhere = cli.home.path().join("nowhere").display().to_string();
    cli.run(&["admin", "rotate-key", "--data", &nowhere]).with(1).said("There is no data of Doorkey's");
    assert!(!Path::new(&nowhere).exists());
}

/// A new key, as the command prints it.
fn new_key() -> String {
    Cli::new().run(&["admin", "new-key"]).with(0).out
}

#[test]
fn a_key_from_a_command_is_replaced_by_the_one_that_the_operator_puts_first() {
    let server = Server::start();
    let aside = server.folder().join("aside.key");
    fs::rename(key_file(&server), &aside).unwrap();
    server.kill();
    let toml = format!("[key]\ncommand = [\"cat\", \"{}\"]\n", aside.display());
    fs::write(server.folder().join("doorkey.toml"), toml).unwrap();
    server.start_again();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail").password;
    let refused = ask(&server);
    assert_eq!(refused.problem(), "409 conflict");
    assert!(
        refused.text().contains("[key] command gives the key first that is in use already"),
        "{}",
        refused.text()
    );

    let (old, new) = (fs::read_to_string(&aside).unwrap(), new_key());
    fs::write(&aside, format!("{new}{old}")).unwrap();
    let done = rotate(&server);
    assert_eq!(done["finished"], true);
    assert!(done["advice"].as_str().unwrap().contains("print the first key alone"), "{done}");
    assert_eq!(fs::read_to_string(&aside).unwrap(), format!("{new}{old}"), "it is not ours to write to");
    server.restart();
    assert!(server.says("older keys below the one in use").is_some());
    everything_opens(&server, &person, &mail, &password);
    fs::write(&aside, &new).unwrap();
    server.restart();
    everything_opens(&server, &person, &mail, &password);
    fs::write(&aside, &old).unwrap();
    server.stop().with(0);
    server.refuses_to_start(&[]).with(1).said("another database");
    // Put first without being used: it starts, and says what to do.
    fs::write(&aside, format!("{}{new}", new_key())).unwrap();
    server.start_again();
    assert!(server.says("the first key isn't the one in use yet: run `doorkey admin rotate-key`").is_some());
    everything_opens(&server, &person, &mail, &password);
    fs::write(&aside, "no key at all").unwrap();
    let refused = ask(&server);
    assert_eq!(refused.problem(), "409 conflict");
    assert!(!refused.text().contains("no key at all"), "{}", refused.text());
}

#[test]
fn a_key_file_that_is_only_lent_is_left_as_it_is() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail").password;
    server.stop().with(0);
    // Where a new file can't be made beside it, as in a service manager's folder of credentials: here by a name that is as long as
    // one may be.
    let long = server.folder().join("k".repeat(253));
    fs::rename(key_file(&server), &long).unwrap();
    let path = long.display().to_string();
    fs::write(server.folder().join("doorkey.toml"), format!("[key]\nfile = \"{path}\"\n")).unwrap();
    server.start_again();
    let before = keys(&long);
    let refused = ask(&server);
    assert_eq!(refused.problem(), "409 conflict");
    assert!(refused.text().contains("restart the server, and try again"), "{}", refused.text());
    assert_eq!(keys(&long), before);
    fs::write(&long, format!("{}{}\n", new_key(), before[0])).unwrap();
    let done = rotate(&server);
    assert!(done["advice"].as_str().unwrap().contains("remove every line but the first"), "{done}");
    server.restart();
    everything_opens(&server, &person, &mail, &password);
}

/// Does everything that seals and opens, over and over, until it is told to stop; nothing of it is refused.
fn load<'s>(
    server: &'s Server,
    number: usize,
    mail: &Service<'_>,
    stop: &AtomicBool,
    done: &AtomicUsize,
) -> Vec<Person<'s>> {
    let id = format!("person{number}@example.org");
    let person = server.person(&id);
    let password = person.generate("Phone", "mail").password;
    let (mut round, mut people) = (0, Vec::new());
    while !stop.load(Ordering::SeqCst) {
        round += 1;
        assert_eq!(mail.status(&id, &password), 200);
        let made = server.admin().post(
            "/accounts",
            &json!({ "id": format!("p{number}-{round}@example.org"), "name": "P", "password": PASSWORD, "totp": true }),
        );
        let secret = made.json(201)["totp_secret"].as_str().unwrap().to_owned();
        let mut other =
            Person::new(server, &format!("p{number}-{round}@example.org"), Some(&secret)).signed_in();
        other.api.get("/session").with(200);
        // A second factor is set up: what was begun before a rotation is confirmed after it.
        let plain = server.person_without_second_factor(&format!("q{number}-{round}@example.org"));
        let begun = plain.api.post("/account/two-factor", &json!({})).json(201);
        let code = crate::support::code_of(begun["totp_secret"].as_str().unwrap(), server.clock.now());
        plain.api.post("/account/two-factor/confirm", &json!({ "code": code })).with(200);
        let new = format!("{PASSWORD} and {round}");
        let asked = json!({ "current_password": other.password, "new_password": new });
        other.api.post("/account/password", &asked).with(200);
        let answer = server.api("").post("/sign-in", &json!({ "id": other.id, "password": new }));
        assert_eq!(answer.problem(), "401 code-needed", "the new password is the one");
        other.password = new;
        people.push(other);
        done.fetch_add(1, Ordering::SeqCst);
    }
    people
}

#[test]
fn under_load_a_rotation_refuses_and_loses_nothing() {
    let server = Server::start();
    let mail = server.service("mail", "mail");
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let all = race(3, |number| {
        if number > 0 {
            return (Vec::new(), load(&server, number, &mail, &stop, &done));
        }
        let rotated = (0..4).map(|round| {
            until(|| done.load(Ordering::SeqCst) > round);
            rotate(&server)
        });
        let rotated: Vec<_> = rotated.collect();
        stop.store(true, Ordering::SeqCst);
        (rotated, Vec::new())
    });
    for done in &all[0].0 {
        assert_eq!(done["finished"], true, "{done}");
    }
    server.stop().with(0);
    assert_eq!(data_keys(&server), ["6"]);
    assert_eq!(keys(&key_file(&server)).len(), 1);
    server.start_again();
    server.clock.move_by(30);
    let people: Vec<_> = all.iter().flat_map(|(_, people)| people).collect();
    assert!(people.len() > 3);
    for person in people {
        person.new_token();
    }
}

#[test]
fn two_rotations_at_once_are_one() {
    let server = Server::start();
    server.person_without_second_factor(ADA);
    let answers: Vec<Answer> = race(4, |_| ask(&server));
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert!(
        statuses.contains(&200) && statuses.iter().all(|status| [200, 409].contains(status)),
        "{statuses:?}"
    );
    server.stop().with(0);
    assert_eq!(data_keys(&server).len(), 1);
}

#[test]
fn wherever_a_rotation_is_killed_everything_opens_afterwards() {
    let seed = std::env::var("DOORKEY_TEST_SEED")
        .map_or_else(|_| u64::from(std::process::id()), |seed| seed.parse().unwrap());
    println!("DOORKEY_TEST_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail").password;
    for _ in 0..15 {
        server.person(&format!("p{}@example.org", rng.random::<u32>()));
    }
    let mut cut_off = 0;
    for _ in 0..12 {
        let asked = AtomicUsize::new(0);
        // The time that a rotation takes is filled with other requests, and the server is killed after one of them.
        let at = rng.random_range(0..40);
        let answered = race(2, |who| {
            if who == 0 {
                let mut connection = Connection::try_open(&socket(&server))?;
                return connection.try_ask(&Request::new("POST", ROTATE)).map(|answer| answer.status);
            }
            while asked.load(Ordering::SeqCst) < at {
                let Some(mut connection) = Connection::try_open(&server.address()) else { break };
                if connection.try_ask(&Request::get("/health/live")).is_none() {
                    break;
                }
                asked.fetch_add(1, Ordering::SeqCst);
            }
            server.kill();
            None
        });
        cut_off += usize::from(answered[0].is_none());
        assert!((1..=2).contains(&keys(&key_file(&server)).len()));
        server.start_again();
        everything_opens(&server, &person, &mail, &password);
    }
    println!("{cut_off} of 12 were cut off");
    assert!(cut_off > 0, "none was cut off: kill earlier");
    // What was cut off is gone on with; the next one leaves nothing of it.
    until(|| ask(&server).status == 200);
    server.stop().with(0);
    assert_eq!(data_keys(&server).len(), 1);
    assert_eq!(keys(&key_file(&server)).len(), 1);
    server.start_again();
    everything_opens(&server, &person, &mail, &password);
}
