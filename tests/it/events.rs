//! The whole log, as administrators and their programs read it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Cli, Connection, Person, Request, Server, race, since, until};

const ADA: &str = "ada@example.org";
const GRACE: &str = "grace@example.org";

fn numbers(events: &[Value]) -> Vec<i64> {
    events.iter().map(|event| event["number"].as_i64().unwrap()).collect()
}

/// A server with something of each sort in its log, and an administrator of it.
fn with_a_log(server: &Server) -> Person<'_> {
    let (grace, ada) = (server.administrator(GRACE), server.person(ADA));
    let (mail, calendar) = (server.service("mail", "mail"), server.service("calendar", "calendars"));
    let password = ada.generate("Phone", "mail");
    assert_eq!(mail.status(ADA, "abcd-efgh-ijkl-mnop-qrst-uvwx"), 401);
    assert_eq!(calendar.status(ADA, &password.password), 403);
    ada.revoke(&password).with(200);
    grace.api.post(&format!("/accounts/{ADA}/reset-link"), &Value::Null).with(201);
    server.restart();
    grace
}

#[test]
fn the_log_has_no_gap_and_nothing_is_told_twice() {
    let server = Server::start();
    let person = server.administrator(ADA);
    server.service("mail", "mail");
    race(8, |n| {
        let password = person.generate(&format!("App {n}"), "mail");
        person.revoke(&password).with(200);
        person.revoke(&password).with(200);
    });
    server.stop();
    let gaps = "SELECT COUNT(*) FROM events WHERE number NOT BETWEEN 1 AND (SELECT COUNT(*) FROM events)";
    assert_eq!(server.data_says::<i64>(gaps), 0);
    let told = "SELECT COUNT(*) FROM events WHERE what LIKE '%app_password_ended%'";
    assert_eq!(server.data_says::<i64>(told), 8);
    let sorted =
        "SELECT COUNT(*) FROM events WHERE kind = '' OR sort = '' OR SUBSTR(what, 10, LENGTH(kind)) <> kind";
    assert_eq!(server.data_says::<i64>(sorted), 0);
}

#[test]
fn it_is_for_administrators() {
    let server = Server::start();
    let person = server.person(ADA);
    for path in ["/events", "/events/export"] {
        assert_eq!(person.api.get(path).problem(), "403 not-allowed", "{path}");
        assert_eq!(server.api("").get(path).problem(), "401 sign-in-needed", "{path}");
        assert_eq!(person.browser().get(path).status(), 403, "{path}");
        assert_eq!(server.admin().get(path).status, 200, "{path}");
    }
    assert!(!person.browser().get("/activity").text(200).contains("href=\"/events\""));
}

#[test]
fn each_filter_finds_what_it_says_and_nothing_else() {
    let server = Server::start();
    let grace = with_a_log(&server);
    let all = grace.log("");
    assert_eq!(numbers(&all), (1..=all.len() as i64).collect::<Vec<_>>());
    let id =
        all.iter().find(|event| event["what"] == "app_password_generated").unwrap()["account"]["id"].clone();
    let ada = |event: &Value| event["account"]["name"] == ADA;
    let at_mail = |event: &Value| event["service"] == "mail" || event["name"] == "mail";
    type Fits<'a> = &'a dyn Fn(&Value) -> bool;
    let filters: [(String, Fits<'_>); 14] = [
        ("account=ada%40example.org".into(), &ada),
        ("account=ADA%40example.org".into(), &ada),
        (format!("account={}", id.as_str().unwrap()), &ada),
        ("kind=signed_in".into(), &|event| event["what"] == "signed_in"),
        ("sort=refusals".into(), &|event| event["sort"] == "refusals"),
        (format!("actor={GRACE}"), &|event| event["actor"]["name"] == GRACE),
        ("actor=machine".into(), &|event| event["actor"]["type"] == "machine"),
        ("actor=doorkey".into(), &|event| event["actor"]["type"] == "doorkey"),
        ("service=mail".into(), &at_mail),
        ("address=127.0.0.1".into(), &|event| event["source"] == "127.0.0.1"),
        (format!("account={ADA}&kind=app_password_ended"), &|e| ada(e) && e["what"] == "app_password_ended"),
        (format!("account={ADA}&actor={GRACE}"), &|e| ada(e) && e["actor"]["name"] == GRACE),
        ("service=mail&sort=administration".into(), &|e| at_mail(e) && e["sort"] == "administration"),
        ("address=127.0.0.1&actor=doorkey&service=calendar".into(), &|e| {
            e["source"] == "127.0.0.1" && e["actor"]["type"] == "doorkey" && e["service"] == "calendar"
        }),
    ];
    for (query, fits) in filters {
        let expected: Vec<_> = all.iter().filter(|event| fits(event)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "{query}");
        let found = grace.log(&query);
        // What was asked for since has written nothing.
        assert_eq!(found, expected, "{query}");
    }
    for nothing in [
        "kind=nothing",
        "service=nothing",
        "address=198.51.100.1",
        "address=2001%3Adb8%3A%3A1",
        "from=2100-01-01",
        "to=2000-01-01",
    ] {
        assert_eq!(grace.log(nothing).len(), 0, "{nothing}");
    }
    assert_eq!(grace.log("from=2000-01-01&to=2100-01-01").len(), all.len());
    for (query, field) in [
        ("account=nobody%40example.org", "account"),
        ("account=%FF", "account"),
        ("actor=x", "actor"),
        ("sort=x", "sort"),
        ("kind=Signed%20in", "kind"),
        ("from=x", "from"),
        ("to=x", "to"),
        ("after=x", "after"),
        ("after=-1", "after"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("wait=61", "wait"),
        ("wait=x", "wait"),
        ("epoch=x", "epoch"),
    ] {
        let refused = grace.api.get(&format!("/events?{query}")).problem();
        assert!(refused == format!("422 unfit {field}") || refused == "400 unreadable", "{query}: {refused}");
    }
}

#[test]
fn a_clock_that_was_set_back_hides_nothing() {
    let server = Server::start();
    let grace = server.administrator(GRACE);
    let noon = server.clock.now();
    let make = |name: &str| server.admin().post("/groups", &json!({ "name": name })).with(201);
    make("later");
    server.clock.move_by(-7_200);
    make("earlier");
    server.clock.move_by(7_260);
    let names = |query: String| -> Vec<Value> {
        let found = grace.log(&format!("kind=group_added&{query}"));
        found.iter().map(|event| event["name"].clone()).collect()
    };
    assert_eq!(names(format!("to={}", noon.plus_seconds(-60))), ["earlier"]);
    assert_eq!(names(format!("from={}", noon.plus_seconds(-60))), ["later"]);
    assert_eq!(names(String::new()), ["later", "earlier"]);
}

#[test]
fn administrators_see_it_in_a_browser() {
    let server = Server::start();
    let grace = with_a_log(&server);
    let mut browser = grace.browser();
    let page = browser.get("/events").text(200);
    for part in [
        "grace@example.org made a link to reset ada@example.org&#39;s password.",
        "At calendar, 1 sign-in of ada@example.org was refused with a password that is for something else.",
        "<option value=\"signed_in\">Signed in</option>",
        "<option value=\"calendar\">calendar</option>",
        "<a href=\"/events\" aria-current=\"page\">Events</a>",
        "href=\"/events/export\"",
        "by <a href=\"/events?actor=machine\">machine</a>",
        "from <a href=\"/events?address=127%2E0%2E0%2E1\">127.0.0.1</a>",
    ] {
        assert!(page.contains(part), "{part} isn't in {page}");
    }
    let filtered = browser.get("/events?service=calendar&sort=administration").text(200);
    assert!(filtered.contains("registered the service calendar") && !filtered.contains("the service mail"));
    assert!(
        filtered.contains("href=\"/events/export?sort=administration&#38;service=calendar\""),
        "{filtered}"
    );
    let wrong = browser.get("/events?account=nobody%40example.org&from=%3Cb%3E").text(422);
    assert!(
        wrong.contains("No account has this ID, or had it") && wrong.contains("value=\"nobody@example.org\"")
    );
    let wrong = browser.get("/events?from=%3Cb%3E").text(422);
    assert!(wrong.contains("value=\"&#60;b&#62;\""), "{wrong}");
    for odd in ["before=x", "before=-5", "before=9999999999999999999999", "other=1", "sort=&kind=&account="] {
        assert_eq!(browser.get(&format!("/events?{odd}")).status(), 200, "{odd}");
    }
    assert_eq!(browser.get("/events?before=1").text(200).matches("row-event").count(), 0);
}

#[test]
fn it_is_read_page_by_page_in_both_directions() {
    let server = Server::start();
    let grace = server.administrator(GRACE);
    for n in 0..60 {
        let password = grace.generate(&format!("App {n}"), "mail");
        grace.revoke(&password).with(200);
    }
    let all = grace.log("");
    let (mut after, mut read) = (0, Vec::new());
    loop {
        let page = grace.api.get(&format!("/events?limit=7&after={after}")).json(200);
        let events = page["events"].as_array().unwrap();
        after = page["next"].as_i64().unwrap();
        assert_eq!(page["epoch"], 1);
        if events.is_empty() {
            break;
        }
        assert!(events.len() <= 7);
        read.extend_from_slice(events);
    }
    assert_eq!(read, all);
    assert_eq!(after, all.len() as i64);

    let mut browser = grace.browser();
    let first = browser.get("/events?kind=app_password_ended");
    assert_eq!(first.text(200).matches("row-event").count(), 50);
    let older = first.between("href=\"/events?kind=app%5Fpassword%5Fended&#38;before=", "\"");
    let last = browser.get(&format!("/events?kind=app_password_ended&before={older}")).text(200);
    assert_eq!(last.matches("row-event").count(), 10, "{last}");
    assert!(last.contains("href=\"/events?kind=app%5Fpassword%5Fended\" rel=\"prev\""), "{last}");
}

#[test]
fn what_is_not_of_this_numbering_is_refused() {
    let server = Server::start();
    let grace = server.administrator(GRACE);
    let page = grace.api.get("/events").json(200);
    let next = page["next"].as_i64().unwrap();
    assert_eq!(grace.api.get(&format!("/events?after={next}&epoch=1")).json(200)["events"], json!([]));
    for query in [format!("after={}", next + 1), "epoch=2".into(), format!("after={next}&epoch=0&wait=60")] {
        assert_eq!(grace.api.get(&format!("/events?{query}")).problem(), "409 epoch-changed", "{query}");
    }
    server.stop();
    // As a restored backup leaves it.
    server.change_data("UPDATE event_counter SET epoch = 2");
    server.start_again();
    assert_eq!(grace.api.get(&format!("/events?after={next}&epoch=1")).problem(), "409 epoch-changed");
    assert_eq!(grace.api.get("/events?after=0").json(200)["epoch"], 2);
}

/// A request that waits for an event after this one.
fn waiting(grace: &Person<'_>, after: i64, filter: &str) -> Request {
    grace.api.request("GET", &format!("/events?wait=60&after={after}&{filter}"), None)
}

fn last(grace: &Person<'_>) -> i64 {
    grace.api.get("/events?limit=1000").json(200)["next"].as_i64().unwrap()
}

#[test]
fn a_program_that_waits_is_answered_as_soon_as_something_happens() {
    let server = Server::start();
    let (grace, ada) = (server.administrator(GRACE), server.person(ADA));
    let after = last(&grace);
    let mut connection = Connection::open(&server.address());
    let took = since();
    let answer = std::thread::scope(|scope| {
        let waits = scope.spawn(|| connection.ask(&waiting(&grace, after, "kind=app_password_generated")));
        // Nothing that isn't wanted ends the wait.
        ada.new_token();
        ada.generate("Phone", "mail");
        waits.join().unwrap()
    });
    let page = answer.json(200);
    assert_eq!(page["events"][0]["label"], "Phone");
    assert!(took() < std::time::Duration::from_secs(30));
    assert!(page["next"].as_i64().unwrap() > after + 1);
    // A wait that is over is no error: it says from where to go on.
    let after = page["next"].as_i64().unwrap();
    let nothing = grace.api.get(&format!("/events?after={after}&wait=1")).json(200);
    assert_eq!((&nothing["events"], nothing["next"].as_i64()), (&json!([]), Some(after)));
}

#[test]
fn those_who_wait_are_bounded_and_whoever_has_gone_takes_no_place() {
    let server = Server::start();
    let grace = server.administrator(GRACE);
    let after = last(&grace);
    let mut open: Vec<Connection> = Vec::new();
    // As many as there are places, and one more, which is told so at once.
    let full = loop {
        let mut connection = Connection::open(&server.address());
        connection.send_request(&waiting(&grace, after, ""));
        open.push(connection);
        assert!(open.len() < 200);
        let one_more = grace.api.get(&format!("/events?after={after}&wait=1"));
        if one_more.status == 503 {
            break one_more;
        }
        one_more.json(200);
        if open.len() < 60 {
            for _ in open.len()..60 {
                let mut connection = Connection::open(&server.address());
                connection.send_request(&waiting(&grace, after, ""));
                open.push(connection);
            }
        }
    };
    assert_eq!(full.problem(), "503 unavailable");
    assert!(full.retry_after() > 0);
    assert!(open.len() >= 64, "{}", open.len());
    // Without waiting, the log is read all the same.
    grace.api.get(&format!("/events?after={after}")).with(200);
    drop(open);
    until(|| grace.api.get(&format!("/events?after={after}&wait=1")).status == 200);
}

#[test]
fn whoever_waits_does_not_keep_the_server_from_stopping() {
    let server = Server::start();
    let grace = server.administrator(GRACE);
    let after = last(&grace);
    let mut connections: Vec<_> = (0..3).map(|_| Connection::open(&server.address())).collect();
    for connection in &mut connections {
        connection.send_request(&waiting(&grace, after, ""));
    }
    // They wait once one of them is seen to: a place is taken.
    let took = since();
    let stopped = server.stop();
    assert_eq!(stopped.code, Some(0), "{}", stopped.err);
    assert!(took() < std::time::Duration::from_secs(9), "{:?}", took());
    assert!(!stopped.err.contains("cut off"), "{}", stopped.err);
    for connection in &mut connections {
        // Answered with what there is; or not begun yet.
        if let Some(answer) = connection.answer(false) {
            assert_eq!(answer.json(200)["events"], json!([]));
        }
    }
}

#[test]
fn the_export_is_everything_one_event_a_line() {
    let server = Server::start();
    let grace = with_a_log(&server);
    for n in 0..600 {
        server.admin().post("/groups", &json!({ "name": format!("g{n}") })).with(201);
    }
    let answer = grace.api.get("/events/export").with(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let day = &server.clock.now().to_string()[..10];
    let file = format!("attachment; filename=\"doorkey-events-{day}.jsonl\"");
    assert_eq!(answer.header("content-disposition"), Some(file.as_str()));
    let read = |text: String| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let lines = read(answer.text());
    assert!(lines.len() > 600);
    assert_eq!(lines, grace.log(""));
    let some = read(grace.api.get("/events/export?sort=refusals").with(200).text());
    assert_eq!(some, grace.log("sort=refusals"));
    let mut browser = grace.browser();
    let page = browser.get("/events/export?kind=group_added").0.with(200);
    assert_eq!(read(page.text()).len(), 600);
    assert_eq!(page.header("content-disposition"), Some(file.as_str()));
    assert_eq!(browser.get("/events/export?account=nobody%40example.org").status(), 422);
    assert_eq!(grace.api.get("/events/export?from=x").problem(), "422 unfit from");
}

#[test]
fn the_command_line_reads_it_as_people_do_or_as_json_lines() {
    let server = Server::start();
    let grace = with_a_log(&server);
    let cli = Cli::new();
    let data = server.data().display().to_string();
    let run = |arguments: &[&str]| {
        cli.run_on(&server, &[&["admin", "events", "--data", &data], arguments].concat(), "")
    };
    let all = grace.log("");
    for running in [true, false] {
        if !running {
            server.stop();
        }
        let told = run(&[]).with(0);
        assert_eq!(told.out.lines().count(), all.len(), "{}", told.out);
        for (line, event) in told.out.lines().zip(&all) {
            let (at, sentence) = (event["at"].as_str().unwrap(), event["sentence"].as_str().unwrap());
            assert!(line.starts_with(at) && line.contains(sentence), "{line}");
        }
        let lines = run(&["--json"]).with(0).out;
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, all);
        let after = run(&["--after", "3", "--json", "--kind", "signed_in", "--account", ADA]).with(0).out;
        let after: BTreeSet<_> = after
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["what"].to_string())
            .collect();
        assert_eq!(after, BTreeSet::from(["\"signed_in\"".to_owned()]));
        run(&["--after", "100000"]).with(1).said("Begin anew");
        run(&["--account", "nobody@example.org"]).with(1).said("No account has this ID");
        if !running {
            run(&["--follow"]).with(3).said("No server runs");
        }
    }
    run(&["--after", "x"]).with(2);
}

#[test]
fn the_command_line_follows_the_log() {
    let server = Server::start();
    let grace = server.administrator(GRACE);
    let cli = Cli::new();
    let data = server.data().display().to_string();
    let after = last(&grace).to_string();
    let following = cli.start(&["admin", "events", "--data", &data, "--after", &after, "--follow"]);
    grace.generate("Phone", "mail");
    let line = following.out.line_with("Phone").expect("a line");
    assert!(line.contains("grace@example.org generated “Phone”, which opens mail."), "{line}");
    grace.generate("Laptop", "mail");
    assert!(following.out.line_with("Laptop").is_some());
    server.stop();
    let done = following.end();
    assert_eq!(done.code, Some(3), "{}", done.err);
}
