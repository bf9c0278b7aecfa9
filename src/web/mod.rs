//! What every page and request shares: cookies, forms that are ours, security headers, the client's address, the frame around a
//! page, and the page that a problem becomes.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use domain::RequestId;

use crate::{
    app::App,
    clock::{self, Stopwatch},
    problem::{Code, Problem},
};

pub mod assets;
pub mod body;
pub mod client;
pub mod cookies;
pub mod form;
pub mod headers;
pub mod in_flight;
pub mod json;
pub mod multipart;
pub mod notice;
pub mod qr;
pub mod views;
pub mod visit;

/// Marks a request that came through the socket in the data folder: whoever may open that socket administers the server.
#[derive(Clone, Copy, Debug)]
pub struct LocalAdministrator;

/// Gives the request its id, and writes one line about it: method, path without its secrets, status. The id is in every line that
/// the request causes, in its events, and in the answer.
pub async fn identify(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let Ok(mut rng) = clock::rng() else { return Problem::unavailable().into_response() };
    let id = RequestId::new(app.clock.now(), &mut rng);
    request.extensions_mut().insert(id);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let watch = Stopwatch::start();
    let span = tracing::info_span!("request", %id);
    let (method, path) = (request.method().clone(), without_secrets(request.uri().path()));
    let mut response = tracing::Instrument::instrument(next.run(request), span.clone()).await;
    span.in_scope(|| tracing::info!(%method, path, status = response.status().as_u16()));
    app.metrics.request(&method, route.as_ref().map(MatchedPath::as_str), &response, watch.micros());
    if let Ok(value) = id.to_string().parse() {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// A path as it may stand in a log: a one-time link's token is left out.
fn without_secrets(path: &str) -> String {
    // Also where a slash was doubled, and there is no such address.
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    match first {
        "setup" | "reset" | "invitation" | "project-invitation" => format!("/{first}/..."),
        _ => path.to_owned(),
    }
}

/// Turns a problem into what a browser shows: the way to sign in or to confirm, where that solves it, or a page that says what
/// happened and what to do.
pub async fn problem_page(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let (form_token, new_cookie) = form::token_for(&app, request.headers());
    let response = next.run(request).await;
    let Some(problem) = response.extensions().get::<Problem>().cloned() else {
        return match response.status() {
            StatusCode::NOT_FOUND => page(&Problem::not_found(), form_token),
            StatusCode::METHOD_NOT_ALLOWED => page(
                &Problem::new(Code::MethodNotAllowed, "Go back, and use the page's own buttons."),
                form_token,
            ),
            _ => response,
        };
    };
    // Back to where the person was, after a form to the page that it stands on: forms post to their own page's address.
    let back = match (&method, uri.path_and_query()) {
        (&Method::GET, Some(here)) => here.as_str(),
        _ => uri.path(),
    };
    let mut response = match problem.code {
        Code::SignInNeeded => Redirect::to(&format!("/sign-in?next={}", in_query(back))).into_response(),
        Code::ConfirmationNeeded => {
            Redirect::to(&format!("/sign-in/confirm?next={}", in_query(back))).into_response()
        }
        _ => page(&problem, form_token),
    };
    if let Some(cookie) = new_cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn page(problem: &Problem, form_token: String) -> Response {
    let view = views::ProblemPage {
        page: views::Outside { sandbox: false, notice: None, form_token },
        title: problem.code.title().into(),
        happened: String::new(),
        next: problem.detail.clone(),
        back: views::Link { label: "Back to Doorkey".into(), href: "/".into() },
        request_id: None,
    };
    let mut response = (problem.code.status(), html(&view)).into_response();
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// A page from its template.
pub fn html(view: &impl askama::Template) -> Response {
    match view.render() {
        Ok(text) => axum::response::Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A text as it stands in a query.
pub fn in_query(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Where to go on after signing in: a path of this server's, never another address.
pub fn local_path(next: Option<&str>) -> &str {
    // A path that begins with two slashes, or a slash and a backslash, is another host's to a browser.
    next.filter(|next| {
        next.starts_with('/')
            && !next.starts_with("//")
            && !next.contains(|c: char| c == '\\' || c.is_control())
    })
    .unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_on_never_leads_to_another_server() {
        assert_eq!(local_path(Some("/app-passwords?x=1")), "/app-passwords?x=1");
        for bad in [
            None,
            Some(""),
            Some("https://evil.example"),
            Some("//evil.example"),
            Some("/\\evil.example"),
            Some("/\t/evil.example"),
            Some("javascript:alert(1)"),
        ] {
            assert_eq!(local_path(bad), "/", "{bad:?}");
        }
    }

    #[test]
    fn a_one_time_link_is_never_logged() {
        assert_eq!(without_secrets("/setup/abc"), "/setup/...");
        assert_eq!(without_secrets("/reset/abc/def"), "/reset/...");
        assert_eq!(without_secrets("//reset/abc"), "/reset/...");
        assert_eq!(without_secrets("/invitation/abc"), "/invitation/...");
        assert_eq!(without_secrets("/project-invitation/abc"), "/project-invitation/...");
        assert_eq!(local_path(Some("/\u{1}")), "/");
        assert_eq!(without_secrets("/services/calendar"), "/services/calendar");
    }
}
