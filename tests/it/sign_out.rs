//! What other servers have open ends when a password is taken back: they are asked at once, and until they have done it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use data_encoding::BASE64URL_NOPAD;
use ldap3_proto::proto::LdapResultCode;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::support::{
    Asked, Cli, LdapClient, Person, Receiver, Request, Server, Sink, group, join, leave, since, until,
};

const ADA: &str = "ada@example.org";
const EVE: &str = "eve@example.org";
/// A key that doveadm would be shown, which is nowhere to be seen otherwise.
const KEY: &str = "key-of-doveadm-that-nobody-sees";
const KICKED: &str = r#"[["doveadmResponse",[{"result":"ada@example.org"}],"doorkey"]]"#;
const NOTHING: &str = r#"[["error",{"type":"exitCode", "exitCode":68},"doorkey"]]"#;
/// How long a sign-out may take, from the revoke's answer on.
const AT_ONCE: Duration = Duration::from_secs(2);

#[track_caller]
fn set(server: &Server, service: &str, way: &str, at: SocketAddr) -> Value {
    let asked = json!({ "way": way, "url": format!("http://{at}"), "key": KEY });
    server.admin().send("PUT", &format!("/services/{service}/sign-out"), Some(&asked)).json(200)
}

#[track_caller]
fn state(server: &Server, service: &str) -> Value {
    server.admin().get(&format!("/services/{service}/sign-out")).json(200)
}

/// As if the log hadn't been read from the last or the first revoke on (`MAX`, `MIN`): the server isn't running.
fn unread(server: &Server, which: &str) {
    server.change_data("DELETE FROM sign_outs");
    let from = format!("(SELECT {which}(number) FROM events WHERE kind = 'app_password_ended')");
    server.change_data(&format!("UPDATE event_counter SET sign_outs_read = {from} - 1"));
}

/// The users, or passwords, that Dovecot was to sign out.
fn kicked(asked: &[Asked]) -> Vec<String> {
    let mask = |asked: &Asked| {
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        assert_eq!((&body[0][0], &body[0][2]), (&json!("kick"), &json!("doorkey")), "{body}");
        body[0][1]["mask"][0].as_str().unwrap().to_owned()
    };
    asked.iter().map(mask).collect()
}

#[test]
fn dovecot_is_asked_at_once_and_the_person_told() {
    let server = Server::start();
    let (ada, _mail) = (server.person(ADA), server.service("mail", "mail"));
    server.service("dav", "calendars");
    let dovecot = Receiver::start(200, KICKED);
    let set = set(&server, "mail", "dovecot_user", dovecot.address);
    assert_eq!(set["url"], format!("http://{}/doveadm/v1", dovecot.address));
    assert_eq!((&set["has_key"], &set["done_at"], &set["waiting"]), (&json!(true), &Value::Null, &json!(0)));
    let (phone, calendar, unused) =
        (ada.generate("Phone", "mail"), ada.generate("Tablet", "calendars"), ada.generate("New", "first"));
    // What opens nothing there signs nobody out there.
    ada.revoke(&calendar).with(200);
    ada.revoke(&unused).with(200);
    ada.revoke(&phone).with(200);
    let waited = since();
    let asked = dovecot.asked(1);
    assert!(waited() < AT_ONCE, "{:?}", waited());
    assert_eq!(kicked(&asked), [ADA]);
    assert_eq!(asked[0].line, "POST /doveadm/v1 HTTP/1.1");
    let shown = format!("X-Dovecot-API {}", data_encoding::BASE64.encode(KEY.as_bytes()));
    assert_eq!(asked[0].header("authorization"), Some(shown.as_str()));
    assert_eq!(asked[0].header("content-type"), Some("application/json"));
    until(|| !ada.told("signed_out_at").is_empty());
    let told = &ada.told("signed_out_at")[0];
    assert_eq!(told["sentence"], "What “Phone” had open at mail was closed.");
    assert_eq!((&told["service"], &told["way"]), (&json!("mail"), &json!("dovecot_user")));
    let state = state(&server, "mail");
    assert!(state["done_at"].is_string() && state["failure"].is_null(), "{state}");
    // Once more after the log-in time, which nobody is told.
    assert_eq!((&state["waiting"], dovecot.count()), (&json!(0), 1));
    server.clock.move_by(200);
    server.admin().post("/services", &json!({ "name": "wakes", "kinds": ["other"] })).with(201);
    assert_eq!(kicked(&dovecot.asked(2)), [ADA, ADA]);
    server.stop();
    assert_eq!(server.data_says::<i64>("SELECT COUNT(*) FROM sign_outs"), 0);
    let told = "SELECT COUNT(*) FROM events WHERE kind = 'signed_out_at'";
    assert_eq!(server.data_says::<i64>(told), 1);
}

#[test]
fn whatever_takes_access_away_ends_what_is_open() {
    let server = Server::start();
    let (ada, eve) = (server.person(ADA), server.person(EVE));
    server.service("mail", "mail,contacts");
    group(&server, "staff", &[ADA, EVE]);
    group(&server, "board", &[ADA, EVE]);
    server.admin().patch("/services/mail", &json!({ "groups": ["staff", "board"] })).with(200);
    let dovecot = Receiver::start(200, NOTHING);
    set(&server, "mail", "dovecot_user", dovecot.address);
    let mut so_far = 0;
    let mut next = |who: &str| {
        so_far += 1;
        assert_eq!(kicked(&dovecot.asked(so_far))[so_far - 1..], [who], "{so_far}");
    };
    ada.generate("Phone", "mail");
    ada.generate("Tablet", "mail,contacts");
    eve.generate("Phone", "contacts");
    // All that is one person's at once.
    ada.api.delete("/app-passwords").with(200);
    next(ADA);
    ada.generate("Phone", "mail");
    server.admin().post(&format!("/accounts/{ADA}/suspend"), &json!({})).with(200);
    next(ADA);
    server.admin().post(&format!("/accounts/{ADA}/resume"), &json!({})).with(200);
    // Another group still lets in.
    leave(&server, "staff", EVE);
    leave(&server, "board", EVE);
    next(EVE);
    join(&server, "board", EVE);
    server.admin().patch("/services/mail", &json!({ "groups": ["staff"] })).with(200);
    next(EVE);
    server.admin().patch("/services/mail", &json!({ "groups": [] })).with(200);
    server.admin().patch("/services/mail", &json!({ "kinds": ["contacts"] })).with(200);
    next(ADA);
    server.admin().delete(&format!("/accounts/{EVE}")).with(204);
    next(EVE);
    assert_eq!(dovecot.count(), so_far, "and nobody else");
    // Where nothing was open, nobody is told of anything.
    assert!(state(&server, "mail")["failure"].is_null());
    server.stop();
    let told = "SELECT COUNT(*) FROM events WHERE kind = 'signed_out_at'";
    assert_eq!(server.data_says::<i64>(told), 0);
}

#[test]
fn by_password_dovecot_is_told_which() {
    let server = Server::start();
    let ada = server.person(ADA);
    server.service("mail", "mail");
    let dovecot = Receiver::start(200, KICKED);
    set(&server, "mail", "dovecot_app_password", dovecot.address);
    let (phone, tablet) = (ada.generate("Phone", "mail"), ada.generate("Tablet", "mail"));
    ada.revoke(&phone).with(200);
    dovecot.asked(1);
    ada.revoke(&tablet).with(200);
    let asked = dovecot.asked(2);
    assert_eq!(kicked(&asked), [phone.id.as_str(), tablet.id.as_str()]);
    assert!(asked.iter().all(|asked| asked.body.contains(r#""passdbField":"user_apppw""#)), "{asked:?}");
}

#[test]
fn what_could_not_be_done_is_tried_again_after_a_kill_too() {
    let server = Server::start();
    let ada = server.person(ADA);
    server.service("mail", "mail");
    let nowhere = Sink::nowhere();
    set(&server, "mail", "dovecot_user", nowhere);
    let (phone, tablet) = (ada.generate("Phone", "mail"), ada.generate("Tablet", "mail"));
    ada.revoke(&phone).with(200);
    until(|| !state(&server, "mail")["failure"].is_null());
    let why = state(&server, "mail");
    assert!(why["failure"]["said"].as_str().unwrap().contains(&nowhere.to_string()), "{why}");
    assert_eq!(why["waiting"], 1);
    assert_eq!(ada.told("signed_out_at"), Vec::<Value>::new());
    // Killed at once: what is committed is done nevertheless.
    ada.revoke(&tablet).with(200);
    server.kill();
    let answering = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&answering);
    let dovecot = Receiver::that(nowhere, move |_, _| {
        Some(if answers.load(Ordering::SeqCst) { (200, KICKED.into()) } else { (500, String::new()) })
    });
    server.start_again();
    until(|| state(&server, "mail")["failure"]["said"].as_str().is_some_and(|why| why.contains("500")));
    answering.store(true, Ordering::SeqCst);
    until(|| state(&server, "mail")["waiting"] == 0);
    assert!(kicked(&dovecot.asked(2)).iter().all(|who| who == ADA));
    let state = state(&server, "mail");
    assert!(state["failure"].is_null() && state["done_at"].is_string(), "{state}");
    let told = ada.told("signed_out_at");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["sentence"], "What your apps had open at mail was closed.");
}

#[test]
fn a_kill_between_commit_and_reading_loses_nothing() {
    let server = Server::start();
    let ada = server.person(ADA);
    server.service("mail", "mail");
    let dovecot = Receiver::start(200, NOTHING);
    set(&server, "mail", "dovecot_user", dovecot.address);
    let phone = ada.generate("Phone", "mail");
    ada.revoke(&phone).with(200);
    dovecot.asked(1);
    server.kill();
    // As if it had been killed before the log was read: the revoke is the last that stands there.
    unread(&server, "MAX");
    server.start_again();
    assert_eq!(kicked(&dovecot.asked(2)), [ADA, ADA]);
}

/// What is read together with what took the way in away is judged as it was.
#[test]
fn a_revoke_that_is_read_late_ends_what_was_open_then() {
    let server = Server::start();
    let ada = server.person(ADA);
    server.service("mail", "mail");
    group(&server, "staff", &[ADA]);
    server.admin().patch("/services/mail", &json!({ "groups": ["staff"] })).with(200);
    let dovecot = Receiver::start(200, NOTHING);
    set(&server, "mail", "dovecot_user", dovecot.address);
    let phone = ada.generate("Phone", "mail");
    ada.revoke(&phone).with(200);
    dovecot.asked(1);
    leave(&server, "staff", ADA);
    server.admin().patch("/services/mail", &json!({ "kinds": ["calendars"] })).with(200);
    server.kill();
    unread(&server, "MAX");
    server.start_again();
    assert_eq!(kicked(&dovecot.asked(2)), [ADA, ADA]);
}

/// Nobody fills the database by generating and revoking while a service is away.
#[test]
fn much_that_waits_of_one_account_becomes_one() {
    let server = Server::start();
    let ada = server.person(ADA);
    server.service("chat", "other");
    set(&server, "chat", "webhook", Sink::nowhere());
    for _ in 0..60 {
        ada.revoke(&ada.generate("App", "other")).with(200);
    }
    server.stop();
    // All of it is read in one go, as after a kill.
    unread(&server, "MIN");
    server.start_again();
    until(|| state(&server, "chat")["waiting"].as_i64().is_some_and(|waiting| waiting > 0));
    server.stop();
    assert_eq!(server.data_says::<i64>("SELECT COUNT(*) FROM sign_outs WHERE app_password = ''"), 1);
    assert!(server.data_says::<i64>("SELECT COUNT(*) FROM sign_outs") <= 100);
}

#[test]
fn after_a_week_it_is_given_up_and_told() {
    let server = Server::start();
    let ada = server.person(ADA);
    server.service("mail", "mail");
    set(&server, "mail", "dovecot_user", Sink::nowhere());
    ada.revoke(&ada.generate("Phone", "mail")).with(200);
    until(|| !state(&server, "mail")["failure"].is_null());
    server.stop();
    server.clock.move_by(8 * 24 * 3600);
    server.start_again();
    until(|| state(&server, "mail")["waiting"] == 0);
    server.stop();
    let told = server.data_lists("SELECT what FROM events WHERE kind = 'sign_out_failed'");
    let what = r#"{"what":"sign_out_failed","service":"mail","label":"Phone","way":"dovecot_user"}"#;
    assert_eq!(told, [what]);
}

#[test]
fn a_service_that_does_not_answer_keeps_no_other_waiting() {
    let server = Server::start();
    let ada = server.person(ADA);
    server.service("old", "mail");
    server.service("mail", "mail");
    // It takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dovecot = Receiver::start(200, KICKED);
    set(&server, "old", "dovecot_user", silent.local_addr().unwrap());
    set(&server, "mail", "dovecot_user", dovecot.address);
    for (count, label) in [(1, "Phone"), (2, "Tablet")] {
        ada.revoke(&ada.generate(label, "mail")).with(200);
        let waited = since();
        dovecot.asked(count);
        assert!(waited() < AT_ONCE, "{:?}", waited());
    }
    until(|| state(&server, "old")["failure"]["said"].as_str().is_some_and(|why| why.contains("5 seconds")));
}

#[test]
fn what_cannot_be_set_says_why_and_a_key_goes_nowhere_else() {
    let server = Server::start();
    server.service("mail", "mail");
    let admin = server.admin();
    let put = |body: &Value| admin.send("PUT", "/services/mail/sign-out", Some(body));
    let of = |way: &str, url: &str, key: &str| json!({ "way": way, "url": url, "key": key });
    for (body, field) in [
        (of("", "http://127.0.0.1:1", KEY), "way"),
        (of("kick", "http://127.0.0.1:1", KEY), "way"),
        (of("dovecot_user", "127.0.0.1:1", KEY), "url"),
        (of("dovecot_user", "http://203.0.113.9", KEY), "url"),
        (of("dovecot_user", "https://ada:secret@mail.example.org", KEY), "url"),
        (of("dovecot_user", "http://127.0.0.1:1", "two words"), "key"),
        (of("dovecot_user", "http://127.0.0.1:1", "zwölf"), "key"),
        (of("dovecot_user", "http://127.0.0.1:1", &"x".repeat(501)), "key"),
        (of("dovecot_user", "http://127.0.0.1:1", ""), "key"),
        (json!({ "way": "dovecot_user", "url": "http://127.0.0.1:1" }), "key"),
    ] {
        let problem = put(&body).with(422).json_problem();
        assert_eq!(problem["field"], field, "{problem}");
    }
    assert_eq!(state(&server, "mail")["way"], Value::Null);
    put(&of("dovecot_user", "http://127.0.0.1:1", KEY)).with(200);
    // The key stays at its address, and is shown to nobody else.
    let without = |way: &str, url: &str| json!({ "way": way, "url": url });
    put(&without("dovecot_app_password", "http://127.0.0.1:1/other")).with(200);
    for (way, url) in [
        ("dovecot_user", "http://127.0.0.1:2"),
        ("dovecot_user", "https://127.0.0.1:1"),
        ("webhook", "http://127.0.0.1:1"),
    ] {
        assert_eq!(put(&without(way, url)).with(422).json_problem()["field"], "key", "{way} {url}");
    }
    admin.get("/services/none/sign-out").with(404);
    admin.send("PUT", "/services/none/sign-out", Some(&of("webhook", "http://127.0.0.1:1", ""))).with(404);
    admin.delete("/services/mail/sign-out").with(204);
    admin.delete("/services/mail/sign-out").with(204);
    assert_eq!(state(&server, "mail")["way"], Value::Null);
    // Removed with its service, so that another of its name begins with nothing.
    put(&of("dovecot_user", "http://127.0.0.1:1", KEY)).with(200);
    admin.delete("/services/mail").with(204);
    server.service("mail", "mail");
    assert_eq!(state(&server, "mail")["way"], Value::Null);
    assert!(!server.log().contains(KEY));
    for file in server.stored() {
        let stored = std::fs::read(file).unwrap_or_default();
        assert!(!stored.windows(KEY.len()).any(|part| part == KEY.as_bytes()), "it is sealed");
    }
}

#[test]
fn the_command_line_and_the_page_do_the_same() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    server.service("mail", "mail");
    let data = server.data().display().to_string();
    let run = |more: &[&str], input: &str| {
        let all = [&["admin", "service", "sign-out", "mail", "--data", &data], more].concat();
        Cli::new().run_on(&server, &all, input)
    };
    let nobody = "Nobody is signed out of mail: its apps find out at their next sign-in.\n";
    assert_eq!(run(&[], "").with(0).out, nobody);
    let dovecot = Receiver::start(401, "");
    let url = format!("http://{}", dovecot.address);
    let done = run(&["--way", "dovecot-user", "--url", &url, "--key-stdin"], &format!("{KEY}\n")).with(0);
    let said = format!(
        "People are signed out of mail (dovecot-user) at {url}/doveadm/v1, with a key. Last done: never.\n"
    );
    assert_eq!(done.out, said);
    let ada = admin;
    ada.revoke(&ada.generate("Phone", "mail")).with(200);
    until(|| run(&[], "").with(0).out.contains("refused the key"));
    assert_eq!(run(&["--json"], "").json()["way"], "dovecot_user");
    run(&["--url", &url], "").with(2);
    let mut browser = ada.browser();
    let shown = browser.get("/services/at/mail").text(200);
    assert!(shown.contains("refused the key. Enter Dovecot’s doveadm_api_key here."), "{shown}");
    assert!(!shown.contains(KEY));
    let path = "/services/at/mail/sign-out";
    let wrong = browser.submit(path, &[("way", "webhook"), ("url", "http://203.0.113.9"), ("key", "")]);
    assert!(wrong.text(422).contains("Over http everybody on the way could read the key."));
    let again = browser.submit(path, &[("way", "webhook"), ("url", "https://w.example.org"), ("key", "")]);
    assert!(again.text(422).contains("Enter the key again"));
    let set = [("way", "webhook"), ("url", "https://w.example.org"), ("key", ""), ("no_key", "yes")];
    assert_eq!(browser.submit(path, &set).goes_to(), "/services/at/mail");
    let state = run(&["--json"], "").json();
    assert_eq!((&state["way"], &state["has_key"]), (&json!("webhook"), &json!(false)));
    assert_eq!(browser.submit(path, &[("way", "nobody")]).goes_to(), "/services/at/mail");
    assert_eq!(run(&["--way", "nobody"], "").with(0).out, nobody);
}

/// What a webhook was told: the token's header and claims, after its signature has been checked with what the server publishes.
#[track_caller]
fn told(server: &Server, asked: &Asked) -> (Value, Value) {
    assert_eq!(asked.header("content-type"), Some("application/secevent+jwt"));
    let keys = server.ask(&Request::get("/.well-known/jwks.json")).json(200);
    let parts: Vec<_> = asked.body.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("{}", asked.body) };
    let decoded = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).unwrap();
    let read = |part: &str| serde_json::from_slice::<Value>(&decoded(part)).unwrap();
    let (read_header, key) = (read(header), &keys["keys"][0]);
    assert_eq!(read_header["kid"], key["kid"]);
    assert_eq!(
        (&key["kty"], &key["crv"], keys["keys"].as_array().unwrap().len()),
        (&json!("EC"), &json!("P-256"), 1)
    );
    let half = |name: &str| decoded(key[name].as_str().unwrap());
    let public = [vec![4], half("x"), half("y")].concat();
    let signed = format!("{header}.{claims}");
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
        .verify(signed.as_bytes(), &decoded(signature))
        .expect("the signature is right");
    (read_header, read(claims))
}

#[test]
fn a_webhook_is_told_by_signed_tokens_until_it_takes_them() {
    let server = Server::start();
    let ada: Person<'_> = server.person(ADA);
    server.service("chat", "other");
    let refuses = r#"{"err":"invalid_request","description":"not today"}"#;
    // The first is refused and the second falls into an outage.
    let webhook = Receiver::that("127.0.0.1:0".parse().unwrap(), move |before, _| match before {
        0 => Some((400, refuses.into())),
        1 => Some((503, String::new())),
        _ => Some((202, String::new())),
    });
    assert_eq!(server.ask(&Request::get("/.well-known/jwks.json")).json(200), json!({ "keys": [] }));
    set(&server, "chat", "webhook", webhook.address);
    let phone = ada.generate("Phone", "other");
    ada.revoke(&phone).with(200);
    let asked = webhook.asked(4);
    assert!(asked.iter().all(|asked| asked.header("authorization") == Some(&format!("Bearer {KEY}"))));
    let told: Vec<_> = asked.iter().map(|asked| told(&server, asked)).collect();
    // Whatever was sent again is the same.
    let mut ids: Vec<_> = told.iter().map(|(_, claims)| claims["jti"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2, "{told:?}");
    let events = "https://schemas.openid.net/secevent/caep/event-type/";
    let of = |name: &str| {
        let found = told.iter().find(|(_, claims)| claims["events"].get(format!("{events}{name}")).is_some());
        let (header, claims) = found.unwrap_or_else(|| panic!("{name}: {told:?}"));
        assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("secevent+jwt")));
        assert_eq!(claims["events"].as_object().unwrap().len(), 1);
        assert_eq!(
            (&claims["iss"], &claims["aud"]),
            (
                &json!(server.url().replace("127.0.0.1", "localhost")),
                &json!(format!("http://{}/", webhook.address))
            )
        );
        assert!(claims["iat"].is_i64() && claims["txn"].as_str().unwrap().starts_with("req_"), "{claims}");
        assert!(claims.get("sub").is_none() && claims.get("exp").is_none(), "{claims}");
        (claims["sub_id"].clone(), claims["events"][format!("{events}{name}")].clone())
    };
    let user = json!({ "format": "email", "email": ADA });
    let (subject, event) = of("credential-change");
    assert_eq!(subject, user);
    assert_eq!(
        (
            &event["credential_type"],
            &event["change_type"],
            &event["friendly_name"],
            &event["initiating_entity"]
        ),
        (&json!("app-password"), &json!("revoke"), &json!("Phone"), &json!("user"))
    );
    let (subject, event) = of("session-revoked");
    let session = json!({ "format": "opaque", "id": phone.id });
    assert_eq!(subject, json!({ "format": "complex", "user": user, "session": session }));
    assert!(event["event_timestamp"].is_i64());
    until(|| !ada.told("signed_out_at").is_empty());
    let sentence = "A webhook told chat that “Phone” has ended.";
    assert_eq!(ada.told("signed_out_at")[0]["sentence"], sentence);
    until(|| state(&server, "chat")["waiting"] == 0);
    // The whole account, by an administrator: its person has no session of their own to look with.
    ada.generate("Tablet", "other");
    server.admin().post(&format!("/accounts/{ADA}/suspend"), &json!({})).with(200);
    let asked = webhook.asked(5);
    let (_, claims) = self::told(&server, &asked[4]);
    assert_eq!(claims["sub_id"], user);
    assert_eq!(claims["events"][format!("{events}session-revoked")]["initiating_entity"], "admin");
    // The key stays the same, also when the server is started again, and when the data is sealed anew.
    let keys = || server.ask(&Request::get("/.well-known/jwks.json")).json(200);
    let before = keys();
    assert_eq!(server.run(&["admin", "rotate-key"]).code, Some(0));
    server.restart();
    assert_eq!(keys(), before);
    let configuration = server.ask(&Request::get("/.well-known/ssf-configuration")).json(200);
    assert!(configuration["jwks_uri"].as_str().unwrap().ends_with("/.well-known/jwks.json"));
}

#[test]
fn a_redirect_is_not_followed() {
    let server = Server::start();
    let ada = server.person(ADA);
    server.service("chat", "other");
    let webhook = Receiver::start(307, "");
    set(&server, "chat", "webhook", webhook.address);
    ada.revoke(&ada.generate("Phone", "other")).with(200);
    until(|| {
        state(&server, "chat")["failure"]["said"].as_str().is_some_and(|why| why.contains("another address"))
    });
    assert!(webhook.asked(1).iter().all(|asked| asked.line == "POST / HTTP/1.1"));
}

/// Somebody who is signed in to the LDAP door.
#[track_caller]
fn bound(server: &Server, secret: &str) -> LdapClient {
    let mut client = LdapClient::connect(server);
    assert_eq!(client.bind("uid=ada@example.org,ou=mail,dc=doorkey", secret).code, LdapResultCode::Success);
    client
}

#[test]
fn the_person_is_told_what_ends_before_and_after() {
    let server = Server::start_with(&[("DOORKEY__LDAP__LISTEN", "127.0.0.1:0")]);
    let ada = server.person(ADA);
    server.service("mail", "mail");
    server.service("chat", "mail,other");
    let (mail, chat) = (Receiver::start(200, KICKED), Receiver::start(202, ""));
    set(&server, "mail", "dovecot_user", mail.address);
    set(&server, "chat", "webhook", chat.address);
    let (phone, tablet) = (ada.generate("Phone", "mail"), ada.generate("Tablet", "other"));
    let mut open = [bound(&server, &phone.password), bound(&server, &phone.password)];
    let mut browser = ada.browser();
    let path = format!("/app-passwords/{}/revoke", phone.id);
    let asked = browser.get(&path).text(200);
    for words in
        ["Its 2 open connections will be closed.", "What it has open at chat and mail will be closed too"]
    {
        assert!(asked.contains(words), "{asked}");
    }
    assert_eq!(browser.submit(&path, &[]).goes_to(), "/app-passwords");
    let said = browser.get("/app-passwords").text(200);
    let words = "“Phone” is revoked. The app that used it is signed out. Its 2 open connections were closed. What it has \
                 open at chat and mail is being closed.";
    assert!(said.contains(words), "{said}");
    for client in &mut open {
        assert_eq!(client.notice(), LdapResultCode::Unavailable);
    }
    // What has ended before has nothing open.
    let again = ada.revoke(&phone).json(200);
    assert_eq!(again["signed_out"], json!({ "connections": 0, "services": [] }));
    let revoked = ada.revoke(&tablet).json(200);
    assert_eq!(revoked["signed_out"], json!({ "connections": 0, "services": ["chat"] }));
    let laptop = ada.generate("Laptop", "mail");
    let _open = bound(&server, &laptop.password);
    let all = ada.api.delete("/app-passwords").json(200);
    let ended = json!({ "connections": 1, "services": ["chat", "mail"] });
    assert_eq!(all, json!({ "revoked": 1, "signed_out": ended }));
}

#[test]
fn the_doctor_says_who_cannot_be_asked_and_signs_nobody_out() {
    let server = Server::start();
    server.service("mail", "mail");
    server.service("chat", "other");
    let (mail, nowhere) = (Receiver::start(200, NOTHING), Sink::nowhere());
    set(&server, "mail", "dovecot_user", mail.address);
    set(&server, "chat", "webhook", nowhere);
    let done = server.run(&["doctor"]).with(1);
    assert!(done.out.contains("mail can be asked to sign people out."), "{}", done.out);
    assert!(
        done.out.contains(&format!("Nobody can be signed out of chat: http://{nowhere} can't be asked")),
        "{}",
        done.out
    );
    assert_eq!(kicked(&mail.asked(1)), ["@"]);
    assert!(!done.out.contains(KEY));
}
