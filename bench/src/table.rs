//! The tables that are printed, as Markdown.

use crate::process::OnProcessor;

/// The first two lines. What the rows are about comes first, and what peers gave last.
pub fn head(about: &[&str], peers: &[&str]) {
    let measured =
        ["null/s", "Doorkey/s", "ratio", "p99 null µs", "p99 Doorkey µs", "cpu null µs", "cpu Doorkey µs"];
    let peers: Vec<_> =
        peers.iter().flat_map(|peer| [format!("{peer}/s"), format!("Doorkey to {peer}")]).collect();
    let all = about.iter().chain(&measured).map(|text| (*text).to_owned()).chain(peers);
    let all: Vec<_> = all.collect();
    println!("\n| {} |", all.join(" | "));
    println!("|{}", "---|".repeat(all.len()));
}

/// A row, as long as the head.
pub fn row(about: &[String], null: &OnProcessor, doorkey: &OnProcessor, peers: &[&OnProcessor]) {
    let mut cells = about.to_vec();
    cells.extend([
        format!("{:.0}", null.measured.rate),
        format!("{:.0}", doorkey.measured.rate),
        format!("{:.2}", doorkey.measured.rate / null.measured.rate),
        format!("{:.0}", null.measured.p99),
        format!("{:.0}", doorkey.measured.p99),
        format!("{:.1}", null.micros),
        format!("{:.1}", doorkey.micros),
    ]);
    for peer in peers {
        cells.push(format!("{:.0}", peer.measured.rate));
        cells.push(format!("{:.1}", doorkey.measured.rate / peer.measured.rate));
    }
    println!("| {} |", cells.join(" | "));
}
