//! One owner at a time, and what becomes of one that lost the data.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::db::tests::{Place, TABLES, Told, adding, texts, until};
use crate::db::{Database, DbError, Lease, Migration, OpenError, Options, Outcome, PostgresUrl, Statement};

static KEYS: Statement = Statement::new("kv.keys", "SELECT k FROM kv ORDER BY k");

/// A server on this database, with a short lease.
struct Owner {
    db: Database<&'static str>,
    lease: Lease,
    told: Arc<Mutex<Vec<Told>>>,
}

fn open(place: &Place, holder: &str) -> Result<Owner, OpenError> {
    let Place::Postgres(database) = place else { panic!() };
    open_at(&database.url(), holder, &[TABLES])
}

fn open_at(url: &str, holder: &str, migrations: &[Migration]) -> Result<Owner, OpenError> {
    let mut options = Options::postgres(PostgresUrl::parse(url).unwrap(), holder.to_owned())?;
    options.lease = Lease::lasting(Duration::from_secs(2));
    let (lease, told) = (options.lease.clone(), Arc::<Mutex<Vec<Told>>>::default());
    let telling = Arc::clone(&told);
    let db = Database::open(options, migrations, move |outcome: Outcome<'_, &'static str>| {
        telling.lock().unwrap().push(match outcome {
            Outcome::Committed { notes, .. } => Told::Committed(notes.to_vec()),
            Outcome::Unknown { notes } => Told::Unknown(notes.to_vec()),
            Outcome::Settled { conn } => Told::Settled(texts(conn.query(&KEYS, &[]).unwrap())),
        });
    })?;
    Ok(Owner { db, lease, told })
}

/// Ends the session that has the lock, as the server's end or a lost network does.
fn end_session(place: &Place) {
    place.ask("SELECT pg_terminate_backend(session::int) FROM store_owner");
}

#[test]
fn a_second_server_is_refused_and_told_who_has_it() {
    let place = Place::postgres();
    let first = open(&place, "first").unwrap();
    let error = open(&place, "second").err().unwrap();
    assert!(matches!(error, OpenError::Owned { .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("is in use by another Doorkey, connected from this machine since 20"), "{said}");
    assert!(said.contains("Stop that one, or give this one a database of its own"), "{said}");
    first.db.write_blocking(adding("a")).unwrap();
}

#[test]
fn each_schema_has_a_lock_of_its_own() {
    let place = Place::postgres();
    let _first = open(&place, "first").unwrap();
    place.ask(
        "CREATE SCHEMA other; ALTER DATABASE current SET search_path = public".split(';').next().unwrap(),
    );
    let Place::Postgres(database) = &place else { panic!() };
    place.ask(&format!(
        "CREATE ROLE r{0} LOGIN; GRANT ALL ON SCHEMA other TO r{0}; ALTER ROLE r{0} SET search_path = other",
        database.name
    ));
    let url = database.url().replace("user=doorkey", &format!("user=r{}", database.name));
    drop(open_at(&url, "second", &[TABLES]).unwrap());
    place.ask(&format!("DROP OWNED BY r{0}; DROP ROLE r{0}", database.name));
}

#[test]
fn what_was_given_back_is_taken_at_once_and_what_was_not_is_waited_for() {
    let place = Place::postgres();
    drop(open(&place, "first").unwrap());
    assert_eq!(place.ask("SELECT holder, given_back FROM store_owner"), "first|1");
    let began = crate::db::lease::now();
    drop(open(&place, "second").unwrap());
    assert!(crate::db::lease::now() - began < 2000, "nobody was waited for");

    // A machine that fell over gave nothing back; nobody can ask it whether it still answers.
    place.ask("UPDATE store_owner SET given_back = 0");
    let began = crate::db::lease::now();
    drop(open(&place, "third").unwrap());
    assert!(crate::db::lease::now() - began >= 2000, "its lease was not waited for");

    // One that is surely dead is not waited for.
    place.ask("UPDATE store_owner SET given_back = 0");
    let began = crate::db::lease::now();
    drop(open(&place, "third").unwrap());
    assert!(crate::db::lease::now() - began < 2000, "nobody was waited for");
}

#[test]
fn the_same_holder_takes_over_at_once_and_the_old_session_can_do_no_more() {
    let place = Place::postgres();
    let old = open(&place, "same").unwrap();
    old.db.write_blocking(adding("a")).unwrap();
    assert!(old.lease.runs());
    // A process that is dead, as far as the lock on its folder can tell.
    let new = open(&place, "same").unwrap();
    until(|| !old.lease.runs());
    let refused = old.db.write_blocking(adding("late"));
    assert!(matches!(refused, Err(DbError::Unavailable(_))), "{refused:?}");
    let refused = old.db.read(|conn| conn.query(&KEYS, &[]));
    assert!(matches!(refused, Err(DbError::Unavailable(_))), "{refused:?}");
    new.db.write_blocking(adding("b")).unwrap();
    assert_eq!(place.ask("SELECT string_agg(k, ',' ORDER BY k) FROM kv"), "a,b");
}

#[test]
fn a_transaction_that_was_open_when_the_lock_went_is_not_stored() {
    let place = Arc::new(Place::postgres());
    let owner = open(&place, "owner").unwrap();
    let ending = Arc::clone(&place);
    let answer = owner.db.write_blocking(move |tx| {
        adding("a")(tx)?;
        end_session(&ending);
        Ok::<_, DbError>(())
    });
    assert!(matches!(answer, Err(DbError::Unavailable(_) | DbError::OutcomeUnknown)), "{answer:?}");
    until(|| owner.lease.runs());
    assert_eq!(owner.db.read(|conn| conn.query(&KEYS, &[])).unwrap().len(), 0);
    owner.db.write_blocking(adding("b")).unwrap();
}

#[test]
fn who_lost_the_lock_says_so_at_once_and_begins_anew_when_it_has_it_again() {
    let place = Place::postgres();
    let owner = open(&place, "owner").unwrap();
    owner.db.write_blocking(adding("a")).unwrap();
    end_session(&place);
    until(|| owner.told.lock().unwrap().len() >= 3);
    until(|| owner.lease.runs());
    let told = owner.told.lock().unwrap().clone();
    assert_eq!(
        told,
        [Told::Committed(vec!["a"]), Told::Unknown(vec![]), Told::Settled(vec!["a".to_owned()])]
    );
    owner.db.write_blocking(adding("b")).unwrap();
    assert_eq!(owner.db.read(|conn| conn.query(&KEYS, &[])).map(texts), Ok(vec!["a".into(), "b".into()]));
}

#[test]
fn while_another_has_it_nothing_is_answered_and_its_changes_are_read_afterwards() {
    let place = Place::postgres();
    let first = open(&place, "first").unwrap();
    let Place::Postgres(database) = &place else { panic!() };
    // Somebody else is faster than the one who lost it.
    let other = database.session();
    let lock = "SELECT pg_advisory_lock(classid::bigint::int, objid::bigint::int) FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database());";
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| other.say(lock));
        until(|| {
            place.ask("SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == "1"
        });
        end_session(&place);
        waiting.join().unwrap()
    });
    assert_eq!(waiting, "\n");
    until(|| !first.lease.runs());
    other.say(
        "INSERT INTO kv (k) VALUES ('theirs'); UPDATE store_owner SET holder = 'other', given_back = 1;",
    );
    let refused = first.db.write_blocking(adding("mine"));
    assert!(matches!(refused, Err(DbError::Unavailable(_))), "{refused:?}");
    drop(other);
    until(|| first.lease.runs());
    until(|| first.told.lock().unwrap().last() == Some(&Told::Settled(vec!["theirs".to_owned()])));
}

#[test]
fn data_that_a_newer_version_changed_meanwhile_is_not_touched() {
    let place = Place::postgres();
    let owner = open(&place, "owner").unwrap();
    place.ask("INSERT INTO schema_migrations (version, name, checksum) VALUES (2, 'later', '0')");
    end_session(&place);
    until(|| !owner.lease.runs());
    until(|| matches!(owner.told.lock().unwrap().last(), Some(Told::Unknown(_))));
    // It comes back to the lock, finds that, and lets go again.
    for _ in 0..2 {
        let refused = owner.db.write_blocking(adding("a"));
        assert!(matches!(refused, Err(DbError::Unavailable(_))), "{refused:?}");
    }
    place.ask("DELETE FROM schema_migrations WHERE version = 2");
    until(|| owner.lease.runs());
}
