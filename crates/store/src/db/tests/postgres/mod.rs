//! What is about PostgreSQL alone.

mod fit;
mod outage;
mod owner;
mod statements;
mod tls;
mod transactions;

#[path = "../../../../../../tests/postgres/proxy.rs"]
mod proxy;
