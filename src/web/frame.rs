//! What surrounds a page: made here for every page of somebody signed in, and for those that stand alone.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};
use domain::Timestamp;

use super::{
    form, html, notice,
    views::{Frame, NavItem, NoticeKind, Outside, When},
};
use crate::{access::SignedIn, app::App};

/// The parts of the left column, in their order: label, address, whether it is for administrators.
const NAVIGATION: [(&str, &str, bool); 4] = [
    ("Sign-In and Security", "/security", false),
    ("App-Specific Passwords", "/app-passwords", false),
    ("Activity", "/activity", false),
    ("Services", "/services", true),
];

/// A page of somebody signed in; `current` is the address of its part.
pub fn frame(app: &App, headers: &HeaderMap, person: &SignedIn, current: &str) -> Frame {
    let nav = |administrators: bool| {
        NAVIGATION
            .iter()
            .filter(|(_, _, admin)| *admin == administrators && (person.account.administrator || !admin))
            .map(|(label, href, _)| NavItem {
                label: (*label).into(),
                href: (*href).into(),
                current: *href == current,
            })
            .collect()
    };
    Frame {
        account_name: person.account.display_name.as_str().into(),
        account_id: person.account.name.to_string(),
        sandbox: false,
        nav: nav(false),
        admin_nav: nav(true),
        notice: notice::get(app, headers),
        form_token: form::token_for(app, headers).0,
        sign_out_action: "/sign-out".into(),
    }
}

/// A page that stands alone, and the cookie that its forms need, if the browser has none.
pub fn outside(app: &App, headers: &HeaderMap) -> (Outside, Option<HeaderValue>) {
    let (form_token, cookie) = form::token_for(app, headers);
    (Outside { sandbox: false, notice: notice::get(app, headers), form_token }, cookie)
}

/// A page as the answer. A notice that it says is said once.
pub fn show(app: &App, said: bool, view: &impl askama::Template) -> Response {
    let mut response = html(view);
    if said {
        response.headers_mut().append(header::SET_COOKIE, notice::clear(app));
    }
    response
}

/// Shows a page that stands alone.
pub fn show_outside(
    app: &App,
    said: bool,
    cookie: Option<HeaderValue>,
    view: &impl askama::Template,
) -> Response {
    let mut response = show(app, said, view);
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// On to another page after something was done, which that page says.
pub fn go(app: &App, to: &str, kind: NoticeKind, text: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    response.headers_mut().append(header::SET_COOKIE, notice::set(app, kind, text));
    response
}

/// A moment as pages show it.
pub fn when(at: Timestamp, now: Timestamp) -> When {
    When { iso: at.to_string(), exact: at.exact(), human: at.human(now) }
}
