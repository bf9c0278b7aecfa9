//! Setting up apps, for programs.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, State},
};
use domain::{HostName, Protocol, PublicServer, Security};
use serde::{Deserialize, Serialize};
use store::set_up::SetUp;
use utoipa::ToSchema;

use super::{Change, Typed};
use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    openapi::words,
    problem::{Problem, of},
    web::json::Json,
};

/// Where apps reach a service by one protocol: a host, a port and how the connection is secured, or an address.
#[derive(Serialize, ToSchema)]
#[schema(as = PublicServer)]
pub struct Described {
    /// What apps speak with it.
    #[schema(value_type = words::Protocol)]
    protocol: Protocol,
    /// The host's name, in its ASCII form.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    host: Option<HostName>,
    /// The port.
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    /// How the connection is secured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::Security>)]
    security: Option<Security>,
    /// The address: of `caldav`, `carddav` and `web`, in the place of host, port and security.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl From<PublicServer> for Described {
    fn from(server: PublicServer) -> Self {
        let protocol = server.protocol;
        match server.url() {
            Some(url) => Self { protocol, host: None, port: None, security: None, url: Some(url) },
            None => Self {
                protocol,
                host: Some(server.host),
                port: Some(server.port),
                security: Some(server.security),
                url: None,
            },
        }
    }
}

/// How apps are set up with a service.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceSetUp)]
pub struct DescribedSetUp {
    /// Its public servers, each protocol once.
    servers: Vec<Described>,
    /// The domains of the e-mail addresses whose apps find these servers by themselves.
    #[schema(value_type = Vec<String>)]
    domains: Vec<HostName>,
}

impl From<SetUp> for DescribedSetUp {
    fn from(set_up: SetUp) -> Self {
        Self { servers: set_up.servers.into_iter().map(Into::into).collect(), domains: set_up.domains }
    }
}

/// Tells how apps are set up with a service.
#[utoipa::path(
    get, path = "/api/v1/services/{name}/set-up", operation_id = "service_set_up",
    security(("token" = ["administrator"])),
    params(("name" = String, Path, description = "The service's name.", example = "mail")),
    responses((status = 200, description = "As people and their apps are told.", body = DescribedSetUp)),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    admin: Admin,
    Path(name): Path<String>,
) -> Result<Answer<DescribedSetUp>, Problem> {
    let (_, set_up) = super::get(&app, &admin, &name)?;
    Ok(Answer(set_up.into()))
}

/// A public server, as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PublicServerRequest)]
pub struct ServerRequest {
    /// What apps speak with it.
    #[schema(value_type = words::Protocol)]
    protocol: String,
    /// The host's name: of `imap`, `pop3`, `submission` and `sieve`.
    #[serde(default)]
    host: Option<String>,
    /// The port. Left out: the usual one.
    #[serde(default)]
    port: Option<i64>,
    /// How the connection is secured. Left out: `tls`.
    #[serde(default)]
    #[schema(value_type = Option<words::Security>)]
    security: Option<String>,
    /// The address: of `caldav`, `carddav` and `web`, beginning with `https://`.
    #[serde(default)]
    url: Option<String>,
}

impl ServerRequest {
    fn read(&self) -> Result<PublicServer, Problem> {
        let protocol = Protocol::from_name(&self.protocol).ok_or_else(|| {
            let names = Protocol::ALL.map(Protocol::name).join(", ");
            wrong(format!("“{}” is none of {names}.", self.protocol))
        })?;
        let security = match self.security.as_deref() {
            None => Security::Tls,
            Some(name) => Security::from_name(name).ok_or_else(|| {
                wrong(format!("“{name}” is neither tls nor starttls. There is nothing without."))
            })?,
        };
        let typed = match (&self.url, &self.host) {
            (Some(url), None) if self.port.is_none() && self.security.is_none() => Typed::Url(url),
            (None, Some(host)) => Typed::Host { host, port: self.port, security },
            _ => {
                return Err(wrong(format!(
                    "Say of {protocol} either its url, or its host with port and security.",
                    protocol = protocol.name()
                )));
            }
        };
        super::server(protocol, typed).map_err(|problem| wrong(problem.detail))
    }
}

fn wrong(detail: String) -> Problem {
    Problem::field("servers", detail)
}

/// `PUT /api/v1/services/{name}/set-up`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ServiceSetUpRequest, example = json!({
    "servers": [
        { "protocol": "imap", "host": "mail.example.org" },
        { "protocol": "submission", "host": "mail.example.org", "port": 587, "security": "starttls" }
    ],
    "domains": ["example.org"]
}))]
pub struct ChangeRequest {
    /// Its public servers, each protocol at most once; none for none.
    servers: Vec<ServerRequest>,
    /// The domains of the e-mail addresses whose apps find these servers by themselves, without signing in. Left out: none.
    #[serde(default)]
    domains: Vec<String>,
}

/// Changes how apps are set up with a service: this takes the place of what was there.
#[utoipa::path(
    put, path = "/api/v1/services/{name}/set-up", operation_id = "change_service_set_up",
    security(("token" = ["administrator", "confirmed"])),
    params(("name" = String, Path, description = "The service's name.", example = "mail")),
    request_body = ChangeRequest,
    responses((status = 200, description = "As people and their apps are told from now on.", body = DescribedSetUp), of::Unfit),
)]
pub async fn change(
    State(app): State<Arc<App>>,
    ctx: Ctx,
    admin: Fresh<Admin>,
    Path(name): Path<String>,
    Json(request): Json<ChangeRequest>,
) -> Result<Answer<DescribedSetUp>, Problem> {
    let servers = request.servers.iter().map(ServerRequest::read).collect::<Result<_, _>>()?;
    let domains = super::domains(request.domains.iter().map(String::as_str))?;
    let changed = match Change::new(servers, domains) {
        Ok(change) => super::change(&app, &ctx, &admin, &name, change).await,
        Err(problem) => Err(problem),
    };
    // Which of the servers it is about stands in the sentence.
    let (_, set_up) = changed.map_err(|problem| match problem.field {
        Some(_) => wrong(problem.detail),
        None => problem,
    })?;
    Ok(Answer(set_up.into()))
}
