//! Which databases are taken.

use crate::db::tests::migrations::{open, with_sql};
use crate::db::tests::{Place, TABLES, cluster};
use crate::db::{Database, OpenError, Options, Outcome, PostgresUrl};

/// A database that is made with these words, and goes with this value.
struct Made(&'static str);

impl Made {
    fn with(name: &'static str, words: &str) -> Self {
        cluster::shared().ask("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0 {words}"));
        Self(name)
    }

    fn refusal(&self) -> String {
        let url = cluster::shared().url("doorkey", self.0);
        let options = Options::postgres(PostgresUrl::parse(&url).unwrap(), "a test".to_owned()).unwrap();
        let opened = Database::open(options, &[TABLES], |_: Outcome<'_, ()>| {});
        let error = opened.err().expect("it is refused");
        assert!(matches!(error, OpenError::Unfit { .. }), "{error:?}");
        error.to_string()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        cluster::shared().ask("postgres", &format!("DROP DATABASE {}", self.0));
    }
}

#[test]
fn a_database_that_sorts_like_a_language_is_refused() {
    for (name, words) in
        [("icu", "LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C'"), ("folds", "LOCALE 'C.UTF-8'")]
    {
        let refusal = Made::with(name, words).refusal();
        assert!(refusal.contains("sorts text in the order of a language"), "{name}: {refusal}");
        assert!(refusal.contains("CREATE DATABASE doorkey OWNER doorkey TEMPLATE template0"), "{refusal}");
    }
}

#[test]
fn a_database_without_unicode_is_refused() {
    let refusal = Made::with("bytes", "LOCALE 'C' ENCODING 'SQL_ASCII'").refusal();
    assert!(refusal.contains("encoding isn't UTF-8"), "{refusal}");
}

#[test]
fn a_role_without_a_schema_is_told() {
    let database = cluster::shared().database();
    database.ask("DROP SCHEMA public");
    let options =
        Options::postgres(PostgresUrl::parse(&database.url()).unwrap(), "a test".to_owned()).unwrap();
    let error = Database::open(options, &[TABLES], |_: Outcome<'_, ()>| {}).err().unwrap();
    assert!(error.to_string().contains("leads to no schema"), "{error}");
}

#[test]
fn types_that_only_postgresql_has_are_refused() {
    for (sql, says) in [
        ("CREATE TABLE t (a VARCHAR(9))", "t.a is CHARACTER VARYING(9), and not TEXT, BIGINT or BYTEA"),
        ("CREATE TABLE t (a BOOLEAN)", "t.a is BOOLEAN"),
        ("ALTER TABLE kv ADD COLUMN at TIMESTAMPTZ", "kv.at is TIMESTAMP WITH TIME ZONE"),
        ("INSERT INTO child (k) VALUES ('nobody')", "foreign key"),
    ] {
        let place = Place::postgres();
        let error = open(&place, &[TABLES, with_sql(sql)]).err().unwrap();
        assert!(
            matches!(&error, OpenError::Migration { problem, .. } if problem.contains(says)),
            "{sql}: {error:?}"
        );
    }
}

#[test]
fn what_is_somebody_elses_in_the_schema_is_left_alone() {
    let place = Place::postgres();
    place.ask("CREATE ROLE stranger; CREATE TABLE theirs (a INTEGER); ALTER TABLE theirs OWNER TO stranger");
    // The tests' role is a superuser, which has every role; so another one opens it.
    place.ask("CREATE ROLE plain LOGIN; GRANT ALL ON SCHEMA public TO plain");
    let Place::Postgres(database) = &place else { panic!() };
    let url = database.url().replace("user=doorkey", "user=plain");
    let options = Options::postgres(PostgresUrl::parse(&url).unwrap(), "a test".to_owned()).unwrap();
    drop(Database::open(options, &[TABLES], |_: Outcome<'_, ()>| {}).unwrap());
    place.ask("DROP TABLE theirs; DROP OWNED BY plain; DROP ROLE plain; DROP ROLE stranger");
}
