//! Personal API tokens, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::StatusCode,
};
use domain::{Timestamp, TokenId};
use serde::{Deserialize, Serialize};
use store::tokens::Token;
use utoipa::ToSchema;

use super::{New, TOKENS_MAX};
use crate::{
    access::SignedIn,
    app::App,
    ctx::Ctx,
    openapi::words,
    problem::{Problem, of},
    web::json::Json,
};

/// A personal API token; never the token itself.
#[derive(Serialize, ToSchema)]
pub struct TokenAnswer {
    /// Its id.
    #[schema(value_type = String)]
    id: TokenId,
    /// What its person calls it.
    label: String,
    /// What it may be used for.
    #[schema(value_type = Vec<words::Scope>)]
    scopes: Vec<&'static str>,
    /// Whether its time is over.
    expired: bool,
    /// When it was made.
    #[schema(value_type = words::Time)]
    created_at: Timestamp,
    /// When it stops working.
    #[schema(value_type = words::Time)]
    expires_at: Timestamp,
    /// When it was last used, to the minute; null before the first time.
    #[schema(value_type = Option<words::Time>)]
    last_used_at: Option<Timestamp>,
    /// From which address that was.
    last_used_source: Option<String>,
}

impl TokenAnswer {
    fn of(token: Token, now: Timestamp) -> Self {
        let (last_used_at, last_used_source) = token.last_use.unzip();
        Self {
            id: token.id,
            label: token.label.as_str().into(),
            scopes: token.scopes.iter().map(|scope| scope.name()).collect(),
            expired: token.expires_at <= now,
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at,
            last_used_source,
        }
    }
}

/// The person's tokens.
#[derive(Serialize, ToSchema)]
pub struct TokensAnswer {
    /// The newest first; those that expired stay for a month.
    tokens: Vec<TokenAnswer>,
    /// How many may work at a time.
    limit: usize,
}

/// Lists one's own personal API tokens.
#[utoipa::path(
    get, path = "/api/v1/tokens",
    security(("token" = [])),
    responses((status = 200, description = "The list.", body = TokensAnswer)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
) -> Result<Answer<TokensAnswer>, Problem> {
    let tokens = super::list(&app, &person)?;
    let tokens = tokens.into_iter().map(|token| TokenAnswer::of(token, ctx.stamp.now)).collect();
    Ok(Answer(TokensAnswer { tokens, limit: TOKENS_MAX }))
}

/// `POST /api/v1/tokens`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "label": "Weekly report", "scopes": ["read"], "expires": "90d" }))]
pub struct MakeRequest {
    /// What it is called.
    label: String,
    /// What it may be used for; at least one.
    #[schema(value_type = Vec<words::Scope>)]
    scopes: Vec<String>,
    /// After what time it stops working, as in `30d`, `12w` or `1y`; a year at most.
    expires: String,
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
pub struct MadeAnswer {
    /// The token for `Authorization: Bearer`. It is shown this once.
    token: String,
    /// What is known of it.
    #[serde(flatten)]
    described: TokenAnswer,
}

/// Makes a personal API token.
///
/// It works without the second factor until it expires, for nothing but its scopes. Those for administrators are made by administrators.
#[utoipa::path(
    post, path = "/api/v1/tokens",
    security(("token" = ["confirmed"])),
    request_body = MakeRequest,
    responses(
        (status = 201, description = "It is made.", body = MadeAnswer),
        of::Unfit, of::TwoFactorNeeded, of::TooManyTokens
    ),
)]
pub async fn make(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: SignedIn,
    Json(request): Json<MakeRequest>,
) -> Result<(StatusCode, Answer<MadeAnswer>), Problem> {
    let now = ctx.stamp.now;
    let scopes = request.scopes.iter().map(String::as_str);
    let new = New::parse(&request.label, scopes, &request.expires, now)?;
    let person = super::maker(&app, person, now)?;
    let (token, secret) = super::make(&app, &mut ctx, &person, new).await?;
    let described = TokenAnswer::of(token, now);
    Ok((StatusCode::CREATED, Answer(MadeAnswer { token: secret.expose().into(), described })))
}

/// Revokes a personal API token.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}",
    security(("token" = [])),
    params(("id" = String, Path, description = "Its id.", example = "tok_00000000000000000000000000000000")),
    responses((status = 204, description = "It is revoked."), of::NotFound),
)]
pub async fn revoke(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    super::revoke(&app, &ctx, &person, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
