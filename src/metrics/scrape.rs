//! All figures as text: those that were counted, and those that are looked up when they are asked for.

use std::{sync::Arc, time::Duration};

use domain::{Durations, Noted};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder, text},
    metrics::{MetricType, TypedMetric},
    registry::Registry,
};

use super::{Labels, process::Process};
use crate::{accounts::hasher::LINE, app::App, health, server::Places};

/// How long the database may take to count. Without its figures the others are still worth having.
const PATIENCE: Duration = Duration::from_secs(2);

/// Everything, as Prometheus reads it.
pub(super) async fn all(app: &App) -> String {
    let counts = tokio::time::timeout(PATIENCE, app.store.scan(store::figures::counts)).await;
    let mut looked_up = Registry::with_prefix("doorkey");
    of_the_doors(app, &mut looked_up);
    of_the_server(app, &mut looked_up);
    of_the_store(app, &mut looked_up);
    if let Ok(Ok(counts)) = counts {
        gauge(&mut looked_up, "accounts", "Accounts", counts.accounts);
        gauge(&mut looked_up, "app_passwords", "App-specific passwords that work", counts.app_passwords);
        gauge(&mut looked_up, "sessions", "Signed-in browsers and command lines", counts.sessions);
    }
    let mut of_process = Registry::with_prefix("process");
    of_the_process(app, &mut of_process);

    let mut written = String::new();
    for registry in [&app.metrics.registry, &looked_up, &of_process] {
        // Writing to a text can't fail.
        let _ = text::encode_registry(&mut written, registry);
    }
    let _ = text::encode_eof(&mut written);
    written
}

fn of_the_doors(app: &App, registry: &mut Registry) {
    let mut answers = Vec::new();
    let mut add = |service: &str, of: &super::doors::Answers| {
        answers.extend(of.all().map(|(door, answer, count)| {
            ([("door", door.into()), ("service", service.into()), ("answer", answer.into())], count)
        }));
    };
    for service in app.live.services().values() {
        add(service.name.as_str(), &service.answers);
    }
    add("", &app.metrics.doors.nobody);
    registry.register("door_answers", "What the doors answered, by service", Counters::<3>(answers));
    let of_door =
        |(door, durations): (&'static str, &Durations)| ([("door", door.to_owned())], durations.noted());
    let durations = Histograms(app.metrics.doors.durations().map(of_door).collect());
    registry.register("door_answer_duration_seconds", "How long the doors' answers took", durations);
    let refusals = app.metrics.doors.refusals();
    let refusals = Counters(refusals.map(|(reason, count)| ([("reason", reason.into())], count)).collect());
    registry.register("door_refusals", "Sign-ins that were refused, by reason", refusals);
    let places = || {
        let labels = |door: &str, service: &str| [("door", door.to_owned()), ("service", service.to_owned())];
        app.metrics.door_places.all().map(move |(door, service, places)| (labels(door, service), places))
    };
    #[expect(clippy::cast_precision_loss, reason = "a figure for people, exact up to 2^53")]
    let gauges =
        |of: fn(&Places) -> usize| Gauges(places().map(|(labels, at)| (labels, of(at) as f64)).collect());
    let counters = |of: fn(&Places) -> u64| Counters(places().map(|(labels, at)| (labels, of(at))).collect());
    let help = "Connections that are open at the LDAP and SASL doors";
    registry.register("door_connections", help, gauges(Places::taken));
    let help = "How many can be open there at a time";
    registry.register("door_connections_limit", help, gauges(Places::most));
    let help = "Connections closed there because their address had too many";
    registry.register("door_connections_refused", help, counters(Places::refused));
    let help = "Idle connections closed there to make room for others";
    registry.register("door_connections_pushed_out", help, counters(Places::pushed_out));
}

fn of_the_server(app: &App, registry: &mut Registry) {
    let labels = [("version", env!("CARGO_PKG_VERSION").into())];
    let build = Gauges(vec![(labels, 1.0)]);
    registry.register("build_info", "The version that runs", build);
    gauge(registry, "ready", "Whether the doors can say yes", u64::from(health::is_ready(app)));
    let places = &app.metrics.places;
    gauge(registry, "connections", "Connections that are open", places.taken());
    gauge(registry, "connections_limit", "How many can be open at a time", places.most());
    let refused = Counters(vec![([], places.refused())]);
    registry.register(
        "connections_refused",
        "Connections closed because their address had too many",
        refused,
    );
    gauge(registry, "password_hashes_waiting", "Passwords in line to be hashed", app.hasher.waiting());
    gauge(registry, "password_hashes_limit", "How many may stand in that line", LINE);
    let key_made_at = app.metrics.key_made_at.load(std::sync::atomic::Ordering::Relaxed);
    if key_made_at > 0 {
        let help = "When the key was made that seals what is stored, in seconds since 1970";
        gauge(registry, "key_made_timestamp_seconds", help, key_made_at / 1000);
    }
    if let Some(certificate) = &app.certificate {
        let help = "When the certificate ends, in seconds since 1970";
        gauge(
            registry,
            "certificate_expiry_timestamp_seconds",
            help,
            certificate.validity().ends_at.seconds(),
        );
    }
}

fn of_the_store(app: &App, registry: &mut Registry) {
    let figures = app.store.figures();
    gauge(registry, "store_writes_waiting", "Changes in line to be stored", figures.waiting());
    let commits = Histograms(vec![([], figures.commits().noted())]);
    registry.register(
        "store_commit_duration_seconds",
        "How long it took to store a group of changes",
        commits,
    );
    let errors = figures.errors().map(|(kind, count)| ([("kind", kind.to_owned())], count));
    registry.register("store_errors", "Statements that failed, by kind", Counters(errors.collect()));
}

fn of_the_process(app: &App, registry: &mut Registry) {
    let process = Process::read();
    if let Some(seconds) = process.cpu_seconds {
        let help = "Time on processors, user and system";
        registry.register("cpu_seconds", help, Counters(vec![([], seconds)]));
    }
    for (name, help, value) in [
        ("resident_memory_bytes", "Memory that is resident", process.resident_bytes),
        ("open_fds", "Files that are open", process.open_files),
        ("max_fds", "How many files may be open", process.most_files),
        ("threads", "Threads", process.threads),
    ] {
        if let Some(value) = value {
            gauge(registry, name, help, value);
        }
    }
    let started = app.metrics.started_at.seconds();
    gauge(registry, "start_time_seconds", "When the server started, in seconds since 1970", started);
}

/// A number as it stands.
fn gauge(registry: &mut Registry, name: &str, help: &str, value: impl TryInto<i64>) {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people, exact up to 2^53")]
    let value = value.try_into().unwrap_or(i64::MAX) as f64;
    registry.register(name, help, Gauges(vec![([], value)]));
}

/// The durations of one route.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(Arc<Durations>);

impl Kept {
    pub(super) fn note(&self, micros: u64) {
        self.0.note(micros);
    }
}

impl TypedMetric for Kept {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Kept {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        histogram(&mut encoder, &self.0.noted())
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

fn histogram(encoder: &mut MetricEncoder<'_>, noted: &Noted) -> Result<(), std::fmt::Error> {
    encoder.encode_histogram::<[(&str, &str); 0]>(noted.seconds, noted.count, &noted.counts, None)
}

/// Numbers that were counted elsewhere, each with its labels.
#[derive(Debug)]
struct Counters<const N: usize, V = u64>(Vec<(Labels<N>, V)>);

/// Numbers as they stand, each with its labels.
#[derive(Debug)]
struct Gauges<const N: usize>(Vec<(Labels<N>, f64)>);

/// Durations, each with their labels.
#[derive(Debug)]
struct Histograms<const N: usize>(Vec<(Labels<N>, Noted)>);

fn each<const N: usize, V>(
    all: &[(Labels<N>, V)],
    mut encoder: MetricEncoder<'_>,
    write: impl Fn(&mut MetricEncoder<'_>, &V) -> Result<(), std::fmt::Error>,
) -> Result<(), std::fmt::Error>
where
    Labels<N>: EncodeLabelSet,
{
    for (labels, value) in all {
        if N == 0 {
            write(&mut encoder, value)?;
        } else {
            write(&mut encoder.encode_family(labels)?, value)?;
        }
    }
    Ok(())
}

impl<const N: usize, V> EncodeMetric for Counters<N, V>
where
    V: prometheus_client::encoding::EncodeCounterValue,
{
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        each(&self.0, encoder, |encoder, value| {
            encoder.encode_counter::<[(&str, &str); 0], V, f64>(value, None)
        })
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

impl<const N: usize> EncodeMetric for Gauges<N> {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        each(&self.0, encoder, |encoder, value| encoder.encode_gauge(value))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

impl<const N: usize> EncodeMetric for Histograms<N> {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        each(&self.0, encoder, histogram)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
