//! A browser's visit: what every page handler needs of the request, and the way from a view to an answer.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use domain::Timestamp;

use super::{
    cookies, form, html, notice,
    views::{Frame, NavItem, Notice, NoticeKind, Outside, When},
};
use crate::{access::SignedIn, app::App, ctx::Ctx, problem::Problem, sign_in};

/// One request of a browser.
pub struct Visit {
    /// The server's parts.
    pub app: Arc<App>,
    /// What the use cases are given.
    pub ctx: Ctx,
    headers: HeaderMap,
    form_token: String,
    /// The cookie that the page's forms are bound to, when the browser hasn't got it yet.
    new_cookie: Option<HeaderValue>,
}

/// The parts of the left column, in their order: label, address, whether it is for administrators.
const NAVIGATION: &[(&str, &str, bool)] = &[
    ("Sign-In and Security", "/security", false),
    ("App-Specific Passwords", "/app-passwords", false),
    ("Apple Service connection", "/connections", false),
    ("Projects", "/projects", false),
    ("Activity", "/activity", false),
    ("People", "/people", true),
    ("Groups", "/groups", true),
    ("Services", "/services", true),
    ("Settings", "/settings", true),
    ("Events", "/events", true),
];

impl Visit {
    /// When it is.
    pub const fn now(&self) -> Timestamp {
        self.ctx.stamp.now
    }

    /// A moment as pages show it.
    pub fn when(&self, at: Timestamp) -> When {
        When { iso: at.to_string(), exact: at.exact(), human: at.human(self.now()) }
    }

    /// The value of a cookie that the browser brings.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        cookies::get(&self.headers, &self.app, name)
    }

    /// The value of a header that the browser sends.
    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What surrounds a page of somebody signed in; `part` is the address of the part that it belongs to.
    pub fn frame(&self, person: &SignedIn, part: &str) -> Frame {
        let nav = |administrators: bool| {
            NAVIGATION
                .iter()
                .filter(|(_, _, admin)| *admin == administrators && (person.account.administrator || !admin))
                .map(|(label, href, _)| NavItem {
                    label: (*label).into(),
                    href: (*href).into(),
                    current: *href == part,
                })
                .collect()
        };
        Frame {
            account_name: person.account.display_name.as_str().into(),
            account_id: person.account.name.to_string(),
            sandbox: false,
            nav: nav(false),
            admin_nav: nav(true),
            notice: self.notice(),
            form_token: self.form_token.clone(),
            sign_out_action: "/sign-out".into(),
        }
    }

    /// What surrounds a page that stands alone.
    pub fn outside(&self) -> Outside {
        Outside { sandbox: false, notice: self.notice(), form_token: self.form_token.clone() }
    }

    fn notice(&self) -> Option<Notice> {
        notice::get(&self.app, &self.headers)
    }

    /// The page as the answer. A notice that it says is said once.
    pub fn show(&self, view: &impl Template) -> Response {
        let mut response = html(view);
        if self.cookie(cookies::NOTICE).is_some() {
            response.headers_mut().append(header::SET_COOKIE, notice::clear(&self.app));
        }
        if let Some(cookie) = &self.new_cookie {
            response.headers_mut().append(header::SET_COOKIE, cookie.clone());
        }
        response
    }

    /// The page again, with what stood in the way of the form in it.
    pub fn show_again(&self, view: &impl Template, problem: Option<&Problem>) -> Response {
        let mut response = self.show(view);
        if let Some(problem) = problem {
            *response.status_mut() = problem.code.status();
            if let Some(seconds) = problem.retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
        }
        response
    }

    /// On to another page after something was done, which that page says.
    pub fn go(&self, to: &str, kind: NoticeKind, text: &str) -> Response {
        self.go_with(to, &Notice { kind, text: text.into(), links: Vec::new() })
    }

    /// The same, with ways to go on from there.
    pub fn go_with(&self, to: &str, said: &Notice) -> Response {
        let mut response = self.go_on(to);
        response.headers_mut().append(header::SET_COOKIE, notice::set(&self.app, said));
        response
    }

    /// On to another page, without a word.
    pub fn go_on(&self, to: &str) -> Response {
        let mut response = Redirect::to(to).into_response();
        if let Some(cookie) = &self.new_cookie {
            response.headers_mut().append(header::SET_COOKIE, cookie.clone());
        }
        response
    }

    /// Gives the person's session a new token, where they have shown again who they are. The answer bears it, and its forms are
    /// bound to it.
    ///
    /// # Errors
    /// `sign-in-needed` when the session has ended meanwhile.
    pub async fn renew_session(&mut self, person: &SignedIn) -> Result<(), Problem> {
        let token = sign_in::renew(&self.app, &mut self.ctx, person.session.id).await?;
        self.form_token = form::token_bound_to(&self.app, token.expose());
        self.new_cookie =
            Some(cookies::set(&self.app, cookies::SESSION, token.expose(), cookies::SESSION_DAYS));
        Ok(())
    }

    /// Sets a cookie with this answer, for `days`; 0 takes it away.
    pub fn put_cookie(&self, response: &mut Response, name: &str, value: &str, days: i64) {
        response.headers_mut().append(header::SET_COOKIE, cookies::set(&self.app, name, value, days));
    }
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let ctx = Ctx::from_request_parts(parts, app).await?;
        let (form_token, new_cookie) = form::token_for(app, &parts.headers);
        Ok(Self { app: Arc::clone(app), ctx, headers: parts.headers.clone(), form_token, new_cookie })
    }
}

/// What the problem says, if it is about one of these fields; "" stands for none of them.
pub fn about(problem: Option<&Problem>, fields: &[&str]) -> Option<String> {
    problem.filter(|p| fields.contains(&p.field.unwrap_or_default())).map(|p| p.detail.clone())
}
