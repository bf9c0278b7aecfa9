//! The CIs whose identity tokens are taken here. Administrators of the server add them, and projects name them in their rules.

use domain::{Actor, Ci, IssuerId, What, WhyBuildEnded, is_invisible};
use store::{
    builds, events,
    issuers::{self as rows, Issuer},
    projects, rules as rule_rows,
};

use super::{
    close,
    identity::fetch,
    presets,
    rules::{self, Listed},
};
use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
};

/// How many there may be.
const ISSUERS_MAX: usize = 50;
/// How long a name, a URL or an audience may be, in characters.
const LONGEST: usize = 500;

/// What is asked about a new issuer.
#[derive(Default)]
pub struct New {
    /// Which CI.
    pub preset: String,
    /// What it is called; empty for the CI's own name.
    pub name: String,
    /// Its URL; empty for the CI's own, where it has one for all.
    pub url: String,
    /// What its tokens say in `aud`; empty for this server's URL.
    pub audience: String,
    /// The claim that names a project for good, where the CI isn't known here.
    pub claim: String,
    /// Whether it may be at an address of one's own network.
    pub allow_private: bool,
}

/// Every issuer, in the order in which they were added.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App) -> Result<Vec<Issuer>, Problem> {
    Ok(app.store.read(rows::all)?)
}

/// What to do where nothing was said, and something has to be.
fn missing(ci: Ci, field: &str) -> String {
    match field {
        "url" => format!("Say where it is, as its tokens say it: {}.", presets::issuer_url(ci)),
        "claim" => "Say which claim names a project, and is never given to another one, such as sub.".into(),
        _ => "Say something here.".into(),
    }
}

fn read(new: New, ctx: &mut Ctx) -> Result<Issuer, Problem> {
    let ci = Ci::from_code(&new.preset).ok_or_else(|| {
        let names = Ci::ALL.map(Ci::code).join(", ");
        Problem::field("preset", format!("There is no such preset. There are {names}."))
    })?;
    let line = |field: &'static str, typed: &str, otherwise: &str| {
        let text = if typed.trim().is_empty() { otherwise.trim() } else { typed.trim() };
        if text.is_empty() {
            return Err(Problem::field(field, missing(ci, field)));
        }
        if text.chars().count() > LONGEST || text.chars().any(is_invisible) {
            let detail = format!("Enter 1 to {LONGEST} characters that can be seen.");
            return Err(Problem::field(field, detail));
        }
        Ok(text.to_owned())
    };
    let otherwise = if matches!(ci, Ci::CircleCi | Ci::Other) { "" } else { presets::issuer_url(ci) };
    let url = line("url", &new.url, otherwise)?;
    fetch::allowed(&url, new.allow_private).map_err(|why| {
        let near = if new.allow_private {
            ""
        } else {
            " If it is in your own network, allow that: on the command line, --allow-private."
        };
        Problem::field("url", format!("That can't be an issuer: {why}.{near}"))
    })?;
    if ci == Ci::CircleCi && !url.starts_with("https://oidc.circleci.com/org/") && !new.allow_private {
        let form = presets::issuer_url(ci);
        return Err(Problem::field("url", format!("Each organization at CircleCI has its own: {form}.")));
    }
    let claim = match ci {
        Ci::Other => Some(line("claim", &new.claim, "")?),
        _ if new.claim.trim().is_empty() => None,
        _ => {
            return Err(Problem::field(
                "claim",
                "The preset knows which claim names a project. Leave it out.",
            ));
        }
    };
    let audience = new.audience.trim();
    Ok(Issuer {
        id: IssuerId::new(ctx.stamp.now, &mut ctx.rng),
        name: line("name", &new.name, presets::called(ci))?,
        ci,
        url,
        audience: (!audience.is_empty()).then(|| line("audience", audience, "")).transpose()?,
        claim,
        near: new.allow_private,
        created_at: ctx.stamp.now,
    })
}

/// Adds an issuer. Its tokens open nothing until a project has a rule about them.
///
/// # Errors
/// `unfit` at the field that doesn't do; `conflict` when it is there already, or there are too many.
pub async fn add(app: &App, ctx: &mut Ctx, admin: &Fresh<Admin>, new: New) -> Result<Issuer, Problem> {
    let issuer = read(new, ctx)?;
    let (stamp, actor, row) = (ctx.stamp.clone(), admin.who().actor, issuer.clone());
    app.store
        .write(move |tx| {
            Admin::still(tx, actor)?;
            if rows::all(tx)?.len() >= ISSUERS_MAX {
                let detail = "There are 50 issuers, the most there can be. Remove one that no project uses.";
                return Err(Problem::new(Code::Conflict, detail));
            }
            if !rows::insert(tx, &row)? {
                let detail = "There is an issuer of this name, or of this URL, already. Choose another name, or use that one.";
                return Err(Problem { field: Some("name"), ..Problem::new(Code::Conflict, detail) });
            }
            let (id, name, issuer) = (row.id, row.name.clone(), row.url.clone());
            let what = What::IssuerAdded { id, name, issuer };
            Ok(events::append(tx, stamp.now, stamp.event(None, actor, what))?)
        })
        .await?;
    Ok(issuer)
}

/// How many rules of all projects name it.
///
/// # Errors
/// `not-found`.
pub fn named_by(app: &App, _admin: &Admin, id: IssuerId) -> Result<(Issuer, usize), Problem> {
    app.store.read(|conn| {
        let issuer = rows::by_id(conn, id)?.ok_or_else(Problem::not_found)?;
        Ok((issuer, rule_rows::of_issuer(conn, id)?.len()))
    })
}

/// Removes an issuer, with all rules that name it, and ends the builds that those let in.
///
/// # Errors
/// `not-found`.
pub async fn remove(app: &App, ctx: &Ctx, admin: &Admin, id: IssuerId) -> Result<Issuer, Problem> {
    let (stamp, actor) = (ctx.stamp.clone(), admin.actor);
    let removed = app
        .store
        .write(move |tx| {
            Admin::still(tx, actor)?;
            let issuer = rows::by_id(tx, id)?.ok_or_else(Problem::not_found)?;
            for rule in rule_rows::of_issuer(tx, id)? {
                let Some(project) = projects::by_id(tx, rule.project)? else { continue };
                rule_rows::delete(tx, rule.id)?;
                let listed = Listed { rule, issuer: issuer.clone() };
                let what = What::RuleRemoved {
                    project: project.id,
                    project_name: project.name.as_str().into(),
                    id: listed.rule.id,
                    rule: listed.words(),
                };
                events::append(tx, stamp.now, stamp.event(None, actor, what))?;
                let open = builds::opened_by(tx, &listed.rule.id.to_string())?;
                close::end_all(tx, &stamp, &open, WhyBuildEnded::ProofTakenBack, Actor::Doorkey)?;
            }
            rows::delete(tx, id)?;
            let what = What::IssuerRemoved { id, name: issuer.name.clone(), issuer: issuer.url.clone() };
            events::append(tx, stamp.now, stamp.event(None, actor, what))?;
            Ok::<_, Problem>(issuer)
        })
        .await?;
    app.identities.forget(id);
    Ok(removed)
}

/// Asks the issuer for its keys, to see that it can be.
///
/// # Errors
/// In words, when it can't.
pub async fn reach(issuer: &Issuer) -> Result<(), String> {
    fetch::keys(issuer).await.map(drop)
}

/// The claims that rules about an issuer can name: its id first.
pub fn claims(issuer: &Issuer) -> Vec<String> {
    match presets::terms(issuer.ci) {
        [] => vec![presets::id_claim(issuer).to_owned()],
        known => known.iter().map(|term| term.claim.to_owned()).collect(),
    }
}

/// The issuer that somebody names: by its id, its name or its URL.
///
/// # Errors
/// `not-found`.
pub fn named(app: &App, typed: &str) -> Result<Issuer, Problem> {
    app.store.read(|conn| rules::issuer_named(conn, typed)).map_err(|problem| match problem.code {
        Code::Unfit => Problem::not_found(),
        _ => problem,
    })
}
