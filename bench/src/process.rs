//! The servers, each a process of its own, so that the time that each spends on a processor is its own.

use std::{
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use doorkey::{
    config::{Config, Sasl, SaslListen},
    serve,
};

use crate::load::{self, Measured, Work};

/// The null servers.
#[derive(Clone, Copy)]
pub enum Null {
    Http,
    HandOut,
    Ldap,
    Sasl,
}

impl Null {
    const ALL: [Self; 4] = [Self::Http, Self::HandOut, Self::Ldap, Self::Sasl];

    /// What it is called on this program's own command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::HandOut => "hand-out",
            Self::Ldap => "ldap",
            Self::Sasl => "sasl",
        }
    }

    /// The one that is called so.
    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|null| null.name() == name).unwrap()
    }
}

/// A server that is running, until it is dropped.
pub struct Running {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

/// What was measured, and how long the server was on a processor for each answer, in microseconds.
pub struct OnProcessor {
    pub measured: Measured,
    pub micros: f64,
}

impl Running {
    /// Starts this program as another server, and waits for its first line, which has its address first.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_at("", arguments)
    }

    /// The same; its address follows this name in the line.
    pub fn start_at(door: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(arguments)
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let from = if door.is_empty() { 0 } else { line.find(&format!("\"{door}\"")).unwrap() };
        let address = line[from..].split('"').find_map(|part| part.parse().ok()).unwrap();
        Self { child, address }
    }

    /// Starts a program of somebody else's at an address that is free, and waits until it answers there.
    pub fn peer(program: &str, arguments: impl FnOnce(SocketAddr) -> Vec<String>) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(format!("/usr/sbin/{program}"))
            .args(arguments(address))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}, from Debian's package of that name: {error}"));
        let running = Self { child, address };
        for _ in 0..200 {
            if TcpStream::connect(address).is_ok() {
                return running;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        panic!("{program} doesn't answer at {address}");
    }

    /// Runs a program of somebody else's to its end.
    pub fn once(program: &str, arguments: &[&str]) {
        let done = Command::new(format!("/usr/sbin/{program}")).args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Drives it.
    pub fn measure(&self, connections: usize, work: Work) -> OnProcessor {
        let before = self.cpu_micros();
        let measured = load::run(self.address, connections, work);
        let micros = (self.cpu_micros() - before) / measured.count as f64;
        OnProcessor { measured, micros }
    }

    /// Time on a processor so far, user and system, in microseconds; the kernel counts it in hundredths of a second.
    fn cpu_micros(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let after_name = stat.rsplit(')').next().unwrap();
        let fields: Vec<f64> =
            after_name.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
        (fields[11] + fields[12]) * 10_000.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Dovecot ends its own processes when it is told so.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Runs it on all processors.
pub fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future);
}

/// Doorkey itself, on data that has been prepared.
pub fn server(data: &Path) {
    let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let mut config = Config { data: data.to_owned(), ..crate::data::config(data) };
    (config.http.listen, config.ldap.listen) = (free, Some(free));
    let listener = Sasl { listen: SaslListen::Tcp(free), connections: 1024.try_into().unwrap() };
    config.sasl.insert("calendar".into(), listener);
    block_on(async { serve::run(config, None).await.unwrap() });
}
