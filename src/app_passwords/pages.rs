//! *App-Specific Passwords*, in a browser.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use domain::{ACTIVE_APP_PASSWORDS_MAX, AppPassword, Kind, KindSet, Opens, Timestamp, WhyEnded};

use super::{
    New,
    views::{
        ActiveRow, EndedRow, Ending, GeneratePage, GeneratedPage, ListPage, RevokeAllPage, RevokePage,
        SetUpRow, TriedAgain, Used,
    },
};
use crate::{
    access::SignedIn,
    accounts::two_factor,
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
    web::{
        form::Form,
        frame::{frame, go, show, when},
        in_query,
        views::{Choice, Field, NoticeKind},
    },
};

const HERE: &str = "/app-passwords";
const GENERATE: &str = "/app-passwords/generate";

/// How many ended ones are shown; all of them are in the API.
const MOST_ENDED: usize = 50;

/// `GET /app-passwords`.
pub async fn list(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    person: SignedIn,
) -> Result<Response, Problem> {
    let now = ctx.stamp.now;
    let (live, ended): (Vec<_>, Vec<_>) =
        super::list(&app, &person)?.into_iter().partition(|password| password.is_live(now));
    let view = ListPage {
        frame: frame(&app, &headers, &person, HERE),
        two_factor: app.store.read(|conn| two_factor::is_on(conn, person.account.id))?,
        turn_on_href: "/security/two-factor".into(),
        generate_href: GENERATE.into(),
        revoke_all_href: "/app-passwords/revoke-all".into(),
        limit: ACTIVE_APP_PASSWORDS_MAX,
        rows: live.iter().map(|password| active_row(password, now)).collect(),
        ended: ended.iter().take(MOST_ENDED).map(|password| ended_row(password, now)).collect(),
    };
    Ok(show(&app, view.frame.notice.is_some(), &view))
}

fn active_row(password: &AppPassword, now: Timestamp) -> ActiveRow {
    ActiveRow {
        label: password.label.as_str().into(),
        opens: opens(password.opens),
        made: when(password.created_at, now),
        used: password.last_use.as_ref().map(|used| Used {
            when: when(used.at, now),
            by: used.service.to_string(),
            from: used.source.clone(),
        }),
        expires: password.expires_at.map(|at| when(at, now)),
        revoke_href: format!("{HERE}/{}/revoke", password.id),
    }
}

fn ended_row(password: &AppPassword, now: Timestamp) -> EndedRow {
    // One whose time is over, but whose end nobody has written down yet, has expired at its time.
    let (at, why) = password.ended.map_or_else(
        || (password.expires_at.unwrap_or(now), WhyEnded::Expired),
        |ended| (ended.at, ended.why),
    );
    let reason = match why {
        WhyEnded::Expired => "",
        WhyEnded::Revoked => "by you",
        WhyEnded::RevokedAll => "by you, with all others",
        WhyEnded::PasswordChanged => "because your password was changed",
        WhyEnded::PasswordReset => "because your password was reset",
        WhyEnded::TwoFactorOff => "because two-factor authentication was turned off",
    };
    EndedRow {
        label: password.label.as_str().into(),
        ending: if why == WhyEnded::Expired { Ending::Expired } else { Ending::Revoked },
        when: when(at, now),
        reason: reason.into(),
        tried_again: password
            .tried_after_end
            .as_ref()
            .map(|tried| TriedAgain { when: when(tried.at, now), from: tried.source.clone() }),
    }
}

fn opens(opens: Opens) -> String {
    match opens {
        Opens::First => "what its first app opens".into(),
        Opens::Kinds(kinds) => kinds.to_string(),
    }
}

/// What stands in the form: also when it comes back after the person had to confirm who they are, so that nothing typed is
/// lost.
struct Typed {
    label: String,
    first: bool,
    kinds: Vec<String>,
    expires: String,
}

impl Typed {
    fn read<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut typed =
            Self { label: String::new(), first: false, kinds: Vec::new(), expires: "never".into() };
        for (name, value) in pairs {
            match name {
                "label" => typed.label = value.into(),
                "opens" => typed.first = value == "first",
                "kind" => typed.kinds.push(value.into()),
                "expires" => typed.expires = value.into(),
                _ => {}
            }
        }
        typed
    }

    fn query(&self) -> String {
        let opens = if self.first { "first" } else { "kinds" };
        let kinds: String = self.kinds.iter().map(|kind| format!("&kind={}", in_query(kind))).collect();
        format!("label={}&opens={opens}&expires={}{kinds}", in_query(&self.label), in_query(&self.expires))
    }

    fn new_password(&self, now: Timestamp) -> Result<New, Problem> {
        let kinds: Result<KindSet, _> = self.kinds.iter().map(|kind| kind.parse::<Kind>()).collect();
        let kinds = kinds.map_err(|error| Problem::field("for", format!("{error}.")))?;
        New::parse(&self.label, (!self.first).then_some(kinds), &self.expires, now)
    }
}

/// `GET /app-passwords/generate`.
pub async fn generate(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    ctx: Ctx,
    person: SignedIn,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Problem> {
    let pairs = query.map(|Query(pairs)| pairs).unwrap_or_default();
    let typed = Typed::read(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let person = match super::generator(&app, person, ctx.stamp.now) {
        // The list says what is missing, and leads there.
        Err(problem) if problem.code == Code::TwoFactorNeeded => {
            return Ok(Redirect::to(HERE).into_response());
        }
        person => person?,
    };
    Ok(generate_page(&app, &headers, person.who(), &typed, None))
}

fn generate_page(
    app: &App,
    headers: &HeaderMap,
    person: &SignedIn,
    typed: &Typed,
    problem: Option<&Problem>,
) -> Response {
    let about =
        |field: &str| problem.filter(|p| p.field.unwrap_or_default() == field).map(|p| p.detail.clone());
    let chosen: Vec<_> = typed.kinds.iter().map(String::as_str).collect();
    let view = GeneratePage {
        frame: frame(app, headers, person, HERE),
        action: GENERATE.into(),
        cancel_href: HERE.into(),
        label: Field { value: typed.label.clone(), error: about("label") },
        first_app: typed.first,
        kinds: Choice::kinds(&chosen),
        opens_error: about("for"),
        expiries: GeneratePage::expiries(&typed.expires),
        problem: about("").or_else(|| about("expires")),
    };
    let mut response = show(app, view.frame.notice.is_some(), &view);
    if let Some(problem) = problem {
        *response.status_mut() = problem.code.status();
    }
    response
}

/// `POST /app-passwords/generate`: the answer shows the password, this once.
pub async fn post_generate(
    State(app): State<Arc<App>>,
    mut ctx: Ctx,
    headers: HeaderMap,
    person: SignedIn,
    form: Form,
) -> Result<Response, Problem> {
    let typed = Typed::read(form.pairs());
    let now = ctx.stamp.now;
    let person = match super::generator(&app, person, now) {
        Err(problem) if problem.code == Code::TwoFactorNeeded => {
            return Ok(Redirect::to(HERE).into_response());
        }
        Err(problem) if problem.code == Code::ConfirmationNeeded => {
            let back = format!("{GENERATE}?{}", typed.query());
            return Ok(Redirect::to(&format!("/sign-in/confirm?next={}", in_query(&back))).into_response());
        }
        person => person?,
    };
    let generated = match typed.new_password(now) {
        Ok(new) => super::generate(&app, &mut ctx, &person, new).await,
        Err(problem) => Err(problem),
    };
    let (password, secret) = match generated {
        Ok(generated) => generated,
        Err(problem)
            if matches!(problem.code, Code::Unfit | Code::TooManyAppPasswords | Code::TwoFactorNeeded) =>
        {
            return Ok(generate_page(&app, &headers, person.who(), &typed, Some(&problem)));
        }
        Err(problem) => return Err(problem),
    };
    let account = person.who();
    let view = GeneratedPage {
        frame: frame(&app, &headers, account, HERE),
        label: password.label.as_str().into(),
        groups: secret.shown().expose().split('-').map(str::to_owned).collect(),
        opens: opens(password.opens),
        expires: password.expires_at.map(|at| when(at, now)),
        user_name: account.account.name.to_string(),
        servers: servers(&app, password.opens)?,
        profile_href: None,
        qr_href: None,
        done_href: HERE.into(),
    };
    Ok(show(&app, view.frame.notice.is_some(), &view))
}

/// The services that the password opens, for the person to know what to look for in the app.
fn servers(app: &App, opens: Opens) -> Result<Vec<SetUpRow>, Problem> {
    let services = app.store.read(store::services::all)?;
    let opened = services.into_iter().filter(|service| match opens {
        Opens::First => true,
        Opens::Kinds(kinds) => kinds.meets(service.kinds),
    });
    Ok(opened
        .map(|service| SetUpRow {
            label: service.name.to_string(),
            value: format!("holds {}", service.kinds),
        })
        .collect())
}

/// `GET /app-passwords/{id}/revoke`.
pub async fn revoke(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    person: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mine = super::list(&app, &person)?.into_iter().find(|password| password.id.to_string() == id);
    let password = mine.ok_or_else(Problem::not_found)?;
    if !password.is_live(ctx.stamp.now) {
        let text = format!("“{}” has ended already; no app signs in with it.", password.label.as_str());
        return Ok(go(&app, HERE, NoticeKind::Info, &text));
    }
    let view = RevokePage {
        frame: frame(&app, &headers, &person, HERE),
        action: format!("{HERE}/{id}/revoke"),
        cancel_href: HERE.into(),
        label: password.label.as_str().into(),
        open_connections: 0,
    };
    Ok(show(&app, view.frame.notice.is_some(), &view))
}

/// `POST /app-passwords/{id}/revoke`.
pub async fn post_revoke(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    Path(id): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let password = super::revoke(&app, &ctx, &person, id).await?;
    let text = format!("“{}” is revoked. The app that used it is signed out.", password.label.as_str());
    Ok(go(&app, HERE, NoticeKind::Success, &text))
}

/// `GET /app-passwords/revoke-all`.
pub async fn revoke_all(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    headers: HeaderMap,
    person: SignedIn,
) -> Result<Response, Problem> {
    let now = ctx.stamp.now;
    let count = app.store.read(|conn| store::app_passwords::count_live(conn, person.account.id, now))?;
    if count == 0 {
        return Ok(go(&app, HERE, NoticeKind::Info, "You have no app-specific passwords to revoke."));
    }
    let view = RevokeAllPage {
        frame: frame(&app, &headers, &person, HERE),
        action: "/app-passwords/revoke-all".into(),
        cancel_href: HERE.into(),
        count,
        open_connections: 0,
    };
    Ok(show(&app, view.frame.notice.is_some(), &view))
}

/// `POST /app-passwords/revoke-all`.
pub async fn post_revoke_all(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    person: SignedIn,
    _form: Form,
) -> Result<Response, Problem> {
    let text = match super::revoke_all(&app, &ctx, &person).await? {
        0 => "There was nothing left to revoke.".into(),
        1 => "1 app-specific password is revoked. The app that used it is signed out.".into(),
        n => format!("{n} app-specific passwords are revoked. The apps that used them are signed out."),
    };
    Ok(go(&app, HERE, NoticeKind::Success, &text))
}
