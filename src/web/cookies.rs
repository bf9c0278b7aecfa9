//! The few cookies there are: all for this host alone, none for scripts.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::app::App;

/// A session's token.
pub const SESSION: &str = "doorkey_session";
/// How long a browser keeps a session's token, in days.
pub const SESSION_DAYS: i64 = 30;
/// The token of a trusted browser.
pub const BROWSER: &str = "doorkey_browser";
/// Binds the forms of pages to a browser in which nobody is signed in.
pub const FORM: &str = "doorkey_form";
/// What the last action did, for the next page.
pub const NOTICE: &str = "doorkey_notice";

/// The cookie's value. `None` also when it is there twice with different values: one of them isn't ours.
pub fn get<'a>(headers: &'a HeaderMap, app: &App, name: &str) -> Option<&'a str> {
    let name = full_name(app, name);
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value);
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

/// Sets a cookie for `days`; 0 takes it away.
pub fn set(app: &App, name: &str, value: &str, days: i64) -> HeaderValue {
    let secure = if app.is_https() { "; Secure" } else { "" };
    let name = full_name(app, name);
    let age = days * 86_400;
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// By HTTPS a cookie bears the prefix that makes browsers keep other hosts of the domain from setting it.
fn full_name(app: &App, name: &str) -> String {
    if app.is_https() { format!("__Host-{name}") } else { name.into() }
}
