//! Signing in to a service as its people's apps do: at its public servers, over TLS, with a password for the moment. Only whether it was
//! let in, and the line in which it wasn't, are kept.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Protocol, PublicServer, Secret, Security};
use reqwest::{Method, StatusCode};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::out;

/// How long a server may take for all of it.
const PATIENCE: Duration = Duration::from_secs(8);
/// The longest line that is read, in bytes, and the most lines of one answer.
const LONGEST_LINE: u64 = 4096;
const MOST_LINES: usize = 100;
/// How much of a line is told, in characters.
const TOLD: usize = 200;

/// A sign-in that was tried.
pub struct Tried {
    /// Where.
    pub server: PublicServer,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of it.
pub enum Outcome {
    /// It was let in.
    In,
    /// It wasn't; what the server said.
    Refused(String),
    /// It didn't come so far; why.
    Lost(String),
}

impl Tried {
    /// What that means for whoever tries the service out.
    pub fn sentence(&self) -> String {
        let PublicServer { protocol, host, port, .. } = &self.server;
        let place = format!("{} at {}, port {port}", protocol.title(), host.as_str());
        match &self.outcome {
            Outcome::In => format!("{place}: let in."),
            Outcome::Refused(said) => format!("{place}: not let in. It said “{said}”."),
            Outcome::Lost(why) => format!("{place}: {why}"),
        }
    }
}

/// Signs in to all of these that Doorkey can sign in to, at the same time. `here` is what this server calls itself.
pub async fn all(servers: Vec<PublicServer>, here: &str, name: &str, secret: &str) -> Vec<Tried> {
    let mut knocking = tokio::task::JoinSet::new();
    // People sign in to web pages by forms, of which nothing is known here.
    for (at, server) in servers.into_iter().filter(|server| server.protocol != Protocol::Web).enumerate() {
        let knock = Knock {
            here: here.to_owned(),
            name: name.to_owned(),
            secret: Secret::new(secret.to_owned()),
            server: server.clone(),
        };
        knocking.spawn(async move {
            let knocked = tokio::time::timeout(PATIENCE, knock.run()).await;
            let outcome =
                knocked.unwrap_or_else(|_| Ok(Outcome::Lost(too_slow()))).unwrap_or_else(Outcome::Lost);
            (at, Tried { server, outcome })
        });
    }
    let mut tried = knocking.join_all().await;
    tried.sort_by_key(|(at, _)| *at);
    tried.into_iter().map(|(_, tried)| tried).collect()
}

fn too_slow() -> String {
    format!("it doesn’t answer within {} seconds.", PATIENCE.as_secs())
}

struct Knock {
    here: String,
    name: String,
    secret: Secret<String>,
    server: PublicServer,
}

impl Knock {
    async fn run(&self) -> Result<Outcome, String> {
        if self.server.protocol.has_path() {
            return self.http().await;
        }
        let place = (self.server.host.as_str(), self.server.port);
        let stream =
            TcpStream::connect(place).await.map_err(|error| format!("it can’t be reached: {error}."))?;
        let plain = match self.server.security {
            Security::Tls => stream,
            Security::Starttls => {
                let mut dialogue = Dialogue { stream: BufReader::new(stream), here: &self.here };
                dialogue.begin_tls(self.server.protocol).await?;
                dialogue.stream.into_inner()
            }
        };
        let host = ServerName::try_from(self.server.host.as_str().to_owned())
            .map_err(|error| format!("{error}."))?;
        let stream = connector()?.connect(host, plain).await.map_err(|error| {
            format!("apps don’t trust it, as TLS with it failed: {error}. Look at its certificate.")
        })?;
        let mut dialogue = Dialogue { stream: BufReader::new(stream), here: &self.here };
        let response = Secret::new(STANDARD.encode(format!("\0{}\0{}", self.name, self.secret.expose())));
        let greeted = self.server.security == Security::Starttls;
        let outcome = dialogue.sign_in(self.server.protocol, greeted, response.expose()).await?;
        Ok(match outcome {
            // Some servers repeat what they were told.
            Outcome::Refused(said) => {
                Outcome::Refused(said.replace(response.expose(), "...").replace(self.secret.expose(), "..."))
            }
            other => other,
        })
    }

    /// As a calendar or an address book is looked for (RFC 4918, 9.1).
    async fn http(&self) -> Result<Outcome, String> {
        let client = out::builder().timeout(PATIENCE).build().map_err(|error| out::root(&error))?;
        let url = format!("https://{}:{}{}", self.server.host.as_str(), self.server.port, self.server.path);
        let propfind = Method::from_bytes(b"PROPFIND").map_err(|error| format!("{error}."))?;
        let asked = client.request(propfind, url).basic_auth(&self.name, Some(self.secret.expose()));
        let answer = asked.header("Depth", "0").send().await;
        let status = answer.map_err(|error| format!("it can’t be asked: {}.", out::root(&error)))?.status();
        Ok(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Outcome::Refused(status.to_string()),
            status if status.is_success() || status.is_redirection() => Outcome::In,
            status => Outcome::Lost(format!("it answers {status}. Look at its own log.")),
        })
    }
}

/// Trusts whom this machine trusts.
fn connector() -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| format!("TLS can’t be used: {error}."))?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}

/// A protocol of lines.
struct Dialogue<'a, S> {
    stream: BufReader<S>,
    here: &'a str,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<'_, S> {
    async fn say(&mut self, line: &str) -> Result<(), String> {
        let sent = self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await;
        sent.map_err(|error| format!("the connection broke: {error}."))
    }

    async fn line(&mut self) -> Result<String, String> {
        let mut bytes = Vec::new();
        let read = (&mut self.stream).take(LONGEST_LINE).read_until(b'\n', &mut bytes).await;
        match read {
            Ok(1..) => Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned()),
            Ok(0) => Err("it closed the connection.".into()),
            Err(error) => Err(format!("the connection broke: {error}.")),
        }
    }

    /// The next line that begins with one of these.
    async fn until(&mut self, beginnings: &[&str]) -> Result<String, String> {
        for _ in 0..MOST_LINES {
            let line = self.line().await?;
            if beginnings.iter().any(|beginning| line.starts_with(beginning)) {
                return Ok(line);
            }
        }
        Err("what it says isn’t understood.".into())
    }

    /// The last line of an answer of SMTP (RFC 5321, 4.2).
    async fn reply(&mut self) -> Result<String, String> {
        for _ in 0..MOST_LINES {
            let line = self.line().await?;
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
        Err("what it says isn’t understood.".into())
    }

    async fn greeting(&mut self, protocol: Protocol) -> Result<(), String> {
        let (line, good) = match protocol {
            Protocol::Submission => (self.reply().await?, "220"),
            Protocol::Pop3 => (self.line().await?, "+OK"),
            // Its greeting is what it can do, and then this.
            Protocol::Sieve => (self.until(&["OK", "NO", "BYE"]).await?, "OK"),
            _ => (self.line().await?, "* OK"),
        };
        expect(line, good)
    }

    /// Begins TLS within the protocol (RFC 2595, RFC 3207, RFC 5804).
    async fn begin_tls(&mut self, protocol: Protocol) -> Result<(), String> {
        self.greeting(protocol).await?;
        let (line, good) = match protocol {
            Protocol::Submission => {
                self.hello().await?;
                self.say("STARTTLS").await?;
                (self.reply().await?, "220")
            }
            Protocol::Pop3 => {
                self.say("STLS").await?;
                (self.line().await?, "+OK")
            }
            Protocol::Sieve => {
                self.say("STARTTLS").await?;
                (self.until(&["OK", "NO", "BYE"]).await?, "OK")
            }
            _ => {
                self.say("a STARTTLS").await?;
                (self.until(&["a "]).await?, "a OK")
            }
        };
        expect(line, good)?;
        // What came with it, before there was TLS, may be somebody else's.
        if self.stream.buffer().is_empty() {
            Ok(())
        } else {
            Err("it says more than it was asked before TLS.".into())
        }
    }

    async fn hello(&mut self) -> Result<(), String> {
        self.say(&format!("EHLO {}", self.here)).await?;
        expect(self.reply().await?, "250")
    }

    /// Signs in with a PLAIN response (RFC 4616). `greeted`: the greeting was before TLS.
    async fn sign_in(
        &mut self,
        protocol: Protocol,
        greeted: bool,
        response: &str,
    ) -> Result<Outcome, String> {
        // ManageSieve says what it can do once more.
        if !greeted || protocol == Protocol::Sieve {
            self.greeting(protocol).await?;
        }
        let (line, good) = match protocol {
            Protocol::Submission => {
                self.hello().await?;
                self.say(&format!("AUTH PLAIN {response}")).await?;
                (self.reply().await?, "235")
            }
            Protocol::Pop3 => {
                self.say("AUTH PLAIN").await?;
                let mut line = self.line().await?;
                if line.starts_with('+') {
                    self.say(response).await?;
                    line = self.line().await?;
                }
                (line, "+OK")
            }
            Protocol::Sieve => {
                self.say(&format!("AUTHENTICATE \"PLAIN\" \"{response}\"")).await?;
                (self.until(&["OK", "NO", "BYE"]).await?, "OK")
            }
            _ => {
                self.say("b AUTHENTICATE PLAIN").await?;
                let mut line = self.until(&["+", "b "]).await?;
                if line.starts_with('+') {
                    self.say(response).await?;
                    line = self.until(&["b "]).await?;
                }
                (line, "b OK")
            }
        };
        let is_good = line.starts_with(good);
        Ok(if is_good {
            Outcome::In
        } else {
            Outcome::Refused(told(line.strip_prefix("b ").unwrap_or(&line)))
        })
    }
}

fn expect(line: String, good: &str) -> Result<(), String> {
    if line.starts_with(good) { Ok(()) } else { Err(format!("it said “{}”.", told(&line))) }
}

fn told(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).take(TOLD).collect()
}
