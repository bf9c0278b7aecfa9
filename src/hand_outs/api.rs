//! The hand-out for tools that aren't steps: exactly what is asked for, and a short-lived token in the place of the key where that is
//! enough.

use std::sync::Arc;

use appleid::{KeyName, SECONDS_MAX};
use axum::{Json as Answer, extract::State, http::HeaderMap};
use domain::{ConnectionKind, Given, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Asked, Handed, give};
use crate::{
    app::App,
    builds,
    ctx::Ctx,
    openapi::words,
    problem::{Code, Problem, of},
    refusals::network,
    web::json::Json,
};

/// For how many seconds a signed token is good, unless another number is asked for.
const SECONDS: u32 = 600;
/// How many requests a signed token can be kept to, and how long each of them is in letters.
const SCOPE: (usize, usize) = (100, 500);

/// `POST /api/v1/build/credentials`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "give": ["api_key"] }))]
pub struct CredentialsRequest {
    /// What is wanted, by kind; everything that the project's builds use when it isn't said.
    #[schema(value_type = Option<Vec<words::ConnectionKind>>)]
    give: Option<Vec<String>>,
}

/// What a build's project uses. What it doesn't use isn't there.
#[derive(Serialize, ToSchema)]
pub struct Credentials {
    /// An App Store Connect API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<GivenApiKey>,
}

/// An App Store Connect API key, to be used in this build.
#[derive(Serialize, ToSchema)]
pub struct GivenApiKey {
    /// What Apple knows it by.
    key_id: String,
    /// Whose keys they are, at Apple; not there for an individual key.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer_id: Option<String>,
    /// The key itself, as PKCS#8 in PEM.
    private_key: String,
    /// Whether it belongs to the Apple Developer Enterprise Program.
    enterprise: bool,
    /// What its person calls it.
    name: String,
}

/// Gives a build the credentials that its project uses.
///
/// It is for builds alone: the token is a build's own, which begins with `dkb_`. What was given stands in the log before it is answered.
#[utoipa::path(
    post, path = "/api/v1/build/credentials",
    security(("build_token" = [])),
    request_body = CredentialsRequest,
    responses((status = 200, description = "They are these.", body = Credentials), of::Unfit, of::BuildTokenWrong),
)]
pub async fn credentials(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    Json(request): Json<Option<CredentialsRequest>>,
) -> Result<Answer<Credentials>, Problem> {
    let token = builds::token(&headers).ok_or_else(builds::not_known)?;
    let wanted = request.unwrap_or_default().give.map(kinds).transpose()?;
    if wanted.is_some_and(|wanted| !wanted.contains(&ConnectionKind::ApiKey)) {
        builds::BuildToken::of(&app, &token)?;
        return Ok(Answer(Credentials { api_key: None }));
    }
    let handed = given(&app, &ctx, token, Given::ApiKey).await?;
    let api_key = handed.map(|Handed { held, key }| GivenApiKey {
        key_id: held.key.key_id.clone(),
        issuer_id: held.key.issuer_id.clone(),
        private_key: key.pem().expose().clone(),
        enterprise: held.key.enterprise,
        name: held.connection.name.clone(),
    });
    Ok(Answer(Credentials { api_key }))
}

/// `POST /api/v1/build/app-store-connect-token`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "seconds": 600, "scope": ["GET /v1/apps"] }))]
pub struct TokenRequest {
    /// For how many seconds it is to be good: 1 to 1200, 600 unless it is said.
    seconds: Option<u32>,
    /// The only requests that it is to be good for; all that the key may do when there are none.
    #[schema(value_type = Option<Vec<String>>)]
    scope: Vec<String>,
}

/// A token for App Store Connect.
#[derive(Serialize, ToSchema)]
pub struct SignedToken {
    /// For `Authorization: Bearer` at api.appstoreconnect.apple.com.
    token: String,
    /// When it stops working.
    #[schema(value_type = words::Time)]
    expires_at: Timestamp,
    /// The key that signed it.
    key_id: String,
}

/// Signs a short-lived token for App Store Connect with the key that the build's project uses; the key itself stays here.
///
/// It is for builds alone: the token is a build's own, which begins with `dkb_`. What was given stands in the log before it is answered.
#[utoipa::path(
    post, path = "/api/v1/build/app-store-connect-token",
    security(("build_token" = [])),
    request_body = TokenRequest,
    responses(
        (status = 200, description = "It is signed.", body = SignedToken),
        of::Unfit, of::BuildTokenWrong, of::NotFound
    ),
)]
pub async fn app_store_connect_token(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    Json(request): Json<Option<TokenRequest>>,
) -> Result<Answer<SignedToken>, Problem> {
    let token = builds::token(&headers).ok_or_else(builds::not_known)?;
    let TokenRequest { seconds, scope } = request.unwrap_or_default();
    let seconds = seconds.unwrap_or(SECONDS);
    if !(1..=SECONDS_MAX).contains(&seconds) {
        let detail =
            format!("Ask for 1 to {SECONDS_MAX} seconds: Apple takes no token that is good for longer.");
        return Err(Problem::field("seconds", detail));
    }
    if scope.len() > SCOPE.0 || scope.iter().any(|one| !is_request(one)) {
        let detail = format!(
            "Name at most {} requests, each as a method and a path of App Store Connect, like GET /v1/apps.",
            SCOPE.0
        );
        return Err(Problem::field("scope", detail));
    }
    let handed = given(&app, &ctx, token, Given::AppStoreConnectToken).await?;
    let Some(Handed { held, key }) = handed else {
        return Err(Problem::new(
            Code::NotFound,
            "Builds of this project use no API key. One of its admins can choose one on the project's page Team.",
        ));
    };
    let name = KeyName {
        key_id: &held.key.key_id,
        issuer_id: held.key.issuer_id.as_deref(),
        enterprise: held.key.enterprise,
    };
    let signed = key.token(&name, &scope, ctx.stamp.now, seconds).map_err(|error| {
        tracing::error!(%error, "no token can be signed for a build");
        Problem::unavailable()
    })?;
    Ok(Answer(SignedToken {
        token: signed.text.expose().clone(),
        expires_at: signed.expires_at,
        key_id: held.key.key_id.clone(),
    }))
}

async fn given(app: &App, ctx: &Ctx, token: [u8; 32], given: Given) -> Result<Option<Handed>, Problem> {
    let source = ctx.stamp.source.as_deref().map(network);
    let asked = Asked { token, build: None, source: source.as_deref(), given, fits: |_| true };
    give(app, asked, || Ok(ctx.stamp.clone())).await
}

fn kinds(asked: Vec<String>) -> Result<Vec<ConnectionKind>, Problem> {
    let known = |code: &String| ConnectionKind::from_code(code);
    asked.iter().map(known).collect::<Option<_>>().ok_or_else(|| {
        let all = ConnectionKind::ALL.map(ConnectionKind::code).join(", ");
        Problem::field("give", format!("Name what is wanted by its kind. There are {all}."))
    })
}

/// Whether this is a request as Apple has it in a token's scope.
fn is_request(text: &str) -> bool {
    let path =
        text.split_once(' ').filter(|(method, _)| ["GET", "POST", "PATCH", "PUT", "DELETE"].contains(method));
    text.len() <= SCOPE.1
        && path.is_some_and(|(_, path)| path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic()))
}
