//! API keys that people connect: asked about at Apple before they are stored, tested, removed, and never shown again.

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::support::{
    Answer, Apple, Browser, Cli, ENTERPRISE, ISSUER, PASSWORD, Page, Person, Request, STORE, Says, Server,
    race, until,
};

const ADA: &str = "ada@example.org";
const EVE: &str = "eve@example.org";
const KEY: &str = "2X9R4HXF34";

fn add(person: &Person<'_>, request: &Value) -> Answer {
    person.api.post("/connections", request)
}

/// Connects it, and gives its address in the API.
#[track_caller]
fn added(person: &Person<'_>, request: &Value) -> String {
    let added = add(person, request).json(201);
    format!("/connections/{}", added["id"].as_str().unwrap())
}

#[track_caller]
fn test(person: &Person<'_>, connection: &str) -> Value {
    person.api.post(&format!("{connection}/test"), &json!({})).json(200)
}

fn listed(person: &Person<'_>) -> Vec<Value> {
    person.api.get("/connections").json(200)["connections"].as_array().unwrap().clone()
}

fn detail(answer: &Answer) -> String {
    answer.json_problem()["detail"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_is_connected_tested_and_removed() {
    let apple = Apple::start();
    let server = apple.server();
    let person = server.person(ADA);
    let key = apple.key(KEY);
    let made = add(&person, &key.request()).json(201);
    assert_eq!((&made["name"], &made["kind"]), (&json!("AuthKey_2X9R4HXF34"), &json!("api_key")));
    assert_eq!((&made["state"], &made["answer"]), (&json!("good"), &Value::Null));
    let facts = json!({ "key_id": KEY, "issuer_id": ISSUER, "enterprise": false, "reads": ["apps", "certificates", "users"] });
    assert_eq!(made["api_key"], facts);
    assert!(!made.to_string().contains("PRIVATE"));
    let asked = apple.asked();
    let paths: Vec<_> = asked.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths, ["/v1/apps?limit=1", "/v1/certificates?limit=1", "/v1/users?limit=1"]);
    assert!(asked.iter().all(|one| one.host == STORE && one.token.is_ok()), "{asked:?}");

    let connection = format!("/connections/{}", made["id"].as_str().unwrap());
    assert_eq!(listed(&person), std::slice::from_ref(&made));
    assert_eq!(person.api.get(&connection).json(200), made);
    server.clock.move_by(60);
    let tested = test(&person, &connection);
    assert_eq!(tested["state"], "good");
    assert!(tested["checked_at"].as_str() > made["checked_at"].as_str(), "{tested}");
    assert_eq!(person.api.delete(&connection).json(200), json!({ "stopped": [] }));
    assert!(listed(&person).is_empty());
    person.api.delete(&connection).with(404);
    person.api.post(&format!("{connection}/test"), &json!({})).with(404);

    let told: Vec<_> =
        person.events().iter().map(|event| event["sentence"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told[0], "You removed the connection AuthKey_2X9R4HXF34.");
    assert_eq!(told[1], "You connected the API key AuthKey_2X9R4HXF34.");
    // The key may be connected again.
    added(&person, &key.request());
}

#[test]
fn what_is_stored_is_sealed_and_outlives_a_new_key() {
    let apple = Apple::start();
    let server = apple.server();
    let person = server.person(ADA);
    let key = apple.key(KEY);
    let connection = added(&person, &key.request());
    assert_eq!(server.run(&["admin", "rotate-key"]).code, Some(0));
    server.says("everything is sealed anew").unwrap();
    assert_eq!(test(&person, &connection)["state"], "good");
    server.restart();
    assert_eq!(test(&person, &connection)["state"], "good");
    server.stop();
    let body: String = key.pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let inside = BASE64.decode(body.as_bytes()).unwrap();
    let private = inside[36..68].to_vec();
    for file in server.stored() {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(32).any(|part| part == private), "{}", file.display());
    }
}

#[test]
fn keys_are_what_they_say_and_come_in_many_forms() {
    let apple = Apple::start();
    let server = apple.server();
    let person = server.person(ADA);
    let key = apple.key(KEY);
    let windows = key.pem.replace('\n', "\r\n");
    let forms =
        [windows.clone(), format!("\n {} \n", key.pem.replace('\n', " ")), BASE64.encode(key.pem.as_bytes())];
    for form in forms {
        let connection = added(
            &person,
            &json!({ "key": form, "key_id": " 2x9r4hxf34 ", "issuer_id": ISSUER.to_uppercase() }),
        );
        assert_eq!(person.api.get(&connection).json(200)["api_key"]["key_id"], KEY);
        person.api.delete(&connection).with(200);
    }
    let without = |name: &str| {
        let mut request = key.request();
        request.as_object_mut().unwrap().remove(name);
        request
    };
    let with = |name: &str, value: Value| {
        let mut request = key.request();
        request[name] = value;
        request
    };
    let asked = apple.asked().len();
    for (request, field) in [
        (with("key", "".into()), "key"),
        (with("key", "AuthKey".into()), "key"),
        (with("key", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----".into()), "key"),
        (with("key", "x".repeat(30_000).into()), "key"),
        (without("file_name"), "key_id"),
        (with("file_name", "key.p8".into()), "key_id"),
        (with("key_id", "2X9".into()), "key_id"),
        (with("key_id", "ANOTHERKEY".into()), "key_id"),
        (without("issuer_id"), "issuer_id"),
        (with("issuer_id", KEY.into()), "issuer_id"),
        (with("individual", true.into()), "individual"),
    ] {
        let answer = add(&person, &request).with(422);
        assert_eq!(answer.json_problem()["field"], field, "{}", detail(&answer));
    }
    let certificate =
        add(&person, &with("key", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----".into()));
    assert!(detail(&certificate).starts_with("It is a certificate, and no key."));
    add(&person, &with("keys", "".into())).with(400);
    add(&person, &without("key")).with(400);
    assert_eq!(
        (apple.asked().len(), listed(&person).len()),
        (asked, 0),
        "Apple isn't asked, and nothing is stored"
    );
}

#[test]
fn individual_and_enterprise_keys_are_asked_about_as_what_they_are() {
    let apple = Apple::start();
    let server = apple.server();
    let person = server.person(ADA);
    let individual = apple.key_that("INDIVIDUAL", None, false, &["apps"]);
    let made = add(&person, &individual.request()).json(201);
    let facts = json!({ "key_id": "INDIVIDUAL", "issuer_id": null, "enterprise": false, "reads": ["apps"] });
    assert_eq!((&made["api_key"], &made["state"]), (&facts, &json!("good")));
    let paths = |apple: &Apple| apple.asked().iter().map(|one| one.path.clone()).collect::<Vec<_>>();
    assert_eq!(
        paths(&apple),
        ["/v1/apps?limit=1", "/v1/users?limit=1"],
        "such keys are never let at certificates"
    );

    let enterprise = apple.key_that("ENTERPRISE", Some(ISSUER), true, &["certificates", "users"]);
    let made = add(&person, &enterprise.request()).json(201);
    assert_eq!((&made["api_key"]["enterprise"], &made["state"]), (&json!(true), &json!("good")));
    let asked = apple.asked();
    assert_eq!(asked.last().unwrap().host, ENTERPRISE);
    assert_eq!(paths(&apple)[2..], ["/v1/certificates?limit=1", "/v1/users?limit=1"]);

    // Said to be what they aren't, Apple doesn't take them.
    let mut wrong = apple.key("ORDINARYKY").request();
    wrong["enterprise"] = true.into();
    let refused = add(&person, &wrong).with(422);
    assert_eq!(refused.problem(), "422 apple-refused");
    assert!(
        detail(&refused)
            .ends_with("It was asked as a key of the Enterprise Program: an ordinary one isn't taken there.")
    );
    let mut wrong = apple.key("TEAMKEY123").request();
    wrong.as_object_mut().unwrap().remove("issuer_id");
    wrong["individual"] = true.into();
    assert!(detail(&add(&person, &wrong).with(422)).contains("it is a team's key, which has an issuer ID"));
}

#[test]
fn a_key_that_apple_does_not_take_is_not_stored() {
    let apple = Apple::start();
    let server = apple.server();
    let person = server.person(ADA);
    let key = apple.key(KEY);
    let mut other = key.request();
    other["issuer_id"] = "00000000-96fe-1a63-e053-0824d011072a".into();
    let refused = add(&person, &other).with(422);
    assert_eq!(refused.problem(), "422 apple-refused");
    assert!(
        detail(&refused).starts_with(
            "Apple doesn't take this key. Either it was revoked, or the key ID or the issuer ID"
        )
    );
    // Its file under another name.
    let mut other = key.request();
    other["file_name"] = "AuthKey_AAAAAAAAAA.p8".into();
    assert_eq!(add(&person, &other).with(422).problem(), "422 apple-refused");
    apple.revoke(KEY);
    assert_eq!(add(&person, &key.request()).with(422).problem(), "422 apple-refused");
    assert!(listed(&person).is_empty() && person.told("connection_added").is_empty());
}

#[test]
fn a_clock_that_is_wrong_is_told_from_a_key_that_is() {
    let apple = Apple::start();
    let server = apple.server();
    let person = server.person(ADA);
    let key = apple.key(KEY);
    let connection = added(&person, &key.request());
    server.clock.move_by(300);
    let wrong = person.api.post(&format!("{connection}/test"), &json!({})).with(503);
    assert_eq!(wrong.problem(), "503 clock-wrong");
    assert!(
        detail(&wrong).starts_with("This server's clock is 5 minutes ahead of Apple's"),
        "{}",
        detail(&wrong)
    );
    assert_eq!(listed(&person)[0]["state"], "good", "nothing has changed");
    assert!(server.says("clock is ahead of Apple's").is_some(), "who runs it is told");
    server.clock.move_by(-7200);
    let wrong = person.api.post(&format!("{connection}/test"), &json!({})).with(503);
    // Two hours less the five minutes, and the seconds that have gone by.
    assert!(detail(&wrong).starts_with("This server's clock is 11"), "{}", detail(&wrong));
    assert!(detail(&wrong).contains(" minutes behind Apple's"), "{}", detail(&wrong));
    server.clock.move_by(-5 * 86_400);
    let wrong = person.api.post(&format!("{connection}/test"), &json!({})).with(503);
    assert_eq!(wrong.problem(), "503 clock-wrong");
    assert!(detail(&wrong).contains("certificate isn't valid"), "{}", detail(&wrong));
    server.clock.move_by(5 * 86_400);
    // A little is nothing: a token says that it was made a minute earlier.
    server.clock.move_by(6900 + 45);
    assert_eq!(test(&person, &connection)["state"], "good");
    // And a clock that is right doesn't excuse a key.
    server.clock.move_by(-45);
    apple.revoke(KEY);
    assert_eq!(test(&person, &connection)["state"], "refused");
}

#[test]
fn what_a_key_may_do_is_what_apple_lets_it() {
    let apple = Apple::start();
    let server = apple.server();
    let person = server.person(ADA);
    let key = apple.key_that(KEY, Some(ISSUER), false, &["apps"]);
    let connection = added(&person, &key.request());
    assert_eq!(listed(&person)[0]["api_key"]["reads"], json!(["apps"]));
    assert_eq!(listed(&person)[0]["state"], "good");

    apple.lets_read(KEY, &[]);
    let limited = test(&person, &connection);
    assert_eq!((&limited["state"], &limited["api_key"]["reads"]), (&json!("limited"), &json!([])));
    assert!(limited["answer"].as_str().unwrap().contains("at least the role Developer"));
    apple.lets_read(KEY, &["agreement"]);
    let asked = apple.asked().len();
    let agreement = test(&person, &connection);
    assert!(agreement["answer"].as_str().unwrap().starts_with("Apple wants an agreement to be accepted"));
    assert_eq!(apple.asked().len(), asked + 1, "the rest would be refused too");
    apple.lets_read(KEY, &["apps", "certificates"]);
    let good = test(&person, &connection);
    assert_eq!((&good["state"], &good["answer"]), (&json!("good"), &Value::Null));
    assert_eq!(good["api_key"]["reads"], json!(["apps", "certificates"]));
    apple.revoke(KEY);
    let refused = test(&person, &connection);
    assert_eq!(
        (&refused["state"], &refused["api_key"]["reads"]),
        (&json!("refused"), &json!(["apps", "certificates"]))
    );
    test(&person, &connection);
    let told: Vec<_> =
        person.told("connection_state_changed").iter().map(|one| one["sentence"].clone()).collect();
    assert_eq!(
        told,
        [
            "Apple no longer takes AuthKey_2X9R4HXF34.",
            "Apple takes AuthKey_2X9R4HXF34.",
            "Apple takes AuthKey_2X9R4HXF34, and lets it do less than builds may need.",
        ],
        "each change once"
    );
    // A key that may do nothing yet can be connected all the same.
    let other = apple.key_that("LIMITED123", Some(ISSUER), false, &[]);
    assert_eq!(add(&person, &other.request()).json(201)["state"], "limited");
}

#[test]
fn when_apple_says_nothing_of_a_key_nothing_changes() {
    let apple = Apple::start();
    let server = apple.server();
    let person = server.person(ADA);
    let key = apple.key(KEY);
    let connection = added(&person, &key.request());
    let before = listed(&person);
    let other = apple.key("OTHERKEY12");
    let data = || json!({ "data": [] }).to_string();
    let says = [
        (Says::This(429, "Retry-After: 7\r\n", String::new()), 7, "takes no more requests"),
        (Says::This(503, "", "<html>".into()), 60, "trouble of its own"),
        (Says::This(500, "Retry-After: soon\r\n", String::new()), 60, "trouble of its own"),
        (Says::This(200, "", "<html>Sign in to this network</html>".into()), 60, "in Apple's place"),
        (Says::This(200, "", "{\"data\": {}}".into()), 60, "in Apple's place"),
        (Says::This(302, "Location: https://elsewhere.example/\r\n", data()), 60, "(status 302)"),
        (Says::This(404, "", String::new()), 60, "(status 404)"),
        (Says::Huge(3_000_000), 60, "in Apple's place"),
        (Says::Nothing, 60, "can't be reached"),
    ];
    for (said, after, expected) in says {
        apple.says(said.clone());
        for answer in
            [add(&person, &other.request()), person.api.post(&format!("{connection}/test"), &json!({}))]
        {
            assert_eq!(answer.with(503).problem(), "503 apple-unavailable", "{said:?}");
        }
        let answer = add(&person, &other.request());
        assert!(detail(&answer).contains(expected), "{}", detail(&answer));
        assert_eq!(answer.retry_after(), after, "{said:?}");
    }
    assert_eq!(listed(&person), before);
    // A refusal with a date that is none is a refusal.
    apple.says(Says::This(401, "Date: yesterday\r\n", String::new()));
    assert_eq!(add(&person, &other.request()).with(422).problem(), "422 apple-refused");
    apple.says(None);
    assert_eq!(test(&person, &connection)["state"], "good");
}

#[test]
fn a_slow_apple_is_not_waited_for_and_each_connection_is_tested_once_at_a_time() {
    let apple = Apple::start();
    let server = apple.server();
    let person = server.person(ADA);
    let [one, other] = [KEY, "OTHERKEY12"].map(|id| added(&person, &apple.key(id).request()));
    apple.says(Says::Slow);
    let path = format!("{one}/test");
    let before = apple.asked().len();
    let answers = race(2, |n| {
        if n == 1 {
            apple.wait_for(before + 1);
        }
        person.api.post(&path, &json!({}))
    });
    // The first still waited when the second came.
    assert_eq!(answers[1].problem(), "409 conflict");
    assert_eq!(answers[0].problem(), "503 apple-unavailable");
    apple.says(None);
    assert_eq!(test(&person, &one)["state"], "good");
    assert_eq!(test(&person, &other)["state"], "good");
}

#[test]
fn nobody_is_taken_for_apple_who_cannot_show_that_they_are() {
    let apple = Apple::start();
    let key = apple.key(KEY);
    let [(at, address), (authority, file)] = apple.settings();
    // Without the tests' authority, and with a file that holds none.
    let server = Server::start_with(&[(at, &address)]);
    let person = server.person(ADA);
    let answer = add(&person, &key.request()).with(503);
    assert_eq!(answer.problem(), "503 apple-unavailable");
    assert!(server.says("Apple can't be reached").is_some());
    let empty = server.folder().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for wrong in [empty.display().to_string(), format!("{file}.none")] {
        let server = Server::start_with(&[(at, &address), (authority, &wrong)]);
        let answer = add(&server.person(ADA), &key.request()).with(503);
        assert!(detail(&answer).contains("isn't set up to reach Apple"), "{}", detail(&answer));
        assert!(server.says("ca_file can't be used").is_some());
    }
    assert!(apple.asked().is_empty(), "nothing was sent before");
}

#[test]
fn the_same_key_is_connected_once_and_there_is_room_for_fifty() {
    let apple = Apple::start();
    let server = apple.server();
    let (person, eve) = (server.person(ADA), server.person(EVE));
    let key = apple.key(KEY);
    let answers = race(4, |_| add(&person, &key.request()).status);
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 1, "{answers:?}");
    let again = add(&person, &key.request()).with(409);
    assert_eq!(again.problem(), "409 conflict key_id");
    // Another person may have it too, and nobody sees what isn't theirs.
    let theirs = added(&eve, &key.request());
    for request in ["GET", "DELETE"] {
        person.api.send(request, &theirs, None).with(404);
    }
    person.api.post(&format!("{theirs}/test"), &json!({})).with(404);
    person.api.get(&format!("{theirs}/readers")).with(404);
    person.api.get(&format!("{theirs}/reach")).with(404);
    assert_eq!(listed(&eve).len(), 1);
    let more: Vec<_> = (0..49).map(|n| apple.key(&format!("KEY{n:07}"))).collect();
    for one in &more[..48] {
        added(&person, &one.request());
    }
    let last = [more[48].request(), apple.key("LASTKEY123").request()];
    let answers = race(2, |n| add(&person, &last[n]).status);
    assert!(answers.contains(&201) && answers.contains(&409), "{answers:?}");
    assert_eq!(add(&person, &apple.key("TOOMANY123").request()).problem(), "409 too-many-connections");
    assert_eq!(listed(&person).len(), 50);
}

#[test]
fn connecting_and_removing_need_a_second_factor_that_was_just_shown() {
    let apple = Apple::start();
    let server = apple.server();
    let person = server.person(ADA);
    let key = apple.key(KEY);
    let connection = added(&person, &key.request());
    server.clock.move_by(11 * 60);
    assert_eq!(
        add(&person, &apple.key("OTHERKEY12").request()).with(403).problem(),
        "403 confirmation-needed"
    );
    assert_eq!(person.api.delete(&connection).with(403).problem(), "403 confirmation-needed");
    person.api.get(&connection).with(200);
    let bare = server.person_without_second_factor(EVE);
    assert_eq!(add(&bare, &key.request()).with(409).problem(), "409 two-factor-needed");
    // And nobody does it with a personal API token.
    let answer = person.api.post("/session/confirm", &json!({ "code": person.code() }));
    answer.with(204);
    let request = json!({ "label": "CI", "scopes": ["read"], "expires": "90d" });
    let token = person.api.post("/tokens", &request).json(201)["token"].as_str().unwrap().to_owned();
    let program = server.api(&token);
    for path in
        ["/connections", &connection, &format!("{connection}/readers"), &format!("{connection}/reach")]
    {
        assert_eq!(program.get(path).with(403).problem(), "403 not-with-token");
    }
    assert_eq!(program.post("/connections", &key.request()).with(403).problem(), "403 not-with-token");
    assert_eq!(program.delete(&connection).with(403).problem(), "403 not-with-token");
}

#[test]
fn the_key_is_nowhere_but_sealed() {
    let apple = Apple::start();
    let server = apple.server();
    let person = server.administrator(ADA);
    let key = apple.key(KEY);
    let connection = added(&person, &key.request());
    let body: String = key.pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let mut seen = String::new();
    // Also where it is refused, and where it is no longer a key.
    let broken = key.pem.replacen("MIGH", "MIGX", 1);
    apple.says(Says::This(503, "", String::new()));
    for request in [
        key.request(),
        json!({ "key": broken, "key_id": KEY, "issuer_id": ISSUER }),
        json!({ "key": key.pem, "key_id": body, "issuer_id": ISSUER }),
        json!({ "key": key.pem, "key_id": KEY, "issuer_id": key.pem }),
        json!({ "key": { "text": key.pem } }),
    ] {
        let answer = add(&person, &request);
        assert!(answer.status >= 400);
        seen.push_str(&answer.text());
    }
    seen.push_str(&add(&person, &apple.key("OTHERKEY12").request()).text());
    apple.says(None);
    seen.push_str(&test(&person, &connection).to_string());
    for path in ["", "/readers", "/reach"] {
        seen.push_str(&person.api.get(&format!("{connection}{path}")).text());
    }
    seen.push_str(&person.api.get("/connections").text());
    seen.push_str(&serde_json::to_string(&person.log("")).unwrap());
    until(|| server.log().contains("/connections"));
    seen.push_str(&server.log());
    let private = BASE64.decode(body.as_bytes()).unwrap()[36..68].to_vec();
    for part in [&body[48..88], &body[100..140], &BASE64.encode(&private)[..40]] {
        assert!(!seen.contains(part), "{part}");
    }
    assert!(!seen.contains("BEGIN PRIVATE KEY"));
    for asked in apple.asked() {
        let claims = asked.token.unwrap_or_default().to_string();
        assert!(!claims.contains(&body[48..88]));
    }
}

#[test]
fn the_stand_in_for_apple_takes_no_token_that_its_keys_did_not_sign() {
    let apple = Apple::start();
    apple.key(KEY);
    let part = |json: Value| data_encoding::BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    let (header, claims) =
        (part(json!({ "alg": "ES256", "kid": KEY, "typ": "JWT" })), part(json!({ "iss": ISSUER })));
    let none = part(json!({ "alg": "none", "kid": KEY, "typ": "JWT" }));
    for token in ["", "a.b.c", &format!("{none}.{claims}."), &format!("{header}.{claims}.{}", "A".repeat(86))]
    {
        assert!(apple.takes(STORE, "GET /v1/apps", token).is_err(), "{token}");
    }
}

/// Sends the form of the page with a file in it, as a browser does.
fn upload(browser: &mut Browser<'_>, file: (&str, &[u8]), fields: &[(&str, &str)]) -> Page {
    let token = browser.get("/connections/add").form_token();
    let mut body = Vec::new();
    for (name, value) in [&[("form_token", token.as_str())], fields].concat() {
        body.extend(
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes(),
        );
    }
    let head = format!("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n", file.0);
    body.extend(head.into_bytes());
    body.extend(b"Content-Type: application/octet-stream\r\n\r\n");
    body.extend(file.1);
    body.extend(b"\r\n--x--\r\n");
    let form =
        Request::new("POST", "/connections/add").header("Content-Type", "multipart/form-data; boundary=x");
    browser.ask(form.body(body))
}

#[test]
fn on_the_pages_a_key_is_uploaded_or_pasted() {
    let apple = Apple::start();
    let server = apple.server();
    let person = server.person(ADA);
    let mut browser = person.browser();
    assert!(browser.get("/connections").text(200).contains("You have connected nothing yet"));
    let key = apple.key(KEY);
    let page = upload(&mut browser, (&key.file(), key.pem.as_bytes()), &[("key", ""), ("issuer_id", ISSUER)]);
    let here = page.goes_to().to_owned();
    let page = browser.get(&here).text(200);
    assert!(page.contains("AuthKey_2X9R4HXF34 is connected: Apple takes it."), "{page}");
    assert!(page.contains("apps, certificates and users") && page.contains(ISSUER));
    assert!(!page.contains("PRIVATE"));
    assert!(browser.get("/connections").text(200).contains("reads apps, certificates and users"));

    // The bytes inside, without a name that says the ID.
    let other = apple.key_that("INDIVIDUAL", None, false, &["apps"]);
    let body: String = other.pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = BASE64.decode(body.as_bytes()).unwrap();
    let fields = [("key", ""), ("key_id", "individual"), ("individual", "yes")];
    let there = upload(&mut browser, ("key.p8", &der), &fields).goes_to().to_owned();
    assert!(browser.get(&there).text(200).contains("An individual key can’t be given to the steps of a CI"));

    let pasted = apple.key("PASTEDKEY1");
    let fields =
        [("key", pasted.pem.as_str()), ("key_id", "PASTEDKEY1"), ("issuer_id", ISSUER), ("enterprise", "")];
    upload(&mut browser, ("", b""), &fields).goes_to();

    // What doesn't do is said at its field, and the key isn't shown again.
    let more = apple.key("ANOTHERKEY");
    for (file, fields, said) in [
        (("", &b""[..]), vec![("issuer_id", ISSUER)], "It is empty. Choose the .p8 file"),
        (
            ("AuthKey_ANOTHERKEY.p8", &more.pem.as_bytes()[..60]),
            vec![("issuer_id", ISSUER)],
            "It is a key that isn&#39;t whole",
        ),
        (("key.p8", more.pem.as_bytes()), vec![("issuer_id", ISSUER)], "Enter the key ID"),
        (("AuthKey_ANOTHERKEY.p8", more.pem.as_bytes()), vec![], "Enter the issuer ID"),
        (
            ("AuthKey_ANOTHERKEY.p8", more.pem.as_bytes()),
            vec![("issuer_id", &more.pem)],
            "That isn&#39;t an issuer ID",
        ),
        (
            ("AuthKey_AAAAAAAAAA.p8", more.pem.as_bytes()),
            vec![("issuer_id", ISSUER)],
            "Apple doesn&#39;t take this key",
        ),
    ] {
        let page = upload(&mut browser, file, &fields).text(422);
        assert!(page.contains(said), "{said}: {page}");
        assert!(!page.contains("BEGIN PRIVATE KEY-----M") && !page.contains(&more.pem[40..70]), "{page}");
    }
    let again = upload(&mut browser, (&key.file(), key.pem.as_bytes()), &[("issuer_id", ISSUER)]).text(409);
    assert!(again.contains("You have connected the key 2X9R4HXF34 already"));
    apple.says(Says::This(503, "", String::new()));
    let away = upload(&mut browser, (&more.file(), more.pem.as_bytes()), &[("issuer_id", ISSUER)]).text(503);
    assert!(away.contains("Apple has trouble of its own") && away.contains(ISSUER), "what was typed stays");
    let page = browser.get(&here);
    browser.submit_from(&page, &format!("{here}/test"), &[]).goes_to();
    assert!(browser.get(&here).text(200).contains("Apple has trouble of its own"));
    apple.says(None);
    let page = browser.get(&here);
    assert_eq!(browser.submit_from(&page, &format!("{here}/test"), &[]).goes_to(), here);
    assert!(browser.get(&here).text(200).contains("Apple takes AuthKey_2X9R4HXF34."));

    // No other form than the page's own is taken.
    let plain = browser.post("/connections/add", &[("key", &more.pem)]);
    assert_eq!(plain.status(), 400);
    let mut stranger = server.browser();
    stranger.cookies.clone_from(&browser.cookies);
    let body = "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nx\r\n--x--\r\n";
    let form =
        Request::new("POST", "/connections/add").header("Content-Type", "multipart/form-data; boundary=x");
    assert_eq!(stranger.ask(form.clone().body(body)).status(), 403, "without its token");
    let elsewhere = form.clone().header("Sec-Fetch-Site", "cross-site").body(body);
    assert_eq!(stranger.ask(elsewhere).status(), 403);
    assert_eq!(stranger.ask(form.body(vec![b'x'; 70_000])).status(), 413);
    assert_eq!(listed(&person).len(), 3);
}

#[test]
fn a_connection_is_offered_used_and_what_stops_is_said() {
    let apple = Apple::start();
    let server = apple.server();
    let (person, eve) = (server.person(ADA), server.person(EVE));
    let connection = added(&person, &apple.key(KEY).request());
    let here = connection.clone();
    let mut browser = person.browser();
    assert!(browser.get(&here).text(200).contains("You administer no project yet."));
    let project = person.api.post("/projects", &json!({ "name": "Northwind iOS" })).json(201);
    let project = project["id"].as_str().unwrap().to_owned();
    assert!(browser.get(&here).text(200).contains("not offered"));
    let page = browser.get(&here);
    let offered = browser.submit_from(&page, &format!("{here}/offer"), &[("project", &project)]);
    assert_eq!(offered.goes_to(), here);
    assert_eq!(listed(&person)[0]["offered_to"], json!([{ "id": project, "name": "Northwind iOS" }]));
    assert!(browser.get(&here).text(200).contains("offered, its builds don’t use it"));
    // Who could read it: the owner, as soon as she wants to.
    let reach = person.api.get(&format!("{connection}/reach")).json(200);
    assert_eq!(reach["projects"][0]["used"], false);
    assert_eq!(reach["projects"][0]["people"][0]["id"], ADA);
    assert_eq!((&reach["projects"][0]["rules"], &reach["projects"][0]["tokens"]), (&json!([]), &json!([])));
    assert!(browser.get(&format!("{here}/reach")).text(200).contains("nothing yet"));
    let token = json!({ "label": "Jenkins", "expires": "30d" });
    person.api.post(&format!("/projects/{project}/tokens"), &token).with(201);
    let reach = person.api.get(&format!("{connection}/reach")).json(200);
    assert_eq!(reach["projects"][0]["tokens"], json!(["Jenkins"]));
    assert!(browser.get(&format!("{here}/reach")).text(200).contains("project token “Jenkins”, until"));
    let id = connection.rsplit('/').next().unwrap();
    let page = browser.get(&format!("/projects/{project}/team"));
    let team = format!("/projects/{project}/team");
    browser.submit_from(&page, &team, &[("do", "choose"), ("api_key", id)]).goes_to();
    assert_eq!(listed(&person)[0]["used_by"], json!([{ "id": project, "name": "Northwind iOS" }]));
    assert!(browser.get(&format!("{here}/reach")).text(200).contains("Its builds receive it."));
    let ask = browser.get(&format!("{here}/remove"));
    assert!(ask.text(200).contains("Builds of Northwind iOS use it, and receive it no more"));
    // Somebody else's form does nothing.
    let mut other = eve.browser();
    let page = other.get("/connections");
    for what in ["offer", "take-back", "test", "remove"] {
        let sent = other.submit_from(&page, &format!("{here}/{what}"), &[("project", &project)]);
        assert_eq!(sent.status(), 404, "{what}");
    }
    let page = browser.get(&here);
    let back = format!("{here}/take-back");
    browser.submit_from(&page, &back, &[("project", &project)]).goes_to();
    assert_eq!((&listed(&person)[0]["offered_to"], &listed(&person)[0]["used_by"]), (&json!([]), &json!([])));
    let page = browser.get(&here);
    browser.submit_from(&page, &format!("{here}/offer"), &[("project", &project)]).goes_to();
    let page = browser.get(&team);
    browser.submit_from(&page, &team, &[("do", "choose"), ("api_key", id)]).goes_to();
    assert_eq!(browser.submit_from(&ask, &format!("{here}/remove"), &[]).goes_to(), "/connections");
    assert!(browser.get("/connections").text(200).contains("Builds of Northwind iOS no longer receive it"));
    let told = person.told("connection_unused");
    let sentences: Vec<_> = told.iter().map(|one| one["sentence"].as_str().unwrap()).collect();
    assert_eq!(told.len(), 2, "{sentences:?}");
    // After ten minutes it asks who it is, and comes back to the page.
    let connection = added(&person, &apple.key("OTHERKEY12").request());
    server.clock.move_by(601);
    let page = browser.get(&connection);
    let sent = browser.submit_from(&page, &format!("{connection}/offer"), &[("project", &project)]);
    assert!(sent.goes_to().starts_with("/sign-in/confirm?next=%2Fconnections%2Fcon"), "{}", sent.goes_to());
}

#[test]
fn the_command_line_connects_tests_and_removes() {
    let apple = Apple::start();
    let server = apple.server();
    let person = server.person(ADA);
    let cli = Cli::new();
    let arguments = ["sign-in", &server.url(), ADA, "--password-stdin", "--code", &person.code()];
    cli.run_with(&arguments, &format!("{PASSWORD}\n")).with(0);
    assert!(cli.run(&["connections", "list"]).out.starts_with("You have connected nothing."));
    let key = apple.key(KEY);
    let file = server.folder().join(key.file());
    std::fs::write(&file, &key.pem).unwrap();
    let file = file.display().to_string();
    let added = cli.run(&["connections", "add-api-key", &file, "--issuer", ISSUER]);
    assert_eq!((added.code, added.err.as_str()), (Some(0), ""));
    assert!(added.out.starts_with("AuthKey_2X9R4HXF34 is connected: Apple takes it."), "{}", added.out);
    let listed = cli.run(&["connections", "list"]).out;
    assert!(listed.contains("apps, certificates, users  no project"), "{listed}");
    let json: Value = serde_json::from_str(&cli.run(&["connections", "list", "--json"]).out).unwrap();
    let id = json["connections"][0]["id"].as_str().unwrap();
    assert_eq!(cli.run(&["connections", "test", id]).out, "Apple takes AuthKey_2X9R4HXF34.\n");
    assert_eq!(cli.run(&["connections", "readers", id]).out, "No build has received it.\n");
    apple.revoke(KEY);
    let refused = cli.run(&["connections", "test", id]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""));
    assert!(refused.err.contains("Apple doesn't take this key."), "{}", refused.err);
    apple.says(Says::Nothing);
    let away = cli.run(&["connections", "test", id]);
    assert!(away.err.contains("Apple can't be reached"), "{}", away.err);
    assert_ne!(away.code, Some(0));
    assert_eq!(cli.run(&["connections", "add-api-key", "/nothing", "--issuer", ISSUER]).code, Some(2));
    assert_eq!(cli.run(&["connections", "add-api-key", &file]).code, Some(2));
    assert_eq!(cli.run(&["connections", "remove", "x"]).code, Some(2));
    let removed = cli.run(&["connections", "remove", id]);
    assert!(removed.out.starts_with("It is removed. No project used it."), "{} {}", removed.out, removed.err);
    assert_eq!(cli.run(&["connections", "remove", id]).code, Some(1));
}
