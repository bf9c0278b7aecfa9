//! The foreign parts: where they are found, how each is started, and that it ends.

use ::doorkey::services::configuration::{self, Values};

mod apache;
mod caddy;
mod chromium;
mod dovecot;
mod lines;
mod nginx;
mod postfix;
mod process;
mod radicale;
mod recorder;
mod vdirsyncer;

pub use apache::Apache;
pub use caddy::Caddy;
pub use chromium::{Chromium, Scripts};
pub use dovecot::{API_KEY as DOVEADM_KEY, Dovecot};
pub use lines::{Lines, plain};
pub use nginx::Nginx;
pub use postfix::Postfix;
pub use process::{Part, command, find, free_port};
pub use radicale::Radicale;
pub use recorder::{Recorder, Seen};
pub use vdirsyncer::{Kind, Login, Vdirsyncer};

/// The ready configuration for this server, as the service's page shows it.
pub fn shipped(server: &str, doorkey: &str, service: &str, key: &str) -> String {
    let [text] = shipped_files(server, &values(doorkey, service, key)).try_into().expect("one text");
    text
}

/// All its texts, in their order.
pub fn shipped_files(server: &str, values: &Values<'_>) -> Vec<String> {
    let all = configuration::all(values).into_iter().flat_map(|group| group.configurations);
    let found = all.into_iter().find(|one| one.id == server).expect("ready configuration");
    found.files.into_iter().map(|file| file.text).collect()
}

/// What goes into them, for a Doorkey at this address, of a service that may hold anything.
pub fn values<'a>(doorkey: &str, service: &'a str, key: &'a str) -> Values<'a> {
    Values {
        service,
        key,
        kinds: ::domain::Kind::ALL.iter().copied().collect(),
        url: doorkey.into(),
        plain_url: Some(doorkey.into()),
        ldap: None,
        base_dn: "dc=doorkey".into(),
        sasl: None,
    }
}

/// Changes what the page says to change: exactly one place, which is there.
pub fn change(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from:?} in {text}");
    text.replace(from, to)
}
