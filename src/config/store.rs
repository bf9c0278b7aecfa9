//! `[store]`

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use super::secret::{ENCODE_THE_LOGIN, login_is_encoded};
use super::section::{Form, Section, Wrong};

/// Where accounts, connections and events are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The database. Default: `sqlite:doorkey.db`.
    pub url: StoreUrl,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// An SQLite file; a relative path is already under the data folder.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(PostgresUrl),
}

/// The URL of a PostgreSQL database. `Debug` and `Display` leave out user, password and parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Url);

impl PostgresUrl {
    /// The whole URL with its password, to connect with.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.0.scheme())?;
        if !self.0.username().is_empty() || self.0.password().is_some() {
            f.write_str("***@")?;
        }
        f.write_str(self.0.host_str().unwrap_or_default())?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(self.0.path())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

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
    let url = Url::parse(text).map_err(|_| Wrong::Form)?;
    if url.fragment().is_some() {
        return Err(ENCODE_THE_LOGIN.into());
    }
    Ok(StoreUrl::Postgres(PostgresUrl(url)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{faults, from_toml};

    fn url(url: &str) -> StoreUrl {
        from_toml(&format!("data = '/data'\n[store]\nurl = '{url}'")).unwrap().store.url
    }

    fn postgres(text: &str) -> PostgresUrl {
        let StoreUrl::Postgres(url) = url(text) else { panic!("{text}") };
        url
    }

    #[test]
    fn a_relative_path_is_under_data() {
        assert_eq!(url("sqlite:sub/x.db"), StoreUrl::Sqlite("/data/sub/x.db".into()));
        assert_eq!(url("sqlite:/x.db"), StoreUrl::Sqlite("/x.db".into()));
    }

    #[test]
    fn postgres_is_kept_as_it_is_and_shown_without_its_secrets() {
        for (whole, shown) in [
            ("postgres://doorkey:hunter2@db.example:5433/doorkey", "postgres://***@db.example:5433/doorkey"),
            ("postgresql://doorkey@db/doorkey", "postgresql://***@db/doorkey"),
            ("postgres://db/doorkey?user=u&password=hunter2", "postgres://db/doorkey"),
            ("postgres:///doorkey?host=/run/postgresql", "postgres:///doorkey"),
            ("postgres://u:hun%40ter2@[::1]/doorkey", "postgres://***@[::1]/doorkey"),
        ] {
            let url = postgres(whole);
            assert_eq!(url.expose(), whole);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
        let config = from_toml("store.url = 'postgres://u:hunter2@db/doorkey'").unwrap();
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
        for wrong in [
            "",
            "sqlite:",
            "doorkey.db",
            "mysql://u:hunter2@db",
            "host=db password=hunter2",
            "postgres://u:hunter2@db:port/doorkey",
        ] {
            assert_eq!(fault(wrong), form);
        }
        for wrong in [
            "postgres://u:x/hunter2@db/doorkey",
            "postgres://u:1?hunter2@db/doorkey",
            "postgres://u:1#hunter2",
        ] {
            assert_eq!(fault(wrong), format!("doorkey.toml, line 2: [store] url {ENCODE_THE_LOGIN}"));
        }
        assert_eq!(
            fault("sqlite://doorkey.db"),
            "doorkey.toml, line 2: [store] url has slashes after sqlite:. Write the path alone, like \
             \"sqlite:doorkey.db\" or \"sqlite:/var/lib/doorkey/doorkey.db\"."
        );
    }
}
