//! The page behind the link of an invitation to a project's team.

use axum::{extract::Path, response::Response};

use super::{
    invitations,
    pages::page_of,
    team_pages::may,
    views::{Join, JoinPage},
};
use crate::{
    access::SignedIn,
    problem::{Code, Problem},
    web::{form::Form, in_query, views::NoticeKind, visit::Visit},
};

/// `GET /project-invitation/{token}`. It says nothing of the project but to the one who is invited.
pub async fn join(
    visit: Visit,
    person: Result<SignedIn, Problem>,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    let person = match person {
        Ok(person) => person,
        Err(problem) if problem.code == Code::SignInNeeded => {
            let here = format!("/project-invitation/{token}");
            let href = format!("/sign-in?next={}", in_query(&here));
            return Ok(visit.show(&JoinPage { page: visit.outside(), what: Join::SignIn { href } }));
        }
        Err(problem) => return Err(problem),
    };
    match invitations::open(&visit.app, visit.now(), &person, &token) {
        Ok(opened) => {
            let what = Join::Yours {
                action: format!("/project-invitation/{token}"),
                project: opened.project.name.as_str().into(),
                role: opened.role.code(),
                may: may(opened.role),
                by: opened.by,
            };
            Ok(visit.show(&JoinPage { page: visit.outside(), what }))
        }
        Err(problem) => not_yours(&visit, &person, problem),
    }
}

fn not_yours(visit: &Visit, person: &SignedIn, problem: Problem) -> Result<Response, Problem> {
    if problem.code != Code::LinkSpent {
        return Err(problem);
    }
    let what = Join::NotYours { why: problem.detail.clone(), id: person.account.name.to_string() };
    Ok(visit.show_again(&JoinPage { page: visit.outside(), what }, Some(&problem)))
}

/// `POST /project-invitation/{token}`: joins the team.
pub async fn post_join(
    visit: Visit,
    person: SignedIn,
    Path(token): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    match invitations::accept(&visit.app, &visit.ctx, &person, &token).await {
        Ok(member) => {
            let text = format!(
                "You are in the team of {} now, as {}.",
                member.project.name.as_str(),
                member.role.code()
            );
            Ok(visit.go(&page_of(member.project.id), NoticeKind::Success, &text))
        }
        Err(problem) => not_yours(&visit, &person, problem),
    }
}
