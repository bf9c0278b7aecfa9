//! Traefik isn't in Debian, so it can't be started here. What its ForwardAuth middleware sends is sent as its documentation and
//! source have it, and the configuration for it is read as YAML.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{
    parts::{find, shipped},
    support::{Answer, Done, Request, Server, Service, basic},
};

/// What Traefik sends: a GET with the headers of the app's request, those that an earlier middleware set, and where the request was
/// going. Never its body.
fn forwarded(service: &Service<'_>, name_and_secret: &str) -> Request {
    service
        .request()
        .header("Authorization", basic(name_and_secret))
        .header("User-Agent", "DAVx5/4.4")
        .header("Depth", "1")
        .header("Content-Type", "application/xml")
        .header("X-Forwarded-Method", "PROPFIND")
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "calendar.example.org")
        .header("X-Forwarded-Uri", "/ada@example.org/personal/")
        .header("X-Forwarded-For", "198.51.100.7")
        .header("X-Forwarded-Server", "traefik")
        .header("X-Real-Ip", "198.51.100.7")
}

#[test]
fn what_traefik_sends_is_answered_as_it_needs_it() {
    let doorkey = Server::start_with(&[("DOORKEY__HTTP__TRUSTED_PROXIES", "127.0.0.1")]);
    let ada = doorkey.person("ada@example.org");
    let calendar = doorkey.service("calendar", "calendars");
    let (right, other) = (ada.generate("Phone", "calendars"), ada.generate("Mail", "mail"));
    let ask =
        |secret: &str| -> Answer { doorkey.ask(&forwarded(&calendar, &format!("Ada@Example.ORG:{secret}"))) };

    // Any 2xx lets the request through, with the headers of authResponseHeaders copied to it.
    let yes = ask(&right.password).with(200);
    assert_eq!(yes.header("remote-user"), Some("ada@example.org"));

    // Anything else is what the app gets, headers and all.
    let no = ask("abcd-efgh-ijkl-mnop-qrst-uvwx").with(401);
    assert_eq!(no.header("www-authenticate"), Some("Basic realm=\"Doorkey\", charset=\"UTF-8\""));
    ask(&other.password).with(403);
    ada.revoke(&right).with(200);
    ask(&right.password).with(401);

    // Uses are written down every few seconds, and at the latest by a stop.
    doorkey.restart();
    for use_or_try in ["last_use", "tried_after_end"] {
        let source = &ada.listed(&right)[use_or_try]["source"];
        assert_eq!(source, "198.51.100.7", "the app's address, not Traefik's");
    }
}

#[test]
fn the_ready_configuration_is_yaml_with_the_fields_that_traefik_knows() {
    let text = shipped("traefik", "https://doorkey.example.org", "calendar", "dks_key");
    let read = Done::of(Command::new(find("yq")).arg(".").stdin(Stdio::piped()), &text).with(0);
    let read: Value = serde_json::from_str(&read.out).unwrap();
    assert_eq!(
        read,
        json!({ "http": { "middlewares": {
            "doorkey-key": { "headers": { "customRequestHeaders": { "Doorkey-Service-Key": "dks_key" } } },
            "doorkey": { "forwardAuth": {
                "address": "https://doorkey.example.org/door/http/calendar",
                "authResponseHeaders": ["X-Remote-User", "Remote-User"],
            } },
            // An empty value takes the header away.
            "doorkey-clean": { "headers": { "customRequestHeaders": {
                "Doorkey-Service-Key": "",
                "Authorization": "",
            } } },
        } } })
    );
}
