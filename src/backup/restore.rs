//! Restoring a backup: only while no server runs, and only in one piece. What was there stays beside it.
//!
//! A restored backup brings back what was taken back since. So everybody is signed out, one-time links end, a new numbering of
//! the log begins, and whoever restores decides what becomes of app-specific passwords.

use std::{
    io,
    path::{Path, PathBuf},
};

use domain::{Actor, Ended, RequestId, Timestamp, What, WhyEnded};
use store::{
    DataLock, DbError, Filling, Found, Lease, LockError, OpenError, Store, Tx, app_passwords, events,
    moves::{self, End, Move},
    restored,
};

use super::{
    file::{Backup, FileError, Given, Whole},
    format::{Header, TableHead},
};
use crate::{
    clock::{self, Clock, NoRandomness},
    config::{Config, StoreUrl},
    ctx::Stamp,
    key::{self, KeyError},
    moving::{
        self,
        transfer::{Transfer, TransferError},
    },
};

/// How many app-specific passwords are looked at at a time.
const AT_ONCE: i64 = 1000;

/// What becomes of app-specific passwords, which may have been revoked since the backup was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppPasswords {
    /// They work as they did then.
    Keep,
    /// All of them end.
    Revoke,
}

/// Why nothing was restored. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A server has the data.
    #[error(
        "a server is using {}. Stop it first: a restore puts other data in the place of what it works on.",
        .0.display()
    )]
    Running(PathBuf),
    /// The data folder can't be had.
    #[error(transparent)]
    Lock(LockError),
    /// The new database can't be made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new database couldn't be filled.
    #[error("the backup can't be restored: {0}. The data that was there is as it was.")]
    Data(#[from] DbError),
    /// The new database couldn't be put in its place.
    #[error(
        "{}: the restored data can't be put there: {why}. Make room, or see that this user may write to the folder, and \
         try again. The data that was there is as it was.",
        path.display()
    )]
    Place {
        /// Where.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// No randomness.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// A database isn't put aside, as a file is.
    #[error(
        "{0} has data already, and a restore never takes the place of a database. Make an empty one, set [store] url to \
         it, and restore there: the data that is here stays as it is."
    )]
    Full(String),
    /// The restored data didn't arrive there.
    #[error(transparent)]
    Transfer(#[from] TransferError),
}

/// A backup that can be restored here.
pub struct Ready {
    path: PathBuf,
    whole: Whole,
}

/// What was restored.
pub struct Restored {
    /// What the backup says of itself.
    pub header: Header,
    /// How many app-specific passwords were revoked.
    pub revoked: u64,
    /// How many browsers, command lines and programs with a token were signed out.
    pub signed_out: u64,
    /// Where the data is that was there before.
    pub kept: Option<PathBuf>,
}

impl Ready {
    /// What the backup says of itself.
    pub const fn header(&self) -> &Header {
        self.whole.header()
    }
}

/// Reads a backup to its end, and makes sure that it is whole, that its tables are known, and that the key opens it.
///
/// # Errors
/// Each says what to do.
pub fn look(config: &Config, path: &Path) -> Result<Ready, RestoreError> {
    let whole = Backup::open(path)?.read(|_, _| Ok::<_, RestoreError>(()))?;
    whole.is_known()?;
    // Never a new one: a backup is of no use with another key than its own.
    let masters = key::load(&config.key, true, &mut clock::rng()?)?;
    whole.opens_with(&Given { keys: &masters, place: key::place(&config.key) })?;
    Ok(Ready { path: path.into(), whole })
}

/// Puts a backup in the place of the data. Until its last step the data that was there is as it was.
///
/// # Errors
/// Each says what to do; then nothing was restored.
pub fn restore(config: &Config, ready: &Ready, choice: AppPasswords) -> Result<Restored, RestoreError> {
    let lock = DataLock::acquire(&config.data).map_err(|error| match error {
        LockError::Held(folder) => RestoreError::Running(folder),
        error => RestoreError::Lock(error),
    })?;
    match &config.store.url {
        StoreUrl::Sqlite(path) => in_place_of(path, ready, choice),
        StoreUrl::Postgres(_) => into_empty(config, &lock, ready, choice),
    }
}

/// Into a file, which takes the place of the one that is there.
fn in_place_of(path: &Path, ready: &Ready, choice: AppPasswords) -> Result<Restored, RestoreError> {
    let failed = |why| RestoreError::Place { path: path.to_owned(), why };
    // Where a link leads, so that the link stays.
    let path = std::path::absolute(path).and_then(|path| path.canonicalize().or(Ok(path))).map_err(failed)?;
    let (new, mut restored) = make(named(&path, "restoring"), ready, choice)?;
    let kept = kept_name(&path, Clock::System.now());
    let replaced = store::replace_sqlite(&path, &new.0, &kept).map_err(failed)?;
    restored.kept = replaced.then_some(kept);
    Ok(restored)
}

/// Into a PostgreSQL database with nothing in it: by a file in the data folder that is complete before its first row is sent.
fn into_empty(
    config: &Config,
    lock: &DataLock,
    ready: &Ready,
    choice: AppPasswords,
) -> Result<Restored, RestoreError> {
    let to = &config.store.url;
    match to.look()? {
        Found::Nothing => {}
        Found::Begun(mark) if mark.place == moving::BACKUP => {}
        Found::Begun(_) | Found::Data => return Err(RestoreError::Full(to.to_string())),
        Found::Others => return Err(TransferError::Others(to.to_string()).into()),
    }
    let (new, restored) = make(config.data.join("doorkey.db.restoring"), ready, choice)?;
    let source = Store::open_sqlite(&new.0, |_| ())?;
    let now = Clock::System.now();
    let id = RequestId::new(now, &mut clock::rng()?);
    let arriving = Move { id, end: End::Arriving, place: moving::BACKUP.into(), at: now };
    Transfer { source: &source, lock, to }.run(&arriving)?;
    source.close();
    let target = Store::open(to, lock, Lease::default(), |_| ())?;
    target.write_blocking(|tx| moves::clear(tx))?;
    target.close();
    Ok(restored)
}

/// Makes a new database of the backup, in which what must not come back has ended.
fn make(path: PathBuf, ready: &Ready, choice: AppPasswords) -> Result<(New, Restored), RestoreError> {
    let new = New(path);
    let failed = |why| RestoreError::Place { path: new.0.clone(), why };
    // What a restore left behind that was cut off.
    store::remove_sqlite(&new.0).map_err(failed)?;
    fill(ready, store::fill_sqlite(&new.0, ready.header().schema())?)?;
    let (revoked, signed_out) = conclude(&new.0, ready.header(), choice, Clock::System.now())?;
    Ok((new, Restored { header: ready.header().clone(), revoked, signed_out, kept: None }))
}

/// The new database until it has its place. What is left of it goes with this value.
struct New(PathBuf);

impl Drop for New {
    fn drop(&mut self) {
        let _ = store::remove_sqlite(&self.0);
    }
}

fn named(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{what}"));
    name.into()
}

/// A name that nothing has, for the data that was there.
fn kept_name(path: &Path, now: Timestamp) -> PathBuf {
    let stamp = now.to_string().replace(':', "");
    let first = named(path, &format!("replaced-{stamp}"));
    let others = (2..).map(|n| named(path, &format!("replaced-{stamp}-{n}")));
    std::iter::once(first.clone()).chain(others).find(|name| !name.exists()).unwrap_or(first)
}

/// Fills an empty database of the backup's own time with its rows.
fn fill(ready: &Ready, mut filling: Filling) -> Result<(), RestoreError> {
    let again = Backup::open(&ready.path)?;
    let changed = || RestoreError::File(FileError::Altered(ready.path.clone()));
    if again.header != *ready.header() {
        return Err(changed());
    }
    let heads = again.header.tables.clone();
    let place =
        |head: &TableHead| filling.tables().iter().position(|table| TableHead::of(table, head.rows) == *head);
    let places: Option<Vec<_>> = heads.iter().map(place).collect();
    let places = places.filter(|places| places.len() == filling.tables().len()).ok_or_else(changed)?;
    let whole = again.read(|table, row| match places.get(table) {
        Some(place) => Ok(filling.insert(*place, row)?),
        None => Err(changed()),
    })?;
    // It was read before; meanwhile it may have become another.
    if !whole.is_same_as(&ready.whole) {
        return Err(changed());
    }
    let counts = filling.counts()?;
    let agrees = |(head, place): (&TableHead, &usize)| {
        counts.get(*place).is_some_and(|count| u64::try_from(*count) == Ok(head.rows))
    };
    if !heads.iter().zip(&places).all(agrees) {
        return Err(changed());
    }
    Ok(filling.finish()?)
}

/// Brings the restored data up to the newest migration, and ends what must not come back: how many app-specific passwords, how many
/// sessions.
fn conclude(
    path: &Path,
    header: &Header,
    choice: AppPasswords,
    now: Timestamp,
) -> Result<(u64, u64), RestoreError> {
    let store = Store::open_sqlite(path, |_| ())?;
    let request = RequestId::new(now, &mut clock::rng()?);
    let stamp = Stamp { now, request, source: None, token: None };
    let event = What::Restored {
        backup_made_at: header.made_at,
        backup_version: header.doorkey_version.clone(),
        backup_event: header.last_event.number,
        app_passwords_kept: choice == AppPasswords::Keep,
    };
    let done = store.write_blocking(move |tx| go_back(tx, &stamp, event.clone(), choice))?;
    store.close();
    Ok(done)
}

/// Ends what must not come back with data of before, and begins a new numbering: how many app-specific passwords, how many sessions.
///
/// # Errors
/// As the database has them.
pub fn go_back(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    what: What,
    choice: AppPasswords,
) -> Result<(u64, u64), DbError> {
    let signed_out = restored::sign_everybody_out(tx, stamp.now)?;
    // Followers of the log must see that the numbers are others now. The time makes it another one at each restore of a backup.
    let epoch = stamp.now.millis().max(events::last(tx)?.epoch.saturating_add(1));
    events::begin_epoch(tx, epoch)?;
    events::append(tx, stamp.now, stamp.event(None, Actor::Machine, what))?;
    let revoked = match choice {
        AppPasswords::Keep => 0,
        AppPasswords::Revoke => revoke_all(tx, stamp)?,
    };
    Ok((revoked, signed_out))
}

/// Ends every app-specific password, and tells each account.
fn revoke_all(tx: &mut Tx<'_>, stamp: &Stamp) -> Result<u64, DbError> {
    let mut count = 0;
    loop {
        let some = app_passwords::all_not_ended(tx, AT_ONCE)?;
        if some.is_empty() {
            return Ok(count);
        }
        for password in some {
            let expired = password.ended_by(stamp.now);
            let ended = expired.unwrap_or(Ended { at: stamp.now, why: WhyEnded::Restored });
            app_passwords::end(tx, password.id, ended)?;
            let label = password.label.as_str().into();
            let what = What::AppPasswordEnded { id: password.id, label, why: ended.why };
            let actor = if expired.is_some() { Actor::Doorkey } else { Actor::Machine };
            events::append(tx, stamp.now, stamp.event(Some(password.account), actor, what))?;
            count += u64::from(expired.is_none());
        }
    }
}
