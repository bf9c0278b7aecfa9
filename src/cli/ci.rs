//! The CI that a command runs in: its identity token, and what its variables say of the run.

use std::process::{Command, Stdio};

use domain::Secret;
use serde::Deserialize;

use super::failure::Failure;

/// Reads a variable of the environment; an empty one is none.
pub(super) type Variables<'v> = &'v dyn Fn(&str) -> Option<String>;

/// The variables of this process.
pub(super) fn of_this_process(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Which CI it is, as far as its identity tokens go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ci {
    GitHub,
    GitLab,
    Circle,
    Buildkite,
    /// One that was given an identity token in `DOORKEY_ID_TOKEN` by whoever set it up.
    Given,
}

impl Ci {
    /// The CI that these variables are of, if it is one that is known.
    pub(super) fn of(variables: Variables<'_>) -> Option<Self> {
        let is = |name: &str| variables(name).is_some();
        [
            (is("GITHUB_ACTIONS"), Self::GitHub),
            (is("GITLAB_CI"), Self::GitLab),
            (is("CIRCLECI"), Self::Circle),
            (is("BUILDKITE"), Self::Buildkite),
            (is("DOORKEY_ID_TOKEN"), Self::Given),
        ]
        .into_iter()
        .find_map(|(is, ci)| is.then_some(ci))
    }

    /// An identity token of this run, for this audience.
    pub(super) async fn identity_token(
        self,
        variables: Variables<'_>,
        audience: &str,
    ) -> Result<Secret<String>, Failure> {
        if let Some(given) = variables("DOORKEY_ID_TOKEN") {
            return Ok(Secret::new(given));
        }
        match self {
            Self::GitHub => of_github(variables, audience).await,
            Self::GitLab => Err(Failure::Refused(format!(
                "There is no identity token in DOORKEY_ID_TOKEN. Give the job one:\n\n    id_tokens:\n      DOORKEY_ID_TOKEN:\n        \
                 aud: {audience}"
            ))),
            Self::Circle => {
                let claims = serde_json::json!({ "aud": audience }).to_string();
                // Where the tool isn't there, the token that each job has does, if the server was told to take its audience.
                let made = printed_by("circleci", &["run", "oidc", "get", "--claims", &claims]);
                made.or_else(|why| variables("CIRCLE_OIDC_TOKEN_V2").map(Secret::new).ok_or(why))
            }
            Self::Buildkite => printed_by(
                "buildkite-agent",
                &[
                    "oidc",
                    "request-token",
                    "--audience",
                    audience,
                    "--claim",
                    "organization_id",
                    "--claim",
                    "pipeline_id",
                ],
            ),
            Self::Given => Err(no_ci()),
        }
    }
}

/// There is no CI that is known here.
pub(super) fn no_ci() -> Failure {
    Failure::Usage(
        "This runs in no CI whose identity tokens are known here: GitHub Actions, GitLab, CircleCI, Buildkite. Put the CI's \
         identity token into DOORKEY_ID_TOKEN, or give a project token: --token-stdin, or in DOORKEY_PROJECT_TOKEN."
            .into(),
    )
}

async fn of_github(variables: Variables<'_>, audience: &str) -> Result<Secret<String>, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        value: String,
    }
    let (Some(url), Some(token)) =
        (variables("ACTIONS_ID_TOKEN_REQUEST_URL"), variables("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
    else {
        return Err(Failure::Refused(
            "GitHub gives this job no identity token. Add to the job, or to the workflow:\n\n    permissions:\n      id-token: write\n\n\
             Pull requests from forks never get one."
                .into(),
        ));
    };
    let lost = |why: String| Failure::Unreachable(format!("GitHub gives no identity token: {why}."));
    let mut url = url::Url::parse(&url).map_err(|error| lost(error.to_string()))?;
    url.query_pairs_mut().append_pair("audience", audience);
    let body = super::client::get(url.as_str(), &token).await.map_err(lost)?;
    let Answer { value } =
        serde_json::from_slice(&body).map_err(|_| lost("its answer can't be read".into()))?;
    Ok(Secret::new(value))
}

/// The one line that a program prints.
fn printed_by(program: &str, arguments: &[&str]) -> Result<Secret<String>, Failure> {
    let refused = |why: String| Failure::Refused(format!("{program} gives no identity token: {why}."));
    let done = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| refused(error.to_string()))?;
    let printed = Secret::new(String::from_utf8_lossy(&done.stdout).trim().to_owned());
    if !done.status.success() || printed.expose().is_empty() {
        return Err(refused(done.status.to_string()));
    }
    Ok(printed)
}

/// What a CI's variables say of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) commit: Option<String>,
    pub(super) reference: Option<String>,
    /// The CI's own page of it.
    pub(super) run: Option<String>,
}

impl Run {
    /// Reads them, whichever CI it is.
    pub(super) fn of(variables: Variables<'_>) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| variables(name));
        let github = || {
            let (server, repository) = (variables("GITHUB_SERVER_URL")?, variables("GITHUB_REPOSITORY")?);
            Some(format!("{server}/{repository}/actions/runs/{}", variables("GITHUB_RUN_ID")?))
        };
        let tag = variables("CIRCLE_TAG").or_else(|| variables("BUILDKITE_TAG"));
        Self {
            commit: first(&[
                "GITHUB_SHA",
                "CI_COMMIT_SHA",
                "CIRCLE_SHA1",
                "BUILDKITE_COMMIT",
                "BITRISE_GIT_COMMIT",
                "GIT_COMMIT",
            ]),
            reference: first(&["GITHUB_REF", "CI_COMMIT_REF_NAME"])
                .or_else(|| tag.map(|tag| format!("refs/tags/{tag}")))
                .or_else(|| {
                    first(&[
                        "CIRCLE_BRANCH",
                        "BUILDKITE_BRANCH",
                        "BITRISE_GIT_BRANCH",
                        "BRANCH_NAME",
                        "GIT_BRANCH",
                    ])
                }),
            run: github().or_else(|| {
                first(&[
                    "CI_JOB_URL",
                    "CIRCLE_BUILD_URL",
                    "BUILDKITE_BUILD_URL",
                    "BITRISE_BUILD_URL",
                    "BUILD_URL",
                ])
                .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn each_ci_is_known_by_its_variables() {
        for (variable, ci) in [
            ("GITHUB_ACTIONS", Some(Ci::GitHub)),
            ("GITLAB_CI", Some(Ci::GitLab)),
            ("CIRCLECI", Some(Ci::Circle)),
            ("BUILDKITE", Some(Ci::Buildkite)),
            ("DOORKEY_ID_TOKEN", Some(Ci::Given)),
            ("JENKINS_URL", None),
        ] {
            let variables = |name: &str| (name == variable).then(|| "true".to_owned());
            assert_eq!(Ci::of(&variables), ci, "{variable}");
        }
    }

    #[test]
    fn the_run_is_read_from_whichever_ci_it_is() {
        let github = of(&[
            ("GITHUB_SHA", "1a2b"),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "northwind/app"),
            ("GITHUB_RUN_ID", "7"),
        ]);
        let run = Run::of(&github);
        assert_eq!(run.run.as_deref(), Some("https://github.com/northwind/app/actions/runs/7"));
        assert_eq!(
            (run.commit.as_deref(), run.reference.as_deref()),
            (Some("1a2b"), Some("refs/heads/main"))
        );
        let tag = of(&[("CIRCLE_TAG", "v1"), ("CIRCLE_BRANCH", "main"), ("CIRCLE_SHA1", "3c")]);
        assert_eq!(Run::of(&tag).reference.as_deref(), Some("refs/tags/v1"));
        // Within an open build this variable leads to a file.
        assert_eq!(Run::of(&of(&[("BITRISE_BUILD_URL", "file:///tmp/x.json")])), Run::default());
        assert_eq!(Run::of(&of(&[])), Run::default());
    }
}
