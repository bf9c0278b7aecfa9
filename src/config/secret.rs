//! Passwords in the configuration, which nothing prints.

use std::fmt;

/// A password from the configuration. Its `Debug` hides it, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub(super) fn new(password: String) -> Self {
        Self(password)
    }

    /// The password itself, to sign in with.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Whether a URL's user and password, if any, stand where every reader of URLs finds them.
///
/// An `@`, `/`, `?` or `#` in a password that is not percent-encoded moves a part of it into the host, the path
/// or the query, from where it would be printed; and readers of URLs differ in where they cut.
pub(super) fn login_is_encoded(url: &str) -> bool {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    url.matches('@').count() == authority.matches('@').count() && authority.matches('@').count() <= 1
}

/// What to say when [`login_is_encoded`] says no.
pub(super) const ENCODE_THE_LOGIN: &str = "has an @, /, ? or # in its user or password. \
    Percent-encode it there: %40 for @, %2F for /, %3F for ?, %23 for #.";

/// A value as it may stand in a message: in quotes, unless it looks like a URL that carries a password, which
/// somebody may have put under the wrong setting.
pub(super) fn quoted(value: &str) -> Option<String> {
    let may_hold_a_password = value.contains("://") && value.contains(['@', '?', '#']);
    (!may_hold_a_password).then(|| format!("{value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(format!("{:?}", Password::new("hunter2".into())), "***");
    }

    #[test]
    fn a_login_is_found_only_where_it_belongs() {
        for fine in ["postgres://h/db", "postgres://u:p@h/db", "postgres://u:p%40@h/db?x=1", "no url"] {
            assert!(login_is_encoded(fine), "{fine}");
        }
        for torn in
            ["smtp://u:p@q@h", "smtp://u:p/q@h", "smtp://u:1?q@h", "smtp://u:1#q@h", "smtp://u@h/?p=a@b"]
        {
            assert!(!login_is_encoded(torn), "{torn}");
        }
    }

    #[test]
    fn a_url_with_a_password_is_not_quoted() {
        assert_eq!(quoted("local\"host"), Some("\"local\\\"host\"".into()));
        assert_eq!(quoted("https://h/x"), Some("\"https://h/x\"".into()));
        assert_eq!(quoted("postgres://u:p@h"), None);
        assert_eq!(quoted("postgres://h?password=p"), None);
    }
}
