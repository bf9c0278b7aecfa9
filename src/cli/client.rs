//! The way to the API: over the network, through the socket in the data folder, or in this very process.

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, header};
use domain::Secret;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::Value;

use super::local;
use super::server_url::ServerUrl;
use crate::problem::Problem;
use crate::serve::Opened;

/// What all paths of the API begin with.
const API: &str = "/api/v1";

/// How long a server may take to answer.
const TIME_OUT: Duration = Duration::from_secs(30);

/// How long a download may take, and how long its server may think before each part of it.
const DOWNLOAD_TIME: Duration = Duration::from_secs(24 * 60 * 60);
const STALL_TIME: Duration = Duration::from_secs(10 * 60);

/// The most that is read of an answer, in bytes.
pub(super) const ANSWER_MOST: usize = 16 * 1024 * 1024;

/// Somebody who speaks to a server's API.
pub(super) struct Client(Way);

enum Way {
    Network {
        http: reqwest::Client,
        base: String,
        called: String,
        token: Option<Secret<String>>,
        /// Through the machine's own socket, so by whoever runs the server.
        on_machine: bool,
    },
    Here {
        router: Router,
        opened: Opened,
    },
}

/// Why a call brought nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// The server refused it.
    Refused(Refusal),
    /// The server's answer isn't known here.
    NotUnderstood(String),
    /// There is no server, or none of ours.
    Unreachable(String),
}

/// A refusal: what commands need of the problem document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// For commands, which act on some of them.
    pub(super) code: String,
    /// For people.
    pub(super) detail: String,
}

impl Client {
    /// Speaks to the server at `url`, as the one whose token it is.
    pub(super) fn at(url: &ServerUrl, token: Option<Secret<String>>) -> Result<Self, CallError> {
        let mut builder = builder();
        if url.is_here() {
            // What is on this machine is never asked for elsewhere.
            builder = builder.no_proxy();
        }
        if !url.is_https() {
            builder = without_roots(builder);
        }
        Self::network(builder, url.to_string(), url.to_string(), token)
    }

    /// Speaks to the server that listens on this socket, as an administrator.
    pub(super) fn on_socket(socket: &Path) -> Result<Self, CallError> {
        let builder = without_roots(builder()).no_proxy().unix_socket(socket);
        let called = format!("The server at {}", socket.display());
        let mut client = Self::network(builder, "http://localhost".into(), called, None)?;
        if let Way::Network { on_machine, .. } = &mut client.0 {
            *on_machine = true;
        }
        Ok(client)
    }

    /// Speaks to a server that has been opened in this process, as an administrator.
    pub(super) const fn here(router: Router, opened: Opened) -> Self {
        Self(Way::Here { router, opened })
    }

    fn network(
        builder: reqwest::ClientBuilder,
        base: String,
        called: String,
        token: Option<Secret<String>>,
    ) -> Result<Self, CallError> {
        // An error says that there is a provider already, which is this one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = builder.build().map_err(|error| {
            CallError::Unreachable(format!("{called} can't be reached: {}.", root(&error)))
        })?;
        Ok(Self(Way::Network { http, base, called, token, on_machine: false }))
    }

    /// Sends one request to `path` below the API's own and returns what it brings; null where that is nothing.
    pub(super) async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, CallError> {
        self.send(method, format!("{API}{path}"), body).await
    }

    /// A refusal in the words for whoever runs the server, who can be told nobody to turn to: it is them.
    fn for_its_operator(&self, error: CallError, changes: bool) -> CallError {
        let log = match &self.0 {
            Way::Here { .. } => "What is logged above, and doorkey doctor, say why.",
            Way::Network { on_machine: true, .. } => "The server's log, and doorkey doctor, say why.",
            Way::Network { on_machine: false, .. } => return error,
        };
        let general = Problem::unavailable();
        match error {
            CallError::Refused(refusal)
                if refusal.code == general.code.code() && refusal.detail == general.detail =>
            {
                let nothing = if changes { " Nothing was changed, as far as Doorkey knows." } else { "" };
                let detail = format!("The database can't be reached or used at the moment.{nothing} {log}");
                CallError::Refused(Refusal { detail, ..refusal })
            }
            error => error,
        }
    }

    /// Sends one request without a body to a path of this machine's own and returns what it brings.
    pub(super) async fn on_machine(&self, method: Method, path: &str) -> Result<Value, CallError> {
        self.send(method, path.to_owned(), None).await
    }

    async fn send(&self, method: Method, path: String, body: Option<&Value>) -> Result<Value, CallError> {
        let changes = !method.is_safe();
        self.ask(method, path, body).await.map_err(|error| self.for_its_operator(error, changes))
    }

    async fn ask(&self, method: Method, path: String, body: Option<&Value>) -> Result<Value, CallError> {
        match &self.0 {
            Way::Here { router, .. } => {
                let (status, answer) = local::call(router.clone(), method, &path, body).await?;
                understood("This machine's Doorkey", status, &answer)
            }
            Way::Network { http, base, called, token, .. } => {
                let mut request = http.request(method.clone(), format!("{base}{path}"));
                if let Some(token) = token {
                    request = request.bearer_auth(token.expose());
                }
                if let Some(body) = body {
                    request = request.json(body);
                }
                let response = request.send().await.map_err(|error| lost(called, &method, &error))?;
                if response.status().is_redirection() {
                    return Err(elsewhere(called, response.headers()));
                }
                let status = response.status();
                let answer = body_of(response).await.map_err(|error| lost(called, &method, &error))?;
                understood(called, status, &answer)
            }
        }
    }

    /// Fetches something large from a path of this machine's own, and hands it on as it comes, however long that takes. It may break
    /// off: what came has to say by itself that it is whole.
    pub(super) async fn download(
        &self,
        path: &str,
        write: &mut dyn FnMut(Bytes) -> io::Result<()>,
    ) -> Result<(), CallError> {
        self.stream(path, write).await.map_err(|error| self.for_its_operator(error, false))
    }

    async fn stream(
        &self,
        path: &str,
        write: &mut dyn FnMut(Bytes) -> io::Result<()>,
    ) -> Result<(), CallError> {
        let unwritten = |error: io::Error| {
            CallError::NotUnderstood(format!(
                "It can't be written: {error}. Make room, or name a file on another disk."
            ))
        };
        match &self.0 {
            Way::Here { router, .. } => {
                let response = local::ask(router.clone(), Method::GET, path, None).await?;
                let (status, mut body) = (response.status(), response.into_body());
                if !status.is_success() {
                    let answer = local::whole(body).await?;
                    return understood("This machine's Doorkey", status, &answer).map(drop);
                }
                while let Some(frame) = body.frame().await {
                    let frame =
                        frame.map_err(|error| CallError::Unreachable(format!("It broke off: {error}.")))?;
                    if let Ok(chunk) = frame.into_data() {
                        write(chunk).map_err(unwritten)?;
                    }
                }
            }
            Way::Network { http, base, called, .. } => {
                let request = http.get(format!("{base}{path}")).timeout(DOWNLOAD_TIME);
                let mut response =
                    request.send().await.map_err(|error| lost(called, &Method::GET, &error))?;
                let status = response.status();
                if !status.is_success() {
                    let answer =
                        body_of(response).await.map_err(|error| lost(called, &Method::GET, &error))?;
                    return understood(called, status, &answer).map(drop);
                }
                while let Some(chunk) =
                    response.chunk().await.map_err(|error| lost(called, &Method::GET, &error))?
                {
                    write(chunk).map_err(unwritten)?;
                }
            }
        }
        Ok(())
    }

    /// Whether it speaks to no server, but to the data itself.
    pub(super) const fn is_here(&self) -> bool {
        matches!(self.0, Way::Here { .. })
    }

    /// What a path of this machine's own answers, however long it takes.
    pub(super) async fn fetch(&self, path: &str) -> Result<Value, CallError> {
        let mut answer = Vec::new();
        let mut write = |chunk: Bytes| {
            answer.extend_from_slice(&chunk);
            Ok(())
        };
        self.download(path, &mut write).await?;
        understood("The server", StatusCode::OK, &answer)
    }

    /// Lets go of what was opened in this process.
    pub(super) async fn close(self) {
        if let Way::Here { opened, .. } = self.0 {
            opened.close().await;
        }
    }
}

/// What another server than Doorkey answers with success to a bearer of this token.
pub(super) async fn get(url: &str, token: &str) -> Result<Vec<u8>, String> {
    // An error says that there is a provider already, which is this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = builder();
    if url.starts_with("http:") {
        builder = without_roots(builder);
    }
    let http = builder.build().map_err(|error| root(&error))?;
    let response = http.get(url).bearer_auth(token).send().await.map_err(|error| root(&error))?;
    if !response.status().is_success() {
        return Err(format!("it answers with status {}", response.status().as_u16()));
    }
    body_of(response).await.map_err(|error| root(&error))
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIME_OUT)
        .read_timeout(STALL_TIME)
        .user_agent(concat!("doorkey/", env!("CARGO_PKG_VERSION")))
}

/// Without TLS no roots are needed, and a machine that has none shall not fail for it.
fn without_roots(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    builder.tls_certs_only([])
}

async fn body_of(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_MOST {
            // What is cut off is no JSON, and is answered for as such.
            break;
        }
    }
    Ok(body)
}

/// What an answer says: success, a problem document, or something that no server of ours would say.
fn understood(called: &str, status: StatusCode, body: &[u8]) -> Result<Value, CallError> {
    #[derive(Deserialize)]
    struct Document {
        code: String,
        detail: String,
    }
    if status == StatusCode::NO_CONTENT {
        return Ok(Value::Null);
    }
    if status.is_success() {
        if let Ok(answer) = serde_json::from_slice(body) {
            return Ok(answer);
        }
    } else if let Ok(Document { code, detail }) = serde_json::from_slice(body) {
        return Err(CallError::Refused(Refusal { status, code, detail }));
    }
    let status = status.as_u16();
    Err(CallError::Unreachable(format!(
        "{called} doesn't answer as a Doorkey server does (status {status}). Check the URL, and what stands before the \
         server."
    )))
}

fn elsewhere(called: &str, headers: &header::HeaderMap) -> CallError {
    let to = headers.get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("another address");
    CallError::Unreachable(format!("{called} sends on to {to}. Sign in with the URL that the server has."))
}

fn lost(called: &str, method: &Method, error: &reqwest::Error) -> CallError {
    if error.is_connect() {
        return CallError::Unreachable(format!(
            "{called} can't be reached: {}. Check the URL, and that the server runs.",
            root(error)
        ));
    }
    let what = if error.is_timeout() {
        format!("{called} didn't answer within {} seconds.", TIME_OUT.as_secs())
    } else {
        format!("{called} broke off: {}.", root(error))
    };
    // A lost answer doesn't say whether the change was made.
    let next = if method.is_safe() { "Try again." } else { "Look whether it was done before you try again." };
    CallError::Unreachable(format!("{what} {next}"))
}

/// What is at the bottom of an error; what is above only says that there is something below.
fn root(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests;
