//! The log, for programs.

use std::{sync::Arc, time::Duration};

use axum::{
    Json as Answer,
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use domain::{AccountId, Actor, Event, RequestId, Sort, Timestamp, What};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Since, names::Names, sentence, wanted, wanted::Wanted};
use crate::{
    access::{Admin, Oneself},
    app::App,
    openapi::words,
    problem::{Code, Problem, of},
};

/// How many events an answer has, unless another number is asked for; and the most.
const LIMIT: (usize, usize) = (100, 1_000);

/// One line of the log. Beside these fields it has those of what happened.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub struct Described {
    /// Its place in the log: from 1, without gaps.
    number: i64,
    /// When it was written.
    #[schema(value_type = words::Time)]
    at: Timestamp,
    /// The sort that people know it by.
    #[schema(value_type = words::Sort)]
    sort: Sort,
    /// The account that it is about.
    account: Option<NamedAccount>,
    /// Who did it.
    actor: DescribedActor,
    /// The address that it came from; of refusals that are summed up, its network where that is IPv6.
    source: Option<String>,
    /// The request that caused it, as in the server's log lines.
    #[schema(value_type = String)]
    request: RequestId,
    /// What happened, in a sentence: to the account's person in their activity, and else to an administrator.
    sentence: String,
    /// What the account's person can do about it; only in their activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
    /// What happened: `what` is its name, the others are its own.
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    what: What,
}

/// An account, and the ID that it has, or had when it was removed.
#[derive(Serialize, ToSchema)]
#[schema(as = EventAccount)]
struct NamedAccount {
    /// Its own id.
    #[schema(value_type = String)]
    id: AccountId,
    /// Its person's ID.
    name: String,
}

/// Who did something.
#[derive(Serialize, ToSchema)]
#[schema(as = EventActor)]
struct DescribedActor {
    /// A person, the command line on the server, or Doorkey by itself.
    #[serde(rename = "type")]
    sort: ActorType,
    /// The person's account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    id: Option<AccountId>,
    /// The person's ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The label of the personal API token that it was done with, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// Who can do something.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ActorType {
    Account,
    Machine,
    Doorkey,
}

/// An event as programs read it, in the words of an administrator.
pub fn describe(event: Event, names: &Names) -> Described {
    let named = |id| NamedAccount { id, name: names.of(id).into() };
    let (sort, id) = match event.actor {
        Actor::Account(id) => (ActorType::Account, Some(id)),
        Actor::Machine => (ActorType::Machine, None),
        Actor::Doorkey => (ActorType::Doorkey, None),
    };
    Described {
        number: event.number,
        at: event.at,
        sort: event.what.sort(),
        account: event.account.map(named),
        actor: DescribedActor {
            sort,
            id,
            name: id.map(|id| names.of(id).into()),
            token: event.token.clone(),
        },
        sentence: sentence::to_administrator(&event, names.actor(&event), names.account(&event)),
        advice: None,
        source: event.source,
        request: event.request,
        what: event.what,
    }
}

/// `GET /api/v1/activity`.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ActivityQuery {
    /// Only events before the one of this number: `next` of the page before.
    #[param(value_type = Option<i64>)]
    before: String,
    /// Only events of this sort.
    #[param(value_type = Option<words::Sort>)]
    sort: String,
    /// Not before this moment: RFC 3339, or a date, or a date and a time in UTC.
    #[param(value_type = Option<String>)]
    from: String,
    /// Before this moment.
    #[param(value_type = Option<String>)]
    to: String,
}

/// A page of events.
#[derive(Serialize, ToSchema)]
#[schema(as = Activity)]
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
    responses((status = 200, description = "A page of at most 50.", body = Page), of::Unfit, of::Unreadable),
)]
pub async fn activity(
    State(app): State<Arc<App>>,
    person: Oneself,
    query: Result<Query<ActivityQuery>, QueryRejection>,
) -> Result<Answer<Page>, Problem> {
    let Query(query) = query.map_err(unreadable)?;
    let sort = wanted::sort(&query.sort)?;
    let time = (wanted::time("from", &query.from)?, wanted::time("to", &query.to)?);
    let before = number("before", &query.before)?;
    let page = super::activity(&app, &person, sort, time, before).await?;
    let described = page.events.into_iter().map(|event| {
        let (sentence, advice) = (sentence::to_person(&event), sentence::advice(&event.what));
        Described { sentence, advice: advice.map(|advice| advice.answer), ..describe(event, &page.names) }
    });
    Ok(Answer(Page { events: described.collect(), next: page.older }))
}

/// `GET /api/v1/events`, beside what filters it.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Only events after the one of this number: `next` of the answer before; 0 to begin.
    #[param(value_type = Option<i64>)]
    after: String,
    /// The numbering that `after` is of: `epoch` of the answer before. Another one is refused.
    #[param(value_type = Option<i64>)]
    epoch: String,
    /// How many events at most: 100, unless another number up to 1000 is given.
    #[param(value_type = Option<i64>)]
    limit: String,
    /// For how many seconds, up to 60, to wait for an event when there is none yet.
    #[param(value_type = Option<i64>)]
    wait: String,
}

/// Events, and from where to go on.
#[derive(Serialize, ToSchema)]
#[schema(as = Events)]
pub struct Followed {
    /// The oldest first.
    events: Vec<Described>,
    /// Give this as `after` to go on.
    next: i64,
    /// The numbering that these numbers are of: a restored backup begins a new one.
    epoch: i64,
}

/// What happened at all, the oldest first; and, for a while, what is yet to happen.
///
/// To follow the log, give `next` of each answer as `after` of the next request, with `epoch` and `wait`. What happened is written in
/// one order and numbered without gaps, so nothing is missed and nothing comes twice.
#[utoipa::path(
    get, path = "/api/v1/events",
    security(("token" = ["administrator"])),
    params(Wanted, EventsQuery),
    responses(
        (status = 200, description = "At most as many as asked for.", body = Followed),
        of::Unfit, of::Unreadable, of::EpochChanged,
    ),
)]
pub async fn events(
    State(app): State<Arc<App>>,
    admin: Admin,
    filter: Result<Query<Wanted>, QueryRejection>,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<Answer<Followed>, Problem> {
    let (Query(filter), Query(query)) = (filter.map_err(unreadable)?, query.map_err(unreadable)?);
    let filter = app.store.read(|conn| filter.filter(conn, app.default_domain()))?;
    let longest = usize::try_from(super::LONGEST_WAIT.as_secs()).unwrap_or(usize::MAX);
    let since = Since {
        after: number("after", &query.after)?.unwrap_or(0),
        epoch: number("epoch", &query.epoch)?,
        limit: within("limit", &query.limit, 1, LIMIT.1)?.unwrap_or(LIMIT.0),
    };
    let wait = within("wait", &query.wait, 0, longest)?.unwrap_or(0);
    let wait = Duration::from_secs(wait.try_into().unwrap_or(0));
    let super::Followed { events, names, next, epoch } =
        super::follow(&app, &admin, filter, since, wait).await?;
    let events = events.into_iter().map(|event| describe(event, &names)).collect();
    Ok(Answer(Followed { events, next, epoch }))
}

/// The log as a file: JSON lines, one event each, the oldest first.
#[utoipa::path(
    get, path = "/api/v1/events/export",
    security(("token" = ["administrator"])),
    params(Wanted),
    responses(
        (status = 200, description = "All events up to now. An answer that breaks off isn't whole.", body = Described,
            content_type = "application/x-ndjson"),
        of::Unfit, of::Unreadable,
    ),
)]
pub async fn export(
    State(app): State<Arc<App>>,
    admin: Admin,
    filter: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(filter) = filter.map_err(unreadable)?;
    let filter = app.store.read(|conn| filter.filter(conn, app.default_domain()))?;
    super::export::export(app, &admin, filter).await
}

fn unreadable(_: QueryRejection) -> Problem {
    let detail = "The query couldn't be read. The page /api on this server shows what this request takes.";
    Problem::new(Code::Unreadable, detail)
}

fn number(field: &'static str, typed: &str) -> Result<Option<i64>, Problem> {
    if typed.is_empty() {
        return Ok(None);
    }
    let number = typed.parse().ok().filter(|number| *number >= 0);
    number.map(Some).ok_or_else(|| Problem::field(field, "This has to be a number, like 42."))
}

fn within(field: &'static str, typed: &str, least: usize, most: usize) -> Result<Option<usize>, Problem> {
    let given = number(field, typed)?.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    match given {
        Some(number) if !(least..=most).contains(&number) => {
            Err(Problem::field(field, format!("This has to be a number from {least} to {most}.")))
        }
        given => Ok(given),
    }
}
