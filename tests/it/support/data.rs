//! Where a server's data is: in a file in its folder, or in a database of its own in the tests' PostgreSQL.

use std::{
    fmt,
    path::Path,
    str::FromStr,
    sync::{Arc, LazyLock},
};

use rusqlite::types::Value;

use super::cluster;

/// The data of one server, or of several that are never there together.
#[derive(Clone)]
pub enum Data {
    File,
    Postgres(Arc<cluster::Database<'static>>),
}

impl Data {
    /// In the database that these tests were told to use, in which there is nothing yet.
    pub fn new() -> Self {
        if cluster::is_wanted() { Self::Postgres(Arc::new(cluster::shared().database())) } else { Self::File }
    }

    /// The same for a server that is started at once: making the tables takes longer than most tests, so they may be there.
    pub fn with_tables() -> Self {
        if cluster::is_wanted() { Self::postgres() } else { Self::File }
    }

    /// In PostgreSQL, whatever these tests were told: for what is about that.
    pub fn postgres() -> Self {
        Self::Postgres(Arc::new(cluster::shared().database_with(&format!("TEMPLATE {}", migrated().name))))
    }

    /// What a server has to be told to find it.
    pub fn setting(&self) -> Option<(String, String)> {
        match self {
            Self::File => None,
            Self::Postgres(database) => Some(("DOORKEY__STORE__URL".to_owned(), database.url())),
        }
    }

    /// Asks it, as any other program may, and gives the first column of each row as text.
    pub fn ask(&self, folder: &Path, sql: &str) -> Vec<String> {
        match self {
            Self::File => {
                let file = rusqlite::Connection::open(folder.join("doorkey.db")).unwrap();
                let mut query = file.prepare(sql).unwrap();
                let rows = query.query_map([], |row| row.get::<_, Value>(0)).unwrap();
                rows.map(|value| text(value.unwrap())).collect()
            }
            Self::Postgres(database) => database.ask(sql).lines().map(str::to_owned).collect(),
        }
    }

    /// Keeps everybody else from changing anything until what is given is dropped.
    pub fn occupy(&self, folder: &Path) -> Occupied {
        match self {
            Self::File => {
                let file = rusqlite::Connection::open(folder.join("doorkey.db")).unwrap();
                file.execute_batch("BEGIN IMMEDIATE").unwrap();
                Occupied { _file: Some(file), _session: None }
            }
            Self::Postgres(database) => {
                let tables = "SELECT string_agg(relname, ', ') FROM pg_class
                    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
                let session = database.session();
                session.say(&format!("BEGIN; LOCK TABLE {} IN EXCLUSIVE MODE;", database.ask(tables)));
                Occupied { _file: None, _session: Some(session) }
            }
        }
    }
}

/// A database with all tables and nothing in them.
fn migrated() -> &'static cluster::Database<'static> {
    static MIGRATED: LazyLock<cluster::Database<'static>> = LazyLock::new(|| {
        let (database, folder) = (cluster::shared().database(), tempfile::tempdir().unwrap());
        let lock = store::DataLock::acquire(folder.path()).unwrap();
        let place = store::Place::Postgres(store::PostgresUrl::parse(&database.url()).unwrap());
        store::Store::open(&place, &lock, store::Lease::default(), |_| ()).unwrap().close();
        database
    });
    &MIGRATED
}

/// Data that nobody else can change at the moment.
pub struct Occupied {
    _file: Option<rusqlite::Connection>,
    _session: Option<cluster::Session>,
}

fn text(value: Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

/// One answer, read as what is expected.
pub fn one<T: FromStr<Err: fmt::Debug>>(answers: &[String]) -> T {
    let [answer] = answers else { panic!("one row: {answers:?}") };
    answer.parse().unwrap()
}
