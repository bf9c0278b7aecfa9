//! Moving all data into another database, while no server runs: everything goes on there as it was, and the data that stays can't be
//! used beside it unseen.
//!
//! Three steps, so that there is never a moment in which both would be used. All rows are copied into a place that is marked as
//! arriving, and compared; the data that stays is marked as left; the mark of the new data is taken away. A server starts on neither
//! mark. Cut off during the first step, the old data is as it was, and the move can begin anew; after it, the same command ends it.

use std::{collections::BTreeMap, path::PathBuf};

use domain::{Actor, RequestId, Timestamp, What};
use seal::{Keyring, MasterKeys};
use store::{
    DataLock, DbError, Found, Lease, LockError, OpenError, Store, copy, events, keys,
    moves::{self, End, Move},
};

use crate::{
    backup::{
        format::LastEvent,
        restore::{self, AppPasswords},
    },
    check,
    clock::{self, Clock, NoRandomness},
    config::{Config, StoreUrl},
    ctx::Stamp,
    key::{self, KeyError},
};

pub mod transfer;

use transfer::{Transfer, TransferError};

/// Why nothing was moved, or the move isn't at its end. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// A server has the data.
    #[error("a server is using {}. Stop it first: what it changed meanwhile would not come along.", .0.display())]
    Running(PathBuf),
    /// The data folder can't be had.
    #[error(transparent)]
    Lock(LockError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The data keys can't be opened with this key.
    #[error("{place}: {why}")]
    Keyring {
        /// Where the key came from.
        place: String,
        /// Why.
        why: seal::OpenError,
    },
    /// One of the two databases can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// One of the two failed.
    #[error(
        "the move broke off: {0}. Run the same command again: it begins anew, or does what is left to do."
    )]
    Data(#[from] DbError),
    /// No randomness.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The place isn't empty.
    #[error(
        "{0} has data of Doorkey's already, and a move never takes the place of anything. Name an empty database, or \
         a file that isn't there."
    )]
    Full(String),
    /// Another move into the place was begun.
    #[error(
        "a move from {from} into {place} was begun and hasn't ended. End that one first, or empty {place}, or name \
         another place."
    )]
    Begun {
        /// The place.
        place: String,
        /// Where that move came from.
        from: String,
    },
    /// This data bears a mark.
    #[error(transparent)]
    Marked(#[from] Marked),
    /// This data has no mark to take away.
    #[error("the data in {0} wasn't moved away, so there is nothing to undo.")]
    NotMoved(String),
    /// What is wrong here would be as wrong there.
    #[error(
        "the data here isn't as it should be, so it isn't moved. `doorkey admin check` says what is wrong, and what to do."
    )]
    Unsound,
    /// Not all of it arrived.
    #[error(transparent)]
    Transfer(#[from] TransferError),
}

/// Data that no server may use.
#[derive(Debug, thiserror::Error)]
pub enum Marked {
    /// It lives on elsewhere.
    #[error(
        "the data in {here} was moved to {to} on {at}, and changes made there aren't here. Set [store] url to where it \
         is now; or, to use this data again as it was then: doorkey admin move --undo --app-passwords keep|revoke."
    )]
    Left {
        /// Where this data is.
        here: String,
        /// Where it was moved to.
        to: String,
        /// When.
        at: String,
    },
    /// A restore into it was cut off.
    #[error("a restore into {0} was cut off. Run the same doorkey admin restore again: it begins anew.")]
    Restoring(String),
    /// It isn't known to be whole.
    #[error(
        "a move of all data from {from} into {here} was cut off. Set [store] url back to where the data comes from, and \
         run the same doorkey admin move --to again: it begins anew, or does what is left to do."
    )]
    Arriving {
        /// Where this data is.
        here: String,
        /// Where it comes from.
        from: String,
    },
}

/// What was moved.
#[derive(Debug)]
pub struct Moved {
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// How many rows each table had.
    pub rows: BTreeMap<String, u64>,
    /// Where the log ended.
    pub last_event: LastEvent,
}

/// What was taken into use again.
pub struct Undone {
    /// Where the data had been moved to.
    pub to: String,
    /// When.
    pub moved_at: Timestamp,
    /// How many app-specific passwords were revoked.
    pub revoked: u64,
    /// How many browsers, command lines and programs with a token were signed out.
    pub signed_out: u64,
}

/// Where data comes from that is restored, in the mark of the place that it arrives at.
pub const BACKUP: &str = "a backup";

/// Makes sure that no move has to do with this data.
///
/// # Errors
/// When it bears a mark, or can't be read.
pub fn is_ours(store: &Store, here: &StoreUrl) -> Result<Result<(), Marked>, DbError> {
    Ok(store.read(moves::get)?.map_or(Ok(()), |mark| Err(Marked::of(mark, here))))
}

impl Marked {
    /// What a mark on the data that is `here` says.
    pub fn of(mark: Move, here: &StoreUrl) -> Self {
        let here = here.to_string();
        match mark.end {
            End::Left => Self::Left { here, to: mark.place, at: mark.at.exact() },
            End::Arriving if mark.place == BACKUP => Self::Restoring(here),
            End::Arriving => Self::Arriving { here, from: mark.place },
        }
    }
}

fn lock(config: &Config) -> Result<DataLock, MoveError> {
    DataLock::acquire(&config.data).map_err(|error| match error {
        LockError::Held(folder) => MoveError::Running(folder),
        error => MoveError::Lock(error),
    })
}

/// Moves all data to `to`, or ends a move there that was cut off just before its end.
///
/// # Errors
/// Each says what to do.
pub fn run(config: &Config, to: &StoreUrl) -> Result<Moved, MoveError> {
    let (from, place) = (&config.store.url, to.to_string());
    let lock = lock(config)?;
    let begun = match to.look()? {
        Found::Nothing => None,
        Found::Begun(mark) if mark.place == from.to_string() => Some(mark),
        Found::Begun(mark) => return Err(MoveError::Begun { place, from: mark.place }),
        Found::Data => return Err(MoveError::Full(place)),
        Found::Others => return Err(TransferError::Others(place).into()),
    };
    let mut rng = clock::rng()?;
    // Never a new one: the data needs the key that it has.
    let masters = key::load(&config.key, true, &mut rng)?;
    let source = Store::open(from, &lock, Lease::default(), |_| ())?;
    let mark = source.read(moves::get)?;
    let moving = Moving { config, lock: &lock, source: &source, to };
    let id = match (mark, begun) {
        // All was done but the last step.
        (Some(left), Some(begun)) if left.end == End::Left && left.id == begun.id => left.id,
        (Some(mark), _) => return Err(Marked::of(mark, from).into()),
        (None, _) => {
            let now = Clock::System.now();
            let id = RequestId::new(now, &mut rng);
            moving.copy(&Move { id, end: End::Arriving, place: from.to_string(), at: now }, &masters)?;
            let left = Move { id, end: End::Left, place, at: now };
            source.write_blocking(move |tx| moves::put(tx, &left))?;
            id
        }
    };
    moving.conclude(id)
}

struct Moving<'a> {
    config: &'a Config,
    lock: &'a DataLock,
    source: &'a Store,
    to: &'a StoreUrl,
}

impl Moving<'_> {
    /// Copies every row, and makes sure that each arrived and that all is sound there.
    fn copy(&self, arriving: &Move, masters: &MasterKeys) -> Result<(), MoveError> {
        // Accounts from before people could be searched: their words are written down now, as a start would.
        while self.source.write_blocking(|tx| store::people::fill_words(tx, 500))? {}
        let keyring = keyring(self.config, self.source, masters)?;
        if !check::run(self.source, Some(&keyring)).sound {
            return Err(MoveError::Unsound);
        }
        Transfer { source: self.source, lock: self.lock, to: self.to }.run(arriving)?;
        let target = Store::open(self.to, self.lock, Lease::default(), |_| ())?;
        let report = check::run(&target, Some(&keyring));
        target.close();
        match report.findings.first() {
            Some(found) => Err(TransferError::different(self.to, found.what.trim_end_matches('.')).into()),
            None => Ok(()),
        }
    }

    /// The last step: from here on, the new data is the data.
    fn conclude(&self, id: RequestId) -> Result<Moved, MoveError> {
        let (from, to) = (self.config.store.url.to_string(), self.to.to_string());
        let tables = self.source.tables()?;
        let (counts, last) = self
            .source
            .scan_blocking(|conn| Ok::<_, DbError>((copy::counts(conn, &tables)?, events::last(conn)?)))?;
        let target = Store::open(self.to, self.lock, Lease::default(), |_| ())?;
        let stamp = Stamp { now: Clock::System.now(), request: id, source: None, token: None };
        let what = What::Moved { from: from.clone(), to: to.clone() };
        target.write_blocking(move |tx| {
            moves::clear(tx)?;
            events::append(tx, stamp.now, stamp.event(None, Actor::Machine, what.clone())).map(drop)
        })?;
        target.close();
        self.source.close();
        let rows = tables.iter().zip(counts).filter(|(table, _)| table.name() != moves::TABLE);
        let rows =
            rows.map(|(table, count)| (table.name().to_owned(), u64::try_from(count).unwrap_or_default()));
        let last_event = LastEvent { epoch: last.epoch, number: last.number };
        Ok(Moved { from, to, rows: rows.collect(), last_event })
    }
}

fn keyring(config: &Config, store: &Store, masters: &MasterKeys) -> Result<Keyring, MoveError> {
    let kept = store.read(keys::all)?;
    let wrapped = key::rotate::wrapped(&kept).ok_or(seal::OpenError::Corrupt);
    wrapped
        .and_then(|wrapped| Keyring::open(masters, &wrapped))
        .map_err(|why| MoveError::Keyring { place: key::place(&config.key), why })
}

/// Takes data that was moved away into use again, as it was then. What was taken back in the other place since is here still: so
/// everybody is signed out, one-time links end, and a new numbering of the log begins, as after a restore.
///
/// # Errors
/// Each says what to do; then nothing has changed.
pub fn undo(config: &Config, choice: AppPasswords) -> Result<Undone, MoveError> {
    let here = &config.store.url;
    let lock = lock(config)?;
    let store = Store::open(here, &lock, Lease::default(), |_| ())?;
    let mark = match store.read(moves::get)? {
        Some(mark) if mark.end == End::Left => mark,
        Some(mark) => return Err(Marked::of(mark, here).into()),
        None => return Err(MoveError::NotMoved(here.to_string())),
    };
    // Before anything is changed: the key may have been replaced where the data was moved to.
    keyring(config, &store, &key::load(&config.key, true, &mut clock::rng()?)?)?;
    let now = Clock::System.now();
    let stamp = Stamp { now, request: RequestId::new(now, &mut clock::rng()?), source: None, token: None };
    let (to, moved_at) = (mark.place, mark.at);
    let what =
        What::MoveUndone { to: to.clone(), moved_at, app_passwords_kept: choice == AppPasswords::Keep };
    let (revoked, signed_out) = store.write_blocking(move |tx| {
        moves::clear(tx)?;
        restore::go_back(tx, &stamp, what.clone(), choice)
    })?;
    store.close();
    Ok(Undone { to, moved_at, revoked, signed_out })
}
