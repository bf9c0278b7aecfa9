//! Who may use a service, and what it holds, changed while people use it: the door follows before the change is answered.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{Connection, PASSWORD, Server, Service, group, join, leave, race};

const ADA: &str = "ada@example.org";
const EVE: &str = "eve@example.org";

/// Lets only people in these groups use a service; with none of them, everyone.
#[track_caller]
fn allow(server: &Server, service: &str, groups: &[&str]) {
    let changed =
        server.admin().patch(&format!("/services/{service}"), &json!({ "groups": groups })).json(200);
    assert_eq!(changed["groups"], json!(groups));
}

#[track_caller]
fn hold(server: &Server, service: &str, kinds: &[&str]) {
    server.admin().patch(&format!("/services/{service}"), &json!({ "kinds": kinds })).with(200);
}

#[test]
fn a_service_kept_to_a_group_answers_those_in_it_and_nobody_else_at_once() {
    let server = Server::start();
    let (ada, eve, mail) = (server.person(ADA), server.person(EVE), server.service("mail", "mail"));
    let (adas, eves) = (ada.generate("Phone", "mail").password, eve.generate("Phone", "mail").password);
    group(&server, "staff", &[ADA]);
    group(&server, "board", &[]);
    let mut kept = Connection::open(&server.address());
    let mut statuses =
        || [(ADA, &adas), (EVE, &eves)].map(|(id, secret)| kept.ask(&mail.question(id, secret)).status);
    assert_eq!(statuses(), [200, 200]);
    allow(&server, "mail", &["staff"]);
    assert_eq!(statuses(), [200, 403]);
    join(&server, "staff", EVE);
    assert_eq!(statuses(), [200, 200]);
    leave(&server, "staff", ADA);
    assert_eq!(statuses(), [403, 200]);
    allow(&server, "mail", &["board"]);
    assert_eq!(statuses(), [403, 403]);
    join(&server, "board", ADA);
    allow(&server, "mail", &["board", "staff"]);
    assert_eq!(statuses(), [200, 200]);
    allow(&server, "mail", &[]);
    leave(&server, "board", ADA);
    assert_eq!(statuses(), [200, 200]);
    // Removed with its last member and all, a group is nobody's way in; a new one of its name starts empty.
    allow(&server, "mail", &["board"]);
    server.admin().delete("/groups/staff").with(204);
    group(&server, "staff", &[ADA]);
    assert_eq!(statuses(), [403, 403]);
    drop(kept);
    for _ in 0..2 {
        let ways = [mail.status(ADA, &adas), mail.status(EVE, &eves), mail.status(ADA, PASSWORD)];
        assert_eq!(ways, [403, 403, 401]);
        server.kill();
        server.start_again();
    }
    join(&server, "board", EVE);
    server.restart();
    assert_eq!([mail.status(ADA, &adas), mail.status(EVE, &eves)], [403, 200]);
}

#[test]
fn who_may_not_use_it_is_told_so_and_learns_nothing_at_the_door() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let (good, ended) = (person.generate("Phone", "mail"), person.generate("Old", "mail"));
    person.revoke(&ended).with(200);
    let other = person.generate("Calendar", "calendars");
    group(&server, "staff", &[]);
    allow(&server, "mail", &["staff"]);
    let answer = mail.ask(ADA, &good.password).with(403);
    let names = ["remote-user", "remote-email", "remote-name", "www-authenticate"];
    assert_eq!((names.map(|name| answer.header(name)), answer.body.len()), ([None; 4], 0));
    // A password that opens something else is refused for the reason that its person can do nothing about.
    assert_eq!(mail.status(ADA, &other.password), 403);
    assert_eq!(mail.status(ADA, &ended.password), 401);
    assert_eq!(mail.status(ADA, "abcd-efgh-ijkl-mnop-qrst-uvwx"), 401);
    assert_eq!(mail.status(EVE, &good.password), 401);
    assert_eq!(person.listed(&good)["last_use"], Value::Null);
    server.restart();
    let told = person.told("refused");
    let of = |reason| {
        told.iter().filter(|e| e["reason"] == reason).map(|e| e["count"].as_i64().unwrap()).sum::<i64>()
    };
    assert_eq!(
        (of("not_for_this_person"), of("wrong_password"), of("not_for_this_service")),
        (2, 1, 0),
        "{told:?}"
    );
    let activity = person.browser().get("/activity").text(200);
    for said in ["refused because you may not use it.", "ask an administrator to let you use it."] {
        assert!(activity.contains(said), "{activity}");
    }
}

#[test]
fn a_first_use_where_its_person_may_not_binds_nothing() {
    let server = Server::start();
    let (person, mail, dav) =
        (server.person(ADA), server.service("mail", "mail"), server.service("dav", "contacts"));
    group(&server, "staff", &[]);
    allow(&server, "mail", &["staff"]);
    let password = person.generate("First app", "first");
    assert_eq!(mail.status(ADA, &password.password), 403);
    assert_eq!(person.listed(&password)["for"], "first");
    assert_eq!(dav.status(ADA, &password.password), 200);
    assert_eq!(person.listed(&password)["for"], json!(["contacts"]));
    assert_eq!(person.told("app_password_bound").len(), 1);
}

#[test]
fn what_a_service_holds_changes_at_once_and_passwords_stay_as_they_are() {
    let server = Server::start();
    let (person, files) = (server.person(ADA), server.service("files", "mail"));
    let (mail, other) = (person.generate("Mail", "mail"), person.generate("Other", "other"));
    let first = person.generate("First app", "first");
    let statuses = || [&mail, &other].map(|password| files.status(ADA, &password.password));
    assert_eq!(statuses(), [200, 403]);
    hold(&server, "files", &["other"]);
    assert_eq!(statuses(), [403, 200]);
    assert_eq!(files.status(ADA, &first.password), 200);
    hold(&server, "files", &["mail", "other"]);
    assert_eq!(statuses(), [200, 200]);
    for (password, kinds) in [(&mail, "mail"), (&other, "other"), (&first, "other")] {
        assert_eq!(person.listed(password)["for"], json!([kinds]));
    }
    server.restart();
    assert_eq!(statuses(), [200, 200]);
}

#[test]
fn only_what_is_said_changes_and_only_a_change_is_told() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    group(&server, "staff", &[]);
    let made = admin
        .api
        .post("/services", &json!({ "name": "dav", "kinds": ["contacts"], "groups": ["Staff"] }))
        .json(201);
    assert_eq!(made["groups"], json!(["staff"]));
    let change = |body: Value| {
        let service = admin.api.patch("/services/dav", &body).json(200);
        (service["kinds"].clone(), service["groups"].clone())
    };
    assert_eq!(change(json!({})), (json!(["contacts"]), json!(["staff"])));
    assert_eq!(change(json!({ "kinds": null, "groups": null })), (json!(["contacts"]), json!(["staff"])));
    assert_eq!(change(json!({ "kinds": ["mail", "mail"] })), (json!(["mail"]), json!(["staff"])));
    assert_eq!(change(json!({ "groups": ["staff", "STAFF"] })), (json!(["mail"]), json!(["staff"])));
    assert_eq!(change(json!({ "groups": [] })), (json!(["mail"]), json!([])));
    for (asked, problem) in [
        (json!({ "kinds": [] }), "422 unfit kinds"),
        (json!({ "kinds": ["cake"] }), "422 unfit kinds"),
        (json!({ "groups": ["nothing"] }), "422 unfit groups"),
        (json!({ "groups": [""] }), "422 unfit groups"),
        (json!({ "groups": ["cn=staff"] }), "422 unfit groups"),
        (json!({ "kinds": ["contacts"], "groups": ["nothing"] }), "422 unfit groups"),
        (json!({ "name": "other" }), "400 unreadable"),
        (json!({ "groups": "staff" }), "400 unreadable"),
    ] {
        assert_eq!(admin.api.patch("/services/dav", &asked).problem(), problem, "{asked}");
    }
    assert_eq!(change(json!({})), (json!(["mail"]), json!([])));
    let asked = json!({ "name": "new", "kinds": ["mail"], "groups": ["nothing"] });
    assert_eq!(admin.api.post("/services", &asked).problem(), "422 unfit groups");
    for name in ["nothing", "new", "%00", "Dav"] {
        assert_eq!(
            admin.api.patch(&format!("/services/{name}"), &json!({})).problem(),
            "404 not-found",
            "{name}"
        );
    }
    let eve = server.person(EVE);
    assert_eq!(eve.api.patch("/services/dav", &json!({})).problem(), "403 not-allowed");
    server.clock.move_by(601);
    assert_eq!(admin.api.patch("/services/dav", &json!({})).problem(), "403 confirmation-needed");
    server.stop();
    let told = "SELECT COUNT(*) FROM events WHERE what LIKE '%\"service_changed\"%'";
    assert_eq!(server.data_says::<i64>(told), 2);
}

#[test]
fn pages_change_it_say_who_may_use_it_and_promise_nobody_what_they_cannot_use() {
    let server = Server::start();
    let (admin, eve) = (server.administrator(ADA), server.person(EVE));
    server.service("mail", "mail");
    let mut browser = admin.browser();
    assert!(browser.get("/services/add").text(200).contains("href=\"/groups/add\""));
    group(&server, "staff", &[ADA]);
    group(&server, "board", &[]);
    let bad = browser
        .submit("/services/add", &[("name", "dav"), ("kind", "contacts"), ("who", "groups")])
        .text(422);
    assert!(bad.contains("id=\"who-error\"") && bad.contains("Choose at least one group, or everyone."));
    let before =
        |text: &str, first: &str, second: &str| text.find(first).unwrap() < text.find(second).unwrap();
    let bad = browser.submit("/services/add", &[("name", "dav"), ("who", "everyone")]).text(422);
    assert!(before(&bad, "id=\"kind-error\"", "name=\"kind\""), "the error stands above the choices");
    let fields = [("name", "dav"), ("kind", "contacts"), ("who", "groups"), ("group", "staff")];
    assert!(browser.submit("/services/add", &fields).text(200).contains("dks_"));
    let page = browser.get("/services/at/dav").text(200);
    assert!(
        page.contains("only people in <a href=\"/groups/at/staff\">staff</a>") && page.contains("(1 person)")
    );
    assert!(browser.get("/services").text(200).contains("only for staff"));
    assert!(browser.get("/services/at/mail").text(200).contains("everyone"));

    let form = browser.get("/services/at/mail/change");
    let seen = form.between("name=\"seen\" value=\"", "\"");
    let change = |browser: &mut crate::support::Browser<'_>, fields: &[(&str, &str)]| {
        browser.submit_from(&form, "/services/at/mail/change", &[&[("seen", seen.as_str())], fields].concat())
    };
    let bad = change(&mut browser, &[("kind", "mail"), ("who", "groups"), ("group", "nothing")]).text(422);
    assert!(bad.contains("There is no group nothing."));
    assert!(change(&mut browser, &[("who", "everyone")]).text(422).contains("id=\"kind-error\""));
    let done =
        change(&mut browser, &[("kind", "mail"), ("kind", "other"), ("who", "groups"), ("group", "board")]);
    assert_eq!(done.goes_to(), "/services/at/mail");
    let said = browser.get("/services/at/mail").text(200);
    assert!(
        said.contains("mail holds mail and other things now, and only board may use it.")
            && said.contains("(nobody)")
    );
    // Another administrator still looks at what it was.
    let late = change(&mut browser, &[("kind", "mail"), ("who", "everyone")]);
    assert_eq!(late.goes_to(), "/services/at/mail");
    assert!(
        browser
            .get("/services/at/mail")
            .text(200)
            .contains("Somebody else has changed this service meanwhile.")
    );
    assert_eq!(server.admin().get("/services").json(200)["services"][1]["groups"], json!(["board"]));

    // Who changed it last, by name, and what that was.
    let page = browser.get("/services/at/mail").text(200);
    assert!(page.contains(
        "ada@example.org changed the service mail: it holds mail and other things, and only board may use it."
    ));
    assert!(page.contains("href=\"/events?service=mail\""));
    let list = browser.get("/services").text(200);
    assert!(list.contains("by ada@example.org") && list.matches("changed <time").count() == 1, "{list}");
    assert!(
        browser.get("/events?service=mail").text(200).contains("ada@example.org changed the service mail")
    );

    let promised = |person: &crate::support::Person<'_>| {
        let fields = [("label", "App"), ("opens", "first"), ("expires", "never")];
        person.browser().submit("/app-passwords/generate", &fields).text(200)
    };
    server.service("open", "other");
    let (adas, eves) = (promised(&admin), promised(&eve));
    assert!(adas.contains("dav, open") && !adas.contains("mail, "), "{adas}");
    assert!(eves.contains(">open<") && !eves.contains("dav"), "{eves}");
}

#[test]
fn with_a_thousand_groups_and_somebody_in_two_hundred_the_right_ones_count() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail").password;
    for n in 0..1000 {
        group(&server, &format!("g{n}"), if n % 5 == 3 { &[ADA] } else { &[] });
    }
    let check = |mail: &Service<'_>| {
        for (groups, status) in [
            (vec!["g998"], 200),
            (vec!["g999"], 403),
            (vec!["g0", "g1", "g503"], 200),
            (vec!["g0", "g500", "g64", "g997"], 403),
        ] {
            allow(&server, "mail", &groups);
            assert_eq!(mail.status(ADA, &password), status, "{groups:?}");
        }
        let none_of_theirs: Vec<_> = (0..1000).filter(|n| n % 5 != 3).map(|n| format!("g{n}")).collect();
        let asked = json!({ "groups": none_of_theirs });
        server.admin().patch("/services/mail", &asked).with(200);
        assert_eq!(mail.status(ADA, &password), 403);
    };
    check(&mail);
    join(&server, "g999", ADA);
    assert_eq!(mail.status(ADA, &password), 200);
    leave(&server, "g999", ADA);
    assert_eq!(mail.status(ADA, &password), 403);
    server.restart();
    check(&mail);
}

#[test]
fn nobody_gets_in_after_they_were_put_out_nor_is_kept_out_after_they_were_let_in() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail").password;
    group(&server, "staff", &[ADA]);
    group(&server, "board", &[]);
    allow(&server, "mail", &["staff"]);
    // Even while it is sure what holds, odd while it changes; in and out by turns.
    let (phase, asked, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let wrong = race(3, |n| {
        if n == 0 {
            for turn in 0..40 {
                let before = asked.load(Ordering::SeqCst);
                crate::support::until(|| asked.load(Ordering::SeqCst) >= before + 6);
                phase.fetch_add(1, Ordering::SeqCst);
                match turn % 4 {
                    0 => leave(&server, "staff", ADA),
                    1 => join(&server, "staff", ADA),
                    2 => allow(&server, "mail", &["board"]),
                    _ => allow(&server, "mail", &["staff"]),
                }
                phase.fetch_add(1, Ordering::SeqCst);
            }
            done.store(true, Ordering::SeqCst);
            return 0;
        }
        let (mut connection, mut wrong) = (Connection::open(&server.address()), 0);
        while !done.load(Ordering::SeqCst) {
            let before = phase.load(Ordering::SeqCst);
            let status = connection.ask(&mail.question(ADA, &password)).status;
            if phase.load(Ordering::SeqCst) == before && before % 2 == 0 {
                let expected = if before / 2 % 2 == 0 { 200 } else { 403 };
                wrong += usize::from(status != expected);
            }
            asked.fetch_add(1, Ordering::SeqCst);
        }
        wrong
    });
    assert_eq!(wrong, [0, 0, 0]);
}

#[test]
fn a_first_use_is_bound_to_what_holds_when_it_is_bound() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    group(&server, "staff", &[ADA]);
    allow(&server, "mail", &["staff"]);
    for round in 0..40 {
        let password = person.generate(&format!("App {round}"), "first");
        let by_leaving = round % 2 == 0;
        let statuses = race(3, |n| match n {
            0 if by_leaving => {
                leave(&server, "staff", ADA);
                0
            }
            0 => {
                hold(&server, "mail", &["other"]);
                0
            }
            _ => mail.status(ADA, &password.password),
        });
        let bound = person.listed(&password)["for"].clone();
        assert_eq!(bound != "first", statuses.contains(&200), "{statuses:?} {bound}");
        // What can't be told at the moment is asked again by the app.
        let no = if by_leaving { 403 } else { 503 };
        assert!(statuses[1..].iter().all(|status| [200, 403, no].contains(status)), "{statuses:?}");
        if by_leaving {
            assert_eq!(mail.status(ADA, &password.password), 403);
            join(&server, "staff", ADA);
        } else {
            hold(&server, "mail", &["mail"]);
        }
        person.revoke(&password).with(200);
    }
    server.stop();
    let bindings = |of: &str| {
        server.data_says::<i64>(&format!(
            "SELECT COUNT(*) FROM events b WHERE b.kind = 'app_password_bound' AND {of}"
        ))
    };
    let last = |kinds: &str, of: &str| {
        format!(
            "(SELECT {of} FROM events s WHERE s.number < b.number AND s.kind IN ({kinds}) ORDER BY s.number DESC LIMIT 1)"
        )
    };
    let kinds = |event: &str| server.member(&format!("{event}.what"), "kinds");
    let (held, moved) = (
        last("'service_added', 'service_changed'", &kinds("s")),
        last("'group_joined', 'group_left'", "s.kind"),
    );
    assert!(bindings("1 = 1") > 5, "the first use comes first often enough");
    assert_eq!(bindings(&format!("{} <> {held}", kinds("b"))), 0, "bound to what it no longer holds");
    assert_eq!(bindings(&format!("{moved} = 'group_left'")), 0, "bound for somebody who had left");
}

#[test]
fn two_administrators_at_once_never_open_to_all_what_one_of_them_keeps_to_a_group() {
    let server = Server::start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let password = person.generate("Phone", "mail").password;
    for round in 0..20 {
        let name = format!("g{round}");
        group(&server, &name, &[ADA]);
        let asked = json!({ "groups": [name] });
        let done = race(2, |n| match n {
            0 => server.admin().patch("/services/mail", &asked).status,
            _ => server.admin().delete(&format!("/groups/{name}")).status,
        });
        let groups = server.admin().get("/services").json(200)["services"][0]["groups"].clone();
        // Named and there, or removed and never named.
        match done[..] {
            [200, 409] => assert_eq!(groups, json!([name])),
            [422, 204] => assert_ne!(groups, json!([name])),
            _ => panic!("{done:?}"),
        }
        assert_eq!(mail.status(ADA, &password), 200);
    }
    // Joining and removing, leaving and leaving.
    allow(&server, "mail", &[]);
    for round in 0..10 {
        let name = format!("h{round}");
        group(&server, &name, &[ADA]);
        let path = format!("/groups/{name}/members/{ADA}");
        let done = race(3, |n| match n {
            0 => server.admin().delete(&format!("/groups/{name}")).status,
            1 => server.admin().put(&path).status,
            _ => server.admin().delete(&path).status,
        });
        assert_eq!(done[0], 204);
        assert_eq!(server.admin().get(&format!("/groups/{name}")).status, 404);
        let told = |what| person.told(what).iter().filter(|event| event["name"] == name.as_str()).count();
        assert_eq!(told("group_joined"), told("group_left"), "{done:?}");
    }
}
