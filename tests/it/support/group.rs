//! Groups, as an administrator on the server's machine makes and changes them.

use serde_json::json;

use super::Server;

/// Makes a group, and puts these people into it.
#[track_caller]
pub fn group(server: &Server, name: &str, people: &[&str]) {
    server.admin().post("/groups", &json!({ "name": name })).with(201);
    for id in people {
        join(server, name, id);
    }
}

/// Puts somebody into a group.
#[track_caller]
pub fn join(server: &Server, group: &str, id: &str) {
    server.admin().put(&format!("/groups/{group}/members/{id}")).with(204);
}

/// Takes somebody out of a group.
#[track_caller]
pub fn leave(server: &Server, group: &str, id: &str) {
    server.admin().delete(&format!("/groups/{group}/members/{id}")).with(204);
}
