//! `[store]`

use std::path::{Path, PathBuf};

use store::PostgresUrl;

use super::secret::{ENCODE_THE_LOGIN, login_is_encoded};
use super::section::{Form, Section, Wrong};

/// Where accounts, connections and events are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The database. Default: `sqlite:doorkey.db`. A relative path is already under the data folder.
    pub url: StoreUrl,
}

/// A database.
pub type StoreUrl = store::Place;

const URL: Form =
    Form { expected: "sqlite: and a path, or a postgres:// URL", example: "sqlite:doorkey.db", secret: true };

impl Store {
    pub(super) fn read(section: &mut Section<'_>, data: &Path) -> Self {
        let url = match section.value("url", &URL, store_url).value() {
            Some(StoreUrl::Sqlite(path)) => StoreUrl::Sqlite(data.join(path)),
            Some(postgres) => postgres,
            None => StoreUrl::Sqlite(data.join("doorkey.db")),
        };
        Self { url }
    }
}

/// The database of this URL, as `[store] url` has it; a relative path is under the data folder.
///
/// # Errors
/// What is wrong with it: the rest of a sentence that begins with its name.
pub fn database(text: &str, data: &Path) -> Result<StoreUrl, String> {
    match store_url(text) {
        Ok(StoreUrl::Sqlite(path)) => Ok(StoreUrl::Sqlite(data.join(path))),
        Ok(postgres) => Ok(postgres),
        Err(Wrong::Form) => Err(format!("must be {}, like \"{}\".", URL.expected, URL.example)),
        Err(Wrong::Because(why)) => Err(why),
    }
}

fn store_url(text: &str) -> Result<StoreUrl, Wrong> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        // In a URL of two slashes the first part would be a host, and a relative path would become absolute.
        if path.starts_with("//") {
            return Err("has slashes after sqlite:. Write the path alone, like \"sqlite:doorkey.db\" or \
                        \"sqlite:/var/lib/doorkey/doorkey.db\"."
                .into());
        }
        if path.is_empty() || path.contains('\0') {
            return Err(Wrong::Form);
        }
        return Ok(StoreUrl::Sqlite(PathBuf::from(path)));
    }
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        return Err(Wrong::Form);
    }
    if !login_is_encoded(text) {
        return Err(ENCODE_THE_LOGIN.into());
    }
    if text.contains('#') {
        return Err(ENCODE_THE_LOGIN.into());
    }
    PostgresUrl::parse(text).map(StoreUrl::Postgres).map_err(Wrong::Because)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{faults, from_toml};

    fn url(url: &str) -> StoreUrl {
        from_toml(&format!("data = '/data'\n[store]\nurl = '{url}'")).unwrap().store.url
    }

    #[test]
    fn a_relative_path_is_under_data() {
        assert_eq!(url("sqlite:sub/x.db"), StoreUrl::Sqlite("/data/sub/x.db".into()));
        assert_eq!(url("sqlite:/x.db"), StoreUrl::Sqlite("/x.db".into()));
    }

    #[test]
    fn postgres_is_shown_without_its_secrets() {
        let config = from_toml("store.url = 'postgres://u:hunter2@db/doorkey'").unwrap();
        assert!(matches!(config.store.url, StoreUrl::Postgres(_)));
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_wrong_is_said_without_showing_it() {
        let fault = |url: &str| {
            let fault = faults(&format!("[store]\nurl = '{url}'")).join("\n");
            assert!(!fault.contains("hunter2"), "{fault}");
            fault
        };
        let form = "doorkey.toml, line 2: [store] url must be sqlite: and a path, or a postgres:// URL, like \
                    \"sqlite:doorkey.db\".";
        for wrong in ["", "sqlite:", "doorkey.db", "mysql://u:hunter2@db", "host=db password=hunter2"] {
            assert_eq!(fault(wrong), form);
        }
        for wrong in [
            "postgres://u:x/hunter2@db/doorkey",
            "postgres://u:1?hunter2@db/doorkey",
            "postgres://u:1#hunter2",
        ] {
            assert_eq!(fault(wrong), format!("doorkey.toml, line 2: [store] url {ENCODE_THE_LOGIN}"));
        }
        assert!(fault("postgres://u:hunter2@db:port/doorkey").contains("must be a postgres:// URL"));
        assert!(fault("postgres://u:hunter2@db/doorkey?sslmode=no").contains("the parameter sslmode"));
        assert_eq!(
            fault("sqlite://doorkey.db"),
            "doorkey.toml, line 2: [store] url has slashes after sqlite:. Write the path alone, like \
             \"sqlite:doorkey.db\" or \"sqlite:/var/lib/doorkey/doorkey.db\"."
        );
    }
}
