//! Two-factor authentication: turning it on and off.

use domain::Timestamp;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Person, Server, code_of, race};

const ADA: &str = "ada@example.org";

fn begin(person: &Person<'_>) -> String {
    let begun = person.api.post("/account/two-factor", &Value::Null).json(201);
    let secret = begun["totp_secret"].as_str().unwrap().to_owned();
    assert_eq!(begun["uri"], format!("otpauth://totp/Doorkey:{ADA}?secret={secret}&issuer=Doorkey"));
    secret
}

fn confirm(person: &Person<'_>, code: &str) -> Answer {
    person.api.post("/account/two-factor/confirm", &json!({ "code": code }))
}

#[test]
fn it_is_on_with_the_first_right_code() {
    let server = Server::start();
    let mut person = server.person_without_second_factor(ADA);
    let replaced = begin(&person);
    let secret = begin(&person);
    assert_ne!(replaced, secret);
    let now = server.clock.now();
    assert_eq!(confirm(&person, &code_of(&replaced, now)).problem(), "401 wrong-credentials code");
    assert_eq!(confirm(&person, "12345").problem(), "401 wrong-credentials code");
    assert_eq!(person.api.get("/session").json(200)["account"]["two_factor"], false);
    assert_eq!(person.try_generate("Phone", "mail").problem(), "409 two-factor-needed");
    // While it isn't on, nobody is asked for a code.
    person.new_token();
    person.secret = Some(secret);
    let code = person.code();
    let codes = confirm(&person, &code).json(200);
    assert_eq!(codes["recovery_codes"].as_array().map(Vec::len), Some(10));
    assert_eq!(person.api.get("/session").json(200)["account"]["two_factor"], true);
    person.generate("Phone", "mail");
    assert_eq!(confirm(&person, &person.code()).problem(), "409 conflict");
    assert_eq!(person.api.post("/account/two-factor", &Value::Null).problem(), "409 conflict");
    // The code that turned it on has counted.
    let asked = json!({ "id": ADA, "password": PASSWORD, "code": code });
    assert_eq!(server.api("").post("/sign-in", &asked).problem(), "401 wrong-credentials code");
    person.new_token();
    assert_eq!(person.told("two_factor_on")[0]["sentence"], "You turned your two-factor authentication on.");
}

#[test]
fn the_page_shows_the_key_until_it_is_on_and_never_again() {
    let server = Server::start();
    let (mut browser, _) = server.set_up();
    let key = |page: &crate::support::Page| {
        let groups = page.between("aria-labelledby=\"key-label\">", "</p>");
        groups.replace("<span>", "").replace("</span>", "").split_whitespace().collect::<String>()
    };
    let page = browser.get("/security/two-factor");
    let secret = key(&page);
    assert_eq!(
        key(&browser.get("/security/two-factor")),
        secret,
        "a page that is reloaded shows the same key"
    );
    assert!(page.text(200).contains(&format!("href=\"otpauth://totp/Doorkey:{ADA}?secret={secret}")));
    let wrong = browser.submit_from(&page, "/security/two-factor", &[("code", "000000")]);
    if wrong.status() != 303 {
        assert!(wrong.text(401).contains("id=\"code-error\""));
        assert_eq!(key(&wrong), secret);
    }
    let code = code_of(&secret, server.clock.now());
    let done = browser.submit_from(&page, "/security/two-factor", &[("code", &code)]);
    assert_eq!(done.heading(), "Your recovery codes");
    assert_eq!(browser.get("/security/two-factor").status(), 409);
    assert!(!browser.get("/security").text(200).contains(&secret));
}

#[test]
fn of_two_that_turn_it_on_at_once_one_does() {
    let server = Server::start();
    let person = server.person_without_second_factor(ADA);
    let secret = begin(&person);
    let code = code_of(&secret, server.clock.now());
    let answers = race(4, |_| confirm(&person, &code).status);
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    assert_eq!(person.told("two_factor_on").len(), 1);
}

#[test]
fn turning_it_off_revokes_what_needs_it() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let (one, two) = (person.generate("One", "mail"), person.generate("Two", "mail"));
    let turn_off = |code: &str| person.api.post("/account/two-factor/turn-off", &json!({ "code": code }));
    assert_eq!(turn_off(&person.wrong_code()).problem(), "401 wrong-credentials code");
    assert_eq!(mail.status(ADA, &one.password), 200);
    server.clock.move_by(601);
    assert_eq!(turn_off(&person.code()).problem(), "403 confirmation-needed");
    person.api.post("/session/confirm", &json!({ "code": person.code() })).with(204);
    assert_eq!(turn_off(&person.code()).json(200), json!({ "revoked": 2 }));
    for password in [&one, &two] {
        assert_eq!(mail.status(ADA, &password.password), 401);
        assert_eq!(person.listed(password)["why_ended"], "two_factor_off");
    }
    assert_eq!(turn_off(&person.code()).problem(), "409 conflict");
    assert_eq!(person.told("two_factor_off")[0]["revoked"], 2);
    // The password alone signs in now.
    server.api("").post("/sign-in", &json!({ "id": ADA, "password": PASSWORD })).with(200);
    assert_eq!(person.try_generate("Three", "mail").problem(), "409 two-factor-needed");
}

#[test]
fn a_short_password_must_grow_before_it_stands_alone() {
    let server = Server::start();
    let mut person = server.person(ADA);
    let other = person.new_token();
    let asked = json!({ "current_password": PASSWORD, "new_password": "8 at once" });
    person.api.post("/account/password", &asked).with(200);
    person.password = "8 at once".into();
    let later = person.new_token();
    let turn_off = |new: Option<&str>, code: &str| {
        let mut asked = json!({ "code": code });
        if let Some(new) = new {
            asked["new_password"] = new.into();
        }
        person.api.post("/account/two-factor/turn-off", &asked)
    };
    let code = person.code();
    assert_eq!(turn_off(None, &code).problem(), "422 unfit new_password");
    assert_eq!(turn_off(Some("fourteen chars"), &code).problem(), "422 unfit new_password");
    let mut browser = person.browser();
    let page = browser.get("/security/two-factor/off");
    assert!(page.text(200).contains("Yours is shorter, so set a new one."));
    assert_eq!(
        turn_off(Some("long enough to stand alone"), &person.code()).json(200),
        json!({ "revoked": 0 })
    );
    for token in [&other, &later] {
        assert_eq!(server.api(token).get("/session").problem(), "401 sign-in-needed");
    }
    let asked = json!({ "id": ADA, "password": "long enough to stand alone" });
    server.api("").post("/sign-in", &asked).with(200);
}

#[test]
fn the_page_that_turns_it_off_says_what_it_revokes() {
    let server = Server::start();
    let person = server.person(ADA);
    person.generate("One", "mail");
    let mut browser = person.browser();
    let page = browser.get("/security/two-factor/off");
    assert!(page.text(200).contains("Your app-specific password will be revoked"));
    let wrong = browser.submit_from(&page, "/security/two-factor/off", &[("code", &person.wrong_code())]);
    assert!(wrong.text(401).contains("id=\"code-error\""));
    let done = browser.submit_from(&page, "/security/two-factor/off", &[("code", &person.code())]);
    assert_eq!(done.goes_to(), "/security");
    let page = browser.get("/security").text(200);
    assert!(page.contains("Two-factor authentication is off. 1 app-specific password is revoked."), "{page}");
    assert!(
        browser.get("/app-passwords").text(200).contains("because two-factor authentication was turned off")
    );
}

#[test]
fn a_code_is_good_for_its_step_and_one_to_either_side() {
    let server = Server::start();
    let person = server.person(ADA);
    let secret = person.secret.clone().unwrap();
    server.clock.move_by(3600);
    server.clock.stand_still();
    for (seconds, expected) in [(-60, 401), (60, 401), (-30, 204), (0, 204), (30, 204)] {
        let code = code_of(&secret, Timestamp::from_millis(server.clock.now().millis() + seconds * 1000));
        assert_eq!(
            person.api.post("/session/confirm", &json!({ "code": code })).status,
            expected,
            "{seconds}"
        );
    }
}
