//! Testing a service: a password for a few minutes, and what the service asked about it.

use serde_json::{Value, json};

use crate::support::{AppPassword, Person, Request, Server, Service, group};

const ADA: &str = "ada@example.org";

/// Begins a test of a service.
fn begin(person: &Person<'_>, service: &str) -> AppPassword {
    AppPassword::read(person.api.post(&format!("/services/{service}/test"), &Value::Null))
}

/// What was seen of it.
fn seen(person: &Person<'_>, service: &str, test: &AppPassword) -> Vec<Value> {
    let looked = person.api.get(&format!("/services/{service}/test/{}", test.id)).json(200);
    looked["seen"].as_array().unwrap().clone()
}

/// What nginx asks about a sign-in by IMAP.
fn nginx_asks(server: &Server, service: &Service<'_>, name: &str, password: &str) -> String {
    let request = Request::get(&format!("/door/nginx-mail/{}?imap=127.0.0.1:143", service.name))
        .header("Doorkey-Service-Key", &service.key)
        .header("Auth-Method", "plain")
        .header("Auth-User", name)
        .header("Auth-Pass", password)
        .header("Auth-Protocol", "imap")
        .header("Auth-Login-Attempt", "1")
        .header("Client-IP", "203.0.113.7");
    server.ask(&request).header("auth-status").unwrap().to_owned()
}

#[test]
fn what_a_service_asks_is_shown_with_what_it_means() {
    let server = Server::start();
    let ada = server.administrator(ADA);
    let (mail, calendar) = (server.service("mail", "mail"), server.service("calendar", "calendars"));
    let closed = server.service("closed", "mail");
    group(&server, "staff", &[]);
    ada.api.patch("/services/closed", &json!({ "groups": ["staff"] })).with(200);
    let phone = ada.generate("Phone", "mail");
    let made = ada.api.post("/services/mail/test", &Value::Null).json(201);
    assert_eq!((&made["service"], &made["user_name"]), (&json!("mail"), &json!(ADA)));
    let test = AppPassword {
        id: made["id"].as_str().unwrap().into(),
        password: made["password"].as_str().unwrap().into(),
    };
    assert!(seen(&ada, "mail", &test).is_empty());

    assert_eq!(mail.status(ADA, &phone.password), 200);
    assert_eq!(mail.status(ADA, &test.password.to_uppercase().replace('-', " ")), 200);
    assert_eq!(mail.status("ada", &test.password), 401);
    assert_eq!(calendar.status(ADA, &test.password), 403);
    assert_eq!(closed.status(ADA, &test.password), 403);
    assert_eq!(nginx_asks(&server, &mail, ADA, &test.password), "OK");
    let all = seen(&ada, "mail", &test);
    let told: Vec<_> = all
        .iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap();
            (text("door"), text("service"), text("name"), text("answer"), text("sentence"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("http", "mail", ADA, "yes", "mail asked, and Doorkey said yes."),
            (
                "http",
                "mail",
                "ada",
                "no",
                "Refused: mail gave the user name “ada”, which isn’t yours. Look at the name in the app, and at what mail makes of it."
            ),
            (
                "http",
                "calendar",
                ADA,
                "not_for_this_service",
                "Refused: it opens mail, and calendar asked for something else."
            ),
            (
                "http",
                "closed",
                ADA,
                "not_for_this_person",
                "Refused: you are in none of the groups that may use closed."
            ),
            ("nginx_mail", "mail", ADA, "yes", "mail asked, and Doorkey said yes."),
        ]
    );
    assert_eq!(all[4]["kinds"], json!(["mail"]));
    assert_eq!((&all[0]["source"], &all[4]["source"]), (&json!("127.0.0.1"), &json!("203.0.113.7")));
    // It ends by itself, and what was seen can be read a while longer.
    server.clock.move_by(301);
    assert_eq!(mail.status(ADA, &test.password), 401);
    assert_eq!(seen(&ada, "mail", &test)[5]["sentence"], "Refused: the password of this test had expired.");
    assert!(!ada.list().to_string().contains(&test.password));
    server.clock.move_by(601);
    begin(&server.administrator("grace@example.org"), "mail");
    let forgotten = ada.api.get(&format!("/services/mail/test/{}", test.id));
    assert_eq!(forgotten.problem(), "404 not-found");
}

#[test]
fn it_is_for_administrators_and_ones_own() {
    let server = Server::start();
    let (ada, eve) = (server.administrator(ADA), server.person("eve@example.org"));
    let grace = server.administrator("grace@example.org");
    server.service("mail", "mail");
    assert_eq!(eve.api.post("/services/mail/test", &Value::Null).problem(), "403 not-allowed");
    assert_eq!(server.api("").post("/services/mail/test", &Value::Null).problem(), "401 sign-in-needed");
    assert_eq!(ada.api.post("/services/nothing/test", &Value::Null).problem(), "404 not-found");
    let test = begin(&ada, "mail");
    let here = format!("/services/mail/test/{}", test.id);
    assert_eq!(grace.api.get(&here).problem(), "404 not-found");
    assert_eq!(eve.api.get(&here).problem(), "403 not-allowed");
    assert_eq!(ada.api.get(&here.replace("mail", "web")).problem(), "404 not-found");
    for wrong in ["after=x", "wait=-1"] {
        assert_eq!(ada.api.get(&format!("{here}?{wrong}")).status, 422, "{wrong}");
    }
    assert_eq!(ada.api.get("/services/mail/test/x").problem(), "404 not-found");
    // It is one of the 25, and needs that the person has just shown who they are.
    for n in 0..24 {
        ada.generate(&format!("App {n}"), "mail");
    }
    assert_eq!(ada.api.post("/services/mail/test", &Value::Null).problem(), "409 too-many-app-passwords");
    server.clock.move_by(601);
    assert_eq!(ada.api.post("/services/mail/test", &Value::Null).problem(), "403 confirmation-needed");
}

#[test]
fn it_is_waited_for_what_comes() {
    let server = Server::start();
    let ada = server.administrator(ADA);
    let mail = server.service("mail", "mail");
    let test = begin(&ada, "mail");
    let waits = |after: usize| {
        let looked = ada.api.get(&format!("/services/mail/test/{}?wait=60&after={after}", test.id)).json(200);
        looked["seen"].as_array().unwrap().len()
    };
    assert_eq!(mail.status(ADA, &test.password), 200);
    assert_eq!(waits(0), 1, "at once");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| waits(1));
        assert_eq!(mail.status(ADA, &test.password), 200);
        assert_eq!(waiting.join().unwrap(), 2);
    });
}

#[test]
fn the_pages_lead_from_the_question_to_the_answer() {
    let server = Server::start();
    let ada = server.administrator(ADA);
    let mail = server.service("mail", "mail");
    let mut browser = ada.browser();
    assert!(browser.get("/services/at/mail").text(200).contains("href=\"/services/at/mail/test\""));
    let page = browser.submit("/services/at/mail/test", &[]);
    let text = page.text(200);
    let secret = page.between("id=\"secret\">", "</p>").replace("<span>", "").replace("</span>", "");
    let secret = secret.replace("<wbr>", "").trim().to_owned();
    let here = format!("/services/at/mail/test/{}", page.between("href=\"/services/at/mail/test/", "\""));
    assert!(text.contains(ADA) && text.contains("You see it once."), "{text}");
    let before = browser.get(&here).text(200);
    assert!(before.contains("Nothing yet") && !before.contains(&secret), "{before}");
    assert_eq!(mail.status(ADA, &secret), 200);
    let after = browser.get(&format!("{here}?after=0")).text(200);
    assert!(after.contains("mail asked, and Doorkey said yes.") && after.contains("HTTP door"), "{after}");
    mail.status("<b>ada</b>", &secret);
    assert!(!browser.get(&here).text(200).contains("<b>ada"));
    let ended = browser.get(&here);
    assert_eq!(browser.submit_from(&ended, &format!("{here}/end"), &[]).goes_to(), "/services/at/mail");
    assert_eq!(mail.status(ADA, &secret), 401);
    let last = browser.get(&here).text(200);
    assert!(last.contains("the password was revoked"), "{last}");
}
