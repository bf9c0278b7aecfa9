//! Looking at all data, for `doorkey admin check`.

use std::sync::Arc;

use axum::{Json as Answer, extract::State};

use super::Report;
use crate::{access::OnMachine, app::App, problem::Problem};

/// Looks at all data: `GET /machine/check`.
pub async fn run(State(app): State<Arc<App>>, _: OnMachine) -> Result<Answer<Report>, Problem> {
    let report = tokio::task::spawn_blocking(move || super::run(&app.store, Some(&app.keyring))).await;
    report.map(Answer).map_err(|_panicked| Problem::unavailable())
}
