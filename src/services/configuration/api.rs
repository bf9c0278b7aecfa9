//! Ready configuration, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::Values;
use crate::{access::Admin, app::App, problem::Problem, services::views::KEY_PLACE};

/// Ready configuration for every server that may hold what the service holds.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceConfigurations)]
pub struct All {
    /// By sort of server, as on the service's page.
    configurations: Vec<Described>,
}

/// What to put into one server's configuration.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceConfiguration)]
pub struct Described {
    /// Names it, such as `nginx`.
    id: String,
    /// What sort of server it is for, such as `Mail servers`.
    group: String,
    /// The server, such as `nginx, auth_request`.
    title: String,
    /// What to do with it.
    note: String,
    /// The texts.
    files: Vec<File>,
}

/// A text.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceConfigurationFile)]
pub struct File {
    /// Which file it goes into, where that is the same for everybody.
    place: Option<String>,
    /// The text, with `SERVICE-KEY` where the service's key goes.
    text: String,
}

/// Gives ready configuration for the servers that ask for a service, with the service's own values in it.
#[utoipa::path(
    get, path = "/api/v1/services/{name}/configuration",
    security(("token" = ["administrator"])),
    params(("name" = String, Path, description = "The service's name.", example = "mail")),
    responses((status = 200, description = "The texts, with `SERVICE-KEY` where the key goes.", body = All)),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    admin: Admin,
    Path(name): Path<String>,
) -> Result<Answer<All>, Problem> {
    let service = crate::services::get(&app, &admin, &name)?.service;
    let values = Values::of(&app, service.name.as_str(), service.kinds, KEY_PLACE);
    let mut configurations = Vec::new();
    for group in super::all(&values) {
        for one in group.configurations {
            let files =
                one.files.into_iter().map(|file| File { place: file.place, text: file.text }).collect();
            let (id, title, note) = (one.id, one.title, one.note);
            configurations.push(Described { id, group: group.title.clone(), title, note, files });
        }
    }
    Ok(Answer(All { configurations }))
}
