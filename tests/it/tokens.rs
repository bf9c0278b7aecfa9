//! Personal API tokens: what each opens, for how long, and what ends them.

use serde_json::{Value, json};

use crate::support::{Answer, Api, PASSWORD, Person, Request, Route, Server, race, routes};

const ADA: &str = "ada@example.org";
const EVE: &str = "eve@example.org";
const NEW: &str = "seven bridges over a kettle";
const DAY: i64 = 86_400;

fn try_make(person: &Person<'_>, scopes: &[&str]) -> Answer {
    person.api.post("/tokens", &json!({ "label": "CI", "scopes": scopes, "expires": "90d" }))
}

/// Its id, and the API as whoever has it.
fn make<'s>(person: &Person<'s>, scopes: &[&str]) -> (String, Api<'s>) {
    let made = try_make(person, scopes).json(201);
    (made["id"].as_str().unwrap().into(), person.server.api(made["token"].as_str().unwrap()))
}

fn listed(person: &Person<'_>) -> Vec<Value> {
    person.api.get("/tokens").json(200)["tokens"].as_array().unwrap().clone()
}

fn detail(answer: &Answer) -> String {
    answer.json_problem()["detail"].as_str().unwrap().to_owned()
}

#[test]
fn a_token_does_what_it_was_made_for_and_is_shown_once() {
    let server = Server::start();
    let person = server.person(ADA);
    let password = person.generate("Phone", "mail");
    let made = try_make(&person, &["revoke", "read", "read"]).json(201);
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("dka_") && token.len() == 37, "{token}");
    assert_eq!((&made["scopes"], &made["last_used_at"]), (&json!(["read", "revoke"]), &Value::Null));
    let api = server.api(token);
    assert_eq!(api.get("/app-passwords").json(200)["active"], 1);
    api.delete(&format!("/app-passwords/{}", password.id)).with(200);
    let list = &listed(&person)[0];
    assert_eq!(list["last_used_source"], "127.0.0.1");
    assert!(list["last_used_at"].is_string() && list.get("token").is_none());
    // What was done with it says so.
    let events = api.get("/activity").json(200)["events"].clone();
    let ended = events.as_array().unwrap().iter().find(|one| one["what"] == "app_password_ended").unwrap();
    assert_eq!(ended["actor"]["token"], "CI");
    assert_eq!(ended["sentence"], "You revoked “Phone”. It was done with the token “CI”.");
    let made = events.as_array().unwrap().iter().find(|one| one["what"] == "token_made").unwrap();
    assert!(made["actor"].get("token").is_none() && !made.to_string().contains(token));
    server.stop();
    let kept: i64 = server.data_says("SELECT LENGTH(token_hash) FROM tokens");
    assert_eq!(kept, 32);
}

#[test]
fn each_scope_opens_its_routes_and_no_other() {
    let server = Server::start();
    let person = server.administrator(ADA);
    let all = ["read", "revoke", "events", "people", "services"];
    let ask = |api: &Api<'_>, route: &Route| {
        let path = route.path.trim_start_matches("/api/v1");
        api.send(&route.method, path, route.body.as_ref())
    };
    let (_, every) = make(&person, &all);
    let without: Vec<_> = all
        .iter()
        .map(|left_out| {
            let others: Vec<_> = all.iter().copied().filter(|scope| scope != left_out).collect();
            (*left_out, make(&person, &others).1)
        })
        .collect();
    let mut opened = 0;
    for route in routes().into_iter().filter(|route| !route.is_for_anybody && !route.is_for_builds) {
        let place = format!("{} {}", route.method, route.path);
        let Some(scope) = &route.scope else {
            assert_eq!(ask(&every, &route).problem(), "403 not-with-token", "{place}");
            continue;
        };
        opened += 1;
        let (_, others) = without.iter().find(|(left_out, _)| left_out == scope).unwrap();
        let refused = ask(others, &route);
        assert_eq!(refused.problem(), "403 scope-needed", "{place}");
        assert!(detail(&refused).contains(&format!("the scope {scope}")), "{place}");
        let answer = ask(&every, &route);
        let closed = [401, 403].contains(&answer.status) && answer.problem() != "403 not-with-token";
        assert!(!closed, "{place}: {}", answer.text());
    }
    assert!(opened >= 30, "{opened}");
    assert_eq!(person.api.get("/session").status, 200, "none of it touched the administrator");
    assert_eq!(every.get("/nothing").problem(), "404 not-found");
}

#[test]
fn a_token_neither_makes_an_administrator_nor_touches_one() {
    let server = Server::start();
    let person = server.administrator(ADA);
    server.administrator(EVE);
    let (_, api) = make(&person, &["people"]);
    let refused = "403 not-with-token";
    let add = |id: &str, administrator: bool| {
        let asked = json!({ "id": id, "name": "Bob", "password": PASSWORD, "administrator": administrator });
        api.post("/accounts", &asked)
    };
    assert_eq!(add("bob@example.org", true).problem(), refused);
    add("bob@example.org", false).with(201);
    for whom in [ADA, EVE] {
        for path in ["suspend", "resume", "reset-link", "invite-link"] {
            let answer = api.post(&format!("/accounts/{whom}/{path}"), &Value::Null);
            assert_eq!(answer.problem(), refused, "{whom} {path}");
        }
        let alias = json!({ "alias": "other@example.org" });
        assert_eq!(api.post(&format!("/accounts/{whom}/aliases"), &alias).problem(), refused);
        assert_eq!(api.delete(&format!("/accounts/{whom}")).problem(), refused);
        let rename = json!({ "display_name": "Mallory" });
        assert_eq!(api.send("PATCH", &format!("/accounts/{whom}"), Some(&rename)).problem(), refused);
        let unmake = json!({ "administrator": false });
        assert_eq!(api.send("PATCH", &format!("/accounts/{whom}"), Some(&unmake)).problem(), refused);
    }
    let promote = json!({ "administrator": true });
    assert_eq!(api.send("PATCH", "/accounts/bob@example.org", Some(&promote)).problem(), refused);
    // Everybody else it may.
    api.post("/accounts/bob@example.org/reset-link", &Value::Null).with(201);
    api.post("/accounts/bob@example.org/suspend", &Value::Null).with(200);
    let events = person.api.get("/events?kind=account_suspended").json(200);
    assert_eq!(events["events"][0]["actor"]["token"], "CI");
    // Nor by their groups, which open services and shut them.
    api.post("/groups", &json!({ "name": "staff" })).with(201);
    assert_eq!(api.send("PUT", &format!("/groups/staff/members/{EVE}"), None).problem(), refused);
    person.api.send("PUT", &format!("/groups/staff/members/{EVE}"), None).with(204);
    assert_eq!(api.delete(&format!("/groups/staff/members/{EVE}")).problem(), refused);
    assert_eq!(api.delete("/groups/staff").problem(), refused);
    api.send("PUT", "/groups/staff/members/bob@example.org", None).with(204);
    // Nor by a link that it made for somebody who becomes one afterwards.
    api.post("/accounts/bob@example.org/resume", &Value::Null).with(200);
    let made = api.post("/accounts/bob@example.org/reset-link", &Value::Null).json(201);
    let link = made["link"].as_str().unwrap();
    let path = &link[link.find("/reset/").unwrap()..];
    assert_eq!(server.browser().get(path).status(), 200);
    person.api.send("PATCH", "/accounts/bob@example.org", Some(&promote)).with(200);
    assert_eq!(server.browser().get(path).status(), 410);
    // Who is no administrator any more does nothing with it, also when they are one again.
    person.api.send("PATCH", &format!("/accounts/{ADA}"), Some(&json!({ "administrator": false }))).with(200);
    assert_eq!(api.get("/accounts").problem(), "401 sign-in-needed");
    assert_eq!(person.told("tokens_revoked")[0]["count"], 1);
    server.admin().send("PATCH", &format!("/accounts/{ADA}"), Some(&promote)).with(200);
    assert_eq!(api.get("/accounts").problem(), "401 sign-in-needed");
}

#[test]
fn what_is_asked_for_must_fit() {
    let server = Server::start();
    let person = server.person(ADA);
    let ask = |label: &str, scopes: Value, expires: &str| {
        person.api.post("/tokens", &json!({ "label": label, "scopes": scopes, "expires": expires })).problem()
    };
    assert_eq!(ask("", json!(["read"]), "90d"), "422 unfit label");
    assert_eq!(ask("CI", json!([]), "90d"), "422 unfit scopes");
    assert_eq!(ask("CI", json!(["Read"]), "90d"), "422 unfit scopes");
    for expires in ["", "never", "0d", "367d", "2y", "90", "-1d", "99999999999999999999d"] {
        assert_eq!(ask("CI", json!(["read"]), expires), "422 unfit expires", "{expires}");
    }
    for scope in ["events", "people", "services"] {
        assert_eq!(ask("CI", json!([scope]), "90d"), "422 unfit scopes", "{scope} is for administrators");
    }
    assert_eq!(ask("CI", json!("read"), "90d"), "400 unreadable");
    for n in 0..25 {
        let asked = json!({ "label": format!("{n}"), "scopes": ["read"], "expires": "1y" });
        person.api.post("/tokens", &asked).with(201);
    }
    assert_eq!(try_make(&person, &["read"]).problem(), "409 too-many-tokens");
    let first = listed(&person)[0]["id"].as_str().unwrap().to_owned();
    person.api.delete(&format!("/tokens/{first}")).with(204);
    let statuses = race(4, |_| try_make(&person, &["read"]).status);
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(listed(&person).len(), 25);
}

#[test]
fn making_one_needs_a_fresh_second_factor_and_revoking_nothing() {
    let server = Server::start();
    let person = server.person(ADA);
    let (id, api) = make(&person, &["read"]);
    server.clock.move_by(601);
    assert_eq!(try_make(&person, &["read"]).problem(), "403 confirmation-needed");
    // Within its scope a token counts as fresh, however long ago that was.
    assert_eq!(api.get("/activity").status, 200);
    person.api.delete(&format!("/tokens/{id}")).with(204);
    assert_eq!(api.get("/activity").problem(), "401 sign-in-needed");
    assert_eq!(person.api.delete(&format!("/tokens/{id}")).problem(), "404 not-found");
    assert_eq!(person.told("token_revoked").len(), 1);
    let without = server.person_without_second_factor(EVE);
    assert_eq!(try_make(&without, &["read"]).problem(), "409 two-factor-needed");
    let (hers, _) = make(&server.person("grace@example.org"), &["read"]);
    assert_eq!(person.api.delete(&format!("/tokens/{hers}")).problem(), "404 not-found", "it is another's");
}

#[test]
fn it_ends_by_its_time_and_says_so() {
    let server = Server::start();
    let mut person = server.person(ADA);
    let asked = json!({ "label": "Report", "scopes": ["read"], "expires": "7d" });
    let made = person.api.post("/tokens", &asked).json(201);
    let api = server.api(made["token"].as_str().unwrap());
    server.clock.move_by(7 * DAY - 60);
    assert_eq!(api.get("/activity").status, 200);
    server.clock.move_by(60);
    let refused = api.get("/activity");
    assert_eq!(refused.problem(), "401 sign-in-needed");
    assert!(detail(&refused).starts_with("The token “Report” expired on "), "{}", detail(&refused));
    person.sign_in();
    assert_eq!(listed(&person)[0]["expired"], true);
    for _ in 0..25 {
        person.api.post("/tokens", &asked).with(201);
    }
}

#[test]
fn it_ends_with_the_password_and_the_second_factor() {
    let server = Server::start();
    let mut person = server.person(ADA);
    let works = |api: &Api<'_>| api.get("/activity").status == 200;
    let (_, api) = make(&person, &["read"]);
    // Not with a new phone, nor with signing out.
    let begun = person.api.post("/account/two-factor/move", &Value::Null).json(201);
    person.secret = begun["totp_secret"].as_str().map(Into::into);
    person.api.post("/account/two-factor/move/confirm", &json!({ "code": person.code() })).with(204);
    person.api.delete("/sessions").with(200);
    assert!(works(&api));
    let asked = json!({ "current_password": PASSWORD, "new_password": NEW });
    person.api.post("/account/password", &asked).with(200);
    person.password = NEW.into();
    assert!(!works(&api));
    assert_eq!(person.told("tokens_revoked")[0]["count"], 1);

    let (_, api) = make(&person, &["read"]);
    let made = server.admin().post(&format!("/accounts/{ADA}/reset-link"), &Value::Null).json(201);
    let link = made["link"].as_str().unwrap();
    let path = &link[link.find("/reset/").unwrap()..];
    let code = person.code();
    assert_eq!(
        server.browser().submit(path, &[("password", PASSWORD), ("code", &code)]).goes_to(),
        "/sign-in"
    );
    assert!(!works(&api));
    person.password = PASSWORD.into();
    person.sign_in();

    let (_, api) = make(&person, &["read"]);
    server.admin().post(&format!("/accounts/{ADA}/suspend"), &Value::Null).with(200);
    assert!(!works(&api));
    server.admin().post(&format!("/accounts/{ADA}/resume"), &Value::Null).with(200);
    assert!(!works(&api), "for good");
    person.sign_in();

    let (_, api) = make(&person, &["read"]);
    person.api.post("/account/two-factor/turn-off", &json!({ "code": person.code() })).with(200);
    assert!(!works(&api));
}

#[test]
fn a_token_is_no_session_and_opens_no_page() {
    let server = Server::start();
    let person = server.person(ADA);
    let made = try_make(&person, &["read", "revoke"]).json(201);
    let token = made["token"].as_str().unwrap();
    let page = Request::get("/security").header("Authorization", format!("Bearer {token}"));
    assert_eq!(server.ask(&page).status, 303);
    let mut browser = server.browser();
    browser.cookies.insert("doorkey_session".into(), token.into());
    assert!(browser.get("/security").goes_to().starts_with("/sign-in"));
    let api = server.api(token);
    for (method, path) in
        [("GET", "/session"), ("GET", "/tokens"), ("GET", "/sessions"), ("DELETE", "/session")]
    {
        assert_eq!(api.send(method, path, None).problem(), "403 not-with-token", "{method} {path}");
    }
    assert_eq!(person.try_generate("Phone", "mail").status, 201);
    let asked = json!({ "label": "Phone", "for": "first" });
    assert_eq!(api.post("/app-passwords", &asked).problem(), "403 not-with-token");
    // One character that is another one, and a token that never was.
    let wrong = server.api(&format!("{}{}", &token[..36], if token.ends_with('x') { "y" } else { "x" }));
    let refused = wrong.get("/activity");
    assert_eq!(refused.problem(), "401 sign-in-needed");
    assert!(detail(&refused).contains("make a new token"), "{}", detail(&refused));
    assert_eq!(person.api.get("/sessions").json(200)["sessions"].as_array().map(Vec::len), Some(1));
}

#[test]
fn one_that_is_revoked_while_it_is_used_opens_nothing_afterwards() {
    let server = Server::start();
    let person = server.person(ADA);
    for _ in 0..5 {
        let (id, api) = make(&person, &["read"]);
        let statuses = race(4, |n| match n {
            0 => person.api.delete(&format!("/tokens/{id}")).with(204).status,
            _ => api.get("/activity").status,
        });
        assert!(statuses.iter().all(|status| [200, 204, 401].contains(status)), "{statuses:?}");
        assert_eq!(api.get("/activity").problem(), "401 sign-in-needed");
    }
}

#[test]
fn the_pages_make_list_and_revoke() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut browser = person.browser();
    assert!(browser.get("/tokens").text(200).contains("You have none"));
    let page = browser.get("/tokens/make");
    assert!(!page.text(200).contains("value=\"people\""), "no scopes for administrators");
    let refused = browser.submit_from(&page, "/tokens/make", &[("label", "CI"), ("expires", "90d")]);
    assert!(refused.text(422).contains("id=\"scopes-error\""));
    let fields = [("label", "CI"), ("scope", "read"), ("expires", "90d")];
    let made = browser.submit_from(&page, "/tokens/make", &fields);
    let token = made.between("id=\"secret\">", "</p>");
    assert_eq!(server.api(&token).get("/activity").status, 200);
    let list = browser.get("/tokens");
    assert!(list.text(200).contains("used <time") && !list.text(200).contains(&token));
    assert!(browser.get("/security").text(200).contains("1 in use. Each lets one program"));
    let action = list.between("row-action\" method=\"post\" action=\"", "\"");
    assert_eq!(browser.submit_from(&list, &action, &[]).goes_to(), "/tokens");
    assert!(browser.get("/tokens").text(200).contains("“CI” is revoked."));
    assert_eq!(server.api(&token).get("/activity").problem(), "401 sign-in-needed");
    server.clock.move_by(601);
    assert!(browser.get("/tokens/make").goes_to().starts_with("/sign-in/confirm"));
}
