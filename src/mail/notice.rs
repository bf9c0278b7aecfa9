//! What a person is written to about, and in which words: what happened to their account, and what to do if it wasn't them.

use domain::{Actor, Event, RefusalReason, Timestamp, What, WhyEnded};

use super::letter::Letter;
use crate::sign_in::agent;

/// What letters about events are filed under.
pub const ABOUT: &str = "security notice";

/// What the letters about several events of one request begin with: the first of these that is among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The password.
    Password,
    /// The second factor.
    TwoFactor,
    /// The account itself.
    Account,
    /// Tokens of programs.
    Token,
    /// Signing in.
    SignIn,
    /// App-specific passwords.
    AppPassword,
    /// What a project's builds no longer use: they may fail until somebody chooses something else.
    Project,
}

impl Rank {
    /// Whether it is about who can get into the account as a whole, or builds that fail: then a letter comes also when there have been many.
    pub fn is_grave(self) -> bool {
        self <= Self::Account || self == Self::Project
    }
}

/// Where something can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    /// By somebody else.
    Nowhere,
    AppPasswords,
    Security,
    Tokens,
    Activity,
}

impl Page {
    fn link(self, server: &str) -> Option<(String, String)> {
        let (label, path) = match self {
            Self::Nowhere => return None,
            Self::AppPasswords => ("Open App-Specific Passwords", "/app-passwords"),
            Self::Security => ("Open Sign-In and Security", "/security"),
            Self::Tokens => ("Open API Tokens", "/tokens"),
            Self::Activity => ("Open Activity", "/activity"),
        };
        Some((label.into(), format!("{server}{path}")))
    }
}

/// What one event is to its person.
struct Told {
    rank: Rank,
    subject: String,
    sentence: String,
    page: Page,
    then: &'static str,
}

/// Something that somebody did, in the words for it.
fn told(rank: Rank, page: Page, subject: impl Into<String>, sentence: String, then: &'static str) -> Told {
    Told { rank, subject: subject.into(), sentence, page, then }
}

const CHANGE_PASSWORD: &str = "If it wasn’t you, change your password now, on the page Sign-In and Security: that signs out every \
     other browser and revokes your app-specific passwords.";
const LOCKED_OUT: &str = "If it wasn’t you, ask an administrator at once for a link to reset your password: somebody else is signed in \
     as you.";
const LOOK_ROUND: &str = "If it wasn’t you, somebody is signed in as you: change your password now, on the page Sign-In and Security, \
     and look there at your second factor, your recovery codes and where you are signed in.";

/// What a person is written to about an event of their account; none where they aren't. That is said of each kind, so that a new one is
/// thought about: what only takes access away from a browser isn't written about, nor what has a letter of its own, nor what isn't
/// about who can get in.
fn tell(event: &Event) -> Option<Told> {
    use Page::{Activity, AppPasswords, Nowhere, Security, Tokens};
    use Rank::{Account, AppPassword, Password, SignIn, Token, TwoFactor};
    let by = match by_administrator(event) {
        true => " by an administrator",
        false => "",
    };
    Some(match &event.what {
        What::PasswordChanged { .. } => told(
            Password,
            Security,
            "Your password was changed",
            format!("The password of your account was changed{by}."),
            LOCKED_OUT,
        ),
        What::PasswordReset { .. } => told(
            Password,
            Security,
            "Your password was reset",
            "A new password was set for your account, with a link that an administrator had made.".into(),
            LOCKED_OUT,
        ),
        What::TwoFactorOn => told(
            TwoFactor,
            Security,
            "Two-factor authentication is on",
            format!("Two-factor authentication was turned on for your account{by}. Signing in asks for a code from now on."),
            "If it wasn’t you, ask an administrator at once for a link that resets your password and your second factor: somebody \
             else has the codes.",
        ),
        What::TwoFactorOff { .. } => told(
            TwoFactor,
            Security,
            "Two-factor authentication is off",
            format!("Two-factor authentication was turned off for your account{by}. The password alone signs in."),
            LOOK_ROUND,
        ),
        What::TwoFactorMoved => told(
            TwoFactor,
            Security,
            "A new phone has your codes",
            format!("Another phone’s authenticator app was set up for your account{by}. The codes of the old one count no more."),
            "If it wasn’t you, ask an administrator at once for a link that resets your password and your second factor: somebody \
             else has the codes.",
        ),
        What::RecoveryCodesMade => told(
            TwoFactor,
            Security,
            "New recovery codes",
            format!("New recovery codes were made for your account{by}. Any from before stopped working."),
            LOOK_ROUND,
        ),
        What::RecoveryCodeUsed { left } => told(
            TwoFactor,
            Security,
            "A recovery code was used",
            match left {
                1 => "A recovery code was used in place of your authenticator app. 1 is left.".into(),
                left => format!("A recovery code was used in place of your authenticator app. {left} are left."),
            },
            LOOK_ROUND,
        ),
        What::SignInBlocked => told(
            Account,
            Security,
            "Somebody is guessing at your account",
            "A hundred wrong passwords or codes in a row were tried at your account, so no more are taken.".into(),
            "In a trusted browser you can still sign in, and an administrator can help. A long password that you use nowhere else, and \
             two-factor authentication, keep strangers out.",
        ),
        What::SignInRefused { reason: RefusalReason::NoCode, .. } => told(
            Account,
            Security,
            "Your password was entered, and no code",
            "Somebody entered the right password of your account, and no code after it. They didn’t get in.".into(),
            "If it wasn’t you, somebody knows your password, and your second factor kept them out. Change your password now, on the page \
             Sign-In and Security.",
        ),
        What::InvitationAccepted => told(
            Account,
            Security,
            "Your account is set up",
            "The invitation to your account was accepted, and its password set.".into(),
            "If it wasn’t you, tell an administrator at once: somebody else has opened your invitation.",
        ),
        What::AccountSuspended => told(
            Account,
            Nowhere,
            "Your account is suspended",
            format!("Your account was suspended{by}. You can’t sign in, and apps with your app-specific passwords are refused. Nothing \
                     is lost."),
            "If you don’t know why, ask an administrator.",
        ),
        What::AccountResumed => told(
            Account,
            Activity,
            "Your account can be used again",
            format!("Your account may be used again{by_let}. Your app-specific passwords work as before.", by_let = match by {
                "" => "",
                _ => ", as an administrator decided",
            }),
            "If you don’t know why, ask an administrator.",
        ),
        What::AccountSignedOut => told(
            Account,
            Security,
            "You were signed out everywhere",
            format!("Your account was signed out of all browsers and command lines{by}. Apps go on with their app-specific passwords."),
            "If you don’t know why, ask an administrator.",
        ),
        What::AdministratorMade => told(
            Account,
            Activity,
            "You are an administrator",
            format!("Your account was made an administrator of this server{by}."),
            LOOK_ROUND,
        ),
        What::AdministratorUnmade => told(
            Account,
            Activity,
            "You are no longer an administrator",
            format!("Your account no longer administers this server: that was ended{by}."),
            LOOK_ROUND,
        ),
        What::AliasAdded { alias } => told(
            Account,
            Activity,
            "Another name signs you in",
            format!("{alias} was added to your account{by}, and signs you in too."),
            LOOK_ROUND,
        ),
        What::AliasRemoved { alias } => told(
            Account,
            Activity,
            "A name no longer signs you in",
            format!("{alias} was taken from your account{by}, and no longer signs you in."),
            LOOK_ROUND,
        ),
        What::TokenMade { label, scopes, expires_at, .. } => {
            let scopes: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
            told(
                Token,
                Tokens,
                format!("New API token “{label}”"),
                format!(
                    "The API token “{label}” was made for your account{by}, with the scopes {}, good until {}.",
                    scopes.join(", "),
                    expires_at.date()
                ),
                "If it wasn’t you, revoke it on the page API Tokens, then change your password: somebody is signed in as you.",
            )
        }
        What::TokenRevoked { label, .. } => told(
            Token,
            Tokens,
            format!("API token “{label}” revoked"),
            format!("The API token “{label}” was revoked{by}, and opens nothing any more."),
            LOOK_ROUND,
        ),
        What::BrowserTrusted { agent, ends_at } => told(
            SignIn,
            Security,
            format!("Trusted from now on: {}", agent::told(agent)),
            format!(
                "{} is trusted until {}: with your password it signs in, and isn’t asked for a code.",
                agent::told(agent),
                ends_at.date()
            ),
            CHANGE_PASSWORD,
        ),
        What::SignedIn { agent, .. } => {
            let with = if agent.is_empty() { String::new() } else { format!(" with {}", agent::told(agent)) };
            told(
                SignIn,
                Security,
                format!("New sign-in{with}"),
                format!("Somebody signed in to your account{with}, for the first time from there."),
                CHANGE_PASSWORD,
            )
        }
        What::AppPasswordGenerated { label, kinds, .. } => {
            let opens = if kinds.is_empty() { "what its first app opens".into() } else { kinds.to_string() };
            told(
                AppPassword,
                AppPasswords,
                format!("New app-specific password “{label}”"),
                format!("The app-specific password “{label}” was generated for your account, and opens {opens}."),
                "If it wasn’t you, revoke it on the page App-Specific Passwords now, then change your password: somebody is signed in \
                 as you.",
            )
        }
        What::AppPasswordBound { label, service, kinds, .. } => told(
            AppPassword,
            AppPasswords,
            format!("“{label}” was used for the first time"),
            format!("The app-specific password “{label}” was used for the first time, at {service}. It opens only {kinds} from now on."),
            FIRST_USE,
        ),
        What::AppPasswordFirstUsed { label, service, .. } => told(
            AppPassword,
            AppPasswords,
            format!("“{label}” was used for the first time"),
            format!("The app-specific password “{label}” was used for the first time, at {service}."),
            FIRST_USE,
        ),
        What::AppPasswordEnded { label, why, .. } => {
            let ended = if *why == WhyEnded::Expired { "expired" } else { "was revoked" };
            let whose = if *why == WhyEnded::Expired { "" } else { by };
            told(
                AppPassword,
                AppPasswords,
                format!("“{label}” {ended}"),
                format!("The app-specific password “{label}” {ended}{whose}. The app that had it is signed out."),
                match why {
                    WhyEnded::Expired => "If you still need it, generate a new one for that app.",
                    _ => "If it wasn’t you, somebody is signed in as you: change your password now. For an app that you still use, \
                          generate a new one.",
                },
            )
        }
        What::AppPasswordTriedAfterEnd { label, service, .. } => told(
            AppPassword,
            AppPasswords,
            format!("“{label}” no longer works, and is still used"),
            format!(
                "An app still tries to sign in at {service} with the app-specific password “{label}”, which was revoked or has \
                 expired. It is refused. You are told this once."
            ),
            "If it is an app of yours, generate a new password for it, or remove your account from it. If not, there is nothing to do: \
             it doesn’t get in, and it can’t lock you out.",
        ),
        What::SignOutFailed { service, label, .. } => told(
            AppPassword,
            Activity,
            format!("{service} could not be told to sign an app out"),
            match label {
                Some(label) => format!(
                    "“{label}” no longer lets anything in, but {service} could not be told for a week to close what it had open. \
                     That may still be open."
                ),
                None => format!(
                    "Your apps are no longer let in at {service}, which could not be told for a week to close what they had open. \
                     That may still be open."
                ),
            },
            "If that matters to you, ask an administrator to end it at the service itself.",
        ),
        // They have a letter of their own, or there is nobody yet who could read one, or no longer.
        What::AccountAdded { .. }
        | What::AccountInvited { .. }
        | What::InviteLinkMade { .. }
        | What::ResetLinkMade { .. }
        | What::AccountRemoved { .. }
        | What::MailFailed { .. }
        // They end what a browser or program could do, and their person sees it there.
        | What::SignedOut
        | What::OthersSignedOut { .. }
        | What::SessionEnded { .. }
        | What::BrowserForgotten { .. }
        | What::SignedOutAt { .. }
        | What::BrowsersForgotten { .. }
        | What::TokensRevoked { .. }
        | What::EverybodySignedOut { .. }
        // They don't change who can get in.
        | What::AccountRenamed { .. }
        | What::GroupJoined { .. }
        | What::GroupLeft { .. }
        | What::Refused { .. }
        | What::SignInRefused { .. }
        | What::MoreRefused { .. }
        // They are about builds, and whoever has to do something is told by a letter of its own.
        | What::ConnectionAdded { .. }
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
        | What::HandedOut { .. }
        // They are about the server.
        | What::ServiceAdded { .. }
        | What::ServiceChanged { .. }
        | What::ServiceKeyReplaced { .. }
        | What::ServiceSignOutSet { .. }
        | What::ServiceSetUpChanged { .. }
        | What::ServiceRemoved { .. }
        | What::GroupAdded { .. }
        | What::GroupRemoved { .. }
        | What::KeyRotated { .. }
        | What::Restored { .. }
        | What::Moved { .. }
        | What::MoveUndone { .. } => return None,
    })
}

const FIRST_USE: &str = "If that wasn’t an app of yours, revoke it on the page App-Specific Passwords: the app that has it is then signed \
     out.";

/// Whether its person may be written to about such an event.
pub fn concerns(event: &Event) -> bool {
    event.account.is_some() && tell(event).is_some()
}

/// Whether somebody else did it than whose account it is.
fn by_administrator(event: &Event) -> bool {
    match event.actor {
        Actor::Account(who) => Some(who) != event.account,
        Actor::Machine => true,
        Actor::Doorkey => false,
    }
}

/// One letter about events of one request, in their order, all of one account; and what it is about first of all. None when there is
/// nothing to say.
pub fn letter(server: &str, id: &str, name: &str, events: &[Event]) -> Option<(Rank, Letter)> {
    let mut all: Vec<_> = events.iter().filter_map(|event| Some((event, tell(event)?))).collect();
    let ended: Vec<_> = all
        .iter()
        .filter_map(|(event, _)| match &event.what {
            What::AppPasswordEnded { label, why, .. } => Some((label.as_str(), *why)),
            _ => None,
        })
        .collect();
    let many = many_ended(&ended);
    if let Some(words) = &many {
        // All in one sentence, in the place of the first.
        let mut first = true;
        all.retain(|(event, _)| {
            !matches!(event.what, What::AppPasswordEnded { .. }) || std::mem::take(&mut first)
        });
        for (event, told) in &mut all {
            if matches!(event.what, What::AppPasswordEnded { .. }) {
                (told.subject, told.sentence) = words.clone();
            }
        }
    }
    let (lead, about) = all.iter().min_by_key(|(_, told)| told.rank)?;
    let mut facts = vec![("Account".to_owned(), id.to_owned()), ("When".into(), lead.at.exact())];
    if let Some(source) = lead.source.as_ref().filter(|_| !by_administrator(lead)) {
        let from = if source == "local" { "the server’s own machine" } else { source };
        facts.push(("From".into(), from.into()));
    }
    if let Some(label) = &lead.token {
        facts.push(("With the API token".into(), format!("“{label}”")));
    }
    let then =
        if by_administrator(lead) { "If you don’t know why, ask an administrator." } else { about.then };
    let letter = Letter {
        about: ABOUT.into(),
        subject: about.subject.clone(),
        name: name.into(),
        before: all.iter().map(|(_, told)| told.sentence.clone()).collect(),
        facts,
        link: about.page.link(server),
        after: vec![then.into(), "You can’t answer this mail.".into()],
        server: server.into(),
    };
    Some((about.rank, letter))
}

/// Subject and sentence for several app-specific passwords that ended together.
fn many_ended(ended: &[(&str, WhyEnded)]) -> Option<(String, String)> {
    let [(_, why), _, ..] = ended else { return None };
    let labels: Vec<_> = ended.iter().map(|(label, _)| format!("“{label}”")).collect();
    let (count, verb) = (ended.len(), if *why == WhyEnded::Expired { "expired" } else { "were revoked" });
    let sentence = format!(
        "{count} app-specific passwords {verb}, and the apps that had them are signed out: {}.",
        labels.join(", ")
    );
    Some((format!("{count} app-specific passwords {verb}"), sentence))
}

/// What builds of a project no longer use, to one of its admins, with the way to the project's page.
pub fn to_admin(
    server: &str,
    name: &str,
    first: &What,
    sentences: Vec<String>,
    page: &str,
    at: Timestamp,
) -> (Rank, Letter) {
    let subject = match (first, sentences.len()) {
        (What::ConnectionUnused { project_name, name, .. }, 1) => {
            format!("Builds of {project_name} no longer use {name}")
        }
        (_, count) => format!("Builds of your projects no longer use {count} connections"),
    };
    let letter = Letter {
        about: "project notice".into(),
        subject,
        name: name.into(),
        before: sentences,
        facts: vec![("When".into(), at.exact())],
        link: Some(("Choose another one".into(), format!("{server}{page}"))),
        after: vec![
            "Until an admin chooses another one, builds receive nothing in its place. An own connection of yours can take it, in \
             one step."
                .into(),
            "You get this mail because you are an admin of the project. You can’t answer it.".into(),
        ],
        server: server.into(),
    };
    (Rank::Project, letter)
}

/// The letter that stands for events that went without one, because there had been many.
pub fn sum(server: &str, id: &str, name: &str, count: i64, since: &str) -> Letter {
    let things = if count == 1 { "1 more thing".into() } else { format!("{count} more things") };
    Letter {
        about: ABOUT.into(),
        subject: format!("{things} happened to your account"),
        name: name.into(),
        before: vec![format!(
            "So much has happened to your account that {things} came without a letter. Your activity tells each of them."
        )],
        facts: vec![("Account".to_owned(), id.to_owned()), ("Since".into(), since.into())],
        link: Page::Activity.link(server),
        after: vec![CHANGE_PASSWORD.into(), "You can’t answer this mail.".into()],
        server: server.into(),
    }
}
