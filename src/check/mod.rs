//! Whether the data is sound: every row can be read, every sealed value opens, the log has no gap, names and references agree, and
//! what the doors ask could be loaded. Nothing is changed.

use std::collections::BTreeMap;

use seal::{KeyPurpose, Keyring, Place, WrappedKey};
use serde::{Deserialize, Serialize};
use store::{
    Conn, DataLock, DbError, Lease, Store, Table, Value,
    check::{self as rows, Finding},
    copy,
};

use crate::{clock, config::Config, follow::Live, key, serve::ServeError};

pub mod api;

/// The most findings that are told one by one.
const MOST: usize = 1000;

const LOST_FACTOR: &str = "Make its person a link for a lost second factor: doorkey admin account reset-link ID --lost-second-factor.";
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

/// A column that holds what crates/seal has made of a secret.
struct Sealed {
    table: &'static str,
    column: &'static str,
    /// The columns with the ids that it is bound to.
    bound_to: &'static [&'static str],
    advice: &'static str,
}

/// All of them; a test says when one is missing.
static SEALED: &[Sealed] = &[
    Sealed {
        table: "accounts",
        column: "password_sealed",
        bound_to: &["id"],
        advice: "Make its person a reset link: doorkey admin account reset-link ID.",
    },
    Sealed { table: "totp", column: "secret_sealed", bound_to: &["account_id"], advice: LOST_FACTOR },
    Sealed {
        table: "totp",
        column: "next_sealed",
        bound_to: &["account_id"],
        advice: "Its person begins anew with moving to another phone.",
    },
    Sealed {
        table: "recovery_codes",
        column: "hash_sealed",
        bound_to: &["account_id", "id"],
        advice: "Its person makes new recovery codes, on the page Sign-In and Security.",
    },
];

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
    for sealed in SEALED.iter().filter(|sealed| sealed.table == table.name()) {
        let look =
            |conn: &mut Conn| open_all(conn, table, sealed, keyring, &mut |finding| found.push(finding));
        // What can't be read was told above.
        let _ = store.scan_blocking(look);
        for finding in found.drain(..) {
            report.add(finding, sealed.advice);
        }
    }
}

fn open_all(
    conn: &mut Conn,
    table: &Table,
    sealed: &Sealed,
    keyring: &Keyring,
    found: &mut dyn FnMut(Finding),
) -> Result<(), DbError> {
    let place = |name: &str| table.columns().iter().position(|column| column.name == name);
    let ids: Option<Vec<_>> = sealed.bound_to.iter().map(|name| place(name)).collect();
    let (Some(value), Some(ids)) = (place(sealed.column), ids) else { return Ok(()) };
    copy::for_each_row(conn, table, |row| {
        // A value of another type was told of before, and so was an id that is none.
        let Some(Value::Bytes(bytes)) = row.values().get(value) else { return Ok(()) };
        let bound: Option<Vec<_>> = ids.iter().map(|id| id_bytes(row.values().get(*id)?)).collect();
        let Some(bound) = bound else { return Ok(()) };
        let place = Place { table: sealed.table, row: &bound.concat(), column: sealed.column };
        if let Err(error) = keyring.unseal(place, bytes) {
            let what = format!("has a {} that can't be opened: {error}", sealed.column);
            found(Finding { table: sealed.table.into(), row: rows::key(row), what });
        }
        Ok(())
    })
}

/// The bytes of any id: what stands behind its prefix.
fn id_bytes(id: &Value) -> Option<[u8; 16]> {
    let Value::Text(id) = id else { return None };
    let (_, digits) = id.split_once('_')?;
    data_encoding::HEXLOWER.decode(digits.as_bytes()).ok()?.try_into().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sealed_column_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_sqlite(&folder.path().join("doorkey.db"), |_| ()).unwrap();
        let mut schema = Vec::new();
        for table in store.tables().unwrap().iter() {
            let sealed = table.columns().iter().filter(|column| column.name.ends_with("_sealed"));
            schema.extend(sealed.map(|column| format!("{}.{}", table.name(), column.name)));
        }
        let mut here: Vec<_> = SEALED.iter().map(|s| format!("{}.{}", s.table, s.column)).collect();
        schema.sort();
        here.sort();
        assert_eq!(here, schema, "src/check/mod.rs: SEALED has to name each sealed column");
    }

    #[test]
    fn an_id_is_the_bytes_behind_its_prefix() {
        let id = domain::AccountId::from_bytes([7; 16]);
        assert_eq!(id_bytes(&id.to_string().into()), Some(id.to_bytes()));
        assert_eq!(id_bytes(&"acc".into()), None);
        assert_eq!(id_bytes(&"acc_07".into()), None);
        assert_eq!(id_bytes(&Value::Null), None);
    }
}
