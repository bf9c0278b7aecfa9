//! What requests to other servers have in common: no redirect is followed, no proxy is asked, and no more of an answer is read than was said.

use std::error::Error;

use reqwest::{Client, ClientBuilder, Response};

/// A client that goes nowhere but where it is sent.
pub fn builder() -> ClientBuilder {
    // An error says that there is a provider already, which is this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("doorkey/", env!("CARGO_PKG_VERSION")))
}

/// An answer's body: its first `most` bytes.
///
/// # Errors
/// When it doesn't come.
pub async fn read(response: &mut Response, most: usize) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = most - body.len();
        body.extend(chunk.iter().take(room));
        if body.len() == most {
            break;
        }
    }
    Ok(body)
}

/// The deepest reason. The outer ones name the whole address.
pub fn root(error: &dyn Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
