//! Groups, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};
use store::groups::Member;

use super::Listed;
use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    problem::Problem,
    web::json::Json,
};

/// How many members one answer has.
const PAGE: usize = 1000;

fn describe(listed: &Listed) -> Value {
    json!({
        "id": listed.group.id,
        "name": listed.group.name,
        "created_at": listed.group.created_at,
        "members": listed.members,
        "services": listed.services,
    })
}

fn describe_member(member: &Member) -> Value {
    json!({
        "id": member.account,
        "name": member.name,
        "display_name": member.display_name,
        "joined_at": member.joined_at,
    })
}

/// `GET /api/v1/groups`.
pub async fn list(State(app): State<Arc<App>>, admin: Admin) -> Result<Answer<Value>, Problem> {
    let described: Vec<_> = super::list(&app, &admin)?.iter().map(describe).collect();
    Ok(Answer(json!({ "groups": described })))
}

/// `POST /api/v1/groups`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddRequest {
    name: String,
}

/// Makes one.
pub async fn add(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Json(request): Json<AddRequest>,
) -> Result<(StatusCode, Answer<Value>), Problem> {
    let group = super::add(&app, &mut ctx, &admin, &request.name).await?;
    let listed = Listed { group, members: 0, services: Vec::new() };
    Ok((StatusCode::CREATED, Answer(describe(&listed))))
}

/// `GET /api/v1/groups/{name}`.
pub async fn get(
    State(app): State<Arc<App>>,
    admin: Admin,
    Path(name): Path<String>,
) -> Result<Answer<Value>, Problem> {
    Ok(Answer(describe(&super::get(&app, &admin, &name)?)))
}

/// `DELETE /api/v1/groups/{name}`.
pub async fn remove(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    super::remove(&app, &ctx, &admin, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// After which ID.
#[derive(Default, Deserialize)]
pub struct After {
    #[serde(default)]
    after: String,
}

/// `GET /api/v1/groups/{name}/members`.
pub async fn members(
    State(app): State<Arc<App>>,
    admin: Admin,
    Path(name): Path<String>,
    query: Result<Query<After>, QueryRejection>,
) -> Result<Answer<Value>, Problem> {
    let After { after } = query.map(|Query(query)| query).unwrap_or_default();
    let page = super::members(&app, &admin, &name, &after, PAGE).await?;
    let described: Vec<_> = page.members.iter().map(describe_member).collect();
    Ok(Answer(json!({ "members": described, "next": page.next })))
}

/// `PUT /api/v1/groups/{name}/members/{account}`.
pub async fn join(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path((name, account)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    super::join(&app, &ctx, &admin, &name, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/v1/groups/{name}/members/{account}`.
pub async fn leave(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path((name, account)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    super::leave(&app, &ctx, &admin, &name, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}
