//! What is about SQLite alone.

mod deletion;
mod migrations;
mod outcome;
mod settings;
mod statements;
mod transactions;
mod values;
