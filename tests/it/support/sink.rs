//! A mail server of the tests' own: it takes mail, and does what it is told to in between.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Condvar, Mutex, OnceLock},
    time::Duration,
};

use data_encoding::BASE64;
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::TempDir;

/// No mail is waited for longer: past it a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a sink says in place of its own words: a reply, `close`, or nothing, when it does as it always does. It is asked with the command
/// that came, with nothing when a connection is opened, and with `.` when a mail is complete.
type Says = dyn Fn(&str) -> Option<String> + Send + Sync;

/// How a sink encrypts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Encrypts {
    Never,
    AtOnce,
    WhenAsked,
}

/// A mail server.
pub struct Sink {
    pub address: SocketAddr,
    taken: Arc<Taken>,
}

#[derive(Default)]
struct Taken {
    mails: Mutex<Vec<Received>>,
    arrived: Condvar,
}

/// A mail that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The commands of the envelope.
    pub from: String,
    pub to: String,
    /// Headers and body, as they came.
    pub data: String,
    pub encrypted: bool,
    /// User and password.
    pub login: Option<(String, String)>,
}

impl Received {
    /// A header's value, its lines joined.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.data.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
    }

    /// The parts, their quoted-printable or base64 undone.
    pub fn parts(&self) -> Vec<String> {
        let boundary = self.header("Content-Type").unwrap();
        let boundary = boundary.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
        let boundary = format!("--{boundary}");
        let parts = self.data.split(&boundary).skip(1).filter(|part| !part.starts_with("--"));
        parts.map(|part| decoded(part.trim_start())).collect()
    }

    /// The one-time link in it.
    pub fn link(&self) -> String {
        let text = &self.parts()[0];
        let link = text.lines().find(|line| line.trim().starts_with("http")).expect("a link");
        link.trim().to_owned()
    }

    /// Its path.
    pub fn link_path(&self) -> String {
        let link = self.link();
        link[link.find("/invitation/").or(link.find("/reset/")).unwrap()..].to_owned()
    }
}

fn decoded(part: &str) -> String {
    let (head, body) = part.split_once("\r\n\r\n").unwrap();
    if head.contains("base64") {
        let text: String = body.split_whitespace().collect();
        return String::from_utf8(BASE64.decode(text.as_bytes()).unwrap()).unwrap();
    }
    if !head.contains("quoted-printable") {
        return body.replace("\r\n", "\n");
    }
    let (body, mut bytes) = (body.replace("=\r\n", "").replace("\r\n", "\n").into_bytes(), Vec::new());
    let mut rest = body.as_slice();
    while let [first, more @ ..] = rest {
        rest = more;
        if let (b'=', [high, low, more @ ..]) = (first, more) {
            let digit = |hex: u8| (hex as char).to_digit(16).unwrap() as u8;
            bytes.push(digit(*high) * 16 + digit(*low));
            rest = more;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}

impl Sink {
    /// One that takes everything.
    pub fn start() -> Self {
        Self::that(Encrypts::Never, |_| None)
    }

    /// One that says this.
    pub fn that(encrypts: Encrypts, says: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), encrypts, says)
    }

    /// The same, at this address.
    pub fn at(
        address: SocketAddr,
        encrypts: Encrypts,
        says: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let (address, taken, says) =
            (listener.local_addr().unwrap(), Arc::<Taken>::default(), Arc::new(says));
        let into = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (into, says) = (Arc::clone(&into), Arc::clone(&says));
                std::thread::spawn(move || {
                    let _ = Talk { into: &into, says: &*says, encrypts, login: None }.hold(stream.unwrap());
                });
            }
        });
        Self { address, taken }
    }

    /// An address where nobody listens.
    pub fn nowhere() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    /// The settings that make a server send here.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        settings(&format!("smtp://{}", self.address))
    }

    /// Waits until so many mails have been taken, and gives them.
    #[track_caller]
    pub fn mails(&self, count: usize) -> Vec<Received> {
        let mails = self.taken.mails.lock().unwrap();
        let (mails, waited) =
            self.taken.arrived.wait_timeout_while(mails, PATIENCE, |mails| mails.len() < count).unwrap();
        assert!(!waited.timed_out(), "{count} mails were to come: {mails:?}");
        assert_eq!(mails.len(), count, "{mails:?}");
        mails.clone()
    }

    /// Waits for the one mail.
    #[track_caller]
    pub fn mail(&self) -> Received {
        self.mails(1).remove(0)
    }

    /// How many have been taken so far.
    pub fn count(&self) -> usize {
        self.taken.mails.lock().unwrap().len()
    }

    /// To whom test mails have gone so far.
    pub fn tests(&self) -> Vec<String> {
        let mails = self.taken.mails.lock().unwrap();
        let tests = mails.iter().filter(|mail| mail.parts()[0].contains("can send mail to you"));
        tests.map(|mail| mail.to.clone()).collect()
    }
}

/// The settings that make a server send to this mail server.
pub fn settings(smtp: &str) -> [(&'static str, String); 2] {
    [
        ("DOORKEY__MAIL__SMTP", smtp.to_owned()),
        ("DOORKEY__MAIL__FROM", "Der Türsteher <doorkey@example.org>".to_owned()),
    ]
}

struct Talk<'a> {
    into: &'a Taken,
    says: &'a Says,
    encrypts: Encrypts,
    login: Option<(String, String)>,
}

trait Both: Read + Write {}
impl<T: Read + Write> Both for T {}

impl Talk<'_> {
    fn hold(&mut self, stream: TcpStream) -> std::io::Result<()> {
        if self.encrypts == Encrypts::AtOnce {
            let session = ServerConnection::new(Identity::get().server()).unwrap();
            return self.talk(Box::new(StreamOwned::new(session, stream)), true, true).map(drop);
        }
        let upgrades = self.talk(Box::new(stream.try_clone()?), false, true)?;
        if upgrades {
            let session = ServerConnection::new(Identity::get().server()).unwrap();
            self.talk(Box::new(StreamOwned::new(session, stream)), true, false)?;
        }
        Ok(())
    }

    /// Talks until the end; true when it goes on encrypted.
    fn talk(&mut self, stream: Box<dyn Both>, encrypted: bool, greets: bool) -> std::io::Result<bool> {
        let mut stream = BufReader::new(stream);
        let (mut from, mut to) = (String::new(), String::new());
        let reply = |stream: &mut BufReader<Box<dyn Both>>, asked: &str, usual: &str| {
            let said = (self.says)(asked).unwrap_or_else(|| usual.to_owned());
            if said == "close" {
                return Err(std::io::ErrorKind::ConnectionAborted.into());
            }
            stream.get_mut().write_all(format!("{said}\r\n").as_bytes())?;
            stream.get_mut().flush()?;
            Ok::<_, std::io::Error>(said)
        };
        if greets {
            reply(&mut stream, "", "220 sink.example.org ESMTP")?;
        }
        let mut line = String::new();
        while stream.read_line(&mut line)? > 0 {
            let command = std::mem::take(&mut line);
            let command = command.trim_end();
            match command.split([' ', ':']).next().unwrap().to_ascii_uppercase().as_str() {
                "EHLO" => {
                    let offers = self.encrypts == Encrypts::WhenAsked && !encrypted;
                    let tls = if offers { "250-STARTTLS\r\n" } else { "" };
                    let usual = format!("250-sink.example.org\r\n{tls}250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN");
                    reply(&mut stream, command, &usual)?;
                }
                "STARTTLS" => {
                    reply(&mut stream, command, "220 go on")?;
                    return Ok(true);
                }
                "AUTH" => {
                    let given = command.rsplit(' ').next().unwrap();
                    let given = String::from_utf8(BASE64.decode(given.as_bytes()).unwrap()).unwrap();
                    let mut parts = given.split('\0').skip(1).map(str::to_owned);
                    self.login = parts.next().zip(parts.next());
                    reply(&mut stream, "AUTH", "235 welcome")?;
                }
                "MAIL" => {
                    from = command.to_owned();
                    reply(&mut stream, command, "250 ok")?;
                }
                "RCPT" => {
                    to = command.to_owned();
                    reply(&mut stream, command, "250 ok")?;
                }
                "DATA" => {
                    if !reply(&mut stream, command, "354 go on")?.starts_with("354") {
                        continue;
                    }
                    let mut data = String::new();
                    while !data.ends_with("\r\n.\r\n") {
                        if stream.read_line(&mut data)? == 0 {
                            return Ok(false);
                        }
                    }
                    data.truncate(data.len() - 3);
                    let said = (self.says)(".").unwrap_or_else(|| "250 taken as 1F2E3D".into());
                    let taken = said.starts_with("250") || said == "taken, and close";
                    if taken {
                        let (from, to, login) = (from.clone(), to.clone(), self.login.clone());
                        self.into.mails.lock().unwrap().push(Received { from, to, data, encrypted, login });
                        self.into.arrived.notify_all();
                    }
                    if said.ends_with("close") {
                        return Ok(false);
                    }
                    stream.get_mut().write_all(format!("{said}\r\n").as_bytes())?;
                    stream.get_mut().flush()?;
                }
                "QUIT" => {
                    reply(&mut stream, command, "221 goodbye")?;
                    return Ok(false);
                }
                _ => {
                    reply(&mut stream, command, "250 ok")?;
                }
            }
        }
        Ok(false)
    }
}

/// A certificate for this machine, which nobody trusts unless told to.
pub struct Identity(TempDir);

impl Identity {
    /// The one for all tests.
    pub fn get() -> &'static Self {
        static MADE: OnceLock<Identity> = OnceLock::new();
        MADE.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:0.0.0.0";
            let made = Command::new("openssl")
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
                .args(["-days", "3650", "-subj", "/CN=sink", "-addext", names])
                .args(["-addext", "basicConstraints=critical,CA:FALSE"])
                .args(["-keyout", "key.pem", "-out", "certificate.pem"])
                .current_dir(folder.path())
                .output()
                .expect("openssl, from Debian's package of that name");
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            Self(folder)
        })
    }

    /// The file with the certificate.
    pub fn certificate(&self) -> PathBuf {
        self.0.path().join("certificate.pem")
    }

    /// The file with its key.
    pub fn key(&self) -> PathBuf {
        self.0.path().join("key.pem")
    }

    fn server(&self) -> Arc<ServerConfig> {
        let read = |path: &Path| std::fs::read(path).unwrap();
        let certificate = CertificateDer::from_pem_slice(&read(&self.certificate())).unwrap();
        let key = PrivateKeyDer::from_pem_slice(&read(&self.0.path().join("key.pem"))).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
    }
}
