//! Dovecot with the configuration that is shipped for it: IMAP, POP3, ManageSieve and submission.

use std::process::Command;

use serde_json::json;

use crate::{
    doorkey,
    parts::{Caddy, Dovecot, Recorder, command},
    support::{Data, Person, Server},
};

const ADA: &str = "ada@example.org";

/// A Doorkey with a service for mail, and a Dovecot that asks it.
struct House {
    doorkey: Server,
    dovecot: Dovecot,
    door: String,
}

impl House {
    fn open() -> Self {
        let settings = [
            ("DOORKEY__HTTP__TRUSTED_PROXIES", "127.0.0.1"),
            ("DOORKEY__ACCOUNTS__DEFAULT_DOMAIN", "example.org"),
        ];
        let (doorkey, url) = doorkey::new_with(Data::new(), "127.0.0.1", &settings);
        doorkey.start_again();
        let key = doorkey.service("mail", "mail").key;
        let door = format!("{url}/door/http/mail");
        let dovecot = Dovecot::start(&door, &key);
        Self { doorkey, dovecot, door }
    }

    fn ada(&self) -> Person<'_> {
        self.doorkey.person(ADA)
    }

    fn lets_in(&self, name: &str, secret: &str) -> bool {
        let answer = self.dovecot.log_in(name, secret).0;
        assert!(answer.starts_with("OK") || answer.starts_with("NO [AUTHENTICATIONFAILED]"), "{answer}");
        answer.starts_with("OK")
    }
}

#[track_caller]
fn begin<const N: usize>(answers: &[String; N], with: [&str; N]) {
    for (answer, begin) in answers.iter().zip(with) {
        assert!(answer.starts_with(begin), "{begin}: {answers:?}");
    }
}

const YES: [&str; 4] = ["OK", "+OK", "OK", "235 "];
const NO: [&str; 4] = ["NO [AUTHENTICATIONFAILED]", "-ERR [AUTH]", "NO \"", "535 5.7.8"];
const OUTAGE: [&str; 4] = ["NO [UNAVAILABLE]", "-ERR [SYS/TEMP]", "NO (TRYLATER)", "454 4.7.0"];

#[test]
fn the_person_sees_where_the_app_is() {
    let house = House::open();
    let ada = house.ada();
    let mail = ada.generate("Phone", "mail");
    let folder = tempfile::tempdir().unwrap();
    let server = format!("imap://127.0.0.1:{}/INBOX", house.dovecot.imap);
    let sign_in = format!("{ADA}:{}", mail.password);
    let curl = |more: &[&str]| {
        let arguments = ["--silent", "--show-error", "--interface", "127.0.0.7", "--user", &sign_in, &server];
        command("curl", folder.path()).args(arguments).args(more).output().unwrap()
    };
    std::fs::write(folder.path().join("letter"), "Subject: Engines\r\n\r\nWhat the engine does.\r\n")
        .unwrap();
    let sent = curl(&["--upload-file", "letter"]);
    assert!(sent.status.success(), "{sent:?}");
    let found = curl(&["--request", "SEARCH SUBJECT Engines"]);
    assert_eq!(String::from_utf8(found.stdout).unwrap().trim(), "* SEARCH 1");
    house.doorkey.restart();
    let used = &ada.listed(&mail)["last_use"];
    assert_eq!((&used["service"], &used["source"]), (&json!("mail"), &json!("127.0.0.7")));
    ada.revoke(&mail).with(200);
    // 67: the login was denied.
    assert_eq!(curl(&[]).status.code(), Some(67));
}

#[test]
fn a_new_mail_comes_by_itself_to_an_app_that_waits() {
    let house = House::open();
    let mail = house.ada().generate("Phone", "mail").password;
    let (_, mut waits) = house.dovecot.log_in(ADA, &mail);
    assert!(waits.command("SELECT INBOX").starts_with("OK"));
    waits.say("a IDLE");
    waits.until("+");
    let open = house.dovecot.doveadm(&json!(["who", {}, "open"]));
    assert_eq!((&open[0], &open[1][0]["username"]), (&json!("doveadmResponse"), &json!(ADA)), "{open}");
    let (_, mut other) = house.dovecot.log_in("ada", &mail);
    other.say("a APPEND INBOX {3}");
    other.until("+");
    other.say("a:b");
    other.until("a OK");
    waits.until("* 1 EXISTS");
}

/// What an app on a desktop does all day, which asks its person for nothing.
#[test]
fn mbsync_goes_on_after_an_outage() {
    let house = House::open();
    let ada = house.ada();
    let mail = ada.generate("Laptop", "mail");
    let folder = tempfile::tempdir().unwrap();
    let settings = format!(
        "IMAPAccount doorkey\nHost 127.0.0.1\nPort {}\nUser {ADA}\nPass {}\nSSLType None\nAuthMechs LOGIN\n\n\
         IMAPStore there\nAccount doorkey\n\nMaildirStore here\nPath here/\nInbox here/INBOX\n\n\
         Channel mail\nFar :there:\nNear :here:\nPatterns INBOX\nCreate Near\n",
        house.dovecot.imap, mail.password
    );
    std::fs::write(folder.path().join("mbsyncrc"), settings).unwrap();
    std::fs::create_dir(folder.path().join("here")).unwrap();
    let sync = || command("mbsync", folder.path()).args(["-c", "mbsyncrc", "mail"]).output().unwrap();
    let here = || {
        let count = |part: &str| {
            std::fs::read_dir(folder.path().join("here/INBOX").join(part)).map_or(0, Iterator::count)
        };
        count("new") + count("cur")
    };
    let deliver = || {
        let (_, mut app) = house.dovecot.log_in(ADA, &mail.password);
        app.say("a APPEND INBOX {9}");
        app.until("+");
        app.say("a: b\r\n\r\nc");
        app.until("a OK");
    };
    deliver();
    let synced = sync();
    assert!(synced.status.success(), "{synced:?}");
    assert_eq!(here(), 1);
    deliver();
    house.doorkey.kill();
    let away = sync();
    assert!(!away.status.success());
    assert!(!String::from_utf8_lossy(&away.stderr).contains("AUTHENTICATIONFAILED"), "{away:?}");
    house.doorkey.start_again();
    let synced = sync();
    assert!(synced.status.success(), "{synced:?}");
    assert_eq!(here(), 2);
}

/// Mailboxes may be named by the part before the @, for one domain.
#[test]
fn one_domain_can_be_left_away() {
    let house = House::open();
    let (ada, other) = (house.ada(), house.doorkey.person("ada@example.com"));
    let key = house.doorkey.admin().post("/services/mail/key", &json!({})).json(200);
    let more = format!("{}\nstrip_domain = example.org", key["key"].as_str().unwrap());
    let dovecot = Dovecot::start(&house.door, &more);
    for person in [&ada, &other] {
        let mail = person.generate("Phone", "mail").password;
        let (answer, mut app) = dovecot.log_in(&person.id, &mail);
        assert!(answer.starts_with("OK"), "{answer}");
        assert!(app.command("SELECT INBOX").starts_with("OK"));
    }
    assert_eq!(dovecot.mailboxes(), ["ada", "ada@example.com"]);
}

#[test]
fn it_asks_by_tls_and_looks_whose_certificate_it_is_shown() {
    let house = House::open();
    let mail = house.ada().generate("Phone", "mail").password;
    let key = house.doorkey.admin().post("/services/mail/key", &json!({})).json(200);
    let key = key["key"].as_str().unwrap();
    let tls = Caddy::start_tls(house.door.split('/').nth(2).unwrap());
    let door = format!("https://localhost:{}/door/http/mail", tls.port(0));
    let knows = format!("ssl_client_ca_file = {}", tls.authority());
    let dovecot = Dovecot::start_with(&door, key, &knows);
    begin(&[dovecot.log_in(ADA, &mail).0], [YES[0]]);
    // It doesn't show the key to a stranger.
    let dovecot = Dovecot::start_with(&door, key, "ssl_client_ca_dir = /etc/ssl/certs");
    begin(&[dovecot.log_in(ADA, &mail).0], [OUTAGE[0]]);
}

/// What a cache with the wrong key answers wrongly.
#[test]
fn each_password_is_looked_at_by_itself() {
    let house = House::open();
    let ada = house.ada();
    let [a, b, c] = ["Phone", "Laptop", "Old phone"].map(|label| ada.generate(label, "mail"));
    ada.revoke(&c).with(200);
    let answers = [&a, &a, &b, &a, &c, &b, &a].map(|used| house.lets_in(ADA, &used.password));
    assert_eq!(answers, [true, true, true, true, false, true, true]);
    ada.revoke(&a).with(200);
    assert!(!house.lets_in(ADA, &a.password), "at once");
    assert!(house.lets_in(ADA, &b.password));
}

#[test]
fn every_protocol_asks_and_tells_the_mailboxes_owner_alike() {
    let house = House::open();
    let ada = house.ada();
    let alias = json!({ "alias": "lovelace@example.org" });
    house.doorkey.admin().post(&format!("/accounts/{ADA}/aliases"), &alias).with(201);
    let mail = ada.generate("Phone", "mail").password;
    for name in [ADA, "ada", "ADA@Example.ORG", "lovelace@example.org"] {
        begin(&house.dovecot.answers(name, &mail), YES);
        // As people read it off a page.
        assert!(house.lets_in(name, &mail.to_uppercase().replace('-', "")));
    }
    assert_eq!(house.dovecot.mailboxes(), [ADA]);
    for (name, secret) in [
        (ADA, "abcd-efgh-ijkl-mnop-qrst-uvwx"),
        (ADA, &ada.password),
        (ADA, ""),
        ("nobody@example.org", &mail),
    ] {
        begin(&house.dovecot.answers(name, secret), NO);
    }
    assert!(!house.dovecot.log().contains(&mail));
}

#[test]
fn a_password_for_calendars_is_refused_and_the_person_sees_why() {
    let house = House::open();
    let ada = house.ada();
    let calendars = ada.generate("Calendar on laptop", "calendars");
    begin(&house.dovecot.answers(ADA, &calendars.password), NO);
    house.dovecot.logs("the password is good, but not for this service or person");
    house.doorkey.restart();
    let told = &ada.told("refused")[0];
    let sentence = "At mail, 4 sign-ins were refused with a password of yours that is for something else.";
    assert_eq!(told["sentence"], sentence);
    // And the other way round.
    let calendar = house.doorkey.service("calendar", "calendars");
    assert_eq!(calendar.status(ADA, &ada.generate("Phone", "mail").password), 403);
}

#[test]
fn an_outage_is_never_a_wrong_password() {
    let house = House::open();
    let ada = house.ada();
    let mail = ada.generate("Phone", "mail").password;
    begin(&house.dovecot.answers(ADA, &mail), YES);

    house.doorkey.kill();
    begin(&house.dovecot.answers(ADA, &mail), OUTAGE);
    begin(&house.dovecot.answers(ADA, "wrong"), OUTAGE);
    house.doorkey.start_again();
    begin(&house.dovecot.answers(ADA, &mail), YES);

    // A server that says nothing, for longer than anyone wants to wait.
    signal(&house.doorkey, "STOP");
    begin(&[house.dovecot.log_in(ADA, &mail).0], [OUTAGE[0]]);
    signal(&house.doorkey, "CONT");
    begin(&house.dovecot.answers(ADA, &mail), YES);
}

fn signal(server: &Server, signal: &str) {
    let process = server.process().to_string();
    assert!(Command::new("kill").args(["-s", signal, &process]).status().unwrap().success());
}

/// A mistake in the set-up isn't a wrong password either.
#[test]
fn a_wrong_key_is_told_to_the_log_and_a_right_one_needs_no_reload() {
    let house = House::open();
    let mail = house.ada().generate("Phone", "mail").password;
    assert!(house.lets_in(ADA, &mail));
    let made = house.doorkey.admin().post("/services/mail/key", &json!({})).json(200);
    begin(&house.dovecot.answers(ADA, &mail), OUTAGE);
    house.dovecot.logs("it refuses the service's key");
    house.dovecot.set(&house.door, made["key"].as_str().unwrap());
    begin(&house.dovecot.answers(ADA, &mail), YES);
}

/// Whatever answers there: only Doorkey's own words count.
#[test]
fn what_is_not_doorkey_says_neither_yes_nor_no() {
    for answer in ["200 OK", "401 Unauthorized", "404 Not Found", "302 Found", "502 Bad Gateway"] {
        let other = Recorder::start(&format!("HTTP/1.1 {answer}"));
        let dovecot = Dovecot::start(&format!("http://{}/door/http/mail", other.authority()), "dks_key");
        begin(&[dovecot.log_in(ADA, "abcd-efgh-ijkl-mnop-qrst-uvwx").0], [OUTAGE[0]]);
    }
}
