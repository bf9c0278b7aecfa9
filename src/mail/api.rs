//! Mail, for programs.

use std::sync::Arc;

use axum::{Json as Answer, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    problem::{Problem, of},
    web::json::Json,
};

/// `POST /api/v1/mail/test`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TestMailRequest, example = json!({ "address": "ada@example.org" }))]
pub struct TestRequest {
    /// Where to send it.
    address: String,
}

/// How a test went.
#[derive(Serialize, ToSchema)]
#[schema(as = TestMailAnswer)]
pub struct TestAnswer {
    /// The mail server, with its port.
    server: String,
    /// Whether it took the mail.
    accepted: bool,
    /// What it said, or what stood in the way.
    said: String,
}

/// Sends a test mail at once, and tells what the mail server said.
#[utoipa::path(
    post, path = "/api/v1/mail/test",
    security(("token" = ["administrator", "confirmed"])),
    request_body = TestRequest,
    responses((status = 200, description = "The mail server was asked.", body = TestAnswer), of::Unfit, of::Conflict),
)]
pub async fn test(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Json(request): Json<TestRequest>,
) -> Result<Answer<TestAnswer>, Problem> {
    let super::Tested { server, accepted, said } =
        super::test(&app, &mut ctx, &admin, &request.address).await?;
    Ok(Answer(TestAnswer { server, accepted, said }))
}
