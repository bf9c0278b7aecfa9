/// A group's name: 1 to 64 lower-case letters, digits, `-`, `_` and `.`, beginning with a letter or a digit. It stands in URLs, and in
/// the names of LDAP entries, so it never needs escaping in either.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct GroupName(String);

/// Why a text can't name a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GroupNameError {
    /// Nothing but space.
    #[error("a group's name is a short word, like staff")]
    Empty,
    /// It has a character that would have to be escaped somewhere, in URLs or in LDAP names.
    #[error("{0:?} can't be in a group's name: use a to z, 0 to 9, hyphen, underscore and dot")]
    Character(char),
    /// It begins with a sign, as hidden files and options do.
    #[error("a group's name begins with a letter or a digit, not with {0:?}")]
    Beginning(char),
    /// Longer than there is room for.
    #[error("a group's name has at most 64 characters")]
    TooLong,
}

impl GroupName {
    /// Reads a group's name as a person types it: capitals are made small, space at the ends is cut.
    ///
    /// # Errors
    /// When it has any other form.
    pub fn parse(typed: &str) -> Result<Self, GroupNameError> {
        let typed = typed.trim();
        let first = typed.chars().next().ok_or(GroupNameError::Empty)?;
        let fits = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
        if let Some(c) = typed.chars().find(|c| !fits(c)) {
            return Err(GroupNameError::Character(c));
        }
        if !first.is_ascii_alphanumeric() {
            return Err(GroupNameError::Beginning(first));
        }
        if typed.len() > 64 {
            return Err(GroupNameError::TooLong);
        }
        Ok(Self(typed.to_ascii_lowercase()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for GroupName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_escaping_anywhere_and_have_one_spelling() {
        for (typed, name) in [
            ("staff", "staff"),
            (" Staff ", "staff"),
            ("a", "a"),
            ("2026", "2026"),
            ("it.on-call_2", "it.on-call_2"),
            (&"X".repeat(64), &"x".repeat(64)),
        ] {
            assert_eq!(GroupName::parse(typed).unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_a_url_or_a_dn_would_have_to_escape_is_refused_by_its_character() {
        for c in ",=+<>#;\\\"*()/?&%:@ \0'~ä\u{212a}\u{202e}".chars() {
            for typed in [format!("a{c}b"), format!("{c}ab")] {
                let refused = GroupName::parse(&typed);
                // Space at the beginning is cut, as people paste it.
                if c != ' ' || typed.starts_with('a') {
                    assert_eq!(refused, Err(GroupNameError::Character(c)), "{typed:?}");
                }
            }
        }
        for (typed, error) in [
            ("", GroupNameError::Empty),
            ("  ", GroupNameError::Empty),
            (".", GroupNameError::Beginning('.')),
            ("..", GroupNameError::Beginning('.')),
            ("-a", GroupNameError::Beginning('-')),
            ("_a", GroupNameError::Beginning('_')),
            (&"a".repeat(65), GroupNameError::TooLong),
        ] {
            assert_eq!(GroupName::parse(typed), Err(error), "{typed:?}");
        }
    }
}
