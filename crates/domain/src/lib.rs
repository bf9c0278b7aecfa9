//! The rules of Doorkey, and nothing else: no input or output, no clock, no database.
//!
//! Every type here makes a wrong state hard to write down: an [`AppPasswordId`] can't be mistaken for an
//! [`AccountId`], a label that is too long is never a [`Label`], and what an app-specific password may open is
//! asked in one place ([`Opens::admit`]). Time and randomness are handed in, so every rule can be tested.

mod account;
mod app_password;
mod budget;
mod build;
mod ci;
mod connection;
mod durations;
mod event;
mod group;
mod id;
mod kind;
mod line;
mod project;
mod public_server;
mod recovery_code;
mod rng;
mod scope;
mod secret;
mod service;
mod sign_out;
mod time;
mod token;
mod totp;

pub use account::{AccountName, AccountNameError, DisplayName, fold};
pub use app_password::{
    ACTIVE_APP_PASSWORDS_MAX, Admission, AppPassword, AppPasswordSecret, ENDED_APP_PASSWORDS_KEPT, Ended,
    Label, LastUse, Opens, WhyEnded,
};
pub use budget::{Budget, TooManyFailures};
pub use build::{Proof, WhyBuildEnded};
pub use ci::{Ci, Origin, RuleTerms, WhyBuildRefused, fits_pattern};
pub use connection::{ConnectionKind, ConnectionState, Given, WhyUnused};
pub use durations::{Durations, Noted};
pub use event::{Actor, Event, NewEvent, RefusalReason, Sort, What};
pub use group::{GroupName, GroupNameError};
pub use id::{
    AccountId, AppPasswordId, BrowserId, BuildId, ConnectionId, GroupId, IdError, InvitationId, IssuerId,
    LinkId, MailId, ProjectId, ProjectTokenId, RecoveryCodeId, RequestId, RuleId, ServiceId, SessionId,
    SignOutId, SigningKeyId, TokenId,
};
pub use kind::{Kind, KindSet, UnknownKind};
pub use line::{LineError, compose, is_invisible};
pub use project::{ProjectName, Role};
pub use public_server::{HostName, HostNameError, Protocol, PublicServer, PublicServerError, Security};
pub use recovery_code::{RECOVERY_CODES, RecoveryCode};
pub use rng::Rng;
pub use scope::Scope;
pub use secret::Secret;
pub use service::{ServiceName, ServiceNameError};
pub use sign_out::{Initiator, SignOutKind, SignOutWay};
pub use time::Timestamp;
pub use token::{MachineToken, TokenKind};
pub use totp::{Totp, TotpCode};
