//! Where a person is signed in, in a browser. The list stands on *Sign-In and Security*.

use axum::{extract::Path, response::Response};

use crate::{
    access::SignedIn,
    accounts::pages::HERE,
    problem::Problem,
    web::{cookies, form::Form, views::NoticeKind, visit::Visit},
};

/// `POST /security/sessions/{id}/sign-out`.
pub async fn sign_out(
    visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let session = super::sign_out(&visit.app, &visit.ctx, &person, id).await?;
    if session.id == person.session.id {
        let mut response = visit.go("/sign-in", NoticeKind::Success, "You are signed out.");
        visit.put_cookie(&mut response, cookies::SESSION, "", 0);
        return Ok(response);
    }
    let what = if session.agent.is_empty() { "The other browser" } else { session.agent.as_str() };
    Ok(visit.go(HERE, NoticeKind::Success, &format!("{what} is signed out.")))
}

/// `POST /security/sign-out-others`.
pub async fn sign_out_others(visit: Visit, person: SignedIn, _form: Form) -> Result<Response, Problem> {
    let text = match super::sign_out_others(&visit.app, &visit.ctx, &person).await? {
        0 => "No other browser or command line was signed in.".into(),
        1 => "1 other browser or command line is signed out.".into(),
        n => format!("{n} other browsers and command lines are signed out."),
    };
    Ok(visit.go(HERE, NoticeKind::Success, &text))
}
