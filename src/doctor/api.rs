//! A server's look at itself, for `doorkey doctor`.

use std::sync::Arc;

use axum::{Json as Answer, extract::State};

use super::{Reach, Report};
use crate::{access::OnMachine, app::App};

/// Looks at everything around this server: `GET /machine/doctor`.
pub async fn of_server(State(app): State<Arc<App>>, _: OnMachine) -> Answer<Report> {
    Answer(super::of_server(&app, Reach::Network).await)
}
