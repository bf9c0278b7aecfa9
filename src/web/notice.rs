//! What the last action did, said by the next page: kept in the browser for a minute, with our mark on it, so that no link can make
//! a page say what Doorkey never said.

use axum::http::{HeaderMap, HeaderValue};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::views::{Link, Notice, NoticeKind};
use crate::{app::App, web::cookies};

/// Between the parts of what is carried.
const NEXT: char = '\n';

/// The cookie that carries a notice to the next page.
pub fn set(app: &App, notice: &Notice) -> HeaderValue {
    let letter = match notice.kind {
        NoticeKind::Success => 's',
        NoticeKind::Info => 'i',
        NoticeKind::Warning => 'w',
    };
    let mut said = format!("{letter}{}", notice.text);
    for link in &notice.links {
        said.extend([NEXT.to_string(), link.label.clone(), NEXT.to_string(), link.href.clone()]);
    }
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
    let mut parts = said.get(1..)?.split(NEXT);
    let text = parts.next()?.to_owned();
    let mut links = Vec::new();
    while let (Some(label), Some(href)) = (parts.next(), parts.next()) {
        links.push(Link { label: label.into(), href: href.into() });
    }
    Some(Notice { kind, text, links })
}

/// Takes the notice away, once it has been said.
pub fn clear(app: &App) -> HeaderValue {
    cookies::set(app, cookies::NOTICE, "", 0)
}
