//! The pages behind one-time links: setting up the first account, accepting an invitation, resetting a password.

use axum::{extract::Path, response::Response};

use super::{
    invitations,
    link_views::{FirstAccountPage, InvitationPage, LinkFor, LinkSpentPage, ResetPage},
    links,
    pages::{HERE, and_revoked, in_form},
    password::MIN_ALONE,
    recovery_code_pages as recovery_codes,
};
use crate::{
    problem::{Code, Problem},
    sign_in::{code_field::CodeField, pages::sign_in_at_once},
    web::{
        cookies,
        form::Form,
        views::{Field, NoticeKind},
        visit::{Visit, about},
    },
};

/// `GET /setup/{token}`.
pub async fn set_up(visit: Visit, Path(token): Path<String>) -> Result<Response, Problem> {
    match links::set_up_open(&visit.app, visit.now(), &token) {
        Ok(()) => Ok(set_up_page(&visit, &token, ["", ""], &[])),
        Err(problem) => link_spent(&visit, LinkFor::Setup, problem),
    }
}

fn set_up_page(visit: &Visit, token: &str, [id, name]: [&str; 2], problems: &[Problem]) -> Response {
    let said = |fields| problems.iter().find_map(|problem| about(Some(problem), fields));
    let view = FirstAccountPage {
        page: visit.outside(),
        action: format!("/setup/{token}"),
        id: Field { value: id.into(), error: said(&["id"]) },
        name: Field { value: name.into(), error: said(&["name"]) },
        password_error: said(&["password", ""]),
        min_length: MIN_ALONE,
    };
    visit.show_again(&view, problems.first())
}

fn link_spent(visit: &Visit, link_for: LinkFor, problem: Problem) -> Result<Response, Problem> {
    if problem.code != Code::LinkSpent {
        return Err(problem);
    }
    let view = LinkSpentPage { page: visit.outside(), link_for, sign_in_href: "/sign-in".into() };
    Ok(visit.show_again(&view, Some(&problem)))
}

/// `POST /setup/{token}`: makes the account, and signs it in.
pub async fn post_set_up(
    mut visit: Visit,
    Path(token): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let (id, name, password) = (form.get("id"), form.get("name"), form.get("password"));
    match links::set_up(&visit.app, &mut visit.ctx, &token, id, name, password).await {
        Ok(_) => {}
        Err(problem) if in_form(&problem) => {
            // All that is wrong at once, so that nobody has to send it three times.
            let mut problems = links::set_up_faults(&visit.app, id, name, password);
            if problems.is_empty() {
                problems.push(problem);
            }
            return Ok(set_up_page(&visit, &token, [id, name], &problems));
        }
        Err(problem) => return link_spent(&visit, LinkFor::Setup, problem),
    }
    let token = sign_in_at_once(&mut visit, id, password).await?;
    let text =
        "Your account is set up, and it administers this server. Next, turn on two-factor authentication.";
    let mut response = visit.go(HERE, NoticeKind::Success, text);
    visit.put_cookie(&mut response, cookies::SESSION, token.expose(), cookies::SESSION_DAYS);
    Ok(response)
}

/// `GET /invitation/{token}`.
pub async fn invitation(visit: Visit, Path(token): Path<String>) -> Result<Response, Problem> {
    invitation_page(&visit, &token, None)
}

fn invitation_page(visit: &Visit, token: &str, problem: Option<&Problem>) -> Result<Response, Problem> {
    let invitation = match invitations::open(&visit.app, visit.now(), token) {
        Ok(invitation) => invitation,
        Err(problem) => return link_spent(visit, LinkFor::Invitation, problem),
    };
    let account = invitation.account;
    let view = InvitationPage {
        page: visit.outside(),
        action: format!("/invitation/{token}"),
        by: invitation.by.unwrap_or_else(|| "The administrator".into()),
        server: visit.app.config.http.public_url.as_str().into(),
        account_id: account.name.to_string(),
        name: account.display_name.as_str().into(),
        administrator: account.administrator,
        password_error: about(problem, &["password", ""]),
        min_length: MIN_ALONE,
    };
    Ok(visit.show_again(&view, problem))
}

/// `POST /invitation/{token}`: sets the password, and signs the person in.
pub async fn post_invitation(
    mut visit: Visit,
    Path(token): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let password = form.get("password");
    let account = match invitations::accept(&visit.app, &mut visit.ctx, &token, password).await {
        Ok(account) => account,
        Err(problem) if in_form(&problem) => return invitation_page(&visit, &token, Some(&problem)),
        Err(problem) => return link_spent(&visit, LinkFor::Invitation, problem),
    };
    let token = sign_in_at_once(&mut visit, account.name.as_str(), password).await?;
    let text =
        "Your account is ready. Turn on two-factor authentication now: app-specific passwords need it.";
    let mut response = visit.go("/security/two-factor", NoticeKind::Success, text);
    visit.put_cookie(&mut response, cookies::SESSION, token.expose(), cookies::SESSION_DAYS);
    Ok(response)
}

/// `GET /reset/{token}`.
pub async fn reset(visit: Visit, Path(token): Path<String>, field: CodeField) -> Result<Response, Problem> {
    reset_page(&visit, &token, field, None)
}

fn reset_page(
    visit: &Visit,
    token: &str,
    field: CodeField,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let reset = match links::reset_open(&visit.app, visit.now(), token) {
        Ok(reset) => reset,
        Err(problem) => return link_spent(visit, LinkFor::Reset, problem),
    };
    let view = ResetPage {
        page: visit.outside(),
        action: field.at(&format!("/reset/{token}")),
        other_href: field.other_at(&format!("/reset/{token}")),
        field,
        account_id: reset.account.name.to_string(),
        asks_code: reset.asks_code,
        turns_off: reset.turns_off,
        password_error: about(problem, &["password"]),
        code_error: about(problem, &["code"]),
        min_length: reset.fewest(),
        revokes: reset.revokes,
        problem: about(problem, &[""]),
    };
    Ok(visit.show_again(&view, problem))
}

/// `POST /reset/{token}`.
pub async fn post_reset(
    mut visit: Visit,
    Path(token): Path<String>,
    field: CodeField,
    form: Form,
) -> Result<Response, Problem> {
    match links::reset(&visit.app, &mut visit.ctx, &token, form.get("password"), form.get("code")).await {
        Ok(done) => {
            let mut text = format!("Your new password is set. Sign in with it.{}", and_revoked(done.revoked));
            if let Some(left) = done.recovery_codes_left {
                text.push_str(&format!(" {}", recovery_codes::left(left)));
            }
            let mut response = visit.go("/sign-in", NoticeKind::Success, &text);
            visit.put_cookie(&mut response, cookies::SESSION, "", 0);
            Ok(response)
        }
        Err(problem) if in_form(&problem) => reset_page(&visit, &token, field, Some(&problem)),
        Err(problem) => link_spent(&visit, LinkFor::Reset, problem),
    }
}
