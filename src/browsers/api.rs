//! Trusted browsers, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::StatusCode,
};
use domain::{BrowserId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::SignedIn,
    app::App,
    ctx::Ctx,
    openapi::words::Time,
    problem::{Problem, of},
};

/// A trusted browser.
#[derive(Serialize, ToSchema)]
pub struct BrowserAnswer {
    /// Its id.
    #[schema(value_type = String)]
    id: BrowserId,
    /// What it says that it is.
    agent: String,
    /// Since when it is trusted.
    #[schema(value_type = Time)]
    created_at: Timestamp,
    /// Until when.
    #[schema(value_type = Time)]
    ends_at: Timestamp,
}

/// The person's trusted browsers.
#[derive(Serialize, ToSchema)]
pub struct BrowsersAnswer {
    /// The newest comes first.
    browsers: Vec<BrowserAnswer>,
}

/// How many were forgotten.
#[derive(Serialize, ToSchema)]
pub struct ForgottenAnswer {
    /// How many trusted browsers.
    forgotten: u64,
}

/// Lists the trusted browsers: those in which the password alone signs in.
#[utoipa::path(
    get, path = "/api/v1/browsers",
    security(("token" = [])),
    responses((status = 200, description = "The list.", body = BrowsersAnswer)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
) -> Result<Answer<BrowsersAnswer>, Problem> {
    let browsers = super::list(&app, &ctx, &person)?.into_iter().map(|browser| BrowserAnswer {
        id: browser.id,
        agent: browser.agent,
        created_at: browser.created_at,
        ends_at: browser.ends_at,
    });
    Ok(Answer(BrowsersAnswer { browsers: browsers.collect() }))
}

/// Forgets one of them: its next sign-in is asked for a code.
#[utoipa::path(
    delete, path = "/api/v1/browsers/{id}",
    security(("token" = [])),
    params(("id" = String, Path, description = "Its id.", example = "bro_00000000000000000000000000000000")),
    responses((status = 204, description = "It is forgotten."), of::NotFound),
)]
pub async fn forget(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    super::forget(&app, &ctx, &person, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets all of them.
#[utoipa::path(
    delete, path = "/api/v1/browsers",
    security(("token" = [])),
    responses((status = 200, description = "They are forgotten.", body = ForgottenAnswer)),
)]
pub async fn forget_all(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
) -> Result<Answer<ForgottenAnswer>, Problem> {
    let forgotten = super::forget_all(&app, &ctx, &person).await?;
    Ok(Answer(ForgottenAnswer { forgotten }))
}
