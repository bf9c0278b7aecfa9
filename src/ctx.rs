//! What a request brings besides its input: when it came, from where, under which id, and its own randomness.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{AccountId, Actor, NewEvent, RequestId, Rng, Timestamp, What};

use crate::{access::WithToken, app::App, clock, problem::Problem, web::client::ClientAddress};

/// Made once for each request and handed to the use case.
pub struct Ctx {
    /// When, from where, under which id.
    pub stamp: Stamp,
    /// Randomness for what the request makes.
    pub rng: Rng,
}

/// What every event of a request bears.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// When the request came.
    pub now: Timestamp,
    /// Its id; in the log lines and in the events.
    pub request: RequestId,
    /// The address that it came from; none for what Doorkey does by itself, or for this machine's command line.
    pub source: Option<String>,
    /// The label of the personal API token that it came with.
    pub token: Option<String>,
}

impl Stamp {
    /// An event of this request.
    pub fn event(&self, account: Option<AccountId>, actor: Actor, what: What) -> NewEvent {
        let (source, token) = (self.source.clone(), self.token.clone());
        NewEvent { account, actor, source, request: self.request, token, what }
    }
}

impl Ctx {
    /// What Doorkey does by itself.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn own(app: &App) -> Result<Self, clock::NoRandomness> {
        let (now, mut rng) = (app.clock.now(), clock::rng()?);
        let request = RequestId::new(now, &mut rng);
        Ok(Self { stamp: Stamp { now, request, source: None, token: None }, rng })
    }
}

impl FromRequestParts<Arc<App>> for Ctx {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let mut ctx = Self::own(app)?;
        if let Some(request) = parts.extensions.get::<RequestId>() {
            ctx.stamp.request = *request;
        }
        ctx.stamp.token = parts.extensions.get::<WithToken>().map(WithToken::label);
        ctx.stamp.source = ClientAddress::of(&parts.extensions, &parts.headers, app).0;
        Ok(ctx)
    }
}
