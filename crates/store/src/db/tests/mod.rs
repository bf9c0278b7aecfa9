//! Tests of the layer on real databases: SQLite's files, or a PostgreSQL of their own with `DOORKEY_TEST_STORE=postgres`. What is about
//! one of the two alone is in its own module, and always runs. None of them waits for a time to pass.

#[path = "../../../../../tests/postgres/cluster.rs"]
pub(crate) mod cluster;
mod groups;
mod lock;
mod migrations;
mod outcome;
mod postgres;
mod reads;
mod sqlite;
mod statements;
mod transactions;
mod values;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};

use super::conn::CommitFailure;
use super::{Database, DbError, Migration, Options, Outcome, PostgresUrl, Statement, Value};

/// What a disk or a network can do to a commit.
pub(super) enum CommitFault {
    /// It is stored, and then an error comes.
    StoredUnheard,
    /// It is not stored, and the error doesn't say so.
    LostUnheard,
    /// It is not stored, and the error says so.
    DiskFull,
}

impl CommitFault {
    pub(super) fn commit(self, run: impl FnOnce(&'static str)) -> CommitFailure {
        let error = DbError::Unavailable("a fault of the test's".to_owned());
        let stored = matches!(self, Self::StoredUnheard);
        run(if stored { "COMMIT" } else { "ROLLBACK" });
        if matches!(self, Self::DiskFull) {
            CommitFailure::NotStored(error)
        } else {
            CommitFailure::Unknown(error)
        }
    }
}

pub(super) const TABLES: Migration = Migration {
    version: 1,
    name: "tables",
    sql: "CREATE TABLE kv (k TEXT NOT NULL PRIMARY KEY, v TEXT, n BIGINT CHECK (n <> 1000), b BYTEA);
          CREATE TABLE child (k TEXT NOT NULL REFERENCES kv (k),
              late TEXT REFERENCES kv (k) DEFERRABLE INITIALLY DEFERRED);",
};

pub(super) static ADD: Statement = Statement::new("kv.add", "INSERT INTO kv (k) VALUES ($1)");
pub(super) static PUT: Statement =
    Statement::new("kv.put", "INSERT INTO kv (k, v, n, b) VALUES ($1, $2, $3, $4)");
pub(super) static KEYS: Statement = Statement::new("kv.keys", "SELECT k FROM kv ORDER BY k");
pub(super) static ALL: Statement = Statement::new("kv.all", "SELECT k, v, n, b FROM kv ORDER BY k");
pub(super) static COUNT: Statement = Statement::new("kv.count", "SELECT COUNT(*) FROM kv");

/// What the follower was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Committed(Vec<&'static str>),
    Unknown(Vec<&'static str>),
    /// With the keys that it found.
    Settled(Vec<String>),
}

/// A place for a database of a test's own.
pub(super) enum Place {
    Sqlite(tempfile::TempDir),
    Postgres(cluster::Database<'static>),
}

impl Place {
    /// In the database that these tests were told to use.
    pub(super) fn new() -> Self {
        if cluster::is_wanted() { Self::postgres() } else { Self::sqlite() }
    }

    pub(super) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(super) fn postgres() -> Self {
        Self::Postgres(cluster::shared().database())
    }

    pub(super) fn options(&self) -> Options {
        match self {
            Self::Sqlite(folder) => Options::sqlite(folder.path().join("doorkey.db")),
            Self::Postgres(database) => {
                Options::postgres(PostgresUrl::parse(&database.url()).unwrap(), "the test".to_owned())
                    .unwrap()
            }
        }
    }

    /// What another program finds there.
    pub(super) fn ask(&self, sql: &str) -> String {
        match self {
            Self::Sqlite(folder) => {
                let file = rusqlite::Connection::open(folder.path().join("doorkey.db")).unwrap();
                let found = file.query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0));
                match found.unwrap() {
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Text(text) => text,
                    other => panic!("{other:?}"),
                }
            }
            Self::Postgres(database) => database.ask(sql),
        }
    }

    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }
}

/// A database of a test's own, and what its follower was told.
pub(super) struct Fixture {
    pub(super) db: Arc<Database<&'static str>>,
    pub(super) told: Arc<Mutex<Vec<Told>>>,
    pub(super) place: Arc<Place>,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Options)) -> Self {
        Self::at(Place::new(), change)
    }

    /// In an SQLite file, whatever these tests were told to use.
    pub(super) fn sqlite() -> Self {
        Self::at(Place::sqlite(), |_| {})
    }

    pub(super) fn at(place: Place, change: impl FnOnce(&mut Options)) -> Self {
        let place = Arc::new(place);
        let mut options = place.options();
        change(&mut options);
        let told = Arc::new(Mutex::new(Vec::new()));
        let telling = Arc::clone(&told);
        let follower = move |outcome: Outcome<'_, &'static str>| {
            telling.lock().unwrap().push(match outcome {
                Outcome::Committed { notes, .. } => Told::Committed(notes.to_vec()),
                Outcome::Unknown { notes } => Told::Unknown(notes.to_vec()),
                Outcome::Settled { conn } => Told::Settled(texts(conn.query(&KEYS, &[]).unwrap())),
            });
        };
        let db = Arc::new(Database::open(options, &[TABLES], follower).unwrap());
        Self { db, told, place }
    }

    /// The folder of the SQLite file.
    pub(super) fn folder(&self) -> &Path {
        let Place::Sqlite(folder) = &*self.place else { panic!("this test is about SQLite") };
        folder.path()
    }

    /// The SQLite file.
    pub(super) fn path(&self) -> PathBuf {
        self.folder().join("doorkey.db")
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.db.read(|conn| conn.query(&KEYS, &[])).map(texts).unwrap()
    }

    pub(super) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    /// Stores a key, with a note of the same name.
    pub(super) fn add(&self, key: &'static str) -> Result<(), DbError> {
        self.db.write_blocking(adding(key))
    }

    /// Occupies the writer until something is sent, so that what is queued meanwhile becomes one group.
    pub(super) fn hold(&self) -> mpsc::Sender<()> {
        let (entered, has_entered) = mpsc::channel();
        let (release, released) = mpsc::channel();
        drop(self.queued(move |_| {
            entered.send(()).unwrap();
            released.recv().unwrap();
            Ok(())
        }));
        has_entered.recv().unwrap();
        release
    }

    /// Puts a unit into the queue, and gives its answer to wait for.
    pub(super) fn queued<R: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<R, DbError> + Send + 'static,
    ) -> Answer<R> {
        let db = Arc::clone(&self.db);
        let mut answer: Answer<R> = Box::pin(async move { db.write(work).await });
        assert!(poll(&mut answer).is_pending());
        answer
    }
}

pub(super) type Tx<'a> = super::Tx<'a, &'static str>;
pub(super) type Answer<R> = Pin<Box<dyn Future<Output = Result<R, DbError>> + Send>>;

pub(super) fn poll<R>(answer: &mut Answer<R>) -> Poll<Result<R, DbError>> {
    answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

pub(super) fn adding(key: &'static str) -> impl FnMut(&mut Tx<'_>) -> Result<(), DbError> + Send + 'static {
    move |tx| {
        tx.execute(&ADD, &[key.into()])?;
        tx.note(key);
        Ok(())
    }
}

/// Waits until what others do has made this true. Past a minute the test fails instead of hanging.
pub(super) fn until(is_so: impl Fn() -> bool) {
    let end = super::lease::now() + 60_000;
    while !is_so() {
        assert!(super::lease::now() < end, "nobody gets on");
        std::thread::yield_now();
    }
}

pub(super) fn texts(rows: Vec<super::Row>) -> Vec<String> {
    rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect()
}

pub(super) fn null() -> Value {
    Value::Null
}
