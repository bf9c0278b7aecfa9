//! Which code a form asks for. A phone's keyboard of digits is right for the one and useless for the other, so each has its own field;
//! whichever is sent, both are taken.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};

/// Which code a page asks for. It stands in the page's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeField {
    /// The six digits of the authenticator app.
    App,
    /// A recovery code in their place.
    Recovery,
}

const WITH: &str = "with=recovery-code";

impl CodeField {
    /// The address of the page that asks for this one.
    pub fn at(self, path: &str) -> String {
        match self {
            Self::App => path.into(),
            Self::Recovery => format!("{path}{}{WITH}", if path.contains('?') { '&' } else { '?' }),
        }
    }

    /// The address of the page that asks for the other one.
    pub fn other_at(self, path: &str) -> String {
        match self {
            Self::App => Self::Recovery.at(path),
            Self::Recovery => Self::App.at(path),
        }
    }

    /// What leads there.
    pub const fn way_to_other(self) -> &'static str {
        match self {
            Self::App => "Lost your phone? Use a recovery code",
            Self::Recovery => "Use your authenticator app",
        }
    }
}

impl<S: Sync> FromRequestParts<S> for CodeField {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let recovery = parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == WITH));
        Ok(if recovery { Self::Recovery } else { Self::App })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_leads_to_the_other() {
        assert_eq!(CodeField::App.at("/a?next=x"), "/a?next=x");
        assert_eq!(CodeField::App.other_at("/a?next=x"), "/a?next=x&with=recovery-code");
        assert_eq!(CodeField::Recovery.at("/a"), "/a?with=recovery-code");
        assert_eq!(CodeField::Recovery.other_at("/a"), "/a");
    }
}
