//! *Settings*: what the server goes by, where that comes from, and how it is.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Encrypts, PASSWORD, Server, Sink, mail_settings};

const ADA: &str = "ada@example.org";

fn setting<'a>(settings: &'a Value, section: &str, name: &str) -> &'a Value {
    let all = settings["settings"].as_array().unwrap();
    all.iter().find(|one| one["section"] == section && one["name"] == name).unwrap()
}

fn with_mail(smtp: &str) -> Server {
    let [smtp, from] = mail_settings(smtp);
    let server = Server::new(&[(smtp.0, &smtp.1), (from.0, &from.1)]);
    fs::write(server.folder().join("doorkey.toml"), "[accounts]\nsession_days = 7\n").unwrap();
    server.start_again();
    server
}

#[test]
fn every_setting_is_there_with_its_source_and_without_its_secrets() {
    let sink = Sink::start();
    let server = with_mail(&format!("smtp://sender:hunter2@{}", sink.address));
    let (person, mail) = (server.administrator(ADA), server.service("mail", "mail"));
    let key = fs::read_to_string(server.data().join("doorkey.key")).unwrap();
    let settings = person.api.get("/settings").json(200);
    let days = setting(&settings, "accounts", "session_days");
    assert_eq!(
        *days,
        json!({
            "section": "accounts", "name": "session_days", "value": "7", "source": "file", "place": "doorkey.toml, line 2",
        })
    );
    assert_eq!(setting(&settings, "", "data")["source"], "option");
    assert_eq!(setting(&settings, "log", "level")["source"], "default");
    let smtp = setting(&settings, "mail", "smtp");
    assert_eq!(
        (&smtp["value"], &smtp["source"]),
        (&json!(format!("smtp://***@{}", sink.address)), &json!("environment"))
    );
    assert_eq!(settings["mail_server"], json!(sink.address.to_string()));
    assert_eq!(settings["restart_for"], json!([]));
    assert!(
        settings["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|check| check["about"] == "disk_space" || check["about"] == "space")
    );

    let page = person.browser().get("/settings").text(200);
    for part in [
        "session_days",
        "doorkey.toml, line 2",
        "DOORKEY__MAIL__SMTP",
        "smtp://***@",
        "Send me a test mail",
        "lies in the data folder",
    ] {
        assert!(page.contains(part), "{part} isn't in {page}");
    }
    let far = person.browser().get("/settings?look=far").text(200);
    assert!(far.contains("took the user and password") && !far.contains("Look at the mail server"), "{far}");
    let checks = person.api.get("/settings/checks").json(200);
    assert_eq!((&checks["fine"], &checks["server"]), (&json!(true), &json!(true)));
    for said in [settings.to_string(), checks.to_string(), page, far] {
        for secret in ["hunter2", PASSWORD, &mail.key, key.trim()] {
            assert!(!said.contains(secret), "{said}");
        }
    }
    assert!(sink.tests().is_empty(), "looking sends nothing");

    fs::write(server.folder().join("doorkey.toml"), "[accounts]\nsession_days = 8\n").unwrap();
    assert_eq!(person.api.get("/settings").json(200)["restart_for"], json!(["[accounts] session_days"]));
    let page = person.browser().get("/settings").text(200);
    assert!(page.contains("used after a restart: [accounts] session_days."), "{page}");
}

#[test]
fn only_administrators_see_it() {
    let server = Server::start();
    let (eve, ada) = (server.person("eve@example.org"), server.administrator(ADA));
    for path in ["/settings", "/settings/checks"] {
        assert_eq!(eve.api.get(path).problem(), "403 not-allowed");
        assert_eq!(server.api("").get(path).problem(), "401 sign-in-needed");
        ada.api.get(path).with(200);
        server.admin().get(path).with(200);
    }
    let mut hers = eve.browser();
    assert_eq!(hers.get("/settings").status(), 403);
    assert_eq!(hers.get("/settings?look=far").status(), 403);
    assert!(!hers.get("/security").text(200).contains("href=\"/settings\""));
    assert!(ada.browser().get("/security").text(200).contains("href=\"/settings\""));
    let token = hers.get("/security").form_token();
    assert_eq!(hers.post("/settings", &[("form_token", &token)]).status(), 403);
}

#[test]
fn a_test_mail_goes_to_whoever_asks_and_what_the_mail_server_says_is_shown() {
    let sink =
        Sink::that(Encrypts::Never, |asked| asked.contains("eve").then(|| "550 no such user".to_owned()));
    let server = with_mail(&format!("smtp://{}", sink.address));
    let (ada, eve) = (server.administrator(ADA), server.administrator("eve@example.org"));
    let mut browser = ada.browser();
    assert_eq!(browser.submit("/settings", &[]).goes_to(), "/settings");
    assert!(browser.get("/settings").text(200).contains(&format!("took the mail to {ADA}: 250 taken")));
    assert_eq!(sink.tests(), [format!("RCPT TO:<{ADA}>")]);
    let mut browser = eve.browser();
    browser.submit("/settings", &[]);
    assert!(browser.get("/settings").text(200).contains("550 no such user"));
    assert_eq!(sink.tests().len(), 1);
}
