use serde::{Deserialize, Serialize};

/// What a personal API token may be used for. Which routes each opens is said in one place, beside what makes capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Reading one's own app-specific passwords and activity.
    Read,
    /// Revoking one's own app-specific passwords.
    Revoke,
    /// Reading the whole log, as an administrator.
    Events,
    /// People and groups, as an administrator.
    People,
    /// Services, as an administrator.
    Services,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [Self::Read, Self::Revoke, Self::Events, Self::People, Self::Services];

    /// The scope as people type it, and as it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Revoke => "revoke",
            Self::Events => "events",
            Self::People => "people",
            Self::Services => "services",
        }
    }

    /// The scope of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// Whether only an administrator has anything of it.
    #[must_use]
    pub const fn is_for_administrators(self) -> bool {
        matches!(self, Self::Events | Self::People | Self::Services)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_back_from_their_names() {
        for scope in Scope::ALL {
            assert_eq!(Scope::from_name(scope.name()), Some(scope));
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.name());
        }
        assert_eq!(Scope::from_name("Read"), None);
    }
}
