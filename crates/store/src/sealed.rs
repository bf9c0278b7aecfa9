//! THE list of columns whose values are sealed. When the data key changes, each value is sealed anew, so none may be missing here: a
//! test looks for every column of the schema that is named `*_sealed`.

use crate::db::{Conn, DbError, Row, Statement};

/// A column of sealed values.
pub struct Column {
    /// Its table.
    pub table: &'static str,
    /// Its name.
    pub column: &'static str,
    /// What a value is bound to: ids of its row, one after another.
    row: fn(&Row) -> Result<Vec<u8>, DbError>,
    next: &'static Statement,
    swap: &'static Statement,
    left: &'static Statement,
}

/// A value of such a column.
#[derive(Clone, Debug)]
pub struct Value {
    /// What its row is found by.
    pub key: String,
    /// What it is bound to.
    pub row: Vec<u8>,
    /// The value itself, sealed.
    pub sealed: Vec<u8>,
}

macro_rules! columns {
    ($($module:ident: $table:literal, $column:literal, $key:literal, $($bound:literal $id:ty),+;)+) => {
        $(mod $module {
            use crate::db::Statement;
            pub(super) static NEXT: Statement = Statement::new(
                concat!(module_path!(), "::NEXT"),
                concat!("SELECT ", $key, ", ", $column, $(", ", $bound,)+ " FROM ", $table, " WHERE SUBSTR(", $column,
                    ", 1, 9) <> $1 AND LENGTH(", $column, ") > 0 AND ", $key, " > $2 ORDER BY ", $key, " LIMIT $3"),
            );
            pub(super) static SWAP: Statement = Statement::new(
                concat!(module_path!(), "::SWAP"),
                concat!("UPDATE ", $table, " SET ", $column, " = $3 WHERE ", $key, " = $1 AND ", $column, " = $2"),
            );
            pub(super) static LEFT: Statement = Statement::new(
                concat!(module_path!(), "::LEFT"),
                concat!("SELECT CAST(COUNT(*) AS BIGINT) FROM ", $table, " WHERE SUBSTR(", $column,
                    ", 1, 9) <> $1 AND LENGTH(", $column, ") > 0"),
            );
        })+

        /// Every column of sealed values.
        pub static COLUMNS: &[Column] = &[$(Column {
            table: $table,
            column: $column,
            row: |row| {
                let (mut bound, mut column) = (Vec::new(), 2..);
                $(
                    let id: $id = crate::row::parsed(row, column.next().unwrap_or_default())?;
                    bound.extend_from_slice(&id.to_bytes());
                )+
                Ok(bound)
            },
            next: &$module::NEXT,
            swap: &$module::SWAP,
            left: &$module::LEFT,
        }),+];

        #[cfg(test)]
        pub(crate) static STATEMENTS: &[&Statement] = &[$(&$module::NEXT, &$module::SWAP, &$module::LEFT),+];
    };
}

// A line each: a name for it, its table, itself, the column that its row is found by, and the ids that its values are bound to.
columns! {
    account_password: "accounts", "password_sealed", "id", "id" domain::AccountId;
    totp_secret: "totp", "secret_sealed", "account_id", "account_id" domain::AccountId;
    totp_next: "totp", "next_sealed", "account_id", "account_id" domain::AccountId;
    recovery_code: "recovery_codes", "hash_sealed", "id", "account_id" domain::AccountId, "id" domain::RecoveryCodeId;
    sign_out_secret: "sign_out_ways", "secret_sealed", "service_id", "service_id" domain::ServiceId;
    signing_key: "signing_keys", "private_sealed", "id", "id" domain::SigningKeyId;
    api_key: "api_keys", "private_sealed", "connection_id", "connection_id" domain::ConnectionId;
    letter: "mails", "letter_sealed", "id", "id" domain::MailId;
}

impl Column {
    /// At most `limit` values that don't begin with `sealed_by`, in the order of their rows' keys, those after `after`. An empty value
    /// holds nothing.
    ///
    /// # Errors
    /// As the database has them.
    pub fn sealed_by_others(
        &self,
        conn: &mut Conn,
        sealed_by: &[u8],
        after: &str,
        limit: i64,
    ) -> Result<Vec<Value>, DbError> {
        let rows = conn.query(self.next, &[sealed_by.into(), after.into(), limit.into()])?;
        let value = |row: &Row| {
            let (key, sealed) = (row.text(0)?.to_owned(), row.bytes(1)?.to_owned());
            Ok(Value { key, row: (self.row)(row)?, sealed })
        };
        rows.iter().map(value).collect()
    }

    /// Puts `new` in the place of this value. False when somebody changed it meanwhile.
    ///
    /// # Errors
    /// As the database has them.
    pub fn swap(&self, conn: &mut Conn, value: &Value, new: &[u8]) -> Result<bool, DbError> {
        let params = [value.key.as_str().into(), value.sealed.as_slice().into(), new.into()];
        Ok(conn.execute(self.swap, &params)? == 1)
    }
}

/// How many values don't begin with `sealed_by`, in all columns.
///
/// # Errors
/// As the database has them.
pub fn left(conn: &mut Conn, sealed_by: &[u8]) -> Result<i64, DbError> {
    let mut left = 0;
    for column in COLUMNS {
        let row = conn.query_one(column.left, &[sealed_by.into()])?;
        left += row.ok_or_else(|| crate::row::corrupt("a count"))?.int(0)?;
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn every_sealed_column_of_the_schema_is_in_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorkey.db");
        Store::open_sqlite(&path, |_| ()).unwrap().close();
        let database = rusqlite::Connection::open(&path).unwrap();
        let sql = "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
            WHERE t.type = 'table' AND c.name LIKE '%sealed%' ORDER BY t.name, c.name";
        let mut query = database.prepare(sql).unwrap();
        let found = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let found: Vec<(String, String)> = found.map(Result::unwrap).collect();
        let mut listed: Vec<_> =
            COLUMNS.iter().map(|column| (column.table.to_owned(), column.column.to_owned())).collect();
        listed.sort();
        assert_eq!(found, listed);
    }
}
