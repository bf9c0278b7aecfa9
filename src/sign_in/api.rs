//! Signing in and out, for programs.

use std::sync::Arc;

use axum::{Json as Answer, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{accounts::Account, sessions::Client};

use super::{At, Done, SignIn, begin};
use crate::{
    access::SignedIn,
    accounts::two_factor,
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
    secrets,
    web::json::Json,
};

/// `POST /api/v1/sign-in`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    id: String,
    password: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    agent: String,
}

/// Signs in, in one step or, where the code is missing, after asking for it.
pub async fn sign_in(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    Json(request): Json<SignInRequest>,
) -> Result<Answer<Value>, Problem> {
    let agent = request.agent.chars().filter(|c| !c.is_control()).take(100).collect();
    let at = At { client: Client::CommandLine, agent, browser_token: None, own_browser: false };
    let done = match begin(&app, &mut ctx, &request.id, &request.password, at).await? {
        SignIn::Done(done) => done,
        SignIn::CodeWanted(token) => {
            second_step(&app, &mut ctx, token.expose(), request.code.as_deref()).await?
        }
    };
    let account = describe(&app, &done.account)?;
    Ok(Answer(json!({ "token": done.token.expose(), "account": account })))
}

async fn second_step(app: &App, ctx: &mut Ctx, token: &str, code: Option<&str>) -> Result<Done, Problem> {
    let waiting = app.store.read(|conn| store::sessions::by_token(conn, &secrets::hash(token)))?;
    let waiting = waiting.ok_or_else(Problem::unavailable)?;
    let id = waiting.id;
    let done = match code {
        Some(code) => {
            let account = app.store.read(|conn| store::accounts::by_id(conn, waiting.account))?;
            super::code(app, ctx, waiting, account.ok_or_else(Problem::unavailable)?, code).await
        }
        None => Err(Problem::new(
            Code::CodeNeeded,
            "The password is right. Send the code from your authenticator app with it.",
        )),
    };
    if done.is_err() {
        // A program sends everything again: nothing waits for it.
        app.store.write(move |tx| store::sessions::delete(tx, id)).await?;
    }
    done
}

fn describe(app: &App, account: &Account) -> Result<Value, Problem> {
    let two_factor = app.store.read(|conn| two_factor::is_on(conn, account.id))?;
    Ok(json!({
        "id": account.id,
        "name": account.name,
        "display_name": account.display_name,
        "administrator": account.administrator,
        "two_factor": two_factor,
    }))
}

/// `GET /api/v1/session`: who is signed in.
pub async fn session(State(app): State<Arc<App>>, person: SignedIn) -> Result<Answer<Value>, Problem> {
    Ok(Answer(json!({ "account": describe(&app, &person.account)? })))
}

/// `DELETE /api/v1/session`: signs out.
pub async fn sign_out(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
) -> Result<StatusCode, Problem> {
    super::sign_out(&app, &ctx, &person).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/session/confirm`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRequest {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    password: Option<String>,
}

/// Shows that it is still the same person.
pub async fn confirm(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Json(request): Json<ConfirmRequest>,
) -> Result<StatusCode, Problem> {
    let two_factor = app.store.read(|conn| two_factor::is_on(conn, person.account.id))?;
    let proof = if two_factor { request.code } else { request.password };
    let Some(proof) = proof else {
        let field = if two_factor { "code" } else { "password" };
        return Err(Problem::field(field, format!("Send your {field} to confirm that it's you.")));
    };
    super::confirm(&app, &ctx, &person, &proof).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/session/sign-out-others`.
pub async fn sign_out_others(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
) -> Result<Answer<Value>, Problem> {
    let count = super::sign_out_others(&app, &ctx, &person).await?;
    Ok(Answer(json!({ "signed_out": count })))
}
