//! The description for programs, and the pages that show it to people. They hold no secret, so everybody may read them.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

use crate::problem::Problem;

/// `GET /api/openapi.json`.
pub async fn document() -> Response {
    match super::document().to_pretty_json() {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the description of the API can't be written");
            Problem::unavailable().into_response()
        }
    }
}
