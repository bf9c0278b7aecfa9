//! App-specific passwords, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::StatusCode,
};
use domain::{ACTIVE_APP_PASSWORDS_MAX, AppPassword, KindSet, Opens, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::New;
use crate::{access::SignedIn, app::App, ctx::Ctx, problem::Problem, web::json::Json};

fn describe(password: &AppPassword, now: Timestamp) -> Value {
    let opens = match password.opens {
        Opens::First => json!("first"),
        Opens::Kinds(kinds) => json!(kinds),
    };
    let ended = password.ended_by(now);
    json!({
        "id": password.id,
        "label": password.label,
        "for": opens,
        "state": if ended.is_none() { "live" } else { "ended" },
        "created_at": password.created_at,
        "expires_at": password.expires_at,
        "ended_at": ended.map(|ended| ended.at),
        "why_ended": ended.map(|ended| ended.why),
        "last_use": password.last_use,
        "tried_after_end": password.tried_after_end,
    })
}

/// `GET /api/v1/app-passwords`.
pub async fn list(State(app): State<Arc<App>>, ctx: Ctx, person: SignedIn) -> Result<Answer<Value>, Problem> {
    let now = ctx.stamp.now;
    let passwords = super::list(&app, &person)?;
    let active = passwords.iter().filter(|password| password.is_live(now)).count();
    let described: Vec<_> = passwords.iter().map(|password| describe(password, now)).collect();
    Ok(Answer(json!({ "app_passwords": described, "active": active, "limit": ACTIVE_APP_PASSWORDS_MAX })))
}

/// What a password is to open: some kinds, or the first app that uses it.
#[derive(Deserialize)]
#[serde(untagged)]
enum For {
    Kinds(Vec<String>),
    Word(String),
}

/// `POST /api/v1/app-passwords`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerateRequest {
    label: String,
    #[serde(rename = "for")]
    opens: For,
    #[serde(default)]
    expires: String,
}

/// Generates one.
pub async fn generate(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: SignedIn,
    Json(request): Json<GenerateRequest>,
) -> Result<(StatusCode, Answer<Value>), Problem> {
    let opens = match request.opens {
        For::Word(word) if word == "first" => None,
        For::Word(word) => Some(kinds(&[word])?),
        For::Kinds(words) => Some(kinds(&words)?),
    };
    let new = New::parse(&request.label, opens, &request.expires, ctx.stamp.now)?;
    let person = super::generator(&app, person, ctx.stamp.now)?;
    let (password, secret) = super::generate(&app, &mut ctx, &person, new).await?;
    let mut answer = describe(&password, ctx.stamp.now);
    if let Some(members) = answer.as_object_mut() {
        members.insert("password".into(), secret.shown().expose().as_str().into());
    }
    Ok((StatusCode::CREATED, Answer(answer)))
}

fn kinds(words: &[String]) -> Result<KindSet, Problem> {
    let kinds = words.iter().map(|word| word.parse()).collect::<Result<Vec<domain::Kind>, _>>();
    kinds.map(KindSet::from).map_err(|error| {
        Problem::field("for", format!("{error}. For the first app that uses it, write \"first\" alone."))
    })
}

/// `DELETE /api/v1/app-passwords/{id}`.
pub async fn revoke(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path(id): Path<String>,
) -> Result<Answer<Value>, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let password = super::revoke(&app, &ctx, &person, id).await?;
    Ok(Answer(describe(&password, ctx.stamp.now)))
}

/// `DELETE /api/v1/app-passwords`.
pub async fn revoke_all(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
) -> Result<Answer<Value>, Problem> {
    let revoked = super::revoke_all(&app, &ctx, &person).await?;
    Ok(Answer(json!({ "revoked": revoked })))
}
