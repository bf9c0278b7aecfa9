//! Importing people from a table.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{Answer, Cli, Done, Server, race, since};

const ADA: &str = "ada@example.org";
const PASSWORD: &str = "seven bridges over a kettle";

fn import(server: &Server, csv: &str) -> Answer {
    server.admin().post("/accounts/import", &json!({ "csv": csv }))
}

fn check(server: &Server, csv: &str) -> Value {
    server.admin().post("/accounts/import", &json!({ "csv": csv, "dry_run": true })).json(200)
}

fn accounts(server: &Server) -> Vec<Value> {
    server.admin().get("/accounts?limit=1000").json(200)["accounts"].as_array().unwrap().clone()
}

fn detail(answer: &Answer) -> String {
    assert_eq!(answer.problem(), "422 unfit csv");
    serde_json::from_slice::<Value>(&answer.body).unwrap()["detail"].as_str().unwrap().to_owned()
}

#[test]
fn everybody_in_a_table_is_invited() {
    let server = Server::start();
    for group in ["staff", "choir"] {
        server.admin().post("/groups", &json!({ "name": group })).json(201);
    }
    // A byte order mark, semicolons, CRLF, quotes, columns in another order, an empty line, and rows of nothing.
    let csv = "\u{feff}Name;ID;Administrator;Groups;Aliases\r\n\
               \"Lovelace; Ada\";Ada@Example.org;yes;\"staff, choir\";countess@example.org a@example.org\r\n\
               \r\n;;;;\r\n\
               \"Bob \"\"B.\"\"\";bob@example.org;;STAFF;\r\n";
    let checked = check(&server, csv);
    assert_eq!((&checked["imported"], &checked["wrong"]), (&json!(0), &json!(0)));
    assert_eq!(accounts(&server).len(), 0, "nothing was done");
    let report = import(&server, csv).json(200);
    assert_eq!((&report["imported"], &report["wrong"]), (&json!(2), &json!(0)));
    let rows = report["rows"].as_array().unwrap();
    let lines: Vec<_> =
        rows.iter().map(|row| (row["line"].as_i64().unwrap(), row["id"].as_str().unwrap())).collect();
    assert_eq!(lines, [(2, "Ada@Example.org"), (5, "bob@example.org")]);
    let people = accounts(&server);
    assert_eq!(people[0]["display_name"], "Lovelace; Ada");
    assert_eq!(people[0]["groups"], json!(["choir", "staff"]));
    assert_eq!(people[0]["aliases"], json!(["a@example.org", "countess@example.org"]));
    assert_eq!((&people[0]["administrator"], &people[1]["administrator"]), (&json!(true), &json!(false)));
    assert_eq!((&people[1]["display_name"], &people[1]["groups"]), (&json!("Bob \"B.\""), &json!(["staff"])));
    assert!(people.iter().all(|person| person["state"] == "invited"));
    let link = rows[1]["link"].as_str().unwrap();
    let link = &link[link.find("/invitation/").unwrap()..];
    assert_eq!(server.browser().submit(link, &[("password", PASSWORD)]).goes_to(), "/security/two-factor");
    // The same again is wrong in each row, and does nothing.
    let again = detail(&import(&server, csv));
    assert!(again.starts_with("Nothing was imported: 2 rows are wrong.\n"), "{again}");
    assert!(
        again.contains("Line 2, Ada@Example.org: there is already an account ada@example.org."),
        "{again}"
    );
    assert_eq!(again.lines().count(), 3, "{again}");
}

#[test]
fn with_one_row_wrong_nobody_is_imported_and_each_wrong_row_is_told() {
    let server = Server::start();
    let taken = json!({ "id": ADA, "name": "Ada", "aliases": ["countess@example.org", "king@example.org"] });
    server.admin().post("/accounts", &taken).json(201);
    let rows = [
        ("fine@example.org,Fine,,,", ""),
        ("ＡＤＡ@example.org,Ada,,,", "there is already an account ada@example.org"),
        ("Countess@example.org,Ada,,,", "countess@example.org is an alias of ada@example.org"),
        ("x@example.org,X,,king@example.org,", "king@example.org is an alias of ada@example.org"),
        ("FINE@example.org,Again,,,", "fine@example.org is on line 2 already"),
        ("y@example.org,Y,,Jose\u{301}@example.org,", ""),
        ("JOSÉ@example.org,Z,,,", "josé@example.org is on line 7 already"),
        ("bob,Bob,,,", "an ID is an e-mail address"),
        ("a b@example.org,Bob,,,", "can't have the character ' '"),
        ("b1@example.org,,,,", "The name is empty"),
        ("b2@example.org,B,nobodies,,", "there is no group nobodies"),
        ("b3@example.org,B,a/b,,", "roup"),
        ("b4@example.org,B,,,perhaps", "“administrator” is yes or no"),
        ("b5@example.org,B", "it has 2 fields, and the first line has 5"),
        ("b6@example.org,B,,,,,", "it has 7 fields"),
        ("b7@example.org,a\0b,,,", "can't be seen"),
    ];
    let csv: String = std::iter::once("id,name,groups,aliases,administrator\n".to_owned())
        .chain(rows.iter().map(|(row, _)| format!("{row}\n")))
        .collect();
    let checked = check(&server, &csv);
    let found = checked["rows"].as_array().unwrap();
    assert_eq!(found.len(), rows.len());
    for (n, ((row, why), found)) in rows.iter().zip(found).enumerate() {
        assert_eq!(found["line"], n + 2, "{row}");
        let problem = found["problem"].as_str().unwrap_or_default();
        assert_eq!(found["outcome"] == "wrong", !why.is_empty(), "{row}: {problem}");
        assert!(problem.contains(why), "{row}: {problem}");
    }
    let wrong = rows.iter().filter(|(_, why)| !why.is_empty()).count();
    assert_eq!(checked["wrong"], wrong);
    let told = detail(&import(&server, &csv));
    assert_eq!(told.lines().count(), wrong + 1, "{told}");
    assert_eq!(accounts(&server).len(), 1);
}

#[test]
fn what_is_no_table_is_refused_with_what_to_do() {
    let server = Server::start();
    for (csv, said) in [
        ("", "The table is empty."),
        ("\u{feff}", "The table is empty."),
        ("id,name\n", "nobody below it"),
        ("id,name\n,\n", "nobody below it"),
        ("name\nAda\n", "The column “id” is missing."),
        (
            "ada@example.org,Ada\n",
            "There is no column “ada@example.org”. Those that there can be are id, name",
        ),
        ("id\tname\nada@example.org\tAda\n", "There is no column"),
        ("id,name,ID\n", "is there twice"),
        ("\0\u{1}", "There is no column"),
    ] {
        let told = detail(&import(&server, csv));
        assert!(told.contains(said), "{csv:?}: {told}");
    }
    let mut many = "id,name\n".to_owned();
    for n in 0..2001 {
        many.push_str(&format!("p{n}@example.org,P\n"));
    }
    let told = detail(&import(&server, &many));
    assert!(told.contains("more than 2000 people") && told.contains("Split it"), "{told}");
    // What each alias is compared with has an end: this took minutes.
    let aliases: Vec<_> = (0..200_000).map(|n| format!("{n}@b")).collect();
    let many = import(&server, &format!("id,name,aliases\nq@example.org,Q,{}", aliases.join(" ")));
    assert!(many.text().contains("at most 20 aliases"), "{}", &many.text()[..200]);
    let large = import(&server, &format!("id,name\n{}", "x".repeat(4 << 20)));
    assert_eq!(large.problem(), "413 too-large");
    // Anything else in the API still takes little.
    let asked = json!({ "id": ADA, "name": "x".repeat(70_000) });
    assert_eq!(server.admin().post("/accounts", &asked).problem(), "413 too-large");
    assert_eq!(accounts(&server).len(), 0);
}

#[test]
fn of_two_imports_of_the_same_people_one_is_done_whole() {
    let server = Server::start();
    for round in 0..3 {
        let csv: String = (0..50).map(|n| format!("r{round}p{n}@example.org,P\n")).collect();
        let csv = format!("id,name\n{csv}");
        let statuses = race(2, |_| import(&server, &csv).status);
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 1, "{statuses:?}");
        assert_eq!(accounts(&server).len(), 50 * (round + 1));
    }
}

#[test]
fn as_many_as_there_can_be_are_imported_and_others_need_not_wait_long() {
    let server = Server::start();
    let mail = server.service("mail", "mail");
    let person = server.person(ADA);
    let (password, renamed) = (person.generate("Phone", "mail"), AtomicUsize::new(0));
    server.person("bob@example.org");
    let csv: String = (0..2000).map(|n| format!("p{n}@example.org,Person Number {n}\n")).collect();
    let csv = format!("id,name\n{csv}");
    let done = AtomicBool::new(false);
    let took = race(3, |n| {
        let (whole, mut longest) = (since(), Duration::ZERO);
        let mut measured = |ask: &dyn Fn() -> u16, expected: u16| {
            while !done.load(Ordering::Relaxed) {
                let took = since();
                assert_eq!(ask(), expected);
                longest = longest.max(took());
            }
        };
        match n {
            0 => {
                assert_eq!(import(&server, &csv).json(200)["imported"], 2000);
                done.store(true, Ordering::Relaxed);
                return whole();
            }
            // A door never waits, and neither does a page that only looks.
            1 => measured(
                &|| match mail.status(ADA, &password.password) {
                    200 => person.api.get("/session").status,
                    refused => refused,
                },
                200,
            ),
            // Another change comes after it.
            _ => measured(
                &|| {
                    let name = format!("Bob {}", renamed.fetch_add(1, Ordering::Relaxed));
                    server.admin().patch("/accounts/bob@example.org", &json!({ "display_name": name })).status
                },
                200,
            ),
        }
        longest
    });
    assert!(took.iter().all(|took| took.as_secs() < 60), "{took:?}");
    let found = server.admin().get("/accounts?q=number%201999").json(200);
    assert_eq!(found["accounts"][0]["name"], "p1999@example.org");
    assert_eq!(mail.status("p1999@example.org", &password.password), 401);
    server.restart();
    assert_eq!(accounts(&server).len(), 1000, "a page of them");
}

fn run(server: &Server, cli: &Cli, arguments: &[&str]) -> Done {
    let data = server.data().display().to_string();
    cli.run(&[&["admin", "--data", &data, "import"], arguments].concat())
}

#[test]
fn the_command_line_imports_a_file_and_reports_as_csv() {
    let server = Server::start();
    let cli = Cli::new();
    let file = server.folder().join("people.csv");
    let path = file.display().to_string();
    let write = |bytes: &[u8]| std::fs::write(&file, bytes).unwrap();
    write("id,name\nbob@example.org,Bob\n\"eve@example.org\",\"Eve, of course\"\n".as_bytes());
    let dry = run(&server, &cli, &[&path, "--dry-run"]).with(0).said("nothing was imported");
    assert_eq!(
        dry.out,
        "line,id,outcome,problem,link,expires_at\n2,bob@example.org,fine,,,\n3,eve@example.org,fine,,,\n"
    );
    let done = run(&server, &cli, &[&path]).with(0).said("2 people are invited.");
    let lines: Vec<_> = done.out.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[1].starts_with("2,bob@example.org,invited,,http://localhost:"), "{}", lines[1]);
    assert!(lines[1].contains("/invitation/"));
    let again =
        run(&server, &cli, &[&path]).with(1).said("2 rows are wrong.").said("Line 3, eve@example.org:");
    assert_eq!(again.out, "");
    let checked =
        run(&server, &cli, &[&path, "--dry-run"]).with(1).said("2 rows are wrong. Nothing was imported.");
    assert!(checked.out.contains("3,eve@example.org,wrong,\"there is already"), "{}", checked.out);
    write(b"id,name\nx@example.org,X\n");
    assert_eq!(run(&server, &cli, &[&path, "--json"]).json()["imported"], 1);
    for (bytes, said) in [
        (&b"\xff\xfei\0d\0"[..], "is in UTF-16"),
        (b"id,name\n\xf6@example.org,\xd6\n", "Latin-1"),
        (b"", "The table is empty."),
    ] {
        write(bytes);
        assert_eq!(run(&server, &cli, &[&path]).with(1).said(said).out, "");
    }
    run(&server, &cli, &["nothing.csv"]).with(1).said("nothing.csv can't be read");
}

#[test]
fn the_page_checks_and_imports() {
    let server = Server::start();
    let mut browser = server.administrator(ADA).browser();
    let wrong = "id,name\nbob@example.org,\nx,X\n";
    let text = browser.submit("/people/import", &[("csv", wrong), ("do", "check")]).text(422);
    assert!(text.contains("2 rows are wrong.") && text.contains("Line 3, x:"), "{text}");
    assert!(text.contains("bob@example.org,"), "the table is still there");
    let csv = "id,name\nbob@example.org,Bob\neve@example.org,Eve\n";
    let checked = browser.submit("/people/import", &[("csv", csv), ("do", "check")]).text(200);
    assert!(checked.contains("All 2 rows are fine. Nothing was imported yet."), "{checked}");
    assert_eq!(accounts(&server).len(), 1);
    let done = browser.submit("/people/import", &[("csv", csv), ("do", "import")]);
    let text = done.text(200);
    assert!(text.contains("2 people are invited") && text.contains("bob@example.org http"), "{text}");
    assert_eq!(accounts(&server).len(), 3);
}
