//! The doors: how a service asks whether a sign-in is good. A door reads bytes, asks `app_passwords::verify` once, and writes bytes;
//! a rule in a door is in the wrong room.

pub mod accept;
pub mod http;
pub mod sasl;
