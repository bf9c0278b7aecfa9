//! The sources of the configuration, in their order: defaults, the file, the environment, the command line.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::problem::{ConfigError, Place, Problem};
use super::section::{Form, Reader};
use super::shown::Places;
use super::values::{path, path_like};
use super::{Config, Origin, environment, file, unknown};

/// The file that is read, if it exists, when none is named.
const USUAL_FILE: &str = "doorkey.toml";

const DATA: Form = path_like("/var/lib/doorkey");

/// What the command line sets, over everything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--data`
    pub data: Option<PathBuf>,
}

/// Reads the configuration.
///
/// `file` is what `--config` names; without it `doorkey.toml` in the current folder is read if it exists. `env`
/// gives all environment variables; those that are not settings are passed over.
///
/// # Errors
///
/// Everything that is wrong, at once: in a file that is no TOML its mistakes alone, otherwise all unknown
/// settings and all wrong values of all sources.
pub fn load(
    file: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
    overrides: Overrides,
) -> Result<Config, ConfigError> {
    load_with_origin(file, env, overrides).map(|(config, _)| config)
}

/// The same, and where each setting stands.
///
/// # Errors
///
/// As [`load`].
pub fn load_with_origin(
    file: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
    overrides: Overrides,
) -> Result<(Config, Origin), ConfigError> {
    load_or(file, Path::new(USUAL_FILE), env, overrides)
}

/// This process's environment variables, as [`load`] takes them. One that isn't text is no setting of ours.
pub fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn load_or(
    named: Option<&Path>,
    usual: &Path,
    env: impl Iterator<Item = (String, String)>,
    overrides: Overrides,
) -> Result<(Config, Origin), ConfigError> {
    let path = named.unwrap_or(usual);
    let name = path.display().to_string();
    let mut file = Some(path.to_owned());
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => {
            file = None;
            String::new()
        }
        Err(error) => {
            let message = match error.kind() {
                ErrorKind::InvalidData => "The file is not text in UTF-8. Save it as UTF-8.".to_owned(),
                _ => format!("The file can't be read: {error}."),
            };
            return Err(ConfigError::new(vec![Problem { place: Place::File(name), message }]));
        }
    };
    let (config, places) = read(&name, &text, env, overrides.clone())?;
    let origin = Origin { named: named.map(Path::to_owned), overrides, places, read: config.clone(), file };
    Ok((config, origin))
}

/// Reads the configuration from the text of the file that messages call `name`.
#[cfg(test)]
pub(super) fn from_text(
    name: &str,
    text: &str,
    env: impl Iterator<Item = (String, String)>,
    overrides: Overrides,
) -> Result<Config, ConfigError> {
    read(name, text, env, overrides).map(|(config, _)| config)
}

fn read(
    name: &str,
    text: &str,
    env: impl Iterator<Item = (String, String)>,
    overrides: Overrides,
) -> Result<(Config, Places), ConfigError> {
    let tree = file::parse(name, text).map_err(ConfigError::new)?;
    let mut reader = Reader::new(tree);
    environment::overlay(&mut reader.tree, &mut reader.problems, env);
    let config = Config::read(&mut reader, overrides);
    reader.check_addresses();
    reader.problems.extend(unknown::report(&reader.tree, &reader.known));
    if reader.problems.is_empty() {
        Ok((config, reader.places))
    } else {
        Err(ConfigError::new(reader.problems))
    }
}

/// The data folder: what the command line says, or else the setting.
pub(super) fn data(reader: &mut Reader, overrides: Overrides) -> PathBuf {
    let setting = reader.top().value("data", &DATA, path).value();
    if overrides.data.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
        let message = "This names no folder. Write one, like --data /var/lib/doorkey.".to_owned();
        reader.problems.push(Problem { place: Place::Option("--data"), message });
    }
    if overrides.data.is_some() {
        reader.places.insert("data".to_owned(), Place::Option("--data"));
    }
    overrides.data.or(setting).unwrap_or_else(|| PathBuf::from("doorkey-data"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_in(folder: &Path, file: Option<&Path>) -> Result<Config, ConfigError> {
        let loaded = load_or(file, &folder.join(USUAL_FILE), std::iter::empty(), Overrides::default());
        loaded.map(|(config, _)| config)
    }

    #[test]
    fn the_usual_file_is_read_if_it_exists() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load_in(folder.path(), None), Ok(Config::default()));
        fs::write(folder.path().join("doorkey.toml"), "data = 'usual'").unwrap();
        assert_eq!(load_in(folder.path(), None).unwrap().data, Path::new("usual"));
    }

    #[test]
    fn a_named_file_takes_its_place_and_must_exist() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("doorkey.toml"), "data = 'usual'").unwrap();
        let named = folder.path().join("named.toml");
        let missing = load_in(folder.path(), Some(&named)).unwrap_err().to_string();
        let name = named.display();
        assert_eq!(
            missing,
            format!("{name}: The file can't be read: No such file or directory (os error 2).")
        );
        fs::write(&named, "data = 'named'").unwrap();
        assert_eq!(load_in(folder.path(), Some(&named)).unwrap().data, Path::new("named"));
    }

    #[test]
    fn a_file_that_is_not_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.toml");
        fs::write(&file, b"data = '\xff'").unwrap();
        let fault = load_in(folder.path(), Some(&file)).unwrap_err().to_string();
        assert_eq!(fault, format!("{}: The file is not text in UTF-8. Save it as UTF-8.", file.display()));
    }

    #[test]
    fn load_takes_no_environment_but_the_one_it_is_given() {
        let env = [("DOORKEY__DATA".to_owned(), "given".to_owned())];
        let empty = tempfile::NamedTempFile::new().unwrap();
        let config = load(Some(empty.path()), env.into_iter(), Overrides::default()).unwrap();
        assert_eq!(config.data, Path::new("given"));
    }
}
