//! The HTTP door beside its null server.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    data::{self, Sample},
    load::{self, Measured},
    process::Running,
};

/// Measures and prints the table.
pub fn run() {
    let null = Running::start(&["null-server"]);
    println!(
        "| accounts | passwords | answer | connections | null/s | Doorkey/s | ratio | p99 null µs | p99 Doorkey µs | cpu null µs | cpu Doorkey µs |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for count in [10_000, 1_000_000] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let sample = data::fill(&data, count);
        let doorkey = Running::start(&["server", data.to_str().unwrap()]);
        for connections in [8, 64] {
            for (passwords, right) in [(1, true), (25, true), (1, false), (25, false)] {
                let requests = requests(&sample, passwords, right);
                let status = if right { "HTTP/1.1 200" } else { "HTTP/1.1 401" };
                let (ceiling, null_cpu) = measure(&null, connections, requests.clone(), "HTTP/1.1 200");
                let (measured, cpu) = measure(&doorkey, connections, requests, status);
                println!(
                    "| {count} | {passwords} | {} | {connections} | {:.0} | {:.0} | {:.2} | {:.0} | {:.0} | {null_cpu:.1} | {cpu:.1} |",
                    if right { "yes" } else { "no" },
                    ceiling.rate,
                    measured.rate,
                    measured.rate / ceiling.rate,
                    ceiling.p99,
                    measured.p99,
                );
            }
        }
    }
}

fn measure(
    server: &Running,
    connections: usize,
    requests: Vec<Vec<u8>>,
    status: &'static str,
) -> (Measured, f64) {
    let before = server.cpu_micros();
    let measured = load::run(server.address, connections, requests, status);
    let cpu = (server.cpu_micros() - before) / measured.count as f64;
    (measured, cpu)
}

fn requests(sample: &Sample, passwords: usize, right: bool) -> Vec<Vec<u8>> {
    let people = if passwords == 1 { &sample.people[..] } else { std::slice::from_ref(&sample.with_25) };
    people
        .iter()
        .map(|(name, secret)| {
            let secret = if right { secret.as_str() } else { "wron-gwro-ngwr-ongw-rong-wron" };
            let basic = STANDARD.encode(format!("{name}:{secret}"));
            format!(
                "GET /door/http/calendar HTTP/1.1\r\nhost: localhost\r\ndoorkey-service-key: {}\r\nauthorization: Basic {basic}\r\n\r\n",
                sample.key
            )
            .into_bytes()
        })
        .collect()
}
