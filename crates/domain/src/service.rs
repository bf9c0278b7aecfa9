/// A service's name: 1 to 40 lower-case letters, digits and hyphens, beginning with a letter or a digit. It stands in the
/// door's URL and in directory names, so it never needs escaping.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct ServiceName(String);

/// A text that can't name a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a service's name is 1 to 40 of a to z, 0 to 9 and hyphen, beginning with a letter or a digit, like calendar"
)]
pub struct ServiceNameError;

impl ServiceName {
    /// Reads a service's name.
    ///
    /// # Errors
    /// When it has any other form.
    pub fn parse(text: &str) -> Result<Self, ServiceNameError> {
        let fits = (1..=40).contains(&text.len())
            && !text.starts_with('-')
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(text.into())) } else { Err(ServiceNameError) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ServiceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_escaping_anywhere() {
        for good in ["a", "2a", "imap", "calendar-2", &"a".repeat(40)] {
            assert!(ServiceName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "Imap", "a b", "a/b", "a,b", "ä", "a.b", &"a".repeat(41)] {
            assert!(ServiceName::parse(bad).is_err(), "{bad}");
        }
    }
}
