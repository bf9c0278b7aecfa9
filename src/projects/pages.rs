//! *Projects*, in a browser: the list, and a project's own settings.

use axum::{extract::Path, response::Response};
use domain::ProjectId;

use super::{
    Member, life,
    views::{AddPage, BuildsPage, Head, IntegrationsPage, ListPage, Part, ProjectRow, TeamPage},
};
use crate::{
    access::SignedIn,
    problem::{Code, Problem},
    web::{
        form::Form,
        views::{Field, NoticeKind},
        visit::{Visit, about},
    },
};

/// The address of the list.
pub const HERE: &str = "/projects";
const ADD: &str = "/projects/add";

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
    let view = ListPage { rows: rows.collect(), frame: visit.frame(&person, HERE), add_href: ADD.into() };
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

/// `GET /projects/{id}`.
pub async fn builds(visit: Visit, person: SignedIn, Path(id): Path<String>) -> Result<Response, Problem> {
    let member = Member::of(&visit.app, &person.oneself(), &id)?;
    let (frame, project) = (visit.frame(&person, HERE), Head::of(&member, Part::Builds));
    Ok(visit.show(&BuildsPage { frame, project }))
}

/// `GET /projects/{id}/team`.
pub async fn team(visit: Visit, person: SignedIn, Path(id): Path<String>) -> Result<Response, Problem> {
    let member = Member::of(&visit.app, &person.oneself(), &id)?;
    let (frame, project) = (visit.frame(&person, HERE), Head::of(&member, Part::Team));
    Ok(visit.show(&TeamPage { frame, project }))
}

/// `GET /projects/{id}/integrations`.
pub async fn integrations(
    visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let member = Member::of(&visit.app, &person.oneself(), &id)?;
    let (frame, project) = (visit.frame(&person, HERE), Head::of(&member, Part::Integrations));
    Ok(visit.show(&IntegrationsPage { frame, project }))
}
