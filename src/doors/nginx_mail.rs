//! The mail-proxy door, `/door/nginx-mail/{service}`: nginx's mail proxy asks it by `auth_http` whether a sign-in is good, and which
//! server to go on to. Source: the documentation of `ngx_mail_auth_http_module`.
//!
//! The servers behind the proxy stand in the door's address, one for each protocol: `?imap=127.0.0.1:143&smtp=127.0.0.1:587`. nginx wants an
//! answer of 200 to everything, and what is refused in a header.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use axum::{
    extract::{Path, Query, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use domain::{Kind, KindSet, Secret};
use percent_encoding::percent_decode_str;

use super::{
    check,
    http::{Asked, asked},
};
use crate::{
    app::App,
    app_passwords::verify::{SignIn, Verdict},
    metrics::doors::{Answer, Door},
    problem::Problem,
};

/// After how many failures in one connection nginx is no longer told to ask again.
const MOST_ATTEMPTS: u32 = 10;

/// Answers one question. A wrong key, or an address without the server for the protocol, isn't the app's fault: nginx is answered with
/// an error, and says "temporary" to the app.
pub async fn ask(
    State(app): State<Arc<App>>,
    service: Result<Path<String>, PathRejection>,
    Query(servers): Query<HashMap<String, String>>,
    request: Request,
) -> Response {
    let (headers, extensions) = (request.headers(), request.extensions());
    let Asked { service, source } = match asked(&app, Door::NginxMail, service, headers, extensions) {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let protocol = text("auth-protocol");
    let Some(server) = servers.get(protocol).and_then(|server| server.parse::<SocketAddr>().ok()) else {
        tracing::warn!(
            service = service.name.as_str(),
            "the mail-proxy door's address doesn't say where a protocol goes on to: add ?imap=ADDRESS:PORT, ?pop3= or ?smtp="
        );
        return Problem::unavailable().into_response();
    };
    // nginx knows the app's address. Its own is what asked() has found.
    let app_source = text("client-ip").parse().ok().map(|ip: std::net::IpAddr| ip.to_canonical().to_string());
    let source = app_source.as_deref().unwrap_or_else(|| source.as_str());
    let sent = (text("auth-method") == "plain").then(|| credentials(headers)).flatten();
    let Some((name, secret)) = sent else {
        service.answers.count(Door::NginxMail, Answer::No);
        return refused(protocol, headers, "Sign in with PLAIN or LOGIN");
    };
    let kinds: KindSet = [Kind::Mail].into_iter().collect();
    let sign_in = SignIn { name: &name, secret: secret.expose(), service: &service, kinds, source };
    match check(&app, Door::NginxMail, sign_in).await {
        Verdict::Yes(good) => passed_on(good.account.name.as_str(), server),
        Verdict::No => refused(protocol, headers, "Wrong user name or password"),
        Verdict::NotForThisService => refused(protocol, headers, "This password was made for something else"),
        Verdict::NotForThisPerson => refused(protocol, headers, "You may not use this service"),
        Verdict::Unavailable => unavailable(protocol),
    }
}

/// The name and secret as the app sent them. nginx percent-encodes what could end a header, and the percent sign.
fn credentials(headers: &HeaderMap) -> Option<(String, Secret<String>)> {
    let decoded = |name: &str| {
        let sent = headers.get(name)?.to_str().ok()?;
        percent_decode_str(sent).decode_utf8().ok().map(|text| text.into_owned())
    };
    Some((decoded("auth-user")?, Secret::new(decoded("auth-pass")?)))
}

/// It is good: nginx goes on to the server, as the canonical ID and with the password that the app sent.
fn passed_on(user: &str, server: SocketAddr) -> Response {
    answer([
        ("auth-status", "OK".into()),
        ("auth-server", server.ip().to_string()),
        ("auth-port", server.port().to_string()),
        ("auth-user", user.into()),
    ])
}

fn refused(protocol: &str, headers: &HeaderMap, why: &str) -> Response {
    let attempt = headers.get("auth-login-attempt").and_then(|value| value.to_str().ok()?.parse().ok());
    let mut said = vec![("auth-status", format!("{}{why}", code(protocol, "AUTHENTICATIONFAILED", "AUTH")))];
    if protocol == "smtp" {
        said.push(("auth-error-code", "535 5.7.8".into()));
    }
    // Without this nginx closes the connection: an app that has tried often enough has to connect again.
    if attempt.unwrap_or(1) < MOST_ATTEMPTS {
        said.push(("auth-wait", "1".into()));
    }
    answer(said)
}

/// Ours, and said so in each protocol's own way (RFC 5530, RFC 3206, RFC 4954), so that no app forgets its password.
fn unavailable(protocol: &str) -> Response {
    let status =
        format!("{}Sign-ins can't be checked at the moment", code(protocol, "UNAVAILABLE", "SYS/TEMP"));
    answer([("auth-status", status), ("auth-error-code", "454 4.7.0".into())])
}

/// The code that stands before a sentence in IMAP and POP3.
fn code(protocol: &str, imap: &str, pop3: &str) -> String {
    match protocol {
        "imap" => format!("[{imap}] "),
        "pop3" => format!("[{pop3}] "),
        _ => String::new(),
    }
}

fn answer(said: impl IntoIterator<Item = (&'static str, String)>) -> Response {
    let mut response = StatusCode::OK.into_response();
    for (name, value) in said {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}
