//! What happens to an account is mailed to its person: once, in time, and not without end.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::support::{
    Browser, Data, Encrypts, PASSWORD, Received, Request, Server, Sink, code_of, mail_settings, until,
};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const NEW: &str = "nine lanterns behind a quiet mill";
const DAY: i64 = 86_400;

fn sending_to(sink: &Sink) -> Server {
    started(&sink.settings(), &[])
}

fn started(mail: &[(&'static str, String)], more: &[(&str, &str)]) -> Server {
    let mut settings: Vec<_> = mail.iter().map(|(name, value)| (*name, value.as_str())).collect();
    settings.extend_from_slice(more);
    Server::start_with(&settings)
}

/// Subject and text.
fn read(mail: &Received) -> (String, String) {
    let subject = mail.header("Subject").unwrap();
    let words: Vec<_> = subject.split(' ').collect();
    let mut read = String::new();
    let mut after_encoded = false;
    for word in words {
        let encoded = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
        // Between two encoded words a space is none (RFC 2047).
        let joined = after_encoded && encoded.is_some();
        if !read.is_empty() && !joined {
            read.push(' ');
        }
        match encoded {
            Some(encoded) => read.push_str(&String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()),
            None => read.push_str(word),
        }
        after_encoded = encoded.is_some();
    }
    (read, mail.parts()[0].clone())
}

/// The subjects of all that came, when there are so many.
fn subjects(sink: &Sink, count: usize) -> Vec<String> {
    sink.mails(count).iter().map(|mail| read(mail).0).collect()
}

/// Of a data folder that isn't in use.
fn mails_wait(server: &Server) -> i64 {
    server.data_says("SELECT COUNT(*) FROM mails")
}

/// The form of the sign-in page, filled in.
fn signing_in(browser: &mut Browser<'_>, id: &str) -> Request {
    let token = browser.get("/sign-in").form_token();
    let fields = [("form_token", token.as_str()), ("id", id), ("password", PASSWORD)];
    Request::new("POST", "/sign-in")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(serde_urlencoded::to_string(fields).unwrap())
}

fn sign_in_with(server: &Server, id: &str, agent: &str, from: &str) {
    let mut browser = server.browser();
    let request = signing_in(&mut browser, id).header("User-Agent", agent).header("X-Forwarded-For", from);
    assert_eq!(browser.ask(request).goes_to(), "/");
}

#[test]
fn each_change_of_ones_own_is_mailed_once_in_text_and_html() {
    let sink = Sink::start();
    let server = sending_to(&sink);
    let mail = server.service("mail", "mail");
    let mut ada = server.person(ADA);
    let mut count = 0;
    let mut next = |subject: &str, parts: &[&str]| {
        count += 1;
        let mails = sink.mails(count);
        let mail = &mails[count - 1];
        let (said, text) = read(mail);
        assert_eq!(said, subject, "{text}");
        assert_eq!(mail.to, format!("RCPT TO:<{ADA}>"));
        assert_eq!(mail.header("Auto-Submitted").as_deref(), Some("auto-generated"));
        let html = mail.parts()[1].replace("&#39;", "'").replace("&#60;", "<");
        for part in parts.iter().chain(&["Hello Ada Lovelace,", "Account: ada@example.org", "When: ", "UTC"])
        {
            assert!(text.contains(part), "{part:?}: {text}");
        }
        for part in parts.iter().filter(|part| !part.contains(": ")) {
            assert!(html.contains(part), "{part:?}: {html}");
        }
    };

    let phone = ada.generate("Phone", "mail");
    next(
        "New app-specific password “Phone”",
        &[
            "was generated for your account, and opens mail.",
            "From: 127.0.0.1",
            "/app-passwords",
            "If it wasn’t you, revoke it",
        ],
    );
    assert_eq!(mail.status(ADA, &phone.password), 200);
    next(
        "“Phone” was used for the first time",
        &[
            "The app-specific password “Phone” was used for the first time, at mail.",
            "If that wasn’t an app of yours, revoke it",
        ],
    );
    ada.revoke(&phone).with(200);
    next("“Phone” was revoked", &["The app that had it is signed out.", "somebody is signed in as you"]);
    assert_eq!(mail.status(ADA, &phone.password), 401);
    next("“Phone” no longer works, and is still used", &["From: ", "You are told this once."]);

    // One that was made for the first app: used twice, told once.
    let first = ada.generate("Tablet", "first");
    next("New app-specific password “Tablet”", &["opens what its first app opens"]);
    assert_eq!(mail.status(ADA, &first.password), 200);
    next("“Tablet” was used for the first time", &["at mail. It opens only mail from now on."]);

    ada.api.post("/session/confirm", &json!({ "code": ada.code() })).with(204);
    ada.api.post("/account/recovery-codes", &json!({})).json(201);
    next("New recovery codes", &["Any from before stopped working.", "/security"]);
    let changed = json!({ "current_password": PASSWORD, "new_password": NEW });
    ada.api.post("/account/password", &changed).json(200);
    next(
        "Your password was changed",
        &[
            "The password of your account was changed.",
            "“Tablet” was revoked",
            "ask an administrator at once",
        ],
    );
    ada.password = NEW.into();
    ada.api.post("/account/two-factor/turn-off", &json!({ "code": ada.code() })).json(200);
    next("Two-factor authentication is off", &["The password alone signs in."]);
    let begun = ada.api.post("/account/two-factor", &json!({})).json(201);
    let code = code_of(begun["totp_secret"].as_str().unwrap(), server.clock.now());
    ada.api.post("/account/two-factor/confirm", &json!({ "code": code })).json(200);
    next("Two-factor authentication is on", &["somebody else has the codes"]);

    // Nothing else, and nothing twice, also after a start.
    server.restart();
    let other = server.person(BOB);
    other.generate("Bob's", "mail");
    assert_eq!(sink.mails(11)[10].to, format!("RCPT TO:<{BOB}>"));
    server.stop();
    assert_eq!(mails_wait(&server), 0);
}

#[test]
fn what_an_administrator_does_is_mailed_as_theirs() {
    let sink = Sink::start();
    let server = sending_to(&sink);
    server.administrator("grace@example.org");
    server.person(BOB);
    let at = |rest: &str| format!("/accounts/{BOB}{rest}");
    let admin = server.admin();
    admin.post(&at("/suspend"), &Value::Null).with(200);
    admin.post(&at("/resume"), &Value::Null).with(200);
    admin.patch(&at(""), &json!({ "administrator": true })).with(200);
    admin.post(&at("/aliases"), &json!({ "alias": "robert@example.org" })).with(201);
    let mails = sink.mails(4);
    let subjects: Vec<_> = mails.iter().map(|mail| read(mail).0).collect();
    assert_eq!(
        subjects,
        [
            "Your account is suspended",
            "Your account can be used again",
            "You are an administrator",
            "Another name signs you in"
        ]
    );
    for mail in &mails {
        let text = read(mail).1;
        assert!(
            text.contains("administrator") && text.contains("If you don’t know why, ask an administrator."),
            "{text}"
        );
        assert!(!text.contains("From: "), "{text}");
    }
    // Who is removed gets nothing more, not even what waited.
    admin.delete(&at("")).with(204);
    server.person(ADA).generate("Phone", "mail");
    assert_eq!(sink.mails(5)[4].to, format!("RCPT TO:<{ADA}>"));
}

#[test]
fn many_that_end_together_are_one_letter() {
    let sink = Sink::start();
    let server = sending_to(&sink);
    let ada = server.person(ADA);
    for n in 0..3 {
        ada.generate(&format!("App {n}"), "mail");
    }
    sink.mails(3);
    ada.api.delete("/app-passwords").json(200);
    let (subject, text) = read(&sink.mails(4)[3]);
    assert_eq!(subject, "3 app-specific passwords were revoked");
    assert!(text.contains("are signed out: “App 0”, “App 1”, “App 2”."), "{text}");
    // Those whose time is over too.
    for n in 0..2 {
        let asked = json!({ "label": format!("Guest {n}"), "for": ["mail"], "expires": "1d" });
        ada.api.post("/app-passwords", &asked).json(201);
    }
    sink.mails(6);
    server.clock.move_by(DAY + 60);
    let (subject, text) = read(&sink.mails(7)[6]);
    assert_eq!(subject, "2 app-specific passwords expired");
    assert!(text.contains("“Guest 0”, “Guest 1”"), "{text}");
}

#[test]
fn a_sign_in_is_mailed_when_it_is_new_there() {
    let sink = Sink::start();
    let server = started(&sink.settings(), &[("DOORKEY__HTTP__TRUSTED_PROXIES", "127.0.0.1")]);
    let asked = json!({ "id": ADA, "name": "Ada Lovelace", "password": PASSWORD });
    server.admin().post("/accounts", &asked).json(201);
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1";
    // The first one of all belongs to the account's beginning; the same one again is known.
    sign_in_with(&server, ADA, firefox, "198.51.100.7");
    sign_in_with(&server, ADA, firefox, "198.51.100.200");
    sign_in_with(&server, ADA, safari, "198.51.100.7");
    sign_in_with(&server, ADA, safari, "198.51.100.8");
    sign_in_with(&server, ADA, firefox, "203.0.113.9");
    sign_in_with(&server, ADA, firefox, "203.0.113.10");
    let mails = sink.mails(2);
    let (subject, text) = read(&mails[0]);
    assert_eq!(subject, "New sign-in with Safari on iPhone");
    assert!(text.contains("From: 198.51.100.7\n") && text.contains("change your password now"), "{text}");
    let (subject, text) = read(&mails[1]);
    assert_eq!(subject, "New sign-in with Firefox on Linux");
    assert!(text.contains("From: 203.0.113.9\n"), "{text}");
    // After a long time it is new again.
    server.clock.move_by(91 * DAY);
    sign_in_with(&server, ADA, safari, "198.51.100.7");
    assert_eq!(subjects(&sink, 3)[2], "New sign-in with Safari on iPhone");
}

#[test]
fn a_browser_that_is_trusted_is_told_once_and_then_known() {
    let sink = Sink::start();
    let server = started(&sink.settings(), &[("DOORKEY__HTTP__TRUSTED_PROXIES", "127.0.0.1")]);
    let ada = server.person(ADA);
    let mut own = server.browser();
    let first = own.submit("/sign-in", &[("id", ADA), ("password", PASSWORD)]);
    let code = ada.code();
    assert_eq!(own.submit(first.goes_to(), &[("code", code.as_str()), ("trust", "yes")]).goes_to(), "/");
    let (subject, text) = read(&sink.mail());
    assert!(subject.starts_with("Trusted from now on: a browser"), "{subject}");
    assert!(text.contains("isn’t asked for a code"), "{text}");
    own.cookies.remove("doorkey_session");
    let elsewhere = signing_in(&mut own, ADA).header("X-Forwarded-For", "203.0.113.77");
    assert_eq!(own.ask(elsewhere).goes_to(), "/");
    ada.generate("Phone", "mail");
    assert_eq!(subjects(&sink, 2)[1], "New app-specific password “Phone”", "it is known wherever it is");
}

#[test]
fn a_crash_before_it_is_sent_loses_nothing_and_sends_nothing_twice() {
    let at = Sink::nowhere();
    let server = started(&mail_settings(&format!("smtp://{at}")), &[]);
    let ada = server.person(ADA);
    ada.generate("Before", "mail");
    // Whether it has come to the queue by then or not.
    server.kill();
    server.start_again();
    ada.generate("Between", "mail");
    until(|| server.log().contains("mail isn't taken; it is tried again"));
    server.kill();
    let sink = Sink::at(at, Encrypts::Never, |_| None);
    server.clock.move_by(120);
    server.start_again();
    ada.generate("After", "mail");
    let mut all = subjects(&sink, 3);
    all.sort();
    let expected = ["After", "Before", "Between"].map(|label| format!("New app-specific password “{label}”"));
    assert_eq!(all, expected);
    server.stop();
    assert_eq!(mails_wait(&server), 0);
}

#[test]
fn without_mail_nothing_waits_and_later_nothing_old_is_sent() {
    let sink = Sink::start();
    let mut server = Server::start();
    server.person(ADA).generate("Before", "mail");
    server.stop();
    let kept = "SELECT (SELECT COUNT(*) FROM mails) + (SELECT COUNT(*) FROM notices_reached) + \
                (SELECT COUNT(*) FROM notices_lately)";
    assert_eq!(server.data_says::<i64>(kept), 0);
    server.set(&sink.settings());
    server.start_again();
    server.person(BOB).generate("Later", "mail");
    let mail = sink.mail();
    assert_eq!(mail.to, format!("RCPT TO:<{BOB}>"));
    assert_eq!(read(&mail).0, "New app-specific password “Later”");
    server.stop();
    server.set(&[("DOORKEY__MAIL__SMTP", String::new()), ("DOORKEY__MAIL__FROM", String::new())]);
    server.start_again();
    server.person("eve@example.org").generate("Unheard", "mail");
    server.stop();
    assert_eq!(server.data_says::<i64>(kept), 0);
}

#[test]
fn a_flood_ends_in_one_letter_that_sums_it_up() {
    let sink = Sink::start();
    let server = sending_to(&sink);
    let ada = server.person(ADA);
    for n in 0..7 {
        let password = ada.generate(&format!("App {n}"), "mail");
        ada.revoke(&password).with(200);
    }
    // Of the usual ones, ten in an hour; what is grave comes all the same.
    ada.api.post("/session/confirm", &json!({ "code": ada.code() })).with(204);
    ada.api.post("/account/recovery-codes", &json!({})).json(201);
    assert_eq!(subjects(&sink, 11)[10], "New recovery codes");
    server.clock.move_by(3_700);
    let mut ada = ada;
    ada.sign_in();
    let (subject, text) = read(&sink.mails(12)[11]);
    assert_eq!(subject, "4 more things happened to your account");
    assert!(text.contains("/activity") && text.contains("Since: "), "{text}");
    ada.generate("Later", "mail");
    assert_eq!(subjects(&sink, 13)[12], "New app-specific password “Later”");
}

#[test]
fn a_label_is_only_ever_a_label() {
    let sink = Sink::start();
    let server = sending_to(&sink);
    let ada = server.person(ADA);
    for refused in ["Phone\r\nBcc: eve@example.org", "Phone\nX: y", "a\u{2028}b"] {
        assert_eq!(ada.try_generate(refused, "mail").status, 422, "{refused:?}");
    }
    let label = "=?utf-8?q?x?= <script>alert(1)</script> \"'& ” Бук 🔑 {{ 7*7 }} %0d%0aBcc: eve@example.org";
    ada.generate(label, "mail");
    let mail = sink.mail();
    let (subject, text) = read(&mail);
    assert_eq!(subject, format!("New app-specific password “{label}”"));
    assert!(text.contains(label), "{text}");
    assert!(mail.header("Bcc").is_none() && !mail.parts()[1].contains("<script>"), "{}", mail.data);
    assert!(mail.data.is_ascii() && mail.data.lines().all(|line| line.len() <= 998));
    ada.generate(&"ä".repeat(200), "mail");
    let (subject, _) = read(&sink.mails(2)[1]);
    assert_eq!(subject.matches('ä').count(), 200);
}

#[test]
fn a_restored_backup_sends_nothing_of_what_was_before() {
    let sink = Sink::start();
    let settings = sink.settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Server::on(Data::File, &settings);
    server.start_again();
    let ada = server.person(ADA);
    ada.generate("Phone", "mail");
    let file = server.folder().join("ada.backup").display().to_string();
    server.run(&["admin", "backup", &file]).with(0);
    ada.generate("Tablet", "mail");
    sink.mails(2);
    server.stop();
    server.run(&["admin", "restore", &file, "--app-passwords", "revoke"]).with(0);
    server.start_again();
    server.person(BOB).generate("Later", "mail");
    assert_eq!(sink.mails(3)[2].to, format!("RCPT TO:<{BOB}>"));
}
