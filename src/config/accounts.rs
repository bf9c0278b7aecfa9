//! `[accounts]`

use super::section::{Form, Section, Wrong};
use super::values::domain_name;

/// What holds for all accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    /// The domain that an ID without one gets: with `example.org`, `ada` means `ada@example.org`. In lower
    /// case. Default: none, and every ID is written in full.
    pub default_domain: Option<String>,
    /// After how many days a session ends, where that is sooner than it ends anyway: after 30 days in a browser, 90 at a command
    /// line. Default: as it ends anyway.
    pub session_days: Option<i32>,
    /// After how many days without use a session ends, where that is sooner than it ends anyway: after 14 days in a browser, 30
    /// at a command line. Default: as it ends anyway.
    pub session_idle_days: Option<i32>,
}

const DOMAIN: Form = Form { expected: "a domain name", example: "example.org", secret: false };

impl Accounts {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let domain = |text: &str| domain_name(text).ok_or(Wrong::Form);
        Self {
            default_domain: section.optional("default_domain", &DOMAIN, domain).value(),
            session_days: section.integer("session_days", 1).value(),
            session_idle_days: section.integer("session_idle_days", 1).value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{faults, from_toml};

    #[test]
    fn sessions_end_sooner() {
        let config = from_toml("accounts.session_days = 7\naccounts.session_idle_days = 1").unwrap();
        assert_eq!((config.accounts.session_days, config.accounts.session_idle_days), (Some(7), Some(1)));
        assert_eq!(from_toml("").unwrap().accounts.session_days, None);
        assert_eq!(
            faults("accounts.session_days = 0"),
            [
                "doorkey.toml, line 1: [accounts] session_days must be a whole number from 1 on, like session_days = 1."
            ]
        );
    }

    #[test]
    fn default_domain() {
        let config = from_toml("accounts.default_domain = 'Example.ORG'").unwrap();
        assert_eq!(config.accounts.default_domain.as_deref(), Some("example.org"));
        assert_eq!(from_toml("accounts.default_domain = ''").unwrap().accounts.default_domain, None);
        assert_eq!(
            faults("[accounts]\ndefault_domain = '@example.org'"),
            ["doorkey.toml, line 2: [accounts] default_domain must be a domain name, like \"example.org\"; \
                 it is \"@example.org\"."]
        );
    }
}
