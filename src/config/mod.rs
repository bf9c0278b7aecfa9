//! The whole configuration: plain structs, one file a section, read from `doorkey.toml`, from
//! `DOORKEY__SECTION__KEY` and from `--data`.
//!
//! Every section is read and checked on every start, so that a misspelt setting is found at once and not on
//! the day when it is needed. A section asks its `section::Section` for each setting that it knows; what
//! nobody asked for is unknown, and `unknown` names the nearest one that is known.

mod accounts;
mod apple;
mod environment;
mod file;
mod http;
mod key;
mod ldap;
mod load;
mod log;
mod mail;
mod metrics;
mod origin;
mod problem;
mod sandbox;
mod sasl;
mod secret;
mod section;
mod shown;
mod store;
#[cfg(test)]
mod testing;
mod tls;
mod tree;
mod unknown;
mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use accounts::Accounts;
pub use apple::Apple;
pub use http::{Http, PublicUrl};
pub use key::{Key, KeyCommand};
pub use ldap::Ldap;
pub use load::{Overrides, load, load_with_origin, variables};
pub use log::{Log, LogFormat, LogLevel};
pub use mail::{Mail, Mailbox, Smtp, SmtpLogin, SmtpSecurity};
pub use metrics::Metrics;
pub use origin::Origin;
pub use problem::{ConfigError, Place, Problem};
pub use sandbox::Sandbox;
pub use sasl::{Sasl, SaslListen};
pub use secret::Password;
pub use shown::Shown;
pub use store::{Store, StoreUrl, database};
pub use tls::TlsFiles;

use section::Reader;

/// Everything that can be configured. `Config::default()` is a server with nothing configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The folder that holds everything the server keeps. Default: `doorkey-data`, relative to the folder the
    /// server is started in.
    pub data: PathBuf,
    /// What holds for all accounts.
    pub accounts: Accounts,
    /// Pages, API and the doors over HTTP.
    pub http: Http,
    /// The LDAP door.
    pub ldap: Ldap,
    /// The SASL door: one listener a service, by the service's name. Default: none.
    pub sasl: BTreeMap<String, Sasl>,
    /// Where accounts, connections and events are stored.
    pub store: Store,
    /// Where the key comes from that seals what is stored.
    pub key: Key,
    /// How mail is sent. Default: none, and no mail is sent.
    pub mail: Option<Mail>,
    /// Where Apple's servers are reached.
    pub apple: Apple,
    /// The stand-in for Apple; read by `sandbox` and `serve --sandbox` alone.
    pub sandbox: Sandbox,
    /// Figures for monitoring.
    pub metrics: Metrics,
    /// What the server writes to standard error.
    pub log: Log,
}

impl Config {
    fn read(reader: &mut Reader, overrides: Overrides) -> Self {
        let data = load::data(reader, overrides);
        Self {
            accounts: Accounts::read(&mut reader.section("accounts")),
            http: Http::read(&mut reader.section("http")),
            ldap: Ldap::read(&mut reader.section("ldap")),
            sasl: sasl::read(reader),
            store: Store::read(&mut reader.section("store"), &data),
            key: Key::read(&mut reader.section("key"), &data),
            mail: Mail::read(&mut reader.section("mail")),
            apple: Apple::read(&mut reader.section("apple")),
            sandbox: Sandbox::read(&mut reader.section("sandbox")),
            metrics: Metrics::read(&mut reader.section("metrics")),
            log: Log::read(&mut reader.section("log")),
            data,
        }
    }
}

impl Config {
    /// Sections in which something is set, and that this version only reads.
    pub fn unused(&self) -> Vec<&'static str> {
        let nothing = Self::default();
        let sections = [("sandbox", self.sandbox != nothing.sandbox)];
        sections.into_iter().filter(|(_, set)| *set).map(|(section, _)| section).collect()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::read(&mut Reader::default(), Overrides::default())
    }
}

#[cfg(test)]
mod tests;
