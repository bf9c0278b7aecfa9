//! The hand-out as the steps of a CI expect it: `{the build's URL}/apple_developer_portal_data.json`, with the build's token in
//! `BUILD_API_TOKEN`.
//!
//! A step prints all of an answer that it can't read, secrets and all, so an answer has a group of fields only when each of them is
//! as the step wants it. It stands beside the other routes, as the doors do, and answers every refusal in the one form that steps read.

use std::sync::{Arc, Mutex, PoisonError};

use appleid::ApiKey;
use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts},
    routing,
};
use domain::{Given, RequestId, Timestamp};
use serde::Serialize;

use super::{Asked, Handed, Held, give};
use crate::{
    app::App,
    builds, clock,
    ctx::Stamp,
    problem::{Code, Problem},
    refusals::network,
    web::client::ClientAddress,
};

/// What is asked for, below a build's own address. A build's address that ends with a slash makes it two.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/builds/{id}/apple_developer_portal_data.json", routing::any(answer))
        .route("/builds/{id}//apple_developer_portal_data.json", routing::any(answer))
}

/// What a step reads. Fields that have no value aren't there: a step takes a field that is null, or empty, for a connection that is broken.
#[derive(Serialize)]
struct Data<'a> {
    key_id: &'a str,
    issuer_id: &'a str,
    private_key: &'a str,
    is_enterprise_account: bool,
}

#[derive(Serialize)]
struct Refused<'a> {
    error_msg: &'a str,
}

/// Whether steps can be given this key: they take none without an issuer, which an individual key is, and make a file's name of its ID.
fn fits(held: &Held) -> bool {
    let plain = |text: &str| {
        (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    plain(&held.key.key_id) && held.key.issuer_id.as_deref().is_some_and(plain)
}

async fn answer(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let problem = Problem::new(Code::MethodNotAllowed, "Ask for this with GET.");
        let mut response = refused(&problem);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let (parts, _) = request.into_parts();
    match data(&app, id, &parts).await {
        Ok(body) => json(StatusCode::OK, body),
        Err(problem) => refused(&problem),
    }
}

async fn data(app: &App, id: Result<Path<String>, PathRejection>, parts: &Parts) -> Result<String, Problem> {
    let source = ClientAddress::of(&parts.extensions, &parts.headers, app).0.map(|source| network(&source));
    let token =
        builds::token(&parts.headers).ok_or_else(|| no_token(app, &parts.headers, source.as_deref()))?;
    let build = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "There is no such build. Check BITRISE_BUILD_URL: it is the build's own address.",
        )
    })?;
    let asked = Asked { token, build: Some(build), source: source.as_deref(), given: Given::ApiKey, fits };
    let handed = give(app, asked, || {
        let now = app.clock.now();
        let request = RequestId::new(now, &mut clock::rng()?);
        tracing::info!(%request, %build, "a step of a build receives what its project uses");
        Ok(Stamp { now, request, source: source.clone(), token: None })
    })
    .await?;
    Ok(handed.and_then(|Handed { held, key }| body(&held, &key)).unwrap_or_else(|| "{}".to_owned()))
}

/// What a step reads of this connection; none when it can't be given to steps.
fn body(held: &Held, key: &ApiKey) -> Option<String> {
    let pem = key.pem();
    let data = Data {
        key_id: &held.key.key_id,
        issuer_id: held.key.issuer_id.as_deref().filter(|_| fits(held))?,
        private_key: pem.expose(),
        is_enterprise_account: held.key.enterprise,
    };
    serde_json::to_string(&data).ok()
}

/// A step that sends no token at all most likely sent one, and a proxy in front dropped it: only the operator can mend that.
fn no_token(app: &App, headers: &HeaderMap, source: Option<&str>) -> Problem {
    if !headers.contains_key("build_api_token") && app.untold.is_due(app.clock.now()) {
        tracing::warn!(
            source,
            "a build's step asked without the header BUILD_API_TOKEN. If a proxy stands in front of the server, let it pass \
             headers with an underscore in their name: nginx drops them unless `underscores_in_headers on;` is set. \
             `doorkey doctor` shows whether they arrive"
        );
    }
    Problem::new(
        Code::BuildTokenWrong,
        "The header BUILD_API_TOKEN is missing, or isn't a token of this server's. Open a build, and send its token.",
    )
}

fn refused(problem: &Problem) -> Response<Body> {
    let body =
        serde_json::to_string(&Refused { error_msg: &problem.detail }).unwrap_or_else(|_| "{}".to_owned());
    let mut response = json(problem.code.status(), body);
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn json(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// When it was last said that a token is missing: once a minute is enough.
#[derive(Default)]
pub struct Untold(Mutex<Option<Timestamp>>);

impl Untold {
    fn is_due(&self, now: Timestamp) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.is_none_or(|at| !(0..60_000).contains(&now.since(at)));
        if due {
            *told = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests;
