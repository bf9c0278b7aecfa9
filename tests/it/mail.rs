//! Mail: what it says, to whom it goes, and what becomes of it when the mail server doesn't take it.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

use serde_json::{Value, json};

use crate::support::{Done, Encrypts, Identity, Received, Server, Sink, mail_settings, until};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const NEW: &str = "seven bridges over a kettle";

fn started(settings: &[(&str, String)]) -> Server {
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Server::start_with(&settings)
}

fn sending_to(sink: &Sink) -> Server {
    started(&sink.settings())
}

fn invite(server: &Server, id: &str) -> Value {
    server.admin().post("/accounts", &json!({ "id": id, "name": "Bob O'Brien" })).json(201)
}

fn test_mail(server: &Server, address: &str) -> Done {
    Done::of(&mut server.command(&["admin", "mail", "test", address]), "")
}

/// What stands in the way of what waits for Bob: none when nothing waits.
fn waiting(server: &Server) -> Option<String> {
    server.stop();
    let found = server.data_lists("SELECT COALESCE(answer, '') FROM mails").pop();
    server.start_again();
    found
}

#[test]
fn an_invitation_is_mailed_and_the_administrator_sees_no_link() {
    let sink = Sink::start();
    let server = sending_to(&sink);
    let made = invite(&server, BOB);
    assert_eq!((&made["mailed_to"], &made["link"]), (&json!(BOB), &Value::Null));
    let mail = sink.mail();
    assert_eq!(mail.from, "MAIL FROM:<doorkey@example.org>");
    assert_eq!(mail.to, format!("RCPT TO:<{BOB}>"));
    let from = mail.header("From").unwrap();
    assert!(from.starts_with("=?utf-8?b?") && from.ends_with("<doorkey@example.org>"), "{from}");
    assert!(mail.header("To").unwrap().ends_with(" <bob@example.org>"));
    assert_eq!(mail.header("Subject").as_deref(), Some("Your account bob@example.org"));
    assert_eq!(mail.header("Auto-Submitted").as_deref(), Some("auto-generated"));
    assert!(mail.header("Message-ID").unwrap().starts_with("<mail_"));
    let [text, html] = mail.parts().try_into().unwrap();
    assert!(text.starts_with("Hello Bob O'Brien,\n\nYou have been invited to "), "{text}");
    assert!(html.contains("Hello Bob O&#39;Brien,") && html.contains(&mail.link()), "{html}");

    // The link is the one that works.
    let mut browser = server.browser();
    assert_eq!(browser.get(&mail.link_path()).status(), 200);
    browser.submit(&mail.link_path(), &[("password", NEW)]);
    server.api("").post("/sign-in", &json!({ "id": BOB, "password": NEW })).with(200);
    assert_eq!(sink.mails(2)[1].header("Subject").as_deref(), Some("Your account is set up"));
}

#[test]
fn a_reset_link_is_mailed_and_shown_too_to_whoever_wants_to_see_it() {
    let sink = Sink::start();
    let server = sending_to(&sink);
    server.person(BOB);
    let path = format!("/accounts/{BOB}/reset-link");
    let made = server.admin().post(&path, &json!({ "lost_second_factor": true })).json(201);
    assert_eq!(made["link"], Value::Null);
    let text = &sink.mail().parts()[0];
    assert!(
        text.contains("It also turns two-factor authentication off") && text.contains("If you didn’t ask")
    );

    let made = server.admin().post(&path, &json!({ "show_link": true })).json(201);
    assert_eq!(made["mailed_to"], BOB);
    let second = sink.mails(2).remove(1);
    assert_eq!(made["link"], second.link().as_str());
    assert!(!second.parts()[0].contains("two-factor"));
    let reset = ["admin", "account", "reset-link", BOB];
    let done = Done::of(&mut server.command(&reset), "").with(0);
    assert!(done.out.contains("It is good until "), "{}", done.out);
    let where_to_look =
        "It is sent by mail to bob@example.org; doorkey admin account show bob@example.org says if";
    assert!(done.out.contains(where_to_look), "{}", done.out);
    let done = Done::of(server.command(&reset).arg("--show-link"), "").with(0);
    assert_eq!(done.out.trim(), sink.mails(4)[3].link());
    assert!(done.err.contains("sent by mail to bob@example.org"), "{}", done.err);
}

#[test]
fn the_pages_say_where_it_was_mailed() {
    let sink = Sink::start();
    let server = sending_to(&sink);
    let mut browser = server.administrator(ADA).browser();
    let page = browser.submit("/people/invite", &[("id", BOB), ("name", "Bob"), ("aliases", "")]).text(200);
    let mail = sink.mail();
    assert!(page.contains("Mailed to bob@example.org") && !page.contains(&mail.link()), "{page}");
    let here = format!("/people/at/{BOB}/invite-link");
    let page = browser.submit(&here, &[("show_link", "yes")]).text(200);
    assert!(page.contains(&sink.mails(2)[1].link()), "{page}");
}

#[test]
fn without_mail_nothing_waits() {
    let server = Server::start();
    let made = invite(&server, BOB);
    assert!(made["link"].is_string() && made["mailed_to"].is_null());
    let refused = server.admin().post("/mail/test", &json!({ "address": BOB }));
    assert_eq!(refused.problem(), "409 conflict");
    let done = test_mail(&server, BOB).with(1);
    assert!(done.err.contains("No mail is configured. Set smtp and from in [mail]"), "{}", done.err);
    server.stop();
    assert_eq!(server.data_says::<i64>("SELECT COUNT(*) FROM mails"), 0);
}

#[test]
fn a_test_says_what_the_mail_server_answered() {
    let sink = Sink::start();
    let server = sending_to(&sink);
    let done = test_mail(&server, BOB).with(0);
    assert_eq!(done.out, format!("{} took the mail to bob@example.org: 250 taken as 1F2E3D\n", sink.address));
    assert!(sink.mail().parts()[0].contains("can send mail to you"));
    let told = Done::of(server.command(&["admin", "mail", "test", BOB]).arg("--json"), "").json();
    let address = sink.address.to_string();
    assert_eq!(told, json!({ "server": address, "accepted": true, "said": "250 taken as 1F2E3D" }));
    for wrong in
        ["", "bob", "@", "bob@", "a@b@c d", "bob@example.org\r\nBcc: eve@example.org", "bob@exa\nmple.org"]
    {
        let refused = server.admin().post("/mail/test", &json!({ "address": wrong }));
        assert_eq!(refused.problem(), "422 unfit address", "{wrong:?}");
    }
    assert_eq!(sink.count(), 2);
}

#[test]
fn what_stands_in_the_way_is_said_in_words() {
    for (step, says, words) in [
        ("", "554 go away", "takes no mail from this machine: 554 go away"),
        ("MAIL", "553 5.7.1 not yours", "takes no mail from doorkey@example.org: 553 5.7.1 not yours"),
        ("RCPT", "550 5.1.1 no bob here", "550 5.1.1 no bob here"),
        ("RCPT", "450 try later", "450 try later"),
        ("DATA", "451 disk full", "451 disk full"),
        (".", "554 spam, see https://example.org/a?b=c", "554 spam, see ..."),
        ("RCPT", "close", "can't be reached: "),
        (".", "close", "can't be reached: "),
        ("", "nonsense", "can't be reached: "),
    ] {
        let sink = Sink::that(Encrypts::Never, move |asked| {
            let is_it = if step.is_empty() { asked.is_empty() } else { asked.starts_with(step) };
            is_it.then(|| says.to_owned())
        });
        let done = test_mail(&sending_to(&sink), BOB).with(1);
        assert!(done.err.contains(words), "{step} {says}: {}", done.err);
    }
    let gone = Sink::nowhere();
    let server = started(&mail_settings(&format!("smtp://{gone}")));
    let done = test_mail(&server, BOB).with(1);
    assert!(done.err.contains(&format!("{gone} can't be reached: ")), "{}", done.err);
}

#[test]
fn a_connection_to_another_machine_is_encrypted_or_not_used() {
    // 0.0.0.0 is this machine to the system, and any machine to Doorkey.
    let elsewhere = |sink: &Sink, scheme: &str| {
        mail_settings(&format!("{scheme}://post%40example.org:s%2Fcret@0.0.0.0:{}", sink.address.port()))
    };
    let trusting = |settings: [(&'static str, String); 2]| {
        let trusted = ("SSL_CERT_FILE", Identity::get().certificate().display().to_string());
        let [smtp, from] = settings;
        started(&[smtp, from, trusted])
    };
    let login = Some(("post@example.org".to_owned(), "s/cret".to_owned()));
    for (encrypts, scheme) in [(Encrypts::WhenAsked, "smtp"), (Encrypts::AtOnce, "smtps")] {
        let sink = Sink::that(encrypts, |_| None);
        test_mail(&trusting(elsewhere(&sink, scheme)), BOB).with(0);
        let mail = sink.mail();
        assert!(mail.encrypted && mail.login == login, "{scheme} {mail:?}");
        let stranger = test_mail(&started(&elsewhere(&sink, scheme)), BOB).with(1);
        assert!(
            stranger.err.contains("TLS with 0.0.0.0:") && stranger.err.contains("failed: "),
            "{}",
            stranger.err
        );
        assert_eq!(sink.count(), 1);
    }
    let plain = Sink::start();
    let refused = test_mail(&trusting(elsewhere(&plain, "smtp")), BOB).with(1);
    assert!(
        refused.err.contains("doesn't offer STARTTLS, and mail isn't sent unencrypted"),
        "{}",
        refused.err
    );
    assert_eq!(plain.count(), 0);
    let wrong = Sink::that(Encrypts::AtOnce, |asked| (asked == "AUTH").then(|| "535 5.7.8 wrong".into()));
    let refused = test_mail(&trusting(elsewhere(&wrong, "smtps")), BOB).with(1);
    let words = "doesn't take the user and password of [mail] smtp: 535 5.7.8 wrong";
    assert!(refused.err.contains(words) && !refused.err.contains("s/cret"), "{}", refused.err);
}

#[test]
fn names_and_domains_of_all_languages_arrive() {
    let sink = Sink::start();
    let server = sending_to(&sink);
    let asked = json!({ "id": "bob@bücher.example", "name": "Бобби \"B\" <x@y.example>, Jr." });
    server.admin().post("/accounts", &asked).json(201);
    let mail = sink.mail();
    assert_eq!(mail.to, "RCPT TO:<bob@xn--bcher-kva.example>");
    let to = mail.header("To").unwrap();
    assert!(to.starts_with("=?utf-8?b?") && to.ends_with("<bob@xn--bcher-kva.example>"), "{to}");
    assert!(mail.parts()[0].contains("Hello Бобби \"B\" <x@y.example>, Jr.,"));
    assert!(
        mail.parts()[1].contains("&lt;x@y.example&gt;") || mail.parts()[1].contains("&#60;x@y.example&#62;")
    );
    assert!(mail.data.is_ascii() && mail.data.lines().all(|line| line.len() <= 998));

    // Letters before the @ need a mail server that knows SMTPUTF8.
    server.admin().post("/accounts", &json!({ "id": "bøb@example.org", "name": "Bøb" })).json(201);
    let mail = sink.mails(2).remove(1);
    assert_eq!(
        (mail.from.as_str(), mail.to.as_str()),
        ("MAIL FROM:<doorkey@example.org> SMTPUTF8", "RCPT TO:<bøb@example.org>")
    );
    let old = Sink::that(Encrypts::Never, |asked| asked.starts_with("EHLO").then(|| "250 old".into()));
    let done = test_mail(&sending_to(&old), "bøb@example.org").with(1);
    assert!(done.err.contains("can't carry an address with such letters before the @"), "{}", done.err);
}

#[test]
fn a_mail_waits_until_the_mail_server_is_there() {
    let at = Sink::nowhere();
    let server = started(&mail_settings(&format!("smtp://{at}")));
    invite(&server, BOB);
    server.says("mail isn't taken; it is tried again").expect("it says so");
    assert!(waiting(&server).unwrap().contains("can't be reached"), "also after a restart");
    let sink = Sink::at(at, Encrypts::Never, |_| None);
    // It is tried again by itself after a minute; whatever is queued meanwhile wakes it too.
    server.clock.move_by(120);
    invite(&server, "eve@example.org");
    let mut to: Vec<_> = sink.mails(2).into_iter().map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, [format!("RCPT TO:<{BOB}>"), "RCPT TO:<eve@example.org>".into()]);
    assert_eq!(waiting(&server), None);
}

#[test]
fn one_that_is_put_off_is_the_same_when_it_comes_again() {
    let tries = AtomicUsize::new(0);
    let sink = Sink::that(Encrypts::Never, move |asked| {
        let nth = if asked == "." { tries.fetch_add(1, Ordering::SeqCst) } else { return None };
        // Taken, though nobody hears of it; then put off; then taken.
        ["taken, and close", "451 busy"].get(nth).map(|said| (*said).to_owned())
    });
    let server = sending_to(&sink);
    invite(&server, BOB);
    for (before, wakes) in ["carol@example.org", "eve@example.org"].into_iter().enumerate() {
        until(|| server.log().matches("it is tried again").count() > before);
        server.clock.move_by(7_200);
        invite(&server, wakes);
    }
    let mails = sink.mails(4);
    let to_bob: Vec<&Received> = mails.iter().filter(|mail| mail.to.contains("bob@")).collect();
    assert_eq!(to_bob.len(), 2, "{mails:?}");
    assert_eq!(to_bob[0], to_bob[1], "the same to the last byte, so that it is seen to be one");
}

#[test]
fn one_that_is_refused_is_given_up_and_administrators_see_why() {
    let sink = Sink::that(Encrypts::Never, |asked| {
        asked.contains("bob@").then(|| "550 5.1.1 <bob@example.org> unknown".into())
    });
    let server = sending_to(&sink);
    let admin = server.administrator(ADA);
    invite(&server, BOB);
    invite(&server, "eve@example.org");
    assert_eq!(sink.mail().to, "RCPT TO:<eve@example.org>", "the next one isn't held up");
    server.says("a mail was given up").expect("it says so");
    assert!(!server.log().contains(BOB), "no address in the log");
    let page = admin.browser().get(&format!("/people/at/{BOB}")).text(200);
    assert!(
        page.contains("was given up") && page.contains("550 5.1.1 &#60;bob@example.org&#62; unknown"),
        "{page}"
    );
    let one = server.admin().get(&format!("/accounts/{BOB}")).json(200);
    let mail = &one["undelivered_mail"];
    assert_eq!(mail["about"], "invitation");
    assert!(mail["given_up_at"].is_string() && one["link_expires_at"].is_string(), "{one}");
    let shown = Done::of(&mut server.command(&["admin", "account", "show", BOB]), "").with(0).out;
    assert!(shown.contains("the invitation was given up on ") && shown.contains("550 5.1.1 <bob"), "{shown}");
    let marks = || {
        let listed = Done::of(&mut server.command(&["admin", "account", "list"]), "").with(0).out;
        let page = admin.browser().get("/people").text(200);
        let of = |mark: &str| [&listed, &page].map(|text| text.to_lowercase().matches(mark).count());
        [of("mail given up"), of("invitation over")]
    };
    assert_eq!(marks(), [[1, 1], [0, 0]], "one mail was given up, and all links work");
    server.clock.move_by(86_400);
    invite(&server, "carol@example.org");
    let to: Vec<_> = sink.mails(3).into_iter().map(|mail| mail.to).collect();
    assert_eq!(to[2], "RCPT TO:<carol@example.org>", "it isn't tried again");
    assert_eq!(to[1], format!("RCPT TO:<{ADA}>"), "of her browser");
    server.stop();
    let told: String = server.data_says("SELECT what FROM events WHERE what LIKE '%mail_failed%'");
    assert_eq!(told, r#"{"what":"mail_failed","about":"invitation","status":550}"#);
    assert_eq!(
        server.data_says::<i64>("SELECT LENGTH(letter_sealed) FROM mails WHERE recipient LIKE 'bob@%'"),
        0
    );
}

#[test]
fn one_whose_link_is_over_is_given_up() {
    let at = Sink::nowhere();
    let server = started(&mail_settings(&format!("smtp://{at}")));
    invite(&server, BOB);
    server.says("mail isn't taken; it is tried again").expect("it says so");
    let sink = Sink::at(at, Encrypts::Never, |_| None);
    server.clock.move_by(8 * 86_400);
    invite(&server, "eve@example.org");
    assert_eq!(sink.mail().to, "RCPT TO:<eve@example.org>");
    server.says("a mail was given up").expect("it says so");
    server.stop();
    let told: String = server.data_says("SELECT what FROM events WHERE what LIKE '%mail_failed%'");
    assert_eq!(told, r#"{"what":"mail_failed","about":"invitation","status":null}"#);
}

#[test]
fn a_new_link_takes_the_place_of_one_that_still_waits() {
    let at = Sink::nowhere();
    let server = started(&mail_settings(&format!("smtp://{at}")));
    invite(&server, BOB);
    server.says("mail isn't taken; it is tried again").expect("it says so");
    let sink = Sink::at(at, Encrypts::Never, |_| None);
    let path = format!("/accounts/{BOB}/invite-link");
    let made = server.admin().post(&path, &json!({ "show_link": true })).json(201);
    assert_eq!(sink.mail().link(), made["link"]);
    server.stop();
    assert_eq!(server.data_says::<i64>("SELECT COUNT(*) FROM mails"), 0);
}

#[test]
fn one_whose_link_was_used_or_taken_back_is_not_sent() {
    let at = Sink::nowhere();
    let server = started(&mail_settings(&format!("smtp://{at}")));
    let shown = |path: &str, mut asked: Value| {
        asked["show_link"] = true.into();
        let made = server.admin().post(path, &asked).json(201);
        let link = made["link"].as_str().unwrap();
        link[link.find("//localhost").unwrap() + 2..]
            .split_once('/')
            .map(|(_, path)| format!("/{path}"))
            .unwrap()
    };
    // Bob and Dan have used the link that was shown; Carol's letter goes with her account.
    let bobs = shown("/accounts", json!({ "id": BOB, "name": "Bob" }));
    server.browser().submit(&bobs, &[("password", NEW)]).goes_to();
    shown("/accounts", json!({ "id": "carol@example.org", "name": "Carol" }));
    server.admin().delete("/accounts/carol@example.org").with(204);
    server.person("dan@example.org");
    let dans = shown("/accounts/dan@example.org/reset-link", json!({ "lost_second_factor": true }));
    server.browser().submit(&dans, &[("password", NEW)]).goes_to();
    server.says("mail isn't taken; it is tried again").expect("it says so");

    let sink = Sink::at(at, Encrypts::Never, |_| None);
    server.clock.move_by(120);
    invite(&server, "eve@example.org");
    // What became of Bob's and Dan's accounts is told all the same.
    let mut told: Vec<_> =
        sink.mails(3).iter().map(|mail| (mail.to.clone(), mail.header("Subject").unwrap())).collect();
    told.sort();
    let expected = [
        ("bob", "Your account is set up"),
        ("dan", "Your password was reset"),
        ("eve", "Your account eve@example.org"),
    ];
    let expected = expected.map(|(who, what)| (format!("RCPT TO:<{who}@example.org>"), what.to_owned()));
    assert_eq!(told, expected);
    until(|| server.log().matches("a mail isn't sent: its link has been used or taken back").count() == 2);
    assert_eq!(waiting(&server), None);
    assert_eq!(sink.count(), 3);
}

#[test]
fn everybody_who_is_imported_gets_one_letter() {
    let sink = Sink::start();
    let server = sending_to(&sink);
    let ids: Vec<_> = (10..30).map(|n| format!("p{n}@example.org")).collect();
    let csv: String = ids.iter().map(|id| format!("{id},Person {id}\n")).collect();
    let asked = json!({ "csv": format!("id,name\n{csv}") });
    let report = server.admin().post("/accounts/import", &asked).json(200);
    for (row, id) in report["rows"].as_array().unwrap().iter().zip(&ids) {
        assert_eq!((&row["id"], &row["mailed_to"], &row["link"]), (&json!(id), &json!(id), &Value::Null));
    }
    let mut mails = sink.mails(ids.len());
    mails.sort_by(|a, b| a.to.cmp(&b.to));
    for (mail, id) in mails.iter().zip(&ids) {
        assert_eq!(mail.to, format!("RCPT TO:<{id}>"));
        assert!(mail.parts()[0].starts_with(&format!("Hello Person {id},")));
        server.browser().submit(&mail.link_path(), &[("password", NEW)]).goes_to();
    }
    // And one that tells that it was used.
    sink.mails(2 * ids.len());
    assert_eq!(waiting(&server), None);
}

#[test]
fn a_slow_mail_server_holds_nobody_up() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let sink = Sink::that(Encrypts::Never, move |asked| {
        if asked.starts_with("RCPT") {
            let _ = held.lock().unwrap().recv();
        }
        None
    });
    let server = sending_to(&sink);
    for n in 0..5 {
        invite(&server, &format!("bob{n}@example.org"));
    }
    assert_eq!(sink.count(), 0);
    server.person(ADA).generate("Phone", "mail");
    // It is told to stop while one is on its way, and stops.
    assert_eq!(server.stop().code, Some(0));
    server.start_again();
    drop(release);
    until(|| sink.count() >= 5);
    let mut to: Vec<_> = sink.mails(sink.count()).into_iter().map(|mail| mail.to).collect();
    to.sort();
    to.dedup();
    assert_eq!(to.len(), 5, "{to:?}");
}

#[test]
fn the_link_is_in_the_mail_and_nowhere_else() {
    let refuses = Sink::that(Encrypts::Never, |asked| (asked == ".").then(|| "451 later".into()));
    let [smtp, from] = refuses.settings();
    let server = started(&[smtp, from, ("RUST_LOG", "trace".into())]);
    let made =
        server.admin().post("/accounts", &json!({ "id": BOB, "name": "Bob", "show_link": true })).json(201);
    let link = made["link"].as_str().unwrap();
    let token = link.rsplit('/').next().unwrap().to_owned();
    server.says("mail isn't taken").expect("it says so");
    server.stop();
    assert!(!server.log().contains(&token));
    for file in std::fs::read_dir(server.data()).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        let found = bytes.windows(token.len()).any(|window| window == token.as_bytes());
        assert!(!found, "{} holds the link", path.display());
    }
    let waits: i64 = server.data_says("SELECT COUNT(*) FROM mails WHERE answer = '451 later'");
    assert_eq!(waits, 1);
}
