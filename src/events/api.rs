//! The log, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Query, State, rejection::QueryRejection},
};
use domain::{Actor, Event};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{access::SignedIn, app::App, problem::Problem};

/// `GET /api/v1/activity`.
#[derive(Default, Deserialize)]
pub struct ActivityQuery {
    before: Option<i64>,
}

/// What happened to the person's account, the newest first.
pub async fn activity(
    State(app): State<Arc<App>>,
    person: SignedIn,
    query: Result<Query<ActivityQuery>, QueryRejection>,
) -> Result<Answer<Value>, Problem> {
    let before = query.ok().and_then(|Query(query)| query.before);
    let page = super::activity(&app, &person, before).await?;
    let events: Vec<_> = page.events.iter().map(describe).collect();
    Ok(Answer(json!({ "events": events, "next": page.older })))
}

fn describe(event: &Event) -> Value {
    let mut described = json!({
        "number": event.number,
        "at": event.at,
        "actor": match event.actor {
            Actor::Account(id) => id.to_string(),
            Actor::Machine => "machine".into(),
            Actor::Doorkey => "doorkey".into(),
        },
        "source": event.source,
        "sentence": super::sentence(event),
    });
    // What happened, by its name and with its own fields beside.
    if let (Some(members), Ok(Value::Object(what))) =
        (described.as_object_mut(), serde_json::to_value(&event.what))
    {
        members.extend(what);
    }
    described
}
