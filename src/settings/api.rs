//! Settings, for programs.

use std::sync::Arc;

use axum::{Json as Answer, extract::State};
use domain::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Overview;
use crate::{
    access::Admin,
    app::App,
    config::Place,
    doctor::{Check, Reach, Report},
    openapi::words,
    problem::Problem,
};

/// The settings in effect, and the server that goes by them.
#[derive(Serialize, ToSchema)]
#[schema(as = Settings)]
pub struct Described {
    /// The server's version.
    version: &'static str,
    /// When it started.
    #[schema(value_type = words::Time)]
    started_at: Timestamp,
    /// The database and its version.
    database: String,
    /// The key that seals what is stored.
    key: Key,
    /// The mail server and its port; nothing when no mail is configured.
    mail_server: Option<String>,
    /// The file that settings were read from; nothing when there was none.
    file: Option<String>,
    /// Every setting.
    settings: Vec<Setting>,
    /// Settings that are set otherwise by now: the server uses them after a restart.
    restart_for: Vec<String>,
    /// What the server sees of itself. `GET /api/v1/settings/checks` looks further.
    checks: Vec<Check>,
}

/// The key that seals what is stored.
#[derive(Serialize, ToSchema)]
#[schema(as = SealingKey)]
pub struct Key {
    /// Where it comes from: a file, or the setting.
    place: String,
    /// When it was made.
    #[schema(value_type = words::Time)]
    made_at: Timestamp,
}

/// A setting in effect.
#[derive(Serialize, ToSchema)]
#[schema(as = Setting)]
pub struct Setting {
    /// Its section; empty above all sections.
    section: String,
    /// Its name.
    name: &'static str,
    /// What it is, with *** for user and password; empty when it is off.
    value: String,
    /// Where it comes from.
    source: Source,
    /// The line, the variable or the option that sets it; nothing for a default.
    place: Option<String>,
}

/// Where a setting comes from.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SettingSource)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The file.
    File,
    /// A variable.
    Environment,
    /// The command line.
    Option,
}

impl From<Option<&Place>> for Source {
    fn from(place: Option<&Place>) -> Self {
        match place {
            None => Self::Default,
            Some(Place::File(_) | Place::Line(..)) => Self::File,
            Some(Place::Variable(_)) => Self::Environment,
            Some(Place::Option(_)) => Self::Option,
        }
    }
}

/// Shows the settings in effect, and where each comes from.
///
/// No secret is among them.
#[utoipa::path(
    get, path = "/api/v1/settings",
    security(("token" = ["administrator"])),
    responses((status = 200, description = "The settings, and the server that goes by them.", body = Described)),
)]
pub async fn get(State(app): State<Arc<App>>, admin: Admin) -> Result<Answer<Described>, Problem> {
    let Overview {
        started_at,
        database,
        key_place,
        key_made_at,
        mail_server,
        file,
        settings,
        changed,
        report,
    } = super::overview(&app, &admin, Reach::Machine).await?;
    let settings = settings.into_iter().map(|shown| Setting {
        source: shown.place.as_ref().into(),
        place: shown.place.map(|place| place.to_string()),
        section: shown.section,
        name: shown.name,
        value: shown.value,
    });
    Ok(Answer(Described {
        version: env!("CARGO_PKG_VERSION"),
        started_at,
        database,
        key: Key { place: key_place, made_at: key_made_at },
        mail_server,
        file,
        settings: settings.collect(),
        restart_for: changed,
        checks: report.checks,
    }))
}

/// Looks at everything around the server, the mail server and the public URL too, as `doorkey doctor` does.
///
/// Nothing is changed or sent. It may take some seconds.
#[utoipa::path(
    get, path = "/api/v1/settings/checks",
    security(("token" = ["administrator"])),
    responses((status = 200, description = "What was found.", body = Report)),
)]
pub async fn checks(State(app): State<Arc<App>>, admin: Admin) -> Result<Answer<Report>, Problem> {
    super::overview(&app, &admin, Reach::Network).await.map(|seen| Answer(seen.report))
}
