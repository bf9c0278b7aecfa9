//! A look at data that no server in this process has opened: nothing is made, locked, or brought up to the newest migration.

use super::conn::Role;
use super::{Conn, DbError, Migration, OpenError, Options, migrate};

/// Data that is looked at.
pub struct Look {
    conn: Conn,
    engine: String,
    holder: Option<String>,
    pending: usize,
}

impl Look {
    pub(crate) fn at(options: &Options, migrations: &[Migration]) -> Result<Self, OpenError> {
        let mut conn = options.connect(Role::Scan)?;
        if let Some(why) = conn.misfit().map_err(|source| options.failed(source))? {
            return Err(OpenError::Unfit { place: options.place(), why });
        }
        let asked = (|| Ok((conn.engine()?, conn.holder()?)))();
        let (engine, holder) = asked.map_err(|source| options.failed(source))?;
        let pending = migrate::missing(&mut conn, migrations, &options.place())?.len();
        Ok(Self { conn, engine, holder, pending })
    }

    /// The database and its version, such as `SQLite 3.50.4`.
    #[must_use]
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// Who has the data, as far as the database itself knows; a file doesn't.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        self.holder.as_deref()
    }

    /// How many migrations the data hasn't seen yet: until it has, not everything in it can be read.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.pending
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// As the work returns, and as the database has them.
    pub fn read<R, E: From<DbError>>(
        &mut self,
        work: impl FnOnce(&mut Conn) -> Result<R, E>,
    ) -> Result<R, E> {
        self.conn.reading(work)
    }
}
