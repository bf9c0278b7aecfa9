//! Asking itself from outside: a number that only this server knows is sent by way of the public URL, and what arrives is noted. So it
//! is certain that it is this very server that answers there, and known what stands in between passes on.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    extract::{ConnectInfo, Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use data_encoding::HEXLOWER;

use crate::{app::App, clock, problem::Problem, web::client::ClientAddress};

/// Where it is sent.
pub const PATH: &str = "/health/probe/";

/// What steps of builds send their token in. Some proxies drop it for the underscores in its name.
pub const UNDERSCORE: &str = "build_api_token";

/// Questions that are on their way, and what came of them.
#[derive(Default)]
pub struct Probes(Mutex<HashMap<String, Option<Arrived>>>);

/// How a question arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrived {
    /// Who was at the other end.
    pub peer: Option<IpAddr>,
    /// For which host.
    pub host: String,
    /// What stood in `X-Forwarded-For`, one hop after another.
    pub hops: Vec<String>,
    /// From whom it seems to come.
    pub client: Option<String>,
    /// Whether a header with an underscore in its name came too.
    pub underscore: bool,
}

impl Probes {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Option<Arrived>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A question that will be recognised. None when there is no randomness.
    pub(super) fn begin(&self) -> Option<String> {
        let number = HEXLOWER.encode(&clock::rng().ok()?.bytes::<16>());
        self.all().insert(number.clone(), None);
        Some(number)
    }

    /// How it arrived, if it did; from now on it isn't recognised any more.
    pub(super) fn end(&self, number: &str) -> Option<Arrived> {
        self.all().remove(number).flatten()
    }
}

/// What answers it.
pub fn router() -> Router<Arc<App>> {
    Router::new().route("/health/probe/{number}", get(arrive))
}

async fn arrive(State(app): State<Arc<App>>, Path(number): Path<String>, request: Request) -> Response {
    let known = app.probes.all().contains_key(&number);
    if !known {
        return Problem::not_found_route().await.into_response();
    }
    let (parts, _) = request.into_parts();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_canonical());
    let client = ClientAddress::of(&parts.extensions, &parts.headers, &app).0;
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let underscore = parts.headers.contains_key(UNDERSCORE);
    let arrived = Arrived { peer, host: host.into(), hops: hops(&parts.headers), client, underscore };
    if let Some(slot) = app.probes.all().get_mut(&number) {
        *slot = Some(arrived);
    }
    (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response()
}

fn hops(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all("x-forwarded-for").iter();
    let hops = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    hops.map(|hop| String::from_utf8_lossy(hop).trim().to_owned()).collect()
}
