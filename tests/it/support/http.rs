//! A client for HTTP/1.1 that sends just what it is told to, broken or not.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

use serde_json::Value;

/// No answer takes this long: past it a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a server is.
#[derive(Clone, Debug)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    /// Sends one request on a connection of its own.
    #[track_caller]
    pub fn ask(&self, request: &Request) -> Answer {
        Connection::open(self).ask(request)
    }
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.into(), target: target.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes =
            format!("{} {} HTTP/1.1\r\nHost: localhost\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if !self.body.is_empty() || self.method == "POST" {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

trait Stream: Read + Write + Send {
    /// Says that nothing more will be sent.
    fn end(&self);
}

impl Stream for TcpStream {
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Stream for UnixStream {
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

/// A connection that is kept.
pub struct Connection(BufReader<Box<dyn Stream>>);

impl Connection {
    #[track_caller]
    pub fn open(address: &Address) -> Self {
        Self::try_open(address).expect("a server")
    }

    /// Opens one to a server that may just have gone.
    pub fn try_open(address: &Address) -> Option<Self> {
        let stream: Box<dyn Stream> = match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).ok()?;
                stream.set_nodelay(true).ok()?;
                stream.set_read_timeout(Some(PATIENCE)).ok()?;
                Box::new(stream)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path).ok()?;
                stream.set_read_timeout(Some(PATIENCE)).ok()?;
                Box::new(stream)
            }
        };
        Some(Self(BufReader::new(stream)))
    }

    /// Sends one request to a server that may go before it has answered.
    pub fn try_ask(&mut self, request: &Request) -> Option<Answer> {
        self.send(&request.bytes());
        self.answer(request.method == "HEAD")
    }

    /// Sends one request and reads its answer.
    #[track_caller]
    pub fn ask(&mut self, request: &Request) -> Answer {
        let answer = self.try_ask(request);
        answer.unwrap_or_else(|| panic!("no answer to {} {}", request.method, request.target))
    }

    /// Sends a request, whose answer may come later.
    pub fn send_request(&mut self, request: &Request) {
        self.send(&request.bytes());
    }

    /// Sends bytes as they are. A server that doesn't want to read all of them may have closed already.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.get_mut().write_all(bytes);
    }

    /// Says that nothing more will be sent.
    pub fn end_of_sending(&self) {
        self.0.get_ref().end();
    }

    /// Reads one answer; none when the server has closed the connection instead.
    #[track_caller]
    pub fn answer(&mut self, without_body: bool) -> Option<Answer> {
        let mut line = self.line()?;
        let status: u16 = line.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status line");
        let mut headers = Vec::new();
        loop {
            line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if !without_body && status != 204 && status != 304 {
            answer.body = self.body(&answer)?;
        }
        Some(answer)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.0.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(String::from_utf8_lossy(&line).trim_end().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("the answer can't be read: {error}"),
        }
    }

    fn body(&mut self, answer: &Answer) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(&self.line()?, 16).expect("a chunk's size");
                let mut chunk = vec![0; size + 2];
                self.0.read_exact(&mut chunk).ok()?;
                body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    return Some(body);
                }
            }
        }
        match answer.header("content-length") {
            Some(length) => {
                body.resize(length.parse().expect("a length"), 0);
                self.0.read_exact(&mut body).ok()?;
            }
            None => {
                self.0.read_to_end(&mut body).ok()?;
            }
        }
        Some(body)
    }
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Their names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub fn with(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?} {}", self.headers, self.text());
        self
    }

    /// The JSON of an answer with this status.
    #[track_caller]
    pub fn json(self, status: u16) -> Value {
        let answer = self.with(status);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// A problem document whole.
    #[track_caller]
    pub fn json_problem(&self) -> Value {
        let _ = self.problem();
        serde_json::from_slice(&self.body).unwrap()
    }

    /// What a problem document says, once it is seen to be one: `status code` and, after that, the field that it is about.
    #[track_caller]
    pub fn problem(&self) -> String {
        let said: Value =
            serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.text()));
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{said}");
        assert_eq!(said["status"], self.status, "{said}");
        let code = said["code"].as_str().expect("a code");
        assert_eq!(said["type"], format!("/api/problems#{code}"));
        for words in ["title", "detail"] {
            assert!(said[words].as_str().is_some_and(|words| !words.is_empty()), "{said}");
        }
        assert_eq!(self.status == 401, self.header("www-authenticate") == Some("Bearer"), "{said}");
        match said["field"].as_str() {
            None => format!("{} {code}", self.status),
            Some(field) => format!("{} {code} {field}", self.status),
        }
    }

    /// In how many seconds to try again.
    #[track_caller]
    pub fn retry_after(&self) -> i64 {
        self.header("retry-after").expect("when to try again").parse().unwrap()
    }
}
