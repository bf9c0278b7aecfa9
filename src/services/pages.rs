//! *Services*, in a browser, for administrators.

use axum::{extract::Path, response::Response};

use super::{
    Listed, New, base, configuration, http_door,
    views::{AddPage, KEY_PLACE, KeyOf, KeyPage, ListPage, NewKeyPage, RemovePage, ServicePage, ServiceRow},
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

const HERE: &str = "/services";

/// `GET /services`.
pub async fn list(visit: Visit, person: SignedIn) -> Result<Response, Problem> {
    let rows = super::list(&visit.app, &person.admin()?)?.into_iter().map(|listed| ServiceRow {
        name: listed.service.name.to_string(),
        kinds: listed.service.kinds.to_string(),
        href: page_of(listed.service.name.as_str()),
        last_used: listed.last_used.map(|at| visit.when(at)),
    });
    let view = ListPage {
        rows: rows.collect(),
        frame: visit.frame(&person, HERE),
        add_href: "/services/add".into(),
    };
    Ok(visit.show(&view))
}

fn page_of(name: &str) -> String {
    format!("/services/at/{name}")
}

/// `GET /services/add`.
pub async fn add(visit: Visit, person: Fresh<SignedIn>) -> Result<Response, Problem> {
    person.admin()?;
    Ok(add_page(&visit, person.who(), "", &[], None))
}

fn add_page(
    visit: &Visit,
    person: &SignedIn,
    name: &str,
    kinds: &[&str],
    problem: Option<&Problem>,
) -> Response {
    let view = AddPage {
        frame: visit.frame(person, HERE),
        action: "/services/add".into(),
        cancel_href: HERE.into(),
        name: Field { value: name.into(), error: about(problem, &["name"]) },
        kinds: Choice::kinds(kinds),
        kinds_error: about(problem, &["kinds"]),
    };
    visit.show_again(&view, problem)
}

/// `POST /services/add`: the answer shows the key, this once.
pub async fn post_add(mut visit: Visit, person: Fresh<SignedIn>, form: Form) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let added = match New::parse(form.get("name"), form.all("kind")) {
        Ok(new) => super::add(&visit.app, &mut visit.ctx, &admin, new).await,
        Err(problem) => Err(problem),
    };
    match added {
        Ok((service, key)) => {
            Ok(key_page(&visit, person.who(), service.name.as_str(), key.expose(), KeyOf::NewService))
        }
        Err(problem) if matches!(problem.code, Code::Unfit | Code::Conflict) => {
            let kinds: Vec<_> = form.all("kind").collect();
            Ok(add_page(&visit, person.who(), form.get("name"), &kinds, Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}

fn key_page(visit: &Visit, person: &SignedIn, name: &str, key: &str, key_of: KeyOf) -> Response {
    let view = KeyPage {
        frame: visit.frame(person, HERE),
        name: name.into(),
        key: key.into(),
        key_of,
        configurations: configuration::all(&base(&visit.app), name, key),
        service_href: page_of(name),
    };
    visit.show(&view)
}

/// `GET /services/at/{name}`.
pub async fn service(visit: Visit, person: SignedIn, Path(name): Path<String>) -> Result<Response, Problem> {
    let Listed { service, last_used } = super::get(&visit.app, &person.admin()?, &name)?;
    let here = page_of(&name);
    let view = ServicePage {
        frame: visit.frame(&person, HERE),
        kinds: service.kinds.to_string(),
        who: "everyone".into(),
        last_used: last_used.map(|at| visit.when(at)),
        wrong_key: visit
            .app
            .usage
            .last_wrong_key(&service.name)
            .map(|wrong| (visit.when(wrong.at), wrong.source)),
        door_url: http_door(&visit.app, &service.name),
        key_made: visit.when(service.key_made_at),
        configurations: configuration::all(&base(&visit.app), service.name.as_str(), KEY_PLACE),
        list_href: HERE.into(),
        new_key_href: format!("{here}/new-key"),
        remove_href: format!("{here}/remove"),
        name,
    };
    Ok(visit.show(&view))
}

/// `GET /services/at/{name}/new-key`.
pub async fn new_key(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    super::get(&visit.app, person.admin()?.who(), &name)?;
    let view = NewKeyPage {
        frame: visit.frame(person.who(), HERE),
        action: format!("{}/new-key", page_of(&name)),
        cancel_href: page_of(&name),
        name,
    };
    Ok(visit.show(&view))
}

/// `POST /services/at/{name}/new-key`: the answer shows the key, this once.
pub async fn post_new_key(
    mut visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let (service, key) = super::new_key(&visit.app, &mut visit.ctx, &person.admin()?, &name).await?;
    Ok(key_page(&visit, person.who(), service.name.as_str(), key.expose(), KeyOf::Replaced))
}

/// `GET /services/at/{name}/remove`.
pub async fn remove(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    super::get(&visit.app, person.admin()?.who(), &name)?;
    let view = RemovePage {
        frame: visit.frame(person.who(), HERE),
        action: format!("{}/remove", page_of(&name)),
        cancel_href: page_of(&name),
        name,
    };
    Ok(visit.show(&view))
}

/// `POST /services/at/{name}/remove`.
pub async fn post_remove(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    super::remove(&visit.app, &visit.ctx, &person.admin()?, &name).await?;
    let text = format!("The service {name} is removed, and its door is closed.");
    Ok(visit.go(HERE, NoticeKind::Success, &text))
}
