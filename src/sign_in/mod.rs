//! Signing in, in two steps: ID and password, then the second factor's code; showing again that it is still the same person;
//! signing out.

use domain::{
    AccountId, AccountName, BrowserId, Budget, MachineToken, RefusalReason, Secret, SessionId, Timestamp,
    TokenKind, What,
};
use store::{
    Tx,
    accounts::{self as rows, Account, State},
    browsers::{self, Browser},
    events,
    sessions::{self, Client, Session},
};

use crate::{
    access::SignedIn,
    accounts::{hasher::Turn, password::Kept, two_factor},
    app::App,
    ctx::{Ctx, Stamp},
    problem::{Code, Problem},
    refusals::Place,
    secrets,
};
use budget::Bucket;

pub mod agent;
pub mod api;
pub mod budget;
pub mod code_field;
pub mod pages;
pub mod strangers;
pub mod views;

/// How long a browser is trusted, in days, from the code with which it was.
pub const TRUSTED_DAYS: i64 = 30;

/// Where somebody signs in.
pub struct At<'a> {
    /// A browser or a command line.
    pub client: Client,
    /// What it says that it is.
    pub agent: String,
    /// What a trusted browser has to show for it.
    pub browser_token: Option<&'a str>,
}

/// What came of a sign-in.
pub enum SignIn {
    /// It is done.
    Done(Done),
    /// The password was right; the code is to be given with this token.
    CodeWanted(Secret<String>),
}

/// A sign-in that is done.
pub struct Done {
    /// Who.
    pub account: Account,
    /// The session's token, for the cookie or the command line.
    pub token: Secret<String>,
    /// The next token of a trusted browser, and for how many days it is good.
    pub browser_token: Option<(Secret<String>, i64)>,
    /// How many recovery codes are left, when one was used.
    pub recovery_codes_left: Option<u64>,
}

/// What a sign-in was completed with.
enum By {
    /// The password alone: there is no second factor.
    Password,
    /// The second factor's code, or a recovery code of which so many are left, for the sign-in that waited with this session; and whether
    /// the browser is to be trusted.
    Code { waiting: SessionId, recovery_codes_left: Option<u64>, trust: bool },
    /// A trusted browser, by the token with this hash.
    Trusted(Browser, [u8; 32]),
}

/// The first step: ID and password.
///
/// # Errors
/// `wrong-credentials`, in the same words and time whether the ID or the password was wrong; `too-many-attempts`.
pub async fn begin(
    app: &App,
    ctx: &mut Ctx,
    id: &str,
    password: &str,
    at: At<'_>,
) -> Result<SignIn, Problem> {
    let begun = begin_unseen(app, ctx, id, password, at).await;
    begun.inspect_err(|problem| {
        let name = AccountName::parse(id, app.default_domain()).ok();
        let account = name.and_then(|name| app.index().account(name.as_str()));
        let active = account.as_ref().is_none_or(|account| account.active);
        let wrong = if active { RefusalReason::WrongPassword } else { RefusalReason::Suspended };
        note_refusal(app, &ctx.stamp, account.map(|account| account.id), wrong, problem);
    })
}

/// Tells the log of a password or code that somebody typed and that wasn't taken; other problems are none of the log's.
fn note_refusal(
    app: &App,
    stamp: &Stamp,
    account: Option<AccountId>,
    wrong: RefusalReason,
    problem: &Problem,
) {
    let reason = match problem.code {
        Code::WrongCredentials | Code::TooManyAttempts if account.is_none() => RefusalReason::UnknownAccount,
        Code::WrongCredentials => wrong,
        Code::TooManyAttempts => RefusalReason::TooManyAttempts,
        _ => return,
    };
    let source = stamp.source.as_deref().unwrap_or("local");
    app.refusals.refused(stamp.now, account, Place::SignIn, reason, source);
}

async fn begin_unseen(
    app: &App,
    ctx: &mut Ctx,
    id: &str,
    password: &str,
    at: At<'_>,
) -> Result<SignIn, Problem> {
    let now = ctx.stamp.now;
    let Ok(name) = AccountName::parse(id, app.default_domain()) else { return Err(wrong()) };
    let turn = app.hasher.turn()?;
    let Some(account) = app.store.read(|conn| rows::by_name(conn, &name))? else {
        return Err(stranger(app, ctx, turn, &name, password).await);
    };
    let shown = at.browser_token.map(secrets::hash);
    let trusted = match shown {
        Some(hash) => {
            app.store.read(|conn| browsers::by_token(conn, &hash, now))?.map(|browser| (browser, hash))
        }
        None => None,
    }
    .filter(|(browser, _)| browser.account == account.id);
    let bucket = match &trusted {
        Some((browser, _)) => Bucket::browser(account.id, browser.id),
        None => Bucket::account(account.id),
    };
    let attempt = budget::attempt(app, &ctx.stamp, bucket).await?;
    let kept = Kept::open(&app.keyring, account.id, &account.password_sealed)?;
    if !turn.matches(password, kept).await? {
        return Err(wrong());
    }
    match account.state {
        State::Active => {}
        // Nobody knows the password of one who was invited; whoever has it all the same opens nothing with it.
        State::Invited => return Err(wrong()),
        State::Suspended => {
            attempt.right_so_far(app).await?;
            return Err(suspended());
        }
    }
    let two_factor = app.store.read(|conn| two_factor::is_on(conn, account.id))?;
    let session = Session {
        id: SessionId::new(now, &mut ctx.rng),
        account: account.id,
        client: at.client,
        code_wanted: two_factor && trusted.is_none(),
        browser: None,
        agent: at.agent,
        source: ctx.stamp.source.clone().unwrap_or_default(),
        created_at: now,
        last_seen_at: now,
        // A trusted browser spares the code; it doesn't show that its person is there.
        fresh_at: if two_factor && trusted.is_some() { NEVER } else { now },
    };
    if session.code_wanted {
        attempt.right_so_far(app).await?;
        let token = new_token(ctx, session.client);
        let hash = secrets::hash(token.expose());
        let (seen, stamp) = (account.password_changed_at, ctx.stamp.clone());
        app.store
            .write(move |tx| {
                still_the_password(tx, &session, seen)?;
                open(tx, &stamp, &session, &hash)
            })
            .await
            .map(|pushed_out| no_code_came(app, now, &pushed_out))?;
        return Ok(SignIn::CodeWanted(token));
    }
    attempt.right(app).await?;
    let by = match trusted {
        Some((browser, hash)) => By::Trusted(browser, hash),
        None => By::Password,
    };
    finish(app, ctx, session, account, by).await.map(SignIn::Done)
}

/// When the second factor was shown in a session in which it wasn't.
const NEVER: Timestamp = Timestamp::from_millis(0);

/// The second step: the code, for the sign-in that waits with this session. With `trust`, its browser needs none for a while.
///
/// # Errors
/// `wrong-credentials`, `too-many-attempts`; `sign-in-needed` when the sign-in has ended meanwhile.
pub async fn code(
    app: &App,
    ctx: &mut Ctx,
    waiting: Session,
    account: Account,
    code: &str,
    trust: bool,
) -> Result<Done, Problem> {
    let bucket = Bucket::account(account.id);
    let used = two_factor::use_code(app, &ctx.stamp, account.id, bucket, code).await;
    let recovery_codes_left = used.inspect_err(|problem| {
        note_refusal(app, &ctx.stamp, Some(account.id), RefusalReason::WrongCode, problem);
    })?;
    // A new session with a new token, never the one that was handed out before the code.
    let now = ctx.stamp.now;
    let session = Session {
        id: SessionId::new(now, &mut ctx.rng),
        code_wanted: false,
        created_at: now,
        last_seen_at: now,
        fresh_at: now,
        ..waiting.clone()
    };
    finish(app, ctx, session, account, By::Code { waiting: waiting.id, recovery_codes_left, trust }).await
}

async fn finish(
    app: &App,
    ctx: &mut Ctx,
    mut session: Session,
    account: Account,
    by: By,
) -> Result<Done, Problem> {
    let stamp = ctx.stamp.clone();
    let token = new_token(ctx, session.client);
    let hash = secrets::hash(token.expose());
    let recovery_codes_left = match by {
        By::Code { recovery_codes_left, .. } => recovery_codes_left,
        By::Password | By::Trusted(..) => None,
    };
    let browser = match &by {
        By::Code { trust: true, .. } => Some(Browser {
            id: BrowserId::new(stamp.now, &mut ctx.rng),
            account: account.id,
            agent: session.agent.clone(),
            created_at: stamp.now,
            ends_at: stamp.now.plus_days(TRUSTED_DAYS),
        }),
        By::Trusted(browser, _) => Some(browser.clone()),
        By::Code { trust: false, .. } | By::Password => None,
    };
    session.browser = browser.as_ref().map(|browser| browser.id);
    // A new token at each sign-in, so that one that was copied is good only until its owner comes back.
    let browser_token = browser.as_ref().map(|browser| {
        let days = browser.ends_at.since(stamp.now).div_euclid(DAY) + 1;
        (secrets::token(&mut ctx.rng), days)
    });
    let new_hash = browser_token.as_ref().map(|(token, _)| secrets::hash(token.expose())).unwrap_or_default();
    let seen = account.password_changed_at;
    app.store
        .write(move |tx| {
            still_the_password(tx, &session, seen)?;
            // Whatever ends what was signed in by the factors as they were (another phone, an administrator) has ended the sign-in that
            // waited too, and what was proven before that is worth nothing any more.
            if let By::Code { waiting, .. } = by
                && !sessions::delete(tx, waiting)?
            {
                return Err(Problem::new(
                    Code::SignInNeeded,
                    "This sign-in has ended meanwhile. Sign in again.",
                ));
            }
            match (&by, &browser) {
                // A second factor that was turned on meanwhile is asked for: this sign-in may be the one that it is to keep out.
                (By::Password, _) if two_factor::is_on(tx, session.account)? => {
                    return Err(Problem::new(
                        Code::SignInNeeded,
                        "Two-factor authentication was just turned on. Sign in again.",
                    ));
                }
                (By::Trusted(browser, hash), _) if !browsers::rotate(tx, browser.id, hash, &new_hash)? => {
                    return Err(Problem::new(
                        Code::SignInNeeded,
                        "This browser is no longer trusted. Sign in again, with a code.",
                    ));
                }
                (By::Code { .. }, Some(browser)) => trust(tx, &stamp, browser, &new_hash)?,
                _ => {}
            }
            signed_in(tx, &stamp, &session, &hash, matches!(by, By::Trusted(..)))
        })
        .await?;
    Ok(Done { account, token, browser_token, recovery_codes_left })
}

/// A day, in milliseconds.
const DAY: i64 = 86_400_000;

fn trust(tx: &mut Tx<'_>, stamp: &Stamp, browser: &Browser, hash: &[u8; 32]) -> Result<(), Problem> {
    browsers::insert(tx, browser, hash)?;
    let what = What::BrowserTrusted { agent: browser.agent.clone(), ends_at: browser.ends_at };
    let event = stamp.event(Some(browser.account), domain::Actor::Account(browser.account), what);
    Ok(events::append(tx, stamp.now, event)?)
}

/// Checks, in the transaction, that the account wasn't suspended, and its password not changed, while this sign-in was on its way.
fn still_the_password(tx: &mut Tx<'_>, session: &Session, seen: Timestamp) -> Result<(), Problem> {
    match rows::by_id(tx, session.account)? {
        Some(account) if account.password_changed_at != seen => Err(wrong()),
        Some(account) if account.state == State::Active => Ok(()),
        Some(_) => Err(suspended()),
        None => Err(wrong()),
    }
}

/// In how many browsers and command lines an account is signed in at a time, and how many of its sign-ins wait for a code, at most.
const AT_ONCE: i64 = 50;

/// Adds a session. Where there are as many as there can be, one ends for it: one in which nobody ever showed who they are, if there is
/// any, or the one that was used longest ago; of sign-ins that wait, one from the same address first. Gives those that ended.
fn open(tx: &mut Tx<'_>, stamp: &Stamp, session: &Session, hash: &[u8; 32]) -> Result<Vec<Session>, Problem> {
    let surplus = match session.code_wanted {
        true => sessions::surplus_waiting(tx, session.account, &session.source, AT_ONCE - 1)?,
        false => sessions::surplus(tx, session.account, AT_ONCE - 1)?,
    };
    for surplus in &surplus {
        sessions::delete(tx, surplus.id)?;
        if !surplus.code_wanted {
            let what = What::SessionEnded { agent: surplus.agent.clone() };
            let event = stamp.event(Some(session.account), domain::Actor::Doorkey, what);
            events::append(tx, stamp.now, event)?;
        }
    }
    sessions::insert(tx, session, hash)?;
    Ok(surplus)
}

/// Tells the log of sign-ins that ended while they waited for their code: somebody has the password, and maybe not the second factor.
pub fn no_code_came(app: &App, now: Timestamp, ended: &[Session]) {
    for session in ended {
        let source = if session.source.is_empty() { "local" } else { session.source.as_str() };
        app.refusals.refused(now, Some(session.account), Place::SignIn, RefusalReason::NoCode, source);
    }
}

fn signed_in(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    session: &Session,
    hash: &[u8; 32],
    trusted_browser: bool,
) -> Result<(), Problem> {
    open(tx, stamp, session, hash)?;
    rows::signed_in(tx, session.account, stamp.now)?;
    let what = What::SignedIn { agent: session.agent.clone(), trusted_browser };
    let event = stamp.event(Some(session.account), domain::Actor::Account(session.account), what);
    Ok(events::append(tx, stamp.now, event)?)
}

fn new_token(ctx: &mut Ctx, client: Client) -> Secret<String> {
    match client {
        Client::Browser => secrets::token(&mut ctx.rng),
        Client::CommandLine => {
            Secret::new(MachineToken::generate(TokenKind::PersonalApi, &mut ctx.rng).expose().to_owned())
        }
    }
}

/// Somebody who gives an ID that nobody has waits as long, and is told the same, as somebody with a wrong password.
async fn stranger(app: &App, ctx: &Ctx, turn: Turn, name: &AccountName, password: &str) -> Problem {
    let (now, slowed) = (ctx.stamp.now, app.strangers.attempt(name, ctx.stamp.now).err());
    // The same unit of work as for an account, with the same end, so that it takes as long.
    let counted = app
        .store
        .write(move |tx| {
            store::budgets::get(tx, NOBODY)?;
            if let Some(why) = slowed {
                return Err(Problem::too_many(why, now));
            }
            Ok(store::budgets::put(tx, NOBODY, Budget { failures: 1, last_failed_at: Some(now) })?)
        })
        .await;
    if let Err(problem) = counted {
        return problem;
    }
    match turn.matches(password, Kept::nobody()).await {
        Ok(_) => wrong(),
        Err(problem) => problem,
    }
}

/// The bucket of failures at IDs that nobody has. Nothing is ever read from it.
const NOBODY: &str = "nobody";

/// Said only to somebody who has the password.
fn suspended() -> Problem {
    Problem::new(Code::AccountSuspended, "Your account is suspended. Ask an administrator.")
}

fn wrong() -> Problem {
    Problem::new(Code::WrongCredentials, "That ID and password don't match. Check both, and try again.")
}

/// Shows again that it is still the same person: the code, or the password while there is no second factor. Returns how many recovery
/// codes are left when one was used.
///
/// # Errors
/// `wrong-credentials`, `too-many-attempts`.
pub async fn confirm(app: &App, ctx: &Ctx, person: &SignedIn, proof: &str) -> Result<Option<u64>, Problem> {
    let two_factor = app.store.read(|conn| two_factor::is_on(conn, person.account.id))?;
    let left = prove(app, ctx, person, proof, two_factor).await.inspect_err(|problem| {
        let wrong = if two_factor { RefusalReason::WrongCode } else { RefusalReason::WrongPassword };
        note_refusal(app, &ctx.stamp, Some(person.account.id), wrong, problem);
    })?;
    let (id, now) = (person.session.id, ctx.stamp.now);
    app.store.write(move |tx| sessions::fresh(tx, id, now)).await?;
    Ok(left)
}

async fn prove(
    app: &App,
    ctx: &Ctx,
    person: &SignedIn,
    proof: &str,
    two_factor: bool,
) -> Result<Option<u64>, Problem> {
    let account = &person.account;
    let bucket = Bucket::session(&person.session);
    if two_factor {
        return two_factor::use_code(app, &ctx.stamp, account.id, bucket, proof).await;
    }
    let turn = app.hasher.turn()?;
    let attempt = budget::attempt(app, &ctx.stamp, bucket).await?;
    let kept = Kept::open(&app.keyring, account.id, &account.password_sealed)?;
    if !turn.matches(proof, kept).await? {
        let detail = "That isn't your password. Try again.";
        return Err(Problem { field: Some("password"), ..Problem::new(Code::WrongCredentials, detail) });
    }
    attempt.right(app).await?;
    Ok(None)
}

/// Gives a session that goes on in a browser a new token, where its person has shown again who they are (ASVS 5.0, 7.2.4): one that was
/// copied before that gains nothing by it.
///
/// # Errors
/// `sign-in-needed` when the session has ended meanwhile.
pub async fn renew(app: &App, ctx: &mut Ctx, session: SessionId) -> Result<Secret<String>, Problem> {
    let token = secrets::token(&mut ctx.rng);
    let hash = secrets::hash(token.expose());
    if app.store.write(move |tx| sessions::rotate(tx, session, &hash)).await? {
        return Ok(token);
    }
    Err(Problem::new(Code::SignInNeeded, "You were signed out elsewhere meanwhile. Sign in again."))
}

/// Signs out.
///
/// # Errors
/// As the database has them.
pub async fn sign_out(app: &App, ctx: &Ctx, person: &SignedIn) -> Result<(), Problem> {
    let (stamp, id, account, actor) =
        (ctx.stamp.clone(), person.session.id, person.account.id, person.actor());
    app.store
        .write(move |tx| {
            if sessions::delete(tx, id)? {
                events::append(tx, stamp.now, stamp.event(Some(account), actor, What::SignedOut))?;
            }
            Ok::<_, Problem>(())
        })
        .await
}
