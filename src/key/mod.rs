//! The key that seals what is stored: from its file, from a command, or from an open file descriptor. It never lies in the database.
//! There may be several, one a line: the first one is used, the others only open what they still have to. [`rotate`] replaces it.

use std::{
    io::{Read as _, Write as _},
    process::{Command, Stdio},
};

use domain::{Rng, Secret};
use seal::{KeyFileError, MasterKey, MasterKeys, NotAKey};

use crate::config::Key;

pub mod api;
pub mod rotate;

/// More than any key is long, in bytes.
const MOST: u64 = 4096;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The command couldn't be run, or said that it failed.
    #[error("[key] command: {program} gave no key: {why}")]
    Command {
        /// The program.
        program: String,
        /// What happened.
        why: String,
    },
    /// The file descriptor couldn't be read.
    #[error(
        "[key] fd: file descriptor {fd} can't be read: {why}. Open it for the server, as in 3< doorkey.key"
    )]
    Fd {
        /// Which one.
        fd: i32,
        /// What the system said.
        why: std::io::Error,
    },
    /// What came is no key.
    #[error("{place}: {why}")]
    NotAKey {
        /// Where it came from.
        place: String,
        /// What is wrong.
        why: NotAKey,
    },
}

/// Where the key comes from, in the operator's words.
pub fn place(key: &Key) -> String {
    match key {
        Key::File(path) => path.display().to_string(),
        Key::Command(_) => "[key] command".into(),
        Key::Fd(_) => "[key] fd".into(),
    }
}

/// Fetches the key. Where it is a file that isn't there, and no data yet that was sealed with another, one is made.
///
/// # Errors
/// Each says what to do.
pub fn load(key: &Key, has_data: bool, rng: &mut Rng) -> Result<MasterKeys, KeyError> {
    match (key, fetch(key)) {
        (Key::File(path), Err(KeyError::File(KeyFileError::Missing { .. }))) if !has_data => {
            let key = MasterKey::create_file(path, rng)?;
            let _ = writeln!(
                std::io::stderr(),
                "doorkey: made the key file {}. Without it the data can't be read: keep a copy in another place, and \
                 better still, move it out of the data folder and say where: `file = ...` under [key] in doorkey.toml.",
                path.display()
            );
            Ok(key.into())
        }
        (_, fetched) => fetched,
    }
}

/// Fetches the keys that there are, the first one first.
///
/// # Errors
/// Each says what to do.
pub fn fetch(key: &Key) -> Result<MasterKeys, KeyError> {
    match key {
        Key::File(path) => Ok(MasterKeys::load_file(path)?),
        Key::Command(command) => {
            let failed = |why: String| KeyError::Command { program: command.program.clone(), why };
            let output = Command::new(&command.program)
                .args(&command.arguments)
                .stdin(Stdio::null())
                .stderr(Stdio::inherit())
                .output()
                .map_err(|error| failed(error.to_string()))?;
            let printed = Secret::new(output.stdout);
            if !output.status.success() {
                return Err(failed(output.status.to_string()));
            }
            parse(place(key), printed.expose())
        }
        Key::Fd(fd) => {
            let mut given = Vec::new();
            // Through its name, since a number alone can't be trusted to be ours to close.
            std::fs::File::open(format!("/dev/fd/{fd}"))
                .and_then(|file| file.take(MOST).read_to_end(&mut given))
                .map_err(|why| KeyError::Fd { fd: *fd, why })?;
            let given = Secret::new(given);
            parse(place(key), given.expose())
        }
    }
}

fn parse(place: String, bytes: &[u8]) -> Result<MasterKeys, KeyError> {
    let text = std::str::from_utf8(bytes).map_err(|_| NotAKey::Form);
    text.and_then(MasterKeys::parse).map_err(|why| KeyError::NotAKey { place, why })
}
