//! Being signed in: for how long, and how it ends.

use serde_json::json;

use crate::support::{Request, Server};

const ADA: &str = "ada@example.org";
const DAY: i64 = 86_400;

#[test]
fn signing_out_ends_this_session_and_no_other() {
    let server = Server::start();
    let person = server.person(ADA);
    let other = person.new_token();
    person.api.delete("/session").with(204);
    assert_eq!(person.api.get("/session").problem(), "401 sign-in-needed");
    assert_eq!(person.api.delete("/session").problem(), "401 sign-in-needed");
    assert_eq!(server.api(&other).get("/session").status, 200);
    let mut browser = person.browser();
    let cookie = browser.cookies["doorkey_session"].clone();
    let page = browser.get("/security");
    assert_eq!(browser.submit_from(&page, "/sign-out", &[]).goes_to(), "/sign-in");
    assert!(!browser.cookies.contains_key("doorkey_session"));
    assert!(browser.get("/sign-in").text(200).contains("You are signed out."));
    browser.cookies.insert("doorkey_session".into(), cookie);
    assert_eq!(browser.get("/security").goes_to(), "/sign-in?next=%2Fsecurity");
}

#[test]
fn the_others_can_be_signed_out() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut browsers = [person.browser(), person.browser()];
    let other = person.new_token();
    let page = browsers[0].get("/security");
    assert!(page.text(200).contains("4 browsers are signed in as you"));
    assert_eq!(browsers[0].submit_from(&page, "/security/sign-out-others", &[]).goes_to(), "/security");
    assert!(
        browsers[0].get("/security").text(200).contains("3 other browsers and command lines are signed out.")
    );
    assert!(browsers[1].get("/security").goes_to().starts_with("/sign-in"));
    assert_eq!(server.api(&other).get("/session").problem(), "401 sign-in-needed");
    assert_eq!(person.api.get("/session").problem(), "401 sign-in-needed");
    let token = person.new_token();
    let api = server.api(&token);
    assert_eq!(api.post("/session/sign-out-others", &json!({})).json(200), json!({ "signed_out": 1 }));
    assert_eq!(api.post("/session/sign-out-others", &json!({})).json(200), json!({ "signed_out": 0 }));
    assert!(browsers[0].get("/security").goes_to().starts_with("/sign-in"));
}

#[test]
fn a_browser_stays_signed_in_for_thirty_days_or_two_weeks_without_use() {
    let server = Server::start();
    let person = server.person(ADA);
    let (mut used, mut unused) = (person.browser(), person.browser());
    server.clock.move_by(14 * DAY - 120);
    assert_eq!(used.get("/security").status(), 200);
    server.clock.move_by(120);
    assert!(unused.get("/security").goes_to().starts_with("/sign-in"));
    server.clock.move_by(13 * DAY);
    assert_eq!(used.get("/security").status(), 200);
    server.restart();
    assert_eq!(used.get("/security").status(), 200);
    server.clock.move_by(3 * DAY);
    assert!(used.get("/security").goes_to().starts_with("/sign-in"));
}

#[test]
fn a_token_is_good_for_ninety_days_or_thirty_without_use() {
    let server = Server::start();
    let person = server.person(ADA);
    let (used, unused) = (server.api(&person.new_token()), server.api(&person.new_token()));
    for _ in 0..2 {
        server.clock.move_by(29 * DAY);
        assert_eq!(used.get("/session").status, 200);
    }
    assert_eq!(unused.get("/session").problem(), "401 sign-in-needed");
    server.clock.move_by(29 * DAY);
    assert_eq!(used.get("/session").status, 200);
    server.clock.move_by(3 * DAY);
    assert_eq!(used.get("/session").problem(), "401 sign-in-needed");
}

#[test]
fn a_token_is_no_cookie_and_a_cookie_no_token() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut browser = person.browser();
    let (token, cookie) = (person.api.token.clone().unwrap(), browser.cookies["doorkey_session"].clone());
    assert_eq!(browser.ask(Request::get("/api/v1/session")).0.problem(), "401 sign-in-needed");
    assert_eq!(server.api(&cookie).get("/session").problem(), "401 sign-in-needed");
    let pages = Request::get("/security").header("Authorization", format!("Bearer {token}"));
    assert_eq!(server.ask(&pages).status, 303);
    browser.cookies.insert("doorkey_session".into(), token.clone());
    assert!(browser.get("/security").goes_to().starts_with("/sign-in"));
    for sent in
        ["", "Bearer", "Bearer ", "bearer x", &format!("Basic {token}"), &token, &format!("Bearer {token}x")]
    {
        let answer = server.ask(&Request::get("/api/v1/session").header("Authorization", sent));
        assert_eq!(answer.problem(), "401 sign-in-needed", "{sent}");
    }
    let binary = Request::get("/api/v1/session").header("Authorization", b"Bearer \xff\xfe");
    assert_eq!(server.ask(&binary).problem(), "401 sign-in-needed");
}
