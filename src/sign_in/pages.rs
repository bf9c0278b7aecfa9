//! Signing in and out, in a browser.

use std::sync::Arc;

use axum::{
    extract::{Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use store::{
    accounts::Account,
    sessions::{Client, Session},
};

use super::{
    At, Done, SignIn, begin,
    views::{CodePage, ConfirmPage, Proof, SignInPage},
};
use crate::{
    access::{self, SignedIn},
    accounts::two_factor,
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
    web::{
        cookies,
        form::Form,
        frame::{go, outside, show_outside},
        in_query, local_path,
        views::NoticeKind,
    },
};

/// Where to go on afterwards.
#[derive(Default, Deserialize)]
pub struct Next {
    next: Option<String>,
}

type NextQuery = Result<Query<Next>, QueryRejection>;

fn next(query: NextQuery) -> String {
    let asked = query.ok().and_then(|Query(query)| query.next);
    local_path(asked.as_deref()).to_owned()
}

/// `GET /sign-in`.
pub async fn sign_in(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    query: NextQuery,
    person: Result<SignedIn, Problem>,
) -> Response {
    let next = next(query);
    if person.is_ok() {
        return Redirect::to(&next).into_response();
    }
    sign_in_page(&app, &headers, &next, "", false, None)
}

fn sign_in_page(
    app: &App,
    headers: &HeaderMap,
    next: &str,
    id: &str,
    own_browser: bool,
    problem: Option<Problem>,
) -> Response {
    let (page, cookie) = outside(app, headers);
    let said = page.notice.is_some();
    let view = SignInPage {
        page,
        action: format!("/sign-in?next={}", in_query(next)),
        id: id.into(),
        own_browser,
        problem: problem.as_ref().map(|problem| problem.detail.clone()),
    };
    status_of(problem.as_ref(), show_outside(app, said, cookie, &view))
}

fn status_of(problem: Option<&Problem>, mut response: Response) -> Response {
    if let Some(problem) = problem {
        *response.status_mut() = problem.code.status();
        if let Some(seconds) = problem.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
    }
    response
}

/// `POST /sign-in`: the first step.
pub async fn post_sign_in(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    headers: HeaderMap,
    query: NextQuery,
    form: Form,
) -> Response {
    let (next, own_browser) = (next(query), form.ticked("own_browser"));
    let at = At {
        client: Client::Browser,
        agent: agent(&headers),
        browser_token: cookies::get(&headers, &app, cookies::BROWSER),
        own_browser,
    };
    match begin(&app, &mut ctx, form.get("id"), form.get("password"), at).await {
        Ok(SignIn::Done(done)) => signed_in(&app, &next, &done),
        Ok(SignIn::CodeWanted(token)) => {
            let mut response =
                Redirect::to(&format!("/sign-in/code?next={}", in_query(&next))).into_response();
            put(&mut response, cookies::set(&app, cookies::SESSION, token.expose(), 1));
            response
        }
        Err(problem) => sign_in_page(&app, &headers, &next, form.get("id"), own_browser, Some(problem)),
    }
}

fn signed_in(app: &App, next: &str, done: &Done) -> Response {
    let mut response = Redirect::to(next).into_response();
    put(&mut response, cookies::set(app, cookies::SESSION, done.token.expose(), 30));
    if let Some(token) = &done.browser_token {
        put(&mut response, cookies::set(app, cookies::BROWSER, token.expose(), super::OWN_BROWSER_DAYS));
    }
    response
}

/// Signs in somebody who has just set up their account, with the password that they chose: the session's cookie.
///
/// # Errors
/// As a sign-in.
pub async fn sign_in_at_once(
    app: &App,
    ctx: &mut Ctx,
    headers: &HeaderMap,
    id: &str,
    password: &str,
) -> Result<HeaderValue, Problem> {
    let at = At { client: Client::Browser, agent: agent(headers), browser_token: None, own_browser: false };
    match begin(app, ctx, id, password, at).await? {
        SignIn::Done(done) => Ok(cookies::set(app, cookies::SESSION, done.token.expose(), 30)),
        SignIn::CodeWanted(_) => Err(Problem::unavailable()),
    }
}

fn put(response: &mut Response, cookie: HeaderValue) {
    response.headers_mut().append(header::SET_COOKIE, cookie);
}

/// What the browser says that it is, in the words of people: "Firefox on Linux".
fn agent(headers: &HeaderMap) -> String {
    let said = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| said.contains(mark)).map_or("", |(_, name)| name)
    };
    let browser = first(&[
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS X", "a Mac"),
        ("Windows", "Windows"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        ("", "") => "a browser".into(),
        (browser, "") => browser.into(),
        ("", system) => format!("a browser on {system}"),
        (browser, system) => format!("{browser} on {system}"),
    }
}

/// A sign-in that waits for its code.
async fn waiting(app: &App, request: Request) -> Result<(Session, Account, Request), Problem> {
    let (parts, body) = request.into_parts();
    let (session, account) = access::session(&parts, app, app.clock.now()).await?;
    if !session.code_wanted {
        return Err(Problem::new(Code::SignInNeeded, "This sign-in has ended. Sign in again."));
    }
    Ok((session, account, Request::from_parts(parts, body)))
}

/// `GET /sign-in/code`.
pub async fn code(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    query: NextQuery,
    request: Request,
) -> Result<Response, Problem> {
    let next = next(query);
    match waiting(&app, request).await {
        Ok((_, account, _)) => Ok(code_page(&app, &headers, &next, &account, None)),
        // Reloaded after it was done, or too late: either way `/sign-in` knows where to go.
        Err(_) => Ok(Redirect::to(&format!("/sign-in?next={}", in_query(&next))).into_response()),
    }
}

fn code_page(
    app: &App,
    headers: &HeaderMap,
    next: &str,
    account: &Account,
    problem: Option<Problem>,
) -> Response {
    let (page, cookie) = outside(app, headers);
    let said = page.notice.is_some();
    let view = CodePage {
        page,
        action: format!("/sign-in/code?next={}", in_query(next)),
        account_id: account.name.to_string(),
        problem: problem.as_ref().map(|problem| problem.detail.clone()),
        start_again_href: "/sign-in".into(),
    };
    status_of(problem.as_ref(), show_outside(app, said, cookie, &view))
}

/// `POST /sign-in/code`: the second step.
pub async fn post_code(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    headers: HeaderMap,
    query: NextQuery,
    request: Request,
) -> Result<Response, Problem> {
    use axum::extract::FromRequest as _;
    let next = next(query);
    let (session, account, request) = waiting(&app, request).await?;
    let form = Form::from_request(request, &app).await?;
    match super::code(&app, &mut ctx, session, account.clone(), form.get("code")).await {
        Ok(done) => Ok(signed_in(&app, &next, &done)),
        Err(problem) if matches!(problem.code, Code::WrongCredentials | Code::TooManyAttempts) => {
            Ok(code_page(&app, &headers, &next, &account, Some(problem)))
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /sign-in/confirm`.
pub async fn confirm(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    query: NextQuery,
    person: SignedIn,
) -> Result<Response, Problem> {
    confirm_page(&app, &headers, &next(query), &person, None)
}

fn confirm_page(
    app: &App,
    headers: &HeaderMap,
    next: &str,
    person: &SignedIn,
    problem: Option<Problem>,
) -> Result<Response, Problem> {
    let two_factor = app.store.read(|conn| two_factor::is_on(conn, person.account.id))?;
    let (page, cookie) = outside(app, headers);
    let said = page.notice.is_some();
    let view = ConfirmPage {
        page,
        action: format!("/sign-in/confirm?next={}", in_query(next)),
        account_id: person.account.name.to_string(),
        purpose: purpose(next).into(),
        proof: if two_factor { Proof::Code } else { Proof::Password },
        problem: problem.as_ref().map(|problem| problem.detail.clone()),
        cancel_href: "/security".into(),
    };
    Ok(status_of(problem.as_ref(), show_outside(app, said, cookie, &view)))
}

/// What the person was about to do.
fn purpose(next: &str) -> &'static str {
    match next.split('?').next().unwrap_or_default() {
        "/app-passwords/generate" => "generate an app-specific password",
        "/security/password" => "change your password",
        "/security/two-factor" => "turn two-factor authentication on",
        "/security/two-factor/off" => "turn two-factor authentication off",
        path if path.starts_with("/services") => "change services",
        _ => "go on",
    }
}

/// `POST /sign-in/confirm`.
pub async fn post_confirm(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    query: NextQuery,
    person: SignedIn,
    form: Form,
) -> Result<Response, Problem> {
    let next = next(query);
    let proof = [form.get("code"), form.get("password")].concat();
    match super::confirm(&app, &ctx, &person, &proof).await {
        Ok(()) => Ok(Redirect::to(&next).into_response()),
        Err(problem) if problem.code == Code::Unavailable => Err(problem),
        Err(problem) => confirm_page(&app, &headers, &next, &person, Some(problem)),
    }
}

/// `POST /sign-out`.
pub async fn sign_out(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    _form: Form,
) -> Result<Response, Problem> {
    super::sign_out(&app, &ctx, &person).await?;
    let mut response = go(&app, "/sign-in", NoticeKind::Success, "You are signed out.");
    put(&mut response, cookies::set(&app, cookies::SESSION, "", 0));
    Ok(response)
}

/// `POST /security/sign-out-others`.
pub async fn sign_out_others(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    _form: Form,
) -> Result<Response, Problem> {
    let text = match super::sign_out_others(&app, &ctx, &person).await? {
        0 => "No other browser or command line was signed in.".into(),
        1 => "1 other browser or command line is signed out.".into(),
        n => format!("{n} other browsers and command lines are signed out."),
    };
    Ok(go(&app, "/security", NoticeKind::Success, &text))
}
