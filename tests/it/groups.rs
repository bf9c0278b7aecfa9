//! Groups of people, and services that are kept to some of them.

use serde_json::{Value, json};

use crate::support::{Done, Person, Server, group, leave};

const ADA: &str = "ada@example.org";
const EVE: &str = "eve@example.org";

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
    // A new group of an old name is another one, with nobody in it.
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

#[test]
fn a_group_that_a_service_names_is_not_removed() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    server.service("dav", "contacts");
    server.service("mail", "mail");
    group(&server, "staff", &[ADA]);
    for service in ["mail", "dav"] {
        admin.api.patch(&format!("/services/{service}"), &json!({ "groups": ["staff"] })).with(200);
    }
    assert_eq!(admin.api.get("/groups/staff").json(200)["services"], json!(["dav", "mail"]));
    let refused = admin.api.delete("/groups/staff");
    assert_eq!(refused.problem(), "409 conflict");
    let detail = "staff is one of the groups that may use dav and mail. Take it from those services first, then remove it.";
    assert_eq!(refused.json_problem()["detail"], detail);
    assert_eq!(members(&server, "staff"), [ADA], "nobody has left");
    let mut browser = admin.browser();
    assert!(browser.get("/groups/at/staff/remove").text(409).contains("dav and mail"));
    let page = browser.get("/groups/at/staff").text(200);
    assert!(
        !page.contains("/groups/at/staff/remove")
            && page.contains("It can be removed once no service names it")
    );
    admin.api.delete("/services/dav").with(204);
    admin.api.patch("/services/mail", &json!({ "groups": [] })).with(200);
    admin.api.delete("/groups/staff").with(204);
}

#[test]
fn pages_make_a_group_and_put_people_in_and_out() {
    let server = Server::start();
    let (admin, _eve) = (server.administrator(ADA), server.person(EVE));
    let mut browser = admin.browser();
    assert!(browser.get("/groups").text(200).contains("No groups yet"));
    let bad = browser.submit("/groups/add", &[("name", "cn=staff")]);
    assert!(bad.text(422).contains("id=\"name-error\"") && bad.text(422).contains("value=\"cn=staff\""));
    assert_eq!(browser.submit("/groups/add", &[("name", "Staff")]).goes_to(), "/groups/at/staff");
    assert!(browser.get("/groups/at/staff").text(200).contains("The group staff is made."));
    assert!(
        browser
            .submit("/groups/add", &[("name", "staff")])
            .text(409)
            .contains("There is already a group staff.")
    );
    let nobody = browser.submit("/groups/at/staff", &[("account", "<b>@example.org")]);
    assert!(nobody.text(422).contains("id=\"account-error\""));
    assert!(nobody.text(422).contains("value=\"&#60;b&#62;@example.org\""));
    assert_eq!(browser.submit("/groups/at/staff", &[("account", EVE)]).goes_to(), "/groups/at/staff");
    let page = browser.get("/groups/at/staff").text(200);
    assert!(page.contains("eve@example.org is in staff now.") && page.contains("1 person."));
    // What they lose is said first: a service that another group of theirs may use isn't lost.
    group(&server, "board", &[EVE]);
    for (service, groups) in
        [("dav", json!(["staff"])), ("mail", json!(["staff", "board"])), ("web", json!(["board"]))]
    {
        server.service(service, "other");
        admin.api.patch(&format!("/services/{service}"), &json!({ "groups": groups })).with(200);
    }
    let leave = "/groups/at/staff/leave/eve%40example%2Eorg";
    assert!(browser.get("/groups/at/staff").text(200).contains(&format!("href=\"{leave}\"")));
    let asked = browser.get(leave).text(200);
    assert!(
        asked.contains("Their apps can no longer sign in to dav, from the next time they ask."),
        "{asked}"
    );
    let list = browser.get("/groups").text(200);
    assert!(list.contains("may use dav and mail") && list.contains("1 person"));
    assert_eq!(browser.submit(leave, &[]).goes_to(), "/groups/at/staff");
    let page = browser.get("/groups/at/staff").text(200);
    assert!(page.contains("eve@example.org is no longer in staff.") && page.contains("nobody."));
    assert_eq!(browser.get(leave).status(), 404);
    let token = browser.get("/groups").form_token();
    assert_eq!(browser.post(leave, &[("form_token", &token)]).goes_to(), "/groups/at/staff");
    assert!(browser.get("/groups/at/staff").text(200).contains("isn&#39;t in staff"));
    group(&server, "gone", &[EVE]);
    assert!(browser.get("/groups/at/gone/remove").text(200).contains("1 person belonged to it"));
    assert_eq!(browser.submit("/groups/at/gone/remove", &[]).goes_to(), "/groups");
    assert!(browser.get("/groups").text(200).contains("The group gone is removed."));
    for path in
        ["/groups/at/nothing", "/groups/at/nothing/remove", "/groups/at/%00", "/groups/at/staff/leave/x"]
    {
        assert_eq!(browser.get(path).status(), 404, "{path}");
    }
}

#[test]
fn what_was_typed_outlives_confirming_who_one_is() {
    let server = Server::start();
    let (admin, _eve) = (server.administrator(ADA), server.person(EVE));
    group(&server, "staff", &[]);
    let mut browser = admin.browser();
    server.clock.move_by(601);
    let page = browser.submit("/groups/at/staff", &[("account", EVE)]);
    let confirm = page.goes_to().to_owned();
    assert!(confirm.starts_with("/sign-in/confirm?next="), "{confirm}");
    let back = browser.submit(&confirm, &[("code", &admin.code())]).goes_to().to_owned();
    assert_eq!(members(&server, "staff"), [""; 0]);
    let page = browser.get(&back);
    assert!(page.text(200).contains("value=\"eve@example.org\""), "{back}");
    assert_eq!(
        browser.submit_from(&page, "/groups/at/staff", &[("account", EVE)]).goes_to(),
        "/groups/at/staff"
    );
    assert_eq!(members(&server, "staff"), [EVE]);
}

#[test]
fn members_are_listed_page_by_page() {
    let server = Server::start();
    let admin = server.administrator(ADA);
    group(&server, "staff", &[ADA]);
    server.stop();
    let people = (1..=1100).map(|n| {
        format!(
            "INSERT INTO accounts (id, name, display_name, administrator, state, password_sealed,
                 password_changed_at, created_at)
             SELECT 'acc_{n:032x}', 'p{n:04}@example.org', 'Somebody', 0, 'active', password_sealed,
                 password_changed_at, created_at FROM accounts WHERE name = '{ADA}';
             INSERT INTO group_members SELECT id, 'acc_{n:032x}', 0 FROM groups;"
        )
    });
    server.change_data(&format!("BEGIN; {} COMMIT;", people.collect::<String>()));
    server.start_again();
    let mut browser = admin.browser();
    let (mut path, mut seen) = ("/groups/at/staff".to_owned(), Vec::new());
    loop {
        let page = browser.get(&path);
        let text = page.text(200);
        assert!(text.contains("1101 people."));
        let ids: Vec<_> = text
            .split("<p class=\"row-what\">")
            .skip(1)
            .map(|row| row.split('<').next().unwrap().to_owned())
            .collect();
        assert!(ids.len() <= 50);
        seen.extend(ids);
        if !text.contains("rel=\"next\"") {
            break;
        }
        path = format!("/groups/at/staff?after={}", page.between("href=\"/groups/at/staff?after=", "\""));
    }
    assert_eq!((seen.len(), seen[0].as_str()), (1101, ADA));
    assert!(seen.is_sorted());
    let first = admin.api.get("/groups/staff/members").json(200);
    assert_eq!(
        (first["members"].as_array().unwrap().len(), &first["next"]),
        (1000, &json!("p0999@example.org"))
    );
    let rest = admin.api.get("/groups/staff/members?after=p0999@example.org").json(200);
    assert_eq!((rest["members"].as_array().unwrap().len(), &rest["next"]), (101, &Value::Null));
    // All of them leave with the group, each told in the log, and doors answer on.
    admin.api.delete("/groups/staff").with(204);
    assert_eq!(admin.told("group_left").len(), 1);
    server.stop();
    let left = "SELECT COUNT(*) FROM events WHERE what LIKE '%\"group_left\"%'";
    assert_eq!(server.data_says::<i64>(left), 1101);
    assert_eq!(server.data_says::<i64>("SELECT COUNT(*) FROM group_members"), 0);
}

#[test]
fn the_command_line_does_what_the_pages_do() {
    let server = Server::start();
    server.person(EVE);
    let run = |arguments: &[&str]| Done::of(&mut server.command(arguments), "");
    assert!(run(&["admin", "group", "list"]).with(0).out.starts_with("There are no groups."));
    assert!(run(&["admin", "group", "add", "Staff"]).with(0).out.starts_with("Made the group staff."));
    let refused = run(&["admin", "group", "add", "ou=staff"]).with(1);
    assert!(refused.err.contains("'=' can't be in a group's name"), "{}", refused.err);
    run(&["admin", "group", "join", "staff", EVE]).with(0);
    assert!(run(&["admin", "group", "members", "staff"]).with(0).out.contains(EVE));
    assert_eq!(run(&["admin", "group", "list", "--json"]).json()["groups"][0]["members"], 1);
    run(&["admin", "service", "add", "dav", "--kind", "contacts", "--group", "staff"]).with(0);
    assert!(run(&["admin", "service", "list"]).with(0).out.contains("staff"));
    run(&["admin", "group", "remove", "staff"]).with(1).said("Take it from that service first");
    let set = run(&["admin", "service", "set", "dav", "--kind", "calendars,contacts", "--everyone"]).with(0);
    assert_eq!(set.out, "dav holds contacts, calendars now. Who may use it: everyone.\n");
    let set = run(&["admin", "service", "set", "dav", "--group", "staff", "--json"]).json();
    assert_eq!((&set["groups"], &set["kinds"]), (&json!(["staff"]), &json!(["contacts", "calendars"])));
    run(&["admin", "service", "set", "dav"]).with(2);
    run(&["admin", "service", "set", "dav", "--group", "staff", "--everyone"]).with(2);
    // A name that was forgotten never means everyone.
    run(&["admin", "service", "set", "dav", "--group", ""]).with(1);
    run(&["admin", "group", "leave", "staff", EVE]).with(0);
    run(&["admin", "group", "leave", "staff", EVE]).with(1).said("isn't in staff");
    run(&["admin", "service", "remove", "dav"]).with(0);
    // The same where no server runs.
    server.stop();
    run(&["admin", "group", "remove", "staff"]).with(0);
    run(&["admin", "group", "remove", "staff"]).with(1).said("There is no group of this name.");
}

#[test]
fn somebody_joins_and_leaves_on_their_own_page() {
    let server = Server::start();
    let (ada, _eve) = (server.administrator(ADA), server.person("eve@example.org"));
    let page = "/people/at/eve@example.org";
    let mut browser = ada.browser();
    assert!(browser.get(page).text(200).contains("Add a group</a> to keep services"));
    for name in ["staff", "board"] {
        server.admin().post("/groups", &json!({ "name": name })).with(201);
    }
    let shown = browser.submit(page, &[("do", "join"), ("group", "")]);
    assert!(shown.text(422).contains("Choose a group."));
    let joined = browser.submit(page, &[("do", "join"), ("group", "staff")]);
    let place = joined.goes_to();
    let shown = browser.get(place).text(200);
    assert!(shown.contains("eve@example.org is in staff now."), "{shown}");
    assert!(
        !shown.contains("<option value=\"staff\">") && shown.contains("<option value=\"board\">"),
        "{shown}"
    );
    let listed = server.admin().get("/groups/staff/members").json(200);
    assert_eq!(listed["members"].as_array().unwrap().len(), 1);
    // A group that somebody else removed meanwhile.
    server.admin().delete("/groups/board").with(204);
    let gone = browser.submit(page, &[("do", "join"), ("group", "board")]);
    assert!(gone.text(422).contains("There is no group board any more."));

    let leave = "/groups/at/staff/leave/eve%40example%2Eorg?to=person";
    assert!(browser.get(place).text(200).contains(&format!("href=\"{leave}\"")));
    let asked = browser.get(leave).text(200);
    assert!(asked.contains("href=\"/people/at/eve%40example%2Eorg\""), "{asked}");
    let left = browser.submit(leave, &[]);
    assert!(left.goes_to().starts_with("/people/at/"));
    let shown = browser.get(left.goes_to()).text(200);
    assert!(shown.contains("eve@example.org is no longer in staff."), "{shown}");
    let mut hers = server.person("grace@example.org").browser();
    assert_eq!(hers.get(page).status(), 403);
}
