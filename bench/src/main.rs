//! How fast Doorkey is, as ratios measured in one run: `cargo run --release -p doorkey-bench`.
//!
//! Each line drives two servers in turn, by the same generator over loopback: a null server, made from the same framework and the same
//! loop, that reads the request and answers without checking anything, and Doorkey. Every answer is checked.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measuring tool stops where it can't go on, and prints what it measured"
)]

mod data;
mod http_door;
mod load;
mod process;
mod store;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["null-server"] => process::null_server(),
        ["server", data] => process::server(data.as_ref()),
        ["store"] => store::run(None),
        ["store", url] => store::run(Some(url)),
        _ => http_door::run(),
    }
}
