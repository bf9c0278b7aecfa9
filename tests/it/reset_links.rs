//! One-time links: setting up the first account, setting a new password.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, race};

const ADA: &str = "ada@example.org";
const NEW: &str = "seven bridges over a kettle";
const DAY: i64 = 86_400;

/// A link's path.
fn reset_link(server: &Server, id: &str) -> String {
    let made = server.admin().post(&format!("/accounts/{id}/reset-link"), &Value::Null).json(201);
    let link = made["link"].as_str().unwrap();
    assert!(link.starts_with("http://localhost:"), "{link}");
    assert!(made["expires_at"].as_str().is_some_and(|at| at.ends_with('Z')));
    link[link.find("/reset/").unwrap()..].to_owned()
}

#[test]
fn a_reset_ends_everything_that_the_old_password_opened() {
    let server = Server::start();
    let (mut person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let (one, two) = (person.generate("One", "mail"), person.generate("Two", "mail"));
    let mut own = person.browser();
    let link = reset_link(&server, "Ada@example.org");
    let mut browser = server.browser();
    let page = browser.get(&link);
    assert!(page.text(200).contains("This revokes your 2 app-specific passwords"));
    assert_eq!(mail.status(ADA, &one.password), 200, "looking changes nothing");
    for (password, code, status, about) in [
        ("short", person.wrong_code(), 422, "password-error"),
        ("password", person.wrong_code(), 422, "password-error"),
        (NEW, person.wrong_code(), 401, "code-error"),
        (NEW, String::new(), 401, "code-error"),
    ] {
        let refused = browser.submit_from(&page, &link, &[("password", password), ("code", &code)]);
        assert!(refused.text(status).contains(&format!("id=\"{about}\"")), "{password}");
    }
    assert_eq!(mail.status(ADA, &one.password), 200);
    let done = browser.submit_from(&page, &link, &[("password", NEW), ("code", &person.code())]);
    assert_eq!(done.goes_to(), "/sign-in");
    let said = "Your new password is set. Sign in with it. 2 app-specific passwords are revoked.";
    assert!(browser.get("/sign-in").text(200).contains(said));
    assert_eq!(mail.status(ADA, &one.password), 401);
    assert_eq!(person.api.get("/session").problem(), "401 sign-in-needed");
    assert!(own.get("/security").goes_to().starts_with("/sign-in"));
    let asked = json!({ "id": ADA, "password": PASSWORD, "code": person.code() });
    assert_eq!(server.api("").post("/sign-in", &asked).problem(), "401 wrong-credentials");
    person.password = NEW.into();
    person.sign_in();
    for password in [&one, &two] {
        assert_eq!(person.listed(password)["why_ended"], "password_reset");
    }
    assert_eq!(person.told("password_reset")[0]["revoked"], 2);
    assert_eq!(person.told("reset_link_made").len(), 1);
    // It worked once.
    for answer in [browser.get(&link), browser.submit_from(&page, &link, &[("password", NEW)])] {
        assert_eq!((answer.status(), answer.heading().as_str()), (410, "This link no longer works"));
    }
    assert_eq!(person.told("password_reset").len(), 1);
}

#[test]
fn without_a_second_factor_the_link_alone_does() {
    let server = Server::start();
    let mut person = server.person_without_second_factor(ADA);
    let link = reset_link(&server, ADA);
    let mut browser = server.browser();
    let page = browser.get(&link);
    assert!(!page.text(200).contains("name=\"code\""));
    let short = browser.submit_from(&page, &link, &[("password", "fourteen chars")]);
    assert!(short.text(422).contains("at least 15 characters"));
    assert_eq!(browser.submit_from(&page, &link, &[("password", NEW)]).goes_to(), "/sign-in");
    person.password = NEW.into();
    person.sign_in();
}

#[test]
fn a_link_is_good_for_a_day_and_only_the_newest() {
    let server = Server::start();
    let person = server.person_without_second_factor(ADA);
    server.person_without_second_factor("eve@example.org");
    let (first, others) = (reset_link(&server, ADA), reset_link(&server, "eve@example.org"));
    let second = reset_link(&server, ADA);
    let mut browser = server.browser();
    assert_eq!(browser.get(&first).status(), 410);
    assert_eq!(browser.get(&others).status(), 200);
    server.restart();
    server.clock.move_by(DAY - 60);
    let page = browser.get(&second);
    assert_eq!(page.status(), 200);
    server.clock.move_by(60);
    assert_eq!(browser.submit_from(&page, &second, &[("password", NEW)]).status(), 410);
    assert_eq!(browser.get(&second).status(), 410);
    person.new_token();
    // What never was a link looks the same.
    for path in ["/reset/x", "/setup/x", "/reset/%00", "/setup/%ff", &format!("/reset/{}", "x".repeat(5000))]
    {
        let status = browser.get(path).status();
        assert!([410, 400, 404].contains(&status), "{path}: {status}");
    }
    // One kind of link is not the other.
    let reset = reset_link(&server, ADA);
    assert_eq!(browser.get(&reset.replace("/reset/", "/setup/")).status(), 410);
    assert_eq!(browser.get(&reset).status(), 200);
}

#[test]
fn of_those_that_race_for_a_link_one_gets_it() {
    let server = Server::start();
    let mut person = server.person_without_second_factor(ADA);
    let link = reset_link(&server, ADA);
    let answers = race(6, |n| {
        let mut browser = server.browser();
        let page = browser.get(&link);
        if page.status() != 200 {
            return page.status();
        }
        browser.submit_from(&page, &link, &[("password", &format!("{NEW} {n}"))]).status()
    });
    let winner = answers.iter().position(|status| *status == 303).unwrap();
    let spent = answers.iter().filter(|status| **status == 410).count();
    assert_eq!(spent, 5, "{answers:?}");
    person.password = format!("{NEW} {winner}");
    person.sign_in();
    assert_eq!(person.told("password_reset").len(), 1);
}

#[test]
fn guesses_at_the_code_behind_a_link_are_counted() {
    let server = Server::start();
    let person = server.person(ADA);
    server.clock.stand_still();
    let link = reset_link(&server, ADA);
    let mut browser = server.browser();
    let page = browser.get(&link);
    let mut try_code =
        |code: &str| browser.submit_from(&page, &link, &[("password", NEW), ("code", code)]).status();
    for _ in 0..5 {
        assert_eq!(try_code(&person.wrong_code()), 401);
    }
    let code = person.code();
    assert_eq!(try_code(&code), 429);
    server.clock.move_by(1);
    assert_eq!(try_code(&code), 303);
}

#[test]
fn the_first_account_is_made_once_whoever_races() {
    let server = Server::start();
    let link = server.set_up_path();
    let mut browser = server.browser();
    let page = browser.get(&link);
    assert_eq!(browser.get(&link).status(), 200, "looking spends nothing");
    for (id, name, password, field) in [
        ("ada", "Ada", PASSWORD, "id"),
        (ADA, "", PASSWORD, "name"),
        (ADA, "Ada", "fourteen chars", "password"),
    ] {
        let fields = [("id", id), ("name", name), ("password", password)];
        let refused = browser.submit_from(&page, &link, &fields).text(422);
        assert!(refused.contains(&format!("id=\"{field}-error\"")), "{field}");
        assert!(refused.contains(&format!("value=\"{id}\"")) && !refused.contains(password), "{refused}");
    }
    let answers = race(4, |n| {
        let mut browser = server.browser();
        let page = browser.get(&link);
        if page.status() != 200 {
            return page.status();
        }
        let fields = [("id", &*format!("ada{n}@example.org")), ("name", "Ada"), ("password", PASSWORD)];
        browser.submit_from(&page, &link, &fields).status()
    });
    assert_eq!(answers.iter().filter(|status| **status == 303).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 410).count(), 3, "{answers:?}");
    server.stop();
    assert_eq!(server.data_says::<i64>("SELECT COUNT(*) FROM accounts WHERE administrator = 1"), 1);
}

#[test]
fn the_link_of_the_first_account_is_dead_once_there_is_one() {
    let server = Server::start();
    let link = server.set_up_path();
    let mut browser = server.browser();
    let page = browser.get(&link);
    server.person(ADA);
    assert_eq!(browser.get(&link).status(), 410);
    let fields = [("id", "eve@example.org"), ("name", "Eve"), ("password", PASSWORD)];
    assert_eq!(browser.submit_from(&page, &link, &fields).status(), 410);
}

#[test]
fn nobody_makes_a_link_for_an_account_that_is_not_there() {
    let server = Server::start();
    for id in ["nobody@example.org", "nobody", "%20", "%00", &"x".repeat(5000)] {
        let answer = server.admin().post(&format!("/accounts/{id}/reset-link"), &Value::Null);
        assert_eq!(answer.problem(), "404 not-found", "{id}");
    }
}
