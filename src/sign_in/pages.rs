//! Signing in and out, in a browser.

use std::sync::Arc;

use axum::{
    extract::{FromRequest as _, Query, Request, State, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use domain::Secret;
use serde::Deserialize;
use store::{
    accounts::Account,
    sessions::{Client, Session},
};

use super::{
    At, Done, SignIn, agent, begin,
    code_field::CodeField,
    views::{CodePage, ConfirmPage, Proof, SignInPage},
};
use crate::{
    access::{self, SignedIn},
    accounts::{recovery_code_pages as recovery_codes, two_factor},
    app::App,
    problem::{Code, Problem},
    web::{cookies, form::Form, in_query, local_path, views::NoticeKind, visit::Visit},
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
pub async fn sign_in(visit: Visit, query: NextQuery, person: Result<SignedIn, Problem>) -> Response {
    let next = next(query);
    if person.is_ok() {
        return Redirect::to(&next).into_response();
    }
    sign_in_page(&visit, &next, "", None)
}

fn sign_in_page(visit: &Visit, next: &str, id: &str, problem: Option<&Problem>) -> Response {
    let view = SignInPage {
        page: visit.outside(),
        action: format!("/sign-in?next={}", in_query(next)),
        id: id.into(),
        problem: problem.map(|problem| problem.detail.clone()),
    };
    visit.show_again(&view, problem)
}

/// `POST /sign-in`: the first step.
pub async fn post_sign_in(mut visit: Visit, query: NextQuery, form: Form) -> Response {
    let next = next(query);
    match first_step(&mut visit, form.get("id"), form.get("password")).await {
        Ok(SignIn::Done(done)) => signed_in(&visit, &next, &done),
        Ok(SignIn::CodeWanted(token)) => {
            let mut response =
                Redirect::to(&format!("/sign-in/code?next={}", in_query(&next))).into_response();
            visit.put_cookie(&mut response, cookies::SESSION, token.expose(), 1);
            response
        }
        Err(problem) => sign_in_page(&visit, &next, form.get("id"), Some(&problem)),
    }
}

async fn first_step(visit: &mut Visit, id: &str, password: &str) -> Result<SignIn, Problem> {
    let browser_token = visit.cookie(cookies::BROWSER).map(str::to_owned);
    let at = At {
        client: Client::Browser,
        agent: agent::of_browser(visit.header(header::USER_AGENT)),
        browser_token: browser_token.as_deref(),
    };
    begin(&visit.app, &mut visit.ctx, id, password, at).await
}

fn signed_in(visit: &Visit, next: &str, done: &Done) -> Response {
    let mut response = match done.recovery_codes_left {
        Some(left) => visit.go_with(next, &recovery_codes::used(left)),
        None => Redirect::to(next).into_response(),
    };
    visit.put_cookie(&mut response, cookies::SESSION, done.token.expose(), cookies::SESSION_DAYS);
    if let Some((token, days)) = &done.browser_token {
        visit.put_cookie(&mut response, cookies::BROWSER, token.expose(), *days);
    }
    response
}

/// Signs in somebody who has just set up their account, with the password that they chose: the session's token.
///
/// # Errors
/// As a sign-in.
pub async fn sign_in_at_once(visit: &mut Visit, id: &str, password: &str) -> Result<Secret<String>, Problem> {
    match first_step(visit, id, password).await? {
        SignIn::Done(done) => Ok(done.token),
        // Nobody has had the time to turn a second factor on.
        SignIn::CodeWanted(_) => Err(Problem::unavailable()),
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
pub async fn code(visit: Visit, query: NextQuery, field: CodeField, request: Request) -> Response {
    let next = next(query);
    match waiting(&visit.app, request).await {
        Ok((_, account, _)) => code_page(&visit, &next, field, &account, false, None),
        // Reloaded after it was done, or too late: either way `/sign-in` knows where to go.
        Err(_) => Redirect::to(&format!("/sign-in?next={}", in_query(&next))).into_response(),
    }
}

fn code_page(
    visit: &Visit,
    next: &str,
    field: CodeField,
    account: &Account,
    trust: bool,
    problem: Option<&Problem>,
) -> Response {
    let here = format!("/sign-in/code?next={}", in_query(next));
    let view = CodePage {
        page: visit.outside(),
        action: field.at(&here),
        account_id: account.name.to_string(),
        field,
        trust,
        trusted_days: super::TRUSTED_DAYS,
        problem: problem.map(|problem| problem.detail.clone()),
        other_href: field.other_at(&here),
        start_again_href: "/sign-in".into(),
    };
    visit.show_again(&view, problem)
}

/// `POST /sign-in/code`: the second step.
pub async fn post_code(
    State(app): State<Arc<App>>,
    mut visit: Visit,
    query: NextQuery,
    field: CodeField,
    request: Request,
) -> Result<Response, Problem> {
    let next = next(query);
    let (session, account, request) = waiting(&app, request).await?;
    let form: Form = Form::from_request(request, &app).await?;
    let trust = form.ticked("trust");
    match super::code(&app, &mut visit.ctx, session, account.clone(), form.get("code"), trust).await {
        Ok(done) => Ok(signed_in(&visit, &next, &done)),
        Err(problem) if matches!(problem.code, Code::WrongCredentials | Code::TooManyAttempts) => {
            Ok(code_page(&visit, &next, field, &account, trust, Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /sign-in/confirm`.
pub async fn confirm(
    visit: Visit,
    query: NextQuery,
    field: CodeField,
    person: SignedIn,
) -> Result<Response, Problem> {
    let next = next(query);
    confirm_page(&visit, &next, field, &person, None)
}

fn confirm_page(
    visit: &Visit,
    next: &str,
    field: CodeField,
    person: &SignedIn,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let two_factor = visit.app.store.read(|conn| two_factor::is_on(conn, person.account.id))?;
    let here = format!("/sign-in/confirm?next={}", in_query(next));
    let view = ConfirmPage {
        page: visit.outside(),
        action: field.at(&here),
        account_id: person.account.name.to_string(),
        purpose: purpose(next).into(),
        proof: if two_factor { Proof::Code(field) } else { Proof::Password },
        problem: problem.map(|problem| problem.detail.clone()),
        other_href: field.other_at(&here),
        cancel_href: "/security".into(),
    };
    Ok(visit.show_again(&view, problem))
}

/// What the person was about to do.
fn purpose(next: &str) -> &'static str {
    match next.split('?').next().unwrap_or_default() {
        "/app-passwords/generate" => "generate an app-specific password",
        "/security/password" => "change your password",
        "/security/two-factor" => "turn two-factor authentication on",
        "/security/two-factor/off" => "turn two-factor authentication off",
        "/security/two-factor/move" => "set up a new phone",
        "/tokens/make" => "make an API token",
        "/security/recovery-codes" => "make new recovery codes",
        path if path.starts_with("/services") => "change services",
        path if path.starts_with("/people") => "change people’s accounts",
        _ => "go on",
    }
}

/// `POST /sign-in/confirm`.
pub async fn post_confirm(
    mut visit: Visit,
    query: NextQuery,
    field: CodeField,
    person: SignedIn,
    form: Form,
) -> Result<Response, Problem> {
    let next = next(query);
    let proof = Secret::new([form.get("code"), form.get("password")].concat());
    match super::confirm(&visit.app, &visit.ctx, &person, proof.expose()).await {
        Ok(left) => {
            visit.renew_session(&person).await?;
            Ok(match left {
                Some(left) => visit.go_with(&next, &recovery_codes::used(left)),
                None => visit.go_on(&next),
            })
        }
        Err(problem) if problem.code == Code::Unavailable => Err(problem),
        Err(problem) => confirm_page(&visit, &next, field, &person, Some(&problem)),
    }
}

/// `POST /sign-out`.
pub async fn sign_out(visit: Visit, person: SignedIn, _form: Form) -> Result<Response, Problem> {
    super::sign_out(&visit.app, &visit.ctx, &person).await?;
    let mut response = visit.go("/sign-in", NoticeKind::Success, "You are signed out.");
    visit.put_cookie(&mut response, cookies::SESSION, "", 0);
    Ok(response)
}
