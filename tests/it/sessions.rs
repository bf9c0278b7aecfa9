//! Being signed in: for how long, and how it ends.

use domain::Timestamp;
use serde_json::json;

use crate::support::{PASSWORD, Person, Request, Server};

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
fn of_more_than_fifty_the_one_used_longest_ago_ends() {
    let server = Server::start();
    let person = server.person_without_second_factor(ADA);
    let first = person.new_token();
    // Used later than the others that come before the fiftieth.
    server.clock.move_by(120);
    let others: Vec<_> = (0..48).map(|_| person.new_token()).collect();
    server.clock.move_by(120);
    assert_eq!(server.api(&first).get("/session").status, 200);
    let listed = || person.api.get("/sessions").json(200)["sessions"].as_array().map(Vec::len);
    assert_eq!(listed(), Some(50));
    server.clock.move_by(120);
    person.new_token();
    assert_eq!(listed(), Some(50));
    assert_eq!(server.api(&first).get("/session").status, 200);
    let ended = others.iter().filter(|token| server.api(token).get("/session").status == 401).count();
    assert_eq!(ended, 1);
    assert!(person.told("session_ended")[0]["sentence"].as_str().unwrap().starts_with("Doorkey signed out "));
}

#[test]
fn sign_ins_that_wait_for_a_code_push_nobody_out_and_do_not_grow() {
    let server = Server::start();
    let person = server.person(ADA);
    for _ in 0..55 {
        let waiting = server.browser().submit("/sign-in", &[("id", ADA), ("password", PASSWORD)]);
        assert!(waiting.goes_to().starts_with("/sign-in/code"));
    }
    assert_eq!(person.api.get("/session").status, 200);
    server.stop();
    let waiting: i64 = server.data_says("SELECT COUNT(*) FROM sessions WHERE code_wanted = 1");
    assert_eq!(waiting, 50);
}

#[test]
fn the_password_alone_keeps_nobody_from_their_code_and_is_told() {
    let server = Server::start_with(&[("DOORKEY__HTTP__TRUSTED_PROXIES", "127.0.0.1")]);
    let person = server.person(ADA);
    let mut own = server.browser();
    let first = own.submit("/sign-in", &[("id", ADA), ("password", PASSWORD)]);
    for _ in 0..55 {
        let mut stranger = server.browser();
        let token = stranger.get("/sign-in").form_token();
        let fields = [("form_token", token.as_str()), ("id", ADA), ("password", PASSWORD)];
        let form = Request::new("POST", "/sign-in")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("X-Forwarded-For", "203.0.113.9");
        let begun = stranger.ask(form.body(serde_urlencoded::to_string(fields).unwrap()));
        assert!(begun.goes_to().starts_with("/sign-in/code"));
    }
    assert_eq!(own.submit(first.goes_to(), &[("code", &person.code())]).goes_to(), "/");
    // What is summed up is written down at the end too.
    server.restart();
    let person = Person::new(&server, ADA, person.secret.as_deref());
    server.clock.move_by(60);
    let told = person.signed_in().told("sign_in_refused");
    let sums = told.iter().filter(|event| event["reason"] == "no_code" && event["source"] == "203.0.113.9");
    assert_eq!(sums.map(|event| event["count"].as_u64().unwrap()).sum::<u64>(), 6, "{told:?}");
    let sentence = told[0]["sentence"].as_str().unwrap();
    assert!(sentence.contains("The right password of your account was entered "), "{sentence}");
}

#[test]
fn the_others_can_be_signed_out() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut browsers = [person.browser(), person.browser()];
    let other = person.new_token();
    let page = browsers[0].get("/security");
    assert!(page.text(200).contains("4 browsers and command lines are signed in as you"));
    assert_eq!(browsers[0].submit_from(&page, "/security/sign-out-others", &[]).goes_to(), "/security");
    assert!(
        browsers[0].get("/security").text(200).contains("3 other browsers and command lines are signed out.")
    );
    assert!(browsers[1].get("/security").goes_to().starts_with("/sign-in"));
    assert_eq!(server.api(&other).get("/session").problem(), "401 sign-in-needed");
    assert_eq!(person.api.get("/session").problem(), "401 sign-in-needed");
    let token = person.new_token();
    let api = server.api(&token);
    assert_eq!(api.delete("/sessions").json(200), json!({ "signed_out": 1 }));
    assert_eq!(api.delete("/sessions").json(200), json!({ "signed_out": 0 }));
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

#[test]
fn the_list_says_where_and_until_when() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut browser = server.browser();
    let page = browser.get("/sign-in");
    let body = serde_urlencoded::to_string([
        ("form_token", page.form_token().as_str()),
        ("id", ADA),
        ("password", &person.password),
    ]);
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    let request = Request::new("POST", "/sign-in").header("User-Agent", firefox);
    let first =
        browser.ask(request.header("Content-Type", "application/x-www-form-urlencoded").body(body.unwrap()));
    browser.submit(first.goes_to(), &[("code", &person.code())]).goes_to();
    server.clock.move_by(3 * DAY);
    let page = browser.get("/security").text(200);
    for part in
        ["Firefox on Linux", "This one", "from 127.0.0.1", ">just now<", ">3 days ago<", ">in 14 days<"]
    {
        assert!(page.contains(part), "{part} isn't in {page}");
    }
    let list = person.api.get("/sessions").json(200)["sessions"].clone();
    assert_eq!(list.as_array().map(Vec::len), Some(2));
    assert_eq!((&list[0]["here"], &list[0]["client"]), (&json!(true), &json!("command_line")));
    assert_eq!((&list[1]["here"], &list[1]["client"]), (&json!(false), &json!("browser")));
    let end = |n: usize| serde_json::from_value::<Timestamp>(list[n]["ends_at"].clone()).unwrap();
    let days = |at: Timestamp| at.since(server.clock.now()).div_euclid(1000 * DAY);
    assert_eq!((days(end(0)), days(end(1))), (29, 13));
}

#[test]
fn one_is_signed_out_from_another() {
    let server = Server::start();
    let (person, eve) = (server.person(ADA), server.person("eve@example.org"));
    let (mut here, mut there) = (person.browser(), person.browser());
    let id_of = |n: usize| {
        let list = person.api.get("/sessions").json(200);
        list["sessions"][n]["id"].as_str().unwrap().to_owned()
    };
    for wrong in ["x", "ses_00000000000000000000000000000000", "acc_00000000000000000000000000000000"] {
        assert_eq!(person.api.delete(&format!("/sessions/{wrong}")).problem(), "404 not-found", "{wrong}");
    }
    assert_eq!(eve.api.delete(&format!("/sessions/{}", id_of(1))).problem(), "404 not-found");
    person.api.delete(&format!("/sessions/{}", id_of(1))).with(204);
    assert!(there.get("/security").goes_to().starts_with("/sign-in"));
    assert_eq!(here.get("/security").status(), 200);
    let page = here.get("/security");
    let action = format!("/security/sessions/{}/sign-out", id_of(0));
    assert_eq!(here.submit_from(&page, &action, &[]).goes_to(), "/security");
    assert_eq!(person.api.get("/session").problem(), "401 sign-in-needed");
    let ended: Vec<_> = server.api(&person.new_token()).get("/activity").json(200)["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["what"] == "session_ended")
        .cloned()
        .collect();
    assert_eq!(ended.len(), 2);
    // And this one: then it is signed out as by the button for that.
    let list = server.api(&person.new_token()).get("/sessions").json(200);
    let mine = list["sessions"].as_array().unwrap().iter().find(|one| one["client"] == "browser").unwrap();
    let action = format!("/security/sessions/{}/sign-out", mine["id"].as_str().unwrap());
    let page = here.get("/security");
    assert_eq!(here.submit_from(&page, &action, &[]).goes_to(), "/sign-in");
    assert!(!here.cookies.contains_key("doorkey_session"));
}

#[test]
fn operators_may_end_them_sooner() {
    let settings = [("DOORKEY__ACCOUNTS__SESSION_DAYS", "7"), ("DOORKEY__ACCOUNTS__SESSION_IDLE_DAYS", "2")];
    let server = Server::start_with(&settings);
    let person = server.person(ADA);
    let (mut used, mut unused) = (person.browser(), person.browser());
    let token = server.api(&person.new_token());
    for _ in 0..3 {
        server.clock.move_by(2 * DAY - 600);
        assert_eq!(used.get("/security").status(), 200);
        assert_eq!(token.get("/session").status, 200);
    }
    assert!(unused.get("/security").goes_to().starts_with("/sign-in"));
    server.clock.move_by(DAY + 1800);
    assert!(used.get("/security").goes_to().starts_with("/sign-in"));
    assert_eq!(token.get("/session").problem(), "401 sign-in-needed");
}

#[test]
fn confirming_gives_the_session_another_token() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut browser = person.browser();
    let copied = browser.cookies["doorkey_session"].clone();
    let confirm = "/sign-in/confirm?next=%2Fsecurity";
    assert_eq!(browser.submit(confirm, &[("code", &person.code())]).goes_to(), "/security");
    assert_ne!(browser.cookies["doorkey_session"], copied);
    assert_eq!(browser.get("/security").status(), 200);
    let mut thief = server.browser();
    thief.cookies.insert("doorkey_session".into(), copied);
    assert!(thief.get("/security").goes_to().starts_with("/sign-in"));
    // A change of what signs in too; the page that follows knows the new one.
    let before = browser.cookies["doorkey_session"].clone();
    let fields = [("current", person.password.as_str()), ("password", "seven bridges over a kettle")];
    browser.submit("/security/password", &fields).goes_to();
    assert_ne!(browser.cookies["doorkey_session"], before);
    let page = browser.get("/security");
    assert_eq!(browser.submit_from(&page, "/sign-out", &[]).goes_to(), "/sign-in");
}
