//! Postfix with the configuration that a service's page shows: it asks at the SASL door. swaks is the app.

use std::process::Output;

use crate::{
    doorkey::{self, Doors},
    parts::{Lines, Postfix, command, shipped_files},
    support::{Encrypts, Person, Sink},
};

const ADA: &str = "ada@example.org";

struct House {
    doors: Doors,
    postfix: Postfix,
    sink: Sink,
}

impl House {
    fn open() -> Self {
        let doors = doorkey::with_doors("mail");
        let key = doors.server.service("mail", "mail").key;
        let [main, submission] = shipped_files("postfix", &doors.values("mail", &key)).try_into().unwrap();
        let sink = Sink::that(Encrypts::Never, |_| None);
        let postfix = Postfix::start(&main, &submission, sink.address);
        Self { doors, postfix, sink }
    }

    fn ada(&self) -> Person<'_> {
        self.doors.server.person(ADA)
    }
}

/// Submits a mail, signed in like this, and gives what was said.
pub fn swaks(port: u16, mechanism: &str, name: &str, secret: &str, more: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let server = format!("127.0.0.1:{port}");
    let Output { status, stdout, stderr } = command("swaks", folder.path())
        .args(["--server", &server, "--from", ADA, "--to", "grace@example.com", "--timeout", "60"])
        .args(["--auth", mechanism, "--auth-user", name, "--auth-password", secret])
        .args(["--helo", "app.example.org", "--header", "Subject: Engines"])
        .args(more)
        .output()
        .unwrap();
    let said = [stdout, stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    (status.code(), said)
}

#[track_caller]
fn is_refused(house: &House, secret: &str, with: &str) {
    for mechanism in ["PLAIN", "LOGIN"] {
        let (code, said) = swaks(house.postfix.port, mechanism, ADA, secret, &["--tls"]);
        // 28: it couldn't sign in.
        assert_eq!(code, Some(28), "{said}");
        assert!(said.contains(with), "{said}");
    }
}

#[test]
fn a_mail_goes_out_with_a_password_for_mail_and_with_no_other() {
    let house = House::open();
    let ada = house.ada();
    let (mail, calendars) = (ada.generate("Phone", "mail"), ada.generate("Calendar", "calendars"));
    for (mechanism, name) in [("PLAIN", ADA), ("LOGIN", "Ada")] {
        let (code, said) = swaks(house.postfix.port, mechanism, name, &mail.password, &["--tls"]);
        assert_eq!(code, Some(0), "{said}");
    }
    let sent = house.sink.mails(2);
    assert_eq!(sent[0].header("Subject").as_deref(), Some("Engines"));
    is_refused(
        &house,
        &calendars.password,
        "535 5.7.8 Error: authentication failed: This password was made for something else.",
    );
    is_refused(&house, &ada.password, "535 5.7.8");
    ada.revoke(&mail).with(200);
    is_refused(&house, &mail.password, "535 5.7.8");
    house.doors.server.restart();
    assert_eq!(ada.listed(&mail)["last_use"]["source"], "127.0.0.1");
    let told = ada.told("refused");
    let sentence = "At mail, 2 sign-ins were refused with a password of yours that is for something else.";
    assert!(told.iter().any(|event| event["sentence"] == sentence), "{told:#?}");
    // Nothing goes over the network that isn't encrypted.
    let (code, said) = swaks(house.postfix.port, "PLAIN", ADA, &mail.password, &[]);
    assert_eq!(code, Some(28), "{said}");
    assert!(!said.contains("250-AUTH"), "{said}");
}

#[test]
fn while_doorkey_is_away_it_says_later() {
    let house = House::open();
    let mail = house.ada().generate("Phone", "mail").password;
    let (code, said) = swaks(house.postfix.port, "PLAIN", ADA, &mail, &["--tls"]);
    assert_eq!(code, Some(0), "{said}");
    house.doors.server.kill();
    is_refused(&house, &mail, "454 4.7.0 Temporary authentication failure");
    // Others bring mail all the same.
    let mut other = Lines::open(house.postfix.smtp);
    other.until("220 ");
    other.say("EHLO mail.example.com");
    other.until("250 ");
    house.doors.server.start_again();
    let (code, said) = swaks(house.postfix.port, "PLAIN", ADA, &mail, &["--tls"]);
    assert_eq!(code, Some(0), "{said}");
    house.sink.mails(2);
}
