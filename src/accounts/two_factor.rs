//! Two-factor authentication: turning it on, counting its codes, turning it off.

use domain::{AccountId, Totp, TotpCode, What, WhyEnded};
use seal::Place;
use store::{
    Conn, DbError,
    accounts::{self as rows, Account},
    events, sessions,
    totp::{self, Factor},
};

use super::{
    end_app_passwords,
    password::{Kept, MIN_ALONE, NewPassword},
    sign_out_others,
};
use crate::{
    access::{Fresh, SignedIn},
    app::App,
    ctx::{Ctx, Stamp},
    problem::{Code, Problem},
    sign_in::budget,
};

/// What a person puts into an authenticator app. It is the secret itself: shown on its own page, never logged.
pub struct Shown {
    /// The secret in base 32.
    pub manual_key: String,
    /// The `otpauth:` address, for a QR code.
    pub uri: String,
}

impl Shown {
    fn of(factor: &Totp, account: &Account) -> Self {
        Self { manual_key: factor.manual_key(), uri: factor.uri(account.name.as_str()) }
    }
}

/// Whether two-factor authentication is on.
///
/// # Errors
/// As the database has them.
pub fn is_on(conn: &mut Conn, account: AccountId) -> Result<bool, DbError> {
    Ok(totp::of_account(conn, account)?.is_some_and(|factor| factor.confirmed_at.is_some()))
}

/// A new factor for this account, not in force yet.
pub fn make(app: &App, ctx: &mut Ctx, account: &Account) -> (Factor, Shown) {
    let factor = Totp::generate(&mut ctx.rng);
    let secret_sealed = app.keyring.seal(place(&account.id.to_bytes()), factor.expose(), &mut ctx.rng);
    let shown = Shown::of(&factor, account);
    (Factor { secret_sealed, created_at: ctx.stamp.now, confirmed_at: None, last_step: 0 }, shown)
}

fn place(row: &[u8]) -> Place<'_> {
    Place { table: "totp", row, column: "secret_sealed" }
}

fn open(app: &App, account: AccountId, factor: &Factor) -> Result<Totp, Problem> {
    app.keyring
        .unseal(place(&account.to_bytes()), &factor.secret_sealed)
        .ok()
        .and_then(|b| Totp::from_bytes(b.expose()))
        .ok_or_else(|| {
            tracing::error!(%account, "the account's second factor can't be opened");
            Problem::unavailable()
        })
}

/// Begins to turn two-factor authentication on: a new secret, in force once its first code has come.
///
/// # Errors
/// `conflict` when it is on already.
pub async fn begin(app: &App, ctx: &mut Ctx, person: &Fresh<SignedIn>) -> Result<Shown, Problem> {
    let account = &person.who().account;
    let (factor, shown) = make(app, ctx, account);
    let (id, session) = (account.id, person.who().session.id);
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session)?;
            if is_on(tx, id)? {
                return Err(already_on());
            }
            Ok(totp::put(tx, id, &factor)?)
        })
        .await?;
    Ok(shown)
}

/// What was begun and still waits for its first code.
///
/// # Errors
/// As the database has them.
pub fn begun(app: &App, person: &Fresh<SignedIn>) -> Result<Option<Shown>, Problem> {
    let account = &person.who().account;
    match app.store.read(|conn| totp::of_account(conn, account.id))? {
        Some(factor) if factor.confirmed_at.is_none() => {
            Ok(Some(Shown::of(&open(app, account.id, &factor)?, account)))
        }
        _ => Ok(None),
    }
}

/// Turns two-factor authentication on, with the first code of the secret that was begun, and signs out the other browsers.
///
/// # Errors
/// `wrong-credentials` at `code`, `too-many-attempts`, `conflict` when it is on already or nothing was begun.
pub async fn confirm(app: &App, ctx: &Ctx, person: &Fresh<SignedIn>, code: &str) -> Result<(), Problem> {
    let person = person.who();
    let (id, actor) = (person.account.id, person.actor());
    let factor = app.store.read(|conn| totp::of_account(conn, id))?;
    let Some(factor) = factor.filter(|factor| factor.confirmed_at.is_none()) else {
        return Err(already_on());
    };
    let attempt = budget::attempt(app, &ctx.stamp, budget::Bucket::session(&person.session)).await?;
    let step = step_of(&open(app, id, &factor)?, code, &ctx.stamp, factor.last_step)?;
    let (stamp, session, seen) = (ctx.stamp.clone(), person.session.clone(), factor.secret_sealed);
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session.id)?;
            // The secret whose code this is must still be the one: another tab may have begun anew.
            let same = totp::of_account(tx, id)?.is_some_and(|factor| factor.secret_sealed == seen);
            if !same || !totp::confirm(tx, id, stamp.now)? {
                return Err(already_on());
            }
            totp::use_step(tx, id, step)?;
            sessions::fresh(tx, session.id, stamp.now)?;
            // They signed in without a second factor, and whoever is in them may be the reason for having one.
            sign_out_others(tx, &stamp, actor, &session)?;
            Ok(events::append(tx, stamp.now, stamp.event(Some(id), actor, What::TwoFactorOn))?)
        })
        .await?;
    attempt.right(app).await
}

fn already_on() -> Problem {
    Problem::new(
        Code::Conflict,
        "Two-factor authentication was turned on, or begun anew, elsewhere. Look at Sign-In and Security and begin again if \
         it is off.",
    )
}

fn wrong_code() -> Problem {
    let detail = "That isn't the code that stands now, or it has been used already. Enter the next one that your authenticator \
                  app shows; if it never fits, check that the clock of your phone is right.";
    Problem { field: Some("code"), ..Problem::new(Code::WrongCredentials, detail) }
}

fn step_of(factor: &Totp, code: &str, stamp: &Stamp, last_step: i64) -> Result<i64, Problem> {
    TotpCode::parse(code).and_then(|code| factor.accepts(code, stamp.now, last_step)).ok_or_else(wrong_code)
}

/// Uses a code up: it counts once. The caller counts the attempt against a budget.
///
/// # Errors
/// `wrong-credentials` at `code`.
pub async fn use_code(app: &App, stamp: &Stamp, id: AccountId, code: &str) -> Result<(), Problem> {
    let factor =
        app.store.read(|conn| totp::of_account(conn, id))?.filter(|factor| factor.confirmed_at.is_some());
    let factor = factor.ok_or_else(wrong_code)?;
    let step = step_of(&open(app, id, &factor)?, code, stamp, factor.last_step)?;
    // Two that come with the same code at once: the row is changed by one of them.
    if app.store.write(move |tx| totp::use_step(tx, id, step)).await? { Ok(()) } else { Err(wrong_code()) }
}

/// Turns two-factor authentication off. The app-specific passwords end with it, and a password that is too short to stand
/// alone must be replaced by a longer one in the same step. Returns how many app-specific passwords ended.
///
/// # Errors
/// `wrong-credentials` at `code`, `too-many-attempts`, `unfit` at `new_password`, `conflict` when it is off already.
pub async fn turn_off(
    app: &App,
    ctx: &mut Ctx,
    person: &Fresh<SignedIn>,
    code: &str,
    new_password: Option<&str>,
) -> Result<u64, Problem> {
    let person = person.who();
    let (account, id, actor) = (&person.account, person.account.id, person.actor());
    if !app.store.read(|conn| is_on(conn, id))? {
        return Err(Problem::new(Code::Conflict, "Two-factor authentication is off already."));
    }
    let new_password = match (new_password, stands_alone(app, account)?) {
        (None, true) => None,
        (given, _) => Some(NewPassword::check(
            app,
            "new_password",
            given.unwrap_or_default(),
            MIN_ALONE,
            (&account.name, &account.display_name),
        )?),
    };
    let attempt = budget::attempt(app, &ctx.stamp, budget::Bucket::session(&person.session)).await?;
    use_code(app, &ctx.stamp, id, code).await?;
    attempt.right(app).await?;
    let sealed = match new_password {
        None => None,
        Some(new) => {
            Some(app.hasher.turn()?.hash(new, &mut ctx.rng).await?.seal(&app.keyring, id, &mut ctx.rng))
        }
    };
    let (stamp, session, seen) = (ctx.stamp.clone(), person.session.clone(), account.password_changed_at);
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session.id)?;
            // The password that was found long enough to stand alone must still be the one.
            if rows::by_id(tx, id)?.is_none_or(|account| account.password_changed_at != seen) {
                return Err(Problem::new(
                    Code::Conflict,
                    "Your password was changed elsewhere. Sign in with it.",
                ));
            }
            if let Some(sealed) = &sealed {
                rows::set_password(tx, id, sealed, stamp.now, seen)?;
                sign_out_others(tx, &stamp, actor, &session)?;
                events::append(
                    tx,
                    stamp.now,
                    stamp.event(Some(id), actor, What::PasswordChanged { revoked: 0 }),
                )?;
            }
            totp::delete(tx, id)?;
            sessions::fresh(tx, session.id, stamp.now)?;
            let revoked = end_app_passwords(tx, &stamp, actor, id, WhyEnded::TwoFactorOff)?;
            events::append(tx, stamp.now, stamp.event(Some(id), actor, What::TwoFactorOff { revoked }))?;
            Ok(revoked)
        })
        .await
}

/// Whether the account's password is long enough to do without a second factor.
///
/// # Errors
/// When it can't be opened.
pub fn stands_alone(app: &App, account: &Account) -> Result<bool, Problem> {
    Ok(Kept::open(&app.keyring, account.id, &account.password_sealed)?.long)
}
