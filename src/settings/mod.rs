//! The settings in effect, for administrators to see, and how the server that goes by them is. They are changed in their file and the
//! environment, never here: whoever takes over an administrator's session can't lead the server elsewhere.

use std::sync::Arc;

use domain::Timestamp;
use store::Conn;

use crate::{
    access::Admin,
    app::App,
    config::Shown,
    doctor::{self, Reach, Report},
    key,
    mail::smtp,
    problem::Problem,
};

pub mod api;
pub mod pages;
pub mod views;

/// What there is to see.
pub struct Overview {
    /// When the server started.
    pub started_at: Timestamp,
    /// The database and its version.
    pub database: String,
    /// Where the key comes from.
    pub key_place: String,
    /// When the key was made that seals.
    pub key_made_at: Timestamp,
    /// The mail server, if mail is configured.
    pub mail_server: Option<String>,
    /// The file that was read, if there was one.
    pub file: Option<String>,
    /// The settings, and where each is set.
    pub settings: Vec<Shown>,
    /// Settings that are set otherwise by now, and will be used after a restart.
    pub changed: Vec<String>,
    /// What a look at the server found.
    pub report: Report,
}

/// What there is to see. No secret is in it.
///
/// # Errors
/// As the database has them.
pub async fn overview(app: &Arc<App>, _admin: &Admin, reach: Reach) -> Result<Overview, Problem> {
    let (database, key_made_at) =
        app.store.read(|conn: &mut Conn| Ok::<_, Problem>((conn.engine()?, store::keys::made_at(conn)?)))?;
    let origin = app.origin.as_ref();
    Ok(Overview {
        started_at: app.metrics.started_at(),
        database,
        key_place: key::place(&app.config.key),
        key_made_at,
        mail_server: app.config.mail.as_ref().map(|mail| smtp::place(&mail.smtp)),
        file: origin.and_then(|origin| origin.file()).map(|file| file.display().to_string()),
        settings: origin.map(|origin| origin.shown(&app.config)).unwrap_or_default(),
        // What can't be read by now is told by the look.
        changed: origin.and_then(|origin| origin.changed().ok()).unwrap_or_default(),
        report: doctor::of_server(app, reach).await,
    })
}
