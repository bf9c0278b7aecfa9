//! `doorkey projects rules` and `doorkey projects tokens`

use axum::http::Method;
use clap::Subcommand;
use domain::Timestamp;
use serde::Deserialize;
use serde_json::{Map, json};

use super::client::Client;
use super::confirm;
use super::console::Console;
use super::failure::Failure;
use super::render::{clipped, plain, read, table};
use super::{in_path, path_part};
use crate::clock::Clock;

const HELP: &str = "A rule names the id of a repository or project at the CI, which is never given twice, and whatever else narrows it \
                    down; * stands for any characters but /:\n\n    doorkey projects rules 'Northwind iOS' add 'GitHub Actions' \
                    repository_id=741852963 ref=refs/heads/main";

/// What is done with a project's rules. Whether the answer is printed as JSON, and a code to confirm with, are the command's above.
#[derive(Debug, Subcommand)]
pub(super) enum Rules {
    /// List them
    List,
    /// Add one: identity tokens that fit it open builds
    #[command(after_help = HELP)]
    Add {
        /// The CI: its name, as doorkey projects rules PROJECT issuers prints it, or its URL
        issuer: String,
        /// What its tokens have to say, like repository_id=741852963
        #[arg(value_name = "CLAIM=VALUE", required = true, value_parser = claim)]
        claims: Vec<(String, String)>,
        /// Let in pull requests too, if their token proves that they are of the repository itself
        #[arg(long)]
        pull_requests: bool,
        /// Let in forks too, and builds that can't be told from a fork's
        #[arg(long)]
        forks: bool,
    },
    /// Remove one; the builds that it let in end
    Remove {
        /// Which one: its id in the list
        #[arg(value_parser = path_part)]
        id: String,
    },
    /// Try an identity token from standard input: which rule lets it in, and why the others don't
    Try,
    /// List the CIs that rules can be about, and the claims that they can name
    Issuers,
}

/// What is done with a project's tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Tokens {
    /// List them
    List,
    /// Make one for a CI that signs no identity tokens; it is shown this once
    Make {
        /// What it is called, like Jenkins
        #[arg(long)]
        label: String,
        /// When it stops working, like 30d, 12w or 1y; a year at most
        #[arg(long, value_name = "TIME", default_value = "90d")]
        expires: String,
    },
    /// Revoke one; the builds that it opened end
    Revoke {
        /// Which one: its id in the list
        #[arg(value_parser = path_part)]
        id: String,
    },
}

fn claim(typed: &str) -> Result<(String, String), &'static str> {
    match typed.split_once('=') {
        Some((claim, value)) if !claim.is_empty() && !value.is_empty() => Ok((claim.into(), value.into())),
        _ => Err("write a claim and what it has to say, like repository_id=741852963"),
    }
}

#[derive(Deserialize)]
struct ListedRules {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    id: String,
    words: String,
    created_at: Timestamp,
}

#[derive(Deserialize)]
struct Issuers {
    issuers: Vec<Issuer>,
}

#[derive(Deserialize)]
struct Issuer {
    name: String,
    url: String,
    claims: Vec<String>,
}

#[derive(Deserialize)]
struct Tried {
    opens: bool,
    why_not_genuine: Option<String>,
    issuer: Option<String>,
    rules: Vec<TriedRule>,
}

#[derive(Deserialize)]
struct TriedRule {
    words: String,
    lets_in: bool,
    why_not: Option<String>,
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    claim: String,
    wanted: String,
    found: Option<String>,
    fits: bool,
}

#[derive(Deserialize)]
struct ListedTokens {
    tokens: Vec<Token>,
}

#[derive(Deserialize)]
struct Token {
    id: String,
    label: String,
    expired: bool,
    expires_at: Timestamp,
    last_used_at: Option<Timestamp>,
    last_used_source: Option<String>,
}

#[derive(Deserialize)]
struct TakenBack {
    builds_ended: u64,
}

impl TakenBack {
    fn words(&self) -> String {
        match self.builds_ended {
            0 => String::new(),
            1 => " The build that it had let in has ended.".into(),
            n => format!(" The {n} builds that it had let in have ended."),
        }
    }
}

impl Rules {
    pub(super) async fn run(
        &self,
        project: &str,
        (json, code): (bool, Option<&str>),
        client: &Client,
        console: &mut Console,
    ) -> Result<(), Failure> {
        let path = format!("/projects/{}/rules", in_path(project));
        match self {
            Self::List => {
                let answer = client.request(Method::GET, &path, None).await?;
                if json {
                    console.json(&answer)
                } else {
                    console.say(&rules(&read(&answer)?, Clock::System.now()))
                }
            }
            Self::Issuers => {
                let answer = client.request(Method::GET, "/issuers", None).await?;
                if json { console.json(&answer) } else { console.say(&issuers(&read(&answer)?)) }
            }
            Self::Add { issuer, claims, pull_requests, forks } => {
                let claims: Map<_, _> =
                    claims.iter().map(|(claim, value)| (claim.clone(), value.as_str().into())).collect();
                let body = json!({ "issuer": issuer, "claims": claims, "pull_requests": pull_requests, "forks": forks });
                let request = (Method::POST, path.as_str(), &body);
                let answer = confirm::request(client, console, code, request).await?;
                if json {
                    return console.json(&answer);
                }
                let Rule { words, .. } = read(&answer)?;
                console.say(&plain(&format!("Added the rule: {words}.")))
            }
            Self::Remove { id } => {
                let answer = client.request(Method::DELETE, &format!("{path}/{}", in_path(id)), None).await?;
                let gone: TakenBack = read(&answer)?;
                console.say(&format!("The rule is removed.{}", gone.words()))
            }
            Self::Try => {
                let token = console.first_line("identity token")?;
                let body = json!({ "identity_token": token.expose() });
                let answer = client.request(Method::POST, &format!("{path}/try"), Some(&body)).await?;
                let said: Tried = read(&answer)?;
                if json {
                    console.json(&answer)?;
                } else {
                    console.say(&tried(&said))?;
                }
                // Why stands above.
                if said.opens { Ok(()) } else { Err(Failure::No) }
            }
        }
    }
}

fn rules(ListedRules { rules }: &ListedRules, now: Timestamp) -> String {
    if rules.is_empty() {
        return "There are no rules. Add one: doorkey projects rules PROJECT add ISSUER CLAIM=VALUE".into();
    }
    let row = |rule: &Rule| [rule.words.clone(), rule.created_at.human(now), rule.id.clone()];
    table(["RULE", "ADDED", "ID"], &rules.iter().map(row).collect::<Vec<_>>()).join("\n")
}

fn issuers(Issuers { issuers }: &Issuers) -> String {
    if issuers.is_empty() {
        return "There are none. An administrator of the server adds them: doorkey admin issuer add".into();
    }
    let row = |issuer: &Issuer| [clipped(&issuer.name), issuer.url.clone(), issuer.claims.join(" ")];
    table(["NAME", "ISSUER", "CLAIMS"], &issuers.iter().map(row).collect::<Vec<_>>()).join("\n")
}

fn tried(Tried { opens, why_not_genuine, issuer, rules }: &Tried) -> String {
    let mut lines = vec![match (opens, why_not_genuine) {
        (true, _) => "This token opens a build. It wasn't used up.".to_owned(),
        (false, Some(why)) => format!("This token opens no build. {why}"),
        (false, None) => "This token is genuine, but no rule lets it in.".to_owned(),
    }];
    if let (Some(issuer), []) = (issuer, rules.as_slice()) {
        lines.push(format!("This project has no rule about {issuer}."));
    }
    for rule in rules {
        lines.push(String::new());
        let said = if rule.lets_in { "lets it in" } else { "doesn't fit" };
        lines.push(format!("{}: {said}", rule.words));
        for Check { claim, wanted, found, fits } in &rule.checks {
            lines.push(match (fits, found) {
                (true, _) => format!("  yes  {claim} is {wanted}"),
                (false, Some(found)) => format!("  no   {claim} should be {wanted}, and is {found}"),
                (false, None) => format!("  no   {claim} should be {wanted}, and isn't there"),
            });
        }
        // What a claim says stands above; what else stands in the way doesn't.
        if let Some(why) = rule.why_not.as_ref().filter(|_| rule.checks.iter().all(|check| check.fits)) {
            lines.push(format!("  no   {why}"));
        }
    }
    lines.iter().map(|line| plain(line)).collect::<Vec<_>>().join("\n")
}

impl Tokens {
    pub(super) async fn run(
        &self,
        project: &str,
        (json, code): (bool, Option<&str>),
        client: &Client,
        console: &mut Console,
    ) -> Result<(), Failure> {
        let path = format!("/projects/{}/tokens", in_path(project));
        match self {
            Self::List => {
                let answer = client.request(Method::GET, &path, None).await?;
                if json {
                    console.json(&answer)
                } else {
                    console.say(&tokens(&read(&answer)?, Clock::System.now()))
                }
            }
            Self::Make { label, expires } => {
                #[derive(Deserialize)]
                struct Made {
                    token: String,
                    #[serde(flatten)]
                    described: Token,
                }
                let body = json!({ "label": label, "expires": expires });
                let request = (Method::POST, path.as_str(), &body);
                let answer = confirm::request(client, console, code, request).await?;
                if json {
                    return console.json(&answer);
                }
                let Made { token, described } = read(&answer)?;
                let before = format!("The token for {}. You see it once:", described.label);
                let after = format!(
                    "Keep it as a secret of the CI, in DOORKEY_PROJECT_TOKEN. It opens builds until {}.",
                    described.expires_at.date()
                );
                console.secret(&plain(&before), &token, &plain(&after))
            }
            Self::Revoke { id } => {
                let answer = client.request(Method::DELETE, &format!("{path}/{}", in_path(id)), None).await?;
                let gone: TakenBack = read(&answer)?;
                console.say(&format!("The token is revoked.{}", gone.words()))
            }
        }
    }
}

fn tokens(ListedTokens { tokens }: &ListedTokens, now: Timestamp) -> String {
    if tokens.is_empty() {
        return "There are no tokens. Make one: doorkey projects tokens PROJECT make --label LABEL".into();
    }
    let row = |token: &Token| {
        let used = match (&token.last_used_at, &token.last_used_source) {
            (Some(at), Some(from)) if !from.is_empty() => format!("{} from {from}", at.human(now)),
            (Some(at), _) => at.human(now),
            (None, _) => "never".into(),
        };
        let expires = token.expires_at.human(now);
        let expires = if token.expired { format!("expired {expires}") } else { expires };
        [clipped(&token.label), used, expires, token.id.clone()]
    };
    table(["LABEL", "LAST USED", "EXPIRES", "ID"], &tokens.iter().map(row).collect::<Vec<_>>()).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_claim_is_written_with_what_it_has_to_say() {
        assert_eq!(claim("ref=refs/heads/a=b"), Ok(("ref".into(), "refs/heads/a=b".into())));
        for wrong in ["", "ref", "=x", "ref="] {
            assert!(claim(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_tried_is_told_claim_by_claim() {
        let check = |claim: &str, found: Value, fits: bool| json!({ "claim": claim, "wanted": "1", "found": found, "fits": fits });
        let answer = json!({
            "opens": false, "why_not_genuine": null, "issuer": "GitHub Actions", "claims": {}, "rules": [
                { "id": "rul_1", "words": "GitHub Actions, a 1", "lets_in": false, "why_not": "The rule wants", "origin": "own",
                  "checks": [check("a", json!("1"), true), check("b", json!("2"), false), check("c", Value::Null, false)] },
                { "id": "rul_2", "words": "GitHub Actions, a 1", "lets_in": false, "why_not": "It comes from a fork.", "origin": "maybe_fork",
                  "checks": [check("a", json!("1"), true)] },
            ],
        });
        assert_eq!(
            tried(&read(&answer).unwrap()),
            "\
This token is genuine, but no rule lets it in.

GitHub Actions, a 1: doesn't fit
  yes  a is 1
  no   b should be 1, and is 2
  no   c should be 1, and isn't there

GitHub Actions, a 1: doesn't fit
  yes  a is 1
  no   It comes from a fork."
        );
    }
}
