//! *App-Specific Passwords*, in a browser: the list, and revoking. Generating is in [`super::generate_pages`].

use axum::{extract::Path, response::Response};
use domain::{ACTIVE_APP_PASSWORDS_MAX, AppPassword, Ended, Opens, WhyEnded};

use super::{
    generate_pages::GENERATE,
    views::{ActiveRow, EndedRow, Ending, ListPage, RevokeAllPage, RevokePage, TriedAgain, Used},
};
use crate::{
    access::SignedIn,
    accounts::two_factor,
    problem::Problem,
    web::{form::Form, views::NoticeKind, visit::Visit},
};

/// The address of the list.
pub const HERE: &str = "/app-passwords";

/// How many ended ones are shown; all of them are in the API.
const MOST_ENDED: usize = 50;

/// `GET /app-passwords`.
pub async fn list(visit: Visit, person: SignedIn) -> Result<Response, Problem> {
    let now = visit.now();
    let all = super::list(&visit.app, &person.oneself())?;
    let live = all.iter().filter(|password| password.is_live(now));
    let mut ended: Vec<_> =
        all.iter().filter_map(|password| password.ended_by(now).map(|end| (password, end))).collect();
    ended.sort_by_key(|(_, end)| std::cmp::Reverse(end.at));
    let view = ListPage {
        frame: visit.frame(&person, HERE),
        two_factor: visit.app.store.read(|conn| two_factor::is_on(conn, person.account.id))?,
        turn_on_href: "/security/two-factor".into(),
        generate_href: GENERATE.into(),
        revoke_all_href: "/app-passwords/revoke-all".into(),
        limit: ACTIVE_APP_PASSWORDS_MAX,
        rows: live.map(|password| active_row(&visit, password)).collect(),
        ended: ended
            .into_iter()
            .take(MOST_ENDED)
            .map(|(password, end)| ended_row(&visit, password, end))
            .collect(),
    };
    Ok(visit.show(&view))
}

fn active_row(visit: &Visit, password: &AppPassword) -> ActiveRow {
    ActiveRow {
        label: password.label.as_str().into(),
        opens: opens(password.opens),
        made: visit.when(password.created_at),
        used: password.last_use.as_ref().map(|used| Used {
            when: visit.when(used.at),
            by: used.service.to_string(),
            from: used.source.clone(),
        }),
        expires: password.expires_at.map(|at| visit.when(at)),
        revoke_href: format!("{HERE}/{}/revoke", password.id),
    }
}

fn ended_row(visit: &Visit, password: &AppPassword, ended: Ended) -> EndedRow {
    let (at, why) = (ended.at, ended.why);
    let reason = match why {
        WhyEnded::Expired => "",
        WhyEnded::Revoked => "by you",
        WhyEnded::RevokedAll => "by you, with all others",
        WhyEnded::PasswordChanged => "because your password was changed",
        WhyEnded::PasswordReset => "because your password was reset",
        WhyEnded::TwoFactorOff => "because two-factor authentication was turned off",
        WhyEnded::Restored => "because this server went back to earlier data",
    };
    EndedRow {
        label: password.label.as_str().into(),
        ending: if why == WhyEnded::Expired { Ending::Expired } else { Ending::Revoked },
        when: visit.when(at),
        reason: reason.into(),
        tried_again: password
            .tried_after_end
            .as_ref()
            .map(|tried| TriedAgain { when: visit.when(tried.at), from: tried.source.clone() }),
    }
}

/// What it opens, as pages say it.
pub fn opens(opens: Opens) -> String {
    match opens {
        Opens::First => "what its first app opens".into(),
        Opens::Kinds(kinds) => kinds.to_string(),
    }
}

/// `GET /app-passwords/{id}/revoke`.
pub async fn revoke(visit: Visit, person: SignedIn, Path(id): Path<String>) -> Result<Response, Problem> {
    let mine = super::list(&visit.app, &person.oneself())?
        .into_iter()
        .find(|password| password.id.to_string() == id);
    let password = mine.ok_or_else(Problem::not_found)?;
    if !password.is_live(visit.now()) {
        let text = format!("“{}” has ended already; no app signs in with it.", password.label.as_str());
        return Ok(visit.go(HERE, NoticeKind::Info, &text));
    }
    let open = super::open(&visit.app, &person.oneself(), |one| one.id == password.id)?;
    let view = RevokePage {
        frame: visit.frame(&person, HERE),
        action: format!("{HERE}/{id}/revoke"),
        cancel_href: HERE.into(),
        label: password.label.as_str().into(),
        open_connections: open.connections,
        services: open.services(),
    };
    Ok(visit.show(&view))
}

/// `POST /app-passwords/{id}/revoke`.
pub async fn post_revoke(
    visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let (password, open) = super::revoke(&visit.app, &visit.ctx, &person.oneself(), id).await?;
    let (label, rest) = (password.label.as_str(), open.sentences(false));
    let text = format!("“{label}” is revoked. The app that used it is signed out.{rest}");
    Ok(visit.go(HERE, NoticeKind::Success, &text))
}

/// `GET /app-passwords/revoke-all`.
pub async fn revoke_all(visit: Visit, person: SignedIn) -> Result<Response, Problem> {
    let now = visit.now();
    let count =
        visit.app.store.read(|conn| store::app_passwords::count_live(conn, person.account.id, now))?;
    if count == 0 {
        return Ok(visit.go(HERE, NoticeKind::Info, "You have no app-specific passwords to revoke."));
    }
    let open = super::open(&visit.app, &person.oneself(), |_| true)?;
    let view = RevokeAllPage {
        frame: visit.frame(&person, HERE),
        action: "/app-passwords/revoke-all".into(),
        cancel_href: HERE.into(),
        count,
        open_connections: open.connections,
        services: open.services(),
    };
    Ok(visit.show(&view))
}

/// `POST /app-passwords/revoke-all`.
pub async fn post_revoke_all(visit: Visit, person: SignedIn, _form: Form) -> Result<Response, Problem> {
    let (revoked, open) = super::revoke_all(&visit.app, &visit.ctx, &person.oneself()).await?;
    let rest = open.sentences(revoked > 1);
    let text = match revoked {
        0 => "There was nothing left to revoke.".into(),
        1 => format!("1 app-specific password is revoked. The app that used it is signed out.{rest}"),
        n => format!("{n} app-specific passwords are revoked. The apps that used them are signed out.{rest}"),
    };
    Ok(visit.go(HERE, NoticeKind::Success, &text))
}
