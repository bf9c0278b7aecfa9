//! One-time links: the one that sets up the first account, and those that reset a password. Looking at a link doesn't spend it;
//! doing what it is for does, in the same transaction.

use domain::{AccountName, Actor, LinkId, Secret, Timestamp, What, WhyEnded};
use store::{
    Conn, Tx,
    accounts::{self as rows, Account},
    app_passwords, browsers, budgets, events,
    links::{self, Link, Purpose},
    sessions, totp,
};

use super::{
    NewAccount, end_app_passwords, insert, make,
    password::{MIN_ALONE, MIN_WITH_SECOND_FACTOR, NewPassword},
    two_factor,
};
use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
    secrets,
    sign_in::budget,
};

/// How long a link to reset a password can be spent, in hours.
const RESET_HOURS: i64 = 24;
/// How long the link that sets up the first account can be spent, in hours.
const SET_UP_HOURS: i64 = 24;

/// Makes the link that sets up the first account, if there is no account yet: the token to put into it.
///
/// # Errors
/// As the database has them.
pub async fn set_up_link(app: &App, ctx: &mut Ctx) -> Result<Option<Secret<String>>, Problem> {
    if app.store.read(rows::any)? {
        return Ok(None);
    }
    let expires_at = ctx.stamp.now.plus_minutes(SET_UP_HOURS * 60);
    let (link, token) = make_link(ctx, Purpose::SetUp, expires_at);
    let (hash, now) = (secrets::hash(token.expose()), ctx.stamp.now);
    app.store.write(move |tx| links::insert(tx, &link, &hash, now)).await?;
    Ok(Some(token))
}

fn make_link(ctx: &mut Ctx, purpose: Purpose, expires_at: Timestamp) -> (Link, Secret<String>) {
    let id = LinkId::new(ctx.stamp.now, &mut ctx.rng);
    (Link { id, purpose, expires_at }, secrets::token(&mut ctx.rng))
}

/// Whether this token sets up the first account.
///
/// # Errors
/// `link-spent` when it doesn't, or no longer.
pub fn set_up_open(app: &App, now: Timestamp, token: &str) -> Result<(), Problem> {
    let hash = secrets::hash(token);
    app.store.read(|conn| may_set_up(conn, &hash, now)).map(drop)
}

/// The link, if it is one that sets up the first account, and there is none yet: one may have been made on the command line since.
fn may_set_up(conn: &mut Conn, hash: &[u8; 32], now: Timestamp) -> Result<Link, Problem> {
    match links::by_token(conn, hash, now)? {
        Some(link @ Link { purpose: Purpose::SetUp, .. }) if !rows::any(conn)? => Ok(link),
        _ => Err(link_spent()),
    }
}

/// Sets up the first account, an administrator's, and spends the link.
///
/// # Errors
/// `link-spent`; `unfit` at a field, and then the link can still be spent.
pub async fn set_up(
    app: &App,
    ctx: &mut Ctx,
    token: &str,
    id: &str,
    name: &str,
    password: &str,
) -> Result<Account, Problem> {
    set_up_open(app, ctx.stamp.now, token)?;
    let new = NewAccount::parse(app, id, name, true)?;
    let account = make(app, ctx, new, password, MIN_ALONE).await?;
    let (stamp, hash, row) = (ctx.stamp.clone(), secrets::hash(token), account.clone());
    app.store
        .write(move |tx| {
            let link = may_set_up(tx, &hash, stamp.now)?;
            links::spend(tx, link.id)?;
            insert(tx, &stamp, Actor::Account(row.id), &row)
        })
        .await?;
    Ok(account)
}

/// Spends a link, inside the transaction of what follows from it.
fn spend(tx: &mut Tx<'_>, hash: &[u8; 32], now: Timestamp) -> Result<Link, Problem> {
    let link = links::by_token(tx, hash, now)?.ok_or_else(link_spent)?;
    if links::spend(tx, link.id)? { Ok(link) } else { Err(link_spent()) }
}

fn link_spent() -> Problem {
    Problem::new(
        Code::LinkSpent,
        "It has been used, or its time is over. Ask whoever gave it to you for a new one; a new link to set up the first \
         account is printed each time the server starts.",
    )
}

/// Makes a one-time link with which the account's person sets a new password; earlier ones stop working. The second factor is asked for
/// behind it, unless it was lost: then it is taken away, and the password has to be one that stands alone.
///
/// # Errors
/// `not-found` when there is no such account.
pub async fn reset_link(
    app: &App,
    ctx: &mut Ctx,
    admin: &Fresh<Admin>,
    name: &str,
    lost_second_factor: bool,
) -> Result<(Secret<String>, Timestamp), Problem> {
    let name = AccountName::parse(name, app.default_domain()).map_err(|_| no_account())?;
    let account = app.store.read(|conn| rows::by_name(conn, &name))?.ok_or_else(no_account)?;
    let expires_at = ctx.stamp.now.plus_minutes(RESET_HOURS * 60);
    let purpose =
        if lost_second_factor { Purpose::ResetBoth(account.id) } else { Purpose::Reset(account.id) };
    let (link, token) = make_link(ctx, purpose, expires_at);
    let (hash, stamp, actor, id) =
        (secrets::hash(token.expose()), ctx.stamp.clone(), admin.who().actor, account.id);
    app.store
        .write(move |tx| {
            links::insert(tx, &link, &hash, stamp.now)?;
            events::append(
                tx,
                stamp.now,
                stamp.event(Some(id), actor, What::ResetLinkMade { expires_at, lost_second_factor }),
            )
        })
        .await?;
    Ok((token, expires_at))
}

fn no_account() -> Problem {
    Problem::new(Code::NotFound, "There is no account with this ID.")
}

/// What a reset link opens.
pub struct Reset {
    /// Whose password it resets.
    pub account: Account,
    /// The link itself.
    pub link: Link,
    /// Whether a code is asked for too.
    pub asks_code: bool,
    /// Whether two-factor authentication is turned off.
    pub turns_off: bool,
    /// How many app-specific passwords it will revoke.
    pub revokes: usize,
}

impl Reset {
    /// The fewest characters of the new password.
    pub const fn fewest(&self) -> usize {
        if self.asks_code { MIN_WITH_SECOND_FACTOR } else { MIN_ALONE }
    }
}

/// What this token resets.
///
/// # Errors
/// `link-spent` when it resets nothing, or no longer.
pub fn reset_open(app: &App, now: Timestamp, token: &str) -> Result<Reset, Problem> {
    app.store.read(|conn| {
        let link = links::by_token(conn, &secrets::hash(token), now)?;
        let (link, id, turns_off) = match link {
            Some(link @ Link { purpose: Purpose::Reset(id), .. }) => (link, id, false),
            Some(link @ Link { purpose: Purpose::ResetBoth(id), .. }) => (link, id, true),
            _ => return Err(link_spent()),
        };
        let two_factor = two_factor::is_on(conn, id)?;
        Ok(Reset {
            account: rows::by_id(conn, id)?.ok_or_else(link_spent)?,
            link,
            asks_code: two_factor && !turns_off,
            turns_off: two_factor && turns_off,
            revokes: app_passwords::count_live(conn, id, now)?,
        })
    })
}

/// Resets the account's password through a link. The second factor is still asked for: a link that got into other hands is one
/// factor only. Everything that the old password opened ends. Returns how many app-specific passwords ended.
///
/// # Errors
/// `link-spent`; `wrong-credentials` at `code`; `too-many-attempts`; `unfit` at `password`. The link can still be spent.
pub async fn reset(
    app: &App,
    ctx: &mut Ctx,
    token: &str,
    password: &str,
    code: &str,
) -> Result<u64, Problem> {
    let reset = reset_open(app, ctx.stamp.now, token)?;
    let account = reset.account;
    let fewest = if reset.asks_code { MIN_WITH_SECOND_FACTOR } else { MIN_ALONE };
    let new = NewPassword::check(app, "password", password, fewest, (&account.name, &account.display_name))?;
    if reset.asks_code {
        let bucket = budget::Bucket::link(account.id, reset.link.id);
        let attempt = budget::attempt(app, &ctx.stamp, bucket).await?;
        two_factor::use_code(app, &ctx.stamp, account.id, code).await?;
        attempt.right(app).await?;
    }
    let kept = app.hasher.turn()?.hash(new, &mut ctx.rng).await?;
    let sealed = kept.seal(&app.keyring, account.id, &mut ctx.rng);
    let (stamp, hash, id, seen) =
        (ctx.stamp.clone(), secrets::hash(token), account.id, account.password_changed_at);
    let (actor, turns_off) = (Actor::Account(id), reset.turns_off);
    let had_factor = reset.asks_code || turns_off;
    app.store
        .write(move |tx| {
            // What was asked for was decided before the password was hashed; it must still be what is to be asked for.
            if two_factor::is_on(tx, id)? != had_factor {
                return Err(Problem::new(
                    Code::Conflict,
                    "Two-factor authentication was turned on or off meanwhile. Open the link again; it still works.",
                ));
            }
            spend(tx, &hash, stamp.now)?;
            if !rows::set_password(tx, id, &sealed, stamp.now, seen)? {
                return Err(link_spent());
            }
            let revoked = end_app_passwords(tx, &stamp, actor, id, WhyEnded::PasswordReset)?;
            if turns_off {
                totp::delete(tx, id)?;
                let what = What::TwoFactorOff { revoked: 0 };
                events::append(tx, stamp.now, stamp.event(Some(id), actor, what))?;
            }
            sessions::delete_others(tx, id, None)?;
            browsers::delete_others(tx, id, None)?;
            budgets::clear(tx, &id.to_string())?;
            events::append(tx, stamp.now, stamp.event(Some(id), actor, What::PasswordReset { revoked }))?;
            Ok(revoked)
        })
        .await
}
