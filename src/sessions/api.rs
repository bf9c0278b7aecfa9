//! Where a person is signed in, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::StatusCode,
};
use domain::{SessionId, Timestamp};
use serde::Serialize;
use store::sessions::Client;
use utoipa::ToSchema;

use super::Place;
use crate::{
    access::SignedIn,
    app::App,
    ctx::Ctx,
    openapi::words::Time,
    problem::{Problem, of},
};

/// A browser or a command line.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAnswer {
    /// A browser.
    Browser,
    /// A command line, or another program that signed in with the password.
    CommandLine,
}

/// A place where the person is signed in.
#[derive(Serialize, ToSchema)]
pub struct SessionPlace {
    /// Its id.
    #[schema(value_type = String)]
    id: SessionId,
    /// What it is.
    client: ClientAnswer,
    /// What it says that it is.
    agent: String,
    /// The address that it was signed in from.
    source: String,
    /// When it was signed in.
    #[schema(value_type = Time)]
    created_at: Timestamp,
    /// When it was last used, to the minute.
    #[schema(value_type = Time)]
    last_seen_at: Timestamp,
    /// When it ends if it isn't used any more.
    #[schema(value_type = Time)]
    ends_at: Timestamp,
    /// Whether it is the one that asks.
    here: bool,
}

impl SessionPlace {
    fn of(place: Place) -> Self {
        let session = place.session;
        Self {
            id: session.id,
            client: match session.client {
                Client::Browser => ClientAnswer::Browser,
                Client::CommandLine => ClientAnswer::CommandLine,
            },
            agent: session.agent,
            source: session.source,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            ends_at: place.ends_at,
            here: place.here,
        }
    }
}

/// Where the person is signed in.
#[derive(Serialize, ToSchema)]
pub struct SessionsAnswer {
    /// The one that asks comes first, and then the one that was used last.
    sessions: Vec<SessionPlace>,
}

/// How many were signed out.
#[derive(Serialize, ToSchema)]
pub struct SignedOutAnswer {
    /// How many other browsers and command lines.
    signed_out: u64,
}

/// Lists the browsers and command lines that are signed in to the account.
#[utoipa::path(
    get, path = "/api/v1/sessions",
    security(("token" = [])),
    responses((status = 200, description = "The list.", body = SessionsAnswer)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
) -> Result<Answer<SessionsAnswer>, Problem> {
    let places = super::list(&app, &ctx, &person)?;
    Ok(Answer(SessionsAnswer { sessions: places.into_iter().map(SessionPlace::of).collect() }))
}

/// Signs one of them out.
#[utoipa::path(
    delete, path = "/api/v1/sessions/{id}",
    security(("token" = [])),
    params(("id" = String, Path, description = "Its id.", example = "ses_00000000000000000000000000000000")),
    responses((status = 204, description = "It is signed out."), of::NotFound),
)]
pub async fn sign_out(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    super::sign_out(&app, &ctx, &person, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs out every other browser and command line of the account, and trusts none of those browsers any more.
#[utoipa::path(
    delete, path = "/api/v1/sessions",
    security(("token" = [])),
    responses((status = 200, description = "They are signed out.", body = SignedOutAnswer)),
)]
pub async fn sign_out_others(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
) -> Result<Answer<SignedOutAnswer>, Problem> {
    let signed_out = super::sign_out_others(&app, &ctx, &person).await?;
    Ok(Answer(SignedOutAnswer { signed_out }))
}
