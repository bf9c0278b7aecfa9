//! Signing in and out, for programs.

use std::sync::Arc;

use axum::{Json as Answer, extract::State, http::StatusCode};
use domain::{AccountId, AccountName, DisplayName};
use serde::{Deserialize, Serialize};
use store::{accounts::Account, sessions::Client};
use utoipa::ToSchema;

use super::{At, Done, SignIn, agent, begin};
use crate::{
    access::SignedIn,
    accounts::two_factor,
    app::App,
    ctx::Ctx,
    problem::{Code, Problem, of},
    secrets,
    web::json::Json,
};

/// `POST /api/v1/sign-in`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "id": "ada@example.org", "password": "violet kettle under seven bridges", "code": "123456" }))]
pub struct SignInRequest {
    /// The account's ID, an e-mail address.
    id: String,
    /// The account's own password.
    password: String,
    /// The code of the second factor, when there is one; or a recovery code.
    #[serde(default)]
    code: Option<String>,
    /// What signs in, as the person's activity will name it.
    #[serde(default)]
    agent: String,
}

/// Who has signed in.
#[derive(Serialize, ToSchema)]
pub struct SignedInAccount {
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
    /// Whether two-factor authentication is on.
    two_factor: bool,
}

/// A new token.
#[derive(Serialize, ToSchema)]
pub struct SignInAnswer {
    /// The token for `Authorization: Bearer`. It is shown this once.
    token: String,
    /// Whose it is.
    account: SignedInAccount,
    /// How many recovery codes are left, when one was sent in place of the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes_left: Option<u64>,
}

/// Who has signed in.
#[derive(Serialize, ToSchema)]
pub struct SessionAnswer {
    /// Whose token it is.
    account: SignedInAccount,
}

/// Signs in, in one step.
///
/// Where the account has a second factor and `code` is missing, the answer is `code-needed`: send all of it again, with the code.
#[utoipa::path(
    post, path = "/api/v1/sign-in",
    request_body = SignInRequest,
    responses(
        (status = 200, description = "Signed in.", body = SignInAnswer),
        of::CodeNeeded, of::WrongCredentials, of::TooManyAttempts, of::SignInNeeded, of::AccountSuspended
    ),
)]
pub async fn sign_in(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    Json(request): Json<SignInRequest>,
) -> Result<Answer<SignInAnswer>, Problem> {
    let agent = agent::of_program(&request.agent);
    let at = At { client: Client::CommandLine, agent, browser_token: None };
    let done = match begin(&app, &mut ctx, &request.id, &request.password, at).await? {
        SignIn::Done(done) => done,
        SignIn::CodeWanted(token) => {
            second_step(&app, &mut ctx, token.expose(), request.code.as_deref()).await?
        }
    };
    let account = describe(&app, &done.account)?;
    Ok(Answer(SignInAnswer {
        token: done.token.expose().into(),
        account,
        recovery_codes_left: done.recovery_codes_left,
    }))
}

async fn second_step(app: &App, ctx: &mut Ctx, token: &str, code: Option<&str>) -> Result<Done, Problem> {
    let waiting = app.store.read(|conn| store::sessions::by_token(conn, &secrets::hash(token)))?;
    let waiting = waiting.ok_or_else(Problem::unavailable)?;
    let id = waiting.id;
    let done = match code {
        Some(code) => {
            let account = app.store.read(|conn| store::accounts::by_id(conn, waiting.account))?;
            super::code(app, ctx, waiting, account.ok_or_else(Problem::unavailable)?, code, false).await
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

fn describe(app: &App, account: &Account) -> Result<SignedInAccount, Problem> {
    let two_factor = app.store.read(|conn| two_factor::is_on(conn, account.id))?;
    Ok(SignedInAccount {
        id: account.id,
        name: account.name.clone(),
        display_name: account.display_name.clone(),
        administrator: account.administrator,
        two_factor,
    })
}

/// Says whose token it is.
#[utoipa::path(
    get, path = "/api/v1/session",
    security(("token" = [])),
    responses((status = 200, description = "Who has signed in.", body = SessionAnswer)),
)]
pub async fn session(
    State(app): State<Arc<App>>,
    person: SignedIn,
) -> Result<Answer<SessionAnswer>, Problem> {
    Ok(Answer(SessionAnswer { account: describe(&app, &person.account)? }))
}

/// Signs out: the token is good for nothing from then on.
#[utoipa::path(
    delete, path = "/api/v1/session",
    security(("token" = [])),
    responses((status = 204, description = "Signed out.")),
)]
pub async fn sign_out(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
) -> Result<StatusCode, Problem> {
    super::sign_out(&app, &ctx, &person).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/session/confirm`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "123456" }))]
pub struct ConfirmRequest {
    /// The code of the second factor, or a recovery code.
    #[serde(default)]
    code: Option<String>,
    /// The account's password, while two-factor authentication is off.
    #[serde(default)]
    password: Option<String>,
}

/// Shows that it is still the same person.
///
/// What answers `confirmation-needed` works for ten minutes after this.
#[utoipa::path(
    post, path = "/api/v1/session/confirm",
    security(("token" = [])),
    request_body = ConfirmRequest,
    responses(
        (status = 204, description = "Confirmed."),
        of::Unfit, of::WrongCredentials, of::TooManyAttempts
    ),
)]
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
