//! Who may: capabilities that use cases name in their signatures. They are made here and nowhere else, so what a caller
//! may not do, it can't express.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{AccountId, Actor, MachineToken, SessionId, Timestamp, TokenKind};
use store::{
    Tx,
    accounts::{Account, State},
    sessions::{self, Client, Session},
};

use crate::{
    app::App,
    problem::{Code, Problem},
    secrets,
    web::{LocalAdministrator, cookies},
};

mod token;

pub use token::{WithToken, admit, scope_of};

/// Somebody who has signed in completely, with every factor that the account has.
pub struct SignedIn {
    /// Whose account.
    pub account: Account,
    /// In which browser or command line.
    pub session: Session,
}

/// The same, and shown within the last [`FRESH_MINUTES`].
pub struct Fresh<T>(T);

/// Somebody about their own account: signed in, or a program with a token of theirs that opens this.
pub struct Oneself(AccountId);

/// Somebody who administers this server: an administrator signed in or with a token of theirs that opens this, or whoever has the
/// server's data folder.
#[derive(Clone, Copy)]
pub struct Admin {
    /// As whom it stands in the log.
    pub actor: Actor,
    /// Whom they may change.
    pub reach: Reach,
}

/// Whom an administrator may change. A token reaches nobody who administers the server, and makes nobody an administrator: whoever got
/// hold of it could take the server over.
#[derive(Clone, Copy)]
pub struct Reach {
    administrators: bool,
}

/// Somebody who has the server's data folder, and came by the socket in it. Everybody else finds nothing there: what this opens is not
/// for the network, whoever asks.
pub struct OnMachine(());

impl OnMachine {
    /// As whom it stands in the log.
    pub const fn actor(&self) -> Actor {
        Actor::Machine
    }
}

/// For how long a second factor counts as just shown.
pub const FRESH_MINUTES: i64 = 10;

/// How long a session lasts at most: from its beginning, and without being used; in days.
const fn life(client: Client) -> (i64, i64) {
    match client {
        Client::Browser => (30, 14),
        Client::CommandLine => (90, 30),
    }
}

/// When a session ends if it isn't used any more: by its age or by idleness, whichever comes first. The operator may have set shorter
/// times.
pub fn ends_at(app: &App, session: &Session) -> Timestamp {
    let (age, idle) = life(session.client);
    let accounts = &app.config.accounts;
    let age = accounts.session_days.map_or(age, |days| age.min(days.into()));
    let idle = accounts.session_idle_days.map_or(idle, |days| idle.min(days.into()));
    session.created_at.plus_days(age).min(session.last_seen_at.plus_days(idle))
}

/// How long a sign-in waits for its code, in minutes.
pub const CODE_WAIT_MINUTES: i64 = 10;

impl SignedIn {
    /// Somebody who showed their second factor (their password, while they have none) a short while ago.
    ///
    /// # Errors
    /// `confirmation-needed` when that was longer ago.
    pub fn fresh(self, now: Timestamp) -> Result<Fresh<Self>, Problem> {
        // A minute's grace for a clock that was set back a little; more than that, and it can't be told.
        let since = now.since(self.session.fresh_at);
        if (-60_000..FRESH_MINUTES * 60_000).contains(&since) {
            return Ok(Fresh(self));
        }
        Err(Problem::new(
            Code::ConfirmationNeeded,
            "This needs you to confirm that it's you: enter the code from your authenticator app, or your password if \
             two-factor authentication is off.",
        ))
    }

    /// Somebody who administers this server.
    ///
    /// # Errors
    /// `not-allowed` for everybody else.
    pub fn admin(&self) -> Result<Admin, Problem> {
        if self.account.administrator {
            return Ok(Admin { actor: self.actor(), reach: Reach { administrators: true } });
        }
        Err(not_allowed())
    }

    /// Checks, in the transaction of a change, that this session wasn't ended while the change was on its way: by signing out from elsewhere,
    /// for one.
    ///
    /// # Errors
    /// `sign-in-needed` when it was.
    pub fn still(tx: &mut Tx<'_>, session: SessionId) -> Result<(), Problem> {
        if sessions::exists(tx, session)? { Ok(()) } else { Err(sign_in_needed()) }
    }

    /// As whom it stands in the log.
    pub const fn actor(&self) -> Actor {
        Actor::Account(self.account.id)
    }

    /// The same, for what a token may do too.
    pub const fn oneself(&self) -> Oneself {
        Oneself(self.account.id)
    }
}

impl Oneself {
    /// Whose account.
    pub const fn account(&self) -> AccountId {
        self.0
    }

    /// As whom it stands in the log.
    pub const fn actor(&self) -> Actor {
        Actor::Account(self.0)
    }
}

impl Reach {
    /// Checks that it reaches an account, by whether that administers the server, or is to.
    ///
    /// # Errors
    /// `not-with-token` when it doesn't.
    pub fn over(self, administrator: bool) -> Result<(), Problem> {
        if self.administrators || !administrator {
            return Ok(());
        }
        Err(Problem::new(
            Code::NotWithToken,
            "A token makes nobody an administrator, and changes nobody who is one. Sign in, and do it yourself.",
        ))
    }
}

impl Admin {
    /// Checks, in the transaction of a change, that the one who makes it still administers the server: another administrator may have been
    /// faster.
    ///
    /// # Errors
    /// `sign-in-needed` when their account may no longer be used, `not-allowed` when they are no administrator any more.
    pub fn still(tx: &mut Tx<'_>, actor: Actor) -> Result<(), Problem> {
        let Actor::Account(id) = actor else { return Ok(()) };
        match store::accounts::by_id(tx, id)? {
            Some(account) if account.state != State::Active => Err(sign_in_needed()),
            Some(account) if !account.administrator => Err(not_allowed()),
            Some(_) => Ok(()),
            None => Err(sign_in_needed()),
        }
    }
}

impl<T> Fresh<T> {
    /// Who it is.
    pub const fn who(&self) -> &T {
        &self.0
    }
}

impl<T> Fresh<T> {
    /// The same person, freshly shown, as what they are in some part.
    ///
    /// # Errors
    /// When they aren't.
    pub fn as_what<U>(&self, of: impl FnOnce(&T) -> Result<U, Problem>) -> Result<Fresh<U>, Problem> {
        of(&self.0).map(Fresh)
    }
}

impl Fresh<SignedIn> {
    /// An administrator, freshly shown.
    ///
    /// # Errors
    /// `not-allowed` for everybody else.
    pub fn admin(&self) -> Result<Fresh<Admin>, Problem> {
        self.0.admin().map(Fresh)
    }
}

fn not_allowed() -> Problem {
    Problem::new(Code::NotAllowed, "Only an administrator of this server can do that. Ask one.")
}

fn sign_in_needed() -> Problem {
    Problem::new(Code::SignInNeeded, "You aren't signed in, or no longer. Sign in, then try again.")
}

/// What is kept of the token that a request to the API came with, if it can be one.
fn bearer(parts: &Parts) -> Option<[u8; 32]> {
    let sent = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    MachineToken::parse(TokenKind::PersonalApi, sent.trim()).map(|token| secrets::hash(token.expose()))
}

fn token_not_known() -> Problem {
    Problem::new(
        Code::SignInNeeded,
        "This token isn't known here, or it has ended: it was signed out, revoked, or its time is over. Sign in again, or \
         make a new token.",
    )
}

/// The session of a request: of a browser by its cookie, of the API by a token, never the one in place of the other.
///
/// # Errors
/// `sign-in-needed` when there is none, or its time is over.
pub async fn session(parts: &Parts, app: &App, now: Timestamp) -> Result<(Session, Account), Problem> {
    let in_api = parts.uri.path().starts_with("/api/");
    let (client, token) = if in_api {
        (Client::CommandLine, bearer(parts))
    } else {
        (Client::Browser, cookies::get(&parts.headers, app, cookies::SESSION).map(secrets::hash))
    };
    let missing = || match in_api && parts.headers.contains_key("authorization") {
        true => token_not_known(),
        false => sign_in_needed(),
    };
    let token_hash = token.ok_or_else(missing)?;
    let (session, account) = app.store.read(|conn| {
        let session = sessions::by_token(conn, &token_hash)?.filter(|session| session.client == client);
        let Some(session) = session else { return Err(missing()) };
        let account = store::accounts::by_id(conn, session.account)?.ok_or_else(missing)?;
        Ok((session, account))
    })?;
    let wait_over = session.code_wanted && session.created_at.plus_minutes(CODE_WAIT_MINUTES) <= now;
    if wait_over || ends_at(app, &session) <= now || account.state != State::Active {
        return Err(missing());
    }
    Ok((session, account))
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let now = app.clock.now();
        let (session, account) = session(parts, app, now).await?;
        if session.code_wanted {
            return Err(sign_in_needed());
        }
        if session.last_seen_at.plus_minutes(1) <= now {
            let id = session.id;
            app.store.write(move |tx| sessions::seen(tx, id, now)).await?;
        }
        Ok(Self { account, session })
    }
}

impl FromRequestParts<Arc<App>> for Fresh<SignedIn> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        SignedIn::from_request_parts(parts, app).await?.fresh(app.clock.now())
    }
}

impl FromRequestParts<Arc<App>> for Oneself {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        match parts.extensions.get::<WithToken>() {
            Some(with) => Ok(Self(with.account.id)),
            None => Ok(SignedIn::from_request_parts(parts, app).await?.oneself()),
        }
    }
}

/// An administrator who needs to show nothing more: on the server's machine, or with a token that opens this.
fn known_administrator(parts: &Parts) -> Result<Option<Admin>, Problem> {
    if parts.extensions.get::<LocalAdministrator>().is_some() {
        return Ok(Some(Admin { actor: Actor::Machine, reach: Reach { administrators: true } }));
    }
    match parts.extensions.get::<WithToken>() {
        Some(with) if !with.account.administrator => Err(not_allowed()),
        Some(with) => {
            Ok(Some(Admin { actor: Actor::Account(with.account.id), reach: Reach { administrators: false } }))
        }
        None => Ok(None),
    }
}

impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        if let Some(admin) = known_administrator(parts)? {
            return Ok(admin);
        }
        SignedIn::from_request_parts(parts, app).await?.admin()
    }
}

impl FromRequestParts<Arc<App>> for OnMachine {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        match parts.extensions.get::<LocalAdministrator>() {
            Some(_) => Ok(Self(())),
            None => Err(Problem::not_found_route().await),
        }
    }
}

impl FromRequestParts<Arc<App>> for Fresh<Admin> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        if let Some(admin) = known_administrator(parts)? {
            return Ok(Self(admin));
        }
        // Not being an administrator is said first: confirming wouldn't help.
        let signed_in = SignedIn::from_request_parts(parts, app).await?;
        signed_in.admin()?;
        signed_in.fresh(app.clock.now())?.admin()
    }
}
