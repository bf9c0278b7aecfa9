//! How the server starts, and refuses to; how it stops.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use serde_json::json;

use crate::support::{Connection, Data, PASSWORD, Request, Server, since};

const ADA: &str = "ada@example.org";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_it_makes_is_for_its_owner_alone() {
    let server = Server::start();
    assert_eq!(mode(&server.data()), 0o700);
    let database = if matches!(server.store, Data::File) { &["doorkey.db"][..] } else { &[] };
    for file in ["doorkey.key", "doorkey.lock", "doorkey.sock"].iter().chain(database) {
        assert_eq!(mode(&server.data().join(file)), 0o600, "{file}");
    }
    assert!(server.says("made the key file").is_some(), "it says that it made a key");
    server.restart();
    assert!(!server.stop().err.contains("made the key file"));
}

#[test]
fn the_link_is_printed_until_there_is_an_account_and_each_one_replaces_the_last() {
    let server = Server::start();
    let first = server.set_up_path();
    assert_eq!(server.browser().get(&first).status(), 200);
    server.restart();
    let second = server.set_up_path();
    assert_ne!(first, second);
    let gone = server.browser().get(&first);
    assert_eq!((gone.status(), gone.heading().as_str()), (410, "This link no longer works"));
    // It is good for a day.
    server.clock.move_by(86_399);
    assert_eq!(server.browser().get(&second).status(), 200);
    server.clock.move_by(1);
    assert_eq!(server.browser().get(&second).status(), 410);
    server.restart();
    let (mut browser, id) = server.set_up();
    assert!(browser.get("/security").text(200).contains(id));
    server.restart();
    assert!(!server.stop().err.contains("/setup/"), "nobody is asked to set up what is set up");
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let server = Server::start();
    server
        .refuses_to_start(&[])
        .with(1)
        .said("another Doorkey is using")
        .said("Stop that one, or give this one a data folder of its own");
    assert_eq!(server.browser().get("/sign-in").status(), 200);
    assert!(server.data().join("doorkey.sock").exists(), "the first one's socket is left alone");
    server.admin().get("/services").with(200);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = Server::new(&[]).refuses_to_start(&[("DOORKEY__HTTP__LISTEN", &address)]);
    refused.with(1).said(&format!("can't listen on {address}")).said("[http] listen");
}

/// A server with somebody in it, stopped.
fn stopped() -> Server {
    let server = Server::start();
    server.person_without_second_factor(ADA);
    server.stop().with(0);
    server
}

/// The person is there, with their password.
fn nothing_is_lost(server: &Server) {
    server.start_again();
    server.api("").post("/sign-in", &json!({ "id": ADA, "password": PASSWORD })).with(200);
}

#[test]
fn without_the_right_key_it_refuses_to_start_and_loses_nothing() {
    let server = stopped();
    let (key, aside) = (server.data().join("doorkey.key"), server.folder().join("aside.key"));
    fs::rename(&key, &aside).unwrap();
    let path = key.display().to_string();
    let refused = server.refuses_to_start(&[]).with(1);
    refused.said(&path).said("there is no key file. Put back the one that belongs to this database");
    assert!(!key.exists(), "no key is made for data that has one");

    let other = Server::start();
    other.stop().with(0);
    let of_another = fs::read(other.data().join("doorkey.key")).unwrap();
    for (content, said) in [
        (&b""[..], "this is not a Doorkey key"),
        (b"hello", "this is not a Doorkey key"),
        (b"doorkey-key-1:!!!!", "this is not a Doorkey key"),
        (&[0xff, 0xfe, 0], "this is not a Doorkey key"),
        (&[b'a'; 100_000], "this is not a Doorkey key"),
        (b"doorkey-key-1:AAAAAAAAAAAAAAAAAAAAAA==", "this key has 16 bytes, and a Doorkey key has 32"),
        (&of_another, "another database"),
    ] {
        fs::write(&key, content).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        server.refuses_to_start(&[]).with(1).said(&path).said(said);
        assert_eq!(fs::read(&key).unwrap(), content, "it is left as it was");
    }
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    server.refuses_to_start(&[]).with(1).said(&path);
    fs::remove_dir(&key).unwrap();
    fs::copy(&aside, &key).unwrap();
    for open in [0o644, 0o640, 0o620, 0o604] {
        fs::set_permissions(&key, Permissions::from_mode(open)).unwrap();
        server
            .refuses_to_start(&[])
            .with(1)
            .said(&format!("mode {open:04o}"))
            .said(&format!("chmod 600 {path}"));
    }
    fs::remove_file(&key).unwrap();
    fs::set_permissions(&aside, Permissions::from_mode(0o600)).unwrap();
    symlink(&aside, &key).unwrap();
    nothing_is_lost(&server);
}

#[test]
fn the_key_may_come_from_elsewhere() {
    let server = stopped();
    let key = server.data().join("doorkey.key");
    let aside = server.folder().join("aside.key");
    fs::rename(&key, &aside).unwrap();
    let path = aside.display().to_string();
    let elsewhere = Server::on(server.store.clone(), &[("DOORKEY__KEY__FILE", &path)]);
    fs::create_dir(elsewhere.data()).unwrap();
    for file in ["doorkey.db", "doorkey.db-wal"] {
        let _ = fs::copy(server.data().join(file), elsewhere.data().join(file));
    }
    nothing_is_lost(&elsewhere);
    elsewhere.stop().with(0);
    let toml = server.folder().join("doorkey.toml");
    let broken = "[key]\ncommand = [\"sh\", \"-c\", \"exit 3\"]\n";
    fs::write(&toml, broken).unwrap();
    server.refuses_to_start(&[]).with(1).said("[key] command: sh gave no key");
    fs::write(&toml, "[key]\ncommand = [\"echo\", \"hello\"]\n").unwrap();
    server.refuses_to_start(&[]).with(1).said("this is not a Doorkey key").said("[key] command");
    fs::write(&toml, format!("[key]\ncommand = [\"cat\", \"{path}\"]\n")).unwrap();
    nothing_is_lost(&server);
}

#[test]
fn data_of_a_newer_version_is_left_alone() {
    let server = stopped();
    let sql = "INSERT INTO schema_migrations (version, name, checksum) SELECT MAX(version) + 1, 'later', '0' FROM schema_migrations";
    server.change_data(sql);
    let read =
        || matches!(server.store, Data::File).then(|| fs::read(server.data().join("doorkey.db")).unwrap());
    let before = read();
    let refused = server.refuses_to_start(&[]).with(1);
    refused
        .said("was made by a newer Doorkey")
        .said("Start that version, or restore a backup made by this one");
    assert!(before == read(), "nothing was written");
    server.change_data("DELETE FROM schema_migrations WHERE name = 'later'");
    nothing_is_lost(&server);
}

#[test]
fn data_of_other_migrations_is_left_alone() {
    let server = stopped();
    server.change_data("UPDATE schema_migrations SET checksum = '0'");
    server.refuses_to_start(&[]).with(1).said("was made with another migration 1");
}

#[test]
fn what_is_no_data_is_left_alone() {
    let server = Server::start_in_a_file();
    server.stop().with(0);
    let path = server.data().join("doorkey.db");
    fs::write(&path, "this is no database, but somebody may need it".repeat(100)).unwrap();
    server.refuses_to_start(&[]).with(1).said("doorkey.db can't be opened");
    assert!(fs::read_to_string(&path).unwrap().starts_with("this is no database"));
    // A file with nothing in it is what a crash may leave before the first start was done; the key has its own data then.
    fs::remove_file(&path).unwrap();
}

#[test]
fn what_is_configured_wrongly_is_said_all_at_once() {
    let server = Server::new(&[]);
    let refused = server.refuses_to_start(&[
        ("DOORKEY__HTTP__LISTN", "127.0.0.1:0"),
        ("DOORKEY__HTPT__LISTEN", "127.0.0.1:0"),
        ("DOORKEY__HTTP__PUBLIC_URL", "ftp://example.org"),
    ]);
    let refused = refused.with(2).said("DOORKEY__HTTP__LISTN").said("DOORKEY__HTPT__LISTEN");
    refused.said("DOORKEY__HTTP__PUBLIC_URL").said("DOORKEY__HTTP__LISTEN");
    fs::write(server.folder().join("doorkey.toml"), "[http]\nlistne = '127.0.0.1:0'\n").unwrap();
    server.refuses_to_start(&[]).with(2).said("doorkey.toml, line 2").said("listne").said("listen");
    assert!(!server.data().exists(), "nothing is made by a server that doesn't start");
}

#[test]
fn other_machines_are_let_in_by_tls_or_a_proxy_alone() {
    let server = Server::new(&[]);
    let refused = server.refuses_to_start(&[("DOORKEY__HTTP__LISTEN", "0.0.0.0:0")]);
    refused.with(2).said("passwords would cross the network unencrypted");
}

#[test]
fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::new(&[]);
    let url = format!("postgres://doorkey:hunter2@{nobody}/doorkey");
    let refused = server.refuses_to_start(&[("DOORKEY__STORE__URL", &url)]);
    assert!(!refused.err.contains("hunter2"), "{}", refused.err);
    refused
        .with(1)
        .said(&format!("postgres://***@{nobody}/doorkey can't be opened"))
        .said("Connection refused");
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let server = Server::new(&[]);
    fs::write(server.data(), "a file where the folder should be").unwrap();
    server.refuses_to_start(&[]).with(1).said(&server.data().display().to_string());
}

#[test]
fn it_stops_cleanly_and_fast_whoever_is_connected() {
    for signal in ["TERM", "INT"] {
        let server = Server::start();
        let mut kept = Connection::open(&server.address());
        assert_eq!(kept.ask(&Request::get("/sign-in")).status, 200);
        let silent = Connection::open(&server.address());
        let mut half = Connection::open(&server.address());
        half.send(b"GET /sign-in HTTP/1.1\r\nHo");
        // It has read what was sent before when it answers what is sent after.
        assert_eq!(server.browser().get("/sign-in").status(), 200);
        let took = since();
        server.signal(signal).with(0);
        assert!(took().as_secs() < 5, "{:?}", took());
        assert!(!server.data().join("doorkey.sock").exists());
        drop((kept, silent, half));
    }
}

#[test]
fn what_a_killed_server_leaves_behind_stops_nobody() {
    let server = Server::start();
    server.person_without_second_factor(ADA);
    server.kill();
    assert!(server.data().join("doorkey.sock").exists());
    nothing_is_lost(&server);
    server.admin().get("/services").with(200);
}

#[test]
fn a_clock_that_was_moved_back_is_told_and_stops_nobody() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail");
    server.clock.move_by(-7200);
    assert_eq!(mail.status(ADA, &password.password), 200);
    server.restart();
    assert!(server.says("the clock stands before the last event in the log").is_some());
    assert_eq!(mail.status(ADA, &password.password), 200);
    assert_eq!(person.listed(&password)["state"], "live");
    assert_eq!(person.try_generate("Tablet", "mail").problem(), "403 confirmation-needed");
    // What changes goes on being written, in its order.
    person.revoke(&password).with(200);
    let numbers: Vec<_> = person.events().iter().map(|event| event["number"].as_i64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a > b), "{numbers:?}");
    assert_eq!(mail.status(ADA, &password.password), 401);
    // The code of a step that has been used isn't taken a second time, whatever the clock says.
    server.clock.move_by(7200);
    person.api.post("/session/confirm", &json!({ "code": person.code() })).with(204);
}
