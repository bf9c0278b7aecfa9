//! How fast what a build's step prints is masked, beside copying it: `cargo run --release -p doorkey-bench mask`.

use std::time::{Duration, Instant};

use ::mask::{Masker, Secret};

/// How long each line is measured.
const MEASURED: Duration = Duration::from_secs(2);

/// How much is read from a pipe at once.
const PIECE: usize = 64 * 1024;

/// A key as Apple gives them out, and a build's token. Neither opens anything.
const SECRETS: [&str; 2] = [
    "-----BEGIN PRIVATE KEY-----\n\
     MIGTAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHkwdwIBAQQgq83vEjRWeJCrze8S\n\
     NFZ4kKvN7xI0VniQq83vEjRWeJCgCgYIKoZIzj0DAQehRANCAASrze8SNFZ4kKvN\n\
     7xI0VniQq83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8SNFZ4kKvN\n\
     7xI0VniQ\n\
     -----END PRIVATE KEY-----\n",
    "dkb_4Zq8vR2mX7nK1pL9sT3wY6bC0dF5gH8jAbCdEf",
];

/// Measures, and prints a line for each kind of text.
pub fn run() {
    println!("\n| text | copying MB/s | masking MB/s | ratio |\n|---|---|---|---|");
    let masker = Masker::new(SECRETS.map(|secret| Secret::Random(secret.as_bytes()))).unwrap();
    let log = "2026-11-21T20:51:13Z [compile] SwiftCompile normal arm64 /Users/ci/Northwind/Sources/App/Map.swift (in target 'App')\n";
    let base64 = "aGVsbG8gd29ybGQsIHRoaXMgaXMgbm8gc2VjcmV0IGF0IGFsbCwgYW5kIGdvZXMgb24gYW5kIG9u";
    let printed = format!("{}{}", log.repeat(200), SECRETS[0]);
    for (name, line) in
        [("a build's log", log), ("base64 of something else", base64), ("a log with the key in it", &printed)]
    {
        let text = line.repeat(16 * 1024 * 1024 / line.len());
        let copying = rate(text.as_bytes(), |piece, out| out.extend_from_slice(piece));
        let mut masker = masker.another();
        let masking = rate(text.as_bytes(), |piece, out| masker.push(piece, out));
        println!("| {name} | {copying:.0} | {masking:.0} | {:.2} |", masking / copying);
    }
}

/// How many megabytes a second go through.
#[expect(clippy::disallowed_methods, reason = "measuring needs a real clock")]
#[expect(clippy::cast_precision_loss, reason = "it is printed without its last digits")]
fn rate(text: &[u8], mut pass: impl FnMut(&[u8], &mut Vec<u8>)) -> f64 {
    let (mut out, mut passed) = (Vec::with_capacity(2 * PIECE), 0);
    let began = Instant::now();
    while began.elapsed() < MEASURED {
        for piece in text.chunks(PIECE) {
            out.clear();
            pass(piece, &mut out);
            passed += std::hint::black_box(&out).len().max(piece.len());
        }
    }
    passed as f64 / 1e6 / began.elapsed().as_secs_f64()
}
