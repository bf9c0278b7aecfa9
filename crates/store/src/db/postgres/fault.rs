//! PostgreSQL's errors in our kinds.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::Severity;

use crate::db::{ConflictKind, DbError};

/// A failed statement, and what it means for its connection.
pub(super) struct Fault {
    pub(super) error: DbError,
    /// The connection is of no use any more.
    pub(super) broken: bool,
}

impl Fault {
    /// Nothing was heard for too long: nobody knows what the other side does.
    pub(super) fn silence(statement: &str) -> Self {
        let error = DbError::Unavailable(format!("{statement}: the database doesn't answer"));
        Self { error, broken: true }
    }

    /// The kind of an error.
    pub(super) fn of(statement: &str, error: &Error) -> Self {
        let Some(failure) = error.as_db_error() else {
            // What we bind and read ourselves is checked before, so what is left is the connection.
            return Self {
                error: DbError::Unavailable(format!("{statement}: {}", said(error))),
                broken: true,
            };
        };
        let code = failure.code().code();
        let class = code.get(..2).unwrap_or_default();
        let text = || match class {
            // The message of a conflict or of a value that doesn't fit may repeat the value.
            "22" | "23" | "P0" => format!("{statement}: error {code}"),
            _ => format!("{statement}: {} ({code})", failure.message()),
        };
        let kind = match (class, code) {
            (_, "23505") => DbError::Conflict(ConflictKind::Unique),
            (_, "23503") => DbError::Conflict(ConflictKind::ForeignKey),
            (_, "23502") => DbError::Conflict(ConflictKind::NotNull),
            ("23", _) => DbError::Conflict(ConflictKind::Check),
            // A fresh look at the data is needed.
            ("40", _) => DbError::Busy,
            (_, "57014") => DbError::Unavailable(format!("{statement}: interrupted")),
            (_, "53100") => DbError::Unwritable(text()),
            (_, "25P02") => DbError::Poisoned,
            (_, "XX001" | "XX002") => DbError::Corrupt(text()),
            // A prepared statement that no longer fits, which a new connection prepares anew.
            (_, "0A000" | "26000")
            // No room, no permission, no writing on a standby, shutting down, trouble of its own.
            | ("08" | "25" | "28" | "3D" | "3F" | "53" | "55" | "57" | "58" | "F0" | "XX", _) => {
                DbError::Unavailable(text())
            }
            _ => DbError::Misuse(text()),
        };
        let is_over = failure.parsed_severity() != Some(Severity::Error);
        Self { error: kind, broken: is_over || matches!(code, "0A000" | "26000") }
    }

    /// Whether the server itself has said that it took the transaction back.
    pub(super) fn is_refusal(error: &Error) -> bool {
        error.as_db_error().is_some_and(|failure| failure.parsed_severity() == Some(Severity::Error))
    }
}

/// What went wrong with a connection, with the reasons below it: the topmost one alone says little.
pub(super) fn said(error: &Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        below = cause.source();
    }
    text
}
