use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ProjectTokenId, RuleId};

/// How a build showed whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Proof {
    /// By a token of the project's.
    ProjectToken {
        /// Which.
        id: ProjectTokenId,
        /// What it is called.
        label: String,
    },
    /// By its CI's identity token (OpenID Connect Core 1.0), which one of the project's rules let in.
    Identity {
        /// Which rule.
        rule: RuleId,
        /// Who signed it.
        issuer: String,
        /// The claims that mattered, as the CI signed them.
        claims: BTreeMap<String, String>,
    },
}

impl Proof {
    /// The id of the token or of the rule that let it in.
    #[must_use]
    pub fn by(&self) -> String {
        match self {
            Self::ProjectToken { id, .. } => id.to_string(),
            Self::Identity { rule, .. } => rule.to_string(),
        }
    }
}

/// Why a build ended, and its token with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyBuildEnded {
    /// It said that it is done.
    Closed,
    /// Somebody of the team closed it.
    ClosedByPerson,
    /// Its time was over.
    TimeOver,
    /// The project token or the rule that let it in was taken back.
    ProofTakenBack,
    /// A backup was restored.
    Restored,
}

impl WhyBuildEnded {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::Closed, Self::ClosedByPerson, Self::TimeOver, Self::ProofTakenBack, Self::Restored];

    /// The reason as it is stored and as the API has it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::ClosedByPerson => "closed_by_person",
            Self::TimeOver => "time_over",
            Self::ProofTakenBack => "proof_taken_back",
            Self::Restored => "restored",
        }
    }

    /// The reason of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.code() == code)
    }
}
