//! Replacing the key outside the database, and with it the data key that seals, while the server runs.
//!
//! The order makes that a crash at any moment leaves keys that open everything: the new key is put above the old one in its place
//! first, then the data keys are wrapped by it, then every value is sealed anew, and only then the old keys are dropped. The key of
//! fingerprints is wrapped anew and stays the same: the passwords to make others from aren't known, and with 112 random bits in
//! each of them a fingerprint needs no secret to be safe.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use domain::{Rng, Timestamp, What};
use seal::{Keyring, MasterKey, MasterKeys, Place, WrappedKey};
use store::{DbError, events, keys, sealed};
use tokio::sync::OwnedMutexGuard;

use super::{KeyError, fetch, place};
use crate::{
    access::OnMachine,
    app::App,
    backup::format::key_mark,
    clock,
    config::Key,
    ctx::Ctx,
    problem::{Code, Problem},
};

/// How many values are sealed anew in one transaction.
const BATCH: i64 = 200;
/// How long the answer waits for the rest of the work, which goes on without it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a rotation came to.
pub struct Rotated {
    /// The number of the data key that seals from now on.
    pub data_key: i64,
    /// How many values were sealed anew so far.
    pub resealed: u64,
    /// Whether the old keys are dropped. If not yet, requests are still running that began before.
    pub finished: bool,
    /// What is left for the operator to do, if anything.
    pub advice: Option<String>,
}

/// What the rest of a rotation came to.
struct Finished {
    resealed: u64,
    /// Whether the place of the key holds the new one alone.
    alone: bool,
}

/// Replaces the key. Where it is a file, a new one is made, unless the file already begins with one that isn't in use; elsewhere the
/// operator has put it first.
///
/// # Errors
/// `conflict` when it is being replaced already, or nobody has made a new one; `unavailable` when the key can't be fetched or kept, or
/// as the database has it. Then everything opens as before.
pub async fn rotate(app: &Arc<App>, ctx: &mut Ctx, admin: &OnMachine) -> Result<Rotated, Problem> {
    let turn = Arc::clone(&app.rotating).try_lock_owned().map_err(|_| {
        Problem::new(Code::Conflict, "The key is being replaced at this moment. Wait until that is done.")
    })?;
    let source = app.config.key.clone();
    let fetched = tokio::task::spawn_blocking(move || fetch(&source)).await;
    let fetched = fetched.map_err(|_| Problem::unavailable())?.map_err(|error| unfetched(&error))?;
    let kept = app.store.scan(keys::all).await?;
    let wrapped = wrapped(&kept).ok_or_else(Problem::unavailable)?;
    let masters = match wrapped.iter().all(|key| key.is_wrapped_by(&fetched.first)) {
        // A new one stands first already: the operator put it there, or an earlier attempt came no further.
        false => fetched,
        true => make(app, fetched, &mut ctx.rng)?,
    };
    let rotated = Keyring::rotate(&masters, &wrapped, &mut ctx.rng).map_err(|error| {
        tracing::error!(%error, place = place(&app.config.key), "the keys can't be rotated");
        Problem::new(Code::Conflict, format!("{}: {error}.", place(&app.config.key)))
    })?;
    store_keys(app, ctx, admin, wrapped, rotated.clone()).await?;
    let keyring = Keyring::open(&masters, &rotated).map_err(|_| Problem::unavailable())?;
    app.keyring.take_over(&keyring);
    app.metrics.key_made(ctx.stamp.now);
    tracing::info!(data_key = app.keyring.newest(), "the key was replaced; everything is being sealed anew");

    let data_key = app.keyring.newest();
    let rest = tokio::spawn(finish(Arc::clone(app), turn, masters));
    Ok(match tokio::time::timeout(PATIENCE, rest).await {
        Ok(Ok(Ok(Finished { resealed, alone }))) => {
            Rotated { data_key, resealed, finished: true, advice: advice(&app.config.key, alone) }
        }
        Ok(_) => Rotated {
            data_key,
            resealed: 0,
            finished: false,
            advice: Some(
                "The new key is in use, but not everything could be sealed anew, and the old key is still needed. The log says \
                 why. Restart the server: it goes on with this when it starts."
                    .into(),
            ),
        },
        Err(_) => Rotated {
            data_key,
            resealed: 0,
            finished: false,
            advice: Some(
                "The new key is in use. The server goes on sealing everything anew, and the log says when the old key is \
                 dropped."
                    .into(),
            ),
        },
    })
}

fn advice(key: &Key, alone: bool) -> Option<String> {
    let copy = "The old key opens none of this any more: keep a copy of the new one in another place. Backups from before, and data \
                that was moved away, need the old one.";
    Some(match (key, alone) {
        (Key::File(path), true) => {
            format!("{copy} It is kept beside the new one: {}.replaced-*.", path.display())
        }
        (Key::File(path), false) => format!(
            "{} can't be written to, so it still holds the old key: remove every line but the first where the file comes from. \
             {copy}",
            path.display()
        ),
        (Key::Command(_), _) => format!("Let [key] command print the first key alone from now on. {copy}"),
        (Key::Fd(_), _) => format!("Give [key] fd the first key alone from now on. {copy}"),
    })
}

fn unfetched(error: &KeyError) -> Problem {
    // The place and the system's words; never what was read.
    tracing::error!(%error, "the key can't be fetched");
    Problem::new(Code::Conflict, format!("The key can't be fetched: {error}."))
}

/// Makes a new key, and puts it above the one that is in use.
fn make(app: &App, fetched: MasterKeys, rng: &mut Rng) -> Result<MasterKeys, Problem> {
    let how = "Put a new key above the one in use, as `doorkey admin new-key` prints it";
    let Key::File(path) = &app.config.key else {
        return Err(Problem::new(
            Code::Conflict,
            format!(
                "{} gives the key first that is in use already. {how}, and try again{}.",
                place(&app.config.key),
                if matches!(app.config.key, Key::Fd(_)) { " after a restart" } else { "" }
            ),
        ));
    };
    let masters = MasterKeys { first: MasterKey::generate(rng), others: vec![fetched.first] };
    masters.replace_file(path).map_err(|error| {
        tracing::error!(%error, "the key file can't be replaced");
        Problem::new(
            Code::Conflict,
            format!("{error}. If it is kept elsewhere and only lent to the server: {how} there, restart the server, and try again."),
        )
    })?;
    Ok(masters)
}

/// What the database keeps of the keys, as `seal` has it.
pub fn wrapped(kept: &[keys::Key]) -> Option<Vec<WrappedKey>> {
    let one = |key: &keys::Key| {
        let purpose = seal::KeyPurpose::from_code(&key.purpose)?;
        Some(WrappedKey { id: key.id, purpose, wrapped: key.wrapped.clone() })
    };
    kept.iter().map(one).collect()
}

/// Stores the keys, wrapped anew, and the new one.
async fn store_keys(
    app: &App,
    ctx: &Ctx,
    admin: &OnMachine,
    before: Vec<WrappedKey>,
    after: Vec<WrappedKey>,
) -> Result<(), Problem> {
    let (stamp, actor, new) = (ctx.stamp.clone(), admin.actor(), after.clone());
    let stored = app
        .store
        .write(move |tx| {
            for key in &new {
                let old = before.iter().find(|old| old.id == key.id);
                let done = match old {
                    Some(old) => keys::rewrap(tx, key.id, &old.wrapped, &key.wrapped)?,
                    None => {
                        keys::insert(tx, &row(key, stamp.now))?;
                        true
                    }
                };
                if !done {
                    return Err(Failed::Changed);
                }
            }
            let data_key = new.iter().map(|key| key.id).max().unwrap_or_default();
            events::append(tx, stamp.now, stamp.event(None, actor, What::KeyRotated { data_key }))?;
            Ok(())
        })
        .await;
    match stored {
        Ok(()) => Ok(()),
        // Whether it was stored is what is stored: read it.
        Err(Failed::Database(DbError::OutcomeUnknown)) => {
            let kept = wrapped(&app.store.scan(keys::all).await?);
            if kept.is_some_and(|kept| kept == after) { Ok(()) } else { Err(Problem::unavailable()) }
        }
        Err(Failed::Database(error)) => Err(error.into()),
        Err(Failed::Changed) => Err(Problem::new(
            Code::Conflict,
            "The keys in the database were changed meanwhile. Look at the log, then try again.",
        )),
    }
}

enum Failed {
    Database(DbError),
    Changed,
}

impl From<DbError> for Failed {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

fn row(key: &WrappedKey, now: Timestamp) -> keys::Key {
    keys::Key {
        id: key.id,
        purpose: key.purpose.code().into(),
        wrapped: key.wrapped.clone(),
        created_at: now,
    }
}

/// Goes on with a rotation that a crash cut off, if one was. Called once, when the server starts.
pub async fn go_on(app: &Arc<App>) {
    let Ok(turn) = Arc::clone(&app.rotating).try_lock_owned() else { return };
    if !app.keyring.has_older() {
        return;
    }
    let Ok(masters) = fetch(&app.config.key) else { return };
    tracing::info!("going on with replacing the key, which was cut off");
    let _ = finish(Arc::clone(app), turn, masters).await;
}

/// Seals everything anew, then drops the keys that nothing needs any more.
async fn finish(app: Arc<App>, turn: OwnedMutexGuard<()>, masters: MasterKeys) -> Result<Finished, Problem> {
    let done = drop_old(&app, &masters).await;
    match &done {
        Ok(Finished { resealed, alone }) => {
            tracing::info!(
                resealed,
                key_alone = alone,
                "everything is sealed anew, and the old keys are dropped"
            );
        }
        Err(problem) => {
            tracing::error!(
                problem = problem.detail,
                "the old keys are still needed; the next start goes on with this"
            );
        }
    }
    drop(turn);
    done
}

async fn drop_old(app: &Arc<App>, masters: &MasterKeys) -> Result<Finished, Problem> {
    // A request that began before may have sealed something with the old key, and not stored it yet.
    app.in_flight.those_before().await;
    let (newest, mut resealed) = (app.keyring.newest(), 0);
    for column in sealed::COLUMNS {
        resealed += reseal(app, column, newest).await?;
    }
    // And one that began before all that may have read something that the old key sealed, and not opened it yet.
    app.in_flight.those_before().await;
    app.store
        .write(move |tx| {
            let left = sealed::left(tx, &seal::sealed_by(newest))?;
            if left > 0 {
                tracing::error!(left, "values are still sealed under an old data key");
                return Err(Problem::unavailable());
            }
            keys::delete_others(tx, seal::KeyPurpose::Seal.code(), newest)?;
            Ok(())
        })
        .await?;
    app.keyring.forget_older();
    // What was deleted leaves the files too.
    let _ = app.store.checkpoint().await;
    Ok(Finished { resealed, alone: masters.others.is_empty() || leave_alone(&app.config.key, masters) })
}

/// Seals what other keys sealed in this column, and says how many values that were.
async fn reseal(app: &Arc<App>, column: &'static sealed::Column, newest: i64) -> Result<u64, Problem> {
    let (mut after, mut resealed) = (String::new(), 0);
    loop {
        let from = after.clone();
        let prefix = seal::sealed_by(newest);
        let values = app.store.scan(move |conn| column.sealed_by_others(conn, &prefix, &from, BATCH)).await?;
        let Some(last) = values.last() else { return Ok(resealed) };
        after.clone_from(&last.key);
        let keyring = Arc::clone(app);
        let mut rng = clock::rng()?;
        let anew = move || {
            let mut anew = Vec::with_capacity(values.len());
            for value in values {
                let place = Place { table: column.table, row: &value.row, column: column.column };
                let plain = keyring.keyring.unseal(place, &value.sealed).inspect_err(|error| {
                    tracing::error!(%error, table = column.table, row = value.key, "a sealed value can't be opened");
                });
                let new = plain.map(|plain| keyring.keyring.seal(place, plain.expose(), &mut rng));
                // One that can't be opened stays as it is, and so does its key.
                anew.extend(new.ok().map(|new| (value, new)));
            }
            anew
        };
        let anew = tokio::task::spawn_blocking(anew).await.map_err(|_| Problem::unavailable())?;
        resealed += app
            .store
            .write(move |tx| {
                let mut swapped = 0;
                for (value, new) in &anew {
                    // What was changed meanwhile was sealed with the new key.
                    swapped += u64::from(column.swap(tx, value, new)?);
                }
                Ok::<_, DbError>(swapped)
            })
            .await?;
    }
}

/// Takes the old keys out of the file, each into one of its own beside it: backups from before need them. False where that can't be
/// done.
fn leave_alone(key: &Key, masters: &MasterKeys) -> bool {
    let Key::File(path) = key else { return false };
    let aside = |old: &MasterKey| {
        let kept = aside(path, old);
        // A rotation that was cut off may have put it there already, or a part of it.
        if MasterKeys::load_file(&kept).is_ok_and(|keys| keys.first.mark() == old.mark()) {
            return Ok(());
        }
        let _ = std::fs::remove_file(&kept);
        old.put_in_file(&kept)
    };
    let done = masters.others.iter().try_for_each(aside).and_then(|()| masters.leave_first_in_file(path));
    if let Err(error) = &done {
        tracing::warn!(%error, "the old key stays in the key file");
    }
    done.is_ok()
}

/// Where an old key is kept: beside the key file, under the mark by which a backup says which key it needs.
fn aside(path: &Path, old: &MasterKey) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".replaced-{}", key_mark(&old.mark())));
    name.into()
}
