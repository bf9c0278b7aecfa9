//! What all pages have in common: who may see them, their headers, cookies and forms, and where they lead.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Person, Request, Server, group};

const ADA: &str = "ada@example.org";

/// Every page, as somebody signed in who administers the server may open it. `{id}` is an app-specific password's.
const PAGES: &[&str] = &[
    "/security",
    "/security/password",
    "/security/two-factor/move",
    "/security/two-factor/off",
    "/security/recovery-codes",
    "/tokens",
    "/tokens/make",
    "/app-passwords",
    "/app-passwords/generate",
    "/app-passwords/revoke-all",
    "/app-passwords/{id}/revoke",
    "/connections",
    "/connections/add",
    "/activity",
    "/people",
    "/people/import",
    "/people/invite",
    "/people/at/ada@example.org",
    "/people/at/ada@example.org/invite-link",
    "/people/at/ada@example.org/reset-link",
    "/people/at/ada@example.org/administrator",
    "/people/sign-out",
    "/people/at/ada@example.org/sign-out",
    "/people/at/ada@example.org/suspend",
    "/people/at/ada@example.org/remove",
    "/events",
    "/groups",
    "/groups/add",
    "/groups/at/staff",
    "/groups/at/staff/leave/ada%40example%2Eorg",
    "/groups/at/staff/remove",
    "/services",
    "/services/add",
    "/services/at/mail",
    "/services/at/mail/change",
    "/services/at/mail/set-up",
    "/services/at/mail/test",
    "/services/at/mail/new-key",
    "/services/at/mail/remove",
    "/settings",
    "/sign-in/confirm",
    "/security/two-factor",
    "/",
    "/sign-in",
];

/// Every address that takes a form.
const FORMS: &[&str] = &[
    "/sign-in",
    "/sign-in/code",
    "/sign-in/confirm",
    "/sign-out",
    "/security/password",
    "/security/two-factor",
    "/security/two-factor/move",
    "/security/two-factor/off",
    "/security/recovery-codes",
    "/tokens/make",
    "/tokens/tok_00000000000000000000000000000000/revoke",
    "/security/sessions/ses_00000000000000000000000000000000/sign-out",
    "/security/sign-out-others",
    "/security/browsers/bro_00000000000000000000000000000000/forget",
    "/security/browsers/forget-all",
    "/app-passwords/generate",
    "/app-passwords/profile",
    "/app-passwords/revoke-all",
    "/app-passwords/{id}/revoke",
    "/connections/con_00000000000000000000000000000000/test",
    "/connections/con_00000000000000000000000000000000/offer",
    "/connections/con_00000000000000000000000000000000/take-back",
    "/connections/con_00000000000000000000000000000000/remove",
    "/people/import",
    "/people/invite",
    "/people/at/ada@example.org",
    "/people/at/ada@example.org/invite-link",
    "/people/at/ada@example.org/reset-link",
    "/people/at/ada@example.org/administrator",
    "/people/sign-out",
    "/people/at/ada@example.org/sign-out",
    "/people/at/ada@example.org/suspend",
    "/people/at/ada@example.org/remove",
    "/groups/add",
    "/groups/at/staff",
    "/groups/at/staff/leave/ada%40example%2Eorg",
    "/groups/at/staff/remove",
    "/services/add",
    "/services/at/mail/change",
    "/services/at/mail/set-up",
    "/services/at/mail/test",
    "/services/at/mail/test/{id}/end",
    "/services/at/mail/new-key",
    "/services/at/mail/remove",
    "/settings",
];

/// Everything else that answers.
const OTHERS: &[&str] = &[
    "/health/live",
    "/health/ready",
    "/health/started",
    "/setup/x",
    "/invitation/x",
    "/reset/x",
    "/sign-in/code",
    "/services/at/mail/test/{id}",
    "/nothing",
    "/static/app.css",
    "/static/app.js",
    "/static/base.css",
    "/static/forms.css",
    "/static/icon.svg",
    "/static/logo.svg",
    "/static/nothing",
    "/api/v1/session",
    "/.well-known/caldav",
    "/mail/config-v1.1.xml",
];

/// An administrator, a service, and an app-specific password whose id is given.
fn set_the_table(server: &Server) -> (Person<'_>, String) {
    let person = server.administrator(ADA);
    server.service("mail", "mail");
    group(server, "staff", &[ADA]);
    let id = person.generate("Phone", "mail").id;
    (person, id)
}

#[test]
fn every_answer_has_the_headers_that_keep_it_safe() {
    let server = Server::start();
    let (person, id) = set_the_table(&server);
    let mut browser = person.browser();
    let expected = [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    for path in PAGES.iter().chain(OTHERS) {
        let path = path.replace("{id}", &id);
        let page = browser.get(&path).0;
        for (name, value) in expected {
            assert_eq!(page.header(name), Some(value), "{path}");
        }
        let kept = if path.starts_with("/static/") && page.status == 200 {
            "public, max-age=3600"
        } else {
            "no-store"
        };
        assert_eq!(page.header("cache-control"), Some(kept), "{path}");
        assert_eq!(page.header("strict-transport-security"), None, "{path}");
        if page.header("content-type") == Some("text/html; charset=utf-8") {
            let text = page.text();
            for forbidden in
                [" style=", "<style", "javascript:", " onclick=", " onload=", "src=\"http", "href=\"//"]
            {
                assert!(!text.contains(forbidden), "{forbidden} is in {path}");
            }
            for script in text.split("<script").skip(1) {
                assert!(script.starts_with(" src=\"/static/"), "an inline script in {path}");
            }
        }
    }
}

#[test]
fn every_page_is_for_those_who_are_signed_in() {
    let server = Server::start();
    let (person, id) = set_the_table(&server);
    let mut nobody = server.browser();
    let mut signed_in = person.browser();
    for path in PAGES {
        let path = path.replace("{id}", &id);
        let status = signed_in.get(&path).status();
        let expected = match path.as_str() {
            "/" | "/sign-in" => 303,
            "/security/two-factor" => 409,
            _ => 200,
        };
        assert_eq!(status, expected, "{path}");
        if path != "/sign-in" && path != "/" {
            let next = percent_encoding::utf8_percent_encode(&path, percent_encoding::NON_ALPHANUMERIC);
            assert_eq!(nobody.get(&path).goes_to(), format!("/sign-in?next={next}"));
        }
    }
    server.clock.move_by(601);
    for path in PAGES {
        let path = path.replace("{id}", &id);
        let changes = [
            "/security/password",
            "/security/two-factor",
            "/security/two-factor/move",
            "/security/two-factor/off",
            "/security/recovery-codes",
            "/tokens/make",
            "/app-passwords/generate",
            "/connections/add",
            "/people/import",
            "/people/invite",
            "/people/at/ada@example.org/invite-link",
            "/people/at/ada@example.org/reset-link",
            "/people/at/ada@example.org/administrator",
            "/people/sign-out",
            "/people/at/ada@example.org/sign-out",
            "/people/at/ada@example.org/suspend",
            "/people/at/ada@example.org/remove",
            "/groups/add",
            "/groups/at/staff/leave/ada%40example%2Eorg",
            "/groups/at/staff/remove",
            "/services/add",
            "/services/at/mail/change",
            "/services/at/mail/test",
            "/services/at/mail/new-key",
            "/services/at/mail/remove",
        ];
        if changes.contains(&path.as_str()) {
            let next = percent_encoding::utf8_percent_encode(&path, percent_encoding::NON_ALPHANUMERIC);
            assert_eq!(signed_in.get(&path).goes_to(), format!("/sign-in/confirm?next={next}"));
        } else {
            assert!([200, 303].contains(&signed_in.get(&path).status()), "{path}");
        }
    }
}

#[test]
fn a_form_that_was_not_made_for_this_browser_does_nothing() {
    let server = Server::start();
    let (person, id) = set_the_table(&server);
    let eve = server.administrator("eve@example.org");
    let (mut browser, mut hers, mut nobodys) = (person.browser(), eve.browser(), server.browser());
    let tokens = [hers.get("/security").form_token(), nobodys.get("/sign-in").form_token()];
    let own = browser.get("/security").form_token();
    let waiting = |server| {
        let mut waiting = crate::support::Browser::new(server);
        let first = waiting.submit("/sign-in", &[("id", ADA), ("password", PASSWORD)]);
        assert_eq!(first.status(), 303);
        waiting
    };
    for path in FORMS {
        let path = path.replace("{id}", &id);
        let mut browser = match path.as_str() {
            "/sign-in" => server.browser(),
            "/sign-in/code" => waiting(&server),
            _ => {
                let mut same = server.browser();
                same.cookies = browser.cookies.clone();
                same
            }
        };
        let fields =
            [("id", ADA), ("password", PASSWORD), ("current", PASSWORD), ("label", "x"), ("opens", "first")];
        for token in ["", "x", "AAAA", &tokens[0], &tokens[1], &"x".repeat(10_000)] {
            let sent = browser.post(&path, &[&[("form_token", token)], &fields[..]].concat());
            assert_eq!(
                (sent.status(), sent.heading().as_str()),
                (403, "This form is no longer good"),
                "{path} {token}"
            );
        }
        assert_eq!(browser.post(&path, &fields).status(), 403, "{path}");
        // The right token from a page of another site, which browsers say.
        for site in ["cross-site", "same-site", "x"] {
            let form = Request::new("POST", &path).header("Sec-Fetch-Site", site);
            let body = serde_urlencoded::to_string([("form_token", own.as_str())]).unwrap();
            assert_eq!(browser.ask(form.body(body)).status(), 403, "{path} {site}");
        }
        for body in [&b"\xff\xfe=\0"[..], &[b'%'; 100], &(0..=255).collect::<Vec<u8>>(), b"a=b&a=c&&&=&"] {
            let sent = browser.ask(Request::new("POST", &path).body(body)).status();
            assert!([400, 403].contains(&sent), "{path}: {sent}");
        }
        assert_eq!(
            // A table of people may be larger than any other form.
            browser.ask(Request::new("POST", &path).body("x".repeat(5_000_000))).status(),
            413,
            "{path}"
        );
    }
    assert_eq!(person.list()["active"], 1);
    assert_eq!(browser.get("/security").status(), 200, "still signed in");
    assert!(person.told("signed_out").is_empty() && person.told("password_changed").is_empty());
    // A form of before the sign-in is none of after it.
    let mut fresh = server.browser();
    let before = fresh.get("/sign-in").form_token();
    fresh.cookies.extend(browser.cookies.clone());
    let sent = fresh.post("/sign-out", &[("form_token", &before)]);
    assert_eq!(sent.status(), 403);
}

#[test]
fn cookies_are_for_this_host_and_no_script() {
    for (public_url, https) in [("http://doorkey.example.org", false), ("https://doorkey.example.org", true)]
    {
        let server = Server::start_with(&[("DOORKEY__HTTP__PUBLIC_URL", public_url)]);
        let person = server.person(ADA);
        let mut browser = server.browser();
        let page = browser.get("/sign-in");
        let first = browser.submit_from(&page, "/sign-in", &[("id", ADA), ("password", PASSWORD)]);
        let fields = [("code", person.code()), ("trust", "yes".into())];
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let signed_in = browser.submit(first.goes_to(), &fields);
        let security = browser.get("/security");
        let others = browser.submit_from(&security, "/security/sign-out-others", &[]);
        let mut seen = Vec::new();
        for cookie in
            [&page, &first, &signed_in, &others].into_iter().flat_map(|page| page.0.all("set-cookie"))
        {
            let (name, rest) = cookie.split_once('=').unwrap();
            assert!(rest.contains("; Path=/; HttpOnly; SameSite=Lax; Max-Age="), "{cookie}");
            assert!(!rest.contains("Domain"), "{cookie}");
            assert_eq!(rest.ends_with("; Secure"), https, "{cookie}");
            assert_eq!(name.starts_with("__Host-"), https, "{cookie}");
            seen.push(name.trim_start_matches("__Host-").to_owned());
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen, ["doorkey_browser", "doorkey_form", "doorkey_notice", "doorkey_session"]);
        let transport = security.0.header("strict-transport-security");
        assert_eq!(transport, https.then_some("max-age=31536000"));
        let link = server.admin().post(&format!("/accounts/{ADA}/reset-link"), &Value::Null).json(201);
        assert!(link["link"].as_str().unwrap().starts_with(&format!("{public_url}/reset/")));
        drop(person);
    }
}

#[test]
fn the_way_on_never_leads_elsewhere() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut browser = person.browser();
    for (next, expected) in [
        ("%2Factivity", "/activity"),
        ("%2Factivity%3Fbefore%3D5", "/activity?before=5"),
        ("https%3A%2F%2Fevil.example", "/"),
        ("%2F%2Fevil.example", "/"),
        ("%2F%5Cevil.example", "/"),
        ("%5C%5Cevil.example", "/"),
        ("%2F%09%2Fevil.example", "/"),
        ("%2F%0A%2Fevil.example", "/"),
        ("%2F%0D%0ASet-Cookie:%20a=b", "/"),
        ("javascript:alert(1)", "/"),
        ("evil.example", "/"),
        ("%20%2F%2Fevil.example", "/"),
        ("%FF", "/"),
        ("", "/"),
    ] {
        let known = browser.get(&format!("/sign-in?next={next}"));
        assert_eq!(known.goes_to(), expected, "{next}");
        let mut other = server.browser();
        let first = other.submit(&format!("/sign-in?next={next}"), &[("id", ADA), ("password", PASSWORD)]);
        let second = first.goes_to().to_owned();
        assert!(second.starts_with("/sign-in/code?next="), "{second}");
        let done = other.submit(&second, &[("code", &person.code())]);
        assert_eq!(done.goes_to(), expected, "{next}");
        let confirmed = other.submit(&format!("/sign-in/confirm?next={next}"), &[("code", &person.code())]);
        assert_eq!(confirmed.goes_to(), expected, "{next}");
    }
}

#[test]
fn a_notice_is_said_once_and_only_if_it_is_ours() {
    let server = Server::start();
    let person = server.person(ADA);
    let mut browser = person.browser();
    browser.cookies.insert("doorkey_notice".into(), "c1lvdSB3b24h.AAAA".into());
    assert!(!browser.get("/security").text(200).contains("You won!"));
    let page = browser.get("/security");
    browser.submit_from(&page, "/security/sign-out-others", &[]);
    let ours = browser.cookies["doorkey_notice"].clone();
    assert!(browser.get("/security").text(200).contains("signed out."));
    assert!(!browser.cookies.contains_key("doorkey_notice"));
    let changed = format!("{}x", &ours[..ours.len() - 1]);
    for bad in [changed.as_str(), ".", "", "x", &"x".repeat(5000)] {
        browser.cookies.insert("doorkey_notice".into(), bad.into());
        assert!(!browser.get("/security").text(200).contains("class=\"notice"), "{bad}");
    }
}

#[test]
fn cookies_that_are_not_ours_are_nobodys() {
    let server = Server::start();
    let (person, eve) = (server.person(ADA), server.person("eve@example.org"));
    let own = person.browser().cookies["doorkey_session"].clone();
    let hers = eve.browser().cookies["doorkey_session"].clone();
    let ask = |cookie: &[u8]| server.ask(&Request::get("/security").header("Cookie", cookie));
    assert_eq!(ask(format!("doorkey_session={own}").as_bytes()).status, 200);
    assert_eq!(ask(format!("a=b; doorkey_session={own}; c").as_bytes()).status, 200);
    for cookie in [
        format!("doorkey_session={own}; doorkey_session={hers}"),
        format!("doorkey_session={own}x"),
        format!("doorkey_session={}", own.to_lowercase()),
        format!("__Host-doorkey_session={own}"),
        format!("Doorkey_Session={own}"),
        "doorkey_session=".into(),
        "doorkey_session".into(),
        format!("doorkey_session={}", "x".repeat(20_000)),
        format!("doorkey_form={own}"),
    ] {
        assert_eq!(ask(cookie.as_bytes()).status, 303, "{cookie}");
    }
    assert_eq!(ask(b"doorkey_session=\xff\xfe").status, 303);
}

#[test]
fn what_is_not_there_is_a_page_that_says_so() {
    let server = Server::start();
    let mut browser = server.person(ADA).browser();
    for path in
        ["/nothing", "/security/nothing", "/app-passwords/nothing", "/services/at", "/setup", "/reset/"]
    {
        let page = browser.get(path);
        assert_eq!((page.status(), page.heading().as_str()), (404, "Not found"), "{path}");
    }
    for (method, path) in
        [("DELETE", "/security"), ("PUT", "/sign-in"), ("GET", "/sign-out"), ("POST", "/activity")]
    {
        let page = browser.ask(Request::new(method, path));
        assert_eq!((page.status(), page.heading().as_str()), (405, "Not in this way"), "{method} {path}");
    }
    let head = server.ask(&Request::new("HEAD", "/sign-in"));
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn nothing_that_people_wrote_is_markup() {
    let server = Server::start();
    let markup = "<img src=x onerror=alert(1)>\"'&amp;";
    let asked = json!({ "id": "o'x&y=z@example.org", "name": markup, "password": PASSWORD, "totp": true });
    let made = server.admin().post("/accounts", &asked).json(201);
    let person = Person::new(&server, "o'x&y=z@example.org", made["totp_secret"].as_str()).signed_in();
    let id = person.generate(markup, "mail").id;
    let mut browser = person.browser();
    let revoke = format!("/app-passwords/{id}/revoke");
    for path in ["/security", "/app-passwords", "/activity", &revoke, "/security/two-factor/off"] {
        let text = browser.get(path).text(200);
        assert!(!text.contains("<img src=x") && !text.contains("o'x&y"), "{path}: {text}");
    }
    browser.submit(&revoke, &[]).goes_to();
    let said = browser.get("/app-passwords").text(200);
    assert!(said.contains("“&#60;img src=x onerror=alert(1)&#62;"), "{said}");
    let mut other = server.browser();
    let typed = other.submit("/sign-in", &[("id", "\"><script>alert(1)</script>"), ("password", "x")]);
    assert!(!typed.text(401).contains("<script>alert"));
}
