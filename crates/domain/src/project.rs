use serde::{Deserialize, Serialize};

use crate::{LineError, fold, line::line};

/// What a project is called: 1 to 100 characters in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectName(String);

impl ProjectName {
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

    /// The same for whoever types it in another case: no two projects are called alike.
    #[must_use]
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

/// What somebody of a project's team may do. Each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees the project, its team and its builds.
    Viewer,
    /// Closes builds, and tries the rules.
    Developer,
    /// Changes the team, the rules, and which connections builds use; offers their own.
    Admin,
    /// Renames, hands over and removes the project. A project has at most one.
    Owner,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Developer, Self::Admin, Self::Owner];

    /// The role as it is stored, and as people type it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Developer => "developer",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.code() == code)
    }

    /// Whether it has admin authority: builds may use the connections of those who do, and of nobody else.
    #[must_use]
    pub fn administers(self) -> bool {
        self >= Self::Admin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authority_begins_with_admins() {
        assert_eq!(Role::ALL.map(Role::administers), [false, false, true, true]);
        for role in Role::ALL {
            assert_eq!(Role::from_code(role.code()), Some(role));
        }
    }

    #[test]
    fn names_that_differ_in_case_only_are_alike() {
        let (one, other) =
            (ProjectName::parse(" Northwind iOS ").unwrap(), ProjectName::parse("northwind ios"));
        assert_eq!(one.as_str(), "Northwind iOS");
        assert_eq!(one.folded(), other.unwrap().folded());
        assert!(ProjectName::parse("").is_err() && ProjectName::parse(&"a".repeat(101)).is_err());
    }
}
