//! Drives the real program over real sockets. Each test has a server of its own, in a folder of its own, whose clock it can move; each
//! file is named after what it tests. Nothing here sleeps or tries twice: what is waited for is the thing itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by panicking, also in the functions that tests share"
)]

#[expect(unused_imports, reason = "shared with tests/interop, which uses the rest")]
mod support;

mod accounts;
mod activity;
mod api;
mod api_keys;
mod app_passwords;
mod backup;
mod builds;
mod canary;
mod certificates;
mod check;
mod cli;
mod connections;
mod crash;
mod docs;
mod doctor;
mod doors_flood;
mod doors_http;
mod doors_ldap;
mod doors_sasl;
mod events;
mod exec;
mod exec_export;
mod exec_files;
mod exec_server;
mod exec_terminal;
mod full_disk;
mod groups;
mod hand_outs;
mod health;
mod import;
mod logs;
mod mail;
mod meanwhile;
mod metrics;
mod moving;
mod notices;
mod pages;
mod people;
mod postgres;
mod project_connections;
mod project_team;
mod projects;
mod recovery_codes;
mod refusals;
mod reset_links;
mod restore;
mod rotate_key;
mod services;
mod services_changed;
mod sessions;
mod set_up;
mod settings;
mod sign_in;
mod sign_out;
mod start;
mod systemd;
mod tokens;
mod trials;
mod trusted_browsers;
mod two_factor;
