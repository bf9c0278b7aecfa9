use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use domain::Event;

use crate::db::{
    self, DataLock, Database, DbError, Filling, Lease, Migration, OpenError, Options, Outcome, PostgresUrl,
    Table,
};

/// Plain SQL, forward only; one that has been released is never edited.
static MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "accounts and app-specific passwords",
        sql: include_str!("../migrations/0001_accounts_and_app_passwords.sql"),
    },
    Migration { version: 2, name: "groups", sql: include_str!("../migrations/0002_groups.sql") },
    Migration { version: 3, name: "people", sql: include_str!("../migrations/0003_people.sql") },
    Migration {
        version: 4,
        name: "the log is filtered",
        sql: include_str!("../migrations/0004_the_log_is_filtered.sql"),
    },
    Migration {
        version: 5,
        name: "factors and tokens",
        sql: include_str!("../migrations/0005_factors_and_tokens.sql"),
    },
];

/// What a unit of work changes the data through. The events that it appends go to the follower of the log.
pub type Tx<'a> = db::Tx<'a, Event>;

/// What the follower of the log is told, in the order of the log and before the changes are answered.
pub type Commit<'a> = Outcome<'a, Event>;

/// The data: one writer, any number of readers.
pub struct Store {
    db: Database<Event>,
    tables: OnceLock<Arc<[Table]>>,
}

/// The newest migration of this program.
#[must_use]
pub fn newest_schema() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// The migrations of this program up to this one: their names and checksums, as they are stored with the data.
#[must_use]
pub fn schema_marks(up_to: i64) -> Vec<SchemaMark> {
    let known = MIGRATIONS.iter().filter(|migration| migration.version <= up_to);
    known.map(|m| SchemaMark { version: m.version, checksum: m.checksum() }).collect()
}

/// What a migration is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaMark {
    /// Its number.
    pub version: i64,
    /// The SHA-256 of its text.
    pub checksum: [u8; 32],
}

/// Makes an empty database of the data there, at this migration, to be filled.
///
/// # Errors
/// When it can't be made, or is in use.
pub fn fill(place: &Place, lock: &DataLock, schema: i64) -> Result<Filling, OpenError> {
    let known: Vec<_> = MIGRATIONS.iter().filter(|migration| migration.version <= schema).copied().collect();
    Filling::begin(options(place, lock)?, &known)
}

/// Makes an empty database in the SQLite file `path`, at this migration, to be filled.
///
/// # Errors
/// When it can't be made.
pub fn fill_sqlite(path: &Path, schema: i64) -> Result<Filling, OpenError> {
    let known: Vec<_> = MIGRATIONS.iter().filter(|migration| migration.version <= schema).copied().collect();
    Filling::begin(Options::sqlite(path), &known)
}

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(PostgresUrl),
}

impl Place {
    /// Whether there is any data of Doorkey's, of whatever version. Makes none, and needs no lock.
    ///
    /// # Errors
    /// When that can't be found out.
    pub fn has_data(&self) -> Result<bool, OpenError> {
        match self {
            Self::Sqlite(path) => Ok(path.exists()),
            Self::Postgres(url) => db::is_made(url.clone()),
        }
    }
}

fn options(place: &Place, lock: &DataLock) -> Result<Options, OpenError> {
    match place {
        Place::Sqlite(path) => Ok(Options::sqlite(path)),
        Place::Postgres(url) => Options::postgres(url.clone(), lock.identity()?),
    }
}

impl Store {
    /// Opens the data for whoever holds the lock on the data folder: makes it if need be, brings it up to the newest migration, and
    /// tells `follower` of every commit from now on. `lease` runs while the data is open and surely this process's: nothing may be
    /// answered from memory when it doesn't.
    ///
    /// # Errors
    /// When it can't be opened, is in use, or was made by a newer version.
    pub fn open(
        place: &Place,
        lock: &DataLock,
        lease: Lease,
        follower: impl FnMut(Commit<'_>) + Send + 'static,
    ) -> Result<Self, OpenError> {
        let db = Database::open(options(place, lock)?.under(lease), MIGRATIONS, follower)?;
        Ok(Self { db, tables: OnceLock::new() })
    }

    /// The same for an SQLite file that no server is about.
    ///
    /// # Errors
    /// When it can't be opened, or was made by a newer version.
    pub fn open_sqlite(
        path: &Path,
        follower: impl FnMut(Commit<'_>) + Send + 'static,
    ) -> Result<Self, OpenError> {
        let db = Database::open(Options::sqlite(path), MIGRATIONS, follower)?;
        Ok(Self { db, tables: OnceLock::new() })
    }

    /// Runs a unit of work: all of what it changes is stored, or, when it returns an error, nothing. It may be run more than once;
    /// only the last time counts.
    ///
    /// # Errors
    /// As the work returns, and as the database has them.
    pub async fn write<R, E>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<R, E> + Send + 'static,
    ) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.db.write(work).await
    }

    /// The same, for callers that aren't async: at the start.
    ///
    /// # Errors
    /// As the work returns, and as the database has them.
    pub fn write_blocking<R, E>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<R, E> + Send + 'static,
    ) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.db.write_blocking(work)
    }

    /// Reads a few rows, at once, on this thread.
    ///
    /// # Errors
    /// As the work returns, and as the database has them.
    pub fn read<R, E: From<DbError>>(
        &self,
        work: impl FnOnce(&mut db::Conn) -> Result<R, E>,
    ) -> Result<R, E> {
        self.db.read(work)
    }

    /// Reads as much as it takes, in one state of the data, away from the threads that answer.
    ///
    /// # Errors
    /// As the work returns, and as the database has them.
    pub async fn scan<R, E>(
        &self,
        work: impl FnOnce(&mut db::Conn) -> Result<R, E> + Send + 'static,
    ) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.db.scan(work).await
    }

    /// The same, for callers that aren't async: at the start.
    ///
    /// # Errors
    /// As the work returns, and as the database has them.
    pub fn scan_blocking<R, E: From<DbError>>(
        &self,
        work: impl FnOnce(&mut db::Conn) -> Result<R, E>,
    ) -> Result<R, E> {
        self.db.scan_blocking(work)
    }

    /// Every table that there is, each after those that it refers to, as the database itself lists them.
    ///
    /// # Errors
    /// As the database has them.
    pub fn tables(&self) -> Result<Arc<[Table]>, DbError> {
        if let Some(tables) = self.tables.get() {
            return Ok(Arc::clone(tables));
        }
        let tables = self.db.read(Table::all)?;
        Ok(Arc::clone(self.tables.get_or_init(|| tables.into())))
    }

    /// Makes what was deleted vanish from the files too. False when a long read stands in the way.
    ///
    /// # Errors
    /// As the database has them.
    pub async fn checkpoint(&self) -> Result<bool, DbError> {
        self.db.checkpoint().await
    }

    /// What the database layer counts of its own work.
    pub fn figures(&self) -> &db::Figures {
        self.db.figures()
    }

    /// Finishes what was asked for, takes nothing more, and closes the files.
    pub fn close(&self) {
        self.db.close();
    }
}
