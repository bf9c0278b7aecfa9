//! Unmodified parts of other projects against the real program: what is proven here is that they understand one another.
//!
//! Everything is on loopback, in folders of its own, and ends with the test. A part that isn't installed fails its test with the line
//! that installs it. `parts` knows how each is started; the other files are named after what they prove.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by panicking, also in the functions that tests share"
)]

mod doorkey;
mod parts;
#[expect(dead_code, unused_imports, reason = "shared with tests/it, which uses the rest")]
#[path = "../it/support/mod.rs"]
mod support;

mod apache;
mod browser;
mod codemagic;
mod dovecot;
mod hand_out;
mod ldap_tools;
mod nginx_mail;
mod postfix;
mod radicale;
mod radicale_itself;
mod set_up;
mod sign_out;
mod traefik;
mod traffic;
mod trials;
