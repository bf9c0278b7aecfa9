//! An App Store Connect of the tests' own: it has keys, takes the tokens that they sign and no others, and does what it is told to in
//! between.

use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    sync::{Arc, Condvar, Mutex, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
    },
};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Server, clock};

/// Where the API of App Store Connect is.
pub const STORE: &str = "api.appstoreconnect.apple.com";
/// Where that of the Enterprise Program is.
pub const ENTERPRISE: &str = "api.enterprise.developer.apple.com";
/// Whose keys the tests' keys are.
pub const ISSUER: &str = "57246542-96fe-1a63-e053-0824d011072a";

/// No request is waited for longer: past it a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// What Apple says instead of what it would.
#[derive(Clone, Debug)]
pub enum Says {
    /// This status, these header lines and this body.
    This(u16, &'static str, String),
    /// The connection is closed without a word.
    Nothing,
    /// Nothing, for as long as the other side stays.
    Slow,
    /// So many bytes of something that is no end of a list.
    Huge(usize),
}

/// A key that Apple knows.
#[derive(Clone, Debug)]
pub struct AppleKey {
    /// Its ID.
    pub id: String,
    /// Whose it is; none for an individual key.
    pub issuer: Option<String>,
    /// The file, as Apple hands it out.
    pub pem: String,
    public: Vec<u8>,
    enterprise: bool,
    reads: Vec<String>,
}

impl AppleKey {
    /// The name of the file that it comes in.
    pub fn file(&self) -> String {
        format!("AuthKey_{}.p8", self.id)
    }

    /// What is asked of the API to connect it.
    pub fn request(&self) -> Value {
        let mut request = json!({ "key": self.pem, "file_name": self.file() });
        match &self.issuer {
            Some(issuer) => request["issuer_id"] = issuer.as_str().into(),
            None => request["individual"] = true.into(),
        }
        if self.enterprise {
            request["enterprise"] = true.into();
        }
        request
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct AppleAsked {
    pub host: String,
    pub path: String,
    /// What its token says, if Apple takes it, or why it doesn't.
    pub token: Result<Value, String>,
}

#[derive(Default)]
struct State {
    keys: Mutex<HashMap<String, AppleKey>>,
    says: Mutex<Option<Says>>,
    asked: Mutex<Vec<AppleAsked>>,
    arrived: Condvar,
}

/// Apple.
pub struct Apple {
    pub address: SocketAddr,
    state: Arc<State>,
}

impl Apple {
    /// One that knows no key yet.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<State>::default());
        let (config, kept) = (tls(), Arc::clone(&state));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, state) = (Arc::clone(&config), Arc::clone(&kept));
                let connection = ServerConnection::new(config).unwrap();
                let stream = StreamOwned::new(connection, stream.unwrap());
                std::thread::spawn(move || state.serve(stream));
            }
        });
        Self { address, state }
    }

    /// The settings of a server that takes it for Apple.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        let authority = identity().path().join("certificate.pem");
        [
            ("DOORKEY__APPLE__HOSTS_AT", self.address.to_string()),
            ("DOORKEY__APPLE__CA_FILE", authority.display().to_string()),
        ]
    }

    /// A server that takes it for Apple.
    #[track_caller]
    pub fn server(&self) -> Server {
        let settings = self.settings();
        Server::start_with(&settings.each_ref().map(|(name, value)| (*name, value.as_str())))
    }

    /// A team's key of this ID that may read everything.
    pub fn key(&self, id: &str) -> AppleKey {
        self.key_that(id, Some(ISSUER), false, &["apps", "certificates", "users"])
    }

    /// A key of this ID and issuer that may read this.
    pub fn key_that(&self, id: &str, issuer: Option<&str>, enterprise: bool, reads: &[&str]) -> AppleKey {
        let made =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &SystemRandom::new());
        let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
        for line in BASE64.encode(made.as_ref()).as_bytes().chunks(64) {
            writeln!(pem, "{}", std::str::from_utf8(line).unwrap()).unwrap();
        }
        // Apple's own files end without a line end.
        pem.push_str("-----END PRIVATE KEY-----");
        let key = AppleKey {
            id: id.into(),
            issuer: issuer.map(Into::into),
            pem,
            public: pair.unwrap().public_key().as_ref().to_vec(),
            enterprise,
            reads: reads.iter().map(|one| (*one).to_owned()).collect(),
        };
        self.state.keys.lock().unwrap().insert(id.into(), key.clone());
        key
    }

    /// Forgets a key.
    pub fn revoke(&self, id: &str) {
        assert!(self.state.keys.lock().unwrap().remove(id).is_some(), "there is {id}");
    }

    /// Lets a key read this from now on.
    pub fn lets_read(&self, id: &str, reads: &[&str]) {
        let mut keys = self.state.keys.lock().unwrap();
        keys.get_mut(id).unwrap().reads = reads.iter().map(|one| (*one).to_owned()).collect();
    }

    /// Says this from now on, whatever it is asked; with none, what it would.
    pub fn says(&self, says: impl Into<Option<Says>>) {
        *self.state.says.lock().unwrap() = says.into();
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<AppleAsked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Waits until it has been asked so often.
    #[track_caller]
    pub fn wait_for(&self, count: usize) {
        let asked = self.state.asked.lock().unwrap();
        let waited = self.state.arrived.wait_timeout_while(asked, PATIENCE, |all| all.len() < count).unwrap();
        assert!(!waited.1.timed_out(), "{count} requests were to come");
    }

    /// What a token says, if this host of Apple's takes it for this request.
    ///
    /// # Errors
    /// Why it doesn't.
    pub fn takes(&self, host: &str, request: &str, token: &str) -> Result<Value, String> {
        self.state.takes(host, request, token).map(|(_, claims)| claims)
    }
}

#[expect(clippy::disallowed_methods, reason = "Apple goes by the machine's own clock")]
fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

impl State {
    fn takes(&self, host: &str, request: &str, token: &str) -> Result<(AppleKey, Value), String> {
        let parts: Vec<_> = token.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            return Err("it has no three parts".into());
        };
        let read = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|error| error.to_string());
        let json = |part: &str| serde_json::from_slice(&read(part)?).map_err(|error| error.to_string());
        let (header, claims): (Value, Value) = (json(header)?, json(claims)?);
        if header["alg"] != "ES256" || header["typ"] != "JWT" {
            return Err(format!("its header is {header}"));
        }
        let id = header["kid"].as_str().unwrap_or_default();
        let key =
            self.keys.lock().unwrap().get(id).cloned().ok_or_else(|| format!("there is no key {id}"))?;
        let (signed, _) = token.rsplit_once('.').unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.public);
        public.verify(signed.as_bytes(), &read(signature)?).map_err(|_| "the key didn't sign it")?;
        let (audience, at) = match key.enterprise {
            true => ("apple-developer-enterprise-v1", ENTERPRISE),
            false => ("appstoreconnect-v1", STORE),
        };
        if claims["aud"] != audience || host != at {
            return Err(format!("a key for {at} was used for {host}: {claims}"));
        }
        let whose = match &key.issuer {
            Some(issuer) => claims["iss"] == issuer.as_str() && claims.get("sub").is_none(),
            None => claims["sub"] == "user" && claims.get("iss").is_none(),
        };
        if !whose {
            return Err(format!("it is for somebody else: {claims}"));
        }
        let to = claims["exp"].as_i64().ok_or("no exp")?;
        // Apple does without, which is known of the tools that leave it out.
        let from = claims.get("iat").map_or(Some(seconds()), Value::as_i64).ok_or("no iat")?;
        if from > seconds() || to <= seconds() || to - from > 1200 {
            return Err(format!("it isn't of this time: {claims}"));
        }
        if claims
            .get("scope")
            .is_some_and(|scope| !scope.as_array().unwrap().iter().any(|one| one == request))
        {
            return Err(format!("it isn't for {request}: {claims}"));
        }
        Ok((key, claims))
    }

    fn serve(&self, stream: StreamOwned<ServerConnection, TcpStream>) {
        let mut stream = BufReader::new(stream);
        // One request after another, until the other side closes.
        while let Some((line, headers)) = head(&mut stream) {
            let header = |name: &str| headers.get(name).map(String::as_str).unwrap_or_default();
            let (host, target) = (header("host").to_owned(), line.split(' ').nth(1).unwrap_or_default());
            let path = target.split('?').next().unwrap_or_default();
            let method = line.split(' ').next().unwrap_or_default();
            let token = header("authorization").strip_prefix("Bearer ").unwrap_or_default();
            let taken = self.takes(&host, &format!("{method} {path}"), token);
            let asked = AppleAsked {
                host,
                path: target.into(),
                token: taken.as_ref().map(|(_, claims)| claims.clone()).map_err(Clone::clone),
            };
            self.asked.lock().unwrap().push(asked);
            self.arrived.notify_all();
            let says = self.says.lock().unwrap().clone();
            let (status, more, body) = match says {
                None => answer(path, taken.map(|(key, _)| key).ok().as_ref()),
                Some(Says::This(status, more, body)) => (status, more, body),
                Some(Says::Huge(bytes)) => (200, "", format!("{{\"data\": [\"{}\"", "x".repeat(bytes))),
                Some(Says::Nothing) => return,
                Some(Says::Slow) => {
                    let _ = stream.read(&mut [0; 1]);
                    return;
                }
            };
            let date = if more.contains("Date:") { String::new() } else { format!("Date: {}\r\n", date()) };
            let mut answer =
                format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n{date}{more}\r\n", body.len());
            answer.push_str(&body);
            if stream.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// What Apple answers to whoever came with this key.
fn answer(path: &str, key: Option<&AppleKey>) -> (u16, &'static str, String) {
    let refusal = |status: u16, code: &str, title: &str, detail: &str| {
        let one = json!({ "id": "x", "status": status.to_string(), "code": code, "title": title, "detail": detail });
        (status, "", json!({ "errors": [one] }).to_string())
    };
    let Some(key) = key else {
        return refusal(
            401,
            "NOT_AUTHORIZED",
            "Authentication credentials are missing or invalid.",
            "Provide a token.",
        );
    };
    let what = path.strip_prefix("/v1/").unwrap_or_default();
    if key.reads.iter().any(|one| one == "agreement") {
        let code = "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED";
        return refusal(
            403,
            code,
            "A required agreement is missing or has expired.",
            "It has to be accepted.",
        );
    }
    if !key.reads.iter().any(|one| one == what) {
        return refusal(
            403,
            "FORBIDDEN_ERROR",
            "This request is forbidden for security reasons",
            "This key may not.",
        );
    }
    (
        200,
        "",
        json!({ "data": [], "links": { "self": path }, "meta": { "paging": { "total": 0, "limit": 1 } } })
            .to_string(),
    )
}

/// The time as HTTP has it.
fn date() -> String {
    let now = domain::Timestamp::from_millis(seconds() * 1000);
    let done = Command::new("date")
        .args(["-u", "-d", &now.to_string(), "+%a, %d %b %Y %H:%M:%S GMT"])
        .env("LC_ALL", "C")
        .output();
    String::from_utf8(done.unwrap().stdout).unwrap().trim().to_owned()
}

/// A request's first line, and its headers by their names in lower case.
fn head(stream: &mut impl BufRead) -> Option<(String, HashMap<String, String>)> {
    let mut line = || {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = HashMap::new();
    loop {
        match line()?.split_once(':') {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.trim().to_owned()),
            None => return Some((first, headers)),
        };
    }
}

/// A certificate for Apple's names, which nobody trusts unless told to.
fn identity() -> &'static TempDir {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let names = format!("subjectAltName=DNS:{STORE},DNS:{ENTERPRISE}");
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-days", "3650", "-subj", "/CN=apple", "-addext", &names])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", "key.pem", "-out", "certificate.pem"])
            // It was valid before the tests began, for servers whose clock is behind.
            .env("LD_PRELOAD", clock::library())
            .env("FAKETIME", "-2d")
            .current_dir(folder.path())
            .output()
            .expect("openssl, from Debian's package of that name");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        folder
    })
}

fn tls() -> Arc<ServerConfig> {
    let read = |name: &str| std::fs::read::<PathBuf>(identity().path().join(name)).unwrap();
    let certificate = CertificateDer::from_pem_slice(&read("certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&read("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
}
