//! What the last action did, said by the next page: kept in the browser for a minute, with our mark on it, so that no link can make
//! a page say what Doorkey never said.

use axum::http::{HeaderMap, HeaderValue};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::views::{Notice, NoticeKind};
use crate::{app::App, web::cookies};

/// The cookie that carries a notice to the next page.
pub fn set(app: &App, kind: NoticeKind, text: &str) -> HeaderValue {
    let letter = match kind {
        NoticeKind::Success => 's',
        NoticeKind::Info => 'i',
        NoticeKind::Warning => 'w',
    };
    let said = format!("{letter}{text}");
    let mac = app.keyring.mac("notice", said.as_bytes());
    let value = format!("{}.{}", URL_SAFE_NO_PAD.encode(&said), URL_SAFE_NO_PAD.encode(mac));
    cookies::set(app, cookies::NOTICE, &value, 1)
}

/// The notice that the browser brings, if it is ours.
pub fn get(app: &App, headers: &HeaderMap) -> Option<Notice> {
    let (said, mac) = cookies::get(headers, app, cookies::NOTICE)?.split_once('.')?;
    let (said, mac) = (URL_SAFE_NO_PAD.decode(said).ok()?, URL_SAFE_NO_PAD.decode(mac).ok()?);
    if !seal::same(&mac, &app.keyring.mac("notice", &said)) {
        return None;
    }
    let said = String::from_utf8(said).ok()?;
    let kind = match said.chars().next()? {
        's' => NoticeKind::Success,
        'i' => NoticeKind::Info,
        _ => NoticeKind::Warning,
    };
    Some(Notice { kind, text: said.get(1..)?.to_owned() })
}

/// Takes the notice away, once it has been said.
pub fn clear(app: &App) -> HeaderValue {
    cookies::set(app, cookies::NOTICE, "", 0)
}
