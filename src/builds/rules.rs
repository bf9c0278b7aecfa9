//! A project's rules: whose identity tokens open its builds. A rule names an issuer, the id of a repository or project there, and whatever else
//! narrows that down.

use domain::{Ci, Origin, RuleId, RuleTerms, SessionId, What, WhyBuildEnded, fits_pattern, is_invisible};
use store::{
    Conn, builds, events,
    issuers::{self, Issuer},
    rules::{self as rows, Rule},
};

use super::{
    close,
    identity::{self, Claims, Looked},
    presets,
};
use crate::{
    access::{Fresh, SignedIn},
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
    projects::{Member, ProjectAdmin},
};

/// How many rules a project may have.
pub const RULES_MAX: usize = 100;
/// How many claims a rule may name.
const TERMS_MAX: usize = 20;
/// How long a claim's name or value may be, in characters.
const LONGEST: usize = 500;

/// A rule, and the issuer that it is about.
pub struct Listed {
    /// The rule.
    pub rule: Rule,
    /// Its issuer.
    pub issuer: Issuer,
}

impl Listed {
    /// The rule in words.
    pub fn words(&self) -> String {
        format!("{}, {}", self.issuer.name, self.terms_in_words())
    }

    /// The same without the issuer's name.
    pub fn terms_in_words(&self) -> String {
        words(&self.issuer, &self.rule.terms)
    }
}

/// What a rule asks for, in words: the end of a sentence.
fn words(issuer: &Issuer, terms: &RuleTerms) -> String {
    let id = presets::id_claim(issuer);
    let first = terms.claims.get_key_value(id);
    let rest = terms.claims.iter().filter(|(claim, _)| *claim != id);
    let mut all: Vec<_> =
        first.into_iter().chain(rest).map(|(claim, value)| format!("{claim} {value}")).collect();
    if terms.pull_requests {
        all.push("also pull requests of the repository itself".into());
    }
    if terms.forks {
        all.push("also forks, and builds that can't be told from a fork's".into());
    }
    all.join(", ")
}

/// The project's rules.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App, member: &Member) -> Result<Vec<Listed>, Problem> {
    app.store.read(|conn| of_project(conn, member.project.id))
}

/// The same, in a unit of work.
///
/// # Errors
/// As the database has them.
pub fn of_project(conn: &mut Conn, project: domain::ProjectId) -> Result<Vec<Listed>, Problem> {
    let all = issuers::all(conn)?;
    let listed = rows::of_project(conn, project)?.into_iter().filter_map(|rule| {
        let issuer = all.iter().find(|issuer| issuer.id == rule.issuer)?.clone();
        Some(Listed { rule, issuer })
    });
    Ok(listed.collect())
}

/// What is asked about a new rule.
pub struct New {
    /// The issuer: its id, its name or its URL.
    pub issuer: String,
    /// What its tokens have to say.
    pub terms: RuleTerms,
}

/// The issuer that is named by its id, its name in whatever case, or its URL.
///
/// # Errors
/// `unfit` at `issuer`.
pub fn issuer_named(conn: &mut Conn, typed: &str) -> Result<Issuer, Problem> {
    let typed = typed.trim();
    let all = issuers::all(conn)?;
    let found = all.into_iter().find(|issuer| {
        issuer.id.to_string() == typed
            || issuer.url == typed
            || issuer.name.to_lowercase() == typed.to_lowercase()
    });
    found.ok_or_else(|| {
        let detail = "No such CI has been added to this server. Choose one of the list, or ask an administrator of the server \
                      to add it.";
        Problem::field("issuer", detail)
    })
}

/// Reads what a rule shall ask of this issuer's tokens.
fn parse(issuer: &Issuer, terms: RuleTerms) -> Result<RuleTerms, Problem> {
    let unfit = |detail: String| Err(Problem::field("claims", detail));
    let id = presets::id_claim(issuer);
    if terms.claims.len() > TERMS_MAX {
        return unfit(format!("A rule names at most {TERMS_MAX} claims."));
    }
    let mut claims = std::collections::BTreeMap::new();
    for (claim, value) in terms.claims {
        let (claim, value) = (claim.trim().to_owned(), value.trim().to_owned());
        let known = presets::terms(issuer.ci);
        if !known.is_empty() && !known.iter().any(|term| term.claim == claim) {
            let names = known.iter().map(|term| term.claim).collect::<Vec<_>>().join(", ");
            return unfit(format!("A rule about {} names claims among {names}.", issuer.name));
        }
        let long = |text: &str| text.chars().count() > LONGEST || text.chars().any(is_invisible);
        if claim.is_empty() || value.is_empty() || long(&claim) || long(&value) {
            return unfit(format!(
                "Give each claim a name and a value of 1 to {LONGEST} characters that can be seen."
            ));
        }
        if presets::is_id(issuer, &claim) && (value.contains('*') || !presets::can_be_id(issuer.ci, &value)) {
            return unfit(format!(
                "{claim} is compared as it is, and that can't be one. {}",
                presets::where_the_id_is(issuer.ci)
            ));
        }
        claims.insert(claim, value);
    }
    if !claims.contains_key(id) {
        return unfit(format!(
            "Name the {id}: names can be taken over by others, and an id can't. {}",
            presets::where_the_id_is(issuer.ci)
        ));
    }
    if issuer.ci == Ci::Other && !terms.forks {
        let detail = "Nothing in this CI's tokens tells a fork's builds from the project's own, so a rule without forks lets nothing in. If \
                      its builds are never of a fork, or the claims that you name leave forks out, say that forks are let in too.";
        return Err(Problem::field("forks", detail));
    }
    Ok(RuleTerms { claims, ..terms })
}

/// Adds a rule: identity tokens that fit it open builds from now on.
///
/// # Errors
/// `unfit` at `issuer` or `claims`; `conflict` when there is such a rule; `role-needed`.
pub async fn add(
    app: &App,
    ctx: &mut Ctx,
    person: &Fresh<SignedIn>,
    admin: &ProjectAdmin,
    new: New,
) -> Result<Listed, Problem> {
    let (stamp, admin, session) = (ctx.stamp.clone(), admin.clone(), person.who().session.id);
    let (id, member) = (RuleId::new(stamp.now, &mut ctx.rng), admin.member().clone());
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session)?;
            admin.may_give(tx)?;
            let issuer = issuer_named(tx, &new.issuer)?;
            let terms = parse(&issuer, new.terms.clone())?;
            let there_are = rows::of_project(tx, member.project.id)?;
            if there_are.iter().any(|rule| rule.issuer == issuer.id && rule.terms == terms) {
                return Err(Problem {
                    field: Some("claims"),
                    ..Problem::new(Code::Conflict, "There is such a rule already.")
                });
            }
            if there_are.len() >= RULES_MAX {
                return Err(Problem::new(
                    Code::Conflict,
                    "This project has 100 rules, the most there can be. Remove one that is no longer needed.",
                ));
            }
            let rule =
                Rule { id, project: member.project.id, issuer: issuer.id, terms, created_at: stamp.now };
            rows::insert(tx, &rule)?;
            let listed = Listed { rule, issuer };
            let what = What::RuleAdded {
                project: member.project.id,
                project_name: member.project.name.as_str().into(),
                id,
                rule: listed.words(),
            };
            events::append(tx, stamp.now, stamp.event(Some(member.account), member.actor(), what))?;
            Ok(listed)
        })
        .await
}

/// Removes a rule, and ends the builds that it let in. Gives it, and how many those were. It asks for no fresh second factor: what takes something
/// back must be easy.
///
/// # Errors
/// `not-found`, `role-needed`.
pub async fn remove(
    app: &App,
    ctx: &Ctx,
    session: SessionId,
    admin: &ProjectAdmin,
    id: RuleId,
) -> Result<(Listed, u64), Problem> {
    let (stamp, admin) = (ctx.stamp.clone(), admin.clone());
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session)?;
            admin.still(tx)?;
            let member = admin.member();
            let rule = rows::by_id(tx, id)?.filter(|rule| rule.project == member.project.id);
            let rule = rule.ok_or_else(Problem::not_found)?;
            let issuer = issuers::by_id(tx, rule.issuer)?.ok_or_else(Problem::not_found)?;
            let listed = Listed { rule, issuer };
            rows::delete(tx, id)?;
            let what = What::RuleRemoved {
                project: member.project.id,
                project_name: member.project.name.as_str().into(),
                id,
                rule: listed.words(),
            };
            events::append(tx, stamp.now, stamp.event(Some(member.account), member.actor(), what))?;
            let open = builds::opened_by(tx, &id.to_string())?;
            let ended = close::end_all(tx, &stamp, &open, WhyBuildEnded::ProofTakenBack, member.actor())?;
            Ok((listed, ended))
        })
        .await
}

/// What a rule asks of one claim, and what the token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The claim.
    pub claim: String,
    /// What the rule wants.
    pub wanted: String,
    /// What the token says, if anything.
    pub found: Option<String>,
    /// Whether that fits.
    pub fits: bool,
}

/// What a rule makes of a token of its issuer.
pub struct Verdict {
    /// The rule.
    pub listed: Listed,
    /// Claim by claim, the id first.
    pub checks: Vec<Check>,
    /// Whose the build is, as far as it is proven.
    pub origin: Origin,
}

impl Verdict {
    /// Looks at the claims of a token of the rule's issuer.
    pub fn of(listed: Listed, claims: &Claims) -> Self {
        let Listed { rule, issuer } = &listed;
        let id = presets::id_claim(issuer);
        let mut checks: Vec<_> = rule
            .terms
            .claims
            .iter()
            .map(|(claim, wanted)| {
                let found = claims.get(claim);
                let fits = found.as_deref().is_some_and(|found| match presets::is_id(issuer, claim) {
                    true => found == wanted,
                    false => fits_pattern(wanted, found),
                });
                Check { claim: claim.clone(), wanted: wanted.clone(), found, fits }
            })
            .collect();
        checks.sort_by_key(|check| check.claim != id);
        let origin = presets::origin(issuer.ci, claims, &rule.terms);
        Self { listed, checks, origin }
    }

    /// Whether the token is of the repository or project that the rule names.
    pub fn knows(&self) -> bool {
        self.checks.first().is_some_and(|check| check.fits)
    }

    /// Whether the rule lets in builds of such an origin.
    pub fn admits_origin(&self) -> bool {
        let terms = &self.listed.rule.terms;
        match self.origin {
            Origin::Own => true,
            Origin::PullRequest => terms.pull_requests || terms.forks,
            Origin::MaybeFork => terms.forks,
        }
    }

    /// Whether it lets the build in.
    pub fn admits(&self) -> bool {
        self.checks.iter().all(|check| check.fits) && self.admits_origin()
    }

    /// How many things stand in the way.
    pub fn lacking(&self) -> usize {
        self.checks.iter().filter(|check| !check.fits).count() + usize::from(!self.admits_origin())
    }

    /// What stands in the way, first of all, in a sentence for the CI's user.
    pub fn why_not(&self) -> Option<String> {
        if let Some(check) = self.checks.iter().find(|check| !check.fits) {
            let said = match &check.found {
                None => "this build's token doesn't have it".into(),
                Some(found) => format!("this build's is {}", short(found)),
            };
            return Some(format!("The rule wants {} {}, and {said}.", check.claim, check.wanted));
        }
        let why = match self.origin {
            _ if self.admits_origin() => return None,
            Origin::Own | Origin::PullRequest => "This build is of a pull request".into(),
            Origin::MaybeFork => format!(
                "This build comes from a fork, or can't be told from one ({})",
                presets::why_maybe_fork(self.listed.issuer.ci)
            ),
        };
        Some(format!("{why}, so it gets no credentials. An admin can allow it under Integrations."))
    }
}

/// What a token says, short enough for a sentence.
fn short(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c)).take(200).collect()
}

/// What became of a token that was tried.
pub struct Tried {
    /// What looking at it found.
    pub looked: Looked,
    /// What each of the project's rules about its issuer makes of it.
    pub verdicts: Vec<Verdict>,
    /// Whether it has opened a build already.
    pub used: bool,
}

impl Tried {
    /// Why the token isn't taken, whatever the rules say.
    pub fn why_not_genuine(&self) -> Option<String> {
        match &self.looked.genuine {
            Err(why) => Some(why.to_string()),
            Ok(_) if self.used => Some("It has opened a build already, and each opens one.".into()),
            Ok(_) => None,
        }
    }

    /// Whether it would open a build.
    pub fn opens(&self) -> bool {
        self.why_not_genuine().is_none() && self.verdicts.iter().any(Verdict::admits)
    }
}

/// Tries a token: which rule would let it in, and why the others wouldn't. No build is opened, and the token stays as good as it was.
///
/// # Errors
/// `unavailable`; `role-needed` below developers.
pub async fn try_token(app: &App, member: Member, token: &str) -> Result<Tried, Problem> {
    let member = member.at_least(domain::Role::Developer)?;
    let looked = identity::look(app, token.trim()).await?;
    app.store.read(|conn| {
        let mut verdicts = Vec::new();
        if let (Some(issuer), Some(claims)) = (&looked.issuer, &looked.claims) {
            let listed = of_project(conn, member.project.id)?.into_iter();
            let about_it = listed.filter(|listed| listed.issuer.id == issuer.id);
            verdicts = about_it.map(|listed| Verdict::of(listed, claims)).collect();
        }
        let used = match &looked.genuine {
            Ok(identity) => store::identities::is_spent(conn, &identity.hash)?,
            Err(_) => false,
        };
        Ok(Tried { looked, verdicts, used })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Ci, IssuerId, ProjectId, Timestamp};
    use serde_json::json;

    fn issuer(ci: Ci) -> Issuer {
        Issuer {
            id: IssuerId::from_bytes([1; 16]),
            name: presets::called(ci).into(),
            ci,
            url: presets::issuer_url(ci).into(),
            audience: None,
            claim: None,
            near: false,
            created_at: Timestamp::from_millis(0),
        }
    }

    fn terms(claims: &[(&str, &str)]) -> RuleTerms {
        let claims = claims.iter().map(|(claim, value)| ((*claim).into(), (*value).into())).collect();
        RuleTerms { claims, ..RuleTerms::default() }
    }

    fn verdict(terms: RuleTerms, claims: serde_json::Value) -> Verdict {
        let rule = Rule {
            id: RuleId::from_bytes([2; 16]),
            project: ProjectId::from_bytes([3; 16]),
            issuer: IssuerId::from_bytes([1; 16]),
            terms,
            created_at: Timestamp::from_millis(0),
        };
        Verdict::of(Listed { rule, issuer: issuer(Ci::GitHub) }, &Claims::of(claims))
    }

    #[test]
    fn a_rule_names_the_id_and_only_what_the_ci_signs() {
        let github = issuer(Ci::GitHub);
        assert!(parse(&github, terms(&[("repository_id", " 1234 "), ("ref", "refs/heads/*")])).is_ok());
        for wrong in [
            terms(&[]),
            terms(&[("repository", "northwind/app")]),
            terms(&[("repository_id", "northwind/app")]),
            terms(&[("repository_id", "12*")]),
            terms(&[("repository_id", "*")]),
            terms(&[("repository_id", "")]),
            terms(&[("repository_id", "1"), ("sub", "x")]),
            terms(&[("repository_id", "1"), ("ref", "a\u{202e}b")]),
            terms(&[("repository_id", "1"), ("ref", &"a".repeat(501))]),
        ] {
            assert_eq!(parse(&github, wrong.clone()).unwrap_err().field, Some("claims"), "{wrong:?}");
        }
        let other = Issuer { claim: Some("sub".into()), ..issuer(Ci::Other) };
        let with_forks = |claims| RuleTerms { forks: true, ..terms(claims) };
        assert!(parse(&other, with_forks(&[("sub", "job/app"), ("anything", "x")])).is_ok());
        assert!(parse(&other, with_forks(&[("anything", "x")])).is_err());
        // It would let nothing in.
        assert_eq!(parse(&other, terms(&[("sub", "job/app")])).unwrap_err().field, Some("forks"));
    }

    #[test]
    fn an_id_is_compared_as_it_is_and_no_name_is_taken_for_another() {
        let claims = json!({
            "repository_id": "1234", "repository": "org/app-evil", "ref": "refs/heads/main", "event_name": "push",
        });
        assert!(verdict(terms(&[("repository_id", "1234")]), claims.clone()).admits());
        assert!(!verdict(terms(&[("repository_id", "123")]), claims.clone()).admits());
        assert!(!verdict(terms(&[("repository_id", "1234"), ("repository", "org/app")]), claims).admits());
        let number = json!({ "repository_id": 1234, "event_name": "push" });
        assert!(verdict(terms(&[("repository_id", "1234")]), number).admits());
        for wrong in [json!(["1234"]), json!(null), json!({ "1234": 1 }), json!(1234.0)] {
            let claims = json!({ "repository_id": wrong, "event_name": "push" });
            assert!(!verdict(terms(&[("repository_id", "1234")]), claims).knows(), "{wrong}");
        }
    }

    #[test]
    fn pull_requests_and_forks_come_in_only_where_a_rule_says_so() {
        let claims = |event: &str, seen: &str| json!({ "repository_id": "1", "event_name": event, "repository_visibility": seen });
        let rule =
            |pull_requests, forks| RuleTerms { pull_requests, forks, ..terms(&[("repository_id", "1")]) };
        for (event, seen, plain, pull_requests, forks) in [
            ("push", "private", true, true, true),
            ("pull_request", "public", false, true, true),
            ("pull_request", "private", false, false, true),
            ("pull_request_target", "public", false, false, true),
        ] {
            let admits = |pr, forks| verdict(rule(pr, forks), claims(event, seen)).admits();
            assert_eq!(
                (admits(false, false), admits(true, false), admits(false, true)),
                (plain, pull_requests, forks),
                "{event}"
            );
        }
    }

    #[test]
    fn a_refusal_says_what_stands_in_the_way() {
        let rule = terms(&[("ref", "refs/heads/main"), ("repository_id", "1")]);
        let no = verdict(
            rule.clone(),
            json!({ "repository_id": "1", "ref": "refs/heads/dev", "event_name": "push" }),
        );
        assert_eq!(
            no.why_not().unwrap(),
            "The rule wants ref refs/heads/main, and this build's is refs/heads/dev."
        );
        let fork = verdict(
            rule.clone(),
            json!({ "repository_id": "1", "ref": "refs/heads/main", "event_name": "issue_comment" }),
        );
        assert!(fork.why_not().unwrap().contains("comes from a fork"));
        let yes =
            verdict(rule, json!({ "repository_id": "1", "ref": "refs/heads/main", "event_name": "push" }));
        assert!(yes.admits() && yes.why_not().is_none());
        assert_eq!(yes.listed.words(), "GitHub Actions, repository_id 1, ref refs/heads/main");
    }
}
