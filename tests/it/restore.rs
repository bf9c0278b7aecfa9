//! A backup in the place of the data: what comes back, what ends, and that nothing is ever lost or half done.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::Value;

use crate::support::{
    AppPassword, Connection, Data, Done, Person, Server, Service, generate_request, race, sweep, until,
};

const ADA: &str = "ada@example.org";

fn backup(server: &Server, name: &str) -> PathBuf {
    let file = server.folder().join(name);
    server.run(&["admin", "backup", &file.display().to_string()]).with(0);
    file
}

fn restore(server: &Server, file: &Path, choice: &str) -> Done {
    server.run(&["admin", "restore", &file.display().to_string(), "--app-passwords", choice])
}

/// What a restore kept of the data that was there.
fn kept(server: &Server) -> Vec<PathBuf> {
    let entries = fs::read_dir(server.data()).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.display().to_string().contains(".replaced-")).collect()
}

/// A server that has the key of the other one, and nothing else.
fn with_key_of(server: &Server) -> Server {
    let other = Server::on(Data::File, &[]);
    fs::create_dir(other.data()).unwrap();
    fs::copy(server.data().join("doorkey.key"), other.data().join("doorkey.key")).unwrap();
    other
}

fn same_person<'s>(server: &'s Server, person: &Person<'_>) -> Person<'s> {
    Person::new(server, &person.id, person.secret.as_deref())
}

#[test]
fn into_postgres_only_where_nothing_is() {
    let server = Server::start_in_a_file();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let (phone, tablet) = (person.generate("Phone", "mail"), person.generate("Tablet", "mail"));
    let file = backup(&server, "ada.backup");
    person.revoke(&phone).with(200);
    server.stop().with(0);

    let other = Server::on(Data::postgres(), &[]);
    fs::create_dir(other.data()).unwrap();
    fs::copy(server.data().join("doorkey.key"), other.data().join("doorkey.key")).unwrap();
    let restored = restore(&other, &file, "keep").with(0).out;
    assert!(restored.contains("everybody was signed out"), "{restored}");
    assert_eq!(other.data_says::<i64>("SELECT COUNT(*) FROM moves"), 0, "no mark is left");
    assert_eq!(fs::read_dir(other.data()).unwrap().count(), 2, "the key and the lock");
    // A second time it isn't empty, and stays as it is.
    restore(&other, &file, "revoke").with(1).said("never takes the place of a database");
    other.start_again();
    let its_mail = Service::new(&other, "mail", &mail.key);
    assert_eq!(its_mail.status(ADA, &phone.password), 200, "as it was then");
    assert_eq!(its_mail.status(ADA, &tablet.password), 200);
    assert_eq!(
        other.api(person.api.token.as_deref().unwrap()).get("/session").problem(),
        "401 sign-in-needed"
    );
    other.stop().with(0);
    // One that was cut off is no data for a server, and begins anew.
    other.change_data("INSERT INTO moves (id, state, place, at) VALUES ('req_00000000000000000000000000000000', 'arriving', 'a backup', 0)");
    let refused = other.refuses_to_start(&[]);
    assert!(refused.err.contains("a restore into "), "{}", refused.err);
    assert!(refused.err.contains("Run the same doorkey admin restore again"), "{}", refused.err);
    restore(&other, &file, "revoke").with(0);
    other.start_again();
    assert_eq!(its_mail.status(ADA, &phone.password), 401);
}

#[test]
fn what_is_kept_works_again_and_everybody_is_signed_out() {
    let server = Server::start_in_a_file();
    let (mut person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let (phone, tablet) = (person.generate("Phone", "mail"), person.generate("Tablet", "mail"));
    let mut browser = person.browser();
    assert!(browser.get("/security").text(200).contains(ADA));
    let made = server.admin().post(&format!("/accounts/{ADA}/reset-link"), &Value::Null).json(201);
    let link = made["link"].as_str().unwrap();
    let link = link[link.find("/reset/").unwrap()..].to_owned();
    let file = backup(&server, "ada.backup");
    // After the backup.
    person.revoke(&phone).with(200);
    let laptop = person.generate("Laptop", "mail");
    server.stop().with(0);

    let told = restore(&server, &file, "keep").with(0).out;
    assert!(told.contains("1 account, 2 app-specific passwords, 1 service"), "{told}");
    assert!(told.contains("work as they did then") && told.contains("everybody was signed out"), "{told}");
    let epoch: i64 = server.data_says("SELECT epoch FROM event_counter");
    assert!(epoch > 1);
    server.start_again();
    for (password, status) in [(&phone, 200), (&tablet, 200), (&laptop, 401)] {
        assert_eq!(mail.status(ADA, &password.password), status);
    }
    assert_eq!(person.api.get("/session").problem(), "401 sign-in-needed");
    assert!(browser.get("/security").goes_to().starts_with("/sign-in"));
    assert_eq!(server.browser().get(&link).status(), 410);
    person.sign_in();
    assert_eq!(person.listed(&phone)["state"], "live");

    // The data that was there is kept, and can be put back.
    server.stop().with(0);
    let kept = kept(&server);
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(told.contains(&kept[0].display().to_string()), "{told}");
    fs::rename(&kept[0], server.data().join("doorkey.db")).unwrap();
    server.start_again();
    for (password, status) in [(&phone, 401), (&tablet, 200), (&laptop, 200)] {
        assert_eq!(mail.status(ADA, &password.password), status);
    }
    // The same backup once more begins another numbering.
    server.stop().with(0);
    server.clock.move_by(1);
    restore(&server, &file, "keep").with(0);
    assert!(server.data_says::<i64>("SELECT epoch FROM event_counter") > epoch);
}

#[test]
fn what_is_revoked_is_told_to_its_person() {
    let server = Server::start_in_a_file();
    let (mut person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let (phone, tablet) = (person.generate("Phone", "mail"), person.generate("Tablet", "mail"));
    person.revoke(&tablet).with(200);
    let file = backup(&server, "ada.backup");
    server.stop().with(0);
    let arguments = ["admin", "restore", &file.display().to_string(), "--app-passwords", "revoke", "--json"];
    let restored = server.run(&arguments).json();
    assert_eq!((&restored["revoked"], &restored["signed_out"]), (&1.into(), &1.into()));
    assert_eq!(restored["rows"]["app_passwords"], 2);
    assert!(restored["kept"].as_str().unwrap().contains("doorkey.db.replaced-"));
    let what: String =
        server.data_says("SELECT what FROM events WHERE number = (SELECT MAX(number) - 1 FROM events)");
    let what: Value = serde_json::from_str(&what).unwrap();
    assert_eq!((&what["what"], &what["app_passwords_kept"]), (&"restored".into(), &false.into()));
    assert_eq!(what["backup_event"], restored["last_event"]["number"]);
    server.start_again();
    assert_eq!(mail.status(ADA, &phone.password), 401);
    person.sign_in();
    assert_eq!(person.listed(&phone)["why_ended"], "restored");
    assert_eq!(person.listed(&tablet)["why_ended"], "revoked");
    let told = &person.told("app_password_ended")[0];
    assert_eq!((&told["actor"]["type"], &told["label"]), (&"machine".into(), &"Phone".into()));
    assert!(told["sentence"].as_str().unwrap().contains("because this server went back to earlier data"));
    let mut browser = person.browser();
    assert!(
        browser.get("/app-passwords").text(200).contains("because this server went back to earlier data")
    );
    person.generate("Phone again", "mail");
}

#[test]
fn what_has_to_be_said_is_asked_for_and_a_running_server_is_left_alone() {
    let server = Server::start_in_a_file();
    server.person(ADA);
    let file = backup(&server, "ada.backup");
    let path = file.display().to_string();
    restore(&server, &file, "keep").with(1).said("a server is using").said("Stop it first");
    server.stop().with(0);
    server.run(&["admin", "restore", &path]).with(2).said("--app-passwords keep");
    server.run(&["admin", "restore", &path, "--app-passwords", "perhaps"]).with(2);
    restore(&server, &server.folder().join("nothing"), "keep").with(1).said("can't be read");
    assert_eq!(kept(&server), Vec::<PathBuf>::new());

    // Nothing of a file that isn't whole, or isn't ours, comes near the data.
    let whole = fs::read(&file).unwrap();
    let before = fs::read(server.data().join("doorkey.db")).unwrap();
    let bad = server.folder().join("bad");
    for (content, said) in [
        (&whole[..whole.len() - 1], "is cut short"),
        (&whole[..whole.len() / 2], "is cut short"),
        (&[&whole[..], b"\n"].concat()[..], "isn't as it was written"),
        (b"".as_slice(), "is empty"),
        (b"hello\n".as_slice(), "is no backup"),
    ] {
        fs::write(&bad, content).unwrap();
        restore(&server, &bad, "keep").with(1).said(said);
    }
    let other = Server::start_in_a_file();
    other.stop().with(0);
    restore(&other, &file, "keep").with(1).said("needs the key");
    assert!(before == fs::read(server.data().join("doorkey.db")).unwrap());
    let left: Vec<_> = fs::read_dir(server.data()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("restoring")), "{left:?}");
}

#[test]
fn a_new_machine_needs_the_file_and_the_key() {
    let server = Server::start_in_a_file();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let phone = person.generate("Phone", "mail");
    let file = backup(&server, "ada.backup");
    server.kill();
    let without = Server::on(Data::File, &[]);
    restore(&without, &file, "keep").with(1).said("there is no key file");
    assert!(!without.data().exists(), "no data and no key is made");

    let new = with_key_of(&server);
    let told = restore(&new, &file, "keep").with(0).out;
    assert!(!told.contains("is kept"), "{told}");
    new.start_again();
    let mail = Service::new(&new, "mail", &mail.key);
    assert_eq!(mail.status(ADA, &phone.password), 200);
    let mut person = same_person(&new, &person);
    new.clock.move_by(60);
    person.sign_in();
    assert_eq!(person.list()["active"], 1);
}

#[test]
fn damaged_data_is_replaced_and_kept_as_it_is() {
    let server = Server::start_in_a_file();
    server.person(ADA);
    let file = backup(&server, "ada.backup");
    server.stop().with(0);
    let damaged = "this is no database, but somebody may need it".repeat(100);
    fs::write(server.data().join("doorkey.db"), &damaged).unwrap();
    server.refuses_to_start(&[]).with(1).said("restore a backup");
    restore(&server, &file, "keep").with(0);
    // Beside it may be what the last server hadn't put away yet.
    let kept = kept(&server);
    assert!(kept.iter().any(|file| fs::read(file).unwrap() == damaged.as_bytes()), "{kept:?}");
    server.start_again();
    server.admin().get("/services").with(200);
}

/// What the log tells of the app-specific passwords is what their rows say, and its numbers have no gap.
#[track_caller]
fn log_and_rows_agree(data: &Path) -> usize {
    let database = rusqlite::Connection::open(data.join("doorkey.db")).unwrap();
    let texts = |sql: &str| -> Vec<String> {
        let mut query = database.prepare(sql).unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let events = texts("SELECT what FROM events ORDER BY number");
    let last: i64 =
        database.query_row("SELECT last_number FROM event_counter", [], |row| row.get(0)).unwrap();
    let highest: i64 = database.query_row("SELECT MAX(number) FROM events", [], |row| row.get(0)).unwrap();
    assert_eq!((last, usize::try_from(highest).unwrap()), (highest, events.len()));
    let mut live = BTreeSet::new();
    for event in &events {
        let event: Value = serde_json::from_str(event).unwrap();
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        match event["what"].as_str().unwrap() {
            "app_password_generated" => assert!(live.insert(id)),
            "app_password_ended" => assert!(live.remove(&id)),
            _ => {}
        }
    }
    let rows: BTreeSet<_> =
        texts("SELECT id FROM app_passwords WHERE ended_at IS NULL").into_iter().collect();
    assert_eq!(rows, live);
    events.len()
}

#[test]
fn a_backup_that_is_taken_under_load_is_one_moment() {
    const WRITERS: usize = 3;
    let server = Server::start_in_a_file();
    let people = [server.person(ADA), server.person("eve@example.org"), server.person("grace@example.org")];
    let (changes, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let files: Vec<_> = race(WRITERS + 1, |n| {
        if n < WRITERS {
            let person = &people[n];
            let mut connection = Connection::open(&server.address());
            while !done.load(Ordering::SeqCst) {
                let asked = generate_request("App", "mail");
                let request = person.api.request("POST", "/app-passwords", Some(&asked));
                let made = AppPassword::read(connection.ask(&request));
                let path = format!("/app-passwords/{}", made.id);
                connection.ask(&person.api.request("DELETE", &path, None)).with(200);
                changes.fetch_add(1, Ordering::SeqCst);
            }
            return Vec::new();
        }
        let files = (0..5)
            .map(|round| {
                let so_far = changes.load(Ordering::SeqCst);
                until(|| changes.load(Ordering::SeqCst) >= so_far + 10);
                backup(&server, &format!("{round}.backup"))
            })
            .collect();
        done.store(true, Ordering::SeqCst);
        files
    });
    let new = with_key_of(&server);
    let mut lengths = Vec::new();
    for file in files.into_iter().flatten() {
        restore(&new, &file, "keep").with(0);
        lengths.push(log_and_rows_agree(&new.data()));
    }
    assert!(lengths.len() == 5 && lengths.is_sorted_by(|a, b| a < b), "{lengths:?}");
    new.start_again();
    assert_eq!(new.stop().code, Some(0));
}

/// A command that is killed at some moment.
fn spawn(server: &Server, arguments: &[&str]) -> Child {
    let mut command = server.command(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_restore_that_is_killed_leaves_the_old_data_or_the_new() {
    let server = Server::start_in_a_file();
    let person = server.person(ADA);
    for n in 0..20 {
        let password = person.generate(&format!("App {n}"), "mail");
        person.revoke(&password).with(200);
    }
    let file = backup(&server, "old.backup");
    person.generate("Only in the data", "mail");
    server.stop().with(0);
    let old = server.folder().join("aside.db");
    fs::copy(server.data().join("doorkey.db"), &old).unwrap();
    let (restoring, database) =
        (server.data().join("doorkey.db.restoring"), server.data().join("doorkey.db"));
    let arguments =
        ["admin", "restore", &file.display().to_string(), "--app-passwords", "keep"].map(str::to_owned);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let is_there = |suffix: &str| server.data().join(format!("doorkey.db.restoring{suffix}")).exists();
    let moments: [&dyn Fn() -> bool; 6] = [
        &|| is_there(""),
        &|| is_there("-wal"),
        &|| fs::metadata(&restoring).is_ok_and(|found| found.len() > 8192),
        &|| is_there("") && fs::metadata(&restoring).is_ok_and(|found| found.len() > 100_000),
        &|| !kept(&server).is_empty(),
        &|| !kept(&server).is_empty() && !is_there(""),
    ];
    let mut seen = BTreeSet::new();
    for (round, moment) in moments.into_iter().cycle().take(18).enumerate() {
        for left in kept(&server) {
            fs::remove_file(left).unwrap();
        }
        fs::copy(&old, &database).unwrap();
        let mut child = spawn(&server, &arguments);
        until(|| moment() || child_has_ended(child.id()));
        let _ = child.kill();
        child.wait().unwrap();
        sweep(child.id());
        for entry in fs::read_dir(server.data()).unwrap().map(Result::unwrap) {
            println!("{round}: {:?} {}", entry.file_name(), entry.metadata().unwrap().len());
        }
        log_and_rows_agree(&server.data());
        let is_old: i64 =
            server.data_says("SELECT COUNT(*) FROM app_passwords WHERE label = 'Only in the data'");
        let is_new: i64 = server.data_says("SELECT COUNT(*) FROM events WHERE what LIKE '%\"restored\"%'");
        assert_eq!(is_old + is_new, 1, "old or new, and never both or none");
        seen.insert(is_old);
    }
    assert!(seen.contains(&1), "none was killed in time");
    // The next one isn't kept from its work by what was left behind.
    restore(&server, &file, "keep").with(0);
    assert!(!is_there("") && !is_there("-wal"));
    server.start_again();
    assert_eq!(server.stop().code, Some(0));
}

/// Whether the process waits to be collected.
fn child_has_ended(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.trim_start().starts_with('Z'))
}

/// A backup that Doorkey 0.1.0 has written of a throw-away server, when there was only the first migration; its key; and what its people
/// knew. Once it is released, a migration must bring this on for ever.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures").join(name)
}

#[test]
fn a_backup_of_the_first_version_is_brought_up_to_this_one() {
    let server = Server::on(Data::File, &[]);
    fs::create_dir(server.data()).unwrap();
    let key = server.data().join("doorkey.key");
    fs::copy(fixture("schema-1.key"), &key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let known: Value = serde_json::from_slice(&fs::read(fixture("schema-1.json")).unwrap()).unwrap();
    let known = |name: &str| known[name].as_str().unwrap().to_owned();
    let told = restore(&server, &fixture("schema-1.backup"), "keep").with(0).out;
    assert!(told.contains("2 accounts, 3 app-specific passwords, 2 services, up to event 14"), "{told}");
    log_and_rows_agree(&server.data());
    server.start_again();
    let (mail, dav) =
        (Service::new(&server, "mail", &known("mail_key")), Service::new(&server, "dav", &known("dav_key")));
    assert_eq!(mail.status(ADA, &known("phone")), 200);
    assert_eq!(mail.status(ADA, &known("revoked")), 401);
    assert_eq!((dav.status(ADA, &known("first")), mail.status(ADA, &known("first"))), (200, 403));
    let person = Person::new(&server, ADA, Some(&known("totp_secret"))).signed_in();
    assert_eq!(person.list()["app_passwords"].as_array().unwrap().len(), 3);
    assert_eq!(person.told("app_password_bound").len(), 1);
    Person::new(&server, "eve@example.org", None).signed_in();
    assert_eq!(server.admin().get("/services").json(200)["services"].as_array().unwrap().len(), 2);
    // And what it becomes can be backed up in its turn.
    let file = backup(&server, "now.backup");
    server.stop().with(0);
    restore(&server, &file, "revoke").with(0);
}
