//! Accounts: making them, and their password.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::{Answer, PASSWORD, Person, Server, race, until};

const ADA: &str = "ada@example.org";
const NEW: &str = "seven bridges over a kettle";

fn change(person: &Person<'_>, current: &str, new: &str) -> Answer {
    let asked = json!({ "current_password": current, "new_password": new });
    person.api.post("/account/password", &asked)
}

#[test]
fn an_administrator_adds_accounts() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    let asked =
        json!({ "id": " Bob@Example.org", "name": " Bob B. ", "password": PASSWORD, "administrator": true });
    let made = admin.api.post("/accounts", &asked).json(201);
    let id = made["id"].clone();
    assert!(id.as_str().is_some_and(|id| id.starts_with("acc_")), "{id}");
    let expected = json!({
        "id": id, "name": "bob@example.org", "display_name": "Bob B.", "administrator": true, "aliases": [],
        "state": "active", "two_factor": false, "app_passwords": 0, "created_at": made["created_at"],
        "last_signed_in_at": null, "groups": [], "link_expires_at": null, "mail_given_up": false,
    });
    assert_eq!(made, expected);
    let bob = Person::new(&server, "bob@example.org", None).signed_in();
    bob.api.get("/services").with(200);
    assert_eq!(
        bob.told("account_added")[0]["sentence"],
        "An administrator made the account bob@example.org, which administers this server."
    );

    // With a second factor from the first day, a shorter password does.
    let asked = json!({ "id": "eve@example.org", "name": "Eve", "password": "8 at once", "totp": true });
    let made = admin.api.post("/accounts", &asked).json(201);
    let uri = made["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Doorkey:eve@example.org?secret="), "{uri}");
    assert!(uri.contains(made["totp_secret"].as_str().unwrap()), "{uri}");
    assert_eq!(made["administrator"], false);
    let mut eve = Person::new(&server, "eve@example.org", made["totp_secret"].as_str());
    eve.password = "8 at once".into();
    eve.sign_in();
    eve.generate("Phone", "mail");
    assert_eq!(eve.told("two_factor_on").len(), 1);
}

#[test]
fn what_no_account_can_be_made_of_is_refused_at_its_field() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    let megabyte = "x".repeat(60_000);
    for (field, value, problem) in [
        ("id", "", "422 unfit id"),
        ("id", "ada", "422 unfit id"),
        ("id", "a b@example.org", "422 unfit id"),
        ("id", "a/b@example.org", "422 unfit id"),
        ("id", "a\0@example.org", "422 unfit id"),
        ("id", "a\u{202e}b@example.org", "422 unfit id"),
        ("id", &megabyte, "422 unfit id"),
        ("id", "ADA@example.org", "409 conflict id"),
        ("name", "", "422 unfit name"),
        ("name", "a\nb", "422 unfit name"),
        ("name", "a\u{202e}b", "422 unfit name"),
        ("name", &"x".repeat(101), "422 unfit name"),
        ("password", "", "422 unfit password"),
        ("password", "fourteen chars", "422 unfit password"),
        ("password", "aaaaaaaaaaaaaaaaaaaa", "422 unfit password"),
        ("password", "bob@example.org", "422 unfit password"),
        ("password", &"x y".repeat(86), "422 unfit password"),
        ("password", &megabyte, "422 unfit password"),
    ] {
        let mut asked = json!({ "id": "bob@example.org", "name": "Bob", "password": PASSWORD });
        asked[field] = value.into();
        let answer = admin.api.post("/accounts", &asked);
        assert_eq!(answer.problem(), problem, "{field} {value:?}");
        assert!(answer.body.len() < 2000, "what was sent isn't sent back");
    }
    server.stop();
    assert_eq!(server.data_says::<i64>("SELECT COUNT(*) FROM accounts"), 1);
}

#[test]
fn only_administrators_add_accounts_and_freshly_shown() {
    let server = Server::start();
    let (admin, other) = (server.administrator(ADA), server.person("eve@example.org"));
    let asked = json!({ "id": "bob@example.org", "name": "Bob", "password": PASSWORD });
    let ways = |person: &Person<'_>| {
        [
            person.api.post("/accounts", &asked).problem(),
            person.api.post(&format!("/accounts/{ADA}/reset-link"), &json!({})).problem(),
        ]
    };
    server.clock.move_by(601);
    assert_eq!(ways(&other), ["403 not-allowed"; 2]);
    assert_eq!(ways(&admin), ["403 confirmation-needed"; 2]);
    admin.api.post("/session/confirm", &json!({ "code": admin.code() })).with(204);
    assert_eq!(admin.api.post("/accounts", &asked).status, 201);
}

#[test]
fn a_changed_password_ends_what_the_old_one_opened() {
    let server = Server::start();
    let (mut person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let (one, two, before) =
        (person.generate("One", "mail"), person.generate("Two", "first"), person.generate("Before", "mail"));
    person.revoke(&before).with(200);
    let other = person.new_token();
    let mut browser = person.browser();
    assert_eq!(change(&person, PASSWORD, NEW).json(200), json!({ "revoked": 2 }));
    for (password, why) in [(&one, "password_changed"), (&two, "password_changed"), (&before, "revoked")] {
        assert_eq!(mail.status(ADA, &password.password), 401);
        let listed = person.listed(password);
        assert_eq!((&listed["state"], &listed["why_ended"]), (&json!("ended"), &json!(why)));
    }
    // Everybody else is out; here one goes on.
    assert_eq!(server.api(&other).get("/session").problem(), "401 sign-in-needed");
    assert!(browser.get("/security").goes_to().starts_with("/sign-in"));
    let told: Vec<_> = person.events().into_iter().take(4).map(|event| event["what"].clone()).collect();
    assert_eq!(told, ["password_changed", "others_signed_out", "app_password_ended", "app_password_ended"]);
    assert_eq!(person.told("password_changed")[0]["revoked"], 2);
    let asked = json!({ "id": ADA, "password": PASSWORD, "code": person.code() });
    assert_eq!(server.api("").post("/sign-in", &asked).problem(), "401 wrong-credentials");
    person.password = NEW.into();
    person.new_token();
    assert_eq!(change(&person, NEW, PASSWORD).json(200), json!({ "revoked": 0 }));
}

#[test]
fn a_password_is_changed_by_who_knows_it_to_one_that_does() {
    let server = Server::start();
    let (person, without) = (server.person(ADA), server.person_without_second_factor("eve@example.org"));
    assert_eq!(change(&person, "wrong", NEW).problem(), "401 wrong-credentials current_password");
    assert_eq!(change(&person, PASSWORD, "seven 7").problem(), "422 unfit new_password");
    assert_eq!(change(&person, PASSWORD, "password").problem(), "422 unfit new_password");
    for of_the_place in [ADA, "example.org", "Example.Org", "localhost", "localhost1", "doorkey2026"] {
        let refused = change(&person, PASSWORD, of_the_place);
        assert_eq!(refused.problem(), "422 unfit new_password", "{of_the_place}");
    }
    assert_eq!(change(&without, PASSWORD, "fourteen chars").problem(), "422 unfit new_password");
    assert_eq!(person.told("password_changed").len() + without.told("password_changed").len(), 0);
    assert_eq!(change(&person, PASSWORD, "8 at once").json(200), json!({ "revoked": 0 }));
    // Typed on another keyboard, the same characters are the same password.
    assert_eq!(change(&person, "8 at once", "cafe\u{301} noir at the bridge").status, 200);
    assert_eq!(change(&person, "café noir at the bridge", NEW).status, 200);
    server.clock.move_by(601);
    assert_eq!(change(&person, NEW, PASSWORD).problem(), "403 confirmation-needed");
    assert_eq!(change(&without, PASSWORD, NEW).problem(), "403 confirmation-needed");
    let by_code = json!({ "code": "123456" });
    assert_eq!(without.api.post("/session/confirm", &by_code).problem(), "422 unfit password");
    let wrong = json!({ "password": "wrong" });
    assert_eq!(without.api.post("/session/confirm", &wrong).problem(), "401 wrong-credentials password");
    without.api.post("/session/confirm", &json!({ "password": PASSWORD })).with(204);
    assert_eq!(change(&without, PASSWORD, NEW).status, 200);
}

#[test]
fn of_two_changes_at_once_one_is_made() {
    let server = Server::start();
    let person = server.person(ADA);
    let tokens = [person.new_token(), person.new_token()];
    let answers = race(2, |n| {
        let asked = json!({ "current_password": PASSWORD, "new_password": format!("{NEW} {n}") });
        server.api(&tokens[n]).post("/account/password", &asked).status
    });
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    let winner = answers.iter().position(|status| *status == 200).unwrap();
    let asked = json!({ "id": ADA, "password": format!("{NEW} {winner}"), "code": person.code() });
    server.api("").post("/sign-in", &asked).with(200);
    let asked = json!({ "id": ADA, "password": format!("{NEW} {}", 1 - winner) });
    assert_eq!(server.api("").post("/sign-in", &asked).status, 401);
}

#[test]
fn a_sign_in_that_is_on_its_way_when_the_password_changes_comes_too_late() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut browser = server.browser();
    let first = browser.submit("/sign-in", &[("id", ADA), ("password", PASSWORD)]);
    assert_eq!(change(&person, PASSWORD, NEW).status, 200);
    // Whoever knew the old password alone stands before the door again.
    let form = browser.get(first.goes_to());
    assert!(form.goes_to().starts_with("/sign-in?next="));
    assert!(browser.get("/security").goes_to().starts_with("/sign-in"));
}

#[test]
fn no_sign_in_with_the_old_password_outlives_the_change_that_it_raced_with() {
    let server = Server::start();
    let person = server.person_without_second_factor(ADA);
    let began = AtomicUsize::new(0);
    let tokens = race(4, |n| {
        let mut tokens = Vec::new();
        if n == 3 {
            until(|| began.load(Ordering::SeqCst) >= 4);
            assert_eq!(change(&person, PASSWORD, NEW).status, 200);
            return tokens;
        }
        let asked = json!({ "id": ADA, "password": PASSWORD });
        loop {
            let answer = server.api("").post("/sign-in", &asked);
            if answer.status != 200 {
                assert_eq!(answer.problem(), "401 wrong-credentials");
                return tokens;
            }
            tokens.push(answer.json(200)["token"].as_str().unwrap().to_owned());
            began.fetch_add(1, Ordering::SeqCst);
        }
    });
    for token in tokens.iter().flatten() {
        assert_eq!(server.api(token).get("/session").problem(), "401 sign-in-needed");
    }
    assert_eq!(person.api.get("/session").status, 200);
}

#[test]
fn the_page_says_what_a_change_revokes() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail");
    person.generate("Tablet", "mail");
    let mut browser = person.browser();
    let page = browser.get("/security/password");
    assert!(page.text(200).contains("This revokes your 2 app-specific passwords."));
    let wrong = browser.submit_from(&page, "/security/password", &[("current", "wrong"), ("password", NEW)]);
    assert!(wrong.text(401).contains("id=\"current-error\""));
    let short = browser.submit_from(&page, "/security/password", &[("current", PASSWORD), ("password", "x")]);
    assert!(short.text(422).contains("id=\"password-error\""));
    assert_eq!(mail.status(ADA, &password.password), 200);
    let done = browser.submit_from(&page, "/security/password", &[("current", PASSWORD), ("password", NEW)]);
    assert_eq!(done.goes_to(), "/security");
    let said =
        "Your password is changed, and other browsers are signed out. 2 app-specific passwords are revoked.";
    assert!(browser.get("/security").text(200).contains(said));
    assert!(!browser.get("/security").text(200).contains(said), "it is said once");
    assert_eq!(mail.status(ADA, &password.password), 401);
    let list = browser.get("/app-passwords").text(200);
    assert_eq!(list.matches("because your password was changed").count(), 2);
}
