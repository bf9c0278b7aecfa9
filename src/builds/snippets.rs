//! What has to stand in a CI's own file, with this server's and the project's values in it.

use store::projects::Project;

use crate::app::App;

/// Lines for a CI.
pub struct Snippet {
    /// Which CI.
    pub ci: &'static str,
    /// What to know of it, in a sentence.
    pub about: &'static str,
    /// The lines.
    pub lines: String,
}

/// One for each CI that is known, and one for those that sign no identity tokens.
pub fn all(app: &App, project: &Project) -> Vec<Snippet> {
    let (url, id) = (app.config.http.public_url.as_str(), project.id.to_string());
    let fill = |lines: &str| lines.replace("<server>", url).replace("<project>", &id);
    let snippet = |ci, about, lines: &str| Snippet { ci, about, lines: fill(lines) };
    vec![
        snippet(
            "GitHub Actions",
            "The job needs the permission to ask for an identity token. Pull requests from forks have none.",
            "permissions:
  contents: read
  id-token: write
env:
  DOORKEY_URL: <server>
  DOORKEY_PROJECT: <project>
steps:
  - run: doorkey exec -- fastlane release",
        ),
        snippet(
            "GitLab",
            "The identity token comes in the variable that id_tokens names.",
            "release:
  id_tokens:
    DOORKEY_ID_TOKEN:
      aud: <server>
  variables:
    DOORKEY_URL: <server>
    DOORKEY_PROJECT: <project>
  script:
    - doorkey exec -- fastlane release",
        ),
        snippet(
            "CircleCI",
            "The identity token is asked for with the tool circleci, which each job has.",
            "jobs:
  release:
    environment:
      DOORKEY_URL: <server>
      DOORKEY_PROJECT: <project>
    steps:
      - run: doorkey exec -- fastlane release",
        ),
        snippet(
            "Buildkite",
            "The identity token is asked for with buildkite-agent, with the ids of pipeline and organization in it.",
            "env:
  DOORKEY_URL: <server>
  DOORKEY_PROJECT: <project>
steps:
  - command: doorkey exec -- fastlane release",
        ),
        snippet(
            "Another one, or a shell",
            "Make a project token, and keep it as a secret of the CI in DOORKEY_PROJECT_TOKEN.",
            "export DOORKEY_URL=<server>
doorkey exec -- fastlane release",
        ),
    ]
}
