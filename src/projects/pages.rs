//! *Projects*, in a browser: the list, and a project's own settings.

use axum::{
    extract::{Path, Query, rejection::QueryRejection},
    response::Response,
};
use domain::{ProjectId, Role};
use serde::Deserialize;
use store::{accounts::State, projects::Counted};

use super::{
    Member, ProjectOwner, life, server, team,
    views::{
        AddPage, AskPage, Head, ListPage, OwnerPage, Part, ProjectRow, Question, ServerPage, ServerRow,
        SettingsPage,
    },
};
use crate::{
    access::{Fresh, SignedIn},
    groups::pages::people,
    problem::{Code, Problem},
    web::{
        form::Form,
        in_query,
        views::{Choice, Field, NoticeKind},
        visit::{Visit, about},
    },
};

/// The address of the list.
pub const HERE: &str = "/projects";
const ADD: &str = "/projects/add";
const ALL: &str = "/projects/all";
/// How many of the server's projects a page shows.
const PAGE: usize = 50;

/// The address of a project's page.
pub fn page_of(id: ProjectId) -> String {
    format!("{HERE}/{id}")
}

/// `GET /projects`.
pub async fn list(visit: Visit, person: SignedIn) -> Result<Response, Problem> {
    let rows = life::list(&visit.app, &person.oneself())?.into_iter().map(|(project, role)| ProjectRow {
        name: project.name.as_str().into(),
        role: role.code(),
        made: visit.when(project.created_at),
        href: page_of(project.id),
    });
    let view = ListPage {
        rows: rows.collect(),
        frame: visit.frame(&person, HERE),
        add_href: ADD.into(),
        server_href: person.account.administrator.then(|| ALL.into()),
    };
    Ok(visit.show(&view))
}

/// `GET /projects/add`.
pub async fn add(visit: Visit, person: SignedIn) -> Response {
    add_page(&visit, &person, "", None)
}

fn add_page(visit: &Visit, person: &SignedIn, name: &str, problem: Option<&Problem>) -> Response {
    let view = AddPage {
        frame: visit.frame(person, HERE),
        action: ADD.into(),
        cancel_href: HERE.into(),
        name: Field { value: name.into(), error: about(problem, &["name"]) },
        problem: about(problem, &[""]),
    };
    visit.show_again(&view, problem)
}

/// `POST /projects/add`.
pub async fn post_add(mut visit: Visit, person: SignedIn, form: Form) -> Result<Response, Problem> {
    let added = match life::name_typed(form.get("name")) {
        Ok(name) => life::add(&visit.app, &mut visit.ctx, &person, name, life::BUILD_MINUTES).await,
        Err(problem) => Err(problem),
    };
    match added {
        Ok(project) => {
            let text = format!(
                "{} is made, and you own it. Next, let its builds in under Integrations, and choose what they use under Team.",
                project.name.as_str()
            );
            Ok(visit.go(&page_of(project.id), NoticeKind::Success, &text))
        }
        Err(problem) if matches!(problem.code, Code::Unfit | Code::Conflict) => {
            Ok(add_page(&visit, &person, form.get("name"), Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}

fn owner(visit: &Visit, person: &SignedIn, id: &str) -> Result<ProjectOwner, Problem> {
    Member::of(&visit.app, &person.oneself(), id)?.owner()
}

/// What was typed into the settings, and what is wrong with it.
struct Typed<'a> {
    name: &'a str,
    build_minutes: &'a str,
}

/// `GET /projects/{id}/settings`.
pub async fn settings(visit: Visit, person: SignedIn, Path(id): Path<String>) -> Result<Response, Problem> {
    let owner = owner(&visit, &person, &id)?;
    settings_page(&visit, &person, owner.member(), None, None)
}

fn settings_page(
    visit: &Visit,
    person: &SignedIn,
    owner: &Member,
    typed: Option<Typed<'_>>,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let here = page_of(owner.project.id);
    let minutes = owner.project.build_minutes.to_string();
    let typed = typed.unwrap_or(Typed { name: owner.project.name.as_str(), build_minutes: &minutes });
    let others = team::list(&visit.app, owner)?;
    let others = others.into_iter().filter(|one| one.role != Role::Owner && one.state == State::Active);
    let members = others.map(|one| Choice {
        value: one.account.to_string(),
        label: format!("{} ({}, {})", one.display_name.as_str(), one.name, one.role.code()),
        hint: String::new(),
        chosen: false,
    });
    let view = SettingsPage {
        frame: visit.frame(person, HERE),
        action: format!("{here}/settings"),
        name: Field { value: typed.name.into(), error: about(problem, &["name"]) },
        build_minutes: Field { value: typed.build_minutes.into(), error: about(problem, &["build_minutes"]) },
        hand_over_action: format!("{here}/hand-over"),
        members: members.collect(),
        hand_over_error: about(problem, &["account"]),
        remove_href: format!("{here}/remove"),
        project: Head::of(owner, Part::Other),
    };
    Ok(visit.show_again(&view, problem))
}

/// `POST /projects/{id}/settings`: its name, and how long its builds last.
pub async fn post_settings(
    visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let owner = owner(&visit, &person, &id)?;
    let (name, build_minutes) = (form.get("name"), form.get("build_minutes"));
    let changes = life::name_typed(name).and_then(|name| {
        let minutes = build_minutes.trim().parse().unwrap_or(0);
        Ok(life::Changes { name: Some(name), build_minutes: Some(life::minutes_fit(minutes)?) })
    });
    let changed = match changes {
        Ok(changes) => life::change(&visit.app, &visit.ctx, &owner, changes).await,
        Err(problem) => Err(problem),
    };
    match changed {
        Ok(project) => {
            let text = format!(
                "{}: builds last at most {} minutes from now on.",
                project.name.as_str(),
                project.build_minutes
            );
            Ok(visit.go(&format!("{}/settings", page_of(project.id)), NoticeKind::Success, &text))
        }
        Err(problem) if matches!(problem.field, Some("name" | "build_minutes")) => {
            let typed = Some(Typed { name, build_minutes });
            settings_page(&visit, &person, owner.member(), typed, Some(&problem))
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /projects/{id}/hand-over`.
pub async fn post_hand_over(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let owner = person.as_what(|person| owner(&visit, person, &id))?;
    match team::hand_over(&visit.app, &visit.ctx, &owner, form.get("account")).await {
        Ok(next) => {
            let project = &owner.who().member().project;
            let text = format!(
                "{} owns {} now, and you are an admin of it.",
                next.display_name.as_str(),
                project.name.as_str()
            );
            Ok(visit.go(&format!("{}/team", page_of(project.id)), NoticeKind::Success, &text))
        }
        Err(problem) if problem.field == Some("account") => {
            let problem = Problem { code: Code::Unfit, ..problem };
            settings_page(&visit, person.who(), owner.who().member(), None, Some(&problem))
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /projects/{id}/hand-over`: after its owner had to confirm who they are, what they chose is chosen again.
pub async fn hand_over(visit: Visit, person: SignedIn, Path(id): Path<String>) -> Result<Response, Problem> {
    let owner = owner(&visit, &person, &id)?;
    Ok(visit.go_on(&format!("{}/settings#hand-over", page_of(owner.member().project.id))))
}

/// `GET /projects/{id}/remove`.
pub async fn remove(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let owner = owner(&visit, person.who(), &id)?;
    let (here, project) = (page_of(owner.member().project.id), &owner.member().project);
    let view = AskPage {
        frame: visit.frame(person.who(), HERE),
        name: project.name.as_str().into(),
        action: format!("{here}/remove"),
        cancel_href: format!("{here}/settings"),
        question: Question::Remove { others: team::list(&visit.app, owner.member())?.len() - 1 },
    };
    Ok(visit.show(&view))
}

/// `POST /projects/{id}/remove`.
pub async fn post_remove(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(id): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let owner = person.as_what(|person| owner(&visit, person, &id))?;
    life::remove(&visit.app, &visit.ctx, &owner).await?;
    let text = format!("{} is removed.", owner.who().member().project.name.as_str());
    Ok(visit.go(HERE, NoticeKind::Success, &text))
}

/// After which name.
#[derive(Default, Deserialize)]
pub struct After {
    #[serde(default)]
    after: String,
}

/// `GET /projects/all`: the server's projects, for its administrators.
pub async fn all(
    visit: Visit,
    person: SignedIn,
    query: Result<Query<After>, QueryRejection>,
) -> Result<Response, Problem> {
    let After { after } = query.map(|Query(query)| query).unwrap_or_default();
    let page = server::list(&visit.app, &person.admin()?, &after, PAGE).await?;
    let row = |counted: Counted| ServerRow {
        name: counted.project.name.as_str().into(),
        owner_href: counted.owner.is_none().then(|| format!("{ALL}/{}/owner", counted.project.id)),
        owner: counted.owner.map(|owner| owner.to_string()),
        members: people(counted.members),
    };
    let view = ServerPage {
        frame: visit.frame(&person, HERE),
        rows: page.projects.into_iter().map(row).collect(),
        first_href: (!after.is_empty()).then(|| ALL.into()),
        next_href: page.next.map(|after| format!("{ALL}?after={}", in_query(&after))),
    };
    Ok(visit.show(&view))
}

/// `GET /projects/all/{id}/owner`.
pub async fn name_owner(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let counted = server::get(&visit.app, person.admin()?.who(), &id)?;
    Ok(owner_page(&visit, person.who(), &counted, "", None))
}

fn owner_page(
    visit: &Visit,
    person: &SignedIn,
    counted: &Counted,
    account: &str,
    problem: Option<&Problem>,
) -> Response {
    let view = OwnerPage {
        frame: visit.frame(person, HERE),
        name: counted.project.name.as_str().into(),
        action: format!("{ALL}/{}/owner", counted.project.id),
        cancel_href: ALL.into(),
        account: Field { value: account.into(), error: about(problem, &["account"]) },
        team: counted.members > 0,
        problem: about(problem, &[""]),
    };
    visit.show_again(&view, problem)
}

/// `POST /projects/all/{id}/owner`.
pub async fn post_name_owner(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let (admin, account) = (person.admin()?, form.get("account"));
    match server::name_owner(&visit.app, &visit.ctx, &admin, &id, account).await {
        Ok(counted) => {
            let text = format!("{account} owns {} now.", counted.project.name.as_str());
            Ok(visit.go(ALL, NoticeKind::Success, &text))
        }
        Err(problem) if problem.field.is_some() || problem.code == Code::OwnAccount => {
            let counted = server::get(&visit.app, admin.who(), &id)?;
            // The page is there; what was typed isn't.
            let problem = Problem { code: Code::Unfit, ..problem };
            Ok(owner_page(&visit, person.who(), &counted, account, Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}
