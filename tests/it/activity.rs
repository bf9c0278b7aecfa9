//! What happened to one's own account, as people and programs read it.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server};

const ADA: &str = "ada@example.org";

#[test]
fn it_is_read_page_by_page_from_the_newest() {
    let server = Server::start();
    let (person, other) = (server.person(ADA), server.person("eve@example.org"));
    for n in 0..30 {
        let password = person.generate(&format!("App {n}"), "mail");
        person.revoke(&password).with(200);
        other.generate(&format!("Hers {n}"), "mail");
        other.api.delete("/app-passwords").with(200);
    }
    let first = person.api.get("/activity").json(200);
    let events = first["events"].as_array().unwrap();
    assert_eq!(events.len(), 50);
    assert_eq!(first["next"], events[49]["number"]);
    let all = person.events();
    // The account, its second factor, the sign-in, and what was done since.
    assert_eq!(all.len(), 3 + 60);
    let numbers: Vec<_> = all.iter().map(|event| event["number"].as_i64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a > b), "{numbers:?}");
    assert!(all.iter().all(|event| !event.to_string().contains("Hers")), "nobody reads another's");
    let newest = &all[0];
    let id = newest["account"]["id"].as_str().unwrap();
    assert!(id.starts_with("acc_") && newest["request"].as_str().unwrap().starts_with("req_"));
    let expected = json!({
        "number": newest["number"], "at": newest["at"], "source": "127.0.0.1", "request": newest["request"],
        "account": { "id": id, "name": ADA }, "actor": { "type": "account", "id": id, "name": ADA },
        "sort": "app_passwords", "sentence": "You revoked “App 29”.", "what": "app_password_ended",
        "id": newest["id"], "label": "App 29", "why": "revoked",
    });
    assert_eq!(*newest, expected);
    assert_eq!(person.api.get("/activity?before=1").json(200)["events"], json!([]));

    let mut browser = person.browser();
    let page = browser.get("/activity");
    assert!(page.text(200).contains("You revoked “App 29”."));
    let older = page.between("href=\"/activity?before=", "\"");
    let older = browser.get(&format!("/activity?before={older}")).text(200);
    assert!(
        older.contains("You generated “App 0”, which opens mail.") && older.contains("href=\"/activity\"")
    );
}

#[test]
fn it_is_filtered_by_sort_and_by_time() {
    let server = Server::start();
    let person = server.person(ADA);
    let first_day = server.clock.now().to_string()[..10].to_owned();
    person.generate("Phone", "mail");
    server.clock.move_by(3 * 86_400);
    person.new_token();
    let whats = |query: &str| -> Vec<Value> {
        let page = person.api.get(&format!("/activity?{query}")).json(200);
        page["events"].as_array().unwrap().iter().map(|event| event["what"].clone()).collect()
    };
    assert_eq!(whats("sort=sign_ins"), ["signed_in", "signed_in"]);
    assert_eq!(whats("sort=app_passwords"), ["app_password_generated"]);
    assert_eq!(whats("sort=security"), ["two_factor_on", "account_added"]);
    assert_eq!(whats("sort=refusals").len(), 0);
    let later = server.clock.now().plus_days(-1).to_string();
    assert_eq!(whats(&format!("from={later}")), ["signed_in"]);
    assert_eq!(whats(&format!("to={later}&sort=sign_ins")), ["signed_in"]);
    assert_eq!(whats("from=2100-01-01").len(), 0);
    for (query, field) in [
        ("sort=cake", "sort"),
        ("from=soon", "from"),
        ("to=2026-13-01", "to"),
        ("before=x", "before"),
        ("before=-5", "before"),
        ("before=99999999999999999999", "before"),
    ] {
        let refused = person.api.get(&format!("/activity?{query}")).problem();
        assert_eq!(refused, format!("422 unfit {field}"), "{query}");
    }
    for odd in ["before=", "sort=", "from=", "other=1"] {
        assert_eq!(person.api.get(&format!("/activity?{odd}")).status, 200, "{odd}");
    }

    let mut browser = person.browser();
    let page = browser.get(&format!("/activity?sort=sign_ins&from={first_day}&to={first_day}")).text(200);
    // The last day belongs to it; what came later doesn't.
    assert_eq!(page.matches("You signed in").count(), 1, "{page}");
    assert!(!page.contains("You generated") && page.contains("<option value=\"sign_ins\" selected>"));
    let nothing = browser.get("/activity?sort=refusals&from=2030-01-01").text(200);
    assert!(nothing.contains("Nothing like that"), "{nothing}");
    let wrong = browser.get("/activity?from=soon%22%3E").text(422);
    assert!(wrong.contains("value=\"soon&#34;&#62;\"") && wrong.contains("Write the time as in"), "{wrong}");
    for odd in ["before=x", "before=-5", "%ff=%ff", "sort=%00&before=1"] {
        assert!([200, 422].contains(&browser.get(&format!("/activity?{odd}")).status()), "{odd}");
    }
}

#[test]
fn it_names_the_administrator_and_says_what_to_do() {
    let server = Server::start();
    let (person, grace) = (server.person(ADA), server.administrator("grace@example.org"));
    grace.api.post(&format!("/accounts/{ADA}/reset-link"), &Value::Null).with(201);
    let event = person.told("reset_link_made")[0].clone();
    assert_eq!(event["actor"]["name"], "grace@example.org");
    assert_eq!(event["sentence"], "An administrator made a link to reset your password.");
    assert!(event["advice"].as_str().unwrap().contains("change your password now"));
    let mut browser = person.browser();
    let page = browser.get("/activity").text(200);
    for part in [
        "by an administrator: grace@example.org",
        "by an administrator, at the server’s command line",
        "<summary>Wasn’t it you?</summary>",
        "<time datetime=\"",
    ] {
        assert!(page.contains(part), "{part} isn't in {page}");
    }
    assert_eq!(
        person.told("signed_in")[0]["advice"].as_str().map(|advice| advice.ends_with('.')),
        Some(true)
    );
}

#[test]
fn what_administrators_do_to_the_server_is_nobodys_own() {
    let server = Server::start();
    let (grace, person) = (server.administrator("grace@example.org"), server.person(ADA));
    let mail = server.service("mail", "mail");
    grace.api.post(&format!("/services/{}/key", mail.name), &Value::Null).with(200);
    grace.api.delete("/services/mail").with(204);
    for one in [&grace, &person] {
        assert!(!one.events().iter().any(|event| event["what"].as_str().unwrap().starts_with("service_")));
    }
    let whats: Vec<_> = grace.log("sort=administration").iter().map(|event| event["what"].clone()).collect();
    assert_eq!(whats, ["service_added", "service_key_replaced", "service_removed"]);
}

#[test]
fn wrong_passwords_and_codes_are_summed_up_for_their_person() {
    let server = Server::start_with(&[("DOORKEY__HTTP__TRUSTED_PROXIES", "127.0.0.1")]);
    // Signed in before, and not slowed down by what follows.
    let person = server.person(ADA);
    let mut browser = person.browser();
    let from = |source: &str, asked: &Value| {
        let request = server.api("").request("POST", "/sign-in", Some(asked));
        server.ask(&request.header("X-Forwarded-For", source)).status
    };
    for _ in 0..4 {
        let asked = json!({ "id": ADA, "password": "canary-wrong-password" });
        assert_eq!(from("203.0.113.9", &asked), 401);
    }
    let asked = json!({ "id": ADA, "password": PASSWORD, "code": person.wrong_code() });
    assert_eq!(from("2001:db8:1:2::5", &asked), 401);
    // Strangers' names are nobody's, and are written nowhere.
    for n in 0..3 {
        let asked = json!({ "id": format!("canary{n}@example.org"), "password": "canary-wrong-password" });
        assert_eq!(from("203.0.113.9", &asked), 401);
    }
    server.restart();
    let mut told: Vec<_> = person
        .told("sign_in_refused")
        .iter()
        .map(|event| (event["reason"].clone(), event["source"].clone(), event["count"].as_u64().unwrap()))
        .collect();
    told.sort_by_key(|(reason, ..)| reason.to_string());
    let wrong: u64 = told.iter().filter(|(reason, ..)| reason == "wrong_password").map(|(.., n)| n).sum();
    assert_eq!(wrong, 4, "{told:?}");
    assert!(told.contains(&(json!("wrong_code"), json!("2001:db8:1:2::/64"), 1)), "{told:?}");
    assert!(person.told("sign_in_refused").iter().all(|event| {
        let sentence = event["sentence"].as_str().unwrap();
        sentence.ends_with("entered for your account.")
    }));
    let grace = server.administrator("grace@example.org");
    let strangers = grace.log("kind=sign_in_refused");
    let of_nobody: u64 = strangers
        .iter()
        .filter(|event| event["account"].is_null())
        .map(|event| event["count"].as_u64().unwrap())
        .sum();
    assert_eq!(of_nobody, 3, "{strangers:?}");
    let everything = serde_json::to_string(&grace.log("")).unwrap();
    assert!(!everything.contains("canary") && !server.log().contains("canary"));
    let page = browser.get("/activity?sort=refusals").text(200);
    assert!(page.contains("from 203.0.113.9") && page.contains("were entered for your account."), "{page}");
}
