//! The lines that the server writes for its operator.

use serde_json::Value;

use crate::support::{Request, Server};

/// The lines about requests that were answered, by the id that the answer bore.
fn of_request<'a>(log: &'a str, id: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.contains(id)).collect()
}

#[test]
fn for_people_a_line_bears_the_id_of_its_request() {
    let server = Server::start();
    let id = server.ask(&Request::get("/sign-in")).header("x-request-id").unwrap().to_owned();
    let log = server.stop().err;
    let lines = of_request(&log, &id);
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains(&format!("request{{id={id}}}")), "{log}");
    assert!(lines[0].contains("INFO") && lines[0].contains("path=\"/sign-in\" status=200"), "{log}");
}

#[test]
fn for_programs_a_line_is_one_object() {
    let server = Server::start_with(&[("DOORKEY__LOG__FORMAT", "json")]);
    let id = server.ask(&Request::get("/sign-in")).header("x-request-id").unwrap().to_owned();
    let log = server.stop().err;
    let lines: Vec<Value> = log
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of_it: Vec<_> = lines.iter().filter(|line| line["span"]["id"] == id.as_str()).collect();
    assert_eq!(of_it.len(), 1, "{log}");
    assert_eq!(of_it[0]["level"], "INFO");
    assert_eq!((&of_it[0]["method"], &of_it[0]["path"]), (&"GET".into(), &"/sign-in".into()));
    assert_eq!(of_it[0]["status"], 200);
    assert!(lines.iter().any(|line| line["message"] == "stopping"), "{log}");
    // What is for people alone stays as it is: the link of the first start, and word of the key file.
    assert!(log.contains("/setup/") && log.contains("made the key file"), "{log}");
}

#[test]
fn the_level_is_what_was_set_and_the_environment_wins() {
    let log = |settings: &[(&str, &str)]| {
        let server = Server::start_with(settings);
        server.ask(&Request::get("/sign-in"));
        server.stop().err
    };
    assert!(!log(&[("DOORKEY__LOG__LEVEL", "warn")]).contains("/sign-in"));
    assert!(log(&[("DOORKEY__LOG__LEVEL", "warn"), ("RUST_LOG", "info")]).contains("/sign-in"));
    assert!(!log(&[("DOORKEY__LOG__LEVEL", "trace"), ("RUST_LOG", "warn")]).contains("/sign-in"));
    let server = Server::new(&[]);
    let refused = server.refuses_to_start(&[("DOORKEY__LOG__LEVEL", "loud")]);
    refused.with(2).said("DOORKEY__LOG__LEVEL").said("error, warn, info, debug and trace");
}
