//! Trying a service out, for programs.

use std::{sync::Arc, time::Duration};

use axum::{
    Json as Answer,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use domain::{AppPasswordId, KindSet, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    Begun, Seen, Trial,
    knock::{Outcome, Tried},
};
use crate::{
    access::SignedIn,
    app::App,
    app_passwords,
    ctx::Ctx,
    openapi::words,
    problem::{Code, Problem, of},
};

/// A test that has begun.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceTest)]
pub struct Described {
    /// Its password's id, by which it is looked at, and ended like any app-specific password.
    #[schema(value_type = String)]
    id: AppPasswordId,
    /// The service.
    service: String,
    /// What to sign in as.
    user_name: String,
    /// What to sign in with, shown this once.
    password: String,
    /// Until when it works.
    #[schema(value_type = words::Time)]
    expires_at: Timestamp,
    /// Where Doorkey has signed in with it: at the service's public servers.
    tried: Vec<DescribedTried>,
    /// What the service asked at that, the oldest first.
    seen: Vec<DescribedSeen>,
}

/// A sign-in of Doorkey's own, as apps do it.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceTestTried)]
struct DescribedTried {
    /// The protocol, as among the public servers.
    protocol: &'static str,
    /// The host.
    host: String,
    /// The port.
    port: u16,
    /// What came of it: `in`, `refused`, or `lost` when it didn't come so far.
    outcome: &'static str,
    /// What that means.
    sentence: String,
}

fn describe_tried(tried: &Tried) -> DescribedTried {
    DescribedTried {
        protocol: tried.server.protocol.name(),
        host: tried.server.host.to_string(),
        port: tried.server.port,
        outcome: match tried.outcome {
            Outcome::In => "in",
            Outcome::Refused(_) => "refused",
            Outcome::Lost(_) => "lost",
        },
        sentence: tried.sentence(),
    }
}

/// What was seen of a test.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceTestSeen)]
pub struct Looked {
    /// The service.
    service: String,
    /// Until when the password works.
    #[schema(value_type = words::Time)]
    expires_at: Timestamp,
    /// The sign-ins with it, the oldest first, at whatever service.
    seen: Vec<DescribedSeen>,
}

/// A sign-in with the password of a test.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceTestSignIn)]
struct DescribedSeen {
    /// When.
    #[schema(value_type = words::Time)]
    at: Timestamp,
    /// At which door: `http`, `nginx_mail`, `sasl`, `ldap`.
    door: &'static str,
    /// Of which service.
    service: String,
    /// The user name that came with it.
    name: String,
    /// What was asked for.
    #[schema(value_type = Vec<words::Kind>)]
    kinds: KindSet,
    /// The app's address, as far as the service said it.
    source: String,
    /// What was answered: `yes`, `no`, `not_for_this_service`, `not_for_this_person`, `unavailable`.
    answer: &'static str,
    /// What that means.
    sentence: String,
}

fn describe(trial: &Trial, seen: Seen) -> DescribedSeen {
    let sentence = trial.sentence(&seen);
    let Seen { at, door, service, name, kinds, source, answer, .. } = seen;
    DescribedSeen { at, door: door.name(), service, name, kinds, source, answer: answer.name(), sentence }
}

/// Begins a test of a service: the answer holds a password, this once, that opens what the service holds, for five minutes.
///
/// Doorkey signs in with it at the service's public servers, and says what came of that and what the service asked.
/// It is one of the 25 that an account may have.
#[utoipa::path(
    post, path = "/api/v1/services/{name}/test",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "The service's name.", example = "mail")),
    responses(
        (status = 201, description = "It has begun.", body = Described),
        of::TwoFactorNeeded, of::TooManyAppPasswords
    ),
)]
pub async fn begin(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    person: SignedIn,
    Path(name): Path<String>,
) -> Result<(StatusCode, Answer<Described>), Problem> {
    person.admin()?;
    let person = app_passwords::generator(&app, person, ctx.stamp.now)?;
    let Begun { trial, secret, tried } = super::begin(&app, &mut ctx, &person, &name).await?;
    let described = Described {
        id: trial.id,
        service: trial.service.clone(),
        user_name: person.who().account.name.to_string(),
        password: secret.shown().expose().as_str().into(),
        expires_at: trial.ends_at,
        tried: tried.iter().map(describe_tried).collect(),
        seen: trial.seen().into_iter().map(|seen| describe(&trial, seen)).collect(),
    };
    Ok((StatusCode::CREATED, Answer(described)))
}

/// `GET /api/v1/services/{name}/test/{id}`.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct LookQuery {
    /// How many sign-ins are known already: it is waited for one more.
    #[param(value_type = Option<i64>)]
    after: String,
    /// For how many seconds, up to 60, to wait for it.
    #[param(value_type = Option<i64>)]
    wait: String,
}

/// What services asked about the password of a test.
#[utoipa::path(
    get, path = "/api/v1/services/{name}/test/{id}",
    security(("token" = ["administrator"])),
    params(
        ("name" = String, Path, description = "The service's name.", example = "mail"),
        ("id" = String, Path, description = "The test's id.", example = "apw_01999999aaaa7bbb8cccddddeeeeffff"),
        LookQuery,
    ),
    responses((status = 200, description = "What was seen.", body = Looked), of::Unfit, of::Unreadable),
)]
pub async fn look(
    State(app): State<Arc<App>>,
    person: SignedIn,
    Path((name, id)): Path<(String, String)>,
    query: Result<Query<LookQuery>, QueryRejection>,
) -> Result<Answer<Looked>, Problem> {
    let Query(query) = query.map_err(|_| unreadable())?;
    let id = id.parse().map_err(|_| super::over())?;
    let (after, wait) = (number("after", &query.after)?, number("wait", &query.wait)?);
    let after = usize::try_from(after).unwrap_or(usize::MAX);
    let trial = super::look(&app, &person, &name, id, after, Duration::from_secs(wait)).await?;
    let seen = trial.seen().into_iter().map(|seen| describe(&trial, seen)).collect();
    Ok(Answer(Looked { service: trial.service.clone(), expires_at: trial.ends_at, seen }))
}

fn unreadable() -> Problem {
    Problem::new(
        Code::Unreadable,
        "The address couldn't be read. The page /api on this server shows its form.",
    )
}

fn number(field: &'static str, typed: &str) -> Result<u64, Problem> {
    if typed.is_empty() {
        return Ok(0);
    }
    typed.parse().map_err(|_| Problem::field(field, "Give a number, 0 or more."))
}
