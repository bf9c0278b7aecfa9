//! One-time links: making them and handing them on, the one that sets up the first account, and those that reset a password. Those that
//! invite somebody are in [`super::invitations`]. Looking at a link doesn't spend it; doing what it is for does, in the same
//! transaction.

use domain::{Actor, LinkId, Secret, Timestamp, What, WhyEnded};
use store::{
    Conn, DbError, Tx,
    accounts::{self as rows, Account, State},
    app_passwords, budgets, events,
    links::{self, Link, Purpose},
    mails::{self, Mail},
    sessions,
};

use super::{
    NewAccount, Who, end_app_passwords, end_tokens, forget_browsers, id_typed, insert, make, name_typed,
    no_account,
    password::{MIN_ALONE, MIN_WITH_SECOND_FACTOR, NewPassword, check_length},
    two_factor,
};
use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    mail::{self, letter::Letter},
    problem::{Code, Problem},
    secrets,
    sign_in::budget::Bucket,
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
    let link = NewLink::make(ctx, Purpose::SetUp, Actor::Doorkey, SET_UP_HOURS);
    let (row, now) = (link.row, ctx.stamp.now);
    app.store.write(move |tx| row.insert(tx, now)).await?;
    Ok(Some(link.token))
}

/// A link that isn't handed on yet: what is stored of it, and its secret.
pub struct NewLink {
    /// What is stored.
    pub row: LinkRow,
    token: Secret<String>,
}

/// What is stored of a link.
#[derive(Clone)]
pub struct LinkRow {
    /// Its row.
    pub link: Link,
    hash: [u8; 32],
    /// The mail that takes it to its person.
    mail: Option<Mail>,
}

impl NewLink {
    /// Makes a link that is good for so many hours.
    pub fn make(ctx: &mut Ctx, purpose: Purpose, actor: Actor, hours: i64) -> Self {
        let made_by = match actor {
            Actor::Account(id) => Some(id),
            Actor::Machine | Actor::Doorkey => None,
        };
        let (id, expires_at) =
            (LinkId::new(ctx.stamp.now, &mut ctx.rng), ctx.stamp.now.plus_minutes(hours * 60));
        let token = secrets::token(&mut ctx.rng);
        let hash = secrets::hash(token.expose());
        Self { row: LinkRow { link: Link { id, purpose, made_by, expires_at }, hash, mail: None }, token }
    }

    /// The same, to be mailed to its person where mail is configured: the letter is stored with the link.
    pub fn by_mail(mut self, app: &App, ctx: &mut Ctx, account: &Account) -> Self {
        let Link { purpose, expires_at, .. } = self.row.link;
        let (server, link) = (app.config.http.public_url.as_str(), self.address(app));
        let (id, name) = (account.name.as_str(), account.display_name.as_str());
        let letter = match purpose {
            Purpose::Invite(_) => Letter::invitation(server, id, name, link.expose(), expires_at),
            Purpose::SetUp | Purpose::Reset(_) => {
                Letter::reset(server, id, name, link.expose(), expires_at, false)
            }
            Purpose::ResetBoth(_) => Letter::reset(server, id, name, link.expose(), expires_at, true),
        };
        self.row.mail = mail::new(app, ctx, account.id, id, &letter, expires_at);
        self
    }

    fn address(&self, app: &App) -> Secret<String> {
        let path = if matches!(self.row.link.purpose, Purpose::Invite(_)) { "invitation" } else { "reset" };
        Secret::new(format!("{}/{path}/{}", app.config.http.public_url, self.token.expose()))
    }

    /// THE place where a link is handed to the person whom it is for: by mail, or through the administrator who asked for it and sees it in
    /// the answer, once. They see one that is mailed too if they want to. Called when the link is stored.
    pub fn hand_on(self, app: &App, show: bool) -> Handed {
        let link = self.address(app);
        let mailed_to = self.row.mail.map(|mail| mail.recipient);
        if mailed_to.is_some() {
            app.mailer.wake();
        }
        let link = (show || mailed_to.is_none()).then_some(link);
        Handed { link, mailed_to, expires_at: self.row.link.expires_at }
    }
}

impl LinkRow {
    /// Stores the link, and takes back earlier ones of the same account.
    ///
    /// # Errors
    /// As the database has them.
    pub fn insert(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<(), DbError> {
        links::insert(tx, &self.link, &self.hash, now)?;
        self.mail.as_ref().map_or(Ok(()), |mail| mails::insert(tx, mail))
    }

    /// Stores links of accounts that have just been made.
    ///
    /// # Errors
    /// As the database has them.
    pub fn insert_first<'a>(
        tx: &mut Tx<'_>,
        all: impl Iterator<Item = &'a Self> + Clone,
        now: Timestamp,
    ) -> Result<(), DbError> {
        let rows: Vec<_> = all.clone().map(|row| (&row.link, &row.hash)).collect();
        links::insert_first(tx, &rows, now)?;
        mails::insert_first(tx, &all.filter_map(|row| row.mail.as_ref()).collect::<Vec<_>>())
    }
}

/// A one-time link as it was handed on.
pub struct Handed {
    /// The whole address, where it is to be shown. Whoever has it can do what it is for.
    pub link: Option<Secret<String>>,
    /// The address that it is mailed to.
    pub mailed_to: Option<String>,
    /// Until when that can be done.
    pub expires_at: Timestamp,
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

/// Everything that stands in the way of setting up the first account with what was typed.
pub fn set_up_faults(app: &App, id: &str, name: &str, password: &str) -> Vec<Problem> {
    let faults = [
        id_typed(app, id).err(),
        name_typed(name).err(),
        check_length("password", password, MIN_ALONE).err(),
    ];
    faults.into_iter().flatten().collect()
}

/// Spends a link, inside the transaction of what follows from it.
pub(super) fn spend(tx: &mut Tx<'_>, hash: &[u8; 32], now: Timestamp) -> Result<Link, Problem> {
    let link = links::by_token(tx, hash, now)?.ok_or_else(link_spent)?;
    if links::spend(tx, link.id)? { Ok(link) } else { Err(link_spent()) }
}

pub(super) fn link_spent() -> Problem {
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
/// `not-found` when there is no such account; `conflict` when its person was only invited yet, or is suspended.
pub async fn reset_link(
    app: &App,
    ctx: &mut Ctx,
    admin: &Fresh<Admin>,
    who: &str,
    lost_second_factor: bool,
    show_link: bool,
) -> Result<Handed, Problem> {
    let who = Who::parse(app, who)?;
    let (account, Admin { actor, reach }) = (app.store.read(|conn| who.account(conn))?, *admin.who());
    let id = account.id;
    let purpose = if lost_second_factor { Purpose::ResetBoth(id) } else { Purpose::Reset(id) };
    let link = NewLink::make(ctx, purpose, actor, RESET_HOURS).by_mail(app, ctx, &account);
    let (row, stamp) = (link.row.clone(), ctx.stamp.clone());
    app.store
        .write(move |tx| {
            Admin::still(tx, actor)?;
            let account = rows::by_id(tx, id)?.ok_or_else(no_account)?;
            reach.over(account.administrator)?;
            match account.state {
                State::Active => {}
                State::Invited => {
                    let detail = format!(
                        "{} has still to accept the invitation. Make a new invitation link instead.",
                        account.name
                    );
                    return Err(Problem::new(Code::Conflict, detail));
                }
                State::Suspended => {
                    let detail = format!("{} is suspended. Resume the account first.", account.name);
                    return Err(Problem::new(Code::Conflict, detail));
                }
            }
            row.insert(tx, stamp.now)?;
            let what = What::ResetLinkMade { expires_at: row.link.expires_at, lost_second_factor };
            Ok(events::append(tx, stamp.now, stamp.event(Some(id), actor, what))?)
        })
        .await?;
    Ok(link.hand_on(app, show_link))
}

/// What a reset link opens.
pub struct Reset {
    /// Whose password it resets.
    pub account: Account,
    /// The link itself.
    pub link: Link,
    /// Since when its second factor has been in force.
    factor_since: Option<Timestamp>,
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

/// What a reset did.
pub struct Done {
    /// How many app-specific passwords ended.
    pub revoked: u64,
    /// How many recovery codes are left, when one was used.
    pub recovery_codes_left: Option<u64>,
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
        let factor_since = two_factor::since(conn, id)?;
        let two_factor = factor_since.is_some();
        Ok(Reset {
            factor_since,
            account: rows::by_id(conn, id)?.ok_or_else(link_spent)?,
            link,
            asks_code: two_factor && !turns_off,
            turns_off: two_factor && turns_off,
            revokes: app_passwords::count_live(conn, id, now)?,
        })
    })
}

/// Resets the account's password through a link. The second factor is still asked for: a link that got into other hands is one
/// factor only. Everything that the old password opened ends.
///
/// # Errors
/// `link-spent`; `wrong-credentials` at `code`; `too-many-attempts`; `unfit` at `password`. The link can still be spent.
pub async fn reset(
    app: &App,
    ctx: &mut Ctx,
    token: &str,
    password: &str,
    code: &str,
) -> Result<Done, Problem> {
    let reset = reset_open(app, ctx.stamp.now, token)?;
    let account = reset.account;
    let fewest = if reset.asks_code { MIN_WITH_SECOND_FACTOR } else { MIN_ALONE };
    let new = NewPassword::check(app, "password", password, fewest, (&account.name, &account.display_name))?;
    let mut recovery_codes_left = None;
    if reset.asks_code {
        let bucket = Bucket::link(account.id, reset.link.id);
        recovery_codes_left = two_factor::use_code(app, &ctx.stamp, account.id, bucket, code).await?;
    }
    let kept = app.hasher.turn()?.hash(new, &mut ctx.rng).await?;
    let sealed = kept.seal(&app.keyring, account.id, &mut ctx.rng);
    let (stamp, hash, id, seen) =
        (ctx.stamp.clone(), secrets::hash(token), account.id, account.password_changed_at);
    let (actor, turns_off) = (Actor::Account(id), reset.turns_off);
    let factor_since = reset.factor_since;
    app.store
        .write(move |tx| {
            // What was asked for was decided before the password was hashed; it must still be what is to be asked for.
            if two_factor::since(tx, id)? != factor_since {
                return Err(Problem::new(
                    Code::Conflict,
                    "Two-factor authentication was turned on or off, or moved to another phone, meanwhile. Open the link again; it still works.",
                ));
            }
            spend(tx, &hash, stamp.now)?;
            if !rows::set_password(tx, id, &sealed, stamp.now, seen)? {
                return Err(link_spent());
            }
            let revoked = end_app_passwords(tx, &stamp, actor, id, WhyEnded::PasswordReset)?;
            if turns_off {
                two_factor::take_away(tx, &stamp, actor, id)?;
                let what = What::TwoFactorOff { revoked: 0 };
                events::append(tx, stamp.now, stamp.event(Some(id), actor, what))?;
            }
            sessions::delete_others(tx, id, None)?;
            forget_browsers(tx, &stamp, actor, id)?;
            end_tokens(tx, &stamp, actor, id)?;
            budgets::clear(tx, &id.to_string())?;
            events::append(tx, stamp.now, stamp.event(Some(id), actor, What::PasswordReset { revoked }))?;
            Ok(Done { revoked, recovery_codes_left })
        })
        .await
}
