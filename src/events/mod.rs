//! The log, as people and programs read it.

use domain::{Actor, Event, KindSet, RefusalReason, What, WhyEnded};
use store::events as rows;

use crate::{access::SignedIn, app::App, problem::Problem};

pub mod api;
pub mod pages;
pub mod views;

/// How many events are shown at a time.
pub const PAGE: usize = 50;

/// A page of events, the newest first, and from where the next one goes on.
pub struct Page {
    /// The events.
    pub events: Vec<Event>,
    /// The number before which older ones are.
    pub older: Option<i64>,
}

/// What happened to the person's account, before the event of this number.
///
/// # Errors
/// As the database has them.
pub async fn activity(app: &App, person: &SignedIn, before: Option<i64>) -> Result<Page, Problem> {
    let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let before = before.unwrap_or(i64::MAX);
    let account = person.account.id;
    let mut events = app.store.scan(move |conn| rows::of_account(conn, account, before, limit)).await?;
    let more = events.len() > PAGE;
    events.truncate(PAGE);
    let older = events.last().filter(|_| more).map(|event| event.number);
    Ok(Page { events, older })
}

/// What happened, in one sentence to the person whose account it is about.
pub fn sentence(event: &Event) -> String {
    let by_you = matches!((event.actor, event.account), (Actor::Account(who), Some(whose)) if who == whose);
    let by = if by_you { "You" } else { "An administrator" };
    match &event.what {
        What::AccountAdded { name, .. } => match by_you {
            true => format!("You set up the account {name}."),
            false => format!("{by} made the account {name}."),
        },
        What::AccountInvited { name, .. } => format!("{by} invited you as {name}."),
        What::InviteLinkMade { .. } => format!("{by} made a new link for you to accept the invitation."),
        What::InvitationAccepted => "You accepted the invitation, and set your password.".into(),
        What::AccountSuspended => format!("{by} suspended your account."),
        What::AccountResumed => format!("{by} let your account be used again."),
        What::AccountRemoved { name } => format!("{by} removed the account {name}."),
        What::AccountRenamed { display_name } => format!("{by} changed your name to {display_name}."),
        What::AdministratorMade => format!("{by} made you an administrator of this server."),
        What::AdministratorUnmade => format!("{by} ended your being an administrator of this server."),
        What::AliasAdded { alias } => format!("{by} added {alias}, which signs you in too."),
        What::AliasRemoved { alias } => format!("{by} removed {alias}, which no longer signs you in."),
        What::SignedIn { agent } if agent.is_empty() => "You signed in.".into(),
        What::SignedIn { agent } => format!("You signed in with {agent}."),
        What::SignedOut => "You signed out.".into(),
        What::OthersSignedOut { count } => {
            format!("{} signed out.", counted(*count, "other browser was", "other browsers were"))
        }
        What::SignInBlocked => {
            "A hundred wrong passwords or codes in a row were tried, so no more are taken. If it \
                                wasn't you, change your password."
                .into()
        }
        What::PasswordChanged { revoked } => format!("You changed your password.{}", revoked_too(*revoked)),
        What::ResetLinkMade { lost_second_factor: false, .. } => {
            format!("{by} made a link to reset your password.")
        }
        What::ResetLinkMade { lost_second_factor: true, .. } => {
            format!("{by} made a link to reset your password and turn two-factor authentication off.")
        }
        What::PasswordReset { revoked } => {
            format!("Your password was reset by a link.{}", revoked_too(*revoked))
        }
        What::TwoFactorOn => format!("{by} turned two-factor authentication on."),
        What::TwoFactorOff { revoked } => {
            format!("You turned two-factor authentication off.{}", revoked_too(*revoked))
        }
        What::AppPasswordGenerated { label, kinds, .. } => {
            format!("You generated “{label}”, which opens {}.", opens(*kinds))
        }
        What::AppPasswordBound { label, kinds, service, .. } => {
            format!("“{label}” was used first by {service}, and opens only {kinds} from now on.")
        }
        What::AppPasswordEnded { label, why, .. } => ended(label, *why),
        What::AppPasswordTriedAfterEnd { label, service, .. } => format!(
            "“{label}” no longer works, and an app still tries it at {service}. Generate a new one for that app, or \
             remove the account from it."
        ),
        What::ServiceAdded { name, .. } => format!("{by} registered the service {name}."),
        What::ServiceChanged { name, kinds, groups, .. } => {
            format!("{by} changed the service {name}: it holds {kinds}, and {} may use it.", who(groups))
        }
        What::ServiceKeyReplaced { name, .. } => format!("{by} gave the service {name} a new key."),
        What::ServiceRemoved { name, .. } => format!("{by} removed the service {name}."),
        What::GroupAdded { name, .. } => format!("{by} made the group {name}."),
        What::GroupRemoved { name, .. } => format!("{by} removed the group {name}."),
        What::GroupJoined { name, .. } => format!("{by} put you into the group {name}."),
        What::GroupLeft { name, .. } => format!("{by} took you out of the group {name}."),
        What::Refused { service, reason, count } => refused(service, *reason, *count),
        What::MoreRefused { count } => format!("And {count} more sign-ins were refused."),
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

fn counted(n: u64, one: &str, more: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {more}") }
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

fn ended(label: &str, why: WhyEnded) -> String {
    match why {
        WhyEnded::Expired => format!("“{label}” expired."),
        WhyEnded::Revoked => format!("You revoked “{label}”."),
        WhyEnded::RevokedAll => format!("You revoked “{label}”, with all others."),
        WhyEnded::PasswordChanged => format!("“{label}” was revoked, because your password was changed."),
        WhyEnded::PasswordReset => format!("“{label}” was revoked, because your password was reset."),
        WhyEnded::TwoFactorOff => {
            format!("“{label}” was revoked, because two-factor authentication was turned off.")
        }
    }
}

fn refused(service: &str, reason: RefusalReason, count: u64) -> String {
    let were = counted(count, "sign-in was refused", "sign-ins were refused");
    let why = match reason {
        RefusalReason::UnknownAccount => "of accounts that don't exist.",
        RefusalReason::WrongPassword => "with a wrong password. Apps sign in with an app-specific password.",
        RefusalReason::NotForThisService => {
            "with a password of yours that is for something else. Generate one that opens what this service holds."
        }
        RefusalReason::NotForThisPerson => "because it may not be used by you: ask an administrator.",
        RefusalReason::Suspended => "because the account is suspended.",
    };
    format!("At {service}, {were} {why}")
}
