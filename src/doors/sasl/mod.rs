//! The SASL door: the Dovecot authentication protocol, as Postfix, Radicale and others ask it. One listener for each service, named by
//! its section in the configuration: whoever can reach it asks for that service.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use domain::Secret;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::watch,
};

use super::accept::{Connection, stopped};
use crate::{
    app::App,
    app_passwords::verify::{SignIn, Verdict},
    clock,
    doors::check,
    metrics::doors::Door,
    server::{Places, bounded},
};
use protocol::{Auth, LONGEST_LINE, Line, Mechanism, Response};

pub mod listen;
mod protocol;

/// How many sign-ins of one connection may wait for their next answer. Postfix has one.
const MOST_BEGUN: usize = 8;

/// Numbers connections, as the protocol wants it.
static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

/// Answers one client until it goes away, breaks the protocol, or the server stops. When Doorkey can't tell, the connection is closed:
/// Postfix takes that for an outage, and a `FAIL` for a wrong password.
pub async fn serve(
    app: Arc<App>,
    service: Arc<str>,
    places: Arc<Places>,
    connection: Connection,
    mut stopping: watch::Receiver<bool>,
) {
    let peer = connection.peer();
    let mut client = Client { app, service, places, peer, agreed: false, begun: HashMap::new() };
    let mut connection = bounded(connection);
    tokio::select! {
        biased;
        () = stopped(&mut stopping) => {}
        _ = client.talk(&mut connection) => {}
    }
}

/// One client: a mail server's process, most likely.
struct Client {
    app: Arc<App>,
    service: Arc<str>,
    places: Arc<Places>,
    /// Where the client is, which is where the app is if nothing else is said.
    peer: Option<IpAddr>,
    /// Whether the version has been agreed on.
    agreed: bool,
    begun: HashMap<u32, Begun>,
}

/// A sign-in that waits for its next answer.
struct Begun {
    auth: Auth,
    name: Option<String>,
}

/// What was read. There are passwords in it.
struct Buffer(Vec<u8>);

impl Drop for Buffer {
    fn drop(&mut self) {
        drop(Secret::new(std::mem::take(&mut self.0)));
    }
}

/// Why a connection ends.
enum End {
    Gone,
    Broken,
    Unavailable,
}

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

impl Client {
    async fn talk(&mut self, connection: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<(), End> {
        let cookie = clock::rng().map_err(|_| End::Unavailable)?.bytes();
        let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        connection.write_all(protocol::greeting(std::process::id(), number, cookie).as_bytes()).await?;
        let mut buffer = Buffer(Vec::with_capacity(1024));
        loop {
            // Several lines may have come at once; their answers go out together.
            let (mut answers, mut at) = (String::new(), 0);
            while let Some(length) = buffer.0.get(at..).and_then(|rest| rest.iter().position(|b| *b == b'\n'))
            {
                let line = buffer.0.get(at..at + length).unwrap_or_default();
                let answered = self.answer(line, &mut answers).await;
                at += length + 1;
                if let Err(end) = answered {
                    // What was answered before holds.
                    connection.write_all(answers.as_bytes()).await?;
                    return Err(end);
                }
            }
            buffer.0.drain(..at);
            connection.write_all(answers.as_bytes()).await?;
            if buffer.0.len() >= LONGEST_LINE {
                return Err(End::Broken);
            }
            // A mail server's process is idle most of the time. When places are short, it connects again as it needs to.
            tokio::select! {
                biased;
                count = connection.read_buf(&mut buffer.0) => if count? == 0 {
                    return Err(End::Gone);
                },
                () = self.places.crowded() => return Err(End::Gone),
            }
        }
    }

    async fn answer(&mut self, line: &[u8], answers: &mut String) -> Result<(), End> {
        match protocol::read(line).ok_or(End::Broken)? {
            Line::Version(1) => self.agreed = true,
            Line::Version(_) => return Err(End::Broken),
            Line::Other => {}
            _ if !self.agreed => return Err(End::Broken),
            Line::Auth(auth) => self.begin(auth, answers).await?,
            Line::Continue(id, response) => {
                if let Some(begun) = self.begun.remove(&id) {
                    self.go_on(begun, response, answers).await?;
                }
            }
            Line::Cancel(id) => drop(self.begun.remove(&id)),
        }
        Ok(())
    }

    async fn begin(&mut self, mut auth: Auth, answers: &mut String) -> Result<(), End> {
        // A number that is in use, or too many at once: the client has lost its way.
        if self.begun.contains_key(&auth.id) || self.begun.len() >= MOST_BEGUN {
            return Err(End::Broken);
        }
        let first = auth.first.take();
        let begun = Begun { auth, name: None };
        match (begun.auth.mechanism, first) {
            (None, _) => {
                *answers += &protocol::fail(begun.auth.id, "", Some("Only PLAIN and LOGIN are known here."));
            }
            (Some(_), Some(response)) => self.go_on(begun, response, answers).await?,
            (Some(Mechanism::Plain), None) => self.wait(begun, "", answers),
            (Some(Mechanism::Login), None) => self.wait(begun, "Username:", answers),
        }
        Ok(())
    }

    fn wait(&mut self, begun: Begun, prompt: &str, answers: &mut String) {
        *answers += &protocol::proceed(begun.auth.id, prompt);
        self.begun.insert(begun.auth.id, begun);
    }

    async fn go_on(
        &mut self,
        mut begun: Begun,
        response: Option<Response>,
        answers: &mut String,
    ) -> Result<(), End> {
        let id = begun.auth.id;
        let read = match begun.auth.mechanism {
            Some(Mechanism::Login) => match (begun.name.take(), response.as_ref().and_then(protocol::word)) {
                (None, Some(name)) => {
                    begun.name = Some(name.expose().clone());
                    self.wait(begun, "Password:", answers);
                    return Ok(());
                }
                (Some(name), Some(password)) => Some((name, password)),
                (_, None) => None,
            },
            _ => response.as_ref().and_then(protocol::plain),
        };
        let Some((name, password)) = read else {
            *answers += &protocol::fail(id, "", Some("What was sent isn't a user name and a password."));
            return Ok(());
        };
        *answers += &self.verdict(&begun.auth, &name, password.expose()).await?;
        Ok(())
    }

    async fn verdict(&self, auth: &Auth, name: &str, password: &str) -> Result<String, End> {
        let service = self.app.live.service(&self.service).ok_or(End::Unavailable)?;
        let source =
            auth.remote.parse().ok().or(self.peer).map(|ip: IpAddr| ip.to_string()).unwrap_or_default();
        let kinds = protocol::kinds_of(&auth.service).unwrap_or(service.kinds);
        let sign_in = SignIn { name, secret: password, service: &service, kinds, source: &source };
        Ok(match check(&self.app, Door::Sasl, sign_in).await {
            Verdict::Yes(good) => protocol::ok(auth.id, good.account.name.as_str()),
            Verdict::No => protocol::fail(auth.id, name, None),
            Verdict::NotForThisService => {
                protocol::fail(auth.id, name, Some("This password was made for something else."))
            }
            Verdict::NotForThisPerson => protocol::fail(auth.id, name, Some("You may not use this service.")),
            Verdict::Unavailable => return Err(End::Unavailable),
        })
    }
}
