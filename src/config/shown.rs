//! The settings in effect, one by one, as people may see them: no secret is in what is shown.

use std::collections::BTreeMap;

use super::{Config, Key, LogFormat, SmtpSecurity, StoreUrl, TlsFiles, problem::Place};

/// Where settings stand, by what messages call them, such as `[http] listen`.
pub(super) type Places = BTreeMap<String, Place>;

/// A setting in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The section; nothing above all sections.
    pub section: String,
    /// Its name.
    pub name: &'static str,
    /// What it is, without its secrets; nothing when it is off.
    pub value: String,
    /// Where it is set; none for a default.
    pub place: Option<Place>,
}

impl Shown {
    /// What messages call it.
    pub fn setting(&self) -> String {
        if self.section.is_empty() { self.name.into() } else { format!("[{}] {}", self.section, self.name) }
    }
}

/// Stands for user and password.
const HIDDEN: &str = "***";

/// All settings, in the order in which they are documented.
pub(super) fn all(config: &Config, places: &Places) -> Vec<Shown> {
    let mut shown = Vec::new();
    let mut add = |section: &str, name: &'static str, value: String| {
        let mut setting = Shown { section: section.into(), name, value, place: None };
        setting.place = places.get(&setting.setting()).cloned();
        shown.push(setting);
    };
    let Config { data, accounts, http, ldap, sasl, store, key, mail, apple, sandbox, metrics, log } = config;
    add("", "data", data.display().to_string());
    add("accounts", "default_domain", accounts.default_domain.clone().unwrap_or_default());
    add("accounts", "session_days", or_nothing(accounts.session_days));
    add("accounts", "session_idle_days", or_nothing(accounts.session_idle_days));
    add("http", "listen", http.listen.to_string());
    add("http", "public_url", http.public_url.to_string());
    let proxies: Vec<_> = http.trusted_proxies.iter().map(ToString::to_string).collect();
    add("http", "trusted_proxies", proxies.join(", "));
    let tls = |add: &mut dyn FnMut(&str, &'static str, String), section: &str, files: Option<&TlsFiles>| {
        let path = |path: fn(&TlsFiles) -> &std::path::Path| {
            files.map(|files| path(files).display().to_string()).unwrap_or_default()
        };
        add(section, "tls_certificate", path(|files| &files.certificate));
        add(section, "tls_key", path(|files| &files.key));
    };
    tls(&mut add, "http", http.tls.as_ref());
    let most = http.connections_per_address.map_or(0, std::num::NonZeroUsize::get);
    add("http", "connections_per_address", most.to_string());
    add("ldap", "listen", or_nothing(ldap.listen));
    add("ldap", "listen_tls", or_nothing(ldap.listen_tls));
    add("ldap", "base_dn", ldap.base_dn.clone());
    tls(&mut add, "ldap", ldap.tls.as_ref());
    add("ldap", "connections", ldap.connections.to_string());
    let most = ldap.connections_per_address.map_or(0, std::num::NonZeroUsize::get);
    add("ldap", "connections_per_address", most.to_string());
    for (service, listener) in sasl {
        add(&format!("sasl.{service}"), "listen", listener.listen.to_string());
        add(&format!("sasl.{service}"), "connections", listener.connections.to_string());
    }
    add(
        "store",
        "url",
        match &store.url {
            StoreUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            StoreUrl::Postgres(url) => url.to_string(),
        },
    );
    // A command's arguments may hold what it shows to get at the key.
    let (file, command, fd) = match key {
        Key::File(path) => (path.display().to_string(), String::new(), String::new()),
        Key::Command(command) if command.arguments.is_empty() => {
            (String::new(), command.program.clone(), String::new())
        }
        Key::Command(command) => (String::new(), format!("{} ...", command.program), String::new()),
        Key::Fd(fd) => (String::new(), String::new(), fd.to_string()),
    };
    add("key", "file", file);
    add("key", "command", command);
    add("key", "fd", fd);
    let smtp = mail.as_ref().map(|mail| &mail.smtp);
    add(
        "mail",
        "smtp",
        smtp.map_or_else(String::new, |smtp| {
            let scheme = match smtp.security {
                SmtpSecurity::Tls => "smtps",
                SmtpSecurity::StartTls => "smtp",
            };
            let login = if smtp.login.is_some() { format!("{HIDDEN}@") } else { String::new() };
            format!("{scheme}://{login}{}:{}", smtp.host, smtp.port)
        }),
    );
    add("mail", "from", mail.as_ref().map(|mail| mail.from.to_string()).unwrap_or_default());
    add("apple", "hosts_at", or_nothing(apple.hosts_at));
    let ca_file = apple.ca_file.as_ref();
    add("apple", "ca_file", ca_file.map(|path| path.display().to_string()).unwrap_or_default());
    add("sandbox", "listen", sandbox.listen.to_string());
    tls(&mut add, "sandbox", sandbox.tls.as_ref());
    add("metrics", "listen", or_nothing(metrics.listen));
    add("log", "format", if log.format == LogFormat::Json { "json" } else { "human" }.into());
    add("log", "level", log.level.as_str().into());
    shown
}

fn or_nothing(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The settings that differ, as messages call them. A secret that differs counts, and isn't shown.
pub(super) fn differing(one: &Config, other: &Config) -> Vec<String> {
    let nowhere = Places::new();
    let (before, after) = (all(one, &nowhere), all(other, &nowhere));
    let mut names: Vec<String> = Vec::new();
    for setting in before.iter().filter(|setting| !after.contains(setting)) {
        names.push(setting.setting());
    }
    for setting in after.iter().filter(|setting| !before.contains(setting)) {
        names.push(setting.setting());
    }
    // What is hidden above.
    let hidden = [
        ("[mail] smtp", one.mail != other.mail),
        ("[store] url", one.store != other.store),
        ("[key] command", one.key != other.key),
    ];
    let seen = |prefix: &str, names: &[String]| names.iter().any(|name| name.starts_with(prefix));
    for (name, differs) in hidden {
        let section = name.split(']').next().unwrap_or_default();
        if differs && !seen(section, &names) {
            names.push(name.into());
        }
    }
    names.dedup();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::from_toml;

    #[test]
    fn no_secret_is_shown_and_a_changed_one_is_told() {
        let settings = |word: &str| {
            format!(
                "[store]\nurl = 'postgres://u:{word}@db.example.org/d'\n[mail]\nsmtp = 'smtps://u:{word}@m.example.org'\n\
                 from = 'd@example.org'\n[key]\ncommand = ['kms', '--token={word}']"
            )
        };
        let (one, other) =
            (from_toml(&settings("hunter2")).unwrap(), from_toml(&settings("hunter3")).unwrap());
        let shown = all(&one, &Places::new());
        assert!(!format!("{shown:?}").contains("hunter2"), "{shown:?}");
        let value =
            |name: &str| shown.iter().find(|setting| setting.setting() == name).unwrap().value.clone();
        assert_eq!(value("[mail] smtp"), "smtps://***@m.example.org:465");
        assert_eq!(value("[key] command"), "kms ...");
        assert!(value("[store] url").starts_with("postgres://***@db.example.org"));
        assert_eq!(differing(&one, &other), ["[key] command", "[mail] smtp", "[store] url"]);
        assert_eq!(differing(&one, &one.clone()), [""; 0]);
    }

    #[test]
    fn what_is_set_otherwise_is_named_once() {
        let (one, other) = (from_toml("").unwrap(), from_toml("[http]\nlisten = '127.0.0.1:1'").unwrap());
        assert_eq!(differing(&one, &other), ["[http] listen"]);
    }
}
