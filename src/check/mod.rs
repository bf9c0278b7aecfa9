//! Whether the data is sound: every row can be read, every sealed value opens, the log has no gap, names and references agree, and
//! what the doors ask could be loaded. Nothing is changed.

use std::collections::BTreeMap;

use seal::{KeyPurpose, Keyring, Place, WrappedKey};
use serde::{Deserialize, Serialize};
use store::{
    Conn, DataLock, DbError, Lease, Store, Table,
    check::{self as rows, Finding},
    sealed,
};

use crate::{clock, config::Config, follow::Live, key, serve::ServeError};

pub mod api;

/// How many sealed values are looked at at a time.
const AT_ONCE: i64 = 500;

/// The most findings that are told one by one.
const MOST: usize = 1000;

const FROM_BACKUP: &str = "Restore a backup from before it was damaged: doorkey admin restore FILE.";

/// What was looked at, and what is wrong.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Whether nothing is wrong.
    pub sound: bool,
    /// How many rows each table has.
    pub rows: BTreeMap<String, u64>,
    /// What is wrong; the first thousand.
    pub findings: Vec<Found>,
    /// How many there are.
    pub found: usize,
}

/// Something that is wrong.
#[derive(Debug, Serialize, Deserialize)]
pub struct Found {
    /// The table that it is in; nothing when it is about all of it.
    pub table: Option<String>,
    /// What the row is found by.
    pub row: Option<String>,
    /// What is wrong, as a sentence.
    pub what: String,
    /// What to do.
    pub advice: String,
}

impl Report {
    fn add(&mut self, finding: Finding, advice: &str) {
        let Finding { table, row, what } = finding;
        let about = row.as_ref().map_or_else(|| table.clone(), |row| format!("{table} {row}"));
        let what = format!("{about} {what}.");
        self.push(Found { table: Some(table), row, what, advice: advice.into() });
    }

    fn push(&mut self, found: Found) {
        self.found += 1;
        if self.findings.len() < MOST {
            self.findings.push(found);
        }
    }

    fn whole(&mut self, what: String, advice: &str) {
        self.push(Found { table: None, row: None, what, advice: advice.into() });
    }
}

/// What to do when a sealed value of this table can't be opened.
fn advice(table: &str) -> &'static str {
    match table {
        "accounts" => "Make its person a reset link: doorkey admin account reset-link ID.",
        "totp" => {
            "Make its person a link for a lost second factor: doorkey admin account reset-link ID --lost-second-factor."
        }
        "recovery_codes" => "Its person makes new recovery codes, on the page Sign-In and Security.",
        "mails" => "It can't be sent. Make a new link for its person.",
        _ => FROM_BACKUP,
    }
}

/// Looks at all data, part by part, on this thread.
pub fn run(store: &Store, keyring: Option<&Keyring>) -> Report {
    let mut report = Report::default();
    // Each part in a look of its own: what can't be read at all would keep the rest from being looked at.
    match store.scan_blocking(Conn::damage) {
        Ok(lines) => {
            for line in lines {
                let advice = "Copy the data folder to another disk, then restore a backup: doorkey admin restore FILE.";
                report.whole(format!("The database is damaged: {line}."), advice);
            }
        }
        Err(error) => report.whole(format!("The database can't be looked through: {error}."), FROM_BACKUP),
    }
    match store.tables() {
        Ok(tables) => tables.iter().for_each(|table| check_table(store, table, keyring, &mut report)),
        Err(error) => report.whole(format!("The tables can't be listed: {error}."), FROM_BACKUP),
    }
    let mut found = Vec::new();
    let mut push = |finding| found.push(finding);
    for (part, looked) in [
        ("What belongs together", store.scan_blocking(|conn| rows::rules(conn, &mut push))),
        ("The log", store.scan_blocking(|conn| rows::log(conn, &mut push))),
        ("What the doors ask", store.scan_blocking(|conn| Live::under(Lease::default()).load(conn))),
    ] {
        if let Err(error) = looked {
            report.whole(format!("{part} can't be read: {error}."), FROM_BACKUP);
        }
    }
    for finding in found {
        report.add(finding, FROM_BACKUP);
    }
    report.sound = report.found == 0;
    report
}

/// Whether each row of a table can be read, and each sealed value in it opened.
fn check_table(store: &Store, table: &Table, keyring: Option<&Keyring>, report: &mut Report) {
    let mut found = Vec::new();
    let looked = store.scan_blocking(|conn| rows::rows(conn, table, &mut |finding| found.push(finding)));
    match looked {
        Ok(count) => drop(report.rows.insert(table.name().to_owned(), count)),
        Err(error) => report.whole(format!("{} can't be read: {error}.", table.name()), FROM_BACKUP),
    }
    for finding in found.drain(..) {
        report.add(finding, FROM_BACKUP);
    }
    let Some(keyring) = keyring else { return };
    for column in sealed::COLUMNS.iter().filter(|column| column.table == table.name()) {
        // What can't be read was told above.
        let _ =
            store.scan_blocking(|conn| open_all(conn, column, keyring, &mut |finding| found.push(finding)));
        for finding in found.drain(..) {
            report.add(finding, advice(column.table));
        }
    }
}

fn open_all(
    conn: &mut Conn,
    column: &sealed::Column,
    keyring: &Keyring,
    found: &mut dyn FnMut(Finding),
) -> Result<(), DbError> {
    let mut after = String::new();
    loop {
        // Longer than what a value is compared by, so that none begins with it.
        let values = column.sealed_by_others(conn, &[0; 10], &after, AT_ONCE)?;
        let Some(last) = values.last() else { return Ok(()) };
        after.clone_from(&last.key);
        for value in values {
            let place = Place { table: column.table, row: &value.row, column: column.column };
            if let Err(error) = keyring.unseal(place, &value.sealed) {
                let what = format!("has a {} that can't be opened: {error}", column.column);
                found(Finding { table: column.table.into(), row: Some(value.key), what });
            }
        }
    }
}

/// Opens the data where no server runs, as far as it can be opened, and looks at it.
///
/// # Errors
/// When there is nothing to look at: no lock, no key, no database.
pub fn on_data(config: &Config) -> Result<Report, ServeError> {
    let lock = DataLock::acquire(&config.data)?;
    let master = key::load(&config.key, true, &mut clock::rng()?)?;
    let store = Store::open(&config.store.url, &lock, Lease::default(), |_| ())?;
    let keyring = store.read(store::keys::all).map(|kept| {
        let wrapped: Option<Vec<_>> = kept
            .into_iter()
            .map(|key| {
                let purpose = KeyPurpose::from_code(&key.purpose)?;
                Some(WrappedKey { id: key.id, purpose, wrapped: key.wrapped })
            })
            .collect();
        wrapped.ok_or(seal::OpenError::Corrupt).and_then(|wrapped| Keyring::open(&master, &wrapped))
    });
    let mut report = run(&store, keyring.as_ref().ok().and_then(|keyring| keyring.as_ref().ok()));
    if let Ok(Err(why)) = keyring {
        report.whole(format!("{}: {why}.", key::place(&config.key)), "Nothing sealed could be looked at.");
        report.sound = false;
    }
    store.close();
    Ok(report)
}
