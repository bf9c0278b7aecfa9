//! Builds: the runs of a project's pipeline. A build shows whose it is when it is opened, and from then on by its token, which lives as long
//! as the build.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use domain::{BuildId, MachineToken, Timestamp, TokenKind};
use store::{
    Tx,
    builds::{self as rows, Build},
};

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

    /// The same, to be kept.
    pub fn into_build(self) -> Build {
        self.0
    }

    /// The open build whose token has this hash.
    ///
    /// # Errors
    /// `build-token-wrong` when there is none, or it has ended; and as the database has them.
    pub fn of(app: &App, hash: &[u8; 32]) -> Result<Self, Problem> {
        let build = app.store.read(|conn| rows::by_token(conn, hash))?.ok_or_else(not_known)?;
        if build.is_open(app.clock.now()) { Ok(Self(build)) } else { Err(ended()) }
    }

    /// Checks, in the transaction of a change, that the build is still open.
    ///
    /// # Errors
    /// `build-token-wrong` when it has ended.
    pub fn still(tx: &mut Tx<'_>, build: BuildId, now: Timestamp) -> Result<(), Problem> {
        match rows::by_id(tx, build)? {
            Some(build) if build.is_open(now) => Ok(()),
            Some(_) => Err(ended()),
            None => Err(not_known()),
        }
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
        Self::of(app, &hash)
    }
}

/// There is no open build with the token that came, or none came.
pub fn not_known() -> Problem {
    Problem::new(
        Code::BuildTokenWrong,
        "The build token is missing, or isn't one of this server's. Open a build, and send its token.",
    )
}

fn ended() -> Problem {
    Problem::new(Code::BuildTokenWrong, "This build has ended, and its token with it. Open another one.")
}
