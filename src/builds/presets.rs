//! What the identity tokens of each CI say, and what they prove. What a token doesn't prove isn't assumed.
//!
//! Names can be given away: whoever takes the name of a repository that was renamed has its tokens. So a rule names the id that a CI never gives
//! twice; what else it names narrows that down.

use domain::{Ci, Origin, RuleTerms};
use store::issuers::Issuer;

use super::identity::Claims;

/// A claim that a rule can name.
pub struct Term {
    /// Its name.
    pub claim: &'static str,
    /// What it is, for people.
    pub label: &'static str,
    /// An example.
    pub example: &'static str,
    /// Whether it is an id, which is compared as it is.
    pub is_id: bool,
}

const fn id(claim: &'static str, label: &'static str, example: &'static str) -> Term {
    Term { claim, label, example, is_id: true }
}

const fn name(claim: &'static str, label: &'static str, example: &'static str) -> Term {
    Term { claim, label, example, is_id: false }
}

const GITHUB: &[Term] = &[
    id("repository_id", "Repository ID", "741852963"),
    name("ref", "Branch or tag", "refs/heads/main"),
    name("environment", "Environment", "production"),
    id("repository_owner_id", "Owner ID", "1234567"),
    name("repository", "Repository", "northwind/app"),
    name("workflow_ref", "Workflow", "northwind/app/.github/workflows/release.yml@refs/heads/main"),
    name("job_workflow_ref", "Reusable workflow", "northwind/ci/.github/workflows/release.yml@refs/tags/v1"),
    name("runner_environment", "Runner", "github-hosted"),
];

const GITLAB: &[Term] = &[
    id("project_id", "Project ID", "46573356"),
    name("ref_path", "Branch or tag", "refs/heads/main"),
    name("environment", "Environment", "production"),
    id("namespace_id", "Group ID", "1234567"),
    name("project_path", "Project", "northwind/app"),
    name("ref_protected", "Protected ref", "true"),
    name("ci_config_ref_uri", "Pipeline file", "gitlab.com/northwind/app//.gitlab-ci.yml@refs/heads/main"),
    name("runner_environment", "Runner", "gitlab-hosted"),
];

const CIRCLECI: &[Term] = &[
    id("oidc.circleci.com/project-id", "Project ID", "5f3a1c9e-7b42-4d10-9a6e-2c8d41f0b7aa"),
    name("oidc.circleci.com/vcs-ref", "Branch or tag", "refs/heads/main"),
    name("oidc.circleci.com/vcs-origin", "Repository", "github.com/northwind/app"),
    id(
        "oidc.circleci.com/pipeline-definition-id",
        "Pipeline definition ID",
        "0d9b6f34-51c2-4e8a-8f77-a3e2c1d4b5f6",
    ),
];

const BUILDKITE: &[Term] = &[
    id("pipeline_id", "Pipeline ID", "01890f2e-6c1b-4f3a-9d27-5be1c04a7788"),
    name("build_branch", "Branch", "main"),
    name("build_tag", "Tag", "v*"),
    id("organization_id", "Organization ID", "018a44d1-2f6e-4b0c-8e93-7ac5d3f21b60"),
    name("step_key", "Step", "release"),
];

/// The claims that a rule about this CI can name; the first is the id that it has to. None for those of a CI that isn't known here.
pub const fn terms(ci: Ci) -> &'static [Term] {
    match ci {
        Ci::GitHub => GITHUB,
        Ci::GitLab => GITLAB,
        Ci::CircleCi => CIRCLECI,
        Ci::Buildkite => BUILDKITE,
        Ci::Other => &[],
    }
}

/// What the CI is called.
pub const fn called(ci: Ci) -> &'static str {
    match ci {
        Ci::GitHub => "GitHub Actions",
        Ci::GitLab => "GitLab",
        Ci::CircleCi => "CircleCI",
        Ci::Buildkite => "Buildkite",
        Ci::Other => "Another CI",
    }
}

/// Where the CI's own issuer is; with a place to fill in where each organization or installation has its own.
pub const fn issuer_url(ci: Ci) -> &'static str {
    match ci {
        Ci::GitHub => "https://token.actions.githubusercontent.com",
        Ci::GitLab => "https://gitlab.com",
        Ci::CircleCi => "https://oidc.circleci.com/org/ORGANIZATION-ID",
        Ci::Buildkite => "https://agent.buildkite.com",
        Ci::Other => "https://ci.example.org",
    }
}

/// Where to find the id that a rule has to name.
pub const fn where_the_id_is(ci: Ci) -> &'static str {
    match ci {
        Ci::GitHub => "A number: gh api repos/OWNER/NAME --jq .id prints it.",
        Ci::GitLab => {
            "A number: it stands on the project's own page, in its menu and under Settings, General."
        }
        Ci::CircleCi => "It stands under Project Settings, Overview.",
        Ci::Buildkite => "It stands under the pipeline's Settings, GraphQL API Integration, as UUID.",
        Ci::Other => "The claim that the server's administrators named.",
    }
}

/// The claim that names the project for good.
pub fn id_claim(issuer: &Issuer) -> &str {
    match terms(issuer.ci).first() {
        Some(term) => term.claim,
        None => issuer.claim.as_deref().unwrap_or("sub"),
    }
}

/// Whether a claim is an id, which is compared as it is.
pub fn is_id(issuer: &Issuer, claim: &str) -> bool {
    claim == id_claim(issuer) || terms(issuer.ci).iter().any(|term| term.claim == claim && term.is_id)
}

/// Whether an id can be one of that CI's, so that nobody names a repository where its id is wanted.
pub fn can_be_id(ci: Ci, value: &str) -> bool {
    let is_number = || value.bytes().all(|b| b.is_ascii_digit());
    let is_uuid = || {
        let mut lengths = value.split('-').map(str::len);
        lengths.by_ref().eq([8, 4, 4, 4, 12])
            && value.bytes().all(|b| matches!(b, b'-' | b'0'..=b'9' | b'a'..=b'f'))
    };
    match ci {
        Ci::GitHub | Ci::GitLab => is_number(),
        Ci::CircleCi | Ci::Buildkite => is_uuid(),
        Ci::Other => true,
    }
}

/// The events by which GitHub runs nothing but what is in the repository, started by those who may write to it. A deployment isn't among them:
/// it can be of a fork's commit, and its token doesn't say.
const GITHUB_OWN: &[&str] = &[
    "push",
    "schedule",
    "workflow_dispatch",
    "repository_dispatch",
    "release",
    "create",
    "merge_group",
    "registry_package",
];

/// By what GitLab runs a pipeline of a branch or a tag.
const GITLAB_OWN: &[&str] =
    &["push", "web", "api", "schedule", "trigger", "pipeline", "parent_pipeline", "chat", "webide"];

/// Whose the build is, as far as its token proves it. `terms` are of the rule that it fits: some tokens prove nothing by themselves.
pub fn origin(ci: Ci, claims: &Claims, terms: &RuleTerms) -> Origin {
    let said = |name: &str| claims.get(name).unwrap_or_default();
    let is = |name: &str, some: &[&str]| some.contains(&said(name).as_str());
    let is_ref = |name: &str| said(name).starts_with("refs/heads/") || said(name).starts_with("refs/tags/");
    match ci {
        Ci::GitHub if is("event_name", GITHUB_OWN) => Origin::Own,
        // A public repository's pull requests from forks get no token. Where it is private, its owner may have allowed them one, and nothing
        // in it says so. Whatever else there is (pull_request_target, issue_comment, workflow_run) can be started from a fork.
        Ci::GitHub if is("event_name", &["pull_request"]) && is("repository_visibility", &["public"]) => {
            Origin::PullRequest
        }
        Ci::GitLab if is("pipeline_source", GITLAB_OWN) && is_ref("ref_path") => Origin::Own,
        // project_id is where the merge request comes from, job_project_id where it runs; older servers don't say.
        Ci::GitLab
            if is("pipeline_source", &["merge_request_event"])
                && !said("project_id").is_empty()
                && said("project_id") == said("job_project_id") =>
        {
            Origin::PullRequest
        }
        // A fork's build says the project's own id. It differs by where its change comes from, so a rule has to name that.
        Ci::CircleCi if is_ref("oidc.circleci.com/vcs-ref") && names_origin(terms) => Origin::Own,
        // Only tags are told from branches of forks, whose names anybody chooses.
        Ci::Buildkite if !said("build_tag").is_empty() => Origin::Own,
        _ => Origin::MaybeFork,
    }
}

fn names_origin(terms: &RuleTerms) -> bool {
    terms.claims.get("oidc.circleci.com/vcs-origin").is_some_and(|origin| !origin.contains('*'))
}

/// Whether the CI's tokens can show that a pull request is no fork's.
pub const fn tells_pull_requests(ci: Ci) -> bool {
    matches!(ci, Ci::GitHub | Ci::GitLab)
}

/// Which of the CI's builds are a fork's, or can't be told from one.
pub const fn what_is_maybe_fork(ci: Ci) -> &'static str {
    match ci {
        Ci::GitHub => "pull requests in private repositories, pull_request_target, workflow_run and the like",
        Ci::GitLab => "merge requests from other projects",
        Ci::CircleCi => "all builds, unless the rule names the repository",
        Ci::Buildkite => "all builds of branches",
        Ci::Other => "all builds of this CI",
    }
}

/// What is told of a build that these claims don't show to be nobody else's.
pub const fn why_maybe_fork(ci: Ci) -> &'static str {
    match ci {
        Ci::GitHub => "what started it can be started from a fork",
        Ci::GitLab => {
            "it is of a merge request, and its token doesn't show that it comes from the project itself"
        }
        Ci::CircleCi => {
            "the rule doesn't name the repository (oidc.circleci.com/vcs-origin), by which a fork's would differ"
        }
        Ci::Buildkite => "Buildkite's tokens tell only tags from a fork's branches",
        Ci::Other => "this server doesn't know how this CI tells forks",
    }
}

/// What a build is of, as its CI signed it.
pub struct Facts {
    /// The commit.
    pub commit: Option<String>,
    /// The branch, tag or other ref.
    pub reference: Option<String>,
    /// The CI's own address of it.
    pub run: Option<String>,
}

/// What these claims say of the build.
pub fn facts(issuer: &Issuer, claims: &Claims) -> Facts {
    let get = |name: &str| claims.get(name);
    match issuer.ci {
        Ci::GitHub => {
            let host = match issuer.url.strip_suffix("/_services/token") {
                Some(own) => Some(own),
                None => {
                    let rest = issuer.url.strip_prefix(issuer_url(Ci::GitHub));
                    rest.filter(|rest| rest.is_empty() || rest.starts_with('/')).map(|_| "https://github.com")
                }
            };
            let run = host.zip(get("repository")).zip(get("run_id"));
            Facts {
                commit: get("sha"),
                reference: get("ref"),
                run: run.map(|((host, repository), run)| format!("{host}/{repository}/actions/runs/{run}")),
            }
        }
        Ci::GitLab => {
            let run = get("project_path").zip(get("job_id"));
            Facts {
                commit: get("sha"),
                reference: get("ref_path").or_else(|| get("ref")),
                run: run.map(|(project, job)| format!("{}/{project}/-/jobs/{job}", issuer.url)),
            }
        }
        Ci::CircleCi => Facts { commit: None, reference: get("oidc.circleci.com/vcs-ref"), run: None },
        Ci::Buildkite => {
            let run = get("organization_slug").zip(get("pipeline_slug")).zip(get("build_number"));
            Facts {
                commit: get("build_commit"),
                reference: get("build_tag")
                    .map(|tag| format!("refs/tags/{tag}"))
                    .or_else(|| get("build_branch")),
                run: run.map(|((organization, pipeline), number)| {
                    format!("https://buildkite.com/{organization}/{pipeline}/builds/{number}")
                }),
            }
        }
        Ci::Other => Facts { commit: None, reference: None, run: None },
    }
}

/// The claims that are kept of a build, beside those that its rule names: who started what.
pub const fn kept(ci: Ci) -> &'static [&'static str] {
    match ci {
        Ci::GitHub => &["repository_id", "repository", "event_name", "actor", "workflow_ref", "run_id"],
        Ci::GitLab => &["project_id", "project_path", "pipeline_source", "user_login", "job_id"],
        Ci::CircleCi => &[
            "oidc.circleci.com/project-id",
            "oidc.circleci.com/vcs-origin",
            "oidc.circleci.com/job-id",
            "sub",
        ],
        Ci::Buildkite => {
            &["pipeline_id", "organization_slug", "pipeline_slug", "build_number", "job_id", "step_key"]
        }
        Ci::Other => &["sub", "jti"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(ci: Ci, claims: serde_json::Value) -> Origin {
        origin(ci, &Claims::of(claims), &RuleTerms::default())
    }

    #[test]
    fn github_tells_its_own_pushes_and_the_pull_requests_of_public_repositories() {
        let event = |name: &str, seen: &str| {
            of(
                Ci::GitHub,
                json!({ "event_name": name, "repository_visibility": seen, "ref": "refs/heads/main" }),
            )
        };
        for name in GITHUB_OWN {
            assert_eq!(event(name, "private"), Origin::Own, "{name}");
        }
        assert_eq!(event("pull_request", "public"), Origin::PullRequest);
        for name in [
            "pull_request_target",
            "deployment",
            "deployment_status",
            "issue_comment",
            "workflow_run",
            "pull_request_review",
            "new",
            "",
        ] {
            assert_eq!(event(name, "public"), Origin::MaybeFork, "{name}");
        }
        for seen in ["private", "internal", ""] {
            assert_eq!(event("pull_request", seen), Origin::MaybeFork, "{seen}");
        }
        assert_eq!(of(Ci::GitHub, json!({})), Origin::MaybeFork);
    }

    #[test]
    fn gitlab_tells_where_a_merge_request_comes_from_where_it_is_new_enough() {
        let from = |source: &str, path: &str, project: &str, runs_in: serde_json::Value| {
            let claims = json!({ "pipeline_source": source, "ref_path": path, "project_id": project, "job_project_id": runs_in });
            of(Ci::GitLab, claims)
        };
        assert_eq!(from("push", "refs/heads/main", "7", json!("7")), Origin::Own);
        assert_eq!(from("schedule", "refs/tags/v1", "7", json!(null)), Origin::Own);
        let request = "refs/merge-requests/1/head";
        assert_eq!(from("merge_request_event", request, "7", json!("7")), Origin::PullRequest);
        assert_eq!(from("merge_request_event", request, "8", json!("7")), Origin::MaybeFork);
        assert_eq!(from("merge_request_event", request, "7", json!(null)), Origin::MaybeFork);
        assert_eq!(from("parent_pipeline", request, "7", json!("7")), Origin::MaybeFork);
        assert_eq!(
            from("external_pull_request_event", "refs/heads/main", "7", json!("7")),
            Origin::MaybeFork
        );
    }

    #[test]
    fn circleci_tells_a_fork_only_by_where_its_change_comes_from() {
        let claims = |reference: &str| Claims::of(json!({ "oidc.circleci.com/vcs-ref": reference }));
        let naming = |origin: &str| RuleTerms {
            claims: [("oidc.circleci.com/vcs-origin".into(), origin.into())].into(),
            ..RuleTerms::default()
        };
        let is = |reference: &str, terms: &RuleTerms| origin(Ci::CircleCi, &claims(reference), terms);
        assert_eq!(is("refs/heads/main", &naming("github.com/northwind/app")), Origin::Own);
        assert_eq!(is("refs/heads/main", &RuleTerms::default()), Origin::MaybeFork);
        assert_eq!(is("refs/heads/main", &naming("github.com/*/app")), Origin::MaybeFork);
        assert_eq!(is("refs/pull/7/head", &naming("github.com/northwind/app")), Origin::MaybeFork);
    }

    #[test]
    fn buildkite_tells_tags_and_others_tell_nothing() {
        assert_eq!(of(Ci::Buildkite, json!({ "build_branch": "main", "build_tag": "v1" })), Origin::Own);
        assert_eq!(
            of(Ci::Buildkite, json!({ "build_branch": "main", "build_tag": null })),
            Origin::MaybeFork
        );
        assert_eq!(of(Ci::Other, json!({ "event_name": "push" })), Origin::MaybeFork);
    }

    #[test]
    fn an_id_is_no_name() {
        assert!(can_be_id(Ci::GitHub, "1234") && !can_be_id(Ci::GitHub, "northwind/app"));
        assert!(can_be_id(Ci::CircleCi, CIRCLECI[0].example) && !can_be_id(Ci::CircleCi, "1234"));
        for ci in Ci::ALL {
            for term in terms(ci).iter().filter(|term| term.is_id) {
                assert!(can_be_id(ci, term.example), "{}", term.claim);
            }
            assert!(terms(ci).first().is_none_or(|first| first.is_id));
        }
    }
}
