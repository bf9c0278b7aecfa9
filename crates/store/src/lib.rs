//! The store: the only place in the project that knows a database.

pub mod db;
