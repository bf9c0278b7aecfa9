//! The log, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Query, State, rejection::QueryRejection},
};
use domain::{Actor, Event, Timestamp, What};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{access::SignedIn, app::App, openapi::words, problem::Problem};

/// `GET /api/v1/activity`.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ActivityQuery {
    /// Only events before the one of this number: `next` of the page before.
    before: Option<i64>,
}

/// One line of the log. Beside these fields it has those of what happened.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub struct Described {
    /// Its place in the log: from 1, without gaps.
    number: i64,
    /// When it was written.
    #[schema(value_type = words::Time)]
    at: Timestamp,
    /// Who did it: an account's own id, `machine` for the command line on the server, `doorkey` for the server itself.
    actor: String,
    /// The address that it came from.
    source: Option<String>,
    /// What happened, in a sentence to the account's person.
    sentence: String,
    /// What happened: `what` is its name, the others are its own.
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    what: What,
}

/// A page of events.
#[derive(Serialize, ToSchema)]
#[schema(as = Events)]
pub struct Page {
    /// The newest first.
    events: Vec<Described>,
    /// Give this as `before` to go on; null on the last page.
    next: Option<i64>,
}

/// What happened to the account, the newest first.
#[utoipa::path(
    get, path = "/api/v1/activity",
    security(("token" = [])),
    params(ActivityQuery),
    responses((status = 200, description = "A page of at most 50.", body = Page)),
)]
pub async fn activity(
    State(app): State<Arc<App>>,
    person: SignedIn,
    query: Result<Query<ActivityQuery>, QueryRejection>,
) -> Result<Answer<Page>, Problem> {
    let before = query.ok().and_then(|Query(query)| query.before);
    let page = super::activity(&app, &person, before).await?;
    let events = page.events.into_iter().map(describe).collect();
    Ok(Answer(Page { events, next: page.older }))
}

fn describe(event: Event) -> Described {
    Described {
        number: event.number,
        at: event.at,
        actor: match event.actor {
            Actor::Account(id) => id.to_string(),
            Actor::Machine => "machine".into(),
            Actor::Doorkey => "doorkey".into(),
        },
        sentence: super::sentence(&event),
        source: event.source,
        what: event.what,
    }
}
