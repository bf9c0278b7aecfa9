//! SQLite's errors in our kinds.

use rusqlite::{Error, ErrorCode, ffi};

use crate::db::{ConflictKind, DbError};

/// The kind of an error. SQLite's messages name tables and columns, never values, so they may be shown.
pub(super) fn translate(statement: &str, error: &Error) -> DbError {
    let Some(failure) = error.sqlite_error() else {
        return match error {
            Error::Utf8Error(..) => DbError::Corrupt(format!("{statement}: text that is not UTF-8")),
            _ => DbError::Misuse(format!("{statement}: {error}")),
        };
    };
    let text = || format!("{statement}: {error}");
    // A log or an index beside the file that can't grow is a full disk, by another name.
    if matches!(
        failure.extended_code,
        ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_TRUNCATE
    ) {
        return DbError::Unwritable(text());
    }
    match failure.code {
        ErrorCode::ConstraintViolation => match failure.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE
            | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            | ffi::SQLITE_CONSTRAINT_ROWID => DbError::Conflict(ConflictKind::Unique),
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => DbError::Conflict(ConflictKind::ForeignKey),
            ffi::SQLITE_CONSTRAINT_NOTNULL => DbError::Conflict(ConflictKind::NotNull),
            _ => DbError::Conflict(ConflictKind::Check),
        },
        // 5 and all its kin, 517 among them: a fresh look at the data is needed.
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => DbError::Busy,
        ErrorCode::DiskFull | ErrorCode::ReadOnly => DbError::Unwritable(text()),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => DbError::Corrupt(text()),
        ErrorCode::Unknown
        | ErrorCode::TypeMismatch
        | ErrorCode::ApiMisuse
        | ErrorCode::ParameterOutOfRange
        | ErrorCode::TooBig
        | ErrorCode::AuthorizationForStatementDenied => DbError::Misuse(text()),
        _ => DbError::Unavailable(text()),
    }
}

/// Whether a commit that failed this way had surely not written its last frame, the one that makes it count.
///
/// A full disk stops at some frame, and the frame with the mark is the last one. After an I/O error nobody knows: it may
/// have come from the wait for the disk, when all was written.
pub(super) fn is_before_commit_mark(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::ConstraintViolation
                | ErrorCode::DiskFull
        )
    )
}
