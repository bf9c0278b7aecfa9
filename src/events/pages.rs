//! *Activity* and *Events*, in a browser.

use axum::{
    extract::{Query, rejection::QueryRejection},
    response::Response,
};
use domain::{Actor, Event, Sort, Timestamp};
use serde::Deserialize;
use store::events::Filter;

use super::{
    Choices, Page,
    names::Names,
    sentence,
    views::{ActivityPage, Bit, EventRow, LogPage, LogRow},
    wanted,
    wanted::Wanted,
};
use crate::{
    access::SignedIn,
    problem::{Code, Problem},
    web::{
        views::{Choice, Field},
        visit::{Visit, about},
    },
};

/// Before which event.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Before {
    before: String,
}

type Asked<T> = Result<Query<T>, QueryRejection>;

/// What a page was asked for; an address that can't be read asks for nothing in particular.
fn asked<T: Default>(query: Asked<T>) -> T {
    query.map(|Query(query)| query).unwrap_or_default()
}

/// `GET /activity`.
pub async fn activity(
    visit: Visit,
    person: SignedIn,
    filter: Asked<Wanted>,
    before: Asked<Before>,
) -> Result<Response, Problem> {
    let (wanted, before) = (asked(filter), asked(before).before.parse().ok());
    let wanted = Wanted { sort: wanted.sort, from: wanted.from, to: wanted.to, ..Wanted::default() };
    let found = match meant(&wanted) {
        Ok((sort, time)) => super::activity(&visit.app, &person.oneself(), sort, time, before).await,
        Err(problem) => Err(problem),
    };
    let (page, problem) = shown(found)?;
    let href = |before: Option<i64>| address("/activity", &wanted, before);
    let view = ActivityPage {
        frame: visit.frame(&person, "/activity"),
        rows: page.events.iter().map(|event| event_row(&visit, event, &page.names)).collect(),
        sorts: sorts(&wanted.sort, &Sort::ALL[..5]),
        from: field(&wanted.from, problem.as_ref(), "from"),
        to: field(&wanted.to, problem.as_ref(), "to"),
        filtered: wanted != Wanted::default(),
        newer_href: before.map(|_| href(None)),
        older_href: page.older.map(|number| href(Some(number))),
    };
    Ok(visit.show_again(&view, problem.as_ref()))
}

/// A sort, and a time between two days, of which the last belongs to it.
type Meant = (Option<Sort>, (Option<Timestamp>, Option<Timestamp>));

fn meant(wanted: &Wanted) -> Result<Meant, Problem> {
    let to = wanted::time("to", &wanted.to)?.map(|day| day.plus_days(1));
    Ok((wanted::sort(&wanted.sort)?, (wanted::time("from", &wanted.from)?, to)))
}

/// What was found; or nothing, and what in the filter stands in the way.
fn shown(found: Result<Page, Problem>) -> Result<(Page, Option<Problem>), Problem> {
    match found {
        Ok(page) => Ok((page, None)),
        Err(problem) if problem.code == Code::Unfit => {
            Ok((Page { events: Vec::new(), names: Names::default(), older: None }, Some(problem)))
        }
        Err(problem) => Err(problem),
    }
}

fn event_row(visit: &Visit, event: &Event, names: &Names) -> EventRow {
    let by = match event.actor {
        Actor::Account(id) if Some(id) != event.account => {
            Some(format!("by an administrator: {}", names.of(id)))
        }
        Actor::Machine => Some("by an administrator, at the server’s command line".into()),
        Actor::Account(_) | Actor::Doorkey => None,
    };
    EventRow {
        when: visit.when(event.at),
        sentence: sentence::to_person(event),
        from: event.source.clone(),
        by,
        advice: sentence::advice(&event.what),
    }
}

/// `GET /events`.
pub async fn events(
    visit: Visit,
    person: SignedIn,
    filter: Asked<Wanted>,
    before: Asked<Before>,
) -> Result<Response, Problem> {
    let (admin, wanted) = (person.admin()?, asked(filter));
    let before = asked(before).before.parse().ok();
    let found = match read(&visit, &wanted) {
        Ok(filter) => super::log(&visit.app, &admin, filter, before).await,
        Err(problem) => Err(problem),
    };
    let (page, problem) = shown(found)?;
    let Choices { kinds, services } = super::choices(&visit.app, &admin)?;
    let href = |before: Option<i64>| address("/events", &wanted, before);
    let typed = |value: &str, name| field(value, problem.as_ref(), name);
    let view = LogPage {
        frame: visit.frame(&person, "/events"),
        rows: page.events.iter().map(|event| log_row(&visit, event, &page.names)).collect(),
        kinds: kinds.into_iter().map(|kind| choice(in_words(&kind), kind, &wanted.kind)).collect(),
        sorts: sorts(&wanted.sort, &Sort::ALL),
        services: services.into_iter().map(|name| choice(name.clone(), name, &wanted.service)).collect(),
        account: typed(&wanted.account, "account"),
        actor: typed(&wanted.actor, "actor"),
        address: typed(&wanted.address, "address"),
        from: typed(&wanted.from, "from"),
        to: typed(&wanted.to, "to"),
        filtered: wanted != Wanted::default(),
        export_href: format!("/events/export{}", wanted.query(&[])),
        newer_href: before.map(|_| href(None)),
        older_href: page.older.map(|number| href(Some(number))),
    };
    Ok(visit.show_again(&view, problem.as_ref()))
}

/// `GET /events/export`: the same events as a file.
pub async fn export(visit: Visit, person: SignedIn, filter: Asked<Wanted>) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let filter = read(&visit, &asked(filter))?;
    super::export::export(visit.app, &admin, filter).await
}

fn read(visit: &Visit, wanted: &Wanted) -> Result<Filter, Problem> {
    visit.app.store.read(|conn| wanted.filter(conn, visit.app.default_domain()))
}

fn log_row(visit: &Visit, event: &Event, names: &Names) -> LogRow {
    let mut bits = Vec::new();
    let mut bit = |name, value: &str, wanted: Wanted| {
        if !value.is_empty() {
            bits.push(Bit { name, value: value.into(), href: address("/events", &wanted, None) });
        }
    };
    // By their own ids: an ID may be another's by now.
    if let Some(id) = event.account {
        bit("account", names.of(id), Wanted { account: id.to_string(), ..Wanted::default() });
    }
    let actor = match event.actor {
        Actor::Account(id) => id.to_string(),
        Actor::Machine | Actor::Doorkey => names.actor(event).to_owned(),
    };
    bit("by", names.actor(event), Wanted { actor, ..Wanted::default() });
    if let Some(source) = &event.source {
        bit("from", source, Wanted { address: source.clone(), ..Wanted::default() });
    }
    LogRow {
        number: event.number,
        when: visit.when(event.at),
        sentence: sentence::to_administrator(event, names.actor(event), names.account(event)),
        bits,
    }
}

fn address(path: &str, wanted: &Wanted, before: Option<i64>) -> String {
    let before = before.map(|number| ("before", number.to_string()));
    format!("{path}{}", wanted.query(before.as_slice()))
}

fn field(value: &str, problem: Option<&Problem>, name: &str) -> Field {
    Field { value: value.into(), error: about(problem, &[name]) }
}

fn choice(label: String, value: String, chosen: &str) -> Choice {
    Choice { chosen: value == chosen, label, value, hint: String::new() }
}

fn sorts(chosen: &str, of: &[Sort]) -> Vec<Choice> {
    let label = |sort| match sort {
        Sort::SignIns => "Sign-ins",
        Sort::AppPasswords => "App-specific passwords",
        Sort::Security => "Security changes",
        Sort::Builds => "Projects and builds",
        Sort::Refusals => "Refusals",
        Sort::Administration => "Services and settings",
    };
    of.iter().map(|sort| choice(label(*sort).into(), sort.code().into(), chosen)).collect()
}

/// The name of what happened as people read it: `App-specific password ended`.
fn in_words(kind: &str) -> String {
    let words = kind
        .replace("app_password", "app-specific password")
        .replace("two_factor", "two-factor authentication")
        .replace("sign_in", "sign-in")
        .replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_named_in_words() {
        assert_eq!(in_words("app_password_tried_after_end"), "App-specific password tried after end");
        assert_eq!(in_words("two_factor_off"), "Two-factor authentication off");
        assert_eq!(in_words("signed_in"), "Signed in");
    }
}
