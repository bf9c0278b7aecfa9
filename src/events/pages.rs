//! *Activity*, in a browser.

use std::sync::Arc;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::Response,
};
use serde::Deserialize;

use super::views::{ActivityPage, EventRow};
use crate::{
    access::SignedIn,
    app::App,
    ctx::Ctx,
    problem::Problem,
    web::frame::{frame, show, when},
};

/// Before which event.
#[derive(Deserialize)]
pub struct Before {
    before: Option<i64>,
}

/// `GET /activity`.
pub async fn activity(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    person: SignedIn,
    query: Result<Query<Before>, QueryRejection>,
) -> Result<Response, Problem> {
    let before = query.ok().and_then(|Query(query)| query.before);
    let page = super::activity(&app, &person, before).await?;
    let rows = page.events.iter().map(|event| EventRow {
        when: when(event.at, ctx.stamp.now),
        sentence: super::sentence(event),
        from: event.source.clone(),
    });
    let view = ActivityPage {
        frame: frame(&app, &headers, &person, "/activity"),
        rows: rows.collect(),
        newer_href: before.map(|_| "/activity".into()),
        older_href: page.older.map(|number| format!("/activity?before={number}")),
    };
    Ok(show(&app, view.frame.notice.is_some(), &view))
}
