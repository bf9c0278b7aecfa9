//! What is built once, when the server starts, and passed on to all that it does.

use std::{net::SocketAddr, sync::Arc};

use index::Index;
use seal::Keyring;
use store::Store;

use crate::{
    accounts::hasher::Hasher,
    app_passwords::usage::Usage,
    builds::{identity::known::Known, openings::Openings},
    clock::Clock,
    config::{Config, Origin},
    connections::Checks,
    doctor::probe::Probes,
    follow::Live,
    hand_outs::steps::Untold,
    health::Health,
    mail::Mailer,
    metrics::Metrics,
    refusals::Refusals,
    server::tls,
    sign_in::strangers::Strangers,
    sign_out::SignOuts,
    trials::Trials,
    web::in_flight::InFlight,
};

/// The server's parts.
pub struct App {
    /// What the operator configured.
    pub config: Config,
    /// The data.
    pub store: Store,
    /// What the doors ask: kept in memory, following the log.
    pub live: Arc<Live>,
    /// The data keys.
    pub keyring: Arc<Keyring>,
    /// The time.
    pub clock: Clock,
    /// Uses at the doors, until they are written down.
    pub usage: Usage,
    /// The tests of services that run.
    pub trials: Trials,
    /// Refusals, until they are written down.
    pub refusals: Refusals,
    /// The keys of CIs that sign identity tokens.
    pub identities: Known,
    /// Builds that weren't opened.
    pub openings: Openings,
    /// Hashes accounts' passwords.
    pub hasher: Hasher,
    /// Failures at IDs that nobody has.
    pub strangers: Strangers,
    /// Wakes the task that sends mail.
    pub mailer: Mailer,
    /// Wakes the task that signs people out of services.
    pub sign_outs: SignOuts,
    /// The requests that run.
    pub in_flight: InFlight,
    /// Held by whoever replaces the key.
    pub rotating: Arc<tokio::sync::Mutex<()>>,
    /// How the server is.
    pub health: Health,
    /// What is counted.
    pub metrics: Metrics,
    /// The certificate that it shows, if it speaks TLS itself.
    pub certificate: Option<Arc<tls::Certificate>>,
    /// Where its configuration came from; none for a command on the data.
    pub origin: Option<Origin>,
    /// Where it listens, by the settings that say so.
    pub listens: Vec<(&'static str, SocketAddr)>,
    /// The connections that Apple is being asked about.
    pub checks: Checks,
    /// What it asks of itself, from outside.
    pub probes: Probes,
    /// Whether it was said lately that a build's token didn't arrive.
    pub untold: Untold,
}

impl App {
    /// The index of app-specific passwords.
    pub fn index(&self) -> &Index {
        &self.live.index
    }

    /// The domain of IDs that are typed without one; empty when there is none.
    pub fn default_domain(&self) -> &str {
        self.config.accounts.default_domain.as_deref().unwrap_or_default()
    }

    /// Whether people reach this server by HTTPS, so that cookies can be kept to it.
    pub fn is_https(&self) -> bool {
        self.config.http.public_url.is_https()
    }
}
