//! The database server: how connections to it are made, and the thread that serves them all.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_postgres::config::SslMode;
use tokio_postgres::{CancelToken, Client, Config};

use super::fault::said;
use super::tls::Tls;
use super::url::{Host, PostgresUrl, TlsMode};
use super::wait::wait;
use crate::db::OpenError;

/// How long making a connection may take, in all.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a connection may be silent before the system asks whether the other side is still there, how often it asks, and how many
/// questions may stay without an answer.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(5), Duration::from_secs(3), 3);

/// Where the database is, and what connections to it run on.
#[derive(Clone)]
pub(in crate::db) struct Server(Arc<Inner>);

struct Inner {
    url: PostgresUrl,
    config: Config,
    tls: Tls,
    io: Io,
}

/// The thread that serves connections. Those who use them wait on their own threads, whatever these are for: none of them has to
/// give its time to the network, and a runtime around them isn't needed.
struct Io(Option<Runtime>);

impl Drop for Io {
    fn drop(&mut self) {
        // Dropping it the plain way would wait, which isn't allowed everywhere.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Called when a connection has ended, however that came.
pub(super) type Ended = Box<dyn FnOnce() + Send>;

impl Server {
    pub(in crate::db) fn new(url: PostgresUrl) -> Result<Self, OpenError> {
        let refused = |why: String| OpenError::Unfit { place: url.to_string(), why };
        let tls = Tls::new(&url).map_err(refused)?;
        let io = Builder::new_multi_thread().worker_threads(1).thread_name("db-io").enable_all().build();
        let io = io.map_err(|error| refused(format!("no thread could be started: {error}.")))?;
        let config = config(&url);
        Ok(Self(Arc::new(Inner { config, tls, io: Io(Some(io)), url })))
    }

    /// Where it is, for messages.
    pub(in crate::db) fn place(&self) -> String {
        self.0.url.to_string()
    }

    pub(super) fn connect(&self, ended: Ended) -> Result<Client, OpenError> {
        let (config, tls) = (self.0.config.clone(), self.0.tls.clone());
        let connecting = self.io().spawn(async move {
            let (client, connection) = tokio::time::timeout(CONNECT, config.connect(tls)).await??;
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::warn!(error = said(&error), "a connection to the database has ended");
                }
                ended();
            });
            Ok::<_, ConnectError>(client)
        });
        let unreachable = |why: String| OpenError::Unreachable { place: self.place(), why };
        // It ends by itself in time, and is only waited for longer when this machine is slow.
        match wait(connecting, 2 * CONNECT) {
            Ok(Ok(Ok(client))) => Ok(client),
            Ok(Ok(Err(ConnectError::Server(error)))) => Err(unreachable(said(&error))),
            _ => Err(unreachable("it doesn't answer".to_owned())),
        }
    }

    /// Asks the server to stop what runs on a connection. It waits for nothing.
    pub(super) fn cancel(&self, token: CancelToken) {
        let tls = self.0.tls.clone();
        self.io().spawn(async move {
            // If it can't be asked, what runs there ends by its own time limit.
            let _ = tokio::time::timeout(CONNECT, token.cancel_query(tls)).await;
        });
    }

    #[expect(clippy::expect_used, reason = "the runtime leaves on drop only")]
    fn io(&self) -> &Handle {
        self.0.io.0.as_ref().expect("the runtime lives as long as this").handle()
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0.url, f)
    }
}

enum ConnectError {
    TooLong,
    Server(tokio_postgres::Error),
}

impl From<tokio::time::error::Elapsed> for ConnectError {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::TooLong
    }
}

impl From<tokio_postgres::Error> for ConnectError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

fn config(url: &PostgresUrl) -> Config {
    let mut config = Config::new();
    match &url.host {
        Host::Tcp(host) => config.host(host),
        Host::Unix(folder) => config.host_path(folder),
    };
    config.port(url.port).dbname(&url.database).application_name("doorkey");
    if let Some(user) = &url.user {
        config.user(user);
    }
    if let Some(password) = &url.password {
        config.password(password);
    }
    config.ssl_mode(match (&url.host, url.tls) {
        (Host::Unix(_), _) | (_, TlsMode::Disable) => SslMode::Disable,
        (_, TlsMode::Prefer) => SslMode::Prefer,
        (_, TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull) => SslMode::Require,
    });
    let (idle, interval, retries) = KEEPALIVE;
    config.keepalives_idle(idle).keepalives_interval(interval).keepalives_retries(retries);
    config.tcp_user_timeout(idle + interval * retries).connect_timeout(CONNECT);
    config
}
