//! The server of this machine: the running one by the socket in its data folder, or its data where none runs.

use std::io::{ErrorKind, stderr};
use std::os::unix::net::UnixStream;

use axum::Router;
use axum::body::{self, Body};
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use serde_json::Value;
use tower::ServiceExt as _;
use tracing::Level;

use super::Place;
use super::client::{ANSWER_MOST, CallError, Client};
use super::failure::Failure;
use crate::config::Config;
use crate::logs;
use crate::serve::{self, SOCKET, ServeError};
use crate::web::LocalAdministrator;

/// Reaches the server of this machine as an administrator, whether it runs or not. Where there is no data yet, it is made only if
/// `makes_data`.
pub(super) async fn connect(place: &Place, makes_data: bool) -> Result<Client, Failure> {
    let config = place.load()?;
    if let Some(client) = running(&config)? {
        return Ok(client);
    }
    if !makes_data {
        has_data(&config)?;
    }
    open(config).await
}

/// The server of this machine, if one runs.
pub(super) fn running(config: &Config) -> Result<Option<Client>, Failure> {
    let socket = config.data.join(SOCKET);
    match UnixStream::connect(&socket).map_err(|error| (error.kind(), error)) {
        Ok(_) => Ok(Some(Client::on_socket(&socket)?)),
        // No server made a socket, or the one that did has gone; a path too long for a socket is in no server's way.
        Err((
            ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::ConnectionRefused
            | ErrorKind::InvalidInput,
            _,
        )) => Ok(None),
        Err((ErrorKind::PermissionDenied, _)) => Err(Failure::Unreachable(format!(
            "You may not open {}. Run this as the user that the server runs as.",
            socket.display()
        ))),
        Err((_, error)) => {
            Err(Failure::Unreachable(format!("{} can't be reached: {error}.", socket.display())))
        }
    }
}

/// Whether there is data: by looking at a folder, none is made in it.
pub(super) fn has_data(config: &Config) -> Result<(), Failure> {
    if config.store.url.has_data().map_err(|error| Failure::Refused(error.to_string()))? {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "There is no data of Doorkey's in {}. Name the server's data folder with --data, or its configuration with \
         --config.",
        config.data.display()
    )))
}

async fn open(config: Config) -> Result<Client, Failure> {
    // There is no server whose log would tell what is wrong with the data. An error says that something logs already.
    let _ = tracing_subscriber::fmt()
        .with_max_level(Level::WARN)
        .with_writer(stderr)
        .with_ansi(logs::colours())
        .try_init();
    let place = config.clone();
    match serve::open(config) {
        Ok((router, opened)) => Ok(Client::here(router, opened)),
        Err(error) => Err(not_opened(&place, &error)),
    }
}

/// Why the data can't be opened here.
pub(super) fn not_opened(config: &Config, error: &ServeError) -> Failure {
    if error.is_locked() {
        return Failure::Unreachable(format!(
            "A server is using {}, but its socket {SOCKET} there can't be reached. It may be starting or stopping: try \
             again in a moment. If it goes on, restart the server.",
            config.data.display()
        ));
    }
    Failure::Refused(error.to_string())
}

/// One request to a server in this process.
pub(super) async fn call(
    router: Router,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<(StatusCode, Vec<u8>), CallError> {
    let response = ask(router, method, path, body).await?;
    Ok((response.status(), whole(response.into_body()).await?))
}

/// The same, with an answer that is still to be read.
pub(super) async fn ask(
    router: Router,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<Response, CallError> {
    let mut request = Request::builder().method(method).uri(path).extension(LocalAdministrator);
    let mut sent = Body::empty();
    if let Some(body) = body {
        request = request.header(header::CONTENT_TYPE, "application/json");
        sent = Body::from(body.to_string());
    }
    let request = request.body(sent).map_err(|error| failed(&error))?;
    Ok(router.oneshot(request).await.unwrap_or_else(|never| match never {}))
}

/// All of an answer.
pub(super) async fn whole(body: Body) -> Result<Vec<u8>, CallError> {
    body::to_bytes(body, ANSWER_MOST).await.map(Into::into).map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> CallError {
    CallError::NotUnderstood(format!("It can't be asked: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Json;
    use axum::extract::Extension;
    use axum::routing::post;
    use serde_json::json;
    use std::path::Path;

    #[tokio::test]
    async fn a_call_in_this_process_is_an_administrators() {
        async fn echo(_: Extension<LocalAdministrator>, Json(sent): Json<Value>) -> Json<Value> {
            Json(sent)
        }
        let router = Router::new().route("/echo", post(echo));
        let sent = json!({ "id": "ada" });
        let (status, answer) = call(router, Method::POST, "/echo", Some(&sent)).await.unwrap();
        assert_eq!((status, answer), (StatusCode::OK, sent.to_string().into_bytes()));
    }

    /// A data folder, and a configuration that says nothing.
    fn place(folder: &Path) -> Place {
        let config = folder.join("doorkey.toml");
        std::fs::write(&config, "").unwrap();
        Place { config: Some(config), data: Some(folder.join("data")) }
    }

    #[tokio::test]
    async fn a_socket_that_listens_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let listener = tokio::net::UnixListener::bind(folder.path().join("data").join(SOCKET)).unwrap();
        let router = Router::new().route("/api/v1/services", post(async || StatusCode::NO_CONTENT));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let client = connect(&place, false).await.unwrap_or_else(|failure| panic!("{failure:?}"));
        let answer = client.request(Method::POST, "/services", Some(&json!({}))).await;
        assert_eq!(answer, Ok(Value::Null));
        server.abort();
    }

    #[tokio::test]
    async fn without_a_server_the_data_itself_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let client =
            connect(&place(folder.path()), true).await.unwrap_or_else(|failure| panic!("{failure:?}"));
        let answer = client.request(Method::GET, "/services", None).await;
        client.close().await;
        assert_eq!(answer, Ok(json!({ "services": [] })));
    }

    #[tokio::test]
    async fn a_folder_without_data_is_not_made_into_one_by_looking_at_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let Err(failure) = connect(&place, false).await else { panic!("there is no data") };
        assert_eq!(failure.exit_code(), 1);
        assert!(!folder.path().join("data").exists());
    }

    #[tokio::test]
    async fn a_server_whose_socket_has_gone_is_said_to_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let _lock = store::DataLock::acquire(&folder.path().join("data")).unwrap();
        let Err(failure) = connect(&place(folder.path()), true).await else { panic!("it is locked") };
        assert_eq!(failure.exit_code(), 3);
        assert!(failure.message().unwrap().starts_with("A server is using "), "{failure:?}");
    }
}
