//! Trusted browsers, in a browser. The list stands on *Sign-In and Security*.

use axum::{extract::Path, response::Response};

use crate::{
    access::SignedIn,
    accounts::pages::HERE,
    problem::Problem,
    web::{form::Form, views::NoticeKind, visit::Visit},
};

/// `POST /security/browsers/{id}/forget`.
pub async fn forget(
    visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let browser = super::forget(&visit.app, &visit.ctx, &person, id).await?;
    let text = format!("{} is no longer trusted. The next sign-in there is asked for a code.", browser.agent);
    Ok(visit.go(HERE, NoticeKind::Success, &text))
}

/// `POST /security/browsers/forget-all`.
pub async fn forget_all(visit: Visit, person: SignedIn, _form: Form) -> Result<Response, Problem> {
    let text = match super::forget_all(&visit.app, &visit.ctx, &person).await? {
        0 => "No browser was trusted.",
        _ => "No browser is trusted any more. Each sign-in is asked for a code.",
    };
    Ok(visit.go(HERE, NoticeKind::Success, text))
}
