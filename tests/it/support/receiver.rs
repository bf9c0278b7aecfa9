//! A server that other servers are told to ask: it keeps what it is asked, and answers as it is told to.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

/// No request is waited for longer: past it a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method, path and version.
    pub line: String,
    /// Their names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// The server.
pub struct Receiver {
    pub address: SocketAddr,
    asked: Arc<(Mutex<Vec<Asked>>, Condvar)>,
}

impl Receiver {
    /// One that answers with this status and body.
    pub fn start(status: u16, body: &'static str) -> Self {
        Self::that("127.0.0.1:0".parse().unwrap(), move |_, _| Some((status, body.to_owned())))
    }

    /// One at this address that answers so to a request, of which it is told how many came before; with nothing, it closes the connection.
    pub fn that(
        address: SocketAddr,
        answers: impl Fn(usize, &Asked) -> Option<(u16, String)> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let (address, asked) =
            (listener.local_addr().unwrap(), Arc::<(Mutex<Vec<Asked>>, Condvar)>::default());
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let Some(request) = read(&stream) else { continue };
                let (all, arrived) = &*kept;
                let mut all = all.lock().unwrap();
                let answer = answers(all.len(), &request);
                all.push(request);
                drop(all);
                if let Some((status, body)) = answer {
                    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}", body.len());
                    let location = if (300..400).contains(&status) { "\r\nLocation: /elsewhere" } else { "" };
                    let answer = format!("{head}{location}\r\nConnection: close\r\n\r\n{body}");
                    let _ = (&stream).write_all(answer.as_bytes());
                }
                arrived.notify_all();
            }
        });
        Self { address, asked }
    }

    /// Waits until it has been asked so often, and gives all that it was asked.
    #[track_caller]
    pub fn asked(&self, count: usize) -> Vec<Asked> {
        let (all, arrived) = &*self.asked;
        let all = all.lock().unwrap();
        let (all, waited) = arrived.wait_timeout_while(all, PATIENCE, |all| all.len() < count).unwrap();
        assert!(!waited.timed_out(), "{count} requests were to come: {all:?}");
        all.clone()
    }

    /// How often it has been asked so far.
    pub fn count(&self) -> usize {
        self.asked.0.lock().unwrap().len()
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut next = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0).map(|_| line.trim_end().to_owned())
    };
    let line = next()?;
    let mut headers = Vec::new();
    while let Some((name, value)) = next()?.split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut asked = Asked { line, headers, body: String::new() };
    // A request without a body may have none.
    let length = asked.header("content-length").unwrap_or("0").parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8(body).ok()?;
    Some(asked)
}
