//! Doorkey: one self-hosted server that gives software which can't do two-factor authentication a key of its own, and takes it back
//! at once.
//!
//! A map for whoever comes new. A request comes in by [`server`], finds its route in [`router`], and is answered by a slice: a module
//! named after what it does. A slice's `mod.rs` has the use cases: who may, what changes, which event. Its `pages.rs` and
//! `api.rs` translate them to HTML and JSON and decide nothing; its `views.rs` is what the templates show.
//!
//! - [`accounts`]: people, their password, two-factor authentication, one-time links.
//! - [`people`]: what administrators do with accounts: inviting, suspending, removing.
//! - [`sign_in`]: signing in and out, and the budget of failures.
//! - [`sessions`], [`browsers`]: where people are signed in, and the browsers that they trust.
//! - [`tokens`]: personal API tokens, for people's own programs.
//! - [`app_passwords`]: generating, listing, revoking; `verify` is asked by every door, `keeper` does what is done every few seconds.
//! - [`services`]: the servers that ask at the doors.
//! - [`set_up`]: where people's apps reach the services, for people and for their apps.
//! - [`trials`]: testing a service with a password for a few minutes, and what it asked.
//! - [`groups`]: groups of people, which services can be kept to.
//! - [`connections`]: what people have connected for builds to use.
//! - [`projects`]: what a CI builds, its team, and which connections its builds use.
//! - [`builds`]: the runs of a project's pipeline, from their opening to their end.
//! - [`hand_outs`]: what builds receive of the connections that their projects use.
//! - [`refusals`]: sign-ins that were refused, summed up.
//! - [`events`]: the log as people and programs read it.
//! - [`backup`]: all data in one file, and back from it. [`check`]: whether the data is sound. [`moving`]: all data
//!   into another database.
//! - [`doctor`]: looks at everything around the server, and says what to do.
//! - [`settings`]: what the server goes by, for administrators to see.
//! - [`mail`]: letters, and the task that hands them to the mail server.
//! - [`openapi`]: the API's own description, and the pages that show it.
//! - [`sign_out`]: what ends when a password is taken back.
//! - [`doors`]: bytes in, one call of `app_passwords::verify`, bytes out.
//! - [`health`] and [`metrics`]: what those who run the server ask it.
//!
//! What they share: [`app`] is built once and passed on, [`access`] makes the capabilities that use cases name, [`ctx`] is made for
//! each request, [`follow`] keeps in memory what the doors ask, [`problem`] is the one error that people meet, [`web`] is what pages
//! have in common, [`out`] what requests to other servers have. [`config`], [`key`] and [`serve`] start the server, [`cli`] is the
//! command line.
//!
//! Below are the crates: `domain` (the rules), `seal` (encryption at rest), `index` (what a door asks), `appleid` (Apple's keys and
//! dialect), `mask` (keeps secrets out of what is printed), `store` (the only one that knows a database).

pub mod access;
pub mod accounts;
pub mod app;
pub mod app_passwords;
pub mod backup;
pub mod browsers;
pub mod builds;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connections;
pub mod ctx;
pub mod doctor;
pub mod doors;
pub mod events;
pub mod follow;
pub mod groups;
pub mod hand_outs;
pub mod health;
pub mod key;
pub mod logs;
pub mod mail;
pub mod metrics;
pub mod moving;
pub mod openapi;
pub mod out;
pub mod people;
pub mod problem;
pub mod projects;
pub mod refusals;
pub mod router;
pub mod secrets;
pub mod serve;
pub mod server;
pub mod services;
pub mod sessions;
pub mod set_up;
pub mod settings;
pub mod sign_in;
pub mod sign_out;
pub mod tokens;
pub mod trials;
pub mod web;
