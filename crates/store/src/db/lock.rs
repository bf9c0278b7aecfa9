//! One process owns the data folder.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{OpenError, files};

/// The lock on a data folder, held as long as this value lives. The system drops it with the process, however that ends.
#[derive(Debug)]
pub struct DataLock {
    file: File,
}

/// Why the data folder could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another Doorkey is using {}. Stop that one, or give this one a data folder of its own.", .0.display())]
    Held(PathBuf),
    /// Others than its owner may put files into the folder.
    #[error("others than its owner may write to {} (mode {mode:04o}). Run: chmod 700 {}", path.display(), path.display())]
    OpenToOthers {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The folder or the lock file can't be used.
    #[error("{} can't be locked: {source}. Check that this user may write to the folder, and that it is on a local disk.", path.display())]
    Io {
        /// The lock file or its folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DataLock {
    /// Takes the lock, making the folder if need be; never waits for it.
    pub fn acquire(folder: &Path) -> Result<Self, LockError> {
        files::private_folder(folder).map_err(|source| LockError::Io { path: folder.to_owned(), source })?;
        let mode = fs::metadata(folder)
            .map_err(|source| LockError::Io { path: folder.to_owned(), source })?
            .permissions()
            .mode();
        // Whoever can put a file or a link there can have us write through it.
        if mode & 0o022 != 0 {
            return Err(LockError::OpenToOthers { path: folder.to_owned(), mode: mode & 0o7777 });
        }
        let path = folder.join("doorkey.lock");
        let file = match files::private_file(&path) {
            Ok(file) => file,
            Err(source) => return Err(LockError::Io { path, source }),
        };
        // The file stays when the lock goes: deleting it would let two processes lock two files of the same name.
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(folder.to_owned())),
            Err(TryLockError::Error(source)) => Err(LockError::Io { path, source }),
        }
    }

    /// Whether some process has the lock of this folder. Makes nothing.
    ///
    /// # Errors
    /// When the folder or the lock file can't be looked at.
    pub fn is_held(folder: &Path) -> io::Result<bool> {
        let file = match File::open(folder.join("doorkey.lock")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        // Shared, and gone at once: it stands in nobody's way for longer than a blink.
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// What tells this folder's processes from all others: this machine, since it started, and the lock's file. Two processes of one
    /// identity are never there at the same time.
    ///
    /// # Errors
    /// When the system doesn't tell.
    pub(crate) fn identity(&self) -> Result<String, OpenError> {
        let boot_id = Path::new("/proc/sys/kernel/random/boot_id");
        let unreadable = |source| OpenError::File { path: boot_id.to_owned(), source };
        let file = self.file.metadata().map_err(unreadable)?;
        let boot = fs::read_to_string(boot_id).map_err(unreadable)?;
        Ok(format!("{}:{}:{}", boot.trim(), file.dev(), file.ino()))
    }
}
