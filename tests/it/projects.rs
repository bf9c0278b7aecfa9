//! Projects: making, changing, handing over and removing them, and who may do what in them.

use serde_json::{Value, json};

use crate::support::{Answer, Building, Made, Person, Server, race};

const ADA: &str = "ada@example.org";
const GRACE: &str = "grace@example.org";
const LINUS: &str = "linus@example.org";
const EVE: &str = "eve@example.org";
const NORTHWIND: &str = "/projects/Northwind%20iOS";

/// Makes a project, and gives its id.
#[track_caller]
pub fn project(owner: &Person<'_>, name: &str) -> String {
    let made = owner.api.post("/projects", &json!({ "name": name })).json(201);
    made["id"].as_str().unwrap().to_owned()
}

/// Takes somebody into the team by an invitation that they accept.
#[track_caller]
pub fn joins(admin: &Person<'_>, project: &str, who: &Person<'_>, role: &str) {
    let made = invite(admin, project, &who.id, role).json(201);
    who.api.post("/project-invitations/accept", &json!({ "link": made["link"] })).with(200);
}

pub fn invite(admin: &Person<'_>, project: &str, id: &str, role: &str) -> Answer {
    admin.api.post(&format!("/projects/{project}/invitations"), &json!({ "id": id, "role": role }))
}

/// Who is in the team, as what.
#[track_caller]
pub fn team(reader: &Person<'_>, project: &str) -> Vec<String> {
    let answer = reader.api.get(&format!("/projects/{project}/members")).json(200);
    let members = answer["members"].as_array().unwrap().iter();
    members
        .map(|one| format!("{} {}", one["name"].as_str().unwrap(), one["role"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_project_is_made_found_changed_and_removed() {
    let server = Server::start();
    let ada = server.person(ADA);
    assert_eq!(ada.api.get("/projects").json(200), json!({ "projects": [] }));
    let made = ada.api.post("/projects", &json!({ "name": " Northwind iOS " })).json(201);
    let expected = json!({
        "id": made["id"], "name": "Northwind iOS", "role": "owner", "build_minutes": 120, "created_at": made["created_at"],
    });
    assert_eq!(made, expected);
    assert!(made["id"].as_str().unwrap().starts_with("prj_"));
    for way in
        [NORTHWIND, "/projects/northwind%20IOS", &format!("/projects/{}", made["id"].as_str().unwrap())]
    {
        assert_eq!(ada.api.get(way).json(200), made, "{way}");
    }
    let again = ada.api.post("/projects", &json!({ "name": "NORTHWIND ios" }));
    assert_eq!(again.problem(), "409 conflict name");
    let changed = ada.api.patch(NORTHWIND, &json!({ "name": "northwind iOS", "build_minutes": 5 })).json(200);
    assert_eq!((&changed["name"], &changed["build_minutes"]), (&json!("northwind iOS"), &json!(5)));
    ada.api.patch(NORTHWIND, &json!({ "build_minutes": 5 })).with(200);
    ada.api.patch(NORTHWIND, &json!({})).with(200);
    let told = ada.told("project_changed");
    assert_eq!(told.len(), 1, "what is so already isn't told: {told:?}");
    assert_eq!(
        told[0]["sentence"],
        "You set that the project is called northwind iOS, and that its builds last at most 5 minutes."
    );
    project(&ada, "Other");
    assert_eq!(
        ada.api.patch("/projects/Other", &json!({ "name": "northwind IOS" })).problem(),
        "409 conflict name"
    );
    ada.api.delete(NORTHWIND).with(204);
    assert_eq!(ada.api.delete(NORTHWIND).problem(), "404 not-found");
    assert_eq!(ada.api.get("/projects").json(200)["projects"].as_array().unwrap().len(), 1);
    project(&ada, "Northwind iOS");
}

#[test]
fn what_can_name_no_project_and_times_out_of_bounds_are_refused() {
    let server = Server::start();
    let ada = server.person(ADA);
    let id = project(&ada, "Northwind iOS");
    for name in
        ["", "  ", "a\nb", "a\0b", "\u{202e}a", &"x".repeat(101), &id, "prj_0196a3b2c4d57e6f8091a2b3c4d5e6f7"]
    {
        let refused = ada.api.post("/projects", &json!({ "name": name }));
        assert_eq!(refused.problem(), "422 unfit name", "{name:?}");
        assert_eq!(
            ada.api.patch(NORTHWIND, &json!({ "name": name })).problem(),
            "422 unfit name",
            "{name:?}"
        );
    }
    for minutes in [0, 4, 1441, u32::MAX] {
        let body = json!({ "name": "New", "build_minutes": minutes });
        assert_eq!(ada.api.post("/projects", &body).problem(), "422 unfit build_minutes", "{minutes}");
    }
    for body in [
        json!({}),
        json!({ "name": 1 }),
        json!({ "name": "a", "build_minutes": -1 }),
        json!({ "name": "a", "x": 1 }),
    ] {
        assert_eq!(ada.api.post("/projects", &body).problem(), "400 unreadable", "{body}");
    }
    // Names are people's own words.
    for name in ["<b>&amp;</b>", "דואר", "a/b?c#d", "..", "100%"] {
        let id = project(&ada, name);
        assert_eq!(ada.api.get(&format!("/projects/{id}")).json(200)["name"], name);
        let path = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
        assert_eq!(ada.api.get(&format!("/projects/{path}")).json(200)["id"], id.as_str(), "{name}");
        let mut browser = ada.browser();
        assert!(browser.get(&format!("/projects/{id}")).text(200).contains("<h1>"));
    }
    for typed in ["nothing", "prj_0196a3b2c4d57e6f8091a2b3c4d5e6f7", "%00", "prj_x", &"x".repeat(5_000)] {
        assert_eq!(ada.api.get(&format!("/projects/{typed}")).problem(), "404 not-found", "{typed}");
    }
}

#[test]
fn nobody_owns_more_projects_than_there_can_be() {
    let server = Server::start();
    let ada = server.person(ADA);
    for n in 0..100 {
        project(&ada, &format!("Project {n}"));
    }
    let refused = ada.api.post("/projects", &json!({ "name": "One more" }));
    assert_eq!(refused.problem(), "409 conflict");
    assert!(refused.json_problem()["detail"].as_str().unwrap().starts_with("You own 100 projects"));
    ada.api.delete("/projects/Project%207").with(204);
    project(&ada, "One more");
}

/// What each may do, by every route: those who may not are told so, and strangers that there is nothing.
#[test]
fn each_role_opens_what_it_should_and_nothing_else() {
    let server = Server::start();
    let people: Vec<_> = [ADA, GRACE, LINUS, "vera@example.org"].map(|id| server.person(id)).into();
    let stranger = server.administrator(EVE);
    let id = project(&people[0], "Northwind iOS");
    for (person, role) in people[1..].iter().zip(["admin", "developer", "viewer"]) {
        joins(&people[0], &id, person, role);
    }
    let at = |tail: &str| format!("/projects/{id}{tail}");
    let con = "con_0196a3b2c4d57e6f8091a2b3c4d5e6f7";
    let inv = "inv_0196a3b2c4d57e6f8091a2b3c4d5e6f7";
    let role = json!({ "role": "viewer" });
    let member = at("/members/vera@example.org");
    // What the owner, an admin, a developer and a viewer are answered.
    let table: Vec<(&str, String, Option<Value>, [&str; 4])> = vec![
        ("GET", at(""), None, ["200"; 4]),
        ("GET", at("/members"), None, ["200"; 4]),
        ("GET", at("/connections"), None, ["200"; 4]),
        ("GET", at("/invitations"), None, ["200", "200", "403", "403"]),
        (
            "POST",
            at("/invitations"),
            Some(json!({ "id": "x@x.org", "role": "viewer" })),
            ["201", "201", "403", "403"],
        ),
        ("POST", at(&format!("/invitations/{inv}/renew")), None, ["404", "404", "403", "403"]),
        ("DELETE", at(&format!("/invitations/{inv}")), None, ["404", "404", "403", "403"]),
        ("PATCH", member, Some(role), ["200", "200", "403", "403"]),
        ("DELETE", at("/members/nobody@example.org"), None, ["404", "404", "403", "403"]),
        (
            "PUT",
            at("/connections/api_key"),
            Some(json!({ "connection": null })),
            ["204", "204", "403", "403"],
        ),
        ("PUT", at("/connections/api_key"), Some(json!({ "connection": con })), ["409", "409", "403", "403"]),
        ("PUT", at(&format!("/offers/{con}")), None, ["404", "404", "403", "403"]),
        ("DELETE", at(&format!("/offers/{con}")), None, ["404"; 4]),
        ("PATCH", at(""), Some(json!({ "build_minutes": 60 })), ["200", "403", "403", "403"]),
        ("PUT", at("/owner"), Some(json!({ "account": "nobody@example.org" })), ["404", "403", "403", "403"]),
        ("DELETE", at(""), None, ["204", "403", "403", "403"]),
    ];
    // The last first, so that the owner's removing comes at the very end.
    for (n, person) in people.iter().enumerate().rev() {
        for (method, path, body, expected) in &table {
            let answer = person.api.send(method, path, body.as_ref());
            assert_eq!(
                answer.status.to_string(),
                expected[n],
                "{} {method} {path}: {}",
                person.id,
                answer.text()
            );
            if answer.status == 403 {
                assert_eq!(answer.problem(), "403 role-needed", "{method} {path}");
            }
            if n > 0 {
                let strange = stranger.api.send(method, path, body.as_ref());
                assert_eq!(strange.problem(), "404 not-found", "{method} {path}");
            }
        }
    }
}

#[test]
fn what_gives_away_needs_somebody_freshly_shown_and_what_takes_back_does_not() {
    let server = Server::start();
    let (ada, grace) = (server.person(ADA), server.person(GRACE));
    let id = project(&ada, "Northwind iOS");
    joins(&ada, &id, &grace, "developer");
    invite(&ada, &id, EVE, "viewer").with(201);
    server.clock.move_by(601);
    let con = "con_0196a3b2c4d57e6f8091a2b3c4d5e6f7";
    for (method, tail, body) in [
        ("POST", "/invitations", json!({ "id": EVE, "role": "viewer" })),
        ("PATCH", "/members/grace@example.org", json!({ "role": "admin" })),
        ("PUT", "/connections/api_key", json!({ "connection": con })),
        ("PUT", &format!("/offers/{con}"), Value::Null),
        ("PUT", "/owner", json!({ "account": GRACE })),
        ("DELETE", "", Value::Null),
    ] {
        let answer = ada.api.send(method, &format!("/projects/{id}{tail}"), Some(&body));
        assert_eq!(answer.problem(), "403 confirmation-needed", "{method} {tail}");
    }
    let open = ada.api.get(&format!("/projects/{id}/invitations")).json(200);
    let invitation = open["invitations"][0]["id"].as_str().unwrap();
    ada.api.delete(&format!("/projects/{id}/invitations/{invitation}")).with(204);
    ada.api.delete(&format!("/projects/{id}/members/{GRACE}")).with(204);
    assert_eq!(team(&ada, &id), ["ada@example.org owner"]);
}

#[test]
fn an_admin_without_a_second_factor_lets_nobody_and_nothing_in() {
    let server = Server::start();
    let (ada, grace) = (server.person(ADA), server.person_without_second_factor(GRACE));
    let id = project(&ada, "Northwind iOS");
    joins(&ada, &id, &grace, "admin");
    let con = "con_0196a3b2c4d57e6f8091a2b3c4d5e6f7";
    for (method, tail, body) in [
        ("POST", "/invitations", json!({ "id": EVE, "role": "viewer" })),
        ("PUT", "/connections/api_key", json!({ "connection": con })),
        ("PUT", &format!("/offers/{con}"), Value::Null),
        ("POST", "/tokens", json!({ "label": "Jenkins" })),
    ] {
        let answer = grace.api.send(method, &format!("/projects/{id}{tail}"), Some(&body));
        assert_eq!(answer.problem(), "409 two-factor-needed", "{method} {tail}");
    }
    // What takes something back is theirs too.
    invite(&ada, &id, EVE, "viewer").with(201);
    let open = grace.api.get(&format!("/projects/{id}/invitations")).json(200);
    let invitation = open["invitations"][0]["id"].as_str().unwrap();
    grace.api.delete(&format!("/projects/{id}/invitations/{invitation}")).with(204);
}

#[test]
fn a_token_says_who_made_it_and_that_they_may_have_a_copy() {
    let server = Server::start();
    let (ada, grace) = (server.person(ADA), server.person(GRACE));
    let id = project(&ada, "Northwind iOS");
    joins(&ada, &id, &grace, "admin");
    let tokens = format!("/projects/{id}/tokens");
    let made = grace.api.post(&tokens, &json!({ "label": "Jenkins" })).json(201);
    assert_eq!((&made["made_by"], &made["maker_administers"]), (&json!(GRACE), &json!(true)));
    ada.api.delete(&format!("/projects/{id}/members/{GRACE}")).with(204);
    let listed = ada.api.get(&tokens).json(200);
    assert_eq!(listed["tokens"][0]["maker_administers"], false);
    let page = ada.browser().get(&format!("/projects/{id}/integrations")).text(200);
    assert!(page.contains("by grace@example.org, no admin here any more"), "{page}");
}

#[test]
fn no_personal_token_opens_a_project() {
    let server = Server::start();
    let ada = server.person(ADA);
    let id = project(&ada, "Northwind iOS");
    let made = ada
        .api
        .post("/tokens", &json!({ "label": "All", "scopes": ["read", "revoke"], "expires": "30d" }))
        .json(201);
    let token = server.api(made["token"].as_str().unwrap());
    for path in ["/projects".to_owned(), format!("/projects/{id}"), format!("/projects/{id}/connections")] {
        assert_eq!(token.get(&path).problem(), "403 not-with-token", "{path}");
    }
}

#[test]
fn a_project_is_handed_over_and_its_owner_stays_as_an_admin() {
    let server = Server::start();
    let (ada, grace) = (server.person(ADA), server.person(GRACE));
    let id = project(&ada, "Northwind iOS");
    joins(&ada, &id, &grace, "viewer");
    assert_eq!(ada.api.post(&format!("/projects/{id}/leave"), &Value::Null).problem(), "409 conflict");
    let owner = format!("/projects/{id}/owner");
    let to = |who: &str| ada.api.send("PUT", &owner, Some(&json!({ "account": who })));
    assert_eq!(to(ADA).problem(), "409 conflict account");
    assert_eq!(to(EVE).problem(), "404 not-found account");
    to(GRACE).with(204);
    assert_eq!(team(&ada, &id), ["ada@example.org admin", "grace@example.org owner"]);
    assert_eq!(to(ADA).problem(), "403 role-needed");
    let told = grace.told("member_role_changed");
    assert_eq!(told[0]["sentence"], "An admin of the project made you owner of Northwind iOS.");
    ada.api.post(&format!("/projects/{id}/leave"), &Value::Null).with(204);
    assert_eq!(ada.api.get(&format!("/projects/{id}")).problem(), "404 not-found");
    assert_eq!(ada.told("member_left")[0]["sentence"], "You left Northwind iOS.");
}

#[test]
fn an_administrator_sees_that_projects_exist_and_names_an_owner_where_none_is_left() {
    let server = Server::start();
    let (ada, grace) = (server.person(ADA), server.person(GRACE));
    let eve = server.administrator(EVE);
    let id = project(&ada, "Northwind iOS");
    joins(&ada, &id, &grace, "developer");
    joins(&ada, &id, &eve, "viewer");
    let alone = project(&ada, "Alone");
    let listed = eve.api.get("/server/projects").json(200);
    let all = listed["projects"].as_array().unwrap();
    let said: Vec<_> =
        all.iter().map(|one| (one["name"].as_str().unwrap(), one["members"].as_u64().unwrap())).collect();
    assert_eq!(said, [("Alone", 1), ("Northwind iOS", 3)]);
    assert_eq!((&all[0]["owner"], &listed["next"]), (&json!(ADA), &Value::Null));
    assert_eq!(
        eve.api.get("/server/projects?after=ALONE").json(200)["projects"].as_array().unwrap().len(),
        1
    );
    for person in [&ada, &grace] {
        assert_eq!(person.api.get("/server/projects").problem(), "403 not-allowed");
        let path = format!("/server/projects/{id}/owner");
        assert_eq!(
            person.api.send("PUT", &path, Some(&json!({ "account": GRACE }))).problem(),
            "403 not-allowed"
        );
    }
    let names = |project: &str, who: &str| {
        eve.api.send("PUT", &format!("/server/projects/{project}/owner"), Some(&json!({ "account": who })))
    };
    assert_eq!(names(&id, GRACE).problem(), "409 conflict", "there is an owner");
    eve.api.delete(&format!("/accounts/{ADA}")).with(204);
    assert_eq!(team(&grace, &id), ["grace@example.org developer", "eve@example.org viewer"]);
    assert_eq!(eve.api.get("/server/projects").json(200)["projects"][0]["owner"], Value::Null);
    assert_eq!(names(&id, EVE).problem(), "409 own-account", "others are in the team");
    assert_eq!(names(&id, "nobody@example.org").problem(), "404 not-found account");
    server.person(LINUS);
    assert_eq!(names(&id, LINUS).problem(), "404 not-found account", "not in the team");
    assert_eq!(names(&id, GRACE).json(200)["owner"], GRACE);
    assert_eq!(team(&grace, &id), ["grace@example.org owner", "eve@example.org viewer"]);
    // Nobody is left in this one's team.
    assert_eq!(names(&alone, LINUS).json(200)["members"], 1);
    let mut browser = eve.browser();
    let page = browser.get("/projects/all").text(200);
    assert!(page.contains("Northwind iOS") && page.contains("2 people") && page.contains(LINUS), "{page}");
    assert_eq!(browser.get(&format!("/projects/{alone}")).status(), 404);
}

#[test]
fn removing_a_project_ends_its_builds_and_takes_all_with_it() {
    let server = Server::start();
    let ada = server.person(ADA);
    let building = Building::make(&server, &Made::of(ADA));
    assert!(building.step_has_key());
    invite(&ada, &building.project.to_string(), EVE, "admin").with(201);
    let token = ada
        .api
        .post(&format!("/projects/{}/tokens", building.project), &json!({ "label": "Jenkins" }))
        .json(201);
    server.admin().post("/issuers", &json!({ "preset": "github" })).with(201);
    let rule = json!({ "issuer": "GitHub Actions", "claims": { "repository_id": "741852963" } });
    ada.api.post(&format!("/projects/{}/rules", building.project), &rule).with(201);
    ada.api.delete(&format!("/projects/{}", building.project)).with(204);
    assert_eq!(building.steps().status, 401);
    let opens = server.api(token["token"].as_str().unwrap()).post("/builds", &json!({}));
    assert_eq!(opens.status, 401, "{}", opens.text());
    server.stop();
    for table in [
        "projects",
        "project_members",
        "project_invitations",
        "connection_offers",
        "connection_uses",
        "builds",
        "rules",
        "project_tokens",
    ] {
        assert_eq!(server.data_says::<i64>(&format!("SELECT COUNT(*) FROM {table}")), 0, "{table}");
    }
    assert_eq!(server.data_says::<i64>("SELECT COUNT(*) FROM connections"), 1);
}

#[test]
fn two_people_who_make_a_project_of_one_name_are_told_apart() {
    let server = Server::start();
    let people = [server.person(ADA), server.person(GRACE)];
    for round in 0..5 {
        let body = json!({ "name": format!("Project {round}") });
        let done = race(2, |n| people[n].api.post("/projects", &body).status);
        assert!(done.contains(&201) && done.contains(&409), "{done:?}");
    }
}

#[test]
fn pages_make_change_hand_over_and_remove_a_project() {
    let server = Server::start();
    let (ada, grace) = (server.person(ADA), server.person(GRACE));
    let mut browser = ada.browser();
    let page = browser.get("/projects").text(200);
    assert!(
        page.contains("No projects yet") && page.contains("/projects/add") && !page.contains("/projects/all")
    );
    let bad = browser.submit("/projects/add", &[("name", " ")]);
    assert!(bad.text(422).contains("id=\"name-error\""));
    let made = browser.submit("/projects/add", &[("name", "Northwind <b>iOS")]);
    let here = made.goes_to().to_owned();
    let page = browser.get(&here).text(200);
    assert!(
        page.contains("Northwind &#60;b&#62;iOS is made")
            && page.contains("aria-current=\"page\">Builds</a>"),
        "{page}"
    );
    assert!(
        browser
            .submit("/projects/add", &[("name", "northwind <B>ios")])
            .text(409)
            .contains("There is already a project")
    );
    let settings = format!("{here}/settings");
    let bad = browser.submit(&settings, &[("name", "Northwind"), ("build_minutes", "ten")]);
    assert!(
        bad.text(422).contains("Give builds 5 to 1440 minutes") && bad.text(422).contains("value=\"ten\"")
    );
    assert_eq!(
        browser.submit(&settings, &[("name", "Northwind"), ("build_minutes", "30")]).goes_to(),
        settings
    );
    assert!(browser.get(&settings).text(200).contains("Nobody else is in the team."));
    let id = here.rsplit('/').next().unwrap().to_owned();
    joins(&ada, &id, &grace, "developer");
    let page = browser.get(&settings);
    assert!(page.text(200).contains("grace@example.org, developer"));
    let account = page.between("<option value=\"acc_", "\"");
    let handed =
        browser.submit_from(&page, &format!("{here}/hand-over"), &[("account", &format!("acc_{account}"))]);
    assert_eq!(handed.goes_to(), format!("{here}/team"));
    assert_eq!(browser.get(&settings).status(), 403, "the settings are the owner's");
    let mut theirs = grace.browser();
    let asked = theirs.get(&format!("{here}/remove")).text(200);
    assert!(asked.contains("1 other person loses it"), "{asked}");
    assert_eq!(theirs.submit(&format!("{here}/remove"), &[]).goes_to(), "/projects");
    assert_eq!(browser.get(&here).status(), 404);
}
