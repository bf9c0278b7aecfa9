//! The configuration as a whole: its sources, its defaults, and what is written about it.

use std::collections::BTreeSet;
use std::path::Path;

use super::section::Reader;
use super::testing::{faults, from_both, from_env, from_toml};
use super::*;

const EXAMPLE: &str = include_str!("../../doorkey.example.toml");
const DOCUMENT: &str = include_str!("../../docs/configuration.md");

/// Every setting, as section ("" is the top) and name.
fn known() -> Vec<(&'static str, &'static str)> {
    let mut reader = Reader::default();
    Config::read(&mut reader, Overrides::default());
    reader.known
}

#[test]
fn nothing_configured() {
    let config = from_toml("").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.data, Path::new("doorkey-data"));
    assert_eq!(config.accounts.default_domain, None);
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.http.public_url.as_str(), "http://localhost:8080");
    assert_eq!(config.http.trusted_proxies, []);
    assert_eq!(config.http.tls, None);
    assert_eq!(config.ldap.listen.unwrap().to_string(), "127.0.0.1:3893");
    assert_eq!(config.ldap.listen_tls, None);
    assert_eq!(config.ldap.base_dn, "dc=doorkey");
    assert_eq!(config.ldap.tls, None);
    assert!(config.sasl.is_empty());
    assert_eq!(config.store.url, StoreUrl::Sqlite("doorkey-data/doorkey.db".into()));
    assert_eq!(config.key, Key::File("doorkey-data/doorkey.key".into()));
    assert_eq!(config.mail, None);
    assert_eq!(config.apple, Apple { hosts_at: None, ca_file: None });
    assert_eq!(config.sandbox.listen.to_string(), "127.0.0.1:8443");
    assert_eq!(config.sandbox.tls, None);
    assert_eq!(config.metrics.listen, None);
}

#[test]
fn a_later_source_wins() {
    let file = "data = 'file'\n[ldap]\nlisten = '127.0.0.1:1'\nbase_dn = 'dc=file'";
    let env = [("DOORKEY__DATA", "env"), ("DOORKEY__LDAP__BASE_DN", "dc=env")];
    let config = from_both(file, &env).unwrap();
    assert_eq!(config.data, Path::new("env"));
    assert_eq!(config.ldap.base_dn, "dc=env");
    assert_eq!(config.ldap.listen.unwrap().port(), 1);

    let overrides = Overrides { data: Some("option".into()) };
    let config = load::from_text("doorkey.toml", file, std::iter::empty(), overrides).unwrap();
    assert_eq!(config.data, Path::new("option"));
    assert_eq!(config.store.url, StoreUrl::Sqlite("option/doorkey.db".into()));
    assert_eq!(config.key, Key::File("option/doorkey.key".into()));
}

#[test]
fn the_environment_corrects_the_file() {
    let env = [("DOORKEY__HTTP__LISTEN", "127.0.0.1:1")];
    assert_eq!(from_both("http.listen = 'wrong'", &env).unwrap().http.listen.port(), 1);
    let env = [("DOORKEY__MAIL__SMTP", ""), ("DOORKEY__MAIL__FROM", "")];
    assert_eq!(from_both("[mail]\nsmtp = 'smtp://h'\nfrom = 'd@example.org'", &env).unwrap().mail, None);
}

#[test]
fn forms_of_the_environment() {
    let proxies = |value: &str| {
        let config = from_env(&[("DOORKEY__HTTP__TRUSTED_PROXIES", value)]).unwrap();
        config.http.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(proxies("192.0.2.1"), "192.0.2.1/32");
    assert_eq!(proxies("192.0.2.1, 10.0.0.0/8\n"), "192.0.2.1/32 10.0.0.0/8");
    assert_eq!(proxies(" [\"192.0.2.1\", '10.0.0.0/8']"), "192.0.2.1/32 10.0.0.0/8");
    assert_eq!(proxies(""), "");
    assert_eq!(
        from_env(&[("DOORKEY__HTTP__TRUSTED_PROXIES", "192.0.2.1,")]).unwrap_err(),
        "DOORKEY__HTTP__TRUSTED_PROXIES: [http] trusted_proxies must be an IP address or a network of them, \
         like \"192.0.2.10\"; it is \"\"."
    );
    assert_eq!(
        from_env(&[("DOORKEY__http__Listen", "127.0.0.1:1")]).unwrap_err(),
        "DOORKEY__http__Listen: Settings in the environment are in capitals. Write DOORKEY__HTTP__LISTEN."
    );
}

#[test]
fn variables_of_builds_are_passed_over() {
    let env = [
        ("DOORKEY_URL", "https://doorkey.example.org"),
        ("DOORKEY_PROJECT", "p"),
        ("DOORKEY_BUILD", "b"),
        ("DOORKEY_BUILD_TOKEN", "t"),
        ("PATH", "/bin"),
    ];
    assert_eq!(from_env(&env), Ok(Config::default()));
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    let file = "dta = 'x'\n[sotre]\n[http]\npublic_url = 'x'\nlisen = 'y'\n[accounts]\ndefault_domain = 7";
    let env = [("DOORKEY__LDAP__BASE_DN", "x"), ("DOORKEY__HTP__LISTEN", "x")];
    let overrides = Overrides { data: Some("".into()) };
    let env = env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let error = load::from_text("/etc/doorkey.toml", file, env, overrides).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/etc/doorkey.toml, line 1: There is no setting \"dta\" outside the sections. Did you mean \"data\"?\n\
         /etc/doorkey.toml, line 2: There is no section [sotre]. Did you mean [store]?\n\
         /etc/doorkey.toml, line 4: [http] public_url must be an http or https address, like \
         \"https://doorkey.example.org\"; it is \"x\".\n\
         /etc/doorkey.toml, line 5: [http] has no setting \"lisen\". Did you mean \"listen\"?\n\
         /etc/doorkey.toml, line 7: [accounts] default_domain must be a domain name, in quotes, like \
         \"example.org\"; it is a number.\n\
         DOORKEY__HTP__LISTEN: There is no section [htp]. Did you mean DOORKEY__HTTP__LISTEN?\n\
         DOORKEY__LDAP__BASE_DN: [ldap] base_dn must be a distinguished name, like \"dc=example,dc=org\"; it is \
         \"x\".\n\
         --data: This names no folder. Write one, like --data /var/lib/doorkey."
    );
    assert_eq!(error.problems().len(), 8);
}

#[test]
fn text_that_is_not_toml_is_not_shown() {
    let wrong = "[http]\nlisten = 127.0.0.1:8080\n[mail]\nsmtp = smtps://user:hunter2@h\n[mail]\n";
    let faults = faults(wrong);
    assert!(!faults.join("").contains("hunter2"), "{faults:?}");
    let advice = " Text stands in quotes, like data = \"doorkey-data\".";
    assert!(faults.iter().any(|fault| fault.contains("line 2") && fault.ends_with(advice)), "{faults:?}");
    for line in [2, 4, 5] {
        let start = format!("doorkey.toml, line {line}: This is not TOML: ");
        assert!(faults.iter().any(|fault| fault.starts_with(&start)), "{faults:?}");
    }
}

#[test]
fn two_listeners_do_not_share_an_address() {
    assert_eq!(
        faults("[ldap]\nlisten = '127.0.0.1:8080'\n[sasl.mail]\n[sasl.web]\nlisten = '127.0.0.1:3894'"),
        [
            "doorkey.toml, line 2: [http] listen and [ldap] listen are both 127.0.0.1:8080. \
             Give each an address or a port of its own.",
            "doorkey.toml, line 5: [sasl.mail] listen and [sasl.web] listen are both 127.0.0.1:3894. \
             Give each an address or a port of its own.",
        ]
    );
    assert_eq!(faults("[http]\nlisten = '127.0.0.1:3893'").len(), 1, "the other one's default is taken too");
    let twice = "[sasl.a]\nlisten = 'unix:/run/s'\n[sasl.b]\nlisten = 'unix:/run/s'";
    assert_eq!(faults(twice).len(), 1);
    let any = "http.listen = '127.0.0.1:0'\nldap.listen = '127.0.0.1:0'\nmetrics.listen = '127.0.0.1:0'";
    assert!(from_toml(any).is_ok());
}

#[test]
fn a_password_under_the_wrong_setting_is_not_shown() {
    let url = "postgres://u:hunter2@db/doorkey";
    for (section, key) in known() {
        let section = if section == "sasl" { "sasl.mail" } else { section };
        let text = if section.is_empty() {
            format!("{key} = '{url}'")
        } else {
            format!("[{section}]\n{key} = '{url}'")
        };
        if let Err(faults) = from_toml(&text) {
            assert!(!faults.contains("hunter2"), "{faults}");
        }
    }
}

#[test]
fn the_example_is_the_defaults() {
    assert_eq!(from_toml(EXAMPLE), Ok(Config::default()));
}

/// In the example, what is off stands behind a `#` without a space.
#[test]
fn what_the_example_leaves_out_can_be_put_in() {
    let without = |line: &&str| !line.starts_with("file = ") && !line.starts_with("#fd = ");
    let all: Vec<_> = EXAMPLE
        .lines()
        .filter(without)
        .map(|line| line.strip_prefix('#').filter(|rest| rest.starts_with(|c| c != ' ')).unwrap_or(line))
        .collect();
    let config = from_toml(&all.join("\n")).unwrap();
    assert_eq!(config.sasl["mail"].listen.to_string(), "127.0.0.1:3894");
    assert!(matches!(config.key, Key::Command(_)));
}

#[test]
fn the_example_has_every_setting() {
    let mut section = String::new();
    let mut written = BTreeSet::new();
    for line in EXAMPLE.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.split('.').next().unwrap().to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with(' ')) {
            written.insert((section.clone(), key.to_owned()));
        }
    }
    let known: BTreeSet<_> =
        known().into_iter().map(|(section, key)| (section.to_owned(), key.to_owned())).collect();
    assert_eq!(written, known);
}

#[test]
fn the_document_has_every_setting() {
    for (section, key) in known() {
        let path = match section {
            "" => key.to_owned(),
            "sasl" => format!("sasl__name__{key}"),
            section => format!("{section}__{key}"),
        };
        let row = format!("| `{key}` | `DOORKEY__{}` | ", path.to_uppercase());
        assert!(DOCUMENT.contains(&row), "{row}");
    }
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, known().len(), "a row for something that is no setting");
}

#[test]
fn every_setting_is_shown_with_where_it_stands() {
    let shown = |config: &Config| shown::all(config, &shown::Places::new());
    let sections = |shown: Vec<Shown>| -> BTreeSet<(String, &str)> {
        let section = |shown: &Shown| shown.section.split('.').next().unwrap().to_owned();
        shown.iter().map(|setting| (section(setting), setting.name)).collect()
    };
    let config = from_toml("[sasl.mail]\nlisten = '127.0.0.1:1'").unwrap();
    let all: BTreeSet<_> = known().into_iter().map(|(section, key)| (section.to_owned(), key)).collect();
    assert_eq!(sections(shown(&config)), all);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorkey.toml");
    std::fs::write(&file, "[http]\nlisten = '127.0.0.1:1'\n[log]\nlevel = 'warn'").unwrap();
    let env = [("DOORKEY__LOG__LEVEL".to_owned(), "debug".to_owned())];
    let overrides = Overrides { data: Some("here".into()) };
    let (config, origin) = load_with_origin(Some(&file), env.into_iter(), overrides).unwrap();
    let found = |name: &str| {
        let shown = origin.shown(&config);
        let setting = shown.iter().find(|setting| setting.setting() == name).unwrap();
        (setting.value.clone(), setting.place.as_ref().map(ToString::to_string))
    };
    let listen = format!("{}, line 2", file.display());
    assert_eq!(found("[http] listen"), ("127.0.0.1:1".into(), Some(listen)));
    assert_eq!(found("[log] level"), ("debug".into(), Some("DOORKEY__LOG__LEVEL".into())));
    assert_eq!(found("data"), ("here".into(), Some("--data".into())));
    assert_eq!(found("[log] format"), ("human".into(), None));
}
