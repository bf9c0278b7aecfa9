//! The servers, each a process of its own, so that the time that each spends on a processor is its own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use axum::{Router, http::HeaderMap, routing::any};
use doorkey::{
    config::Config,
    serve,
    server::{self, Listener, Places},
};

/// A server that is running, until it is dropped.
pub struct Running {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Running {
    /// Starts this program as another server, and waits for its first line.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(arguments)
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split('"').find_map(|part| part.parse().ok()).unwrap();
        Self { child, address }
    }

    /// Time on a processor so far, user and system, in microseconds; the kernel counts it in hundredths of a second.
    pub fn cpu_micros(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let after_name = stat.rsplit(')').next().unwrap();
        let fields: Vec<f64> =
            after_name.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
        (fields[11] + fields[12]) * 10_000.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future);
}

/// Doorkey itself, on data that has been prepared.
pub fn server(data: &Path) {
    let mut config = Config { data: data.to_owned(), ..crate::data::config(data) };
    config.http.listen = "127.0.0.1:0".parse().unwrap();
    block_on(async { serve::run(config, None).await.unwrap() });
}

/// The ceiling: the same framework and loop, an answer of the same size, and nothing checked.
pub fn null_server() {
    async fn answer(_: HeaderMap) -> [(&'static str, &'static str); 3] {
        [("remote-user", "u1@example.org"), ("remote-email", "u1@example.org"), ("remote-name", "Person 1")]
    }
    block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("\"{}\"", listener.local_addr().unwrap());
        std::io::stdout().flush().unwrap();
        let (_stop, stopping) = tokio::sync::watch::channel(false);
        let router = Router::new().route("/door/http/{service}", any(answer));
        let places = Places::new(1024);
        server::run(vec![Listener::tcp(listener, None, router, places)], stopping).await;
    });
}
