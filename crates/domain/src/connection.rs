use serde::{Deserialize, Serialize};

/// What somebody has connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionKind {
    /// An Apple ID, by which builds sign in as a person.
    AppleId,
    /// An App Store Connect API key.
    ApiKey,
}

impl ConnectionKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::AppleId, Self::ApiKey];

    /// The kind as it is stored and as the API has it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AppleId => "apple_id",
            Self::ApiKey => "api_key",
        }
    }

    /// The kind of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// How a connection was when Apple was last asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Apple takes it.
    Good,
    /// Apple knows it, and lets it do less than was asked.
    Limited,
    /// Apple no longer takes it: its person has to do something.
    Refused,
}

impl ConnectionState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Good, Self::Limited, Self::Refused];

    /// The state as it is stored and as the API has it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Limited => "limited",
            Self::Refused => "refused",
        }
    }

    /// The state of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

/// Why a project stopped using a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyUnused {
    /// Its person took the offer back.
    OfferTakenBack,
    /// Its person left the team.
    LeftTeam,
    /// Its person has no admin authority in the project any more.
    LostAuthority,
    /// Its person's account was suspended.
    Suspended,
    /// Its person's account was removed.
    AccountRemoved,
    /// Its person removed the connection.
    Removed,
}

impl WhyUnused {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::OfferTakenBack,
        Self::LeftTeam,
        Self::LostAuthority,
        Self::Suspended,
        Self::AccountRemoved,
        Self::Removed,
    ];
}

/// What a build was given of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// The API key itself.
    ApiKey,
    /// A token that the key signed, good for minutes.
    AppStoreConnectToken,
}

impl Given {
    /// Everything that can be given.
    pub const ALL: [Self; 2] = [Self::ApiKey, Self::AppStoreConnectToken];

    /// As it is stored and as the API has it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::AppStoreConnectToken => "app_store_connect_token",
        }
    }

    /// What has this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|given| given.code() == code)
    }
}
