//! What can happen between a server and its database: a network of the tests' own, which can be frozen, thawed and cut.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex},
};

/// Leads from an address to a PostgreSQL's socket.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    traffic: Mutex<Traffic>,
    changed: Condvar,
}

#[derive(Default)]
struct Traffic {
    frozen: bool,
    /// New connections are refused, as far as one who listens can refuse.
    away: bool,
    /// How many are held up at the moment.
    held: usize,
    open: Vec<(TcpStream, UnixStream)>,
}

impl Proxy {
    /// One that lets everything through.
    pub fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<State>::default());
        let accepting = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                accepting.accept(client, &socket);
            }
        });
        Self { address, state }
    }

    /// Where a database of that PostgreSQL is, by this way.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://doorkey@{}/{database}?sslmode=disable", self.address)
    }

    /// Nothing gets through any more, and nobody is told: what is sent waits.
    pub fn freeze(&self) {
        self.state.traffic.lock().unwrap().frozen = true;
    }

    /// Everything goes on, from where it stopped.
    pub fn thaw(&self) {
        self.state.traffic.lock().unwrap().frozen = false;
        self.state.changed.notify_all();
    }

    /// Ends all connections, and every new one, until [`Proxy::come_back`].
    pub fn go_away(&self) {
        let mut traffic = self.state.traffic.lock().unwrap();
        traffic.away = true;
        for (client, server) in traffic.open.drain(..) {
            let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
        }
    }

    /// New connections are let through again.
    pub fn come_back(&self) {
        self.state.traffic.lock().unwrap().away = false;
    }

    /// Whether anything waits to get through.
    pub fn is_held(&self) -> bool {
        self.state.traffic.lock().unwrap().held > 0
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.go_away();
        self.thaw();
    }
}

impl State {
    fn accept(self: &Arc<Self>, client: TcpStream, socket: &PathBuf) {
        let Ok(server) = UnixStream::connect(socket) else { return };
        let mut traffic = self.traffic.lock().unwrap();
        if traffic.away {
            return;
        }
        let copies = (client.try_clone().unwrap(), server.try_clone().unwrap());
        traffic.open.push((client.try_clone().unwrap(), server.try_clone().unwrap()));
        let (there, back) = (Arc::clone(self), Arc::clone(self));
        std::thread::spawn(move || there.carry(client, copies.1));
        std::thread::spawn(move || back.carry(server, copies.0));
    }

    fn carry(&self, mut from: impl Read, mut to: impl Write + End) {
        let mut chunk = [0; 16 * 1024];
        loop {
            let read = from.read(&mut chunk).unwrap_or(0);
            let mut traffic = self.traffic.lock().unwrap();
            traffic.held += 1;
            traffic = self.changed.wait_while(traffic, |traffic| traffic.frozen).unwrap();
            traffic.held -= 1;
            drop(traffic);
            if read == 0 || to.write_all(&chunk[..read]).is_err() {
                to.end();
                return;
            }
        }
    }
}

trait End {
    fn end(&self);
}

impl End for TcpStream {
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl End for UnixStream {
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}
