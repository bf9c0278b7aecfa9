//! A statement: a name and a fixed text.

/// One SQL statement with a name for errors and logs.
///
/// The text is static, so that no value can ever become a part of it. Parameters are `$1` to `$n`; the same one may stand
/// in several places.
///
/// ```text
/// static ADD_KEY: Statement = Statement::new("keys.add", "INSERT INTO keys (id, hash) VALUES ($1, $2)");
/// ```
#[derive(Debug)]
pub struct Statement {
    name: &'static str,
    sql: &'static str,
}

impl Statement {
    /// Names a statement.
    ///
    /// Only the five words that read and change rows may begin it. A `COMMIT` or a `PRAGMA` would pull the ground from under the
    /// units of work around it; in a `static` it doesn't compile.
    pub const fn new(name: &'static str, sql: &'static str) -> Self {
        assert!(
            matches!(
                sql.as_bytes().trim_ascii_start(),
                [b'S', b'E', b'L', b'E', b'C', b'T', b' ' | b'\n', ..]
                    | [b'I', b'N', b'S', b'E', b'R', b'T', b' ' | b'\n', ..]
                    | [b'U', b'P', b'D', b'A', b'T', b'E', b' ' | b'\n', ..]
                    | [b'D', b'E', b'L', b'E', b'T', b'E', b' ' | b'\n', ..]
                    | [b'W', b'I', b'T', b'H', b' ' | b'\n', ..]
            ),
            "a statement begins with SELECT, INSERT, UPDATE, DELETE or WITH"
        );
        Self { name, sql }
    }

    /// A statement for a table that the database itself has named. Like every statement it lives as long as the program, so it is
    /// made once for a table, and not for each use.
    pub(super) fn of_table(name: String, sql: String) -> &'static Self {
        Box::leak(Box::new(Self::new(name.leak(), sql.leak())))
    }

    /// The name, for errors and logs.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The text.
    pub const fn sql(&self) -> &'static str {
        self.sql
    }
}
