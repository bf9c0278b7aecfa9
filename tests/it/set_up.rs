//! Setting up apps: where they reach the services, as administrators say it and as people and their apps are told.

use serde_json::{Value, json};

use crate::support::{Answer, Server};

const ADA: &str = "ada@example.org";

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
