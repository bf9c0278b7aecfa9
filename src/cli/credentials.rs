//! The token of whoever has signed in, kept in a file that nobody else can read.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use domain::Secret;
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::failure::Failure;
use super::server_url::ServerUrl;

const FILE: &str = "credentials.json";

/// Where somebody has signed in, as whom, and the token for it.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) url: ServerUrl,
    /// The account's ID, as it signs in.
    pub(super) id: String,
    pub(super) token: Secret<String>,
}

/// The same as it stands in the file.
#[derive(Serialize, Deserialize)]
struct Stored {
    url: String,
    id: String,
    token: String,
}

/// The folder that the credentials are kept in.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// `$XDG_CONFIG_HOME/doorkey`, or `~/.config/doorkey`.
    pub(super) fn of_environment() -> Result<Self, Failure> {
        Self::of(std::env::var_os("XDG_CONFIG_HOME"), std::env::var_os("HOME")).ok_or_else(|| {
            Failure::Usage(
                "There is no place to keep a token in. Set HOME, or XDG_CONFIG_HOME, to a folder of yours."
                    .into(),
            )
        })
    }

    fn of(config: Option<OsString>, home: Option<OsString>) -> Option<Self> {
        // The XDG specification has relative paths passed over.
        let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
        let config = config.and_then(absolute).or_else(|| Some(home.and_then(absolute)?.join(".config")))?;
        Some(Self::under(&config))
    }

    /// The folder in the one that holds everybody's configuration.
    pub(super) fn under(config: &Path) -> Self {
        Self(config.join("doorkey"))
    }

    /// The credentials; none when nobody has signed in.
    pub(super) fn load(&self) -> Result<Option<Credentials>, Failure> {
        let path = self.0.join(FILE);
        let name = path.display();
        let unreadable = |error: io::Error| Failure::Refused(format!("{name} can't be read: {error}."));
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        // Of the file that is open, so that it can't be another one by the time that it is read.
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(Failure::Refused(format!(
                "Others on this machine can read or change {name} (mode {mode:o}), and the token in it signs in as you. \
                 Run: chmod 600 {name}\nIf anybody may have read it, then run doorkey sign-out and sign in again."
            )));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(unreadable)?;
        let garbled = || {
            Failure::Refused(format!("{name} isn't as doorkey wrote it. Sign in again with doorkey sign-in."))
        };
        let stored: Stored = serde_json::from_str(&text).map_err(|_| garbled())?;
        let url = stored.url.parse().map_err(|_| garbled())?;
        Ok(Some(Credentials { url, id: stored.id, token: Secret::new(stored.token) }))
    }

    /// The way to the server for whoever has signed in, and their account's ID.
    pub(super) fn signed_in(&self) -> Result<(Client, String), Failure> {
        let Some(credentials) = self.load()? else {
            return Err(Failure::Refused("You aren't signed in. Run: doorkey sign-in URL ID".into()));
        };
        Ok((Client::at(&credentials.url, Some(credentials.token))?, credentials.id))
    }

    /// Keeps the credentials in place of those that were kept before: at no moment are they half written, or open to
    /// others.
    pub(super) fn save(&self, credentials: &Credentials) -> Result<(), Failure> {
        let Credentials { url, id, token } = credentials;
        let stored = Stored { url: url.to_string(), id: id.clone(), token: token.expose().clone() };
        let text = serde_json::to_string_pretty(&stored).map_err(io::Error::from);
        text.and_then(|text| self.replace(&text)).map_err(|error| {
            Failure::Refused(format!("The token can't be kept in {}: {error}.", self.0.display()))
        })
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        // It may have been made by somebody else, more openly.
        fs::set_permissions(&self.0, Permissions::from_mode(0o700))?;
        let new = self.0.join(format!("{FILE}.{}", std::process::id()));
        // What a crash left behind under the same process number.
        gone(fs::remove_file(&new))?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&new, self.0.join(FILE)));
        if written.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_file(&new);
        }
        written
    }

    /// Forgets the credentials.
    pub(super) fn forget(&self) -> Result<(), Failure> {
        let path = self.0.join(FILE);
        gone(fs::remove_file(&path)).map_err(|error| {
            Failure::Refused(format!("You are signed out, but {} can't be removed: {error}.", path.display()))
        })
    }
}

/// What isn't there needs no removing.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_folder_is_where_xdg_has_it() {
        let folder = |config: Option<&str>, home: Option<&str>| {
            Folder::of(config.map(Into::into), home.map(Into::into)).map(|folder| folder.0)
        };
        assert_eq!(folder(Some("/cfg"), Some("/home/ada")), Some("/cfg/doorkey".into()));
        for passed_over in [None, Some(""), Some("relative")] {
            assert_eq!(folder(passed_over, Some("/home/ada")), Some("/home/ada/.config/doorkey".into()));
        }
        assert_eq!(folder(None, None), None);
    }

    #[test]
    fn what_was_kept_is_found_again_and_only_its_owner_can_read_it() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::of(Some(temporary.path().join("new").into()), None).unwrap();
        assert!(folder.load().unwrap().is_none());
        for token in ["dka_first", "dka_second"] {
            folder.save(&testing::credentials("https://doorkey.example.org", token)).unwrap();
            let loaded = folder.load().unwrap().unwrap();
            assert_eq!(loaded.token.expose(), token);
            assert_eq!(
                (loaded.url.to_string().as_str(), loaded.id.as_str()),
                ("https://doorkey.example.org", "ada@example.org")
            );
        }
        assert_eq!(mode(&folder.0), 0o700);
        assert_eq!(mode(&folder.0.join(FILE)), 0o600);
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
        folder.forget().unwrap();
        folder.forget().unwrap();
        assert!(folder.load().unwrap().is_none());
    }

    #[test]
    fn an_open_folder_is_closed() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = testing::folder(&temporary);
        fs::create_dir(&folder.0).unwrap();
        fs::set_permissions(&folder.0, Permissions::from_mode(0o755)).unwrap();
        folder.save(&testing::credentials("https://doorkey.example.org", "dka_x")).unwrap();
        assert_eq!(mode(&folder.0), 0o700);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_way_to_mend_it() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = testing::folder(&temporary);
        folder.save(&testing::credentials("https://doorkey.example.org", "dka_secret")).unwrap();
        let file = folder.0.join(FILE);
        for open in [0o644, 0o640, 0o602] {
            fs::set_permissions(&file, Permissions::from_mode(open)).unwrap();
            let failure = folder.load().unwrap_err();
            let message = failure.message().unwrap();
            assert!(message.contains(&format!("chmod 600 {}", file.display())), "{message}");
            assert!(!message.contains("dka_secret"), "{message}");
            assert_eq!(failure.exit_code(), 1);
        }
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        assert!(folder.load().unwrap().is_some());
    }

    #[test]
    fn a_file_of_another_form_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = testing::folder(&temporary);
        for text in ["", "{}", r#"{"url":"http://far.example.org","id":"ada","token":"dka_x"}"#] {
            folder.replace(text).unwrap();
            let failure = folder.load().unwrap_err();
            assert!(failure.message().unwrap().contains("doorkey sign-in"), "{failure:?}");
        }
    }
}
