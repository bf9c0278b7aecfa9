//! Setting up apps: where they reach the services, as administrators say it and as people and their apps are told.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::{Answer, Connection, Person, Request, Server, group};

const ADA: &str = "ada@example.org";
const EVE: &str = "eve@example.org";

/// What Python makes of a text, as JSON.
#[track_caller]
fn python(program: &str, text: &[u8]) -> Value {
    let mut child = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there: apt-get install python3");
    child.stdin.take().unwrap().write_all(text).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(text));
    serde_json::from_slice(&done.stdout).unwrap()
}

const READ_PLIST: &str =
    "import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))";

/// Each element with its attributes and its text, in their order.
const READ_XML: &str = "import json, sys, xml.etree.ElementTree as t
print(json.dumps([[e.tag, e.attrib, (e.text or '').strip()] for e in t.fromstring(sys.stdin.buffer.read()).iter()]))";

#[track_caller]
fn set(server: &Server, service: &str, servers: &Value, domains: &[&str]) -> Answer {
    let body = json!({ "servers": servers, "domains": domains });
    server.admin().send("PUT", &format!("/services/{service}/set-up"), Some(&body))
}

/// What stood in the way, and the field that it is about.
#[track_caller]
fn unfit(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 422, "{}", answer.text());
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    ["field", "detail"].map(|name| problem[name].as_str().unwrap().to_owned()).into()
}

fn mail_servers() -> Value {
    json!([
        { "protocol": "imap", "host": "mail.example.org", "port": 993, "security": "tls" },
        { "protocol": "submission", "host": "smtp.example.org", "port": 587, "security": "starttls" },
    ])
}

#[test]
fn what_is_said_is_kept_and_told_and_stands_in_the_log_once() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    server.service("mail", "mail");
    let empty = admin.api.get("/services/mail/set-up").json(200);
    assert_eq!(empty, json!({ "servers": [], "domains": [] }));
    let typed = json!([
        { "protocol": "submission", "host": "SMTP.Example.org", "port": 587, "security": "starttls" },
        { "protocol": "imap", "host": "mail.example.org" },
    ]);
    let told = set(&server, "mail", &typed, &["Example.org", "bücher.example"]).json(200);
    let kept = json!({ "servers": mail_servers(), "domains": ["example.org", "xn--bcher-kva.example"] });
    assert_eq!(told, kept);
    // What it answers can be sent back as it is, and then changes nothing.
    assert_eq!(admin.api.send("PUT", "/services/mail/set-up", Some(&told)).json(200), kept);
    let log = admin.log("kind=service_set_up_changed");
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(
        log[0]["servers"],
        json!(["imaps://mail.example.org:993", "submission://smtp.example.org:587"])
    );
    server.kill();
    server.start_again();
    assert_eq!(admin.api.get("/services/mail/set-up").json(200), kept);
    // It goes with its service, and isn't there for the next of that name.
    server.admin().delete("/services/mail").with(204);
    server.service("mail", "mail");
    assert_eq!(admin.api.get("/services/mail/set-up").json(200), empty);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let server = Server::start();
    server.service("mail", "mail");
    set(&server, "mail", &mail_servers(), &[]).with(200);
    let imap = |more: Value| {
        let mut one = json!({ "protocol": "imap", "host": "mail.example.org" });
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([one])
    };
    for (servers, said) in [
        (imap(json!({ "host": "192.0.2.1" })), "IP address"),
        (imap(json!({ "host": "" })), "Write the name"),
        (imap(json!({ "port": 0 })), "1 to 65535"),
        (imap(json!({ "port": 70000 })), "1 to 65535"),
        (imap(json!({ "security": "none" })), "neither tls nor starttls"),
        (imap(json!({ "protocol": "ftp" })), "none of imap"),
        (imap(json!({ "url": "https://mail.example.org/" })), "either its url"),
        (json!([{ "protocol": "imap" }]), "either its url"),
        (json!([{ "protocol": "caldav", "url": "https://dav.example.org/" }]), "mail holds mail"),
        (json!([mail_servers()[0], mail_servers()[0]]), "twice"),
    ] {
        let (field, detail) = unfit(&set(&server, "mail", &servers, &[]));
        assert_eq!(field, "servers", "{servers}");
        assert!(detail.contains(said), "{servers}: {detail}");
    }
    assert_eq!(unfit(&set(&server, "mail", &json!([]), &["ada@example.org"])).0, "domains");
    assert_eq!(set(&server, "other", &json!([]), &[]).problem(), "404 not-found");
    let kept = server.admin().get("/services/mail/set-up").json(200);
    assert_eq!(kept["servers"], mail_servers());
}

#[test]
fn what_a_service_no_longer_holds_is_no_longer_told() {
    let server = Server::start();
    server.service("dav", "contacts,calendars");
    let both = json!([
        { "protocol": "caldav", "url": "https://dav.example.org/cal/" },
        { "protocol": "carddav", "url": "https://dav.example.org/" },
    ]);
    assert_eq!(set(&server, "dav", &both, &[]).json(200)["servers"], both);
    let hold = |kinds: &[&str]| server.admin().patch("/services/dav", &json!({ "kinds": kinds })).with(200);
    let told = || server.admin().get("/services/dav/set-up").json(200)["servers"].clone();
    hold(&["contacts"]);
    assert_eq!(told(), json!([both[1]]));
    hold(&["contacts", "calendars"]);
    assert_eq!(told(), both);
}

#[test]
fn the_page_asks_for_what_fits_and_gives_back_what_was_typed() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    server.service("mail", "mail");
    let mut browser = admin.browser();
    let page = browser.get("/services/at/mail").text(200);
    assert!(page.contains("Say where apps reach mail"), "{page}");
    let form = browser.get("/services/at/mail/set-up").text(200);
    assert!(form.contains("name=\"imap\"") && !form.contains("name=\"caldav\""), "{form}");
    let again = browser.submit(
        "/services/at/mail/set-up",
        &[("imap", "192.0.2.1"), ("imap-port", "1993"), ("sieve", "<b>"), ("domains", "example.org")],
    );
    let again = again.text(422);
    for kept in ["value=\"192.0.2.1\"", "value=\"1993\"", "value=\"&#60;b&#62;\"", "value=\"example.org\""] {
        assert!(again.contains(kept), "{kept}: {again}");
    }
    assert!(again.contains("That is an IP address"), "{again}");
    let fields = [
        ("imap", "mail.example.org"),
        ("submission", "mail.example.org"),
        ("submission-security", "starttls"),
        ("domains", "example.org, example.net"),
    ];
    assert_eq!(browser.submit("/services/at/mail/set-up", &fields).goes_to(), "/services/at/mail");
    let page = browser.get("/services/at/mail").text(200);
    for said in [
        "mail.example.org, port 993, TLS",
        "mail.example.org, port 587, STARTTLS",
        "example.net, example.org",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    // Two forms from one time: the second is told, and changes nothing.
    let seen = ("seen", "imaps://other.example.org:993");
    assert_eq!(browser.submit("/services/at/mail/set-up", &[seen]).goes_to(), "/services/at/mail");
    assert!(browser.get("/services/at/mail").text(200).contains("Somebody else has changed this meanwhile"));
    assert_eq!(server.admin().get("/services/mail/set-up").json(200)["servers"].as_array().unwrap().len(), 2);
}

/// A mail server, and a server for calendars and contacts, of which people are told.
fn furnish(server: &Server) {
    server.service("mail", "mail");
    server.service("dav", "contacts,calendars");
    set(server, "mail", &mail_servers(), &["example.org"]).with(200);
    let dav = json!([
        { "protocol": "caldav", "url": "https://dav.example.org/it's&more/" },
        { "protocol": "carddav", "url": "https://dav.example.org:8443/" },
    ]);
    set(server, "dav", &dav, &["example.org", "example.net"]).with(200);
}

#[test]
fn whoever_generates_is_told_where_it_works_and_nothing_else() {
    let server = Server::start();
    furnish(&server);
    server.service("files", "other");
    let (ada, eve) = (server.person(ADA), server.person(EVE));
    group(&server, "staff", &[ADA]);
    server.admin().patch("/services/dav", &json!({ "groups": ["staff"] })).with(200);
    let told = |person: &Person<'_>, kinds: &str| {
        let set_up = person.try_generate("Phone", kinds).json(201)["set_up"].clone();
        assert_eq!(set_up["user_name"], person.id.as_str());
        let services = set_up["services"].as_array().unwrap().clone();
        services
            .iter()
            .map(|one| {
                let servers = one["servers"].as_array().unwrap();
                let names: Vec<_> = servers.iter().map(|one| one["protocol"].as_str().unwrap()).collect();
                format!("{}: {}", one["service"].as_str().unwrap(), names.join(" "))
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&ada, "mail"), ["mail: imap submission"]);
    assert_eq!(told(&ada, "contacts"), ["dav: carddav"]);
    assert_eq!(told(&ada, "mail,calendars,other"), ["dav: caldav", "files: ", "mail: imap submission"]);
    assert_eq!(told(&ada, "first"), ["dav: caldav carddav", "files: ", "mail: imap submission"]);
    assert_eq!(told(&eve, "first"), ["files: ", "mail: imap submission"]);
    let listed = ada.list();
    assert!(listed["app_passwords"].as_array().unwrap().iter().all(|one| one.get("set_up").is_none()));
}

#[test]
fn the_page_shows_what_to_enter_and_codes_to_scan() {
    let server = Server::start();
    furnish(&server);
    let ada = server.person(ADA);
    let mut browser = ada.browser();
    let fields = [("label", "Phone"), ("opens", "kinds"), ("kind", "mail"), ("kind", "contacts")];
    let page = browser.submit("/app-passwords/generate", &fields).text(200);
    for said in [
        "mail.example.org, port 993, TLS",
        "smtp.example.org, port 587, STARTTLS",
        "https://dav.example.org:8443/",
        "Set up iPhone",
        "Thunderbird for Android",
        "DAVx⁵ for Android, contacts",
        "The password alone",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("more/") && !page.contains("<details name=\"code\" open"), "{page}");
    // Where nobody said anything, there is nothing to set up: the password alone can be scanned.
    server.service("files", "other");
    let fields = [("label", "Files"), ("opens", "kinds"), ("kind", "other")];
    let page = browser.submit("/app-passwords/generate", &fields).text(200);
    assert!(page.contains("<dt>Works at</dt><dd>files</dd>"), "{page}");
    assert!(!page.contains("Set up iPhone") && page.contains("The password alone"), "{page}");
}

#[test]
fn a_profile_is_made_of_the_password_that_is_sent_back() {
    let server = Server::start();
    furnish(&server);
    let ada = server.person(ADA);
    let hostile = "Ada \u{ffff}<b>&\"'</string> Łovelace";
    server.admin().patch(&format!("/accounts/{ADA}"), &json!({ "display_name": hostile })).with(200);
    let mut browser = ada.browser();
    let fields = [("label", "<Phone> & 'more'"), ("opens", "first")];
    let page = browser.submit("/app-passwords/generate", &fields);
    let password = page.between("name=\"password\" value=\"", "\"");
    let file = browser.submit_from(&page, "/app-passwords/profile", &[("password", &password)]).0;
    assert_eq!(file.status, 200);
    let header = |name: &str| file.header(name).unwrap_or_default().to_owned();
    assert_eq!(header("content-type"), "application/x-apple-aspen-config");
    assert_eq!(header("content-disposition"), "attachment; filename=\"doorkey.mobileconfig\"");
    assert_eq!(header("cache-control"), "no-store");
    let profile = python(READ_PLIST, &file.body);
    assert_eq!(profile["PayloadType"], "Configuration");
    assert_eq!(profile["PayloadDisplayName"], format!("<Phone> & 'more' ({ADA})"));
    let parts = profile["PayloadContent"].as_array().unwrap();
    let part = |name: &str| parts.iter().find(|part| part["PayloadType"] == name).unwrap();
    assert_eq!(parts.len(), 3);
    let mail = part("com.apple.mail.managed");
    for (name, value) in [
        ("EmailAccountType", json!("EmailTypeIMAP")),
        ("EmailAddress", json!(ADA)),
        ("EmailAccountName", json!("Ada <b>&\"'</string> Łovelace")),
        ("IncomingMailServerHostName", json!("mail.example.org")),
        ("IncomingMailServerPortNumber", json!(993)),
        ("IncomingMailServerUseSSL", json!(true)),
        ("IncomingMailServerUsername", json!(ADA)),
        ("IncomingPassword", json!(password)),
        ("OutgoingMailServerHostName", json!("smtp.example.org")),
        ("OutgoingMailServerPortNumber", json!(587)),
        ("OutgoingPassword", json!(password)),
    ] {
        assert_eq!(mail[name], value, "{name}");
    }
    let calendars = part("com.apple.caldav.account");
    assert_eq!(calendars["CalDAVHostName"], "dav.example.org");
    assert_eq!(calendars["CalDAVPrincipalURL"], "https://dav.example.org/it's&more/");
    let contacts = part("com.apple.carddav.account");
    assert_eq!((&contacts["CardDAVPort"], &contacts["CardDAVPassword"]), (&json!(8443), &json!(password)));
    assert_eq!(contacts.get("CardDAVPrincipalURL"), None);
    let mut names: Vec<_> =
        parts.iter().chain([&profile]).map(|part| part["PayloadUUID"].as_str().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 4, "each has a name of its own");
    // A later one for the same takes its place on the phone.
    let next = ada.generate("Phone again", "first").password;
    let again = ada.api.post("/app-passwords/profile", &json!({ "password": next })).json(200);
    let again = python(READ_PLIST, again["profile"].as_str().unwrap().as_bytes());
    assert_eq!(again["PayloadIdentifier"], profile["PayloadIdentifier"]);
    assert_eq!(again["PayloadUUID"], profile["PayloadUUID"]);
    assert_ne!(again["PayloadContent"], profile["PayloadContent"]);
    assert!(!server.log().contains(&password), "{}", server.log());
}

#[test]
fn no_profile_is_made_of_what_is_no_password_of_ones_own() {
    let server = Server::start();
    furnish(&server);
    let (ada, eve) = (server.person(ADA), server.person(EVE));
    let asked = |person: &Person<'_>, password: &str| {
        person.api.post("/app-passwords/profile", &json!({ "password": password }))
    };
    let (good, revoked) = (ada.generate("Phone", "mail"), ada.generate("Old", "mail"));
    ada.revoke(&revoked).with(200);
    asked(&ada, &good.password).with(200);
    for wrong in [revoked.password.as_str(), "abcd-efgh-ijkl-mnop-qrst-uvwx", "", "not a password"] {
        assert_eq!(unfit(&asked(&ada, wrong)).0, "password", "{wrong}");
    }
    assert_eq!(unfit(&asked(&eve, &good.password)).0, "password");
    let builds = ada.generate("CI", "builds").password;
    assert_eq!(asked(&ada, &builds).problem(), "404 not-found");
    let mut browser = ada.browser();
    // Without the page's token nothing is made: another site can't send it.
    assert_eq!(browser.post("/app-passwords/profile", &[("password", &good.password)]).status(), 403);
}

#[test]
fn password_managers_find_where_to_change_the_password() {
    let answer = Server::start().ask(&Request::get("/.well-known/change-password"));
    assert_eq!((answer.status, answer.header("location")), (303, Some("/security/password")));
}

#[test]
fn apps_are_sent_to_calendars_and_contacts_whatever_they_ask() {
    let server = Server::start();
    let ask = |method: &str, path: &str| {
        let answer = server.ask(&Request::new(method, path).header("Depth", "0"));
        (answer.status, answer.header("location").map(ToOwned::to_owned))
    };
    let none = server.ask(&Request::get("/.well-known/caldav"));
    assert_eq!(none.problem(), "404 not-found");
    assert!(none.text().contains("under What apps need"), "{}", none.text());
    furnish(&server);
    for method in ["GET", "HEAD", "PROPFIND", "OPTIONS", "REPORT"] {
        for path in ["/.well-known/caldav", "/.well-known/caldav/"] {
            let to = "https://dav.example.org/it's&more/".to_owned();
            assert_eq!(ask(method, path), (307, Some(to)), "{method} {path}");
        }
        let to = "https://dav.example.org:8443/".to_owned();
        assert_eq!(ask(method, "/.well-known/carddav"), (307, Some(to)), "{method}");
    }
    // Without a domain it is for those alone who sign in.
    let dav = json!([{ "protocol": "caldav", "url": "https://dav.example.org/" }]);
    set(&server, "dav", &dav, &[]).with(200);
    assert_eq!(ask("PROPFIND", "/.well-known/caldav").0, 404);
}

#[test]
fn mail_programs_are_told_the_servers_of_a_domain_and_of_nobody() {
    let server = Server::start();
    furnish(&server);
    server.person(ADA);
    let at = |host: &str, target: &str| {
        let mut connection = Connection::open(&server.address());
        connection.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        connection.answer(false).unwrap()
    };
    let path = "/mail/config-v1.1.xml";
    let told = at("autoconfig.example.org", &format!("{path}?emailaddress=ada%40example.org"));
    assert_eq!(told.header("content-type"), Some("text/xml; charset=utf-8"));
    let read = python(READ_XML, &told.with(200).body);
    let texts = |name: &str| {
        let of = read.as_array().unwrap().iter().filter(|element| element[0] == name);
        of.map(|element| element[2].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts("domain"), ["example.org"]);
    assert_eq!(texts("hostname"), ["mail.example.org", "smtp.example.org"]);
    assert_eq!(texts("port"), ["993", "587"]);
    assert_eq!(texts("socketType"), ["SSL", "STARTTLS"]);
    assert_eq!(texts("username"), ["%EMAILADDRESS%"; 4]);
    assert_eq!(
        texts("authentication"),
        ["password-cleartext", "password-cleartext", "http-basic", "http-basic"]
    );
    assert_eq!(texts("serverURL"), ["https://dav.example.org:8443/", "https://dav.example.org/it's&more/"]);
    let same = at("localhost", &format!("{path}?emailaddress=ada%40example.org")).body;
    for (host, target) in [
        // Whether there is such an account changes nothing.
        ("localhost", format!("{path}?emailaddress=nobody%40example.org")),
        ("localhost", format!("{path}?emailaddress=%3Cb%3E%22%40EXAMPLE.org")),
        ("autoconfig.example.org", path.to_owned()),
        ("example.org:8443", format!("/.well-known/autoconfig{path}")),
        ("example.org", format!("{path}?emailaddress=%25EMAILADDRESS%25")),
    ] {
        assert_eq!(at(host, &target).with(200).body, same, "{host} {target}");
    }
    for (host, target) in [
        ("localhost", path.to_owned()),
        ("autoconfig.example.org", format!("{path}?emailaddress=ada%40other.example")),
        // It has a domain, and no mail.
        ("localhost", format!("{path}?emailaddress=ada%40example.net")),
        ("localhost", format!("{path}?emailaddress=ada%40%3Cexample.org")),
    ] {
        assert_eq!(at(host, &target).problem(), "404 not-found", "{host} {target}");
    }
}
