//! The main job: calendars and contacts in Radicale, which knows nothing of passwords, behind nginx or Caddy with the configuration
//! that the service's page shows, reached by vdirsyncer with app-specific passwords.

use crate::{
    doorkey,
    parts::{Caddy, Kind, Login, Nginx, Radicale, Vdirsyncer, change, shipped},
    support::{Address, AppPassword, Person, Request, Server, basic},
};

/// The person, as Radicale has to come to know her.
const ADA: &str = "ada@example.org";
/// The same, as a phone's keyboard writes it.
const ADA_TYPED: &str = "Ada@Example.ORG";

/// What stands in front of Radicale.
#[derive(Clone, Copy)]
enum Front {
    Nginx,
    Caddy,
}

enum Running {
    Nginx(Nginx),
    Caddy(Caddy),
}

/// A Doorkey, and a Radicale that is reached at two addresses: one service for calendars, one for contacts.
struct House {
    doorkey: Server,
    radicale: Radicale,
    front: Running,
}

impl House {
    fn open(front: Front) -> Self {
        let (doorkey, url) = doorkey::start_at("127.0.0.1");
        let radicale = Radicale::start();
        let text = |server, service: &str, kinds| {
            let key = doorkey.service(service, kinds).key;
            change(&shipped(server, &url, service, &key), "127.0.0.1:5232", &radicale.authority)
        };
        let both = |server| [text(server, "calendar", "calendars"), text(server, "addresses", "contacts")];
        let front = match front {
            Front::Nginx => Running::Nginx(Nginx::start(&both("nginx"))),
            Front::Caddy => Running::Caddy(Caddy::start(&both("caddy"))),
        };
        Self { doorkey, radicale, front }
    }

    fn address(&self, kind: Kind) -> Address {
        let number = match kind {
            Kind::Calendars => 0,
            Kind::Contacts => 1,
        };
        match &self.front {
            Running::Nginx(nginx) => nginx.address(number),
            Running::Caddy(caddy) => caddy.address(number),
        }
    }

    /// What has to be entered in an app.
    fn login<'a>(&self, kind: Kind, password: &'a AppPassword) -> Login<'a> {
        Login { kind, server: self.address(kind), user: ADA_TYPED, password: &password.password }
    }

    /// What an app is answered that asks with this password.
    fn status(&self, kind: Kind, password: &AppPassword) -> u16 {
        let login = basic(format!("{ADA_TYPED}:{}", password.password));
        let question = Request::new("PROPFIND", "/").header("Authorization", login).header("Depth", "0");
        self.address(kind).ask(&question).status
    }
}

fn one_of_each(ada: &Person<'_>) -> (AppPassword, AppPassword) {
    (ada.generate("Calendar on laptop", "calendars"), ada.generate("Contacts on laptop", "contacts"))
}

fn two_passwords_each_open_their_own(front: Front) {
    let house = House::open(front);
    let ada = house.doorkey.person(ADA);
    let (calendars, contacts) = one_of_each(&ada);
    let logins = || [house.login(Kind::Calendars, &calendars), house.login(Kind::Contacts, &contacts)];

    let laptop = Vdirsyncer::set_up(&logins());
    laptop.discover().with(0);
    laptop.add(Kind::Calendars, "lunch-with-grace");
    laptop.add(Kind::Contacts, "grace-hopper");
    laptop.sync().with(0);

    assert_eq!(house.radicale.people(), [ADA], "under the ID as Doorkey has it, whatever was typed");
    let on_server = house.radicale.items(ADA).concat();
    for item in ["UID:lunch-with-grace", "UID:grace-hopper"] {
        assert!(on_server.contains(item), "{item} has arrived: {on_server}");
    }

    let phone = Vdirsyncer::set_up(&logins());
    phone.discover().with(0);
    phone.sync().with(0);
    assert!(phone.items(Kind::Calendars).concat().contains("SUMMARY:lunch-with-grace"));
    assert!(phone.items(Kind::Contacts).concat().contains("FN:grace-hopper"));

    // And back: what the second one adds comes to the first.
    phone.add(Kind::Calendars, "tea-with-alan");
    phone.sync().with(0);
    laptop.sync().with(0);
    assert!(laptop.items(Kind::Calendars).concat().contains("SUMMARY:tea-with-alan"));

    // Uses are written down every few seconds, and at the latest by a stop.
    house.doorkey.restart();
    let used = &ada.listed(&calendars)["last_use"];
    assert_eq!(used["service"], "calendar", "{used}");
}

#[test]
fn behind_nginx_two_passwords_each_open_their_own() {
    two_passwords_each_open_their_own(Front::Nginx);
}

#[test]
fn behind_caddy_two_passwords_each_open_their_own() {
    two_passwords_each_open_their_own(Front::Caddy);
}

fn one_password_may_open_both(front: Front) {
    let house = House::open(front);
    let both = house.doorkey.person(ADA).generate("Laptop", "calendars,contacts");
    let laptop =
        Vdirsyncer::set_up(&[house.login(Kind::Calendars, &both), house.login(Kind::Contacts, &both)]);
    laptop.discover().with(0);
    laptop.add(Kind::Calendars, "lunch-with-grace");
    laptop.add(Kind::Contacts, "grace-hopper");
    laptop.sync().with(0);
    assert_eq!(house.radicale.items(ADA).len(), 2);
}

#[test]
fn behind_nginx_one_password_may_open_both() {
    one_password_may_open_both(Front::Nginx);
}

#[test]
fn behind_caddy_one_password_may_open_both() {
    one_password_may_open_both(Front::Caddy);
}

fn a_password_of_the_wrong_kind_is_refused(front: Front) {
    let house = House::open(front);
    let (calendars, contacts) = one_of_each(&house.doorkey.person(ADA));
    // A person who put each into the wrong place.
    for login in [house.login(Kind::Calendars, &contacts), house.login(Kind::Contacts, &calendars)] {
        let laptop = Vdirsyncer::set_up(&[login]);
        laptop.discover().with(1).said("403");
    }
    assert_eq!(house.status(Kind::Calendars, &contacts), 403);
    assert_eq!(house.status(Kind::Contacts, &calendars), 403);
    assert!(house.radicale.people().is_empty(), "Radicale wasn't asked");
}

#[test]
fn behind_nginx_a_password_of_the_wrong_kind_is_refused() {
    a_password_of_the_wrong_kind_is_refused(Front::Nginx);
}

#[test]
fn behind_caddy_a_password_of_the_wrong_kind_is_refused() {
    a_password_of_the_wrong_kind_is_refused(Front::Caddy);
}

fn a_revoked_password_is_out_and_the_other_goes_on(front: Front) {
    let house = House::open(front);
    let ada = house.doorkey.person(ADA);
    let (calendars, contacts) = one_of_each(&ada);
    let calendar_app = Vdirsyncer::set_up(&[house.login(Kind::Calendars, &calendars)]);
    let contacts_app = Vdirsyncer::set_up(&[house.login(Kind::Contacts, &contacts)]);
    for app in [&calendar_app, &contacts_app] {
        app.discover().with(0);
        app.sync().with(0);
    }

    ada.revoke(&calendars).with(200);

    calendar_app.add(Kind::Calendars, "lunch-with-grace");
    calendar_app.sync().with(1).said("401");
    assert!(house.radicale.items(ADA).is_empty(), "nothing more gets in");
    contacts_app.add(Kind::Contacts, "grace-hopper");
    contacts_app.sync().with(0);
    assert_eq!(house.radicale.items(ADA).len(), 1);
    house.doorkey.restart();
    let tried = &ada.listed(&calendars)["tried_after_end"];
    assert_eq!(tried["service"], "calendar", "{tried}");
}

#[test]
fn behind_nginx_a_revoked_password_is_out_and_the_other_goes_on() {
    a_revoked_password_is_out_and_the_other_goes_on(Front::Nginx);
}

#[test]
fn behind_caddy_a_revoked_password_is_out_and_the_other_goes_on() {
    a_revoked_password_is_out_and_the_other_goes_on(Front::Caddy);
}

fn while_doorkey_is_away_nobody_hears_that_the_password_is_wrong(front: Front) {
    let house = House::open(front);
    let (calendars, _) = one_of_each(&house.doorkey.person(ADA));
    let laptop = Vdirsyncer::set_up(&[house.login(Kind::Calendars, &calendars)]);
    laptop.discover().with(0);
    laptop.sync().with(0);

    house.doorkey.kill();
    laptop.add(Kind::Calendars, "lunch-with-grace");
    let failed = laptop.sync().with(1);
    // An app that hears 401 asks for the password again, or forgets it.
    assert!(!failed.err.contains("401") && !failed.out.contains("401"), "{}{}", failed.out, failed.err);
    let status = house.status(Kind::Calendars, &calendars);
    assert!((500..600).contains(&status), "{status}");
    assert!(house.radicale.items(ADA).is_empty());

    house.doorkey.start_again();
    laptop.sync().with(0);
    assert!(house.radicale.items(ADA).concat().contains("UID:lunch-with-grace"));
}

#[test]
fn behind_nginx_while_doorkey_is_away_nobody_hears_that_the_password_is_wrong() {
    while_doorkey_is_away_nobody_hears_that_the_password_is_wrong(Front::Nginx);
}

#[test]
fn behind_caddy_while_doorkey_is_away_nobody_hears_that_the_password_is_wrong() {
    while_doorkey_is_away_nobody_hears_that_the_password_is_wrong(Front::Caddy);
}
