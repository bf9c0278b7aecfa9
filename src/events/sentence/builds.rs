//! Connections, projects, builds and what was handed out, in words.

use domain::{ConnectionKind, ConnectionState, Given, What, WhyBuildEnded, WhyBuildRefused, WhyUnused};

use super::Voice;

/// What happened; none for what is told elsewhere.
pub(super) fn tell(what: &What, voice: &Voice) -> Option<String> {
    let Voice { by, you, your, by_self, of } = voice;
    Some(match what {
        What::ConnectionAdded { name, kind, .. } => format!("{by} connected the {} {name}.", of_kind(*kind)),
        What::ConnectionStateChanged { name, state, .. } => match state {
            ConnectionState::Good => format!("Apple takes {name}{of}."),
            ConnectionState::Limited => {
                format!("Apple takes {name}{of}, and lets it do less than builds may need.")
            }
            ConnectionState::Refused => format!("Apple no longer takes {name}{of}."),
        },
        What::ConnectionRemoved { name, .. } => format!("{by} removed the connection {name}{of}."),
        What::ProjectAdded { project_name, .. } => format!("{by} made the project {project_name}."),
        What::ProjectChanged { project_name, build_minutes, .. } => {
            format!(
                "{by} set that the project is called {project_name}, and that its builds last at most {build_minutes} minutes."
            )
        }
        What::ProjectRemoved { project_name, .. } => format!("{by} removed the project {project_name}."),
        What::MemberInvited { project_name, invited, role, .. } => {
            format!("{by} invited {invited} to {project_name} as {}.", role.code())
        }
        What::InvitationWithdrawn { project_name, invited, .. } => {
            format!("{by} took back the invitation of {invited} to {project_name}.")
        }
        What::MemberJoined { project_name, role, .. } if *by_self => {
            format!("{by} joined {project_name} as {}.", role.code())
        }
        What::MemberJoined { project_name, role, .. } => {
            format!("{by} took {you} into {project_name} as {}.", role.code())
        }
        What::MemberRoleChanged { project_name, role, .. } => {
            format!("{by} made {you} {} of {project_name}.", role.code())
        }
        What::MemberLeft { project_name, .. } if *by_self => format!("{by} left {project_name}."),
        What::MemberLeft { project_name, .. } => format!("{by} took {you} out of {project_name}."),
        What::ConnectionOffered { project_name, name, .. } => {
            format!("{by} offered {name} to {project_name}.")
        }
        What::ConnectionOfferTakenBack { project_name, name, .. } => {
            format!("{by} took back the offer of {name} to {project_name}.")
        }
        What::ConnectionChosen { project_name, kind, name, .. } => match name {
            Some(name) => format!("{by} set that builds of {project_name} use {name}."),
            None => format!("{by} set that builds of {project_name} use no {}.", of_kind(*kind)),
        },
        What::ConnectionUnused { project_name, name, why, .. } => {
            format!("Builds of {project_name} no longer use {name}: {}.", unused(*why, your))
        }
        What::ProjectTokenMade { project_name, label, expires_at, .. } => {
            format!(
                "{by} made the token “{label}” for builds of {project_name}, good until {}.",
                expires_at.date()
            )
        }
        What::ProjectTokenRevoked { project_name, label, .. } => {
            format!("{by} revoked the token “{label}” of {project_name}.")
        }
        What::RuleAdded { project_name, rule, .. } => format!("{by} added a rule to {project_name}: {rule}."),
        What::RuleRemoved { project_name, rule, .. } => {
            format!("{by} removed a rule of {project_name}: {rule}.")
        }
        What::IssuerAdded { name, issuer, .. } => format!("{by} added the CI {name} ({issuer})."),
        What::IssuerRemoved { name, issuer, .. } => format!("{by} removed the CI {name} ({issuer})."),
        What::BuildOpened { project_name, commit, reference, .. } => {
            format!("A build of {project_name} began{}.", at(reference.as_deref(), commit.as_deref()))
        }
        What::BuildRefused { project_name, issuer, why, count, .. } => {
            let builds = if *count == 1 { "A build".into() } else { format!("{count} builds") };
            let was = if *count == 1 { "was" } else { "were" };
            format!("{builds} of {issuer} {was} not let into {project_name}: {}.", refused(*why))
        }
        What::BuildEnded { project_name, why, .. } => {
            format!("A build of {project_name} ended: {}.", build_ended(*why))
        }
        What::HandedOut { project_name, commit, reference, name, given, .. } => {
            let given: Vec<_> = given.iter().map(|given| in_words(*given)).collect();
            let at = at(reference.as_deref(), commit.as_deref());
            format!("A build of {project_name}{at} received {} of {name}.", given.join(" and "))
        }
        _ => return None,
    })
}

fn of_kind(kind: ConnectionKind) -> &'static str {
    match kind {
        ConnectionKind::AppleId => "Apple ID",
        ConnectionKind::ApiKey => "API key",
    }
}

/// What was given, as it stands in a sentence.
fn in_words(given: Given) -> &'static str {
    match given {
        Given::ApiKey => "the key",
        Given::AppStoreConnectToken => "a short-lived token",
    }
}

fn unused(why: WhyUnused, your: &str) -> String {
    match why {
        WhyUnused::OfferTakenBack => "it is no longer offered".into(),
        WhyUnused::LeftTeam => "its person left the team".into(),
        WhyUnused::LostAuthority => "its person is no longer an admin there".into(),
        WhyUnused::Suspended => format!("{your} account was suspended"),
        WhyUnused::AccountRemoved => format!("{your} account was removed"),
        WhyUnused::Removed => "the connection was removed".into(),
    }
}

fn build_ended(why: WhyBuildEnded) -> &'static str {
    match why {
        WhyBuildEnded::Closed => "it is done",
        WhyBuildEnded::ClosedByPerson => "somebody of the team closed it",
        WhyBuildEnded::TimeOver => "its time was over",
        WhyBuildEnded::ProofTakenBack => "what let it in was taken back",
        WhyBuildEnded::Restored => "a backup was restored",
    }
}

fn refused(why: WhyBuildRefused) -> &'static str {
    match why {
        WhyBuildRefused::NoRule => "no rule fits",
        WhyBuildRefused::PullRequest => "no rule lets pull requests in",
        WhyBuildRefused::Fork => "no rule lets forks in, or what can't be told from one",
        WhyBuildRefused::UsedBefore => "the identity token had been used before",
        WhyBuildRefused::TooMany => "too many builds are open",
    }
}

/// What was built: ` at main, 1a2b3c4`.
fn at(reference: Option<&str>, commit: Option<&str>) -> String {
    // As many as people know a commit by.
    let commit = commit.map(|commit| commit.chars().take(10).collect::<String>());
    let parts: Vec<_> = reference.map(str::to_owned).into_iter().chain(commit).collect();
    if parts.is_empty() { String::new() } else { format!(" at {}", parts.join(", ")) }
}

#[cfg(test)]
pub(super) mod tests {
    use domain::{
        BuildId, ConnectionId, IssuerId, ProjectId, ProjectTokenId, Proof, Role, RuleId, Timestamp,
    };

    use super::*;

    /// One of each that can happen to connections, projects and builds.
    pub(crate) fn all() -> Vec<What> {
        let (project, project_name) = (ProjectId::from_bytes([7; 16]), || "Northwind iOS".to_owned());
        let (id, name) = (ConnectionId::from_bytes([8; 16]), || "ada@icloud.example".to_owned());
        let (token, label) = (ProjectTokenId::from_bytes([9; 16]), || "Jenkins".to_owned());
        let (rule_id, rule) = (RuleId::from_bytes([10; 16]), || "GitHub Actions, repository 1234".to_owned());
        let (issuer_id, issuer) = (IssuerId::from_bytes([11; 16]), || "https://ci.example".to_owned());
        let build = BuildId::from_bytes([12; 16]);
        let at = Timestamp::from_millis(1_777_777_777_000);
        let proof = || Proof::ProjectToken { id: token, label: label() };
        let (commit, reference) = (|| Some("1a2b3c4d5e6f7a8b".to_owned()), || Some("main".to_owned()));
        let mut all = vec![
            What::ConnectionRemoved { id, name: name() },
            What::ProjectAdded { project, project_name: project_name() },
            What::ProjectChanged { project, project_name: project_name(), build_minutes: 90 },
            What::ProjectRemoved { project, project_name: project_name() },
            What::InvitationWithdrawn {
                project,
                project_name: project_name(),
                invited: "linus@example.org".into(),
            },
            What::MemberLeft { project, project_name: project_name() },
            What::ConnectionOffered { project, project_name: project_name(), id, name: name() },
            What::ConnectionOfferTakenBack { project, project_name: project_name(), id, name: name() },
            What::ProjectTokenMade {
                project,
                project_name: project_name(),
                id: token,
                label: label(),
                expires_at: at,
            },
            What::ProjectTokenRevoked { project, project_name: project_name(), id: token, label: label() },
            What::RuleAdded { project, project_name: project_name(), id: rule_id, rule: rule() },
            What::RuleRemoved { project, project_name: project_name(), id: rule_id, rule: rule() },
            What::IssuerAdded { id: issuer_id, name: "Our CI".into(), issuer: issuer() },
            What::IssuerRemoved { id: issuer_id, name: "Our CI".into(), issuer: issuer() },
        ];
        for role in Role::ALL {
            all.extend([
                What::MemberInvited {
                    project,
                    project_name: project_name(),
                    invited: "linus@example.org".into(),
                    role,
                },
                What::MemberJoined { project, project_name: project_name(), role },
                What::MemberRoleChanged { project, project_name: project_name(), role },
            ]);
        }
        for kind in ConnectionKind::ALL {
            all.push(What::ConnectionAdded { id, name: name(), kind });
            for (id, name) in [(None, None), (Some(id), Some(name()))] {
                all.push(What::ConnectionChosen { project, project_name: project_name(), kind, id, name });
            }
        }
        all.extend(ConnectionState::ALL.map(|state| What::ConnectionStateChanged {
            id,
            name: name(),
            state,
        }));
        for why in WhyUnused::ALL {
            let kind = ConnectionKind::ApiKey;
            all.push(What::ConnectionUnused {
                project,
                project_name: project_name(),
                kind,
                id,
                name: name(),
                why,
            });
        }
        for why in WhyBuildEnded::ALL {
            all.push(What::BuildEnded { project, project_name: project_name(), build, why });
        }
        for (why, count) in WhyBuildRefused::ALL.into_iter().zip(1..) {
            all.push(What::BuildRefused {
                project,
                project_name: project_name(),
                issuer: "GitHub Actions".into(),
                why,
                count,
            });
        }
        for (commit, reference) in [(None, None), (commit(), None), (commit(), reference())] {
            all.push(What::BuildOpened {
                project,
                project_name: project_name(),
                build,
                proof: proof(),
                commit: commit.clone(),
                reference: reference.clone(),
                ends_at: at,
            });
            all.push(What::HandedOut {
                project,
                project_name: project_name(),
                build,
                proof: proof(),
                commit,
                reference,
                id,
                name: name(),
                given: Given::ALL.to_vec(),
            });
        }
        all
    }
}
