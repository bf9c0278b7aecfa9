//! The server's sockets: accepting connections, bounding them, and ending them when it is told to stop.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, watch},
    task::JoinSet,
};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

use crate::{clock::Stopwatch, web::LocalAdministrator};

pub mod descriptors;
mod places;
pub mod tls;
pub mod validity;

pub use places::{Place, Places};

/// How long a client may take over a request's head, and how long a kept connection may be idle.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// How long a TLS handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what it is answered.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// The most bytes of a request's head.
const HEAD_SIZE: usize = 64 * 1024;
/// How many commands on this machine are served at a time.
pub const LOCAL_CONNECTIONS: usize = 16;
/// How long requests have to end once the server is told to stop.
pub const STOP_TIME: Duration = Duration::from_secs(10);

/// How long a connection has to send its last answer, once the server is told to stop and no request is at work on it. A request
/// whose head has not come whole isn't waited for.
const LAST_TIME: Duration = Duration::from_secs(1);

/// Where connections come in, and what answers them.
pub struct Listener {
    socket: Socket,
    router: Router,
    places: Arc<Places>,
}

enum Socket {
    /// From people, apps and servers.
    Tcp(TcpListener, Option<Arc<tls::Certificate>>),
    /// From commands on this machine.
    Unix(UnixListener),
}

impl Listener {
    /// An address, with a certificate if it speaks TLS.
    pub const fn tcp(
        listener: TcpListener,
        tls: Option<Arc<tls::Certificate>>,
        router: Router,
        places: Arc<Places>,
    ) -> Self {
        Self { socket: Socket::Tcp(listener, tls), router, places }
    }

    /// A socket in a folder. Commands on this machine have places of their own: nobody who fills the others can keep them out.
    pub fn unix(listener: UnixListener, router: Router) -> Self {
        Self { socket: Socket::Unix(listener), router, places: Places::new(LOCAL_CONNECTIONS) }
    }
}

/// Whoever is at the other end.
#[derive(Clone, Copy)]
enum Peer {
    Address(SocketAddr),
    Local,
}

/// Serves until `stopping`, then lets what runs come to its end.
pub async fn run(listeners: Vec<Listener>, stopping: watch::Receiver<bool>) {
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, stopping.clone()));
    }
    accepting.join_all().await;
}

async fn accept(listener: Listener, mut stopping: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut warned = None;
    loop {
        // Past the bound, new connections wait in the system's queue, and those that are open are served.
        let stop = stopping.clone();
        let free = tokio::select! {
            biased;
            () = stopped(&mut stopping) => break,
            free = listener.places.free() => free,
        };
        let Some(free) = free else { return };
        tokio::select! {
            biased;
            () = stopped(&mut stopping) => break,
            () = accept_one(&listener, &mut connections, free, stop, &mut warned) => {}
        }
        // Those that have ended leave nothing behind.
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_TIME, ended).await.is_err() {
        tracing::warn!("some requests were cut off at the end");
    }
}

/// Waits until the server is told to stop.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn accept_one(
    listener: &Listener,
    connections: &mut JoinSet<()>,
    free: OwnedSemaphorePermit,
    stopping: watch::Receiver<bool>,
    warned: &mut Option<Stopwatch>,
) {
    let (router, places) = (listener.router.clone(), &listener.places);
    let accepted = match &listener.socket {
        Socket::Unix(listener) => listener.accept().await.map(|(stream, _)| {
            let place = places.take(free, None);
            connections.spawn(async move {
                serve(stream, Peer::Local, router, stopping).await;
                drop(place);
            });
        }),
        Socket::Tcp(listener, certificate) => listener.accept().await.map(|(stream, peer)| {
            let Some(place) = places.take(free, Some(peer.ip())) else {
                warn_of_many(peer, warned);
                return;
            };
            let certificate = certificate.clone();
            connections.spawn(async move {
                // Answers are small and whole: nothing is gained by waiting to send them.
                let _ = stream.set_nodelay(true);
                match certificate {
                    None => serve(bounded(stream), Peer::Address(peer), router, stopping).await,
                    Some(certificate) => {
                        let handshake = certificate.acceptor().accept(stream);
                        if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIME, handshake).await {
                            serve(bounded(stream), Peer::Address(peer), router, stopping).await;
                        }
                    }
                }
                drop(place);
            });
        }),
    };
    if let Err(error) = accepted {
        tracing::warn!(%error, "a connection could not be accepted");
        // Out of descriptors, most likely: one that is open has to end first.
        let moment = tokio::time::timeout(Duration::from_millis(100), std::future::pending::<()>());
        let _ = moment.await;
    }
}

/// Tells the operator, once a minute at most.
fn warn_of_many(peer: SocketAddr, warned: &mut Option<Stopwatch>) {
    if warned.as_ref().is_none_or(|since| since.micros() >= 60_000_000) {
        *warned = Some(Stopwatch::start());
        tracing::warn!(
            address = %peer.ip(),
            "an address has as many connections open as [http] connections_per_address allows, and more are closed at \
             once. If it is a proxy of yours, name it in trusted_proxies"
        );
    }
}

/// A connection that ends when its client takes nothing of an answer for `WRITE_TIME`.
pub fn bounded<S: AsyncRead + AsyncWrite>(stream: S) -> Pin<Box<TimeoutStream<S>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIME));
    Box::pin(stream)
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let at_work = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&at_work);
    let service = service_fn(move |mut request: Request<Incoming>| {
        match peer {
            Peer::Address(address) => request.extensions_mut().insert(ConnectInfo(address)).map(drop),
            Peer::Local => request.extensions_mut().insert(LocalAdministrator).map(drop),
        };
        let answer = router.clone().oneshot(request.map(Body::new));
        let counter = Arc::clone(&counter);
        async move {
            counter.fetch_add(1, Ordering::SeqCst);
            let answer = answer.await.unwrap_or_else(|never| match never {});
            counter.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // A client that goes away, or sends what isn't HTTP, is told by hyper; there is nothing to add.
        _ = connection.as_mut() => {}
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            if at_work.load(Ordering::SeqCst) == 0 {
                let _ = tokio::time::timeout(LAST_TIME, connection).await;
            } else {
                let _ = connection.await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_of_its_answer_is_let_go() {
        let router = Router::new().route("/", axum::routing::get(|| async { "x".repeat(1 << 20) }));
        let (mut client, server) = tokio::io::duplex(4096);
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let (_stop, stopping) = watch::channel(false);
        let serving = serve(bounded(server), Peer::Local, router, stopping);
        tokio::time::timeout(2 * WRITE_TIME, serving).await.unwrap();
    }
}
