//! Trusted browsers: the password is enough there, and the code counts all the same where it matters.

use serde_json::{Value, json};

use crate::support::{Browser, PASSWORD, Person, Server};

const ADA: &str = "ada@example.org";
const DAY: i64 = 86_400;
const COOKIE: &str = "doorkey_browser";

/// Signs in with a code, and trusts the browser.
fn trusting<'s>(person: &Person<'s>) -> Browser<'s> {
    let mut browser = person.server.browser();
    let first = browser.submit("/sign-in", &[("id", &person.id), ("password", &person.password)]);
    let code = person.code();
    let fields = [("code", code.as_str()), ("trust", "yes")];
    assert_eq!(browser.submit(first.goes_to(), &fields).goes_to(), "/");
    browser
}

fn sign_out(browser: &mut Browser<'_>) {
    let page = browser.get("/security");
    assert_eq!(browser.submit_from(&page, "/sign-out", &[]).goes_to(), "/sign-in");
}

/// Where the password alone leads.
fn first_step(browser: &mut Browser<'_>, id: &str, password: &str) -> (u16, String) {
    let page = browser.submit("/sign-in", &[("id", id), ("password", password)]);
    (page.status(), page.0.header("location").unwrap_or_default().to_owned())
}

fn is_in(done: &(u16, String)) -> bool {
    *done == (303, "/".into())
}

fn asks_code(done: &(u16, String)) -> bool {
    done.0 == 303 && done.1.starts_with("/sign-in/code")
}

fn listed(person: &Person<'_>) -> Vec<Value> {
    person.api.get("/browsers").json(200)["browsers"].as_array().unwrap().clone()
}

#[test]
fn the_password_is_enough_there_and_counts_for_nothing_that_matters() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut own = trusting(&person);
    sign_out(&mut own);
    assert!(own.cookies.contains_key(COOKIE), "it is still trusted");
    assert!(is_in(&first_step(&mut own, ADA, PASSWORD)));
    assert!(!is_in(&first_step(&mut server.browser(), ADA, PASSWORD)));
    for path in ["/app-passwords/generate", "/security/password", "/security/two-factor/off"] {
        assert!(own.get(path).goes_to().starts_with("/sign-in/confirm"), "{path}");
    }
    let confirm = own.get("/app-passwords/generate").goes_to().to_owned();
    assert!(own.get(&confirm).text(200).contains("name=\"code\""), "the code, and not the password");
    own.submit(&confirm, &[("code", &person.code())]).goes_to();
    assert_eq!(own.get("/app-passwords/generate").status(), 200);
    let told = &person.told("browser_trusted")[0];
    assert!(told["sentence"].as_str().unwrap().contains("it isn't asked for a code"), "{told}");
}

#[test]
fn it_lasts_thirty_days_from_the_code() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut own = trusting(&person);
    for days in [10, 10, 9] {
        server.clock.move_by(days * DAY);
        own.cookies.remove("doorkey_session");
        assert!(is_in(&first_step(&mut own, ADA, PASSWORD)));
    }
    server.clock.move_by(DAY);
    own.cookies.remove("doorkey_session");
    assert!(asks_code(&first_step(&mut own, ADA, PASSWORD)));
    assert_eq!(person.server.api(&person.new_token()).get("/browsers").json(200)["browsers"], json!([]));
}

#[test]
fn its_token_changes_with_each_sign_in() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut own = trusting(&person);
    let copied = own.cookies[COOKIE].clone();
    sign_out(&mut own);
    assert!(is_in(&first_step(&mut own, ADA, PASSWORD)));
    assert_ne!(own.cookies[COOKIE], copied);
    let mut thief = server.browser();
    thief.cookies.insert(COOKIE.into(), copied);
    assert!(asks_code(&first_step(&mut thief, ADA, PASSWORD)));
    assert_eq!(listed(&person).len(), 1);
}

#[test]
fn it_is_one_accounts_alone() {
    let server = Server::start();
    let person = server.person(ADA);
    let eve = server.person("eve@example.org");
    let mut own = trusting(&person);
    sign_out(&mut own);
    assert!(asks_code(&first_step(&mut own, "eve@example.org", PASSWORD)));
    let id = listed(&person)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(eve.api.delete(&format!("/browsers/{id}")).problem(), "404 not-found");
    assert_eq!(eve.api.delete("/browsers").json(200), json!({ "forgotten": 0 }));
    for wrong in ["bro_00000000000000000000000000000000", "x", "ses_00000000000000000000000000000000"] {
        assert_eq!(person.api.delete(&format!("/browsers/{wrong}")).problem(), "404 not-found");
    }
    assert_eq!(listed(&person).len(), 1);
}

#[test]
fn it_lets_no_stranger_stand_in_the_way() {
    let server = Server::start();
    server.clock.stand_still();
    let person = server.person(ADA);
    let mut own = trusting(&person);
    sign_out(&mut own);
    // So that the next code stands already, and nothing has to be waited for.
    server.clock.move_by(60);
    for _ in 0..5 {
        assert_eq!(first_step(&mut server.browser(), ADA, "wrong").0, 401);
    }
    assert_eq!(first_step(&mut server.browser(), ADA, PASSWORD).0, 429);
    assert!(is_in(&first_step(&mut own, ADA, PASSWORD)));
    // That a person has signed in themselves gives strangers no new guesses.
    assert_eq!(first_step(&mut server.browser(), ADA, PASSWORD).0, 429);
    // Its own guesses are counted too.
    sign_out(&mut own);
    for _ in 0..5 {
        assert_eq!(first_step(&mut own, ADA, "wrong").0, 401);
    }
    assert_eq!(first_step(&mut own, ADA, PASSWORD).0, 429);
}

#[test]
fn it_is_forgotten_one_by_one_or_all_at_once() {
    let server = Server::start();
    let person = server.person(ADA);
    let (mut one, mut two) = (trusting(&person), trusting(&person));
    let mut third = trusting(&person);
    assert_eq!(listed(&person).len(), 3);
    let page = third.get("/security");
    assert!(page.text(200).contains("Trusted Browsers") && page.text(200).contains("Forget all"));
    // The first of the list is the newest, which is this one.
    let action = page.between("id=\"browsers\"", "</form>");
    let action = action.split_once("action=\"").unwrap().1.split('"').next().unwrap().to_owned();
    assert_eq!(third.submit_from(&page, &action, &[]).goes_to(), "/security");
    assert!(third.get("/security").text(200).contains("is no longer trusted"));
    sign_out(&mut third);
    assert!(asks_code(&first_step(&mut third, ADA, PASSWORD)));
    sign_out(&mut one);
    assert!(is_in(&first_step(&mut one, ADA, PASSWORD)));
    let page = one.get("/security");
    assert_eq!(one.submit_from(&page, "/security/browsers/forget-all", &[]).goes_to(), "/security");
    for browser in [&mut one, &mut two] {
        sign_out(browser);
        assert!(asks_code(&first_step(browser, ADA, PASSWORD)));
    }
    assert_eq!(listed(&person), [Value::Null; 0]);
    assert_eq!(person.told("browser_forgotten").len(), 1);
    assert_eq!(person.told("browsers_forgotten")[0]["count"], 2);
}

#[test]
fn a_change_of_what_signs_in_forgets_them() {
    let server = Server::start();
    let mut person = server.person(ADA);
    let begin = || trusting(&person);
    let mut own = begin();
    // The password.
    let asked = json!({ "current_password": PASSWORD, "new_password": "seven bridges over a kettle" });
    person.api.post("/account/password", &asked).with(200);
    person.password = "seven bridges over a kettle".into();
    own.cookies.remove("doorkey_session");
    assert!(asks_code(&first_step(&mut own, ADA, &person.password)));
    // Another phone.
    let mut own = trusting(&person);
    let begun = person.api.post("/account/two-factor/move", &Value::Null).json(201);
    person.secret = begun["totp_secret"].as_str().map(Into::into);
    person.api.post("/account/two-factor/move/confirm", &json!({ "code": person.code() })).with(204);
    own.cookies.remove("doorkey_session");
    assert!(asks_code(&first_step(&mut own, ADA, &person.password)));
    // A reset.
    let mut own = trusting(&person);
    let made = server.admin().post(&format!("/accounts/{ADA}/reset-link"), &Value::Null).json(201);
    let link = made["link"].as_str().unwrap();
    let path = &link[link.find("/reset/").unwrap()..];
    let code = person.code();
    assert_eq!(
        server.browser().submit(path, &[("password", PASSWORD), ("code", &code)]).goes_to(),
        "/sign-in"
    );
    person.password = PASSWORD.into();
    own.cookies.remove("doorkey_session");
    assert!(asks_code(&first_step(&mut own, ADA, PASSWORD)));
    // Turning two-factor authentication off and on again.
    let mut own = trusting(&person);
    person.sign_in();
    person.api.post("/account/two-factor/turn-off", &json!({ "code": person.code() })).with(200);
    let begun = person.api.post("/account/two-factor", &Value::Null).json(201);
    person.secret = begun["totp_secret"].as_str().map(Into::into);
    person.api.post("/account/two-factor/confirm", &json!({ "code": person.code() })).with(200);
    own.cookies.remove("doorkey_session");
    assert!(asks_code(&first_step(&mut own, ADA, PASSWORD)));
}

#[test]
fn signing_the_others_out_forgets_them_and_keeps_this_one() {
    let server = Server::start();
    let person = server.person(ADA);
    let (mut here, mut there) = (trusting(&person), trusting(&person));
    let page = here.get("/security");
    here.submit_from(&page, "/security/sign-out-others", &[]).goes_to();
    assert!(asks_code(&first_step(&mut there, ADA, PASSWORD)));
    sign_out(&mut here);
    assert!(is_in(&first_step(&mut here, ADA, PASSWORD)));
}

#[test]
fn a_browser_is_trusted_only_by_who_says_so() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut browser = person.browser();
    assert!(!browser.cookies.contains_key(COOKIE));
    sign_out(&mut browser);
    for made_up in ["", "x", &"a".repeat(5000)] {
        browser.cookies.insert(COOKIE.into(), made_up.into());
        assert!(asks_code(&first_step(&mut browser, ADA, PASSWORD)), "{made_up}");
    }
    // What a wrong code leaves ticked is trusted with the right one.
    let mut other = server.browser();
    let first = other.submit("/sign-in", &[("id", ADA), ("password", PASSWORD)]);
    let wrong = other.submit(first.goes_to(), &[("code", &person.wrong_code()), ("trust", "yes")]);
    assert!(wrong.text(401).contains("name=\"trust\" value=\"yes\" checked"));
    assert!(!other.cookies.contains_key(COOKIE));
    assert_eq!(listed(&person), [Value::Null; 0]);
}

#[test]
fn it_gives_no_new_guesses_at_the_code_with_each_sign_in() {
    let server = Server::start();
    server.clock.stand_still();
    let person = server.person(ADA);
    let mut own = trusting(&person);
    let guess = |browser: &mut Browser<'_>, code: &str| {
        browser.submit("/sign-in/confirm?next=/security", &[("code", code)]).status()
    };
    let again = |browser: &mut Browser<'_>| {
        sign_out(browser);
        assert!(is_in(&first_step(browser, ADA, PASSWORD)));
    };
    for round in 0..2 {
        again(&mut own);
        for _ in 0..3 - round {
            assert_eq!(guess(&mut own, &person.wrong_code()), 401);
        }
    }
    again(&mut own);
    assert_eq!(guess(&mut own, &person.wrong_code()), 429);
    // A right one gives them back.
    server.clock.move_by(60);
    assert_eq!(guess(&mut own, &person.code()), 303);
    again(&mut own);
    assert_eq!(guess(&mut own, &person.wrong_code()), 401);
    // A hundred in a row, and the browser is as good as any other.
    for _ in 1..100 {
        server.clock.move_by(900);
        assert_eq!(guess(&mut own, &person.wrong_code()), 401);
    }
    server.clock.move_by(900);
    assert_eq!(guess(&mut own, &person.code()), 429);
    sign_out(&mut own);
    assert!(asks_code(&first_step(&mut own, ADA, PASSWORD)));
    assert_eq!(person.told("sign_in_blocked").len(), 1);
    let forgotten = &person.told("browser_forgotten")[0];
    assert!(
        forgotten["sentence"].as_str().unwrap().starts_with("Doorkey forgot the trusted browser"),
        "{forgotten}"
    );
}

#[test]
fn sign_ins_without_a_code_push_out_none_that_had_one() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut own = trusting(&person);
    for _ in 0..52 {
        own.cookies.remove("doorkey_session");
        assert!(is_in(&first_step(&mut own, ADA, PASSWORD)));
    }
    assert_eq!(person.api.get("/session").status, 200);
    assert_eq!(person.api.get("/sessions").json(200)["sessions"].as_array().map(Vec::len), Some(50));
}
