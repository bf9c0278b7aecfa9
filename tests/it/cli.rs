//! The command line.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::{Cli, Done, PASSWORD, Person, Server};

const ADA: &str = "ada@example.org";

/// A command for this machine's administrator.
fn admin(server: &Server, cli: &Cli, arguments: &[&str], input: &str) -> Done {
    let data = server.data().display().to_string();
    cli.run_on(server, &[&["admin", "--data", &data], arguments].concat(), input)
}

/// Somebody signed in at a command line.
fn signed_in<'s>(server: &'s Server, cli: &Cli) -> Person<'s> {
    let person = server.person(ADA);
    sign_in(&person, cli).with(0);
    person
}

fn sign_in(person: &Person<'_>, cli: &Cli) -> Done {
    let (url, code) = (person.server.url(), person.code());
    cli.run_with(
        &["sign-in", &url, &person.id, "--password-stdin", "--code", &code],
        &format!("{PASSWORD}\n"),
    )
}

#[test]
fn an_administrator_manages_a_running_server_and_one_that_is_stopped() {
    let server = Server::start();
    let cli = Cli::new();
    let run = |arguments: &[&str], input: &str| admin(&server, &cli, arguments, input);
    for (running, name) in [(true, "running"), (false, "stopped")] {
        if !running {
            server.stop();
        }
        let id = format!("{name}@example.org");
        let added =
            run(&["account", "add", &id, "--name", "Ada", "--admin", "--password-stdin"], PASSWORD).with(0);
        assert_eq!((added.out.as_str(), added.err.as_str()), (&*format!("Added {id}.\n"), ""));
        let eve = format!("eve-{name}@example.org");
        let add = ["account", "add", &eve, "--name", "Eve", "--totp", "--password-stdin", "--json"];
        let added = run(&add, "8 at once").json();
        assert_eq!((&added["name"], &added["administrator"]), (&json!(eve), &json!(false)));
        assert!(added["totp_secret"].as_str().is_some_and(|secret| secret.len() == 32));
        assert!(added["uri"].as_str().is_some_and(|uri| uri.starts_with("otpauth://")));
        let shown = run(
            &["account", "add", &format!("b{id}"), "--name", "B", "--totp", "--password-stdin"],
            "8 at once",
        );
        let shown = shown.with(0).said("The secret for their authenticator app, shown this once:");
        assert_eq!(shown.out.trim().len(), 32);
        let link = run(&["account", "reset-link", &id], "").with(0).said("sets a new password, once");
        assert!(link.out.contains("/reset/"), "{}", link.out);
        assert!(run(&["account", "reset-link", &id, "--json"], "").json()["expires_at"].is_string());

        let key = run(&["service", "add", name, "--kind", "contacts,calendars"], "")
            .with(0)
            .said("shown this once");
        assert!(key.out.starts_with("dks_") && key.out.trim().len() == 37, "{}", key.out);
        assert_eq!(run(&["service", "list", "--json"], "").json()["services"][0]["name"], "running");
        assert!(run(&["service", "list"], "").with(0).out.contains(name));
        let renewed = run(&["service", "new-key", name], "").with(0).said("The old one no longer works");
        assert_ne!(renewed.out, key.out);
        assert!(run(&["service", "new-key", name, "--json"], "").json()["key"].is_string());
        let more = format!("{name}2");
        assert!(run(&["service", "add", &more, "--kind", "mail", "--json"], "").json()["key"].is_string());
        run(&["service", "remove", &more], "").with(0);
        for (refused, said) in [
            (
                run(&["account", "add", &id, "--name", "Ada", "--password-stdin"], PASSWORD),
                "There is already an account",
            ),
            (
                run(&["account", "add", "x@example.org", "--name", "X", "--password-stdin"], "short"),
                "at least 15",
            ),
            (
                run(&["account", "add", "no-id", "--name", "X", "--password-stdin"], PASSWORD),
                "That can't be an ID",
            ),
            (run(&["account", "reset-link", "nobody@example.org"], ""), "There is no account"),
            (run(&["service", "add", name, "--kind", "mail"], ""), "There is already a service"),
            (run(&["service", "add", "No Name", "--kind", "mail"], ""), "That can't be the name"),
            (run(&["service", "new-key", "nothing"], ""), "There is no service of this name"),
            (run(&["service", "remove", "nothing"], ""), "There is no service of this name"),
        ] {
            assert_eq!(refused.with(1).said(said).out, "");
        }
    }
    // What was done while it stood still is there when it runs again.
    server.start_again();
    for id in ["running@example.org", "stopped@example.org"] {
        Person::new(&server, id, None).signed_in().api.get("/services").with(200);
    }
    assert!(!server.stop().err.contains("/setup/"));
}

#[test]
fn an_administrator_manages_people() {
    let server = Server::start();
    let cli = Cli::new();
    let run = |arguments: &[&str]| admin(&server, &cli, &[&["account"], arguments].concat(), "");
    let said = |arguments: &[&str], said: &str| assert_eq!(run(arguments).with(0).out, format!("{said}\n"));
    assert!(run(&["list"]).with(0).out.starts_with("There is nobody yet."));
    let bob = "bob@example.org";
    let invited = run(&["invite", bob, "--name", "Bob B.", "--alias", "b@example.org"]).with(0);
    let invited = invited.said("Invited bob@example.org. With this link they set their password, once:");
    assert!(invited.out.contains("/invitation/") && invited.out.lines().count() == 1, "{}", invited.out);
    assert!(run(&["invite-link", bob]).with(0).out.contains("/invitation/"));
    assert!(run(&["show", bob]).with(0).out.contains("not accepted yet; the link works until "));
    assert!(run(&["invite-link", bob, "--json"]).json()["expires_at"].is_string());
    assert_eq!(run(&["invite", ADA, "--name", "Ada", "--admin", "--json"]).json()["administrator"], true);
    let listed = run(&["list"]).with(0).out;
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(listed.contains("bob@example.org  Bob B.  invited"), "{listed}");
    assert_eq!(run(&["list", "--search", "B.", "--json"]).json()["accounts"][0]["name"], bob);
    assert!(run(&["list", "--search", "%x"]).with(0).out.starts_with("No ID, no alias"));
    for n in 0..3 {
        server.person_without_second_factor(&format!("p{n}@example.org"));
    }
    let p0 = "p0@example.org";
    said(&["sign-out", p0], "Signed p0@example.org out everywhere.");
    run(&["sign-out"]).with(2);
    run(&["sign-out", p0, "--everybody"]).with(2);
    let signed_out = run(&["sign-out", "--everybody"]).with(0).out;
    assert!(signed_out.starts_with("Signed everybody out. "), "{signed_out}");
    said(&["suspend", p0], "Suspended p0@example.org. It is signed out everywhere.");
    said(&["resume", p0], "Resumed p0@example.org.");
    said(&["make-admin", p0], "p0@example.org administers this server.");
    run(&["suspend", p0]).with(1).said("last administrator");
    run(&["unmake-admin", p0]).with(1).said("Make somebody else one first.");
    said(&["make-admin", "p1@example.org"], "p1@example.org administers this server.");
    said(&["unmake-admin", p0], "p0@example.org doesn't administer this server.");
    said(&["rename", p0, "--name", "Zero"], "p0@example.org is called Zero.");
    said(&["alias", "add", p0, "zero@example.org"], "zero@example.org signs p0@example.org in too.");
    run(&["alias", "add", p0, bob]).with(1).said("bob@example.org is the ID already");
    let shown = run(&["show", p0]).with(0).out;
    assert!(shown.contains("zero@example.org") && shown.contains("Zero"), "{shown}");
    assert_eq!(run(&["show", p0, "--json"]).json()["aliases"], json!(["zero@example.org"]));
    said(&["alias", "remove", p0, "zero@example.org"], "zero@example.org no longer signs p0@example.org in.");
    run(&["remove", p0]).with(2).said("Add --yes");
    said(&["remove", p0, "--yes"], "Removed p0@example.org.");
    run(&["remove", p0, "--yes"]).with(1).said("There is no account with this ID.");
    for command in ["show", "suspend", "resume", "make-admin", "invite-link"] {
        assert_eq!(run(&[command, p0]).with(1).said("There is no account with this ID.").out, "");
    }
    // A list of several pages is one list.
    for n in 0..3 {
        server
            .admin()
            .post("/accounts", &json!({ "id": format!("q{n}@example.org"), "name": "Q" }))
            .json(201);
    }
    let all = run(&["list", "--json"]).json();
    assert_eq!((all["accounts"].as_array().unwrap().len(), &all["next"]), (7, &Value::Null));
    // Invitations whose time is over stand out, and say what to do.
    server.clock.move_by(8 * 86_400);
    let listed = run(&["list"]).with(0).out;
    assert!(
        listed.lines().any(|line| line.starts_with("bob@") && line.contains("invited  invitation over")),
        "{listed}"
    );
    assert!(!listed.lines().any(|line| line.starts_with("p1@") && line.contains("over")), "{listed}");
    run(&["invite-link", bob]).with(0);
    assert!(!run(&["list", "--search", bob]).with(0).out.contains("over"));
    let over = run(&["show", ADA]).with(0).out;
    assert!(over.contains("doorkey admin account invite-link ada@example.org"), "{over}");
}

#[test]
fn an_administrator_can_begin_without_a_server() {
    let server = Server::new(&[]);
    let cli = Cli::new();
    let add = ["account", "add", ADA, "--name", "Ada", "--admin", "--password-stdin"];
    admin(&server, &cli, &add, PASSWORD).with(0);
    server.start_again();
    Person::new(&server, ADA, None).signed_in().api.get("/services").with(200);
}

#[test]
fn signing_in_keeps_a_token_that_nobody_else_can_read() {
    let server = Server::start();
    let (cli, person) = (Cli::new(), server.person(ADA));
    let refused = cli.run_with(&["sign-in", &server.url(), ADA, "--password-stdin"], "wrong\n");
    assert_eq!(refused.with(1).said("That ID and password don't match").out, "");
    let without_code = cli.run_with(&["sign-in", &server.url(), ADA, "--password-stdin"], PASSWORD);
    without_code.with(1).said("Add --code");
    assert!(!cli.credentials().exists());
    let done = sign_in(&person, &cli).with(0);
    assert_eq!(done.out, format!("Signed in at {} as {ADA}.\n", server.url()));
    let kept = cli.credentials();
    for (path, mode) in [(kept.as_path(), 0o600), (kept.parent().unwrap(), 0o700)] {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode);
    }
    let read = || serde_json::from_slice::<Value>(&std::fs::read(&kept).unwrap()).unwrap();
    let first = read()["token"].as_str().unwrap().to_owned();
    assert_eq!(server.api(&first).get("/session").status, 200);
    // Signing in again ends the token that it replaces.
    let (url, code) = (server.url(), person.code());
    let again = ["sign-in", &url, ADA, "--password-stdin", "--code", &code, "--json"];
    let again = cli.run_with(&again, PASSWORD).json();
    assert_eq!((&again["account"]["name"], again.get("token")), (&json!(ADA), None));
    let second = read()["token"].as_str().unwrap().to_owned();
    assert_eq!(server.api(&first).get("/session").problem(), "401 sign-in-needed");
    assert_eq!(server.api(&second).get("/session").status, 200);
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o644)).unwrap();
    cli.run(&["passwords", "list"]).with(1).said("chmod 600");
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o600)).unwrap();
    cli.run(&["sign-out"]).with(0);
    assert!(!kept.exists());
    assert_eq!(server.api(&second).get("/session").problem(), "401 sign-in-needed");
    assert_eq!(cli.run(&["sign-out"]).with(0).out, "You weren't signed in.\n");
    cli.run(&["passwords", "list"]).with(1).said("doorkey sign-in URL ID");
}

#[test]
fn somebody_without_a_second_factor_signs_in_without_a_code() {
    let server = Server::start();
    let cli = Cli::new();
    server.person_without_second_factor(ADA);
    cli.run_with(&["sign-in", &server.url(), ADA, "--password-stdin"], PASSWORD).with(0);
    cli.run(&["passwords", "generate", "--label", "Phone"])
        .with(1)
        .said("Turn it on under Sign-In and Security");
}

#[test]
fn passwords_are_generated_listed_and_revoked() {
    let server = Server::start();
    let (cli, mail) = (Cli::new(), server.service("mail", "mail"));
    let person = signed_in(&server, &cli);
    let none = cli.run(&["passwords", "list"]).with(0);
    assert!(none.out.starts_with("You have no app-specific passwords."), "{}", none.out);
    let made =
        cli.run(&["passwords", "generate", "--label", "Mail on phone", "--for", "mail", "--expires", "90d"]);
    let made = made.with(0).said("Your password for Mail on phone. You see it once:").said(ADA);
    assert_eq!(mail.status(ADA, made.out.trim()), 200);
    let first = cli.run(&["passwords", "generate", "--label", "First", "--json"]).json();
    assert_eq!((&first["for"], &first["state"]), (&json!("first"), &json!("live")));
    assert_eq!(mail.status(ADA, first["password"].as_str().unwrap()), 200);
    let list = cli.run(&["passwords", "list", "--json"]).json();
    assert_eq!(list, person.list());
    assert_eq!((&list["active"], &list["limit"]), (&json!(2), &json!(25)));
    let table = cli.run(&["passwords", "list"]).with(0).out;
    assert!(table.contains("Mail on phone") && table.contains("2 of 25 in use."), "{table}");
    let id = first["id"].as_str().unwrap();
    let revoked = cli.run(&["passwords", "revoke", id]).with(0);
    assert_eq!(revoked.out, "First no longer opens anything. The app that used it is signed out.\n");
    assert_eq!(mail.status(ADA, first["password"].as_str().unwrap()), 401);
    assert_eq!(cli.run(&["passwords", "revoke", id, "--json"]).json()["why_ended"], "revoked");
    assert_eq!(cli.run(&["passwords", "revoke", "--all", "--json"]).json()["revoked"], 1);
    assert_eq!(mail.status(ADA, made.out.trim()), 401);
    let none = cli.run(&["passwords", "revoke", "--all"]).with(0);
    assert_eq!(none.out, "There was no app-specific password left to revoke.\n");
    let other = server.person("eve@example.org").generate("Hers", "mail");
    for label in ["First", "x/../y"] {
        cli.run(&["passwords", "revoke", label]).with(2).said("Give its id, which begins with apw_");
    }
    for id in [other.id.as_str(), "apw_nothing", "apw_x/../y"] {
        cli.run(&["passwords", "revoke", id]).with(1).said("There is nothing by that name here");
    }
    cli.run(&["passwords", "generate", "--label", ""]).with(1).said("The label is empty");
    cli.run(&["passwords", "generate", "--label", "x", "--expires", "soon"]).with(1).said("30d, 12w or 1y");
    // Nothing that a label says is obeyed by the terminal that shows it.
    person.generate("<b>דואר</b> & \"quoted\"", "mail");
    assert!(cli.run(&["passwords", "list"]).with(0).out.contains("<b>דואר</b> & \"quoted\""));
}

#[test]
fn generating_asks_for_a_fresh_code() {
    let server = Server::start();
    let cli = Cli::new();
    let person = signed_in(&server, &cli);
    server.clock.move_by(601);
    let generate = ["passwords", "generate", "--label", "Phone"];
    cli.run(&generate).with(1).said("Add --code");
    let wrong = person.wrong_code();
    cli.run(&[&generate[..], &["--code", &wrong]].concat())
        .with(1)
        .said("That isn't the code that stands now");
    let code = person.code();
    cli.run(&[&generate[..], &["--code", &code]].concat()).with(0);
    assert_eq!(person.list()["active"], 1);
}

#[test]
fn wrong_usage_is_told_apart_from_a_refusal() {
    let cli = Cli::new();
    for arguments in [
        &[][..],
        &["nothing"],
        &["passwords"],
        &["passwords", "generate"],
        &["passwords", "generate", "--label", "x", "--for", "cake"],
        &["passwords", "revoke"],
        &["passwords", "revoke", "x", "--all"],
        &["passwords", "revoke", ""],
        &["sign-in"],
        &["sign-in", "doorkey.example.org", ADA],
        &["sign-in", "http://doorkey.example.org", ADA],
        &["sign-in", "https://ada:x@doorkey.example.org", ADA],
        &["sign-in", "http://localhost:1", ADA],
        &["admin", "service", "add", "dav"],
        &["admin", "service", "add", "dav", "--kind", "cake"],
        &["admin", "account", "add", ADA],
        &["admin", "account", "add", ADA, "--name", "Ada"],
        &["serve", "--config", "nothing.toml"],
        &["serve", "--nothing"],
    ] {
        let done = cli.run(arguments).with(2);
        assert_eq!(done.out, "", "{arguments:?}");
        assert!(!done.err.is_empty(), "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["passwords", "generate", "--help"]] {
        assert_eq!(cli.run(arguments).with(0).err, "", "{arguments:?}");
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_told_apart_from_a_refusal() {
    let server = Server::start();
    let cli = Cli::new();
    signed_in(&server, &cli);
    let url = server.url();
    server.stop();
    for arguments in [
        &["passwords", "list"][..],
        &["passwords", "generate", "--label", "x"],
        &["passwords", "revoke", "--all"],
        &["sign-out"],
    ] {
        let done = cli.run(arguments).with(3).said("can't be reached");
        assert_eq!(done.out, "", "{arguments:?}");
    }
    assert!(cli.credentials().exists(), "the token is good as soon as the server runs again");
    cli.run_with(&["sign-in", &url, ADA, "--password-stdin"], PASSWORD).with(3).said(&url);
}

#[test]
fn what_answers_and_is_no_doorkey_is_said_to_be_none() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answers = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example.org/\r\nContent-Length: 0\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
    ];
    let count = answers.len();
    let other = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 65_536];
            let read = stream.read(&mut asked).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            assert!(read > 0);
        }
    });
    let cli = Cli::new();
    for _ in 0..count {
        let done = cli.run_with(&["sign-in", &url, ADA, "--password-stdin"], PASSWORD).with(3);
        assert!(!done.err.contains(PASSWORD) && !cli.credentials().exists(), "{}", done.err);
    }
    other.join().unwrap();
}
