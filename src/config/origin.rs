//! Where the configuration in effect came from, so that it can be told, and read once more while the server runs.

use std::path::{Path, PathBuf};

use super::shown::{self, Places, Shown};
use super::{Config, ConfigError, Overrides, load};

/// Where a configuration came from.
#[derive(Debug, Clone)]
pub struct Origin {
    pub(super) named: Option<PathBuf>,
    pub(super) overrides: Overrides,
    pub(super) places: Places,
    /// As it was read.
    pub(super) read: Config,
    /// The file, if there was one.
    pub(super) file: Option<PathBuf>,
}

impl Origin {
    /// The file that was read, if there was one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// All settings of `config`, which this one became, and where each is set.
    pub fn shown(&self, config: &Config) -> Vec<Shown> {
        shown::all(config, &self.places)
    }

    /// What the same sources say now that they didn't say when they were read: the settings that differ, such as `[http] listen`.
    ///
    /// # Errors
    /// Everything that would be wrong with it now.
    pub fn changed(&self) -> Result<Vec<String>, ConfigError> {
        let (now, _) =
            load::load_with_origin(self.named.as_deref(), load::variables(), self.overrides.clone())?;
        Ok(shown::differing(&self.read, &now))
    }
}
