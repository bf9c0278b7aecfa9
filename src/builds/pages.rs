//! *Builds* of a project, and the page of one build, in a browser.

use axum::{
    extract::{Path, Query, rejection::QueryRejection},
    response::Response,
};
use domain::{BuildId, Given, Proof, Role, WhyBuildEnded};
use serde::Deserialize;
use store::builds::Build;

use super::{
    close, line,
    views::{BuildPage, BuildRow, BuildsPage, Entry},
};
use crate::{
    access::SignedIn,
    problem::Problem,
    projects::{
        Member,
        pages::HERE,
        pages::page_of as project_page,
        views::{Head, Part},
    },
    web::{form::Form, views::NoticeKind, visit::Visit},
};

/// The address of a build's page.
pub fn page_of(id: BuildId) -> String {
    format!("/builds/{id}")
}

/// From where a list goes on.
#[derive(Default, Deserialize)]
pub struct Paged {
    before: Option<BuildId>,
}

/// `GET /projects/{id}`.
pub async fn list(
    visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
    paged: Result<Query<Paged>, QueryRejection>,
) -> Result<Response, Problem> {
    let member = Member::of(&visit.app, &person.oneself(), &id)?;
    let before = paged.ok().and_then(|Query(paged)| paged.before);
    let page = super::list(&visit.app, &member, before)?;
    let here = project_page(member.project.id);
    let mut rows = Vec::new();
    for build in page.builds {
        let given = line::given(&visit.app, &build)?;
        rows.push(row(&visit, &build, &given));
    }
    Ok(visit.show(&BuildsPage {
        frame: visit.frame(&person, HERE),
        project: Head::of(&member, Part::Builds),
        rows,
        integrations_href: format!("{here}/integrations"),
        newest_href: before.map(|_| here.clone()),
        older_href: page.next.map(|next| format!("{here}?before={next}")),
    }))
}

fn row(visit: &Visit, build: &Build, given: &[Given]) -> BuildRow {
    let ended = build.ended_by(visit.now());
    BuildRow {
        name: name(build),
        by: by(&build.proof),
        open: ended.is_none(),
        overdue: ended.is_some_and(|(_, why)| why == WhyBuildEnded::TimeOver),
        received: received(given),
        opened: visit.when(build.opened_at),
        href: page_of(build.id),
    }
}

/// What is built, as people know it.
fn name(build: &Build) -> String {
    let reference = build.reference.as_deref().map(|reference| {
        reference.trim_start_matches("refs/heads/").trim_start_matches("refs/tags/").to_owned()
    });
    let commit = build.commit.as_deref().map(|commit| commit.chars().take(10).collect::<String>());
    let parts: Vec<_> = reference.into_iter().chain(commit).collect();
    if !parts.is_empty() {
        return parts.join(", ");
    }
    // What it is known by where its CI said nothing: the end of its id, which is chance.
    let id = build.id.to_string();
    format!("Build …{}", id.get(id.len().saturating_sub(6)..).unwrap_or_default())
}

fn by(proof: &Proof) -> String {
    match proof {
        Proof::ProjectToken { label, .. } => format!("the token “{label}”"),
        Proof::Identity { issuer, .. } => issuer.clone(),
    }
}

fn in_words(given: Given) -> &'static str {
    match given {
        Given::ApiKey => "the API key",
        Given::AppStoreConnectToken => "a short-lived token",
    }
}

fn received(given: &[Given]) -> String {
    let words: Vec<_> = given.iter().map(|given| in_words(*given)).collect();
    if words.is_empty() { "received nothing".into() } else { format!("received {}", words.join(" and ")) }
}

/// `GET /builds/{id}`.
pub async fn build(visit: Visit, person: SignedIn, Path(id): Path<String>) -> Result<Response, Problem> {
    let (build, member) = super::of_team(&visit.app, &person.oneself(), &id)?;
    let line = line::of(&visit.app, &build)?;
    let ended = build.ended_by(visit.now());
    let mut entries = vec![Entry {
        when: visit.when(build.opened_at),
        said: format!("Opened with {}.", by(&build.proof)),
        more: build.source.as_ref().map(|source| format!("from {source}")),
    }];
    entries.extend(line.hand_outs.iter().map(|hand_out| Entry {
        when: visit.when(hand_out.at),
        said: format!(
            "Received {} of {}.",
            hand_out.given.iter().map(|given| in_words(*given)).collect::<Vec<_>>().join(" and "),
            hand_out.connection
        ),
        more: match (hand_out.repeats, &hand_out.source) {
            (0, source) => source.as_ref().map(|source| format!("at {source}")),
            (1, source) => Some(format!("{}and once more within a minute", at(source.as_deref()))),
            (n, source) => Some(format!("{}and {n} times more within a minute each", at(source.as_deref()))),
        },
    }));
    if let Some((when, why)) = ended {
        let said = match why {
            WhyBuildEnded::Closed => "Closed: it said that it is done.".into(),
            WhyBuildEnded::ClosedByPerson => match &line.closed_by {
                Some(who) => format!("Closed by {who}."),
                None => "Closed by somebody of the team.".into(),
            },
            WhyBuildEnded::TimeOver => "Ended: its time was over.".into(),
            WhyBuildEnded::ProofTakenBack => "Ended: what let it in was taken back.".into(),
            WhyBuildEnded::Restored => "Ended: a backup was restored.".into(),
        };
        entries.push(Entry { when: visit.when(when), said, more: None });
    }
    let claims = match &build.proof {
        Proof::Identity { claims, .. } => {
            claims.iter().map(|(claim, said)| (claim.clone(), said.clone())).collect()
        }
        Proof::ProjectToken { .. } => Vec::new(),
    };
    Ok(visit.show(&BuildPage {
        frame: visit.frame(&person, HERE),
        project_name: member.project.name.as_str().into(),
        project_href: project_page(member.project.id),
        name: name(&build),
        open: ended.is_none(),
        ends: visit.when(build.ends_at),
        reference: build.reference.clone(),
        commit: build.commit.clone(),
        run: build.run.clone(),
        by: by(&build.proof),
        claims,
        entries,
        more: line.more,
        close_action: (ended.is_none() && member.role >= Role::Developer)
            .then(|| format!("{}/close", page_of(build.id))),
    }))
}

fn at(source: Option<&str>) -> String {
    source.map(|source| format!("at {source}, ")).unwrap_or_default()
}

/// `POST /builds/{id}/close`.
pub async fn post_close(
    visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let (build, member) = super::of_team(&visit.app, &person.oneself(), &id)?;
    close::close_by_person(&visit.app, &visit.ctx, member, build.id).await?;
    Ok(visit.go(
        &page_of(build.id),
        NoticeKind::Success,
        "It is closed. Its token ended with it, and it receives nothing more.",
    ))
}
