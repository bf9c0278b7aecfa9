//! All rows of all tables, as they are: what a backup is made of. Written into another database through [`crate::Filling`].
//!
//! The list of tables is the database's own, so whatever a migration adds is copied too.

use crate::{
    Table,
    db::{self, Conn, DbError, Row},
};

/// How many rows each of these tables has.
///
/// # Errors
/// As the database has them.
pub fn counts(conn: &mut Conn, tables: &[Table]) -> Result<Vec<i64>, DbError> {
    db::counts(conn, tables)
}

/// Every row of the table to `each`, one after another, by the table's primary key. A value for each of [`Table::columns`].
///
/// # Errors
/// As the database has them, and as `each` returns.
pub fn for_each_row<E: From<DbError>>(
    conn: &mut Conn,
    table: &Table,
    mut each: impl FnMut(&Row) -> Result<(), E>,
) -> Result<(), E> {
    db::for_each_row(conn, table, &mut each)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColumnType, Store, Value, fill_sqlite, newest_schema};

    fn store(folder: &std::path::Path) -> Store {
        Store::open_sqlite(&folder.join("doorkey.db"), |_| ()).unwrap()
    }

    /// A value that fits the column, and is another for another row. What refers to another row has to name it, which the same
    /// number in every column does.
    fn value(of: ColumnType, number: i64) -> Value {
        match of {
            ColumnType::Text => Value::Text(format!("text {number} \" \\ \n \u{1F511}")),
            ColumnType::BigInt => Value::Int(number),
            ColumnType::Bytea => Value::Bytes(vec![0, 0xff, u8::try_from(number).unwrap()]),
        }
    }

    fn all(store: &Store) -> Vec<(String, Vec<Vec<Value>>)> {
        let tables = store.tables().unwrap();
        store
            .scan_blocking(|conn| {
                let mut found = Vec::new();
                for table in tables.iter() {
                    let mut rows = Vec::new();
                    for_each_row(conn, table, |row| {
                        rows.push(row.values().to_vec());
                        Ok::<_, DbError>(())
                    })?;
                    found.push((table.name().to_owned(), rows));
                }
                Ok::<_, DbError>(found)
            })
            .unwrap()
    }

    #[test]
    fn every_table_and_column_of_the_schema_is_copied_to_the_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("first.db");
        let mut filling = fill_sqlite(&path, newest_schema()).unwrap();
        let tables = filling.tables().to_vec();
        for (place, table) in tables.iter().enumerate() {
            for number in 1..=3 {
                let row: Vec<_> = table.columns().iter().map(|column| value(column.of, number)).collect();
                filling.insert(place, &row).unwrap_or_else(|error| panic!("{}: {error}", table.name()));
            }
        }
        filling.finish().unwrap();
        let first = Store::open_sqlite(&path, |_| ()).unwrap();
        let rows = all(&first);
        assert_eq!(rows.len(), tables.len());
        assert!(rows.iter().all(|(_, rows)| rows.len() == 3), "{rows:?}");

        let copy = folder.path().join("copy.db");
        let mut filling = fill_sqlite(&copy, newest_schema()).unwrap();
        for (place, (_, rows)) in rows.iter().enumerate() {
            for row in rows {
                filling.insert(place, row).unwrap();
            }
        }
        assert_eq!(filling.counts().unwrap(), vec![3; tables.len()]);
        filling.finish().unwrap();
        assert!(all(&Store::open_sqlite(&copy, |_| ()).unwrap()) == rows);
    }

    #[test]
    fn a_table_comes_after_those_that_it_refers_to() {
        let folder = tempfile::tempdir().unwrap();
        let tables = store(folder.path()).tables().unwrap();
        let place = |name: &str| tables.iter().position(|table| table.name() == name).unwrap();
        assert!(place("accounts") < place("app_passwords"));
        assert!(place("accounts") < place("group_members") && place("groups") < place("group_members"));
        assert!(tables.iter().all(|table| table.name() != "schema_migrations"));
    }

    #[test]
    fn what_is_not_finished_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorkey.db");
        let mut filling = fill_sqlite(&path, newest_schema()).unwrap();
        let counter = filling.tables().iter().position(|table| table.name() == "event_counter").unwrap();
        filling.insert(counter, &[7.into(), 8.into(), 9.into()]).unwrap();
        drop(filling);
        assert_eq!(store(folder.path()).read(crate::events::last).unwrap().number, 0);
    }

    #[test]
    fn a_row_that_refers_to_nothing_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut filling = fill_sqlite(&folder.path().join("doorkey.db"), newest_schema()).unwrap();
        let names = filling.tables().iter().position(|table| table.name() == "account_names").unwrap();
        assert!(filling.insert(names, &["ada".into(), "acc_1".into()]).is_err());
    }
}
