//! The API as a whole: every one of its routes, and what is none.

use serde_json::{Value, json};

use crate::support::{Person, Request, Server};

const ADA: &str = "ada@example.org";

/// Every route of docs/api.md, but for the sign-in, with a body that it takes: method, path, body.
const ROUTES: [(&str, &str, &str); 26] = [
    ("GET", "/session", ""),
    ("DELETE", "/session", ""),
    ("POST", "/session/confirm", "{\"code\": \"123456\"}"),
    ("POST", "/session/sign-out-others", ""),
    ("POST", "/account/password", "{\"current_password\": \"a\", \"new_password\": \"b\"}"),
    ("POST", "/account/two-factor", ""),
    ("POST", "/account/two-factor/confirm", "{\"code\": \"123456\"}"),
    ("POST", "/account/two-factor/turn-off", "{\"code\": \"123456\"}"),
    ("GET", "/app-passwords", ""),
    ("POST", "/app-passwords", "{\"label\": \"x\", \"for\": \"first\"}"),
    ("DELETE", "/app-passwords/apw_00000000000000000000000000000000", ""),
    ("DELETE", "/app-passwords", ""),
    ("GET", "/activity", ""),
    ("GET", "/services", ""),
    ("POST", "/services", "{\"name\": \"dav\", \"kinds\": [\"contacts\"]}"),
    ("POST", "/services/mail/key", ""),
    ("DELETE", "/services/mail", ""),
    ("GET", "/groups", ""),
    ("POST", "/groups", "{\"name\": \"office\"}"),
    ("GET", "/groups/staff", ""),
    ("DELETE", "/groups/staff", ""),
    ("GET", "/groups/staff/members", ""),
    ("PUT", "/groups/staff/members/bob@example.org", ""),
    ("DELETE", "/groups/staff/members/bob@example.org", ""),
    ("POST", "/accounts", "{\"id\": \"bob@example.org\", \"name\": \"Bob\", \"password\": \"x\"}"),
    ("POST", "/accounts/ada@example.org/reset-link", ""),
];

fn request(method: &str, path: &str, body: impl AsRef<[u8]>) -> Request {
    Request::new(method, &format!("/api/v1{path}")).header("Content-Type", "application/json").body(body)
}

fn signed(person: &Person<'_>, request: Request) -> Request {
    request.header("Authorization", format!("Bearer {}", person.api.token.as_ref().unwrap()))
}

#[test]
fn every_route_is_for_those_who_are_signed_in() {
    let server = Server::start();
    server.service("mail", "mail");
    for (method, path, body) in ROUTES {
        for token in ["", "Bearer dka_wrong", "Basic YTpi"] {
            let request = request(method, path, body).header("Authorization", token);
            assert_eq!(server.ask(&request).problem(), "401 sign-in-needed", "{method} {path}");
        }
    }
    assert_eq!(server.admin().get("/services").json(200)["services"].as_array().map(Vec::len), Some(1));
}

#[test]
fn the_routes_are_those_that_are_written_down() {
    let written = include_str!("../../docs/api.md");
    let mut rows: Vec<_> = written
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split_once('`'))
        .map(|(route, _)| route.replace("/api/v1", ""))
        .collect();
    rows.retain(|route| route != "POST /sign-in");
    assert_eq!(rows.len(), ROUTES.len(), "{rows:?}");
    for (row, (method, path, _)) in rows.iter().zip(ROUTES) {
        let path = path
            .replace("/apw_00000000000000000000000000000000", "/{id}")
            .replace("/mail", "/{name}")
            .replace("/staff", "/{name}")
            .replace("/bob@example.org", "/{account}")
            .replace(ADA, "{name}");
        let row = row.split('?').next().unwrap();
        assert_eq!(row, format!("{method} {path}"));
    }
}

#[test]
fn what_is_no_route_or_no_method_is_a_problem_too() {
    let server = Server::start();
    let person = server.administrator(ADA);
    for path in ["/nothing", "/", "", "/session/", "/app-passwords/a/b", "/sign-in/x", "/%ff"] {
        let answer = server.ask(&signed(&person, request("GET", path, "")));
        assert_eq!(answer.problem(), "404 not-found", "{path}");
    }
    for path in ["/api", "/api/", "/api/v2/session", "/api/v1"] {
        let answer = server.ask(&signed(&person, Request::get(path)));
        assert_eq!(answer.status, 404, "{path}");
    }
    for (_, path, _) in ROUTES {
        let taken = |method| ROUTES.iter().any(|(takes, at, _)| *takes == method && *at == path);
        for method in ["PUT", "PATCH", "OPTIONS", "TRACE"].into_iter().filter(|method| !taken(*method)) {
            let answer = server.ask(&signed(&person, request(method, path, "{}")));
            assert_eq!(answer.problem(), "405 method-not-allowed", "{method} {path}");
        }
    }
    assert_eq!(server.ask(&request("GET", "/sign-in", "")).problem(), "405 method-not-allowed");
}

#[test]
fn what_cannot_be_read_is_refused_and_never_sent_back() {
    let server = Server::start();
    let person = server.administrator(ADA);
    server.service("mail", "mail");
    let takes_body: Vec<_> = ROUTES.iter().filter(|(_, _, body)| !body.is_empty()).collect();
    assert_eq!(takes_body.len(), 8);
    let canary = "canary-in-the-request";
    let deep = "[".repeat(30_000);
    for (method, path, good) in takes_body {
        for body in [
            b"".to_vec(),
            b"{".to_vec(),
            b"null".to_vec(),
            b"[1]".to_vec(),
            format!("\"{canary}\"").into_bytes(),
            format!(
                "{{\"id\": {{\"{canary}\": 1}}, \"code\": [\"{canary}\"], \"label\": 5, \"name\": {{}}}}"
            )
            .into_bytes(),
            format!("{good}{canary}").into_bytes(),
            good.replace('{', &format!("{{\"unknown\": \"{canary}\", ")).into_bytes(),
            [b"\xff\xfe\0".as_slice(), good.as_bytes()].concat(),
            deep.clone().into_bytes(),
            (0..=255).collect(),
        ] {
            let answer = server.ask(&signed(&person, request(method, path, &body)));
            let said = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
            assert_eq!(answer.problem(), "400 unreadable", "{method} {path} {said}");
            assert!(!answer.text().contains(canary), "{}", answer.text());
        }
        let megabyte = signed(&person, request(method, path, "x".repeat(1_000_000)));
        assert_eq!(server.ask(&megabyte).problem(), "413 too-large", "{method} {path}");
        let longest =
            signed(&person, request(method, path, format!("{good}{}", " ".repeat(65_536 - good.len()))));
        assert_ne!(server.ask(&longest).status, 413, "{method} {path}");
    }
    for body in ["", "{", "null"] {
        assert_eq!(server.ask(&request("POST", "/sign-in", body)).problem(), "400 unreadable");
    }
    // Those that take nothing are given anything.
    for body in [&b"{\"a\": 1}"[..], b"\xff\xfe", &[b'x'; 1_000_000]] {
        let renewed = server.ask(&signed(&person, request("POST", "/services/mail/key", body)));
        assert_eq!(renewed.status, 200);
    }
}

#[test]
fn an_answer_is_kept_by_nobody_on_its_way() {
    let server = Server::start();
    let person = server.person(ADA);
    let answer = person.try_generate("Phone", "mail");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("x-request-id").is_some_and(|id| id.starts_with("req_")));
    let failed = server.api("").get("/session");
    assert_eq!(failed.header("cache-control"), Some("no-store"));
    assert_ne!(answer.header("x-request-id"), failed.header("x-request-id"));
}

#[test]
fn the_socket_in_the_data_folder_is_an_administrators() {
    let server = Server::start();
    let admin = server.admin();
    admin.post("/services", &json!({ "name": "mail", "kinds": ["mail"] })).with(201);
    admin.post("/services/mail/key", &Value::Null).with(200);
    // It has no person, and so nothing of a person's.
    for (method, path) in
        [("GET", "/session"), ("GET", "/app-passwords"), ("GET", "/activity"), ("DELETE", "/session")]
    {
        assert_eq!(admin.send(method, path, None).problem(), "401 sign-in-needed", "{method} {path}");
    }
    let asked = json!({ "label": "x", "for": "first" });
    assert_eq!(admin.post("/app-passwords", &asked).problem(), "401 sign-in-needed");
    admin.delete("/services/mail").with(204);
}
