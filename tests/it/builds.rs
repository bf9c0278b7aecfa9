//! Builds: opened by a project token, or by an identity token of a CI that one of the project's rules lets in; closed, or ended by time.

use serde_json::{Value, json};

use crate::support::{Answer, Api, Browser, Done, Issuer, Mood, Person, Server, race, until};

const ADA: &str = "ada@example.org";
const LINUS: &str = "linus@example.org";
/// What the tokens of these tests are for.
const AUDIENCE: &str = "https://doorkey.example";

/// A project whose owner is Ada, an administrator.
struct Project<'s> {
    server: &'s Server,
    ada: Person<'s>,
    id: String,
}

impl<'s> Project<'s> {
    fn new(server: &'s Server) -> Self {
        let ada = server.administrator(ADA);
        let id = add_project(&ada, "Northwind iOS");
        Self { server, ada, id }
    }

    fn path(&self, rest: &str) -> String {
        format!("/projects/{}{rest}", self.id)
    }

    /// Its own CI, with what GitHub's tokens say.
    fn issuer(&self) -> Issuer {
        let issuer = Issuer::start();
        let asked =
            json!({ "preset": "github", "url": issuer.url, "audience": AUDIENCE, "allow_private": true });
        self.ada.api.post("/issuers", &asked).with(201);
        issuer
    }

    fn rule(&self, more: Value) -> String {
        let mut asked = json!({ "issuer": "GitHub Actions", "claims": { "repository_id": "1234" } });
        for (name, value) in more.as_object().unwrap() {
            asked[name] = value.clone();
        }
        let made = self.ada.api.post(&self.path("/rules"), &asked).json(201);
        made["id"].as_str().unwrap().into()
    }

    fn token(&self) -> (String, String) {
        let made = self.ada.api.post(&self.path("/tokens"), &json!({ "label": "Jenkins" })).json(201);
        (made["id"].as_str().unwrap().into(), made["token"].as_str().unwrap().into())
    }

    /// Opens a build with what its CI says, changed so.
    fn open(&self, issuer: &Issuer, changed: Value) -> Answer {
        self.open_with(&issuer.token(AUDIENCE, self.server.clock.now(), changed))
    }

    fn open_with(&self, token: &str) -> Answer {
        self.server.api("").post("/builds", &json!({ "project": self.id, "identity_token": token }))
    }

    fn try_rules(&self, token: &str) -> Value {
        self.ada.api.post(&self.path("/rules/try"), &json!({ "identity_token": token })).json(200)
    }

    fn count(&self) -> usize {
        self.ada.api.get(&self.path("/builds")).json(200)["builds"].as_array().unwrap().len()
    }
}

fn add_project(person: &Person<'_>, name: &str) -> String {
    let mut browser = person.browser();
    let made = browser.submit("/projects/add", &[("name", name)]);
    made.goes_to().trim_start_matches("/projects/").to_owned()
}

fn text(of: &Value, name: &str) -> String {
    of[name].as_str().unwrap_or_else(|| panic!("{name} in {of}")).to_owned()
}

fn detail(answer: &Answer) -> String {
    text(&answer.json_problem(), "detail")
}

/// The API as a build has it.
fn build_of<'s>(server: &'s Server, opened: &Value) -> Api<'s> {
    server.api(&text(opened, "token"))
}

#[test]
fn a_project_token_opens_builds_and_does_nothing_else() {
    let server = Server::start();
    let project = Project::new(&server);
    let (id, token) = project.token();
    assert!(token.starts_with("dkp_"));
    let ci = server.api(&token);
    let asked =
        json!({ "commit": "1a2b3c4", "reference": "main", "run": "https://ci.example/1", "minutes": 5 });
    let opened = ci.post("/builds", &asked).json(201);
    assert_eq!(opened["project"], json!({ "id": project.id, "name": "Northwind iOS" }));
    assert!(text(&opened, "url").ends_with(&format!("/builds/{}", text(&opened, "id"))));
    assert_eq!(opened["proof"]["id"], id.as_str());
    assert_eq!((&opened["commit"], &opened["reference"]), (&json!("1a2b3c4"), &json!("main")));
    // Its own name does too, and another project's doesn't.
    ci.post("/builds", &json!({ "project": "northwind IOS" })).with(201);
    let other = add_project(&project.ada, "Other");
    for named in [other.as_str(), "Nothing", ""] {
        let answer = ci.post("/builds", &json!({ "project": named }));
        assert_eq!(answer.problem(), "401 project-token-wrong", "{named}");
    }
    for path in ["/session", "/projects/x/builds", "/app-passwords", "/issuers"] {
        assert_eq!(ci.get(path).problem(), "401 sign-in-needed", "{path}");
    }
    assert_eq!(ci.get("/build").problem(), "401 build-token-wrong");
    let listed = project.ada.api.get(&project.path("/tokens")).json(200);
    assert_eq!(listed["tokens"][0]["last_used_source"], "127.0.0.1");
    // The build's own token shows the build, and closes it.
    let build = build_of(&server, &opened);
    assert_eq!(build.get("/build").json(200)["id"], opened["id"]);
    build.delete("/build").with(204);
    assert_eq!(build.get("/build").problem(), "401 build-token-wrong");
    let seen = project.ada.api.get(&format!("/builds/{}", text(&opened, "id"))).json(200);
    assert_eq!((&seen["open"], &seen["why_ended"]), (&json!(false), &json!("closed")));
    server.stop();
    for secret in [token, text(&opened, "token")] {
        let kept: i64 =
            server.data_says(&format!("SELECT COUNT(*) FROM events WHERE what LIKE '%{secret}%'"));
        assert_eq!(kept, 0);
    }
}

#[test]
fn what_is_asked_for_is_bounded() {
    let server = Server::start();
    let project = Project::new(&server);
    let ci = server.api(&project.token().1);
    for (asked, field) in [
        (json!({ "commit": "a".repeat(501) }), "commit"),
        (json!({ "reference": "ma\u{202e}in" }), "reference"),
        (json!({ "run": "javascript:alert(1)" }), "run"),
        (json!({ "run": "/relative" }), "run"),
        (json!({ "minutes": 0 }), "minutes"),
        (json!({ "minutes": 100_000 }), "minutes"),
    ] {
        assert_eq!(ci.post("/builds", &asked).problem(), format!("422 unfit {field}"), "{asked}");
    }
    assert_eq!(ci.post("/builds", &json!({ "minutes": "5" })).problem(), "400 unreadable");
    assert_eq!(server.api("").post("/builds", &json!({})).problem(), "401 project-token-wrong");
    assert_eq!(project.count(), 0);
}

#[test]
fn a_revoked_or_expired_token_opens_nothing_and_its_builds_end() {
    let server = Server::start();
    let project = Project::new(&server);
    let ((id, token), (_, other)) = (project.token(), project.token());
    let open = |token: &str| server.api(token).post("/builds", &json!({}));
    let (build, kept) = (open(&token).json(201), open(&other).json(201));
    let answer = project.ada.api.delete(&project.path(&format!("/tokens/{id}"))).json(200);
    assert_eq!(answer["builds_ended"], 1);
    assert_eq!(open(&token).problem(), "401 project-token-wrong");
    assert_eq!(build_of(&server, &build).get("/build").problem(), "401 build-token-wrong");
    build_of(&server, &kept).get("/build").with(200);
    let seen = project.ada.api.get(&format!("/builds/{}", text(&build, "id"))).json(200);
    assert_eq!(seen["why_ended"], "proof_taken_back");
    assert_eq!(project.ada.api.delete(&project.path(&format!("/tokens/{id}"))).problem(), "404 not-found");
    server.clock.move_by(91 * 86_400);
    let refused = open(&other);
    assert_eq!(refused.problem(), "401 project-token-wrong");
    assert!(detail(&refused).contains("“Jenkins” expired"), "{}", detail(&refused));
}

#[test]
fn a_build_that_never_closes_ends_by_time_whatever_the_clock_does_then() {
    let server = Server::start();
    let project = Project::new(&server);
    let ci = server.api(&project.token().1);
    let opened = ci.post("/builds", &json!({ "minutes": 10 })).json(201);
    let build = build_of(&server, &opened);
    server.clock.move_by(9 * 60 + 50);
    build.get("/build").with(200);
    server.clock.move_by(20);
    assert_eq!(build.get("/build").problem(), "401 build-token-wrong");
    let ada = &project.ada;
    let told = || ada.log("kind=build_ended").first().cloned();
    until(|| told().is_some());
    assert_eq!(told().unwrap()["why"], "time_over");
    server.clock.move_by(-600);
    assert_eq!(build.get("/build").problem(), "401 build-token-wrong");
    assert_eq!(build.delete("/build").problem(), "401 build-token-wrong");
}

#[test]
fn an_identity_token_opens_one_build_that_says_what_the_ci_signed() {
    let server = Server::start();
    let project = Project::new(&server);
    let issuer = project.issuer();
    let rule = project.rule(json!({ "claims": { "repository_id": "1234", "ref": "refs/heads/*" } }));
    let token = issuer.token(AUDIENCE, server.clock.now(), json!({}));
    // Trying it spends nothing.
    let tried = project.try_rules(&token);
    assert_eq!((&tried["opens"], &tried["rules"][0]["lets_in"]), (&json!(true), &json!(true)));
    let asked =
        json!({ "project": project.id, "identity_token": token, "commit": "forged", "reference": "forged" });
    let opened = server.api("").post("/builds", &asked).json(201);
    assert_eq!(opened["commit"], "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d");
    assert_eq!(opened["reference"], "refs/heads/main");
    assert_eq!((&opened["proof"]["by"], &opened["proof"]["id"]), (&json!("identity"), &json!(rule)));
    assert_eq!(opened["proof"]["claims"]["actor"], "linus");
    let again = project.open_with(&token);
    assert_eq!(again.problem(), "401 identity-wrong");
    assert!(detail(&again).contains("has opened a build already"));
    assert!(text(&project.try_rules(&token), "why_not_genuine").contains("has opened a build already"));
    // The same that was signed, with the other signature that says the same.
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let twin = format!("{signed}.{}", other_form(signature));
    assert_ne!(twin, token);
    assert!(detail(&project.open_with(&twin)).contains("has opened a build already"));
    assert_eq!(project.count(), 1);
    let log = project.ada.log("kind=build_opened");
    assert!(!log[0].to_string().contains(&token[..40]));
}

/// The other signature of the same (r, n - s): elliptic ones have two, which anybody can make from each other.
fn other_form(signature: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    const N: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0;
    for place in (0..32).rev() {
        let left = i16::from(N[place]) - i16::from(bytes[32 + place]) - borrow;
        borrow = i16::from(left < 0);
        bytes[32 + place] = u8::try_from(left.rem_euclid(256)).unwrap();
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn two_at_once_with_one_token_are_one_build() {
    let server = Server::start();
    let project = Project::new(&server);
    let issuer = project.issuer();
    project.rule(json!({}));
    for _ in 0..5 {
        let before = project.count();
        let token = issuer.token(AUDIENCE, server.clock.now(), json!({}));
        let answers = race(4, |_| project.open_with(&token).status);
        assert_eq!(answers.iter().filter(|status| **status == 201).count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|status| **status == 401).count(), 3, "{answers:?}");
        assert_eq!(project.count(), before + 1);
    }
}

#[test]
fn a_token_that_is_not_genuine_opens_nothing_and_is_told_why() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let server = Server::start();
    let project = Project::new(&server);
    let issuer = project.issuer();
    project.rule(json!({}));
    let rsa = json!({ "kty": "RSA", "kid": "rsa", "n": URL_SAFE_NO_PAD.encode([0xc7; 256]), "e": "AQAB" });
    issuer.show(rsa);
    project.open(&issuer, json!({})).with(201);
    let now = server.clock.now().seconds();
    let stranger = Issuer::start();
    let claims = |changed: Value| issuer.claims(AUDIENCE, server.clock.now(), changed);
    let signed = |header: Value| issuer.sign(&header, &claims(json!({})));
    let unsigned = |header: &Value, secret: &[u8]| {
        let part = |of: &Value| URL_SAFE_NO_PAD.encode(of.to_string());
        let text = format!("{}.{}", part(header), part(&claims(json!({}))));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, text.as_bytes()).as_ref()))
    };
    let good = signed(issuer.header());
    let (front, _) = good.rsplit_once('.').unwrap();
    for (token, why) in [
        (
            issuer.token(AUDIENCE, server.clock.now(), json!({ "exp": now - 100, "iat": now - 400 })),
            "It expired at",
        ),
        (
            issuer.token(AUDIENCE, server.clock.now(), json!({ "iat": now + 600, "exp": now + 900 })),
            "lies ahead",
        ),
        (issuer.token(AUDIENCE, server.clock.now(), json!({ "exp": now + 100_000 })), "longer than 24 hours"),
        (issuer.token(AUDIENCE, server.clock.now(), json!({ "exp": null })), "claim exp"),
        (issuer.token(AUDIENCE, server.clock.now(), json!({ "iat": "now" })), "claim iat"),
        (issuer.token(AUDIENCE, server.clock.now(), json!({ "iss": null })), "claim iss"),
        (issuer.token(AUDIENCE, server.clock.now(), json!({ "iss": [issuer.url] })), "claim iss"),
        (
            issuer.token("https://doorkey.example.evil", server.clock.now(), json!({})),
            "audience https://doorkey.example.",
        ),
        (
            issuer.token(AUDIENCE, server.clock.now(), json!({ "aud": null })),
            "audience https://doorkey.example.",
        ),
        (stranger.token(AUDIENCE, server.clock.now(), json!({})), "which this server doesn't know"),
        (stranger.token(AUDIENCE, server.clock.now(), json!({ "iss": issuer.url })), "isn't signed with"),
        (format!("{front}."), "isn't signed with"),
        (unsigned(&json!({ "alg": "none" }), b""), "unsigned, or signed in a way"),
        (
            unsigned(&json!({ "alg": "HS256", "kid": "first" }), &issuer.public_key()),
            "unsigned, or signed in a way",
        ),
        (signed(json!({ "alg": "ES256", "kid": "rsa" })), "isn't signed with"),
        (signed(json!({ "alg": "RS256", "kid": "first" })), "isn't signed with"),
        (signed(json!({ "alg": "ES256", "kid": "first", "crit": ["x"] })), "extensions"),
        (signed(json!({ "alg": "ES256", "kid": "other" })), "isn't signed with"),
        ("abc".into(), "isn't an identity token"),
        (String::new(), "isn't an identity token"),
        ("a".repeat(17_000), "longer than 16 KiB"),
    ] {
        let answer = project.open_with(&token);
        assert_eq!(answer.problem(), "401 identity-wrong", "{why}");
        assert!(detail(&answer).contains(why), "{why}: {}", detail(&answer));
        let tried = project.try_rules(&token);
        assert_eq!(tried["opens"], false);
        assert!(text(&tried, "why_not_genuine").contains(why), "{tried}");
    }
    assert_eq!(project.count(), 1);
}

#[test]
fn no_rule_no_build_and_a_refusal_says_what_stands_in_the_way_to_those_it_is_about() {
    let server = Server::start();
    let project = Project::new(&server);
    let issuer = project.issuer();
    project.rule(json!({ "claims": { "repository_id": "1234", "ref": "refs/heads/main", "repository": "northwind/app" } }));
    let refused = |changed: Value| {
        let answer = project.open(&issuer, changed);
        assert_eq!(answer.problem(), "403 build-refused");
        detail(&answer)
    };
    assert!(
        refused(json!({ "ref": "refs/heads/main-evil" }))
            .contains("and this build's is refs/heads/main-evil")
    );
    assert!(refused(json!({ "ref": "refs/heads/mai" })).contains("wants ref"));
    assert!(refused(json!({ "ref": ["refs/heads/main"] })).contains("doesn't have it"));
    assert!(
        refused(json!({ "repository": "northwind/app-evil" })).contains("wants repository northwind/app")
    );
    // To strangers there is no such project.
    let stranger = refused(json!({ "repository_id": "123" }));
    assert!(
        stranger.contains("No rule of such a project") && !stranger.contains("refs/heads/main"),
        "{stranger}"
    );
    for (name, id) in [("12345", "a longer one"), ("", "none")] {
        let said = refused(json!({ "repository_id": name }));
        assert!(said.contains("No rule of such a project"), "{id}: {said}");
    }
    let token = issuer.token(AUDIENCE, server.clock.now(), json!({ "repository_id": "123" }));
    let nothing = server.api("").post("/builds", &json!({ "project": "Nothing", "identity_token": token }));
    assert_eq!((nothing.problem(), detail(&nothing)), ("403 build-refused".into(), stranger));
    // The refused token wasn't spent: with another rule it opens a build.
    let token = issuer.token(AUDIENCE, server.clock.now(), json!({ "ref": "refs/tags/v1" }));
    assert_eq!(project.open_with(&token).status, 403);
    let rule = project.rule(json!({ "claims": { "repository_id": "1234", "ref": "refs/tags/v*" } }));
    let opened = project.open_with(&token).json(201);
    let gone = project.ada.api.delete(&project.path(&format!("/rules/{rule}"))).json(200);
    assert_eq!(gone["builds_ended"], 1);
    assert_eq!(build_of(&server, &opened).get("/build").problem(), "401 build-token-wrong");
    // The log sums refusals up.
    server.stop();
    server.start_again();
    let mut ada = project.ada;
    ada.sign_in();
    let told = ada.log("kind=build_refused");
    let count: i64 = told.iter().map(|event| event["count"].as_i64().unwrap()).sum();
    assert_eq!(count, 8, "{told:?}");
}

#[test]
fn forks_and_pull_requests_stay_out_unless_a_rule_says_so() {
    let server = Server::start();
    let project = Project::new(&server);
    let issuer = project.issuer();
    let rule = project.rule(json!({}));
    let pull = || json!({ "event_name": "pull_request", "repository_visibility": "public", "ref": "refs/pull/7/merge" });
    let fork = || json!({ "event_name": "pull_request_target", "repository_visibility": "public" });
    let private = || json!({ "event_name": "pull_request", "repository_visibility": "private" });
    let none = || json!({ "event_name": null });
    for (claims, why) in [
        (pull(), "is of a pull request"),
        (fork(), "comes from a fork"),
        (private(), "comes from a fork"),
        (none(), "comes from a fork"),
    ] {
        let answer = project.open(&issuer, claims);
        assert_eq!(answer.problem(), "403 build-refused");
        assert!(
            detail(&answer).contains(why)
                && detail(&answer).contains("An admin can allow it under Integrations."),
            "{}",
            detail(&answer)
        );
    }
    project.ada.api.delete(&project.path(&format!("/rules/{rule}"))).with(200);
    project.rule(json!({ "pull_requests": true }));
    project.open(&issuer, pull()).with(201);
    assert_eq!(project.open(&issuer, fork()).problem(), "403 build-refused");
    assert_eq!(project.open(&issuer, private()).problem(), "403 build-refused");
    project.rule(json!({ "forks": true }));
    project.open(&issuer, fork()).with(201);
    project.open(&issuer, private()).with(201);
}

#[test]
fn keys_are_asked_for_once_and_anew_when_they_are_rotated() {
    let server = Server::start();
    let project = Project::new(&server);
    let issuer = project.issuer();
    project.rule(json!({}));
    let answers = race(4, |_| project.open(&issuer, json!({})).status);
    assert_eq!(answers, [201; 4]);
    assert_eq!(issuer.asked(), ["/.well-known/openid-configuration", "/keys"]);
    issuer.rotate("second");
    // Whoever makes up names of keys makes nobody ask twice in half a minute.
    assert_eq!(project.open(&issuer, json!({})).problem(), "401 identity-wrong");
    assert_eq!(issuer.asked().len(), 2);
    server.clock.move_by(31);
    project.open(&issuer, json!({})).with(201);
    assert_eq!(issuer.asked().len(), 4);
    // While it is down, what it said last is good for the time that it was fresh and a day more.
    issuer.set(Mood::Down);
    server.clock.move_by(24 * 3600);
    project.open(&issuer, json!({})).with(201);
    server.clock.move_by(3600);
    let answer = project.open(&issuer, json!({}));
    assert_eq!(answer.problem(), "503 unavailable");
    assert!(answer.header("retry-after").is_some() && detail(&answer).contains("can't be had"));
    issuer.set(Mood::Good);
    server.clock.move_by(31);
    project.open(&issuer, json!({})).with(201);
}

#[test]
fn an_issuer_that_misbehaves_gives_no_keys_and_leads_nowhere() {
    let server = Server::start();
    let project = Project::new(&server);
    let secret = Issuer::start();
    for (mood, why) in [
        (Mood::Down, "can't be asked"),
        (Mood::Redirects, "which isn't followed"),
        (Mood::Misnamed, "calls itself otherwise"),
        (Mood::KeysAt("http://169.254.169.254/keys".into()), "has to begin with https"),
        (Mood::KeysAt("file:///etc/passwd".into()), "names no host"),
        (Mood::KeysAt("https://127.0.0.1:1/keys".into()), "can't be asked"),
        (Mood::Huge, "more than 131072 bytes"),
        (Mood::Silent, "doesn't answer within 5 seconds"),
    ] {
        let issuer = Issuer::start();
        issuer.set(mood.clone());
        let asked = json!({ "preset": "github", "name": "CI", "url": issuer.url, "audience": AUDIENCE, "allow_private": true });
        let added = project.ada.api.post("/issuers", &asked).json(201);
        let answer = project.open(&issuer, json!({}));
        assert_eq!(answer.problem(), "503 unavailable", "{mood:?}");
        assert!(detail(&answer).contains(why), "{mood:?}: {}", detail(&answer));
        project.ada.api.delete(&format!("/issuers/{}", text(&added, "id"))).with(204);
    }
    assert!(secret.asked().is_empty());
}

#[test]
fn an_issuer_is_public_unless_it_may_be_near() {
    let server = Server::start();
    let ada = server.administrator(ADA);
    let issuer = Issuer::start();
    let add = |asked: Value| ada.api.post("/issuers", &asked);
    for (asked, field) in [
        (json!({ "preset": "github", "url": issuer.url }), "url"),
        (json!({ "preset": "gitlab", "url": issuer.url.replace("http:", "https:") }), "url"),
        (json!({ "preset": "gitlab", "url": "https://[::ffff:10.0.0.1]" }), "url"),
        (json!({ "preset": "gitlab", "url": "http://gitlab.example", "allow_private": false }), "url"),
        (json!({ "preset": "gitlab", "url": "http://93.184.216.34", "allow_private": true }), "url"),
        (json!({ "preset": "circleci" }), "url"),
        (json!({ "preset": "circleci", "url": "https://oidc.circleci.com.evil/org/1" }), "url"),
        (json!({ "preset": "other", "url": "https://ci.example" }), "claim"),
        (json!({ "preset": "jenkins" }), "preset"),
        (json!({ "preset": "github", "claim": "sub" }), "claim"),
        (json!({ "preset": "github", "name": "\u{202e}" }), "name"),
    ] {
        assert_eq!(add(asked.clone()).problem(), format!("422 unfit {field}"), "{asked}");
    }
    let added = add(json!({ "preset": "github" })).json(201);
    assert_eq!(added["url"], "https://token.actions.githubusercontent.com");
    assert!(text(&added, "audience").starts_with("http://localhost:"));
    assert_eq!(add(json!({ "preset": "github", "name": "Again" })).problem(), "409 conflict name");
    // A name that leads to this machine is no public one, whatever it is called.
    add(json!({ "preset": "gitlab", "url": "https://localhost" })).with(201);
    let project = add_project(&ada, "Northwind iOS");
    let claims = issuer.claims(AUDIENCE, server.clock.now(), json!({ "iss": "https://localhost" }));
    let token = issuer.sign(&issuer.header(), &claims);
    let answer = server.api("").post("/builds", &json!({ "project": project, "identity_token": token }));
    assert_eq!(answer.problem(), "503 unavailable");
    assert!(detail(&answer).contains("no address that may be asked"), "{}", detail(&answer));
    // Administrators alone add and remove.
    let linus = server.person(LINUS);
    assert_eq!(linus.api.get("/issuers").json(200)["issuers"].as_array().unwrap().len(), 2);
    assert_eq!(linus.api.post("/issuers", &json!({ "preset": "buildkite" })).problem(), "403 not-allowed");
    assert_eq!(linus.api.delete("/issuers/GitLab").problem(), "403 not-allowed");
}

#[test]
fn rules_and_tokens_are_the_teams() {
    let server = Server::start();
    let project = Project::new(&server);
    let issuer = project.issuer();
    let rule = project.rule(json!({}));
    let (token, _) = project.token();
    let opened = project.open(&issuer, json!({})).json(201);
    let linus = server.person(LINUS);
    for path in ["/rules", "/tokens", "/builds"] {
        assert_eq!(linus.api.get(&project.path(path)).problem(), "404 not-found", "{path}");
    }
    let build = format!("/builds/{}", text(&opened, "id"));
    assert_eq!(linus.api.get(&build).problem(), "404 not-found");
    assert_eq!(linus.api.post(&format!("{build}/close"), &Value::Null).problem(), "404 not-found");
    let asked = json!({ "issuer": "GitHub Actions", "claims": { "repository_id": "7" } });
    assert_eq!(linus.api.post(&project.path("/rules"), &asked).problem(), "404 not-found");
    assert_eq!(linus.api.post(&project.path("/tokens"), &json!({ "label": "x" })).problem(), "404 not-found");
    assert_eq!(linus.api.delete(&project.path(&format!("/rules/{rule}"))).problem(), "404 not-found");
    assert_eq!(linus.api.delete(&project.path(&format!("/tokens/{token}"))).problem(), "404 not-found");
    // Another project's admin doesn't reach them through their own.
    let other = add_project(&linus, "Other");
    for path in [format!("/rules/{rule}"), format!("/tokens/{token}")] {
        assert_eq!(linus.api.delete(&format!("/projects/{other}{path}")).problem(), "404 not-found");
    }
    // What gives something away asks who one is; what takes it back doesn't.
    server.clock.move_by(11 * 60);
    let ada = &project.ada.api;
    assert_eq!(ada.post(&project.path("/rules"), &asked).problem(), "403 confirmation-needed");
    assert_eq!(
        ada.post(&project.path("/tokens"), &json!({ "label": "x" })).problem(),
        "403 confirmation-needed"
    );
    let closed = ada.post(&format!("{build}/close"), &Value::Null).json(200);
    assert_eq!(closed["why_ended"], "closed_by_person");
    ada.delete(&project.path(&format!("/rules/{rule}"))).with(200);
    assert_eq!(build_of(&server, &opened).get("/build").problem(), "401 build-token-wrong");
}

#[test]
fn after_a_backup_is_restored_tokens_from_before_open_nothing() {
    let server = Server::start_in_a_file();
    let project = Project::new(&server);
    let issuer = project.issuer();
    project.rule(json!({}));
    let (_, token) = project.token();
    let used =
        issuer.token(AUDIENCE, server.clock.now(), json!({ "exp": server.clock.now().seconds() + 3600 }));
    let backup = server.folder().join("backup");
    server.run(&["admin", "backup", backup.to_str().unwrap()]).with(0);
    project.open_with(&used).with(201);
    server.clock.move_by(30);
    server.stop();
    server.run(&["admin", "restore", backup.to_str().unwrap(), "--app-passwords", "keep"]).with(0);
    server.start_again();
    let answer = project.open_with(&used);
    assert_eq!(answer.problem(), "401 identity-wrong");
    assert!(detail(&answer).contains("before a backup of this server was restored"), "{}", detail(&answer));
    assert_eq!(server.api(&token).post("/builds", &json!({})).problem(), "401 project-token-wrong");
    server.clock.move_by(5);
    project.open(&issuer, json!({})).with(201);
}

#[test]
fn failures_from_one_address_are_bounded() {
    let server = Server::start();
    let project = Project::new(&server);
    let (_, token) = project.token();
    server.clock.stand_still();
    let fail = || server.api("").post("/builds", &json!({ "identity_token": "x" }));
    for _ in 0..60 {
        assert_eq!(fail().status, 401);
    }
    let refused = fail();
    assert_eq!(refused.problem(), "429 too-many-attempts");
    assert!(refused.header("retry-after").is_some());
    server.clock.move_by(61);
    server.api(&token).post("/builds", &json!({})).with(201);
}

#[test]
fn the_pages_let_builds_in_and_show_what_they_did() {
    let server = Server::start();
    let project = Project::new(&server);
    let issuer = project.issuer();
    let mut browser = project.ada.browser();
    let here = project.path("/integrations");
    let empty = browser.get(&project.path("")).text(200);
    assert!(empty.contains("No builds yet"), "{empty}");
    let page = browser.get(&here).text(200);
    assert!(
        page.contains(&format!("DOORKEY_PROJECT: {}", project.id))
            && page.contains("DOORKEY_URL: http://localhost")
            && page.contains("Add rule"),
        "{page}"
    );
    // A rule: which CI, then what its tokens have to say.
    let choose = browser.get(&format!("{here}/rules/add"));
    let add = choose.between(&format!("href=\"{here}/rules/add?issuer="), "\"");
    let add = format!("{here}/rules/add?issuer={add}");
    let form = browser.get(&add);
    let id = form.between("name=\"issuer\" value=\"", "\"");
    let fields = |value: &'static str| {
        [("issuer", id.clone()), ("claim:repository_id", value.into()), ("claim:ref", "refs/heads/*".into())]
    };
    let send = |browser: &mut Browser<'_>, value| {
        let fields = fields(value);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.submit_from(&form, &format!("{here}/rules/add"), &fields)
    };
    let wrong = send(&mut browser, "northwind/app");
    assert!(
        wrong.text(422).contains("that can&#39;t be one") && wrong.text(422).contains("northwind/app"),
        "{}",
        wrong.text(422)
    );
    assert_eq!(send(&mut browser, "1234").goes_to(), here);
    let page = browser.get(&here).text(200);
    assert!(page.contains("repository_id 1234, ref refs/heads/*"), "{page}");
    // Trying a token shows what it says, and doesn't send it back.
    let token =
        issuer.token(AUDIENCE, server.clock.now(), json!({ "ref": "refs/tags/v1", "actor": "<b>linus</b>" }));
    let tried = browser.submit(&format!("{here}/try"), &[("token", &token)]).text(200);
    assert!(tried.contains("This token opens no build") && tried.contains("and is refs/tags/v1"), "{tried}");
    assert!(
        tried.contains("&#60;b&#62;linus") && !tried.contains("<b>linus") && !tried.contains(&token[..60]),
        "{tried}"
    );
    let good = issuer.token(AUDIENCE, server.clock.now(), json!({}));
    let tried = browser.submit(&format!("{here}/try"), &[("token", &good)]).text(200);
    assert!(tried.contains("This token opens a build") && tried.contains("Lets it in"), "{tried}");
    let opened = project.open_with(&good).json(201);
    // A token, shown once.
    let made = browser.submit(&format!("{here}/tokens/make"), &[("label", "Jenkins"), ("expires", "30d")]);
    let token = made.between("id=\"secret\">", "<");
    server.api(&token).post("/builds", &json!({ "reference": "main" })).with(201);
    let page = browser.get(&here);
    assert!(page.text(200).contains("opened a build") && !page.text(200).contains(&token));
    let revoke = format!("{here}/tokens/{}", page.between(&format!("action=\"{here}/tokens/"), "\""));
    assert_eq!(browser.submit_from(&page, &revoke, &[]).goes_to(), here);
    assert!(browser.get(&here).text(200).contains("The build that it had let in has ended"));
    // The list, and one of it.
    let list = browser.get(&project.path("")).text(200);
    assert!(
        list.contains("main, 1a2b3c4d5e") && list.contains(">Open<") && list.contains("received nothing"),
        "{list}"
    );
    let build = format!("/builds/{}", text(&opened, "id"));
    let page = browser.get(&build);
    assert!(
        page.text(200).contains("Opened with http://127.0.0.1") && page.text(200).contains("workflow_ref")
    );
    assert_eq!(browser.submit_from(&page, &format!("{build}/close"), &[]).goes_to(), build);
    let page = browser.get(&build).text(200);
    assert!(page.contains("Closed by ada@example.org.") && !page.contains("Close this build"), "{page}");
    // Removing the rule asks once.
    let page = browser.get(&here);
    let remove = format!(
        "{here}/rules/{}",
        page.between(&format!("href=\"{here}/rules/rul_"), "\"").replacen("", "rul_", 1)
    );
    assert!(browser.get(&remove).text(200).contains("Remove this rule?"));
    assert_eq!(browser.submit(&remove, &[]).goes_to(), here);
    // Others find nothing there.
    let linus = server.person(LINUS);
    let mut other = linus.browser();
    for path in [&here, &build, &add, &format!("{here}/try"), &format!("{here}/tokens/make")] {
        assert_eq!(other.get(path).status(), 404, "{path}");
    }
    assert_eq!(other.get("/issuers").status(), 403);
    let issuers = browser.get("/issuers").text(200);
    assert!(issuers.contains(&issuer.url) && issuers.contains(AUDIENCE), "{issuers}");
    let added = browser.submit("/issuers/add", &[("preset", "buildkite"), ("url", ""), ("name", "")]);
    assert_eq!(added.goes_to(), "/issuers");
    let wrong = browser.submit("/issuers/add", &[("preset", "circleci"), ("url", "https://ci.example")]);
    assert!(wrong.text(422).contains("Each organization at CircleCI has its own"));
    let page = browser.get("/issuers");
    let remove = format!("/issuers/{}", page.between("href=\"/issuers/iss_", "\"").replacen("", "iss_", 1));
    assert!(browser.get(&remove).text(200).contains("Remove GitHub Actions?"));
    assert_eq!(browser.submit(&remove, &[]).goes_to(), "/issuers");
    assert!(!browser.get("/issuers").text(200).contains(&issuer.url));
}

#[test]
fn a_ci_opens_and_closes_builds_by_the_command_line() {
    let server = Server::start();
    let project = Project::new(&server);
    let issuer = project.issuer();
    project.rule(json!({}));
    let (_, token) = project.token();
    let url = server.url();
    let folder = server.folder().display().to_string();
    let run = |set: &[(&str, &str)], arguments: &[&str], input: &str| {
        let mut command = crate::support::program(server.folder());
        command.args(arguments).env("HOME", &folder).env("DOORKEY_URL", &url).envs(set.iter().copied());
        Done::of(&mut command, input)
    };
    let given = |ci: &'static str| {
        let token = issuer.token(AUDIENCE, server.clock.now(), json!({}));
        [
            (ci, "true".to_owned()),
            ("DOORKEY_ID_TOKEN", token),
            ("DOORKEY_PROJECT", "northwind ios".to_owned()),
        ]
    };
    // With the CI's identity token.
    let set = given("GITLAB_CI");
    let set: Vec<_> = set.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let opened = run(&set, &["builds", "open", "--json"], "").json();
    assert_eq!(opened["reference"], "refs/heads/main");
    run(&set, &["builds", "open"], "").with(1).said("has opened a build already");
    // With a project token, and what the CI's variables say.
    let jenkins = [
        ("DOORKEY_PROJECT_TOKEN", token.as_str()),
        ("GIT_COMMIT", "abc"),
        ("BUILD_URL", "https://ci.example/7"),
    ];
    let lines = run(&jenkins, &["builds", "open", "--export", "shell"], "").with(0).out;
    let variables: std::collections::BTreeMap<_, _> = lines
        .lines()
        .map(|line| line.strip_prefix("export ").unwrap().split_once('=').unwrap())
        .map(|(name, value)| (name, value.trim_matches('\'')))
        .collect();
    assert!(variables["BITRISE_BUILD_URL"].ends_with(&format!("/builds/{}", variables["DOORKEY_BUILD"])));
    assert_eq!(variables["DOORKEY_BUILD_TOKEN"], variables["BITRISE_BUILD_API_TOKEN"]);
    let build = server.api(variables["DOORKEY_BUILD_TOKEN"]);
    let own = build.get("/build").json(200);
    assert_eq!((&own["commit"], &own["run"]), (&json!("abc"), &json!("https://ci.example/7")));
    let set: Vec<_> = variables.iter().map(|(name, value)| (*name, *value)).collect();
    run(&set, &["builds", "close"], "").with(0);
    assert_eq!(build.get("/build").problem(), "401 build-token-wrong");
    // From standard input, alone on its line.
    let printed = run(&[], &["builds", "open", "--token-stdin"], &format!("{token}\n")).with(0);
    assert!(printed.out.starts_with("dkb_") && printed.out.lines().count() == 1, "{}", printed.out);
    // What can't be meant, and what is nowhere.
    run(&[], &["builds", "open"], "").with(2).said("This runs in no CI");
    run(&[], &["builds", "close"], "").with(2).said("DOORKEY_BUILD_TOKEN");
    run(&[("GITHUB_ACTIONS", "true")], &["builds", "open", "--oidc"], "").with(1).said("id-token: write");
    run(&[("DOORKEY_URL", "http://127.0.0.1:1"), ("DOORKEY_PROJECT_TOKEN", &token)], &["builds", "open"], "")
        .with(3);
    run(&[("DOORKEY_PROJECT_TOKEN", "dkp_wrong")], &["builds", "open"], "")
        .with(1)
        .said("in DOORKEY_PROJECT_TOKEN isn't whole");
    // A cut one is sent nowhere.
    let cut = &token[..token.len() - 1];
    let nowhere = [("DOORKEY_URL", "http://127.0.0.1:1"), ("DOORKEY_PROJECT_TOKEN", cut)];
    run(&nowhere, &["builds", "open"], "").with(1).said("Copy it again");
    run(&nowhere, &["exec", "--", "true"], "").with(1).said("Copy it again");
    run(&[], &["builds", "open", "--token-stdin"], &format!("{cut}\n")).with(1).said("isn't whole");
    // GitHub's way: a token is asked for, for this audience.
    let asked = issuer.url.clone() + "/github?x=1";
    issuer.gives(&issuer.token(AUDIENCE, server.clock.now(), json!({})));
    let github = [
        ("GITHUB_ACTIONS", "true"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", asked.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "secret"),
        ("DOORKEY_PROJECT", project.id.as_str()),
    ];
    run(&github, &["builds", "open", "--oidc", "--audience", "https://a.example"], "").with(0);
    assert_eq!(issuer.asked().last().unwrap(), "/github?x=1&audience=https%3A%2F%2Fa.example");
}
