//! *Services*, in a browser, for administrators.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};

use super::{
    Listed, New, configuration, http_door,
    views::{AddPage, KEY_PLACE, KeyOf, KeyPage, ListPage, NewKeyPage, RemovePage, ServicePage, ServiceRow},
};
use crate::{
    access::{Fresh, SignedIn},
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
    web::{
        form::Form,
        frame::{frame, go, show, when},
        views::{Choice, Field, NoticeKind},
    },
};

const HERE: &str = "/services";

/// `GET /services`.
pub async fn list(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    person: SignedIn,
) -> Result<Response, Problem> {
    let rows = super::list(&app, &person.admin()?)?.into_iter().map(|listed| ServiceRow {
        name: listed.service.name.to_string(),
        kinds: listed.service.kinds.to_string(),
        href: page_of(listed.service.name.as_str()),
        last_used: listed.last_used.map(|at| when(at, ctx.stamp.now)),
    });
    let view = ListPage {
        rows: rows.collect(),
        frame: frame(&app, &headers, &person, HERE),
        add_href: "/services/add".into(),
    };
    Ok(show(&app, view.frame.notice.is_some(), &view))
}

fn page_of(name: &str) -> String {
    format!("/services/at/{name}")
}

/// `GET /services/add`.
pub async fn add(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    person: Fresh<SignedIn>,
) -> Result<Response, Problem> {
    person.admin()?;
    Ok(add_page(&app, &headers, person.who(), "", &[], None))
}

fn add_page(
    app: &App,
    headers: &HeaderMap,
    person: &SignedIn,
    name: &str,
    kinds: &[&str],
    problem: Option<&Problem>,
) -> Response {
    let about = |field| problem.filter(|p| p.field == Some(field)).map(|p| p.detail.clone());
    let view = AddPage {
        frame: frame(app, headers, person, HERE),
        action: "/services/add".into(),
        cancel_href: HERE.into(),
        name: Field { value: name.into(), error: about("name") },
        kinds: Choice::kinds(kinds),
        kinds_error: about("kinds"),
    };
    let mut response = show(app, view.frame.notice.is_some(), &view);
    if let Some(problem) = problem {
        *response.status_mut() = problem.code.status();
    }
    response
}

/// `POST /services/add`: the answer shows the key, this once.
pub async fn post_add(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    headers: HeaderMap,
    person: Fresh<SignedIn>,
    form: Form,
) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let added = match New::parse(form.get("name"), form.all("kind")) {
        Ok(new) => super::add(&app, &mut ctx, &admin, new).await,
        Err(problem) => Err(problem),
    };
    match added {
        Ok((service, key)) => {
            Ok(key_page(&app, &headers, person.who(), service.name.as_str(), key.expose(), KeyOf::NewService))
        }
        Err(problem) if matches!(problem.code, Code::Unfit | Code::Conflict) => {
            let kinds: Vec<_> = form.all("kind").collect();
            Ok(add_page(&app, &headers, person.who(), form.get("name"), &kinds, Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}

fn key_page(
    app: &App,
    headers: &HeaderMap,
    person: &SignedIn,
    name: &str,
    key: &str,
    key_of: KeyOf,
) -> Response {
    let view = KeyPage {
        frame: frame(app, headers, person, HERE),
        name: name.into(),
        key: key.into(),
        key_of,
        configurations: configuration::all(app.config.http.public_url.as_str(), name, key),
        service_href: page_of(name),
    };
    show(app, view.frame.notice.is_some(), &view)
}

/// `GET /services/at/{name}`.
pub async fn service(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    person: SignedIn,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let Listed { service, last_used } = super::get(&app, &person.admin()?, &name)?;
    let here = page_of(&name);
    let view = ServicePage {
        frame: frame(&app, &headers, &person, HERE),
        kinds: service.kinds.to_string(),
        who: "everyone".into(),
        last_used: last_used.map(|at| when(at, ctx.stamp.now)),
        door_url: http_door(&app, &service.name),
        key_made: when(service.key_made_at, ctx.stamp.now),
        configurations: configuration::all(
            app.config.http.public_url.as_str(),
            service.name.as_str(),
            KEY_PLACE,
        ),
        list_href: HERE.into(),
        new_key_href: format!("{here}/new-key"),
        remove_href: format!("{here}/remove"),
        name,
    };
    Ok(show(&app, view.frame.notice.is_some(), &view))
}

/// `GET /services/at/{name}/new-key`.
pub async fn new_key(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    super::get(&app, person.admin()?.who(), &name)?;
    let view = NewKeyPage {
        frame: frame(&app, &headers, person.who(), HERE),
        action: format!("{}/new-key", page_of(&name)),
        cancel_href: page_of(&name),
        name,
    };
    Ok(show(&app, view.frame.notice.is_some(), &view))
}

/// `POST /services/at/{name}/new-key`: the answer shows the key, this once.
pub async fn post_new_key(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    headers: HeaderMap,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let (service, key) = super::new_key(&app, &mut ctx, &person.admin()?, &name).await?;
    Ok(key_page(&app, &headers, person.who(), service.name.as_str(), key.expose(), KeyOf::Replaced))
}

/// `GET /services/at/{name}/remove`.
pub async fn remove(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    super::get(&app, person.admin()?.who(), &name)?;
    let view = RemovePage {
        frame: frame(&app, &headers, person.who(), HERE),
        action: format!("{}/remove", page_of(&name)),
        cancel_href: page_of(&name),
        name,
    };
    Ok(show(&app, view.frame.notice.is_some(), &view))
}

/// `POST /services/at/{name}/remove`.
pub async fn post_remove(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    super::remove(&app, &ctx, &person.admin()?, &name).await?;
    Ok(go(
        &app,
        HERE,
        NoticeKind::Success,
        &format!("The service {name} is removed, and its door is closed."),
    ))
}
