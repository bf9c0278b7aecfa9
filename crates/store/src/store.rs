use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use domain::Event;

use crate::{
    db::{
        self, DataLock, Database, DbError, Filling, Lease, Look, Migration, OpenError, Options, Outcome,
        PostgresUrl, Table,
    },
    keys, moves,
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
    Migration { version: 6, name: "mails", sql: include_str!("../migrations/0006_mails.sql") },
    Migration { version: 7, name: "moves", sql: include_str!("../migrations/0007_moves.sql") },
    Migration {
        version: 8,
        name: "public servers",
        sql: include_str!("../migrations/0008_public_servers.sql"),
    },
    Migration { version: 9, name: "notices", sql: include_str!("../migrations/0009_notices.sql") },
    Migration { version: 10, name: "sign-outs", sql: include_str!("../migrations/0010_sign_outs.sql") },
    Migration {
        version: 11,
        name: "projects and builds",
        sql: include_str!("../migrations/0011_projects_and_builds.sql"),
    },
    Migration { version: 12, name: "hand-outs", sql: include_str!("../migrations/0012_hand_outs.sql") },
    Migration {
        version: 13,
        name: "project invitations",
        sql: include_str!("../migrations/0013_project_invitations.sql"),
    },
    Migration {
        version: 14,
        name: "who opens builds",
        sql: include_str!("../migrations/0014_who_opens_builds.sql"),
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

    /// What is there, for whoever wants to put data there. Makes nothing and changes nothing, and needs no lock.
    ///
    /// # Errors
    /// When that can't be found out.
    pub fn look(&self) -> Result<Found, OpenError> {
        let options = match self {
            Self::Sqlite(path) if !fs::metadata(path).is_ok_and(|file| file.len() > 0) => {
                return Ok(Found::Nothing);
            }
            Self::Sqlite(path) => Options::sqlite(path),
            Self::Postgres(url) => Options::postgres(url.clone(), String::new())?,
        };
        let mut conn = match options.reader() {
            Ok(conn) => conn,
            // A database without a log beside its file was never ours.
            Err(OpenError::Setting { .. }) => return Ok(Found::Others),
            Err(error) => return Err(error),
        };
        let failed = |source| OpenError::Database { place: self.to_string(), source };
        let tables = conn.tables().map_err(failed)?;
        let has = |name: &str| tables.iter().any(|table| table == name);
        if tables.is_empty() {
            return Ok(Found::Nothing);
        }
        if !has("keys") || !has("event_counter") {
            return Ok(Found::Others);
        }
        let mark = if has(moves::TABLE) { moves::get(&mut conn).map_err(failed)? } else { None };
        Ok(match mark {
            Some(mark) if mark.end == moves::End::Arriving => Found::Begun(mark),
            // Nothing was ever sealed there: tables are there, and nobody has used them.
            _ if keys::all(&mut conn).map_err(failed)?.is_empty() => Found::Nothing,
            _ => Found::Data,
        })
    }
}

/// What is in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// No data; at most its empty tables.
    Nothing,
    /// A move into it was begun, and hasn't ended.
    Begun(moves::Move),
    /// Data of Doorkey's, of whatever version.
    Data,
    /// Something else than Doorkey's data.
    Others,
}

/// Without password, user and parameters.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => {
                write!(f, "sqlite:{}", std::path::absolute(path).as_deref().unwrap_or(path).display())
            }
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// Opens the data to look at it, while a server has it or not. It must be there: see [`Place::has_data`].
///
/// # Errors
/// When it can't be opened, was made by a newer version, or Doorkey can't use such a database.
pub fn look(place: &Place) -> Result<Look, OpenError> {
    let options = match place {
        Place::Sqlite(path) => Options::sqlite(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
        Place::Postgres(url) => Options::postgres(url.clone(), String::new())?,
    };
    Look::at(&options, MIGRATIONS)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_of_before_is_filtered_by_what_it_tells() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorkey.db");
        drop(Database::<Event>::open(Options::sqlite(&path), &MIGRATIONS[..3], |_| ()).unwrap());
        let told = [
            (r#"{"what":"signed_in","agent":"a \"kind\":\"b\", c"}"#, "signed_in", "sign_ins", None),
            (
                r#"{"what":"refused","service":"my-mail2","reason":"wrong_password","count":3}"#,
                "refused",
                "refusals",
                Some("my-mail2"),
            ),
            (r#"{"what":"more_refused","count":3}"#, "more_refused", "refusals", None),
            (
                r#"{"what":"service_changed","id":"svc_00000000000000000000000000000000","name":"dav","kinds":["contacts"],"groups":[]}"#,
                "service_changed",
                "administration",
                Some("dav"),
            ),
            (
                r#"{"what":"app_password_bound","id":"apw_00000000000000000000000000000000","label":"a\",\"service\":\"x","kinds":["mail"],"service":"mail"}"#,
                "app_password_bound",
                "app_passwords",
                Some("mail"),
            ),
            (
                r#"{"what":"group_added","id":"grp_00000000000000000000000000000000","name":"staff"}"#,
                "group_added",
                "administration",
                None,
            ),
            (r#"{"what":"two_factor_on"}"#, "two_factor_on", "security", None),
        ];
        let before = rusqlite::Connection::open(&path).unwrap();
        for (number, (what, ..)) in (1_i64..).zip(&told) {
            let sql = "INSERT INTO events (number, at, actor, request, what) VALUES (?1, 0, 'doorkey', 'req_00000000000000000000000000000000', ?2)";
            before.execute(sql, rusqlite::params![number, what]).unwrap();
        }
        drop(before);
        drop(Store::open_sqlite(&path, |_| ()).unwrap());
        let after = rusqlite::Connection::open(&path).unwrap();
        for (number, (what, kind, sort, service)) in (1_i64..).zip(&told) {
            let sql = "SELECT kind, sort, service, what FROM events WHERE number = ?1";
            let found: (String, String, Option<String>, String) = after
                .query_row(sql, [number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
                .unwrap();
            let expected = (kind.to_string(), sort.to_string(), service.map(str::to_owned), what.to_string());
            assert_eq!(found, expected);
            // As it would be written now.
            let what: domain::What = serde_json::from_str(what).unwrap();
            assert_eq!((what.sort().code(), what.service()), (*sort, *service));
        }
    }
}
