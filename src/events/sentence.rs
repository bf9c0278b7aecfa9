//! Each event in words. One sentence serves two readers: a `Voice` says *You* and *your* to the person whose account it is about,
//! and names people to an administrator.

use domain::{Actor, Event, KindSet, RefusalReason, SignOutWay, Sort, What, WhyEnded};

use crate::sign_in::agent::told;

mod builds;

/// How a reader is told who did it, and whose it is.
struct Voice {
    /// Begins a sentence: `You`, `An administrator`, `grace@example.org`.
    by: String,
    /// Whether whoever did it is whose account it is about.
    by_self: bool,
    /// `you`, `themselves`, `ada@example.org`.
    you: String,
    /// `your`, `their`, `ada@example.org's`.
    your: String,
    /// After what is somebody's: nothing, or ` of ada@example.org` where `by` doesn't say so already.
    of: String,
}

impl Voice {
    fn by_self(event: &Event) -> bool {
        matches!((event.actor, event.account), (Actor::Account(who), Some(whose)) if who == whose)
    }

    fn to_person(event: &Event) -> Self {
        let by_self = Self::by_self(event);
        let by = match event.actor {
            _ if by_self => "You",
            Actor::Account(_) if event.what.project().is_some() => "An admin of the project",
            Actor::Account(_) | Actor::Machine => "An administrator",
            Actor::Doorkey => "Doorkey",
        };
        Self { by: by.into(), by_self, you: "you".into(), your: "your".into(), of: String::new() }
    }

    fn to_administrator(event: &Event, actor: &str, account: &str) -> Self {
        let by_self = Self::by_self(event);
        let by = match event.actor {
            Actor::Account(_) => actor,
            Actor::Machine => "The server's command line",
            Actor::Doorkey => "Doorkey",
        };
        let (you, your, of) = match event.account {
            None => ("somebody", "the".into(), String::new()),
            Some(_) if by_self => ("themselves", "their".into(), String::new()),
            Some(_) => (account, format!("{account}'s"), format!(" of {account}")),
        };
        Self { by: by.into(), by_self, you: you.into(), your, of }
    }
}

/// What happened, in one sentence to the person whose account it is about.
pub fn to_person(event: &Event) -> String {
    with_token(event, tell(&event.what, &Voice::to_person(event)))
}

/// Says so where it was done with a personal API token.
fn with_token(event: &Event, sentence: String) -> String {
    match &event.token {
        Some(label) => format!("{sentence} It was done with the token “{label}”."),
        None => sentence,
    }
}

/// What happened, in one sentence to an administrator: `actor` and `account` are the IDs of who did it and whose it is.
pub fn to_administrator(event: &Event, actor: &str, account: &str) -> String {
    with_token(event, tell(&event.what, &Voice::to_administrator(event, actor, account)))
}

fn tell(what: &What, voice: &Voice) -> String {
    let Voice { by, by_self, you, your, of } = voice;
    match what {
        What::AccountAdded { name, administrator } => {
            let rights = if *administrator { ", which administers this server" } else { "" };
            match by_self {
                true => format!("{by} set up the account {name}{rights}."),
                false => format!("{by} made the account {name}{rights}."),
            }
        }
        What::AccountInvited { name, .. } => format!("{by} invited {you} as {name}."),
        What::InviteLinkMade { .. } => format!("{by} made a new link for {you} to accept the invitation."),
        What::InvitationAccepted => format!("{by} accepted the invitation, and set {your} password."),
        What::AccountSignedOut => format!("{by} signed {you} out everywhere."),
        What::EverybodySignedOut { count } => {
            let places = counted(*count, "browser or command line", "browsers and command lines");
            format!("{by} signed everybody out: {places}.")
        }
        What::AccountSuspended => format!("{by} suspended {your} account."),
        What::AccountResumed => format!("{by} let {your} account be used again."),
        What::AccountRemoved { name } => format!("{by} removed the account {name}."),
        What::AccountRenamed { display_name } => format!("{by} changed {your} name to {display_name}."),
        What::AdministratorMade => format!("{by} made {you} an administrator of this server."),
        What::AdministratorUnmade => format!("{by} ended {your} being an administrator of this server."),
        What::AliasAdded { alias } => format!("{by} added {alias}, which signs {you} in too."),
        What::AliasRemoved { alias } => format!("{by} removed {alias}, which no longer signs {you} in."),
        What::SignedIn { agent, .. } if agent.is_empty() => format!("{by} signed in."),
        What::SignedIn { agent, .. } => format!("{by} signed in with {}.", told(agent)),
        What::SignedOut => format!("{by} signed out."),
        What::OthersSignedOut { count } => {
            let (one, more) = (format!("other browser{of} was"), format!("other browsers{of} were"));
            format!("{} signed out.", counted(*count, &one, &more))
        }
        What::SessionEnded { agent } if agent.is_empty() => format!("{by} signed out another browser{of}."),
        What::SessionEnded { agent } => format!("{by} signed out {}{of}.", told(agent)),
        What::BrowserTrusted { agent, ends_at } => {
            format!("{by} trusted {} until {}: it isn't asked for a code.", told(agent), ends_at.date())
        }
        What::BrowserForgotten { agent } => format!("{by} forgot the trusted browser {}{of}.", told(agent)),
        What::BrowsersForgotten { count } => {
            let (one, more) = (format!("trusted browser{of} was"), format!("trusted browsers{of} were"));
            format!("{} forgotten.", counted(*count, &one, &more))
        }
        What::TokenMade { label, scopes, expires_at, .. } => {
            let scopes: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
            let (scopes, until) = (scopes.join(", "), expires_at.date());
            format!("{by} made the API token “{label}” with the scopes {scopes}, good until {until}.")
        }
        What::TokenRevoked { label, .. } => format!("{by} revoked the API token “{label}”{of}."),
        What::TokensRevoked { count } => {
            let (one, more) = (format!("API token{of} was"), format!("API tokens{of} were"));
            format!("{} revoked.", counted(*count, &one, &more))
        }
        What::SignInBlocked => format!(
            "A hundred wrong passwords or codes in a row were tried at {your} account, so no more are taken."
        ),
        What::PasswordChanged { revoked } => {
            format!("{by} changed {your} password.{}", revoked_too(*revoked))
        }
        What::ResetLinkMade { lost_second_factor: false, .. } => {
            format!("{by} made a link to reset {your} password.")
        }
        What::ResetLinkMade { lost_second_factor: true, .. } => {
            format!("{by} made a link to reset {your} password and turn two-factor authentication off.")
        }
        What::PasswordReset { revoked } => {
            format!("{} password was reset by a link.{}", capital(your), revoked_too(*revoked))
        }
        What::TwoFactorOn => format!("{by} turned {your} two-factor authentication on."),
        What::TwoFactorOff { revoked } => {
            format!("{by} turned {your} two-factor authentication off.{}", revoked_too(*revoked))
        }
        What::TwoFactorMoved => {
            format!(
                "{by} set up a new phone for {your} two-factor authentication. The codes of the old one count no more."
            )
        }
        What::RecoveryCodesMade => {
            format!("{by} made {your} ten recovery codes. Any from before stopped working.")
        }
        What::RecoveryCodeUsed { left } => {
            let are = if *left == 1 { "is" } else { "are" };
            format!("{by} used one of {your} recovery codes. {left} {are} left.")
        }
        What::AppPasswordGenerated { label, kinds, .. } => {
            format!("{by} generated “{label}”, which opens {}.", opens(*kinds))
        }
        What::AppPasswordBound { label, kinds, service, .. } => {
            format!("“{label}”{of} was used first by {service}, and opens only {kinds} from now on.")
        }
        What::AppPasswordFirstUsed { label, service, .. } => {
            format!("“{label}”{of} was used for the first time, at {service}.")
        }
        What::AppPasswordEnded { label, why, .. } => ended(label, *why, voice),
        What::AppPasswordTriedAfterEnd { label, service, .. } => {
            format!("“{label}”{of} no longer works, and an app still tries it at {service}.")
        }
        What::SignedOutAt { service, label, way: SignOutWay::Webhook } => match label {
            Some(label) => format!("A webhook told {service} that “{label}”{of} has ended."),
            None => format!("A webhook told {service} to sign {you} out."),
        },
        What::SignedOutAt { service, label, .. } => match label {
            Some(label) => format!("What “{label}”{of} had open at {service} was closed."),
            None => format!("What {your} apps had open at {service} was closed."),
        },
        What::SignOutFailed { service, label, .. } => match label {
            Some(label) => {
                format!("“{label}”{of} could not be signed out of {service}: what it had open may still be.")
            }
            None => format!("Signing {you} out of {service} failed: what was open there may still be."),
        },
        What::ServiceAdded { name, .. } => format!("{by} registered the service {name}."),
        What::ServiceChanged { name, kinds, groups, .. } => {
            format!("{by} changed the service {name}: it holds {kinds}, and {} may use it.", who(groups))
        }
        What::ServiceSetUpChanged { name, servers, domains, .. } => set_up(by, name, servers, domains),
        What::ServiceKeyReplaced { name, .. } => format!("{by} gave the service {name} a new key."),
        What::ServiceSignOutSet { name, way, .. } => match way {
            None => format!("{by} set that nobody is signed out of {name}."),
            Some(SignOutWay::DovecotUser) => format!("{by} set that Dovecot signs people out of {name}."),
            Some(SignOutWay::DovecotAppPassword) => {
                format!("{by} set that Dovecot signs people out of {name}, by app-specific password.")
            }
            Some(SignOutWay::Webhook) => {
                format!("{by} set that {name} is told by a webhook whom to sign out.")
            }
        },
        What::ServiceRemoved { name, .. } => format!("{by} removed the service {name}."),
        What::KeyRotated { .. } => format!("{by} replaced the key that seals what is stored."),
        What::GroupAdded { name, .. } => format!("{by} made the group {name}."),
        What::GroupRemoved { name, .. } => format!("{by} removed the group {name}."),
        What::GroupJoined { name, .. } => format!("{by} put {you} into the group {name}."),
        What::GroupLeft { name, .. } => format!("{by} took {you} out of the group {name}."),
        What::ConnectionAdded { .. }
        | What::ConnectionStateChanged { .. }
        | What::ConnectionRemoved { .. }
        | What::ProjectAdded { .. }
        | What::ProjectChanged { .. }
        | What::ProjectRemoved { .. }
        | What::MemberInvited { .. }
        | What::InvitationWithdrawn { .. }
        | What::MemberJoined { .. }
        | What::MemberRoleChanged { .. }
        | What::MemberLeft { .. }
        | What::ConnectionOffered { .. }
        | What::ConnectionOfferTakenBack { .. }
        | What::ConnectionChosen { .. }
        | What::ConnectionUnused { .. }
        | What::ProjectTokenMade { .. }
        | What::ProjectTokenRevoked { .. }
        | What::RuleAdded { .. }
        | What::RuleRemoved { .. }
        | What::IssuerAdded { .. }
        | What::IssuerRemoved { .. }
        | What::BuildOpened { .. }
        | What::BuildRefused { .. }
        | What::BuildEnded { .. }
        | What::HandedOut { .. } => builds::tell(what, voice).unwrap_or_default(),
        What::MailFailed { about, status } => {
            let why = match status {
                Some(status) => format!("the mail server refused it ({status})"),
                None => "the mail server did not take it".into(),
            };
            format!("A mail to {you} ({about}) was not delivered: {why}.")
        }
        What::Refused { service, reason, count } => at_a_door(service, *reason, *count, voice),
        What::SignInRefused { reason, count } => to_the_account(*reason, *count, your),
        What::Restored { backup_made_at, app_passwords_kept, .. } => format!(
            "A backup of {} was restored. Everybody was signed out, and app-specific passwords were {}.",
            backup_made_at.exact(),
            if *app_passwords_kept { "kept" } else { "revoked" }
        ),
        What::Moved { from, to } => format!("All data was moved from {from} to {to}."),
        What::MoveUndone { to, moved_at, app_passwords_kept } => format!(
            "This data is in use again, as it was on {} when it was moved to {to}. Everybody was signed out, and app-specific \
             passwords were {}.",
            moved_at.exact(),
            if *app_passwords_kept { "kept" } else { "revoked" }
        ),
        What::MoreRefused { count } => {
            let (one, more) = (format!("more sign-in{of} was"), format!("more sign-ins{of} were"));
            format!("And {} refused.", counted(*count, &one, &more))
        }
    }
}

/// Those who may use a service, as the log keeps them.
fn who(groups: &[String]) -> String {
    match groups.split_last() {
        None => "everyone".into(),
        Some((last, [])) => format!("only {last}"),
        Some((last, rest)) => format!("only {} and {last}", rest.join(", ")),
    }
}

fn set_up(by: &str, service: &str, servers: &[String], domains: &[String]) -> String {
    let at = if servers.is_empty() { "no server".into() } else { servers.join(", ") };
    let found = match domains {
        [] => String::new(),
        domains => format!("; apps for addresses at {} find that by themselves", domains.join(", ")),
    };
    format!("{by} changed how apps are set up with the service {service}: {at}{found}.")
}

fn counted(n: u64, one: &str, more: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {more}") }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    // An ID stands as it is.
    match letters.next() {
        Some(first) if !word.contains('@') => first.to_uppercase().chain(letters).collect(),
        _ => word.to_owned(),
    }
}

fn revoked_too(revoked: u64) -> String {
    match revoked {
        0 => String::new(),
        n => format!(" {} revoked.", counted(n, "app-specific password was", "app-specific passwords were")),
    }
}

fn opens(kinds: KindSet) -> String {
    if kinds.is_empty() { "what its first app opens".into() } else { kinds.to_string() }
}

fn ended(label: &str, why: WhyEnded, Voice { by, your, of, .. }: &Voice) -> String {
    match why {
        WhyEnded::Expired => format!("“{label}”{of} expired."),
        WhyEnded::Revoked => format!("{by} revoked “{label}”{of}."),
        WhyEnded::RevokedAll => format!("{by} revoked “{label}”{of}, with all others."),
        WhyEnded::PasswordChanged => {
            format!("“{label}”{of} was revoked, because {your} password was changed.")
        }
        WhyEnded::PasswordReset => format!("“{label}”{of} was revoked, because {your} password was reset."),
        WhyEnded::Restored => {
            format!("“{label}”{of} was revoked, because this server went back to earlier data.")
        }
        WhyEnded::TwoFactorOff => {
            format!("“{label}”{of} was revoked, because two-factor authentication was turned off.")
        }
    }
}

fn at_a_door(service: &str, reason: RefusalReason, count: u64, Voice { your, of, .. }: &Voice) -> String {
    let of =
        if reason == RefusalReason::UnknownAccount { " to accounts that don't exist" } else { of.as_str() };
    let (one, more) = (format!("sign-in{of} was refused"), format!("sign-ins{of} were refused"));
    let were = counted(count, &one, &more);
    let why = match reason {
        RefusalReason::UnknownAccount => return format!("At {service}, {were}."),
        RefusalReason::WrongPassword => "with a wrong password",
        RefusalReason::WrongCode => "with a wrong code",
        RefusalReason::NoCode => "without a code",
        RefusalReason::TooManyAttempts => "after too many attempts",
        RefusalReason::NotForThisService if your == "your" => {
            "with a password of yours that is for something else"
        }
        RefusalReason::NotForThisService => "with a password that is for something else",
        RefusalReason::NotForThisPerson if your == "your" => "because you may not use it",
        RefusalReason::NotForThisPerson => "because they may not use it",
        RefusalReason::Suspended => "because the account is suspended",
    };
    format!("At {service}, {were} {why}.")
}

fn to_the_account(reason: RefusalReason, count: u64, your: &str) -> String {
    let (sign_ins, were) = (counted(count, "sign-in", "sign-ins"), if count == 1 { "was" } else { "were" });
    match reason {
        RefusalReason::UnknownAccount => format!("{sign_ins} to accounts that don't exist {were} refused."),
        RefusalReason::WrongPassword => {
            format!(
                "{} {were} entered for {your} account.",
                counted(count, "wrong password", "wrong passwords")
            )
        }
        RefusalReason::WrongCode => {
            format!("{} {were} entered for {your} account.", counted(count, "wrong code", "wrong codes"))
        }
        RefusalReason::NoCode => {
            let times = if count == 1 { "once".into() } else { format!("{count} times") };
            format!("The right password of {your} account was entered {times}, and no code after it.")
        }
        RefusalReason::TooManyAttempts => {
            format!("{sign_ins} to {your} account {were} not looked at, after too many that were wrong.")
        }
        RefusalReason::NotForThisService | RefusalReason::NotForThisPerson => {
            format!("{sign_ins} to {your} account {were} refused.")
        }
        RefusalReason::Suspended => {
            format!("{sign_ins} to {your} account {were} refused, because it is suspended.")
        }
    }
}

/// What somebody can do about an event of theirs: a question to fold it under, and the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Such as `Wasn't it you?`
    pub question: &'static str,
    /// What to do then.
    pub answer: &'static str,
}

/// What the person whose account it is about can do.
pub fn advice(what: &What) -> Option<Advice> {
    let wasnt_you = |answer| Some(Advice { question: "Wasn’t it you?", answer });
    let to_do = |answer| Some(Advice { question: "What to do", answer });
    match what {
        What::SignedIn { .. } => wasnt_you(
            "Change your password now, under Sign-In and Security: that signs out every other browser and revokes your \
             app-specific passwords.",
        ),
        What::AppPasswordGenerated { .. }
        | What::AppPasswordBound { .. }
        | What::AppPasswordFirstUsed { .. } => wasnt_you(
            "Revoke it under App-Specific Passwords, then change your password: somebody may have been signed in as you.",
        ),
        What::AppPasswordTriedAfterEnd { .. } => {
            to_do("Generate a new one for that app, or remove the account from it.")
        }
        What::Refused { reason: RefusalReason::WrongPassword, .. } => to_do(
            "Apps sign in with an app-specific password, never with your account's own. Generate one for that app. If no app of \
             yours signs in from there, there is nothing to do: such passwords can't be guessed.",
        ),
        What::Refused { reason: RefusalReason::NotForThisService, .. } => {
            to_do("Generate one that opens what this service holds.")
        }
        What::Refused { reason: RefusalReason::NotForThisPerson, .. } => {
            to_do("If you need this service, ask an administrator to let you use it.")
        }
        What::GroupJoined { .. } | What::GroupLeft { .. } => None,
        What::SignInRefused { reason: RefusalReason::NoCode, .. } => wasnt_you(
            "Somebody knows your password. They didn't get in: your second factor kept them out. Change your password now.",
        ),
        What::SignInRefused { .. } | What::SignInBlocked => wasnt_you(
            "Somebody is trying to sign in as you. A long password that you use nowhere else, and two-factor authentication, \
             keep them out. In a trusted browser you can still sign in.",
        ),
        _ if what.sort() == Sort::Security => wasnt_you(
            "If you don't know of it, change your password now, look at your app-specific passwords, and tell an \
             administrator of this server.",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
