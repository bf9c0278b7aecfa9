//! `doorkey serve`: opening the data, and running the server until it is told to stop.

use std::{
    collections::BTreeMap,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::Router;
use domain::Timestamp;
use seal::{Keyring, WrappedKey};
use store::{DataLock, DbError, Lease, LockError, OpenError, Store};
use tokio::net::TcpListener;

use crate::{
    accounts::{self, hasher::Hasher},
    app::App,
    app_passwords::{keeper, usage::Usage},
    builds::{identity::known::Known, openings},
    clock::{self, Clock, NoRandomness},
    config::{Config, Origin, PublicUrl, StoreUrl},
    connections::Checks,
    ctx::Ctx,
    doctor::probe::Probes,
    doors::{accept::DoorPlaces, ldap, sasl},
    follow::Live,
    hand_outs::{self, steps::Untold},
    health::{self, Health, notify::Notify},
    key::{self, KeyError},
    logs,
    mail::{self, Mailer},
    metrics::{self, Metrics},
    moving,
    problem::Problem,
    refusals::Refusals,
    router,
    server::{self, Listener, Places, descriptors, tls},
    sign_in::strangers::Strangers,
    sign_out::{self, SignOuts},
    trials::Trials,
    web::in_flight::InFlight,
};

/// The socket in the data folder through which commands on this machine reach the server.
pub const SOCKET: &str = "doorkey.sock";

const HTTP: &str = "[http] listen";
const METRICS: &str = "[metrics] listen";
/// How many connections are served at a time to what gathers figures and asks how the server is.
const SCRAPES: usize = 16;

/// Why the server can't start, or couldn't go on. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process has the data folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The key can't be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The data can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The data was moved elsewhere, or not all of it has arrived.
    #[error(transparent)]
    Marked(#[from] moving::Marked),
    /// The data keys can't be opened with this key.
    #[error("{place}: {why}")]
    Keyring {
        /// Where the key came from.
        place: String,
        /// Why.
        why: seal::OpenError,
    },
    /// The data was opened, and then couldn't be read or written.
    #[error("the data can't be used: {0}")]
    Data(#[from] DbError),
    /// The first things that a new server makes couldn't be made.
    #[error("the server can't start: {}", .0.detail)]
    Start(Problem),
    /// No randomness.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// No thread to hash passwords on.
    #[error("no thread could be started: {0}. Raise the limit of processes for this user.")]
    Threads(std::io::Error),
    /// An address can't be listened on.
    #[error("can't listen on {address}: {why}. Stop what uses it, or set another address: {setting}.")]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        why: std::io::Error,
        /// The setting that says it.
        setting: &'static str,
    },
    /// The LDAP door can't be opened.
    #[error(transparent)]
    Ldap(#[from] ldap::listen::ListenError),
    /// A listener of the SASL door can't be opened.
    #[error(transparent)]
    Sasl(#[from] sasl::listen::ListenError),
    /// The certificate or its key can't be used.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
}

impl ServeError {
    /// Whether another process on this machine has the data folder.
    pub const fn is_locked(&self) -> bool {
        matches!(self, Self::Lock(LockError::Held(_)))
    }
}

/// What is open, and closed again in order.
pub struct Opened {
    /// The server's parts.
    pub app: Arc<App>,
    _lock: DataLock,
}

impl Opened {
    /// Writes down what is still in memory, and closes the data.
    pub async fn close(self) {
        let _ = keeper::write_uses(&self.app).await;
        let _ = hand_outs::write_repeats(&self.app).await;
        let _ = keeper::write_refusals(&self.app, None).await;
        let _ = openings::write_refusals(&self.app, None).await;
        self.app.store.close();
    }
}

/// Opens the data: takes the lock on its folder, the key, the database, and reads into memory what the doors ask.
///
/// # Errors
/// Each says what to do.
pub fn open(config: Config) -> Result<(Router, Opened), ServeError> {
    let lock = DataLock::acquire(&config.data)?;
    open_locked(config, lock, Started::default())
}

/// What only a server that listens has.
#[derive(Default)]
struct Started {
    certificate: Option<Arc<tls::Certificate>>,
    origin: Option<Origin>,
    listens: Vec<(&'static str, SocketAddr)>,
}

fn open_locked(config: Config, lock: DataLock, started: Started) -> Result<(Router, Opened), ServeError> {
    let (clock, mut rng) = (Clock::System, clock::rng()?);
    let lease = Lease::default();
    let live = Arc::new(Live::under(lease.clone()));
    let follower = Arc::clone(&live);
    let open_store = || {
        let store = Store::open(&config.store.url, &lock, lease, move |commit| follower.follow(commit))?;
        moving::is_ours(&store, &config.store.url)??;
        Ok::<_, ServeError>(store)
    };
    let (store, master) = match &config.store.url {
        // Without its key nothing is done to a file that is there.
        StoreUrl::Sqlite(path) => {
            let master = key::load(&config.key, path.exists(), &mut rng)?;
            (open_store()?, master)
        }
        // Only the database itself can say whether there is anything in it.
        StoreUrl::Postgres(_) => {
            let store = open_store()?;
            let has_data = !store.read(store::keys::all)?.is_empty();
            (store, key::load(&config.key, has_data, &mut rng)?)
        }
    };
    let keyring = keyring(&store, &master, &clock, &mut rng)
        .map_err(|error| error.unwrap_or_place(&key::place(&config.key)))?;
    let key_made_at = store.read(store::keys::made_at)?;
    // Accounts from before people could be searched, a few at a time.
    while store.write_blocking(|tx| store::people::fill_words(tx, 500))? {}
    let load = Arc::clone(&live);
    // On the writer's thread: nothing that it follows can come in between.
    store.write_blocking(move |tx| load.load(tx))?;
    warn_of_clock(store.read(store::events::latest_time)?, clock.now());
    let doors = DoorPlaces::of(&config);
    let most =
        descriptors::for_http(doors.all().map(|(.., places)| places.most()), server::LOCAL_CONNECTIONS);
    let (for_one, but) = (config.http.connections_per_address, &config.http.trusted_proxies);
    let metrics = Metrics::new(clock.now(), Places::bounded(most, for_one, but), doors);
    metrics.key_made(key_made_at);
    let app = Arc::new(App {
        config,
        store,
        live,
        keyring: Arc::new(keyring),
        clock,
        usage: Usage::default(),
        trials: Trials::default(),
        refusals: Refusals::default(),
        identities: Known::default(),
        openings: openings::Openings::default(),
        hasher: Hasher::start().map_err(ServeError::Threads)?,
        strangers: Strangers::default(),
        mailer: Mailer::default(),
        sign_outs: SignOuts::default(),
        in_flight: InFlight::default(),
        rotating: Arc::default(),
        health: Health::default(),
        metrics,
        certificate: started.certificate,
        origin: started.origin,
        listens: started.listens,
        checks: Checks::default(),
        probes: Probes::default(),
        untold: Untold::default(),
    });
    Ok((router::router(Arc::clone(&app)), Opened { app, _lock: lock }))
}

/// Why there is no keyring: the data, or the key, whose place is said by whoever knows it.
enum NoKeyring {
    Data(DbError),
    Key(seal::OpenError),
}

impl NoKeyring {
    fn unwrap_or_place(self, place: &str) -> ServeError {
        match self {
            Self::Data(error) => ServeError::Data(error),
            Self::Key(why) => ServeError::Keyring { place: place.into(), why },
        }
    }
}

impl From<DbError> for NoKeyring {
    fn from(error: DbError) -> Self {
        Self::Data(error)
    }
}

/// Opens the data keys, or makes them for a new database.
fn keyring(
    store: &Store,
    masters: &seal::MasterKeys,
    clock: &Clock,
    rng: &mut domain::Rng,
) -> Result<Keyring, NoKeyring> {
    let kept = store.read(store::keys::all)?;
    if kept.is_empty() {
        let (keyring, wrapped) = Keyring::create(&masters.first, rng);
        let now = clock.now();
        store.write_blocking(move |tx| {
            for key in &wrapped {
                let row = store::keys::Key {
                    id: key.id,
                    purpose: key.purpose.code().into(),
                    wrapped: key.wrapped.clone(),
                    created_at: now,
                };
                store::keys::insert(tx, &row)?;
            }
            Ok::<_, DbError>(())
        })?;
        return Ok(keyring);
    }
    let wrapped = key::rotate::wrapped(&kept).ok_or(NoKeyring::Key(seal::OpenError::Corrupt))?;
    let keyring = Keyring::open(masters, &wrapped).map_err(NoKeyring::Key)?;
    warn_of_keys(masters, &wrapped);
    Ok(keyring)
}

/// Several keys are good for a rotation. The operator should know what the others are still for.
fn warn_of_keys(masters: &seal::MasterKeys, wrapped: &[WrappedKey]) {
    if !wrapped.iter().all(|key| key.is_wrapped_by(&masters.first)) {
        tracing::warn!("the first key isn't the one in use yet: run `doorkey admin rotate-key`");
    } else if !masters.others.is_empty() {
        tracing::warn!(
            "there are older keys below the one in use, and nothing needs them: remove their lines"
        );
    }
}

/// Settings that are read and checked, and that nothing uses yet: whoever sets one should know that it does nothing.
fn warn_of_unused(config: &Config) {
    for section in config.unused() {
        tracing::warn!("[{section}] is set, and this version doesn't use it yet: it changes nothing");
    }
}

/// Whoever sends the data over a network in the clear, or to whoever answers, should know it.
fn warn_of_open_connection(config: &Config) {
    if let StoreUrl::Postgres(url) = &config.store.url
        && url.is_open_to_others()
    {
        tracing::warn!(
            database = %url,
            "the connection to the database isn't safe from whoever is between: set sslmode=verify-full in [store] url"
        );
    }
}

/// A clock that was moved back makes what lives for a time live longer, and codes wrong: the operator should know.
fn warn_of_clock(latest: Option<Timestamp>, now: Timestamp) {
    if let Some(latest) = latest.filter(|latest| latest.since(now) > 60_000) {
        tracing::warn!(
            %latest, %now,
            "the clock stands before the last event in the log: check it, or codes will not fit and times will be wrong"
        );
    }
}

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
/// Each says what to do.
pub async fn run(mut config: Config, origin: Option<Origin>) -> Result<(), ServeError> {
    logs::start(config.log);
    descriptors::raise();
    warn_of_unused(&config);
    warn_of_open_connection(&config);
    let lock = DataLock::acquire(&config.data)?;
    let listener = listen(config.http.listen, HTTP).await?;
    let address = local_address(&listener, config.http.listen, HTTP)?;
    let metrics = match config.metrics.listen {
        Some(address) => Some(listen(address, METRICS).await?),
        None => None,
    };
    let metrics_address = metrics.as_ref().zip(config.metrics.listen);
    let metrics_address =
        metrics_address.map(|(listener, asked)| local_address(listener, asked, METRICS)).transpose()?;
    if config.http.public_url == PublicUrl::default() {
        // Nothing was said about it, so people reach it on this machine, at the port that it really has.
        config.http.public_url = PublicUrl::local(address.port());
    }
    let sasl = sasl::listen::Listeners::open(&config.sasl).await?;
    let ldap = ldap::listen::Listeners::open(&config.ldap).await?;
    let doors = (ldap.places(), sasl.places());
    let tls = config.http.tls.as_ref().map(tls::Certificate::load).transpose()?;
    let mut listens = vec![(HTTP, address)];
    listens.extend(metrics_address.map(|address| (METRICS, address)));
    let socket = std::path::absolute(&config.data).unwrap_or_else(|_| config.data.clone()).join(SOCKET);
    let (router, opened) = open_locked(config, lock, Started { certificate: tls.clone(), origin, listens })?;
    let app = &opened.app;
    mail::notices::begin(app).await.map_err(ServeError::Start)?;

    // Before anybody can know that it runs: from then on it may be told to stop.
    let told_to_stop = stop_signal();
    let local = local_socket(&socket);
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let keeper = tokio::spawn(keeper::run(Arc::clone(app), stopping.clone()));
    let noticing = tokio::spawn(mail::notices::run(Arc::clone(app)));
    let sending = tokio::spawn(mail::sender::run(Arc::clone(app), stopping.clone()));
    let signing_out = tokio::spawn(sign_out::engine::run(Arc::clone(app), stopping.clone()));
    let going_on = Arc::clone(app);
    tokio::spawn(async move { key::rotate::go_on(&going_on).await });
    let notify = Notify::of_environment();
    let watching = tokio::spawn(health::watch(Arc::clone(app), notify.clone(), stopping.clone()));
    let mut listeners = vec![Listener::tcp(listener, tls, router.clone(), Arc::clone(&app.metrics.places))];
    listeners.extend(local.map(|socket| Listener::unix(socket, router)));
    let figures = metrics::router(Arc::clone(app));
    listeners.extend(metrics.map(|listener| Listener::tcp(listener, None, figures, Places::new(SCRAPES))));
    let ldap = tokio::spawn(ldap.run(Arc::clone(app), stopping.clone()));
    let sasl = tokio::spawn(sasl.run(Arc::clone(app), stopping.clone()));
    let serving = tokio::spawn(server::run(listeners, stopping));

    print_set_up_link(app).await?;
    app.health.started();
    print_ready(address, metrics_address, &doors.0, &doors.1, &socket);
    notify.ready();
    told_to_stop.await;
    tracing::info!("stopping");
    notify.stopping();
    app.health.stopping();
    app.live.end.stop();
    let _ = stop.send(true);
    let _ = serving.await;
    let _ = ldap.await;
    let _ = sasl.await;
    let _ = keeper.await;
    let _ = noticing.await;
    let _ = sending.await;
    let _ = signing_out.await;
    let _ = watching.await;
    let _ = std::fs::remove_file(&socket);
    opened.close().await;
    Ok(())
}

async fn listen(address: SocketAddr, setting: &'static str) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|why| cannot_listen(address, why, setting))
}

/// The address that was asked for, with the port that was picked.
fn local_address(
    listener: &TcpListener,
    asked: SocketAddr,
    setting: &'static str,
) -> Result<SocketAddr, ServeError> {
    listener.local_addr().map_err(|why| cannot_listen(asked, why, setting))
}

fn cannot_listen(address: SocketAddr, why: std::io::Error, setting: &'static str) -> ServeError {
    ServeError::Listen { address: address.to_string(), why, setting }
}

/// The socket for commands on this machine, open to its owner alone. Whatever is there was left by a server that was killed: the lock
/// on the folder is ours.
fn local_socket(path: &Path) -> Option<tokio::net::UnixListener> {
    let _ = std::fs::remove_file(path);
    let bound = tokio::net::UnixListener::bind(path).and_then(|listener| {
        let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, owner_only).map(|()| listener)
    });
    bound
        .inspect_err(|error| {
            tracing::warn!(%error, path = %path.display(), "`doorkey admin` can't reach this server: no socket");
        })
        .ok()
}

/// While there is no account yet, says on standard error how to make the first one. It is the one secret that is ever printed, spent by
/// its use, and useless a day later.
async fn print_set_up_link(app: &App) -> Result<(), ServeError> {
    let mut ctx = Ctx::own(app)?;
    if let Some(token) = accounts::links::set_up_link(app, &mut ctx).await.map_err(ServeError::Start)? {
        let url = &app.config.http.public_url;
        let _ = writeln!(
            std::io::stderr(),
            "\nWelcome to Doorkey. Set up the first account, within a day, at\n\n    {url}/setup/{}\n",
            token.expose(),
            url = url.as_str()
        );
    }
    Ok(())
}

/// The first line on standard output: what a script waits for, and reads the addresses from.
fn print_ready(
    http: SocketAddr,
    metrics: Option<SocketAddr>,
    ldap: &BTreeMap<&str, String>,
    sasl: &BTreeMap<String, String>,
    socket: &PathBuf,
) {
    let mut ready = serde_json::json!({ "http": http.to_string(), "sasl": sasl, "socket": socket });
    let metrics = metrics.map(|address| ("metrics", address.to_string()));
    let ldap = ldap.iter().map(|(name, address)| (*name, address.clone()));
    if let Some(members) = ready.as_object_mut() {
        members.extend(ldap.chain(metrics).map(|(name, address)| (name.to_owned(), address.into())));
    }
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{ready}").and_then(|()| out.flush());
}

/// Heeds SIGTERM and SIGINT from now on, and gives what waits for one of them.
fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        match signals {
            (Ok(mut terminate), Ok(mut interrupt)) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            // Without signals there is nothing to wait for; the process is ended from outside.
            _ => std::future::pending().await,
        }
    }
}
