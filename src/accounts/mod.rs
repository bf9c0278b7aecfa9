//! People's accounts: making them, and their password. One-time links are in [`links`] and [`invitations`], the second
//! factor in [`two_factor`]. What administrators do with accounts is in [`crate::people`].

use domain::{AccountId, AccountName, Actor, BrowserId, DisplayName, Ended, What, WhyEnded};
use store::{
    Conn, Tx,
    accounts::{self as rows, Account, State},
    app_passwords, browsers, events, sessions, tokens,
};

use crate::{
    access::{Admin, Fresh, SignedIn},
    app::App,
    ctx::{Ctx, Stamp},
    problem::{Code, Problem},
    sign_in::budget,
};
use password::{Kept, MIN_ALONE, MIN_WITH_SECOND_FACTOR, NewPassword};

pub mod api;
pub mod hasher;
pub mod invitations;
pub mod link_pages;
pub mod link_views;
pub mod links;
pub mod memory;
pub mod pages;
pub mod password;
pub mod recovery_code_pages;
pub mod recovery_codes;
pub mod two_factor;
pub mod views;

/// What is asked about somebody new.
pub struct NewAccount {
    /// Their ID.
    pub name: AccountName,
    /// What they are called.
    pub display_name: DisplayName,
    /// Whether they administer the server.
    pub administrator: bool,
}

impl NewAccount {
    /// Reads what was typed.
    ///
    /// # Errors
    /// `unfit`, at the field.
    pub fn parse(app: &App, id: &str, name: &str, administrator: bool) -> Result<Self, Problem> {
        Ok(Self { name: id_typed(app, id)?, display_name: name_typed(name)?, administrator })
    }
}

fn id_typed(app: &App, typed: &str) -> Result<AccountName, Problem> {
    AccountName::parse(typed, app.default_domain())
        .map_err(|error| Problem::field("id", format!("That can't be an ID: {error}.")))
}

fn name_typed(typed: &str) -> Result<DisplayName, Problem> {
    DisplayName::parse(typed).map_err(|error| Problem::field("name", format!("The name {error}.")))
}

/// Whom an administrator means: by their ID or an alias, or by the account's own id, which nobody else ever gets.
#[derive(Clone)]
pub enum Who {
    /// The account's own id.
    Id(AccountId),
    /// A name that signs the account in.
    Name(AccountName),
}

impl Who {
    /// Reads what was typed.
    ///
    /// # Errors
    /// `not-found` when no account can be called so.
    pub fn parse(app: &App, typed: &str) -> Result<Self, Problem> {
        if let Ok(id) = typed.parse() {
            return Ok(Self::Id(id));
        }
        AccountName::parse(typed, app.default_domain()).map(Self::Name).map_err(|_| no_account())
    }

    /// Their account.
    ///
    /// # Errors
    /// `not-found` when there is none.
    pub fn account(&self, conn: &mut Conn) -> Result<Account, Problem> {
        let found = match self {
            Self::Id(id) => rows::by_id(conn, *id)?,
            Self::Name(name) => rows::by_name(conn, name)?,
        };
        found.ok_or_else(no_account)
    }
}

/// There is no such account.
pub fn no_account() -> Problem {
    Problem::new(Code::NotFound, "There is no account with this ID.")
}

/// Makes an account, as an administrator. With `totp`, two-factor authentication is on from the first day, and its
/// manual key is returned to be handed on, once.
///
/// # Errors
/// `unfit` when the password doesn't do, `conflict` when the ID is taken.
pub async fn add(
    app: &App,
    ctx: &mut Ctx,
    admin: &Fresh<Admin>,
    new: NewAccount,
    password: &str,
    totp: bool,
) -> Result<(Account, Option<two_factor::Shown>), Problem> {
    admin.who().reach.over(new.administrator)?;
    let fewest = if totp { MIN_WITH_SECOND_FACTOR } else { MIN_ALONE };
    let account = make(app, ctx, new, password, fewest).await?;
    let factor = totp.then(|| two_factor::make(app, ctx, &account));
    let (stamp, actor, row) = (ctx.stamp.clone(), admin.who().actor, account.clone());
    let put = factor.as_ref().map(|(factor, _)| factor.clone());
    app.store
        .write(move |tx| {
            Admin::still(tx, actor)?;
            insert(tx, &stamp, actor, &row)?;
            if let Some(factor) = &put {
                store::totp::put(
                    tx,
                    row.id,
                    &store::totp::Factor { confirmed_at: Some(stamp.now), ..factor.clone() },
                )?;
                events::append(tx, stamp.now, stamp.event(Some(row.id), actor, What::TwoFactorOn))?;
            }
            Ok::<_, Problem>(())
        })
        .await?;
    Ok((account, factor.map(|(_, shown)| shown)))
}

/// Makes the row of a new account, its password checked, hashed and sealed.
async fn make(
    app: &App,
    ctx: &mut Ctx,
    new: NewAccount,
    password: &str,
    fewest: usize,
) -> Result<Account, Problem> {
    let password = NewPassword::check(app, "password", password, fewest, (&new.name, &new.display_name))?;
    let (now, id) = (ctx.stamp.now, AccountId::new(ctx.stamp.now, &mut ctx.rng));
    let kept = app.hasher.turn()?.hash(password, &mut ctx.rng).await?;
    Ok(Account {
        id,
        name: new.name,
        display_name: new.display_name,
        administrator: new.administrator,
        state: State::Active,
        password_sealed: kept.seal(&app.keyring, id, &mut ctx.rng),
        password_changed_at: now,
        created_at: now,
        signed_in_at: None,
    })
}

pub(crate) fn insert(tx: &mut Tx<'_>, stamp: &Stamp, actor: Actor, account: &Account) -> Result<(), Problem> {
    id_is_free(tx, &account.name)?;
    rows::insert(tx, account)?;
    let (name, administrator) = (account.name.to_string(), account.administrator);
    events::append(
        tx,
        stamp.now,
        stamp.event(Some(account.id), actor, What::AccountAdded { name, administrator }),
    )?;
    Ok(())
}

/// Checks, in the transaction that makes an account, that nobody has its ID.
///
/// # Errors
/// `conflict` at `id`.
pub fn id_is_free(tx: &mut Tx<'_>, name: &AccountName) -> Result<(), Problem> {
    let Some(taken) = rows::by_name(tx, name)? else { return Ok(()) };
    let detail = if taken.name == *name {
        format!("There is already an account {name}. Choose another ID.")
    } else {
        format!("{name} is an alias of {}. Choose another ID, or remove the alias there first.", taken.name)
    };
    Err(Problem { code: Code::Conflict, ..Problem::field("id", detail) })
}

/// Changes the account's password: the app-specific passwords end, and the other browsers and command lines are signed out, in
/// the same transaction. Returns how many app-specific passwords ended.
///
/// # Errors
/// `wrong-credentials` at the field `current_password`, `too-many-attempts`; `unfit` at `new_password`.
pub async fn change_password(
    app: &App,
    ctx: &mut Ctx,
    person: &Fresh<SignedIn>,
    current: &str,
    new: &str,
) -> Result<u64, Problem> {
    let person = person.who();
    let account = &person.account;
    let two_factor = app.store.read(|conn| two_factor::is_on(conn, account.id))?;
    let fewest = if two_factor { MIN_WITH_SECOND_FACTOR } else { MIN_ALONE };
    let typed = new;
    let new = NewPassword::check(app, "new_password", typed, fewest, (&account.name, &account.display_name))?;
    check_current(app, ctx, person, "current_password", current).await?;
    if typed == current {
        return Err(Problem::field("new_password", "That is your password already. Choose another one."));
    }

    let kept = app.hasher.turn()?.hash(new, &mut ctx.rng).await?;
    let sealed = kept.seal(&app.keyring, account.id, &mut ctx.rng);
    let (stamp, actor, id) = (ctx.stamp.clone(), person.actor(), account.id);
    let (session, seen) = (person.session.clone(), account.password_changed_at);
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session.id)?;
            // How long it had to be was decided before it was hashed.
            if two_factor::is_on(tx, id)? != two_factor || !rows::set_password(tx, id, &sealed, stamp.now, seen)? {
                return Err(Problem::new(
                    Code::Conflict,
                    "Your password or second factor was changed elsewhere a moment ago. Look at Sign-In and Security again.",
                ));
            }
            let revoked = end_app_passwords(tx, &stamp, actor, id, WhyEnded::PasswordChanged)?;
            forget_browsers(tx, &stamp, actor, id)?;
            end_tokens(tx, &stamp, actor, id)?;
            sign_out_others(tx, &stamp, actor, &session)?;
            events::append(tx, stamp.now, stamp.event(Some(id), actor, What::PasswordChanged { revoked }))?;
            Ok(revoked)
        })
        .await
}

/// Checks the account's password again, for somebody signed in, against the session's budget of failures.
async fn check_current(
    app: &App,
    ctx: &Ctx,
    person: &SignedIn,
    field: &'static str,
    typed: &str,
) -> Result<(), Problem> {
    let account = &person.account;
    let turn = app.hasher.turn()?;
    let attempt = budget::attempt(app, &ctx.stamp, budget::Bucket::session(&person.session)).await?;
    let kept = Kept::open(&app.keyring, account.id, &account.password_sealed)?;
    if !turn.matches(typed, kept).await? {
        let detail = "That isn't your current password. Try again.";
        return Err(Problem { field: Some(field), ..Problem::new(Code::WrongCredentials, detail) });
    }
    attempt.right(app).await
}

/// Ends every app-specific password of the account, each with its event, and tells how many.
///
/// # Errors
/// As the database has them.
pub fn end_app_passwords(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    account: AccountId,
    why: WhyEnded,
) -> Result<u64, Problem> {
    let mut count = 0;
    for password in app_passwords::not_ended(tx, account)? {
        // One whose time is over, but whose end nobody wrote down yet, has expired and wasn't revoked.
        let live = password.is_live(stamp.now);
        let ended = match password.expires_at {
            Some(at) if !live => Ended { at, why: WhyEnded::Expired },
            _ => Ended { at: stamp.now, why },
        };
        if app_passwords::end(tx, password.id, ended)? {
            let what = What::AppPasswordEnded {
                id: password.id,
                label: password.label.as_str().into(),
                why: ended.why,
            };
            let actor = if live { actor } else { Actor::Doorkey };
            events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?;
            count += u64::from(live);
        }
    }
    Ok(count)
}

/// Ends the account's personal API tokens, and tells how many: with the password and the second factor, since whoever used those may have
/// made them.
///
/// # Errors
/// As the database has them.
pub fn end_tokens(tx: &mut Tx<'_>, stamp: &Stamp, actor: Actor, account: AccountId) -> Result<u64, Problem> {
    let count = tokens::delete_of_account(tx, account)?;
    if count > 0 {
        let what = What::TokensRevoked { count };
        events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?;
    }
    Ok(count)
}

/// Signs out the account's other browsers and command lines, forgets those of them that were trusted, and tells how many were
/// signed out.
///
/// # Errors
/// As the database has them.
pub fn sign_out_others(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    session: &sessions::Session,
) -> Result<u64, Problem> {
    let count = sessions::delete_others(tx, session.account, Some(session.id))?;
    if count > 0 {
        let what = What::OthersSignedOut { count };
        events::append(tx, stamp.now, stamp.event(Some(session.account), actor, what))?;
    }
    forget_other_browsers(tx, stamp, actor, session.account, session.browser)?;
    Ok(count)
}

/// Trusts no browser of the account any more, and tells how many were trusted.
///
/// # Errors
/// As the database has them.
pub fn forget_browsers(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    account: AccountId,
) -> Result<u64, Problem> {
    forget_other_browsers(tx, stamp, actor, account, None)
}

fn forget_other_browsers(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    account: AccountId,
    but: Option<BrowserId>,
) -> Result<u64, Problem> {
    let count = browsers::delete_others(tx, account, but)?;
    if count > 0 {
        let what = What::BrowsersForgotten { count };
        events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?;
    }
    Ok(count)
}
