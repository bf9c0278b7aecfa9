//! What the command line's tests stand on: a console in memory, and a server of a few routes on a free port.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Cursor, ErrorKind, Write};
use std::rc::Rc;

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use domain::Secret;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::client::Client;
use super::console::{Ask, Console};
use super::credentials::{Credentials, Folder};

#[derive(Clone, Default)]
struct Written(Rc<RefCell<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A console in memory, and what a person at it does.
#[derive(Default)]
pub(super) struct Screen {
    out: Written,
    err: Written,
    input: String,
    answers: Option<VecDeque<String>>,
    prompts: Rc<RefCell<Vec<String>>>,
}

impl Screen {
    /// Nobody sits at it, and nothing comes in.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// This comes in on standard input.
    pub(super) fn typed_in(self, input: &str) -> Self {
        Self { input: input.into(), ..self }
    }

    /// Somebody sits at it and answers this, in turn.
    pub(super) fn answers(self, answers: &[&str]) -> Self {
        Self { answers: Some(answers.iter().map(|answer| (*answer).to_owned()).collect()), ..self }
    }

    pub(super) fn console(&self) -> Console {
        let prompts = Rc::clone(&self.prompts);
        Console {
            out: Box::new(self.out.clone()),
            err: Box::new(self.err.clone()),
            input: Box::new(Cursor::new(self.input.clone())),
            terminal: self.answers.clone().map(|mut answers| -> Box<Ask> {
                Box::new(move |prompt| {
                    prompts.borrow_mut().push(prompt.into());
                    answers.pop_front().ok_or_else(|| ErrorKind::UnexpectedEof.into())
                })
            }),
        }
    }

    pub(super) fn out(&self) -> String {
        self.out.text()
    }

    pub(super) fn err(&self) -> String {
        self.err.text()
    }

    pub(super) fn prompts(&self) -> Vec<String> {
        self.prompts.borrow().clone()
    }
}

/// A server on a free port of this machine, until it is dropped.
pub(super) struct TestServer {
    pub(super) url: String,
    task: JoinHandle<io::Result<()>>,
}

impl TestServer {
    pub(super) async fn start(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { url, task: tokio::spawn(async move { axum::serve(listener, router).await }) }
    }

    /// Speaks to it with a token.
    pub(super) fn client(&self) -> Client {
        let Credentials { url, token, .. } = credentials(&self.url, "dka_x");
        Client::at(&url, Some(token)).unwrap_or_else(|error| panic!("{error:?}"))
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A refusal as a server sends it.
pub(super) fn problem(status: StatusCode, code: &str) -> Response {
    if status == StatusCode::NO_CONTENT {
        return status.into_response();
    }
    (status, Json(json!({ "code": code, "detail": format!("It says {code}.") }))).into_response()
}

/// Ada's.
pub(super) fn credentials(url: &str, token: &str) -> Credentials {
    Credentials { url: url.parse().unwrap(), id: "ada@example.org".into(), token: Secret::new(token.into()) }
}

/// A folder that isn't there yet, in one that goes with the test.
pub(super) fn folder(temporary: &TempDir) -> Folder {
    Folder::under(temporary.path())
}
