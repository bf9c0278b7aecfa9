//! *Sign-In and Security*, in a browser: the password, two-factor authentication, and the pages behind one-time links.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Redirect, Response},
};
use domain::ACTIVE_APP_PASSWORDS_MAX;
use qrcode::{Color, QrCode};

use super::{
    password::{MIN_ALONE, MIN_WITH_SECOND_FACTOR},
    two_factor::{self, Shown},
    views::{ChangePasswordPage, LongerPassword, SecurityPage, TwoFactor, TwoFactorOffPage, TwoFactorOnPage},
};
use crate::{
    access::{Fresh, SignedIn},
    accounts::link_views::{FirstAccountPage, LinkFor, LinkSpentPage, ResetPage},
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
    web::{
        cookies,
        form::Form,
        frame::{frame, go, outside, show, show_outside, when},
        views::{Field, NoticeKind, Qr},
    },
};

const HERE: &str = "/security";

/// `GET /`.
pub async fn home() -> Redirect {
    Redirect::to(HERE)
}

/// `GET /security`.
pub async fn security(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    person: SignedIn,
) -> Result<Response, Problem> {
    let (now, account) = (ctx.stamp.now, &person.account);
    let (factor, in_use, browsers) = app.store.read(|conn| {
        Ok::<_, Problem>((
            store::totp::of_account(conn, account.id)?,
            store::app_passwords::count_live(conn, account.id, now)?,
            store::sessions::count(conn, account.id)?,
        ))
    })?;
    let on = factor.and_then(|factor| factor.confirmed_at);
    let view = SecurityPage {
        frame: frame(&app, &headers, &person, HERE),
        password_changed: when(account.password_changed_at, now),
        change_password_href: "/security/password".into(),
        two_factor: on.map_or(TwoFactor::Off, |since| TwoFactor::On { since: when(since, now) }),
        turn_on_href: "/security/two-factor".into(),
        turn_off_href: "/security/two-factor/off".into(),
        in_use,
        limit: ACTIVE_APP_PASSWORDS_MAX,
        app_passwords_href: "/app-passwords".into(),
        generate_href: (on.is_some() && in_use < ACTIVE_APP_PASSWORDS_MAX)
            .then(|| "/app-passwords/generate".into()),
        browsers: usize::try_from(browsers).unwrap_or(usize::MAX),
        sign_out_others_action: "/security/sign-out-others".into(),
    };
    Ok(show(&app, view.frame.notice.is_some(), &view))
}

/// `GET /security/password`.
pub async fn password(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    person: Fresh<SignedIn>,
) -> Result<Response, Problem> {
    password_page(&app, &ctx, &headers, person.who(), None)
}

fn password_page(
    app: &App,
    ctx: &Ctx,
    headers: &HeaderMap,
    person: &SignedIn,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let account = person.account.id;
    let (two_factor, revokes) = app.store.read(|conn| {
        let revokes = store::app_passwords::count_live(conn, account, ctx.stamp.now)?;
        Ok::<_, Problem>((two_factor::is_on(conn, account)?, revokes))
    })?;
    let view = ChangePasswordPage {
        frame: frame(app, headers, person, HERE),
        action: "/security/password".into(),
        cancel_href: HERE.into(),
        current_error: said(problem, &["current_password", ""]),
        password_error: said(problem, &["new_password"]),
        min_length: if two_factor { MIN_WITH_SECOND_FACTOR } else { MIN_ALONE },
        revokes,
    };
    Ok(with_status(problem, show(app, view.frame.notice.is_some(), &view)))
}

/// What the problem says, if it is about one of these fields; "" stands for none.
fn said(problem: Option<&Problem>, fields: &[&str]) -> Option<String> {
    problem.filter(|p| fields.contains(&p.field.unwrap_or_default())).map(|p| p.detail.clone())
}

fn with_status(problem: Option<&Problem>, mut response: Response) -> Response {
    if let Some(problem) = problem {
        *response.status_mut() = problem.code.status();
    }
    response
}

/// Whether the problem is one that the form itself can show.
fn in_form(problem: &Problem) -> bool {
    matches!(problem.code, Code::Unfit | Code::WrongCredentials | Code::TooManyAttempts)
        || (problem.code == Code::Conflict && problem.field.is_some())
}

/// `POST /security/password`.
pub async fn post_password(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    headers: HeaderMap,
    person: Fresh<SignedIn>,
    form: Form,
) -> Result<Response, Problem> {
    match super::change_password(&app, &mut ctx, &person, form.get("current"), form.get("password")).await {
        Ok(revoked) => {
            let text = format!(
                "Your password is changed, and other browsers are signed out.{}",
                and_revoked(revoked)
            );
            Ok(go(&app, HERE, NoticeKind::Success, &text))
        }
        Err(problem) if in_form(&problem) => {
            password_page(&app, &ctx, &headers, person.who(), Some(&problem))
        }
        Err(problem) => Err(problem),
    }
}

/// A sentence on what was revoked with it, if anything was.
fn and_revoked(revoked: u64) -> String {
    match revoked {
        0 => String::new(),
        1 => " 1 app-specific password is revoked.".into(),
        n => format!(" {n} app-specific passwords are revoked."),
    }
}

/// `GET /security/two-factor`.
pub async fn two_factor_on(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    headers: HeaderMap,
    person: Fresh<SignedIn>,
) -> Result<Response, Problem> {
    let shown = match two_factor::begun(&app, &person)? {
        Some(shown) => shown,
        None => two_factor::begin(&app, &mut ctx, &person).await?,
    };
    two_factor_on_page(&app, &headers, person.who(), &shown, None)
}

fn two_factor_on_page(
    app: &App,
    headers: &HeaderMap,
    person: &SignedIn,
    shown: &Shown,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let code = QrCode::new(&shown.uri).map_err(|error| {
        tracing::error!(%error, "no QR code could be made");
        Problem::unavailable()
    })?;
    let groups =
        shown.manual_key.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned());
    let view = TwoFactorOnPage {
        frame: frame(app, headers, person, HERE),
        action: "/security/two-factor".into(),
        cancel_href: HERE.into(),
        qr: Qr::new(code.width(), |x, y| {
            let (colors, width) = (code.to_colors(), code.width());
            colors.get(y * width + x) == Some(&Color::Dark)
        }),
        otpauth_href: shown.uri.clone(),
        key_groups: groups.collect(),
        code_error: said(problem, &["code", ""]),
    };
    Ok(with_status(problem, show(app, view.frame.notice.is_some(), &view)))
}

/// `POST /security/two-factor`.
pub async fn post_two_factor_on(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    person: Fresh<SignedIn>,
    form: Form,
) -> Result<Response, Problem> {
    match two_factor::confirm(&app, &ctx, &person, form.get("code")).await {
        Ok(()) => {
            let text = "Two-factor authentication is on, and other browsers are signed out. You can generate app-specific passwords now.";
            Ok(go(&app, "/app-passwords", NoticeKind::Success, text))
        }
        Err(problem) if in_form(&problem) => match two_factor::begun(&app, &person)? {
            Some(shown) => two_factor_on_page(&app, &headers, person.who(), &shown, Some(&problem)),
            None => Err(problem),
        },
        Err(problem) => Err(problem),
    }
}

/// `GET /security/two-factor/off`.
pub async fn two_factor_off(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    person: Fresh<SignedIn>,
) -> Result<Response, Problem> {
    two_factor_off_page(&app, &ctx, &headers, person.who(), None)
}

fn two_factor_off_page(
    app: &App,
    ctx: &Ctx,
    headers: &HeaderMap,
    person: &SignedIn,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let account = &person.account;
    let longer = !two_factor::stands_alone(app, account)?;
    let view = TwoFactorOffPage {
        frame: frame(app, headers, person, HERE),
        action: "/security/two-factor/off".into(),
        cancel_href: HERE.into(),
        revokes: app.store.read(|conn| store::app_passwords::count_live(conn, account.id, ctx.stamp.now))?,
        code_error: said(problem, &["code", ""]),
        longer_password: longer
            .then(|| LongerPassword { min_length: MIN_ALONE, error: said(problem, &["new_password"]) }),
    };
    Ok(with_status(problem, show(app, view.frame.notice.is_some(), &view)))
}

/// `POST /security/two-factor/off`.
pub async fn post_two_factor_off(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    headers: HeaderMap,
    person: Fresh<SignedIn>,
    form: Form,
) -> Result<Response, Problem> {
    let new_password = Some(form.get("password")).filter(|typed| !typed.is_empty());
    match two_factor::turn_off(&app, &mut ctx, &person, form.get("code"), new_password).await {
        Ok(revoked) => {
            let text = format!("Two-factor authentication is off.{}", and_revoked(revoked));
            Ok(go(&app, HERE, NoticeKind::Warning, &text))
        }
        Err(problem) if in_form(&problem) => {
            two_factor_off_page(&app, &ctx, &headers, person.who(), Some(&problem))
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /setup/{token}`.
pub async fn set_up(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    match super::set_up_open(&app, ctx.stamp.now, &token) {
        Ok(()) => Ok(set_up_page(&app, &headers, &token, ["", ""], None)),
        Err(problem) => link_spent(&app, &headers, LinkFor::Setup, problem),
    }
}

fn set_up_page(
    app: &App,
    headers: &HeaderMap,
    token: &str,
    [id, name]: [&str; 2],
    problem: Option<&Problem>,
) -> Response {
    let (page, cookie) = outside(app, headers);
    let notice = page.notice.is_some();
    let view = FirstAccountPage {
        page,
        action: format!("/setup/{token}"),
        id: Field { value: id.into(), error: said(problem, &["id"]) },
        name: Field { value: name.into(), error: said(problem, &["name"]) },
        password_error: said(problem, &["password", ""]),
        min_length: MIN_ALONE,
    };
    with_status(problem, show_outside(app, notice, cookie, &view))
}

fn link_spent(
    app: &App,
    headers: &HeaderMap,
    link_for: LinkFor,
    problem: Problem,
) -> Result<Response, Problem> {
    if problem.code != Code::LinkSpent {
        return Err(problem);
    }
    let (page, cookie) = outside(app, headers);
    let notice = page.notice.is_some();
    let view = LinkSpentPage { page, link_for, sign_in_href: "/sign-in".into() };
    Ok(with_status(Some(&problem), show_outside(app, notice, cookie, &view)))
}

/// `POST /setup/{token}`: makes the account, and signs it in.
pub async fn post_set_up(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    headers: HeaderMap,
    Path(token): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let (id, name, password) = (form.get("id"), form.get("name"), form.get("password"));
    match super::set_up(&app, &mut ctx, &token, id, name, password).await {
        Ok(_) => {}
        Err(problem) if in_form(&problem) => {
            return Ok(set_up_page(&app, &headers, &token, [id, name], Some(&problem)));
        }
        Err(problem) => return link_spent(&app, &headers, LinkFor::Setup, problem),
    }
    let signed_in = crate::sign_in::pages::sign_in_at_once(&app, &mut ctx, &headers, id, password).await?;
    let text =
        "Your account is set up, and it administers this server. Next, turn on two-factor authentication.";
    let mut response = go(&app, HERE, NoticeKind::Success, text);
    response.headers_mut().append(header::SET_COOKIE, signed_in);
    Ok(response)
}

/// `GET /reset/{token}`.
pub async fn reset(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    reset_page(&app, &ctx, &headers, &token, None)
}

fn reset_page(
    app: &App,
    ctx: &Ctx,
    headers: &HeaderMap,
    token: &str,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let reset = match super::reset_open(app, ctx.stamp.now, token) {
        Ok(reset) => reset,
        Err(problem) => return link_spent(app, headers, LinkFor::Reset, problem),
    };
    let (page, cookie) = outside(app, headers);
    let notice = page.notice.is_some();
    let view = ResetPage {
        page,
        action: format!("/reset/{token}"),
        account_id: reset.account.name.to_string(),
        asks_code: reset.two_factor,
        password_error: said(problem, &["password"]),
        code_error: said(problem, &["code"]),
        min_length: reset.fewest(),
        revokes: reset.revokes,
        problem: said(problem, &[""]),
    };
    Ok(with_status(problem, show_outside(app, notice, cookie, &view)))
}

/// `POST /reset/{token}`.
pub async fn post_reset(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    headers: HeaderMap,
    Path(token): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    match super::reset(&app, &mut ctx, &token, form.get("password"), form.get("code")).await {
        Ok(revoked) => {
            let text = format!("Your new password is set. Sign in with it.{}", and_revoked(revoked));
            let mut response = go(&app, "/sign-in", NoticeKind::Success, &text);
            let gone = cookies::set(&app, cookies::SESSION, "", 0);
            response.headers_mut().append(header::SET_COOKIE, gone);
            Ok(response)
        }
        Err(problem) if in_form(&problem) => reset_page(&app, &ctx, &headers, &token, Some(&problem)),
        Err(problem) => Ok(link_spent(&app, &headers, LinkFor::Reset, problem)?.into_response()),
    }
}
