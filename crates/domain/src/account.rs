use unicode_normalization::UnicodeNormalization;

use crate::{LineError, line::line};

/// A person's ID, or an alias of it: an e-mail address in its canonical form. Two spellings that a person would
/// call the same are the same here: letters lower case, Unicode compatibility-composed (NFKC).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct AccountName(String);

/// Why a text can't be an ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountNameError {
    /// It isn't of the form name@domain.
    #[error("an ID is an e-mail address, like ada@example.org")]
    NotAnAddress,
    /// It has a character that servers and apps couldn't carry in a user name.
    #[error("an ID can't have the character {0:?} in it")]
    Character(char),
    /// Longer than an e-mail address can be (RFC 5321, 254 bytes).
    #[error("an ID has at most 254 bytes")]
    TooLong,
}

impl AccountName {
    /// Reads an ID as a person types it. A name without `@` is taken to be in `default_domain`, when there is one.
    ///
    /// # Errors
    /// When it is no e-mail address, or one that doors couldn't carry: the local part is the unquoted form of
    /// RFC 5321 (with UTF-8, RFC 6531) less `/`, which would be a path to the servers that use the ID as a folder.
    pub fn parse(typed: &str, default_domain: &str) -> Result<Self, AccountNameError> {
        // Before any work on it: a name may come from anyone, a megabyte long.
        if typed.len() > 1024 {
            return Err(AccountNameError::TooLong);
        }
        let canonical = fold(typed.trim());
        let name = if canonical.contains('@') || default_domain.is_empty() {
            canonical
        } else {
            format!("{canonical}@{}", default_domain.to_lowercase())
        };
        let (local, domain) = name.rsplit_once('@').ok_or(AccountNameError::NotAnAddress)?;
        if let Some(c) = local.chars().find(|c| !(c.is_alphanumeric() || "!#$%&'*+=?^_`{|}~.-".contains(*c)))
        {
            return Err(AccountNameError::Character(c));
        }
        if let Some(c) = domain.chars().find(|c| !(c.is_alphanumeric() || "-.".contains(*c))) {
            return Err(AccountNameError::Character(c));
        }
        let dotted_well = |part: &str| part.split('.').all(|piece| !piece.is_empty());
        let hyphened_well = |part: &str| part.split('.').all(|p| !p.starts_with('-') && !p.ends_with('-'));
        if !dotted_well(local) || !dotted_well(domain) || !hyphened_well(domain) {
            return Err(AccountNameError::NotAnAddress);
        }
        if name.len() > 254 {
            return Err(AccountNameError::TooLong);
        }
        Ok(Self(name))
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for AccountName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One form for all spellings that a person would call the same: letters lower case, Unicode compatibility-composed (NFKC).
#[must_use]
pub fn fold(typed: &str) -> String {
    // Composing changes nothing in ASCII, and a door asks for every sign-in.
    if typed.is_ascii() {
        return typed.to_ascii_lowercase();
    }
    typed.nfkc().collect::<String>().to_lowercase().nfkc().collect()
}

/// What a person is called: one line, 1 to 100 characters.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DisplayName(String);

impl DisplayName {
    /// Reads a name as a person types it.
    ///
    /// # Errors
    /// When it is empty, too long, or has characters that can't be seen.
    pub fn parse(typed: &str) -> Result<Self, LineError> {
        line(typed, 100).map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(typed: &str) -> Result<String, AccountNameError> {
        AccountName::parse(typed, "").map(|name| name.to_string())
    }

    #[test]
    fn spellings_of_one_id_are_one() {
        for typed in ["ada@example.org", " Ada@Example.ORG ", "ＡＤＡ@example.org"] {
            assert_eq!(read(typed), Ok("ada@example.org".into()), "{typed}");
        }
        assert_eq!(read("JOSE\u{301}@example.org"), Ok("josé@example.org".into()));
        assert_eq!(read("a+b%c@example.org"), Ok("a+b%c@example.org".into()));
    }

    #[test]
    fn a_short_name_is_in_the_default_domain() {
        assert_eq!(AccountName::parse("Ada", "Example.org").unwrap().as_str(), "ada@example.org");
        assert_eq!(AccountName::parse("ada@other.org", "example.org").unwrap().as_str(), "ada@other.org");
        assert_eq!(read("ada"), Err(AccountNameError::NotAnAddress));
    }

    #[test]
    fn what_doors_cannot_carry_is_refused() {
        for (typed, c) in [
            ("a:b@x.org", ':'),
            ("a/b@x.org", '/'),
            ("a b@x.org", ' '),
            ("a@b@x.org", '@'),
            ("a\0@x.org", '\0'),
            ("a@x\u{202e}.org", '\u{202e}'),
            ("\"a\"@x.org", '"'),
            ("a,b@x.org", ','),
        ] {
            assert_eq!(read(typed), Err(AccountNameError::Character(c)), "{typed}");
        }
        for typed in ["", "@", "@x.org", "a@", ".a@x.org", "a..b@x.org", "a@x..org", "a@-x.org", "a@x.org-"] {
            assert_eq!(read(typed), Err(AccountNameError::NotAnAddress), "{typed}");
        }
        assert_eq!(read(&format!("{}@x.org", "a".repeat(249))), Err(AccountNameError::TooLong));
        assert_eq!(read(&"a".repeat(1 << 20)), Err(AccountNameError::TooLong));
    }

    #[test]
    fn reading_twice_changes_nothing() {
        use proptest::prelude::*;
        proptest!(|(typed in "\\PC{0,40}@\\PC{1,20}")| {
            if let Ok(once) = AccountName::parse(&typed, "") {
                prop_assert_eq!(AccountName::parse(once.as_str(), ""), Ok(once));
            }
        });
    }
}
