//! A person's own account, for programs.

use std::sync::Arc;

use axum::{Json as Answer, extract::State, http::StatusCode};
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{recovery_codes, two_factor};
use crate::{
    access::{Fresh, SignedIn},
    app::App,
    ctx::Ctx,
    openapi::words::Time,
    problem::{Problem, of},
    web::json::Json,
};

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
/// The account's other browsers and command lines are signed out. Ten recovery codes come with it.
#[utoipa::path(
    post, path = "/api/v1/account/two-factor/confirm",
    security(("token" = ["confirmed"])),
    request_body = CodeRequest,
    responses(
        (status = 200, description = "It is on.", body = RecoveryCodesAnswer),
        of::WrongCredentials, of::TooManyAttempts, of::Conflict
    ),
)]
pub async fn two_factor_confirm(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: Fresh<SignedIn>,
    Json(request): Json<CodeRequest>,
) -> Result<Answer<RecoveryCodesAnswer>, Problem> {
    let made = two_factor::confirm(&app, &mut ctx, &person, &request.code).await?;
    Ok(Answer(RecoveryCodesAnswer { recovery_codes: made.shown() }))
}

/// Begins to set up another phone. The one before stays in force until the first code of this one has come.
#[utoipa::path(
    post, path = "/api/v1/account/two-factor/move",
    security(("token" = ["confirmed"])),
    responses((status = 201, description = "It is begun.", body = TwoFactorAnswer), of::TwoFactorNeeded),
)]
pub async fn two_factor_move(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: Fresh<SignedIn>,
) -> Result<(StatusCode, Answer<TwoFactorAnswer>), Problem> {
    let shown = two_factor::begin_move(&app, &mut ctx, &person).await?;
    Ok((StatusCode::CREATED, Answer(TwoFactorAnswer { totp_secret: shown.manual_key, uri: shown.uri })))
}

/// Moves the second factor to another phone, with the first code that it shows.
///
/// The codes of the phone before stop working, the account's other browsers and command lines are signed out, and none is trusted any
/// more. App-specific passwords and recovery codes stay.
#[utoipa::path(
    post, path = "/api/v1/account/two-factor/move/confirm",
    security(("token" = ["confirmed"])),
    request_body = CodeRequest,
    responses(
        (status = 204, description = "It is moved."),
        of::WrongCredentials, of::TooManyAttempts, of::Conflict
    ),
)]
pub async fn two_factor_move_confirm(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: Fresh<SignedIn>,
    Json(request): Json<CodeRequest>,
) -> Result<StatusCode, Problem> {
    two_factor::confirm_move(&app, &mut ctx, &person, &request.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Recovery codes that were just made.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodesAnswer {
    /// Ten codes, each of which is taken once in place of a code of the authenticator app. They are shown this once.
    recovery_codes: Vec<String>,
}

/// The recovery codes that can still be used.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodesLeft {
    /// How many there are.
    left: u64,
    /// When they were made; null when there are none.
    #[schema(value_type = Option<Time>)]
    made_at: Option<Timestamp>,
}

/// Says how many recovery codes are left.
#[utoipa::path(
    get, path = "/api/v1/account/recovery-codes",
    security(("token" = [])),
    responses((status = 200, description = "How many.", body = RecoveryCodesLeft)),
)]
pub async fn recovery_codes(
    State(app): State<Arc<App>>,
    person: SignedIn,
) -> Result<Answer<RecoveryCodesLeft>, Problem> {
    let left = app.store.read(|conn| store::recovery_codes::left(conn, person.account.id))?;
    Ok(Answer(RecoveryCodesLeft { left: left.count, made_at: left.made_at }))
}

/// Makes ten new recovery codes. Those from before stop working.
#[utoipa::path(
    post, path = "/api/v1/account/recovery-codes",
    security(("token" = ["confirmed"])),
    responses((status = 201, description = "They are made.", body = RecoveryCodesAnswer), of::TwoFactorNeeded),
)]
pub async fn recovery_codes_renew(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: Fresh<SignedIn>,
) -> Result<(StatusCode, Answer<RecoveryCodesAnswer>), Problem> {
    let made = recovery_codes::renew(&app, &mut ctx, &person).await?;
    Ok((StatusCode::CREATED, Answer(RecoveryCodesAnswer { recovery_codes: made.shown() })))
}

/// `POST /api/v1/account/two-factor/turn-off`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "123456" }))]
pub struct TurnOffRequest {
    /// A code of the second factor, or a recovery code.
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
