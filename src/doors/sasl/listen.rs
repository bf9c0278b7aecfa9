//! The SASL door's listeners: one for each `[sasl.NAME]`.

use std::{
    collections::BTreeMap,
    io,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
    task::JoinSet,
};

use crate::{
    app::App,
    config::{Sasl, SaslListen},
    doors::accept::{self, Listener},
};

/// Listeners that are open, by the names of their services.
pub struct Listeners(Vec<(Arc<str>, Listener, SaslListen)>);

/// A listener that couldn't be opened.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {place}: {why}. Stop what uses it, or set another place: [sasl.{service}] listen.")]
pub struct ListenError {
    service: String,
    place: SaslListen,
    why: io::Error,
}

impl Listeners {
    /// Opens all of them.
    ///
    /// # Errors
    /// For the first that can't be.
    pub async fn open(configured: &BTreeMap<String, Sasl>) -> Result<Self, ListenError> {
        let mut open = Vec::new();
        for (service, Sasl { listen, .. }) in configured {
            let failed = |why| ListenError { service: service.clone(), place: listen.clone(), why };
            let (listener, place) = match listen {
                SaslListen::Tcp(address) => {
                    let listener = TcpListener::bind(address).await.map_err(failed)?;
                    let bound = listener.local_addr().map_err(failed)?;
                    (Listener::Tcp(listener), SaslListen::Tcp(bound))
                }
                SaslListen::Unix(path) => (Listener::Unix(socket(path).map_err(failed)?), listen.clone()),
            };
            open.push((Arc::from(service.as_str()), listener, place));
        }
        Ok(Self(open))
    }

    /// Where each listens, as the configuration would say it.
    pub fn places(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(service, _, place)| (service.to_string(), place.to_string())).collect()
    }

    /// Serves until `stopping`.
    pub async fn run(self, app: Arc<App>, stopping: watch::Receiver<bool>) {
        let mut serving = JoinSet::new();
        let mut sockets = Vec::new();
        for (service, listener, place) in self.0 {
            if app.live.service(&service).is_none() {
                let service = &*service;
                tracing::warn!(
                    service,
                    "the SASL door has a listener for a service that isn't registered yet"
                );
            }
            if let SaslListen::Unix(path) = place {
                sockets.push(path);
            }
            let Some(places) = app.metrics.door_places.sasl.get(&*service).cloned() else { continue };
            let (app, stop, of_service) = (Arc::clone(&app), stopping.clone(), Arc::clone(&places));
            let serve = move |connection| {
                let (app, service, places) =
                    (Arc::clone(&app), Arc::clone(&service), Arc::clone(&of_service));
                super::serve(app, service, places, connection, stop.clone())
            };
            // All of them come from this machine: no address is bounded.
            serving.spawn(accept::run(listener, places, "", serve, stopping.clone()));
        }
        serving.join_all().await;
        sockets.iter().for_each(|path: &PathBuf| drop(std::fs::remove_file(path)));
    }
}

/// A socket that any user on this machine may open, as a port on loopback is open to them: who may not, is kept out by the folder.
fn socket(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path).or_else(|error| {
        // One that a killed server left behind answers nobody. What isn't a socket, or is answered, is another's.
        let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
        let dead = || {
            std::os::unix::net::UnixStream::connect(path)
                .is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
        };
        if error.kind() != io::ErrorKind::AddrInUse || !is_socket || !dead() {
            return Err(error);
        }
        std::fs::remove_file(path)?;
        UnixListener::bind(path)
    })?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}
