//! The tables as the database itself knows them. Whatever handles all data, as a backup does, takes its list from here, so that no
//! table and no column can be forgotten.

use super::{Conn, DbError, Statement};

/// A table, as the database describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub name: String,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// The columns of its primary key, in their order.
    pub key: Vec<String>,
    /// The tables that its rows refer to.
    pub references: Vec<String>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub of: ColumnType,
}

/// What a column holds: one of the three types that mean the same on every database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// TEXT
    Text,
    /// BIGINT
    BigInt,
    /// BYTEA
    Bytea,
}

impl ColumnType {
    /// The type as SQL has it.
    #[must_use]
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::BigInt => "BIGINT",
            Self::Bytea => "BYTEA",
        }
    }

    /// The type of this name in SQL.
    #[must_use]
    pub fn from_sql(name: &str) -> Option<Self> {
        [Self::Text, Self::BigInt, Self::Bytea].into_iter().find(|of| of.sql() == name)
    }
}

/// A table, with the statements that handle all of it.
#[derive(Clone, Debug)]
pub struct Table {
    shape: Shape,
    pub(super) count: &'static Statement,
    pub(super) select: &'static Statement,
    pub(super) insert: &'static Statement,
    pub(super) delete: &'static Statement,
}

impl Table {
    /// Every table that there is, each after those that it refers to.
    ///
    /// The statements are made anew at each call and stay for good: ask once, and keep the answer.
    pub(crate) fn all(conn: &mut Conn) -> Result<Vec<Self>, DbError> {
        let mut waiting = conn.shapes()?;
        waiting.sort_by(|a, b| a.name.cmp(&b.name));
        let mut placed: Vec<Self> = Vec::new();
        while !waiting.is_empty() {
            let ready = waiting.iter().position(|shape| {
                let there =
                    |name: &String| *name == shape.name || placed.iter().any(|t| t.shape.name == *name);
                shape.references.iter().all(there)
            });
            let Some(ready) = ready else {
                return Err(DbError::Misuse("the tables refer to each other in a circle".to_owned()));
            };
            placed.push(Self::of(waiting.remove(ready)));
        }
        Ok(placed)
    }

    fn of(shape: Shape) -> Self {
        let name = &shape.name;
        let columns = shape.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        let key = shape.key.join(", ");
        let places: Vec<_> = (1..=shape.columns.len()).map(|place| format!("${place}")).collect();
        let places = places.join(", ");
        let statement = |what: &str, sql: String| Statement::of_table(format!("{name}.{what}"), sql);
        Self {
            count: statement("count_all", format!("SELECT CAST(COUNT(*) AS BIGINT) FROM {name}")),
            select: statement("copy_out", format!("SELECT {columns} FROM {name} ORDER BY {key}")),
            insert: statement("copy_in", format!("INSERT INTO {name} ({columns}) VALUES ({places})")),
            delete: statement("empty", format!("DELETE FROM {name}")),
            shape,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shape.name
    }

    /// Its columns, in the order of a row's values.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.shape.columns
    }
}
