//! The API as a whole: every one of its routes, and what is none.

use serde_json::{Value, json};

use crate::support::{Person, Request, Route, Server, routes};

const ADA: &str = "ada@example.org";

fn request(method: &str, path: &str, body: impl AsRef<[u8]>) -> Request {
    Request::new(method, &format!("/api/v1{path}")).header("Content-Type", "application/json").body(body)
}

fn signed(person: &Person<'_>, request: Request) -> Request {
    request.header("Authorization", format!("Bearer {}", person.api.token.as_ref().unwrap()))
}

/// Those that take a token, and what they may be sent.
fn routes_with_token() -> Vec<Route> {
    let routes: Vec<_> =
        routes().into_iter().filter(|route| !route.is_for_anybody && !route.is_for_builds).collect();
    assert!(routes.len() >= 19);
    routes
}

fn sent(route: &Route, body: impl AsRef<[u8]>) -> Request {
    request(&route.method, route.path.trim_start_matches("/api/v1"), body)
}

#[test]
fn every_route_is_for_those_who_are_signed_in() {
    let server = Server::start();
    server.service("mail", "mail");
    for route in routes_with_token() {
        let body = route.body.as_ref().map(Value::to_string).unwrap_or_default();
        for token in ["", "Bearer dka_wrong", "Basic YTpi"] {
            let answer = server.ask(&sent(&route, &body).header("Authorization", token));
            assert_eq!(answer.problem(), "401 sign-in-needed", "{} {}", route.method, route.path);
        }
    }
    assert_eq!(server.admin().get("/services").json(200)["services"].as_array().map(Vec::len), Some(1));
    let public: Vec<_> = routes().into_iter().filter(|route| route.is_for_anybody).map(|r| r.path).collect();
    assert_eq!(public, ["/api/v1/sign-in"]);
}

#[test]
fn the_description_is_the_one_that_is_kept() {
    let server = Server::start();
    let served = server.ask(&Request::get("/api/openapi.json")).with(200);
    assert_eq!(served.header("content-type"), Some("application/json"));
    assert_eq!(served.text().trim(), include_str!("../../docs/openapi.json").trim());
}

#[test]
fn the_pages_about_it_are_for_everybody_and_need_nothing_from_elsewhere() {
    let server = Server::start();
    let page = server.ask(&Request::get("/api")).with(200).text();
    for route in routes() {
        assert!(page.contains(&route.path.replace("%20", " ")), "{} {}", route.method, route.path);
    }
    let problems = server.ask(&Request::get("/api/problems")).with(200);
    assert!(problems.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    let problem = server.ask(&Request::get("/api/v1/session"));
    let said: Value = serde_json::from_slice(&problem.body).unwrap();
    let (path, code) = said["type"].as_str().unwrap().split_once('#').unwrap();
    assert!(server.ask(&Request::get(path)).text().contains(&format!("id=\"{code}\"")));
    for page in [page, problems.text()] {
        assert!(!page.contains("=\"http") && !page.contains("=\"//"));
        assert!(page.contains("href=\"/static/api.css\""));
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
    for path in ["/api/", "/api/v2/session", "/api/v1", "/api/problems/unfit"] {
        let answer = server.ask(&signed(&person, Request::get(path)));
        assert_eq!(answer.status, 404, "{path}");
    }
    let routes = routes_with_token();
    for route in &routes {
        for method in ["PUT", "PATCH", "OPTIONS", "TRACE"] {
            if routes.iter().any(|other| other.path == route.path && other.method == method) {
                continue;
            }
            let answer = server.ask(&signed(&person, Request::new(method, &route.path).body("{}")));
            assert_eq!(answer.problem(), "405 method-not-allowed", "{method} {}", route.path);
        }
    }
    assert_eq!(server.ask(&request("GET", "/sign-in", "")).problem(), "405 method-not-allowed");
}

#[test]
fn what_cannot_be_read_is_refused_and_never_sent_back() {
    let server = Server::start();
    let person = server.administrator(ADA);
    server.service("mail", "mail");
    let mut takes_body = routes_with_token();
    takes_body.retain(|route| route.body_is_needed);
    assert!(takes_body.len() >= 7);
    let canary = "canary-in-the-request";
    let deep = "[".repeat(30_000);
    for route in &takes_body {
        let (place, good) =
            (format!("{} {}", route.method, route.path), route.body.as_ref().unwrap().to_string());
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
            good.replacen('{', &format!("{{\"unknown\": \"{canary}\", "), 1).into_bytes(),
            [b"\xff\xfe\0".as_slice(), good.as_bytes()].concat(),
            deep.clone().into_bytes(),
            (0..=255).collect(),
        ] {
            let answer = server.ask(&signed(&person, sent(route, &body)));
            let said = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
            assert_eq!(answer.problem(), "400 unreadable", "{place} {said}");
            assert!(!answer.text().contains(canary), "{}", answer.text());
        }
        let large = signed(&person, sent(route, "x".repeat(5_000_000)));
        assert_eq!(server.ask(&large).problem(), "413 too-large", "{place}");
    }
    for route in &takes_body {
        let good = route.body.as_ref().unwrap().to_string();
        let longest = sent(route, format!("{good}{}", " ".repeat(65_536 - good.len())));
        assert_ne!(server.ask(&signed(&person, longest)).status, 413, "{} {}", route.method, route.path);
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
