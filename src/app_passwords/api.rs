//! App-specific passwords, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::StatusCode,
};
use domain::{
    ACTIVE_APP_PASSWORDS_MAX, AppPassword, AppPasswordId, KindSet, Label, LastUse, Opens, ServiceName,
    Timestamp, WhyEnded,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::New;
use crate::{
    access::{Oneself, SignedIn},
    app::App,
    ctx::Ctx,
    openapi::words,
    problem::{Problem, of},
    set_up::{self, api::Described as PublicServer},
    sign_out::open::Open,
    web::json::Json,
};

/// An app-specific password, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = AppPassword)]
pub struct Described {
    /// Its id.
    #[schema(value_type = String)]
    id: AppPasswordId,
    /// What its person calls it.
    #[schema(value_type = String)]
    label: Label,
    /// What it opens.
    #[serde(rename = "for")]
    #[schema(value_type = words::Opens)]
    opens: DescribedOpens,
    /// Whether it works.
    state: Works,
    /// When it was generated.
    #[schema(value_type = words::Time)]
    created_at: Timestamp,
    /// When it stops working by itself, if ever.
    #[schema(value_type = Option<words::Time>)]
    expires_at: Option<Timestamp>,
    /// When it stopped working.
    #[schema(value_type = Option<words::Time>)]
    ended_at: Option<Timestamp>,
    /// Why it stopped working.
    #[schema(value_type = Option<words::WhyEnded>)]
    why_ended: Option<WhyEnded>,
    /// When it last opened something.
    last_use: Option<Use>,
    /// When it was last tried after its end.
    tried_after_end: Option<Use>,
    /// What ended with it, only in the answer that revoked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_out: Option<Open>,
    /// The password itself, only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    /// What to enter in the app, only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    set_up: Option<SetUp>,
}

/// What a person enters in the app beside the password.
#[derive(Serialize, ToSchema)]
#[schema(as = AppSetUp)]
struct SetUp {
    /// The user name.
    user_name: String,
    /// The services that it opens, by name, as far as its person may use them.
    services: Vec<OpenedService>,
}

/// A service that an app-specific password opens.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenedService)]
struct OpenedService {
    /// Its name.
    #[schema(value_type = String)]
    service: ServiceName,
    /// Where apps reach it; none while no administrator said so.
    servers: Vec<PublicServer>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum DescribedOpens {
    Kinds(KindSet),
    Word(&'static str),
}

/// Whether an app-specific password works.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AppPasswordState)]
enum Works {
    Live,
    Ended,
}

/// A use of an app-specific password.
#[derive(Serialize, ToSchema)]
#[schema(as = AppPasswordUse)]
struct Use {
    /// When.
    #[schema(value_type = words::Time)]
    at: Timestamp,
    /// At which service.
    #[schema(value_type = String)]
    service: ServiceName,
    /// The address of the app, as the service told it.
    source: String,
}

impl From<LastUse> for Use {
    fn from(LastUse { at, service, source }: LastUse) -> Self {
        Self { at, service, source }
    }
}

/// The app-specific passwords of an account.
#[derive(Serialize, ToSchema)]
#[schema(as = AppPasswords)]
pub struct Listed {
    /// All of them, also those that have ended, the newest first.
    app_passwords: Vec<Described>,
    /// How many work.
    active: usize,
    /// How many can work at a time.
    limit: usize,
}

fn describe(password: AppPassword, now: Timestamp) -> Described {
    let ended = password.ended_by(now);
    Described {
        id: password.id,
        opens: match password.opens {
            Opens::First => DescribedOpens::Word("first"),
            Opens::Kinds(kinds) => DescribedOpens::Kinds(kinds),
        },
        label: password.label,
        state: if ended.is_none() { Works::Live } else { Works::Ended },
        created_at: password.created_at,
        expires_at: password.expires_at,
        ended_at: ended.map(|ended| ended.at),
        why_ended: ended.map(|ended| ended.why),
        last_use: password.last_use.map(Into::into),
        tried_after_end: password.tried_after_end.map(Into::into),
        signed_out: None,
        password: None,
        set_up: None,
    }
}

/// Lists the app-specific passwords.
#[utoipa::path(
    get, path = "/api/v1/app-passwords",
    security(("token" = [])),
    responses((status = 200, description = "All of them.", body = Listed)),
)]
pub async fn list(State(app): State<Arc<App>>, ctx: Ctx, person: Oneself) -> Result<Answer<Listed>, Problem> {
    let now = ctx.stamp.now;
    let passwords = super::list(&app, &person)?;
    let active = passwords.iter().filter(|password| password.is_live(now)).count();
    let app_passwords = passwords.into_iter().map(|password| describe(password, now)).collect();
    Ok(Answer(Listed { app_passwords, active, limit: ACTIVE_APP_PASSWORDS_MAX }))
}

/// What a password is to open: some kinds, or the first app that uses it.
#[derive(Deserialize)]
#[serde(untagged)]
enum For {
    Kinds(Vec<String>),
    Word(String),
}

/// `POST /api/v1/app-passwords`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "label": "Mail on iPhone", "for": ["mail"], "expires": "90d" }))]
pub struct GenerateRequest {
    /// What to call it: one line, at most 200 characters.
    label: String,
    /// What it is to open.
    #[serde(rename = "for")]
    #[schema(value_type = words::Opens)]
    opens: For,
    /// After how many days it stops working by itself, such as `90d`. Left out: never.
    #[serde(default)]
    expires: String,
}

/// Generates one. The answer holds the password itself, this once.
#[utoipa::path(
    post, path = "/api/v1/app-passwords",
    security(("token" = ["confirmed"])),
    request_body = GenerateRequest,
    responses(
        (status = 201, description = "It works at once.", body = Described),
        of::Unfit, of::TwoFactorNeeded, of::TooManyAppPasswords
    ),
)]
pub async fn generate(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: SignedIn,
    Json(request): Json<GenerateRequest>,
) -> Result<(StatusCode, Answer<Described>), Problem> {
    let opens = match request.opens {
        For::Word(word) if word == "first" => None,
        For::Word(word) => Some(kinds(&[word])?),
        For::Kinds(words) => Some(kinds(&words)?),
    };
    let new = New::parse(&request.label, opens, &request.expires, ctx.stamp.now)?;
    let person = super::generator(&app, person, ctx.stamp.now)?;
    let (password, secret) = super::generate(&app, &mut ctx, &person, new).await?;
    let shown = secret.shown().expose().as_str().into();
    let account = &person.who().account;
    let opened = set_up::person::opened(&app, account.id, password.opens)?.into_iter().map(|opened| {
        let servers = opened.servers.into_iter().map(Into::into).collect();
        OpenedService { service: opened.service, servers }
    });
    let set_up = SetUp { user_name: account.name.to_string(), services: opened.collect() };
    let described = describe(password, ctx.stamp.now);
    Ok((StatusCode::CREATED, Answer(Described { password: Some(shown), set_up: Some(set_up), ..described })))
}

/// `POST /api/v1/app-passwords/profile`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProfileRequest, example = json!({ "password": "abcd-efgh-ijkl-mnop-qrst-uvwx" }))]
pub struct ProfileRequest {
    /// An app-specific password of the person who asks: it is kept nowhere, so it has to be sent back.
    password: String,
}

impl Drop for ProfileRequest {
    fn drop(&mut self) {
        drop(domain::Secret::new(std::mem::take(&mut self.password)));
    }
}

/// A profile.
#[derive(Serialize, ToSchema)]
#[schema(as = Profile)]
pub struct ProfileAnswer {
    /// The text of the file, such as `doorkey.mobileconfig`. It holds the password.
    profile: String,
}

/// Makes a configuration profile that sets an iPhone, iPad or Mac up with an app-specific password.
#[utoipa::path(
    post, path = "/api/v1/app-passwords/profile",
    security(("token" = [])),
    request_body = ProfileRequest,
    responses(
        (status = 200, description = "The profile, not signed.", body = ProfileAnswer),
        of::Unfit, of::NotFound
    ),
)]
pub async fn profile(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Json(request): Json<ProfileRequest>,
) -> Result<Answer<ProfileAnswer>, Problem> {
    let profile = super::profile(&app, &person, &request.password, ctx.stamp.now)?;
    Ok(Answer(ProfileAnswer { profile: profile.expose().clone() }))
}

fn kinds(words: &[String]) -> Result<KindSet, Problem> {
    let kinds = words.iter().map(|word| word.parse()).collect::<Result<Vec<domain::Kind>, _>>();
    kinds.map(KindSet::from).map_err(|error| {
        Problem::field("for", format!("{error}. For the first app that uses it, write \"first\" alone."))
    })
}

/// Revokes one: its app is signed out at once. One that had ended before is answered as it is.
#[utoipa::path(
    delete, path = "/api/v1/app-passwords/{id}",
    security(("token" = [])),
    params(("id" = String, Path, description = "Its id.", example = "apw_01999999aaaa7bbb8cccddddeeeeffff")),
    responses((status = 200, description = "As it is now.", body = Described)),
)]
pub async fn revoke(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: Oneself,
    Path(id): Path<String>,
) -> Result<Answer<Described>, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let (password, open) = super::revoke(&app, &ctx, &person, id).await?;
    Ok(Answer(Described { signed_out: Some(open), ..describe(password, ctx.stamp.now) }))
}

/// What became of all that worked.
#[derive(Serialize, ToSchema)]
pub struct RevokedAll {
    /// How many app-specific passwords were revoked.
    revoked: u64,
    /// What ended with them.
    signed_out: Open,
}

/// Revokes all that work.
#[utoipa::path(
    delete, path = "/api/v1/app-passwords",
    security(("token" = [])),
    responses((status = 200, description = "They are revoked.", body = RevokedAll)),
)]
pub async fn revoke_all(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: Oneself,
) -> Result<Answer<RevokedAll>, Problem> {
    let (revoked, signed_out) = super::revoke_all(&app, &ctx, &person).await?;
    Ok(Answer(RevokedAll { revoked, signed_out }))
}
