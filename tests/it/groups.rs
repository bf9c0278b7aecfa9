//! Groups of people, and services that are kept to some of them.

use serde_json::{Value, json};

use crate::support::{Person, Server};

const ADA: &str = "ada@example.org";
const EVE: &str = "eve@example.org";

/// Makes a group, and puts these people into it.
#[track_caller]
fn group(server: &Server, name: &str, people: &[&str]) {
    server.admin().post("/groups", &json!({ "name": name })).with(201);
    for id in people {
        join(server, name, id);
    }
}

#[track_caller]
fn join(server: &Server, group: &str, id: &str) {
    server.admin().put(&format!("/groups/{group}/members/{id}")).with(204);
}

#[track_caller]
fn leave(server: &Server, group: &str, id: &str) {
    server.admin().delete(&format!("/groups/{group}/members/{id}")).with(204);
}

/// The IDs of those in a group.
#[track_caller]
fn members(server: &Server, group: &str) -> Vec<String> {
    let answer = server.admin().get(&format!("/groups/{group}/members")).json(200);
    answer["members"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_administrator_makes_fills_empties_and_removes_groups() {
    let server = Server::start();
    let (admin, eve) = (server.administrator(ADA), server.person(EVE));
    assert_eq!(admin.api.get("/groups").json(200), json!({ "groups": [] }));
    let made = admin.api.post("/groups", &json!({ "name": " Staff " })).json(201);
    assert!(made["id"].as_str().unwrap().starts_with("grp_"));
    let expected = json!({
        "id": made["id"], "name": "staff", "created_at": made["created_at"], "members": 0, "services": [],
    });
    assert_eq!(made, expected);
    assert_eq!(admin.api.get("/groups/staff").json(200), made);
    for _ in 0..2 {
        admin.api.put("/groups/Staff/members/EVE@example.org").with(204);
    }
    admin.api.put(&format!("/groups/staff/members/{ADA}")).with(204);
    let found = admin.api.get("/groups/staff/members").json(200);
    assert_eq!(members(&server, "staff"), [ADA, EVE]);
    assert_eq!(
        (&found["next"], &found["members"][1]["display_name"]),
        (&Value::Null, &json!("Ada Lovelace"))
    );
    assert_eq!(admin.api.get("/groups/staff/members?after=b").json(200)["members"][0]["name"], EVE);
    assert_eq!(admin.api.get("/groups").json(200)["groups"][0]["members"], 2);
    leave(&server, "staff", ADA);
    let again = admin.api.delete(&format!("/groups/staff/members/{ADA}"));
    assert_eq!(again.problem(), "404 not-found account");
    server.restart();
    assert_eq!(members(&server, "staff"), [EVE]);
    admin.api.delete("/groups/staff").with(204);
    assert_eq!(admin.api.delete("/groups/staff").problem(), "404 not-found");
    assert_eq!(admin.api.get("/groups").json(200), json!({ "groups": [] }));
    // Each is told to the person whom it is about, once.
    let told = |what| eve.told(what).into_iter().map(|event| event["sentence"].clone()).collect::<Vec<_>>();
    assert_eq!(told("group_joined"), ["An administrator put you into the group staff."]);
    assert_eq!(told("group_left"), ["An administrator took you out of the group staff."]);
    assert_eq!(eve.told("group_left")[0]["name"], "staff");
    // A new group of an old name is another one.
    group(&server, "staff", &[]);
    assert_eq!(members(&server, "staff"), [""; 0]);
}

#[test]
fn what_can_name_no_group_is_refused_with_what_to_write() {
    let server = Server::start();
    let admin = server.admin();
    group(&server, "staff", &[]);
    for name in [
        "", " ", "-a", ".", "..", "_a", "a b", "a,b", "cn=a", "a+b", "a/b", "a\\b", "a\"b", "a#b", "a;b",
        "<a>",
    ]
    .into_iter()
    .chain([
        "a?b",
        "a%2fb",
        "a&b",
        "a:b",
        "a@b",
        "a*b",
        "(a)",
        "ä",
        "a\u{212a}",
        "a\0b",
        "a\nb",
        &"a".repeat(65),
    ]) {
        let refused = admin.post("/groups", &json!({ "name": name }));
        assert_eq!(refused.problem(), "422 unfit name", "{name:?}");
    }
    let refused = admin.post("/groups", &json!({ "name": "cn=staff" })).json_problem();
    let detail = "That can't be the name: '=' can't be in a group's name: use a to z, 0 to 9, hyphen, underscore and dot.";
    assert_eq!(refused["detail"], detail);
    assert_eq!(admin.post("/groups", &json!({ "name": "STAFF" })).problem(), "409 conflict name");
    assert_eq!(admin.post("/groups", &json!({})).problem(), "400 unreadable");
    for name in ["nothing", "cn=staff", "%00", "%2e%2e", "a%20b", &"x".repeat(10_000)] {
        let path = format!("/groups/{name}");
        assert_eq!(admin.get(&path).problem(), "404 not-found", "{name}");
        assert_eq!(admin.delete(&path).problem(), "404 not-found", "{name}");
        assert_eq!(admin.get(&format!("{path}/members")).problem(), "404 not-found", "{name}");
        assert_eq!(admin.put(&format!("{path}/members/{ADA}")).problem(), "404 not-found", "{name}");
    }
    for id in ["nobody@example.org", "nobody", "%00", "a%2fb@x.org", &"x".repeat(10_000)] {
        let path = format!("/groups/staff/members/{id}");
        assert_eq!(admin.put(&path).problem(), "404 not-found account", "{id}");
        assert_eq!(admin.delete(&path).problem(), "404 not-found account", "{id}");
    }
    for name in ["a", "2", "a.b-c_d", &"x".repeat(64)] {
        group(&server, name, &[]);
        admin.get(&format!("/groups/{name}")).with(200);
    }
}

#[test]
fn groups_are_for_administrators_and_changes_for_those_freshly_shown() {
    let server = Server::start();
    let (admin, other) = (server.administrator(ADA), server.person(EVE));
    group(&server, "staff", &[EVE]);
    let ways = |person: &Person<'_>| {
        [
            person.api.get("/groups").status,
            person.api.get("/groups/staff").status,
            person.api.get("/groups/staff/members").status,
            person.api.post("/groups", &json!({ "name": "more" })).status,
            person.api.put(&format!("/groups/staff/members/{ADA}")).status,
            person.api.delete(&format!("/groups/staff/members/{EVE}")).status,
            person.api.delete("/groups/staff").status,
        ]
    };
    assert_eq!(ways(&other), [403; 7]);
    assert_eq!(other.api.get("/groups").problem(), "403 not-allowed");
    server.clock.move_by(601);
    assert_eq!(ways(&admin), [200, 200, 200, 403, 403, 403, 403]);
    assert_eq!(admin.api.delete("/groups/staff").problem(), "403 confirmation-needed");
    assert_eq!(members(&server, "staff"), [EVE]);
}
