//! `doorkey doctor`: everything as it should be, and each thing broken once.

use std::{
    fs::{self, Permissions},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    thread,
};

use serde_json::json;

use crate::support::{
    Address, Data, Done, Encrypts, Identity, PASSWORD, Request, Server, Sink, mail_settings,
};

const ADA: &str = "ada@example.org";

fn doctor(server: &Server) -> Done {
    server.run(&["doctor"])
}

/// Its line about this; with the whole of what was said when there is none, or more than one that says this.
#[track_caller]
fn line(done: &Done, state: &str, about: &str, said: &str) -> String {
    let lines = done.out.lines().filter(|line| {
        let mut words = line.splitn(2, "  ");
        words.next() == Some(state) || line.starts_with(&format!("{state} ")) && line.contains(about)
    });
    let found: Vec<_> = lines.filter(|line| line.contains(about) && line.contains(said)).collect();
    let [line] = found.as_slice() else { panic!("{state} {about} {said:?}: {}{}", done.out, done.err) };
    (*line).to_owned()
}

#[track_caller]
fn wrong(server: &Server, about: &str, said: &str) -> String {
    let done = doctor(server).with(1);
    assert!(done.err.contains("wrong."), "{}", done.err);
    line(&done, "wrong", about, said)
}

#[track_caller]
fn warning(server: &Server, about: &str, said: &str) -> String {
    line(&doctor(server).with(0), "warning", about, said)
}

fn started(settings: &[(&str, String)]) -> Server {
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Server::start_with(&settings)
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_server_as_it_should_be_and_its_data_without_it() {
    let server = Server::start();
    let (person, mail) = (server.administrator(ADA), server.service("mail", "mail"));
    assert_eq!(mail.status(ADA, &person.generate("Phone", "mail").password), 200);
    let done = doctor(&server).with(0);
    line(&done, "fine", "configuration", "is what the server goes by");
    line(&done, "fine", "data folder", "for its owner alone");
    line(&done, "fine", "disk space", " free for ");
    line(&done, "fine", "database", "answers, and is this server's (");
    line(&done, "fine", "clock", "The clock says ");
    line(&done, "fine", "addresses", "which only this machine reaches");
    line(&done, "fine", "public URL", "leads to this server, with nothing in between");
    line(&done, "fine", "people", "1 account (1 administrator), 1 app-specific password in use.");
    line(&done, "fine", "services", "mail (mail): last used ");
    line(&done, "fine", "mail", "No mail is configured");
    line(&done, "warning", "key", "lies in the data folder");
    assert!(done.out.contains("\nNothing is wrong. "), "{}", done.out);
    let report = server.run(&["doctor", "--json"]).json();
    assert_eq!((&report["fine"], &report["server"]), (&json!(true), &json!(true)));
    let states: Vec<_> = report["checks"].as_array().unwrap().iter().map(|check| &check["state"]).collect();
    assert!(states.iter().all(|state| **state != json!("wrong")), "{report}");
    assert_eq!(server.ask(&Request::get("/machine/doctor")).problem(), "404 not-found");

    server.stop().with(0);
    let before = server.stored().len();
    let done = doctor(&server).with(0);
    line(&done, "fine", "configuration", "defaults and the environment hold");
    line(&done, "fine", "database", "can be read (");
    line(&done, "fine", "addresses", "is free");
    line(&done, "fine", "services", "mail (mail): last used ");
    assert_eq!(server.run(&["doctor", "--json"]).json()["server"], false);
    assert!(server.stored().len() <= before + 2, "at most what SQLite needs to read");
    server.start_again();
}

#[test]
fn no_secret_is_in_what_it_says() {
    let sink = Sink::start();
    let smtp = format!("smtp://sender:hunter2@{}", sink.address);
    let [smtp, from] = mail_settings(&smtp);
    let server = started(&[smtp, from]);
    let (person, mail) = (server.administrator(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail").password;
    let key = fs::read_to_string(server.data().join("doorkey.key")).unwrap();
    for _ in 0..2 {
        let said =
            [doctor(&server), server.run(&["doctor", "--json"])].map(|done| done.out + &done.err).concat();
        assert!(said.contains("took the user and password"), "{said}");
        for secret in ["hunter2", PASSWORD, &password, &mail.key, key.trim()] {
            assert!(!said.contains(secret), "{said}");
        }
        if server.data().join("doorkey.sock").exists() {
            server.stop().with(0);
        }
    }
    assert!(sink.tests().is_empty(), "nothing is sent");
}

#[test]
fn settings_that_cannot_be_read_are_named() {
    let server =
        Server::new(&[("DOORKEY__HTTP__LISTN", "127.0.0.1:0"), ("DOORKEY__HTTP__PUBLIC_URL", "ftp://x")]);
    wrong(&server, "configuration", "[http] public_url must be an http or https address");
    wrong(&server, "configuration", "Did you mean DOORKEY__HTTP__LISTEN?");
    assert!(!server.data().exists());
}

#[test]
fn settings_that_changed_since_the_start_are_named() {
    let server = Server::start();
    let file = server.folder().join("doorkey.toml");
    fs::write(&file, "[log]\nlevel = 'warn'\n[accounts]\nsession_days = 3\n").unwrap();
    let said = warning(&server, "configuration", "other values were set for");
    assert!(said.contains("[accounts] session_days, [log] level") && said.contains("Restart"), "{said}");
    fs::write(&file, "[log]\nlevel = 'lots'\n").unwrap();
    let broken = "doorkey.toml, line 2: [log] level must be one of";
    wrong(&server, "configuration", broken);
    // From elsewhere only the server knows what it was set by.
    let elsewhere = Done::of(server.command(&["doctor"]).current_dir("/"), "").with(1);
    let said = line(&elsewhere, "wrong", "configuration", broken);
    assert!(said.contains("The server runs as it was set before"), "{said}");
    fs::write(&file, "[sandbox]\nlisten = '127.0.0.1:0'\n").unwrap();
    server.stop().with(0);
    warning(&server, "configuration", "This version doesn't use [sandbox] yet");
}

#[test]
fn a_folder_that_is_not_there_or_open_to_others() {
    let server = Server::new(&[]);
    wrong(&server, "data folder", "There is no ");
    assert!(!server.data().exists(), "looking makes nothing");
    fs::write(server.data(), "a file").unwrap();
    wrong(&server, "data folder", "is no folder");
    fs::remove_file(server.data()).unwrap();
    server.start_again();
    mode(&server.data(), 0o755);
    let said = warning(&server, "data folder", "may look into");
    assert!(
        said.contains("(mode 0755)") && said.ends_with(&format!("chmod 700 {}", server.data().display()))
    );
    mode(&server.data(), 0o770);
    wrong(&server, "data folder", "the server doesn't start like this");
}

#[test]
fn a_key_that_is_missing_open_to_others_or_of_another_database() {
    let (server, other) = (Server::start(), Server::start());
    server.administrator(ADA);
    let (key, aside) = (server.data().join("doorkey.key"), server.folder().join("aside.key"));
    fs::copy(&key, &aside).unwrap();
    // While the server runs, and without it.
    for _ in 0..2 {
        mode(&key, 0o640);
        wrong(&server, "key", "others than its owner may open this key file (mode 0640)");
        fs::copy(other.data().join("doorkey.key"), &key).unwrap();
        mode(&key, 0o600);
        let said = wrong(&server, "key", "another database's");
        assert!(said.contains("Put the right one back"), "{said}");
        fs::remove_file(&key).unwrap();
        wrong(&server, "key", "there is no key file");
        fs::copy(&aside, &key).unwrap();
        if server.data().join("doorkey.sock").exists() {
            server.stop().with(0);
        }
    }
    let two = format!(
        "{}{}",
        fs::read_to_string(&aside).unwrap(),
        fs::read_to_string(other.data().join("doorkey.key")).unwrap()
    );
    fs::write(&aside, two).unwrap();
    let elsewhere = aside.display().to_string();
    let done = Done::of(server.command(&["doctor"]).env("DOORKEY__KEY__FILE", elsewhere), "").with(0);
    line(&done, "warning", "key", "holds older keys below the first one");
}

#[test]
fn a_key_that_lies_elsewhere_opens_the_data() {
    let server = Server::start();
    server.administrator(ADA);
    server.stop().with(0);
    let aside = server.folder().join("aside.key");
    fs::rename(server.data().join("doorkey.key"), &aside).unwrap();
    let elsewhere = aside.display().to_string();
    let done = Done::of(server.command(&["doctor"]).env("DOORKEY__KEY__FILE", &elsewhere), "").with(0);
    line(&done, "fine", "key", "opens the data");
    server.clock.move_by(401 * 86_400);
    let done = Done::of(server.command(&["doctor"]).env("DOORKEY__KEY__FILE", elsewhere), "").with(0);
    line(&done, "warning", "key", "doorkey admin rotate-key");
}

#[test]
fn data_of_other_versions_or_none() {
    let server = Server::start();
    server.administrator(ADA);
    server.stop().with(0);
    let newest = "(SELECT MAX(version) FROM schema_migrations)";
    let kept =
        server.data_lists(&format!("SELECT name FROM schema_migrations WHERE version = {newest}")).remove(0);
    server
        .change_data(&format!("UPDATE schema_migrations SET version = version + 1 WHERE version = {newest}"));
    wrong(&server, "database", "was made by a newer Doorkey");
    server.change_data(&format!("DELETE FROM schema_migrations WHERE name = '{kept}'"));
    let said = warning(&server, "database", "is of an older version, 1 step behind this one");
    assert!(said.contains("Take a backup with the old version first"), "{said}");
    let none = Server::new(&[]);
    fs::create_dir(none.data()).unwrap();
    mode(&none.data(), 0o700);
    wrong(&none, "database", "There is no data in ");
    assert_eq!(fs::read_dir(none.data()).unwrap().count(), 0, "looking makes nothing");
}

#[test]
fn data_that_was_moved_away() {
    let server = Server::start_in_a_file();
    server.administrator(ADA);
    server.stop().with(0);
    server.run(&["admin", "move", "--to", "sqlite:elsewhere.db"]).with(0);
    wrong(&server, "database", "was moved to ");
}

#[test]
fn a_database_that_is_damaged_or_cannot_be_reached() {
    let server = Server::start_in_a_file();
    server.stop().with(0);
    fs::write(server.data().join("doorkey.db"), "no database".repeat(100)).unwrap();
    wrong(&server, "database", "doorkey.db can't be opened");
    let nobody = Sink::nowhere();
    let url = format!("postgres://doorkey:hunter2@{nobody}/doorkey");
    let done = Done::of(server.command(&["doctor"]).env("DOORKEY__STORE__URL", url), "").with(1);
    line(&done, "wrong", "database", &format!("postgres://***@{nobody}/doorkey can't be opened"));
    assert!(!done.out.contains("hunter2"));
}

#[test]
fn a_server_whose_socket_has_gone_and_a_database_that_somebody_has() {
    let server = Server::on(Data::postgres(), &[]);
    server.start_again();
    fs::remove_file(server.data().join("doorkey.sock")).unwrap();
    wrong(&server, "database", "locked, and no server answers there");
    // From another machine's folder, the database alone tells.
    let other = Server::on(server.store.clone(), &[]);
    fs::create_dir(other.data()).unwrap();
    fs::copy(server.data().join("doorkey.key"), other.data().join("doorkey.key")).unwrap();
    mode(&other.data(), 0o700);
    warning(&other, "database", "is in use by another Doorkey, connected from");
}

#[test]
fn a_clock_that_was_set_back() {
    let server = Server::start();
    server.administrator(ADA);
    server.clock.move_by(-7200);
    let said = wrong(&server, "clock", "The clock stands before the last event");
    assert!(said.contains("Set it right"), "{said}");
    server.stop().with(0);
    wrong(&server, "clock", "The clock stands before the last event");
    server.clock.move_by(-400 * 86_400);
    server.run(&["doctor"]).with(1);
}

#[test]
fn addresses_that_are_taken_or_reached_by_others() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let server = Server::new(&[("DOORKEY__HTTP__LISTEN", &address)]);
    wrong(&server, "addresses", &format!("[http] listen: {address} can't be listened on"));
    let server = Server::start_with(&[("DOORKEY__METRICS__LISTEN", "0.0.0.0:0")]);
    warning(&server, "addresses", "which other machines reach");
    server.stop().with(0);
    warning(&server, "addresses", "[metrics] listen is 0.0.0.0:0, which other machines reach");
}

/// A server that speaks TLS with this certificate, and is trusted.
fn encrypted(certificate: &Path, key: &Path, public_url: &str) -> Server {
    let path = |path: &Path| path.display().to_string();
    Server::new(&[
        ("DOORKEY__HTTP__TLS_CERTIFICATE", &path(certificate)),
        ("DOORKEY__HTTP__TLS_KEY", &path(key)),
        ("DOORKEY__HTTP__PUBLIC_URL", public_url),
        ("SSL_CERT_FILE", &path(&Identity::get().certificate())),
    ])
}

#[test]
fn a_certificate_that_ended_is_for_another_name_or_has_another_key() {
    let made = Identity::get();
    let server = encrypted(&made.certificate(), &made.key(), "https://localhost");
    server.start_again();
    let done = doctor(&server);
    line(&done, "fine", "certificate", "certificate.pem is for localhost, until ");
    server.clock.move_by(3640 * 86_400);
    line(&doctor(&server), "warning", "certificate", "certificate.pem expires in 10 days");
    server.clock.move_by(20 * 86_400);
    let said = line(&doctor(&server), "wrong", "certificate", "has expired on ");
    assert!(said.contains("without a restart"), "{said}");

    let other = encrypted(&made.certificate(), &made.key(), "https://doorkey.example.org");
    line(&doctor(&other), "wrong", "certificate", "isn't for doorkey.example.org");
    let unmatched = encrypted(&made.certificate(), &made.certificate(), "https://localhost");
    line(&doctor(&unmatched), "wrong", "certificate", "the certificate's private key");
    let open = unmatched.folder().join("open.pem");
    fs::copy(made.key(), &open).unwrap();
    mode(&open, 0o644);
    let open = encrypted(&made.certificate(), &open, "https://localhost");
    line(&doctor(&open), "warning", "certificate", "Everybody on this machine may read");
}

#[test]
fn a_public_url_that_is_unsafe_or_leads_elsewhere() {
    let of = |url: &str| {
        let server = Server::new(&[("DOORKEY__HTTP__PUBLIC_URL", url)]);
        server.start_again();
        server.administrator(ADA);
        server
    };
    wrong(&of("http://doorkey.example.org"), "public URL", "passwords cross the network unencrypted");
    let nobody = Sink::nowhere();
    wrong(&of(&format!("http://{nobody}")), "public URL", "can't be reached: ");
    let other = Server::start();
    let said =
        wrong(&of(&other.url()), "public URL", "is answered by something else than this server (status 404)");
    assert!(said.contains("Look at where the name leads"), "{said}");
    let behind = Server::start_with(&[("DOORKEY__HTTP__TRUSTED_PROXIES", "192.0.2.1")]);
    behind.administrator(ADA);
    warning(&behind, "public URL", "its links lead them to themselves");
}

/// A proxy that speaks HTTP: what it is asked goes on to `to()`, with these lines in the place of `X-Forwarded-For`.
fn proxy(lines: &'static str) -> (SocketAddr, std::sync::mpsc::Sender<SocketAddr>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (told, to) = std::sync::mpsc::channel::<SocketAddr>();
    thread::spawn(move || {
        let to = to.recv().unwrap();
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap() == 1 {
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase().replacen("get", "GET", 1);
            let head = head.replace("http/1.1", "HTTP/1.1");
            let kept = head.trim_end().lines().filter(|line| !line.starts_with("x-forwarded-for"));
            let kept: Vec<_> = kept.map(|line| format!("{line}\r\n")).collect();
            let mut server = TcpStream::connect(to).unwrap();
            let sent = format!("{}{lines}connection: close\r\n\r\n", kept.concat());
            server.write_all(sent.as_bytes()).unwrap();
            let mut answer = Vec::new();
            server.read_to_end(&mut answer).unwrap();
            client.write_all(&answer).unwrap();
        }
    });
    (address, told)
}

#[test]
fn what_a_proxy_in_front_passes_on() {
    for (trusted, lines, state, said) in [
        ("127.0.0.1", "x-forwarded-for: 198.51.100.7\r\n", "fine", "by way of the proxy 127.0.0.1"),
        ("127.0.0.1", "", "wrong", "doesn't say whom it speaks for"),
        ("127.0.0.1", "x-forwarded-for: 192.0.2.66\r\n", "wrong", "anyone can claim to be anywhere"),
        (
            "192.0.2.1",
            "x-forwarded-for: 198.51.100.7\r\n",
            "wrong",
            "127.0.0.1, which isn't in trusted_proxies",
        ),
    ] {
        let (front, tell) = proxy(lines);
        let url = format!("http://{front}");
        let server = Server::start_with(&[
            ("DOORKEY__HTTP__PUBLIC_URL", &url),
            ("DOORKEY__HTTP__TRUSTED_PROXIES", trusted),
        ]);
        let Address::Tcp(address) = server.address() else { panic!("an address") };
        tell.send(address).unwrap();
        line(&doctor(&server), state, "public URL", said);
    }
}

#[test]
fn people_and_services_that_cannot_be() {
    let server = Server::start();
    warning(&server, "people", "Nobody has an account yet");
    let mail = server.service("mail", "mail");
    server.person(ADA);
    wrong(&server, "people", "No administrator can sign in");
    let asked =
        json!({ "id": "eve@example.org", "name": "Eve", "password": PASSWORD, "administrator": true });
    server.admin().post("/accounts", &asked).json(201);
    warning(&server, "people", "1 administrator has no two-factor authentication");
    line(&doctor(&server), "fine", "services", "mail (mail): never used.");
    let question = Request::get("/door/http/mail").header("Doorkey-Service-Key", "dks_wrong");
    assert_eq!(server.ask(&question).status, 403);
    warning(&server, "services", "mail was asked for with a wrong key 1 time");
    server.admin().post("/groups", &json!({ "name": "staff" })).json(201);
    server.admin().patch("/services/mail", &json!({ "groups": ["staff"] })).with(200);
    warning(&server, "services", "mail (mail) is kept to groups with nobody in them");
    server.admin().put(&format!("/groups/staff/members/{ADA}")).with(204);
    line(&doctor(&server), "fine", "services", "mail (mail): never used.");
    drop(mail);
}

#[test]
fn a_mail_server_that_is_gone_or_refuses() {
    let nobody = Sink::nowhere();
    let server = started(&mail_settings(&format!("smtp://{nobody}")));
    server.administrator(ADA);
    let said = wrong(&server, "mail", &format!("{nobody} can't be reached"));
    assert!(said.contains("Look at [mail] smtp"), "{said}");
    server.admin().post("/accounts", &json!({ "id": "bob@example.org", "name": "Bob" })).json(201);
    server.stop().with(0);
    let refuses = Sink::that(Encrypts::Never, |asked| (asked == "AUTH").then(|| "535 no".to_owned()));
    let server = started(&mail_settings(&format!("smtp://u:p@{}", refuses.address)));
    wrong(&server, "mail", "doesn't take the user and password of [mail] smtp");
    assert_eq!(refuses.count(), 0);
}

#[test]
fn a_question_that_it_did_not_ask_is_no_question() {
    let server = Server::start();
    assert_eq!(server.ask(&Request::get("/health/probe/00000000000000000000000000000000")).status, 404);
}
