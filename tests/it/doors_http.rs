//! The HTTP door.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{Address, Connection, PASSWORD, Person, Request, Server, basic, race, until};

const ADA: &str = "ada@example.org";
const CHALLENGE: &str = "Basic realm=\"Doorkey\", charset=\"UTF-8\"";

/// What an answer says about whom it is: the headers that a service reads.
fn about(answer: &crate::support::Answer) -> [Option<&str>; 3] {
    ["remote-user", "remote-email", "remote-name"].map(|name| answer.header(name))
}

#[test]
fn a_good_sign_in_is_answered_with_whose_it_is() {
    let server = Server::start();
    let (person, calendar) = (server.person(ADA), server.service("calendar", "calendars,contacts"));
    let password = person.generate("Phone", "calendars");
    let answer = calendar.ask("Ada@Example.ORG", &password.password).with(200);
    assert_eq!(about(&answer), [Some(ADA), Some(ADA), Some("Ada Lovelace")]);
    assert_eq!((answer.body.len(), answer.header("www-authenticate")), (0, None));
    assert_eq!(answer.header("doorkey-app-password"), Some(password.id.as_str()));
}

#[test]
fn names_beyond_ascii_are_percent_encoded_utf_8() {
    let server = Server::start();
    let mail = server.service("mail", "mail");
    let asked = json!({ "id": "josé@example.org", "name": "José 100%", "password": PASSWORD, "totp": true });
    let made = server.admin().post("/accounts", &asked).json(201);
    let person = Person::new(&server, "josé@example.org", made["totp_secret"].as_str()).signed_in();
    let password = person.generate("Phone", "mail");
    // Composed or not, it is the same name.
    for name in ["josé@example.org", "JOSE\u{301}@example.org"] {
        let answer = mail.ask(name, &password.password).with(200);
        let id = Some("jos%C3%A9@example.org");
        assert_eq!(about(&answer), [id, id, Some("Jos%C3%A9 100%25")]);
    }
}

#[test]
fn whatever_is_wrong_is_answered_alike() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let good = person.generate("Phone", "mail").password;
    let ended = person.generate("Old phone", "mail");
    person.revoke(&ended).with(200);
    let mut answers = Vec::new();
    for (name, secret) in [
        (ADA, "abcd-efgh-ijkl-mnop-qrst-uvwx"),
        (ADA, PASSWORD),
        (ADA, ""),
        (ADA, &good[1..]),
        (ADA, &ended.password),
        (ADA, &format!("{good}a")),
        (ADA, &format!("{good}:{good}")),
        ("eve@example.org", &good),
        ("", &good),
        ("ada", &good),
        ("ada\0@example.org", &good),
        ("ada@example.org@example.org", &good),
        (&"a".repeat(20_000), &good),
    ] {
        answers.push(mail.ask(name, secret));
    }
    for sent in
        ["", "Basic", "Basic ", "Basic !!!", "Bearer YTpi", "Digest x", "Basic YTpi YTpi", "Negotiate"]
    {
        answers.push(server.ask(&mail.request().header("Authorization", sent)));
    }
    for bytes in [&b"nocolon"[..], b"\xff\xfe:x", b"\0:\0", b":", b""] {
        answers.push(server.ask(&mail.request().header("Authorization", basic(bytes))));
    }
    answers.push(server.ask(&mail.request().header("Authorization", b"Basic \xff\xfe")));
    answers.push(server.ask(&mail.request()));
    for mut answer in answers {
        answer.headers.retain(|(name, _)| name != "date");
        answer.headers.sort();
        let expected = [("content-length", "0"), ("www-authenticate", CHALLENGE)];
        let headers: Vec<_> = answer.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!((answer.status, headers.as_slice()), (401, &expected[..]));
    }
    assert_eq!(mail.status(ADA, &good), 200);
    // However often: at a door nobody is slowed, and nobody is locked out.
    for _ in 0..200 {
        assert_eq!(mail.status(ADA, "abcd-efgh-ijkl-mnop-qrst-uvwx"), 401);
    }
    assert_eq!(mail.status(ADA, &good), 200);
    person.new_token();
}

#[test]
fn a_password_is_taken_in_every_form_that_people_type() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail").password;
    let bare = password.replace('-', "");
    for typed in [
        password.clone(),
        bare.clone(),
        password.to_uppercase(),
        password.replace('-', " "),
        format!("  {bare} "),
        password.replacen('-', "", 2),
    ] {
        assert_eq!(mail.status(ADA, &typed), 200, "{typed}");
    }
    for scheme in ["basic", "BASIC", "bAsIc"] {
        let sent = basic(format!("{ADA}:{password}")).replace("Basic", scheme);
        assert_eq!(server.ask(&mail.request().header("Authorization", sent)).status, 200, "{scheme}");
    }
}

#[test]
fn names_with_plus_percent_and_all_that_a_name_may_have() {
    let server = Server::start();
    let mail = server.service("mail", "mail");
    for id in ["a+b%20c@example.org", "o'hara&sons=x@example.org", "ünïcode~{|}@bücher.example"] {
        let password = server.person(id).generate("Phone", "mail").password;
        assert_eq!(mail.status(id, &password), 200, "{id}");
        assert_eq!(
            mail.status(&id.replacen('+', " ", 1).replace("%20", " "), &password),
            if id.starts_with('a') { 401 } else { 200 }
        );
    }
}

#[test]
fn a_password_for_something_else_is_told_apart_and_told_about() {
    let server = Server::start();
    let (person, calendar) = (server.person(ADA), server.service("calendar", "calendars"));
    let password = person.generate("Mail only", "mail").password;
    for _ in 0..3 {
        let answer = calendar.ask(ADA, &password).with(403);
        assert_eq!((about(&answer), answer.header("www-authenticate")), ([None; 3], None));
    }
    server.restart();
    // The first is told at once, and those that follow in the same minute with one more line.
    let told = person.told("refused");
    assert_eq!(told.iter().map(|event| event["count"].as_i64().unwrap()).sum::<i64>(), 3, "{told:?}");
    for event in told {
        assert_eq!(
            (&event["service"], &event["reason"], &event["source"]),
            (&json!("calendar"), &json!("not_for_this_service"), &json!("127.0.0.1"))
        );
    }
    assert!(
        person
            .browser()
            .get("/activity")
            .text(200)
            .contains("with a password of yours that is for something else")
    );
}

#[test]
fn a_wrong_key_is_never_answered_as_a_wrong_password() {
    let server = Server::start();
    let (person, mail, dav) =
        (server.person(ADA), server.service("mail", "mail"), server.service("dav", "contacts"));
    let password = person.generate("Phone", "mail").password;
    let good = basic(format!("{ADA}:{password}"));
    let changed = format!("{}{}", &mail.key[..36], if mail.key.ends_with('0') { '1' } else { '0' });
    for (service, key) in [
        ("mail", Some("")),
        ("mail", None),
        ("mail", Some("dks_")),
        ("mail", Some(&changed)),
        ("mail", Some(&dav.key)),
        ("mail", Some(&mail.key.to_uppercase())),
        ("mail", Some(person.api.token.as_ref().unwrap())),
        ("other", Some(&mail.key)),
        ("Mail", Some(&mail.key)),
        ("%ff", Some(&mail.key)),
        ("..", Some(&mail.key)),
    ] {
        for authorization in [good.as_str(), "Basic YTpi", ""] {
            let mut request =
                Request::get(&format!("/door/http/{service}")).header("Authorization", authorization);
            if let Some(key) = key {
                request = request.header("Doorkey-Service-Key", key);
            }
            let answer = server.ask(&request);
            assert_eq!(answer.problem(), "403 service-key-wrong", "{service} {key:?}");
            assert_eq!(answer.header("www-authenticate"), None);
        }
    }
    for request in [
        mail.question(ADA, &password).header("Doorkey-Service-Key", &dav.key),
        Request::get("/door/http/mail")
            .header("Doorkey-Service-Key", b"\xff\xfe")
            .header("Authorization", &good),
    ] {
        assert_ne!(server.ask(&request).status, 401);
    }
    assert_eq!(mail.status(ADA, &password), 200);
}

#[test]
fn a_password_for_the_first_app_opens_one_thing_alone_whoever_races() {
    let server = Server::start();
    let person = server.person(ADA);
    let services = [server.service("mail", "mail"), server.service("calendar", "calendars")];
    for round in 0..5 {
        let password = person.generate(&format!("First app {round}"), "first");
        let answers = race(8, |n| services[n % 2].status(ADA, &password.password));
        let yes: Vec<_> =
            [0, 1].map(|kind| answers.iter().skip(kind).step_by(2).filter(|a| **a == 200).count()).into();
        assert!(yes == [4, 0] || yes == [0, 4], "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| **answer == 403).count(), 4, "{answers:?}");
        let (bound, other) = if yes[0] == 4 { (0, 1) } else { (1, 0) };
        assert_eq!(person.listed(&password)["for"], json!([["mail"], ["calendars"]][bound]));
        // As it would be after a power cut in that moment.
        server.kill();
        server.start_again();
        assert_eq!(services[other].status(ADA, &password.password), 403);
        assert_eq!(services[bound].status(ADA, &password.password), 200);
        let bindings: Vec<_> = person
            .told("app_password_bound")
            .into_iter()
            .filter(|e| e["id"] == password.id.as_str())
            .collect();
        assert_eq!(bindings.len(), 1, "{bindings:?}");
        assert_eq!(bindings[0]["service"], services[bound].name.as_str());
    }
}

#[test]
fn the_first_app_of_a_service_with_several_kinds_gets_all_of_them() {
    let server = Server::start();
    let (person, dav) = (server.person(ADA), server.service("dav", "contacts,calendars"));
    let (mail, contacts) = (server.service("mail", "mail"), server.service("contacts", "contacts"));
    let password = person.generate("DAV", "first");
    assert_eq!(person.listed(&password)["for"], "first");
    assert_eq!(dav.status(ADA, &password.password), 200);
    assert_eq!(person.listed(&password)["for"], json!(["contacts", "calendars"]));
    assert_eq!((mail.status(ADA, &password.password), contacts.status(ADA, &password.password)), (403, 200));
}

#[test]
fn a_first_use_that_cannot_be_written_down_is_answered_as_an_outage() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let (bound, first) = (person.generate("Bound", "mail"), person.generate("First app", "first"));
    // Another program has the database: nothing can be written until it lets go.
    let other = server.store.occupy(&server.data());
    assert_eq!(mail.ask(ADA, &first.password).problem(), "503 unavailable");
    assert_eq!(mail.status(ADA, &bound.password), 200, "what memory can tell is told");
    assert_eq!(mail.status(ADA, "abcd-efgh-ijkl-mnop-qrst-uvwx"), 401);
    drop(other);
    assert_eq!(mail.status(ADA, &first.password), 200);
    assert_eq!(person.listed(&first)["for"], json!(["mail"]));
}

#[test]
fn a_revoked_one_is_out_at_once_also_on_connections_that_are_kept() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let passwords: Vec<_> = (0..10).map(|n| person.generate(&format!("App {n}"), "mail")).collect();
    let (revoked, asked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let late = race(3, |n| {
        if n == 0 {
            for (done, password) in passwords.iter().enumerate() {
                // Each is revoked while it is in use.
                let before = asked.load(Ordering::SeqCst);
                until(|| asked.load(Ordering::SeqCst) >= before + 20);
                person.revoke(password).with(200);
                revoked.store(done + 1, Ordering::SeqCst);
            }
            return 0;
        }
        let mut connection = Connection::open(&server.address());
        let mut late = 0;
        loop {
            // What has been answered before the question is sent must hold for its answer.
            let known = revoked.load(Ordering::SeqCst);
            for (n, password) in passwords.iter().enumerate().take(known + 1) {
                let status = connection.ask(&mail.question(ADA, &password.password)).status;
                late += usize::from(n < known && status != 401);
                asked.fetch_add(1, Ordering::SeqCst);
            }
            if known == passwords.len() {
                return late;
            }
        }
    });
    assert_eq!(late, [0, 0, 0]);
}

#[test]
fn a_revoked_one_that_is_still_tried_is_told_about_once_and_harms_nobody() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Old phone", "mail");
    person.revoke(&password).with(200);
    for _ in 0..20 {
        assert_eq!(mail.status(ADA, &password.password), 401);
    }
    server.restart();
    assert_eq!(mail.status(ADA, &password.password), 401);
    server.restart();
    let told = person.told("app_password_tried_after_end");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["label"], &told[0]["service"], &told[0]["source"]),
        (&json!("Old phone"), &json!("mail"), &json!("127.0.0.1"))
    );
    let tried = person.listed(&password)["tried_after_end"].clone();
    assert_eq!((&tried["service"], &tried["source"]), (&json!("mail"), &json!("127.0.0.1")));
    assert_eq!(person.listed(&password)["last_use"], Value::Null);
    let mut browser = person.browser();
    assert!(
        browser
            .get("/activity")
            .text(200)
            .contains("“Old phone” no longer works, and an app still tries it at mail.")
    );
    assert!(browser.get("/app-passwords").text(200).contains("127.0.0.1"));
}

#[test]
fn a_last_use_is_not_lost_when_the_server_is_stopped() {
    let server = Server::start();
    let (person, mail, dav) =
        (server.person(ADA), server.service("mail", "mail"), server.service("dav", "contacts"));
    let password = person.generate("Phone", "mail,contacts");
    assert_eq!(mail.status(ADA, &password.password), 200);
    server.restart();
    let first = person.listed(&password)["last_use"].clone();
    assert_eq!((&first["service"], &first["source"]), (&json!("mail"), &json!("127.0.0.1")));
    assert!(first["at"].as_str().is_some_and(|at| at.ends_with('Z')));
    let listed = server.admin().get("/services").json(200)["services"].clone();
    assert_eq!((&listed[1]["name"], &listed[1]["last_used_at"]), (&json!("mail"), &first["at"]));
    server.clock.move_by(120);
    assert_eq!(dav.status(ADA, &password.password), 200);
    server.restart();
    assert_eq!(person.listed(&password)["last_use"]["service"], "dav");
    assert_ne!(person.listed(&password)["last_use"]["at"], first["at"]);
}

#[test]
fn the_address_in_x_forwarded_for_is_believed_from_trusted_proxies_alone() {
    let sources = |settings: &[(&str, &str)], sent: &[&str]| {
        let server = Server::start_with(settings);
        let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
        let passwords: Vec<_> = sent.iter().map(|_| person.generate("App", "mail")).collect();
        for (password, sent) in passwords.iter().zip(sent) {
            let mut request = mail.question(ADA, &password.password);
            for header in sent.split('|').filter(|header| !header.is_empty()) {
                request = request.header("X-Forwarded-For", header);
            }
            server.ask(&request).with(200);
        }
        server.restart();
        let source = |password| person.listed(password)["last_use"]["source"].as_str().unwrap().to_owned();
        passwords.iter().map(source).collect::<Vec<_>>()
    };
    assert_eq!(sources(&[], &["198.51.100.7", ""]), ["127.0.0.1", "127.0.0.1"]);
    let trusting = [("DOORKEY__HTTP__TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8")];
    let sent = [
        "198.51.100.7",
        "203.0.113.9, 198.51.100.7",
        "198.51.100.7, 10.1.2.3",
        "203.0.113.9|198.51.100.7, 10.1.2.3",
        "not an address",
        "198.51.100.7:4711",
        "2001:db8::1",
        "",
    ];
    let expected = [
        "198.51.100.7",
        "198.51.100.7",
        "198.51.100.7",
        "198.51.100.7",
        "127.0.0.1",
        "198.51.100.7",
        "2001:db8::1",
        "127.0.0.1",
    ];
    assert_eq!(sources(&trusting, &sent), expected);
}

#[test]
fn any_method_with_any_body_is_one_question() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail").password;
    let good = basic(format!("{ADA}:{password}"));
    let request = |method: &str| {
        Request::new(method, "/door/http/mail?a=b")
            .header("Doorkey-Service-Key", &mail.key)
            .header("Authorization", &good)
            .header("X-Original-URI", "/calendar/ada/")
    };
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "REPORT", "MKCALENDAR"] {
        assert_eq!(server.ask(&request(method)).status, 200, "{method}");
    }
    let binary: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    assert_eq!(server.ask(&request("PUT").body(&binary)).status, 200);
    assert_eq!(server.ask(&request("PUT").body([0, 255, 13, 10, 13, 10])).status, 200);
    // A body that is announced and never comes, as nginx sends it with a forgotten Content-Length.
    let mut connection = Connection::open(&server.address());
    connection.send(
        format!(
            "PUT /door/http/mail HTTP/1.1\r\nHost: x\r\nDoorkey-Service-Key: {}\r\nAuthorization: {good}\r\n\
             Content-Length: 1000\r\n\r\n",
            mail.key
        )
        .as_bytes(),
    );
    assert_eq!(connection.answer(false).expect("an answer").status, 200);
}

#[test]
fn what_is_too_large_or_no_http_is_refused_and_stops_nobody() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail").password;
    let megabyte = "x".repeat(1_000_000);
    for request in [
        mail.request().header("Authorization", basic(format!("{ADA}:{megabyte}"))),
        mail.question(ADA, &password).header("X-Long", &megabyte),
        Request::get(&format!("/door/http/{megabyte}")),
    ] {
        let answer = server.ask(&request);
        assert!([414, 431].contains(&answer.status), "{}", answer.status);
    }
    let many =
        (0..1000).fold(mail.question(ADA, &password), |request, n| request.header(&format!("X-{n}"), "y"));
    assert_eq!(server.ask(&many).status, 431);
    for garbage in [
        &b"\r\n\r\n\r\n"[..],
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /door/http/mail HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /door/http/mail HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST /door/http/mail HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://[::1/ HTTP/1.1\r\n\r\n",
        b"POST /door/http/mail HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut connection = Connection::open(&server.address());
        connection.send(garbage);
        connection.end_of_sending();
        let answer = connection.answer(false);
        let refused = answer.as_ref().is_none_or(|answer| [400, 403, 501, 505].contains(&answer.status));
        assert!(refused, "{garbage:?}: {answer:?}");
    }
    assert_eq!(mail.status(ADA, &password), 200);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn half_open_connections_stop_nobody() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail").password;
    let half_open: Vec<_> = (0..200)
        .map(|n| {
            let mut connection = Connection::open(&server.address());
            connection.send(if n % 2 == 0 {
                b""
            } else {
                b"GET /door/http/mail HTTP/1.1\r\nHost: x\r\nDoorkey-Serv"
            });
            connection
        })
        .collect();
    assert_eq!(mail.status(ADA, &password), 200);
    drop(half_open);
    assert_eq!(mail.status(ADA, &password), 200);
}

#[test]
fn a_new_key_or_a_removal_holds_at_once_on_connections_that_are_kept() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail").password;
    let mut connection = Connection::open(&server.address());
    assert_eq!(connection.ask(&mail.question(ADA, &password)).status, 200);
    let key =
        server.admin().post("/services/mail/key", &json!({})).json(200)["key"].as_str().unwrap().to_owned();
    assert_eq!(connection.ask(&mail.question(ADA, &password)).problem(), "403 service-key-wrong");
    let renewed = crate::support::Service::new(&server, "mail", &key);
    assert_eq!(connection.ask(&renewed.question(ADA, &password)).status, 200);
    server.admin().delete("/services/mail").with(204);
    assert_eq!(connection.ask(&renewed.question(ADA, &password)).problem(), "403 service-key-wrong");
    // One that is made anew under the old name doesn't take the old key.
    let anew = server.service("mail", "mail");
    assert_eq!(connection.ask(&renewed.question(ADA, &password)).problem(), "403 service-key-wrong");
    assert_eq!(connection.ask(&anew.question(ADA, &password)).status, 200);
}

#[test]
fn the_door_answers_on_the_socket_of_this_machine_too_and_needs_the_key_there() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail").password;
    let socket = Address::Unix(server.data().join("doorkey.sock"));
    assert_eq!(socket.ask(&mail.question(ADA, &password)).status, 200);
    assert_eq!(socket.ask(&Request::get("/door/http/mail")).problem(), "403 service-key-wrong");
}

#[test]
fn refusals_of_strangers_are_summed_up_and_kept_from_people() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    race(2, |thread| {
        for n in 0..300 {
            mail.status(&format!("nobody{thread}.{n}@example.org"), "abcd-efgh-ijkl-mnop-qrst-uvwx");
        }
    });
    assert_eq!(mail.status(ADA, "abcd-efgh-ijkl-mnop-qrst-uvwx"), 401);
    server.stop();
    let lines = "SELECT COUNT(*) FROM events WHERE what LIKE '%unknown_account%'";
    assert!(server.data_says::<i64>(lines) <= 2, "the first at once, the others summed up");
    let counted = server.data_lists("SELECT what FROM events WHERE what LIKE '%unknown_account%'");
    let count =
        |what: &String| serde_json::from_str::<serde_json::Value>(what).unwrap()["count"].as_u64().unwrap();
    assert_eq!(counted.iter().map(count).sum::<u64>(), 600);
    server.start_again();
    let told = person.told("refused");
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["reason"], &told[0]["count"]), (&json!("wrong_password"), &json!(1)));
}
