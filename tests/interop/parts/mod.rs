//! The foreign parts: where they are found, how each is started, and that it ends.

mod caddy;
mod chromium;
mod dovecot;
mod lines;
mod nginx;
mod process;
mod radicale;
mod recorder;
mod vdirsyncer;

pub use caddy::Caddy;
pub use chromium::{Chromium, Scripts};
pub use dovecot::Dovecot;
pub use lines::{Lines, plain};
pub use nginx::Nginx;
pub use process::{Part, command, find, free_port};
pub use radicale::Radicale;
pub use recorder::{Recorder, Seen};
pub use vdirsyncer::{Kind, Login, Vdirsyncer};

/// The ready configuration for this server, as the service's page shows it.
pub fn shipped(server: &str, doorkey: &str, service: &str, key: &str) -> String {
    let all = ::doorkey::services::configuration::all(doorkey, service, key);
    all.into_iter().find(|one| one.id == server).expect("ready configuration").text
}

/// Changes what the page says to change: exactly one place, which is there.
pub fn change(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from:?} in {text}");
    text.replace(from, to)
}
