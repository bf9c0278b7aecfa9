use serde::{Deserialize, Serialize};

/// How people are signed out of a service when a password is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignOutWay {
    /// Dovecot ends all sessions of a user; apps whose passwords still work come back by themselves.
    DovecotUser,
    /// Dovecot, from 2.4 on, ends the sessions of one app-specific password.
    DovecotAppPassword,
    /// The service is told, by a signed token at an address of its own.
    Webhook,
}

impl SignOutWay {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::DovecotUser, Self::DovecotAppPassword, Self::Webhook];

    /// The way as it is stored and as the API has it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::DovecotUser => "dovecot_user",
            Self::DovecotAppPassword => "dovecot_app_password",
            Self::Webhook => "webhook",
        }
    }

    /// The way of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.code() == code)
    }

    /// Whether it is Dovecot that is asked.
    #[must_use]
    pub const fn is_dovecot(self) -> bool {
        matches!(self, Self::DovecotUser | Self::DovecotAppPassword)
    }
}

/// What a service is to be asked or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignOutKind {
    /// Dovecot is to end sessions.
    Kick,
    /// A webhook is told that sessions have ended.
    SessionRevoked,
    /// A webhook is told that a password has been taken back.
    CredentialChange,
}

impl SignOutKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Kick, Self::SessionRevoked, Self::CredentialChange];

    /// The kind as it is stored.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Kick => "kick",
            Self::SessionRevoked => "session_revoked",
            Self::CredentialChange => "credential_change",
        }
    }

    /// The kind of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Who took something back, in the words of CAEP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Initiator {
    /// The person.
    User,
    /// An administrator.
    Admin,
    /// The time that was set for it.
    Policy,
}

impl Initiator {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::User, Self::Admin, Self::Policy];

    /// As it is stored, and as CAEP has it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Policy => "policy",
        }
    }

    /// The one of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|who| who.code() == code)
    }
}
