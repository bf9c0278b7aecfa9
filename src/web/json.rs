//! JSON requests: read whole, with an error that says what is missing and never repeats what was sent.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::{
    app::App,
    problem::{Code, Problem},
    web::body,
};

/// A request's body, of at most `MOST` bytes.
pub struct Json<T, const MOST: usize = { body::MOST }>(pub T);

impl<T: DeserializeOwned, const MOST: usize> FromRequest<Arc<App>> for Json<T, MOST> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Problem> {
        let body = body::read(request.into_body(), MOST).await?;
        // A request without a body says nothing, which some requests allow.
        let body = if body.is_empty() { b"null".as_slice() } else { &body };
        serde_json::from_slice(body).map(Self).map_err(|error| unreadable(&error))
    }
}

/// A parser's message may quote the value that it stumbled over, and that may be a password: only names are passed on.
fn unreadable(error: &serde_json::Error) -> Problem {
    let said = error.to_string();
    let name = said.split('`').nth(1).unwrap_or_default();
    let what = match said.split(' ').next() {
        Some("missing") => format!("The field \"{name}\" is missing."),
        Some("unknown") => format!("There is no field \"{name}\" in this request."),
        _ if error.is_data() => {
            format!("Line {}, column {}, is not of the right type.", error.line(), error.column())
        }
        _ => format!("It isn't JSON from line {}, column {}, on.", error.line(), error.column()),
    };
    Problem::new(
        Code::Unreadable,
        format!("{what} The page /api on this server shows what this request takes."),
    )
}
