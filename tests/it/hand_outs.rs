//! What builds receive: by the steps' contract, by the API for other tools, and what the log says of it.

use serde_json::{Value, json};

use crate::support::{
    Answer, Building, Connection, Made, OpenBuild, Person, Request, Server, everything, key, race, until,
};

const ADA: &str = "ada@example.org";
const GRACE: &str = "grace@example.org";

fn server_with_ada() -> Server {
    let server = Server::start();
    server.person(ADA);
    server
}

#[test]
fn a_step_receives_the_key_that_its_project_uses() {
    let server = server_with_ada();
    let building = Building::make(&server, &Made::of(ADA));
    let expected = json!({
        "key_id": "2X9R4HXF34", "issuer_id": "57246542-96fe-1a63-e053-0824d011072a",
        "private_key": key().pem().expose(), "is_enterprise_account": false,
    });
    let build = &building.builds[0];
    let answer = building.steps();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.json(200), expected);
    // Header names in any case, a build's address that ends with a slash, and the token as other tools send it.
    let doubled = build.path().replace("/apple_", "//apple_");
    for request in [
        Request::get(&build.path()).header("BUILD_API_TOKEN", &build.token),
        Request::get(&build.path()).header("build_api_token", &build.token),
        Request::get(&doubled).header("Build_api_token", &build.token),
        Request::get(&build.path()).header("Authorization", format!("Bearer {}", build.token)),
    ] {
        assert_eq!(server.ask(&request).json(200), expected, "{request:?}");
    }
    let head =
        server.ask(&Request::new("HEAD", &build.path()).header("Build_api_token", &build.token)).with(200);
    assert_eq!((head.header("location"), head.body.len()), (None, 0));
}

#[test]
fn nothing_is_there_where_nothing_can_be_given() {
    let server = server_with_ada();
    // An individual key has no issuer, and steps take none without.
    let building = Building::make(&server, &Made { issuer_id: None, enterprise: true, ..Made::of(ADA) });
    assert_eq!(building.steps().json(200), json!({}));
    assert_eq!(building.handed_out().len(), 0);
    // Other tools do.
    let given = building.credentials(&everything()).json(200);
    assert_eq!(given["api_key"].get("issuer_id"), None);
    assert_eq!(given["api_key"]["enterprise"], true);
    assert_eq!(building.steps().json(200), json!({}));
    server.stop();
    server.change_data("DELETE FROM connection_uses");
    server.start_again();
    assert_eq!(building.steps().json(200), json!({}));
    assert_eq!(building.credentials(&everything()).json(200), json!({}));
    assert_eq!(building.signed(&everything()).problem(), "404 not-found");
    assert_eq!(building.handed_out().len(), 1);
}

#[test]
fn a_refusal_is_said_as_steps_read_it() {
    let server = server_with_ada();
    let building = Building::make(&server, &Made { builds: 2, ..Made::of(ADA) });
    let [first, other] = &building.builds[..] else { panic!() };
    let path = first.path();
    let personal = server.person(GRACE).api.token.unwrap();
    let with = |path: &str, token: &str| server.ask(&Request::get(path).header("Build_api_token", token));
    let get = |path: &str| server.ask(&Request::get(path));
    let wrong = format!("{}x", &first.token[..first.token.len() - 1]);
    let post = server.ask(&Request::new("POST", &path).header("Build_api_token", &first.token));
    assert_eq!(post.header("allow"), Some("GET, HEAD"));
    let nowhere = path.replace(&first.id.to_string(), "bld_1");
    for (answer, status) in [
        (get(&path), 401),
        (with(&path, ""), 401),
        (with(&path, "x"), 401),
        (with(&path, &wrong), 401),
        (with(&path, &personal), 401),
        (with(&path, &other.token), 404),
        (with(&nowhere, &first.token), 404),
        (with(&nowhere.replace("bld_1", "%FF"), &first.token), 404),
        (post, 405),
    ] {
        let said = answer.json(status);
        assert_eq!(said.as_object().map(|said| said.len()), Some(1), "{said}");
        assert!(said["error_msg"].as_str().is_some_and(|said| said.ends_with('.')), "{said}");
    }
    assert_eq!(building.handed_out().len(), 0);
    // Its time is over.
    assert!(building.step_has_key());
    server.clock.move_by(3600);
    let ended = building.steps().json(401);
    assert!(ended["error_msg"].as_str().unwrap().contains("has ended"), "{ended}");
    assert_eq!(building.credentials(&everything()).problem(), "401 build-token-wrong");
}

#[test]
fn a_token_that_does_not_arrive_is_told_to_the_operator_once() {
    let server = server_with_ada();
    let building = Building::make(&server, &Made::of(ADA));
    let path = building.builds[0].path();
    let told = || server.log().matches("underscores_in_headers on").count();
    server.ask(&Request::get(&path).header("Build_api_token", "dkb_wrong")).with(401);
    assert_eq!(told(), 0);
    for _ in 0..3 {
        server.ask(&Request::get(&path)).with(401);
    }
    server.says("underscores_in_headers on").unwrap();
    server.clock.move_by(61);
    server.ask(&Request::get(&path)).with(401);
    server.stop();
    assert_eq!(told(), 2);
}

#[test]
fn what_was_given_is_an_event_with_all_that_mattered_and_repeats_are_counted_on_it() {
    let server = server_with_ada();
    let building = Building::make(&server, &Made::of(ADA));
    server.clock.stand_still();
    building.steps().with(200);
    let [event] = &building.handed_out()[..] else { panic!() };
    let expected = json!({
        "what": "handed_out", "sort": "builds", "source": "127.0.0.1", "project": building.project,
        "project_name": "Northwind iOS", "build": building.builds[0].id, "id": building.connection,
        "name": "AuthKey_2X9R4HXF34", "given": ["api_key"], "commit": "1a2b3c4d5e6f7a8b",
        "reference": "refs/heads/main",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&event[name], value, "{name}");
    }
    assert_eq!((&event["proof"]["label"], &event["actor"]["type"]), (&json!("Jenkins"), &json!("doorkey")));
    assert_eq!(event["account"]["name"], ADA);
    // In whichever way it asks; in memory, and after the server has forgotten.
    building.steps().with(200);
    building.credentials(&everything()).json(200);
    server.restart();
    building.steps().with(200);
    assert_eq!(building.handed_out().len(), 1);
    // Something else, or at another time, is another event.
    building.signed(&everything()).json(200);
    building.signed(&json!({ "seconds": 60 })).json(200);
    let given = |event: &Value| event["given"][0].as_str().unwrap().to_owned();
    assert_eq!(
        building.handed_out().iter().map(given).collect::<Vec<_>>(),
        ["api_key", "app_store_connect_token"]
    );
    server.clock.move_by(59);
    building.steps().with(200);
    assert_eq!(building.handed_out().len(), 2);
    server.clock.move_by(1);
    building.steps().with(200);
    assert_eq!(building.handed_out().len(), 3);
    for path in ["connection=", "project="].map(|by| format!("/events?kind=handed_out&{by}")) {
        let id = if path.contains("connection") {
            building.connection.to_string()
        } else {
            building.project.to_string()
        };
        let found = server.admin().get(&format!("{path}{id}")).json(200);
        assert_eq!(found["events"].as_array().map(Vec::len), Some(3), "{path}");
    }
    server.stop();
    assert_eq!(server.data_lists("SELECT repeats FROM hand_outs ORDER BY event"), ["4", "1", "0"]);
    let spans = server.data_lists("SELECT last_at - at FROM hand_outs ORDER BY event");
    assert_eq!(spans, ["59000", "0", "0"]);
}

#[test]
fn builds_that_ask_at_once_and_twice_are_one_event_each() {
    let server = server_with_ada();
    let building = Building::make(&server, &Made { builds: 8, ..Made::of(ADA) });
    race(32, |n| {
        let answer = building.builds[n % 8].steps(&server).json(200);
        assert_eq!(answer["key_id"], "2X9R4HXF34");
    });
    assert_eq!(building.handed_out().len(), 8);
    server.stop();
    assert_eq!(server.data_says::<i64>("SELECT CAST(SUM(repeats) AS BIGINT) FROM hand_outs"), 24);
}

#[test]
fn other_tools_receive_exactly_what_they_ask_for() {
    let server = server_with_ada();
    let building = Building::make(&server, &Made::of(ADA));
    let whole = json!({ "api_key": {
        "key_id": "2X9R4HXF34", "issuer_id": "57246542-96fe-1a63-e053-0824d011072a",
        "private_key": key().pem().expose(), "enterprise": false, "name": "AuthKey_2X9R4HXF34",
    }});
    assert_eq!(building.credentials(&everything()).json(200), whole);
    assert_eq!(building.credentials(&Value::Null).json(200), whole);
    assert_eq!(building.credentials(&json!({ "give": ["api_key", "apple_id"] })).json(200), whole);
    assert_eq!(building.credentials(&json!({ "give": ["apple_id"] })).json(200), json!({}));
    assert_eq!(building.credentials(&json!({ "give": [] })).json(200), json!({}));
    assert_eq!(building.credentials(&json!({ "give": ["password"] })).problem(), "422 unfit give");
    assert_eq!(building.credentials(&json!({ "take": [] })).problem(), "400 unreadable");
    for token in ["", "dkb_wrong", "dka_wrong"] {
        let api = server.api(token);
        for path in ["/build/credentials", "/build/app-store-connect-token"] {
            assert_eq!(api.post(path, &everything()).problem(), "401 build-token-wrong", "{token}");
        }
        let nothing = api.post("/build/credentials", &json!({ "give": ["apple_id"] }));
        assert_eq!(nothing.problem(), "401 build-token-wrong");
    }
}

#[test]
fn a_signed_token_is_short_lived_and_keeps_to_its_scope() {
    let server = server_with_ada();
    let building = Building::make(&server, &Made::of(ADA));
    server.clock.stand_still();
    let claims = |answer: &Value| -> Value {
        let text = answer["token"].as_str().unwrap();
        let part = text.split('.').nth(1).unwrap();
        serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
    };
    let answer = building.signed(&json!({ "seconds": 300, "scope": ["GET /v1/apps"] })).json(200);
    let now = server.clock.now();
    let said = claims(&answer);
    assert_eq!((&said["aud"], &said["scope"]), (&json!("appstoreconnect-v1"), &json!(["GET /v1/apps"])));
    assert_eq!(said["exp"], now.seconds() + 300);
    assert_eq!(answer["expires_at"], now.plus_seconds(300).to_string());
    assert_eq!(answer["key_id"], "2X9R4HXF34");
    let usual = claims(&building.signed(&everything()).json(200));
    assert_eq!((usual.get("scope"), &usual["exp"]), (None, &json!(now.seconds() + 600)));
    for (body, field) in [
        (json!({ "seconds": 0 }), "seconds"),
        (json!({ "seconds": 1201 }), "seconds"),
        (json!({ "scope": ["everything"] }), "scope"),
        (json!({ "scope": ["GET v1/apps"] }), "scope"),
        (json!({ "scope": ["GET /v1/apps\n"] }), "scope"),
        (json!({ "scope": vec!["GET /v1/apps"; 101] }), "scope"),
    ] {
        assert_eq!(building.signed(&body).problem(), format!("422 unfit {field}"), "{body}");
    }
}

/// What ends the hand-out of Ada's key in Grace's project: it ends it before its own answer, also for builds that were given the key a
/// moment ago and are asking again and again.
fn ends_it_at_once(status: u16, end: impl Fn(&Server, &Building<'_>, &[Person<'_>; 2]) -> u16 + Sync) {
    let server = Server::start();
    let people = [ADA, GRACE].map(|id| server.person(id));
    let made = Made { builds: 4, admin: Some(ADA), ..Made::of(GRACE) };
    let building = Building::make(&server, &made);
    let given = |answer: &Answer| answer.text().contains("PRIVATE KEY");
    race(5, |n| {
        if n == 4 {
            // While everybody is given it.
            until(|| building.handed_out().len() == 4);
            assert_eq!(end(&server, &building, &people), status);
            for build in &building.builds {
                assert!(!given(&build.steps(&server)), "it is answered, and still handed out");
            }
            return;
        }
        let (build, mut connection) = (&building.builds[n], Connection::open(&server.address()));
        for times in 0.. {
            assert!(times < 1_000_000, "it never ends");
            let answer = connection.ask(&build.request());
            if !given(&answer) {
                assert!([200, 401].contains(&answer.status), "{}", answer.status);
                return;
            }
        }
    });
    for build in &building.builds {
        let answer = server.api(&build.token).post("/build/credentials", &everything());
        assert!(!given(&answer), "{}", answer.text());
        let signed = server.api(&build.token).post("/build/app-store-connect-token", &everything());
        assert!([401, 404].contains(&signed.status), "{}", signed.text());
    }
    assert_eq!(building.handed_out().len(), 4, "what is refused is no event");
}

#[test]
fn suspending_the_account_ends_it_at_once() {
    ends_it_at_once(200, |server, _, _| {
        server.admin().post(&format!("/accounts/{ADA}/suspend"), &Value::Null).status
    });
}

#[test]
fn removing_the_account_ends_it_at_once() {
    ends_it_at_once(204, |server, _, _| server.admin().delete(&format!("/accounts/{ADA}")).status);
}

#[test]
fn taking_back_the_offer_ends_it_at_once() {
    ends_it_at_once(204, |_, building, [ada, _]| {
        let path = format!("/projects/{}/offers/{}", building.project, building.connection);
        ada.api.delete(&path).status
    });
}

#[test]
fn leaving_the_team_ends_it_at_once() {
    ends_it_at_once(204, |_, building, [ada, _]| {
        ada.api.post(&format!("/projects/{}/leave", building.project), &Value::Null).status
    });
}

#[test]
fn taking_somebody_out_of_the_team_ends_it_at_once() {
    ends_it_at_once(204, |_, building, [_, grace]| {
        grace.api.delete(&format!("/projects/{}/members/{}", building.project, building.person)).status
    });
}

#[test]
fn losing_admin_authority_ends_it_at_once() {
    ends_it_at_once(200, |_, building, [_, grace]| {
        let path = format!("/projects/{}/members/{}", building.project, building.person);
        grace.api.patch(&path, &json!({ "role": "developer" })).status
    });
}

#[test]
fn closing_the_builds_ends_it_at_once() {
    ends_it_at_once(204, |server, building, _| {
        let close = |build: &OpenBuild| server.api(&build.token).delete("/build").status;
        let [.., last] = building.builds.iter().map(close).collect::<Vec<_>>()[..] else { panic!() };
        last
    });
}
