//! Forms that are ours: each bears a token that is bound to the browser it was made for, so that no other site, and nobody else's
//! page, can send it.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, header},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::Secret;

use crate::{
    app::App,
    clock,
    problem::{Code, Problem},
    secrets,
    web::{body, cookies, multipart},
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

    /// That it bears the token of the browser that sent it.
    fn is_ours(&self, app: &App, headers: &HeaderMap) -> Result<(), Problem> {
        let sent = URL_SAFE_NO_PAD.decode(self.get("form_token")).unwrap_or_default();
        let ours = bound_to(app, headers).is_some_and(|cookie| seal::same(&sent, &mac(app, cookie)));
        if ours { Ok(()) } else { Err(expired()) }
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
        let (headers, body) = read(request, MOST).await?;
        let form = Self(serde_urlencoded::from_bytes(&body).map_err(|_| not_ours())?);
        form.is_ours(app, &headers)?;
        Ok(form)
    }
}

/// The same with a file in it, which may be left out.
pub struct FormWithFile {
    /// The other fields.
    pub form: Form,
    /// What the file is called; empty when there is none.
    pub file_name: String,
    /// What is in the file.
    pub file: Secret<Vec<u8>>,
}

impl FromRequest<Arc<App>> for FormWithFile {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (headers, body) = read(request, body::MOST).await?;
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let parts = multipart::boundary(kind).and_then(|boundary| multipart::parts(&body, boundary));
        let (mut fields, mut file_name, mut file) = (Vec::new(), String::new(), Secret::new(Vec::new()));
        for part in parts.ok_or_else(not_ours)? {
            match part.file_name {
                None => fields.push((part.name, String::from_utf8_lossy(part.content).into_owned())),
                // A browser sends the field of a file that wasn't chosen with an empty one.
                Some(name) if name.is_empty() && part.content.is_empty() => {}
                Some(name) => (file_name, file) = (name, Secret::new(part.content.to_vec())),
            }
        }
        let form = Form(fields);
        form.is_ours(app, &headers)?;
        Ok(Self { form, file_name, file })
    }
}

/// A form's headers and its body, if no other site sent it.
async fn read(request: Request, most: usize) -> Result<(HeaderMap, Bytes), Problem> {
    let headers = request.headers().clone();
    let from_elsewhere =
        headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    if from_elsewhere {
        return Err(expired());
    }
    Ok((headers, body::read(request.into_body(), most).await?))
}

fn not_ours() -> Problem {
    Problem::new(
        Code::Unreadable,
        "That wasn't a form of this page. Go back, reload the page, and try again.",
    )
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
