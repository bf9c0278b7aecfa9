//! The store: the only place in the project that knows a database.
//!
//! [`Store`] opens the data and runs units of work; a unit of work is a closure over a [`Tx`] that calls the
//! functions below, one module for each feature. They know rows, not rules: who may do what, and when, is decided
//! by the slices of the root package. Every change appends its event ([`events::append`]) in the same unit.

mod db;
mod row;
mod statement;
mod store;

pub mod accounts;
pub mod app_passwords;
pub mod browsers;
pub mod budgets;
pub mod builds;
pub mod check;
pub mod connections;
pub mod copy;
pub mod events;
pub mod figures;
pub mod groups;
pub mod hand_outs;
pub mod identities;
pub mod issuers;
pub mod keys;
pub mod links;
pub mod mails;
pub mod moves;
pub mod notices;
pub mod people;
pub mod project_invitations;
pub mod project_tokens;
pub mod projects;
pub mod recovery_codes;
pub mod removal;
pub mod restored;
pub mod rules;
pub mod sealed;
pub mod services;
pub mod sessions;
pub mod set_up;
pub mod sign_outs;
pub mod tokens;
pub mod totp;

pub use db::{
    Column, ColumnType, Conn, DataLock, DbError, Filling, Lease, LockError, Look, OpenError, PostgresUrl,
    Row, Table, Value, remove_sqlite, replace_sqlite,
};
pub use store::{
    Commit, Found, Place, SchemaMark, Store, Tx, fill, fill_sqlite, look, newest_schema, schema_marks,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_is_one_that_the_database_takes() {
        let folder = tempfile::tempdir().unwrap();
        let lock = DataLock::acquire(folder.path()).unwrap();
        let in_postgres = db::tests::cluster::is_wanted().then(|| db::tests::cluster::shared().database());
        let place = match &in_postgres {
            None => Place::Sqlite(folder.path().join("doorkey.db")),
            Some(database) => Place::Postgres(PostgresUrl::parse(&database.url()).unwrap()),
        };
        let store = Store::open(&place, &lock, Lease::default(), |_| ()).unwrap();
        let all = [
            accounts::STATEMENTS,
            app_passwords::STATEMENTS,
            browsers::STATEMENTS,
            budgets::STATEMENTS,
            builds::STATEMENTS,
            check::STATEMENTS,
            connections::STATEMENTS,
            events::STATEMENTS,
            figures::STATEMENTS,
            groups::STATEMENTS,
            hand_outs::STATEMENTS,
            identities::STATEMENTS,
            issuers::STATEMENTS,
            keys::STATEMENTS,
            links::STATEMENTS,
            people::STATEMENTS,
            project_invitations::STATEMENTS,
            project_tokens::STATEMENTS,
            projects::STATEMENTS,
            recovery_codes::STATEMENTS,
            removal::STATEMENTS,
            restored::STATEMENTS,
            mails::STATEMENTS,
            moves::STATEMENTS,
            notices::STATEMENTS,
            rules::STATEMENTS,
            sealed::STATEMENTS,
            services::STATEMENTS,
            sessions::STATEMENTS,
            set_up::STATEMENTS,
            sign_outs::STATEMENTS,
            tokens::STATEMENTS,
            totp::STATEMENTS,
        ];
        for statement in all.concat() {
            store
                .read(|conn| conn.check(statement))
                .unwrap_or_else(|error| panic!("{}: {error}", statement.name()));
        }
    }
}
