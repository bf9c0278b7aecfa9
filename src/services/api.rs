//! Services, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::StatusCode,
};
use domain::{MachineToken, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use store::services::Service;

use super::{New, http_door};
use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    problem::Problem,
    web::json::Json,
};

fn describe(app: &App, service: &Service, last_used: Option<Timestamp>, key: Option<&MachineToken>) -> Value {
    let mut described = json!({
        "id": service.id,
        "name": service.name,
        "kinds": service.kinds,
        "created_at": service.created_at,
        "last_used_at": last_used,
        "door": http_door(app, &service.name),
    });
    if let (Some(key), Some(members)) = (key, described.as_object_mut()) {
        members.insert("key".into(), key.expose().into());
    }
    described
}

/// `GET /api/v1/services`.
pub async fn list(State(app): State<Arc<App>>, admin: Admin) -> Result<Answer<Value>, Problem> {
    let services = super::list(&app, &admin)?;
    let described: Vec<_> = services.iter().map(|s| describe(&app, &s.service, s.last_used, None)).collect();
    Ok(Answer(json!({ "services": described })))
}

/// `POST /api/v1/services`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddRequest {
    name: String,
    kinds: Vec<String>,
}

/// Registers one.
pub async fn add(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Json(request): Json<AddRequest>,
) -> Result<(StatusCode, Answer<Value>), Problem> {
    let new = New::parse(&request.name, request.kinds.iter().map(String::as_str))?;
    let (service, key) = super::add(&app, &mut ctx, &admin, new).await?;
    Ok((StatusCode::CREATED, Answer(describe(&app, &service, None, Some(&key)))))
}

/// `POST /api/v1/services/{name}/key`.
pub async fn new_key(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
) -> Result<Answer<Value>, Problem> {
    let (service, key) = super::new_key(&app, &mut ctx, &admin, &name).await?;
    Ok(Answer(json!({ "name": service.name, "key": key.expose() })))
}

/// `DELETE /api/v1/services/{name}`.
pub async fn remove(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    super::remove(&app, &ctx, &admin, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
