//! No secret is where it should not be: the data, the log, the errors, the events, the pages, in any encoding.

use std::collections::{BTreeSet, HashMap};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD},
};
use data_encoding::BASE32_NOPAD;
use serde_json::json;

use crate::support::{Answer, Browser, Cli, Options, Page, Person, Request, Server, Service, basic};

const ADA: &str = "ada@example.org";

/// What must not be found, and what was seen.
#[derive(Default)]
struct Canary {
    secrets: Vec<Secret>,
    seen: Vec<Seen>,
}

struct Secret {
    name: String,
    /// Every form in which it could stand somewhere.
    forms: Vec<Vec<u8>>,
    /// Six digits are found anywhere by chance: they count only where nothing stands beside them.
    alone: bool,
}

struct Seen {
    place: String,
    bytes: Vec<u8>,
    /// The secrets that this place exists to show, once.
    shows: Vec<String>,
}

impl Canary {
    fn hide(&mut self, name: &str, secret: &str) {
        let mut raw = vec![secret.as_bytes().to_vec()];
        raw.push(secret.to_uppercase().into_bytes());
        // As an app-specific password, a token and a TOTP secret are kept before they are text.
        raw.push(secret.replace('-', "").into_bytes());
        raw.extend(URL_SAFE_NO_PAD.decode(secret).ok().filter(|bytes| bytes.len() > 10));
        raw.extend(BASE32_NOPAD.decode(secret.as_bytes()).ok().filter(|bytes| bytes.len() > 10));
        let mut forms: Vec<_> = raw.iter().flat_map(|raw| encodings(raw)).collect();
        forms.sort();
        forms.dedup();
        let alone = secret.len() == 6;
        self.secrets.push(Secret { name: name.into(), forms, alone });
    }

    /// Looks at a place that shows these secrets and no other.
    fn saw(&mut self, place: &str, bytes: impl AsRef<[u8]>, shows: &[&str]) {
        let shows = shows.iter().map(|name| (*name).to_owned()).collect();
        self.seen.push(Seen { place: place.into(), bytes: bytes.as_ref().to_vec(), shows });
    }

    /// An answer, but for its cookies, and for the form tokens that its page is sent for.
    fn answer(&mut self, place: &str, answer: &Answer, shows: &[&str]) {
        let mut text = answer.text();
        while let Some((before, rest)) = text.split_once("name=\"form_token\" value=\"") {
            let (token, after) = rest.split_once('"').unwrap();
            if !token.is_empty() && !self.secrets.iter().any(|secret| secret.forms[0] == token.as_bytes()) {
                self.hide("a form token", token);
                // The first of the forms is the text itself, by which it is known here.
                let forms = &mut self.secrets.last_mut().unwrap().forms;
                let place = forms.iter().position(|form| form == token.as_bytes()).unwrap();
                forms.swap(0, place);
            }
            text = format!("{before}{after}");
        }
        for (name, value) in answer.headers.iter().filter(|(name, _)| name != "set-cookie") {
            text.push_str(&format!("\n{name}: {value}"));
        }
        self.saw(place, text, shows);
    }

    fn page(&mut self, place: &str, page: Page, shows: &[&str]) -> Page {
        self.answer(place, &page.0, shows);
        page
    }

    /// The cookies of a browser are secrets, and it alone has them.
    fn cookies(&mut self, browser: &Browser<'_>) {
        for (name, value) in browser.cookies.iter().filter(|(name, _)| *name != "doorkey_notice") {
            self.hide(name, value);
        }
    }

    /// Reads every file of the data. The key alone stands in its own file.
    fn data(&mut self, when: &str, server: &Server) {
        let mut files = 0;
        for path in server.stored() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // A socket has nothing in it to read.
            let Ok(bytes) = std::fs::read(&path) else { continue };
            let shows: &[&str] = if name == "doorkey.key" { &["the master key"] } else { &[] };
            self.saw(&format!("{name} {when}"), bytes, shows);
            files += 1;
        }
        assert!(files >= 3, "the data was read");
    }

    fn check(&self) {
        // By their first bytes, so that each place is gone through once, however many forms there are.
        let mut begins: HashMap<&[u8], Vec<(&Secret, &[u8])>> = HashMap::new();
        for secret in &self.secrets {
            for form in &secret.forms {
                begins.entry(&form[..BEGIN]).or_default().push((secret, form));
            }
        }
        let mut wrong = Vec::new();
        for Seen { place, bytes, shows } in &self.seen {
            let mut found = BTreeSet::new();
            for (at, begin) in bytes.windows(BEGIN).enumerate() {
                for (secret, form) in begins.get(begin).into_iter().flatten() {
                    if secret.is_at(bytes, at, form)
                        && found.insert(&secret.name)
                        && !shows.contains(&secret.name)
                    {
                        wrong.push(format!(
                            "{} is in {place}, as {}",
                            secret.name,
                            String::from_utf8_lossy(form)
                        ));
                    }
                }
            }
            // That it would be found is seen in the places that show it.
            for name in shows.iter().filter(|name| !found.contains(name)) {
                wrong.push(format!("{name} isn't in {place}, where it should be shown"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// How many bytes every form has at least.
const BEGIN: usize = 6;

impl Secret {
    fn is_at(&self, bytes: &[u8], at: usize, form: &[u8]) -> bool {
        let beside = |at: Option<usize>| {
            at.and_then(|at| bytes.get(at))
                .is_some_and(|b| b.is_ascii_alphanumeric() || b".-+/=_%&#;".contains(b))
        };
        bytes[at..].starts_with(form)
            && !(self.alone && (beside(at.checked_sub(1)) || beside(Some(at + form.len()))))
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        (0..bytes.len()).any(|at| self.forms.iter().any(|form| self.is_at(bytes, at, form)))
    }
}

/// The ways in which bytes can stand in a text.
fn encodings(raw: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    let escaped = percent_encoding::percent_encode(raw, percent_encoding::NON_ALPHANUMERIC).to_string();
    let mut forms = vec![raw.to_vec(), hex.clone().into_bytes(), hex.to_uppercase().into_bytes()];
    forms.push(escaped.clone().into_bytes());
    forms.push(escaped.replace("%20", "+").into_bytes());
    if raw.len() > 10 {
        // What a debugger prints of bytes.
        let list: Vec<_> = raw.iter().map(u8::to_string).collect();
        forms.push(list.join(", ").into_bytes());
    }
    // In base64 it begins at one of three places of a group, and the characters at its ends depend on what is beside it.
    for (before, cut) in [(0, 0), (1, 2), (2, 3)] {
        for engine in [STANDARD, URL_SAFE] {
            let encoded = engine.encode([&vec![0; before], raw].concat());
            let whole = (before + raw.len()) * 8 / 6;
            forms.push(encoded.as_bytes()[cut..whole].to_vec());
        }
    }
    forms
}

#[test]
fn it_finds_a_secret_in_every_encoding() {
    let secret = "caf\u{e9}-secret/with+all";
    let mut canary = Canary::default();
    canary.hide("secret", secret);
    for hidden in [
        format!("x{secret}y"),
        STANDARD.encode(secret),
        STANDARD.encode(format!("{ADA}:{secret}")),
        URL_SAFE_NO_PAD.encode(format!("a{secret}bcd")),
        URL_SAFE_NO_PAD.encode(format!("ab{secret}c")),
        format!(
            "/reset/{}",
            percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC)
        ),
        format!("{:x?}", secret.as_bytes()).replace(", ", ""),
        format!("{:?}", secret.as_bytes()),
    ] {
        assert!(canary.secrets[0].is_in(hidden.as_bytes()), "{hidden}");
    }
    canary.hide("code", "471902");
    assert!(!canary.secrets[1].is_in(b"2026-05-03T12:00:00.471902Z 1471902"));
    assert!(canary.secrets[1].is_in(b"the code 471902 was wrong"));
}

/// The recovery codes that this page shows, once.
fn recovery_codes(canary: &mut Canary, place: &str, page: &Page) -> Vec<String> {
    let codes: Vec<_> = page.0.text().split("<code>").skip(1).map(|rest| rest[..19].to_owned()).collect();
    assert_eq!(codes.len(), 10);
    let names: Vec<_> = (0..10).map(|n| format!("recovery code {n} of {place}")).collect();
    for (name, code) in names.iter().zip(&codes) {
        canary.hide(name, code);
        canary.hide("a recovery code as it is kept", &code.replace('-', ""));
    }
    canary.answer(place, &page.0, &names.iter().map(String::as_str).collect::<Vec<_>>());
    codes
}

/// Asks the door in every way that it answers.
fn door(canary: &mut Canary, server: &Server, service: &Service<'_>, secrets: &[&str]) {
    for secret in secrets {
        let asked = service.ask(ADA, secret);
        canary.answer("an answer of the door", &asked, &[]);
        let wrong_key = server.ask(
            &Request::get(&format!("/door/http/{}", service.name))
                .header("Doorkey-Service-Key", secret)
                .header("Authorization", basic(format!("{ADA}:{secret}"))),
        );
        canary.answer("an answer to a wrong key", &wrong_key, &[]);
    }
}

/// Everything that somebody does in a browser, from the first link on.
fn in_the_browser<'s>(canary: &mut Canary, server: &'s Server) -> Person<'s> {
    let first = "canary first password 4c1f";
    canary.hide("the first password", first);
    let link = server.set_up_path();
    let token = link.trim_start_matches("/setup/");
    canary.hide("the set-up link", token);
    let mut browser = server.browser();
    canary.page("the set-up page", browser.get(&link), &["the set-up link"]);
    let fields = [("id", "wrong"), ("name", "Ada"), ("password", first)];
    canary.page("the set-up page, refused", browser.submit(&link, &fields), &["the set-up link"]);
    canary.cookies(&browser);
    let fields = [("id", ADA), ("name", "Ada"), ("password", first)];
    canary.page("the set-up", browser.submit(&link, &fields), &[]);
    canary.page("the spent link", browser.get(&link), &[]);
    canary.cookies(&browser);

    let page = browser.get("/security/two-factor");
    let secret = page.between("id=\"key\" aria-labelledby=\"key-label\">", "</p>");
    let secret: String = secret.replace("<span>", "").replace("</span>", "").split_whitespace().collect();
    canary.hide("the TOTP secret", &secret);
    let page = canary.page("the page with the TOTP secret", page, &["the TOTP secret"]);
    let mut person = Person::new(server, ADA, Some(&secret));
    person.password = first.into();
    let wrong = person.wrong_code();
    canary.hide("a wrong code", &wrong);
    let refused = browser.submit_from(&page, "/security/two-factor", &[("code", &wrong)]);
    canary.page("two-factor, refused", refused, &["the TOTP secret"]);
    let code = person.code();
    canary.hide("a code", &code);
    let on = browser.submit_from(&page, "/security/two-factor", &[("code", &code)]);
    let codes = recovery_codes(canary, "two-factor, on", &on);
    canary.cookies(&browser);

    let fields = [("label", "In a browser"), ("opens", "first"), ("expires", "never")];
    let made = browser.submit("/app-passwords/generate", &fields);
    let shown = made.between("id=\"secret\">", "</p>");
    let password = shown.replace("<span>", "").replace("</span>", "").replace("<wbr>", "").trim().to_owned();
    canary.hide("the password of the browser", &password);
    // Its groups stand in elements of their own, which is how it is shown.
    canary.page(
        "the page with the password",
        Page(with_text(&made.0, &shown, &password)),
        &["the password of the browser"],
    );
    let mut service = server.service("calendar", "calendars");
    canary.hide("the first key", &service.key);
    door(canary, server, &service, &[&password, first, "abcd-efgh-ijkl-mnop-qrst-uvwx"]);

    let fields = [("name", "contacts"), ("kind", "contacts")];
    let added = browser.submit("/services/add", &fields);
    let key = added.between("dks_", "<");
    canary.hide("the key of the page", &format!("dks_{}", &key[..33]));
    canary.page("the page with a key", added, &["the key of the page"]);
    let token = browser.get("/services/at/calendar/new-key").form_token();
    let renewed = browser.post("/services/at/calendar/new-key", &[("form_token", &token)]);
    service.key = format!("dks_{}", &renewed.between("dks_", "<")[..33]);
    canary.hide("the new key of the page", &service.key);
    canary.page("the page with a new key", renewed, &["the new key of the page"]);

    // The way back in, with mistakes on it.
    let page = browser.get("/security");
    canary.page("the sign-out", browser.submit_from(&page, "/sign-out", &[]), &[]);
    let wrong = "canary wrong password 77aa";
    canary.hide("a wrong password", wrong);
    for (id, password) in [(ADA, wrong), ("nobody@example.org", wrong), ("no id", first)] {
        let refused = browser.submit("/sign-in", &[("id", id), ("password", password)]);
        canary.page("a refused sign-in", refused, &[]);
    }
    let fields = [("id", ADA), ("password", first)];
    let first_step = browser.submit("/sign-in", &fields);
    canary.cookies(&browser);
    let refused = browser.submit(first_step.goes_to(), &[("code", &person.wrong_code())]);
    canary.page("a refused code", refused, &[]);
    let never = "ABCD-EFGH-JKLM-NPQR";
    canary.hide("a recovery code that never was", never);
    let with_code = format!("{}&with=recovery-code", first_step.goes_to());
    canary.page("a refused recovery code", browser.submit(&with_code, &[("code", never)]), &[]);
    let code = person.code();
    canary.hide("a code", &code);
    let fields = [("code", code.as_str()), ("trust", "yes")];
    canary.page("the second step", browser.submit(first_step.goes_to(), &fields), &[]);
    canary.cookies(&browser);
    // The same in a browser that is trusted, and with a recovery code.
    let page = browser.get("/security");
    canary.page("signing out", browser.submit_from(&page, "/sign-out", &[]), &[]);
    let fields = [("id", ADA), ("password", first)];
    canary.page("the sign-in of a trusted browser", browser.submit("/sign-in", &fields), &[]);
    canary.cookies(&browser);
    let confirm = "/sign-in/confirm?next=%2Fsecurity%2Frecovery-codes&with=recovery-code";
    canary.page("confirming, refused", browser.submit(confirm, &[("code", never)]), &[]);
    canary.page("confirming", browser.submit(confirm, &[("code", &codes[0].to_lowercase())]), &[]);
    canary.cookies(&browser);
    let renewed = browser.submit("/security/recovery-codes", &[]);
    recovery_codes(canary, "new recovery codes", &renewed);

    let second = "canary second password 9e2b";
    canary.hide("the second password", second);
    for (current, new) in [(wrong, second), (first, "short"), (first, second)] {
        let fields = [("current", current), ("password", new)];
        canary.page("a change of the password", browser.submit("/security/password", &fields), &[]);
    }
    person.password = second.into();
    let broken = browser
        .post("/security/password", &[("current", second), ("form_token", "canary-form-token-of-another")]);
    canary.hide("another form token", "canary-form-token-of-another");
    canary.page("a form that is not ours", broken, &[]);
    for path in [
        "/security",
        "/app-passwords",
        "/activity",
        "/services",
        "/services/at/calendar",
        "/app-passwords/generate",
    ] {
        canary.page(path, browser.get(path), &[]);
    }
    person
}

/// The answer with a part of its text put another way.
fn with_text(answer: &Answer, from: &str, to: &str) -> Answer {
    Answer { body: answer.text().replace(from, to).into_bytes(), ..answer.clone() }
}

/// Everything that a program does, with the mistakes that programs make.
fn in_the_api<'s>(canary: &mut Canary, server: &'s Server, person: &mut Person<'s>) {
    let nobody = server.api("");
    let (password, code) = (person.password.clone(), person.code());
    canary.hide("a code", &code);
    let third = "canary third password 51d0";
    canary.hide("the third password", third);
    for body in [
        json!({ "id": ADA, "password": third }),
        json!({ "id": ADA, "password": password }),
        json!({ "id": ADA, "password": password, "code": person.wrong_code() }),
        json!({ "id": ADA, "password": [password] }),
        json!({ "id": [ADA], "password": password, "code": code }),
        json!({ "id": ADA, "password": password, "code": 5, "more": third }),
    ] {
        canary.answer("a refused sign-in", &nobody.post("/sign-in", &body), &[]);
    }
    let broken = format!("{{\"id\": \"{ADA}\", \"password\": \"{password}\", \"code\": \"{code}\"");
    let request = Request::new("POST", "/api/v1/sign-in").body(&broken);
    canary.answer("a broken request", &server.ask(&request), &[]);
    let answer = nobody.post("/sign-in", &json!({ "id": ADA, "password": password, "code": code }));
    let token = answer.clone().json(200)["token"].as_str().unwrap().to_owned();
    canary.hide("a token", &token);
    canary.answer("the sign-in", &answer, &["a token"]);
    person.api = server.api(&token);
    // What a token is mistaken for, and what is mistaken for one.
    for bad in [format!("{token}x"), password.clone(), third.into()] {
        canary.answer("a wrong token", &server.api(&bad).get("/session"), &[]);
    }
    canary.answer("the session", &person.api.get("/session"), &[]);

    let asked = json!({ "label": "A token", "scopes": ["read", "people"], "expires": "30d" });
    let made = person.api.post("/tokens", &asked);
    let personal = made.clone().json(201)["token"].as_str().unwrap().to_owned();
    canary.hide("a personal token", &personal);
    canary.answer("making a token", &made, &["a personal token"]);
    canary.answer("what a token opens", &server.api(&personal).get("/activity"), &[]);
    canary.answer("what it doesn't", &server.api(&personal).get("/services"), &[]);
    canary.answer("what none does", &server.api(&personal).get("/session"), &[]);
    canary.answer("the list of tokens", &person.api.get("/tokens"), &[]);

    let generated = person.try_generate("In the API", "calendars");
    let app_password = generated.clone().json(201)["password"].as_str().unwrap().to_owned();
    canary.hide("the password of the API", &app_password);
    canary.answer("generating", &generated, &["the password of the API"]);
    let kept = person.generate("Kept", "mail");
    canary.hide("a password that lives", &kept.password);
    let calendar = person.api.post("/services/calendar/key", &json!({}));
    let service = Service::new(server, "calendar", calendar.clone().json(200)["key"].as_str().unwrap());
    canary.hide("the key of the API", &service.key);
    canary.answer("a new key", &calendar, &["the key of the API"]);
    door(canary, server, &service, &[&app_password, &kept.password, &token, &service.key]);
    canary.answer("a change of the password, refused", &change(person, third, third), &[]);
    canary.answer("revoking all", &person.api.delete("/app-passwords"), &[]);
    door(canary, server, &service, &[&app_password]);
    canary.answer("a change of the password", &change(person, &password, third), &[]);
    person.password = third.into();

    let begun = person.api.post("/account/two-factor", &json!({}));
    canary.answer("two-factor, begun again", &begun, &[]);
    let made = server.admin().post(
        "/accounts",
        &json!({ "id": "eve@example.org", "name": "Eve", "password": third, "totp": true }),
    );
    canary.hide("another TOTP secret", made.clone().json(201)["totp_secret"].as_str().unwrap());
    canary.answer("an account", &made, &["another TOTP secret"]);

    let link = person.api.post(&format!("/accounts/{ADA}/reset-link"), &json!({}));
    let whole = link.clone().json(201)["link"].as_str().unwrap().to_owned();
    let reset = whole[whole.find("/reset/").unwrap()..].to_owned();
    canary.hide("the reset link", reset.trim_start_matches("/reset/"));
    canary.answer("a reset link", &link, &["the reset link"]);
    let fourth = "canary fourth password 0aa3";
    canary.hide("the fourth password", fourth);
    let mut browser = server.browser();
    canary.page("the reset page", browser.get(&reset), &["the reset link"]);
    let wrong = browser.submit(&reset, &[("password", fourth), ("code", &person.wrong_code())]);
    canary.page("the reset page, refused", wrong, &["the reset link"]);
    let code = person.code();
    canary.hide("a code", &code);
    canary.page("the reset", browser.submit(&reset, &[("password", fourth), ("code", &code)]), &[]);
    person.password = fourth.into();
}

fn change(person: &Person<'_>, current: &str, new: &str) -> Answer {
    let asked = json!({ "current_password": current, "new_password": new });
    person.api.post("/account/password", &asked)
}

/// Everything at the command line.
fn at_the_command_line(canary: &mut Canary, server: &Server, person: &Person<'_>) {
    let cli = Cli::new();
    let (url, password) = (server.url(), person.password.as_str());
    let run = |canary: &mut Canary, arguments: &[&str], input: &str, shows: &[&str]| {
        let done = cli.run_logging(arguments, input);
        canary.saw(&format!("standard output of {}", arguments[..2].join(" ")), &done.out, shows);
        canary.saw(&format!("standard error of {}", arguments[..2].join(" ")), &done.err, &[]);
        done
    };
    let wrong = "canary typed password 66c2";
    canary.hide("a password that was typed", wrong);
    run(canary, &["sign-in", &url, ADA, "--password-stdin"], wrong, &[]).with(1);
    let code = person.code();
    canary.hide("a code", &code);
    run(canary, &["sign-in", &url, ADA, "--password-stdin", "--code", &code, "--json"], password, &[])
        .with(0);
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(cli.credentials()).unwrap()).unwrap();
    canary.hide("the token of the command line", kept["token"].as_str().unwrap());
    for (name, json) in [("a password at the command line", false), ("another at the command line", true)] {
        let mut arguments = vec!["passwords", "generate", "--label", "CLI"];
        arguments.extend(json.then_some("--json"));
        let before = canary.seen.len();
        let done = run(canary, &arguments, "", &[]).with(0);
        let shown = match json {
            false => done.out.trim().to_owned(),
            true => serde_json::from_str::<serde_json::Value>(&done.out).unwrap()["password"]
                .as_str()
                .unwrap()
                .into(),
        };
        canary.hide(name, &shown);
        canary.seen[before].shows.push(name.into());
    }
    run(canary, &["passwords", "list"], "", &[]).with(0);
    run(canary, &["passwords", "list", "--json"], "", &[]).with(0);
    run(canary, &["passwords", "revoke", "apw_no"], "", &[]).with(1);
    let data = server.data().display().to_string();
    let before = canary.seen.len();
    let key =
        run(canary, &["admin", "service", "add", "web", "--kind", "other", "--data", &data], "", &[]).with(0);
    canary.hide("the key at the command line", key.out.trim());
    canary.seen[before].shows.push("the key at the command line".into());
    run(canary, &["admin", "service", "list", "--data", &data], "", &[]).with(0);
    let add =
        ["admin", "account", "add", "bob@example.org", "--name", "Bob", "--password-stdin", "--data", &data];
    run(canary, &add, password, &[]).with(0);
    run(canary, &add, password, &[]).with(1);
}

#[test]
fn no_secret_is_found_anywhere() {
    look_everywhere(&[("RUST_LOG", "trace"), ("DOORKEY__METRICS__LISTEN", "127.0.0.1:0")]);
}

#[test]
fn no_secret_is_in_a_log_of_json() {
    look_everywhere(&[
        ("DOORKEY__LOG__LEVEL", "trace"),
        ("DOORKEY__LOG__FORMAT", "json"),
        ("DOORKEY__METRICS__LISTEN", "127.0.0.1:0"),
    ]);
}

fn look_everywhere(settings: Options<'_>) {
    let server = Server::start_with(settings);
    let mut canary = Canary::default();
    let key = std::fs::read_to_string(server.data().join("doorkey.key")).unwrap();
    let key = key.trim().trim_start_matches("doorkey-key-1:");
    canary.hide("the master key", key);
    canary.hide("the master key", &URL_SAFE_NO_PAD.encode(STANDARD.decode(key).unwrap()));

    let mut person = in_the_browser(&mut canary, &server);
    in_the_api(&mut canary, &server, &mut person);
    at_the_command_line(&mut canary, &server, &person);
    let code = person.code();
    canary.hide("a code", &code);
    let asked = json!({ "id": ADA, "password": person.password, "code": code });
    let token = server.api("").post("/sign-in", &asked).json(200)["token"].as_str().unwrap().to_owned();
    canary.hide("the last token", &token);
    person.api = server.api(&token);
    canary.saw("the events", serde_json::to_vec(&person.events()).unwrap(), &[]);
    canary.answer("the list", &person.api.get("/app-passwords"), &[]);

    canary.answer("the figures", &server.metrics().unwrap().ask(&Request::get("/metrics")), &[]);
    let backup = server.folder().join("backup").display().to_string();
    server.run(&["admin", "backup", &backup]).with(0);
    canary.saw("a backup", std::fs::read(&backup).unwrap(), &[]);
    canary.data("while the server runs", &server);
    server.kill();
    canary.data("after a crash", &server);
    server.start_again();
    server.stop();
    canary.data("after a stop", &server);
    let log = server.log();
    let refused = ["path=\"/api/v1/sign-in\" status=401", "\"path\":\"/api/v1/sign-in\",\"status\":401"];
    assert!(refused.iter().any(|line| log.contains(line)), "{log}");
    canary.saw("the log", log, &["the set-up link"]);
    assert!(
        canary.secrets.len() > 40 && canary.seen.len() > 60,
        "{} {}",
        canary.secrets.len(),
        canary.seen.len()
    );
    canary.check();
}
