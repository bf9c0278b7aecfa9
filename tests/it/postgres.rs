//! A server on PostgreSQL: one owner at a time, and what becomes of requests when the database restarts, stands still, is full or gone.
//! These run whatever database the tests were told to use.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;

use crate::support::{
    Answer, AppPassword, Browser, Data, PASSWORD, Person, Proxy, Request, Server, Service,
    cluster::{self, Cluster},
    race, since, until,
};

const ADA: &str = "ada@example.org";
const WRONG: &str = "abcd-efgh-ijkl-mnop-qrst-uvwx";

/// A server whose database is at the other end of a network of its own.
fn behind(proxy: &Proxy, data: &Data) -> Server {
    let Data::Postgres(database) = data else { panic!("it is in PostgreSQL") };
    let server = Server::on(data.clone(), &[("DOORKEY__STORE__URL", &proxy.url(&database.name))]);
    server.start_again();
    server
}

fn network() -> (Proxy, Data) {
    (Proxy::to(cluster::shared().socket()), Data::postgres())
}

/// Somebody with a browser, and two passwords: one that is bound, and one for the first app.
struct Used<'s> {
    person: Person<'s>,
    mail: Service<'s>,
    bound: AppPassword,
    first: AppPassword,
}

impl<'s> Used<'s> {
    fn of(server: &'s Server) -> Self {
        let (person, mail) = (server.person(ADA), server.service("mail", "mail"));
        let (bound, first) = (person.generate("Bound", "mail"), person.generate("First app", "first"));
        assert_eq!(mail.status(ADA, &bound.password), 200);
        Self { person, mail, bound, first }
    }

    /// Every way of asking something of the database.
    fn ask(&self, browser: &mut Browser<'s>) -> [Answer; 5] {
        [
            browser.get("/security").0,
            self.person.api.get("/app-passwords"),
            self.person.try_generate("Another", "mail"),
            self.person.server.api("").post("/sign-in", &json!({ "id": ADA, "password": PASSWORD })),
            self.mail.ask(ADA, &self.first.password),
        ]
    }

    /// What all of these answer while the database can't be had.
    #[track_caller]
    fn is_unavailable(&self, answers: &[Answer]) {
        for (n, answer) in answers.iter().enumerate() {
            assert_eq!(answer.status, 503, "{n}: {}", answer.text());
            assert!(answer.retry_after() > 0);
            if n > 0 {
                assert_eq!(answer.problem(), "503 unavailable");
            }
        }
    }

    /// It works again, and nothing that was refused has happened.
    #[track_caller]
    fn works(&self, browser: &mut Browser<'s>) {
        until(|| self.mail.status(ADA, &self.bound.password) == 200);
        assert_eq!(self.mail.status(ADA, WRONG), 401);
        assert_eq!(browser.get("/security").status(), 200);
        let list = self.person.list();
        assert_eq!(list["active"], 2, "what was refused is not there: {list}");
        assert_eq!(self.person.listed(&self.first)["for"], "first");
        let new = self.person.generate("Afterwards", "mail");
        assert_eq!(self.mail.status(ADA, &new.password), 200);
        self.person.revoke(&new).with(200);
        assert_eq!(self.mail.status(ADA, &new.password), 401);
        assert_eq!(self.mail.status(ADA, &self.first.password), 200);
        assert_eq!(self.person.listed(&self.first)["for"], json!(["mail"]));
    }
}

#[test]
fn while_the_database_restarts_all_is_an_outage_and_afterwards_all_goes_on() {
    // It lives as long as the tests, since others could still ask for it.
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start()));
    let server = Server::on(Data::Postgres(Arc::new(cluster.database())), &[]);
    server.start_again();
    let used = Used::of(&server);
    let mut browser = used.person.browser();
    cluster.stop();
    until(|| used.mail.status(ADA, &used.bound.password) == 503);
    used.is_unavailable(&used.ask(&mut browser));
    assert_eq!(used.mail.ask(ADA, &used.bound.password).problem(), "503 unavailable");
    assert_eq!(used.mail.status(ADA, WRONG), 503, "an outage is no wrong password");
    assert_eq!(server.ask(&Request::get("/health/live")).status, 200);
    assert_eq!(server.ask(&Request::get("/health/ready")).status, 503);
    assert!(server.says("the database can't be used").is_some());
    cluster.start_again();
    used.works(&mut browser);
    assert!(server.says("the database is there again").is_some());
    // What the doors had seen before was kept, and is written down.
    server.stop().with(0);
    let written = "SELECT COUNT(*) FROM app_passwords WHERE last_used_at IS NOT NULL";
    assert_eq!(server.data_says::<i64>(written), 3);
}

#[test]
fn a_network_that_stands_still_delays_no_door() {
    let (proxy, data) = network();
    let server = behind(&proxy, &data);
    let used = Used::of(&server);
    let mut browser = used.person.browser();
    let is_prompt = |status: u16| {
        let took = since();
        assert_eq!(used.mail.status(ADA, &used.bound.password), status);
        assert!(took().as_millis() < 2000, "{:?}", took());
    };
    proxy.freeze();
    let frozen = since();
    let (asked, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // More than there are threads to answer with.
    race(17, |n| {
        if n > 0 {
            asked.fetch_add(1, Ordering::SeqCst);
            assert_eq!(used.person.api.get("/app-passwords").problem(), "503 unavailable");
            answered.fetch_add(1, Ordering::SeqCst);
            return;
        }
        until(|| asked.load(Ordering::SeqCst) == 16 && proxy.is_held());
        // While they wait, what memory knows is told.
        for _ in 0..50 {
            is_prompt(200);
            assert_eq!(used.mail.status(ADA, WRONG), 401);
        }
        assert_eq!(answered.load(Ordering::SeqCst), 0, "they wait");
    });
    // After a while nobody can be sure that the data is still this server's.
    until(|| used.mail.status(ADA, &used.bound.password) == 503);
    assert!(frozen().as_secs() < 30, "{:?}", frozen());
    is_prompt(503);
    // From now on nobody waits at all.
    let took = since();
    used.is_unavailable(&used.ask(&mut browser));
    assert!(took().as_secs() < 5, "{:?}", took());
    proxy.thaw();
    used.works(&mut browser);
}

#[test]
fn requests_that_run_when_the_database_goes_are_answered_as_an_outage() {
    let (proxy, data) = network();
    let server = behind(&proxy, &data);
    let used = Used::of(&server);
    let mut browsers = [used.person.browser(), used.person.browser()];
    proxy.freeze();
    let [one, other] = &mut browsers;
    let answers = std::thread::scope(|scope| {
        let asking = scope.spawn(|| used.ask(one));
        until(|| proxy.is_held());
        proxy.go_away();
        proxy.thaw();
        asking.join().unwrap()
    });
    used.is_unavailable(&answers);
    proxy.come_back();
    used.works(other);
}

#[test]
fn a_second_server_is_refused_and_the_first_one_goes_on() {
    let data = Data::postgres();
    let (first, second) = (Server::on(data.clone(), &[]), Server::on(data, &[]));
    first.start_again();
    let used = Used::of(&first);
    let refused = second.refuses_to_start(&[]).with(1);
    refused.said("is in use by another Doorkey, connected from this machine").said("a database of its own");
    assert_eq!(used.mail.status(ADA, &used.bound.password), 200);
    first.stop().with(0);
    // It was given back, so nobody waits.
    std::fs::create_dir_all(second.data()).unwrap();
    std::fs::copy(first.data().join("doorkey.key"), second.data().join("doorkey.key")).unwrap();
    let took = since();
    second.start_again();
    assert!(took().as_secs() < 8, "{:?}", took());
}

#[test]
fn what_another_server_did_meanwhile_is_known_before_anything_is_said_again() {
    let (proxy, data) = network();
    let first = behind(&proxy, &data);
    let used = Used::of(&first);
    let kept = used.person.generate("Kept", "mail");
    let second = Server::on(data, &[]);
    std::fs::create_dir_all(second.data()).unwrap();
    std::fs::copy(first.data().join("doorkey.key"), second.data().join("doorkey.key")).unwrap();

    proxy.go_away();
    until(|| used.mail.status(ADA, &used.bound.password) == 503);
    // The database has seen the first one go; whether it still answers from memory, it can't know.
    let took = since();
    second.start_again();
    assert!(took().as_secs() >= 10, "its lease was waited for: {:?}", took());
    let token = used.person.api.token.clone().unwrap();
    let path = format!("/app-passwords/{}", used.bound.id);
    assert_eq!(second.api(&token).delete(&path).status, 200);
    proxy.come_back();
    // The second one has the data, so the first one says nothing.
    assert!(first.says("is in use by another Doorkey").is_some());
    assert_eq!(used.mail.status(ADA, &kept.password), 503);
    assert_eq!(used.person.try_generate("Mine", "mail").problem(), "503 unavailable");
    second.stop().with(0);
    until(|| used.mail.status(ADA, &kept.password) == 200);
    assert_eq!(used.mail.status(ADA, &used.bound.password), 401, "it was revoked by the other one");
    assert_eq!(used.person.listed(&used.bound)["state"], "ended");
}

#[test]
fn a_database_that_is_full_refuses_changes_and_nothing_else() {
    let data = Data::postgres();
    let server = Server::on(data.clone(), &[]);
    server.start_again();
    let used = Used::of(&server);
    let mut browser = used.person.browser();
    let Data::Postgres(database) = &data else { panic!("it is in PostgreSQL") };
    database.ask(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'could not extend file: no space left on device' USING ERRCODE = '53100'; END $$;
         CREATE TRIGGER no_room BEFORE INSERT ON events EXECUTE FUNCTION no_room();",
    );
    assert_eq!(used.person.try_generate("Another", "mail").problem(), "503 unavailable");
    assert_eq!(used.mail.ask(ADA, &used.first.password).problem(), "503 unavailable");
    // What needs no room goes on.
    assert_eq!(used.mail.status(ADA, &used.bound.password), 200);
    assert_eq!(used.mail.status(ADA, WRONG), 401);
    assert_eq!(used.person.list()["active"], 2);
    assert!(!server.log().contains(&used.first.password));
    database.ask("DROP TRIGGER no_room ON events");
    used.works(&mut browser);
}

#[test]
fn a_database_that_answers_slowly_makes_nobody_wait_who_does_not_need_it() {
    let data = Data::postgres();
    let server = Server::on(data.clone(), &[]);
    server.start_again();
    let used = Used::of(&server);
    let Data::Postgres(database) = &data else { panic!("it is in PostgreSQL") };
    let other = database.session();
    // Until this session ends, no event can be written.
    other.say("BEGIN; LOCK TABLE events IN EXCLUSIVE MODE;");
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let (made, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut other = Some(other);
    std::thread::scope(|scope| {
        let writes: Vec<_> = (0..4)
            .map(|n| {
                let (used, made, done) = (&used, &made, &done);
                scope.spawn(move || {
                    let status = used.person.try_generate(&format!("App {n}"), "mail").status;
                    made.fetch_add(usize::from(status == 201), Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        until(|| database.ask(waiting) == "1");
        for _ in 0..50 {
            assert_eq!(used.mail.status(ADA, &used.bound.password), 200);
        }
        assert_eq!(used.person.list()["active"], 2, "reading goes on");
        assert_eq!(done.load(Ordering::SeqCst), 0, "writing waits");
        drop(other.take());
        writes.into_iter().for_each(|write| write.join().unwrap());
    });
    assert_eq!(made.load(Ordering::SeqCst), 4);
}

#[test]
fn a_database_in_the_order_of_a_language_is_refused_with_the_words_that_make_another() {
    for language in ["LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'", "LOCALE 'C.UTF-8'"] {
        let database = Arc::new(cluster::shared().database_with(&format!("TEMPLATE template0 {language}")));
        let server = Server::on(Data::Postgres(Arc::clone(&database)), &[]);
        let refused = server.refuses_to_start(&[]).with(1).err;
        assert!(refused.contains("sorts text in the order of a language"), "{refused}");
        assert_eq!(
            database.ask("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"),
            ""
        );
        let words = refused.split("CREATE DATABASE doorkey").nth(1).unwrap().split(';').next().unwrap();
        let server = Server::on(Data::Postgres(Arc::new(cluster::shared().database_with(words))), &[]);
        server.start_again();
        server.person(ADA);
    }
}
