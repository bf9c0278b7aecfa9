//! Trying a service out, in a browser.

use std::time::Duration;

use axum::{
    extract::{Path, Query, rejection::QueryRejection},
    response::Response,
};
use domain::Timestamp;
use serde::Deserialize;

use super::{
    Begun, Trial,
    knock::Outcome,
    views::{BeginPage, BegunPage, SeenPage, SeenRow, TriedRow},
};
use crate::{
    access::{Fresh, SignedIn},
    app_passwords,
    metrics::doors::{Answer, Door},
    problem::Problem,
    services::{
        self,
        pages::{HERE, page_of},
    },
    web::{form::Form, views::NoticeKind, visit::Visit},
};

/// How long a page waits for a sign-in.
const WAIT: Duration = Duration::from_secs(25);

/// The address of the question before.
pub fn begin_href(name: &str) -> String {
    format!("{}/test", page_of(name))
}

fn seen_href(trial: &Trial) -> String {
    format!("{}/{}", begin_href(&trial.service), trial.id)
}

/// `GET /services/at/{name}/test`.
pub async fn begin(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let service = services::get(&visit.app, person.admin()?.who(), &name)?.service;
    let view = BeginPage {
        frame: visit.frame(person.who(), HERE),
        action: begin_href(&name),
        cancel_href: page_of(&name),
        name,
        kinds: service.kinds.to_string(),
    };
    Ok(visit.show(&view))
}

/// `POST /services/at/{name}/test`: the answer shows the password, this once.
pub async fn post_begin(
    mut visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let Begun { trial, secret, tried } = super::begin(&visit.app, &mut visit.ctx, &person, &name).await?;
    let person = person.who();
    let view = BegunPage {
        frame: visit.frame(person, HERE),
        user_name: person.account.name.to_string(),
        groups: secret.shown().expose().split('-').map(str::to_owned).collect(),
        kinds: trial.opens.to_string(),
        ends: visit.when(trial.ends_at),
        tried: tried
            .iter()
            .map(|tried| TriedRow { good: matches!(tried.outcome, Outcome::In), sentence: tried.sentence() })
            .collect(),
        seen: trial.seen().iter().rev().map(|seen| row(&visit, &trial, seen)).collect(),
        seen_href: seen_href(&trial),
        service_href: page_of(&name),
        name,
    };
    Ok(visit.show(&view))
}

/// How the page is looked at.
#[derive(Default, Deserialize)]
pub struct Look {
    /// How many sign-ins the page before had: it is waited for one more.
    after: Option<usize>,
}

/// `GET /services/at/{name}/test/{id}`.
pub async fn seen(
    visit: Visit,
    person: SignedIn,
    Path((name, id)): Path<(String, String)>,
    query: Result<Query<Look>, QueryRejection>,
) -> Result<Response, Problem> {
    let after = query.map(|Query(look)| look.after).unwrap_or_default();
    let id = id.parse().map_err(|_| super::over())?;
    let wait = if after.is_some() { WAIT } else { Duration::ZERO };
    let trial = super::look(&visit.app, &person, &name, id, after.unwrap_or_default(), wait).await?;
    let seen: Vec<_> = trial.seen().iter().rev().map(|seen| row(&visit, &trial, seen)).collect();
    let now: Timestamp = visit.app.clock.now();
    let here = seen_href(&trial);
    let view = SeenPage {
        frame: visit.frame(&person, HERE),
        count: seen.len(),
        seen,
        ends: (trial.ends_at > now).then(|| visit.when(trial.ends_at)),
        end_action: format!("{here}/end"),
        here,
        again_href: begin_href(&name),
        service_href: page_of(&name),
        name,
    };
    Ok(visit.show(&view))
}

fn row(visit: &Visit, trial: &Trial, seen: &super::Seen) -> SeenRow {
    SeenRow {
        sentence: trial.sentence(seen),
        good: seen.answer == Answer::Yes,
        door: match seen.door {
            Door::Http => "HTTP door",
            Door::NginxMail => "mail-proxy door",
            Door::Sasl => "SASL door",
            Door::Ldap => "LDAP door",
        },
        kinds: seen.kinds.to_string(),
        user_name: seen.name.clone(),
        from: seen.source.clone(),
        when: visit.when(seen.at),
    }
}

/// `POST /services/at/{name}/test/{id}/end`.
pub async fn post_end(
    visit: Visit,
    person: SignedIn,
    Path((name, id)): Path<(String, String)>,
    _form: Form,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| super::over())?;
    let trial = super::look(&visit.app, &person, &name, id, 0, Duration::ZERO).await?;
    app_passwords::revoke(&visit.app, &visit.ctx, &person.oneself(), trial.id).await?;
    let text = format!("The test of {name} is over, and its password revoked.");
    Ok(visit.go(&page_of(&name), NoticeKind::Success, &text))
}
