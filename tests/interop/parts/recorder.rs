//! A server that keeps what it is sent, to see what a foreign part really sends. It takes the place of Doorkey, or of what is
//! protected.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    /// Their names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// A server that gives everybody the same answer.
pub struct Recorder {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    answering: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts it. The answer is a status line and headers, without the empty line behind them.
    pub fn start(answer: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let answer = format!("{answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let answering = std::thread::spawn(move || {
            for stream in listener.incoming() {
                // One connection without a request is the sign to stop.
                let stream = stream.unwrap();
                let Some(request) = read(&stream) else { return };
                // Kept before it is answered, so that whoever has the answer finds it.
                kept.lock().unwrap().push(request);
                let _ = (&stream).write_all(answer.as_bytes());
            }
        });
        Self { address, seen, answering: Some(answering) }
    }

    /// Host and port.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// What has come so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The one request that has come.
    #[track_caller]
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = TcpStream::connect(self.address).and_then(|stream| stream.shutdown(Shutdown::Both));
        let _ = self.answering.take().unwrap().join();
    }
}

/// Reads a request to its end. Nothing when there was none.
fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let line = self::line(&mut reader)?;
    let mut headers = Vec::new();
    while let Some((name, value)) = self::line(&mut reader)?.split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut seen = Seen { line, headers, body: Vec::new() };
    seen.body = body(&mut reader, &seen);
    Some(seen)
}

fn body(reader: &mut impl BufRead, seen: &Seen) -> Vec<u8> {
    let mut body = Vec::new();
    if seen.header("transfer-encoding") == Some("chunked") {
        while let Some(size) = line(reader) {
            let size = usize::from_str_radix(&size, 16).expect("a chunk's size");
            let mut chunk = vec![0; size];
            reader.read_exact(&mut chunk).unwrap();
            body.extend_from_slice(&chunk);
            line(reader);
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = seen.header("content-length").filter(|length| !length.is_empty()) {
        body.resize(length.parse().expect("a length"), 0);
        reader.read_exact(&mut body).unwrap();
    }
    body
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    match reader.read_line(&mut line) {
        Ok(read) if read > 0 => Some(line.trim_end().to_owned()),
        _ => None,
    }
}
