//! The LDAP door, message by message. Real clients ask it in tests/interop.

use std::io::Write as _;

use ldap3_proto::proto::{
    LdapBindCred, LdapBindRequest, LdapExtendedRequest, LdapOp, LdapResultCode as Code,
    LdapSearchScope as Scope,
};
use serde_json::json;

use crate::support::{LdapClient, PASSWORD, Person, Server, ldap_values};

const ADA: &str = "ada@example.org";
const GRACE: &str = "grace@example.org";
const SETTINGS: &[(&str, &str)] =
    &[("DOORKEY__LDAP__LISTEN", "127.0.0.1:0"), ("DOORKEY__ACCOUNTS__DEFAULT_DOMAIN", "example.org")];
const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

fn dn(id: &str, service: &str) -> String {
    format!("uid={id},ou={service},dc=doorkey")
}

fn generate(person: &Person<'_>, kinds: &str) -> String {
    person.generate("Some app", kinds).password
}

#[test]
fn a_product_looks_somebody_up_and_binds_as_them() {
    let server = Server::start_with(SETTINGS);
    let mail = server.service("mail", "mail");
    let ada = server.person(ADA);
    let secret = generate(&ada, "mail");
    let mut product = LdapClient::connect(&server);
    let service = "cn=mail,ou=services,dc=doorkey";
    assert_eq!(product.bind(service, &mail.key).code, Code::Success);
    assert_eq!(product.who_am_i(), format!("dn:{service}"));
    let filter = "(&(objectClass=person)(|(uid=ada)(mail=ada)))";
    let found = product.search("ou=mail,dc=doorkey", Scope::Subtree, filter, &["*", "entryUUID"]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].dn, dn(ADA, "mail"));
    assert_eq!(ldap_values(&found[0], "uid"), [ADA, "ada"]);
    assert_eq!(ldap_values(&found[0], "mail"), [ADA]);
    assert_eq!(ldap_values(&found[0], "objectClass").last().unwrap(), "inetOrgPerson");
    assert_eq!(ldap_values(&found[0], "entryUUID")[0].len(), 36);
    // On the same connection: the person, the service again, the person with a wrong password, nobody.
    assert_eq!(product.bind(&found[0].dn, &secret).code, Code::Success);
    assert_eq!(product.who_am_i(), format!("dn:{}", dn(ADA, "mail")));
    assert_eq!(product.bind(service, &mail.key).code, Code::Success);
    assert_eq!(product.bind(&dn("ADA", "Mail"), &secret).code, Code::Success, "by template");
    assert_eq!(product.bind(&found[0].dn, "wrong").code, Code::InvalidCredentials);
    assert_eq!(product.who_am_i(), "", "a bind that fails leaves nobody bound");
    assert_eq!(product.bind(&found[0].dn, PASSWORD).code, Code::InvalidCredentials);
    assert_eq!(product.bind(&found[0].dn, "").code, Code::UnwillingToPerform);
    assert_eq!(product.bind(service, "").code, Code::UnwillingToPerform);
    assert_eq!(product.bind("", "").code, Code::Success);
    assert_eq!(product.bind(service, &secret).code, Code::InvalidCredentials);
    assert_eq!(product.bind("cn=other,ou=services,dc=doorkey", &mail.key).code, Code::InvalidCredentials);
    for nowhere in ["uid=ada,ou=other,dc=doorkey", "ou=mail,dc=doorkey", "uid=ada,dc=elsewhere", "uid=ada"] {
        assert_eq!(product.bind(nowhere, &secret).code, Code::InvalidCredentials, "{nowhere}");
    }
    assert_eq!(product.bind("ada", &secret).code, Code::InvalidDNSyntax);
}

#[test]
fn a_password_for_something_else_is_told_from_a_wrong_one() {
    let server = Server::start_with(SETTINGS);
    server.service("mail", "mail");
    let ada = server.person(ADA);
    let calendars = generate(&ada, "calendars");
    let mut client = LdapClient::connect(&server);
    let refused = client.bind(&dn(ADA, "mail"), &calendars);
    assert_eq!(refused.code, Code::InvalidCredentials);
    assert_eq!(refused.message, "The password is good, but was made for something else.");
    assert_eq!(client.bind(&dn(ADA, "mail"), "abcd-efgh-ijkl-mnop-qrst-uvwx").message, "");
}

#[test]
fn a_revoke_ends_what_was_bound_with_it_and_nothing_else() {
    let server = Server::start_with(SETTINGS);
    let mail = server.service("mail", "mail");
    let ada = server.person(ADA);
    let (phone, laptop) = (ada.generate("Phone", "mail"), ada.generate("Laptop", "mail"));
    let (mut on_phone, mut on_laptop, mut product) =
        (LdapClient::connect(&server), LdapClient::connect(&server), LdapClient::connect(&server));
    assert_eq!(on_phone.bind(&dn(ADA, "mail"), &phone.password).code, Code::Success);
    assert_eq!(on_laptop.bind(&dn(ADA, "mail"), &laptop.password).code, Code::Success);
    assert_eq!(product.bind("cn=mail,ou=services,dc=doorkey", &mail.key).code, Code::Success);
    ada.revoke(&phone).with(200);
    assert_eq!(on_phone.notice(), Code::Unavailable);
    assert_eq!(on_laptop.who_am_i(), format!("dn:{}", dn(ADA, "mail")));
    assert_eq!(
        product.found("dc=doorkey", Scope::Subtree, "(uid=ada)"),
        [dn(ADA, "mail")],
        "the person is still seen"
    );
    assert_eq!(product.bind(&dn(ADA, "mail"), &phone.password).code, Code::InvalidCredentials);
    ada.api.delete("/app-passwords").with(200);
    assert_eq!(on_laptop.notice(), Code::Unavailable);
}

#[test]
fn nobody_sees_more_than_they_may() {
    let server = Server::start_with(SETTINGS);
    let (mail, _dav) = (server.service("mail", "mail"), server.service("dav", "calendars"));
    let (ada, _grace) = (server.person(ADA), server.person(GRACE));
    let secret = generate(&ada, "mail");
    let mut client = LdapClient::connect(&server);
    let (none, done, _) = client.search_page(("dc=doorkey", Scope::Subtree, "(objectClass=*)"), &[], 0, None);
    assert_eq!((none.len(), done.code), (0, Code::InsufficentAccessRights));
    assert_eq!(client.compare(&dn(ADA, "mail"), "uid", "ada"), Code::InsufficentAccessRights);
    // A service: its own branch, the groups, its own account.
    client.bind("cn=mail,ou=services,dc=doorkey", &mail.key);
    let everything = client.found("dc=doorkey", Scope::Subtree, "(objectClass=*)");
    assert_eq!(
        everything,
        [
            "dc=doorkey".into(),
            "ou=mail,dc=doorkey".into(),
            "ou=groups,dc=doorkey".into(),
            "ou=services,dc=doorkey".into(),
            "cn=mail,ou=services,dc=doorkey".into(),
            dn(ADA, "mail"),
            dn(GRACE, "mail")
        ]
    );
    for elsewhere in [
        "ou=dav,dc=doorkey",
        "uid=ada,ou=dav,dc=doorkey",
        "cn=dav,ou=services,dc=doorkey",
        "dc=other",
        "uid=x,ou=mail,dc=doorkey",
    ] {
        let (none, done, _) =
            client.search_page((elsewhere, Scope::Subtree, "(objectClass=*)"), &[], 0, None);
        assert_eq!((none.len(), done.code), (0, Code::NoSuchObject), "{elsewhere}");
    }
    // A person: themselves.
    client.bind(&dn(ADA, "mail"), &secret);
    assert_eq!(
        client.found("ou=mail,dc=doorkey", Scope::OneLevel, "(objectClass=person)"),
        [dn(ADA, "mail")]
    );
    assert_eq!(client.found(&dn(ADA, "mail"), Scope::Base, "(objectClass=*)"), [dn(ADA, "mail")]);
    let (none, done, _) =
        client.search_page((&dn(GRACE, "mail"), Scope::Base, "(objectClass=*)"), &[], 0, None);
    assert_eq!((none.len(), done.code), (0, Code::NoSuchObject));
    assert_eq!(client.compare(&dn(GRACE, "mail"), "uid", "grace"), Code::NoSuchObject);
}

#[test]
fn groups_tell_who_is_in_them_and_who_may_use_the_service_is_seen() {
    let server = Server::start_with(SETTINGS);
    let mail = server.service("mail", "mail");
    let (_ada, _grace) = (server.person(ADA), server.person(GRACE));
    let admin = server.admin();
    admin.post("/groups", &json!({ "name": "family" })).with(201);
    admin.send("PUT", &format!("/groups/family/members/{ADA}"), None).with(204);
    let mut client = LdapClient::connect(&server);
    client.bind("cn=mail,ou=services,dc=doorkey", &mail.key);
    let family = "cn=family,ou=groups,dc=doorkey";
    let member = dn(ADA, "mail");
    let found = client.search(
        "ou=groups,dc=doorkey",
        Scope::OneLevel,
        &format!("(&(objectClass=groupOfNames)(member=\"{member}\"))"),
        &[],
    );
    assert_eq!(found.iter().map(|entry| entry.dn.as_str()).collect::<Vec<_>>(), [family]);
    assert_eq!(ldap_values(&found[0], "member"), [member.as_str()]);
    assert_eq!(ldap_values(&found[0], "memberUid"), [ADA]);
    assert_eq!(
        client.found("dc=doorkey", Scope::Subtree, &format!("(memberOf=\"{family}\")")),
        [member.as_str()]
    );
    assert_eq!(client.compare(family, "member", &member), Code::CompareTrue);
    assert_eq!(client.compare(family, "member", &dn(GRACE, "mail")), Code::CompareFalse);
    assert_eq!(client.compare(family, "mail", "x"), Code::NoSuchAttribute);
    assert_eq!(client.compare(family, "shoeSize", "42"), Code::UndefinedAttributeType);
    // Once only the family may use it, only the family is there.
    admin.send("PATCH", "/services/mail", Some(&json!({ "groups": ["family"] }))).with(200);
    assert_eq!(
        client.found("ou=mail,dc=doorkey", Scope::OneLevel, "(objectClass=person)"),
        [member.as_str()]
    );
}

#[test]
fn everybody_comes_page_by_page_and_nobody_twice() {
    let server = Server::start_with(SETTINGS);
    let mail = server.service("mail", "mail");
    for number in 0..7 {
        server.person(&format!("person{number}@example.org"));
    }
    let mut client = LdapClient::connect(&server);
    client.bind("cn=mail,ou=services,dc=doorkey", &mail.key);
    let all = client.found("dc=doorkey", Scope::Subtree, "(objectClass=*)");
    assert_eq!(all.len(), 5 + 7);
    for size in 1..=13 {
        let (mut paged, mut cookie, mut pages) = (Vec::new(), Vec::new(), 0);
        loop {
            let page = Some((size, cookie));
            let (entries, done, next) =
                client.search_page(("dc=doorkey", Scope::Subtree, "(objectClass=*)"), &["1.1"], 0, page);
            assert_eq!(done.code, Code::Success);
            assert!(entries.len() <= usize::try_from(size).unwrap());
            paged.extend(entries.into_iter().map(|entry| entry.dn));
            (cookie, pages) = (next, pages + 1);
            if cookie.is_empty() {
                break;
            }
            assert!(pages < 20, "no end of pages");
        }
        assert_eq!(paged, all, "{size} at a time");
    }
    let (some, done, _) = client.search_page(("dc=doorkey", Scope::Subtree, "(uid=*)"), &[], 3, None);
    assert_eq!((some.len(), done.code), (3, Code::SizeLimitExceeded));
    let strange = Some((5, b"nonsense".to_vec()));
    let (_, done, _) = client.search_page(("dc=doorkey", Scope::Subtree, "(uid=*)"), &[], 0, strange);
    assert_eq!(done.code, Code::UnwillingToPerform);
}

#[test]
fn the_root_says_what_the_server_can_do() {
    let server = Server::start_with(SETTINGS);
    let mut client = LdapClient::connect(&server);
    let root = client.search("", Scope::Base, "(objectClass=*)", &[]).remove(0);
    assert_eq!(ldap_values(&root, "namingContexts"), ["dc=doorkey"]);
    assert_eq!(ldap_values(&root, "supportedLDAPVersion"), ["3"]);
    assert_eq!(ldap_values(&root, "supportedControl"), ["1.2.840.113556.1.4.319"]);
    assert_eq!(ldap_values(&root, "supportedExtension"), [WHO_AM_I], "there is no certificate for StartTLS");
    let schema = client.search("cn=subschema", Scope::Base, "(objectClass=subschema)", &["+", "*"]).remove(0);
    assert!(ldap_values(&schema, "attributeTypes").iter().any(|line| line.contains("'memberOf'")));
    let start_tls = LdapExtendedRequest { name: START_TLS.into(), value: None };
    let LdapOp::ExtendedResponse(refused) = client.ask(LdapOp::ExtendedRequest(start_tls)) else { panic!() };
    assert_eq!(refused.res.code, Code::Unavailable);
}

#[test]
fn nothing_is_changed_through_it() {
    let server = Server::start_with(SETTINGS);
    let mail = server.service("mail", "mail");
    server.person(ADA);
    let mut client = LdapClient::connect(&server);
    client.bind("cn=mail,ou=services,dc=doorkey", &mail.key);
    let LdapOp::DelResponse(refused) = client.ask(LdapOp::DelRequest(dn(ADA, "mail"))) else { panic!() };
    assert_eq!(refused.code, Code::UnwillingToPerform);
    assert_eq!(client.found("dc=doorkey", Scope::Subtree, "(uid=ada)"), [dn(ADA, "mail")]);
    let asked = LdapOp::BindRequest(LdapBindRequest {
        version: 2,
        dn: String::new(),
        cred: LdapBindCred::Simple(String::new()),
    });
    let LdapOp::BindResponse(old) = client.ask(asked) else { panic!() };
    assert_eq!(old.res.code, Code::ProtocolError);
}

#[test]
fn what_is_no_message_ends_its_connection_and_no_other() {
    let server = Server::start_with(SETTINGS);
    let mail = server.service("mail", "mail");
    let mut good = LdapClient::connect(&server);
    assert_eq!(good.bind("cn=mail,ou=services,dc=doorkey", &mail.key).code, Code::Success);
    let nested: Vec<u8> = (0..1000).flat_map(|_| [0x30_u8, 0x84, 0, 0, 0xff, 0xff]).collect();
    for broken in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0x30, 0x03, 0x02, 0x01, 0x01],
        vec![0xff; 100],
        vec![0x30, 0x05, 0x02, 0x01, 0x01, 0x7f, 0x00],
        [vec![0x30, 0x84, 0, 0, 0xff, 0xf0], nested].concat(),
    ] {
        let mut client = LdapClient::connect(&server);
        client.stream.write_all(&broken).unwrap();
        client.stream.shutdown(std::net::Shutdown::Write).unwrap();
        while client.next().is_some() {}
    }
    assert_eq!(good.who_am_i(), "dn:cn=mail,ou=services,dc=doorkey");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_service_cannot_take_the_name_of_a_branch() {
    let server = Server::start_with(SETTINGS);
    for name in ["groups", "services"] {
        let asked = json!({ "name": name, "kinds": ["mail"] });
        assert_eq!(server.admin().post("/services", &asked).problem(), "422 unfit name");
    }
}
