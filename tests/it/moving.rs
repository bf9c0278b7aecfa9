//! All data in another database: everything goes on there, and the data that stays is not used beside it unseen.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Stdio},
};

use serde_json::{Value, json};

use crate::support::{Data, Done, PASSWORD, Person, Server, cluster, group, sweep, until};

const ADA: &str = "ada@example.org";

/// A place for data, as a URL says it.
struct Place {
    url: String,
    database: Option<cluster::Database<'static>>,
    file: PathBuf,
}

impl Place {
    fn file(server: &Server, name: &str) -> Self {
        Self { url: format!("sqlite:{name}"), database: None, file: server.data().join(name) }
    }

    fn postgres() -> Self {
        let database = cluster::shared().database();
        Self { url: database.url(), database: Some(database), file: PathBuf::new() }
    }

    /// One answer; nothing when there is no such table, or no data at all.
    fn says(&self, sql: &str) -> String {
        match &self.database {
            Some(database) => database.ask(sql),
            None => {
                let file = rusqlite::Connection::open(&self.file).unwrap();
                file.query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0)).map_or_else(
                    |_| String::new(),
                    |value| match value {
                        rusqlite::types::Value::Integer(number) => number.to_string(),
                        rusqlite::types::Value::Text(text) => text,
                        other => panic!("{other:?}"),
                    },
                )
            }
        }
    }

    fn has(&self, table: &str) -> bool {
        match &self.database {
            Some(database) => database.ask(&format!("SELECT to_regclass('{table}') IS NOT NULL")) == "t",
            None => {
                self.file.exists() && {
                    let sql =
                        format!("SELECT CAST(COUNT(*) AS BIGINT) FROM sqlite_schema WHERE name = '{table}'");
                    self.says(&sql) == "1"
                }
            }
        }
    }

    /// The mark of a move: `arriving`, `left`, or nothing.
    fn mark(&self) -> String {
        if self.has("moves") { self.says("SELECT state FROM moves") } else { String::new() }
    }

    /// Whether there is data that a server would take for its own.
    fn is_in_use(&self) -> bool {
        self.has("keys") && self.says("SELECT COUNT(*) FROM keys") != "0" && self.mark().is_empty()
    }
}

/// Sets where the data is, as an operator does.
fn set(server: &Server, url: &str) {
    fs::write(server.folder().join("doorkey.toml"), format!("[store]\nurl = \"{url}\"\n")).unwrap();
}

/// A server that doesn't run, with its data there.
fn server_on(place: impl FnOnce(&Server) -> Place) -> (Server, Place) {
    let server = Server::on(Data::File, &[]);
    let place = place(&server);
    set(&server, &place.url);
    (server, place)
}

fn move_to(server: &Server, place: &Place) -> Done {
    server.run(&["admin", "move", "--to", &place.url])
}

/// Moves what a server has lived through, and lives on.
fn everything_goes_on(from: impl FnOnce(&Server) -> Place, to: impl FnOnce(&Server) -> Place) {
    let (server, from) = server_on(from);
    let to = to(&server);
    server.start_again();
    let (mut person, mail) = (server.administrator(ADA), server.service("mail", "mail"));
    let eve = server.person_without_second_factor("eve@example.org");
    let (phone, tablet) = (person.generate("Phone \u{1F511}", "mail"), person.generate("Tablet", "mail"));
    group(&server, "staff", &[ADA]);
    assert_eq!(mail.status(ADA, &phone.password), 200);
    person.revoke(&tablet).with(200);
    assert_eq!(mail.status(ADA, &tablet.password), 401);
    let mut trusting = server.browser();
    let first = trusting.submit("/sign-in", &[("id", ADA), ("password", PASSWORD)]);
    trusting.submit(first.goes_to(), &[("code", &person.code()), ("trust", "yes")]);
    assert!(trusting.get("/security").text(200).contains(ADA));
    let asked = json!({ "label": "Backup", "scopes": ["read"], "expires": "90d" });
    let token = person.api.post("/tokens", &asked).json(201)["token"].as_str().unwrap().to_owned();
    let made = server.admin().post("/accounts/eve@example.org/reset-link", &Value::Null).json(201);
    let link = made["link"].as_str().unwrap();
    let link = link[link.find("/reset/").unwrap()..].to_owned();
    server.stop().with(0);
    let epoch = from.says("SELECT epoch FROM event_counter");
    let last: u64 = from.says("SELECT last_number FROM event_counter").parse().unwrap();

    let told = move_to(&server, &to).with(0).out;
    assert!(told.contains("2 accounts, 2 app-specific passwords, 1 service"), "{told}");
    assert!(told.contains(&format!("up to event {last}")) && told.contains("everything is sound"), "{told}");
    assert!(
        told.contains(&format!("url = \"{}\"", to.url)) && told.contains("The key stays the same"),
        "{told}"
    );

    // The data that stays is not used beside the new.
    server.refuses_to_start(&[]).with(1).said("was moved to").said("--undo");
    assert_eq!(from.says("SELECT last_number FROM event_counter"), last.to_string());
    server.run(&["admin", "backup", "x.backup"]).with(1).said("was moved to");
    move_to(&server, &to).with(1).said("has data of Doorkey's already");

    set(&server, &to.url);
    assert_eq!(to.says("SELECT epoch FROM event_counter"), epoch);
    assert_eq!(to.says("SELECT last_number FROM event_counter"), (last + 1).to_string());
    server.run(&["admin", "check"]).with(0);
    server.start_again();
    assert_eq!(mail.status(ADA, &phone.password), 200);
    assert_eq!(mail.status(ADA, &tablet.password), 401);
    // Nobody was signed out.
    person.api.get("/session").with(200);
    eve.api.get("/session").with(200);
    server.api(&token).get("/app-passwords").with(200);
    assert!(trusting.get("/security").text(200).contains(ADA));
    assert_eq!(person.listed(&tablet)["why_ended"], "revoked");
    let used = "SELECT last_used_service FROM app_passwords WHERE last_used_at IS NOT NULL";
    assert_eq!(to.says(used), "mail");
    assert_eq!(server.browser().get(&link).status(), 200);
    let members = server.admin().get("/groups/staff").json(200);
    assert_eq!(members["members"], 1);
    let told = &server.admin().get(&format!("/events?after={last}")).json(200)["events"][0];
    assert_eq!((&told["number"], &told["what"]), (&json!(last + 1), &json!("moved")));
    assert!(told["sentence"].as_str().unwrap().contains("All data was moved from"), "{told}");
    assert!(!told.to_string().contains("doorkey@"), "not even the user's name: {told}");
    // Signing in opens the sealed second factor; the trusted browser needs no code.
    server.clock.move_by(60);
    person.sign_in();
    let page = trusting.get("/security");
    trusting.submit_from(&page, "/sign-out", &[]);
    assert_eq!(trusting.submit("/sign-in", &[("id", ADA), ("password", PASSWORD)]).goes_to(), "/");
    let laptop = person.generate("Laptop", "mail");
    assert_eq!(mail.status(ADA, &laptop.password), 200);
    server.stop().with(0);
    server.run(&["admin", "check"]).with(0);
}

#[test]
fn everything_goes_on_in_postgresql() {
    everything_goes_on(|server| Place::file(server, "doorkey.db"), |_| Place::postgres());
}

#[test]
fn everything_goes_on_in_a_file() {
    everything_goes_on(|_| Place::postgres(), |server| Place::file(server, "new/doorkey.db"));
}

#[test]
fn each_table_is_told_to_programs_and_no_password_to_anybody() {
    let (server, from) = server_on(|server| Place::file(server, "doorkey.db"));
    server.start_again();
    let person = server.person(ADA);
    person.generate("Phone", "mail");
    server.stop().with(0);
    let to = Place::postgres();
    // The tests' PostgreSQL asks for none, so any will do.
    let with_password = to.url.replacen("doorkey@", "doorkey:hunter2@", 1);
    let with_password =
        if with_password == to.url { format!("{}&password=hunter2", to.url) } else { with_password };
    let mut command = server.command(&["admin", "move", "--to", "-", "--json"]);
    let done = Done::of(command.stdin(Stdio::piped()), &format!("{with_password}\n")).with(0);
    assert!(!format!("{done:?}").contains("hunter2"), "{done:?}");
    let told = done.json();
    assert!(told["store_url"].as_str().unwrap().contains("PASSWORD"), "{told}");
    assert_eq!((&told["rows"]["accounts"], &told["rows"]["app_passwords"]), (&json!(1), &json!(1)));
    assert_eq!(told["rows"]["events"], told["last_event"]["number"]);
    for (table, rows) in told["rows"].as_object().unwrap() {
        let beyond = u64::from(table == "events");
        assert_eq!(from.says(&format!("SELECT COUNT(*) FROM {table}")), rows.to_string());
        let there = to.says(&format!("SELECT COUNT(*) FROM {table}"));
        assert_eq!(there, (rows.as_u64().unwrap() + beyond).to_string(), "{table}");
    }
    assert!(!to.says("SELECT what FROM events ORDER BY number DESC LIMIT 1").contains("hunter2"));
}

#[test]
fn what_is_there_is_never_replaced_and_a_running_server_is_left_alone() {
    let (server, from) = server_on(|server| Place::file(server, "doorkey.db"));
    let to = Place::postgres();
    move_to(&server, &to).with(1).said("There is no data of Doorkey's");
    server.start_again();
    server.person(ADA);
    move_to(&server, &to).with(1).said("a server is using").said("Stop it first");
    assert!(!to.has("accounts"), "nothing is made");
    server.stop().with(0);
    for (wrong, said) in [
        ("mysql://db/x", "--to must be sqlite: and a path, or a postgres:// URL"),
        ("doorkey.db", "--to must be"),
        ("postgres://u:hunter2@db", "names no database"),
    ] {
        let done = server.run(&["admin", "move", "--to", wrong]).with(2).said(said);
        assert!(!done.err.contains("hunter2"), "{done:?}");
    }
    server.run(&["admin", "move"]).with(2);
    server.run(&["admin", "move", "--undo"]).with(2).said("--app-passwords");
    server.run(&["admin", "move", "--undo", "--app-passwords", "keep"]).with(1).said("nothing to undo");
    move_to(&server, &from).with(1).said("has data of Doorkey's already");

    // Another server's data, also while that server runs.
    let (other, others) = server_on(|_| Place::postgres());
    other.start_again();
    other.person("eve@example.org");
    move_to(&server, &others).with(1).said("has data of Doorkey's already");
    other.stop().with(0);
    move_to(&server, &others).with(1).said("has data of Doorkey's already");
    assert_eq!(others.says("SELECT name FROM accounts"), "eve@example.org");

    // Something else than Doorkey's, of the same role.
    to.says("CREATE TABLE precious (id BIGINT PRIMARY KEY); INSERT INTO precious VALUES (7)");
    move_to(&server, &to).with(1).said("has something else in it");
    assert_eq!((to.says("SELECT id FROM precious"), to.has("accounts")), ("7".into(), false));
    let precious = server.folder().join("precious.db");
    let database = rusqlite::Connection::open(&precious).unwrap();
    database.execute_batch("CREATE TABLE precious (id BIGINT); INSERT INTO precious VALUES (7)").unwrap();
    let url = format!("sqlite:{}", precious.display());
    server.run(&["admin", "move", "--to", &url]).with(1).said("has something else in it");
    fs::write(server.folder().join("text"), "hello".repeat(1000)).unwrap();
    let url = format!("sqlite:{}", server.folder().join("text").display());
    server.run(&["admin", "move", "--to", &url]).with(1).said("can't be opened");

    server.start_again();
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn what_is_not_sound_is_not_moved() {
    let (server, from) = server_on(|server| Place::file(server, "doorkey.db"));
    server.start_again();
    server.person(ADA);
    server.stop().with(0);
    server.change_data("UPDATE accounts SET password_sealed = x'00'");
    let to = Place::postgres();
    move_to(&server, &to).with(1).said("doorkey admin check");
    assert!(!to.has("accounts") && from.mark().is_empty());
    let other = server.folder().join("other.key");
    let made = server.run(&["admin", "new-key"]).with(0).out;
    fs::write(&other, made).unwrap();
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut command = server.command(&["admin", "move", "--to", &to.url]);
    Done::of(command.env("DOORKEY__KEY__FILE", &other), "").with(1).said("other.key");
}

#[test]
fn data_that_was_moved_away_can_be_used_again_as_it_was() {
    let (server, from) = server_on(|server| Place::file(server, "doorkey.db"));
    server.start_again();
    let (mut person, mail) = (server.person(ADA), server.service("mail", "mail"));
    let phone = person.generate("Phone", "mail");
    server.stop().with(0);
    let to = Place::postgres();
    move_to(&server, &to).with(0);
    let epoch: i64 = from.says("SELECT epoch FROM event_counter").parse().unwrap();
    let undone = server.run(&["admin", "move", "--undo", "--app-passwords", "keep", "--json"]).with(0).json();
    assert_eq!((&undone["signed_out"], &undone["revoked"]), (&json!(1), &json!(0)));
    assert!(undone["moved_to"].as_str().unwrap().starts_with("postgres"), "{undone}");
    assert!(from.says("SELECT epoch FROM event_counter").parse::<i64>().unwrap() > epoch);
    server.start_again();
    assert_eq!(person.api.get("/session").problem(), "401 sign-in-needed");
    assert_eq!(mail.status(ADA, &phone.password), 200);
    server.clock.move_by(60);
    person.sign_in();
    let told = server.admin().get("/events?kind=move_undone").json(200);
    assert!(told.to_string().contains("app-specific passwords were kept"), "{told}");
    server.stop().with(0);

    // And moved once more, into another place; then back, with nothing that worked.
    let second = Place::postgres();
    move_to(&server, &second).with(0);
    let told = server.run(&["admin", "move", "--undo", "--app-passwords", "revoke"]).with(0).out;
    assert!(told.contains("1 app-specific passwords were revoked"), "{told}");
    server.start_again();
    assert_eq!(mail.status(ADA, &phone.password), 401);
}

#[test]
fn data_that_was_moved_away_needs_the_key_from_before() {
    let (server, from) = server_on(|server| Place::file(server, "doorkey.db"));
    server.start_again();
    server.person(ADA);
    server.stop().with(0);
    let to = Place::postgres();
    move_to(&server, &to).with(0);
    set(&server, &to.url);
    server.run(&["admin", "rotate-key"]).with(0);
    set(&server, &from.url);
    let undo = ["admin", "move", "--undo", "--app-passwords", "keep"];
    server.run(&undo).with(1).said("put back the one that was in use last");
    assert_eq!(from.mark(), "left", "nothing was changed");
    let files = fs::read_dir(server.data()).unwrap().map(|entry| entry.unwrap().path());
    let old: Vec<_> =
        files.filter(|path| path.display().to_string().contains("doorkey.key.replaced-")).collect();
    assert_eq!(old.len(), 1);
    fs::rename(&old[0], server.data().join("doorkey.key")).unwrap();
    server.run(&undo).with(0);
    server.start_again();
}

/// A move that is killed at some moment.
fn spawn(server: &Server, to: &Place) -> Child {
    let mut command = server.command(&["admin", "move", "--to", &to.url]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Whether the process waits to be collected.
fn has_ended(child: &Child) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.trim_start().starts_with('Z'))
}

fn kill(mut child: Child) {
    let _ = child.kill();
    child.wait().unwrap();
    sweep(child.id());
}

fn lived_in(server: &Server) -> Person<'_> {
    server.start_again();
    let person = server.person(ADA);
    for n in 0..15 {
        let password = person.generate(&format!("App {n}"), "mail");
        person.revoke(&password).with(200);
    }
    person
}

#[test]
fn a_move_that_is_killed_leaves_data_in_one_place_and_can_begin_anew() {
    for in_postgres in [false, true] {
        let (server, from) = server_on(|server| match in_postgres {
            false => Place::file(server, "doorkey.db"),
            true => Place::postgres(),
        });
        let person = lived_in(&server);
        let last = person.generate("The last", "mail");
        server.stop().with(0);
        let to = match in_postgres {
            false => Place::postgres(),
            true => Place::file(&server, "new.db"),
        };
        let moments: [&dyn Fn() -> bool; 6] = [
            &|| to.has("schema_migrations"),
            &|| to.has("moves"),
            &|| to.mark() == "arriving",
            &|| to.mark() == "arriving" && to.says("SELECT COUNT(*) FROM accounts") == "1",
            &|| from.mark() == "left",
            &|| to.is_in_use(),
        ];
        let mut begun_anew = 0;
        for moment in moments {
            if to.is_in_use() {
                break;
            }
            let child = spawn(&server, &to);
            until(|| moment() || has_ended(&child));
            kill(child);
            let state = (from.mark(), to.mark(), to.is_in_use());
            println!("{state:?}");
            // Never both, whatever was the moment; before the mark, the old data is as it was.
            assert!(!(from.is_in_use() && to.is_in_use()), "{state:?}");
            if state.0.is_empty() {
                begun_anew += 1;
                server.run(&["admin", "check"]).with(0);
            }
            if state.1 == "arriving" {
                let there = [("DOORKEY__STORE__URL", to.url.as_str())];
                server.refuses_to_start(&there).with(1).said("was cut off").said("doorkey admin move --to");
            }
        }
        assert!(begun_anew > 1, "none was killed in time");
        if !to.is_in_use() {
            move_to(&server, &to).with(0);
        }
        set(&server, &to.url);
        server.start_again();
        assert_eq!(person.listed(&last)["state"], "live");
        assert_eq!(server.stop().code, Some(0));
        server.run(&["admin", "check"]).with(0);
    }
}

#[test]
fn a_move_that_waits_for_the_database_can_be_killed_in_its_middle() {
    let (server, from) = server_on(|server| Place::file(server, "doorkey.db"));
    let mut person = lived_in(&server);
    server.stop().with(0);
    let to = Place::postgres();
    // A first one makes the tables; then it is as if that one had been killed early.
    move_to(&server, &to).with(0);
    server.run(&["admin", "move", "--undo", "--app-passwords", "keep"]).with(0);
    let (nobody, source) = (format!("req_{:032}", 0), format!("sqlite:{}", from.file.display()));
    to.says(&format!("DELETE FROM events; INSERT INTO moves VALUES ('{nobody}', 'arriving', '{source}', 1)"));
    // The next one is stopped in the middle of its rows.
    to.says(
        "CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END';
         CREATE TRIGGER wait_here BEFORE INSERT ON app_passwords FOR EACH ROW EXECUTE FUNCTION wait_here()",
    );
    let holder = to.database.as_ref().unwrap().session();
    holder.say("SELECT pg_advisory_lock(7);");
    let child = spawn(&server, &to);
    let waits = || to.says("SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND objid = 7") != "0";
    until(|| waits() || has_ended(&child));
    assert!(!has_ended(&child));
    kill(child);
    drop(holder);
    to.says("DROP TRIGGER wait_here ON app_passwords");
    assert_eq!((from.mark(), to.mark()), (String::new(), "arriving".into()));
    assert_eq!(to.says("SELECT COUNT(*) FROM accounts"), "0", "not half of it");
    server.refuses_to_start(&[("DOORKEY__STORE__URL", &to.url)]).with(1).said("was cut off");
    // The old data goes on being used meanwhile.
    server.start_again();
    server.clock.move_by(60);
    person.sign_in();
    let late = person.generate("Late", "mail");
    server.stop().with(0);
    // What somebody else has put beside it in between is kept, whatever it costs.
    to.says("CREATE TABLE precious (id BIGINT PRIMARY KEY); INSERT INTO precious VALUES (7)");
    move_to(&server, &to).with(1).said("has something else in it");
    assert_eq!(to.says("SELECT id FROM precious"), "7");
    to.says("DROP TABLE precious");
    move_to(&server, &to).with(0);
    // Cut off just before the last step: nothing starts, and the same command ends it.
    let id = from.says("SELECT id FROM moves");
    to.says(&format!("INSERT INTO moves (id, state, place, at) VALUES ('{id}', 'arriving', '{source}', 1)"));
    server.refuses_to_start(&[]).with(1).said("was moved to");
    server.refuses_to_start(&[("DOORKEY__STORE__URL", &to.url)]).with(1).said("was cut off");
    // Of another place's move it keeps off.
    let (other, _) = server_on(|server| Place::file(server, "doorkey.db"));
    other.start_again();
    other.stop().with(0);
    move_to(&other, &to).with(1).said("was begun and hasn't ended");
    move_to(&server, &to).with(0);
    set(&server, &to.url);
    server.start_again();
    assert_eq!(person.listed(&late)["state"], "live");
}
