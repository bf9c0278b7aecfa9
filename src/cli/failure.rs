//! How a command ends that didn't do what it was asked.

use super::client::CallError;

/// Why a command did not do what it was asked, in the words of the person who typed it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It was refused, or what it is about wasn't found.
    Refused(String),
    /// It can't be meant as it was typed or configured.
    Usage(String),
    /// The server can't be reached, or can't answer.
    Unreachable(String),
    /// The answer is no, and it has been printed.
    No,
    /// Whoever read the output has gone: a quiet end, as `doorkey ... | head` wants it.
    ReaderGone,
}

impl Failure {
    /// The exit code of wrong usage.
    pub(super) const USAGE: u8 = 2;

    /// The exit code.
    pub(super) const fn exit_code(&self) -> u8 {
        match self {
            Self::ReaderGone => 0,
            Self::Refused(_) | Self::No => 1,
            Self::Usage(_) => Self::USAGE,
            Self::Unreachable(_) => 3,
        }
    }

    /// What to say; nothing for a quiet end.
    pub(super) fn message(&self) -> Option<&str> {
        match self {
            Self::Refused(message) | Self::Usage(message) | Self::Unreachable(message) => Some(message),
            Self::No | Self::ReaderGone => None,
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            // An outage is no refusal: a script may try again.
            CallError::Refused(refusal) if refusal.status.is_server_error() => {
                Self::Unreachable(refusal.detail)
            }
            CallError::Refused(refusal) => Self::Refused(refusal.detail),
            CallError::NotUnderstood(message) => Self::Refused(message),
            CallError::Unreachable(message) => Self::Unreachable(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::Refusal;
    use axum::http::StatusCode;

    fn refused(status: StatusCode) -> Failure {
        let (code, detail) = ("any".to_owned(), "Try again.".to_owned());
        CallError::Refused(Refusal { status, code, detail }).into()
    }

    #[test]
    fn each_end_has_its_exit_code_and_the_words_without_the_code() {
        assert_eq!(refused(StatusCode::FORBIDDEN), Failure::Refused("Try again.".into()));
        assert_eq!(refused(StatusCode::SERVICE_UNAVAILABLE), Failure::Unreachable("Try again.".into()));
        assert_eq!(refused(StatusCode::NOT_FOUND).exit_code(), 1);
        assert_eq!(Failure::Usage(String::new()).exit_code(), 2);
        assert_eq!(Failure::from(CallError::Unreachable(String::new())).exit_code(), 3);
        assert_eq!(Failure::from(CallError::NotUnderstood(String::new())).exit_code(), 1);
        assert_eq!((Failure::ReaderGone.exit_code(), Failure::ReaderGone.message()), (0, None));
    }
}
