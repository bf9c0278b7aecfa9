//! *Groups*, in a browser, for administrators.

use axum::{
    extract::{Path, Query, rejection::QueryRejection},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{
    said,
    views::{AddPage, GroupPage, GroupRow, LeavePage, ListPage, MemberRow, RemovePage},
};
use crate::{
    access::{Fresh, SignedIn},
    problem::{Code, Problem},
    web::{
        form::Form,
        in_query,
        views::{Field, Link, NoticeKind},
        visit::{Visit, about},
    },
};

const HERE: &str = "/groups";

/// How many members a page shows.
const PAGE: usize = 50;

/// The address of a group's page.
pub fn page_of(name: &str) -> String {
    format!("{HERE}/at/{name}")
}

/// So many people, in words.
pub fn people(count: u64) -> String {
    match count {
        0 => "nobody".into(),
        1 => "1 person".into(),
        n => format!("{n} people"),
    }
}

/// `GET /groups`.
pub async fn list(visit: Visit, person: SignedIn) -> Result<Response, Problem> {
    let rows = super::list(&visit.app, &person.admin()?)?.into_iter().map(|listed| GroupRow {
        name: listed.group.name.to_string(),
        members: people(listed.members),
        services: services(&listed.services),
        href: page_of(listed.group.name.as_str()),
    });
    let view =
        ListPage { rows: rows.collect(), frame: visit.frame(&person, HERE), add_href: "/groups/add".into() };
    Ok(visit.show(&view))
}

fn services(names: &[domain::ServiceName]) -> Option<String> {
    (!names.is_empty()).then(|| said(names.iter().map(domain::ServiceName::as_str)))
}

/// `GET /groups/add`.
pub async fn add(visit: Visit, person: Fresh<SignedIn>) -> Result<Response, Problem> {
    person.admin()?;
    Ok(add_page(&visit, person.who(), "", None))
}

fn add_page(visit: &Visit, person: &SignedIn, name: &str, problem: Option<&Problem>) -> Response {
    let view = AddPage {
        frame: visit.frame(person, HERE),
        action: "/groups/add".into(),
        cancel_href: HERE.into(),
        name: Field { value: name.into(), error: about(problem, &["name"]) },
    };
    visit.show_again(&view, problem)
}

/// `POST /groups/add`.
pub async fn post_add(mut visit: Visit, person: Fresh<SignedIn>, form: Form) -> Result<Response, Problem> {
    match super::add(&visit.app, &mut visit.ctx, &person.admin()?, form.get("name")).await {
        Ok(group) => {
            let text = format!("The group {} is made. Nobody is in it yet.", group.name);
            Ok(visit.go(&page_of(group.name.as_str()), NoticeKind::Success, &text))
        }
        Err(problem) if matches!(problem.code, Code::Unfit | Code::Conflict) => {
            Ok(add_page(&visit, person.who(), form.get("name"), Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}

/// Which members are shown, and what stands in the form: also when it comes back after the administrator had to confirm who they
/// are, so that nothing typed is lost.
#[derive(Default, Deserialize)]
pub struct Shown {
    #[serde(default)]
    after: String,
    #[serde(default)]
    account: String,
}

/// `GET /groups/at/{name}`.
pub async fn group(
    visit: Visit,
    person: SignedIn,
    Path(name): Path<String>,
    query: Result<Query<Shown>, QueryRejection>,
) -> Result<Response, Problem> {
    let shown = query.map(|Query(query)| query).unwrap_or_default();
    group_page(&visit, &person, &name, &shown, None).await
}

async fn group_page(
    visit: &Visit,
    person: &SignedIn,
    name: &str,
    shown: &Shown,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let listed = super::get(&visit.app, &admin, name)?;
    let page = super::members(&visit.app, &admin, name, &shown.after, PAGE).await?;
    let name = listed.group.name.to_string();
    let here = page_of(&name);
    let rows = page.members.iter().map(|member| MemberRow {
        display_name: member.display_name.as_str().into(),
        id: member.name.to_string(),
        href: format!("/people/at/{}", member.account),
        joined: visit.when(member.joined_at),
        leave_href: format!("{here}/leave/{}", in_query(member.name.as_str())),
    });
    let services = listed
        .services
        .iter()
        .map(|service| Link { label: service.to_string(), href: format!("/services/at/{service}") });
    let view = GroupPage {
        frame: visit.frame(person, HERE),
        members: people(listed.members),
        services: services.collect(),
        account: Field { value: shown.account.clone(), error: about(problem, &["account"]) },
        rows: rows.collect(),
        first_href: (!shown.after.is_empty()).then(|| here.clone()),
        next_href: page.next.map(|after| format!("{here}?after={}", in_query(&after))),
        list_href: HERE.into(),
        remove_href: format!("{here}/remove"),
        action: here,
        name,
    };
    Ok(visit.show_again(&view, problem))
}

/// `POST /groups/at/{name}`: puts somebody into the group.
pub async fn post_join(
    visit: Visit,
    person: SignedIn,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let (typed, here) = (form.get("account").to_owned(), page_of(&name));
    person.admin()?;
    let person = match person.fresh(visit.now()) {
        Err(problem) if problem.code == Code::ConfirmationNeeded => {
            let back = format!("{here}?account={}", in_query(&typed));
            return Ok(Redirect::to(&format!("/sign-in/confirm?next={}", in_query(&back))).into_response());
        }
        person => person?,
    };
    match super::join(&visit.app, &visit.ctx, &person.admin()?, &name, &typed).await {
        Ok((group, account)) => {
            let text = format!("{} is in {} now.", account.name, group.name);
            Ok(visit.go(&here, NoticeKind::Success, &text))
        }
        Err(problem) if problem.field == Some("account") => {
            let shown = Shown { account: typed, ..Shown::default() };
            // The page is there; what was typed isn't.
            let problem = Problem { code: Code::Unfit, ..problem };
            group_page(&visit, person.who(), &name, &shown, Some(&problem)).await
        }
        Err(problem) => Err(problem),
    }
}

/// Where to go on after somebody has left: to their own page, or to the group's.
#[derive(Default, Deserialize)]
pub struct Leaving {
    #[serde(default)]
    to: String,
}

const TO_PERSON: &str = "person";

/// `GET /groups/at/{name}/leave/{account}`.
pub async fn leave(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path((name, account)): Path<(String, String)>,
    query: Result<Query<Leaving>, QueryRejection>,
) -> Result<Response, Problem> {
    let loses = super::losing(&visit.app, person.admin()?.who(), &name, &account)?;
    let here = page_of(&name);
    let to_person = query.is_ok_and(|Query(query)| query.to == TO_PERSON);
    let back = if to_person { format!("?to={TO_PERSON}") } else { String::new() };
    let view = LeavePage {
        frame: visit.frame(person.who(), HERE),
        action: format!("{here}/leave/{}{back}", in_query(&account)),
        cancel_href: if to_person { format!("/people/at/{}", in_query(&account)) } else { here },
        name,
        id: account,
        loses: services(&loses),
    };
    Ok(visit.show(&view))
}

/// `POST /groups/at/{name}/leave/{account}`.
pub async fn post_leave(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path((name, account)): Path<(String, String)>,
    query: Result<Query<Leaving>, QueryRejection>,
    _form: Form,
) -> Result<Response, Problem> {
    let here = match query {
        Ok(Query(query)) if query.to == TO_PERSON => format!("/people/at/{}", in_query(&account)),
        _ => page_of(&name),
    };
    match super::leave(&visit.app, &visit.ctx, &person.admin()?, &name, &account).await {
        Ok((group, account)) => {
            let text = format!("{} is no longer in {}.", account.name, group.name);
            Ok(visit.go(&here, NoticeKind::Success, &text))
        }
        Err(problem) if problem.field == Some("account") => {
            Ok(visit.go(&here, NoticeKind::Info, &problem.detail))
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /groups/at/{name}/remove`.
pub async fn remove(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let listed = super::removable(&visit.app, person.admin()?.who(), &name)?;
    let here = page_of(&name);
    let view = RemovePage {
        frame: visit.frame(person.who(), HERE),
        action: format!("{here}/remove"),
        cancel_href: here,
        name,
        members: (listed.members > 0).then(|| people(listed.members)),
    };
    Ok(visit.show(&view))
}

/// `POST /groups/at/{name}/remove`.
pub async fn post_remove(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    super::remove(&visit.app, &visit.ctx, &person.admin()?, &name).await?;
    Ok(visit.go(HERE, NoticeKind::Success, &format!("The group {name} is removed.")))
}
