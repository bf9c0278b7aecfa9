//! nginx as a proxy for mail, with the configuration that a service's page shows: it asks at the mail-proxy door, and goes on to
//! Dovecot and to a mail server.

use crate::{
    doorkey::{self, Doors},
    parts::{Dovecot, Lines, Nginx, change, plain, shipped_files},
    postfix::swaks,
    support::{Encrypts, Sink},
};

const ADA: &str = "ada@example.org";

struct House {
    doors: Doors,
    nginx: Nginx,
    dovecot: Dovecot,
    sink: Sink,
}

impl House {
    fn open() -> Self {
        let doors = doorkey::with_doors("mail");
        let key = doors.server.service("mail", "mail").key;
        let dovecot = Dovecot::start(&format!("{}/door/http/mail", doors.url), &key);
        let sink = Sink::that(Encrypts::Never, |_| None);
        let [text] = shipped_files("nginx-mail", &doors.values("mail", &key)).try_into().unwrap();
        let text = change(&text, "127.0.0.1:10143", &format!("127.0.0.1:{}", dovecot.imap));
        let text = change(&text, "127.0.0.1:10025", &sink.address.to_string());
        let nginx = Nginx::start_mail(&text, ["143", "587"]);
        Self { doors, nginx, dovecot, sink }
    }

    fn imap(&self, name: &str, secret: &str) -> String {
        Lines::imap(self.nginx.port(0)).log_in(name, secret)
    }

    fn smtp(&self, secret: &str) -> (Option<i32>, String) {
        swaks(self.nginx.port(1), "PLAIN", ADA, secret, &[])
    }
}

#[test]
fn who_is_let_in_comes_to_the_servers_behind_it_and_nobody_else() {
    let house = House::open();
    let ada = house.doors.server.person(ADA);
    let (mail, calendars) = (ada.generate("Phone", "mail"), ada.generate("Calendar", "calendars"));
    let mut app = Lines::imap(house.nginx.port(0));
    assert!(app.log_in("Ada", &mail.password).starts_with("OK"));
    assert!(app.command("SELECT INBOX").starts_with("OK"));
    assert_eq!(house.dovecot.mailboxes(), [ADA]);
    let (code, said) = house.smtp(&mail.password);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(house.sink.mail().header("Subject").as_deref(), Some("Engines"));

    let why = "NO [AUTHENTICATIONFAILED] This password was made for something else";
    assert_eq!(house.imap(ADA, &calendars.password), why);
    ada.revoke(&mail).with(200);
    assert!(house.imap(ADA, &mail.password).starts_with("NO [AUTHENTICATIONFAILED]"));
    let (code, said) = house.smtp(&mail.password);
    assert_eq!(code, Some(28), "{said}");
    assert!(said.contains("535 5.7.8"), "{said}");
}

#[test]
fn while_doorkey_is_away_nobody_hears_that_the_password_is_wrong() {
    let house = House::open();
    let mail = house.doors.server.person(ADA).generate("Phone", "mail").password;
    house.doors.server.kill();
    let mut app = Lines::imap(house.nginx.port(0));
    app.say(&format!("a AUTHENTICATE PLAIN {}", plain(ADA, &mail)));
    assert_eq!(app.hear().as_deref(), Some("* BAD internal server error"));
    let (_, said) = house.smtp(&mail);
    assert!(said.contains("451 4.3.2 Internal server error"), "{said}");
    house.doors.server.start_again();
    assert!(house.imap(ADA, &mail).starts_with("OK"));
}
