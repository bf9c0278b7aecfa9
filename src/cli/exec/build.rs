//! The build that a command runs in: the one that is open, or one that is opened for it.

use axum::http::Method;
use domain::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::tools::GivenKey;
use crate::cli::builds::{self, Opened, Wanted};
use crate::cli::ci::{self, Run};
use crate::cli::client::{CallError, Client};
use crate::cli::failure::Failure;
use crate::cli::render::read;
use crate::cli::server_url::ServerUrl;

/// A build that is open, and the way to its server.
pub(super) struct Build {
    client: Client,
    pub(super) url: String,
    pub(super) id: Option<String>,
    pub(super) project: Option<String>,
    pub(super) token: Secret<String>,
    /// Whether it was opened here, and is to be closed here.
    pub(super) ours: bool,
}

#[derive(Deserialize)]
struct Answer {
    api_key: Option<Given>,
}

#[derive(Deserialize)]
struct Given {
    key_id: String,
    issuer_id: Option<String>,
    private_key: String,
    #[serde(default)]
    enterprise: bool,
}

impl Build {
    /// The build of the environment: the one that `doorkey builds open`, or a step before, has left there.
    pub(super) fn of_environment() -> Result<Option<Self>, Failure> {
        let Some(token) = variable("DOORKEY_BUILD_TOKEN") else { return Ok(None) };
        Self::at(&server()?, Secret::new(token)).map(Some)
    }

    /// Opens one: by the project token in `DOORKEY_PROJECT_TOKEN`, or by the CI's identity token.
    pub(super) async fn open(project: Option<String>) -> Result<Self, Failure> {
        let (server, variables) = (server()?, &ci::of_this_process);
        let shown = builds::shown(variables, &server.to_string(), false).await?;
        let project = project.or_else(|| variable("DOORKEY_PROJECT"));
        let run = Run::of(variables);
        let wanted = Wanted { server: server.clone(), project, shown, run, minutes: None };
        let opened: Opened = read(&builds::open_build(wanted).await?)?;
        let build = Self::at(&server, Secret::new(opened.token))?;
        Ok(Self { id: Some(opened.id), project: Some(opened.project.id), ours: true, ..build })
    }

    fn at(server: &ServerUrl, token: Secret<String>) -> Result<Self, Failure> {
        let client = Client::at(server, Some(Secret::new(token.expose().clone())))?;
        Ok(Self {
            client,
            url: server.to_string(),
            id: variable("DOORKEY_BUILD"),
            project: variable("DOORKEY_PROJECT"),
            token,
            ours: false,
        })
    }

    /// Asks for the API key.
    pub(super) async fn api_key(&self) -> Result<GivenKey, Failure> {
        let asked = json!({ "give": ["api_key"] });
        let answer = self.client.request(Method::POST, "/build/credentials", Some(&asked)).await?;
        let Answer { api_key } = read(&answer)?;
        let given = api_key.ok_or_else(|| {
            Failure::Refused(
                "This project's builds have no API key. One of its admins can offer theirs, and choose it, on the \
                 project's page, under Team."
                    .into(),
            )
        })?;
        let not_understood = || {
            CallError::NotUnderstood(
                "The server gave an API key that this doorkey can't read. Use the same version as the server.".into(),
            )
        };
        let private_key = Secret::new(given.private_key);
        let key = appleid::ApiKey::read(private_key.expose().as_bytes()).map_err(|_| not_understood())?;
        // It becomes the name of a file.
        let key_id = appleid::key_id(&given.key_id).ok_or_else(not_understood)?;
        Ok(GivenKey { key, key_id, issuer_id: given.issuer_id, enterprise: given.enterprise })
    }

    /// When it ends, as the API has it.
    pub(super) async fn described(&self) -> Result<Value, Failure> {
        Ok(self.client.request(Method::GET, "/build", None).await?)
    }

    /// Closes it: its token is good for nothing from then on.
    pub(super) async fn close(&self) -> Result<(), Failure> {
        self.client.request(Method::DELETE, "/build", None).await?;
        Ok(())
    }
}

/// The server that builds ask.
pub(super) fn server() -> Result<ServerUrl, Failure> {
    let Some(url) = variable("DOORKEY_URL") else {
        return Err(Failure::Usage(
            "Set DOORKEY_URL to your server's URL, like https://doorkey.example.org.".into(),
        ));
    };
    url.trim_end_matches('/')
        .parse()
        .map_err(|error| Failure::Usage(format!("DOORKEY_URL can't be used: {error}.")))
}

/// A variable that is set to something.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
