//! What watches the server asks it, and what the service manager is told.

use std::{fs::OpenOptions, os::unix::net::UnixDatagram};

use serde_json::json;

use crate::support::{Address, Request, Server, until};

const PATHS: [&str; 3] = ["/health/started", "/health/live", "/health/ready"];

#[test]
fn a_server_that_is_well_says_so_to_everybody_wherever_it_listens() {
    let server = Server::start_with(&[("DOORKEY__METRICS__LISTEN", "127.0.0.1:0")]);
    for address in [server.address(), server.metrics().unwrap()] {
        for path in PATHS {
            let said = address.ask(&Request::get(path));
            assert_eq!(said.header("cache-control"), Some("no-store"));
            assert_eq!(said.header("set-cookie"), None);
            let said = said.json(200);
            assert_eq!(said["status"], "ok");
            let checks = said["checks"].as_object().unwrap();
            assert!(checks.values().all(|check| check == "ok"), "{said}");
            let without_body = address.ask(&Request::new("HEAD", path));
            assert_eq!((without_body.status, without_body.body.len()), (200, 0));
            assert_eq!(address.ask(&Request::new("POST", path)).status, 405);
        }
    }
    let ready = server.ask(&Request::get("/health/ready")).json(200);
    assert_eq!(
        ready["checks"],
        json!({ "start": "ok", "doors": "ok", "store": "ok", "stop": "ok", "changes": "ok" })
    );
    assert!(!server.stop().err.contains("/health"), "being watched fills no log");
}

#[test]
fn without_its_database_it_lives_and_is_not_ready() {
    let server = Server::start_in_a_file();
    let ready = |address: &Address| address.ask(&Request::get("/health/ready"));
    assert_eq!(ready(&server.address()).status, 200);
    OpenOptions::new().write(true).truncate(true).open(server.data().join("doorkey.db")).unwrap();
    // What each connection remembers of the file holds until something was written.
    let _ = server.admin().post("/services", &json!({ "name": "mail", "kinds": ["mail"] }));
    until(|| ready(&server.address()).status == 503);
    assert_eq!(ready(&server.address()).json(503)["status"], "failing");
    assert_eq!(server.ask(&Request::get("/health/live")).status, 200);
    assert_eq!(server.ask(&Request::get("/health/started")).status, 200);
}

#[test]
fn the_service_manager_is_told_when_it_is_ready_lives_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    let hears = || {
        let mut heard = [0; 64];
        let length = manager.recv(&mut heard).unwrap();
        String::from_utf8_lossy(&heard[..length]).into_owned()
    };
    let socket = socket.display().to_string();
    let server = Server::start_with(&[("NOTIFY_SOCKET", &socket), ("WATCHDOG_USEC", "200000")]);
    let mut first = vec![hears(), hears(), hears()];
    first.sort();
    first.dedup();
    assert_eq!(first, ["READY=1", "WATCHDOG=1"]);
    server.stop().with(0);
    let last = (0..1000).map(|_| hears()).find(|heard| heard != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
}
