//! Every page, wide and narrow, in light and in dark: nothing sticks out, nothing complains. The pictures lie in
//! `target/screenshots`, for whoever wants to see what people see.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{ADA, PASSWORD, Visitor, visitor};
use crate::{
    parts::Scripts,
    support::{Apple, ISSUER, Server, group, join},
};

const WIDTHS: [u32; 2] = [1280, 390];

/// Takes pictures.
struct Album {
    folder: PathBuf,
    seen: usize,
}

impl Album {
    fn open() -> Self {
        Self::called("screenshots")
    }

    fn called(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder, seen: 0 }
    }

    /// Looks at the page that is shown now.
    fn look(&mut self, ada: &Visitor<'_>, name: &str) {
        self.seen += 1;
        for width in WIDTHS {
            let screen =
                json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
            ada.browser.devtools("Emulation.setDeviceMetricsOverride", screen);
            for scheme in ["light", "dark"] {
                let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
                ada.browser.devtools("Emulation.setEmulatedMedia", media);
                let file = format!("{:02}-{name}-{width}-{scheme}.png", self.seen);
                std::fs::write(self.folder.join(file), picture(ada, width)).unwrap();
            }
            assert_eq!(ada.browser.compute(STICKS_OUT), json!([]), "{name} at {width}");
        }
        // Wide again, where what is pressed next is beside the page and not in a menu.
        ada.browser.devtools("Emulation.clearDeviceMetricsOverride", json!({}));
        assert_eq!(ada.browser.complaints(), [""; 0], "{name}");
    }

    fn look_at(&mut self, ada: &Visitor<'_>, path: &str, heading: &str, name: &str) {
        ada.open(path);
        ada.browser.shows(heading);
        self.look(ada, name);
    }
}

/// Groups, and a service that is kept to some of them.
fn groups(album: &mut Album, server: &Server, ada: &Visitor<'_>) {
    album.look_at(ada, "/groups", "Groups", "groups-none");
    album.look_at(ada, "/groups/add", "Add a group", "group-add");
    ada.browser.fill("name", "cn=staff");
    ada.browser.press("Add group");
    ada.browser.says("can't be in a group's name");
    album.look(ada, "group-add-refused");
    ada.browser.fill("name", "staff");
    ada.browser.press("Add group");
    ada.browser.says("Nobody is in it yet.");
    album.look(ada, "group-new");
    ada.browser.fill("account", "nobody");
    ada.browser.press("Add");
    ada.browser.says("There is no account of this ID.");
    album.look(ada, "group-join-refused");
    ada.browser.fill("account", ADA);
    ada.browser.press("Add");
    ada.browser.says("is in staff now.");
    ada.open(&format!("/people/at/{ADA}"));
    ada.browser.sees("#groups");
    album.look(ada, "person-in-a-group");
    let longest = "the-longest-name-that-a-group-can-have.is-sixty-four-characters_";
    let other = "somebody.with.a.rather.long.name.of.their.own@research.example.org";
    server.person(other);
    group(server, longest, &[ADA, other]);
    join(server, "staff", other);
    ada.open("/services/at/calendar/change");
    ada.browser.press_label("Only people in these groups:");
    album.look(ada, "service-change");
    ada.browser.press("Change");
    ada.browser.says("Choose at least one group, or everyone.");
    album.look(ada, "service-change-refused");
    ada.browser.press_label(longest);
    ada.browser.press_label("staff");
    ada.browser.press("Change");
    ada.browser.says("may use it.");
    album.look(ada, "service-for-groups");
    album.look_at(ada, "/services", "Services", "services-for-groups");
    album.look_at(ada, "/groups", "Groups", "groups");
    album.look_at(ada, "/groups/at/staff", "staff", "group");
    ada.browser.press_named(&format!("Take {other} out of staff"));
    ada.browser.says("They can use the same services as before.");
    album.look(ada, "group-leave");
    server.admin().patch("/services/calendar", &json!({ "groups": [] })).with(200);
    album.look_at(ada, "/groups/at/staff/remove", "Remove staff?", "group-remove");
}

/// Where apps reach a service, as its administrator says it.
fn set_up(album: &mut Album, server: &Server, ada: &Visitor<'_>) {
    let mail = "calendars-and-contacts-of-the-whole-team";
    let heading = format!("What apps need for {mail}");
    album.look_at(ada, &format!("/services/at/{mail}/set-up"), &heading, "service-set-up");
    ada.browser.fill("imap", "192.0.2.1");
    ada.browser.fill("sieve", "mail.example.org");
    ada.browser.press("Save");
    ada.browser.says("That is an IP address");
    album.look(ada, "service-set-up-refused");
    let long = "the-mail-server-of-the-department-for-everything-else.research.example.org";
    ada.browser.fill("imap", long);
    ada.browser.fill("submission", long);
    ada.browser.fill("domains", "example.org");
    ada.browser.press("Save");
    ada.browser.says("see this now.");
    ada.browser.press_label("Records for DNS");
    album.look(ada, "service-set-up-said");
    let dav = json!([{ "protocol": "caldav", "url": "https://dav.example.org/calendars/of/everybody/" }]);
    let body = json!({ "servers": dav, "domains": [] });
    server.admin().send("PUT", "/services/calendar/set-up", Some(&body)).with(200);
    album.look_at(ada, "/services/at/calendar/set-up", "What apps need for calendar", "service-set-up-dav");
}

/// How people are signed out of a service, and its test.
fn sign_out_and_test(album: &mut Album, server: &Server, ada: &Visitor<'_>) {
    album.look_at(ada, "/services/at/calendar/sign-out", "Signing out of calendar", "service-sign-out");
    // Nobody listens there.
    let body =
        json!({ "way": "webhook", "url": "http://127.0.0.1:1/a/rather/long/path/for/signing/people/out" });
    server.admin().send("PUT", "/services/calendar/sign-out", Some(&body)).with(200);
    album.look_at(ada, "/services/at/calendar", "calendar", "service-signs-out");
    album.look_at(ada, "/services/at/calendar/test", "Test calendar", "service-test");
    ada.browser.press("Make the password");
    ada.browser.shows("Your password to test calendar");
    album.look(ada, "service-test-begun");
}

/// People, as administrators see them, and what somebody who is invited sees.
fn people(album: &mut Album, server: &Server, ada: &Visitor<'_>) {
    album.look_at(ada, "/people", "People", "people");
    album.look_at(ada, "/people/invite", "Invite somebody", "invite");
    ada.browser.fill("id", "grace@");
    ada.browser.fill("name", "Grace Hopper");
    ada.browser.press("Make the link");
    ada.browser.shows("Invite somebody");
    album.look(ada, "invite-refused");
    ada.browser.fill("id", "grace@example.org");
    ada.browser.press("Make the link");
    ada.browser.shows("A link for Grace Hopper");
    album.look(ada, "invite-link");
    let link = ada.browser.text_of("#secret").replace(char::is_whitespace, "");
    ada.browser.press("Done");
    album.look(ada, "person-invited");
    album.look_at(ada, &link[link.find("/invitation/").unwrap()..], "Welcome, Grace Hopper", "invitation");
    server.person("alan@example.org");
    let alan = "/people/at/alan@example.org";
    server
        .admin()
        .post("/accounts/alan@example.org/aliases", &json!({ "alias": "turing@example.org" }))
        .with(201);
    ada.open(alan);
    ada.browser.sees("#suspend");
    album.look(ada, "person");
    for (part, name) in [
        ("reset-link", "person-reset-link"),
        ("sign-out", "person-sign-out"),
        ("administrator", "person-administrator"),
        ("suspend", "person-suspend"),
        ("remove", "person-remove"),
    ] {
        ada.open(&format!("{alan}/{part}"));
        ada.browser.sees(".ask");
        album.look(ada, name);
    }
    ada.browser.press("Cancel");
    album.look_at(ada, "/people/sign-out", "Sign everybody out?", "people-sign-out");
    album.look_at(ada, "/people/import", "Import people", "import");
    ada.browser.fill("csv", "id,name,groups\nlin@example.org,Lin,\nlin@example.org,Lin,\nkit,Kit,nobody");
    ada.browser.press("Import");
    ada.browser.sees("#csv-error");
    album.look(ada, "import-refused");
    ada.browser.fill("csv", "id,name\nlin@example.org,Lin\nkit@example.org,Kit");
    ada.browser.press("Import");
    ada.browser.shows("2 people are invited");
    album.look(ada, "imported");
    server.admin().post("/accounts/alan@example.org/suspend", &json!(null)).with(200);
    album.look_at(ada, "/people?q=a", "People", "people-found");
    ada.open(alan);
    ada.browser.sees("#suspend");
    album.look(ada, "person-suspended");
}

/// A project, its team and its settings, and what somebody who is invited sees.
fn projects(album: &mut Album, ada: &Visitor<'_>) {
    album.look_at(ada, "/projects", "Projects", "projects-none");
    album.look_at(ada, "/projects/add", "Add a project", "project-add");
    ada.browser.fill("name", "Northwind iOS, the app for everybody who ever goes anywhere by boat");
    ada.browser.press("Add project");
    ada.browser.says("and you own it.");
    let here = ada.browser.compute("location.pathname");
    album.look(ada, "project");
    album.look_at(ada, "/projects", "Projects", "projects");
    ada.browser.press("Northwind iOS, the app for everybody who ever goes anywhere by boat");
    ada.browser.press("Team");
    ada.browser.says("You have connected nothing yet.");
    album.look(ada, "project-team-new");
    ada.browser.press("Invite");
    ada.browser.says("You get a link for them");
    album.look(ada, "project-invite");
    ada.browser.fill("id", "grace@example.org");
    ada.browser.press("Invite");
    ada.browser.says("You see it once.");
    album.look(ada, "project-invited");
    let link = ada.browser.text_of("#secret").replace(char::is_whitespace, "");
    ada.browser.press("Done");
    ada.browser.says("Who hasn’t accepted yet.");
    album.look(ada, "project-team");
    album.look_at(
        ada,
        &link[link.find("/project-invitation/").unwrap()..],
        "This link isn’t for you, or no longer",
        "project-not-yours",
    );
    album.look_at(ada, "/projects/all", "All projects of this server", "projects-of-server");
    ada.open(&format!("{}/settings", here.as_str().unwrap()));
    ada.browser.says("A build lasts at most");
    album.look(ada, "project-settings");
}

/// The whole page, from top to bottom.
fn picture(ada: &Visitor<'_>, width: u32) -> Vec<u8> {
    // What is changing colour is done with it.
    ada.browser.compute("document.getAnimations().forEach((animation) => animation.finish())");
    let height = ada.browser.compute("Math.max(900, document.documentElement.scrollHeight)");
    let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
    let asked =
        json!({ "format": "png", "captureBeyondViewport": true, "optimizeForSpeed": true, "clip": clip });
    let picture = ada.browser.devtools("Page.captureScreenshot", asked);
    STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()
}

/// What reaches beyond the window's width, unless it lies in something that scrolls by itself.
const STICKS_OUT: &str = r#"(() => {
    const page = document.documentElement;
    const scrolls = (element) => {
        for (let at = element; at && at !== document.body; at = at.parentElement) {
            if (getComputedStyle(at).overflowX !== "visible") return true;
        }
        return false;
    };
    const out = [...document.body.querySelectorAll("*")]
        .filter((e) => e.getBoundingClientRect().right > page.clientWidth + 0.5 && !scrolls(e))
        .map((e) => e.outerHTML.slice(0, 120));
    return page.scrollWidth > page.clientWidth ? ["the page scrolls sideways", ...out] : out;
})()"#;

#[test]
fn every_page_fits_and_nothing_complains() {
    let (server, url) = visitor::server();
    let mut ada = Visitor::new(&server, &url, Scripts::Run);
    let mut album = Album::open();

    let link = server.set_up_path();
    album.look_at(&ada, &link, "Set up Doorkey", "set-up");
    ada.browser.fill("id", "ada");
    // The browser would stop it before it is sent.
    ada.browser.compute("document.querySelector('form').noValidate = true");
    ada.browser.fill("name", "Ada Lovelace");
    ada.browser.fill("password", "short");
    ada.browser.press("Make the account");
    ada.browser.shows("Set up Doorkey");
    album.look(&ada, "set-up-refused");
    ada.set_up();
    album.look(&ada, "security-new");
    album.look_at(&ada, &link, "This link no longer works", "link-spent");
    album.look_at(&ada, "/app-passwords", "App-Specific Passwords", "app-passwords-without-two-factor");
    album.look_at(&ada, "/services", "Services", "services-none");
    album.look_at(&ada, "/security/two-factor", "Turn on two-factor authentication", "two-factor-on");
    ada.read_key();
    ada.browser.fill("code", &ada.wrong_code());
    ada.browser.press("Turn on");
    ada.browser.says("That isn't the code that stands now");
    album.look(&ada, "two-factor-on-refused");
    ada.browser.fill("code", &ada.code());
    ada.browser.press("Turn on");
    ada.browser.shows("Your recovery codes");
    album.look(&ada, "recovery-codes");
    ada.browser.press("Done");
    ada.browser.shows("App-Specific Passwords");
    album.look(&ada, "app-passwords-none");

    ada.sign_out();
    album.look(&ada, "sign-in");
    ada.enter_password("not my password");
    ada.browser.says("don't match");
    album.look(&ada, "sign-in-refused");
    ada.enter_password(PASSWORD);
    ada.browser.shows("Enter your code");
    album.look(&ada, "sign-in-code");
    ada.browser.press("Lost your phone? Use a recovery code");
    ada.browser.shows("Enter a recovery code");
    album.look(&ada, "sign-in-recovery-code");
    ada.browser.press("Use your authenticator app");
    ada.browser.shows("Enter your code");
    ada.browser.fill("code", &ada.wrong_code());
    ada.browser.press("Sign in");
    ada.browser.says("That isn't the code that stands now");
    album.look(&ada, "sign-in-code-refused");
    ada.enter_code();
    ada.browser.shows("Sign-In and Security");

    album.look_at(&ada, "/settings", "Settings", "settings");
    album.look_at(&ada, "/services/add", "Add a service", "service-add");
    ada.browser.fill("name", "calendar");
    ada.browser.press("Add service");
    album.look(&ada, "service-add-refused");
    ada.add_service("calendar", "Calendars", "nginx");
    album.look(&ada, "service-key");
    ada.add_service("calendars-and-contacts-of-the-whole-team", "Mail", "dovecot");
    album.look(&ada, "service-key-mail");
    album.look_at(&ada, "/services", "Services", "services");
    album.look_at(&ada, "/services/at/calendar", "calendar", "service");
    for summary in ["Caddy", "Traefik", "Nextcloud"] {
        ada.browser.press_label(summary);
        album.look(&ada, &format!("service-{}", summary.to_lowercase()));
    }
    album.look_at(&ada, "/services/at/calendar/change", "Change calendar", "service-change-without-groups");
    groups(&mut album, &server, &ada);
    set_up(&mut album, &server, &ada);
    album.look_at(&ada, "/services/at/calendar/new-key", "Make a new key for calendar?", "service-new-key");
    album.look_at(&ada, "/services/at/calendar/remove", "Remove calendar?", "service-remove");

    album.look_at(&ada, "/app-passwords/generate", "Generate an app-specific password", "generate");
    ada.browser.fill("label", "Mail on iPhone");
    ada.browser.press("Generate");
    ada.browser.shows("Generate an app-specific password");
    album.look(&ada, "generate-refused");
    let phone = ada.generate("Mail on iPhone", &["Mail"]);
    album.look(&ada, "generated");
    ada.browser.press_label("Thunderbird for Android");
    album.look(&ada, "generated-code");
    let label = "The calendar on the old laptop that stands in the kitchen beside the window";
    ada.generate(label, &["Calendars", "Contacts"]);
    ada.generate("Build machine", &["The first app that uses it"]);

    let mail = server.service("post", "mail");
    let ask = |secret: &str| mail.ask(ADA, secret).status;
    assert_eq!(ask(&phone), 200);
    ada.go_to("App-Specific Passwords");
    ada.browser.press_named("Revoke Mail on iPhone");
    ada.browser.shows("Revoke Mail on iPhone?");
    album.look(&ada, "revoke");
    ada.browser.press("Revoke");
    ada.browser.shows("App-Specific Passwords");
    album.look(&ada, "revoked");
    assert_eq!(ask(&phone), 401);
    // So that the list says who used what: it is written down by a stop.
    server.restart();
    album.look_at(&ada, "/app-passwords", "App-Specific Passwords", "app-passwords");
    album.look_at(&ada, "/app-passwords/revoke-all", "Revoke all 2 app-specific passwords?", "revoke-all");

    album.look_at(&ada, "/security", "Sign-In and Security", "security");
    ada.browser.press_label(ADA);
    ada.browser.sees(".menu-account[open]");
    album.look(&ada, "menu");
    album.look_at(&ada, "/security/password", "Change your password", "change-password");
    album.look_at(&ada, "/tokens", "API Tokens", "tokens-none");
    album.look_at(&ada, "/tokens/make", "Make an API token", "token-make");
    ada.browser.fill("label", "Weekly report to the whole of the family");
    ada.browser.press("Make");
    ada.browser.shows("Your token for Weekly report to the whole of the family");
    album.look(&ada, "token-made");
    album.look_at(&ada, "/tokens", "API Tokens", "tokens");
    album.look_at(&ada, "/security/recovery-codes", "Make new recovery codes?", "recovery-codes-renew");
    album.look_at(&ada, "/security/two-factor/move", "Set up a new phone", "two-factor-move");
    album.look_at(&ada, "/security/two-factor/off", "Turn off two-factor authentication?", "two-factor-off");
    album.look_at(&ada, "/activity", "Activity", "activity");
    projects(&mut album, &ada);
    people(&mut album, &server, &ada);
    sign_out_and_test(&mut album, &server, &ada);
    album.look_at(&ada, "/events", "Events", "events");
    album.look_at(&ada, "/events?sort=refusals", "Events", "events-refusals");
    album.look_at(&ada, "/api", "API", "api");
    album.look_at(&ada, "/api/problems", "Problems", "problems");
    album.look_at(&ada, "/nowhere", "Not found", "not-found");

    // After ten minutes, what is of consequence asks again.
    server.clock.move_by(11 * 60);
    album.look_at(&ada, "/app-passwords/generate", "Confirm it’s you", "confirm");

    let reset = server.admin().post(&format!("/accounts/{ADA}/reset-link"), &json!({})).json(201);
    let link = reset["link"].as_str().unwrap().to_owned();
    let path = &link[link.find("/reset/").unwrap()..];
    album.look_at(&ada, path, "Set a new password", "reset");
}

#[test]
fn every_page_of_connections_fits_and_nothing_complains() {
    let apple = Apple::start();
    let (mut server, url) = visitor::server();
    server.set(&apple.settings());
    server.restart();
    let mut ada = Visitor::new(&server, &url, Scripts::Run);
    let mut album = Album::called("screenshots-connections");
    ada.set_up();
    album.look_at(&ada, "/connections", "Apple Service connection", "connections-without-two-factor");
    ada.turn_two_factor_on();
    album.look_at(&ada, "/connections", "Apple Service connection", "connections-none");
    album.look_at(&ada, "/connections/add", "Add an API key", "connection-add");
    ada.browser.press("Connect");
    ada.browser.says("It is empty. Choose the .p8 file");
    album.look(&ada, "connection-add-refused");
    let key = apple.key("2X9R4HXF34");
    let file = server.folder().join(key.file());
    std::fs::write(&file, &key.pem).unwrap();
    ada.browser.fill("file", &file.display().to_string());
    ada.browser.press("Connect");
    ada.browser.says("Enter the issuer ID");
    album.look(&ada, "connection-add-without-issuer");
    ada.browser.fill("file", &file.display().to_string());
    ada.browser.fill("issuer_id", ISSUER);
    ada.browser.press("Connect");
    ada.browser.shows("AuthKey_2X9R4HXF34");
    album.look(&ada, "connection-new");
    let here: String = serde_json::from_value(ada.browser.compute("location.pathname")).unwrap();
    ada.open("/projects/add");
    ada.browser.fill("name", "Northwind iOS and everything that belongs to it");
    ada.browser.press("Add project");
    ada.open(&here);
    ada.browser.press("Offer to Northwind iOS and everything that belongs to it");
    ada.browser.says("is offered to Northwind iOS");
    album.look(&ada, "connection-offered");
    album.look_at(&ada, &format!("{here}/reach"), "Who could read this?", "connection-reach");
    apple.revoke("2X9R4HXF34");
    ada.open(&here);
    ada.browser.press("Test connection");
    ada.browser.says("Apple no longer takes AuthKey_2X9R4HXF34.");
    album.look(&ada, "connection-refused");
    let other = apple.key_that("INDIVIDUAL", None, false, &["apps"]);
    ada.open("/connections/add");
    ada.browser.fill("key", &other.pem);
    ada.browser.fill("key_id", &other.id);
    ada.browser.press_label("It is an individual key");
    ada.browser.press("Connect");
    ada.browser.shows("AuthKey_INDIVIDUAL");
    album.look(&ada, "connection-individual");
    album.look_at(&ada, "/connections", "Apple Service connection", "connections");
    album.look_at(&ada, &format!("{here}/remove"), "Remove AuthKey_2X9R4HXF34?", "connection-remove");
}

#[test]
fn every_page_of_builds_fits_and_nothing_complains() {
    let (server, url) = visitor::server();
    let mut ada = Visitor::new(&server, &url, Scripts::Run);
    let mut album = Album::called("screenshots-builds");
    ada.set_up();
    ada.turn_two_factor_on();
    album.look_at(&ada, "/issuers", "CIs", "issuers-none");
    album.look_at(&ada, "/issuers/add", "Add a CI", "issuer-add");
    ada.browser.press_label("CircleCI");
    ada.browser.press("Add");
    ada.browser.says("Say where it is");
    album.look(&ada, "issuer-add-refused");
    let local = server.admin();
    local.post("/issuers", &json!({ "preset": "github" })).with(201);
    let other =
        json!({ "preset": "other", "name": "Jenkins", "url": "https://ci.example.org/oidc", "claim": "sub" });
    local.post("/issuers", &other).with(201);
    album.look_at(&ada, "/issuers", "CIs", "issuers");
    ada.browser.press_named("Remove Jenkins");
    ada.browser.shows("Remove Jenkins?");
    album.look(&ada, "issuer-remove");
    ada.open("/projects/add");
    ada.browser.fill("name", "Northwind iOS and everything that belongs to it");
    ada.browser.press("Add project");
    album.look(&ada, "builds-none");
    let here: String = serde_json::from_value(ada.browser.compute("location.pathname")).unwrap();
    let integrations = format!("{here}/integrations");
    ada.open(&integrations);
    album.look(&ada, "integrations-none");
    ada.open(&format!("{integrations}/rules/add"));
    album.look(&ada, "rule-which-ci");
    ada.browser.press("GitHub Actions");
    album.look(&ada, "rule-add");
    ada.browser.fill("claim:repository_id", "northwind/app");
    ada.browser.press("Add rule");
    ada.browser.says("that can't be one");
    album.look(&ada, "rule-add-refused");
    ada.browser.fill("claim:repository_id", "741852963");
    ada.browser.press("Add rule");
    ada.browser.says("The rule is added.");
    ada.open(&format!("{integrations}/tokens/make"));
    album.look(&ada, "project-token-make");
    ada.browser.fill("label", "Jenkins in the cellar, which nobody has looked at for years");
    ada.browser.press("Make");
    ada.browser.sees("#secret");
    album.look(&ada, "project-token-made");
    let token: String =
        serde_json::from_value(ada.browser.compute("document.querySelector('#secret').textContent")).unwrap();
    let asked = json!({
        "reference": "refs/heads/a-branch-with-a-rather-long-name-that-somebody-typed", "commit": "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f",
        "run": "https://ci.example.org/job/northwind-ios/4711",
    });
    let opened = server.api(&token).post("/builds", &asked).json(201);
    ada.open(&integrations);
    album.look(&ada, "integrations");
    ada.open(&format!("{integrations}/try"));
    ada.browser.fill("token", "abc");
    ada.browser.press("Try");
    ada.browser.says("It isn't an identity token");
    album.look(&ada, "rules-tried");
    ada.open(&here);
    album.look(&ada, "builds");
    ada.open(&format!("/builds/{}", opened["id"].as_str().unwrap()));
    album.look(&ada, "build");
    ada.browser.press("Close this build");
    ada.browser.says("It is closed.");
    album.look(&ada, "build-closed");
}
