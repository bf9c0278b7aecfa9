//! `[log]`

use super::section::{Form, Section, Wrong};

/// What the server writes to standard error, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// How a line looks. Default: `human`.
    pub format: LogFormat,
    /// How much is written; the environment variable `RUST_LOG` wins over it. Default: `info`.
    pub level: LogLevel,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line, for what gathers logs.
    Json,
}

/// From which weight on a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// What stopped something from working.
    Error,
    /// The same, and what an operator should look at.
    Warn,
    /// The same, and what was asked and answered.
    Info,
    /// The same, and what happened on the way.
    Debug,
    /// All there is.
    Trace,
}

impl LogLevel {
    /// The level as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

const FORMAT: Form = Form { expected: "\"human\" or \"json\"", example: "json", secret: false };
const LEVEL: Form =
    Form { expected: "one of error, warn, info, debug and trace", example: "info", secret: false };

impl Log {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let format = section.optional("format", &FORMAT, |text| match text {
            "human" => Ok(LogFormat::Human),
            "json" => Ok(LogFormat::Json),
            _ => Err(Wrong::Form),
        });
        let level = section.optional("level", &LEVEL, |text| {
            let all = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
            all.into_iter().find(|level| level.as_str() == text).ok_or(Wrong::Form)
        });
        Self {
            format: format.value().unwrap_or(LogFormat::Human),
            level: level.value().unwrap_or(LogLevel::Info),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{faults, from_toml};

    #[test]
    fn format_and_level() {
        let log = |text: &str| from_toml(&format!("[log]\n{text}")).unwrap().log;
        let (human, json) = (LogFormat::Human, LogFormat::Json);
        assert_eq!(log(""), Log { format: human, level: LogLevel::Info });
        assert_eq!(log("format = 'json'\nlevel = 'trace'"), Log { format: json, level: LogLevel::Trace });
        assert_eq!(log("format = ''\nlevel = ''"), log(""));
        assert_eq!(
            faults("[log]\nformat = 'xml'\nlevel = 'INFO'"),
            [
                "doorkey.toml, line 2: [log] format must be \"human\" or \"json\", like \"json\"; it is \"xml\".",
                "doorkey.toml, line 3: [log] level must be one of error, warn, info, debug and trace, like \"info\"; it is \"INFO\"."
            ]
        );
    }
}
