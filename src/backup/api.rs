//! Backups, for `doorkey admin backup`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};

use crate::{access::OnMachine, app::App, problem::Problem};

/// Takes a backup: `GET /machine/backup`.
pub async fn take(State(app): State<Arc<App>>, machine: OnMachine) -> Result<Response, Problem> {
    let stream = super::take(app, machine).await?;
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::new(stream)).into_response())
}
