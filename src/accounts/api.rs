//! Accounts, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{NewAccount, links, two_factor};
use crate::{
    access::{Admin, Fresh, SignedIn},
    app::App,
    ctx::Ctx,
    problem::Problem,
    web::json::Json,
};

/// `POST /api/v1/accounts`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddRequest {
    id: String,
    name: String,
    password: String,
    #[serde(default)]
    administrator: bool,
    #[serde(default)]
    totp: bool,
}

/// Makes an account.
pub async fn add(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Json(request): Json<AddRequest>,
) -> Result<(StatusCode, Answer<Value>), Problem> {
    let new = NewAccount::parse(&app, &request.id, &request.name, request.administrator)?;
    let (account, factor) = super::add(&app, &mut ctx, &admin, new, &request.password, request.totp).await?;
    let mut answer = json!({
        "id": account.id,
        "name": account.name,
        "display_name": account.display_name,
        "administrator": account.administrator,
    });
    if let (Some(shown), Some(members)) = (factor, answer.as_object_mut()) {
        members.insert("totp_secret".into(), shown.manual_key.into());
        members.insert("uri".into(), shown.uri.into());
    }
    Ok((StatusCode::CREATED, Answer(answer)))
}

/// `POST /api/v1/accounts/{name}/reset-link`: it may have no body.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetLinkRequest {
    #[serde(default)]
    lost_second_factor: bool,
}

/// Makes a link to reset a password.
pub async fn reset_link(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
    Json(request): Json<Option<ResetLinkRequest>>,
) -> Result<(StatusCode, Answer<Value>), Problem> {
    let lost = request.unwrap_or_default().lost_second_factor;
    let (token, expires_at) = links::reset_link(&app, &mut ctx, &admin, &name, lost).await?;
    let link = format!("{}/reset/{}", app.config.http.public_url, token.expose());
    Ok((StatusCode::CREATED, Answer(json!({ "link": link, "expires_at": expires_at }))))
}

/// `POST /api/v1/account/password`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordRequest {
    current_password: String,
    new_password: String,
}

/// Changes the password.
pub async fn change_password(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: Fresh<SignedIn>,
    Json(request): Json<PasswordRequest>,
) -> Result<Answer<Value>, Problem> {
    let revoked =
        super::change_password(&app, &mut ctx, &person, &request.current_password, &request.new_password)
            .await?;
    Ok(Answer(json!({ "revoked": revoked })))
}

/// `POST /api/v1/account/two-factor`.
pub async fn two_factor_begin(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: Fresh<SignedIn>,
) -> Result<(StatusCode, Answer<Value>), Problem> {
    let shown = two_factor::begin(&app, &mut ctx, &person).await?;
    Ok((StatusCode::CREATED, Answer(json!({ "totp_secret": shown.manual_key, "uri": shown.uri }))))
}

/// `POST /api/v1/account/two-factor/confirm`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeRequest {
    code: String,
}

/// Turns two-factor authentication on.
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
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnOffRequest {
    code: String,
    #[serde(default)]
    new_password: Option<String>,
}

/// Turns two-factor authentication off.
pub async fn two_factor_off(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: Fresh<SignedIn>,
    Json(request): Json<TurnOffRequest>,
) -> Result<Answer<Value>, Problem> {
    let new = request.new_password.as_deref();
    let revoked = two_factor::turn_off(&app, &mut ctx, &person, &request.code, new).await?;
    Ok(Answer(json!({ "revoked": revoked })))
}
