//! Groups, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use domain::{AccountId, AccountName, DisplayName, GroupId, GroupName, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use store::groups::Member;
use utoipa::{IntoParams, ToSchema};

use super::Listed;
use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    openapi::words::Time,
    problem::{Problem, of},
    web::json::Json,
};

/// How many members one answer has.
const PAGE: usize = 1000;

/// A group of people.
#[derive(Serialize, ToSchema)]
#[schema(as = Group)]
pub struct Described {
    /// Its id.
    #[schema(value_type = String)]
    id: GroupId,
    /// Its name, which never changes.
    #[schema(value_type = String)]
    name: GroupName,
    /// When it was made.
    #[schema(value_type = Time)]
    created_at: Timestamp,
    /// How many are in it.
    members: u64,
    /// The services that it may use and not everyone may, by name.
    #[schema(value_type = Vec<String>)]
    services: Vec<ServiceName>,
}

/// Every group.
#[derive(Serialize, ToSchema)]
#[schema(as = Groups)]
pub struct All {
    /// By name.
    groups: Vec<Described>,
}

/// Somebody in a group.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupMember)]
pub struct DescribedMember {
    /// The account's own id, which never changes.
    #[schema(value_type = String)]
    id: AccountId,
    /// Its ID as it signs in, an e-mail address.
    #[schema(value_type = String)]
    name: AccountName,
    /// What its person is called.
    #[schema(value_type = String)]
    display_name: DisplayName,
    /// When it was put into the group.
    #[schema(value_type = Time)]
    joined_at: Timestamp,
}

/// Some of those in a group.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupMembers)]
pub struct Members {
    /// By their IDs.
    members: Vec<DescribedMember>,
    /// Give this as `after` to go on; null on the last page.
    next: Option<String>,
}

fn describe(listed: Listed) -> Described {
    Described {
        id: listed.group.id,
        name: listed.group.name,
        created_at: listed.group.created_at,
        members: listed.members,
        services: listed.services,
    }
}

fn describe_member(member: Member) -> DescribedMember {
    DescribedMember {
        id: member.account,
        name: member.name,
        display_name: member.display_name,
        joined_at: member.joined_at,
    }
}

/// Lists the groups.
#[utoipa::path(
    get, path = "/api/v1/groups",
    security(("token" = ["administrator"])),
    responses((status = 200, description = "Every group, by name.", body = All)),
)]
pub async fn list(State(app): State<Arc<App>>, admin: Admin) -> Result<Answer<All>, Problem> {
    let groups = super::list(&app, &admin)?.into_iter().map(describe).collect();
    Ok(Answer(All { groups }))
}

/// `POST /api/v1/groups`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AddGroupRequest, example = json!({ "name": "staff" }))]
pub struct AddRequest {
    /// Its name: small letters, digits, `-`, `_` and `.`, at most 64, beginning with a letter or digit.
    name: String,
}

/// Makes a group, with nobody in it.
#[utoipa::path(
    post, path = "/api/v1/groups",
    security(("token" = ["administrator", "confirmed"])),
    request_body = AddRequest,
    responses((status = 201, description = "It is made.", body = Described), of::Unfit, of::Conflict),
)]
pub async fn add(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Json(request): Json<AddRequest>,
) -> Result<(StatusCode, Answer<Described>), Problem> {
    let group = super::add(&app, &mut ctx, &admin, &request.name).await?;
    let listed = Listed { group, members: 0, services: Vec::new() };
    Ok((StatusCode::CREATED, Answer(describe(listed))))
}

/// Says what a group is.
#[utoipa::path(
    get, path = "/api/v1/groups/{name}",
    security(("token" = ["administrator"])),
    params(("name" = String, Path, description = "The group's name.", example = "staff")),
    responses((status = 200, description = "The group.", body = Described)),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    admin: Admin,
    Path(name): Path<String>,
) -> Result<Answer<Described>, Problem> {
    Ok(Answer(describe(super::get(&app, &admin, &name)?)))
}

/// Removes a group that no service names.
#[utoipa::path(
    delete, path = "/api/v1/groups/{name}",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "The group's name.", example = "staff")),
    responses((status = 204, description = "It is removed."), of::Conflict),
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

/// After which ID.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// Only those after this ID: `next` of the page before.
    #[serde(default)]
    after: String,
}

/// Lists who is in a group.
#[utoipa::path(
    get, path = "/api/v1/groups/{name}/members",
    security(("token" = ["administrator"])),
    params(("name" = String, Path, description = "The group's name.", example = "staff"), After),
    responses((status = 200, description = "At most 1000, by their IDs.", body = Members)),
)]
pub async fn members(
    State(app): State<Arc<App>>,
    admin: Admin,
    Path(name): Path<String>,
    query: Result<Query<After>, QueryRejection>,
) -> Result<Answer<Members>, Problem> {
    let After { after } = query.map(|Query(query)| query).unwrap_or_default();
    let page = super::members(&app, &admin, &name, &after, PAGE).await?;
    let members = page.members.into_iter().map(describe_member).collect();
    Ok(Answer(Members { members, next: page.next }))
}

/// Puts an account into a group; the same when it was in it before.
#[utoipa::path(
    put, path = "/api/v1/groups/{name}/members/{account}",
    security(("token" = ["administrator", "confirmed"])),
    params(
        ("name" = String, Path, description = "The group's name.", example = "staff"),
        ("account" = String, Path, description = "The account's ID.", example = "bob@example.org"),
    ),
    responses((status = 204, description = "It is in the group.")),
)]
pub async fn join(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path((name, account)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    super::join(&app, &ctx, &admin, &name, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an account out of a group.
#[utoipa::path(
    delete, path = "/api/v1/groups/{name}/members/{account}",
    security(("token" = ["administrator", "confirmed"])),
    params(
        ("name" = String, Path, description = "The group's name.", example = "staff"),
        ("account" = String, Path, description = "The account's ID.", example = "bob@example.org"),
    ),
    responses((status = 204, description = "It is no longer in the group.")),
)]
pub async fn leave(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path((name, account)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    super::leave(&app, &ctx, &admin, &name, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}
