//! The private folder that a build's files are in: nobody else can look into it, and it goes with whoever made it.
//!
//! Whoever uses a folder holds its lock. A folder that nobody holds was left behind by a process that was killed, and the
//! next one that comes removes it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use domain::Timestamp;
use rustix::{fs::OFlags, process::geteuid};

use crate::clock::{self, Clock};
use crate::secrets;

/// A folder of a process that runs.
const RUN: &str = "run-";

/// A folder that outlives the process which made it, until the time in its name: milliseconds since 1970. After that stands
/// which build it is of.
const KEPT: &str = "kept-";

/// Where the folders are: a folder of this user's own.
pub(super) struct Place {
    path: PathBuf,
    /// Held while folders come and go.
    lock: File,
}

impl Place {
    /// In `$XDG_RUNTIME_DIR`, which is in memory and goes with the session, or else where temporary files are.
    pub(super) fn of_environment() -> io::Result<Self> {
        Self::at(path_of_environment())
    }

    pub(super) fn at(path: PathBuf) -> io::Result<Self> {
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(named(&path, &error)),
            _ => {}
        }
        let lock = open_folder(&path).map_err(|error| named(&path, &error))?;
        let found = lock.metadata().map_err(|error| named(&path, &error))?;
        if found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0 {
            // Somebody else was there first, and could read or exchange what is put into it.
            return Err(io::Error::other(format!(
                "{} belongs to somebody else, or others may look into it: remove it, or set TMPDIR to a folder of yours",
                path.display()
            )));
        }
        lock.lock().map_err(|error| named(&path, &error))?;
        Ok(Self { path, lock })
    }

    /// Removes what others left behind.
    pub(super) fn sweep(&self, now: Timestamp) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let path = self.path.join(&name);
            let left = match name.to_str() {
                Some(name) if name.starts_with(RUN) => {
                    open_folder(&path).is_ok_and(|held| held.try_lock().is_ok())
                }
                Some(name) => until(name).is_some_and(|end| end <= now),
                None => false,
            };
            if left {
                // One that can't be removed stands in nobody's way.
                let _ = fs::remove_dir_all(&path);
            }
        }
        Ok(())
    }

    /// A new folder, which goes with the value.
    pub(super) fn make(&self) -> io::Result<Folder> {
        let path = self.create(RUN)?;
        let held = open_folder(&path).and_then(|held| match held.try_lock() {
            Ok(()) => Ok(held),
            Err(TryLockError::Error(error)) => Err(error),
            Err(TryLockError::WouldBlock) => Err(ErrorKind::ResourceBusy.into()),
        });
        match held {
            Ok(held) => Ok(Folder { path, goes: true, _held: Some(held) }),
            Err(error) => {
                let _ = fs::remove_dir_all(&path);
                Err(named(&path, &error))
            }
        }
    }

    /// A new folder that stays until `end`, or until one of its build's `names` is closed, or until [`Place::remove`]. It
    /// goes with the value until it is told to stay.
    pub(super) fn keep(&self, end: Timestamp, names: &[String]) -> io::Result<Folder> {
        let names: String = names.iter().map(|name| format!("{name}-")).collect();
        let path = self.create(&format!("{KEPT}{}-{names}", end.millis()))?;
        Ok(Folder { path, goes: true, _held: None })
    }

    /// Removes what was kept of the build that has this name. Says how many folders it was.
    fn remove_of(&self, build: &str) -> io::Result<usize> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let mut parts = name.strip_prefix(KEPT).unwrap_or_default().split('-').skip(1);
            if until(name).is_some() && parts.any(|part| part == build) {
                fs::remove_dir_all(&path).map_err(|error| named(&path, &error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes a folder that was kept. Says whether it was there.
    pub(super) fn remove(&self, path: &Path) -> io::Result<bool> {
        let name = path.file_name().and_then(|name| name.to_str());
        if path.parent() != Some(&self.path) || name.and_then(until).is_none() {
            return Err(io::Error::other(format!(
                "{} is no folder that doorkey builds export made",
                path.display()
            )));
        }
        match fs::remove_dir_all(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(named(path, &error)),
        }
    }

    fn create(&self, kind: &str) -> io::Result<PathBuf> {
        let mut name = [0; 12];
        clock::rng().map_err(io::Error::other)?.fill(&mut name);
        let path = self.path.join(format!("{kind}{}", data_encoding::HEXLOWER.encode(&name)));
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| named(&path, &error))?;
        Ok(path)
    }
}

fn path_of_environment() -> PathBuf {
    let user = geteuid().as_raw();
    let own = |path: &PathBuf| {
        path.is_absolute() && fs::metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == user)
    };
    let session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(own);
    session.map_or_else(
        || std::env::temp_dir().join(format!("doorkey-builds-{user}")),
        |folder| folder.join("doorkey-builds"),
    )
}

impl Drop for Place {
    fn drop(&mut self) {
        // Closing it does the same.
        let _ = self.lock.unlock();
    }
}

/// Until when a folder is kept, by its name.
fn until(name: &str) -> Option<Timestamp> {
    let (end, _) = name.strip_prefix(KEPT)?.split_once('-')?;
    end.parse().ok().map(Timestamp::from_millis)
}

fn open_folder(path: &Path) -> io::Result<File> {
    let only_a_folder = (OFlags::DIRECTORY | OFlags::NOFOLLOW).bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(only_a_folder).open(path)
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A folder for one build's files.
pub(super) struct Folder {
    path: PathBuf,
    goes: bool,
    /// Held as long as the process lives, and let go by the system when it is killed.
    _held: Option<File>,
}

impl Folder {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that only this user can read.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.path.join(name);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(content).and_then(|()| file.flush()).map_err(|error| named(&path, &error))
    }

    /// From here on it stays.
    pub(super) const fn stay(&mut self) {
        self.goes = false;
    }

    /// Removes it and all that is in it.
    pub(super) fn remove(mut self) -> io::Result<()> {
        self.goes = false;
        fs::remove_dir_all(&self.path).map_err(|error| named(&self.path, &error))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.goes {
            // The next one that comes tries again.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The name of the build that has this token. It tells nobody the token.
pub(super) fn by_token(token: &str) -> String {
    let hash = secrets::hash(token);
    data_encoding::HEXLOWER.encode(hash.get(..16).unwrap_or_default())
}

/// The name of the build that has this id, where it can be part of a folder's name.
pub(super) fn by_id(id: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=64).contains(&id.len()).then_some(id).filter(|id| id.bytes().all(fits)).map(Into::into)
}

/// Removes what was kept here of the build that has this name. Says how many folders it was.
pub(super) fn remove_of(build: &str) -> io::Result<usize> {
    // Where nothing was ever kept, nothing is made.
    if !path_of_environment().exists() {
        return Ok(0);
    }
    Place::of_environment()?.remove_of(build)
}

/// Sweeps, and makes a folder.
pub(super) fn make() -> io::Result<Folder> {
    let place = Place::of_environment()?;
    place.sweep(Clock::System.now())?;
    place.make()
}
