//! The style sheet, the script and the pictures: part of the program, so that there is nothing to install beside it.

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

macro_rules! files {
    ($($name:literal: $type:literal),+ $(,)?) => {
        fn find(name: &str) -> Option<(&'static str, &'static [u8])> {
            match name {
                $($name => Some(($type, include_bytes!(concat!("../../static/", $name)))),)+
                _ => None,
            }
        }
    };
}

files! {
    "api.css": "text/css; charset=utf-8",
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "base.css": "text/css; charset=utf-8",
    "forms.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "logo.svg": "image/svg+xml",
}

/// A static file. It may be kept for an hour: a new version of Doorkey is there soon enough.
pub async fn get(Path(name): Path<String>) -> Response {
    match find(&name) {
        Some((kind, bytes)) => {
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=3600")], bytes)
                .into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
