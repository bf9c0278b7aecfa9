//! Builds: the runs of a project's pipeline. A build shows whose it is when it is opened, and from then on by its token, which lives as long
//! as the build.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use domain::{MachineToken, TokenKind};
use store::builds::{self as rows, Build};

use crate::{
    app::App,
    problem::{Code, Problem},
    secrets,
};

/// A build that is open, by its token: in the header `Authorization: Bearer`, or in `BUILD_API_TOKEN` as the steps of a CI send it.
pub struct BuildToken(Build);

impl BuildToken {
    /// Which build it is.
    pub const fn build(&self) -> &Build {
        &self.0
    }
}

/// What is kept of the build token that a request came with, if it can be one.
pub fn token(headers: &HeaderMap) -> Option<[u8; 32]> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|sent| sent.strip_prefix("Bearer "));
    let sent = bearer.or_else(|| text("build_api_token")).unwrap_or_default();
    MachineToken::parse(TokenKind::Build, sent.trim()).map(|token| secrets::hash(token.expose()))
}

impl FromRequestParts<Arc<App>> for BuildToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let hash = token(&parts.headers).ok_or_else(not_known)?;
        let build = app.store.read(|conn| rows::by_token(conn, &hash))?.ok_or_else(not_known)?;
        if build.is_open(app.clock.now()) { Ok(Self(build)) } else { Err(ended()) }
    }
}

fn not_known() -> Problem {
    Problem::new(
        Code::BuildTokenWrong,
        "The build token is missing, or isn't one of this server's. Open a build, and send its token.",
    )
}

fn ended() -> Problem {
    Problem::new(Code::BuildTokenWrong, "This build has ended, and its token with it. Open another one.")
}
