//! The data folder: who owns it and what lies in it, who may open it, and how much room its disk has.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use crate::{config::Config, serve::SOCKET};

use super::{About, Findings};

/// What Doorkey puts there.
const FILES: [&str; 6] =
    ["doorkey.db", "doorkey.db-wal", "doorkey.db-shm", "doorkey.key", "doorkey.lock", SOCKET];

/// Below this, a server may fail at any moment.
const WRONG_BELOW: u64 = 64 << 20;
/// Below this, somebody should make room.
const WARNING_BELOW: u64 = 512 << 20;

/// Looks at it.
pub(super) fn look(config: &Config, findings: &mut Findings) {
    let (path, named) = (&config.data, config.data.display());
    let found = match fs::metadata(path) {
        Ok(found) if found.is_dir() => found,
        Ok(_) => {
            let advice = "Name the data folder with --data, or move the file away.";
            return findings.wrong(About::Folder, format!("{named} is no folder."), advice);
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let advice = "The first start makes it. If there was one, name it with --data, or its configuration with --config.";
            return findings.wrong(About::Folder, format!("There is no {named}."), advice);
        }
        Err(error) => {
            let advice = "Run this as the user that the server runs as.";
            return findings.wrong(About::Folder, format!("{named} can't be looked at: {error}."), advice);
        }
    };
    let (mode, owner) = (found.permissions().mode() & 0o7777, found.uid());
    let repair = format!("Run: chmod 700 {named}");
    if mode & 0o022 != 0 {
        let said = format!(
            "Others than its owner may write to {named} (mode {mode:04o}): the server doesn't start like this."
        );
        findings.wrong(About::Folder, said, repair);
    } else if mode & 0o077 != 0 {
        let said = format!("Others than its owner may look into {named} (mode {mode:04o}).");
        findings.warning(About::Folder, said, repair);
    }
    let owners = FILES.iter().filter_map(|file| Some((*file, owner_of(&path.join(file))?)));
    if let Some((file, other)) = stranger(owner, owners) {
        let said = format!("{named} belongs to {}, and {file} in it to {}.", user(owner), user(other));
        findings.wrong(About::Folder, said, format!("Run: chown -R --reference={named} {named}"));
    }
    if findings.is_fine(About::Folder) {
        findings.fine(About::Folder, format!("{named} belongs to {}, for its owner alone.", user(owner)));
    }
    space(path, findings);
}

/// The first file that belongs to another than the folder: a command that was run as somebody else made it.
fn stranger<'a>(owner: u32, files: impl IntoIterator<Item = (&'a str, u32)>) -> Option<(&'a str, u32)> {
    files.into_iter().find(|(_, of)| *of != owner)
}

fn owner_of(path: &Path) -> Option<u32> {
    fs::symlink_metadata(path).ok().map(|found| found.uid())
}

/// A user's name, or else their number.
fn user(id: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id.to_string()).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("user {id}"))
}

fn space(path: &Path, findings: &mut Findings) {
    let disk = match rustix::fs::statvfs(path) {
        Ok(disk) => disk,
        Err(error) => {
            let said = format!("The disk of {} doesn't say how full it is: {error}.", path.display());
            return findings.warning(About::Space, said, "Look at it with df.");
        }
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let said = format!("{} free for {}.", amount(free), path.display());
    let advice = "Make room on that disk: a full one lets nothing be changed.";
    // A file system without a fixed number of files says 0 of 0.
    if disk.f_files > 0 && disk.f_favail == 0 {
        findings.wrong(About::Space, format!("The disk of {} takes no more files.", path.display()), advice);
    } else if free < WRONG_BELOW {
        findings.wrong(About::Space, said, advice);
    } else if free < WARNING_BELOW {
        findings.warning(About::Space, said, advice);
    } else {
        findings.fine(About::Space, said);
    }
}

/// Bytes, as people say them.
pub(super) fn amount(bytes: u64) -> String {
    match bytes {
        0..=0x3f_ffff_ffff if bytes < 10 << 30 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_somebody_elses_is_found() {
        assert_eq!(stranger(7, [("a", 7), ("b", 0), ("c", 1)]), Some(("b", 0)));
        assert_eq!(stranger(7, [("a", 7)]), None);
    }

    #[test]
    fn users_and_amounts_are_said_as_people_do() {
        assert_eq!((user(0).as_str(), user(u32::MAX - 9).as_str()), ("root", "user 4294967286"));
        assert_eq!((amount(70 << 20).as_str(), amount((12 << 30) + 5).as_str()), ("70 MiB", "12 GiB"));
    }
}
