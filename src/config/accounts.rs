//! `[accounts]`

use super::section::{Form, Section, Wrong};
use super::values::domain_name;

/// What holds for all accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    /// The domain that an ID without one gets: with `example.org`, `ada` means `ada@example.org`. In lower
    /// case. Default: none, and every ID is written in full.
    pub default_domain: Option<String>,
}

const DOMAIN: Form = Form { expected: "a domain name", example: "example.org", secret: false };

impl Accounts {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let domain = |text: &str| domain_name(text).ok_or(Wrong::Form);
        Self { default_domain: section.optional("default_domain", &DOMAIN, domain).value() }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{faults, from_toml};

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
