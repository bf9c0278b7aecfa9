//! *Integrations* of a project, in a browser: its rules, its tokens, trying the rules, and setting up a CI.

use std::collections::BTreeMap;

use axum::{
    extract::{Path, Query, rejection::QueryRejection},
    response::Response,
};
use domain::{Origin, Role, RuleTerms};
use serde::Deserialize;
use store::issuers::Issuer;

use super::{
    presets,
    rules::{self, Verdict},
    snippets, tokens,
    views::{
        AddRulePage, ChooseIssuerPage, IntegrationsPage, MadeTokenPage, MakeTokenPage, RemoveRulePage,
        RuleRow, TermField, TokenRow, TriedRow, TriedView, TryPage,
    },
};
use crate::{
    access::SignedIn,
    problem::{Code, Problem},
    projects::{
        Member,
        pages::{HERE, page_of},
        views::{Head, Part},
    },
    web::{
        form::Form,
        views::{Choice, Field, Link, NoticeKind},
        visit::{Visit, about},
    },
};

fn here(member: &Member) -> String {
    format!("{}/integrations", page_of(member.project.id))
}

/// `GET /projects/{id}/integrations`.
pub async fn integrations(
    visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let member = Member::of(&visit.app, &person.oneself(), &id)?;
    let (here, may) = (here(&member), member.role >= Role::Admin);
    let rules = rules::list(&visit.app, &member)?.into_iter().map(|listed| RuleRow {
        issuer: listed.issuer.name.clone(),
        words: listed.terms_in_words(),
        added: visit.when(listed.rule.created_at),
        remove_href: may.then(|| format!("{here}/rules/{}/remove", listed.rule.id)),
    });
    let tokens = tokens::list(&visit.app, &member)?.into_iter();
    let tokens = tokens.map(|tokens::Listed { token, made_by, maker_administers }| TokenRow {
        made_by: made_by.map(|name| name.to_string()).unwrap_or_default(),
        maker_administers,
        label: token.label.as_str().into(),
        made: visit.when(token.created_at),
        expires: visit.when(token.expires_at),
        expired: token.expires_at <= visit.now(),
        used: token.last_use.as_ref().map(|(at, _)| visit.when(*at)),
        from: token.last_use.map(|(_, from)| from).unwrap_or_default(),
        revoke_action: may.then(|| format!("{here}/tokens/{}/revoke", token.id)),
    });
    Ok(visit.show(&IntegrationsPage {
        rules: rules.collect(),
        tokens: tokens.collect(),
        add_rule_href: may.then(|| format!("{here}/rules/add")),
        make_token_href: may.then(|| format!("{here}/tokens/make")),
        try_href: (member.role >= Role::Developer).then(|| format!("{here}/try")),
        snippets: snippets::all(&visit.app, &member.project),
        frame: visit.frame(&person, HERE),
        project: Head::of(&member, Part::Integrations),
    }))
}

/// Which issuer a new rule is about.
#[derive(Default, Deserialize)]
pub struct Chosen {
    issuer: Option<String>,
}

/// `GET /projects/{id}/integrations/rules/add`.
pub async fn add_rule(
    visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
    chosen: Result<Query<Chosen>, QueryRejection>,
) -> Result<Response, Problem> {
    let member = Member::of(&visit.app, &person.oneself(), &id)?;
    member.clone().admin()?;
    let person = person.fresh(visit.now())?;
    let issuers = super::issuers::list(&visit.app)?;
    let wanted = chosen.ok().and_then(|Query(chosen)| chosen.issuer);
    if let Some(issuer) = issuers.iter().find(|issuer| Some(issuer.id.to_string()) == wanted) {
        let typed = Typed::default();
        return Ok(add_rule_page(&visit, person.who(), &member, issuer, &typed, None));
    }
    let add = format!("{}/rules/add", here(&member));
    Ok(visit.show(&ChooseIssuerPage {
        issuers: issuers
            .iter()
            .map(|issuer| Link { label: issuer.name.clone(), href: format!("{add}?issuer={}", issuer.id) })
            .collect(),
        issuers_href: person.who().account.administrator.then(|| "/issuers".into()),
        cancel_href: here(&member),
        frame: visit.frame(person.who(), HERE),
        project: Head::of(&member, Part::Other),
    }))
}

/// What stands in the form.
#[derive(Default)]
struct Typed {
    claims: BTreeMap<String, String>,
    more: String,
    pull_requests: bool,
    forks: bool,
}

const CLAIM: &str = "claim:";

impl Typed {
    fn of(form: &Form) -> Self {
        let claims = form.pairs().filter_map(|(name, value)| {
            Some((name.strip_prefix(CLAIM)?.to_owned(), value.trim().to_owned()))
        });
        Self {
            claims: claims.filter(|(_, value)| !value.is_empty()).collect(),
            more: form.get("more").to_owned(),
            pull_requests: form.ticked("pull_requests"),
            forks: form.ticked("forks"),
        }
    }

    /// The claims of the fields, and those that were written line by line.
    fn terms(&self) -> Result<RuleTerms, Problem> {
        let mut claims = self.claims.clone();
        for line in self.more.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (claim, value) = line.split_once([' ', '\t']).ok_or_else(|| {
                Problem::field(
                    "claims",
                    "Write one claim in each line: its name, a space, and what it has to say.",
                )
            })?;
            claims.insert(claim.to_owned(), value.trim().to_owned());
        }
        Ok(RuleTerms { claims, pull_requests: self.pull_requests, forks: self.forks })
    }
}

fn add_rule_page(
    visit: &Visit,
    person: &SignedIn,
    member: &Member,
    issuer: &Issuer,
    typed: &Typed,
    problem: Option<&Problem>,
) -> Response {
    let id = presets::id_claim(issuer).to_owned();
    let field = |claim: &str, label: &str, example: &str| TermField {
        key: format!("{CLAIM}{claim}"),
        claim: claim.to_owned(),
        label: label.to_owned(),
        example: example.to_owned(),
        value: typed.claims.get(claim).cloned().unwrap_or_default(),
    };
    let known = presets::terms(issuer.ci);
    let view = AddRulePage {
        frame: visit.frame(person, HERE),
        project: Head::of(member, Part::Other),
        issuer: issuer.name.clone(),
        action: format!("{}/rules/add", here(member)),
        issuer_id: issuer.id.to_string(),
        cancel_href: here(member),
        id_field: match known.first() {
            Some(term) => field(term.claim, term.label, term.example),
            None => field(&id, &id, ""),
        },
        id_hint: presets::where_the_id_is(issuer.ci),
        fields: known.iter().skip(1).map(|term| field(term.claim, term.label, term.example)).collect(),
        open: typed.claims.len() > 1,
        any_claims: known.is_empty(),
        more: typed.more.clone(),
        tells_pull_requests: presets::tells_pull_requests(issuer.ci),
        pull_requests: typed.pull_requests,
        forks: typed.forks,
        forks_are: presets::what_is_maybe_fork(issuer.ci),
        claims_error: about(problem, &["claims"]),
        problem: about(problem, &["", "issuer", "forks"]),
    };
    visit.show_again(&view, problem)
}

/// `POST /projects/{id}/integrations/rules/add`.
pub async fn post_add_rule(
    mut visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let member = Member::of(&visit.app, &person.oneself(), &id)?;
    let admin = member.clone().admin()?;
    let person = person.fresh(visit.now())?;
    let issuer = super::issuers::named(&visit.app, form.get("issuer"))?;
    let typed = Typed::of(&form);
    let added = match typed.terms() {
        Ok(terms) => {
            let new = rules::New { issuer: issuer.id.to_string(), terms };
            rules::add(&visit.app, &mut visit.ctx, &person, &admin, new).await
        }
        Err(problem) => Err(problem),
    };
    match added {
        Ok(_) => {
            let text = "The rule is added. Try it with a token of a build, or let one run.";
            Ok(visit.go(&here(&member), NoticeKind::Success, text))
        }
        Err(problem) if matches!(problem.code, Code::Unfit | Code::Conflict) => {
            Ok(add_rule_page(&visit, person.who(), &member, &issuer, &typed, Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /projects/{id}/integrations/rules/{rule}/remove`.
pub async fn remove_rule(
    visit: Visit,
    person: SignedIn,
    Path((id, rule)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let member = Member::of(&visit.app, &person.oneself(), &id)?;
    member.clone().admin()?;
    let listed = rules::list(&visit.app, &member)?;
    let listed = listed.into_iter().find(|listed| listed.rule.id.to_string() == rule);
    let listed = listed.ok_or_else(Problem::not_found)?;
    Ok(visit.show(&RemoveRulePage {
        frame: visit.frame(&person, HERE),
        words: listed.words(),
        action: format!("{}/rules/{rule}/remove", here(&member)),
        cancel_href: here(&member),
    }))
}

/// So many builds ended, in a sentence.
fn ended(builds: u64) -> String {
    match builds {
        0 => String::new(),
        1 => " The build that it had let in has ended.".into(),
        n => format!(" The {n} builds that it had let in have ended."),
    }
}

/// `POST /projects/{id}/integrations/rules/{rule}/remove`.
pub async fn post_remove_rule(
    visit: Visit,
    person: SignedIn,
    Path((id, rule)): Path<(String, String)>,
    _form: Form,
) -> Result<Response, Problem> {
    let member = Member::of(&visit.app, &person.oneself(), &id)?;
    let admin = member.clone().admin()?;
    let rule = rule.parse().map_err(|_| Problem::not_found())?;
    let (_, builds) = rules::remove(&visit.app, &visit.ctx, person.session.id, &admin, rule).await?;
    let text = format!("The rule is removed.{}", ended(builds));
    Ok(visit.go(&here(&member), NoticeKind::Success, &text))
}

/// `GET /projects/{id}/integrations/try`.
pub async fn try_rules(visit: Visit, person: SignedIn, Path(id): Path<String>) -> Result<Response, Problem> {
    let member = Member::of(&visit.app, &person.oneself(), &id)?.at_least(Role::Developer)?;
    Ok(try_page(&visit, &person, &member, None))
}

fn try_page(visit: &Visit, person: &SignedIn, member: &Member, tried: Option<TriedView>) -> Response {
    visit.show(&TryPage {
        frame: visit.frame(person, HERE),
        project: Head::of(member, Part::Other),
        action: format!("{}/try", here(member)),
        back_href: here(member),
        tried,
    })
}

/// `POST /projects/{id}/integrations/try`: the answer is shown and nothing is kept, least of all the token.
pub async fn post_try(
    visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let member = Member::of(&visit.app, &person.oneself(), &id)?;
    let tried = rules::try_token(&visit.app, member.clone(), form.get("token")).await?;
    let view = TriedView {
        opens: tried.opens(),
        why_not_genuine: tried.why_not_genuine(),
        issuer: tried.looked.issuer.as_ref().map(|issuer| issuer.name.clone()),
        rows: tried.verdicts.iter().map(tried_row).collect(),
        claims: tried
            .looked
            .claims
            .iter()
            .flat_map(|claims| claims.all())
            .map(|(claim, said)| (claim.to_owned(), said))
            .collect(),
    };
    Ok(try_page(&visit, &person, &member, Some(view)))
}

fn tried_row(verdict: &Verdict) -> TriedRow {
    TriedRow {
        words: verdict.listed.terms_in_words(),
        lets_in: verdict.admits(),
        checks: verdict.checks.clone(),
        origin: match verdict.origin {
            Origin::Own => "of a branch or tag of its own",
            Origin::PullRequest => "of a pull request of its own",
            Origin::MaybeFork => "of a fork, or can't be told from one",
        },
        origin_fits: verdict.admits_origin(),
    }
}

const EXPIRIES: [(&str, &str); 4] =
    [("1d", "in a day"), ("30d", "in 30 days"), ("90d", "in 90 days"), ("1y", "in a year")];

/// `GET /projects/{id}/integrations/tokens/make`.
pub async fn make_token(visit: Visit, person: SignedIn, Path(id): Path<String>) -> Result<Response, Problem> {
    let member = Member::of(&visit.app, &person.oneself(), &id)?;
    member.clone().admin()?;
    let person = person.fresh(visit.now())?;
    Ok(make_token_page(&visit, person.who(), &member, ("", tokens::EXPIRES), None))
}

fn make_token_page(
    visit: &Visit,
    person: &SignedIn,
    member: &Member,
    (label, expires): (&str, &str),
    problem: Option<&Problem>,
) -> Response {
    let view = MakeTokenPage {
        frame: visit.frame(person, HERE),
        project: Head::of(member, Part::Other),
        action: format!("{}/tokens/make", here(member)),
        cancel_href: here(member),
        label: Field { value: label.into(), error: about(problem, &["label"]) },
        expiries: EXPIRIES
            .map(|(value, label)| Choice {
                value: value.into(),
                label: label.into(),
                hint: String::new(),
                chosen: value == expires,
            })
            .into(),
        problem: about(problem, &["", "expires"]),
    };
    visit.show_again(&view, problem)
}

/// `POST /projects/{id}/integrations/tokens/make`: the answer shows the token, this once.
pub async fn post_make_token(
    mut visit: Visit,
    person: SignedIn,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let member = Member::of(&visit.app, &person.oneself(), &id)?;
    let admin = member.clone().admin()?;
    let person = person.fresh(visit.now())?;
    let typed = (form.get("label"), form.get("expires"));
    let made = match tokens::New::parse(typed.0, typed.1, visit.now()) {
        Ok(new) => tokens::make(&visit.app, &mut visit.ctx, &person, &admin, new).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok((token, secret)) => Ok(visit.show(&MadeTokenPage {
            frame: visit.frame(person.who(), HERE),
            project: Head::of(&member, Part::Other),
            label: token.token.label.as_str().into(),
            token: secret.expose().into(),
            expires: visit.when(token.token.expires_at),
            done_href: here(&member),
        })),
        Err(problem) if matches!(problem.code, Code::Unfit | Code::TooManyTokens) => {
            Ok(make_token_page(&visit, person.who(), &member, typed, Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /projects/{id}/integrations/tokens/{token}/revoke`.
pub async fn revoke_token(
    visit: Visit,
    person: SignedIn,
    Path((id, token)): Path<(String, String)>,
    _form: Form,
) -> Result<Response, Problem> {
    let member = Member::of(&visit.app, &person.oneself(), &id)?;
    let admin = member.clone().admin()?;
    let token = token.parse().map_err(|_| Problem::not_found())?;
    let (token, builds) = tokens::revoke(&visit.app, &visit.ctx, person.session.id, &admin, token).await?;
    let text = format!("“{}” is revoked.{}", token.label.as_str(), ended(builds));
    Ok(visit.go(&here(&member), NoticeKind::Success, &text))
}
