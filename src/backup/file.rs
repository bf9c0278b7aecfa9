//! A backup's file as it is read: whole, unaltered, of this key and of no newer version, or told which of these it isn't.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use seal::{KeyPurpose, Keyring, MasterKeys, WrappedKey};
use sha2::{Digest, Sha256};
use store::{ColumnType, Value};

use super::format::{self, End, FORM, Header, Migration, Proof};

/// The most bytes of the first line, and of any other. No Doorkey writes longer ones.
const HEADER_MOST: u64 = 1024 * 1024;
const LINE_MOST: u64 = 16 * 1024 * 1024;

/// Why a file can't be used as a backup. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system has refused it.
    #[error("{}: this file can't be read: {why}.", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// There is no file in it.
    #[error("{} is a folder. Name the file in it.", .0.display())]
    Folder(PathBuf),
    /// There is nothing in it.
    #[error("{} is empty, so there is nothing to restore. Use another backup.", .0.display())]
    Empty(PathBuf),
    /// Something else.
    #[error("{} is no backup of Doorkey's. Name a file that `doorkey admin backup` has written.", .0.display())]
    NotABackup(PathBuf),
    /// A newer version has written it.
    #[error(
        "{} was written by a newer Doorkey ({version}; this one is {}). Use that version, or a newer one.",
        path.display(), env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The version that wrote it.
        version: String,
    },
    /// A version with other migrations has written it.
    #[error(
        "{} was written by a Doorkey ({version}) whose migration {migration} is another one than here. Use the version \
         that wrote it.",
        path.display()
    )]
    Differs {
        /// Which file.
        path: PathBuf,
        /// The version that wrote it.
        version: String,
        /// The first migration that differs.
        migration: i64,
    },
    /// Its end is missing.
    #[error(
        "{} is cut short: {found} of {rows} rows are there, and not its last line. Copy it again from where it was \
         written, or use another backup.",
        path.display()
    )]
    CutShort {
        /// Which file.
        path: PathBuf,
        /// How many rows are there.
        found: u64,
        /// How many there were.
        rows: u64,
    },
    /// It isn't as it was written.
    #[error(
        "{} isn't as it was written: its checksum doesn't fit. Copy it again from where it was written, or use another \
         backup.",
        .0.display()
    )]
    Altered(PathBuf),
    /// It needs another key.
    #[error(
        "{} needs the key {needed}, and {place} is the key {given}. Put the key file in its place that was in use when \
         the backup was made.",
        path.display()
    )]
    OtherKey {
        /// Which file.
        path: PathBuf,
        /// The mark of the key that it needs.
        needed: String,
        /// Where the key came from.
        place: String,
        /// The mark of that key.
        given: String,
    },
    /// Somebody without its keys has written it.
    #[error(
        "{} wasn't written by the server whose data it claims to be: somebody has changed it and made its checksum fit. \
         Don't use it; use another backup.",
        .0.display()
    )]
    Forged(PathBuf),
}

/// A backup that is being read.
pub struct Backup {
    path: PathBuf,
    lines: BufReader<File>,
    hash: Sha256,
    types: Vec<Vec<ColumnType>>,
    /// What its first line says.
    pub header: Header,
}

/// A backup that was read to its end, and is as it was written.
pub struct Whole {
    path: PathBuf,
    header: Header,
    digest: [u8; 32],
    proof: Proof,
    keys: Option<Vec<WrappedKey>>,
}

/// The keys at hand, and where they came from in the operator's words.
pub struct Given<'a> {
    /// The keys.
    pub keys: &'a MasterKeys,
    /// Where they came from.
    pub place: String,
}

impl Backup {
    /// Opens the file and reads its first line.
    ///
    /// # Errors
    /// When it is no backup, or a newer one.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let failed = |why: io::Error| match why.kind() {
            ErrorKind::IsADirectory => FileError::Folder(path.into()),
            _ => FileError::Io { path: path.into(), why },
        };
        let file = File::open(path).map_err(failed)?;
        let mut lines = BufReader::with_capacity(64 * 1024, file);
        let mut first = Vec::new();
        lines.by_ref().take(HEADER_MOST).read_until(b'\n', &mut first).map_err(failed)?;
        if first.is_empty() {
            return Err(FileError::Empty(path.into()));
        }
        let not_one = || FileError::NotABackup(path.into());
        let found: serde_json::Value = match serde_json::from_slice(&first) {
            Ok(found) => found,
            // What begins like one, and has no end of its line, was one.
            Err(_) if first.starts_with(b"{\"doorkey_backup\":") && first.last() != Some(&b'\n') => {
                return Err(FileError::CutShort { path: path.into(), found: 0, rows: 0 });
            }
            Err(_) if first.starts_with(b"{\"doorkey_backup\":") => {
                return Err(FileError::Altered(path.into()));
            }
            Err(_) => return Err(not_one()),
        };
        let form = found.get("doorkey_backup").and_then(serde_json::Value::as_u64).ok_or_else(not_one)?;
        let version = found.get("doorkey_version").and_then(serde_json::Value::as_str).unwrap_or("unknown");
        if form > u64::from(FORM) {
            return Err(FileError::Newer { path: path.into(), version: version.into() });
        }
        let header: Header = serde_json::from_value(found).map_err(|_| FileError::Altered(path.into()))?;
        let types: Option<Vec<_>> = header.tables.iter().map(format::TableHead::types).collect();
        let types = types.ok_or_else(|| FileError::Altered(path.into()))?;
        Ok(Self { path: path.into(), lines, hash: Sha256::new_with_prefix(&first), types, header })
    }

    /// Reads every row, each with the place of its table in the header, to the last line.
    ///
    /// # Errors
    /// When it isn't all there, or isn't as it was written; as `each` returns.
    pub fn read<E: From<FileError>>(
        mut self,
        mut each: impl FnMut(usize, &[Value]) -> Result<(), E>,
    ) -> Result<Whole, E> {
        let heads = std::mem::take(&mut self.header.tables);
        let types = std::mem::take(&mut self.types);
        let key_columns = |head: &format::TableHead| {
            let place = |name: &str| head.columns.iter().position(|column| column == name);
            Some([place("id BIGINT")?, place("purpose TEXT")?, place("wrapped BYTEA")?])
        };
        let total = heads.iter().fold(0_u64, |sum, head| sum.saturating_add(head.rows));
        let mut keys = Some(Vec::new());
        let (mut found, mut line) = (0, Vec::new());
        for (table, (head, types)) in heads.iter().zip(&types).enumerate() {
            let key = (head.name == "keys").then(|| key_columns(head)).flatten();
            for _ in 0..head.rows {
                self.line(&mut line, found, total)?;
                self.hash.update(&line);
                // The last line may come too soon when the first was altered: it is no row, so that is told as what it is.
                let row = format::read_row(&line, types).ok_or_else(|| self.altered())?;
                if let Some(columns) = key {
                    keys = keys.zip(wrapped_key(&row, columns)).map(|(mut keys, key)| {
                        keys.push(key);
                        keys
                    });
                }
                each(table, &row)?;
                found += 1;
            }
        }
        self.line(&mut line, found, total)?;
        let End { end: proof } = serde_json::from_slice(&line).map_err(|_| self.altered())?;
        let digest: [u8; 32] = self.hash.clone().finalize().into();
        let more = self.lines.fill_buf().map(|more| !more.is_empty()).map_err(|why| self.failed(why))?;
        if more || !proof.is_of(found, &digest) {
            return Err(self.altered().into());
        }
        self.header.tables = heads;
        Ok(Whole { path: self.path, header: self.header, digest, proof, keys })
    }

    /// Reads a line with its end. One that has none is the last of a file that was cut.
    fn line(&mut self, line: &mut Vec<u8>, found: u64, rows: u64) -> Result<(), FileError> {
        line.clear();
        let read = self.lines.by_ref().take(LINE_MOST).read_until(b'\n', line);
        read.map_err(|why| self.failed(why))?;
        match line.last() {
            Some(b'\n') => Ok(()),
            _ if u64::try_from(line.len()).is_ok_and(|length| length >= LINE_MOST) => Err(self.altered()),
            _ => Err(FileError::CutShort { path: self.path.clone(), found, rows }),
        }
    }

    fn altered(&self) -> FileError {
        FileError::Altered(self.path.clone())
    }

    fn failed(&self, why: io::Error) -> FileError {
        FileError::Io { path: self.path.clone(), why }
    }
}

fn wrapped_key(row: &[Value], [id, purpose, wrapped]: [usize; 3]) -> Option<WrappedKey> {
    match (row.get(id)?, row.get(purpose)?, row.get(wrapped)?) {
        (Value::Int(id), Value::Text(purpose), Value::Bytes(wrapped)) => {
            Some(WrappedKey { id: *id, purpose: KeyPurpose::from_code(purpose)?, wrapped: wrapped.clone() })
        }
        _ => None,
    }
}

impl Whole {
    /// What its first line says.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Whether this is the same file, read again.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// Checks that this version knows its tables.
    ///
    /// # Errors
    /// When a newer version has written it, or another one.
    pub fn is_known(&self) -> Result<(), FileError> {
        let (path, version) = (self.path.clone(), self.header.doorkey_version.clone());
        if self.header.schema() > store::newest_schema() {
            return Err(FileError::Newer { path, version });
        }
        let known: Vec<Migration> =
            store::schema_marks(self.header.schema()).into_iter().map(Into::into).collect();
        let same = known.iter().zip(&self.header.migrations).take_while(|(ours, its)| ours == its).count();
        if same == known.len() && same == self.header.migrations.len() {
            return Ok(());
        }
        let migration = i64::try_from(same + 1).unwrap_or(i64::MAX);
        Err(FileError::Differs { path, version, migration })
    }

    /// Checks that this key opens it, and that somebody with its data keys has written it.
    ///
    /// # Errors
    /// When it needs another key, or was forged.
    pub fn opens_with(&self, given: &Given<'_>) -> Result<Keyring, FileError> {
        let forged = || FileError::Forged(self.path.clone());
        let keys = self.keys.as_deref().ok_or_else(forged)?;
        match Keyring::open(given.keys, keys) {
            Ok(keyring) if self.proof.is_by(&keyring, &self.digest) => Ok(keyring),
            Err(seal::OpenError::OtherKey) => Err(FileError::OtherKey {
                path: self.path.clone(),
                needed: self.header.key.clone(),
                place: given.place.clone(),
                given: format::key_mark(&given.keys.first.mark()),
            }),
            _ => Err(forged()),
        }
    }
}
