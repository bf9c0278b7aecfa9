//! Two-factor authentication: turning it on, counting its codes, moving it to another phone, turning it off.

use std::sync::Arc;

use domain::{AccountId, Actor, RecoveryCode, Timestamp, Totp, TotpCode, What, WhyEnded};
use seal::{Keyring, Place};
use store::{
    Conn, DbError, Tx,
    accounts::{self as rows, Account},
    events,
    sessions::{self, Session},
    totp::{self, Factor, Next},
};

use super::{
    end_app_passwords, end_tokens, forget_browsers,
    password::{Kept, MIN_ALONE, NewPassword},
    recovery_codes::{self, Made},
    sign_out_others,
};
use crate::{
    access::{Fresh, SignedIn},
    app::App,
    ctx::{Ctx, Stamp},
    problem::{Code, Problem},
    sign_in::budget::{self, Bucket},
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
    Ok(since(conn, account)?.is_some())
}

/// Since when the second factor that is in force has been; none while two-factor authentication is off. Another phone has another time.
///
/// # Errors
/// As the database has them.
pub fn since(conn: &mut Conn, account: AccountId) -> Result<Option<Timestamp>, DbError> {
    Ok(totp::of_account(conn, account)?.and_then(|factor| factor.confirmed_at))
}

/// A new factor for this account, not in force yet.
pub fn make(app: &App, ctx: &mut Ctx, account: &Account) -> (Factor, Shown) {
    let factor = Totp::generate(&mut ctx.rng);
    let secret_sealed = app.keyring.seal(place(&account.id.to_bytes()), factor.expose(), &mut ctx.rng);
    let shown = Shown::of(&factor, account);
    (Factor { secret_sealed, created_at: ctx.stamp.now, confirmed_at: None, last_step: 0, next: None }, shown)
}

fn place(row: &[u8]) -> Place<'_> {
    Place { table: "totp", row, column: "secret_sealed" }
}

fn next_place(row: &[u8]) -> Place<'_> {
    Place { table: "totp", row, column: "next_sealed" }
}

fn open(keyring: &Keyring, account: AccountId, factor: &Factor) -> Result<Totp, Problem> {
    unseal(keyring, account, place(&account.to_bytes()), &factor.secret_sealed)
}

fn open_next(keyring: &Keyring, account: AccountId, next: &Next) -> Result<Totp, Problem> {
    unseal(keyring, account, next_place(&account.to_bytes()), &next.secret_sealed)
}

fn unseal(keyring: &Keyring, account: AccountId, place: Place<'_>, sealed: &[u8]) -> Result<Totp, Problem> {
    keyring.unseal(place, sealed).ok().and_then(|b| Totp::from_bytes(b.expose())).ok_or_else(|| {
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
            Ok(Some(Shown::of(&open(&app.keyring, account.id, &factor)?, account)))
        }
        _ => Ok(None),
    }
}

/// Turns two-factor authentication on, with the first code of the secret that was begun, and signs out the other browsers. Returns the
/// recovery codes that come with it.
///
/// # Errors
/// `wrong-credentials` at `code`, `too-many-attempts`, `conflict` when it is on already or nothing was begun.
pub async fn confirm(
    app: &App,
    ctx: &mut Ctx,
    person: &Fresh<SignedIn>,
    code: &str,
) -> Result<Made, Problem> {
    let person = person.who();
    let (id, actor) = (person.account.id, person.actor());
    let factor = app.store.read(|conn| totp::of_account(conn, id))?;
    let Some(factor) = factor.filter(|factor| factor.confirmed_at.is_none()) else {
        return Err(already_on());
    };
    let turn = app.hasher.turn()?;
    let attempt = budget::attempt(app, &ctx.stamp, Bucket::session(&person.session)).await?;
    let seen = open(&app.keyring, id, &factor)?;
    let step = step_of(&seen, code, &ctx.stamp, factor.last_step)?;
    let made = recovery_codes::make(app, ctx, turn, id).await?;
    let (stamp, session, keyring) = (ctx.stamp.clone(), person.session.clone(), Arc::clone(&app.keyring));
    let kept = made.kept.clone();
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session.id)?;
            // The secret whose code this is must still be the one: another tab may have begun anew.
            // Its bytes may be others by now: it is sealed anew when the key is replaced.
            let factor = totp::of_account(tx, id)?.ok_or_else(already_on)?;
            let same = open(&keyring, id, &factor)?.expose() == seen.expose();
            if !same || !totp::confirm(tx, id, stamp.now)? {
                return Err(already_on());
            }
            totp::use_step(tx, id, step)?;
            sessions::fresh(tx, session.id, stamp.now)?;
            // They signed in without a second factor, and whoever is in them may be the reason for having one.
            end_old_factor(tx, &stamp, actor, &session)?;
            events::append(tx, stamp.now, stamp.event(Some(id), actor, What::TwoFactorOn))?;
            recovery_codes::put(tx, &stamp, actor, id, &kept)
        })
        .await?;
    attempt.right(app).await?;
    Ok(made)
}

/// Ends what was signed in, and trusted, by the factors as they were before: the other sessions, and every trusted browser.
fn end_old_factor(tx: &mut Tx<'_>, stamp: &Stamp, actor: Actor, session: &Session) -> Result<(), Problem> {
    forget_browsers(tx, stamp, actor, session.account)?;
    sign_out_others(tx, stamp, actor, session).map(drop)
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

/// Uses up a code of the authenticator app, or a recovery code in its place: each counts once, and wrong ones count against this
/// budget. Returns how many recovery codes are left when it was one.
///
/// # Errors
/// `wrong-credentials` at `code`, `too-many-attempts`.
pub async fn use_code(
    app: &App,
    stamp: &Stamp,
    id: AccountId,
    bucket: Bucket,
    typed: &str,
) -> Result<Option<u64>, Problem> {
    // A recovery code is hashed: its place in the line comes before anything is counted.
    let recovery = match RecoveryCode::parse(typed) {
        Some(code) => Some((code, app.hasher.turn()?)),
        None => None,
    };
    let attempt = budget::attempt(app, stamp, bucket).await?;
    let left = match recovery {
        Some((code, turn)) => Some(recovery_codes::use_up(app, stamp, turn, id, code).await?),
        None => use_step(app, stamp, id, typed).await.map(|()| None)?,
    };
    attempt.right(app).await?;
    Ok(left)
}

async fn use_step(app: &App, stamp: &Stamp, id: AccountId, code: &str) -> Result<(), Problem> {
    let factor =
        app.store.read(|conn| totp::of_account(conn, id))?.filter(|factor| factor.confirmed_at.is_some());
    let factor = factor.ok_or_else(wrong_code)?;
    let (step, seen) =
        (step_of(&open(&app.keyring, id, &factor)?, code, stamp, factor.last_step)?, factor.confirmed_at);
    let used = app
        .store
        .write(move |tx| {
            // The phone whose code this is may have been left for another one meanwhile.
            let same = totp::of_account(tx, id)?.is_some_and(|factor| factor.confirmed_at == seen);
            // Two that come with the same code at once: the row is changed by one of them.
            Ok::<_, DbError>(same && totp::use_step(tx, id, step)?)
        })
        .await?;
    if used { Ok(()) } else { Err(wrong_code()) }
}

/// For how long what was begun for another phone can be finished, in minutes.
const MOVE_MINUTES: i64 = 30;

/// Begins to move two-factor authentication to another phone: a new secret, which takes the old one's place with its first code. Until
/// then the old one stays in force.
///
/// # Errors
/// `two-factor-needed` while it is off.
pub async fn begin_move(app: &App, ctx: &mut Ctx, person: &Fresh<SignedIn>) -> Result<Shown, Problem> {
    let account = &person.who().account;
    let (id, new) = (account.id, Totp::generate(&mut ctx.rng));
    let next = Next {
        secret_sealed: app.keyring.seal(next_place(&id.to_bytes()), new.expose(), &mut ctx.rng),
        created_at: ctx.stamp.now,
    };
    if !app.store.write(move |tx| totp::put_next(tx, id, &next)).await? {
        return Err(off());
    }
    Ok(Shown::of(&new, account))
}

/// What was begun for another phone and still waits for its first code.
///
/// # Errors
/// As the database has them.
pub fn begun_move(app: &App, ctx: &Ctx, person: &Fresh<SignedIn>) -> Result<Option<Shown>, Problem> {
    let account = &person.who().account;
    let next = app.store.read(|conn| totp::of_account(conn, account.id))?.and_then(|factor| factor.next);
    match next.filter(|next| next.created_at.plus_minutes(MOVE_MINUTES) > ctx.stamp.now) {
        Some(next) => Ok(Some(Shown::of(&open_next(&app.keyring, account.id, &next)?, account))),
        None => Ok(None),
    }
}

/// Moves two-factor authentication to another phone, with the first code that it shows: the old phone's codes stop working, and the
/// other browsers are signed out. App-specific passwords and recovery codes stay: they aren't the phone's.
///
/// # Errors
/// `wrong-credentials` at `code`, `too-many-attempts`, `conflict` when nothing was begun, or too long ago.
pub async fn confirm_move(
    app: &App,
    ctx: &mut Ctx,
    person: &Fresh<SignedIn>,
    code: &str,
) -> Result<(), Problem> {
    let person = person.who();
    let (id, actor, now) = (person.account.id, person.actor(), ctx.stamp.now);
    let next = app.store.read(|conn| totp::of_account(conn, id))?.and_then(|factor| factor.next);
    let next = next.filter(|next| next.created_at.plus_minutes(MOVE_MINUTES) > now).ok_or_else(not_begun)?;
    let attempt = budget::attempt(app, &ctx.stamp, Bucket::session(&person.session)).await?;
    let new = open_next(&app.keyring, id, &next)?;
    let step = step_of(&new, code, &ctx.stamp, 0)?;
    let factor = Factor {
        secret_sealed: app.keyring.seal(place(&id.to_bytes()), new.expose(), &mut ctx.rng),
        created_at: next.created_at,
        confirmed_at: Some(now),
        last_step: step,
        next: None,
    };
    let (stamp, session, keyring) = (ctx.stamp.clone(), person.session.clone(), Arc::clone(&app.keyring));
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session.id)?;
            // The secret whose code this is must still be the one, and two-factor authentication on.
            let now = totp::of_account(tx, id)?.filter(|factor| factor.confirmed_at.is_some());
            let next = now.and_then(|factor| factor.next).ok_or_else(not_begun)?;
            if open_next(&keyring, id, &next)?.expose() != new.expose() {
                return Err(not_begun());
            }
            totp::put(tx, id, &factor)?;
            sessions::fresh(tx, session.id, stamp.now)?;
            // Whoever has the old phone may have been signed in with it.
            end_old_factor(tx, &stamp, actor, &session)?;
            Ok(events::append(tx, stamp.now, stamp.event(Some(id), actor, What::TwoFactorMoved))?)
        })
        .await?;
    attempt.right(app).await
}

fn not_begun() -> Problem {
    Problem::new(
        Code::Conflict,
        "This was begun too long ago, or begun anew elsewhere. Begin again; until it is done, the codes of the old phone count.",
    )
}

fn off() -> Problem {
    Problem::new(
        Code::TwoFactorNeeded,
        "Two-factor authentication is off, so there is nothing to move. Turn it on.",
    )
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
    use_code(app, &ctx.stamp, id, Bucket::session(&person.session), code).await?;
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
            take_away(tx, &stamp, actor, id)?;
            sessions::fresh(tx, session.id, stamp.now)?;
            let revoked = end_app_passwords(tx, &stamp, actor, id, WhyEnded::TwoFactorOff)?;
            events::append(tx, stamp.now, stamp.event(Some(id), actor, What::TwoFactorOff { revoked }))?;
            Ok(revoked)
        })
        .await
}

/// Takes away the account's second factor, what stands in for it, and what it takes to make: recovery codes, trusted browsers, personal
/// API tokens.
///
/// # Errors
/// As the database has them.
pub fn take_away(tx: &mut Tx<'_>, stamp: &Stamp, actor: Actor, account: AccountId) -> Result<(), Problem> {
    totp::delete(tx, account)?;
    store::recovery_codes::delete(tx, account)?;
    end_tokens(tx, stamp, actor, account)?;
    forget_browsers(tx, stamp, actor, account).map(drop)
}

/// Whether the account's password is long enough to do without a second factor.
///
/// # Errors
/// When it can't be opened.
pub fn stands_alone(app: &App, account: &Account) -> Result<bool, Problem> {
    Ok(Kept::open(&app.keyring, account.id, &account.password_sealed)?.long)
}
