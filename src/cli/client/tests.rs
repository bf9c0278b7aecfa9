use super::*;
use crate::cli::testing::{self, TestServer};
use axum::Json;
use axum::http::HeaderMap;
use axum::response::Redirect;
use axum::routing::{get, post};
use serde_json::json;

async fn ask(path: &str, router: Router) -> Result<Value, CallError> {
    let server = TestServer::start(router).await;
    server.client().request(Method::GET, path, None).await
}

fn unreachable(answer: Result<Value, CallError>) -> String {
    match answer {
        Err(CallError::Unreachable(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_carries_its_token_and_its_body() {
    async fn echo(headers: HeaderMap, Json(sent): Json<Value>) -> Json<Value> {
        let authorization = headers.get(header::AUTHORIZATION).unwrap().to_str().unwrap().to_owned();
        Json(json!({ "authorization": authorization, "sent": sent }))
    }
    let server = TestServer::start(Router::new().route("/api/v1/echo", post(echo))).await;
    let answer = server.client().request(Method::POST, "/echo", Some(&json!({ "label": "Phone" }))).await;
    assert_eq!(answer, Ok(json!({ "authorization": "Bearer dka_x", "sent": { "label": "Phone" } })));
}

#[tokio::test]
async fn no_content_is_null() {
    let router = Router::new().route("/api/v1/x", get(async || StatusCode::NO_CONTENT));
    assert_eq!(ask("/x", router).await, Ok(Value::Null));
}

#[tokio::test]
async fn a_problem_document_is_a_refusal_in_its_own_words() {
    let router = Router::new()
        .route("/api/v1/x", get(async || testing::problem(StatusCode::CONFLICT, "too-many-app-passwords")));
    let refusal = Refusal {
        status: StatusCode::CONFLICT,
        code: "too-many-app-passwords".into(),
        detail: "It says too-many-app-passwords.".into(),
    };
    assert_eq!(ask("/x", router).await, Err(CallError::Refused(refusal)));
}

#[tokio::test]
async fn what_is_no_doorkey_is_told_from_one() {
    let page = Router::new().route("/api/v1/x", get(async || "<html>Welcome to nginx"));
    let message = unreachable(ask("/x", page).await);
    assert!(message.contains("doesn't answer as a Doorkey server does (status 200)"), "{message}");
    let message = unreachable(ask("/x", Router::new()).await);
    assert!(message.contains("(status 404)"), "{message}");
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let router = Router::new()
        .route("/api/v1/x", get(async || Redirect::temporary("/api/v1/y")))
        .route("/api/v1/y", get(async || Json(json!("followed"))));
    let message = unreachable(ask("/x", router).await);
    assert!(message.contains("sends on to /api/v1/y"), "{message}");
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let router = Router::new().route("/api/v1/x", get(async || vec![b' '; ANSWER_MOST + 1]));
    let message = unreachable(ask("/x", router).await);
    assert!(message.contains("doesn't answer as a Doorkey server does"), "{message}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_cannot_be_reached() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::at(&url.parse().unwrap(), None).unwrap_or_else(|error| panic!("{error:?}"));
    let message = unreachable(client.request(Method::GET, "/session", None).await);
    assert!(message.starts_with(&format!("{url} can't be reached: ")), "{message}");
    assert!(message.contains("refused"), "{message}");
}

#[tokio::test]
async fn a_lost_answer_does_not_say_whether_it_was_done() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Takes the connection, reads the request's first byte and hangs up.
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap();
    });
    let client = Client::at(&url.parse().unwrap(), None).unwrap_or_else(|error| panic!("{error:?}"));
    let answer = client.request(Method::POST, "/app-passwords", Some(&json!({}))).await;
    server.await.unwrap();
    let message = unreachable(answer);
    assert!(message.ends_with("Look whether it was done before you try again."), "{message}");
}

#[tokio::test]
async fn who_runs_the_server_is_sent_to_its_log_and_to_nobody_else() {
    async fn down() -> Problem {
        Problem::unavailable()
    }
    async fn full() -> Problem {
        Problem { detail: "The disk is full.".into(), ..Problem::unavailable() }
    }
    let router = Router::new().route("/api/v1/x", get(down).post(down)).route("/api/v1/full", get(full));
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let served = router.clone();
    let server = tokio::spawn(async move { axum::serve(listener, served).await });
    let client = Client::on_socket(&socket).unwrap();
    let detail = async |method, path| match client.request(method, path, None).await {
        Err(CallError::Refused(refusal)) => refusal.detail,
        other => panic!("{other:?}"),
    };
    let why = "The server's log, and doorkey doctor, say why.";
    let listed = detail(Method::GET, "/x").await;
    assert_eq!(listed, format!("The database can't be reached or used at the moment. {why}"));
    let changed = detail(Method::POST, "/x").await;
    assert!(changed.contains("Nothing was changed") && changed.ends_with(why), "{changed}");
    assert_eq!(detail(Method::GET, "/full").await, "The disk is full.", "what says more stays");
    server.abort();
    let Err(CallError::Refused(refusal)) = ask("/x", router).await else { panic!("it is down") };
    assert!(refusal.detail.ends_with("tell the person who runs this server."), "{refusal:?}");
}
