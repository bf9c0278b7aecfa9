//! Figures for monitoring, in the OpenMetrics text format, named as Prometheus has it. They name services, routes and states, and
//! never a person, an address or a secret. Counting costs a door a few additions and no lock.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::{Method, header},
    response::{IntoResponse, Response},
    routing::get,
};
use domain::Timestamp;
use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use crate::{app::App, doors::accept::DoorPlaces, health, server::Places};

pub mod doors;
mod process;
mod scrape;
pub mod sign_outs;

use doors::Doors;
use sign_outs::SignOuts;

/// What is counted while the server runs.
pub struct Metrics {
    /// What the doors answered.
    pub doors: Doors,
    /// What came of asking services to sign people out.
    pub sign_outs: SignOuts,
    /// The places for connections over HTTP.
    pub places: Arc<Places>,
    /// Those of the other doors.
    pub door_places: DoorPlaces,
    requests: Family<Labels<3>, Counter>,
    request_seconds: Family<Labels<1>, scrape::Kept>,
    registry: Registry,
    /// When the key was made that seals, in milliseconds since 1970.
    key_made_at: AtomicI64,
    started_at: Timestamp,
}

type Labels<const N: usize> = [(&'static str, String); N];

impl Metrics {
    /// Nothing counted yet.
    pub fn new(now: Timestamp, places: Arc<Places>, door_places: DoorPlaces) -> Self {
        let (requests, request_seconds) = (Family::default(), Family::default());
        let mut registry = Registry::with_prefix("doorkey");
        let help = "Requests for pages and the API, by route and class of status";
        registry.register("http_requests", help, Family::clone(&requests));
        let help = "How long requests for pages and the API took, by route";
        registry.register("http_request_duration_seconds", help, Family::clone(&request_seconds));
        let sign_outs = SignOuts::default();
        sign_outs.register(&mut registry);
        Self {
            doors: Doors::default(),
            sign_outs,
            places,
            door_places,
            requests,
            request_seconds,
            registry,
            key_made_at: AtomicI64::new(0),
            started_at: now,
        }
    }

    /// When the server started.
    pub const fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// Notes when the key was made that seals.
    pub fn key_made(&self, at: Timestamp) {
        self.key_made_at.store(at.millis(), Ordering::Relaxed);
    }

    /// Counts a request for a page or for the API. `route` is its template, so that there are as many as there are routes.
    pub fn request(&self, method: &Method, route: Option<&str>, response: &Response, micros: u64) {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            _ => "other",
        };
        let route = route.unwrap_or("none");
        let status = format!("{}xx", response.status().as_u16() / 100);
        let labels = [("method", method.into()), ("route", route.into()), ("status", status)];
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.get_or_create(&[("route", route.into())]).note(micros);
    }
}

/// What is answered at `[metrics] listen`.
pub fn router(app: Arc<App>) -> Router {
    Router::new().route("/metrics", get(metrics)).merge(health::router()).with_state(app)
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /metrics`.
async fn metrics(State(app): State<Arc<App>>) -> Response {
    let headers = [(header::CONTENT_TYPE, OPEN_METRICS), (header::CACHE_CONTROL, "no-store")];
    (headers, scrape::all(&app).await).into_response()
}
