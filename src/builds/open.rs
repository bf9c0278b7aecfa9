//! Opening a build: whoever does shows whose it is by an identity token of its CI, or by a project token, and gets the build's own token.

use std::collections::BTreeMap;

use domain::{
    Actor, BuildId, MachineToken, Origin, Proof, Timestamp, TokenKind, What, WhyBuildRefused, is_invisible,
};
use store::{
    Tx,
    builds::{self as rows, Build},
    events, identities, project_tokens,
    projects::Project,
};
use url::Url;

use super::{
    identity::{self, Identity},
    presets,
    rules::{self, Verdict},
};
use crate::{
    app::App,
    ctx::{Ctx, Stamp},
    problem::{Code, Problem},
    projects, secrets,
};

/// How many builds of a project may be open at a time.
pub const OPEN_MAX: u64 = 1_000;
/// How many builds of a project can be opened within an hour: each stays in the log for good.
const OPENED_AN_HOUR: u64 = 1_000;
/// How long a commit, a ref or the address of a run may be, in characters.
const LONGEST: usize = 500;
/// How much is kept of a claim, in characters.
const CLAIM_KEPT: usize = 500;

/// What shows whose the build is.
pub enum Shown {
    /// The CI's identity token.
    Identity(String),
    /// What is kept of a project token.
    ProjectToken([u8; 32]),
}

/// What is asked for.
pub struct Wanted {
    /// The project, by its id or its name; a project token says it by itself.
    pub project: Option<String>,
    /// What shows whose the build is.
    pub shown: Shown,
    /// The commit that is built.
    pub commit: Option<String>,
    /// The branch, tag or other ref.
    pub reference: Option<String>,
    /// The CI's own address of the run.
    pub run: Option<String>,
    /// How long it may last, in minutes; none for as long as the project lets it.
    pub minutes: Option<u32>,
}

/// A build that was just opened.
pub struct Opened {
    /// The build.
    pub build: Build,
    /// Its project.
    pub project: Project,
    /// Its token, which is nowhere else.
    pub token: MachineToken,
}

/// Opens a build. What an identity token says of commit, ref and run counts more than what is asked for.
///
/// # Errors
/// `unfit` at the field that doesn't do; `identity-wrong` when the identity token isn't genuine, `project-token-wrong`, `build-refused` when
/// no rule lets it in, `too-many-attempts` after many failures from one address.
pub async fn open(app: &App, ctx: &mut Ctx, wanted: Wanted) -> Result<Opened, Problem> {
    let asked = Asked::read(&wanted)?;
    let source = ctx.stamp.source.clone().unwrap_or_default();
    // Those who come with a token that is known aren't held up by what others send from the same address.
    let counted = match &wanted.shown {
        Shown::ProjectToken(hash) => app.store.read(|conn| project_tokens::by_hash(conn, hash))?.is_none(),
        Shown::Identity(_) => true,
    };
    if counted {
        app.openings.attempt(&source, ctx.stamp.now)?;
    }
    let opened = open_counted(app, ctx, wanted, asked).await;
    // What isn't the fault of whoever asks is no failure of theirs.
    if counted && opened.as_ref().map_or_else(|problem| problem.code == Code::Unavailable, |_| true) {
        app.openings.right(&source);
    }
    opened
}

async fn open_counted(app: &App, ctx: &mut Ctx, wanted: Wanted, asked: Asked) -> Result<Opened, Problem> {
    let identity = match &wanted.shown {
        Shown::Identity(token) => Some(genuine(app, token).await?),
        Shown::ProjectToken(_) => None,
    };
    let token = MachineToken::generate(TokenKind::Build, &mut ctx.rng);
    let hash = secrets::hash(token.expose());
    let (id, stamp) = (BuildId::new(ctx.stamp.now, &mut ctx.rng), ctx.stamp.clone());
    let issuer = identity.as_ref().map(|identity| identity.issuer.name.clone());
    let done = app
        .store
        .write(move |tx| {
            let (project, proof, facts) = match (&wanted.shown, &identity) {
                (Shown::ProjectToken(hash), _) => by_token(tx, &stamp, hash, wanted.project.as_deref())?,
                (Shown::Identity(_), Some(identity)) => {
                    by_identity(tx, identity, wanted.project.as_deref())?
                }
                (Shown::Identity(_), None) => return Err(Refused::from(Problem::unavailable())),
            };
            if rows::count_open(tx, project.id, stamp.now)? >= OPEN_MAX {
                let detail = "This project has 1000 open builds, the most there can be. Close those that are done: doorkey builds close.";
                return Err(Refused {
                    problem: Problem::new(Code::BuildRefused, detail),
                    told: Some((project.id, WhyBuildRefused::TooMany)),
                });
            }
            if rows::count_since(tx, project.id, stamp.now.plus_minutes(-60))? >= OPENED_AN_HOUR {
                let detail = "A thousand builds of this project were opened within an hour, the most there can be. If that is more than \
                              its CI has run, revoke what opens them, under Integrations.";
                let problem =
                    Problem { retry_after: Some(600), ..Problem::new(Code::TooManyAttempts, detail) };
                return Err(Refused { problem, told: Some((project.id, WhyBuildRefused::TooMany)) });
            }
            let build = Build {
                id,
                project: project.id,
                opened_at: stamp.now,
                ends_at: asked.ends_at(&project, stamp.now)?,
                ended: None,
                proof,
                commit: facts.commit.or_else(|| asked.commit.clone()),
                reference: facts.reference.or_else(|| asked.reference.clone()),
                run: facts.run.or_else(|| asked.run.clone()),
                source: stamp.source.clone(),
            };
            rows::insert(tx, &build, &hash)?;
            let what = What::BuildOpened {
                project: project.id,
                project_name: project.name.as_str().into(),
                build: id,
                proof: build.proof.clone(),
                commit: build.commit.clone(),
                reference: build.reference.clone(),
                ends_at: build.ends_at,
            };
            events::append(tx, stamp.now, stamp.event(None, Actor::Doorkey, what))?;
            Ok((build, project))
        })
        .await;
    match done {
        Ok((build, project)) => Ok(Opened { build, project, token }),
        Err(refused) => {
            if let (Some((project, why)), Some(issuer)) = (refused.told, issuer) {
                app.openings.refused(project, why, issuer);
            }
            Err(refused.problem)
        }
    }
}

/// Why no build was opened, and what the project is told of it.
struct Refused {
    problem: Problem,
    told: Option<(domain::ProjectId, WhyBuildRefused)>,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problem, told: None }
    }
}

impl From<store::DbError> for Refused {
    fn from(error: store::DbError) -> Self {
        Problem::from(error).into()
    }
}

async fn genuine(app: &App, token: &str) -> Result<Identity, Problem> {
    identity::verify(app, token.trim()).await?.map_err(|why| {
        let detail = format!("The identity token isn't taken. {why}");
        match why {
            identity::NotGenuine::NoKeys(..) => {
                Problem { retry_after: Some(30), ..Problem::new(Code::Unavailable, detail) }
            }
            _ => Problem::new(Code::IdentityWrong, detail),
        }
    })
}

type Let = (Project, Proof, presets::Facts);

fn by_token(tx: &mut Tx<'_>, stamp: &Stamp, hash: &[u8], named: Option<&str>) -> Result<Let, Refused> {
    let wrong = |detail: &str| Problem::new(Code::ProjectTokenWrong, detail);
    let token = project_tokens::by_hash(tx, hash)?.ok_or_else(|| {
        wrong("This project token isn't known here, or was revoked. Ask an admin of the project for another.")
    })?;
    if token.expires_at <= stamp.now {
        let detail = format!(
            "The project token “{}” expired on {}. Ask an admin of the project for another.",
            token.label.as_str(),
            token.expires_at.date()
        );
        return Err(wrong(&detail).into());
    }
    let project = store::projects::by_id(tx, token.project)?.ok_or_else(Problem::unavailable)?;
    if let Some(named) = named
        && projects::named(tx, named)?.is_none_or(|other| other.id != project.id)
    {
        return Err(wrong(
            "This project token is another project's. Leave the project out, or use its own token.",
        )
        .into());
    }
    project_tokens::used(tx, token.id, stamp.now, stamp.source.as_deref().unwrap_or_default())?;
    let proof = Proof::ProjectToken { id: token.id, label: token.label.as_str().into() };
    Ok((project, proof, presets::Facts { commit: None, reference: None, run: None }))
}

fn by_identity(tx: &mut Tx<'_>, identity: &Identity, named: Option<&str>) -> Result<Let, Refused> {
    let named =
        named.ok_or_else(|| Problem::field("project", "Say which project is built: its id, or its name."))?;
    // It may have been removed since the token was looked at.
    if store::issuers::by_id(tx, identity.issuer.id)?.is_none() {
        let url = identity.issuer.url.clone();
        let detail = identity::NotGenuine::UnknownIssuer(url).to_string();
        return Err(Problem::new(Code::IdentityWrong, detail).into());
    }
    let (project, verdict) = admitting(tx, identity, named)?;
    if let Some(then) = identities::refused_up_to(tx)?
        && identity.issued_at <= then
    {
        let detail = "This identity token was issued before a backup of this server was restored, so it can't be told whether it \
                      was used. Ask the CI for a new one.";
        return Err(Problem::new(Code::IdentityWrong, detail).into());
    }
    if !identities::spend(tx, &identity.hash, identity.ends_at)? {
        let detail =
            "This identity token has opened a build already, and each opens one. Ask the CI for a new one.";
        return Err(Refused {
            problem: Problem::new(Code::IdentityWrong, detail),
            told: Some((project.id, WhyBuildRefused::UsedBefore)),
        });
    }
    let rule = &verdict.listed.rule;
    let kept = presets::kept(identity.issuer.ci).iter().copied();
    let claims: BTreeMap<_, _> = rule
        .terms
        .claims
        .keys()
        .map(String::as_str)
        .chain(kept)
        .filter_map(|claim| {
            let said: String = identity.claims.get(claim)?.chars().take(CLAIM_KEPT).collect();
            Some((claim.to_owned(), said))
        })
        .collect();
    let proof = Proof::Identity { rule: rule.id, issuer: identity.issuer.url.clone(), claims };
    let facts = presets::facts(&identity.issuer, &identity.claims);
    let kept = |text: Option<String>| {
        text.filter(|text| text.chars().count() <= LONGEST && !text.chars().any(is_invisible))
    };
    let facts = presets::Facts {
        commit: kept(facts.commit),
        reference: kept(facts.reference),
        run: kept(facts.run).filter(|run| is_address(run)),
    };
    Ok((project, proof, facts))
}

/// The project of this name, and the rule of it that lets the build in.
///
/// Who isn't known to any rule learns nothing, not even whether there is such a project.
fn admitting(tx: &mut Tx<'_>, identity: &Identity, named: &str) -> Result<(Project, Verdict), Refused> {
    let stranger = |project: Option<&Project>| {
        let id = presets::id_claim(&identity.issuer);
        let said = identity.claims.get(id).map_or_else(
            || format!("no {id} (it may have to be asked for)"),
            |value| {
                format!("{id} {}", value.chars().filter(|c| !is_invisible(*c)).take(100).collect::<String>())
            },
        );
        let detail = format!(
            "No rule of such a project lets this build in: its token is of {}, and says {said}. Check the project's name; an admin \
             of it can add a rule under Integrations, and try this build's token there.",
            identity.issuer.name
        );
        Refused {
            problem: Problem::new(Code::BuildRefused, detail),
            told: project.map(|project| (project.id, WhyBuildRefused::NoRule)),
        }
    };
    let project = projects::named(tx, named)?.ok_or_else(|| stranger(None))?;
    let listed = rules::of_project(tx, project.id)?.into_iter();
    let mut verdicts: Vec<_> = listed
        .filter(|listed| listed.issuer.id == identity.issuer.id)
        .map(|listed| Verdict::of(listed, &identity.claims))
        .filter(Verdict::knows)
        .collect();
    if let Some(place) = verdicts.iter().position(Verdict::admits) {
        return Ok((project, verdicts.swap_remove(place)));
    }
    let Some(nearest) = verdicts.iter().min_by_key(|verdict| verdict.lacking()) else {
        return Err(stranger(Some(&project)));
    };
    let why = match nearest.origin {
        _ if nearest.admits_origin() || nearest.lacking() > 1 => WhyBuildRefused::NoRule,
        Origin::Own | Origin::PullRequest => WhyBuildRefused::PullRequest,
        Origin::MaybeFork => WhyBuildRefused::Fork,
    };
    let detail = nearest.why_not().unwrap_or_default();
    Err(Refused { problem: Problem::new(Code::BuildRefused, detail), told: Some((project.id, why)) })
}

/// What was asked for, read.
#[derive(Clone)]
struct Asked {
    commit: Option<String>,
    reference: Option<String>,
    run: Option<String>,
    minutes: Option<u32>,
}

impl Asked {
    fn read(wanted: &Wanted) -> Result<Self, Problem> {
        let line = |field: &'static str, typed: &Option<String>| {
            let Some(text) = typed.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
                return Ok(None);
            };
            if text.chars().count() > LONGEST || text.chars().any(is_invisible) {
                let detail = format!("Send at most {LONGEST} characters, all of which can be seen.");
                return Err(Problem::field(field, detail));
            }
            Ok(Some(text.to_owned()))
        };
        let run = line("run", &wanted.run)?;
        if run.as_deref().is_some_and(|run| !is_address(run)) {
            let detail =
                "Send the address of the CI's own page of the run: it begins with https:// or http://.";
            return Err(Problem::field("run", detail));
        }
        if wanted.minutes == Some(0) {
            return Err(Problem::field("minutes", "A build lasts at least a minute."));
        }
        Ok(Self {
            commit: line("commit", &wanted.commit)?,
            reference: line("reference", &wanted.reference)?,
            run,
            minutes: wanted.minutes,
        })
    }

    fn ends_at(&self, project: &Project, now: Timestamp) -> Result<Timestamp, Problem> {
        let most = project.build_minutes;
        match self.minutes {
            Some(minutes) if minutes > most => {
                let detail = format!("Builds of this project last at most {most} minutes. Ask for no more.");
                Err(Problem::field("minutes", detail))
            }
            minutes => Ok(now.plus_minutes(minutes.unwrap_or(most).into())),
        }
    }
}

fn is_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}
