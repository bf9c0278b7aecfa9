//! The generator: kept connections on one thread, each sending a request when its answer has come and been checked.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What one run gave.
pub struct Measured {
    /// Answers a second.
    pub rate: f64,
    /// The time that one answer in a hundred takes longer than, in microseconds.
    pub p99: f64,
    /// How many answers there were.
    pub count: usize,
}

/// How long a run takes.
const RUN: Duration = Duration::from_secs(3);

/// Sends these requests in turn over `connections`, and checks that each answer has this status.
pub fn run(
    address: SocketAddr,
    connections: usize,
    requests: Vec<Vec<u8>>,
    status: &'static str,
) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let requests = Arc::new(requests);
    let mut times: Vec<u32> = runtime.block_on(async {
        let end = now() + RUN;
        let tasks: Vec<_> = (0..connections)
            .map(|n| tokio::spawn(one(address, Arc::clone(&requests), n * 97, status, end)))
            .collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await.unwrap());
        }
        times
    });
    times.sort_unstable();
    let at = |share: f64| f64::from(times[(times.len() as f64 * share) as usize]) / 1_000.0;
    Measured { rate: times.len() as f64 / RUN.as_secs_f64(), p99: at(0.99), count: times.len() }
}

async fn one(
    address: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
    mut next: usize,
    status: &'static str,
    end: Instant,
) -> Vec<u32> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut times, mut buffer) = (Vec::with_capacity(200_000), vec![0; 4096]);
    loop {
        let begun = now();
        if begun >= end {
            return times;
        }
        stream.write_all(&requests[next % requests.len()]).await.unwrap();
        next += 1;
        let mut filled = 0;
        // Every answer here is a head without a body.
        while !buffer[..filled].ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut buffer[filled..]).await.unwrap();
            assert!(read > 0, "the server closed the connection");
            filled += read;
        }
        let head = std::str::from_utf8(&buffer[..filled]).unwrap();
        assert!(head.starts_with(status), "{head}");
        times.push(u32::try_from(now().duration_since(begun).as_nanos()).unwrap_or(u32::MAX));
    }
}

#[expect(clippy::disallowed_methods, reason = "a measuring tool reads the clock")]
fn now() -> Instant {
    Instant::now()
}
