//! *Activity*, in a browser.

use axum::{
    extract::{Query, rejection::QueryRejection},
    response::Response,
};
use serde::Deserialize;

use super::views::{ActivityPage, EventRow};
use crate::{access::SignedIn, problem::Problem, web::visit::Visit};

/// Before which event.
#[derive(Deserialize)]
pub struct Before {
    before: Option<i64>,
}

/// `GET /activity`.
pub async fn activity(
    visit: Visit,
    person: SignedIn,
    query: Result<Query<Before>, QueryRejection>,
) -> Result<Response, Problem> {
    let before = query.ok().and_then(|Query(query)| query.before);
    let page = super::activity(&visit.app, &person, before).await?;
    let rows = page.events.iter().map(|event| EventRow {
        when: visit.when(event.at),
        sentence: super::sentence(event),
        from: event.source.clone(),
    });
    Ok(visit.show(&ActivityPage {
        frame: visit.frame(&person, "/activity"),
        rows: rows.collect(),
        newer_href: before.map(|_| "/activity".into()),
        older_href: page.older.map(|number| format!("/activity?before={number}")),
    }))
}
