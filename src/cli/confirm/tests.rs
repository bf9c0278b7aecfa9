use std::sync::{Arc, Mutex};

use super::*;
use crate::cli::testing::{self, Screen, TestServer};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

/// Takes a change only after a confirmation, and remembers what it was confirmed with.
#[derive(Clone)]
struct Careful {
    two_factor: bool,
    proofs: Arc<Mutex<Vec<Value>>>,
}

impl Careful {
    fn router(self) -> Router {
        Router::new()
            .route("/api/v1/change", post(change))
            .route("/api/v1/session", get(session))
            .route("/api/v1/session/confirm", post(confirm))
            .with_state(self)
    }
}

async fn change(State(careful): State<Careful>, Json(sent): Json<Value>) -> Response {
    match careful.proofs.lock().unwrap().is_empty() {
        true => testing::problem(StatusCode::FORBIDDEN, "confirmation-needed"),
        false => Json(sent).into_response(),
    }
}

async fn session(State(careful): State<Careful>) -> Json<Value> {
    Json(json!({ "account": { "two_factor": careful.two_factor } }))
}

async fn confirm(State(careful): State<Careful>, Json(proof): Json<Value>) -> Response {
    if proof["code"] == "000000" {
        return testing::problem(StatusCode::UNAUTHORIZED, "wrong-credentials");
    }
    careful.proofs.lock().unwrap().push(proof);
    testing::problem(StatusCode::NO_CONTENT, "")
}

async fn change_with(
    two_factor: bool,
    code: Option<&str>,
    screen: &Screen,
) -> (Result<Value, Failure>, Vec<Value>) {
    let careful = Careful { two_factor, proofs: Arc::default() };
    let server = TestServer::start(careful.clone().router()).await;
    let change = json!({ "label": "Phone" });
    let answer =
        request(&server.client(), &mut screen.console(), code, (Method::POST, "/change", &change)).await;
    let proofs = careful.proofs.lock().unwrap().clone();
    (answer, proofs)
}

#[tokio::test]
async fn the_code_is_asked_for_where_it_was_not_given() {
    let screen = Screen::new().answers(&["123456"]);
    let (answer, proofs) = change_with(true, None, &screen).await;
    assert_eq!((answer, proofs), (Ok(json!({ "label": "Phone" })), vec![json!({ "code": "123456" })]));
    assert_eq!(screen.prompts(), ["Code from your authenticator app, or a recovery code: "]);
}

#[tokio::test]
async fn a_code_that_was_given_is_used_and_nobody_is_asked() {
    let screen = Screen::new().answers(&[]);
    let (answer, proofs) = change_with(true, Some("123456"), &screen).await;
    assert_eq!((answer.is_ok(), proofs), (true, vec![json!({ "code": "123456" })]));
    assert_eq!(screen.prompts(), [""; 0]);
}

#[tokio::test]
async fn a_wrong_code_is_tried_once() {
    let (answer, _) = change_with(true, Some("000000"), &Screen::new()).await;
    assert_eq!(answer, Err(Failure::Refused("It says wrong-credentials.".into())));
}

#[tokio::test]
async fn without_two_factor_the_password_is_asked_for() {
    let screen = Screen::new().answers(&["correct horse"]);
    let (answer, proofs) = change_with(false, None, &screen).await;
    assert_eq!((answer.is_ok(), proofs), (true, vec![json!({ "password": "correct horse" })]));
    assert_eq!(screen.prompts(), ["Your password: "]);
}

#[tokio::test]
async fn without_a_terminal_the_way_on_is_named() {
    for (two_factor, way) in [(true, "--code"), (false, "doorkey sign-in")] {
        let (answer, proofs) = change_with(two_factor, None, &Screen::new()).await;
        let failure = answer.unwrap_err();
        assert_eq!((failure.exit_code(), proofs), (1, vec![]));
        assert!(failure.message().unwrap().contains(way), "{failure:?}");
    }
}
