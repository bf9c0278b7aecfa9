//! The generator: connections on one thread, each sending a request when its answer has come and been checked.

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

/// What is asked, and what is to be answered.
pub struct Work {
    /// The requests, sent in turn.
    pub requests: Vec<Vec<u8>>,
    /// How far apart the connections begin among them.
    pub apart: usize,
    /// What stands before each, from its number in its connection; for protocols that number their requests.
    pub numbered: fn(u32) -> String,
    /// What ends the server's greeting, and what is said to it; for protocols that begin so.
    pub hello: Option<(&'static str, &'static str)>,
    /// Whether all of an answer has come.
    pub is_whole: fn(&[u8]) -> bool,
    /// Whether it is the one that is to be given.
    pub is_right: Check,
    /// Whether a connection is kept, or each request has its own.
    pub kept: bool,
}

/// Looks at an answer.
pub type Check = Box<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// For protocols that don't number their requests.
pub fn unnumbered(_: u32) -> String {
    String::new()
}

/// How long a run takes.
const RUN: Duration = Duration::from_secs(3);

/// Does this over `connections` at a time.
pub fn run(address: SocketAddr, connections: usize, work: Work) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let work = Arc::new(work);
    let mut times: Vec<u32> = runtime.block_on(async {
        let end = now() + RUN;
        let tasks: Vec<_> = (0..connections)
            .map(|n| tokio::spawn(one(address, Arc::clone(&work), n * work.apart, end)))
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

async fn one(address: SocketAddr, work: Arc<Work>, mut next: usize, end: Instant) -> Vec<u32> {
    let (mut times, mut buffer, mut request) = (Vec::with_capacity(200_000), vec![0; 4096], Vec::new());
    let mut connection = None;
    let mut number = 0;
    loop {
        let begun = now();
        if begun >= end {
            return times;
        }
        let stream = match &mut connection {
            Some(stream) => stream,
            None => {
                number = 0;
                connection.insert(open(address, &work, &mut buffer).await)
            }
        };
        number += 1;
        request.clear();
        request.extend_from_slice((work.numbered)(number).as_bytes());
        request.extend_from_slice(&work.requests[next % work.requests.len()]);
        next += 1;
        stream.write_all(&request).await.unwrap();
        let answer = read(stream, &mut buffer, work.is_whole).await;
        assert!((work.is_right)(answer), "{:?}", String::from_utf8_lossy(answer));
        if !work.kept {
            connection = None;
        }
        times.push(u32::try_from(now().duration_since(begun).as_nanos()).unwrap_or(u32::MAX));
    }
}

async fn open(address: SocketAddr, work: &Work, buffer: &mut [u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    // Ended at once and for good, so that no port waits for stray bytes when each request has its own.
    stream.set_zero_linger().unwrap();
    if let Some((end, answer)) = work.hello {
        read(&mut stream, buffer, |greeting| greeting.ends_with(end.as_bytes())).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
    stream
}

async fn read<'a>(
    stream: &mut TcpStream,
    buffer: &'a mut [u8],
    is_whole: impl Fn(&[u8]) -> bool,
) -> &'a [u8] {
    let mut filled = 0;
    while !is_whole(&buffer[..filled]) {
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server closed the connection");
        filled += read;
    }
    &buffer[..filled]
}

#[expect(clippy::disallowed_methods, reason = "a measuring tool reads the clock")]
fn now() -> Instant {
    Instant::now()
}
