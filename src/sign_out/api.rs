//! How people are signed out of a service, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::StatusCode,
};
use domain::{Secret, SignOutWay, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::way::{self, Key, New};
use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    openapi::words,
    problem::{Problem, of},
    web::json::Json,
};

/// How people are signed out of a service when something is taken back, and how that goes.
#[derive(Serialize, ToSchema)]
#[schema(as = SignOut)]
pub struct Described {
    /// How; nothing when nobody is signed out.
    #[schema(value_type = Option<words::SignOutWay>)]
    way: Option<SignOutWay>,
    /// Where the service is asked.
    url: Option<String>,
    /// Whether a key is shown there. It is never told.
    has_key: bool,
    /// When the service last did what it was asked.
    #[schema(value_type = Option<words::Time>)]
    done_at: Option<Timestamp>,
    /// What stood in the way the last time; nothing when it has gone well since.
    failure: Option<Failure>,
    /// How many requests wait until the service takes them.
    waiting: i64,
}

/// Why a service could not be asked.
#[derive(Serialize, ToSchema)]
#[schema(as = SignOutFailure)]
struct Failure {
    /// When.
    #[schema(value_type = words::Time)]
    at: Timestamp,
    /// Why, and what to do, in words.
    said: String,
}

fn describe(state: Option<way::State>) -> Described {
    let Some(state) = state else {
        return Described { way: None, url: None, has_key: false, done_at: None, failure: None, waiting: 0 };
    };
    Described {
        way: Some(state.way),
        url: Some(state.url),
        has_key: state.has_key,
        done_at: state.done_at,
        failure: state.failed.map(|(at, said)| Failure { at, said }),
        waiting: state.waiting.first,
    }
}

/// How people are signed out of a service, and how that goes.
#[utoipa::path(
    get, path = "/api/v1/services/{name}/sign-out",
    security(("token" = ["administrator"])),
    params(("name" = String, Path, description = "The service's name.", example = "mail")),
    responses((status = 200, description = "As it is.", body = Described)),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    admin: Admin,
    Path(name): Path<String>,
) -> Result<Answer<Described>, Problem> {
    Ok(Answer(describe(way::get(&app, &admin, &name)?)))
}

/// `PUT /api/v1/services/{name}/sign-out`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(
    as = SetSignOutRequest,
    example = json!({ "way": "dovecot_user", "url": "http://127.0.0.1:8085/doveadm/v1", "key": "doveadm_api_key" })
)]
pub struct SetRequest {
    /// How.
    #[schema(value_type = words::SignOutWay)]
    way: String,
    /// Where the service is asked: `https`, or `http` within your own network.
    url: String,
    /// The key to show there; left out, it stays; empty, there is none any more.
    #[serde(default)]
    key: Option<String>,
}

/// Sets how people are signed out of a service. What still waits is asked there at once.
#[utoipa::path(
    put, path = "/api/v1/services/{name}/sign-out",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "The service's name.", example = "mail")),
    request_body = SetRequest,
    responses((status = 200, description = "It is set.", body = Described), of::Unfit),
)]
pub async fn set(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
    Json(request): Json<SetRequest>,
) -> Result<Answer<Described>, Problem> {
    let key = match request.key {
        None => Key::Kept,
        Some(key) if key.is_empty() => Key::Taken,
        Some(key) => Key::New(Secret::new(key)),
    };
    let new = New::parse(&request.way, &request.url, key)?;
    let state = way::set(&app, &mut ctx, &admin, &name, new).await?;
    Ok(Answer(describe(Some(state))))
}

/// Nobody is signed out of the service any more. What still waits is forgotten.
#[utoipa::path(
    delete, path = "/api/v1/services/{name}/sign-out",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "The service's name.", example = "mail")),
    responses((status = 204, description = "It is so.")),
)]
pub async fn unset(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    way::unset(&app, &ctx, &admin, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
