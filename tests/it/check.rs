//! `doorkey admin check`: data that is sound, and each way in which it can be damaged.

use std::fs;

use serde_json::Value;

use crate::support::{Request, Server};

const ADA: &str = "ada@example.org";

/// The data, as any other program may open it.
fn database(server: &Server) -> rusqlite::Connection {
    rusqlite::Connection::open(server.data().join("doorkey.db")).unwrap()
}

/// A server with something in every corner.
fn lived_in() -> Server {
    let server = Server::start_in_a_file();
    let (person, mail) = (server.administrator(ADA), server.service("mail", "mail"));
    let (phone, first) = (person.generate("Phone", "mail"), person.generate("First", "first"));
    assert_eq!(mail.status(ADA, &phone.password), 200);
    assert_eq!(mail.status(ADA, &first.password), 200);
    person.revoke(&phone).with(200);
    assert_eq!(mail.status(ADA, &phone.password), 401);
    server.person_without_second_factor("eve@example.org");
    person.browser();
    person.api.post("/account/recovery-codes", &Value::Null).with(201);
    let asked = serde_json::json!({ "name": "staff" });
    server.admin().post("/groups", &asked).with(201);
    server.admin().put(&format!("/groups/staff/members/{ADA}")).with(204);
    server.admin().post("/accounts/eve@example.org/reset-link", &Value::Null).with(201);
    server
}

#[test]
fn sound_data_is_said_to_be_sound_whether_a_server_runs_or_not() {
    let server = lived_in();
    for _ in 0..2 {
        let done = server.run(&["admin", "check"]).with(0);
        assert!(done.out.ends_with("everything is sound.\n"), "{}", done.out);
        let report = server.run(&["admin", "check", "--json"]).json();
        assert_eq!((&report["sound"], &report["found"]), (&true.into(), &0.into()));
        assert_eq!((&report["rows"]["accounts"], &report["rows"]["group_members"]), (&2.into(), &1.into()));
        // Once with it, once without.
        if !server.data().join("doorkey.sock").exists() {
            return;
        }
        assert_eq!(server.ask(&Request::get("/machine/check")).problem(), "404 not-found");
        server.stop().with(0);
    }
    panic!("the server goes on");
}

#[test]
fn looking_makes_no_data() {
    let server = Server::new(&[]);
    server.run(&["admin", "check"]).with(1).said("There is no data of Doorkey's in");
    assert!(!server.data().exists());
}

/// What is done to the data, and what is told of it.
const DAMAGES: &[(&str, &str)] = &[
    // Values that no row has.
    (
        "UPDATE accounts SET state = 'sleeping' WHERE name LIKE 'ada%'",
        "holds in state what no version of Doorkey writes",
    ),
    ("UPDATE accounts SET name = 'Not An ID' WHERE name LIKE 'ada%'", "holds in name what no version"),
    ("UPDATE accounts SET created_at = 9e18 WHERE name LIKE 'ada%'", "holds in created_at what no version"),
    (
        "UPDATE accounts SET created_at = 'yesterday' WHERE name LIKE 'ada%'",
        "holds in created_at what no version",
    ),
    ("UPDATE accounts SET created_at = 1.5 WHERE name LIKE 'ada%'", "accounts can't be read"),
    (
        "UPDATE accounts SET display_name = CAST(x'ff' AS TEXT) WHERE name LIKE 'ada%'",
        "accounts can't be read",
    ),
    (
        "UPDATE accounts SET administrator = 7 WHERE name LIKE 'ada%'",
        "holds in administrator what no version",
    ),
    (
        "UPDATE app_passwords SET fingerprint = x'00' WHERE label = 'Phone'",
        "holds in fingerprint what no version",
    ),
    ("UPDATE app_passwords SET opens = 64 WHERE label = 'Phone'", "holds in opens what no version"),
    ("UPDATE app_passwords SET label = '' WHERE label = 'Phone'", "holds in label what no version"),
    (
        "UPDATE app_passwords SET why_ended = 'boredom' WHERE label = 'Phone'",
        "holds in why_ended what no version",
    ),
    ("UPDATE services SET key_hash = x'00'", "holds in key_hash what no version"),
    ("UPDATE groups SET name = 'No Group'", "holds in name what no version"),
    ("UPDATE events SET what = '{}' WHERE number = 3", "events 3 holds in what what no version"),
    ("UPDATE events SET actor = 'somebody' WHERE number = 3", "events 3 holds in actor what no version"),
    ("UPDATE links SET purpose = 'fun'", "holds in purpose what no version"),
    (
        "UPDATE sessions SET token_hash = x'00' WHERE client = 'browser'",
        "holds in token_hash what no version",
    ),
    // Values that don't go together.
    ("UPDATE app_passwords SET why_ended = NULL WHERE label = 'Phone'", "has ended without a reason"),
    (
        "UPDATE app_passwords SET last_used_service = NULL WHERE label = 'First'",
        "was used, or tried, nowhere",
    ),
    ("UPDATE links SET account_id = NULL", "is for nobody"),
    (
        "UPDATE events SET kind = 'signed_out' WHERE number = 1",
        "events 1 tells something else than it is filed under",
    ),
    ("DELETE FROM account_names WHERE name LIKE 'ada%'", "has an ID that doesn't sign it in"),
    // Rows that belong to nothing.
    (
        "UPDATE app_passwords SET account_id = 'acc_00000000000000000000000000000000'",
        "a row of app_passwords refers to one that is not in accounts",
    ),
    ("DELETE FROM groups", "a row of group_members refers to one that is not in groups"),
    // The log.
    ("DELETE FROM events WHERE number = 3", "events 2 is followed by a gap in the log"),
    ("DELETE FROM events WHERE number = 1", "events 2 is the first, and the log begins with 1"),
    ("UPDATE event_counter SET last_number = last_number + 1", "event_counter says that the last event is"),
    ("DELETE FROM event_counter", "event_counter has 0 rows"),
    ("INSERT INTO event_counter (epoch, last_number) VALUES (9, 9)", "event_counter has 2 rows"),
    // What is sealed.
    (
        "UPDATE recovery_codes SET account_id = (SELECT id FROM accounts WHERE name LIKE 'eve%')",
        "has a hash_sealed that can't be opened",
    ),
    (
        "UPDATE accounts SET password_sealed = x'01' WHERE name LIKE 'ada%'",
        "has a password_sealed that can't be opened",
    ),
    (
        "UPDATE totp SET secret_sealed = x'0102030405060708090a0b0c0d0e0f'",
        "has a secret_sealed that can't be opened",
    ),
    (
        "UPDATE accounts SET password_sealed = (SELECT password_sealed FROM accounts WHERE name LIKE 'eve%')",
        "has a password_sealed that can't be opened",
    ),
    ("UPDATE keys SET wrapped = x'00' WHERE purpose = 'seal'", "the data keys in the database are damaged"),
    ("DELETE FROM keys", "the data keys in the database are damaged"),
];

#[test]
fn each_damage_is_named_with_what_to_do() {
    let server = lived_in();
    server.stop().with(0);
    let (path, aside) = (server.data().join("doorkey.db"), server.folder().join("aside.db"));
    fs::copy(&path, &aside).unwrap();
    for (damage, said) in DAMAGES {
        fs::copy(&aside, &path).unwrap();
        let database = database(&server);
        database.pragma_update(None, "foreign_keys", false).unwrap();
        assert!(database.execute(damage, []).unwrap() > 0, "{damage}");
        database.close().unwrap();
        let done = server.run(&["admin", "check"]).with(1);
        let line = done.out.lines().find(|line| line.contains(said));
        let line = line.unwrap_or_else(|| panic!("{damage}: {said} isn't in {}{}", done.out, done.err));
        assert!(line.contains(". ") && line.ends_with('.'), "what to do: {line}");
        assert!(done.err.ends_with(" wrong.\n"), "{}", done.err);
        let report = server.run(&["admin", "check", "--json"]).with(1);
        let report: Value = serde_json::from_str(&report.out).unwrap();
        assert_eq!(report["sound"], false);
        assert_eq!(report["findings"].as_array().unwrap().len(), done.out.lines().count(), "{damage}");
    }
    fs::copy(&aside, &path).unwrap();
    server.run(&["admin", "check"]).with(0);
}

#[test]
fn a_damaged_page_and_no_database_at_all_are_told() {
    let server = lived_in();
    server.stop().with(0);
    let path = server.data().join("doorkey.db");
    let whole = fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    // Somewhere in the rows, behind the pages that say what tables there are.
    let half = damaged.len() / 2;
    damaged[half..half + 4096].fill(0xff);
    fs::write(&path, &damaged).unwrap();
    let done = server.run(&["admin", "check"]).with(1);
    assert!(format!("{done:?}").to_lowercase().contains("restore a backup"), "{done:?}");
    fs::write(&path, &whole[..whole.len() / 3]).unwrap();
    let done = server.run(&["admin", "check"]).with(1);
    assert!(format!("{done:?}").to_lowercase().contains("restore a backup"), "{done:?}");
    fs::write(&path, "no database").unwrap();
    server.run(&["admin", "check"]).with(1).said("restore a backup");
}

#[test]
fn a_running_server_is_looked_through_too() {
    let server = lived_in();
    server.kill();
    let database = database(&server);
    database.execute("UPDATE events SET what = '{}' WHERE number = 3", []).unwrap();
    database.close().unwrap();
    server.start_again();
    let done = server.run(&["admin", "check"]).with(1).said("2 things are wrong");
    assert!(done.out.contains("events 3 holds in what what no version of Doorkey writes"), "{}", done.out);
    assert!(done.out.contains("doorkey admin restore"), "{}", done.out);
}
