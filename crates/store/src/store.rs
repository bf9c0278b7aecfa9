use domain::Event;

use crate::db::{self, Database, DbError, Migration, OpenError, Options, Outcome};

/// Plain SQL, forward only; one that has been released is never edited.
static MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "accounts and app-specific passwords",
        sql: include_str!("../migrations/0001_accounts_and_app_passwords.sql"),
    },
    Migration { version: 2, name: "groups", sql: include_str!("../migrations/0002_groups.sql") },
];

/// What a unit of work changes the data through. The events that it appends go to the follower of the log.
pub type Tx<'a> = db::Tx<'a, Event>;

/// What the follower of the log is told, in the order of the log and before the changes are answered.
pub type Commit<'a> = Outcome<'a, Event>;

/// The data: one writer, any number of readers.
pub struct Store(Database<Event>);

impl Store {
    /// Opens the data in the SQLite file `path`, made if need be, brings it up to the newest migration, and tells `follower` of
    /// every commit from now on.
    ///
    /// # Errors
    /// When it can't be opened, or was made by a newer version.
    pub fn open_sqlite(
        path: &std::path::Path,
        follower: impl FnMut(Commit<'_>) + Send + 'static,
    ) -> Result<Self, OpenError> {
        Database::open(Options::sqlite(path), MIGRATIONS, follower).map(Self)
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
        self.0.write(work).await
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
        self.0.write_blocking(work)
    }

    /// Reads a few rows, at once, on this thread.
    ///
    /// # Errors
    /// As the work returns, and as the database has them.
    pub fn read<R, E: From<DbError>>(
        &self,
        work: impl FnOnce(&mut db::Conn) -> Result<R, E>,
    ) -> Result<R, E> {
        self.0.read(work)
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
        self.0.scan(work).await
    }

    /// The same, for callers that aren't async: at the start.
    ///
    /// # Errors
    /// As the work returns, and as the database has them.
    pub fn scan_blocking<R, E: From<DbError>>(
        &self,
        work: impl FnOnce(&mut db::Conn) -> Result<R, E>,
    ) -> Result<R, E> {
        self.0.scan_blocking(work)
    }

    /// Makes what was deleted vanish from the files too. False when a long read stands in the way.
    ///
    /// # Errors
    /// As the database has them.
    pub async fn checkpoint(&self) -> Result<bool, DbError> {
        self.0.checkpoint().await
    }

    /// What the database layer counts of its own work.
    pub fn figures(&self) -> &db::Figures {
        self.0.figures()
    }

    /// Finishes what was asked for, takes nothing more, and closes the files.
    pub fn close(&self) {
        self.0.close();
    }
}
