//! The figures for monitoring.

use std::collections::BTreeMap;

use crate::support::{Connection, Request, Server};

const ADA: &str = "ada@example.org";

fn start() -> Server {
    Server::start_with(&[("DOORKEY__METRICS__LISTEN", "127.0.0.1:0")])
}

/// Every sample, by its name and labels as they are written.
/// All figures, by name and labels.
pub fn scrape(server: &Server) -> BTreeMap<String, f64> {
    let answer = server.metrics().unwrap().ask(&Request::get("/metrics")).with(200);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(kind));
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let samples = samples.map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    });
    let mut found = BTreeMap::new();
    for (name, value) in samples {
        assert_eq!(found.insert(name.clone(), value), None, "{name} stands twice");
    }
    found
}

#[track_caller]
fn is(figures: &BTreeMap<String, f64>, name: &str, value: f64) {
    assert_eq!(figures.get(name), Some(&value), "{name} in {figures:#?}");
}

#[test]
fn they_are_off_until_somebody_wants_them_and_never_where_people_are() {
    let server = Server::start();
    assert!(server.metrics().is_none());
    assert_eq!(server.ask(&Request::get("/metrics")).status, 404);
    let server = start();
    assert_eq!(server.ask(&Request::get("/metrics")).status, 404);
    assert_eq!(server.metrics().unwrap().ask(&Request::get("/sign-in")).status, 404);
    let taken = server.url().trim_start_matches("http://").to_owned();
    let refused = Server::new(&[]).refuses_to_start(&[("DOORKEY__METRICS__LISTEN", &taken)]);
    refused.with(1).said(&format!("can't listen on {taken}")).said("[metrics] listen");
}

#[test]
fn what_the_doors_answer_is_counted_by_service() {
    let server = start();
    let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let (other, password) = (server.service("dav", "contacts"), person.generate("Phone", "mail").password);
    for _ in 0..3 {
        assert_eq!(mail.status(ADA, &password), 200);
    }
    assert_eq!(mail.status(ADA, "wrong"), 401);
    assert_eq!(mail.status("eve@example.org", "wrong"), 401);
    assert_eq!(other.status(ADA, &password), 403);
    server.ask(&Request::get("/door/http/mail"));
    server.ask(&Request::get("/door/http/nothing"));
    // Services that are read anew go on counting where they were.
    server.service("web", "other");
    assert_eq!(server.ask(&mail.request()).status, 401);
    let figures = scrape(&server);
    for (service, answer, count) in [
        ("mail", "yes", 3.0),
        ("mail", "no", 3.0),
        ("mail", "wrong_key", 1.0),
        ("mail", "unavailable", 0.0),
        ("dav", "not_for_this_service", 1.0),
        ("web", "yes", 0.0),
        ("", "wrong_key", 1.0),
    ] {
        let labels = format!("{{door=\"http\",service=\"{service}\",answer=\"{answer}\"}}");
        is(&figures, &format!("doorkey_door_answers_total{labels}"), count);
    }
    is(&figures, "doorkey_door_answer_duration_seconds_count{door=\"http\"}", 6.0);
    is(&figures, "doorkey_door_answer_duration_seconds_bucket{le=\"+Inf\",door=\"http\"}", 6.0);
    for (reason, count) in
        [("wrong_password", 1.0), ("unknown_account", 1.0), ("not_for_this_service", 1.0), ("suspended", 0.0)]
    {
        is(&figures, &format!("doorkey_door_refusals_total{{reason=\"{reason}\"}}"), count);
    }
}

#[test]
fn requests_are_counted_by_route_and_never_by_what_stands_in_it() {
    let server = start();
    let person = server.person(ADA);
    let mine = person.generate("Phone", "mail");
    person.revoke(&mine).with(200);
    for path in ["/nothing", "/neither", "/setup/x"] {
        server.ask(&Request::get(path));
    }
    server.ask(&Request::new("BREW", "/sign-in"));
    let figures = scrape(&server);
    let count = |method: &str, route: &str, status: &str| {
        format!("doorkey_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}")
    };
    is(&figures, &count("POST", "/api/v1/app-passwords", "2xx"), 1.0);
    is(&figures, &count("DELETE", "/api/v1/app-passwords/{id}", "2xx"), 1.0);
    is(&figures, &count("GET", "none", "4xx"), 2.0);
    is(&figures, &count("GET", "/setup/{token}", "4xx"), 1.0);
    is(&figures, &count("other", "/sign-in", "4xx"), 1.0);
    let took = "doorkey_http_request_duration_seconds_count{route=\"/api/v1/app-passwords\"}";
    is(&figures, took, 1.0);
    for name in figures.keys() {
        for forbidden in [ADA, "ada", "Lovelace", "127.0.0.1", &mine.id, "Phone"] {
            assert!(!name.contains(forbidden), "{forbidden} is in {name}");
        }
    }
}

#[test]
fn the_server_says_how_it_is() {
    let server = start();
    let person = server.person(ADA);
    person.generate("Phone", "mail");
    let ended = person.generate("Tablet", "mail");
    person.revoke(&ended).with(200);
    let mut kept = Connection::open(&server.address());
    assert_eq!(kept.ask(&Request::get("/sign-in")).status, 200);
    let figures = scrape(&server);
    for (name, value) in [
        ("doorkey_accounts", 1.0),
        ("doorkey_app_passwords", 1.0),
        ("doorkey_sessions", 1.0),
        ("doorkey_ready", 1.0),
        ("doorkey_connections_refused_total", 0.0),
        ("doorkey_password_hashes_waiting", 0.0),
        ("doorkey_password_hashes_limit", 200.0),
        ("doorkey_store_writes_waiting", 0.0),
        ("doorkey_store_errors_total{kind=\"misuse\"}", 0.0),
        (&format!("doorkey_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0),
    ] {
        is(&figures, name, value);
    }
    let now = server.clock.now().seconds() as f64;
    for (name, least, most) in [
        ("doorkey_connections", 1.0, 10.0),
        ("doorkey_connections_limit", 64.0, 20_000.0),
        ("doorkey_store_commit_duration_seconds_count", 4.0, 1000.0),
        ("doorkey_key_made_timestamp_seconds", now - 600.0, now),
        ("process_start_time_seconds", now - 600.0, now),
        ("process_resident_memory_bytes", 1e6, 1e9),
        ("process_cpu_seconds_total", 0.01, 600.0),
        ("process_open_fds", 10.0, 1000.0),
        ("process_max_fds", 64.0, 1e9),
        ("process_threads", 4.0, 1000.0),
    ] {
        let found = figures.get(name).copied().unwrap_or(-1.0);
        assert!((least..=most).contains(&found), "{name} is {found}");
    }
}
