//! What can go wrong with a database, in a small set of kinds that every database shares.

use std::fmt;
use std::path::PathBuf;

/// Why a statement or a unit of work failed. It never holds a bound value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// The rows that are there forbid this change.
    #[error("the change conflicts with what is stored: {0}")]
    Conflict(ConflictKind),
    /// Nothing was changed; the same may succeed in a moment.
    #[error("the database is busy; try again")]
    Busy,
    /// Nothing was changed; the database can't be reached or can't write.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// Nothing was changed: the disk is full, or may only be read. What is there can still be read.
    #[error("the database can't be written to: {0}")]
    Unwritable(String),
    /// What was read can't have been written by this program.
    #[error("the database holds what it should not: {0}")]
    Corrupt(String),
    /// The change may have been stored, or not: read it again before deciding anything.
    #[error("it is not known whether the change was stored")]
    OutcomeUnknown,
    /// A statement of this unit of work failed before, so the unit can't be stored.
    #[error("an earlier statement of this unit of work failed")]
    Poisoned,
    /// The unit of work panicked; nothing of it was stored.
    #[error("the unit of work panicked")]
    Panicked,
    /// A mistake in this program: wrong SQL, a wrong number of parameters, a write on a connection for reading.
    #[error("the database was used wrongly: {0}")]
    Misuse(String),
}

/// The kind of rule that a change would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictKind {
    /// There is such a row already.
    Unique,
    /// A row that this one names isn't there, or a row that is to go is still named.
    ForeignKey,
    /// A value is missing.
    NotNull,
    /// A value is outside what the column allows.
    Check,
}

impl fmt::Display for ConflictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unique => "unique",
            Self::ForeignKey => "foreign key",
            Self::NotNull => "not null",
            Self::Check => "check",
        })
    }
}

fn advice(error: &DbError) -> &'static str {
    match error {
        DbError::Unwritable(_) => "Make room on its disk, and see that this user may write there.",
        _ => "If it is damaged, restore a backup.",
    }
}

/// Why the data could not be opened. These are read by the person who starts the server, so they say what to do next.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or folder could not be made or read.
    #[error(
        "{path} can't be used: {source}. Check that this user may read and write it, and that the disk isn't full."
    )]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A newer version has been here.
    #[error(
        "the data in {place} was made by a newer Doorkey (schema {found}; this one knows {known}). \
         Start that version, or restore a backup made by this one."
    )]
    Newer {
        /// Where the data is.
        place: String,
        /// The schema of the data.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// The data was made by other migrations than the ones in this program.
    #[error(
        "the data in {place} was made with another migration {version} ({name}) than this Doorkey has. \
         Start the version that made it, or restore a backup made by this one."
    )]
    Differs {
        /// Where the data is.
        place: String,
        /// The first migration that differs.
        version: i64,
        /// Its name in the data.
        name: String,
    },
    /// A migration failed; what it had done was taken back.
    #[error(
        "migration {version} ({name}) failed and was taken back: {problem}. The data is as it was; start the version that made it."
    )]
    Migration {
        /// Which one.
        version: i64,
        /// Its name.
        name: &'static str,
        /// Why.
        problem: String,
    },
    /// A setting that the data's safety rests on could not be had.
    #[error("{path}: the setting {setting} should be {wanted} and is {found}. Put the data on a local disk.")]
    Setting {
        /// Where the data is.
        path: PathBuf,
        /// Which setting.
        setting: &'static str,
        /// What it must be.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// The database answered with an error.
    #[error("{place} can't be opened: {source}. {}", advice(source))]
    Database {
        /// Where the data is.
        place: String,
        /// What it was.
        source: DbError,
    },
    /// The database server can't be reached, or doesn't let us in.
    #[error(
        "{place} can't be opened: {why}. Check that the database runs, the address, the role and its password, and [store] url."
    )]
    Unreachable {
        /// Where it should be.
        place: String,
        /// What was said.
        why: String,
    },
    /// Another server has the database.
    #[error("{place} is in use by {by}. Stop that one, or give this one a database of its own.")]
    Owned {
        /// Where it is.
        place: String,
        /// Who has it.
        by: String,
    },
    /// It is a database, and Doorkey can't use it as it is.
    #[error("{place} can't be used: {why}")]
    Unfit {
        /// Where it is.
        place: String,
        /// Why, and what to do.
        why: String,
    },
}
