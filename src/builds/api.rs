//! Builds, for CIs and for the team's programs.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json as Answer,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
};
use domain::{BuildId, MachineToken, Proof, Timestamp, TokenKind};
use serde::{Deserialize, Serialize};
use store::{builds::Build, projects::Project};
use utoipa::{IntoParams, ToSchema};

use super::{
    BuildToken, close,
    open::{self, Shown, Wanted},
};
use crate::{
    access::SignedIn,
    app::App,
    ctx::Ctx,
    openapi::words,
    problem::{Code, Problem, of},
    secrets,
    web::json::Json,
};

/// A build.
#[derive(Serialize, ToSchema)]
#[schema(as = Build)]
pub struct Described {
    /// Its id.
    #[schema(value_type = String)]
    id: BuildId,
    /// What it builds.
    project: ProjectNamed,
    /// Its address here: its page for people, and what its steps begin their addresses with.
    url: String,
    /// Whether it is open, and its token good.
    open: bool,
    /// When it was opened.
    #[schema(value_type = words::Time)]
    opened_at: Timestamp,
    /// When its time is over.
    #[schema(value_type = words::Time)]
    ends_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<words::Time>)]
    ended_at: Option<Timestamp>,
    /// Why it ended.
    #[schema(value_type = Option<words::WhyBuildEnded>)]
    why_ended: Option<&'static str>,
    /// How it showed whose it is.
    proof: DescribedProof,
    /// The commit that it builds.
    commit: Option<String>,
    /// The branch, tag or other ref.
    reference: Option<String>,
    /// The CI's own address of it.
    run: Option<String>,
    /// The address that it was opened from.
    source: Option<String>,
}

/// A project, and what it is called.
#[derive(Serialize, ToSchema)]
#[schema(as = BuildProject)]
struct ProjectNamed {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
}

/// How a build showed whose it is.
#[derive(Serialize, ToSchema)]
#[schema(as = BuildProof)]
struct DescribedProof {
    /// `project_token`, or `identity`: a CI's identity token.
    by: &'static str,
    /// The id of the token, or of the rule that let it in.
    id: String,
    /// What the project token is called.
    label: Option<String>,
    /// Who signed the identity token.
    issuer: Option<String>,
    /// What that said, as far as it mattered.
    claims: Option<BTreeMap<String, String>>,
}

impl DescribedProof {
    fn of(proof: &Proof) -> Self {
        match proof {
            Proof::ProjectToken { id, label } => Self {
                by: "project_token",
                id: id.to_string(),
                label: Some(label.clone()),
                issuer: None,
                claims: None,
            },
            Proof::Identity { rule, issuer, claims } => Self {
                by: "identity",
                id: rule.to_string(),
                label: None,
                issuer: Some(issuer.clone()),
                claims: Some(claims.clone()),
            },
        }
    }
}

impl Described {
    fn of(app: &App, build: Build, project: &Project) -> Self {
        let ended = build.ended_by(app.clock.now());
        Self {
            id: build.id,
            project: ProjectNamed { id: project.id.to_string(), name: project.name.as_str().into() },
            url: super::url(app, build.id),
            open: ended.is_none(),
            opened_at: build.opened_at,
            ends_at: build.ends_at,
            ended_at: ended.map(|(at, _)| at),
            why_ended: ended.map(|(_, why)| why.code()),
            proof: DescribedProof::of(&build.proof),
            commit: build.commit,
            reference: build.reference,
            run: build.run,
            source: build.source,
        }
    }
}

/// `POST /api/v1/builds`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "project": "Northwind iOS", "identity_token": "eyJ…", "commit": "1a2b3c4", "reference": "refs/heads/main" }))]
pub struct OpenRequest {
    /// The project: its id, or its name. A project token says it by itself.
    project: Option<String>,
    /// The CI's identity token, made for this server's URL as its audience. Without it, a project token is sent as `Authorization: Bearer`.
    identity_token: Option<String>,
    /// The commit that is built. What the identity token says counts more; so it does for the next two.
    commit: Option<String>,
    /// The branch, tag or other ref.
    reference: Option<String>,
    /// The CI's own address of the run.
    run: Option<String>,
    /// How long it may last, in minutes; as long as the project lets it if nothing is said.
    minutes: Option<u32>,
}

/// A build that was just opened.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenedBuild)]
pub struct OpenedAnswer {
    /// The build's token, for `Authorization: Bearer`, or `BUILD_API_TOKEN`. It is shown this once, and ends with the build.
    token: String,
    /// What is known of it.
    #[serde(flatten)]
    described: Described,
}

/// Opens a build.
///
/// It shows whose it is by its CI's identity token, which one of the project's rules has to let in, or by a project token. Each identity token
/// opens one build.
#[utoipa::path(
    post, path = "/api/v1/builds",
    security(("project_token" = [])),
    request_body = OpenRequest,
    responses(
        (status = 201, description = "It is open.", body = OpenedAnswer),
        of::Unfit, of::IdentityWrong, of::ProjectTokenWrong, of::BuildRefused, of::TooManyAttempts
    ),
)]
pub async fn open(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    headers: HeaderMap,
    Json(request): Json<OpenRequest>,
) -> Result<(StatusCode, Answer<OpenedAnswer>), Problem> {
    let shown = match request.identity_token {
        Some(token) => Shown::Identity(token),
        None => Shown::ProjectToken(project_token(&headers)?),
    };
    let wanted = Wanted {
        project: request.project,
        shown,
        commit: request.commit,
        reference: request.reference,
        run: request.run,
        minutes: request.minutes,
    };
    let opened = open::open(&app, &mut ctx, wanted).await?;
    let described = Described::of(&app, opened.build, &opened.project);
    Ok((StatusCode::CREATED, Answer(OpenedAnswer { token: opened.token.expose().into(), described })))
}

fn project_token(headers: &HeaderMap) -> Result<[u8; 32], Problem> {
    let sent = headers.get("authorization").and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let token = MachineToken::parse(TokenKind::Project, sent.trim()).ok_or_else(|| {
        let detail = "Show whose build it is: send the CI's identity token as identity_token, or a project token, which begins with \
                      dkp_, as Authorization: Bearer.";
        Problem::new(Code::ProjectTokenWrong, detail)
    })?;
    Ok(secrets::hash(token.expose()))
}

/// Shows the build whose token is sent.
#[utoipa::path(
    get, path = "/api/v1/build",
    security(("build_token" = [])),
    responses((status = 200, description = "The build.", body = Described), of::BuildTokenWrong),
)]
pub async fn own(State(app): State<Arc<App>>, token: BuildToken) -> Result<Answer<Described>, Problem> {
    let build = token.build().clone();
    let project = super::project_of(&app, &build)?;
    Ok(Answer(Described::of(&app, build, &project)))
}

/// Closes the build whose token is sent.
///
/// The token ends with it.
#[utoipa::path(
    delete, path = "/api/v1/build",
    security(("build_token" = [])),
    responses((status = 204, description = "It is closed."), of::BuildTokenWrong),
)]
pub async fn close_own(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    token: BuildToken,
) -> Result<StatusCode, Problem> {
    close::close(&app, &ctx, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Some builds of a project.
#[derive(Serialize, ToSchema)]
#[schema(as = Builds)]
pub struct BuildsAnswer {
    /// The newest first.
    builds: Vec<Described>,
    /// What `before` has to be for those that come next; null when there are none.
    #[schema(value_type = Option<String>)]
    next: Option<BuildId>,
}

/// Which builds are listed.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paged {
    /// The id of the build that those wanted came before.
    #[param(value_type = Option<String>)]
    before: Option<BuildId>,
}

fn not_a_page() -> Problem {
    Problem::new(
        Code::Unreadable,
        "What stands behind the ? is before=ID with the id of a build, or nothing.",
    )
}

/// Lists a project's builds.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/builds",
    security(("token" = [])),
    params(
        ("project" = String, Path, description = "Its id, or its name.", example = "prj_00000000000000000000000000000000"),
        Paged
    ),
    responses((status = 200, description = "Some of them.", body = BuildsAnswer), of::Unreadable),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    person: SignedIn,
    Path(project): Path<String>,
    paged: Result<Query<Paged>, QueryRejection>,
) -> Result<Answer<BuildsAnswer>, Problem> {
    let Query(Paged { before }) = paged.map_err(|_| not_a_page())?;
    let member = crate::projects::Member::of(&app, &person.oneself(), &project)?;
    let page = super::list(&app, &member, before)?;
    let builds = page.builds.into_iter().map(|build| Described::of(&app, build, &member.project)).collect();
    Ok(Answer(BuildsAnswer { builds, next: page.next }))
}

/// Shows a build.
#[utoipa::path(
    get, path = "/api/v1/builds/{id}",
    security(("token" = [])),
    params(("id" = String, Path, description = "Its id.", example = "bld_00000000000000000000000000000000")),
    responses((status = 200, description = "The build.", body = Described)),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    person: SignedIn,
    Path(id): Path<String>,
) -> Result<Answer<Described>, Problem> {
    let (build, member) = super::of_team(&app, &person.oneself(), &id)?;
    Ok(Answer(Described::of(&app, build, &member.project)))
}

/// Closes a build.
///
/// Developers of the project and those above may. One that has ended stays as it is.
#[utoipa::path(
    post, path = "/api/v1/builds/{id}/close",
    security(("token" = [])),
    params(("id" = String, Path, description = "Its id.", example = "bld_00000000000000000000000000000000")),
    responses((status = 200, description = "The build, closed.", body = Described), of::RoleNeeded),
)]
pub async fn close(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path(id): Path<String>,
) -> Result<Answer<Described>, Problem> {
    let (build, member) = super::of_team(&app, &person.oneself(), &id)?;
    let project = member.project.clone();
    let build = close::close_by_person(&app, &ctx, member, build.id).await?;
    Ok(Answer(Described::of(&app, build, &project)))
}
