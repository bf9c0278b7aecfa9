//! Recovery codes, in a browser: making new ones, and what is said where one was used.

use axum::response::Response;

use super::{
    pages::HERE,
    recovery_codes::{self, FEW, Made},
    views::{RecoveryCodesPage, RenewCodesPage},
};
use crate::{
    access::{Fresh, SignedIn},
    problem::Problem,
    web::{
        form::Form,
        views::{Link, Notice, NoticeKind},
        visit::Visit,
    },
};

/// The address of the page that makes new ones.
pub const RENEW: &str = "/security/recovery-codes";

/// How many are left, as a sentence.
pub fn left(left: u64) -> String {
    match left {
        0 => "You have no recovery codes left.".into(),
        1 => "You have 1 recovery code left.".into(),
        n => format!("You have {n} recovery codes left."),
    }
}

/// What is said where one was used: how many are left, and what to do about it.
pub fn used(left: u64) -> Notice {
    let few = left <= FEW;
    let mut links = vec![Link {
        label: "Lost your phone? Set up the new one.".into(),
        href: "/security/two-factor/move".into(),
    }];
    if few {
        links.push(Link { label: "Make new recovery codes.".into(), href: RENEW.into() });
    }
    let kind = if few { NoticeKind::Warning } else { NoticeKind::Info };
    Notice { kind, text: self::left(left), links }
}

/// `GET /security/recovery-codes`.
pub async fn renew(visit: Visit, person: Fresh<SignedIn>) -> Result<Response, Problem> {
    let account = person.who().account.id;
    let left = visit.app.store.read(|conn| store::recovery_codes::left(conn, account))?;
    Ok(visit.show(&RenewCodesPage {
        frame: visit.frame(person.who(), HERE),
        action: RENEW.into(),
        cancel_href: HERE.into(),
        left: left.count,
    }))
}

/// `POST /security/recovery-codes`: the answer shows the codes, this once.
pub async fn post_renew(mut visit: Visit, person: Fresh<SignedIn>, _form: Form) -> Result<Response, Problem> {
    let made = recovery_codes::renew(&visit.app, &mut visit.ctx, &person).await?;
    Ok(show(&visit, person.who(), &made, None))
}

/// The codes, this once; `done` says what they were made with.
pub fn show(visit: &Visit, person: &SignedIn, made: &Made, done: Option<&str>) -> Response {
    visit.show(&RecoveryCodesPage {
        frame: visit.frame(person, HERE),
        done: done.map(Into::into),
        codes: made.shown(),
        server: visit.app.config.http.public_url.to_string(),
        date: visit.now().date(),
        done_href: if done.is_some() { "/app-passwords".into() } else { HERE.into() },
    })
}
