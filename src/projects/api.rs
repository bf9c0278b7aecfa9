//! Projects, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use domain::{
    AccountId, AccountName, ConnectionId, ConnectionKind, ConnectionState, DisplayName, InvitationId,
    ProjectId, Role, Timestamp, WhyUnused,
};
use serde::{Deserialize, Serialize};
use store::{
    accounts::State as AccountState, connections::Connection, project_invitations::Invitation,
    projects::Counted, projects::Member as MemberRow, projects::Project,
};
use utoipa::{IntoParams, ToSchema};

use super::{
    Member, ProjectAdmin,
    connections::{self, Choices},
    invitations::{self, Made},
    life, server, team,
};
use crate::{
    access::{Admin, Fresh, SignedIn},
    app::App,
    ctx::Ctx,
    openapi::words::Time,
    problem::{Problem, of},
    web::json::Json,
};

/// How many of the server's projects one answer has.
const PAGE: usize = 1000;

/// A project that you are in the team of.
#[derive(Serialize, ToSchema)]
#[schema(as = Project)]
pub struct Described {
    /// Its id, which never changes.
    #[schema(value_type = String)]
    id: ProjectId,
    /// What it is called.
    name: String,
    /// Your role in it: `owner`, `admin`, `developer` or `viewer`.
    #[schema(value_type = String)]
    role: Role,
    /// How long its builds last at most, in minutes.
    build_minutes: u32,
    /// When it was made.
    #[schema(value_type = Time)]
    created_at: Timestamp,
}

/// Your projects.
#[derive(Serialize, ToSchema)]
#[schema(as = Projects)]
pub struct All {
    /// By name.
    projects: Vec<Described>,
}

fn describe(project: Project, role: Role) -> Described {
    Described {
        id: project.id,
        name: project.name.as_str().into(),
        role,
        build_minutes: project.build_minutes,
        created_at: project.created_at,
    }
}

/// Lists the projects whose team you are in.
#[utoipa::path(
    get, path = "/api/v1/projects",
    security(("token" = [])),
    responses((status = 200, description = "At most 500, by name.", body = All)),
)]
pub async fn list(State(app): State<Arc<App>>, person: SignedIn) -> Result<Answer<All>, Problem> {
    let projects = life::list(&app, &person.oneself())?;
    Ok(Answer(All {
        projects: projects.into_iter().map(|(project, role)| describe(project, role)).collect(),
    }))
}

/// `POST /api/v1/projects`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AddProjectRequest, example = json!({ "name": "Northwind iOS" }))]
pub struct AddRequest {
    /// What it is called: 1 to 100 characters; no two projects of a server are called alike, in whatever case.
    name: String,
    /// How long its builds last at most, in minutes: 5 to 1440, 120 if it isn't said.
    build_minutes: Option<u32>,
}

/// Makes a project, which you own.
#[utoipa::path(
    post, path = "/api/v1/projects",
    security(("token" = [])),
    request_body = AddRequest,
    responses((status = 201, description = "It is made.", body = Described), of::Unfit, of::Conflict),
)]
pub async fn add(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: SignedIn,
    Json(request): Json<AddRequest>,
) -> Result<(StatusCode, Answer<Described>), Problem> {
    let name = life::name_typed(&request.name)?;
    let minutes = life::minutes_fit(request.build_minutes.unwrap_or(life::BUILD_MINUTES))?;
    let project = life::add(&app, &mut ctx, &person, name, minutes).await?;
    Ok((StatusCode::CREATED, Answer(describe(project, Role::Owner))))
}

/// Says what a project is.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}",
    security(("token" = [])),
    params(("project" = String, Path, description = "Its id, or its name in whatever case.", example = "Northwind iOS")),
    responses((status = 200, description = "The project.", body = Described)),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    person: SignedIn,
    Path(project): Path<String>,
) -> Result<Answer<Described>, Problem> {
    let member = Member::of(&app, &person.oneself(), &project)?;
    Ok(Answer(describe(member.project, member.role)))
}

/// `PATCH /api/v1/projects/{project}`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeProjectRequest, example = json!({ "build_minutes": 90 }))]
pub struct ChangeRequest {
    /// What it is to be called.
    name: Option<String>,
    /// How long its builds are to last at most, in minutes: 5 to 1440. Builds that are open keep the time that they have.
    build_minutes: Option<u32>,
}

/// Renames a project, and sets how long its builds last; its owner alone.
#[utoipa::path(
    patch, path = "/api/v1/projects/{project}",
    security(("token" = [])),
    params(("project" = String, Path, description = "Its id, or its name.", example = "Northwind iOS")),
    request_body = ChangeRequest,
    responses((status = 200, description = "As it is now.", body = Described), of::Unfit, of::Conflict, of::RoleNeeded),
)]
pub async fn change(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path(project): Path<String>,
    Json(request): Json<ChangeRequest>,
) -> Result<Answer<Described>, Problem> {
    let owner = Member::of(&app, &person.oneself(), &project)?.owner()?;
    let changes = life::Changes {
        name: request.name.as_deref().map(life::name_typed).transpose()?,
        build_minutes: request.build_minutes.map(life::minutes_fit).transpose()?,
    };
    let project = life::change(&app, &ctx, &owner, changes).await?;
    Ok(Answer(describe(project, Role::Owner)))
}

/// Removes a project, with its builds, rules, tokens, invitations and all that is offered to it; its owner alone.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}",
    security(("token" = ["confirmed"])),
    params(("project" = String, Path, description = "Its id, or its name.", example = "Northwind iOS")),
    responses((status = 204, description = "It is removed, and its open builds have ended."), of::RoleNeeded),
)]
pub async fn remove(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: Fresh<SignedIn>,
    Path(project): Path<String>,
) -> Result<StatusCode, Problem> {
    let owner = person.as_what(|person| Member::of(&app, &person.oneself(), &project)?.owner())?;
    life::remove(&app, &ctx, &owner).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whom something is about.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProjectOwnerRequest, example = json!({ "account": "grace@example.org" }))]
pub struct OwnerRequest {
    /// Their ID, or the account's own id.
    account: String,
}

/// Hands a project over to somebody of its team; its owner alone, who stays in it as an admin.
#[utoipa::path(
    put, path = "/api/v1/projects/{project}/owner",
    security(("token" = ["confirmed"])),
    params(("project" = String, Path, description = "Its id, or its name.", example = "Northwind iOS")),
    request_body = OwnerRequest,
    responses((status = 204, description = "They own it now."), of::Conflict, of::TwoFactorNeeded, of::RoleNeeded),
)]
pub async fn hand_over(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: Fresh<SignedIn>,
    Path(project): Path<String>,
    Json(request): Json<OwnerRequest>,
) -> Result<StatusCode, Problem> {
    let owner = person.as_what(|person| Member::of(&app, &person.oneself(), &project)?.owner())?;
    team::hand_over(&app, &ctx, &owner, &request.account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody of a project's team.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectMember)]
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
    /// Their role: `owner`, `admin`, `developer` or `viewer`.
    #[schema(value_type = String)]
    role: Role,
    /// Whether the account is suspended: then builds use nothing of it.
    suspended: bool,
    /// Since when they are in the team.
    #[schema(value_type = Time)]
    joined_at: Timestamp,
}

/// A project's team.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectMembers)]
pub struct Members {
    /// At most 500, in the order in which they joined.
    members: Vec<DescribedMember>,
}

fn describe_member(row: MemberRow) -> DescribedMember {
    DescribedMember {
        id: row.account,
        name: row.name,
        display_name: row.display_name,
        role: row.role,
        suspended: row.state == AccountState::Suspended,
        joined_at: row.joined_at,
    }
}

/// Lists a project's team.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/members",
    security(("token" = [])),
    params(("project" = String, Path, description = "Its id, or its name.", example = "Northwind iOS")),
    responses((status = 200, description = "The team.", body = Members)),
)]
pub async fn members(
    State(app): State<Arc<App>>,
    person: SignedIn,
    Path(project): Path<String>,
) -> Result<Answer<Members>, Problem> {
    let member = Member::of(&app, &person.oneself(), &project)?;
    let members = team::list(&app, &member)?.into_iter().map(describe_member).collect();
    Ok(Answer(Members { members }))
}

/// `PATCH /api/v1/projects/{project}/members/{account}`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProjectRoleRequest, example = json!({ "role": "admin" }))]
pub struct RoleRequest {
    /// Their role from now on: `admin`, `developer` or `viewer`.
    role: String,
}

/// Gives somebody of the team another role; admins and the owner.
#[utoipa::path(
    patch, path = "/api/v1/projects/{project}/members/{account}",
    security(("token" = ["confirmed"])),
    params(
        ("project" = String, Path, description = "The project's id, or its name.", example = "Northwind iOS"),
        ("account" = String, Path, description = "Their ID, or the account's own id.", example = "grace@example.org"),
    ),
    request_body = RoleRequest,
    responses((status = 200, description = "As they are now.", body = DescribedMember), of::Unfit, of::Conflict, of::TwoFactorNeeded, of::RoleNeeded),
)]
pub async fn set_role(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: Fresh<SignedIn>,
    Path((project, account)): Path<(String, String)>,
    Json(request): Json<RoleRequest>,
) -> Result<Answer<DescribedMember>, Problem> {
    let admin = admin(&app, &person, &project)?;
    let role = team::role_typed(&request.role)?;
    Ok(Answer(describe_member(team::set_role(&app, &ctx, &admin, &account, role).await?)))
}

fn admin(app: &App, person: &Fresh<SignedIn>, project: &str) -> Result<Fresh<ProjectAdmin>, Problem> {
    person.as_what(|person| Member::of(app, &person.oneself(), project)?.admin())
}

/// Takes somebody out of the team; admins and the owner. What they offered is no longer used, at once.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}/members/{account}",
    security(("token" = [])),
    params(
        ("project" = String, Path, description = "The project's id, or its name.", example = "Northwind iOS"),
        ("account" = String, Path, description = "Their ID, or the account's own id.", example = "grace@example.org"),
    ),
    responses((status = 204, description = "They are no longer in the team."), of::Conflict, of::RoleNeeded),
)]
pub async fn take_out(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path((project, account)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let admin = Member::of(&app, &person.oneself(), &project)?.admin()?;
    team::take_out(&app, &ctx, &admin, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Leaves the team. The owner can't.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/leave",
    security(("token" = [])),
    params(("project" = String, Path, description = "Its id, or its name.", example = "Northwind iOS")),
    responses((status = 204, description = "You are no longer in the team."), of::Conflict),
)]
pub async fn leave(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path(project): Path<String>,
) -> Result<StatusCode, Problem> {
    let member = Member::of(&app, &person.oneself(), &project)?;
    team::leave(&app, &ctx, &member).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody who is asked to join a project's team.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectInvitation)]
pub struct DescribedInvitation {
    /// Its id.
    #[schema(value_type = String)]
    id: InvitationId,
    /// The ID that is invited, whether there is such an account or not.
    #[schema(value_type = String)]
    invited: AccountName,
    /// The role that they get.
    #[schema(value_type = String)]
    role: Role,
    /// When it was made.
    #[schema(value_type = Time)]
    created_at: Timestamp,
    /// Until when it can be accepted.
    #[schema(value_type = Time)]
    expires_at: Timestamp,
}

/// An invitation with its link, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectInvitationMade)]
pub struct DescribedMade {
    /// The invitation.
    #[serde(flatten)]
    invitation: DescribedInvitation,
    /// The whole address. It works once, and for the account with the ID that is invited alone.
    link: String,
    /// Whether it is mailed to that ID too.
    mailed: bool,
}

/// Who is invited to a project.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectInvitations)]
pub struct Invitations {
    /// At most 100, in the order in which they were made; also those whose time is over.
    invitations: Vec<DescribedInvitation>,
}

fn describe_invitation(row: Invitation) -> DescribedInvitation {
    DescribedInvitation {
        id: row.id,
        invited: row.invited,
        role: row.role,
        created_at: row.created_at,
        expires_at: row.expires_at,
    }
}

fn describe_made(made: Made) -> DescribedMade {
    DescribedMade {
        link: made.link.expose().clone(),
        mailed: made.mailed,
        invitation: describe_invitation(made.invitation),
    }
}

/// Lists who is invited to a project; admins and the owner.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/invitations",
    security(("token" = [])),
    params(("project" = String, Path, description = "Its id, or its name.", example = "Northwind iOS")),
    responses((status = 200, description = "The invitations, without their links.", body = Invitations), of::RoleNeeded),
)]
pub async fn list_invitations(
    State(app): State<Arc<App>>,
    person: SignedIn,
    Path(project): Path<String>,
) -> Result<Answer<Invitations>, Problem> {
    let admin = Member::of(&app, &person.oneself(), &project)?.admin()?;
    let invitations = invitations::list(&app, &admin)?.into_iter().map(describe_invitation).collect();
    Ok(Answer(Invitations { invitations }))
}

/// `POST /api/v1/projects/{project}/invitations`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InviteToProjectRequest, example = json!({ "id": "linus@example.org", "role": "developer" }))]
pub struct InviteRequest {
    /// The ID that they sign in with, an e-mail address. The answer doesn't say whether there is such an account.
    id: String,
    /// The role that they get: `admin`, `developer` or `viewer`.
    role: String,
}

/// Invites somebody to a project's team; admins and the owner. An earlier invitation of the same ID is taken back.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/invitations",
    security(("token" = ["confirmed"])),
    params(("project" = String, Path, description = "Its id, or its name.", example = "Northwind iOS")),
    request_body = InviteRequest,
    responses(
        (status = 201, description = "They are invited: the link, this once.", body = DescribedMade),
        of::Unfit, of::Conflict, of::TwoFactorNeeded, of::TooManyAttempts, of::RoleNeeded,
    ),
)]
pub async fn invite(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: Fresh<SignedIn>,
    Path(project): Path<String>,
    Json(request): Json<InviteRequest>,
) -> Result<(StatusCode, Answer<DescribedMade>), Problem> {
    let admin = admin(&app, &person, &project)?;
    let role = team::role_typed(&request.role)?;
    let made = invitations::invite(&app, &mut ctx, &admin, &request.id, role).await?;
    Ok((StatusCode::CREATED, Answer(describe_made(made))))
}

/// Makes a new link for an invitation, good for another 7 days; the one before stops working.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/invitations/{invitation}/renew",
    security(("token" = ["confirmed"])),
    params(
        ("project" = String, Path, description = "The project's id, or its name.", example = "Northwind iOS"),
        ("invitation" = String, Path, description = "The invitation's id.", example = "inv_0196a3b2c4d57e6f8091a2b3c4d5e6f7"),
    ),
    responses((status = 200, description = "The link, this once. The invitation has a new id.", body = DescribedMade), of::TwoFactorNeeded, of::TooManyAttempts, of::RoleNeeded),
)]
pub async fn renew(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: Fresh<SignedIn>,
    Path((project, invitation)): Path<(String, String)>,
) -> Result<Answer<DescribedMade>, Problem> {
    let admin = admin(&app, &person, &project)?;
    Ok(Answer(describe_made(invitations::renew(&app, &mut ctx, &admin, &invitation).await?)))
}

/// Takes an invitation back: its link stops working.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}/invitations/{invitation}",
    security(("token" = [])),
    params(
        ("project" = String, Path, description = "The project's id, or its name.", example = "Northwind iOS"),
        ("invitation" = String, Path, description = "The invitation's id.", example = "inv_0196a3b2c4d57e6f8091a2b3c4d5e6f7"),
    ),
    responses((status = 204, description = "It is taken back."), of::RoleNeeded),
)]
pub async fn withdraw(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path((project, invitation)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let admin = Member::of(&app, &person.oneself(), &project)?.admin()?;
    invitations::withdraw(&app, &ctx, &admin, &invitation).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/project-invitations/accept`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AcceptInvitationRequest, example = json!({ "link": "https://doorkey.example.org/project-invitation/..." }))]
pub struct AcceptRequest {
    /// The invitation's link, or what stands in it after the last slash.
    link: String,
}

/// Joins a project's team with the link of an invitation, which names your ID.
#[utoipa::path(
    post, path = "/api/v1/project-invitations/accept",
    security(("token" = [])),
    request_body = AcceptRequest,
    responses((status = 200, description = "The project that you are in the team of now.", body = Described), of::Conflict, of::LinkSpent),
)]
pub async fn accept(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Json(request): Json<AcceptRequest>,
) -> Result<Answer<Described>, Problem> {
    let token = request.link.trim().rsplit('/').next().unwrap_or_default();
    let member = invitations::accept(&app, &ctx, &person, token).await?;
    Ok(Answer(describe(member.project, member.role)))
}

/// A connection, as a project's team sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectConnection)]
pub struct DescribedConnection {
    /// Its id.
    #[schema(value_type = String)]
    id: ConnectionId,
    /// What it is called.
    name: String,
    /// How it was when Apple was last asked: `good`, `limited` or `refused`.
    #[schema(value_type = String)]
    state: ConnectionState,
}

/// Somebody whose connections a project's builds can use.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectConnectionsOfPerson)]
pub struct DescribedPerson {
    /// The account's own id.
    #[schema(value_type = String)]
    id: AccountId,
    /// What they are called.
    #[schema(value_type = String)]
    display_name: DisplayName,
    /// `owner` or `admin`.
    #[schema(value_type = String)]
    role: Role,
    /// What they offer to the project.
    offered: Vec<DescribedConnection>,
    /// Whether they have something of this kind that they don't offer.
    keeps_some: bool,
}

/// What a project's builds stopped using, while nothing was chosen since.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectConnectionUnused)]
pub struct DescribedUnused {
    /// What it is called.
    name: String,
    /// Whose it is.
    person: String,
    /// `offer_taken_back`, `left_team`, `lost_authority`, `suspended`, `account_removed` or `removed`.
    #[schema(value_type = String)]
    why: WhyUnused,
    /// When.
    #[schema(value_type = Time)]
    at: Timestamp,
}

/// What a project's builds use of one kind, and could.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectConnectionsOfKind)]
pub struct DescribedKind {
    /// `apple_id` or `api_key`.
    #[schema(value_type = String)]
    kind: ConnectionKind,
    /// The id of the one that builds use; null for none.
    #[schema(value_type = Option<String>)]
    in_use: Option<ConnectionId>,
    /// The owner and the admins who have connected something of this kind.
    people: Vec<DescribedPerson>,
    /// What builds stopped using, while nothing was chosen since.
    unused: Option<DescribedUnused>,
}

/// A connection of your own.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectConnectionOfYours)]
pub struct DescribedYours {
    /// The connection.
    #[serde(flatten)]
    connection: DescribedConnection,
    /// `apple_id` or `api_key`.
    #[schema(value_type = String)]
    kind: ConnectionKind,
    /// Whether it is offered to the project.
    offered: bool,
    /// Whether its builds use it.
    in_use: bool,
}

/// What a project's builds use, and could.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectConnections)]
pub struct DescribedChoices {
    /// Of each kind.
    kinds: Vec<DescribedKind>,
    /// What you have connected.
    yours: Vec<DescribedYours>,
}

fn describe_connection(connection: Connection) -> DescribedConnection {
    DescribedConnection { id: connection.id, name: connection.name, state: connection.state }
}

fn describe_choices(choices: Choices) -> DescribedChoices {
    let kinds = choices.kinds.into_iter().map(|of| DescribedKind {
        kind: of.kind,
        in_use: of.in_use,
        people: of
            .people
            .into_iter()
            .map(|person| DescribedPerson {
                id: person.account,
                display_name: person.name,
                role: person.role,
                offered: person.offered.into_iter().map(describe_connection).collect(),
                keeps_some: person.keeps_some,
            })
            .collect(),
        unused: of.unused.map(|unused| DescribedUnused {
            name: unused.name,
            person: unused.person,
            why: unused.why,
            at: unused.at,
        }),
    });
    let yours = choices.yours.into_iter().map(|yours| DescribedYours {
        kind: yours.connection.kind,
        connection: describe_connection(yours.connection),
        offered: yours.offered,
        in_use: yours.in_use,
    });
    DescribedChoices { kinds: kinds.collect(), yours: yours.collect() }
}

/// Says which connections a project's builds use, and could.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/connections",
    security(("token" = [])),
    params(("project" = String, Path, description = "Its id, or its name.", example = "Northwind iOS")),
    responses((status = 200, description = "By kind and person, never more than name and state.", body = DescribedChoices)),
)]
pub async fn list_connections(
    State(app): State<Arc<App>>,
    person: SignedIn,
    Path(project): Path<String>,
) -> Result<Answer<DescribedChoices>, Problem> {
    let member = Member::of(&app, &person.oneself(), &project)?;
    Ok(Answer(describe_choices(connections::choices(&app, &member)?)))
}

/// `PUT /api/v1/projects/{project}/connections/{kind}`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChooseConnectionRequest, example = json!({ "connection": "con_0196a3b2c4d57e6f8091a2b3c4d5e6f7" }))]
pub struct ChooseRequest {
    /// The connection's id; null for none of this kind.
    #[serde(deserialize_with = "Option::deserialize")]
    connection: Option<String>,
}

/// Has a project's builds use a connection that is offered to it, or none of a kind; admins and the owner.
#[utoipa::path(
    put, path = "/api/v1/projects/{project}/connections/{kind}",
    security(("token" = ["confirmed"])),
    params(
        ("project" = String, Path, description = "The project's id, or its name.", example = "Northwind iOS"),
        ("kind" = String, Path, description = "`apple_id` or `api_key`.", example = "api_key"),
    ),
    request_body = ChooseRequest,
    responses((status = 204, description = "It is so."), of::Conflict, of::TwoFactorNeeded, of::RoleNeeded),
)]
pub async fn choose(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: Fresh<SignedIn>,
    Path((project, kind)): Path<(String, String)>,
    Json(request): Json<ChooseRequest>,
) -> Result<StatusCode, Problem> {
    let admin = admin(&app, &person, &project)?;
    let kind = ConnectionKind::from_code(&kind).ok_or_else(Problem::not_found)?;
    let connection = request.connection.map(|id| id.parse().map_err(|_| connections::not_offered()));
    connections::choose(&app, &ctx, &admin, vec![(kind, connection.transpose()?)]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Offers a connection of your own to a project, so that its admins can choose it; admins and the owner.
#[utoipa::path(
    put, path = "/api/v1/projects/{project}/offers/{connection}",
    security(("token" = ["confirmed"])),
    params(
        ("project" = String, Path, description = "The project's id, or its name.", example = "Northwind iOS"),
        ("connection" = String, Path, description = "The connection's id.", example = "con_0196a3b2c4d57e6f8091a2b3c4d5e6f7"),
    ),
    responses((status = 204, description = "It is offered."), of::TwoFactorNeeded, of::RoleNeeded),
)]
pub async fn offer(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: Fresh<SignedIn>,
    Path((project, connection)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let admin = admin(&app, &person, &project)?;
    connections::offer(&app, &ctx, &admin, &connection).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the offer of a connection of your own back: the project's builds stop using it at once.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}/offers/{connection}",
    security(("token" = [])),
    params(
        ("project" = String, Path, description = "The project's id, or its name.", example = "Northwind iOS"),
        ("connection" = String, Path, description = "The connection's id.", example = "con_0196a3b2c4d57e6f8091a2b3c4d5e6f7"),
    ),
    responses((status = 204, description = "It is no longer offered.")),
)]
pub async fn take_back(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path((project, connection)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let member = Member::of(&app, &person.oneself(), &project)?;
    connections::take_back(&app, &ctx, &member, &connection).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A project of the server's, as its administrators see it.
#[derive(Serialize, ToSchema)]
#[schema(as = ServerProject)]
pub struct DescribedCounted {
    /// Its id.
    #[schema(value_type = String)]
    id: ProjectId,
    /// What it is called.
    name: String,
    /// Its owner's ID; null when their account was removed.
    #[schema(value_type = Option<String>)]
    owner: Option<AccountName>,
    /// How many are in its team.
    members: u64,
    /// When it was made.
    #[schema(value_type = Time)]
    created_at: Timestamp,
}

/// Some of the server's projects.
#[derive(Serialize, ToSchema)]
#[schema(as = ServerProjects)]
pub struct ServerProjects {
    /// By name.
    projects: Vec<DescribedCounted>,
    /// Give this as `after` to go on; null on the last page.
    next: Option<String>,
}

fn describe_counted(counted: Counted) -> DescribedCounted {
    DescribedCounted {
        id: counted.project.id,
        name: counted.project.name.as_str().into(),
        owner: counted.owner,
        members: counted.members,
        created_at: counted.project.created_at,
    }
}

/// After which name.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// Only those after this name: `next` of the page before.
    #[serde(default)]
    after: String,
}

/// Lists the projects that there are on the server: that they exist, and no more.
#[utoipa::path(
    get, path = "/api/v1/server/projects",
    security(("token" = ["administrator"])),
    params(After),
    responses((status = 200, description = "At most 1000, by name.", body = ServerProjects)),
)]
pub async fn server_list(
    State(app): State<Arc<App>>,
    admin: Admin,
    query: Result<Query<After>, QueryRejection>,
) -> Result<Answer<ServerProjects>, Problem> {
    let After { after } = query.map(|Query(query)| query).unwrap_or_default();
    let page = server::list(&app, &admin, &after, PAGE).await?;
    let projects = page.projects.into_iter().map(describe_counted).collect();
    Ok(Answer(ServerProjects { projects, next: page.next }))
}

/// Names an owner where the account of the one before was removed: somebody of the team, or anybody when nobody is left in it.
#[utoipa::path(
    put, path = "/api/v1/server/projects/{project}/owner",
    security(("token" = ["administrator", "confirmed"])),
    params(("project" = String, Path, description = "Its id, or its name.", example = "Northwind iOS")),
    request_body = OwnerRequest,
    responses((status = 200, description = "As it is now.", body = DescribedCounted), of::Conflict, of::OwnAccount),
)]
pub async fn name_owner(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path(project): Path<String>,
    Json(request): Json<OwnerRequest>,
) -> Result<Answer<DescribedCounted>, Problem> {
    Ok(Answer(describe_counted(server::name_owner(&app, &ctx, &admin, &project, &request.account).await?)))
}
