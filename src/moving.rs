//! Moving all data into another database, while no server runs: everything goes on there as it was, and the data that stays can't be
//! used beside it unseen.
//!
//! Three steps, so that there is never a moment in which both would be used. All rows are copied into a place that is marked as
//! arriving, and compared; the data that stays is marked as left; the mark of the new data is taken away. A server starts on neither
//! mark. Cut off during the first step, the old data is as it was, and the move can begin anew; after it, the same command ends it.

use std::{collections::BTreeMap, path::PathBuf};

use domain::{Actor, RequestId, Timestamp, What};
use seal::{Keyring, MasterKeys};
use sha2::{Digest, Sha256};
use store::{
    DataLock, DbError, Filling, Found, Lease, LockError, OpenError, Store, Table, copy, events, keys,
    moves::{self, End, Move},
};

use crate::{
    backup::{
        format::{self, LastEvent},
        restore::{self, AppPasswords},
    },
    check,
    clock::{self, Clock, NoRandomness},
    config::{Config, StoreUrl},
    ctx::Stamp,
    key::{self, KeyError},
};

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
    /// The place is somebody else's.
    #[error(
        "{0} has something else in it than Doorkey's data. Give Doorkey a database, or a file, for itself alone."
    )]
    Others(String),
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
    /// It isn't there as it is here.
    #[error(
        "what arrived in {place} isn't what is here: {what}. The data that is here is as it was, and no server starts on \
         the other. Try again, or name another place."
    )]
    Different {
        /// Where it arrived.
        place: String,
        /// What differs.
        what: String,
    },
}

/// Data that no server may use.
#[derive(Debug, thiserror::Error)]
pub enum Marked {
    /// It lives on elsewhere.
    #[error(
        "the data in {here} was moved to {to} on {at}, and changes made there aren't here. Set [store] url to where it \
         is now; or, to use this data again as it was then: doorkey admin move --undo."
    )]
    Left {
        /// Where this data is.
        here: String,
        /// Where it was moved to.
        to: String,
        /// When.
        at: String,
    },
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

/// Makes sure that no move has to do with this data.
///
/// # Errors
/// When it bears a mark, or can't be read.
pub fn is_ours(store: &Store, here: &StoreUrl) -> Result<Result<(), Marked>, DbError> {
    Ok(store.read(moves::get)?.map_or(Ok(()), |mark| Err(Marked::of(mark, here))))
}

impl Marked {
    fn of(mark: Move, here: &StoreUrl) -> Self {
        let here = here.to_string();
        match mark.end {
            End::Left => Self::Left { here, to: mark.place, at: mark.at.exact() },
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
        Found::Others => return Err(MoveError::Others(place)),
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
    /// Copies every row, and makes sure that each arrived.
    fn copy(&self, arriving: &Move, masters: &MasterKeys) -> Result<(), MoveError> {
        // Accounts from before people could be searched: their words are written down now, as a start would.
        while self.source.write_blocking(|tx| store::people::fill_words(tx, 500))? {}
        let keyring = self.keyring(masters)?;
        if !check::run(self.source, Some(&keyring)).sound {
            return Err(MoveError::Unsound);
        }
        let tables = self.source.tables()?;
        // Before anything else is there, so that nobody takes an empty or half filled database for one to be used.
        let mut filling = self.filling()?;
        // What is in it is emptied for good by the first `finish`, so it must surely be ours.
        let places = self.places(&filling, &tables)?;
        self.mark(&mut filling, arriving)?;
        filling.finish()?;
        let mut filling = self.filling()?;
        let mut sums = BTreeMap::new();
        self.source.scan_blocking(|conn| {
            for (table, place) in tables.iter().zip(places) {
                let mut sum = Sum::default();
                copy::for_each_row(conn, table, |row| {
                    sum.add(row.values());
                    filling.insert(place, row.values())
                })?;
                sums.insert(table.name().to_owned(), sum.finish());
            }
            Ok::<_, DbError>(())
        })?;
        self.mark(&mut filling, arriving)?;
        filling.finish()?;
        self.compare(&sums, &keyring)
    }

    fn keyring(&self, masters: &MasterKeys) -> Result<Keyring, MoveError> {
        let kept = self.source.read(keys::all)?;
        let wrapped = key::rotate::wrapped(&kept).ok_or(seal::OpenError::Corrupt);
        wrapped
            .and_then(|wrapped| Keyring::open(masters, &wrapped))
            .map_err(|why| MoveError::Keyring { place: key::place(&self.config.key), why })
    }

    fn filling(&self) -> Result<Filling, OpenError> {
        store::fill(self.to, self.lock, store::newest_schema())
    }

    fn mark(&self, filling: &mut Filling, arriving: &Move) -> Result<(), MoveError> {
        let place = filling.tables().iter().position(|table| table.name() == moves::TABLE);
        let place = place.ok_or_else(|| MoveError::Others(self.to.to_string()))?;
        Ok(filling.insert(place, &arriving.values())?)
    }

    /// Where each table's rows go. Both databases have the same tables, or one of them has something of others too.
    fn places(&self, filling: &Filling, tables: &[Table]) -> Result<Vec<usize>, MoveError> {
        let same = |a: &Table, b: &Table| a.name() == b.name() && a.columns() == b.columns();
        let theirs = filling.tables();
        if let Some(other) = theirs.iter().find(|table| !tables.iter().any(|ours| same(table, ours))) {
            tracing::debug!(table = other.name(), "there is no such table here");
            return Err(MoveError::Others(self.to.to_string()));
        }
        let place = |table: &Table| theirs.iter().position(|theirs| same(theirs, table));
        let places: Option<Vec<_>> = tables.iter().map(place).collect();
        places.ok_or_else(|| MoveError::Others(self.config.store.url.to_string()))
    }

    /// Reads what arrived as a server would, and compares it row by row.
    fn compare(&self, sums: &BTreeMap<String, (u64, [u8; 32])>, keyring: &Keyring) -> Result<(), MoveError> {
        let different = |what: String| MoveError::Different { place: self.to.to_string(), what };
        let target = Store::open(self.to, self.lock, Lease::default(), |_| ())?;
        for table in target.tables()?.iter().filter(|table| table.name() != moves::TABLE) {
            let mut sum = Sum::default();
            target.scan_blocking(|conn| {
                copy::for_each_row(conn, table, |row| {
                    sum.add(row.values());
                    Ok::<_, DbError>(())
                })
            })?;
            let (name, found) = (table.name(), sum.finish());
            match sums.get(name) {
                Some(sent) if *sent == found => {}
                Some((rows, _)) if *rows == found.0 => {
                    return Err(different(format!("the rows of {name} are others")));
                }
                sent => {
                    let sent = sent.map_or(0, |(rows, _)| *rows);
                    return Err(different(format!("{name} has {} rows there and {sent} here", found.0)));
                }
            }
        }
        let report = check::run(&target, Some(keyring));
        target.close();
        match report.findings.first() {
            Some(found) => Err(different(found.what.trim_end_matches('.').to_owned())),
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

/// How many rows, and the SHA-256 of all of them.
#[derive(Default)]
struct Sum {
    rows: u64,
    hash: Sha256,
    line: Vec<u8>,
}

impl Sum {
    fn add(&mut self, values: &[store::Value]) {
        self.rows += 1;
        self.line.clear();
        // Memory takes everything.
        let _ = format::write_row(&mut self.line, values);
        self.hash.update(&self.line);
    }

    fn finish(self) -> (u64, [u8; 32]) {
        (self.rows, self.hash.finalize().into())
    }
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
