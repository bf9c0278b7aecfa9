//! Accounts, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::StatusCode,
};
use domain::{AccountId, AccountName, DisplayName, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NewAccount, links, two_factor};
use crate::{
    access::{Admin, Fresh, SignedIn},
    app::App,
    ctx::Ctx,
    openapi::words::Time,
    problem::{Problem, of},
    web::json::Json,
};

/// `POST /api/v1/accounts`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(
    as = AddAccountRequest,
    example = json!({ "id": "bob@example.org", "name": "Bob", "password": "violet kettle under seven bridges" })
)]
pub struct AddRequest {
    /// Its ID, an e-mail address; without a domain, in the default domain.
    id: String,
    /// What its person is called.
    name: String,
    /// Its password: at least 15 characters, or 8 with `totp`.
    password: String,
    /// Whether it administers the server.
    #[serde(default)]
    administrator: bool,
    /// Whether two-factor authentication is on from the first day, with a secret that the answer holds.
    #[serde(default)]
    totp: bool,
}

/// A new account.
#[derive(Serialize, ToSchema)]
pub struct AddedAccount {
    /// The account's own id, which never changes.
    #[schema(value_type = String)]
    id: AccountId,
    /// Its ID as it signs in, an e-mail address.
    #[schema(value_type = String)]
    name: AccountName,
    /// What its person is called.
    #[schema(value_type = String)]
    display_name: DisplayName,
    /// Whether it administers the server.
    administrator: bool,
    /// With `totp`: the secret for an authenticator app, this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    totp_secret: Option<String>,
    /// With `totp`: the same as an `otpauth:` address, for a QR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
}

/// Makes an account.
#[utoipa::path(
    post, path = "/api/v1/accounts",
    security(("token" = ["administrator", "confirmed"])),
    request_body = AddRequest,
    responses(
        (status = 201, description = "It is made.", body = AddedAccount),
        of::Unfit, of::Conflict
    ),
)]
pub async fn add(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Json(request): Json<AddRequest>,
) -> Result<(StatusCode, Answer<AddedAccount>), Problem> {
    let new = NewAccount::parse(&app, &request.id, &request.name, request.administrator)?;
    let (account, factor) = super::add(&app, &mut ctx, &admin, new, &request.password, request.totp).await?;
    let (totp_secret, uri) = factor.map(|shown| (shown.manual_key, shown.uri)).unzip();
    let answer = AddedAccount {
        id: account.id,
        name: account.name,
        display_name: account.display_name,
        administrator: account.administrator,
        totp_secret,
        uri,
    };
    Ok((StatusCode::CREATED, Answer(answer)))
}

/// `POST /api/v1/accounts/{name}/reset-link`: it may have no body.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "lost_second_factor": true }))]
pub struct ResetLinkRequest {
    /// Whether the second factor was lost too, and the link turns two-factor authentication off.
    #[serde(default)]
    lost_second_factor: bool,
}

/// A one-time link.
#[derive(Serialize, ToSchema)]
pub struct LinkAnswer {
    /// The link, to be handed on to the account's person. It is shown this once.
    link: String,
    /// Until when it can be used.
    #[schema(value_type = Time)]
    expires_at: Timestamp,
}

/// Makes a link with which an account's person sets a new password. Earlier ones stop working.
#[utoipa::path(
    post, path = "/api/v1/accounts/{name}/reset-link",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "The account's ID.", example = "ada@example.org")),
    request_body = Option<ResetLinkRequest>,
    responses((status = 201, description = "It is made.", body = LinkAnswer)),
)]
pub async fn reset_link(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
    Json(request): Json<Option<ResetLinkRequest>>,
) -> Result<(StatusCode, Answer<LinkAnswer>), Problem> {
    let lost = request.unwrap_or_default().lost_second_factor;
    let (token, expires_at) = links::reset_link(&app, &mut ctx, &admin, &name, lost).await?;
    let link = format!("{}/reset/{}", app.config.http.public_url, token.expose());
    Ok((StatusCode::CREATED, Answer(LinkAnswer { link, expires_at })))
}

/// `POST /api/v1/account/password`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "current_password": "violet kettle under seven bridges", "new_password": "seven lanterns behind the harbour"
}))]
pub struct PasswordRequest {
    /// The password that is in force.
    current_password: String,
    /// The one to take its place: at least 15 characters, or 8 with a second factor.
    new_password: String,
}

/// How many app-specific passwords ended with a change.
#[derive(Serialize, ToSchema)]
pub struct RevokedAnswer {
    /// How many app-specific passwords were revoked.
    pub revoked: u64,
}

/// Changes the password.
///
/// Every app-specific password of the account is revoked, and its other browsers and command lines are signed out.
#[utoipa::path(
    post, path = "/api/v1/account/password",
    security(("token" = ["confirmed"])),
    request_body = PasswordRequest,
    responses(
        (status = 200, description = "It is changed.", body = RevokedAnswer),
        of::WrongCredentials, of::TooManyAttempts, of::Unfit, of::Conflict
    ),
)]
pub async fn change_password(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: Fresh<SignedIn>,
    Json(request): Json<PasswordRequest>,
) -> Result<Answer<RevokedAnswer>, Problem> {
    let revoked =
        super::change_password(&app, &mut ctx, &person, &request.current_password, &request.new_password)
            .await?;
    Ok(Answer(RevokedAnswer { revoked }))
}

/// A second factor that was begun.
#[derive(Serialize, ToSchema)]
pub struct TwoFactorAnswer {
    /// The secret, as an authenticator app takes it by hand.
    totp_secret: String,
    /// The same as an `otpauth:` address, for a QR code.
    uri: String,
}

/// Begins to turn two-factor authentication on. It is in force once the first code has come.
#[utoipa::path(
    post, path = "/api/v1/account/two-factor",
    security(("token" = ["confirmed"])),
    responses((status = 201, description = "It is begun.", body = TwoFactorAnswer), of::Conflict),
)]
pub async fn two_factor_begin(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: Fresh<SignedIn>,
) -> Result<(StatusCode, Answer<TwoFactorAnswer>), Problem> {
    let shown = two_factor::begin(&app, &mut ctx, &person).await?;
    Ok((StatusCode::CREATED, Answer(TwoFactorAnswer { totp_secret: shown.manual_key, uri: shown.uri })))
}

/// `POST /api/v1/account/two-factor/confirm`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "123456" }))]
pub struct CodeRequest {
    /// The first code that the authenticator app shows.
    code: String,
}

/// Turns two-factor authentication on, with the first code of the secret that was begun.
///
/// The account's other browsers and command lines are signed out.
#[utoipa::path(
    post, path = "/api/v1/account/two-factor/confirm",
    security(("token" = ["confirmed"])),
    request_body = CodeRequest,
    responses(
        (status = 204, description = "It is on."),
        of::WrongCredentials, of::TooManyAttempts, of::Conflict
    ),
)]
pub async fn two_factor_confirm(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: Fresh<SignedIn>,
    Json(request): Json<CodeRequest>,
) -> Result<StatusCode, Problem> {
    two_factor::confirm(&app, &ctx, &person, &request.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/account/two-factor/turn-off`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "123456" }))]
pub struct TurnOffRequest {
    /// A code of the second factor.
    code: String,
    /// A new password of at least 15 characters, where the present one is shorter.
    #[serde(default)]
    new_password: Option<String>,
}

/// Turns two-factor authentication off. Every app-specific password of the account is revoked.
#[utoipa::path(
    post, path = "/api/v1/account/two-factor/turn-off",
    security(("token" = ["confirmed"])),
    request_body = TurnOffRequest,
    responses(
        (status = 200, description = "It is off.", body = RevokedAnswer),
        of::WrongCredentials, of::TooManyAttempts, of::Unfit, of::Conflict
    ),
)]
pub async fn two_factor_off(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: Fresh<SignedIn>,
    Json(request): Json<TurnOffRequest>,
) -> Result<Answer<RevokedAnswer>, Problem> {
    let new = request.new_password.as_deref();
    let revoked = two_factor::turn_off(&app, &mut ctx, &person, &request.code, new).await?;
    Ok(Answer(RevokedAnswer { revoked }))
}
