use serde::{Deserialize, Serialize};

use crate::{
    AccountId, AppPasswordId, BuildId, ConnectionId, ConnectionKind, ConnectionState, Given, GroupId,
    IssuerId, KindSet, ProjectId, ProjectTokenId, Proof, RequestId, Role, RuleId, Scope, ServiceId,
    SignOutWay, Timestamp, TokenId, WhyBuildEnded, WhyBuildRefused, WhyEnded, WhyUnused,
};

/// One line of the log, as it is written: its number and its time are given by the store, in the transaction of
/// the change that it tells of. It never holds a secret.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The account that it is about, if any: whose activity shows it.
    pub account: Option<AccountId>,
    /// Who did it.
    pub actor: Actor,
    /// The address that it came from, if it came from one.
    pub source: Option<String>,
    /// The request that caused it; as in the log lines.
    pub request: RequestId,
    /// The label of the personal API token that it was done with; none for somebody signed in.
    pub token: Option<String>,
    /// What happened.
    pub what: What,
}

/// One line of the log, as it is read.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its place in the log: from 1, without gaps, in commit order.
    pub number: i64,
    /// When it was written.
    pub at: Timestamp,
    /// The account that it is about, if any.
    pub account: Option<AccountId>,
    /// Who did it.
    pub actor: Actor,
    /// The address that it came from.
    pub source: Option<String>,
    /// The request that caused it; as in the log lines.
    pub request: RequestId,
    /// The label of the personal API token that it was done with; none for somebody signed in.
    pub token: Option<String>,
    /// What happened.
    pub what: What,
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person, signed in, or signing in.
    Account(AccountId),
    /// Whoever can use the command line on the server's machine.
    Machine,
    /// Doorkey by itself, such as when a time is over.
    Doorkey,
}

/// What happened. A closed list: adding one here makes every reader of the log say what it does with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are the words of product.md")]
pub enum What {
    /// An account was made.
    AccountAdded { name: String, administrator: bool },
    /// An account was made for somebody who has still to set its password, through a one-time link.
    AccountInvited { name: String, administrator: bool, expires_at: Timestamp },
    /// A new invitation link was made, and earlier ones stopped working.
    InviteLinkMade { expires_at: Timestamp },
    /// Somebody who was invited set their password.
    InvitationAccepted,
    /// An administrator signed the account out everywhere.
    AccountSignedOut,
    /// An administrator signed everybody out, in so many browsers and command lines.
    EverybodySignedOut { count: u64 },
    /// The account was suspended: nothing that it has opens anything.
    AccountSuspended,
    /// The account may be used again.
    AccountResumed,
    /// The account was removed, with all that was its own.
    AccountRemoved { name: String },
    /// The account's person got another name.
    AccountRenamed { display_name: String },
    /// The account's person administers this server from now on.
    AdministratorMade,
    /// The account's person no longer administers this server.
    AdministratorUnmade,
    /// Another name signs the account in.
    AliasAdded { alias: String },
    /// A name no longer signs the account in.
    AliasRemoved { alias: String },
    /// A person signed in, here or with the command line; in a trusted browser, or not.
    SignedIn {
        agent: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        trusted_browser: bool,
    },
    /// A person signed out.
    SignedOut,
    /// Other browsers and command lines of the account were signed out.
    OthersSignedOut { count: u64 },
    /// One browser or command line of the account was signed out, from another one.
    SessionEnded { agent: String },
    /// A browser is trusted from now on: its person needs no code in it.
    BrowserTrusted { agent: String, ends_at: Timestamp },
    /// A browser is no longer trusted.
    BrowserForgotten { agent: String },
    /// So many browsers are no longer trusted.
    BrowsersForgotten { count: u64 },
    /// A personal API token was made.
    TokenMade { id: TokenId, label: String, scopes: Vec<Scope>, expires_at: Timestamp },
    /// A personal API token was revoked.
    TokenRevoked { id: TokenId, label: String },
    /// So many personal API tokens were revoked, with the password or the second factor that they were made by.
    TokensRevoked { count: u64 },
    /// A hundred wrong passwords or codes in a row: no more are taken.
    SignInBlocked,
    /// The account's password was changed by its person.
    PasswordChanged { revoked: u64 },
    /// A one-time link to reset the password was made, which takes the second factor away too when that was lost.
    ResetLinkMade { expires_at: Timestamp, lost_second_factor: bool },
    /// The account's password was reset through such a link.
    PasswordReset { revoked: u64 },
    /// Two-factor authentication was turned on.
    TwoFactorOn,
    /// Two-factor authentication was turned off.
    TwoFactorOff { revoked: u64 },
    /// The authenticator app of another phone took the place of the one before.
    TwoFactorMoved,
    /// Recovery codes were made, and those from before stopped working.
    RecoveryCodesMade,
    /// A recovery code stood in for the authenticator app, and is used up.
    RecoveryCodeUsed { left: u64 },
    /// An app-specific password was generated. `kinds` is empty when it was made for the first app that uses it.
    AppPasswordGenerated { id: AppPasswordId, label: String, kinds: KindSet, expires_at: Option<Timestamp> },
    /// An app-specific password made for the first app was used by it, and opens only this from now on.
    AppPasswordBound { id: AppPasswordId, label: String, kinds: KindSet, service: String },
    /// An app-specific password made for these kinds opened something for the first time.
    AppPasswordFirstUsed { id: AppPasswordId, label: String, service: String },
    /// An app-specific password stopped working.
    AppPasswordEnded { id: AppPasswordId, label: String, why: WhyEnded },
    /// An app-specific password that had ended was tried: told once for each.
    AppPasswordTriedAfterEnd { id: AppPasswordId, label: String, service: String },
    /// After something was taken back, a service ended what was open, or took word of it. `label` is the app-specific password's; none when
    /// it was about all that the account had open.
    SignedOutAt { service: String, label: Option<String>, way: SignOutWay },
    /// A service could not be asked to end what was open, and is no longer tried.
    SignOutFailed { service: String, label: Option<String>, way: SignOutWay },
    /// A service was registered. No group stands for everyone.
    ServiceAdded {
        id: ServiceId,
        name: String,
        kinds: KindSet,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        groups: Vec<String>,
    },
    /// What a service holds, or who may use it, was changed to this. No group stands for everyone.
    ServiceChanged { id: ServiceId, name: String, kinds: KindSet, groups: Vec<String> },
    /// How people's apps are set up with a service was changed to this: the addresses of its public servers, and the domains whose people's apps
    /// find them by themselves.
    ServiceSetUpChanged { id: ServiceId, name: String, servers: Vec<String>, domains: Vec<String> },
    /// A service got a new key, and the old one stopped working.
    ServiceKeyReplaced { id: ServiceId, name: String },
    /// How people are signed out of a service was set; `way` is none when nobody is any more.
    ServiceSignOutSet { id: ServiceId, name: String, way: Option<SignOutWay> },
    /// A service was removed, and with it its door.
    ServiceRemoved { id: ServiceId, name: String },
    /// A group was made, with nobody in it.
    GroupAdded { id: GroupId, name: String },
    /// A group was removed, after everybody had left it.
    GroupRemoved { id: GroupId, name: String },
    /// The person joined a group.
    GroupJoined { id: GroupId, name: String },
    /// The person left a group; also when the group was about to be removed.
    GroupLeft { id: GroupId, name: String },
    /// An Apple ID or an API key was connected.
    ConnectionAdded { id: ConnectionId, name: String, kind: ConnectionKind },
    /// Apple answered differently about a connection than the last time.
    ConnectionStateChanged { id: ConnectionId, name: String, state: ConnectionState },
    /// A connection was removed, and what was stored of it.
    ConnectionRemoved { id: ConnectionId, name: String },
    /// A project was made.
    ProjectAdded { project: ProjectId, project_name: String },
    /// A project is called so, and its builds last at most so long, in minutes.
    ProjectChanged { project: ProjectId, project_name: String, build_minutes: u32 },
    /// A project was removed, with its team, rules, tokens and builds.
    ProjectRemoved { project: ProjectId, project_name: String },
    /// Somebody was asked to join a project's team.
    MemberInvited { project: ProjectId, project_name: String, invited: String, role: Role },
    /// Somebody is no longer asked to join a project's team.
    InvitationWithdrawn { project: ProjectId, project_name: String, invited: String },
    /// The person joined a project's team.
    MemberJoined { project: ProjectId, project_name: String, role: Role },
    /// The person has another role in a project's team.
    MemberRoleChanged { project: ProjectId, project_name: String, role: Role },
    /// The person left a project's team, or was taken out of it.
    MemberLeft { project: ProjectId, project_name: String },
    /// The person lets a project's admins choose their connection.
    ConnectionOffered { project: ProjectId, project_name: String, id: ConnectionId, name: String },
    /// The person no longer lets them.
    ConnectionOfferTakenBack { project: ProjectId, project_name: String, id: ConnectionId, name: String },
    /// A project's builds use this connection from now on; `id` and `name` are none when they use none of this kind.
    ConnectionChosen {
        project: ProjectId,
        project_name: String,
        kind: ConnectionKind,
        id: Option<ConnectionId>,
        name: Option<String>,
    },
    /// A project's builds stopped using a connection that can't be used there any more.
    ConnectionUnused {
        project: ProjectId,
        project_name: String,
        kind: ConnectionKind,
        id: ConnectionId,
        name: String,
        why: WhyUnused,
    },
    /// A token was made that opens builds of a project.
    ProjectTokenMade {
        project: ProjectId,
        project_name: String,
        id: ProjectTokenId,
        label: String,
        expires_at: Timestamp,
    },
    /// Such a token was revoked.
    ProjectTokenRevoked { project: ProjectId, project_name: String, id: ProjectTokenId, label: String },
    /// Identity tokens that fit this rule open builds of a project from now on.
    RuleAdded { project: ProjectId, project_name: String, id: RuleId, rule: String },
    /// They no longer do.
    RuleRemoved { project: ProjectId, project_name: String, id: RuleId, rule: String },
    /// Projects may name this CI's identity tokens in their rules.
    IssuerAdded { id: IssuerId, name: String, issuer: String },
    /// They no longer may, and those rules are gone.
    IssuerRemoved { id: IssuerId, name: String, issuer: String },
    /// A build was opened.
    BuildOpened {
        project: ProjectId,
        project_name: String,
        build: BuildId,
        proof: Proof,
        commit: Option<String>,
        reference: Option<String>,
        ends_at: Timestamp,
    },
    /// Identity tokens that are genuine opened no build, summed up over minutes.
    BuildRefused {
        project: ProjectId,
        project_name: String,
        issuer: String,
        why: WhyBuildRefused,
        count: u64,
    },
    /// A build ended, and its token with it.
    BuildEnded { project: ProjectId, project_name: String, build: BuildId, why: WhyBuildEnded },
    /// A build received what it needs of a connection.
    HandedOut {
        project: ProjectId,
        project_name: String,
        build: BuildId,
        proof: Proof,
        commit: Option<String>,
        reference: Option<String>,
        id: ConnectionId,
        name: String,
        given: Vec<Given>,
    },
    /// A mail could not be delivered, and is no longer tried: `status` is the mail server's, if it refused.
    MailFailed { about: String, status: Option<u16> },
    /// The key outside the database was replaced, and the data key that seals with it. `data_key` is the number of the new one.
    KeyRotated { data_key: i64 },
    /// Sign-ins at a door were refused, summed up over a minute.
    Refused { service: String, reason: RefusalReason, count: u64 },
    /// Sign-ins to the account itself, by pages or API, were refused, summed up over a minute.
    SignInRefused { reason: RefusalReason, count: u64 },
    /// More kinds of refusals in a minute than there is room for in the log.
    MoreRefused { count: u64 },
    /// A backup was restored in the place of what was there: everybody was signed out, and a new numbering began.
    Restored {
        backup_made_at: Timestamp,
        backup_version: String,
        backup_event: i64,
        app_passwords_kept: bool,
    },
    /// All data was moved here from another database. Both places are told without their passwords.
    Moved { from: String, to: String },
    /// After it was moved elsewhere, the data that had stayed was taken into use again, as it was then: everybody was signed out, and a
    /// new numbering began.
    MoveUndone { to: String, moved_at: Timestamp, app_passwords_kept: bool },
}

impl What {
    /// Whether it changes what a door answers for its account, so that the index has to read it again.
    #[must_use]
    pub const fn changes_account(&self) -> bool {
        match self {
            Self::AccountAdded { .. }
            | Self::AccountInvited { .. }
            | Self::InvitationAccepted
            | Self::AccountSuspended
            | Self::AccountResumed
            | Self::AccountRemoved { .. }
            | Self::AccountRenamed { .. }
            | Self::AliasAdded { .. }
            | Self::AliasRemoved { .. }
            | Self::PasswordChanged { .. }
            | Self::PasswordReset { .. }
            | Self::TwoFactorOff { .. }
            | Self::AppPasswordGenerated { .. }
            | Self::AppPasswordBound { .. }
            | Self::AppPasswordEnded { .. }
            | Self::GroupJoined { .. }
            | Self::GroupLeft { .. } => true,
            Self::SignedIn { .. }
            | Self::SignedOut
            | Self::OthersSignedOut { .. }
            | Self::SessionEnded { .. }
            | Self::AccountSignedOut
            | Self::EverybodySignedOut { .. }
            | Self::BrowserTrusted { .. }
            | Self::BrowserForgotten { .. }
            | Self::BrowsersForgotten { .. }
            | Self::TokenMade { .. }
            | Self::TokenRevoked { .. }
            | Self::TokensRevoked { .. }
            | Self::SignInBlocked
            | Self::ResetLinkMade { .. }
            | Self::InviteLinkMade { .. }
            | Self::AdministratorMade
            | Self::AdministratorUnmade
            | Self::TwoFactorOn
            | Self::TwoFactorMoved
            | Self::RecoveryCodesMade
            | Self::RecoveryCodeUsed { .. }
            | Self::AppPasswordFirstUsed { .. }
            | Self::AppPasswordTriedAfterEnd { .. }
            | Self::SignedOutAt { .. }
            | Self::SignOutFailed { .. }
            | Self::ServiceAdded { .. }
            | Self::ServiceChanged { .. }
            | Self::ServiceSetUpChanged { .. }
            | Self::ServiceKeyReplaced { .. }
            | Self::ServiceSignOutSet { .. }
            | Self::ServiceRemoved { .. }
            | Self::GroupAdded { .. }
            | Self::GroupRemoved { .. }
            | Self::ConnectionAdded { .. }
            | Self::ConnectionStateChanged { .. }
            | Self::ConnectionRemoved { .. }
            | Self::ProjectAdded { .. }
            | Self::ProjectChanged { .. }
            | Self::ProjectRemoved { .. }
            | Self::MemberInvited { .. }
            | Self::InvitationWithdrawn { .. }
            | Self::MemberJoined { .. }
            | Self::MemberRoleChanged { .. }
            | Self::MemberLeft { .. }
            | Self::ConnectionOffered { .. }
            | Self::ConnectionOfferTakenBack { .. }
            | Self::ConnectionChosen { .. }
            | Self::ConnectionUnused { .. }
            | Self::ProjectTokenMade { .. }
            | Self::ProjectTokenRevoked { .. }
            | Self::RuleAdded { .. }
            | Self::RuleRemoved { .. }
            | Self::IssuerAdded { .. }
            | Self::IssuerRemoved { .. }
            | Self::BuildOpened { .. }
            | Self::BuildRefused { .. }
            | Self::BuildEnded { .. }
            | Self::HandedOut { .. }
            | Self::MailFailed { .. }
            | Self::KeyRotated { .. }
            | Self::Refused { .. }
            | Self::SignInRefused { .. }
            | Self::MoreRefused { .. }
            | Self::Restored { .. }
            | Self::Moved { .. }
            | Self::MoveUndone { .. } => false,
        }
    }

    /// The sort that people filter the log by. It is stored beside the event: one that is moved to another sort moves in the log by
    /// a migration.
    #[must_use]
    pub const fn sort(&self) -> Sort {
        match self {
            Self::SignedIn { .. }
            | Self::SignedOut
            | Self::OthersSignedOut { .. }
            | Self::SessionEnded { .. } => Sort::SignIns,
            Self::AppPasswordGenerated { .. }
            | Self::AppPasswordBound { .. }
            | Self::AppPasswordFirstUsed { .. }
            | Self::AppPasswordEnded { .. }
            | Self::AppPasswordTriedAfterEnd { .. }
            | Self::SignedOutAt { .. }
            | Self::SignOutFailed { .. } => Sort::AppPasswords,
            Self::AccountAdded { .. }
            | Self::AccountInvited { .. }
            | Self::InviteLinkMade { .. }
            | Self::InvitationAccepted
            | Self::AccountSignedOut
            | Self::AccountSuspended
            | Self::AccountResumed
            | Self::AccountRemoved { .. }
            | Self::AccountRenamed { .. }
            | Self::AdministratorMade
            | Self::AdministratorUnmade
            | Self::AliasAdded { .. }
            | Self::AliasRemoved { .. }
            | Self::BrowserTrusted { .. }
            | Self::BrowserForgotten { .. }
            | Self::BrowsersForgotten { .. }
            | Self::TokenMade { .. }
            | Self::TokenRevoked { .. }
            | Self::TokensRevoked { .. }
            | Self::SignInBlocked
            | Self::PasswordChanged { .. }
            | Self::ResetLinkMade { .. }
            | Self::PasswordReset { .. }
            | Self::TwoFactorOn
            | Self::TwoFactorOff { .. }
            | Self::TwoFactorMoved
            | Self::RecoveryCodesMade
            | Self::RecoveryCodeUsed { .. }
            | Self::GroupJoined { .. }
            | Self::GroupLeft { .. } => Sort::Security,
            Self::ConnectionAdded { .. }
            | Self::ConnectionStateChanged { .. }
            | Self::ConnectionRemoved { .. }
            | Self::ProjectAdded { .. }
            | Self::ProjectChanged { .. }
            | Self::ProjectRemoved { .. }
            | Self::MemberInvited { .. }
            | Self::InvitationWithdrawn { .. }
            | Self::MemberJoined { .. }
            | Self::MemberRoleChanged { .. }
            | Self::MemberLeft { .. }
            | Self::ConnectionOffered { .. }
            | Self::ConnectionOfferTakenBack { .. }
            | Self::ConnectionChosen { .. }
            | Self::ConnectionUnused { .. }
            | Self::ProjectTokenMade { .. }
            | Self::ProjectTokenRevoked { .. }
            | Self::RuleAdded { .. }
            | Self::RuleRemoved { .. }
            | Self::IssuerAdded { .. }
            | Self::IssuerRemoved { .. }
            | Self::BuildOpened { .. }
            | Self::BuildRefused { .. }
            | Self::BuildEnded { .. }
            | Self::HandedOut { .. } => Sort::Builds,
            Self::Refused { .. } | Self::SignInRefused { .. } | Self::MoreRefused { .. } => Sort::Refusals,
            Self::ServiceAdded { .. }
            | Self::ServiceChanged { .. }
            | Self::ServiceSetUpChanged { .. }
            | Self::ServiceKeyReplaced { .. }
            | Self::ServiceSignOutSet { .. }
            | Self::ServiceRemoved { .. }
            | Self::GroupAdded { .. }
            | Self::GroupRemoved { .. }
            | Self::MailFailed { .. }
            | Self::KeyRotated { .. }
            | Self::EverybodySignedOut { .. }
            | Self::Restored { .. }
            | Self::Moved { .. }
            | Self::MoveUndone { .. } => Sort::Administration,
        }
    }

    /// The service that it is about, or that it happened at.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::AppPasswordBound { service, .. }
            | Self::AppPasswordFirstUsed { service, .. }
            | Self::AppPasswordTriedAfterEnd { service, .. }
            | Self::SignedOutAt { service, .. }
            | Self::SignOutFailed { service, .. }
            | Self::Refused { service, .. } => Some(service),
            Self::ServiceAdded { name, .. }
            | Self::ServiceChanged { name, .. }
            | Self::ServiceSetUpChanged { name, .. }
            | Self::ServiceKeyReplaced { name, .. }
            | Self::ServiceSignOutSet { name, .. }
            | Self::ServiceRemoved { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The project that it is about, or that it happened in.
    #[must_use]
    pub const fn project(&self) -> Option<ProjectId> {
        match self {
            Self::ProjectAdded { project, .. }
            | Self::ProjectChanged { project, .. }
            | Self::ProjectRemoved { project, .. }
            | Self::MemberInvited { project, .. }
            | Self::InvitationWithdrawn { project, .. }
            | Self::MemberJoined { project, .. }
            | Self::MemberRoleChanged { project, .. }
            | Self::MemberLeft { project, .. }
            | Self::ConnectionOffered { project, .. }
            | Self::ConnectionOfferTakenBack { project, .. }
            | Self::ConnectionChosen { project, .. }
            | Self::ConnectionUnused { project, .. }
            | Self::ProjectTokenMade { project, .. }
            | Self::ProjectTokenRevoked { project, .. }
            | Self::RuleAdded { project, .. }
            | Self::RuleRemoved { project, .. }
            | Self::BuildOpened { project, .. }
            | Self::BuildRefused { project, .. }
            | Self::BuildEnded { project, .. }
            | Self::HandedOut { project, .. } => Some(*project),
            _ => None,
        }
    }

    /// The connection that it is about.
    #[must_use]
    pub const fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::ConnectionAdded { id, .. }
            | Self::ConnectionStateChanged { id, .. }
            | Self::ConnectionRemoved { id, .. }
            | Self::ConnectionOffered { id, .. }
            | Self::ConnectionOfferTakenBack { id, .. }
            | Self::ConnectionUnused { id, .. }
            | Self::HandedOut { id, .. } => Some(*id),
            Self::ConnectionChosen { id, .. } => *id,
            _ => None,
        }
    }

    /// Whether it changes which services there are, their keys, what they hold or who may use them.
    #[must_use]
    pub const fn changes_services(&self) -> bool {
        matches!(
            self,
            Self::ServiceAdded { .. }
                | Self::ServiceChanged { .. }
                | Self::ServiceKeyReplaced { .. }
                | Self::ServiceSignOutSet { .. }
                | Self::ServiceRemoved { .. }
        )
    }
}

/// What people filter the log by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Signing in and out.
    SignIns,
    /// App-specific passwords: made, bound, ended, tried after their end.
    AppPasswords,
    /// Whatever else changes who can get into an account, or what it may do.
    Security,
    /// Connections, projects, their builds, and what was handed out.
    Builds,
    /// Sign-ins that were refused.
    Refusals,
    /// What administrators do to the server itself.
    Administration,
}

impl Sort {
    /// Every sort.
    pub const ALL: [Self; 6] = [
        Self::SignIns,
        Self::AppPasswords,
        Self::Security,
        Self::Builds,
        Self::Refusals,
        Self::Administration,
    ];

    /// The sort as it is stored and as programs read it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::SignIns => "sign_ins",
            Self::AppPasswords => "app_passwords",
            Self::Security => "security",
            Self::Builds => "builds",
            Self::Refusals => "refusals",
            Self::Administration => "administration",
        }
    }

    /// The sort of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.code() == code)
    }
}

/// Why a sign-in was refused, at a door or to the account itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// No such account: all of them in one bucket, so that strangers can't fill the log with names.
    UnknownAccount,
    /// No such password.
    WrongPassword,
    /// Not the code of the second factor.
    WrongCode,
    /// The password is good, and no code followed it.
    NoCode,
    /// Too many failures before: it wasn't even looked at.
    TooManyAttempts,
    /// The password is good, but not for this service.
    NotForThisService,
    /// The password is good, but its person may not use this service.
    NotForThisPerson,
    /// The account may not be used at the moment. (A password that has ended is told by
    /// [`What::AppPasswordTriedAfterEnd`], once.)
    Suspended,
}

impl RefusalReason {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::UnknownAccount,
        Self::WrongPassword,
        Self::WrongCode,
        Self::NoCode,
        Self::TooManyAttempts,
        Self::NotForThisService,
        Self::NotForThisPerson,
        Self::Suspended,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_told_by_name() {
        let what =
            What::Refused { service: "calendar".into(), reason: RefusalReason::WrongPassword, count: 3 };
        let told = r#"{"what":"refused","service":"calendar","reason":"wrong_password","count":3}"#;
        assert_eq!(serde_json::to_string(&what).unwrap(), told);
        assert_eq!(serde_json::from_str::<What>(told).unwrap(), what);
    }
}
