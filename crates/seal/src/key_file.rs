use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use domain::Rng;
use zeroize::Zeroizing;

use crate::{MasterKey, NotAKey};

/// More bytes than a key file has. What is longer isn't read to its end.
const TOO_LONG: u64 = 1024;

/// Why a key file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is none.
    #[error(
        "{}: there is no key file. Put back the one that belongs to this database, or name the right place in [key]",
        path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is one already, and a new one must not take its place.
    #[error(
        "{}: there is a file already, and a key file is never overwritten. Move it away if it is needed no more",
        path.display()
    )]
    Exists {
        /// Where it lies.
        path: PathBuf,
    },
    /// There is no key in it.
    #[error("{}: {why}. Put back the key file that belongs to this database", path.display())]
    NotAKey {
        /// Where it lies.
        path: PathBuf,
        /// What is wrong with it.
        why: NotAKey,
    },
    /// Others than its owner may read or change it.
    #[error(
        "{}: others than its owner may open this key file (mode {mode:04o}). Run: chmod 600 {}",
        path.display(), path.display()
    )]
    ReadableByOthers {
        /// Where it lies.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The system has refused it.
    #[error("{}: the key file can't be used: {why}. Check that its folder is there, has room, and is yours", path.display())]
    Io {
        /// Where it lies.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
}

impl MasterKey {
    /// Makes a new key and its file, for its owner alone. When this returns, the file survives a power cut.
    ///
    /// # Errors
    /// When there is a file of this name, or it can't be written.
    pub fn create_file(path: &Path, rng: &mut Rng) -> Result<Self, KeyFileError> {
        let failed = |why| KeyFileError::Io { path: path.into(), why };
        let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Err(why) if why.kind() == ErrorKind::AlreadyExists => {
                return Err(KeyFileError::Exists { path: path.into() });
            }
            opened => opened.map_err(failed)?,
        };
        let key = Self::generate(rng);
        let written = file.write_all(key.text().expose().as_bytes()).and_then(|()| file.sync_all());
        if let Err(why) = written.and_then(|()| sync_folder_of(path)) {
            // A part of a key would stand in the way of the next attempt. If it stays, that one says so.
            let _ = std::fs::remove_file(path);
            return Err(failed(why));
        }
        Ok(key)
    }

    /// Reads the key from its file.
    ///
    /// # Errors
    /// When there is none, others may open it, or there is no key in it.
    pub fn load_file(path: &Path) -> Result<Self, KeyFileError> {
        let failed = |why| KeyFileError::Io { path: path.into(), why };
        let file = match File::open(path) {
            Err(why) if why.kind() == ErrorKind::NotFound => {
                return Err(KeyFileError::Missing { path: path.into() });
            }
            opened => opened.map_err(failed)?,
        };
        let not_a_key = |why| KeyFileError::NotAKey { path: path.into(), why };
        let metadata = file.metadata().map_err(failed)?;
        // Its mode would be the wrong thing to speak of when it is a folder.
        if !metadata.is_file() {
            return Err(not_a_key(NotAKey::Form));
        }
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::ReadableByOthers { path: path.into(), mode });
        }
        // With room from the start, so that the key isn't left behind where a smaller buffer was.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * TOO_LONG as usize));
        file.take(TOO_LONG).read_to_end(&mut bytes).map_err(failed)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| NotAKey::Form);
        text.and_then(Self::parse).map_err(not_a_key)
    }
}

/// Makes the name of a new file durable; syncing the file itself keeps only what is in it.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A folder of its own, and the path of a key file in it.
    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorkey.key");
        (folder, path)
    }

    fn write(path: &Path, content: impl AsRef<[u8]>, mode: u32) {
        fs::write(path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// What is said about a file, less its path, which must come first.
    fn said(path: &Path) -> String {
        let why = MasterKey::load_file(path).err().unwrap().to_string();
        why.strip_prefix(&format!("{}: ", path.display())).unwrap_or_else(|| panic!("{why}")).into()
    }

    #[test]
    fn a_new_file_is_for_its_owner_alone_and_holds_the_key() {
        let (_folder, path) = place();
        let key = MasterKey::create_file(&path, &mut Rng::from_seed([1; 32])).ok().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_to_string(&path).unwrap(), *key.text().expose());
        assert_eq!(MasterKey::load_file(&path).ok().unwrap().mark(), key.mark());
    }

    #[test]
    fn a_file_that_is_there_is_never_overwritten() {
        let (_folder, path) = place();
        write(&path, "precious", 0o600);
        let why = MasterKey::create_file(&path, &mut Rng::from_seed([1; 32])).err().unwrap();
        assert!(matches!(why, KeyFileError::Exists { .. }), "{why}");
        assert!(
            why.to_string().starts_with(&format!("{}: there is a file already", path.display())),
            "{why}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn where_no_file_can_be_made_it_is_said() {
        let (_folder, path) = place();
        let path = path.join("below-a-folder-that-is-not-there");
        let why = MasterKey::create_file(&path, &mut Rng::from_seed([1; 32])).err().unwrap();
        assert!(matches!(why, KeyFileError::Io { .. }), "{why}");
        assert!(why.to_string().contains("No such file or directory"), "{why}");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_what_to_do() {
        let (folder, path) = place();
        assert_eq!(
            said(&path),
            "there is no key file. Put back the one that belongs to this database, or name the right place in [key]"
        );
        let form = "this is not a Doorkey key: one line is expected, \"doorkey-key-1:\" and then 32 bytes in \
            base64. Put back the key file that belongs to this database";
        write(&path, "", 0o600);
        assert_eq!(said(&path), form);
        write(&path, b"\xff\xfe", 0o600);
        assert_eq!(said(&path), form);
        write(&path, "doorkey-key-1:AAECAwQF\n", 0o600);
        assert_eq!(
            said(&path),
            "this key has 6 bytes, and a Doorkey key has 32. Put back the key file that belongs to \
            this database"
        );
        assert_eq!(said(folder.path()), form);
    }

    #[test]
    fn a_file_that_others_may_open_is_refused() {
        let (_folder, path) = place();
        let key = MasterKey::create_file(&path, &mut Rng::from_seed([1; 32])).ok().unwrap();
        for bit in [0o040, 0o020, 0o010, 0o004, 0o002, 0o001] {
            write(&path, key.text().expose(), 0o600 | bit);
            assert_eq!(
                said(&path),
                format!(
                    "others than its owner may open this key file (mode {:04o}). Run: chmod 600 {}",
                    0o600 | bit,
                    path.display()
                )
            );
        }
        for mode in [0o400, 0o600, 0o700] {
            write(&path, key.text().expose(), 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(MasterKey::load_file(&path).is_ok(), "{mode:o}");
        }
    }
}
