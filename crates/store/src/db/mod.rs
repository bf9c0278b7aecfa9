//! The thin layer over the database: statements with numbered parameters, one queue for all writes, pools for reads,
//! migrations and the lock on the data folder.
//!
//! The rest of the store writes one SQL text for every database and sees none of their differences: where two databases
//! would answer differently, this layer takes the stricter answer on all of them.

mod conn;
mod database;
mod error;
mod figures;
mod files;
mod filling;
mod lease;
mod lock;
mod look;
mod migrate;
mod postgres;
mod queue;
mod readers;
mod replace;
mod shape;
mod sqlite;
mod statement;
mod unit;
mod value;
mod writer;

pub use conn::Conn;
pub use database::{Database, Options};
pub use error::{ConflictKind, DbError, OpenError};
pub use figures::Figures;
pub use filling::Filling;
pub(crate) use filling::{counts, for_each_row};
pub use lease::Lease;
pub use lock::{DataLock, LockError};
pub use look::Look;
pub use migrate::Migration;
pub use postgres::PostgresUrl;
pub(crate) use postgres::is_made;
pub use replace::{remove_sqlite, replace_sqlite};
pub use shape::{Column, ColumnType, Shape, Table};
pub use statement::Statement;
pub use unit::Tx;
pub use value::{Row, Value};
pub use writer::Outcome;

#[cfg(test)]
pub(crate) mod tests;
