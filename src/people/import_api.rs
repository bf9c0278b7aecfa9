//! Inviting many people at once, for administrators' programs.

use std::sync::Arc;

use axum::{Json as Answer, extract::State};
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    api::LinkAnswer,
    import::{BODY_MOST, Line, Outcome},
};
use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    openapi::words::Time,
    problem::{Problem, of},
    web::json::Json,
};

/// `POST /api/v1/accounts/import`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(
    as = ImportRequest,
    example = json!({ "csv": "id,name,groups\nbob@example.org,Bob B.,\neve@example.org,Eve,\n", "dry_run": true })
)]
pub struct ImportRequest {
    /// The table: a line of columns (id and name, and groups, aliases, administrator as needed, in any order), then a line for
    /// each person; a comma or a semicolon between. At most 2000 people.
    csv: String,
    /// Whether nothing is to be done, and each row only looked at.
    #[serde(default)]
    dry_run: bool,
    /// Whether the answer holds the links also when they are mailed.
    #[serde(default)]
    show_links: bool,
}

/// What became of a row.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ImportOutcome)]
enum Became {
    /// Its person is invited.
    Invited,
    /// Only looked at: nothing stands in its way.
    Fine,
    /// Only looked at: it can't be imported.
    Wrong,
}

/// A row of the table, and what became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportedRow)]
struct ImportedRow {
    /// On which line of the table it begins.
    line: u64,
    /// The ID in it, as it stands there.
    id: String,
    /// What became of it.
    outcome: Became,
    /// Why it can't be imported, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// The one-time link with which its person sets the password, this once; left out when it is mailed to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// The address that the link is mailed to, where mail is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    mailed_to: Option<String>,
    /// Until when the link can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    expires_at: Option<Timestamp>,
}

/// What an import came to.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportReport)]
pub struct ImportReport {
    /// How many people were imported: all or, when each row was only looked at, none.
    imported: usize,
    /// How many rows can't be imported.
    wrong: usize,
    /// Each row, in the order of the table.
    rows: Vec<ImportedRow>,
}

/// Invites everybody in a table, or, when any row is wrong, nobody: then the refusal names each wrong row.
#[utoipa::path(
    post, path = "/api/v1/accounts/import",
    security(("token" = ["administrator", "confirmed"])),
    request_body = ImportRequest,
    responses((status = 200, description = "What became of each row.", body = ImportReport), of::Unfit),
)]
pub async fn import(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    admin: Fresh<Admin>,
    Json(request): Json<ImportRequest, { BODY_MOST }>,
) -> Result<Answer<ImportReport>, Problem> {
    let lines = if request.dry_run {
        super::import::check(&app, admin.who(), &request.csv).await?
    } else {
        super::import::import(&app, &mut ctx, &admin, &request.csv, request.show_links).await?
    };
    let rows: Vec<_> = lines
        .into_iter()
        .map(|Line { line, id, outcome }| {
            let (outcome, problem, handed) = match outcome {
                Outcome::Fine => (Became::Fine, None, None),
                Outcome::Wrong(why) => (Became::Wrong, Some(why), None),
                Outcome::Invited(handed) => (Became::Invited, None, Some(handed)),
            };
            let (link, mailed_to, expires_at) = match handed.map(LinkAnswer::from) {
                Some(LinkAnswer { link, mailed_to, expires_at }) => (link, mailed_to, Some(expires_at)),
                None => (None, None, None),
            };
            ImportedRow { line, id, outcome, problem, link, mailed_to, expires_at }
        })
        .collect();
    let count = |which: fn(&Became) -> bool| rows.iter().filter(|row| which(&row.outcome)).count();
    let imported = count(|outcome| matches!(outcome, Became::Invited));
    let wrong = count(|outcome| matches!(outcome, Became::Wrong));
    Ok(Answer(ImportReport { imported, wrong, rows }))
}
