//! How fast Doorkey is, as ratios measured in one run: `cargo run --release -p doorkey-bench`, and `http`, `ldap`, `sasl`,
//! `hand-out`, `mask` or `store` for a part of it.
//!
//! Each line drives two servers in turn, by the same generator over loopback: a null server, made from the same framework and the same
//! loop, that reads the request and answers without checking anything, and Doorkey; and a peer where there is one. Every answer is
//! checked.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measuring tool stops where it can't go on, and prints what it measured"
)]

mod data;
mod hand_out;
mod http_door;
mod ldap_door;
mod load;
mod mask;
mod null;
mod process;
mod sasl_door;
mod store;
mod table;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["null", name] => null::run(process::Null::named(name)),
        ["server", data] => process::server(data.as_ref()),
        ["store"] => store::run(None),
        ["store", url] => store::run(Some(url)),
        ["http"] => http_door::run(),
        ["hand-out"] => hand_out::run(),
        ["mask"] => mask::run(),
        ["ldap"] => ldap_door::run(),
        ["sasl"] => sasl_door::run(),
        _ => {
            http_door::run();
            ldap_door::run();
            sasl_door::run();
            hand_out::run();
            mask::run();
        }
    }
}
