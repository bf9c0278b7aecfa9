//! Taking the connections of doors that aren't HTTP: how many at a time, from whom, and ending them when the server stops.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::watch,
    task::JoinSet,
};

use crate::{
    clock::Stopwatch,
    config::Config,
    server::{Place, Places, STOP_TIME, descriptors},
};

/// After how long a kept connection is asked whether its client is still there, and how often it is asked then.
const STILL_THERE: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(30));

/// The places for connections of each door that isn't HTTP.
pub struct DoorPlaces {
    /// The LDAP door's, plain and over TLS.
    pub ldap: Arc<Places>,
    /// The SASL door's, by service.
    pub sasl: BTreeMap<String, Arc<Places>>,
}

impl DoorPlaces {
    /// As the configuration has them, and as the system lets the process open files.
    pub fn of(config: &Config) -> Self {
        let ldap = descriptors::for_door(config.ldap.connections.get());
        let sasl = |connections| Places::new(descriptors::for_door(connections));
        Self {
            ldap: Places::bounded(ldap, config.ldap.connections_per_address, &[]),
            sasl: config
                .sasl
                .iter()
                .map(|(service, listener)| (service.clone(), sasl(listener.connections.get())))
                .collect(),
        }
    }

    /// Each with its door, and its service where the door has one for each.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &str, &Arc<Places>)> {
        let sasl = self.sasl.iter().map(|(service, places)| ("sasl", service.as_str(), places));
        [("ldap", "", &self.ldap)].into_iter().chain(sasl)
    }
}

/// Where connections come in.
pub enum Listener {
    /// An address.
    Tcp(TcpListener),
    /// A socket in the file system.
    Unix(UnixListener),
}

/// A connection, whatever it came in by.
pub enum Connection {
    /// Over the network.
    Tcp(TcpStream, IpAddr),
    /// From this machine.
    Unix(UnixStream),
}

impl Connection {
    /// The other end's address, if it has one.
    pub const fn peer(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(_, peer) => Some(*peer),
            Self::Unix(_) => None,
        }
    }
}

impl Listener {
    async fn next(&self) -> io::Result<Connection> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are small and whole: nothing is gained by waiting to send them.
                let _ = stream.set_nodelay(true);
                let _ = keep_alive(&stream);
                Ok(Connection::Tcp(stream, peer.ip()))
            }
            Self::Unix(listener) => Ok(Connection::Unix(listener.accept().await?.0)),
        }
    }
}

/// A client that went without a word, behind a router that forgot it, gives its place back.
fn keep_alive(stream: &TcpStream) -> Result<(), rustix::io::Errno> {
    use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle, set_tcp_keepintvl};
    set_socket_keepalive(stream, true)?;
    set_tcp_keepidle(stream, STILL_THERE.0)?;
    set_tcp_keepintvl(stream, STILL_THERE.1)
}

/// Serves every connection that has a place with `serve`, until `stopping`. `serve` ends by itself then. `setting` names what bounds
/// one address.
pub async fn run<F>(
    listener: Listener,
    places: Arc<Places>,
    setting: &'static str,
    serve: impl Fn(Connection) -> F,
    mut stopping: watch::Receiver<bool>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let (mut connections, mut warned) = (JoinSet::new(), None);
    loop {
        let next = async {
            let connection = listener.next().await?;
            let Some(free) = places.make_room().await else { return Ok(None) };
            let (place, peer) = (places.take(free, connection.peer()), connection.peer());
            if place.is_none() {
                warn_of_many(setting, peer, &mut warned);
            }
            Ok::<_, io::Error>(place.map(|place| (connection, place)))
        };
        let next = tokio::select! {
            biased;
            () = stopped(&mut stopping) => break,
            next = next => next,
        };
        match next {
            Ok(Some((connection, place))) => spawn(&mut connections, serve(connection), place),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of descriptors, most likely: one that is open has to end first.
                let _ = tokio::time::timeout(Duration::from_millis(100), std::future::pending::<()>()).await;
            }
        }
        // Those that have ended leave nothing behind.
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    // Who takes no answers isn't waited for.
    let _ = tokio::time::timeout(STOP_TIME, ended).await;
}

fn spawn(connections: &mut JoinSet<()>, served: impl Future<Output = ()> + Send + 'static, place: Place) {
    connections.spawn(async move {
        served.await;
        drop(place);
    });
}

/// Tells the operator, once a minute at most.
fn warn_of_many(setting: &str, peer: Option<IpAddr>, warned: &mut Option<Stopwatch>) {
    if warned.as_ref().is_none_or(|since| since.micros() >= 60_000_000) {
        *warned = Some(Stopwatch::start());
        let address = peer.map(|peer| peer.to_string());
        tracing::warn!(
            address,
            "an address has as many connections open as {setting} allows, and more are closed at once"
        );
    }
}

/// Waits until the server is told to stop.
pub async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream, _) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream, _) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream, _) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream, _) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
