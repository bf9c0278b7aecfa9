//! Recovery codes: ten, each once in place of the authenticator app's; and setting up another phone.

use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Page, Person, Server, code_of, race};

const ADA: &str = "ada@example.org";
const NEW: &str = "seven bridges over a kettle";

/// Makes ten new ones.
fn renew(person: &Person<'_>) -> Vec<String> {
    let made = person.api.post("/account/recovery-codes", &Value::Null).json(201);
    made["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().into()).collect()
}

fn left(person: &Person<'_>) -> u64 {
    person.api.get("/account/recovery-codes").json(200)["left"].as_u64().unwrap()
}

fn sign_in(server: &Server, code: &str) -> Answer {
    server.api("").post("/sign-in", &json!({ "id": ADA, "password": PASSWORD, "code": code }))
}

/// The codes that a page shows.
fn shown(page: &Page) -> Vec<String> {
    page.text(200).split("<code>").skip(1).map(|rest| rest.split('<').next().unwrap().into()).collect()
}

#[test]
fn each_of_ten_signs_in_once_however_it_is_typed() {
    let server = Server::start();
    let person = server.person(ADA);
    assert_eq!(left(&person), 0, "an account that somebody else made has none yet");
    let codes = renew(&person);
    assert_eq!((codes.len(), left(&person)), (10, 10));
    let typed = [
        codes[0].clone(),
        codes[1].to_lowercase(),
        codes[2].replace('-', ""),
        format!(" {} ", codes[3].replace('-', " ").to_lowercase()),
    ];
    for (n, typed) in typed.iter().enumerate() {
        assert_eq!(sign_in(&server, typed).json(200)["recovery_codes_left"], 9 - n, "{typed}");
        assert_eq!(sign_in(&server, typed).problem(), "401 wrong-credentials code", "{typed}");
    }
    assert_eq!(left(&person), 6);
    let used = person.told("recovery_code_used");
    assert_eq!((used.len(), &used[0]["left"]), (4, &json!(6)));
    assert_eq!(used[0]["sentence"], "You used one of your recovery codes. 6 are left.");
    assert!(sign_in(&server, &person.code()).json(200).get("recovery_codes_left").is_none());
}

#[test]
fn what_is_no_code_or_somebody_elses_is_refused_and_counted() {
    let server = Server::start();
    server.clock.stand_still();
    let (person, eve) = (server.person(ADA), server.person("eve@example.org"));
    let (codes, hers) = (renew(&person), renew(&eve));
    let never = "ABCD-EFGH-JKLM-NPQR";
    for typed in [never, &hers[0], &codes[0][..18], &format!("{}A", codes[0]), &codes[0].replace('-', "_")] {
        assert_eq!(sign_in(&server, typed).problem(), "401 wrong-credentials code", "{typed}");
    }
    assert_eq!(sign_in(&server, &codes[0]).problem(), "429 too-many-attempts", "one budget for all");
    server.clock.move_by(1);
    sign_in(&server, &codes[0]).with(200);
    assert_eq!((left(&person), left(&eve)), (9, 10));
}

#[test]
fn of_those_that_race_with_one_code_one_gets_in() {
    let server = Server::start();
    let person = server.person(ADA);
    let codes = renew(&person);
    for code in &codes[..4] {
        let answers = race(4, |_| sign_in(&server, code).status);
        assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
        // So that the failures of the race make the next one wait for nothing.
        sign_in(&server, &person.code()).with(200);
    }
    assert_eq!((left(&person), person.told("recovery_code_used").len()), (6, 4));
}

#[test]
fn new_ones_end_those_from_before() {
    let server = Server::start();
    let person = server.person(ADA);
    let (old, new) = (renew(&person), renew(&person));
    assert!(old.iter().all(|code| !new.contains(code)));
    assert_eq!(sign_in(&server, &old[0]).problem(), "401 wrong-credentials code");
    sign_in(&server, &new[0]).with(200);
    assert_eq!(person.told("recovery_codes_made").len(), 2);
    server.clock.move_by(601);
    let asked = person.api.post("/account/recovery-codes", &Value::Null);
    assert_eq!(asked.problem(), "403 confirmation-needed");
    assert_eq!(left(&person), 9);
}

#[test]
fn they_are_shown_once_when_two_factor_is_turned_on_and_signed_in_with() {
    let server = Server::start();
    let (mut browser, _) = server.set_up();
    let page = browser.get("/security/two-factor");
    let key = page.between("aria-labelledby=\"key-label\">", "</p>");
    let key = key.replace("<span>", "").replace("</span>", "").replace(char::is_whitespace, "");
    let code = code_of(&key, server.clock.now());
    let on = browser.submit_from(&page, "/security/two-factor", &[("code", &code)]);
    let codes = shown(&on);
    assert_eq!(codes.len(), 10);
    for part in ["<dd>http://localhost:", ADA, "data-print", "data-download=\"codes-text\""] {
        assert!(on.text(200).contains(part), "{part} is for the sheet");
    }
    let security = browser.get("/security").text(200);
    assert!(security.contains("10 of 10 left") && !codes.iter().any(|code| security.contains(code)));

    // Signing in with eight of them: a link to the rest, and at last to new ones.
    for (n, code) in codes[..8].iter().enumerate() {
        let mut other = server.browser();
        let first = other.submit("/sign-in", &[("id", ADA), ("password", PASSWORD)]);
        let with =
            other.get(first.goes_to()).between("<p class=\"below\"><a href=\"", "\"").replace("&#38;", "&");
        assert!(with.ends_with("with=recovery-code"), "{with}");
        let page = other.get(&with);
        assert!(page.text(200).contains("autocapitalize=\"characters\""));
        assert_eq!(other.submit_from(&page, &with, &[("code", code)]).goes_to(), "/");
        let said = other.get("/security").text(200);
        let left = 9 - n;
        let words =
            if left == 1 { "1 recovery code left".into() } else { format!("{left} recovery codes left") };
        assert!(said.contains(&words), "{said}");
        assert!(
            said.contains("<a href=\"/security/two-factor/move\">Lost your phone? Set up the new one.</a>")
        );
        let few = said.contains("<a href=\"/security/recovery-codes\">Make new recovery codes.</a>");
        assert_eq!(few, left <= 3, "{left}");
    }
}

#[test]
fn one_confirms_and_stands_behind_a_reset_link() {
    let server = Server::start();
    let person = server.person(ADA);
    let codes = renew(&person);
    server.clock.move_by(601);
    let wrong = json!({ "code": "ABCD-EFGH-JKLM-NPQR" });
    assert_eq!(person.api.post("/session/confirm", &wrong).problem(), "401 wrong-credentials code");
    person.api.post("/session/confirm", &json!({ "code": codes[0] })).with(204);
    person.generate("Phone", "mail");

    let mut browser = person.browser();
    server.clock.move_by(601);
    let to = browser.get("/security/recovery-codes").goes_to().to_owned();
    let with = format!("{to}&with=recovery-code");
    assert_eq!(browser.submit(&with, &[("code", &codes[1])]).goes_to(), "/security/recovery-codes");
    let page = browser.get("/security/recovery-codes");
    assert!(page.text(200).contains("You have 8 recovery codes left."), "said on the way");
    assert!(page.text(200).contains("The 8 that you have left stop working."));

    let made = server.admin().post(&format!("/accounts/{ADA}/reset-link"), &Value::Null).json(201);
    let link = made["link"].as_str().unwrap();
    let path = format!("{}?with=recovery-code", &link[link.find("/reset/").unwrap()..]);
    let mut browser = server.browser();
    let fields = [("password", NEW), ("code", codes[0].as_str())];
    assert!(browser.submit(&path, &fields).text(401).contains("id=\"code-error\""), "it was used before");
    assert_eq!(browser.submit(&path, &[("password", NEW), ("code", &codes[2])]).goes_to(), "/sign-in");
    assert!(browser.get("/sign-in").text(200).contains("You have 7 recovery codes left."));
}

#[test]
fn they_go_with_two_factor_authentication() {
    let server = Server::start();
    let mut person = server.person(ADA);
    let codes = renew(&person);
    // The last that one of them does may be turning it off.
    let asked = json!({ "code": codes[0] });
    person.api.post("/account/two-factor/turn-off", &asked).with(200);
    assert_eq!(left(&person), 0);
    let refused = person.api.post("/account/recovery-codes", &Value::Null);
    assert_eq!(refused.problem(), "409 two-factor-needed");
    let begun = person.api.post("/account/two-factor", &Value::Null).json(201);
    person.secret = begun["totp_secret"].as_str().map(Into::into);
    person.api.post("/account/two-factor/confirm", &json!({ "code": person.code() })).with(200);
    assert_eq!(left(&person), 10);
    assert_eq!(sign_in(&server, &codes[1]).problem(), "401 wrong-credentials code", "of the set before");

    let asked = json!({ "lost_second_factor": true });
    let made = server.admin().post(&format!("/accounts/{ADA}/reset-link"), &asked).json(201);
    let link = made["link"].as_str().unwrap();
    let path = &link[link.find("/reset/").unwrap()..];
    assert_eq!(server.browser().submit(path, &[("password", NEW)]).goes_to(), "/sign-in");
    (person.password, person.secret) = (NEW.into(), None);
    person.sign_in();
    assert_eq!(left(&person), 0);
}

#[test]
fn they_are_kept_hashed_and_sealed() {
    let server = Server::start();
    let person = server.person(ADA);
    renew(&person);
    server.stop();
    let rows: i64 = server.data_says("SELECT COUNT(DISTINCT hash_sealed) FROM recovery_codes");
    assert_eq!(rows, 10);
    // A row of one account opens nothing in another one.
    server.start_again();
    let eve = server.person("eve@example.org");
    renew(&eve);
    server.stop();
    server.change_data(
        "UPDATE recovery_codes SET account_id = (SELECT id FROM accounts WHERE name = 'ada@example.org')",
    );
    server.start_again();
    assert_eq!(sign_in(&server, "ABCD-EFGH-JKLM-NPQR").problem(), "503 unavailable");
}

fn begin_move(person: &Person<'_>) -> String {
    let begun = person.api.post("/account/two-factor/move", &Value::Null).json(201);
    begun["totp_secret"].as_str().unwrap().into()
}

fn confirm_move(person: &Person<'_>, code: &str) -> Answer {
    person.api.post("/account/two-factor/move/confirm", &json!({ "code": code }))
}

#[test]
fn another_phone_takes_over_with_its_first_code() {
    let server = Server::start();
    let (mut person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let (app, codes, other) = (person.generate("Phone", "mail"), renew(&person), person.new_token());
    let old = person.secret.clone().unwrap();
    let replaced = begin_move(&person);
    let new = begin_move(&person);
    assert_eq!(
        confirm_move(&person, &code_of(&replaced, server.clock.now())).problem(),
        "401 wrong-credentials code"
    );
    assert_eq!(
        confirm_move(&person, &person.code()).problem(),
        "401 wrong-credentials code",
        "the old phone's"
    );
    // Until then the old one is in force.
    person.new_token();
    person.secret = Some(new);
    confirm_move(&person, &person.code()).with(204);
    assert_eq!(server.api(&other).get("/session").problem(), "401 sign-in-needed", "others are signed out");
    server.clock.move_by(60);
    assert_eq!(sign_in(&server, &code_of(&old, server.clock.now())).problem(), "401 wrong-credentials code");
    person.new_token();
    assert_eq!(mail.status(ADA, &app.password), 200, "app-specific passwords stay");
    assert_eq!(left(&person), codes.len() as u64, "and recovery codes");
    assert_eq!(person.told("two_factor_moved").len(), 1);
    assert_eq!(confirm_move(&person, &person.code()).problem(), "409 conflict", "it is done");
}

#[test]
fn what_was_begun_for_another_phone_ends_after_half_an_hour() {
    let server = Server::start();
    let mut person = server.person(ADA);
    let new = begin_move(&person);
    server.clock.move_by(1800);
    person.api.post("/session/confirm", &json!({ "code": person.code() })).with(204);
    assert_eq!(confirm_move(&person, &code_of(&new, server.clock.now())).problem(), "409 conflict");
    server.clock.move_by(601);
    assert_eq!(
        person.api.post("/account/two-factor/move", &Value::Null).problem(),
        "403 confirmation-needed"
    );
    person.api.post("/session/confirm", &json!({ "code": person.code() })).with(204);
    person.api.post("/account/two-factor/turn-off", &json!({ "code": person.code() })).with(200);
    person.secret = None;
    assert_eq!(person.api.post("/account/two-factor/move", &Value::Null).problem(), "409 two-factor-needed");
}

#[test]
fn the_page_for_another_phone_is_offered_and_shows_one_key() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut browser = person.browser();
    assert!(browser.get("/security").text(200).contains("Set up a new phone"));
    let page = browser.get("/security/two-factor/move");
    assert_eq!(page.heading(), "Set up a new phone");
    let key = |page: &Page| {
        let key = page.between("aria-labelledby=\"key-label\">", "</p>");
        key.replace("<span>", "").replace("</span>", "").replace(char::is_whitespace, "")
    };
    let secret = key(&page);
    assert_eq!(key(&browser.get("/security/two-factor/move")), secret);
    let wrong = browser.submit_from(&page, "/security/two-factor/move", &[("code", "12345")]);
    assert!(wrong.text(401).contains("id=\"code-error\""));
    let before = browser.cookies["doorkey_session"].clone();
    let code = code_of(&secret, server.clock.now());
    let done = browser.submit_from(&page, "/security/two-factor/move", &[("code", &code)]);
    assert_eq!(done.goes_to(), "/security");
    assert_ne!(browser.cookies["doorkey_session"], before, "the session has a new token");
    assert!(browser.get("/security").text(200).contains("Your new phone is set up."));
}

#[test]
fn of_two_phones_that_race_one_takes_over() {
    let server = Server::start();
    let person = server.person(ADA);
    let secret = begin_move(&person);
    let code = code_of(&secret, server.clock.now());
    let answers = race(4, |_| confirm_move(&person, &code).status);
    assert_eq!(answers.iter().filter(|status| **status == 204).count(), 1, "{answers:?}");
    assert_eq!(person.told("two_factor_moved").len(), 1);
}
