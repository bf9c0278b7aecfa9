//! Services: registering them, their keys, removing them.

use serde_json::{Value, json};

use crate::support::{Person, Server};

const ADA: &str = "ada@example.org";

#[test]
fn an_administrator_registers_renews_and_removes() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    assert_eq!(admin.api.get("/services").json(200), json!({ "services": [] }));
    let made =
        admin.api.post("/services", &json!({ "name": "dav", "kinds": ["calendars", "contacts"] })).json(201);
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("dks_") && key.len() == 37, "{key}");
    let mut listed = made.clone();
    listed.as_object_mut().unwrap().remove("key");
    let expected = json!({
        "id": made["id"], "name": "dav", "kinds": ["contacts", "calendars"], "groups": [],
        "created_at": made["created_at"],
        "last_used_at": null, "door": format!("{}/door/http/dav", server.url()),
    });
    assert_eq!(listed, expected);
    assert_eq!(admin.api.get("/services").json(200), json!({ "services": [listed] }));
    server.service("a", "mail");
    let names: Vec<_> = admin.api.get("/services").json(200)["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|service| service["name"].clone())
        .collect();
    assert_eq!(names, ["a", "dav"]);
    let renewed = admin.api.post("/services/dav/key", &Value::Null).json(200);
    assert_eq!(renewed["name"], "dav");
    assert_ne!(renewed["key"], made["key"]);
    admin.api.delete("/services/dav").with(204);
    assert_eq!(admin.api.delete("/services/dav").problem(), "404 not-found");
    assert_eq!(admin.api.post("/services/dav/key", &Value::Null).problem(), "404 not-found");
    server.restart();
    assert_eq!(admin.api.get("/services").json(200)["services"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_no_service_can_be_made_of_is_refused_at_its_field() {
    let server = Server::start();
    let admin = server.admin();
    server.service("mail", "mail");
    for (asked, problem) in [
        (json!({ "name": "", "kinds": ["mail"] }), "422 unfit name"),
        (json!({ "name": "Mail", "kinds": ["mail"] }), "422 unfit name"),
        (json!({ "name": "a b", "kinds": ["mail"] }), "422 unfit name"),
        (json!({ "name": "../x", "kinds": ["mail"] }), "422 unfit name"),
        (json!({ "name": "-x", "kinds": ["mail"] }), "422 unfit name"),
        (json!({ "name": "x".repeat(41), "kinds": ["mail"] }), "422 unfit name"),
        (json!({ "name": "x".repeat(60_000), "kinds": ["mail"] }), "422 unfit name"),
        (json!({ "name": "dav", "kinds": [] }), "422 unfit kinds"),
        (json!({ "name": "dav", "kinds": ["cake"] }), "422 unfit kinds"),
        (json!({ "name": "mail", "kinds": ["mail"] }), "409 conflict name"),
        (json!({ "name": "dav" }), "400 unreadable"),
        (json!({ "name": "dav", "kinds": "mail" }), "400 unreadable"),
    ] {
        assert_eq!(admin.post("/services", &asked).problem(), problem, "{asked}");
    }
    server.service(&"x".repeat(40), "other");
    for name in ["nothing", "..", "%2e%2e", "%00", "Mail", "a%20b"] {
        assert_eq!(
            admin.post(&format!("/services/{name}/key"), &Value::Null).problem(),
            "404 not-found",
            "{name}"
        );
        assert_eq!(admin.delete(&format!("/services/{name}")).problem(), "404 not-found", "{name}");
    }
}

#[test]
fn services_are_for_administrators_and_changes_for_those_freshly_shown() {
    let server = Server::start();
    let (admin, other) = (server.administrator(ADA), server.person("eve@example.org"));
    server.service("mail", "mail");
    let ways = |person: &Person<'_>| {
        [
            person.api.get("/services").status,
            person.api.post("/services", &json!({ "name": "dav", "kinds": ["contacts"] })).status,
            person.api.post("/services/mail/key", &Value::Null).status,
            person.api.delete("/services/mail").status,
        ]
    };
    assert_eq!(ways(&other), [403; 4]);
    assert_eq!(other.api.delete("/services/mail").problem(), "403 not-allowed");
    let mut browser = other.browser();
    assert!(!browser.get("/security").text(200).contains("href=\"/services\""));
    let token = browser.get("/security").form_token();
    for path in [
        "/services",
        "/services/add",
        "/services/at/mail",
        "/services/at/mail/new-key",
        "/services/at/mail/remove",
    ] {
        assert_eq!(browser.get(path).heading(), "That&#39;s for administrators", "{path}");
        let sent = browser.post(path, &[("form_token", &token), ("name", "x"), ("kind", "mail")]).status();
        assert!([403, 405].contains(&sent), "{path}: {sent}");
    }
    server.clock.move_by(601);
    assert_eq!(ways(&admin), [200, 403, 403, 403]);
    assert_eq!(admin.api.delete("/services/mail").problem(), "403 confirmation-needed");
    assert_eq!(server.admin().get("/services").json(200)["services"].as_array().map(Vec::len), Some(1));
}

#[test]
fn the_api_gives_the_configuration_that_the_page_shows() {
    let server = Server::start_with(&[("DOORKEY__SASL__MAIL__LISTEN", "127.0.0.1:0")]);
    let admin = server.administrator(ADA);
    let key = server.service("mail", "mail").key;
    server.service("files", "other");
    let of = |service: &str| {
        let answer = admin.api.get(&format!("/services/{service}/configuration")).json(200);
        let all = answer["configurations"].as_array().unwrap();
        let page = admin.browser().get(&format!("/services/at/{service}")).text(200);
        for one in all {
            let title = one["title"].as_str().unwrap();
            assert!(page.contains(&format!("<summary>{title}</summary>")), "{title}");
        }
        assert_eq!(page.matches("<details name=\"configuration\"").count(), all.len());
        assert!(!answer.to_string().contains(&key));
        all.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of("mail"), ["dovecot", "postfix", "nginx-mail", "ldap"]);
    assert!(of("files").contains(&"grafana".to_owned()));
    let mail = admin.api.get("/services/mail/configuration").json(200);
    let dovecot = &mail["configurations"][0]["files"][0];
    assert_eq!(dovecot["place"], "/etc/dovecot/doorkey.secret");
    let text = dovecot["text"].as_str().unwrap();
    assert!(text.contains("/door/http/mail\nkey = SERVICE-KEY\n"), "{text}");
    assert_eq!(admin.api.get("/services/nowhere/configuration").status, 404);
    let somebody = server.person("grace@example.org");
    assert_eq!(somebody.api.get("/services/mail/configuration").status, 403);
}

#[test]
fn pages_show_a_key_once_with_the_configuration_that_takes_it() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    let mut browser = admin.browser();
    let bad = browser.submit("/services/add", &[("name", "No Name"), ("kind", "mail")]);
    assert!(bad.text(422).contains("id=\"name-error\"") && bad.text(422).contains("value=\"No Name\""));
    let bad = browser.submit("/services/add", &[("name", "dav")]);
    assert!(bad.text(422).contains("id=\"kind-error\""));
    let made =
        browser.submit("/services/add", &[("name", "dav"), ("kind", "contacts"), ("kind", "calendars")]);
    let text = made.text(200);
    let key = format!("dks_{}", &made.between("dks_", "<")[..33]);
    for part in ["auth_request", "forward_auth", "forwardAuth", "/door/http/dav", &key] {
        assert!(text.contains(part), "{part}");
    }
    assert!(text.matches(&key).count() > 3, "it stands in each configuration");
    let service = crate::support::Service::new(&server, "dav", &key);
    assert_eq!(service.status(ADA, "wrong"), 401);
    for path in ["/services", "/services/at/dav", "/activity"] {
        assert!(!browser.get(path).text(200).contains(&key[..12]), "{path}");
    }
    let page = browser.get("/services/at/dav").text(200);
    assert!(page.contains("contacts and calendars") && page.contains("auth_request"), "{page}");
    let taken = browser.submit("/services/add", &[("name", "dav"), ("kind", "mail")]);
    assert!(taken.text(409).contains("There is already a service dav."));
    let renewed = browser.submit("/services/at/dav/new-key", &[]);
    assert!(renewed.text(200).contains("dks_") && !renewed.text(200).contains(&key));
    assert_eq!(service.status(ADA, "wrong"), 403);
    assert_eq!(browser.submit("/services/at/dav/remove", &[]).goes_to(), "/services");
    assert!(
        browser.get("/services").text(200).contains("The service dav is removed, and its door is closed.")
    );
    for path in ["/services/at/dav", "/services/at/dav/new-key", "/services/at/nothing", "/services/at/%00"] {
        assert_eq!(browser.get(path).status(), 404, "{path}");
    }
}
