//! A connection on which both sides speak in lines: IMAP, POP3, SMTP, ManageSieve.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// No line is waited for longer: past it a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a mail app is, as far as the other side can tell.
pub struct Lines(BufReader<TcpStream>);

impl Lines {
    /// Connects to this port of loopback.
    pub fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    /// Connects to an IMAP server, and hears its greeting.
    pub fn imap(port: u16) -> Self {
        let mut lines = Self::open(port);
        lines.until("* OK");
        lines
    }

    pub fn say(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }

    /// The next line; none when the other side has ended the connection.
    pub fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("nothing is said any more: {error}"),
        }
    }

    /// The next line that begins like this.
    #[track_caller]
    pub fn until(&mut self, begin: &str) -> String {
        let mut heard = Vec::new();
        while let Some(line) = self.hear() {
            if line.starts_with(begin) {
                return line;
            }
            heard.push(line);
        }
        panic!("the connection ended without {begin:?}: {heard:?}")
    }

    /// An IMAP command, to its end: how it was answered, without the tag.
    #[track_caller]
    pub fn command(&mut self, command: &str) -> String {
        self.say(&format!("a {command}"));
        self.until("a ").split_off(2)
    }

    /// Signs in by IMAP.
    #[track_caller]
    pub fn log_in(&mut self, name: &str, secret: &str) -> String {
        self.command(&format!("AUTHENTICATE PLAIN {}", plain(name, secret)))
    }
}

/// What SASL's PLAIN sends (RFC 4616).
pub fn plain(name: &str, secret: &str) -> String {
    STANDARD.encode(format!("\0{name}\0{secret}"))
}
