//! What a personal API token opens, and the way in with one. Nothing else knows scopes: a handler asks for a capability, and gets it only
//! where the token's scope opens its route.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use domain::{Label, Scope, Timestamp};
use store::{
    accounts::{self, Account},
    tokens::{self, Token},
};

use super::bearer;
use crate::{
    app::App,
    problem::{Code, Problem},
    web::client::ClientAddress,
};

/// THE table of which scope opens which route of the API. What isn't in it is closed to tokens: whatever makes, shows or changes what signs
/// somebody in.
const OPENED: &[(&str, &str, Scope)] = &[
    ("GET", "/api/v1/app-passwords", Scope::Read),
    ("GET", "/api/v1/activity", Scope::Read),
    ("DELETE", "/api/v1/app-passwords", Scope::Revoke),
    ("DELETE", "/api/v1/app-passwords/{id}", Scope::Revoke),
    ("GET", "/api/v1/events", Scope::Events),
    ("GET", "/api/v1/events/export", Scope::Events),
    ("GET", "/api/v1/accounts", Scope::People),
    ("POST", "/api/v1/accounts", Scope::People),
    ("POST", "/api/v1/accounts/import", Scope::People),
    ("GET", "/api/v1/accounts/{name}", Scope::People),
    ("PATCH", "/api/v1/accounts/{name}", Scope::People),
    ("DELETE", "/api/v1/accounts/{name}", Scope::People),
    ("POST", "/api/v1/accounts/{name}/sign-out", Scope::People),
    ("POST", "/api/v1/accounts/{name}/suspend", Scope::People),
    ("POST", "/api/v1/accounts/{name}/resume", Scope::People),
    ("POST", "/api/v1/accounts/{name}/invite-link", Scope::People),
    ("POST", "/api/v1/accounts/{name}/reset-link", Scope::People),
    ("POST", "/api/v1/accounts/{name}/aliases", Scope::People),
    ("DELETE", "/api/v1/accounts/{name}/aliases/{alias}", Scope::People),
    ("GET", "/api/v1/groups", Scope::People),
    ("POST", "/api/v1/groups", Scope::People),
    ("GET", "/api/v1/groups/{name}", Scope::People),
    ("DELETE", "/api/v1/groups/{name}", Scope::People),
    ("GET", "/api/v1/groups/{name}/members", Scope::People),
    ("PUT", "/api/v1/groups/{name}/members/{account}", Scope::People),
    ("DELETE", "/api/v1/groups/{name}/members/{account}", Scope::People),
    ("GET", "/api/v1/services", Scope::Services),
    ("POST", "/api/v1/services", Scope::Services),
    ("PATCH", "/api/v1/services/{name}", Scope::Services),
    ("DELETE", "/api/v1/services/{name}", Scope::Services),
    ("POST", "/api/v1/services/{name}/key", Scope::Services),
    ("GET", "/api/v1/services/{name}/set-up", Scope::Services),
    ("PUT", "/api/v1/services/{name}/set-up", Scope::Services),
];

/// The scope that opens a route of the API, if any does.
pub fn scope_of(method: &str, path: &str) -> Option<Scope> {
    // Whoever may read something may ask for its head.
    let method = if method == "HEAD" { "GET" } else { method };
    OPENED.iter().find(|(m, p, _)| *m == method && *p == path).map(|(_, _, scope)| *scope)
}

/// A request that came with a personal API token whose scope opens its route.
#[derive(Clone)]
pub struct WithToken {
    label: Label,
    pub(super) account: Arc<Account>,
}

impl WithToken {
    /// What its person calls the token.
    pub fn label(&self) -> String {
        self.label.as_str().into()
    }
}

/// Lets requests with a personal API token in, where its scope opens the route; others go by as they are.
pub async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match with_token(&app, &parts).await {
        Ok(Some(with)) => {
            parts.extensions.insert(with);
        }
        Ok(None) => {}
        Err(problem) => return problem.into_response(),
    }
    next.run(Request::from_parts(parts, body)).await
}

async fn with_token(app: &App, parts: &Parts) -> Result<Option<WithToken>, Problem> {
    let path = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let (Some(hash), true) = (bearer(parts), path.starts_with("/api/v1/")) else { return Ok(None) };
    let found = app.store.read(|conn| {
        let Some(token) = tokens::by_hash(conn, &hash)? else { return Ok::<_, Problem>(None) };
        let account = accounts::by_id(conn, token.account)?;
        Ok(account.map(|account| (token, account)))
    })?;
    let Some((token, account)) = found else { return Ok(None) };
    let now = app.clock.now();
    may(&token, &account, &parts.method, path, now)?;
    let source = ClientAddress::of(&parts.extensions, &parts.headers, app).0.unwrap_or_default();
    let known = token.last_use.as_ref().is_some_and(|(at, from)| at.plus_minutes(1) > now && *from == source);
    if !known {
        let id = token.id;
        app.store.write(move |tx| tokens::used(tx, id, now, &source)).await?;
    }
    Ok(Some(WithToken { label: token.label, account: Arc::new(account) }))
}

fn may(token: &Token, account: &Account, method: &Method, path: &str, now: Timestamp) -> Result<(), Problem> {
    let label = token.label.as_str();
    if token.expires_at <= now {
        let detail = format!(
            "The token “{label}” expired on {}. Make a new one: doorkey tokens make, or API Tokens under Sign-In and Security.",
            token.expires_at.date()
        );
        return Err(Problem::new(Code::SignInNeeded, detail));
    }
    if account.state != accounts::State::Active {
        let detail =
            "The account of this token can't be used at the moment. Ask an administrator of this server.";
        return Err(Problem::new(Code::SignInNeeded, detail));
    }
    let Some(scope) = scope_of(method.as_str(), path) else {
        return Err(Problem::new(
            Code::NotWithToken,
            "No personal API token opens this, whatever its scopes. Sign in with doorkey sign-in, or on the pages.",
        ));
    };
    if !token.scopes.contains(&scope) {
        let detail = format!(
            "The token “{label}” hasn't got the scope {}, which this needs. Make one that has.",
            scope.name()
        );
        return Err(Problem::new(Code::ScopeNeeded, detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::API;

    #[test]
    fn every_route_in_the_table_is_one() {
        for (method, path, _) in OPENED {
            let method = method.to_lowercase();
            assert!(API.contains(&(method.as_str(), *path)), "{method} {path}");
        }
    }

    #[test]
    fn whoever_may_read_may_ask_for_the_head() {
        assert_eq!(scope_of("HEAD", "/api/v1/activity"), Some(Scope::Read));
        assert_eq!(scope_of("POST", "/api/v1/app-passwords"), None);
        assert_eq!(scope_of("POST", "/api/v1/tokens"), None);
    }
}
