//! *Apple Service connection*, in a browser.

use axum::{
    extract::{Path, Query},
    response::Response,
};
use domain::{ConnectionId, ConnectionKind, ConnectionState, Given, What};
use serde::Deserialize;
use store::{hand_outs::HandOut, projects::Project};

use super::{
    Connected, NewKey, READERS, Typed,
    reads::Reads,
    views::{
        AddPage, ConnectionPage, ConnectionRow, KeyView, ListPage, ProjectRow, ReachPage, ReachedRow,
        ReaderRow, RemovePage,
    },
};
use crate::{
    access::{Fresh, SignedIn},
    accounts::two_factor,
    problem::{Code, Problem},
    projects::{self, Member, pages::page_of as page_of_project, team_pages},
    web::{
        form::{Form, FormWithFile},
        in_query,
        views::{Field, NoticeKind},
        visit::{Visit, about},
    },
};

/// The address of the list.
pub const HERE: &str = "/connections";
const ADD: &str = "/connections/add";

/// The address of a connection's page.
pub fn page_of(id: ConnectionId) -> String {
    format!("{HERE}/{id}")
}

fn id(typed: &str) -> Result<ConnectionId, Problem> {
    typed.parse().map_err(|_| Problem::not_found())
}

/// What to do about a connection, in two words, if there is something.
const fn state(state: ConnectionState) -> Option<&'static str> {
    match state {
        ConnectionState::Good => None,
        ConnectionState::Limited => Some("May do too little"),
        ConnectionState::Refused => Some("Apple no longer takes it"),
    }
}

/// `GET /connections`.
pub async fn list(visit: Visit, person: SignedIn) -> Result<Response, Problem> {
    let rows = super::list(&visit.app, &person.oneself())?.into_iter().map(|one| ConnectionRow {
        kind: team_pages::kind(one.connection.kind),
        can: one.key.map(|key| Reads::in_words(&key.reads)).unwrap_or_default(),
        state: state(one.connection.state),
        used: match one.used_by.as_slice() {
            [] => "not used by any project".into(),
            [one] => format!("used by {}", one.name.as_str()),
            more => format!("used by {} projects", more.len()),
        },
        href: page_of(one.connection.id),
        name: one.connection.name,
    });
    Ok(visit.show(&ListPage {
        rows: rows.collect(),
        frame: visit.frame(&person, HERE),
        two_factor: visit.app.store.read(|conn| two_factor::is_on(conn, person.account.id))?,
        turn_on_href: "/security/two-factor".into(),
        add_href: ADD.into(),
        limit: super::MOST,
    }))
}

/// `GET /connections/add`.
pub async fn add(visit: Visit, person: SignedIn) -> Result<Response, Problem> {
    let person = super::connector(&visit.app, person, visit.now())?;
    Ok(add_page(&visit, person.who(), &Typed::default(), None))
}

fn add_page(visit: &Visit, person: &SignedIn, typed: &Typed<'_>, problem: Option<&Problem>) -> Response {
    let view = AddPage {
        frame: visit.frame(person, HERE),
        list_href: HERE.into(),
        action: ADD.into(),
        key_error: about(problem, &["key"]),
        key_id: Field { value: typed.key_id.into(), error: about(problem, &["key_id"]) },
        issuer_id: Field {
            value: typed.issuer_id.into(),
            error: about(problem, &["issuer_id", "individual"]),
        },
        individual: typed.individual,
        enterprise: typed.enterprise,
        // A browser doesn't send what it wasn't given again.
        problem: about(problem, &[""])
            .map(|detail| format!("{detail} Then choose the file, or paste its text, once more.")),
    };
    visit.show_again(&view, problem)
}

/// `POST /connections/add`.
pub async fn post_add(mut visit: Visit, person: SignedIn, sent: FormWithFile) -> Result<Response, Problem> {
    let person = super::connector(&visit.app, person, visit.now())?;
    let form = &sent.form;
    let (key, file_name) = match sent.file.expose().as_slice() {
        [] if sent.file_name.is_empty() => (form.get("key").as_bytes(), ""),
        file => (file, sent.file_name.as_str()),
    };
    let mut typed = Typed {
        key,
        file_name,
        key_id: form.get("key_id"),
        issuer_id: form.get("issuer_id"),
        individual: form.ticked("individual"),
        enterprise: form.ticked("enterprise"),
    };
    let added = match NewKey::parse(&typed) {
        Ok(new) => super::add(&visit.app, &mut visit.ctx, &person, new).await,
        Err(problem) => Err(problem),
    };
    match added {
        Ok(added) => {
            let name = &added.connection.name;
            let text = match added.connection.answer {
                None => format!("{name} is connected: Apple takes it. Next, offer it to a project."),
                Some(_) => {
                    format!("{name} is connected, and may do too little for builds. Look at what Apple says.")
                }
            };
            Ok(visit.go(&page_of(added.connection.id), NoticeKind::Success, &text))
        }
        Err(problem)
            if matches!(
                problem.code,
                Code::Unfit
                    | Code::Conflict
                    | Code::TooManyConnections
                    | Code::AppleRefused
                    | Code::AppleUnavailable
                    | Code::ClockWrong
            ) =>
        {
            // Where a field is wrong that a key was pasted into, it isn't shown again.
            if typed.key_id.len() > 40 {
                typed.key_id = "";
            }
            if typed.issuer_id.len() > 60 {
                typed.issuer_id = "";
            }
            Ok(add_page(&visit, person.who(), &typed, Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}

/// Which of the builds that received it are shown.
#[derive(Deserialize)]
pub struct Before {
    before: Option<i64>,
}

/// `GET /connections/{id}`.
pub async fn connection(
    visit: Visit,
    person: SignedIn,
    Path(typed): Path<String>,
    Query(part): Query<Before>,
) -> Result<Response, Problem> {
    let (app, who, id) = (&visit.app, person.oneself(), id(&typed)?);
    let Connected { connection, key, offered_to, used_by } = super::get(app, &who, id)?;
    let has = |all: &[Project], project: &Project| all.iter().any(|one| one.id == project.id);
    let mut all = offered_to.clone();
    for (project, role) in projects::life::list(app, &who)? {
        if role.administers() && !has(&all, &project) {
            all.push(project);
        }
    }
    all.sort_by_key(|project| project.name.folded());
    let readers = super::readers(app, &who, id, part.before.unwrap_or(i64::MAX))?;
    let oldest = readers.last().map(|reader| reader.event.number);
    let full = i64::try_from(readers.len()).is_ok_and(|count| count == READERS);
    let individual = key.as_ref().is_some_and(|key| key.issuer_id.is_none());
    Ok(visit.show(&ConnectionPage {
        frame: visit.frame(&person, HERE),
        list_href: HERE.into(),
        here: page_of(id),
        kind: team_pages::kind(connection.kind),
        state: match connection.state {
            ConnectionState::Good => "taken",
            ConnectionState::Limited => "taken, and may do too little for builds",
            ConnectionState::Refused => "no longer taken",
        },
        name: connection.name,
        answer: connection.answer,
        checked: visit.when(connection.checked_at),
        connected: visit.when(connection.created_at),
        individual: individual && connection.kind == ConnectionKind::ApiKey,
        key: key.map(|key| KeyView {
            key_id: key.key_id,
            issuer_id: key.issuer_id,
            enterprise: key.enterprise,
            reads: Reads::in_words(&key.reads).trim_start_matches("reads ").to_owned(),
        }),
        projects: all
            .iter()
            .map(|project| ProjectRow {
                name: project.name.as_str().into(),
                href: format!("{}/team", page_of_project(project.id)),
                value: project.id.to_string(),
                offered: has(&offered_to, project),
                used: has(&used_by, project),
            })
            .collect(),
        older_href: oldest.filter(|_| full).map(|number| format!("{}?before={number}", page_of(id))),
        readers: readers.into_iter().filter_map(|one| reader(&visit, one)).collect(),
        later: part.before.is_some(),
    }))
}

fn reader(visit: &Visit, one: HandOut) -> Option<ReaderRow> {
    let What::HandedOut { project_name, build, commit, reference, given, .. } = one.event.what else {
        return None;
    };
    let words = |given: &Given| match given {
        Given::ApiKey => "the key",
        Given::AppStoreConnectToken => "a short-lived token",
    };
    let commit = commit.map(|commit| commit.chars().take(12).collect::<String>());
    Some(ReaderRow {
        project: project_name,
        build_href: format!("/builds/{build}"),
        given: given.iter().map(words).collect::<Vec<_>>().join(" and "),
        of: match (commit, reference) {
            (Some(commit), Some(reference)) => Some(format!("{commit} on {reference}")),
            (commit, reference) => commit.or(reference),
        },
        at: visit.when(one.event.at),
        source: one.event.source,
        repeats: one.repeats,
    })
}

/// `POST /connections/{id}/test`.
pub async fn post_test(
    visit: Visit,
    person: SignedIn,
    Path(typed): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let id = id(&typed)?;
    let tested = match super::test(&visit.app, &visit.ctx, &person, id).await {
        Ok(tested) => tested,
        Err(problem)
            if matches!(problem.code, Code::Conflict | Code::AppleUnavailable | Code::ClockWrong) =>
        {
            return Ok(visit.go(&page_of(id), NoticeKind::Warning, &problem.detail));
        }
        Err(problem) => return Err(problem),
    };
    let name = &tested.connection.name;
    let (kind, text) = match tested.connection.state {
        ConnectionState::Good => (NoticeKind::Success, format!("Apple takes {name}.")),
        ConnectionState::Limited => {
            (NoticeKind::Warning, format!("Apple takes {name}, and lets it do too little for builds."))
        }
        ConnectionState::Refused => (NoticeKind::Warning, format!("Apple no longer takes {name}.")),
    };
    Ok(visit.go(&page_of(id), kind, &text))
}

/// `POST /connections/{id}/offer`.
pub async fn post_offer(
    visit: Visit,
    person: SignedIn,
    Path(typed): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let (id, app) = (id(&typed)?, &visit.app);
    let person = match person.fresh(visit.now()) {
        // Back to the page that the form stands on: nothing is at its own address.
        Err(problem) if problem.code == Code::ConfirmationNeeded => {
            return Ok(visit.go_on(&format!("/sign-in/confirm?next={}", in_query(&page_of(id)))));
        }
        person => person?,
    };
    let member = Member::of(app, &person.who().oneself(), form.get("project"))?;
    let admin = person.as_what(|_| member.clone().admin())?;
    let offered = projects::connections::offer(app, &visit.ctx, &admin, &id.to_string()).await?;
    let text = format!(
        "{} is offered to {}. Choose it there under Team, so that its builds use it.",
        offered.name,
        member.project.name.as_str()
    );
    Ok(visit.go(&page_of(id), NoticeKind::Success, &text))
}

/// `POST /connections/{id}/take-back`.
pub async fn post_take_back(
    visit: Visit,
    person: SignedIn,
    Path(typed): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let (id, app) = (id(&typed)?, &visit.app);
    let member = Member::of(app, &person.oneself(), form.get("project"))?;
    let taken = projects::connections::take_back(app, &visit.ctx, &member, &id.to_string()).await?;
    let text = format!(
        "{} is no longer offered to {}: no build there receives it from now on.",
        taken.name,
        member.project.name.as_str()
    );
    Ok(visit.go(&page_of(id), NoticeKind::Success, &text))
}

/// The names of projects, as they stand in a sentence.
fn named(projects: &[Project]) -> String {
    let names: Vec<_> = projects.iter().map(|project| project.name.as_str()).collect();
    match names.as_slice() {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        names => names.concat(),
    }
}

/// `GET /connections/{id}/remove`.
pub async fn remove(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(typed): Path<String>,
) -> Result<Response, Problem> {
    let one = super::get(&visit.app, &person.who().oneself(), id(&typed)?)?;
    let here = page_of(one.connection.id);
    Ok(visit.show(&RemovePage {
        frame: visit.frame(person.who(), HERE),
        action: format!("{here}/remove"),
        cancel_href: here,
        name: one.connection.name,
        consequence: match one.used_by.as_slice() {
            [] => "No project’s builds use it.".into(),
            used => format!("Builds of {} use it, and receive it no more from that moment on.", named(used)),
        },
    }))
}

/// `POST /connections/{id}/remove`.
pub async fn post_remove(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(typed): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let was = super::remove(&visit.app, &visit.ctx, &person, id(&typed)?).await?;
    let name = &was.connection.name;
    let text = match was.used_by.as_slice() {
        [] => format!("{name} is removed."),
        used => format!(
            "{name} is removed. Builds of {} no longer receive it, and their admins are told.",
            named(used)
        ),
    };
    Ok(visit.go(HERE, NoticeKind::Success, &text))
}

/// `GET /connections/{id}/reach`.
pub async fn reach(visit: Visit, person: SignedIn, Path(typed): Path<String>) -> Result<Response, Problem> {
    let (app, who, id) = (&visit.app, person.oneself(), id(&typed)?);
    let one = super::get(app, &who, id)?;
    let projects = super::reach(app, &who, id)?.into_iter().map(|one| ReachedRow {
        id: one.project.id.to_string(),
        name: one.project.name.as_str().into(),
        href: page_of_project(one.project.id),
        used: one.used,
        people: one
            .people
            .iter()
            .map(|member| format!("{} ({})", member.display_name.as_str(), member.role.code()))
            .collect(),
        ways: one
            .rules
            .iter()
            .map(|rule| format!("rule: {}", rule.words()))
            .chain(one.tokens.iter().map(|token| {
                format!("project token “{}”, until {}", token.label.as_str(), token.expires_at.date())
            }))
            .collect(),
    });
    Ok(visit.show(&ReachPage {
        projects: projects.collect(),
        frame: visit.frame(&person, HERE),
        here: page_of(id),
        name: one.connection.name,
    }))
}
