//! The form of a backup: lines of text. The first says what the file holds, the last proves that it is whole and ours; between them
//! stands every row of every table, an array of values each.
//!
//! Numbers are numbers, text is text, bytes are base64. Nothing in it belongs to one database more than to another.

use std::io::{self, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use domain::Timestamp;
use seal::Keyring;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{ColumnType, SchemaMark, Table, Value};

/// The number of this form. Another one would get another.
pub const FORM: u32 = 1;

/// What the MAC in the last line is for.
const PURPOSE: &str = "doorkey backup 1";

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORM`].
    pub doorkey_backup: u32,
    /// The Doorkey that made it.
    pub doorkey_version: String,
    /// When.
    pub made_at: Timestamp,
    /// The master key that it needs, by its [`key_mark`].
    pub key: String,
    /// Where the log ends.
    pub last_event: LastEvent,
    /// The migrations that the tables have seen.
    pub migrations: Vec<Migration>,
    /// The tables, in the order in which their rows follow.
    pub tables: Vec<TableHead>,
}

/// Where a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastEvent {
    /// Which numbering it is.
    pub epoch: i64,
    /// The number of the last event.
    pub number: i64,
}

/// A migration that the tables have seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Its number.
    pub version: i64,
    /// The SHA-256 of its text, in base64.
    pub checksum: String,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableHead {
    /// Its name.
    pub name: String,
    /// Its columns, each its name and its type, in the order of a row's values.
    pub columns: Vec<String>,
    /// How many rows follow.
    pub rows: u64,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// What it says.
    pub end: Proof,
}

/// What proves that the lines before are whole, and were written by whoever has the data keys.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// How many rows there were.
    pub rows: u64,
    /// The SHA-256 of all that stands before, in base64: tells damage, also to whoever has no key.
    pub sha256: String,
    /// A MAC of that under the database's own keys, in base64: tells what others have written.
    pub mac: String,
}

impl Header {
    /// The newest migration that the tables have seen.
    pub fn schema(&self) -> i64 {
        self.migrations.last().map_or(0, |migration| migration.version)
    }

    /// How many rows of this table there are.
    pub fn rows_of(&self, table: &str) -> u64 {
        self.tables.iter().find(|head| head.name == table).map_or(0, |head| head.rows)
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.tables.iter().fold(0, |sum, table| sum.saturating_add(table.rows))
    }
}

impl From<SchemaMark> for Migration {
    fn from(mark: SchemaMark) -> Self {
        Self { version: mark.version, checksum: BASE64.encode(mark.checksum) }
    }
}

impl TableHead {
    /// What the file says of this table.
    pub fn of(table: &Table, rows: u64) -> Self {
        let columns = table.columns().iter().map(|c| format!("{} {}", c.name, c.of.sql())).collect();
        Self { name: table.name().to_owned(), columns, rows }
    }

    /// What the columns hold; nothing when one holds what there is no such thing as.
    pub fn types(&self) -> Option<Vec<ColumnType>> {
        self.columns.iter().map(|column| ColumnType::from_sql(column.split_once(' ')?.1)).collect()
    }
}

impl Proof {
    /// The proof of what has this hash.
    pub fn new(rows: u64, hash: Sha256, keyring: &Keyring) -> Self {
        let digest: [u8; 32] = hash.finalize().into();
        let mac = BASE64.encode(keyring.mac(PURPOSE, &digest));
        Self { rows, sha256: BASE64.encode(digest), mac }
    }

    /// Whether the lines that it was written for are these.
    pub fn is_of(&self, rows: u64, digest: &[u8; 32]) -> bool {
        self.rows == rows && self.sha256 == BASE64.encode(digest)
    }

    /// Whether it was written by somebody with these keys.
    pub fn is_by(&self, keyring: &Keyring, digest: &[u8; 32]) -> bool {
        BASE64.decode(&self.mac).is_ok_and(|mac| seal::same(&mac, &keyring.mac(PURPOSE, digest)))
    }
}

/// What tells a master key from others, and says nothing about it.
pub fn key_mark(mark: &[u8; 32]) -> String {
    mark.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a line.
///
/// # Errors
/// As the writer has them.
pub fn write_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// Writes a row.
///
/// # Errors
/// As the writer has them.
pub fn write_row(out: &mut impl Write, row: &[Value]) -> io::Result<()> {
    for (place, value) in row.iter().enumerate() {
        out.write_all(if place == 0 { b"[" } else { b"," })?;
        match value {
            Value::Null => out.write_all(b"null")?,
            Value::Int(number) => write!(out, "{number}")?,
            Value::Text(text) => serde_json::to_writer(&mut *out, text)?,
            Value::Bytes(bytes) => write!(out, "\"{}\"", BASE64.encode(bytes))?,
        }
    }
    out.write_all(b"]\n")
}

/// Reads a row of a table with these columns; nothing when it isn't one.
pub fn read_row(line: &[u8], types: &[ColumnType]) -> Option<Vec<Value>> {
    use serde_json::Value as Json;
    let found: Vec<Json> = serde_json::from_slice(line).ok()?;
    if found.len() != types.len() {
        return None;
    }
    let values = found.into_iter().zip(types).map(|(found, of)| match (of, found) {
        (_, Json::Null) => Some(Value::Null),
        (ColumnType::BigInt, Json::Number(number)) => number.as_i64().map(Value::Int),
        (ColumnType::Text, Json::String(text)) => Some(Value::Text(text)),
        (ColumnType::Bytea, Json::String(text)) => BASE64.decode(text).ok().map(Value::Bytes),
        _ => None,
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_as_it_was() {
        let types = [ColumnType::Text, ColumnType::BigInt, ColumnType::Bytea, ColumnType::Bytea];
        let row = [
            Value::Text("line\nand \"quotes\" \u{1F511} \u{2028}".into()),
            Value::Int(i64::MIN),
            Value::Bytes(vec![0, 0xff, b'\n']),
            Value::Null,
        ];
        let mut line = Vec::new();
        write_row(&mut line, &row).unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1, "a row is one line");
        assert_eq!(read_row(&line, &types).unwrap(), row);
    }

    #[test]
    fn what_is_no_row_of_the_table_is_not_read() {
        let types = [ColumnType::Text, ColumnType::BigInt];
        for line in
            ["", "[]", "[\"a\"]", "[\"a\",1,2]", "[1,1]", "[\"a\",\"1\"]", "[\"a\",1.5]", "{}", "[\"a\",1"]
        {
            assert_eq!(read_row(line.as_bytes(), &types), None, "{line}");
        }
        assert_eq!(read_row(b"[\"?\"]", &[ColumnType::Bytea]), None);
        assert_eq!(read_row(b"[9223372036854775808]", &[ColumnType::BigInt]), None);
    }
}
