use std::sync::{Arc, Mutex};

use super::*;
use crate::cli::testing::{self, Screen, TestServer};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, post};
use axum::{Json, Router};

/// The requests that came to sign in, and the tokens that were ended.
#[derive(Clone, Default)]
struct Seen {
    requests: Arc<Mutex<Vec<Value>>>,
    ended: Arc<Mutex<Vec<String>>>,
}

async fn answer(State(seen): State<Seen>, Json(request): Json<Value>) -> Response {
    seen.requests.lock().unwrap().push(request.clone());
    if request["password"] != "correct horse" {
        return testing::problem(StatusCode::UNAUTHORIZED, "wrong-credentials");
    }
    if request.get("code").is_none() {
        return testing::problem(StatusCode::UNAUTHORIZED, "code-needed");
    }
    if request["code"] == "000000" {
        return testing::problem(StatusCode::UNAUTHORIZED, "wrong-credentials");
    }
    let account = json!({ "name": "ada@example.org", "two_factor": true });
    let mut answer = json!({ "token": "dka_new", "account": account });
    if request["code"] != "123456" {
        answer["recovery_codes_left"] = 3.into();
    }
    Json(answer).into_response()
}

async fn end(State(seen): State<Seen>, headers: HeaderMap) -> StatusCode {
    let token = headers.get(header::AUTHORIZATION).unwrap().to_str().unwrap().to_owned();
    seen.ended.lock().unwrap().push(token);
    StatusCode::NO_CONTENT
}

async fn server() -> (TestServer, Seen) {
    let seen = Seen::default();
    let router = Router::new()
        .route("/api/v1/sign-in", post(answer))
        .route("/api/v1/session", delete(end))
        .with_state(seen.clone());
    (TestServer::start(router).await, seen)
}

fn args(server: &TestServer, code: Option<&str>) -> Args {
    Args {
        url: server.url.parse().unwrap(),
        id: "ada".into(),
        password_stdin: code.is_some(),
        code: code.map(Into::into),
        json: false,
    }
}

#[tokio::test]
async fn a_person_is_asked_for_password_and_code_and_the_token_is_kept() {
    let ((server, seen), temporary) = (server().await, tempfile::tempdir().unwrap());
    let folder = testing::folder(&temporary);
    let screen = Screen::new().answers(&["correct horse", "123456"]);
    run(args(&server, None), &folder, &mut screen.console()).await.unwrap();
    assert_eq!(
        screen.prompts(),
        ["Password for ada: ", "Code from your authenticator app, or a recovery code: "]
    );
    assert_eq!(screen.out(), format!("Signed in at {} as ada@example.org.\n", server.url));
    assert_eq!(folder.load().unwrap().unwrap().token.expose(), "dka_new");
    let requests = seen.requests.lock().unwrap();
    assert_eq!((requests[0]["id"].as_str(), requests[1]["code"].as_str()), (Some("ada"), Some("123456")));
    assert_eq!(*seen.ended.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_wrong_code_is_asked_for_again_three_times_in_all() {
    let ((server, seen), temporary) = (server().await, tempfile::tempdir().unwrap());
    let folder = testing::folder(&temporary);
    let screen = Screen::new().answers(&["correct horse", "000000", "000000", "123456"]);
    run(args(&server, None), &folder, &mut screen.console()).await.unwrap();
    assert_eq!(screen.err(), "It says wrong-credentials.\nIt says wrong-credentials.\n");
    assert_eq!(seen.requests.lock().unwrap().len(), 4);
    let screen = Screen::new().answers(&["correct horse", "000000", "000000", "000000", "123456"]);
    let done = run(args(&server, None), &folder, &mut screen.console()).await;
    assert_eq!(done, Err(Failure::Refused("It says wrong-credentials.".into())));
    assert_eq!(screen.prompts().len(), 4);
    // A script is told at once.
    let screen = Screen::new().typed_in("correct horse\n");
    let done = run(args(&server, Some("000000")), &folder, &mut screen.console()).await;
    assert_eq!(done, Err(Failure::Refused("It says wrong-credentials.".into())));
}

#[tokio::test]
async fn a_recovery_code_will_do_and_what_is_left_is_said() {
    let ((server, _), temporary) = (server().await, tempfile::tempdir().unwrap());
    let screen = Screen::new().answers(&["correct horse", "ABCD-EFGH-JKLM-NPQR"]);
    run(args(&server, None), &testing::folder(&temporary), &mut screen.console()).await.unwrap();
    assert!(
        screen.err().starts_with("You used a recovery code, and have 3 left. Make new ones"),
        "{}",
        screen.err()
    );
}

#[tokio::test]
async fn a_script_gives_both_at_once_and_the_token_is_never_printed() {
    let ((server, seen), temporary) = (server().await, tempfile::tempdir().unwrap());
    let screen = Screen::new().typed_in("correct horse\n");
    let args = Args { json: true, ..args(&server, Some("123456")) };
    run(args, &testing::folder(&temporary), &mut screen.console()).await.unwrap();
    assert_eq!(seen.requests.lock().unwrap().len(), 1);
    let printed: Value = serde_json::from_str(&screen.out()).unwrap();
    assert_eq!(printed, json!({ "account": { "name": "ada@example.org", "two_factor": true } }));
}

#[tokio::test]
async fn the_token_that_is_replaced_is_ended() {
    let ((server, seen), temporary) = (server().await, tempfile::tempdir().unwrap());
    let folder = testing::folder(&temporary);
    folder.save(&testing::credentials(&server.url, "dka_old")).unwrap();
    let screen = Screen::new().typed_in("correct horse\n");
    run(args(&server, Some("123456")), &folder, &mut screen.console()).await.unwrap();
    assert_eq!(*seen.ended.lock().unwrap(), ["Bearer dka_old"]);
}

#[tokio::test]
async fn a_token_that_cannot_be_kept_is_ended() {
    let ((server, seen), temporary) = (server().await, tempfile::tempdir().unwrap());
    let file = temporary.path().join("file");
    std::fs::write(&file, "").unwrap();
    let screen = Screen::new().typed_in("correct horse\n");
    let done = run(args(&server, Some("123456")), &Folder::under(&file), &mut screen.console()).await;
    assert!(done.unwrap_err().message().unwrap().starts_with("The token can't be kept in "));
    assert_eq!(*seen.ended.lock().unwrap(), ["Bearer dka_new"]);
}

#[tokio::test]
async fn a_refusal_keeps_nothing() {
    let ((server, _), temporary) = (server().await, tempfile::tempdir().unwrap());
    let folder = testing::folder(&temporary);
    let screen = Screen::new().answers(&["wrong"]);
    let done = run(args(&server, None), &folder, &mut screen.console()).await;
    assert_eq!(done, Err(Failure::Refused("It says wrong-credentials.".into())));
    assert!(folder.load().unwrap().is_none());
}

#[tokio::test]
async fn without_a_terminal_a_missing_code_is_named() {
    let ((server, _), temporary) = (server().await, tempfile::tempdir().unwrap());
    let screen = Screen::new().typed_in("correct horse\n");
    let args = Args { code: None, ..args(&server, Some("")) };
    let failure = run(args, &testing::folder(&temporary), &mut screen.console()).await.unwrap_err();
    assert_eq!(failure.exit_code(), 1);
    assert!(failure.message().unwrap().contains("--code"), "{failure:?}");
}
