//! Recovery codes: ten, each of which stands in once for a code of the authenticator app. With 80 bits they are hashed slowly, with
//! one salt for each set of ten, so that checking takes one hash however many are left.

use argon2::Params;
use domain::{AccountId, Actor, RECOVERY_CODES, RecoveryCode, RecoveryCodeId, Rng, Secret, Timestamp, What};
use seal::Place;
use store::{
    Tx, events,
    recovery_codes::{self as rows, Kept},
};

use super::{hasher::Turn, memory::Memory, two_factor};
use crate::{
    access::{Fresh, SignedIn},
    app::App,
    ctx::{Ctx, Stamp},
    problem::{Code, Problem},
};

/// With so few left, a person is told to make new ones.
pub const FEW: u64 = 3;

/// The number of the parameters that [`hash`] has, before each hash: others may follow one day.
const PARAMETERS: u8 = 1;
const SALT: usize = 16;
const HASH: usize = 32;

/// Codes that were just made.
pub struct Made {
    codes: Vec<RecoveryCode>,
    /// What is kept of them.
    pub kept: Vec<Kept>,
}

impl Made {
    /// The codes as they are shown, this once.
    pub fn shown(&self) -> Vec<String> {
        self.codes.iter().map(|code| code.shown().expose().clone()).collect()
    }
}

/// Makes ten codes for the account, without keeping them yet.
///
/// # Errors
/// When the work can't be done at all.
pub async fn make(app: &App, ctx: &mut Ctx, turn: Turn, account: AccountId) -> Result<Made, Problem> {
    let codes: Vec<_> = (0..RECOVERY_CODES).map(|_| RecoveryCode::generate(&mut ctx.rng)).collect();
    let salt: [u8; SALT] = ctx.rng.bytes();
    let (codes, hashes) = turn
        .run(move |memory| {
            let hashes = codes.iter().map(|code| hash(memory, code, &salt)).collect::<Option<Vec<_>>>()?;
            Some((codes, hashes))
        })
        .await?;
    let (now, rng) = (ctx.stamp.now, &mut ctx.rng);
    let kept = hashes.iter().map(|hash| keep(app, rng, now, &salt, hash, account)).collect();
    Ok(Made { codes, kept })
}

fn keep(
    app: &App,
    rng: &mut Rng,
    now: Timestamp,
    salt: &[u8; SALT],
    hash: &Secret<[u8; HASH]>,
    account: AccountId,
) -> Kept {
    let id = RecoveryCodeId::new(now, rng);
    let all = Secret::new([&[PARAMETERS], salt.as_slice(), hash.expose()].concat());
    let hash_sealed = app.keyring.seal(place(&row(account, id)), all.expose(), rng);
    Kept { id, hash_sealed }
}

/// A code belongs to its account, so that no row can be put under another one's name.
fn row(account: AccountId, id: RecoveryCodeId) -> Vec<u8> {
    [account.to_bytes(), id.to_bytes()].concat()
}

fn place(row: &[u8]) -> Place<'_> {
    Place { table: "recovery_codes", row, column: "hash_sealed" }
}

fn open(app: &App, account: AccountId, kept: &Kept) -> Result<([u8; SALT], Secret<[u8; HASH]>), Problem> {
    let opened = app.keyring.unseal(place(&row(account, kept.id)), &kept.hash_sealed).ok();
    let parts = opened.as_ref().and_then(|all| {
        let (salt, hash) = all.expose().strip_prefix(&[PARAMETERS])?.split_first_chunk::<SALT>()?;
        Some((*salt, Secret::new(hash.try_into().ok()?)))
    });
    parts.ok_or_else(|| {
        tracing::error!(%account, "a recovery code's hash can't be opened");
        Problem::unavailable()
    })
}

/// argon2id with 8 MiB, one pass, one lane: beside 80 random bits that is work enough, and ten of them are made in one request. Only the
/// hasher's threads do it.
fn hash(memory: &mut Memory, code: &RecoveryCode, salt: &[u8; SALT]) -> Option<Secret<[u8; HASH]>> {
    memory.hash(Params::new(8 * 1024, 1, 1, Some(HASH)).ok()?, code.characters(), salt)
}

/// Keeps a set, inside the transaction of what it is made for; the codes from before stop working.
///
/// # Errors
/// As the database has them.
pub fn put(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    actor: Actor,
    account: AccountId,
    kept: &[Kept],
) -> Result<(), Problem> {
    rows::replace(tx, account, kept, stamp.now)?;
    Ok(events::append(tx, stamp.now, stamp.event(Some(account), actor, What::RecoveryCodesMade))?)
}

/// Uses a code up: it counts once. Returns how many are left. The caller counts the attempt against a budget.
///
/// # Errors
/// `wrong-credentials` at `code`.
pub async fn use_up(
    app: &App,
    stamp: &Stamp,
    turn: Turn,
    account: AccountId,
    code: RecoveryCode,
) -> Result<u64, Problem> {
    let kept = app.store.read(|conn| rows::of_account(conn, account))?;
    let opened = kept
        .iter()
        .map(|kept| Ok((kept.id, open(app, account, kept)?)))
        .collect::<Result<Vec<_>, Problem>>()?;
    // All of a set have one salt.
    let Some((_, (salt, _))) = opened.first() else { return Err(wrong_code()) };
    let salt = *salt;
    let typed = turn.run(move |memory| hash(memory, &code, &salt)).await?;
    let found = opened.iter().find(|(_, (_, hash))| seal::same(typed.expose(), hash.expose()));
    let Some(id) = found.map(|(id, _)| *id) else { return Err(wrong_code()) };
    let stamp = stamp.clone();
    app.store
        .write(move |tx| {
            // Two that come with the same code at once: the row is deleted by one of them.
            if !rows::use_up(tx, account, id)? {
                return Err(wrong_code());
            }
            let left = rows::left(tx, account)?.count;
            let event = stamp.event(Some(account), Actor::Account(account), What::RecoveryCodeUsed { left });
            events::append(tx, stamp.now, event)?;
            Ok(left)
        })
        .await
}

fn wrong_code() -> Problem {
    let detail = "That isn't one of your recovery codes, or it has been used already: each counts once. Take another one \
                  of your list.";
    Problem { field: Some("code"), ..Problem::new(Code::WrongCredentials, detail) }
}

/// Makes ten new codes for somebody whose two-factor authentication is on; those from before stop working.
///
/// # Errors
/// `two-factor-needed` while it is off.
pub async fn renew(app: &App, ctx: &mut Ctx, person: &Fresh<SignedIn>) -> Result<Made, Problem> {
    let person = person.who();
    let (account, session, actor) = (person.account.id, person.session.id, person.actor());
    if !app.store.read(|conn| two_factor::is_on(conn, account))? {
        return Err(needs_two_factor());
    }
    let made = make(app, ctx, app.hasher.turn()?, account).await?;
    let (stamp, kept) = (ctx.stamp.clone(), made.kept.clone());
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session)?;
            if !two_factor::is_on(tx, account)? {
                return Err(needs_two_factor());
            }
            put(tx, &stamp, actor, account, &kept)
        })
        .await?;
    Ok(made)
}

fn needs_two_factor() -> Problem {
    Problem::new(
        Code::TwoFactorNeeded,
        "Recovery codes stand in for an authenticator app. Turn on two-factor authentication first; the codes come with it.",
    )
}
