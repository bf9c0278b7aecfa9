//! What changes while a request is on its way, most of all while a password is being hashed: what was decided before is decided again.

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::{PASSWORD, Person, Server, code_of, race};

const ADA: &str = "ada@example.org";
const NEW: &str = "seven bridges over a kettle";
/// Each race is run so often, with other people each time.
const TIMES: usize = 5;

fn id(round: usize) -> String {
    format!("ada{round}@example.org")
}

/// Begins to turn two-factor authentication on: what turns it on.
fn begun(person: &Person<'_>) -> Value {
    let begun = person.api.post("/account/two-factor", &Value::Null).json(201);
    json!({ "code": code_of(begun["totp_secret"].as_str().unwrap(), person.server.clock.now()) })
}

fn is_signed_in(server: &Server, token: &str) -> bool {
    server.api(token).get("/session").status == 200
}

#[test]
fn no_sign_in_by_password_alone_outlives_turning_two_factor_on() {
    let server = Server::start();
    for round in 0..4 * TIMES {
        let person = server.person_without_second_factor(&id(round));
        let code = begun(&person);
        let asked = json!({ "id": id(round), "password": PASSWORD });
        let tokens = race(4, |n| {
            if n == 0 {
                person.api.post("/account/two-factor/confirm", &code).with(200);
                return None;
            }
            let answer = server.api("").post("/sign-in", &asked);
            (answer.status == 200).then(|| answer.json(200)["token"].as_str().unwrap().to_owned())
        });
        assert!(!tokens.iter().flatten().any(|token| is_signed_in(&server, token)), "round {round}");
    }
}

#[test]
fn a_reset_without_a_code_and_turning_two_factor_on_do_not_both_happen() {
    let server = Server::start();
    for round in 0..TIMES {
        let person = server.person_without_second_factor(&id(round));
        let made =
            server.admin().post(&format!("/accounts/{}/reset-link", id(round)), &Value::Null).json(201);
        let link = made["link"].as_str().unwrap();
        let path = &link[link.find("/reset/").unwrap()..];
        let code = begun(&person);
        let done = race(2, |n| match n {
            0 => person.api.post("/account/two-factor/confirm", &code).status == 200,
            _ => server.browser().submit(path, &[("password", NEW)]).status() == 303,
        });
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "round {round}: {done:?}");
    }
}

#[test]
fn a_session_that_was_signed_out_changes_nothing_any_more() {
    let server = Server::start();
    for round in 0..TIMES {
        let person = server.person_without_second_factor(&id(round));
        let other = server.api(&person.new_token());
        let asked = json!({ "current_password": PASSWORD, "new_password": NEW });
        let done = race(2, |n| match n {
            0 => person.api.post("/account/password", &asked).status == 200,
            _ => other.delete("/sessions").status == 200,
        });
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "round {round}: {done:?}");
    }
}

#[test]
fn a_link_for_a_lost_second_factor_asks_for_no_code_and_turns_it_off() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail");
    let asked = json!({ "lost_second_factor": true });
    let made = server.admin().post(&format!("/accounts/{ADA}/reset-link"), &asked).json(201);
    let link = made["link"].as_str().unwrap();
    let path = &link[link.find("/reset/").unwrap()..];
    let mut browser = server.browser();
    let page = browser.get(path);
    assert!(!page.text(200).contains("name=\"code\""));
    assert!(page.text(200).contains("Two-factor authentication is turned off"));
    let short = browser.submit_from(&page, path, &[("password", "fourteen chars")]);
    assert!(short.text(422).contains("at least 15 characters"));
    assert_eq!(browser.submit_from(&page, path, &[("password", NEW)]).goes_to(), "/sign-in");
    assert_eq!(mail.status(ADA, &password.password), 401);
    let signed_in = server.api("").post("/sign-in", &json!({ "id": ADA, "password": NEW })).json(200);
    assert_eq!(signed_in["account"]["two_factor"], false);
}

#[test]
fn no_sign_in_by_the_old_phone_outlives_the_move_to_another() {
    let server = Server::start();
    for round in 0..4 * TIMES {
        let person = server.person(&id(round));
        let begun = person.api.post("/account/two-factor/move", &Value::Null).json(201);
        let new = json!({ "code": code_of(begun["totp_secret"].as_str().unwrap(), server.clock.now()) });
        let mut old = server.browser();
        let first = old.submit("/sign-in", &[("id", person.id.as_str()), ("password", PASSWORD)]);
        let path = first.goes_to().to_owned();
        let (page, code) = (old.get(&path), person.code());
        let old = Mutex::new(old);
        let moved = race(2, |n| match n {
            0 => person.api.post("/account/two-factor/move/confirm", &new).status == 204,
            _ => {
                let fields = [("code", code.as_str()), ("trust", "yes")];
                old.lock().unwrap().submit_from(&page, &path, &fields);
                false
            }
        });
        assert!(moved[0], "round {round}");
        let mut old = old.into_inner().unwrap();
        assert!(old.get("/security").goes_to().starts_with("/sign-in"), "round {round}");
        let again = old.submit("/sign-in", &[("id", person.id.as_str()), ("password", PASSWORD)]);
        assert!(again.goes_to().starts_with("/sign-in/code"), "round {round}");
    }
}

#[test]
fn a_reset_with_a_code_of_the_old_phone_and_the_move_to_another_do_not_both_happen() {
    let server = Server::start();
    for round in 0..4 * TIMES {
        let person = server.person(&id(round));
        let made =
            server.admin().post(&format!("/accounts/{}/reset-link", id(round)), &Value::Null).json(201);
        let link = made["link"].as_str().unwrap();
        let path = &link[link.find("/reset/").unwrap()..];
        let begun = person.api.post("/account/two-factor/move", &Value::Null).json(201);
        let new = json!({ "code": code_of(begun["totp_secret"].as_str().unwrap(), server.clock.now()) });
        let code = person.code();
        let mut browser = server.browser();
        let page = browser.get(path);
        let browser = Mutex::new(browser);
        let done = race(2, |n| match n {
            0 => person.api.post("/account/two-factor/move/confirm", &new).status == 204,
            _ => {
                let fields = [("password", NEW), ("code", code.as_str())];
                browser.lock().unwrap().submit_from(&page, path, &fields).status() == 303
            }
        });
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "round {round}: {done:?}");
    }
}
