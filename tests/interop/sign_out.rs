//! What is open at a real Dovecot when a password is taken back.

use std::time::Duration;

use serde_json::json;

use crate::{
    doorkey,
    parts::{DOVEADM_KEY, Dovecot, Lines},
    support::{Data, Server, since, until},
};

const ADA: &str = "ada@example.org";
/// How long a sign-out may take, from the revoke's answer on.
const AT_ONCE: Duration = Duration::from_secs(2);

fn waits(dovecot: &Dovecot, secret: &str) -> Lines {
    let (answer, mut app) = dovecot.log_in(ADA, secret);
    assert!(answer.starts_with("OK"), "{answer}");
    assert!(app.command("SELECT INBOX").starts_with("OK"));
    app.say("a IDLE");
    app.until("+");
    app
}

/// By Dovecot 2.3 all sessions of the person end, so the other app has to come back, as apps do.
#[test]
fn an_idle_connection_ends_within_two_seconds_of_the_revoke() {
    let (doorkey, url): (Server, String) = doorkey::new_with(Data::new(), "127.0.0.1", &[]);
    doorkey.start_again();
    let key = doorkey.service("mail", "mail").key;
    let dovecot = Dovecot::start(&format!("{url}/door/http/mail"), &key);
    let ada = doorkey.person(ADA);
    let (phone, laptop) = (ada.generate("Phone", "mail"), ada.generate("Laptop", "mail"));
    let mut apps = [waits(&dovecot, &phone.password), waits(&dovecot, &laptop.password)];
    let doveadm = format!("http://127.0.0.1:{}", dovecot.doveadm);
    let set = |key: &str| {
        let asked = json!({ "way": "dovecot_user", "url": doveadm, "key": key });
        doorkey.admin().send("PUT", "/services/mail/sign-out", Some(&asked)).with(200);
    };
    let state = || doorkey.admin().get("/services/mail/sign-out").json(200);
    set(DOVEADM_KEY);
    ada.revoke(&phone).with(200);
    let waited = since();
    for app in &mut apps {
        app.until("* BYE");
        while app.hear().is_some() {}
    }
    assert!(waited() < AT_ONCE, "{:?}", waited());
    println!("both connections ended {:?} after the revoke's answer", waited());
    assert!(dovecot.log_in(ADA, &phone.password).0.starts_with("NO [AUTHENTICATIONFAILED]"));
    let mut laptop_again = waits(&dovecot, &laptop.password);
    until(|| !ada.told("signed_out_at").is_empty());
    // Once more after the log-in time. Then nobody has anything open, which is no failure.
    doorkey.clock.move_by(200);
    doorkey.service("wakes", "other");
    laptop_again.until("* BYE");
    ada.revoke(&laptop).with(200);
    until(|| state()["waiting"] == 0);
    assert!(state()["failure"].is_null() && state()["done_at"].is_string(), "{}", state());
    assert_eq!(ada.told("signed_out_at").len(), 1);
    // With a wrong key Dovecot says so, and it is told.
    set("wrong");
    ada.revoke(&ada.generate("Tablet", "mail")).with(200);
    until(|| state()["failure"]["said"].as_str().is_some_and(|why| why.contains("refused the key")));
}
