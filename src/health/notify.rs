//! What a service manager is told: that the server is ready, that it stops, and, where it asks for that, that it lives (`sd_notify(3)`).

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

/// The way to the service manager, if one started this process and wants to be told.
#[derive(Clone, Default)]
pub struct Notify {
    socket: Option<OsString>,
    every: Option<Duration>,
}

impl Notify {
    /// As the environment says.
    pub fn of_environment() -> Self {
        let text = |name: &str| std::env::var(name).ok();
        let ours = text("WATCHDOG_PID").is_none_or(|process| process == std::process::id().to_string());
        Self::new(std::env::var_os("NOTIFY_SOCKET"), text("WATCHDOG_USEC").filter(|_| ours).as_deref())
    }

    fn new(socket: Option<OsString>, watchdog: Option<&str>) -> Self {
        let limit = watchdog.and_then(|micros| micros.parse().ok()).filter(|micros| *micros > 0);
        // Twice in the time after which it would take the server for dead.
        Self { socket, every: limit.map(|micros| Duration::from_micros(micros) / 2) }
    }

    /// How often it wants a sign of life, if it does.
    pub const fn every(&self) -> Option<Duration> {
        self.every
    }

    /// The server answers.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// The server was told to stop, and comes to its end.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// The server lives.
    pub fn alive(&self) {
        if self.every.is_some() {
            self.tell("WATCHDOG=1");
        }
    }

    fn tell(&self, what: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = send(socket, what) {
            tracing::warn!(%error, "the service manager could not be told: {what}");
        }
    }
}

fn send(socket: &OsStr, what: &str) -> io::Result<()> {
    // A name that begins with @ is one of no file.
    let address = match socket.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(what.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_at_a_file_and_at_a_name_of_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("doorkey-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        for (manager, socket) in [
            (UnixDatagram::bind(&path).unwrap(), path.clone().into_os_string()),
            (UnixDatagram::bind_addr(&address).unwrap(), format!("@{name}").into()),
        ] {
            let notify = Notify::new(Some(socket), Some("6000000"));
            assert_eq!(notify.every(), Some(Duration::from_secs(3)));
            notify.ready();
            notify.alive();
            notify.stopping();
            let mut heard = [0; 64];
            for expected in ["READY=1", "WATCHDOG=1", "STOPPING=1"] {
                let length = manager.recv(&mut heard).unwrap();
                assert_eq!(&heard[..length], expected.as_bytes());
            }
        }
    }

    #[test]
    fn where_nobody_asks_nobody_is_told() {
        let notify = Notify::new(None, None);
        notify.ready();
        assert_eq!(notify.every(), None);
        assert_eq!(Notify::new(None, Some("0")).every(), None);
        assert_eq!(Notify::new(None, Some("soon")).every(), None);
    }
}
