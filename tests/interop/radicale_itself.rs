//! Radicale 3.5, which asks by itself, with the configuration that a service's page shows: at the LDAP door, or at the SASL door.

use crate::{
    doorkey::{self, Doors},
    parts::{Kind, Login, Radicale, Vdirsyncer, shipped_files},
    support::{Address, Person, Request, basic},
};

const ADA: &str = "ada@example.org";

struct House {
    doors: Doors,
    radicale: Radicale,
}

impl House {
    fn open(id: &str) -> Self {
        let doors = doorkey::with_doors("calendar");
        let key = doors.server.service("calendar", "contacts,calendars").key;
        let [text] = shipped_files(id, &doors.values("calendar", &key)).try_into().unwrap();
        let radicale = Radicale::start_newer(&text);
        Self { doors, radicale }
    }

    fn ada(&self) -> Person<'_> {
        self.doors.server.person(ADA)
    }

    fn address(&self) -> Address {
        Address::Tcp(self.radicale.authority.parse().unwrap())
    }

    fn status(&self, name: &str, secret: &str) -> u16 {
        let question = Request::new("PROPFIND", "/").header("Depth", "0");
        self.address().ask(&question.header("Authorization", basic(format!("{name}:{secret}")))).status
    }

    /// What both ways have in common.
    fn lets_in_whom_it_should(&self) {
        let ada = self.ada();
        let (calendars, mail) = (ada.generate("Laptop", "calendars"), ada.generate("Phone", "mail"));
        let login =
            Login { kind: Kind::Calendars, server: self.address(), user: ADA, password: &calendars.password };
        let laptop = Vdirsyncer::set_up(&[login]);
        laptop.discover().with(0);
        laptop.add(Kind::Calendars, "lunch-with-grace");
        laptop.sync().with(0);
        assert!(self.radicale.items(ADA).concat().contains("UID:lunch-with-grace"));
        assert_eq!(self.status(ADA, &mail.password), 401);
        assert_eq!(self.status(ADA, &ada.password), 401);
        ada.revoke(&calendars).with(200);
        assert_eq!(self.status(ADA, &calendars.password), 401);
        self.doors.server.restart();
        let told = ada.told("refused");
        let why = "At calendar, 1 sign-in was refused with a password of yours that is for something else.";
        assert!(told.iter().any(|event| event["sentence"] == why), "{told:#?}");
    }
}

#[test]
fn by_ldap_it_lets_in_whom_it_should() {
    House::open("radicale-ldap").lets_in_whom_it_should();
}

#[test]
fn by_sasl_it_lets_in_whom_it_should() {
    House::open("radicale-sasl").lets_in_whom_it_should();
}

#[test]
fn by_ldap_whatever_is_typed_is_one_person_and_an_outage_is_no_wrong_password() {
    let house = House::open("radicale-ldap");
    let calendars = house.ada().generate("Laptop", "calendars").password;
    for name in [ADA, "ada", "ADA@Example.ORG"] {
        assert_eq!(house.status(name, &calendars), 207);
    }
    assert_eq!(house.radicale.people(), [ADA]);
    house.doors.server.kill();
    assert_eq!(house.status(ADA, &calendars), 500);
    house.doors.server.start_again();
    assert_eq!(house.status(ADA, &calendars), 207);
}

/// What its page and docs/integrations/radicale.md warn of.
#[test]
fn by_sasl_an_outage_is_told_as_a_wrong_password() {
    let house = House::open("radicale-sasl");
    let calendars = house.ada().generate("Laptop", "calendars").password;
    assert_eq!(house.status(ADA, &calendars), 207);
    house.doors.server.kill();
    assert_eq!(house.status(ADA, &calendars), 401);
}
