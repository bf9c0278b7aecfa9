//! Whether the server is well, for what starts it, watches it and sends it requests. Asking costs nothing: nothing is looked up.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::app::App;

pub mod notify;

use notify::Notify;

/// How often the database is asked whether it answers.
const EVERY: Duration = Duration::from_secs(5);
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// What is known of the server's health.
#[derive(Default)]
pub struct Health {
    started: AtomicBool,
    stopping: AtomicBool,
    /// Why the database couldn't be reached when it was asked last.
    store: Mutex<Option<&'static str>>,
}

impl Health {
    /// It listens, and its data is open.
    pub fn started(&self) {
        self.started.store(true, Ordering::Release);
    }

    /// It was told to stop.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    fn store(&self) -> Option<&'static str> {
        *self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the database now and then whether it answers, until `stopping`, and tells a service manager that watches this process that it
/// lives.
pub async fn watch(app: Arc<App>, notify: Notify, mut stopping: watch::Receiver<bool>) {
    let mut asks = tokio::time::interval(EVERY);
    asks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut signs = tokio::time::interval(notify.every().unwrap_or(EVERY));
    loop {
        let asked = tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            _ = signs.tick() => false,
            _ = asks.tick() => true,
        };
        if asked {
            ask_store(&app).await;
            if app.store.figures().is_unwritable() {
                try_to_write(&app).await;
            }
        } else {
            notify.alive();
        }
    }
}

async fn ask_store(app: &App) {
    let asked = tokio::time::timeout(PATIENCE, app.store.scan(store::events::last)).await;
    let problem = match asked {
        Ok(Ok(_)) => None,
        Ok(Err(_)) => Some("the database can't be read"),
        Err(_) => Some("the database doesn't answer"),
    };
    let before =
        std::mem::replace(&mut *app.health.store.lock().unwrap_or_else(PoisonError::into_inner), problem);
    match (before, problem) {
        (None, Some(problem)) => tracing::error!(problem, "the server isn't ready"),
        (Some(_), None) => tracing::info!("the database answers again"),
        _ => {}
    }
}

/// After a change has failed for want of room: nobody need make another one for the server to see that there is room again.
async fn try_to_write(app: &App) {
    let _ = app.store.write(|tx| store::figures::try_to_write(tx)).await;
}

/// One thing that is looked at, and what is wrong with it.
type Check = (&'static str, Option<&'static str>);

fn started(app: &App) -> Vec<Check> {
    let started = app.health.started.load(Ordering::Acquire);
    vec![("start", (!started).then_some("the server is still starting"))]
}

fn ready(app: &App) -> Vec<Check> {
    let stopping = app.health.stopping.load(Ordering::Acquire);
    let mut checks = started(app);
    checks.push(("doors", (!app.live.is_current()).then_some("memory may be behind the log")));
    checks.push(("store", app.health.store()));
    checks.push(("stop", stopping.then_some("the server is stopping")));
    checks
}

/// Whether the doors can say yes.
pub fn is_ready(app: &App) -> bool {
    ready(app).iter().all(|(_, problem)| problem.is_none())
}

/// Where it is asked.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/health/started", get(async |State(app): State<Arc<App>>| answer(&started(&app), &[])))
        .route("/health/live", get(async || answer(&[], &[])))
        .route("/health/ready", get(async |State(app): State<Arc<App>>| answer(&ready(&app), &limits(&app))))
}

/// What doesn't keep the doors from saying yes, and should be seen to all the same.
fn limits(app: &App) -> Vec<Check> {
    let unwritable = app.store.figures().is_unwritable();
    let mut limits = vec![(
        "changes",
        unwritable.then_some("the disk is full or can't be written to: nothing can be changed"),
    )];
    if let Some(certificate) = &app.certificate {
        let stale = certificate.is_stale();
        limits.push((
            "certificate",
            stale.then_some("its files have changed and can't be used: the old one is shown"),
        ));
    }
    limits
}

/// 200, or 503 when one of the checks fails, and what is wrong. A limit alone fails nothing.
fn answer(checks: &[Check], limits: &[Check]) -> Response {
    let any = |checks: &[Check]| checks.iter().any(|(_, problem)| problem.is_some());
    let (status, word) = match (any(checks), any(limits)) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
        (false, true) => (StatusCode::OK, "limited"),
        (false, false) => (StatusCode::OK, "ok"),
    };
    let all = checks.iter().chain(limits);
    let said: Map<String, Value> =
        all.map(|(name, problem)| ((*name).into(), problem.unwrap_or("ok").into())).collect();
    let body = serde_json::json!({ "status": word, "checks": said });
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
