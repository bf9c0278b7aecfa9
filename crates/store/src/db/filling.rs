//! A new database that is filled with the rows of another before anybody uses it.

use super::conn::CommitFailure;
use super::{Conn, DbError, Migration, OpenError, Options, Row, Table, Value};

/// An empty database at some migration, while it is filled: all of it in one transaction, which only [`Filling::finish`] keeps.
pub struct Filling {
    conn: Conn,
    tables: Vec<Table>,
}

impl Filling {
    /// Makes the database, brings it up to the last of `migrations`, and takes out what they put in: all rows come from outside.
    pub(crate) fn begin(mut options: Options, migrations: &[Migration]) -> Result<Self, OpenError> {
        let mut conn = options.prepare(migrations)?;
        let tables = Self::empty(&mut conn).map_err(|source| options.failed(source))?;
        Ok(Self { conn, tables })
    }

    fn empty(conn: &mut Conn) -> Result<Vec<Table>, DbError> {
        let tables = Table::all(conn)?;
        conn.begin_write()?;
        for table in tables.iter().rev() {
            conn.execute(table.delete, &[])?;
        }
        Ok(tables)
    }

    /// Its tables, each after those that it refers to; to be filled in this order.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Adds a row to the table of this place in [`Self::tables`].
    ///
    /// # Errors
    /// As the database has them; then nothing more is taken.
    pub fn insert(&mut self, table: usize, row: &[Value]) -> Result<(), DbError> {
        let Some(table) = self.tables.get(table) else {
            return Err(DbError::Misuse("there is no such table".to_owned()));
        };
        self.conn.execute(table.insert, row).map(drop)
    }

    /// How many rows each table has by now.
    ///
    /// # Errors
    /// As the database has them.
    pub fn counts(&mut self) -> Result<Vec<i64>, DbError> {
        counts(&mut self.conn, &self.tables)
    }

    /// Keeps what was filled in.
    ///
    /// # Errors
    /// As the database has them.
    pub fn finish(mut self) -> Result<(), DbError> {
        self.conn.commit().map_err(|failure| match failure {
            CommitFailure::NotStored(error) | CommitFailure::Unknown(error) => error,
        })
    }
}

/// How many rows each of these tables has.
pub(crate) fn counts(conn: &mut Conn, tables: &[Table]) -> Result<Vec<i64>, DbError> {
    let count = |table: &Table| match conn.query_one(table.count, &[])? {
        Some(row) => row.int(0),
        None => Err(DbError::Misuse("a count found nothing".to_owned())),
    };
    tables.iter().map(count).collect()
}

/// Every row of the table to `each`, by its primary key.
pub(crate) fn for_each_row<E: From<DbError>>(
    conn: &mut Conn,
    table: &Table,
    each: &mut dyn FnMut(&Row) -> Result<(), E>,
) -> Result<(), E> {
    conn.for_each(table.select, &[], each)
}
