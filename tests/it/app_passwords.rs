//! App-specific passwords: generating, listing and revoking them.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::{AppPassword, PASSWORD, Person, Server, race, until};

const DAY: i64 = 86_400;

fn statuses(answers: &[u16]) -> Vec<(u16, usize)> {
    let mut sorted = answers.to_vec();
    sorted.sort_unstable();
    let counted = sorted.chunk_by(|a, b| a == b).map(|same| (same[0], same.len()));
    counted.collect()
}

#[test]
fn one_is_generated_listed_used_and_revoked() {
    let server = Server::start();
    let (person, calendar) = (server.person("ada@example.org"), server.service("calendar", "calendars"));
    let answer = person.try_generate("  Calendar on phone ", "calendars,mail").json(201);
    let password = answer["password"].as_str().unwrap();
    let letters = |group: &str| group.len() == 4 && group.bytes().all(|b| b.is_ascii_lowercase());
    assert!(password.split('-').count() == 6 && password.split('-').all(letters), "{password}");

    let mut generated = answer.clone();
    for once in ["password", "set_up"] {
        generated.as_object_mut().unwrap().remove(once);
    }
    let list = person.list();
    assert_eq!((&list["active"], &list["limit"]), (&json!(1), &json!(25)));
    assert_eq!(list["app_passwords"][0], generated);
    // A use is listed from the moment that it happened.
    assert_eq!(calendar.status("ada@example.org", password), 200);
    assert_eq!(person.list()["app_passwords"][0]["last_use"]["service"], "calendar");
    let created = generated["created_at"].clone();
    let id = generated["id"].clone();
    let described = json!({
        "id": id, "label": "Calendar on phone", "for": ["mail", "calendars"], "state": "live", "created_at": created,
        "expires_at": null, "ended_at": null, "why_ended": null, "last_use": null, "tried_after_end": null,
    });
    assert_eq!(generated, described);

    let revoked = person.api.delete(&format!("/app-passwords/{}", id.as_str().unwrap())).json(200);
    assert_eq!((&revoked["state"], &revoked["why_ended"]), (&json!("ended"), &json!("revoked")));
    assert!(revoked["ended_at"].is_string());
    assert_eq!(calendar.status("ada@example.org", password), 401);
    assert_eq!(person.list()["active"], 0);
    assert_eq!(person.list()["app_passwords"][0]["why_ended"], "revoked");
    let told: Vec<_> = person.events().iter().map(|event| event["what"].clone()).collect();
    assert_eq!(told[..2], ["app_password_ended", "app_password_generated"]);
}

#[test]
fn a_revoke_sent_twice_changes_nothing_the_second_time() {
    let server = Server::start();
    let person = server.person("ada@example.org");
    let password = person.generate("Phone", "mail");
    let first = person.revoke(&password).json(200);
    server.clock.move_by(3600);
    assert_eq!(person.revoke(&password).json(200), first);
    assert_eq!(person.told("app_password_ended").len(), 1);
}

#[test]
fn nobody_revokes_another_persons_or_one_that_never_was() {
    let server = Server::start();
    let (ada, eve) = (server.person("ada@example.org"), server.administrator("eve@example.org"));
    let mail = server.service("mail", "mail");
    let password = ada.generate("Phone", "mail");
    let never = format!("{}{}", &password.id[..password.id.len() - 4], "0000");
    let hers = eve.revoke(&password);
    assert_eq!(hers.problem(), "404 not-found");
    for id in [never.as_str(), "x", "%00", "%ff", "..%2f..", &"a".repeat(5000)] {
        let answer = eve.api.delete(&format!("/app-passwords/{id}"));
        // A path that isn't text is no address at all.
        let expected = if id == "%ff" { "400 unreadable" } else { "404 not-found" };
        assert_eq!(answer.problem(), expected, "{id}");
        if id == never {
            assert_eq!(answer.body, hers.body, "the two are told apart");
        }
    }
    let mut browser = eve.browser();
    for id in [password.id.as_str(), never.as_str()] {
        let path = format!("/app-passwords/{id}/revoke");
        assert_eq!(browser.get(&path).status(), 404);
        let token = browser.get("/security").form_token();
        assert_eq!(browser.post(&path, &[("form_token", &token)]).status(), 404);
    }
    assert_eq!(eve.api.delete("/app-passwords").json(200)["revoked"], 0);
    assert_eq!(mail.status("ada@example.org", &password.password), 200);
    assert_eq!(ada.listed(&password)["state"], "live");
}

#[test]
fn revoking_all_ends_all_and_says_how_many() {
    let server = Server::start();
    let (person, mail) = (server.person("ada@example.org"), server.service("mail", "mail"));
    let other = server.person("eve@example.org");
    let hers = other.generate("Phone", "mail");
    let passwords: Vec<_> = (0..3).map(|n| person.generate(&format!("App {n}"), "mail")).collect();
    person.revoke(&passwords[0]).with(200);
    assert_eq!(person.api.delete("/app-passwords").json(200)["revoked"], 2);
    assert_eq!(person.api.delete("/app-passwords").json(200)["revoked"], 0);
    for (password, why) in passwords.iter().zip(["revoked", "revoked_all", "revoked_all"]) {
        assert_eq!(person.listed(password)["why_ended"], why);
        assert_eq!(mail.status("ada@example.org", &password.password), 401);
    }
    assert_eq!(mail.status("eve@example.org", &hers.password), 200);
}

#[test]
fn twenty_five_are_the_most_and_ended_ones_do_not_count() {
    let server = Server::start();
    let person = server.person("ada@example.org");
    let answer = json!({ "label": "Short", "for": ["mail"], "expires": "1d" });
    person.api.post("/app-passwords", &answer).with(201);
    let passwords: Vec<_> = (0..24).map(|n| person.generate(&format!("App {n}"), "mail")).collect();
    assert_eq!(person.try_generate("One more", "mail").problem(), "409 too-many-app-passwords");
    assert_eq!(person.list()["active"], 25);
    person.revoke(&passwords[3]).with(200);
    person.generate("In its place", "mail");
    assert_eq!(person.try_generate("One more", "mail").problem(), "409 too-many-app-passwords");
    // One that has expired leaves its place at that moment.
    server.clock.move_by(DAY);
    person.api.post("/session/confirm", &json!({ "code": person.code() })).with(204);
    person.generate("In the place of the expired one", "mail");
    assert_eq!(person.try_generate("One more", "mail").problem(), "409 too-many-app-passwords");
    let list = person.list();
    assert_eq!(
        (list["active"].as_i64(), list["app_passwords"].as_array().map(Vec::len)),
        (Some(25), Some(27))
    );
}

#[test]
fn of_thirty_that_race_for_the_last_place_one_gets_it() {
    let server = Server::start();
    let person = server.person("ada@example.org");
    for n in 0..24 {
        person.generate(&format!("App {n}"), "mail");
    }
    let answers = race(30, |n| person.try_generate(&format!("Racer {n}"), "mail").status);
    assert_eq!(statuses(&answers), [(201, 1), (409, 29)]);
    assert_eq!(person.list()["active"], 25);
    assert_eq!(person.told("app_password_generated").len(), 25);
}

#[test]
fn one_expires_by_itself_and_no_clock_brings_it_back() {
    let server = Server::start();
    let (person, mail) = (server.person("ada@example.org"), server.service("mail", "mail"));
    let asked = json!({ "label": "Visit", "for": ["mail"], "expires": "2d" });
    let answer = person.api.post("/app-passwords", &asked);
    let expires = answer.clone().json(201)["expires_at"].clone();
    let password = AppPassword::read(answer);
    server.clock.move_by(2 * DAY - 60);
    assert_eq!(mail.status("ada@example.org", &password.password), 200);
    server.clock.move_by(60);
    assert_eq!(mail.status("ada@example.org", &password.password), 401);
    let listed = person.listed(&password);
    assert_eq!(
        (&listed["state"], &listed["why_ended"], &listed["ended_at"]),
        (&json!("ended"), &json!("expired"), &expires)
    );
    assert!(person.browser().get("/app-passwords").text(200).contains("expired <time"));
    server.clock.move_by(-DAY);
    assert_eq!(mail.status("ada@example.org", &password.password), 401);
    // Revoking it now doesn't change why it ended, whoever was first to write it down.
    server.clock.move_by(2 * DAY);
    assert_eq!(person.revoke(&password).json(200)["why_ended"], "expired");
}

#[test]
fn it_takes_two_factor_authentication() {
    let server = Server::start();
    let person = server.person_without_second_factor("ada@example.org");
    assert_eq!(person.try_generate("Phone", "mail").problem(), "409 two-factor-needed");
    let mut browser = person.browser();
    assert_eq!(browser.get("/app-passwords/generate").goes_to(), "/app-passwords");
    let page = browser.get("/app-passwords");
    assert!(page.text(200).contains("href=\"/security/two-factor\""), "the way to turn it on");
}

#[test]
fn it_takes_a_second_factor_of_the_last_ten_minutes_to_generate_and_none_to_revoke() {
    let server = Server::start();
    let person = server.person("ada@example.org");
    let password = person.generate("Phone", "mail");
    server.clock.move_by(590);
    person.generate("Tablet", "mail");
    server.clock.move_by(11);
    assert_eq!(person.try_generate("Laptop", "mail").problem(), "403 confirmation-needed");
    person.revoke(&password).with(200);
    let wrong = json!({ "code": person.wrong_code() });
    assert_eq!(person.api.post("/session/confirm", &wrong).problem(), "401 wrong-credentials code");
    let by_password = json!({ "password": PASSWORD });
    assert_eq!(person.api.post("/session/confirm", &by_password).problem(), "422 unfit code");
    assert_eq!(person.try_generate("Laptop", "mail").problem(), "403 confirmation-needed");
    person.api.post("/session/confirm", &json!({ "code": person.code() })).with(204);
    person.generate("Laptop", "mail");
    // A clock that was set back can't tell how long ago it was.
    server.clock.move_by(-3600);
    assert_eq!(person.try_generate("Watch", "mail").problem(), "403 confirmation-needed");
}

#[test]
fn a_page_asks_for_the_code_and_keeps_what_was_typed() {
    let server = Server::start();
    let person = server.person("ada@example.org");
    let mut browser = person.browser();
    let form = browser.get("/app-passwords/generate");
    server.clock.move_by(601);
    let fields =
        [("label", "Anna's <phone> & more"), ("opens", "kinds"), ("kind", "mail"), ("expires", "90d")];
    let asked = browser.submit_from(&form, "/app-passwords/generate", &fields);
    let confirm = asked.goes_to().to_owned();
    assert!(confirm.starts_with("/sign-in/confirm?next="), "{confirm}");
    let wrong = browser.submit(&confirm, &[("code", &person.wrong_code())]);
    assert!(wrong.text(401).contains("the code that stands now"));
    let confirmed = browser.submit(&confirm, &[("code", &person.code())]);
    let back = confirmed.goes_to().to_owned();
    let form = browser.get(&back);
    let text = form.text(200);
    for kept in [
        "value=\"Anna&#39;s &#60;phone&#62; &#38; more\"",
        "value=\"mail\" checked",
        "value=\"90d\" selected",
        "value=\"kinds\" checked",
    ] {
        assert!(text.contains(kept), "{kept} is not in {text}");
    }
    assert_eq!(text.matches(" checked").count(), 2);
    let made = browser.submit_from(&form, "/app-passwords/generate", &fields);
    assert_eq!(made.heading(), "Your password for Anna&#39;s &#60;phone&#62; &#38; more");
}

#[test]
fn pages_show_one_once_and_take_it_back() {
    let server = Server::start();
    let (person, mail) = (server.person("ada@example.org"), server.service("mail", "mail"));
    let mut browser = person.browser();
    let fields = [("label", "Mail on iPhone"), ("opens", "kinds"), ("kind", "mail"), ("expires", "never")];
    let made = browser.submit("/app-passwords/generate", &fields);
    let groups = made.between("id=\"secret\">", "</p>");
    let password = groups.replace("<span>", "").replace("</span>", "").replace("<wbr>", "");
    assert_eq!(mail.status("ada@example.org", password.trim()), 200);
    for path in ["/app-passwords", "/app-passwords/generate", "/activity", "/security"] {
        let text = browser.get(path).text(200);
        assert!(!text.contains(password.trim().split('-').next().unwrap()), "{path}");
    }
    let list = browser.get("/app-passwords");
    let revoke = format!("/app-passwords/{}/revoke", list.between("/app-passwords/apw_", "/revoke").as_str());
    let revoke = revoke.replace("/app-passwords/", "/app-passwords/apw_");
    assert_eq!(browser.get(&revoke).status(), 200);
    assert_eq!(mail.status("ada@example.org", password.trim()), 200, "looking revokes nothing");
    assert_eq!(browser.submit(&revoke, &[]).goes_to(), "/app-passwords");
    assert_eq!(mail.status("ada@example.org", password.trim()), 401);
    let list = browser.get("/app-passwords").text(200);
    assert!(list.contains("“Mail on iPhone” is revoked. The app that used it is signed out."), "{list}");
    assert!(list.contains("by you"), "{list}");
    // Once more, as from a page that stood open.
    let token = browser.get("/app-passwords").form_token();
    assert_eq!(browser.post(&revoke, &[("form_token", &token)]).goes_to(), "/app-passwords");
    assert_eq!(browser.get(&revoke).goes_to(), "/app-passwords");

    person.generate("One", "mail");
    person.generate("Two", "mail");
    assert_eq!(browser.submit("/app-passwords/revoke-all", &[]).goes_to(), "/app-passwords");
    assert!(browser.get("/app-passwords").text(200).contains("2 app-specific passwords are revoked."));
    assert_eq!(browser.get("/app-passwords/revoke-all").goes_to(), "/app-passwords");
    assert_eq!(person.list()["active"], 0);
}

#[test]
fn the_page_lists_those_taken_back_last_first() {
    let server = Server::start();
    let person = server.person("ada@example.org");
    let (first, second) = (person.generate("Made first", "other"), person.generate("Made second", "other"));
    person.revoke(&second).with(200);
    server.clock.move_by(60);
    person.revoke(&first).with(200);
    let text = person.browser().get("/app-passwords").text(200);
    let place = |label: &str| text.find(label).unwrap();
    assert!(place("Made first") < place("Made second"), "{text}");
}

#[test]
fn labels_are_one_line_of_one_to_two_hundred_characters() {
    let server = Server::start();
    let person = server.person("ada@example.org");
    let longest = "ä".repeat(200);
    for label in
        ["x", longest.as_str(), "<b>&amp;\"'</b><script>alert(1)</script>", "דואר בטלפון", "👩\u{200d}💻"]
    {
        let answer = person.try_generate(label, "mail").json(201);
        assert_eq!(answer["label"], label);
    }
    let too_long = "x".repeat(201);
    let megabyte = "x".repeat(60_000);
    for label in
        ["", " \t ", &too_long, &megabyte, "a\nb", "a\0b", "a\u{202e}b", "a\u{2066}b", "\u{feff}a", "a\u{7f}"]
    {
        assert_eq!(person.try_generate(label, "mail").problem(), "422 unfit label", "{label:?}");
    }
    assert_eq!(person.list()["active"], 5);
    let mut browser = person.browser();
    for path in ["/app-passwords", "/activity"] {
        let text = browser.get(path).text(200);
        assert!(text.contains("&#60;script&#62;alert(1)"), "{text}");
        assert!(!text.contains("<script>alert"), "{text}");
    }
    // What doesn't do in the form comes back in it, as it was typed.
    let fields = [("label", too_long.as_str()), ("opens", "first"), ("expires", "never")];
    let page = browser.submit("/app-passwords/generate", &fields);
    assert!(page.text(422).contains(&format!("value=\"{too_long}\"")));
    assert!(page.text(422).contains("id=\"label-error\""));
    let none = browser
        .submit("/app-passwords/generate", &[("label", "x"), ("opens", "kinds"), ("expires", "never")]);
    assert!(none.text(422).contains("id=\"opens-error\""));
}

#[test]
fn what_cannot_be_generated_is_refused_at_its_field() {
    let server = Server::start();
    let person = server.person("ada@example.org");
    for (asked, problem) in [
        (json!({ "label": "x", "for": [] }), "422 unfit for"),
        (json!({ "label": "x", "for": ["mail", "cake"] }), "422 unfit for"),
        (json!({ "label": "x", "for": "second" }), "422 unfit for"),
        (json!({ "label": "x", "for": ["mail"], "expires": "soon" }), "422 unfit expires"),
        (json!({ "label": "x", "for": ["mail"], "expires": "0d" }), "422 unfit expires"),
        (json!({ "label": "x", "for": ["mail"], "expires": "11y" }), "422 unfit expires"),
        (json!({ "label": "x" }), "400 unreadable"),
        (json!({ "label": 1, "for": ["mail"] }), "400 unreadable"),
        (json!({ "label": "x", "for": 5 }), "400 unreadable"),
        (json!({ "label": "x", "for": ["mail"], "password": "mine" }), "400 unreadable"),
    ] {
        assert_eq!(person.api.post("/app-passwords", &asked).problem(), problem, "{asked}");
    }
    assert_eq!(person.list()["app_passwords"], json!([]));
}

/// How far somebody is who takes away the right to generate while others use it.
#[derive(Default)]
struct Gate {
    in_use: AtomicBool,
    shut: AtomicBool,
}

impl Gate {
    /// Shuts it, once the others have gone through.
    fn shut(&self, shut: impl FnOnce()) {
        until(|| self.in_use.load(Ordering::SeqCst));
        shut();
        self.shut.store(true, Ordering::SeqCst);
    }

    /// Generates as fast as it goes until that is refused for another reason than that there is no room; gives what it got.
    fn generate(&self, person: &Person<'_>, token: &str) -> Vec<Value> {
        let api = person.server.api(token);
        let mut generated = Vec::new();
        loop {
            let shut = self.shut.load(Ordering::SeqCst);
            let answer = api.post("/app-passwords", &json!({ "label": "Racer", "for": ["mail"] }));
            match answer.status {
                201 => generated.push(answer.json(201)),
                409 if answer.problem() == "409 too-many-app-passwords" => {
                    api.delete("/app-passwords");
                }
                _ => return generated,
            }
            assert!(!shut, "the right to it had been taken away before it was asked for");
            self.in_use.store(true, Ordering::SeqCst);
        }
    }
}

#[test]
fn none_outlives_the_change_of_the_password_that_it_raced_with() {
    let server = Server::start();
    let (person, mail) = (server.person("ada@example.org"), server.service("mail", "mail"));
    let tokens: Vec<_> = (0..4).map(|_| person.new_token()).collect();
    person.api.post("/session/confirm", &json!({ "code": person.code() })).with(204);
    let gate = Gate::default();
    let generated = race(5, |n| match n {
        4 => {
            gate.shut(|| {
                let asked =
                    json!({ "current_password": PASSWORD, "new_password": "seven bridges over a kettle" });
                person.api.post("/account/password", &asked).with(200);
            });
            Vec::new()
        }
        n => gate.generate(&person, &tokens[n]),
    });
    let generated: Vec<_> = generated.into_iter().flatten().collect();
    assert!(!generated.is_empty());
    for password in &generated {
        assert_eq!(mail.status("ada@example.org", password["password"].as_str().unwrap()), 401);
    }
    assert_eq!(person.list()["active"], 0);
    // The person goes on where the password was changed.
    person.generate("After", "mail");
}

#[test]
fn none_outlives_turning_two_factor_authentication_off() {
    let server = Server::start();
    let (person, mail) = (server.person("ada@example.org"), server.service("mail", "mail"));
    let token = person.api.token.clone().unwrap();
    let gate = Gate::default();
    let generated = race(5, |n| match n {
        4 => {
            gate.shut(|| {
                person.api.post("/account/two-factor/turn-off", &json!({ "code": person.code() })).with(200);
            });
            Vec::new()
        }
        _ => gate.generate(&person, &token),
    });
    let generated: Vec<_> = generated.into_iter().flatten().collect();
    assert!(!generated.is_empty());
    for password in &generated {
        assert_eq!(mail.status("ada@example.org", password["password"].as_str().unwrap()), 401);
    }
    assert_eq!(person.list()["active"], 0);
}

#[test]
fn of_those_that_have_ended_the_newest_200_stay() {
    let server = Server::start();
    let (person, mail) = (server.person("ada@example.org"), server.service("mail", "mail"));
    let (old, live) = (person.generate("Oldest", "mail"), person.generate("Live", "mail"));
    person.revoke(&old).with(200);
    let account = person.events()[0]["account"]["id"].as_str().unwrap().to_owned();
    server.stop();
    // Ended long after the first one.
    let later = server.clock.now().millis() + 1_000;
    let rows = (0..10_000_i64).map(|n| {
        let fingerprint = server.bytes(&[n.to_be_bytes(); 4].concat());
        format!(
            "('apw_{n:032x}', '{account}', 'Another', 1, {fingerprint}, {later}, {}, 'revoked')",
            later + n
        )
    });
    let columns = "id, account_id, label, opens, fingerprint, created_at, ended_at, why_ended";
    let rows = rows.collect::<Vec<_>>().join(", ");
    server.change_data(&format!("INSERT INTO app_passwords ({columns}) VALUES {rows}"));
    server.start_again();
    let newest = person.generate("Newest", "mail");
    let list = person.list();
    let all = list["app_passwords"].as_array().unwrap();
    assert_eq!((all.len(), &list["active"]), (202, &json!(2)));
    let ended: Vec<_> =
        all.iter().filter(|one| one["state"] == "ended").map(|one| one["id"].as_str().unwrap()).collect();
    assert!(ended.iter().all(|id| **id >= *format!("apw_{:032x}", 9_800)), "{ended:?}");
    // What is forgotten is as refused as what is known; and what lives, lives.
    assert_eq!(mail.status("ada@example.org", &old.password), 401);
    for password in [&live, &newest] {
        assert_eq!(mail.status("ada@example.org", &password.password), 200);
    }
    // The log forgets nothing.
    assert!(person.told("app_password_ended").iter().any(|event| event["label"] == "Oldest"));
}
