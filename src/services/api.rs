//! Services, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::StatusCode,
};
use domain::{GroupName, KindSet, MachineToken, ServiceId, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Change, Listed, New, http_door};
use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    openapi::words,
    problem::{Problem, of},
    web::json::Json,
};

/// A service.
#[derive(Serialize, ToSchema)]
#[schema(as = Service)]
pub struct Described {
    /// Its id.
    #[schema(value_type = String)]
    id: ServiceId,
    /// Its name.
    #[schema(value_type = String)]
    name: ServiceName,
    /// What it holds.
    #[schema(value_type = Vec<words::Kind>)]
    kinds: KindSet,
    /// The groups that may use it, by name; none when everyone may.
    #[schema(value_type = Vec<String>)]
    groups: Vec<GroupName>,
    /// When it was registered.
    #[schema(value_type = words::Time)]
    created_at: Timestamp,
    /// When an app last signed in to it.
    #[schema(value_type = Option<words::Time>)]
    last_used_at: Option<Timestamp>,
    /// The address of its HTTP door.
    door: String,
    /// Its key, only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// Every service.
#[derive(Serialize, ToSchema)]
#[schema(as = Services)]
pub struct All {
    /// By name.
    services: Vec<Described>,
}

/// A service's new key.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceKey)]
pub struct Key {
    /// The service's name.
    #[schema(value_type = String)]
    name: ServiceName,
    /// Its key, shown this once.
    key: String,
}

fn describe(app: &App, listed: Listed, key: Option<&MachineToken>) -> Described {
    let Listed { service, groups, last_used } = listed;
    Described {
        door: http_door(app, &service.name),
        id: service.id,
        name: service.name,
        kinds: service.kinds,
        groups: groups.into_iter().map(|group| group.name).collect(),
        created_at: service.created_at,
        last_used_at: last_used,
        key: key.map(|key| key.expose().into()),
    }
}

/// Lists the services.
#[utoipa::path(
    get, path = "/api/v1/services",
    security(("token" = ["administrator"])),
    responses((status = 200, description = "Every service, by name.", body = All)),
)]
pub async fn list(State(app): State<Arc<App>>, admin: Admin) -> Result<Answer<All>, Problem> {
    let services = super::list(&app, &admin)?;
    let services = services.into_iter().map(|listed| describe(&app, listed, None)).collect();
    Ok(Answer(All { services }))
}

/// `POST /api/v1/services`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AddServiceRequest, example = json!({ "name": "calendar", "kinds": ["contacts", "calendars"] }))]
pub struct AddRequest {
    /// Its name, as in the door's address: small letters, digits and hyphens.
    name: String,
    /// What it holds.
    #[schema(value_type = Vec<words::Kind>)]
    kinds: Vec<String>,
    /// The groups that may use it; none, or left out, for everyone.
    #[serde(default)]
    groups: Vec<String>,
}

/// Registers a service. The answer holds its key, this once.
#[utoipa::path(
    post, path = "/api/v1/services",
    security(("token" = ["administrator", "confirmed"])),
    request_body = AddRequest,
    responses((status = 201, description = "It is registered.", body = Described), of::Unfit, of::Conflict),
)]
pub async fn add(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Json(request): Json<AddRequest>,
) -> Result<(StatusCode, Answer<Described>), Problem> {
    let new = New::parse(&request.name, strs(&request.kinds), strs(&request.groups))?;
    let (listed, key) = super::add(&app, &mut ctx, &admin, new).await?;
    Ok((StatusCode::CREATED, Answer(describe(&app, listed, Some(&key)))))
}

fn strs(texts: &[String]) -> impl Iterator<Item = &str> {
    texts.iter().map(String::as_str)
}

/// `PATCH /api/v1/services/{name}`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeServiceRequest, example = json!({ "kinds": ["contacts", "calendars"], "groups": ["staff"] }))]
pub struct ChangeRequest {
    /// What it holds from now on; left out, that stays.
    #[schema(value_type = Option<Vec<words::Kind>>)]
    kinds: Option<Vec<String>>,
    /// The groups that may use it from now on, none of them for everyone; left out, that stays.
    groups: Option<Vec<String>>,
}

/// Changes what a service holds, or who may use it, from the next sign-in on.
#[utoipa::path(
    patch, path = "/api/v1/services/{name}",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "The service's name.", example = "mail")),
    request_body = ChangeRequest,
    responses((status = 200, description = "The service as it is now.", body = Described), of::Unfit),
)]
pub async fn change(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
    Json(request): Json<ChangeRequest>,
) -> Result<Answer<Described>, Problem> {
    let change = Change::parse(request.kinds.as_deref().map(strs), request.groups.as_deref().map(strs))?;
    let listed = super::change(&app, &ctx, &admin, &name, change).await?;
    Ok(Answer(describe(&app, listed, None)))
}

/// Gives a service a new key. The old one stops working at once.
#[utoipa::path(
    post, path = "/api/v1/services/{name}/key",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "The service's name.", example = "mail")),
    responses((status = 200, description = "It has the new key.", body = Key)),
)]
pub async fn new_key(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
) -> Result<Answer<Key>, Problem> {
    let (service, key) = super::new_key(&app, &mut ctx, &admin, &name).await?;
    Ok(Answer(Key { name: service.name, key: key.expose().into() }))
}

/// Removes a service, and with it its door.
#[utoipa::path(
    delete, path = "/api/v1/services/{name}",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "The service's name.", example = "mail")),
    responses((status = 204, description = "It is removed.")),
)]
pub async fn remove(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    super::remove(&app, &ctx, &admin, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
