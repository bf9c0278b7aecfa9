//! Forms that are ours: each bears a token that is bound to the browser it was made for, so that no other site, and nobody else's
//! page, can send it.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    app::App,
    clock,
    problem::{Code, Problem},
    secrets,
    web::{body, cookies},
};

/// A form that is ours, of at most `MOST` bytes, as names and values in their order.
pub struct Form<const MOST: usize = { body::MOST }>(Vec<(String, String)>);

impl<const MOST: usize> Form<MOST> {
    /// The value of the field; empty when it isn't there.
    pub fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// All values of the field.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Every field with its value, in the form's order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether the box is ticked.
    pub fn ticked(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }
}

impl<const MOST: usize> Drop for Form<MOST> {
    fn drop(&mut self) {
        // Passwords and codes come in forms.
        for (_, value) in &mut self.0 {
            drop(domain::Secret::new(std::mem::take(value)));
        }
    }
}

impl<const MOST: usize> FromRequest<Arc<App>> for Form<MOST> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let from_elsewhere =
            headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
        if from_elsewhere {
            return Err(expired());
        }
        let body = body::read(request.into_body(), MOST).await?;
        let form: Vec<(String, String)> = serde_urlencoded::from_bytes(&body).map_err(|_| {
            Problem::new(
                Code::Unreadable,
                "That wasn't a form of this page. Go back, reload the page, and try again.",
            )
        })?;
        let form = Self(form);
        let sent = URL_SAFE_NO_PAD.decode(form.get("form_token")).unwrap_or_default();
        let ours = bound_to(app, &headers).is_some_and(|cookie| seal::same(&sent, &mac(app, cookie)));
        if ours { Ok(form) } else { Err(expired()) }
    }
}

fn expired() -> Problem {
    Problem::new(
        Code::FormExpired,
        "It was made for another sign-in, or another browser. Go back, reload the page, and send it again.",
    )
}

/// The form token for the browser that sent this, and the cookie that it has to be given for it, if it has none yet.
pub fn token_for(app: &App, headers: &HeaderMap) -> (String, Option<HeaderValue>) {
    match bound_to(app, headers) {
        Some(cookie) => (token_bound_to(app, cookie), None),
        None => {
            let Ok(mut rng) = clock::rng() else { return (String::new(), None) };
            let cookie = secrets::token(&mut rng);
            let token = token_bound_to(app, cookie.expose());
            (token, Some(cookies::set(app, cookies::FORM, cookie.expose(), 1)))
        }
    }
}

/// The form token for a browser that is given this cookie for its session.
pub fn token_bound_to(app: &App, session: &str) -> String {
    URL_SAFE_NO_PAD.encode(mac(app, session))
}

/// What a form is bound to: the session, or what stands in for it while there is none.
fn bound_to<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    cookies::get(headers, app, cookies::SESSION).or_else(|| cookies::get(headers, app, cookies::FORM))
}

fn mac(app: &App, cookie: &str) -> [u8; 32] {
    app.keyring.mac("form", cookie.as_bytes())
}
