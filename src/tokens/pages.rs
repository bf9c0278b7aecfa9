//! *API Tokens*, in a browser.

use axum::{extract::Path, response::Response};
use domain::Scope;
use store::tokens::Token;

use super::{
    New,
    views::{ListPage, MadePage, MakePage, TokenRow},
};
use crate::{
    access::SignedIn,
    accounts::{pages::HERE as SECURITY, two_factor},
    problem::{Code, Problem},
    web::{
        form::Form,
        views::{Choice, Field, NoticeKind},
        visit::{Visit, about},
    },
};

/// The address of the list.
pub const HERE: &str = "/tokens";
const MAKE: &str = "/tokens/make";

fn scopes(token: &Token) -> String {
    token.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", ")
}

/// `GET /tokens`.
pub async fn list(visit: Visit, person: SignedIn) -> Result<Response, Problem> {
    let rows = super::list(&visit.app, &person)?;
    Ok(visit.show(&ListPage {
        frame: visit.frame(&person, SECURITY),
        two_factor: visit.app.store.read(|conn| two_factor::is_on(conn, person.account.id))?,
        turn_on_href: "/security/two-factor".into(),
        make_href: MAKE.into(),
        rows: rows.into_iter().map(|token| row(&visit, token)).collect(),
    }))
}

fn row(visit: &Visit, token: Token) -> TokenRow {
    TokenRow {
        label: token.label.as_str().into(),
        scopes: scopes(&token),
        made: visit.when(token.created_at),
        expires: visit.when(token.expires_at),
        expired: token.expires_at <= visit.now(),
        used: token.last_use.as_ref().map(|(at, _)| visit.when(*at)),
        from: token.last_use.map(|(_, from)| from).unwrap_or_default(),
        revoke_action: format!("{HERE}/{}/revoke", token.id),
    }
}

/// What stands in the form.
struct Typed<'a> {
    label: &'a str,
    scopes: Vec<&'a str>,
    expires: &'a str,
}

/// `GET /tokens/make`.
pub async fn make(visit: Visit, person: SignedIn) -> Result<Response, Problem> {
    let person = super::maker(&visit.app, person, visit.now())?;
    let typed = Typed { label: "", scopes: vec![Scope::Read.name()], expires: "90d" };
    Ok(make_page(&visit, person.who(), &typed, None))
}

fn make_page(visit: &Visit, person: &SignedIn, typed: &Typed<'_>, problem: Option<&Problem>) -> Response {
    let there_are =
        Scope::ALL.into_iter().filter(|scope| person.account.administrator || !scope.is_for_administrators());
    let (label, hint) = (
        |scope: Scope| match scope {
            Scope::Read => "Read",
            Scope::Revoke => "Revoke",
            Scope::Events => "Events",
            Scope::People => "People",
            Scope::Services => "Services",
        },
        |scope: Scope| match scope {
            Scope::Read => "your app-specific passwords and activity",
            Scope::Revoke => "your app-specific passwords",
            Scope::Events => "reading the whole log",
            Scope::People => "people and groups, but no administrators",
            Scope::Services => "services and their keys",
        },
    );
    let choice = |value: &str, label: &str, hint: &str, chosen: bool| Choice {
        value: value.into(),
        label: label.into(),
        hint: hint.into(),
        chosen,
    };
    let expiries = [("30d", "in 30 days"), ("90d", "in 90 days"), ("1y", "in a year")];
    let view = MakePage {
        frame: visit.frame(person, SECURITY),
        action: MAKE.into(),
        cancel_href: HERE.into(),
        label: Field { value: typed.label.into(), error: about(problem, &["label"]) },
        scopes: there_are
            .map(|scope| {
                choice(scope.name(), label(scope), hint(scope), typed.scopes.contains(&scope.name()))
            })
            .collect(),
        scopes_error: about(problem, &["scopes"]),
        expiries: expiries.map(|(value, label)| choice(value, label, "", typed.expires == value)).into(),
        problem: about(problem, &["", "expires"]),
    };
    visit.show_again(&view, problem)
}

/// `POST /tokens/make`: the answer shows the token, this once.
pub async fn post_make(mut visit: Visit, person: SignedIn, form: Form) -> Result<Response, Problem> {
    let now = visit.now();
    let person = super::maker(&visit.app, person, now)?;
    let typed =
        Typed { label: form.get("label"), scopes: form.all("scope").collect(), expires: form.get("expires") };
    let made = match New::parse(typed.label, typed.scopes.iter().copied(), typed.expires, now) {
        Ok(new) => super::make(&visit.app, &mut visit.ctx, &person, new).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok((token, secret)) => Ok(visit.show(&MadePage {
            frame: visit.frame(person.who(), SECURITY),
            label: token.label.as_str().into(),
            token: secret.expose().into(),
            scopes: scopes(&token),
            expires: visit.when(token.expires_at),
            done_href: HERE.into(),
        })),
        Err(problem) if matches!(problem.code, Code::Unfit | Code::TooManyTokens) => {
            Ok(make_page(&visit, person.who(), &typed, Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /tokens/{id}/revoke`.
pub async fn revoke(
    visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let token = super::revoke(&visit.app, &visit.ctx, &person, id).await?;
    let text = format!("“{}” is revoked. Whatever used it is refused from now on.", token.label.as_str());
    Ok(visit.go(HERE, NoticeKind::Success, &text))
}
