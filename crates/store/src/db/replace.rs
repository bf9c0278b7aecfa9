//! One SQLite database in the place of another.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::conn::Role;
use super::sqlite::Session;

/// How its files begin.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// What SQLite puts beside its file.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Puts the database `new`, which nobody has open, in the place of the one at `path`, whose files stay under the name `kept`. Says
/// whether there was one. Whenever this is cut off, a whole database is at `path`: the old one or the new one.
///
/// # Errors
/// As the system has them; then the old one is at `path`, if there was one.
pub fn replace_sqlite(path: &Path, new: &Path, kept: &Path) -> io::Result<bool> {
    if fs::metadata(beside(new, "-wal")).is_ok_and(|log| log.len() > 0) {
        return Err(io::Error::other("a part of the new database is still in its log"));
    }
    File::open(new)?.sync_all()?;
    let there = path.try_exists()?;
    if there {
        // What stands in its log belongs into the file: then the file alone is all of it. One that can't be opened for that is
        // damaged, and is kept with its log as it is.
        if is_sqlite(path)?
            && let Ok(mut session) = Session::open(path, Role::Write, Duration::ZERO)
        {
            let _ = session.checkpoint(Duration::ZERO);
        }
        keep(path, kept)?;
        for suffix in BESIDE {
            match keep(&beside(path, suffix), &beside(kept, suffix)) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                kept => kept?,
            }
        }
        sync_folder_of(path)?;
        // The new file must never meet the log of the old one.
        remove_beside(path)?;
        sync_folder_of(path)?;
    }
    fs::rename(new, path)?;
    sync_folder_of(path)?;
    Ok(there)
}

/// Removes an SQLite database that is of no use, if it is there.
///
/// # Errors
/// As the system has them.
pub fn remove_sqlite(path: &Path) -> io::Result<()> {
    remove_beside(path)?;
    remove(path)
}

/// Whether the file begins as SQLite's do. SQLite itself would write the log of one that doesn't over what is left of it.
fn is_sqlite(path: &Path) -> io::Result<bool> {
    let mut begins = Vec::new();
    File::open(path)?.take(MAGIC.len() as u64).read_to_end(&mut begins)?;
    Ok(begins == MAGIC)
}

fn remove_beside(path: &Path) -> io::Result<()> {
    BESIDE.iter().try_for_each(|suffix| remove(&beside(path, suffix)))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Gives a file a second name; where there is no such thing, a copy.
fn keep(path: &Path, kept: &Path) -> io::Result<()> {
    match fs::hard_link(path, kept) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists) => Err(error),
        Err(_) => {
            fs::copy(path, kept)?;
            File::open(kept)?.sync_all()
        }
        Ok(()) => Ok(()),
    }
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    /// A database with one number in it, which stands in its log alone.
    fn database(path: &Path, number: i64) -> Connection {
        let db = Connection::open(path).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (n BIGINT)",
        )
        .unwrap();
        db.execute("INSERT INTO t VALUES ($1)", [number]).unwrap();
        db
    }

    fn number(path: &Path) -> i64 {
        Connection::open(path).unwrap().query_row("SELECT n FROM t", [], |row| row.get(0)).unwrap()
    }

    /// The database's files as a crash leaves them: with all of it in the log.
    fn crashed(folder: &Path, name: &str, number: i64) -> PathBuf {
        let (running, left) = (folder.join("running.db"), folder.join(name));
        let db = database(&running, number);
        for suffix in ["", "-wal"] {
            fs::copy(beside(&running, suffix), beside(&left, suffix)).unwrap();
        }
        drop(db);
        remove_sqlite(&running).unwrap();
        left
    }

    #[test]
    fn the_old_one_is_kept_whole_and_the_new_one_never_meets_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (crashed(folder.path(), "doorkey.db", 1), folder.path().join("new.db"));
        drop(database(&new, 2));
        let kept = folder.path().join("kept.db");
        assert!(replace_sqlite(&path, &new, &kept).unwrap());
        assert_eq!((number(&path), number(&kept)), (2, 1));
        assert!(!new.exists());
    }

    #[test]
    fn one_that_is_damaged_is_kept_to_the_byte() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (crashed(folder.path(), "doorkey.db", 1), folder.path().join("new.db"));
        let damaged = "this is no database, but somebody may need it".repeat(100);
        for suffix in ["", "-wal"] {
            fs::write(beside(&path, suffix), &damaged).unwrap();
        }
        drop(database(&new, 2));
        let kept = folder.path().join("kept.db");
        assert!(replace_sqlite(&path, &new, &kept).unwrap());
        assert_eq!(number(&path), 2);
        assert_eq!(fs::read_to_string(&kept).unwrap(), damaged);
    }

    #[test]
    fn one_that_its_log_mends_is_kept_mended() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (crashed(folder.path(), "doorkey.db", 1), folder.path().join("new.db"));
        fs::write(&path, "torn").unwrap();
        drop(database(&new, 2));
        let kept = folder.path().join("kept.db");
        assert!(replace_sqlite(&path, &new, &kept).unwrap());
        assert_eq!((number(&path), number(&kept)), (2, 1));
    }

    #[test]
    fn nothing_that_is_kept_already_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (crashed(folder.path(), "doorkey.db", 1), folder.path().join("new.db"));
        drop(database(&new, 2));
        let kept = folder.path().join("kept.db");
        fs::write(&kept, "precious").unwrap();
        assert_eq!(replace_sqlite(&path, &new, &kept).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&kept).unwrap(), "precious");
        assert_eq!(number(&path), 1);
    }

    #[test]
    fn a_new_one_that_is_not_whole_without_its_log_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("doorkey.db"), crashed(folder.path(), "new.db", 2));
        replace_sqlite(&path, &new, &folder.path().join("kept.db")).unwrap_err();
        assert!(!path.exists());
        assert_eq!(number(&new), 2);
    }

    #[test]
    fn where_there_was_none_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("doorkey.db"), folder.path().join("new.db"));
        drop(database(&new, 2));
        assert!(!replace_sqlite(&path, &new, &folder.path().join("kept.db")).unwrap());
        assert_eq!(number(&path), 2);
    }
}
