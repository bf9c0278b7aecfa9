//! The HTTP door beside its null server.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    data::{self, Sample},
    load::{Work, unnumbered},
    process::{Null, Running},
    table,
};

/// Measures and prints the table.
pub fn run() {
    let null = Running::start(&["null", Null::Http.name()]);
    table::head(&["accounts", "passwords", "answer", "connections"], &[]);
    for count in [10_000, 1_000_000] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let sample = data::fill(&data, count);
        let doorkey = Running::start(&["server", data.to_str().unwrap()]);
        for connections in [8, 64] {
            for (passwords, right) in [(1, true), (25, true), (1, false), (25, false)] {
                let answer = if right { "yes" } else { "no" };
                let about =
                    [count.to_string(), passwords.to_string(), answer.into(), connections.to_string()];
                let status = if right { "HTTP/1.1 200" } else { "HTTP/1.1 401" };
                let ceiling = null.measure(connections, work(&sample, passwords, right, "HTTP/1.1 200"));
                let measured = doorkey.measure(connections, work(&sample, passwords, right, status));
                table::row(&about, &ceiling, &measured, &[]);
            }
        }
    }
}

fn work(sample: &Sample, passwords: usize, right: bool, status: &'static str) -> Work {
    let request = |name: &str, secret: &str| {
        let basic = STANDARD.encode(format!("{name}:{secret}"));
        format!(
            "GET /door/http/calendar HTTP/1.1\r\nhost: localhost\r\ndoorkey-service-key: {}\r\nauthorization: Basic {basic}\r\n\r\n",
            sample.key
        )
        .into_bytes()
    };
    Work {
        requests: sample.sign_ins(passwords, right).map(|(name, secret)| request(name, secret)).collect(),
        apart: 97,
        numbered: unnumbered,
        hello: None,
        // Every answer here is a head without a body.
        is_whole: |answer| answer.ends_with(b"\r\n\r\n"),
        is_right: Box::new(move |answer| answer.starts_with(status.as_bytes())),
        kept: true,
    }
}
