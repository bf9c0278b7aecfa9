//! *CIs*, in a browser, for administrators: whose identity tokens are taken here.

use axum::{extract::Path, response::Response};
use domain::Ci;

use super::{
    identity, issuers, presets,
    views::{AddIssuerPage, IssuerRow, IssuersPage, RemoveIssuerPage},
};
use crate::{
    access::{Fresh, SignedIn},
    problem::{Code, Problem},
    web::{
        form::Form,
        views::{Choice, Field, NoticeKind},
        visit::{Visit, about},
    },
};

const HERE: &str = "/issuers";
const ADD: &str = "/issuers/add";
/// The part of the left column that it belongs to.
const PART: &str = "/settings";

/// `GET /issuers`.
pub async fn list(visit: Visit, person: SignedIn) -> Result<Response, Problem> {
    person.admin()?;
    let rows = issuers::list(&visit.app)?.into_iter().map(|issuer| IssuerRow {
        audience: identity::audience(&visit.app, &issuer).to_owned(),
        added: visit.when(issuer.created_at),
        remove_href: format!("{HERE}/{}/remove", issuer.id),
        name: issuer.name,
        url: issuer.url,
    });
    Ok(visit.show(&IssuersPage {
        rows: rows.collect(),
        frame: visit.frame(&person, PART),
        add_href: ADD.into(),
        up_href: PART.into(),
    }))
}

/// `GET /issuers/add`.
pub async fn add(visit: Visit, person: Fresh<SignedIn>) -> Result<Response, Problem> {
    person.admin()?;
    let typed = issuers::New { preset: Ci::GitHub.code().into(), ..issuers::New::default() };
    Ok(add_page(&visit, person.who(), &typed, None))
}

fn add_page(visit: &Visit, person: &SignedIn, typed: &issuers::New, problem: Option<&Problem>) -> Response {
    let field = |value: &str, name: &str| Field { value: value.into(), error: about(problem, &[name]) };
    let view = AddIssuerPage {
        frame: visit.frame(person, PART),
        action: ADD.into(),
        cancel_href: HERE.into(),
        presets: Ci::ALL
            .map(|ci| Choice {
                value: ci.code().into(),
                label: presets::called(ci).into(),
                hint: presets::issuer_url(ci).into(),
                chosen: ci.code() == typed.preset,
            })
            .into(),
        name: field(&typed.name, "name"),
        url: field(&typed.url, "url"),
        audience: field(&typed.audience, "audience"),
        own_url: visit.app.config.http.public_url.as_str().into(),
        claim: field(&typed.claim, "claim"),
        allow_private: typed.allow_private,
        problem: about(problem, &["", "preset"]),
    };
    visit.show_again(&view, problem)
}

/// `POST /issuers/add`.
pub async fn post_add(mut visit: Visit, person: Fresh<SignedIn>, form: Form) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let typed = || issuers::New {
        preset: form.get("preset").into(),
        name: form.get("name").into(),
        url: form.get("url").into(),
        audience: form.get("audience").into(),
        claim: form.get("claim").into(),
        allow_private: form.ticked("allow_private"),
    };
    match issuers::add(&visit.app, &mut visit.ctx, &admin, typed()).await {
        Ok(issuer) => {
            let reached = issuers::reach(&issuer).await;
            let (kind, text) = match reached {
                Ok(()) => (
                    NoticeKind::Success,
                    format!(
                        "{} is added, and its keys can be had. Projects can name it in their rules.",
                        issuer.name
                    ),
                ),
                Err(why) => (
                    NoticeKind::Warning,
                    format!(
                        "{} is added, but its keys can't be had at the moment: {why}. Its builds are let in once they can.",
                        issuer.name
                    ),
                ),
            };
            Ok(visit.go(HERE, kind, &text))
        }
        Err(problem) if matches!(problem.code, Code::Unfit | Code::Conflict) => {
            Ok(add_page(&visit, person.who(), &typed(), Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /issuers/{id}/remove`.
pub async fn remove(visit: Visit, person: SignedIn, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let (issuer, rules) = issuers::named_by(&visit.app, &person.admin()?, id)?;
    Ok(visit.show(&RemoveIssuerPage {
        frame: visit.frame(&person, PART),
        name: issuer.name,
        rules,
        action: format!("{HERE}/{id}/remove"),
        cancel_href: HERE.into(),
    }))
}

/// `POST /issuers/{id}/remove`.
pub async fn post_remove(
    visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let issuer = issuers::remove(&visit.app, &visit.ctx, &person.admin()?, id).await?;
    let text = format!("{} is removed. Its tokens open nothing here any more.", issuer.name);
    Ok(visit.go(HERE, NoticeKind::Success, &text))
}
