//! Migrations: plain SQL, forward only, each stored in one transaction with the mark that it was.

use sha2::{Digest, Sha256};

use super::conn::CommitFailure;
use super::{Conn, DbError, OpenError, Statement, Value};

/// One step of the schema. Once released it must never be edited: its checksum is stored with the data.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its place: the first is 1, and there is no gap.
    pub version: i64,
    /// What it is about, in a word or two.
    pub name: &'static str,
    /// The statements, with column types TEXT, BIGINT and BYTEA only.
    pub sql: &'static str,
}

impl Migration {
    /// The SHA-256 of its text.
    pub fn checksum(&self) -> [u8; 32] {
        Sha256::digest(self.sql.as_bytes()).into()
    }
}

const RECORD: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum BYTEA NOT NULL)";

static APPLIED: Statement = Statement::new(
    "migrations.applied",
    "SELECT version, name, checksum FROM schema_migrations ORDER BY version",
);

static ADD: Statement = Statement::new(
    "migrations.add",
    "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
);

/// Brings the data up to the newest migration, on a connection that serves nobody yet.
pub(super) fn run(conn: &mut Conn, migrations: &[Migration], place: &str) -> Result<(), OpenError> {
    conn.batch(RECORD).map_err(|source| OpenError::Database { place: place.to_owned(), source })?;
    for migration in missing(conn, migrations, place)? {
        apply(conn, migration).map_err(|problem| OpenError::Migration {
            version: migration.version,
            name: migration.name,
            problem,
        })?;
    }
    Ok(())
}

/// Makes sure that the data is still at the newest migration: another server may have had it meanwhile, or somebody put other data
/// in its place.
pub(super) fn verify(conn: &mut Conn, migrations: &[Migration], place: &str) -> Result<(), OpenError> {
    match missing(conn, migrations, place)? {
        [] => Ok(()),
        [first, ..] => Err(OpenError::Differs {
            place: place.to_owned(),
            version: first.version,
            name: first.name.to_owned(),
        }),
    }
}

/// The migrations that the data hasn't seen.
pub(super) fn missing<'m>(
    conn: &mut Conn,
    migrations: &'m [Migration],
    place: &str,
) -> Result<&'m [Migration], OpenError> {
    let database = |source: DbError| OpenError::Database { place: place.to_owned(), source };
    if !migrations.iter().map(|migration| migration.version).eq((1..).take(migrations.len())) {
        return Err(database(DbError::Misuse("migrations are numbered from 1 without a gap".to_owned())));
    }
    let applied = conn.query(&APPLIED, &[]).map_err(database)?;
    let known = migrations.last().map_or(0, |migration| migration.version);
    let found = applied.last().map_or(Ok(0), |row| row.int(0)).map_err(database)?;
    if found > known {
        return Err(OpenError::Newer { place: place.to_owned(), found, known });
    }
    for (at, row) in applied.iter().enumerate() {
        let (version, name) = (row.int(0).map_err(database)?, row.text(1).map_err(database)?);
        let same = migrations.get(at).is_some_and(|ours| {
            ours.version == version && row.bytes(2).is_ok_and(|checksum| checksum == ours.checksum())
        });
        if !same {
            return Err(OpenError::Differs { place: place.to_owned(), version, name: name.to_owned() });
        }
    }
    Ok(migrations.get(applied.len()..).unwrap_or_default())
}

fn apply(conn: &mut Conn, migration: &Migration) -> Result<(), String> {
    conn.begin_write().map_err(|error| error.to_string())?;
    if let Err(problem) = change(conn, migration) {
        // If even this fails, closing the connection takes the change back.
        let _ = conn.rollback();
        return Err(problem);
    }
    conn.commit().map_err(|failure| match failure {
        CommitFailure::NotStored(error) | CommitFailure::Unknown(error) => error.to_string(),
    })
}

fn change(conn: &mut Conn, migration: &Migration) -> Result<(), String> {
    let text = |error: DbError| error.to_string();
    conn.batch(migration.sql).map_err(text)?;
    if !conn.in_transaction() {
        return Err("it ends its own transaction".to_owned());
    }
    if let Some(problem) = conn.shape_problem().map_err(text)? {
        return Err(problem);
    }
    let params = [migration.version.into(), migration.name.into(), Value::from(migration.checksum())];
    conn.execute(&ADD, &params).map(drop).map_err(text)
}
