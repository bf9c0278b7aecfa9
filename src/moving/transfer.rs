//! All rows of a database into another, empty one, compared when they are there. While they arrive, and until whoever asked for it takes
//! the mark away, no server starts on them.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use store::{
    DataLock, DbError, Filling, Lease, OpenError, Place, Store, Table, copy,
    moves::{self, Move},
};

use crate::backup::format;

/// Why not everything arrived. The data that is sent is as it was.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The place can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// One of the two failed.
    #[error("copying broke off: {0}. Run the same command again: it begins anew.")]
    Data(#[from] DbError),
    /// The place is somebody else's.
    #[error(
        "{0} has something else in it than Doorkey's data. Give Doorkey a database, or a file, for itself alone."
    )]
    Others(String),
    /// It isn't there as it was sent.
    #[error(
        "what arrived in {place} isn't what was sent there: {what}. No server starts on it, and the data that was sent \
         is as it was. Try again, or name another place."
    )]
    Different {
        /// Where it arrived.
        place: String,
        /// What differs.
        what: String,
    },
}

impl TransferError {
    /// Something differs.
    pub fn different(place: &Place, what: impl Into<String>) -> Self {
        Self::Different { place: place.to_string(), what: what.into() }
    }
}

/// From where to where. The other place has nothing in it, or what an earlier try has left there.
pub struct Transfer<'a> {
    /// What is sent.
    pub source: &'a Store,
    /// Proof that this process has both to itself.
    pub lock: &'a DataLock,
    /// Where to.
    pub to: &'a Place,
}

impl Transfer<'_> {
    /// Copies every row under this mark, and compares.
    ///
    /// # Errors
    /// Each says what to do.
    pub fn run(&self, arriving: &Move) -> Result<(), TransferError> {
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
        self.compare(&sums)
    }

    fn filling(&self) -> Result<Filling, OpenError> {
        store::fill(self.to, self.lock, store::newest_schema())
    }

    fn mark(&self, filling: &mut Filling, arriving: &Move) -> Result<(), TransferError> {
        let place = filling.tables().iter().position(|table| table.name() == moves::TABLE);
        let place = place.ok_or_else(|| TransferError::Others(self.to.to_string()))?;
        Ok(filling.insert(place, &arriving.values())?)
    }

    /// Where each table's rows go. Both databases have the same tables, or one of them has something of others too.
    fn places(&self, filling: &Filling, tables: &[Table]) -> Result<Vec<usize>, TransferError> {
        let others = || TransferError::Others(self.to.to_string());
        let same = |a: &Table, b: &Table| a.name() == b.name() && a.columns() == b.columns();
        let theirs = filling.tables();
        if let Some(other) = theirs.iter().find(|table| !tables.iter().any(|ours| same(table, ours))) {
            tracing::debug!(table = other.name(), "there is no such table here");
            return Err(others());
        }
        let place = |table: &Table| theirs.iter().position(|theirs| same(theirs, table));
        let places: Option<Vec<_>> = tables.iter().map(place).collect();
        places.ok_or_else(others)
    }

    /// Reads what arrived as a server would, and compares it row by row.
    fn compare(&self, sums: &BTreeMap<String, (u64, [u8; 32])>) -> Result<(), TransferError> {
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
                    return Err(TransferError::different(self.to, format!("the rows of {name} are others")));
                }
                sent => {
                    let sent = sent.map_or(0, |(rows, _)| *rows);
                    let what = format!("{name} has {} rows there, and {sent} were sent", found.0);
                    return Err(TransferError::different(self.to, what));
                }
            }
        }
        target.close();
        Ok(())
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
