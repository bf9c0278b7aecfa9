//! `doorkey sign-out`

use axum::http::{Method, StatusCode};

use super::client::{CallError, Client};
use super::console::Console;
use super::credentials::Folder;
use super::failure::Failure;

pub(super) async fn run(folder: &Folder, console: &mut Console) -> Result<(), Failure> {
    let Some(credentials) = folder.load()? else {
        return console.say("You weren't signed in.");
    };
    let client = Client::at(&credentials.url, Some(credentials.token))?;
    match client.request(Method::DELETE, "/session", None).await {
        // The server knows the token no more: it has ended before.
        Err(CallError::Refused(refusal)) if refusal.status == StatusCode::UNAUTHORIZED => {}
        // Where the server can't be reached the token is kept: it is still good, and can be ended later.
        answered => drop(answered?),
    }
    folder.forget()?;
    console.say(&format!("Signed out at {}.", credentials.url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::{self, Screen, TestServer};
    use axum::Router;
    use axum::routing::delete;

    async fn sign_out(status: StatusCode) -> (Result<(), Failure>, String, bool) {
        let answer = async move || testing::problem(status, "any");
        let server = TestServer::start(Router::new().route("/api/v1/session", delete(answer))).await;
        let temporary = tempfile::tempdir().unwrap();
        let folder = testing::folder(&temporary);
        folder.save(&testing::credentials(&server.url, "dka_x")).unwrap();
        let screen = Screen::new();
        let done = run(&folder, &mut screen.console()).await;
        (done, screen.out(), folder.load().unwrap().is_some())
    }

    #[tokio::test]
    async fn the_token_is_forgotten_once_the_server_has_ended_it() {
        for status in [StatusCode::NO_CONTENT, StatusCode::UNAUTHORIZED] {
            let (done, out, kept) = sign_out(status).await;
            assert_eq!((done, kept), (Ok(()), false));
            assert!(out.starts_with("Signed out at http://127.0.0.1:"), "{out}");
        }
    }

    #[tokio::test]
    async fn the_token_is_kept_while_the_server_cannot_end_it() {
        let (done, out, kept) = sign_out(StatusCode::SERVICE_UNAVAILABLE).await;
        assert_eq!((done.unwrap_err().exit_code(), out.as_str(), kept), (3, "", true));
    }

    #[tokio::test]
    async fn nobody_signed_in_is_nothing_to_refuse() {
        let temporary = tempfile::tempdir().unwrap();
        let screen = Screen::new();
        assert_eq!(run(&testing::folder(&temporary), &mut screen.console()).await, Ok(()));
        assert_eq!(screen.out(), "You weren't signed in.\n");
    }
}
