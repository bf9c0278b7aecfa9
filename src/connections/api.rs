//! Connections, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, Query, State},
    http::StatusCode,
};
use domain::{BuildId, ConnectionId, Given, ProjectId, Proof, Timestamp, What};
use serde::{Deserialize, Serialize};
use store::{hand_outs::HandOut, projects::Project};
use utoipa::{IntoParams, ToSchema};

use super::{Connected, MOST, NewKey, Reached, Typed};
use crate::{
    access::{Fresh, SignedIn},
    app::App,
    builds::rules,
    ctx::Ctx,
    openapi::words,
    problem::{Problem, of},
    web::json::Json,
};

/// A project, by its id and name.
#[derive(Serialize, ToSchema)]
pub struct NamedProject {
    /// Its id.
    #[schema(value_type = String)]
    id: ProjectId,
    /// What it is called.
    name: String,
}

impl NamedProject {
    fn all(projects: &[Project]) -> Vec<Self> {
        projects.iter().map(|one| Self { id: one.id, name: one.name.as_str().into() }).collect()
    }
}

/// What is known of an API key; never the key itself.
#[derive(Serialize, ToSchema)]
pub struct KeyAnswer {
    /// Apple's name for it.
    key_id: String,
    /// Whose keys they are, at Apple; null for an individual key, which stands for its person.
    issuer_id: Option<String>,
    /// Whether it belongs to the Apple Developer Enterprise Program.
    enterprise: bool,
    /// What it was seen to read at Apple when that was last asked. Apple tells nobody which roles a key has.
    #[schema(value_type = Vec<words::KeyReads>)]
    reads: Vec<&'static str>,
}

/// Something that a person has connected.
#[derive(Serialize, ToSchema)]
pub struct ConnectionAnswer {
    /// Its id.
    #[schema(value_type = String)]
    id: ConnectionId,
    /// What it is.
    #[schema(value_type = words::ConnectionKind)]
    kind: &'static str,
    /// What it is called.
    name: String,
    /// How it was when Apple was last asked: taken, taken and let do less than builds need, or no longer taken.
    #[schema(value_type = words::ConnectionState)]
    state: &'static str,
    /// What Apple said then, in words, and what to do; null when it was a plain yes.
    answer: Option<String>,
    /// When it was connected.
    #[schema(value_type = words::Time)]
    created_at: Timestamp,
    /// When Apple was last asked.
    #[schema(value_type = words::Time)]
    checked_at: Timestamp,
    /// What is particular to an API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<KeyAnswer>,
    /// The projects whose admins may choose it.
    offered_to: Vec<NamedProject>,
    /// Those of them whose builds use it.
    used_by: Vec<NamedProject>,
}

impl ConnectionAnswer {
    fn of(one: Connected) -> Self {
        let key = one.key.map(|key| KeyAnswer {
            reads: key.reads.iter().map(|one| one.code()).collect(),
            key_id: key.key_id,
            issuer_id: key.issuer_id,
            enterprise: key.enterprise,
        });
        Self {
            id: one.connection.id,
            kind: one.connection.kind.code(),
            name: one.connection.name,
            state: one.connection.state.code(),
            answer: one.connection.answer,
            created_at: one.connection.created_at,
            checked_at: one.connection.checked_at,
            api_key: key,
            offered_to: NamedProject::all(&one.offered_to),
            used_by: NamedProject::all(&one.used_by),
        }
    }
}

/// What the person has connected.
#[derive(Serialize, ToSchema)]
pub struct ConnectionsAnswer {
    /// In the order in which it was connected.
    connections: Vec<ConnectionAnswer>,
    /// How many there may be.
    limit: usize,
}

/// Lists what one has connected.
#[utoipa::path(
    get, path = "/api/v1/connections",
    security(("token" = [])),
    responses((status = 200, description = "The list.", body = ConnectionsAnswer)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    person: SignedIn,
) -> Result<Answer<ConnectionsAnswer>, Problem> {
    let all = super::list(&app, &person.oneself())?;
    let connections = all.into_iter().map(ConnectionAnswer::of).collect();
    Ok(Answer(ConnectionsAnswer { connections, limit: MOST }))
}

/// `POST /api/v1/connections`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "key": "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "file_name": "AuthKey_2X9R4HXF34.p8",
    "issuer_id": "57246542-96fe-1a63-e053-0824d011072a"
}))]
pub struct AddRequest {
    /// The `.p8` file's text, or base64 of it.
    key: String,
    /// What the file is called: `AuthKey_` and the key's ID.
    #[serde(default)]
    file_name: String,
    /// The key's ID; needed where the file's name doesn't say it.
    #[serde(default)]
    key_id: String,
    /// The issuer's ID, which App Store Connect shows above the list of keys; absent for an individual key.
    #[serde(default)]
    issuer_id: String,
    /// Says that it is an individual key, which has no issuer.
    #[serde(default)]
    individual: bool,
    /// Whether it belongs to the Apple Developer Enterprise Program.
    #[serde(default)]
    enterprise: bool,
}

impl Drop for AddRequest {
    fn drop(&mut self) {
        drop(domain::Secret::new(std::mem::take(&mut self.key)));
    }
}

/// Connects an App Store Connect API key.
///
/// Apple is asked first: nothing is stored that it doesn't take, nor when it can't be asked.
#[utoipa::path(
    post, path = "/api/v1/connections",
    security(("token" = ["confirmed"])),
    request_body = AddRequest,
    responses(
        (status = 201, description = "It is connected.", body = ConnectionAnswer),
        of::Unfit, of::TwoFactorNeeded, of::Conflict, of::TooManyConnections, of::AppleRefused, of::AppleUnavailable, of::ClockWrong
    ),
)]
pub async fn add(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: SignedIn,
    Json(request): Json<AddRequest>,
) -> Result<(StatusCode, Answer<ConnectionAnswer>), Problem> {
    let person = super::connector(&app, person, ctx.stamp.now)?;
    let new = NewKey::parse(&Typed {
        key: request.key.as_bytes(),
        file_name: &request.file_name,
        key_id: &request.key_id,
        issuer_id: &request.issuer_id,
        individual: request.individual,
        enterprise: request.enterprise,
    })?;
    let added = super::add(&app, &mut ctx, &person, new).await?;
    Ok((StatusCode::CREATED, Answer(ConnectionAnswer::of(added))))
}

fn id(typed: &str) -> Result<ConnectionId, Problem> {
    typed.parse().map_err(|_| Problem::not_found())
}

/// Says what is known of a connection.
#[utoipa::path(
    get, path = "/api/v1/connections/{id}",
    security(("token" = [])),
    params(("id" = String, Path, description = "Its id.", example = "con_00000000000000000000000000000000")),
    responses((status = 200, description = "The connection.", body = ConnectionAnswer), of::NotFound),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    person: SignedIn,
    Path(typed): Path<String>,
) -> Result<Answer<ConnectionAnswer>, Problem> {
    Ok(Answer(ConnectionAnswer::of(super::get(&app, &person.oneself(), id(&typed)?)?)))
}

/// Asks Apple about a connection, and writes down what it says.
///
/// Whether Apple takes it is in `state`. When Apple gives no answer that says anything, nothing changes.
#[utoipa::path(
    post, path = "/api/v1/connections/{id}/test",
    security(("token" = [])),
    params(("id" = String, Path, description = "Its id.", example = "con_00000000000000000000000000000000")),
    responses(
        (status = 200, description = "Apple answered.", body = ConnectionAnswer),
        of::NotFound, of::Conflict, of::AppleUnavailable, of::ClockWrong
    ),
)]
pub async fn test(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path(typed): Path<String>,
) -> Result<Answer<ConnectionAnswer>, Problem> {
    Ok(Answer(ConnectionAnswer::of(super::test(&app, &ctx, &person, id(&typed)?).await?)))
}

/// What stopped with a connection.
#[derive(Serialize, ToSchema)]
pub struct RemovedAnswer {
    /// The projects whose builds used it, and receive it no more.
    stopped: Vec<NamedProject>,
}

/// Removes a connection, and what is stored of it.
///
/// No build receives it any more from then on. At Apple the key goes on: revoke it there if nobody else uses it.
#[utoipa::path(
    delete, path = "/api/v1/connections/{id}",
    security(("token" = ["confirmed"])),
    params(("id" = String, Path, description = "Its id.", example = "con_00000000000000000000000000000000")),
    responses((status = 200, description = "It is removed.", body = RemovedAnswer), of::NotFound),
)]
pub async fn remove(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: Fresh<SignedIn>,
    Path(typed): Path<String>,
) -> Result<Answer<RemovedAnswer>, Problem> {
    let was = super::remove(&app, &ctx, &person, id(&typed)?).await?;
    Ok(Answer(RemovedAnswer { stopped: NamedProject::all(&was.used_by) }))
}

/// Which part of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Before {
    /// Goes on after the last one of the answer before: its `number`.
    before: Option<i64>,
}

/// A build that received a connection, or something made with it.
#[derive(Serialize, ToSchema)]
pub struct ReaderAnswer {
    /// The number of the event that tells of it.
    number: i64,
    /// When.
    #[schema(value_type = words::Time)]
    at: Timestamp,
    /// The project whose build it was.
    project: NamedProject,
    /// The build.
    #[schema(value_type = String)]
    build: BuildId,
    /// What it was given.
    #[schema(value_type = Vec<words::Given>)]
    given: Vec<Given>,
    /// How often it was given the same again within the minute after.
    repeats: i64,
    /// The commit that was built, if the CI said so.
    commit: Option<String>,
    /// The branch or tag, if the CI said so.
    reference: Option<String>,
    /// How the build showed whose it is.
    #[schema(value_type = Object)]
    proof: Proof,
    /// The address that it was given to.
    source: Option<String>,
}

impl ReaderAnswer {
    fn of(one: HandOut) -> Option<Self> {
        let HandOut { event, repeats, .. } = one;
        let What::HandedOut { project, project_name, build, proof, commit, reference, given, .. } =
            event.what
        else {
            return None;
        };
        Some(Self {
            number: event.number,
            at: event.at,
            project: NamedProject { id: project, name: project_name },
            build,
            given,
            repeats,
            commit,
            reference,
            proof,
            source: event.source,
        })
    }
}

/// Who received a connection.
#[derive(Serialize, ToSchema)]
pub struct ReadersAnswer {
    /// The newest first, 50 at a time.
    readers: Vec<ReaderAnswer>,
}

/// Lists the builds that received a connection.
#[utoipa::path(
    get, path = "/api/v1/connections/{id}/readers",
    security(("token" = [])),
    params(
        ("id" = String, Path, description = "Its id.", example = "con_00000000000000000000000000000000"),
        Before
    ),
    responses((status = 200, description = "The list.", body = ReadersAnswer), of::NotFound),
)]
pub async fn readers(
    State(app): State<Arc<App>>,
    person: SignedIn,
    Path(typed): Path<String>,
    Query(part): Query<Before>,
) -> Result<Answer<ReadersAnswer>, Problem> {
    let before = part.before.unwrap_or(i64::MAX);
    let all = super::readers(&app, &person.oneself(), id(&typed)?, before)?;
    Ok(Answer(ReadersAnswer { readers: all.into_iter().filter_map(ReaderAnswer::of).collect() }))
}

/// Somebody with admin authority in a project.
#[derive(Serialize, ToSchema)]
pub struct AuthorityAnswer {
    /// Their ID.
    id: String,
    /// What they are called.
    name: String,
    /// Their role there.
    #[schema(value_type = words::Role)]
    role: &'static str,
}

/// A project through which a connection can be read.
#[derive(Serialize, ToSchema)]
pub struct ReachedAnswer {
    /// The project.
    project: NamedProject,
    /// Whether its builds use the connection now. Otherwise its admins can have them use it at any time.
    used: bool,
    /// Who may choose the connection there, and let builds in.
    people: Vec<AuthorityAnswer>,
    /// The rules by which identity tokens open builds there, in words.
    rules: Vec<String>,
    /// The labels of the project's tokens, which open builds there.
    tokens: Vec<String>,
}

impl ReachedAnswer {
    fn of(one: &Reached) -> Self {
        Self {
            project: NamedProject { id: one.project.id, name: one.project.name.as_str().into() },
            used: one.used,
            people: one
                .people
                .iter()
                .map(|member| AuthorityAnswer {
                    id: member.name.to_string(),
                    name: member.display_name.as_str().into(),
                    role: member.role.code(),
                })
                .collect(),
            rules: one.rules.iter().map(rules::Listed::words).collect(),
            tokens: one.tokens.iter().map(|token| token.label.as_str().to_owned()).collect(),
        }
    }
}

/// Who could read a connection.
#[derive(Serialize, ToSchema)]
pub struct ReachAnswer {
    /// By the projects that it is offered to.
    projects: Vec<ReachedAnswer>,
}

/// Says who could read a connection.
#[utoipa::path(
    get, path = "/api/v1/connections/{id}/reach",
    security(("token" = [])),
    params(("id" = String, Path, description = "Its id.", example = "con_00000000000000000000000000000000")),
    responses((status = 200, description = "Who could.", body = ReachAnswer), of::NotFound),
)]
pub async fn reach(
    State(app): State<Arc<App>>,
    person: SignedIn,
    Path(typed): Path<String>,
) -> Result<Answer<ReachAnswer>, Problem> {
    let all = super::reach(&app, &person.oneself(), id(&typed)?)?;
    Ok(Answer(ReachAnswer { projects: all.iter().map(ReachedAnswer::of).collect() }))
}
