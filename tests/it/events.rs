//! The log, as people read it.

use serde_json::json;

use crate::support::Server;

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
    let expected = json!({
        "number": newest["number"], "at": newest["at"], "actor": newest["actor"], "source": "127.0.0.1",
        "sentence": "You revoked “App 29”.", "what": "app_password_ended", "id": newest["id"], "label": "App 29",
        "why": "revoked",
    });
    assert_eq!(*newest, expected);
    assert!(newest["actor"].as_str().unwrap().starts_with("acc_"));
    assert_eq!(person.api.get("/activity?before=1").json(200)["events"], json!([]));
    for odd in ["before=", "before=x", "before=-5", "before=99999999999999999999", "other=1"] {
        assert_eq!(person.api.get(&format!("/activity?{odd}")).status, 200, "{odd}");
    }

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
fn the_log_has_no_gap_and_nothing_is_told_twice() {
    let server = Server::start();
    let person = server.administrator(ADA);
    server.service("mail", "mail");
    crate::support::race(8, |n| {
        let password = person.generate(&format!("App {n}"), "mail");
        person.revoke(&password).with(200);
        person.revoke(&password).with(200);
    });
    server.stop();
    let gaps = "SELECT COUNT(*) FROM events WHERE number NOT BETWEEN 1 AND (SELECT COUNT(*) FROM events)";
    assert_eq!(server.data_says::<i64>(gaps), 0);
    let told = "SELECT COUNT(*) FROM events WHERE what LIKE '%app_password_ended%'";
    assert_eq!(server.data_says::<i64>(told), 8);
}
