//! Administering people: listing, suspending, removing, inviting, their names, and who administers the server.

use serde_json::{Value, json};

use crate::support::{Answer, Browser, PASSWORD, Person, Server, race};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const NEW: &str = "seven bridges over a kettle";
const DAY: i64 = 86_400;

fn post(person: &Person<'_>, id: &str, what: &str) -> Answer {
    person.api.post(&format!("/accounts/{id}/{what}"), &Value::Null)
}

fn state(server: &Server, id: &str) -> Value {
    server.admin().get(&format!("/accounts/{id}")).json(200)["state"].clone()
}

fn sign_in(server: &Server, id: &str, password: &str) -> Answer {
    server.api("").post("/sign-in", &json!({ "id": id, "password": password }))
}

/// The path of a link in an answer.
fn path_of(made: &Value) -> String {
    let link = made["link"].as_str().unwrap();
    link[link.find("/invitation/").or(link.find("/reset/")).unwrap()..].to_owned()
}

fn invite(server: &Server, id: &str) -> String {
    path_of(&server.admin().post("/accounts", &json!({ "id": id, "name": "Bob B." })).json(201))
}

#[test]
fn administrators_sign_one_or_everybody_out() {
    let server = Server::start();
    let (admin, bob, mail) = (server.administrator(ADA), server.person(BOB), server.service("mail", "mail"));
    let password = bob.generate("Phone", "mail");
    let mut browser = bob.browser();
    assert_eq!(bob.api.post(&format!("/accounts/{ADA}/sign-out"), &Value::Null).problem(), "403 not-allowed");
    assert_eq!(bob.api.post("/accounts/sign-out", &Value::Null).problem(), "403 not-allowed");
    post(&admin, BOB, "sign-out").json(200);
    assert_eq!(bob.api.get("/session").problem(), "401 sign-in-needed");
    assert!(browser.get("/security").goes_to().starts_with("/sign-in"));
    assert_eq!(mail.status(BOB, &password.password), 200, "apps go on");
    assert_eq!(admin.api.get("/session").status, 200, "nobody else");
    let bob = bob.signed_in();
    let told = bob.told("account_signed_out");
    assert_eq!(told[0]["sentence"], "An administrator signed you out everywhere.");
    assert_eq!(post(&admin, "nobody@example.org", "sign-out").problem(), "404 not-found");

    let (mut browser, mut hers) = (bob.browser(), admin.browser());
    let page = hers.get("/people/at/bob@example.org/sign-out");
    assert!(page.text(200).contains("apps go on working."));
    assert_eq!(hers.submit_from(&page, "/people/at/bob@example.org/sign-out", &[]).status(), 303);
    assert!(browser.get("/security").goes_to().starts_with("/sign-in"));
    let bob = bob.signed_in();
    let page = hers.get("/people/sign-out");
    assert!(page.text(200).contains("Everybody, you too,"));
    assert_eq!(hers.submit_from(&page, "/people/sign-out", &[]).goes_to(), "/sign-in");
    assert!(hers.get("/sign-in").text(200).contains("Everybody is signed out."));
    for api in [&admin.api, &bob.api] {
        assert_eq!(api.get("/session").problem(), "401 sign-in-needed");
    }
    assert_eq!(mail.status(BOB, &password.password), 200, "apps go on");
    let admin = admin.signed_in();
    let events = admin.api.get("/events?kind=everybody_signed_out").json(200);
    assert!(
        events["events"][0]["sentence"]
            .as_str()
            .unwrap()
            .starts_with("ada@example.org signed everybody out: ")
    );
}

#[test]
fn a_suspended_account_opens_nothing_until_it_is_resumed() {
    let server = Server::start();
    let (admin, bob, mail) = (server.administrator(ADA), server.person(BOB), server.service("mail", "mail"));
    let password = bob.generate("Phone", "mail");
    assert_eq!(mail.status(BOB, &password.password), 200);
    let mut browser = bob.browser();
    let waiting = bob.server.api("").post("/sign-in", &json!({ "id": BOB, "password": PASSWORD }));
    assert_eq!(waiting.problem(), "401 code-needed");
    let reset = path_of(&post(&admin, BOB, "reset-link").json(201));

    let suspended = post(&admin, "Bob@Example.org", "suspend").json(200);
    assert_eq!((&suspended["state"], &suspended["app_passwords"]), (&json!("suspended"), &json!(1)));
    assert_eq!(mail.status(BOB, &password.password), 401, "at once");
    assert_eq!(bob.api.get("/session").problem(), "401 sign-in-needed");
    assert!(browser.get("/security").goes_to().starts_with("/sign-in"));
    assert_eq!(server.browser().get(&reset).status(), 410);
    // Who doesn't know the password learns nothing; who does is told.
    let wrong = sign_in(&server, BOB, "not the password of Bob");
    assert_eq!(wrong.problem(), "401 wrong-credentials");
    assert_eq!(wrong.body, sign_in(&server, "nobody@example.org", NEW).body);
    let right = sign_in(&server, BOB, PASSWORD);
    assert_eq!(right.problem(), "403 account-suspended");
    assert!(right.text().contains("Your account is suspended. Ask an administrator."));
    let page = server.browser().submit("/sign-in", &[("id", BOB), ("password", PASSWORD)]);
    assert!(page.text(403).contains("Your account is suspended. Ask an administrator."));
    // No link lets them in either, and nothing is done twice.
    assert_eq!(post(&admin, BOB, "reset-link").problem(), "409 conflict");
    assert_eq!(post(&admin, BOB, "suspend").problem(), "409 conflict");
    assert_eq!(post(&admin, BOB, "invite-link").problem(), "409 conflict");
    server.restart();
    assert_eq!(mail.status(BOB, &password.password), 401, "also after a restart");

    assert_eq!(post(&admin, BOB, "resume").json(200)["state"], "active");
    assert_eq!(mail.status(BOB, &password.password), 200, "the same app-specific password");
    assert_eq!(bob.api.get("/session").problem(), "401 sign-in-needed", "the old session is over");
    let bob = bob.signed_in();
    for what in ["account_suspended", "account_resumed"] {
        assert_eq!(bob.told(what).len(), 1, "{what}");
    }
    assert_eq!(bob.told("account_suspended")[0]["sentence"], "An administrator suspended your account.");
    assert_eq!(post(&admin, BOB, "resume").problem(), "409 conflict");
}

#[test]
fn what_is_removed_is_gone_and_the_log_keeps_its_lines() {
    let server = Server::start();
    let (admin, bob, mail) = (server.administrator(ADA), server.person(BOB), server.service("mail", "mail"));
    let password = bob.generate("Phone", "mail");
    let mut browser = server.browser();
    let page = browser.get("/sign-in");
    let fields = [("id", BOB), ("password", PASSWORD), ("own_browser", "yes")];
    let first = browser.submit_from(&page, "/sign-in", &fields);
    browser.submit(first.goes_to(), &[("code", &bob.code())]);
    assert_eq!(sign_in(&server, BOB, "not the password of Bob").status, 401);
    admin.api.post(&format!("/accounts/{BOB}/aliases"), &json!({ "alias": "robert@example.org" })).with(201);
    let reset = path_of(&post(&admin, BOB, "reset-link").json(201));
    let id = admin.api.get(&format!("/accounts/{BOB}")).json(200)["id"].as_str().unwrap().to_owned();

    assert_eq!(admin.api.delete(&format!("/accounts/{BOB}")).status, 204);
    assert_eq!(mail.status(BOB, &password.password), 401);
    assert_eq!(mail.status("robert@example.org", &password.password), 401);
    assert_eq!(bob.api.get("/session").problem(), "401 sign-in-needed");
    assert_eq!(server.browser().get(&reset).status(), 410);
    assert_eq!(sign_in(&server, BOB, PASSWORD).problem(), "401 wrong-credentials");
    for (method, path) in [("GET", ""), ("DELETE", ""), ("POST", "/suspend"), ("POST", "/reset-link")] {
        let answer = admin.api.send(method, &format!("/accounts/{BOB}{path}"), None);
        assert_eq!(answer.problem(), "404 not-found", "{method} {path}");
    }

    // The ID is free, and whoever gets it gets nothing of what was before.
    let link = invite(&server, BOB);
    let next = admin.api.get(&format!("/accounts/{BOB}")).json(200);
    assert_ne!(next["id"], id.as_str());
    let mut browser = server.browser();
    assert_eq!(browser.submit(&link, &[("password", NEW)]).status(), 303);
    assert_eq!(mail.status(BOB, &password.password), 401);
    let mut new = Person::new(&server, BOB, None);
    new.password = NEW.into();
    new.sign_in();
    let told: Vec<_> = new.events().into_iter().map(|event| event["what"].clone()).rev().collect();
    assert_eq!(told, ["account_invited", "invitation_accepted", "signed_in", "signed_in"]);

    server.stop();
    let tables = server.tables_with("account_id");
    assert!(tables.len() >= 7, "{tables:?}");
    for table in tables {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE account_id = '{id}'");
        let left: i64 = server.data_says(&sql);
        assert_eq!(left > 0, table == "events", "{table}: {left}");
    }
    let removed = format!("SELECT what FROM events WHERE account_id = '{id}' AND kind = 'account_removed'");
    assert_eq!(
        server.data_says::<String>(&removed),
        r#"{"what":"account_removed","name":"bob@example.org"}"#
    );
    let budget = format!("SELECT COUNT(*) FROM budgets WHERE bucket = '{id}'");
    assert_eq!(server.data_says::<i64>(&budget), 0);
}

#[test]
fn the_last_administrator_stays_and_nobody_ends_their_own_account() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    let unmake = json!({ "administrator": false });
    for answer in [post(&admin, ADA, "suspend"), admin.api.delete(&format!("/accounts/{ADA}"))] {
        assert_eq!(answer.problem(), "409 own-account");
        assert!(answer.text().contains("Ask another administrator."));
    }
    let last = "409 last-administrator";
    assert_eq!(admin.api.patch(&format!("/accounts/{ADA}"), &unmake).problem(), last);
    // Not by the command line on the machine either.
    let machine = server.admin();
    assert_eq!(machine.post(&format!("/accounts/{ADA}/suspend"), &Value::Null).problem(), last);
    assert_eq!(machine.delete(&format!("/accounts/{ADA}")).problem(), last);
    assert_eq!(machine.patch(&format!("/accounts/{ADA}"), &unmake).problem(), last);
    // One who has only been invited, or is suspended, can't stand in.
    let asked = json!({ "id": "eve@example.org", "name": "Eve", "administrator": true });
    machine.post("/accounts", &asked).json(201);
    let bob = server.administrator(BOB);
    post(&admin, BOB, "suspend").with(200);
    assert_eq!(machine.delete(&format!("/accounts/{ADA}")).problem(), last);
    post(&admin, BOB, "resume").with(200);
    let bob = bob.signed_in();
    assert_eq!(admin.api.patch(&format!("/accounts/{ADA}"), &unmake).json(200)["administrator"], false);
    assert_eq!(admin.api.get("/accounts").problem(), "403 not-allowed");
    assert_eq!(bob.api.patch(&format!("/accounts/{BOB}"), &unmake).problem(), last);
    assert_eq!(bob.api.delete(&format!("/accounts/{ADA}")).status, 204);
    let told: Vec<_> =
        bob.told("administrator_made").into_iter().chain(bob.told("administrator_unmade")).collect();
    assert!(told.is_empty(), "nothing was changed that is told: {told:?}");
}

#[test]
fn two_administrators_against_each_other_leave_one() {
    let server = Server::start();
    for round in 0..5 {
        let ids = [format!("ada{round}@example.org"), format!("bob{round}@example.org")];
        let people = ids.each_ref().map(|id| server.administrator(id));
        // Those of the round before are out of the way.
        if let Some(before) = (round > 0).then(|| round - 1) {
            for id in [format!("ada{before}@example.org"), format!("bob{before}@example.org")] {
                people[0].api.delete(&format!("/accounts/{id}"));
            }
        }
        let statuses = race(2, |n| {
            let (me, other) = (&people[n], &ids[1 - n]);
            match round % 3 {
                0 => post(me, other, "suspend").status,
                1 => me.api.delete(&format!("/accounts/{other}")).status,
                _ => me.api.patch(&format!("/accounts/{other}"), &json!({ "administrator": false })).status,
            }
        });
        let done = statuses.iter().filter(|status| [200, 204].contains(*status)).count();
        assert_eq!(done, 1, "round {round}: {statuses:?}");
        let winner = statuses.iter().position(|status| [200, 204].contains(status)).unwrap();
        let left = people[winner].api.get("/accounts").json(200);
        let administrators = left["accounts"].as_array().unwrap().iter();
        let administrators =
            administrators.filter(|one| one["administrator"] == true && one["state"] == "active");
        assert_eq!(administrators.count(), 1, "round {round}: {left}");
    }
}

#[test]
fn suspending_and_resuming_at_once_leave_what_the_last_was_told() {
    let server = Server::start();
    let (admin, bob, mail) = (server.administrator(ADA), server.person(BOB), server.service("mail", "mail"));
    let password = bob.generate("Phone", "mail");
    for round in 0..5 {
        let statuses = race(4, |n| post(&admin, BOB, if n % 2 == 0 { "suspend" } else { "resume" }).status);
        assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
        let count =
            |what: usize| statuses.iter().skip(what).step_by(2).filter(|status| **status == 200).count();
        let (suspended, resumed) = (count(0), count(1));
        assert!(suspended == resumed || suspended == resumed + 1, "round {round}: {statuses:?}");
        let is = state(&server, BOB);
        assert_eq!(is == "suspended", suspended > resumed, "round {round}: {is} {statuses:?}");
        assert_eq!(mail.status(BOB, &password.password), if is == "active" { 200 } else { 401 });
        if is == "suspended" {
            post(&admin, BOB, "resume").with(200);
        }
    }
}

#[test]
fn a_sign_in_that_is_on_its_way_does_not_outlive_the_suspension() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    for round in 0..5 {
        let id = format!("bob{round}@example.org");
        server.person_without_second_factor(&id);
        let tokens = race(3, |n| {
            if n == 0 {
                post(&admin, &id, "suspend").with(200);
                return None;
            }
            let answer = sign_in(&server, &id, PASSWORD);
            (answer.status == 200).then(|| answer.json(200)["token"].as_str().unwrap().to_owned())
        });
        for token in tokens.iter().flatten() {
            assert_eq!(server.api(token).get("/session").status, 401, "round {round}");
        }
        server.admin().post(&format!("/accounts/{id}/resume"), &Value::Null).with(200);
        for token in tokens.iter().flatten() {
            assert_eq!(server.api(token).get("/session").status, 401, "nor the resuming, round {round}");
        }
    }
}

#[test]
fn somebody_who_is_invited_sets_their_password_and_goes_on_to_two_factor() {
    let server = Server::start();
    let (admin, mail) = (server.administrator(ADA), server.service("mail", "mail"));
    let asked = json!({ "id": "Bob@Example.org", "name": "Bob B.", "aliases": ["b@example.org"] });
    let made = admin.api.post("/accounts", &asked).json(201);
    assert_eq!((&made["state"], &made["name"]), (&json!("invited"), &json!(BOB)));
    assert_eq!(made["aliases"], json!(["b@example.org"]));
    assert_eq!(made["last_signed_in_at"], Value::Null);
    let link = path_of(&made);
    // Nothing opens it before its person has come.
    for password in ["", "nobody", PASSWORD] {
        assert_eq!(sign_in(&server, BOB, password).problem(), "401 wrong-credentials");
        assert_eq!(mail.status(BOB, password), 401);
    }
    let conflict = post(&admin, BOB, "reset-link");
    assert!(conflict.text().contains("Make a new invitation link instead."), "{}", conflict.text());
    assert_eq!(post(&admin, BOB, "suspend").problem(), "409 conflict");
    assert_eq!(post(&admin, BOB, "resume").problem(), "409 conflict");

    let (mut browser, mut late) = (server.browser(), server.browser());
    let page = browser.get(&link);
    let text = page.text(200);
    for part in ["Welcome, Bob B.", "Ada Lovelace invites you to Doorkey at", "http://localhost:", BOB] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for (password, said) in [
        ("fourteen chars", "at least 15 characters"),
        ("bob@example.org", "guessed first"),
        ("", "at least 15 characters"),
    ] {
        assert!(browser.submit_from(&page, &link, &[("password", password)]).text(422).contains(said));
    }
    let done = browser.submit_from(&page, &link, &[("password", NEW)]);
    assert_eq!(done.goes_to(), "/security/two-factor");
    assert!(browser.get("/security/two-factor").text(200).contains("Your account is ready."));
    // It worked once.
    let form = late.get("/sign-in");
    for answer in [late.get(&link), late.submit_from(&form, &link, &[("password", PASSWORD)])] {
        assert_eq!((answer.status(), answer.heading().as_str()), (410, "This link no longer works"));
    }
    assert_eq!(post(&admin, BOB, "invite-link").problem(), "409 conflict");
    let mut bob = Person::new(&server, "b@example.org", None);
    bob.password = NEW.into();
    bob.sign_in();
    let now = admin.api.get(&format!("/accounts/{BOB}")).json(200);
    assert_eq!(now["state"], "active");
    assert!(now["last_signed_in_at"].is_string());
    assert_eq!(
        bob.told("account_invited")[0]["sentence"],
        "An administrator invited you as bob@example.org."
    );
}

#[test]
fn an_invitation_is_good_for_a_week_only_the_newest_and_until_it_is_withdrawn() {
    let server = Server::start();
    let first = invite(&server, BOB);
    let others = invite(&server, "eve@example.org");
    let again =
        || path_of(&server.admin().post(&format!("/accounts/{BOB}/invite-link"), &Value::Null).json(201));
    let second = again();
    let status = |path: &str| server.browser().get(path).status();
    assert_eq!((status(&first), status(&second), status(&others)), (410, 200, 200));
    assert!(server.browser().get(&second).text(200).contains("The administrator invites you"));
    // One kind of link is not another.
    assert_eq!(status(&second.replace("/invitation/", "/reset/")), 410);
    assert_eq!(status(&second.replace("/invitation/", "/setup/")), 410);
    for path in ["/invitation/x", "/invitation/%00", &format!("/invitation/{}", "x".repeat(5000))] {
        assert!([410, 400, 404].contains(&status(path)), "{path}");
    }
    server.restart();
    server.clock.move_by(7 * DAY - 60);
    let mut browser = server.browser();
    let page = browser.get(&second);
    assert_eq!(page.status(), 200);
    server.clock.move_by(60);
    assert_eq!(browser.submit_from(&page, &second, &[("password", NEW)]).status(), 410);
    let third = again();
    assert_eq!(status(&third), 200);
    server.admin().delete(&format!("/accounts/{BOB}")).with(204);
    assert_eq!(status(&third), 410);
}

#[test]
fn of_those_who_race_for_an_invitation_one_gets_it() {
    let server = Server::start();
    let link = invite(&server, BOB);
    let passwords: Vec<_> = (0..4).map(|n| format!("{NEW} {n}")).collect();
    let statuses = race(4, |n| {
        let mut browser = server.browser();
        let page = browser.get(&link);
        match page.status() {
            200 => browser.submit_from(&page, &link, &[("password", &passwords[n])]).status(),
            status => status,
        }
    });
    let winner = statuses.iter().position(|status| *status == 303).unwrap();
    assert_eq!(statuses.iter().filter(|status| **status == 410).count(), 3, "{statuses:?}");
    for (n, password) in passwords.iter().enumerate() {
        assert_eq!(sign_in(&server, BOB, password).status == 200, n == winner, "{n}");
    }
}

#[test]
fn invitations_are_refused_at_the_field_that_is_wrong() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    server
        .admin()
        .post(&format!("/accounts/{ADA}/aliases"), &json!({ "alias": "lovelace@example.org" }))
        .with(201);
    let many: Vec<_> = (0..21).map(|n| format!("b{n}@example.org")).collect();
    for (field, value, problem) in [
        ("id", json!("bob"), "422 unfit id"),
        ("id", json!("ＡＤＡ@example.org"), "409 conflict id"),
        ("id", json!("Lovelace@example.org"), "409 conflict id"),
        ("name", json!(""), "422 unfit name"),
        ("aliases", json!(["x y@example.org"]), "422 unfit aliases"),
        ("aliases", json!(["ada@EXAMPLE.org"]), "409 conflict aliases"),
        ("aliases", json!(["lovelace@example.org"]), "409 conflict aliases"),
        ("aliases", json!(many), "422 unfit aliases"),
        ("totp", json!(true), "422 unfit totp"),
    ] {
        let mut asked = json!({ "id": BOB, "name": "Bob" });
        asked[field] = value;
        assert_eq!(admin.api.post("/accounts", &asked).problem(), problem, "{asked}");
    }
    assert_eq!(admin.api.get("/accounts").json(200)["accounts"].as_array().unwrap().len(), 1);
    // The same name twice, or the ID among the aliases, is once.
    let asked =
        json!({ "id": BOB, "name": "Bob", "aliases": ["BOB@example.org", "b@example.org", "B@example.org"] });
    assert_eq!(admin.api.post("/accounts", &asked).json(201)["aliases"], json!(["b@example.org"]));
}

#[test]
fn aliases_sign_in_and_belong_to_one_account() {
    let server = Server::start_with(&[("DOORKEY__ACCOUNTS__DEFAULT_DOMAIN", "example.org")]);
    let (admin, bob, mail) = (server.administrator(ADA), server.person(BOB), server.service("mail", "mail"));
    let password = bob.generate("Phone", "mail");
    let add = |id: &str, alias: &str| {
        admin.api.post(&format!("/accounts/{id}/aliases"), &json!({ "alias": alias }))
    };
    // Without a domain it is in the default one.
    assert_eq!(add("bob", " Robert ").json(201)["aliases"], json!(["robert@example.org"]));
    for name in ["robert@example.org", "ROBERT", "bob"] {
        let answer = mail.ask(name, &password.password);
        assert_eq!((answer.status, answer.header("remote-user")), (200, Some(BOB)), "{name}");
    }
    for (id, alias) in [
        (ADA, "bob"),
        (ADA, "Robert@Example.org"),
        (ADA, "ＲＯＢＥＲＴ@example.org"),
        (BOB, "robert"),
        (BOB, "bob"),
        (BOB, ADA),
    ] {
        let refused = add(id, alias);
        assert_eq!(refused.problem(), "409 conflict alias", "{id} {alias}");
    }
    assert!(add(ADA, "robert").text().contains("an alias of bob@example.org already"));
    for alias in ["", "x y", "a/b@example.org", &"x".repeat(5000)] {
        assert_eq!(add(ADA, alias).problem(), "422 unfit alias", "{alias}");
    }
    for n in 2..=20 {
        add(BOB, &format!("b{n}")).with(201);
    }
    assert_eq!(add(BOB, "b21").problem(), "422 unfit alias");
    let removed = admin.api.delete("/accounts/bob/aliases/Robert").json(200);
    assert_eq!(removed["aliases"].as_array().unwrap().len(), 19);
    assert_eq!(mail.status("robert", &password.password), 401);
    assert_eq!(mail.status("b2", &password.password), 200);
    for alias in ["robert", "bob", "nobody", "ada"] {
        assert_eq!(admin.api.delete(&format!("/accounts/bob/aliases/{alias}")).problem(), "404 not-found");
    }
    // It is free for somebody else now.
    add(ADA, "robert").with(201);
    assert_eq!(bob.told("alias_added").len(), 20);
    assert_eq!(bob.told("alias_removed")[0]["alias"], "robert@example.org");
}

/// What pages of the list show, all after one another.
fn listed(server: &Server, query: &str) -> Vec<Vec<String>> {
    let (mut pages, mut path) = (Vec::new(), format!("/accounts?{query}"));
    loop {
        let page = server.admin().get(&path).json(200);
        let names = page["accounts"].as_array().unwrap().iter();
        pages.push(names.map(|one| one["name"].as_str().unwrap().to_owned()).collect());
        let Some(next) = page["next"].as_str() else { return pages };
        let next = percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC);
        path = format!("/accounts?{query}&after={next}");
    }
}

#[test]
fn people_are_listed_in_order_and_found_by_what_they_begin_with() {
    let server = Server::start();
    for (id, name, aliases) in [
        ("grace@example.org", "Grace Hopper", json!([])),
        (ADA, "Ada Lovelace", json!(["countess@example.org"])),
        ("émile@example.org", "Émile Borel", json!([])),
        ("alan@example.org", "Alan Turing", json!(["ada2@example.org"])),
        ("x_y@example.org", "100% Ada", json!([])),
    ] {
        server.admin().post("/accounts", &json!({ "id": id, "name": name, "aliases": aliases })).json(201);
    }
    let all = ["ada", "alan", "grace", "x_y", "émile"].map(|name| format!("{name}@example.org"));
    assert_eq!(listed(&server, "").concat(), all);
    let pages = listed(&server, "limit=2");
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(pages.concat(), all);
    for (q, found) in [
        ("ada", vec!["x_y", "ada", "alan"]),
        ("ADA", vec!["x_y", "ada", "alan"]),
        ("ada%20lo", vec!["ada"]),
        ("lovel", vec!["ada"]),
        ("count", vec!["ada"]),
        ("%C3%89MI", vec!["émile"]),
        ("e%CC%81mile", vec!["émile"]),
        ("borel", vec!["émile"]),
        ("100%25", vec!["x_y"]),
        ("%25", vec![]),
        ("x_", vec!["x_y"]),
        ("x%25", vec![]),
        ("race", vec![]),
        ("%00", vec![]),
        ("%F4%8F%BF%BF", vec![]),
    ] {
        let found: Vec<_> = found.iter().map(|name| format!("{name}@example.org")).collect();
        assert_eq!(listed(&server, &format!("q={q}")).concat(), found, "{q}");
        // Each once, also when it is found by several things, on several pages.
        let pages = listed(&server, &format!("q={q}&limit=1"));
        assert_eq!(pages.concat(), found, "{q}");
    }
    for (query, problem) in [
        ("limit=0", "422 unfit limit"),
        ("limit=1001", "422 unfit limit"),
        ("limit=x", "400 unreadable"),
        ("q=a&after=x", "422 unfit after"),
        ("q=a&after=61.acc_x", "422 unfit after"),
    ] {
        assert_eq!(server.admin().get(&format!("/accounts?{query}")).problem(), problem, "{query}");
    }
    // A new name is found, and the old one isn't.
    let rename = json!({ "display_name": " Ada King " });
    let renamed = server.admin().patch(&format!("/accounts/{ADA}"), &rename).json(200);
    assert_eq!(renamed["display_name"], "Ada King");
    assert_eq!(listed(&server, "q=king").concat(), [ADA]);
    assert_eq!(listed(&server, "q=lovelace").concat(), [""; 0]);
    server.admin().delete(&format!("/accounts/{ADA}")).with(204);
    assert_eq!(listed(&server, "q=king").concat(), [""; 0]);
}

#[test]
fn every_page_goes_on_where_the_last_one_ended_whatever_names_are_made_of() {
    let server = Server::start();
    server.admin().post("/groups", &json!({ "name": "all" })).json(201);
    // In the order of a language these stand otherwise.
    let mut ids = [
        "a-b", "a.b", "a_b", "ab", "aB2", "a1", "a10", "a2", "B", "Zoe", "zoe2", "é", "e", "f", "ñandú",
        "nandu", "ß", "ss", "я", "Ω", "日本", "10", "9", "-", "_", "+1",
    ]
    .map(|id| format!("{id}@example.org"));
    for id in &ids {
        let asked = json!({ "id": id, "name": "One of Many", "groups": ["all"] });
        server.admin().post("/accounts", &asked).json(201);
    }
    for id in &mut ids {
        *id = id.to_lowercase();
    }
    ids.sort();
    for (n, id) in ids.iter().enumerate() {
        let after = percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC);
        let page = server.admin().get(&format!("/groups/all/members?after={after}")).json(200);
        let names: Vec<_> =
            page["members"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
        assert_eq!(names, ids[n + 1..], "after {id}");
    }
    for limit in [1, 2, 7, 1000] {
        let query = format!("limit={limit}");
        let pages = listed(&server, &query);
        assert!(pages.iter().all(|page| page.len() <= limit), "{pages:?}");
        assert_eq!(pages.concat(), ids, "{limit}");
        // Found by their names, which are all the same: each once.
        let mut found = listed(&server, &format!("q=many&{query}")).concat();
        found.sort();
        assert_eq!(found, ids, "{limit}");
    }
}

#[test]
fn only_administrators_see_and_change_people_and_freshly_shown() {
    let server = Server::start();
    let (admin, other) = (server.administrator(ADA), server.person(BOB));
    let here = format!("/accounts/{BOB}");
    let reads = [("GET", "/accounts".into(), None), ("GET", here.clone(), None)];
    let writes = [
        ("POST", "/accounts".into(), Some(json!({ "id": "eve@example.org", "name": "Eve" }))),
        ("PATCH", here.clone(), Some(json!({ "administrator": true }))),
        ("POST", format!("{here}/aliases"), Some(json!({ "alias": "b@example.org" }))),
        ("DELETE", format!("{here}/aliases/b@example.org"), None),
        ("POST", format!("{here}/suspend"), None),
        ("POST", format!("{here}/resume"), None),
        ("POST", format!("{here}/invite-link"), None),
        ("POST", format!("{here}/reset-link"), None),
        ("DELETE", here.clone(), None),
    ];
    server.clock.move_by(601);
    for (method, path, body) in reads.iter().chain(&writes) {
        let ask = |person: &Person<'_>| person.api.send(method, path, body.as_ref());
        assert_eq!(ask(&other).problem(), "403 not-allowed", "{method} {path}");
        assert_eq!(server.api("").send(method, path, body.as_ref()).problem(), "401 sign-in-needed");
        match *method {
            "GET" => assert_eq!(ask(&admin).status, 200, "{path}"),
            _ => assert_eq!(ask(&admin).problem(), "403 confirmation-needed", "{method} {path}"),
        }
    }
    for (field, value) in [("display_name", json!("a\nb")), ("display_name", json!(""))] {
        let answer = server.admin().patch(&here, &json!({ field: value }));
        assert_eq!(answer.problem(), "422 unfit display_name");
    }
    assert_eq!(server.admin().patch(&here, &json!({ "state": "active" })).problem(), "400 unreadable");
    let mut browser = other.browser();
    for path in
        ["/people", "/people/invite", &format!("/people/at/{BOB}"), &format!("/people/at/{BOB}/remove")]
    {
        assert_eq!(browser.get(path).status(), 403, "{path}");
    }
    assert!(!browser.get("/security").text(200).contains("/people"));
}

/// The page of somebody, as the list leads to it.
fn page_of(browser: &mut Browser<'_>, name: &str) -> String {
    let list = browser.get("/people").text(200);
    let before = list.split(&format!("\">{name}</a>")).next().unwrap();
    before.rsplit("href=\"").next().unwrap().to_owned()
}

#[test]
fn the_pages_do_it_all() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    let mut browser = admin.browser();
    let fields =
        [("id", "Bob@Example.org"), ("name", "Bob B."), ("aliases", "b1@example.org\r\nb2@example.org")];
    let refused = browser.submit("/people/invite", &[fields[0], ("name", ""), fields[2]]).text(422);
    assert!(refused.contains("id=\"name-error\"") && refused.contains("b1@example.org"), "{refused}");
    let made = browser.submit("/people/invite", &fields);
    let text = made.text(200);
    assert!(text.contains("You see it once.") && text.contains("set their password and sign in"), "{text}");
    let shown = made.between("id=\"secret\">", "</p>");
    let link = shown[shown.find("/invitation/").unwrap()..].to_owned();
    let here = page_of(&mut browser, "Bob B.");
    let text = browser.get(&here).text(200);
    assert!(text.contains("Not accepted yet.") && text.contains("b2@example.org"), "{text}");
    assert!(!text.contains(&link), "it is shown once");
    let ask = format!("{here}/invite-link");
    assert!(browser.get(&ask).text(200).contains("stops working"));
    let again = browser.submit(&ask, &[]).between("id=\"secret\">", "</p>");
    assert_eq!(server.browser().get(&link).status(), 410);
    let mut bobs = server.browser();
    bobs.submit(&again[again.find("/invitation/").unwrap()..], &[("password", NEW)]);
    assert_eq!(bobs.get("/security").status(), 200);

    let submit = |browser: &mut Browser<'_>, fields: &[(&str, &str)]| browser.submit(&here, fields);
    let named = submit(&mut browser, &[("do", "name"), ("display_name", "Robert B.")]);
    assert_eq!(named.goes_to(), here);
    assert!(browser.get(&here).text(200).contains("bob@example.org is called Robert B. now."));
    assert_eq!(submit(&mut browser, &[("do", "remove-alias"), ("alias", "b1@example.org")]).status(), 303);
    assert_eq!(submit(&mut browser, &[("do", "add-alias"), ("alias", "b3@example.org")]).status(), 303);
    let taken = submit(&mut browser, &[("do", "add-alias"), ("alias", ADA)]).text(409);
    assert!(taken.contains("id=\"alias-error\"") && taken.contains("is the ID already"), "{taken}");
    assert_eq!(submit(&mut browser, &[("do", "anything")]).status(), 400);

    let ask = |browser: &mut Browser<'_>, part: &str, fields: &[(&str, &str)]| {
        browser.submit(&format!("{here}/{part}"), fields)
    };
    assert_eq!(ask(&mut browser, "administrator", &[("make", "yes")]).goes_to(), here);
    assert!(bobs.get("/people").text(200).contains("Robert B."));
    assert_eq!(ask(&mut browser, "administrator", &[("make", "no")]).goes_to(), here);
    assert_eq!(bobs.get("/people").status(), 403);
    let reset = ask(&mut browser, "reset-link", &[]);
    assert!(reset.text(200).contains("With it they set a new password."));
    assert_eq!(ask(&mut browser, "suspend", &[]).goes_to(), here);
    assert!(browser.get(&here).text(200).contains("Suspended</span>"));
    assert!(bobs.get("/security").goes_to().starts_with("/sign-in"));
    assert_eq!(submit(&mut browser, &[("do", "resume")]).goes_to(), here);
    assert!(browser.get(&format!("{here}/remove")).text(200).contains("is deleted for good"));
    assert_eq!(ask(&mut browser, "remove", &[]).goes_to(), "/people");
    assert!(browser.get("/people").text(200).contains("The account bob@example.org is removed."));
    assert_eq!(browser.get(&here).status(), 404);

    // One's own page has no such buttons, and the addresses behind them refuse.
    let mine = page_of(&mut browser, "Ada Lovelace");
    let text = browser.get(&mine).text(200);
    assert!(
        text.contains("This is your own account.") && !text.contains(&format!("{mine}/remove")),
        "{text}"
    );
    let refused = browser.submit(&format!("{mine}/remove"), &[]);
    assert_eq!((refused.status(), refused.heading().as_str()), (409, "Not to your own account"));
    // Searched, and further on.
    let found = browser.get("/people?q=LOVE").text(200);
    assert!(found.contains("Ada Lovelace") && found.contains("value=\"LOVE\""), "{found}");
    let nobody = browser.get("/people?q=%3Cb%3E").text(200);
    assert!(nobody.contains("Nobody found") && nobody.contains("&#60;b&#62;"), "{nobody}");
    for n in 0..51 {
        invite(&server, &format!("n{n:02}@example.org"));
    }
    let first = browser.get("/people");
    assert!(first.text(200).contains("n48@example.org") && !first.text(200).contains("n49@example.org"));
    let next = first.between("href=\"/people?q=", "\" rel=\"next\"").replace("&#38;", "&");
    let second = browser.get(&format!("/people?q={next}")).text(200);
    assert!(
        second.contains("n49@example.org") && second.contains("First page") && !second.contains("Next page")
    );
}
