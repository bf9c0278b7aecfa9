//! The HTTP door, `/door/http/{service}`: HTTP Basic authentication (RFC 7617) as nginx `auth_request`, Caddy `forward_auth` and
//! Traefik `ForwardAuth` ask it.

use std::{borrow::Cow, sync::Arc};

use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    http::{Extensions, HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{MachineToken, Secret, TokenKind};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::check;
use crate::{
    app::App,
    app_passwords::verify::{SignIn, Verdict, Yes},
    follow::Service,
    metrics::doors::{Answer, Door},
    problem::{Code, Problem},
    secrets,
    web::client::ClientAddress,
};

/// The header in which a service shows its key.
const KEY: &str = "doorkey-service-key";

/// Answers one question, whatever its method: 200 and whose sign-in it is, 401, 403 when the password is good but not for this
/// service or its person, 503 when Doorkey can't tell.
pub async fn ask(
    State(app): State<Arc<App>>,
    service: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let (headers, extensions) = (request.headers(), request.extensions());
    let Asked { service, source } = match asked(&app, Door::Http, service, headers, extensions) {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    let Some((name, secret)) = headers.get(header::AUTHORIZATION).and_then(basic) else {
        service.answers.count(Door::Http, Answer::No);
        return wrong();
    };
    let sign_in = SignIn {
        name: &name,
        secret: secret.expose(),
        service: &service,
        kinds: service.kinds,
        source: source.as_str(),
    };
    match check(&app, Door::Http, sign_in).await {
        Verdict::Yes(good) => yes(&good),
        Verdict::No => wrong(),
        Verdict::NotForThisService | Verdict::NotForThisPerson => StatusCode::FORBIDDEN.into_response(),
        Verdict::Unavailable => Problem::unavailable().into_response(),
    }
}

/// A question of a service that has shown its key.
pub struct Asked {
    /// The service.
    pub service: Arc<Service>,
    /// The address that the question came from, as far as the proxies on its way can be believed.
    pub source: ClientAddress,
}

/// Which service asks, by the name in the address and the key in the header: what the doors over HTTP have in common.
///
/// # Errors
/// When it can't be told, or the key is wrong. Neither is the app's fault.
pub fn asked(
    app: &App,
    door: Door,
    service: Result<Path<String>, PathRejection>,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Asked, Problem> {
    let service = service.ok().and_then(|Path(name)| app.live.service(&name));
    let answers = service.as_ref().map_or(&app.metrics.doors.nobody, |service| &service.answers);
    if !app.live.is_current() {
        answers.count(door, Answer::Unavailable);
        return Err(Problem::unavailable());
    }
    let Some(service) = service else {
        answers.count(door, Answer::WrongKey);
        return Err(wrong_key());
    };
    let source = ClientAddress::of(extensions, headers, app);
    if shows_key(headers, &service) {
        return Ok(Asked { service, source });
    }
    service.answers.count(door, Answer::WrongKey);
    if app.usage.wrong_key(&service.name, app.clock.now(), source.as_str()) {
        let (service, source) = (service.name.as_str(), source.as_str());
        tracing::warn!(
            service,
            source,
            "a door was asked with a wrong key, or none: put the service's key into the server there"
        );
    }
    Err(wrong_key())
}

fn shows_key(headers: &HeaderMap, service: &Service) -> bool {
    let sent = headers.get(KEY).and_then(|value| value.to_str().ok()).unwrap_or_default();
    MachineToken::parse(TokenKind::ServiceKey, sent.trim())
        .is_some_and(|key| seal::same(&secrets::hash(key.expose()), &service.key_hash))
}

/// Not 401: the app would take it for a wrong password, and forget the right one.
fn wrong_key() -> Problem {
    Problem::new(
        Code::ServiceKeyWrong,
        "This door answers a service that shows its key in the header Doorkey-Service-Key. Check the service's name in the \
         address and its key; an administrator can make a new one on the service's page.",
    )
}

/// The name and secret of `Basic`: base64, UTF-8, parted at the first colon.
fn basic(value: &HeaderValue) -> Option<(String, Secret<String>)> {
    let value = value.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded =
        scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok()).flatten()?;
    let text = Secret::new(String::from_utf8(decoded).ok()?);
    let (name, secret) = text.expose().split_once(':')?;
    Some((name.to_owned(), Secret::new(secret.to_owned())))
}

fn wrong() -> Response {
    let asks = [(header::WWW_AUTHENTICATE, r#"Basic realm="Doorkey", charset="UTF-8""#)];
    (StatusCode::UNAUTHORIZED, asks).into_response()
}

fn yes(good: &Yes) -> Response {
    let (account, name) = (&good.account, good.account.name.as_str());
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    for (header, value) in [
        ("remote-user", encoded(name)),
        // Traefik can't rename what it copies, and Radicale for one reads this.
        ("x-remote-user", encoded(name)),
        ("remote-email", encoded(name)),
        ("remote-name", encoded(account.display_name.as_str())),
        // A server that keeps sessions can tell by it which of them end with this password.
        ("doorkey-app-password", good.app_password.to_string().into()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(header, value);
        }
    }
    response
}

/// What a header can carry: printable ASCII as it stands, all else, and the percent sign, percent-encoded UTF-8.
const BEYOND_ASCII: &AsciiSet = &CONTROLS.add(b'%');

fn encoded(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { utf8_percent_encode(text, BEYOND_ASCII).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sent: &str) -> Option<(String, String)> {
        basic(&HeaderValue::from_str(sent).unwrap()).map(|(name, secret)| (name, secret.expose().clone()))
    }

    fn sent(text: &[u8]) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn reads_basic_with_colons_plus_percent_and_utf_8() {
        for secret in ["simple", "a:b::c", "a+b%20c", "pässword", ""] {
            let expected = Some(("ada@example.org".into(), secret.into()));
            assert_eq!(read(&sent(format!("ada@example.org:{secret}").as_bytes())), expected);
        }
        assert_eq!(read(&sent(b"a:b").replace("Basic", "bAsIc")), Some(("a".into(), "b".into())));
    }

    #[test]
    fn what_is_not_basic_is_nobody() {
        for wrong in ["", "Basic", "Basic ", "Basic !!!", "Bearer YTpi", &sent(b"nocolon"), &sent(b"\xff:x")]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_beyond_ascii_are_percent_encoded() {
        assert_eq!(encoded("Ada 100%"), "Ada 100%");
        assert_eq!(encoded("Zoë 100%"), "Zo%C3%AB 100%25");
    }
}
