//! *Signing out* of a service, in a browser, for administrators.

use axum::{extract::Path, response::Response};
use domain::{Secret, SignOutWay};

use super::{
    views::{Section, SetPage, Shown},
    way::{self, Key, New, State},
};
use crate::{
    access::{Admin, Fresh, SignedIn},
    problem::{Code, Problem},
    services::pages::{HERE, page_of},
    web::{
        form::Form,
        views::{Choice, Field, NoticeKind},
        visit::{Visit, about},
    },
};

/// What the form sends for signing nobody out.
const NOBODY: &str = "nobody";

/// What the service's page shows of it.
///
/// # Errors
/// `not-found`.
pub fn section(visit: &Visit, admin: &Admin, name: &str) -> Result<Section, Problem> {
    let way = way::get(&visit.app, admin, name)?.map(|state| Shown {
        sentence: sentence(state.way).into(),
        url: state.url,
        done: state.done_at.map(|at| visit.when(at)),
        failed: state.failed.map(|(at, why)| (visit.when(at), why)),
        waiting: match state.waiting.first {
            0 => None,
            1 => Some("1 request waits. It is tried again by itself, for 7 days.".into()),
            n => Some(format!("{n} requests wait. They are tried again by themselves, for 7 days.")),
        },
    });
    Ok(Section { way, href: format!("{}/sign-out", page_of(name)) })
}

const fn sentence(way: SignOutWay) -> &'static str {
    match way {
        SignOutWay::DovecotUser => {
            "Dovecot ends all sessions of the person; apps whose passwords still work come back by themselves."
        }
        SignOutWay::DovecotAppPassword => "Dovecot ends the sessions of that app-specific password.",
        SignOutWay::Webhook => "A webhook is told, by a signed token.",
    }
}

/// `GET /services/at/{name}/sign-out`.
pub async fn set(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let state = way::get(&visit.app, person.admin()?.who(), &name)?;
    let chosen = state.as_ref().map_or(NOBODY, |state| state.way.code());
    let url = state.as_ref().map(|state| state.url.clone()).unwrap_or_default();
    set_page(&visit, &person, &name, state.as_ref(), chosen, url, None)
}

fn set_page(
    visit: &Visit,
    person: &Fresh<SignedIn>,
    name: &str,
    state: Option<&State>,
    chosen: &str,
    url: String,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let choice = |value: &str, label: &str, hint: &str| Choice {
        value: value.into(),
        label: label.into(),
        hint: hint.into(),
        chosen: value == chosen,
    };
    let mut ways = vec![choice(NOBODY, "Nobody is signed out", "apps find out at their next sign-in")];
    ways.extend(SignOutWay::ALL.into_iter().map(|way| {
        let (label, hint) = match way {
            SignOutWay::DovecotUser => {
                ("Dovecot 2.3", "ends all sessions of the person; other apps come back")
            }
            SignOutWay::DovecotAppPassword => ("Dovecot 2.4", "ends the sessions of that password alone"),
            SignOutWay::Webhook => ("A webhook", "is told by a signed token (RFC 8417, CAEP)"),
        };
        choice(way.code(), label, hint)
    }));
    let view = SetPage {
        frame: visit.frame(person.who(), HERE),
        action: format!("{}/sign-out", page_of(name)),
        cancel_href: page_of(name),
        name: name.into(),
        ways,
        way_error: about(problem, &["way"]),
        url: Field { value: url, error: about(problem, &["url"]) },
        has_key: state.is_some_and(|state| state.has_key),
        key_error: about(problem, &["key"]),
    };
    Ok(visit.show_again(&view, problem))
}

/// `POST /services/at/{name}/sign-out`.
pub async fn post_set(
    mut visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let admin = person.admin()?;
    if form.get("way") == NOBODY {
        way::unset(&visit.app, &visit.ctx, &admin, &name).await?;
        let text = format!("Nobody is signed out of {name} any more.");
        return Ok(visit.go(&page_of(&name), NoticeKind::Success, &text));
    }
    let key = match (form.get("key"), form.get("no_key")) {
        ("", "") => Key::Kept,
        ("", _) => Key::Taken,
        (key, _) => Key::New(Secret::new(key.trim().to_owned())),
    };
    let done = match New::parse(form.get("way"), form.get("url"), key) {
        Ok(new) => way::set(&visit.app, &mut visit.ctx, &admin, &name, new).await,
        Err(problem) => Err(problem),
    };
    match done {
        Ok(_) => {
            let text = format!("People are signed out of {name} from now on.");
            Ok(visit.go(&page_of(&name), NoticeKind::Success, &text))
        }
        Err(problem) if problem.code == Code::Unfit => {
            let state = way::get(&visit.app, admin.who(), &name)?;
            let (chosen, url) = (form.get("way"), form.get("url").to_owned());
            set_page(&visit, &person, &name, state.as_ref(), chosen, url, Some(&problem))
        }
        Err(problem) => Err(problem),
    }
}
