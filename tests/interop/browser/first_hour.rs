//! The first hour of a household and of a company: with a browser, and with the command line where `docs/` sends people there.

use std::fs;

use super::{ADA, PASSWORD, Visitor};
use crate::{
    doorkey,
    parts::{Nginx, Radicale, Scripts, change},
    support::{Address, Data, Request, Server, basic, cluster},
};

const GRACE: (&str, &str) = ("grace@example.org", "Grace");
const LINUS: (&str, &str) = ("linus@example.org", "Linus");
const EVE: (&str, &str) = ("eve@example.org", "Eve");
const NEW_PASSWORD: &str = "seven bridges over a violet kettle";

/// A calendar server, and the proxy that asks Doorkey for it.
struct Calendars {
    _radicale: Radicale,
    nginx: Nginx,
}

impl Calendars {
    /// By nothing but what the service's page shows.
    fn behind(ada: &Visitor<'_>) -> Self {
        let radicale = Radicale::start();
        let shown = ada.add_service("calendar", "Calendars", "nginx");
        let nginx = Nginx::start(&[change(&shown, "127.0.0.1:5232", &radicale.authority)]);
        Self { _radicale: radicale, nginx }
    }

    /// What a calendar app is answered.
    fn status(&self, id: &str, password: &str) -> u16 {
        let login = basic(format!("{id}:{password}"));
        let question = Request::new("PROPFIND", "/").header("Authorization", login).header("Depth", "0");
        let nginx: &Address = &self.nginx.address(0);
        nginx.ask(&question).status
    }
}

/// The first account, with two-factor authentication.
fn set_up<'s>(server: &'s Server, url: &str) -> Visitor<'s> {
    let mut ada = Visitor::new(server, url, Scripts::Run);
    ada.set_up();
    ada.go_to("App-Specific Passwords");
    ada.turn_two_factor_on();
    ada
}

/// Somebody's own first steps: from the link to a calendar on their phone.
fn joins<'s>(ada: &Visitor<'s>, url: &str, who: (&str, &str), link: &str) -> (Visitor<'s>, String) {
    let mut person = Visitor::invited(ada.server, url, who, link);
    person.enter_two_factor();
    let password = person.generate("Phone", &["Calendars"]);
    (person, password)
}

fn invite(ada: &Visitor<'_>, (id, name): (&str, &str)) -> String {
    ada.go_to("People");
    ada.browser.press("Invite");
    ada.browser.shows("Invite somebody");
    ada.browser.fill("id", id);
    ada.browser.fill("name", name);
    ada.browser.press("Make the link");
    ada.browser.shows(&format!("A link for {name}"));
    ada.browser.text_of("#secret").replace(char::is_whitespace, "")
}

/// Opens somebody's page from the list, and does what asks once.
fn to_person(ada: &Visitor<'_>, name: &str, link: &str, asked: &str, button: &str) {
    ada.go_to("People");
    ada.browser.press(name);
    ada.browser.press(link);
    ada.browser.shows(asked);
    ada.browser.press(button);
}

/// Takes a backup of what runs, and gives the file.
fn back_up(server: &Server) -> String {
    let file = server.folder().join("doorkey.backup").display().to_string();
    server.run(&["admin", "backup", &file]).with(0);
    let described = server.run(&["admin", "backup", "--describe", &file]).with(0).out;
    assert!(described.contains("4 accounts"), "{described}");
    file
}

fn set(server: &Server, database: &cluster::Database<'_>) {
    let settings = format!("[store]\nurl = \"{}\"\n", database.url());
    fs::write(server.folder().join("doorkey.toml"), settings).unwrap();
}

/// Moves the data to PostgreSQL, and goes on there.
fn move_to_postgres(server: &Server, to: &cluster::Database<'_>) {
    server.run(&["admin", "move", "--to", &to.url()]).with(1).said("Stop it first");
    server.stop().with(0);
    server.run(&["admin", "move", "--to", &to.url()]).with(0);
    set(server, to);
    server.start_again();
    assert_ne!(to.ask("SELECT COUNT(*) FROM accounts"), "0");
}

#[test]
fn of_a_household() {
    let (server, url) = doorkey::start_on(Data::File, "localhost");
    let ada = set_up(&server, &url);
    let calendars = Calendars::behind(&ada);
    let links = [GRACE, LINUS, EVE].map(|who| invite(&ada, who));
    let (grace, hers) = joins(&ada, &url, GRACE, &links[0]);
    let mut linus = Visitor::invited(&server, &url, LINUS, &links[1]);
    linus.read_key();
    linus.browser.fill("code", &linus.code());
    linus.browser.press("Turn on");
    linus.browser.shows("Your recovery codes");
    let recovery_code = linus.browser.text_of("#codes code");
    linus.browser.press("Done");
    let his = linus.generate("Phone", &["Calendars"]);
    let (_, eves) = joins(&ada, &url, EVE, &links[2]);
    for ((id, _), password) in [(GRACE, &hers), (LINUS, &his), (EVE, &eves)] {
        assert_eq!(calendars.status(id, password), 207, "{id}");
    }

    // Linus has lost his phone, and kept the sheet with his codes.
    linus.sign_out();
    linus.enter_password(PASSWORD);
    linus.browser.press("Lost your phone? Use a recovery code");
    linus.browser.shows("Enter a recovery code");
    linus.browser.fill("code", &recovery_code);
    linus.browser.press("Sign in");
    linus.browser.shows("Sign-In and Security");
    linus.browser.press("Set up a new phone");
    linus.browser.shows("Set up a new phone");
    linus.read_key();
    linus.browser.fill("code", &linus.code());
    linus.browser.press("Use this phone");
    linus.go_to("App-Specific Passwords");
    linus.browser.press_named("Revoke Phone");
    linus.browser.press("Revoke");
    assert_eq!(calendars.status(LINUS.0, &his), 401, "whoever finds the phone reads no calendar");
    let his = linus.generate("New phone", &["Calendars"]);
    assert_eq!(calendars.status(LINUS.0, &his), 207);

    // Eve moves out.
    to_person(&ada, "Eve", "Remove Eve", "Remove Eve?", "Remove");
    ada.browser.says("The account eve@example.org is removed.");
    assert_eq!(calendars.status(EVE.0, &eves), 401);

    server.run(&["admin", "check"]).with(0);
    invite(&ada, ("kit@example.org", "Kit"));
    let backup = back_up(&server);
    let database = cluster::shared().database();
    move_to_postgres(&server, &database);
    // Nobody notices.
    linus.browser.reload();
    linus.go_to("App-Specific Passwords");
    ada.go_to("People");
    for ((id, _), password) in [(GRACE, &hers), (LINUS, &his)] {
        assert_eq!(calendars.status(id, password), 207, "{id}");
    }
    grace.go_to("App-Specific Passwords");
    grace.browser.press_named("Revoke Phone");
    grace.browser.press("Revoke");
    assert_eq!(calendars.status(GRACE.0, &hers), 401);

    // The database is lost. In a new one, what is kept works as it did when the backup was taken.
    server.stop().with(0);
    let database = cluster::shared().database();
    set(&server, &database);
    server.run(&["admin", "restore", &backup, "--app-passwords", "keep"]).with(0);
    server.start_again();
    for ((id, _), password) in [(GRACE, &hers), (LINUS, &his)] {
        assert_eq!(calendars.status(id, password), 207, "{id}");
    }
    assert_eq!(calendars.status(EVE.0, &eves), 401);
    linus.browser.reload();
    linus.enter_password(PASSWORD);
    linus.enter_code();
    linus.go_to("Activity");
    linus.browser.says("You set up a new phone");
    server.run(&["admin", "check"]).with(0);
}

#[test]
fn of_a_company() {
    let (server, url) = doorkey::start_on(Data::File, "localhost");
    let ada = set_up(&server, &url);
    ada.go_to("Groups");
    ada.browser.press("Add group");
    ada.browser.shows("Add a group");
    ada.browser.fill("name", "staff");
    ada.browser.press("Add group");
    ada.browser.shows("staff");
    ada.browser.fill("account", ADA);
    ada.browser.press("Add");
    let calendars = Calendars::behind(&ada);
    ada.open("/services/at/calendar/change");
    ada.browser.press_label("Only people in these groups:");
    ada.browser.press_label("staff");
    ada.browser.press("Change");

    // Three at once, from a table.
    ada.go_to("People");
    ada.browser.press("Import");
    ada.browser.shows("Import people");
    let table = "id;name;groups\ngrace@example.org;Grace;staff\nlinus@example.org;Linus;staff\neve@example.org;Eve;\n";
    ada.browser.fill("csv", table);
    ada.browser.press("Only check");
    ada.browser.says("All 3 rows are fine. Nothing was imported yet.");
    ada.browser.press("Import");
    ada.browser.shows("3 people are invited");
    let links = ada.browser.text_of("#links");
    let link = |(id, _): (&str, &str)| {
        let line = links.lines().find(|line| line.starts_with(id)).unwrap();
        line.split_once(' ').unwrap().1.trim().to_owned()
    };
    let (grace, hers) = joins(&ada, &url, GRACE, &link(GRACE));
    let (mut linus, his) = joins(&ada, &url, LINUS, &link(LINUS));
    let (eve, eves) = joins(&ada, &url, EVE, &link(EVE));
    assert_eq!(calendars.status(GRACE.0, &hers), 207);
    assert_eq!(calendars.status(LINUS.0, &his), 207);
    assert_eq!(calendars.status(EVE.0, &eves), 403, "she isn't in staff");
    drop(eve);

    // Linus has lost his phone, and his codes with it.
    to_person(&ada, "Linus", "Make a reset link", "Make a reset link for Linus?", "Cancel");
    ada.browser.press("Make a reset link");
    ada.browser.press_label("The second factor is lost");
    ada.browser.press("Make the link");
    ada.browser.shows("A link for Linus");
    let reset = ada.browser.text_of("#secret").replace(char::is_whitespace, "");
    linus.browser.open(&reset);
    linus.browser.shows("Set a new password");
    linus.browser.says("This revokes your app-specific password");
    linus.browser.fill("password", NEW_PASSWORD);
    linus.browser.press("Set the password");
    assert_eq!(calendars.status(LINUS.0, &his), 401);
    linus.enter_password(NEW_PASSWORD);
    linus.browser.shows("Sign-In and Security");
    linus.go_to("App-Specific Passwords");
    linus.turn_two_factor_on();
    let his = linus.generate("New phone", &["Calendars"]);
    assert_eq!(calendars.status(LINUS.0, &his), 207);

    let backup = back_up(&server);
    // Grace leaves: suspended on her last day, removed later.
    to_person(&ada, "Grace", "Suspend Grace", "Suspend Grace?", "Suspend");
    ada.browser.says("Grace is suspended, and signed out everywhere.");
    assert_eq!(calendars.status(GRACE.0, &hers), 401);
    grace.browser.reload();
    grace.browser.shows("Sign in");
    to_person(&ada, "Grace", "Remove Grace", "Remove Grace?", "Remove");

    let database = cluster::shared().database();
    move_to_postgres(&server, &database);
    ada.go_to("Events");
    ada.browser.says("removed the account grace@example.org");
    assert_eq!(calendars.status(LINUS.0, &his), 207);
    assert_eq!(calendars.status(GRACE.0, &hers), 401);

    // Another machine, which has the backup and the key. What was revoked since is back in it, so all app-specific passwords end.
    server.stop().with(0);
    let (other, its_url) = doorkey::new_on(Data::File, "localhost");
    fs::create_dir(other.data()).unwrap();
    fs::copy(server.data().join("doorkey.key"), other.data().join("doorkey.key")).unwrap();
    other.run(&["admin", "restore", &backup, "--app-passwords", "revoke"]).with(0);
    // Its clock is no earlier than the other one's: a code counts once.
    other.clock.move_by(3600);
    other.start_again();
    other.run(&["admin", "check"]).with(0);
    let there = ada.at(&other, &its_url);
    there.sign_in();
    to_person(&there, "Grace", "Remove Grace", "Remove Grace?", "Remove");
    there.go_to("Events");
    there.browser.says("restored");
    let there = linus.at(&other, &its_url);
    there.open("/sign-in");
    there.enter_password(NEW_PASSWORD);
    there.enter_code();
    there.go_to("App-Specific Passwords");
    there.browser.says("You have none in use");
}
