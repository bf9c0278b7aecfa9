//! Removing an account, with everything that is its own. The log keeps its lines.

use domain::AccountId;

use crate::{
    db::{Conn, DbError, Statement},
    statements,
};

statements! {
    APP_PASSWORDS = "DELETE FROM app_passwords WHERE account_id = $1";
    BROWSERS = "DELETE FROM browsers WHERE account_id = $1";
    API_KEYS = "DELETE FROM api_keys WHERE connection_id IN (SELECT id FROM connections WHERE account_id = $1)";
    CONNECTION_OFFERS = "DELETE FROM connection_offers
        WHERE connection_id IN (SELECT id FROM connections WHERE account_id = $1)";
    CONNECTION_USES = "DELETE FROM connection_uses
        WHERE connection_id IN (SELECT id FROM connections WHERE account_id = $1)";
    CONNECTIONS = "DELETE FROM connections WHERE account_id = $1";
    PROJECTS = "DELETE FROM project_members WHERE account_id = $1";
    GROUPS = "DELETE FROM group_members WHERE account_id = $1";
    LINKS = "DELETE FROM links WHERE account_id = $1";
    RECOVERY_CODES = "DELETE FROM recovery_codes WHERE account_id = $1";
    TOKENS = "DELETE FROM tokens WHERE account_id = $1";
    MAILS = "DELETE FROM mails WHERE account_id = $1";
    NOTICES = "DELETE FROM notices_lately WHERE account_id = $1";
    NAMES = "DELETE FROM account_names WHERE account_id = $1";
    SESSIONS = "DELETE FROM sessions WHERE account_id = $1";
    TOTP = "DELETE FROM totp WHERE account_id = $1";
    WORDS = "DELETE FROM account_words WHERE account_id = $1";
    BUDGET = "DELETE FROM budgets WHERE bucket = $1";
    ACCOUNT = "DELETE FROM accounts WHERE id = $1";
}

/// THE list of what is removed with an account, itself last. A test looks for every table that has a column `account_id`.
static ALL: [&Statement; 19] = [
    &API_KEYS,
    &APP_PASSWORDS,
    &BROWSERS,
    &CONNECTION_OFFERS,
    &CONNECTION_USES,
    &CONNECTIONS,
    &GROUPS,
    &LINKS,
    &MAILS,
    &NAMES,
    &NOTICES,
    &PROJECTS,
    &RECOVERY_CODES,
    &SESSIONS,
    &TOKENS,
    &TOTP,
    &WORDS,
    &BUDGET,
    &ACCOUNT,
];

/// Removes the account and everything that is its own. False when there is no such account.
///
/// # Errors
/// As the database has them.
pub fn remove(conn: &mut Conn, id: AccountId) -> Result<bool, DbError> {
    let mut removed = 0;
    for statement in ALL {
        removed = conn.execute(statement, &[id.to_string().into()])?;
    }
    Ok(removed == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    static TABLES: Statement = Statement::new(
        "the tables that hold something of an account's",
        "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
            WHERE m.type = 'table' AND c.name = 'account_id' ORDER BY m.name",
    );

    static REFERENCES: Statement = Statement::new(
        "the columns that name an account",
        "SELECT m.name, f.\"from\" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f
            WHERE m.type = 'table' AND f.\"table\" = 'accounts' ORDER BY m.name",
    );

    #[test]
    fn nothing_that_an_account_has_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_sqlite(&folder.path().join("doorkey.db"), |_| ()).unwrap();
        let has: Vec<String> = store
            .read(|conn| conn.query(&TABLES, &[])?.iter().map(|row| Ok(row.text(0)?.to_owned())).collect())
            .map_err(|error: DbError| error)
            .unwrap();
        assert!(has.contains(&"sessions".into()) && has.contains(&"events".into()), "{has:?}");
        for table in has.iter().filter(|table| *table != "events") {
            let delete = format!("DELETE FROM {table} WHERE account_id = $1");
            assert!(ALL.iter().any(|statement| statement.sql() == delete), "{table} isn't in the list");
        }
        let others: Vec<(String, String)> = store
            .read(|conn| {
                let rows = conn.query(&REFERENCES, &[])?;
                rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()))).collect()
            })
            .map_err(|error: DbError| error)
            .unwrap();
        for (table, column) in others {
            assert_eq!(
                column, "account_id",
                "{table} names an account in another column: is it removed with it?"
            );
        }
    }
}
