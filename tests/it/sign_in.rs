//! Signing in, in two steps, and the budget of failures.

use serde_json::{Value, json};

use crate::support::{Answer, Browser, PASSWORD, Person, Server, race};

const ADA: &str = "ada@example.org";
const NOBODY: &str = "nobody@example.org";

/// A sign-in to the API, with whatever is given.
fn sign_in(server: &Server, id: &str, password: &str, code: Option<&str>) -> Answer {
    let mut asked = json!({ "id": id, "password": password });
    if let Some(code) = code {
        asked["code"] = code.into();
    }
    server.api("").post("/sign-in", &asked)
}

/// The first step in a browser.
fn first_step(browser: &mut Browser<'_>, id: &str, password: &str) -> u16 {
    browser.submit("/sign-in", &[("id", id), ("password", password)]).status()
}

#[test]
fn the_password_comes_first_and_then_the_code() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut browser = server.browser();
    let first =
        browser.submit("/sign-in?next=%2Factivity", &[("id", " Ada@Example.ORG "), ("password", PASSWORD)]);
    assert_eq!(first.goes_to(), "/sign-in/code?next=%2Factivity");
    let waiting = browser.cookies["doorkey_session"].clone();
    for path in ["/security", "/app-passwords", "/activity", "/app-passwords/generate", "/sign-in/confirm"] {
        assert!(browser.get(path).goes_to().starts_with("/sign-in?next="), "{path}");
    }
    let form = browser.get("/sign-in/code");
    assert!(form.text(200).contains(ADA));
    let wrong = browser.submit_from(&form, "/sign-in/code", &[("code", &person.wrong_code())]);
    assert!(wrong.text(401).contains("That isn&#39;t the code that stands now"));
    let done = browser.submit_from(&form, "/sign-in/code?next=%2Factivity", &[("code", &person.code())]);
    assert_eq!(done.goes_to(), "/activity");
    assert_ne!(
        browser.cookies["doorkey_session"], waiting,
        "what was there before the code opens nothing after it"
    );
    assert!(browser.get("/activity").text(200).contains("You signed in"));
    // The sign-in that waited is over.
    let mut before = server.browser();
    before.cookies.insert("doorkey_session".into(), waiting);
    assert!(before.get("/sign-in/code").goes_to().starts_with("/sign-in?next="));
    assert!(before.get("/security").goes_to().starts_with("/sign-in?next="));
}

#[test]
fn a_sign_in_waits_ten_minutes_for_its_code() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut browser = server.browser();
    assert_eq!(first_step(&mut browser, ADA, PASSWORD), 303);
    let form = browser.get("/sign-in/code");
    server.clock.move_by(599);
    assert_eq!(browser.get("/sign-in/code").status(), 200);
    server.clock.move_by(1);
    let late = browser.submit_from(&form, "/sign-in/code", &[("code", &person.code())]);
    assert!(late.goes_to().starts_with("/sign-in?next="), "{}", late.goes_to());
    assert!(browser.get("/security").goes_to().starts_with("/sign-in"));
}

#[test]
fn a_program_signs_in_with_the_code_in_the_same_request() {
    let server = Server::start();
    let person = server.person(ADA);
    assert_eq!(sign_in(&server, ADA, PASSWORD, None).problem(), "401 code-needed");
    assert_eq!(
        sign_in(&server, ADA, PASSWORD, Some(&person.wrong_code())).problem(),
        "401 wrong-credentials code"
    );
    let code = person.code();
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let done = sign_in(&server, "ADA@example.org", PASSWORD, Some(&spaced)).json(200);
    let account = json!({
        "id": done["account"]["id"], "name": ADA, "display_name": "Ada Lovelace", "administrator": false,
        "two_factor": true,
    });
    assert_eq!(done["account"], account);
    assert!(done["token"].as_str().is_some_and(|token| token.starts_with("dka_")));
    let api = server.api(done["token"].as_str().unwrap());
    assert_eq!(api.get("/session").json(200), json!({ "account": account }));
    for code in ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦"] {
        let answer = sign_in(&server, ADA, PASSWORD, Some(code)).problem();
        assert!(answer == "401 wrong-credentials code" || answer == "429 too-many-attempts", "{answer}");
    }
}

#[test]
fn a_wrong_id_and_a_wrong_password_are_told_apart_by_nothing() {
    let server = Server::start();
    server.person(ADA);
    let strip = |mut answer: Answer| {
        answer.headers.retain(|(name, _)| name != "date" && name != "x-request-id");
        answer
    };
    let wrong = strip(sign_in(&server, ADA, "wrong", None));
    assert_eq!(wrong.problem(), "401 wrong-credentials");
    for (id, password) in
        [(NOBODY, PASSWORD), (NOBODY, "wrong"), ("not an id", PASSWORD), ("", ""), (ADA, "")]
    {
        assert_eq!(strip(sign_in(&server, id, password, None)), wrong, "{id}");
    }
    for id in [NOBODY, ADA] {
        assert_eq!(strip(sign_in(&server, id, "wrong", Some("123456"))), wrong, "{id}");
    }
    let page = |id: &str| {
        let mut browser = server.browser();
        let page = browser.submit("/sign-in", &[("id", id), ("password", "wrong")]);
        page.text(401).replace(&page.form_token(), "").replace(id, "")
    };
    assert_eq!(page(ADA), page(NOBODY));
}

#[test]
fn what_is_sent_for_a_password_is_taken_as_it_is_or_refused() {
    let server = Server::start();
    let person = server.person_without_second_factor(ADA);
    let sign_in = |password: &str| sign_in(&server, ADA, password, None).problem();
    assert_eq!(sign_in(&format!(" {PASSWORD}")), "401 wrong-credentials");
    assert_eq!(sign_in(&"x".repeat(60_000)), "401 wrong-credentials");
    assert_eq!(sign_in(&"x".repeat(1_000_000)), "413 too-large");
    assert_eq!(sign_in("a\0b\u{202e}"), "401 wrong-credentials");
    let mut browser = server.browser();
    let page = browser.submit("/sign-in", &[("id", ADA), ("password", &"x".repeat(1_000_000))]);
    assert_eq!(page.status(), 413);
    person.new_token();
}

/// What a row of wrong attempts is answered, one after the other, and what stands in the answer for waiting.
fn row_of_failures(server: &Server, id: &str) -> Vec<(u16, Option<i64>)> {
    (0..12)
        .map(|_| {
            let answer = sign_in(server, id, "wrong", None);
            let wait = (answer.status == 429).then(|| answer.retry_after());
            server.clock.move_by(wait.unwrap_or(0));
            (answer.status, wait)
        })
        .collect()
}

#[test]
fn after_five_failures_each_waits_twice_as_long_and_for_nobody_too() {
    let server = Server::start();
    server.clock.stand_still();
    server.person(ADA);
    let mut expected = vec![(401, None); 5];
    for wait in [1, 2, 4] {
        expected.extend([(429, Some(wait)), (401, None)]);
    }
    expected.push((429, Some(8)));
    assert_eq!(row_of_failures(&server, ADA), expected);
    assert_eq!(row_of_failures(&server, NOBODY), expected);
    // What is refused isn't looked at and isn't counted, however often it comes.
    for id in [ADA, NOBODY] {
        assert_eq!(sign_in(&server, id, "wrong", None).status, 401);
        for _ in 0..10 {
            assert_eq!(sign_in(&server, id, PASSWORD, None).retry_after(), 16);
        }
    }
    server.clock.move_by(16);
    assert_eq!(sign_in(&server, ADA, PASSWORD, None).problem(), "401 code-needed");
    assert_eq!(sign_in(&server, NOBODY, PASSWORD, None).problem(), "401 wrong-credentials");
}

#[test]
fn nobody_is_kept_out_for_longer_than_the_wait_by_the_failures_of_others() {
    for failures in [5, 8, 20] {
        let server = Server::start();
        let person = server.person(ADA);
        server.clock.stand_still();
        for _ in 0..failures {
            server.clock.move_by(900);
            assert_eq!(sign_in(&server, ADA, "wrong", None).status, 401);
        }
        server.clock.move_by(900);
        // Password and code in one request, as programs send them; then in two steps, as people do.
        assert_eq!(sign_in(&server, ADA, PASSWORD, Some(&person.code())).status, 200, "after {failures}");
        for _ in 0..failures {
            server.clock.move_by(900);
            assert_eq!(sign_in(&server, ADA, "wrong", None).status, 401);
        }
        server.clock.move_by(900);
        let mut browser = server.browser();
        assert_eq!(first_step(&mut browser, ADA, PASSWORD), 303);
        assert_eq!(
            browser.submit("/sign-in/code", &[("code", &person.code())]).goes_to(),
            "/",
            "after {failures}"
        );
    }
}

#[test]
fn the_page_says_how_long_to_wait() {
    let server = Server::start();
    server.clock.stand_still();
    server.person(ADA);
    let mut browser = server.browser();
    for _ in 0..5 {
        assert_eq!(first_step(&mut browser, ADA, "wrong"), 401);
    }
    let page = browser.submit("/sign-in", &[("id", ADA), ("password", PASSWORD)]);
    assert!(page.text(429).contains("Too many attempts. Try again in 1 second."), "{}", page.text(429));
    assert_eq!(page.0.retry_after(), 1);
    assert!(page.text(429).contains(&format!("value=\"{ADA}\"")), "what was typed stays");
}

#[test]
fn failures_add_up_whichever_way_they_are_made() {
    let server = Server::start();
    server.clock.stand_still();
    let person = server.person(ADA);
    let mut browser = server.browser();
    assert_eq!(sign_in(&server, ADA, "wrong", None).status, 401);
    assert_eq!(first_step(&mut browser, ADA, "wrong"), 401);
    assert_eq!(sign_in(&server, ADA, PASSWORD, Some(&person.wrong_code())).status, 401);
    assert_eq!(first_step(&mut browser, ADA, PASSWORD), 303);
    for _ in 0..2 {
        assert_eq!(browser.submit("/sign-in/code", &[("code", &person.wrong_code())]).status(), 401);
    }
    let code = person.code();
    assert_eq!(sign_in(&server, ADA, PASSWORD, Some(&code)).problem(), "429 too-many-attempts");
    assert_eq!(browser.submit("/sign-in/code", &[("code", &code)]).status(), 429);
    assert_eq!(first_step(&mut server.browser(), ADA, PASSWORD), 429);
    // A whole sign-in sets it back.
    server.clock.move_by(1);
    assert_eq!(sign_in(&server, ADA, PASSWORD, Some(&code)).status, 200);
    for _ in 0..5 {
        assert_eq!(sign_in(&server, ADA, "wrong", None).status, 401);
    }
    assert_eq!(sign_in(&server, ADA, "wrong", None).status, 429);
}

#[test]
fn the_right_password_gives_no_more_guesses_at_the_code() {
    let server = Server::start();
    server.clock.stand_still();
    let person = server.person(ADA);
    for _ in 0..5 {
        assert_eq!(sign_in(&server, ADA, PASSWORD, None).problem(), "401 code-needed");
        assert_eq!(sign_in(&server, ADA, PASSWORD, Some(&person.wrong_code())).status, 401);
    }
    assert_eq!(sign_in(&server, ADA, PASSWORD, None).problem(), "429 too-many-attempts");
    // And in a browser, where the two come apart.
    let person = server.person("eve@example.org");
    for _ in 0..5 {
        let mut browser = server.browser();
        assert_eq!(first_step(&mut browser, "eve@example.org", PASSWORD), 303);
        assert_eq!(browser.submit("/sign-in/code", &[("code", &person.wrong_code())]).status(), 401);
    }
    assert_eq!(first_step(&mut server.browser(), "eve@example.org", PASSWORD), 429);
}

#[test]
fn failures_that_come_at_once_are_all_counted() {
    let server = Server::start();
    server.clock.stand_still();
    server.person(ADA);
    let answers = race(16, |_| sign_in(&server, ADA, "wrong", None).status);
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 5, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 11, "{answers:?}");
}

#[test]
fn the_budget_is_not_forgotten_by_a_crash() {
    let server = Server::start();
    server.clock.stand_still();
    server.person(ADA);
    for _ in 0..5 {
        assert_eq!(sign_in(&server, ADA, "wrong", None).status, 401);
    }
    server.clock.move_by(1);
    assert_eq!(sign_in(&server, ADA, "wrong", None).status, 401);
    server.clock.move_by(2);
    assert_eq!(sign_in(&server, ADA, "wrong", None).status, 401);
    server.kill();
    server.start_again();
    let answer = sign_in(&server, ADA, PASSWORD, None);
    assert_eq!(answer.problem(), "429 too-many-attempts");
    // A clock that is set back makes nobody wait for longer than the failures are worth.
    server.clock.move_by(-86_400);
    assert_eq!(sign_in(&server, ADA, PASSWORD, None).retry_after(), 4);
}

#[test]
fn a_hundred_failures_in_a_row_close_the_account_until_a_reset() {
    let server = Server::start();
    let mut person = server.person(ADA);
    let mut failures = 0;
    while failures < 100 {
        server.clock.move_by(900);
        let answer = sign_in(&server, ADA, "wrong", None);
        assert_eq!(answer.problem(), "401 wrong-credentials", "after {failures}");
        failures += 1;
    }
    let mut browser = server.browser();
    for _ in 0..2 {
        server.clock.move_by(86_400);
        let answer = sign_in(&server, ADA, PASSWORD, Some(&person.code()));
        assert_eq!(
            (answer.problem().as_str(), answer.header("retry-after")),
            ("429 too-many-attempts", None)
        );
        assert!(answer.text().contains("reset link"), "{}", answer.text());
        let page = browser.submit("/sign-in", &[("id", ADA), ("password", PASSWORD)]);
        assert!(page.text(429).contains("reset link"));
    }
    // Those who are signed in are told, and go on.
    let told = person.told("sign_in_blocked");
    assert_eq!((told.len(), &told[0]["source"]), (1, &json!("127.0.0.1")));
    server.restart();
    let link = server.admin().post(&format!("/accounts/{ADA}/reset-link"), &json!({})).json(201);
    let link = link["link"].as_str().unwrap();
    let reset = &link[link.find("/reset/").unwrap()..];
    let fields = [("password", "new bridges for the violet"), ("code", &person.code())];
    assert_eq!(server.browser().submit(reset, &fields).goes_to(), "/sign-in");
    person.password = "new bridges for the violet".into();
    person.sign_in();
    assert_eq!(person.api.get("/session").status, 200);
}

#[test]
fn a_code_counts_once() {
    let server = Server::start();
    let person = server.person(ADA);
    let code = person.code();
    assert_eq!(sign_in(&server, ADA, PASSWORD, Some(&code)).status, 200);
    assert_eq!(sign_in(&server, ADA, PASSWORD, Some(&code)).problem(), "401 wrong-credentials code");
    let mut browser = server.browser();
    assert_eq!(first_step(&mut browser, ADA, PASSWORD), 303);
    assert_eq!(browser.submit("/sign-in/code", &[("code", &code)]).status(), 401);
    assert_eq!(
        person.api.post("/session/confirm", &json!({ "code": code })).problem(),
        "401 wrong-credentials code"
    );
    // Nor one that was shown before it.
    server.clock.move_by(-30);
    assert_eq!(sign_in(&server, ADA, PASSWORD, Some(&code)).status, 401);
}

#[test]
fn of_those_that_race_with_one_code_one_gets_in() {
    let server = Server::start();
    let person = server.person(ADA);
    for _ in 0..3 {
        let code = person.code();
        let answers = race(5, |_| sign_in(&server, ADA, PASSWORD, Some(&code)).status);
        assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
        // Wherever a code is asked for, it is the same one.
        server.clock.move_by(3600);
        let (code, tokens) = (person.code(), [person.new_token(), person.new_token()]);
        drop(code);
        let code = person.code();
        let answers = race(6, |n| match n % 3 {
            0 => sign_in(&server, ADA, PASSWORD, Some(&code)).status,
            n => server.api(&tokens[n - 1]).post("/session/confirm", &json!({ "code": code })).status,
        });
        let right = answers.iter().filter(|status| [200, 204].contains(*status)).count();
        assert_eq!(right, 1, "{answers:?}");
        server.clock.move_by(3600);
        person.new_token();
    }
}

#[test]
fn a_guess_where_somebody_is_signed_in_is_counted_there() {
    let server = Server::start();
    server.clock.stand_still();
    let person = server.person(ADA);
    let wrong = json!({ "code": person.wrong_code() });
    for _ in 0..5 {
        assert_eq!(person.api.post("/session/confirm", &wrong).problem(), "401 wrong-credentials code");
    }
    assert_eq!(person.api.post("/session/confirm", &wrong).problem(), "429 too-many-attempts");
    let asked = json!({ "current_password": PASSWORD, "new_password": "seven bridges over a kettle" });
    assert_eq!(person.api.post("/account/password", &asked).problem(), "429 too-many-attempts");
    // Whoever has a session can't keep its person from signing in elsewhere.
    person.new_token();
}

#[test]
fn signing_in_stands_in_the_activity_with_what_it_was_done_with() {
    let server = Server::start();
    let person = server.person_without_second_factor(ADA);
    let agents = [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("<script>alert(1)</script>", "a browser"),
    ];
    for (agent, said) in agents {
        let mut browser = server.browser();
        let token = browser.get("/sign-in").form_token();
        let fields = [("form_token", token.as_str()), ("id", ADA), ("password", PASSWORD)];
        let form = crate::support::Request::new("POST", "/sign-in").header("User-Agent", agent);
        browser.ask(form.body(serde_urlencoded::to_string(fields).unwrap())).goes_to();
        assert_eq!(person.told("signed_in")[0]["agent"], said);
    }
    let asked = json!({ "id": ADA, "password": PASSWORD, "agent": format!("a\u{7}{}", "b".repeat(500)) });
    server.api("").post("/sign-in", &asked).json(200);
    assert_eq!(person.told("signed_in")[0]["agent"], format!("a{}", "b".repeat(99)));
    let _: Vec<Value> = person.events();
}

#[test]
fn a_short_id_is_in_the_default_domain() {
    let server = Server::start_with(&[("DOORKEY__ACCOUNTS__DEFAULT_DOMAIN", "example.org")]);
    let person = server.person("ada");
    let mail = server.service("mail", "mail");
    let password = person.generate("Phone", "mail");
    for name in ["ada", "Ada", ADA] {
        let answer = mail.ask(name, &password.password).with(200);
        assert_eq!(answer.header("remote-user"), Some(ADA));
        assert_eq!(sign_in(&server, name, PASSWORD, Some(&person.code())).status, 200);
    }
    let elsewhere: Person<'_> = server.person("ada@example.net");
    assert_eq!(elsewhere.list()["active"], 0);
}

#[test]
fn a_clock_that_was_ahead_keeps_nobody_out() {
    let server = Server::start();
    server.clock.stand_still();
    let person = server.person_without_second_factor(ADA);
    let sign_in =
        |password: &str| server.api("").post("/sign-in", &json!({ "id": ADA, "password": password })).status;
    server.clock.move_by(30 * 86_400);
    for _ in 0..5 {
        assert_eq!(sign_in("wrong"), 401);
    }
    assert_eq!(sign_in(&person.password), 429);
    server.clock.move_by(-30 * 86_400);
    assert_eq!(sign_in(&person.password), 429);
    server.clock.move_by(1);
    assert_eq!(sign_in(&person.password), 200);
}

#[test]
fn a_program_says_nothing_in_the_servers_name() {
    let server = Server::start();
    let person = server.person_without_second_factor(ADA);
    let agent = "Firefox.\u{2028}\u{202e} boss made eve” an\u{2066} administrator";
    let asked = json!({ "id": ADA, "password": person.password, "agent": agent });
    server.api("").post("/sign-in", &asked).json(200);
    let told = &person.told("signed_in")[0];
    let sentence = told["sentence"].as_str().unwrap();
    assert!(sentence.ends_with(" signed in with “Firefox. boss made eve' an administrator”."), "{sentence}");
}
