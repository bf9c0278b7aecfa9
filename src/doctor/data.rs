//! The database: whether it can be reached, is this version's, and who has it; and what the rest of a look needs of it.

use std::sync::Arc;

use domain::{GroupId, KindSet, ServiceName, Timestamp};
use seal::WrappedKey;
use store::{
    Conn, DataLock, DbError, app_passwords, events,
    figures::{self, Counts, Kept},
    groups, keys, moves, services,
};

use crate::{
    app::App,
    app_passwords::keeper,
    clock::Clock,
    config::{Config, StoreUrl},
    health,
    key::rotate,
    moving::Marked,
};

use super::{About, Findings};

/// What was read of the data.
pub(super) struct Seen {
    /// When.
    pub now: Timestamp,
    /// The database and its version.
    engine: String,
    /// When the last event was written.
    pub latest: Option<Timestamp>,
    /// How many there are.
    pub counts: Counts,
    /// What keeps it going.
    pub kept: Kept,
    /// The data keys; none when they aren't as they were written.
    pub wrapped: Option<Vec<WrappedKey>>,
    /// When the key was made that seals.
    pub key_made_at: Option<Timestamp>,
    /// The services.
    pub services: Vec<Service>,
}

/// A service.
pub(super) struct Service {
    /// Its name.
    pub name: ServiceName,
    /// What it holds.
    pub kinds: KindSet,
    /// When an app was last let in.
    pub last_used: Option<Timestamp>,
    /// Whether it is kept to groups with nobody in them.
    pub for_nobody: bool,
}

fn read(conn: &mut Conn, now: Timestamp) -> Result<Seen, DbError> {
    let members: Vec<(GroupId, u64)> =
        groups::counted(conn)?.into_iter().map(|(group, count)| (group.id, count)).collect();
    let mut allowed = Vec::new();
    groups::for_each_allowed(conn, |service, group| allowed.push((service, group)))?;
    let mut found = Vec::new();
    for service in services::all(conn)? {
        let mut its = allowed.iter().filter(|(of, _)| *of == service.id).peekable();
        let kept = its.peek().is_some();
        let somebody = its.any(|(_, group)| members.iter().any(|(id, count)| id == group && *count > 0));
        let last_used = app_passwords::last_use_of(conn, &service.name)?;
        let (name, kinds) = (service.name, service.kinds);
        found.push(Service { name, kinds, last_used, for_nobody: kept && !somebody });
    }
    Ok(Seen {
        now,
        engine: conn.engine()?,
        latest: events::latest_time(conn)?,
        counts: figures::counts(conn)?,
        kept: figures::kept(conn)?,
        wrapped: rotate::wrapped(&keys::all(conn)?),
        key_made_at: keys::made_at(conn).ok(),
        services: found,
    })
}

/// Where the data is, as people are told.
fn place(config: &Config) -> String {
    match &config.store.url {
        StoreUrl::Sqlite(path) => path.display().to_string(),
        StoreUrl::Postgres(url) => url.to_string(),
    }
}

fn open_to_others(config: &Config, findings: &mut Findings) {
    if let StoreUrl::Postgres(url) = &config.store.url
        && url.is_open_to_others()
    {
        let said = "The connection to the database isn't safe from whoever is between.";
        findings.warning(About::Database, said, "Set sslmode=verify-full in [store] url.");
    }
}

/// That of the server that runs.
pub(super) async fn of_server(app: &Arc<App>, findings: &mut Findings) -> Option<Seen> {
    let (place, now) = (place(&app.config), app.clock.now());
    open_to_others(&app.config, findings);
    // Uses are in memory for a few seconds. If they can't be written down, the next line says why.
    let _ = keeper::write_uses(app).await;
    match app.store.scan(move |conn| read(conn, now)).await {
        Ok(seen) if health::is_ready(app) => {
            findings
                .fine(About::Database, format!("{place} answers, and is this server's ({}).", seen.engine));
            Some(seen)
        }
        Ok(seen) => {
            let said = format!(
                "{place} answers, but the server isn't ready: its doors answer that they can't tell."
            );
            findings.wrong(
                About::Database,
                said,
                "Look at the server's log. If it goes on, restart the server.",
            );
            Some(seen)
        }
        Err(error) => {
            let advice =
                "Doors go on as long as they can. See that the database runs, and that its disk isn't full.";
            findings.wrong(About::Database, format!("{place} can't be read: {error}."), advice);
            None
        }
    }
}

/// That of the data folder where no server runs.
pub(super) fn of_data(config: &Config, findings: &mut Findings) -> Option<Seen> {
    let (place, now) = (place(config), Clock::System.now());
    open_to_others(config, findings);
    if DataLock::is_held(&config.data).unwrap_or(false) {
        let said = format!("A process has {} locked, and no server answers there.", config.data.display());
        let advice =
            "A server may be starting or stopping: try again in a moment. If it goes on, restart the server.";
        findings.wrong(About::Database, said, advice);
    }
    match config.store.url.has_data() {
        Ok(true) => {}
        Ok(false) => {
            let said = format!("There is no data in {place} yet.");
            findings.wrong(
                About::Database,
                said,
                "The first start makes it: doorkey serve. If there was some, look at [store] url.",
            );
            return None;
        }
        Err(error) => {
            findings.wrong(About::Database, error.to_string(), "Nothing works without it.");
            return None;
        }
    }
    let mut look = match store::look(&config.store.url) {
        Ok(look) => look,
        Err(error) => {
            findings.wrong(About::Database, error.to_string(), "Nothing works without it.");
            return None;
        }
    };
    if let Some(holder) = look.holder() {
        let said = format!("{place} is in use by {holder}.");
        findings.warning(
            About::Database,
            said,
            "Only one server can have it: this one doesn't start before that one has stopped.",
        );
    }
    if look.pending() > 0 {
        let steps = super::counted(i64::try_from(look.pending()).unwrap_or(i64::MAX), "step", "steps");
        let said = format!("The data in {place} is of an older version, {steps} behind this one.");
        findings.warning(
            About::Database,
            said,
            "The next start brings it up. Take a backup with the old version first.",
        );
        return None;
    }
    if let Ok(Some(mark)) = look.read(moves::get) {
        let said = format!("{}", Marked::of(mark, &config.store.url));
        findings.wrong(About::Database, said, "No server starts on it.");
        return None;
    }
    let engine = look.engine().to_owned();
    match look.read(|conn| read(conn, now)) {
        Ok(seen) => {
            findings.fine(About::Database, format!("{place} can be read ({engine}). No server runs on it."));
            Some(seen)
        }
        Err(error) => {
            let advice = "Look through it: doorkey admin check";
            findings.wrong(About::Database, format!("{place} can't be read: {error}."), advice);
            None
        }
    }
}
