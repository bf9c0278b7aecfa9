use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use domain::Rng;
use zeroize::Zeroizing;

use crate::{MasterKey, MasterKeys, NotAKey};

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
    /// Somebody has put another key first meanwhile.
    #[error("{}: another key stands first in this file now. Look at it, and leave the one that is in use", path.display())]
    Changed {
        /// Where it lies.
        path: PathBuf,
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
        let key = Self::generate(rng);
        key.put_in_file(path)?;
        Ok(key)
    }

    /// Makes a file of this key, for its owner alone. When this returns, the file survives a power cut.
    ///
    /// # Errors
    /// When there is a file of this name, or it can't be written.
    pub fn put_in_file(&self, path: &Path) -> Result<(), KeyFileError> {
        let failed = |why| KeyFileError::Io { path: path.into(), why };
        let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Err(why) if why.kind() == ErrorKind::AlreadyExists => {
                return Err(KeyFileError::Exists { path: path.into() });
            }
            opened => opened.map_err(failed)?,
        };
        let written = file.write_all(self.text().expose().as_bytes()).and_then(|()| file.sync_all());
        if let Err(why) = written.and_then(|()| sync_folder_of(path)) {
            // A part of a key would stand in the way of the next attempt. If it stays, that one says so.
            let _ = std::fs::remove_file(path);
            return Err(failed(why));
        }
        Ok(())
    }
}

impl MasterKeys {
    /// Reads the keys from their file.
    ///
    /// # Errors
    /// When there is none, others may open it, or there is something else in it.
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

impl MasterKeys {
    /// Puts a file with these keys in the place of the one at `path`, at once: whoever looks finds all of the old one or all of the
    /// new one, also after a power cut. The new one belongs to whom the old one did, and is for its owner alone. Where the path
    /// leads through links, they stay.
    ///
    /// # Errors
    /// When there is no file, or its folder can't be written to; then the old one is as it was.
    pub fn replace_file(&self, path: &Path) -> Result<(), KeyFileError> {
        replace(path, self.all())
    }

    /// Leaves only the first key in the file, if that is the first one in it.
    ///
    /// # Errors
    /// As [`Self::replace_file`] has them, and when another key stands first there.
    pub fn leave_first_in_file(&self, path: &Path) -> Result<(), KeyFileError> {
        if Self::load_file(path)?.first.mark() != self.first.mark() {
            return Err(KeyFileError::Changed { path: path.into() });
        }
        replace(path, std::iter::once(&self.first))
    }
}

fn replace<'a>(path: &Path, keys: impl Iterator<Item = &'a MasterKey>) -> Result<(), KeyFileError> {
    let failed = |why| KeyFileError::Io { path: path.into(), why };
    let path = path.canonicalize().map_err(failed)?;
    let owner = path.metadata().map_err(failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!("{name}.new"));
    // What a crash left there before was never in use.
    let _ = std::fs::remove_file(&new);
    // With room from the start, so that no key is left behind where a smaller buffer was.
    let mut text = Zeroizing::new(String::with_capacity(TOO_LONG as usize));
    keys.for_each(|key| text.push_str(key.text().expose()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        let made = file.metadata()?;
        if (made.uid(), made.gid()) != (owner.uid(), owner.gid()) {
            fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
        }
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
        std::fs::rename(&new, &path)?;
        sync_folder_of(&path)
    };
    write().map_err(|why| {
        let _ = std::fs::remove_file(&new);
        failed(why)
    })
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
        let why = MasterKeys::load_file(path).err().unwrap().to_string();
        why.strip_prefix(&format!("{}: ", path.display())).unwrap_or_else(|| panic!("{why}")).into()
    }

    #[test]
    fn a_new_file_is_for_its_owner_alone_and_holds_the_key() {
        let (_folder, path) = place();
        let key = MasterKey::create_file(&path, &mut Rng::from_seed([1; 32])).ok().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_to_string(&path).unwrap(), *key.text().expose());
        assert_eq!(MasterKeys::load_file(&path).ok().unwrap().first.mark(), key.mark());
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
        let form = "this is not a Doorkey key: lines are expected of \"doorkey-key-1:\" and then 32 bytes in \
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
    fn a_file_is_replaced_as_a_whole_and_through_links() {
        let (folder, path) = place();
        let rng = &mut Rng::from_seed([1; 32]);
        let old = MasterKey::create_file(&path, rng).ok().unwrap();
        let link = folder.path().join("link.key");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&folder.path().join("doorkey.key.new"), "left by a crash", 0o644);
        let keys = MasterKeys { first: MasterKey::generate(rng), others: vec![old] };
        keys.replace_file(&link).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(!folder.path().join("doorkey.key.new").exists());
        let read = MasterKeys::load_file(&path).ok().unwrap();
        let marks = |keys: &MasterKeys| keys.all().map(MasterKey::mark).collect::<Vec<_>>();
        assert_eq!(marks(&read), marks(&keys));
        let why = keys.replace_file(&folder.path().join("nothing")).err().unwrap();
        assert!(matches!(why, KeyFileError::Io { .. }), "{why}");
        assert!(!folder.path().join("nothing").exists(), "a file is replaced, and never made");
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
            assert!(MasterKeys::load_file(&path).is_ok(), "{mode:o}");
        }
    }
}
