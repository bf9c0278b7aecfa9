//! What lets builds in, for programs: the server's issuers, and a project's rules and tokens.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::StatusCode,
};
use domain::{IssuerId, Origin, ProjectTokenId, RuleId, RuleTerms, Timestamp};
use serde::{Deserialize, Serialize};
use store::issuers::Issuer;
use utoipa::ToSchema;

use super::{
    identity, issuers,
    rules::{self, Listed, Verdict},
    tokens,
};
use crate::{
    access::{Admin, Fresh, SignedIn},
    app::App,
    ctx::Ctx,
    openapi::words,
    problem::{Problem, of},
    projects::Member,
    web::json::Json,
};

/// A CI whose identity tokens are taken here.
#[derive(Serialize, ToSchema)]
#[schema(as = Issuer)]
pub struct DescribedIssuer {
    /// Its id.
    #[schema(value_type = String)]
    id: IssuerId,
    /// What it is called here.
    name: String,
    /// Which CI, for what its claims mean.
    #[schema(value_type = words::Ci)]
    preset: &'static str,
    /// What its tokens say in `iss`.
    url: String,
    /// What they have to say in `aud`.
    audience: String,
    /// The claims that rules about it can name; the first is the id that each has to. Where the preset is `other`, all can be named.
    claims: Vec<String>,
    /// Whether it may be at an address of one's own network.
    allow_private: bool,
    /// When it was added.
    #[schema(value_type = words::Time)]
    created_at: Timestamp,
}

impl DescribedIssuer {
    fn of(app: &App, issuer: Issuer) -> Self {
        Self {
            audience: identity::audience(app, &issuer).to_owned(),
            claims: issuers::claims(&issuer),
            id: issuer.id,
            preset: issuer.ci.code(),
            allow_private: issuer.near,
            created_at: issuer.created_at,
            name: issuer.name,
            url: issuer.url,
        }
    }
}

/// Every issuer.
#[derive(Serialize, ToSchema)]
#[schema(as = Issuers)]
pub struct IssuersAnswer {
    /// In the order in which they were added.
    issuers: Vec<DescribedIssuer>,
}

/// Lists the CIs whose identity tokens are taken here.
#[utoipa::path(
    get, path = "/api/v1/issuers",
    security(("token" = [])),
    responses((status = 200, description = "All of them.", body = IssuersAnswer)),
)]
pub async fn list_issuers(
    State(app): State<Arc<App>>,
    _reader: Reader,
) -> Result<Answer<IssuersAnswer>, Problem> {
    let issuers = issuers::list(&app)?.into_iter().map(|issuer| DescribedIssuer::of(&app, issuer)).collect();
    Ok(Answer(IssuersAnswer { issuers }))
}

/// Whoever is signed in, or has the server's data folder.
pub struct Reader;

impl axum::extract::FromRequestParts<Arc<App>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        app: &Arc<App>,
    ) -> Result<Self, Problem> {
        if parts.extensions.get::<crate::web::LocalAdministrator>().is_some() {
            return Ok(Self);
        }
        SignedIn::from_request_parts(parts, app).await.map(|_| Self)
    }
}

/// `POST /api/v1/issuers`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "preset": "github" }))]
pub struct IssuerRequest {
    /// Which CI.
    #[schema(value_type = words::Ci)]
    preset: String,
    /// What it is called here; the CI's own name if nothing is said.
    #[serde(default)]
    name: String,
    /// What its tokens say in `iss`; not needed where the CI has one for all.
    #[serde(default)]
    url: String,
    /// What its tokens have to say in `aud`; this server's URL if nothing is said.
    #[serde(default)]
    audience: String,
    /// With the preset `other`: the claim that names a project, and never another one.
    #[serde(default)]
    claim: String,
    /// Whether it may be at an address of one's own network; then it may be asked over http there.
    #[serde(default)]
    allow_private: bool,
}

/// Adds a CI.
///
/// Its identity tokens open nothing until a project has a rule about them.
#[utoipa::path(
    post, path = "/api/v1/issuers",
    security(("token" = ["administrator", "confirmed"])),
    request_body = IssuerRequest,
    responses((status = 201, description = "It is added.", body = DescribedIssuer), of::Unfit, of::Conflict),
)]
pub async fn add_issuer(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Json(request): Json<IssuerRequest>,
) -> Result<(StatusCode, Answer<DescribedIssuer>), Problem> {
    let IssuerRequest { preset, name, url, audience, claim, allow_private } = request;
    let new = issuers::New { preset, name, url, audience, claim, allow_private };
    let issuer = issuers::add(&app, &mut ctx, &admin, new).await?;
    Ok((StatusCode::CREATED, Answer(DescribedIssuer::of(&app, issuer))))
}

/// Removes a CI.
///
/// All rules that name it go with it, and the builds that those let in end.
#[utoipa::path(
    delete, path = "/api/v1/issuers/{id}",
    security(("token" = ["administrator"])),
    params(("id" = String, Path, description = "Its id, its name, or its URL.", example = "iss_00000000000000000000000000000000")),
    responses((status = 204, description = "It is removed."), of::NotFound),
)]
pub async fn remove_issuer(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Admin,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let issuer = issuers::named(&app, &id)?;
    issuers::remove(&app, &ctx, &admin, issuer.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A rule: what identity tokens have to say to open builds of a project.
#[derive(Serialize, ToSchema)]
#[schema(as = Rule)]
pub struct DescribedRule {
    /// Its id.
    #[schema(value_type = String)]
    id: RuleId,
    /// What the issuer of those tokens is called.
    issuer: String,
    /// The issuer's id.
    #[schema(value_type = String)]
    issuer_id: IssuerId,
    /// What each of these claims has to say. In those that aren't ids, `*` stands for any characters but `/`.
    claims: BTreeMap<String, String>,
    /// Whether builds of pull requests are let in, if their token proves that they are of the repository itself.
    pull_requests: bool,
    /// Whether builds are let in that are a fork's, or can't be told from them.
    forks: bool,
    /// The same in words.
    words: String,
    /// When it was added.
    #[schema(value_type = words::Time)]
    created_at: Timestamp,
}

impl DescribedRule {
    fn of(listed: Listed) -> Self {
        let words = listed.words();
        let Listed { rule, issuer } = listed;
        Self {
            id: rule.id,
            issuer: issuer.name,
            issuer_id: issuer.id,
            claims: rule.terms.claims,
            pull_requests: rule.terms.pull_requests,
            forks: rule.terms.forks,
            words,
            created_at: rule.created_at,
        }
    }
}

/// The rules of a project.
#[derive(Serialize, ToSchema)]
#[schema(as = Rules)]
pub struct RulesAnswer {
    /// In the order in which they were added.
    rules: Vec<DescribedRule>,
}

/// Lists a project's rules.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/rules",
    security(("token" = [])),
    params(("project" = String, Path, description = "Its id, or its name.", example = "prj_00000000000000000000000000000000")),
    responses((status = 200, description = "All of them.", body = RulesAnswer)),
)]
pub async fn list_rules(
    State(app): State<Arc<App>>,
    person: SignedIn,
    Path(project): Path<String>,
) -> Result<Answer<RulesAnswer>, Problem> {
    let member = Member::of(&app, &person.oneself(), &project)?;
    let rules = rules::list(&app, &member)?.into_iter().map(DescribedRule::of).collect();
    Ok(Answer(RulesAnswer { rules }))
}

/// `POST /api/v1/projects/{project}/rules`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "issuer": "GitHub Actions", "claims": { "repository_id": "741852963", "ref": "refs/heads/main" } }))]
pub struct RuleRequest {
    /// The issuer: its id, its name or its URL.
    issuer: String,
    /// What each of these claims has to say; the issuer's id of the repository or project is one of them.
    claims: BTreeMap<String, String>,
    /// Whether builds of pull requests are let in, if their token proves that they are of the repository itself.
    #[serde(default)]
    pull_requests: bool,
    /// Whether builds are let in that are a fork's, or can't be told from them. Whoever may start those gets what the project's builds get.
    #[serde(default)]
    forks: bool,
}

/// Adds a rule to a project.
///
/// Identity tokens that fit it open builds from then on. Admins of the project may.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/rules",
    security(("token" = ["confirmed"])),
    params(("project" = String, Path, description = "Its id, or its name.", example = "prj_00000000000000000000000000000000")),
    request_body = RuleRequest,
    responses((status = 201, description = "It is added.", body = DescribedRule), of::Unfit, of::Conflict, of::TwoFactorNeeded, of::RoleNeeded),
)]
pub async fn add_rule(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: SignedIn,
    Path(project): Path<String>,
    Json(request): Json<RuleRequest>,
) -> Result<(StatusCode, Answer<DescribedRule>), Problem> {
    let admin = Member::of(&app, &person.oneself(), &project)?.admin()?;
    let person = person.fresh(ctx.stamp.now)?;
    let RuleRequest { issuer, claims, pull_requests, forks } = request;
    let new = rules::New { issuer, terms: RuleTerms { claims, pull_requests, forks } };
    let listed = rules::add(&app, &mut ctx, &person, &admin, new).await?;
    Ok((StatusCode::CREATED, Answer(DescribedRule::of(listed))))
}

/// What ended with something that was taken back.
#[derive(Serialize, ToSchema)]
#[schema(as = TakenBack)]
pub struct TakenBackAnswer {
    /// How many open builds it had let in, which have ended.
    builds_ended: u64,
}

/// Removes a rule of a project.
///
/// The builds that it let in end. Admins of the project may.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}/rules/{id}",
    security(("token" = [])),
    params(
        ("project" = String, Path, description = "Its id, or its name.", example = "prj_00000000000000000000000000000000"),
        ("id" = String, Path, description = "The rule's id.", example = "rul_00000000000000000000000000000000")
    ),
    responses((status = 200, description = "It is removed.", body = TakenBackAnswer), of::RoleNeeded),
)]
pub async fn remove_rule(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path((project, id)): Path<(String, String)>,
) -> Result<Answer<TakenBackAnswer>, Problem> {
    let admin = Member::of(&app, &person.oneself(), &project)?.admin()?;
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let (_, builds_ended) = rules::remove(&app, &ctx, person.session.id, &admin, id).await?;
    Ok(Answer(TakenBackAnswer { builds_ended }))
}

/// `POST /api/v1/projects/{project}/rules/try`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "identity_token": "eyJ…" }))]
pub struct TryRequest {
    /// The identity token. It isn't kept, and stays as good as it was.
    identity_token: String,
}

/// What the project's rules make of an identity token.
#[derive(Serialize, ToSchema)]
#[schema(as = TriedToken)]
pub struct TryAnswer {
    /// Whether it would open a build.
    opens: bool,
    /// Why it isn't taken, whatever the rules say; null when it is genuine, for this server, of now, and unused.
    why_not_genuine: Option<String>,
    /// What its issuer is called, if it is one that was added here.
    issuer: Option<String>,
    /// What each of the project's rules about that issuer makes of it.
    rules: Vec<TriedRule>,
    /// What it says.
    claims: BTreeMap<String, String>,
}

/// What a rule makes of a token.
#[derive(Serialize, ToSchema)]
struct TriedRule {
    /// The rule's id.
    #[schema(value_type = String)]
    id: RuleId,
    /// The rule in words.
    words: String,
    /// Whether it lets the build in.
    lets_in: bool,
    /// What stands in the way, first of all.
    why_not: Option<String>,
    /// Whose the build is, as far as the token proves it.
    origin: TriedOrigin,
    /// Claim by claim.
    checks: Vec<TriedClaim>,
}

/// Whose a build is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TriedOrigin {
    /// Of a branch or a tag of the repository itself.
    Own,
    /// Of a pull request from a branch of the repository itself.
    PullRequest,
    /// Of a fork, or it can't be told.
    MaybeFork,
}

/// What a rule asks of a claim, and what the token says.
#[derive(Serialize, ToSchema)]
struct TriedClaim {
    /// The claim.
    claim: String,
    /// What the rule wants.
    wanted: String,
    /// What the token says.
    found: Option<String>,
    /// Whether that fits.
    fits: bool,
}

impl TriedRule {
    fn of(verdict: Verdict) -> Self {
        Self {
            id: verdict.listed.rule.id,
            words: verdict.listed.words(),
            lets_in: verdict.admits(),
            why_not: verdict.why_not(),
            origin: match verdict.origin {
                Origin::Own => TriedOrigin::Own,
                Origin::PullRequest => TriedOrigin::PullRequest,
                Origin::MaybeFork => TriedOrigin::MaybeFork,
            },
            checks: verdict
                .checks
                .into_iter()
                .map(|check| TriedClaim {
                    claim: check.claim,
                    wanted: check.wanted,
                    found: check.found,
                    fits: check.fits,
                })
                .collect(),
        }
    }
}

/// Tries the rules of a project.
///
/// Which would let a build with this identity token in, and why the others wouldn't. Nothing is opened or kept. Developers of the project and
/// those above may.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/rules/try",
    security(("token" = [])),
    params(("project" = String, Path, description = "Its id, or its name.", example = "prj_00000000000000000000000000000000")),
    request_body = TryRequest,
    responses((status = 200, description = "What they make of it.", body = TryAnswer), of::RoleNeeded),
)]
pub async fn try_rules(
    State(app): State<Arc<App>>,
    person: SignedIn,
    Path(project): Path<String>,
    Json(request): Json<TryRequest>,
) -> Result<Answer<TryAnswer>, Problem> {
    let member = Member::of(&app, &person.oneself(), &project)?;
    let tried = rules::try_token(&app, member, &request.identity_token).await?;
    Ok(Answer(TryAnswer {
        opens: tried.opens(),
        why_not_genuine: tried.why_not_genuine(),
        issuer: tried.looked.issuer.map(|issuer| issuer.name),
        claims: tried
            .looked
            .claims
            .iter()
            .flat_map(|claims| claims.all())
            .map(|(name, said)| (name.to_owned(), said))
            .collect(),
        rules: tried.verdicts.into_iter().map(TriedRule::of).collect(),
    }))
}

/// A token that opens builds of a project; never the token itself.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectToken)]
pub struct DescribedToken {
    /// Its id.
    #[schema(value_type = String)]
    id: ProjectTokenId,
    /// What it is called.
    label: String,
    /// Who made it, and may have kept a copy: their ID. Null when their account was removed.
    made_by: Option<String>,
    /// Whether they still have admin authority in the project.
    maker_administers: bool,
    /// Whether its time is over.
    expired: bool,
    /// When it was made.
    #[schema(value_type = words::Time)]
    created_at: Timestamp,
    /// When it stops working.
    #[schema(value_type = words::Time)]
    expires_at: Timestamp,
    /// When it last opened a build; null before the first time.
    #[schema(value_type = Option<words::Time>)]
    last_used_at: Option<Timestamp>,
    /// From which address that was.
    last_used_source: Option<String>,
}

impl DescribedToken {
    fn of(tokens::Listed { token, made_by, maker_administers }: tokens::Listed, now: Timestamp) -> Self {
        let (last_used_at, last_used_source) = token.last_use.unzip();
        Self {
            id: token.id,
            label: token.label.as_str().into(),
            made_by: made_by.map(|name| name.to_string()),
            maker_administers,
            expired: token.expires_at <= now,
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at,
            last_used_source,
        }
    }
}

/// The tokens of a project.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectTokens)]
pub struct ProjectTokensAnswer {
    /// The newest first; those that expired stay for a month.
    tokens: Vec<DescribedToken>,
    /// How many may work at a time.
    limit: usize,
}

/// Lists a project's tokens.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/tokens",
    security(("token" = [])),
    params(("project" = String, Path, description = "Its id, or its name.", example = "prj_00000000000000000000000000000000")),
    responses((status = 200, description = "All of them.", body = ProjectTokensAnswer)),
)]
pub async fn list_tokens(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path(project): Path<String>,
) -> Result<Answer<ProjectTokensAnswer>, Problem> {
    let member = Member::of(&app, &person.oneself(), &project)?;
    let listed = tokens::list(&app, &member)?.into_iter();
    let tokens = listed.map(|token| DescribedToken::of(token, ctx.stamp.now)).collect();
    Ok(Answer(ProjectTokensAnswer { tokens, limit: tokens::TOKENS_MAX }))
}

/// `POST /api/v1/projects/{project}/tokens`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "label": "Jenkins", "expires": "90d" }))]
pub struct TokenRequest {
    /// What it is called.
    label: String,
    /// After what time it stops working, as in `30d`, `12w` or `1y`; a year at most, and 90 days if nothing is said.
    #[serde(default)]
    expires: String,
}

/// A project token that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeProjectToken)]
pub struct MadeTokenAnswer {
    /// The token, with which a CI opens builds. It is shown this once.
    token: String,
    /// What is known of it.
    #[serde(flatten)]
    described: DescribedToken,
}

/// Makes a token for a project.
///
/// It opens builds of the project, and does nothing else. Admins of the project may.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/tokens",
    security(("token" = ["confirmed"])),
    params(("project" = String, Path, description = "Its id, or its name.", example = "prj_00000000000000000000000000000000")),
    request_body = TokenRequest,
    responses((status = 201, description = "It is made.", body = MadeTokenAnswer), of::Unfit, of::TooManyTokens, of::TwoFactorNeeded, of::RoleNeeded),
)]
pub async fn make_token(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: SignedIn,
    Path(project): Path<String>,
    Json(request): Json<TokenRequest>,
) -> Result<(StatusCode, Answer<MadeTokenAnswer>), Problem> {
    let admin = Member::of(&app, &person.oneself(), &project)?.admin()?;
    let now = ctx.stamp.now;
    let new = tokens::New::parse(&request.label, &request.expires, now)?;
    let person = person.fresh(now)?;
    let (token, secret) = tokens::make(&app, &mut ctx, &person, &admin, new).await?;
    let described = DescribedToken::of(token, now);
    Ok((StatusCode::CREATED, Answer(MadeTokenAnswer { token: secret.expose().into(), described })))
}

/// Revokes a project's token.
///
/// The builds that it opened end. Admins of the project may.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}/tokens/{id}",
    security(("token" = [])),
    params(
        ("project" = String, Path, description = "Its id, or its name.", example = "prj_00000000000000000000000000000000"),
        ("id" = String, Path, description = "The token's id.", example = "pjt_00000000000000000000000000000000")
    ),
    responses((status = 200, description = "It is revoked.", body = TakenBackAnswer), of::RoleNeeded),
)]
pub async fn revoke_token(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path((project, id)): Path<(String, String)>,
) -> Result<Answer<TakenBackAnswer>, Problem> {
    let admin = Member::of(&app, &person.oneself(), &project)?.admin()?;
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let (_, builds_ended) = tokens::revoke(&app, &ctx, person.session.id, &admin, id).await?;
    Ok(Answer(TakenBackAnswer { builds_ended }))
}
