//! Builds: the runs of a project's pipeline. A build shows whose it is when it is opened, and from then on by its token, which lives as long
//! as the build.
//!
//! What shows whose it is: an identity token of its CI ([`identity`]) that one of the project's [`rules`] lets in, or a project token
//! ([`tokens`]). [`open`] and [`close`] are the beginning and the end.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use domain::{BuildId, MachineToken, Timestamp, TokenKind};
use store::{
    Tx,
    builds::{self as rows, Build},
    projects::Project,
};

use crate::{
    access::Oneself,
    app::App,
    problem::{Code, Problem},
    projects::Member,
    secrets,
};

pub mod api;
pub mod close;
pub mod identity;
pub mod integrations;
pub mod integrations_api;
pub mod issuer_pages;
pub mod issuers;
pub mod line;
pub mod open;
pub mod openings;
pub mod pages;
pub mod presets;
pub mod rules;
pub mod snippets;
pub mod tokens;
pub mod views;

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

/// A build's address: its page for people, and what its steps begin their addresses with.
pub fn url(app: &App, id: BuildId) -> String {
    format!("{}/builds/{id}", app.config.http.public_url.as_str())
}

/// How many builds are listed at a time.
const PAGE: usize = 50;

/// Some of a project's builds.
pub struct Page {
    /// The newest first.
    pub builds: Vec<Build>,
    /// Before which there are more.
    pub next: Option<BuildId>,
}

/// The project's builds before this one; the newest without.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App, member: &Member, before: Option<BuildId>) -> Result<Page, Problem> {
    let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let mut builds = app.store.read(|conn| rows::of_project(conn, member.project.id, before, limit))?;
    let more = builds.len() > PAGE;
    builds.truncate(PAGE);
    let next = builds.last().filter(|_| more).map(|build| build.id);
    Ok(Page { builds, next })
}

/// The build of this id, if whoever asks is in its project's team.
///
/// # Errors
/// `not-found`: that there is none, and that it isn't theirs, are told apart to nobody.
pub fn of_team(app: &App, who: &Oneself, id: &str) -> Result<(Build, Member), Problem> {
    let id: BuildId = id.parse().map_err(|_| no_build())?;
    app.store.read(|conn| {
        let build = rows::by_id(conn, id)?.ok_or_else(no_build)?;
        let project = build.project.to_string();
        let member = Member::find(conn, who.account(), &project).map_err(|problem| match problem.code {
            Code::NotFound => no_build(),
            _ => problem,
        })?;
        Ok((build, member))
    })
}

/// What the build builds.
///
/// # Errors
/// As the database has them.
pub fn project_of(app: &App, build: &Build) -> Result<Project, Problem> {
    let project = app.store.read(|conn| store::projects::by_id(conn, build.project))?;
    project.ok_or_else(not_known)
}

fn no_build() -> Problem {
    let detail =
        "There is no such build, or you aren't in its project's team. Look at the project's builds again.";
    Problem::new(Code::NotFound, detail)
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
