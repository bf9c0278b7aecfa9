use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whose identity tokens these are: what their claims are called, and what they prove, differs from CI to CI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ci {
    /// GitHub Actions, or those of a GitHub Enterprise.
    GitHub,
    /// GitLab, at gitlab.com or one's own.
    GitLab,
    /// CircleCI, where each organization has an issuer of its own.
    CircleCi,
    /// Buildkite.
    Buildkite,
    /// Anything else: whoever adds it says which claim names the project.
    Other,
}

impl Ci {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::GitHub, Self::GitLab, Self::CircleCi, Self::Buildkite, Self::Other];

    /// As it is stored and as the API has it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::CircleCi => "circleci",
            Self::Buildkite => "buildkite",
            Self::Other => "other",
        }
    }

    /// The one of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ci| ci.code() == code)
    }
}

/// What a rule asks of an identity token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTerms {
    /// What each of these claims has to say. In those that aren't ids, `*` stands for any characters but `/`.
    pub claims: BTreeMap<String, String>,
    /// Whether builds of pull requests are let in, if their token proves that they are of the repository itself.
    #[serde(default)]
    pub pull_requests: bool,
    /// Whether builds are let in that are a fork's, or can't be told from them.
    #[serde(default)]
    pub forks: bool,
}

/// Whether the text is what the pattern says: the same from end to end, with `*` for any characters but `/`.
#[must_use]
pub fn fits_pattern(pattern: &str, text: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.split('/'), text.split('/'));
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) if fits_part(pattern, part) => {}
            _ => return false,
        }
    }
}

/// One part between slashes.
fn fits_part(pattern: &str, part: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == part };
    let Some(mut left) = part.strip_prefix(first) else { return false };
    let mut pieces: Vec<_> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        // The first place where it is found leaves the most for those that follow.
        let Some((_, after)) = left.split_once(piece) else { return false };
        left = after;
    }
    left.ends_with(last)
}

/// How a build shows that it is a build of the repository's own, and no stranger's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Of a branch or a tag of the repository itself.
    Own,
    /// Of a pull request from a branch of the repository itself.
    PullRequest,
    /// Of a fork, or it can't be told.
    MaybeFork,
}

/// Why an identity token that is genuine opened no build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyBuildRefused {
    /// It fits none of the project's rules.
    NoRule,
    /// It is of a pull request, and no rule lets those in.
    PullRequest,
    /// It is of a fork, or can't be told from one, and no rule lets those in.
    Fork,
    /// It was used before.
    UsedBefore,
    /// So many builds are open that no more are.
    TooMany,
}

impl WhyBuildRefused {
    /// Every reason.
    pub const ALL: [Self; 5] = [Self::NoRule, Self::PullRequest, Self::Fork, Self::UsedBefore, Self::TooMany];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_the_whole_text_and_a_star_stays_between_slashes() {
        for (pattern, text) in [
            ("refs/heads/main", "refs/heads/main"),
            ("refs/heads/release-*", "refs/heads/release-1.2"),
            ("refs/heads/*", "refs/heads/main"),
            ("refs/tags/v*.*", "refs/tags/v1.2.3"),
            ("*ab*ab", "abab"),
            ("", ""),
        ] {
            assert!(fits_pattern(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("org/app", "org/app-evil"),
            ("org/app", "evil-org/app"),
            ("org/app", "org/app/"),
            ("org/app", "org/App"),
            ("org/app*", "org/app/evil"),
            ("refs/heads/*", "refs/heads/a/b"),
            ("refs/heads/*", "refs/heads"),
            ("refs/heads/main", "refs/heads/main\n"),
            ("*", "a/b"),
            ("a*a", "a"),
            ("ab*ab*ab", "abab"),
            ("", "a"),
        ] {
            assert!(!fits_pattern(pattern, text), "{pattern} {text}");
        }
    }
}
