//! The LDAP door's listeners.

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    app::App,
    config::Ldap,
    doors::accept::{self, Listener},
    server::tls::{Certificate, TlsError},
};

/// Listeners that are open: plain, with StartTLS where there is a certificate, and over TLS.
pub struct Listeners {
    open: Vec<(&'static str, TcpListener, SocketAddr)>,
    certificate: Option<Arc<Certificate>>,
}

/// Why the door can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// An address can't be listened on.
    #[error("can't listen on {address}: {why}. Stop what uses it, or set another address: [ldap] {setting}.")]
    Address {
        /// The address.
        address: SocketAddr,
        /// The setting that says it.
        setting: &'static str,
        /// What the system said.
        why: io::Error,
    },
    /// The certificate can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Listeners {
    /// Opens them.
    ///
    /// # Errors
    /// For the first that can't be, and for a certificate that can't be used.
    pub async fn open(configured: &Ldap) -> Result<Self, ListenError> {
        let certificate = configured.tls.as_ref().map(Certificate::load).transpose()?;
        let mut open = Vec::new();
        for (name, setting, address) in
            [("ldap", "listen", configured.listen), ("ldaps", "listen_tls", configured.listen_tls)]
        {
            let Some(address) = address else { continue };
            let failed = |why| ListenError::Address { address, setting, why };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            open.push((name, listener, bound));
        }
        Ok(Self { open, certificate })
    }

    /// Where each listens.
    pub fn places(&self) -> BTreeMap<&'static str, String> {
        self.open.iter().map(|(name, _, address)| (*name, address.to_string())).collect()
    }

    /// Serves until `stopping`.
    pub async fn run(self, app: Arc<App>, stopping: watch::Receiver<bool>) {
        let mut serving = JoinSet::new();
        for (name, listener, _) in self.open {
            let (asked, certificate, stop) = (Arc::clone(&app), self.certificate.clone(), stopping.clone());
            let serve = move |connection| {
                super::serve(
                    Arc::clone(&asked),
                    certificate.clone(),
                    name == "ldaps",
                    connection,
                    stop.clone(),
                )
            };
            let (places, setting) =
                (Arc::clone(&app.metrics.door_places.ldap), "[ldap] connections_per_address");
            serving.spawn(accept::run(Listener::Tcp(listener), places, setting, serve, stopping.clone()));
        }
        serving.join_all().await;
    }
}
