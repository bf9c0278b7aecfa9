//! A CI that signs identity tokens: real discovery, real keys, and whatever can go wrong with them.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::Timestamp;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};

/// How it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mood {
    Good,
    /// It closes each connection.
    Down,
    /// It sends on to another address of its own.
    Redirects,
    /// It says to be somebody else.
    Misnamed,
    /// It says that its keys are here.
    KeysAt(String),
    /// Its answers don't end.
    Huge,
    /// It never answers.
    Silent,
}

/// The CI.
pub struct Issuer {
    pub url: String,
    state: Arc<Mutex<State>>,
}

struct State {
    mood: Mood,
    keys: Vec<Signer>,
    /// Keys that it shows beside its own.
    others: Vec<Value>,
    max_age: u64,
    asked: Vec<String>,
    /// What it gives to whoever asks as jobs of GitHub do.
    gives: String,
}

struct Signer {
    name: String,
    pair: EcdsaKeyPair,
}

impl Signer {
    fn new(name: &str) -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        Self { name: name.into(), pair }
    }

    fn shown(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.name,
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]),
        })
    }
}

impl Issuer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            mood: Mood::Good,
            keys: vec![Signer::new("first")],
            others: Vec::new(),
            max_age: 300,
            asked: Vec::new(),
            gives: String::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let (kept, own) = (Arc::clone(&state), url.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state, own) = (stream.unwrap(), Arc::clone(&kept), own.clone());
                std::thread::spawn(move || answer(&stream, &state, &own));
            }
        });
        Self { url, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn set(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// Another key takes the place of those that it had.
    pub fn rotate(&self, name: &str) {
        self.state().keys = vec![Signer::new(name)];
    }

    /// Gives this token to whoever asks as jobs of GitHub do.
    pub fn gives(&self, token: &str) {
        self.state().gives = token.into();
    }

    /// Shows this key too.
    pub fn show(&self, key: Value) {
        self.state().others.push(key);
    }

    /// The paths that it was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    /// Signs this as it is.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let state = self.state();
        let part = |of: &Value| URL_SAFE_NO_PAD.encode(of.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = state.keys[0].pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// The public key that it signs with, as its bytes.
    pub fn public_key(&self) -> Vec<u8> {
        self.state().keys[0].pair.public_key().as_ref().to_vec()
    }

    /// The header of its tokens.
    pub fn header(&self) -> Value {
        json!({ "alg": "ES256", "typ": "JWT", "kid": self.state().keys[0].name })
    }

    /// What it says of a push to the branch main of the repository 1234, as GitHub does, with this changed; null takes a claim out.
    pub fn claims(&self, audience: &str, now: Timestamp, changed: Value) -> Value {
        let now = now.seconds();
        let mut claims = json!({
            "iss": self.url, "aud": audience, "iat": now, "nbf": now - 5, "exp": now + 300, "jti": random(),
            "sub": "repo:northwind/app:ref:refs/heads/main", "repository": "northwind/app", "repository_id": "1234",
            "repository_owner": "northwind", "repository_owner_id": "99", "repository_visibility": "private",
            "ref": "refs/heads/main", "sha": "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d", "event_name": "push",
            "actor": "linus", "run_id": "77", "workflow_ref": "northwind/app/.github/workflows/ci.yml@refs/heads/main",
        });
        for (name, value) in changed.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }

    /// A token that says so.
    pub fn token(&self, audience: &str, now: Timestamp, changed: Value) -> String {
        self.sign(&self.header(), &self.claims(audience, now, changed))
    }
}

/// What no other token has.
fn random() -> String {
    let bytes: [u8; 12] = ring::rand::generate(&SystemRandom::new()).unwrap().expose();
    URL_SAFE_NO_PAD.encode(bytes)
}

fn answer(mut stream: &TcpStream, state: &Mutex<State>, own: &str) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() {
        return;
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut rest = String::new();
    while reader.read_line(&mut rest).is_ok_and(|read| read > 2) {
        rest.clear();
    }
    let (mood, keys, max_age, gives) = {
        let mut state = state.lock().unwrap();
        state.asked.push(path.clone());
        let keys: Vec<_> = state.others.iter().cloned().chain(state.keys.iter().map(Signer::shown)).collect();
        (state.mood.clone(), keys, state.max_age, state.gives.clone())
    };
    let keys_at = match &mood {
        Mood::KeysAt(place) => place.clone(),
        _ => format!("{own}/keys"),
    };
    let named = if mood == Mood::Misnamed { format!("{own}/") } else { own.to_owned() };
    let body = match (path.as_str(), &mood) {
        (_, Mood::Down) => return,
        (_, Mood::Silent) => {
            // Until whoever asks has had enough.
            let _ = stream.read(&mut [0]);
            return;
        }
        ("/.well-known/openid-configuration", Mood::Redirects) => {
            let _ =
                write!(stream, "HTTP/1.1 302 x\r\nLocation: {own}/elsewhere\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        (_, Mood::Huge) => {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            while stream.write_all(&[b' '; 8192]).is_ok() {}
            return;
        }
        ("/.well-known/openid-configuration" | "/elsewhere", _) => {
            json!({ "issuer": named, "jwks_uri": keys_at }).to_string()
        }
        (path, _) if path.starts_with("/github?") => json!({ "count": 1, "value": gives }).to_string(),
        ("/keys", _) => json!({ "keys": keys }).to_string(),
        _ => {
            let _ = write!(stream, "HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n");
            return;
        }
    };
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nCache-Control: public, max-age={max_age}\r\nConnection: close\r\n\r\n{body}"
    );
}
