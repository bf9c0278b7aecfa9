//! *Builds* and *Integrations* of a project, a build, and the CIs whose identity tokens are taken.

use askama::Template;

use super::{rules::Check, snippets::Snippet};
use crate::{
    projects::views::Head,
    web::views::{Choice, Field, Frame, Link, When},
};

/// A build in the list.
pub struct BuildRow {
    /// What is built, such as `main, 1a2b3c4d5e`.
    pub name: String,
    /// What let it in.
    pub by: String,
    /// Whether it is open.
    pub open: bool,
    /// Whether it ended by time, which a build that is closed doesn't.
    pub overdue: bool,
    /// What it received.
    pub received: String,
    /// When it was opened.
    pub opened: When,
    /// Its page.
    pub href: String,
}

/// The builds of a project.
#[derive(Template)]
#[template(path = "builds/list.html")]
pub struct BuildsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What stands above it.
    pub project: Head,
    /// The builds, the newest first.
    pub rows: Vec<BuildRow>,
    /// Where builds are let in.
    pub integrations_href: String,
    /// The way to the newest.
    pub newest_href: Option<String>,
    /// The way to older ones.
    pub older_href: Option<String>,
}

/// Something that happened to a build.
pub struct Entry {
    /// When.
    pub when: When,
    /// What, in a sentence.
    pub said: String,
    /// What else belongs to it, or nothing.
    pub more: Option<String>,
}

/// A build.
#[derive(Template)]
#[template(path = "builds/build.html")]
pub struct BuildPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Its project.
    pub project_name: String,
    /// The project's page.
    pub project_href: String,
    /// What is built.
    pub name: String,
    /// Whether it is open.
    pub open: bool,
    /// When its time is over.
    pub ends: When,
    /// The branch, tag or other ref.
    pub reference: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// The CI's own page of it.
    pub run: Option<String>,
    /// What let it in.
    pub by: String,
    /// What its identity token said, as far as it mattered.
    pub claims: Vec<(String, String)>,
    /// What happened, the oldest first.
    pub entries: Vec<Entry>,
    /// Whether it received more than is shown.
    pub more: bool,
    /// Where *Close this build* posts to; nothing when it can't be closed by the reader.
    pub close_action: Option<String>,
}

/// A rule.
pub struct RuleRow {
    /// The CI that it is about.
    pub issuer: String,
    /// What it asks for.
    pub words: String,
    /// When it was added.
    pub added: When,
    /// Where it is removed; nothing for those who may not.
    pub remove_href: Option<String>,
}

/// A project token.
pub struct TokenRow {
    /// What it is called.
    pub label: String,
    /// Who made it; empty when their account was removed.
    pub made_by: String,
    /// Whether they still have admin authority here.
    pub maker_administers: bool,
    /// When it was made.
    pub made: When,
    /// When it expires, or did.
    pub expires: When,
    /// Whether its time is over.
    pub expired: bool,
    /// When it last opened a build; nothing before the first time.
    pub used: Option<When>,
    /// From where that was.
    pub from: String,
    /// Where *Revoke* posts to; nothing for those who may not.
    pub revoke_action: Option<String>,
}

/// What lets builds of a project in.
#[derive(Template)]
#[template(path = "builds/integrations.html")]
pub struct IntegrationsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What stands above it.
    pub project: Head,
    /// The rules.
    pub rules: Vec<RuleRow>,
    /// The tokens, the newest first.
    pub tokens: Vec<TokenRow>,
    /// Where a rule is added; nothing for those who may not.
    pub add_rule_href: Option<String>,
    /// Where a token is made; nothing for those who may not.
    pub make_token_href: Option<String>,
    /// Where the rules are tried; nothing for those who may not.
    pub try_href: Option<String>,
    /// What stands in the files of CIs.
    pub snippets: Vec<Snippet>,
}

/// Asks which CI a new rule is about.
#[derive(Template)]
#[template(path = "builds/choose_issuer.html")]
pub struct ChooseIssuerPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What stands above it.
    pub project: Head,
    /// The CIs, each with the way on.
    pub issuers: Vec<Link>,
    /// Where CIs are added; nothing for those who may not.
    pub issuers_href: Option<String>,
    /// The way back.
    pub cancel_href: String,
}

/// A claim that a rule can name.
pub struct TermField {
    /// What the field is called in the form.
    pub key: String,
    /// What the claim is called.
    pub claim: String,
    /// What it is, for people.
    pub label: String,
    /// An example; may be empty.
    pub example: String,
    /// What stands in it.
    pub value: String,
}

/// Asks about a new rule.
#[derive(Template)]
#[template(path = "builds/add_rule.html")]
pub struct AddRulePage {
    /// What surrounds it.
    pub frame: Frame,
    /// What stands above it.
    pub project: Head,
    /// The CI that it is about.
    pub issuer: String,
    /// The CI's id here.
    pub issuer_id: String,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// The id that it has to name.
    pub id_field: TermField,
    /// Where that is found.
    pub id_hint: &'static str,
    /// What else it can name.
    pub fields: Vec<TermField>,
    /// Whether something stands there.
    pub open: bool,
    /// Whether it can name any claim.
    pub any_claims: bool,
    /// Those, line by line.
    pub more: String,
    /// Whether the CI's tokens can show that a pull request is no fork's.
    pub tells_pull_requests: bool,
    /// `pull_requests`.
    pub pull_requests: bool,
    /// `forks`.
    pub forks: bool,
    /// Which builds are a fork's, or can't be told from one.
    pub forks_are: &'static str,
    /// Why the claims don't do.
    pub claims_error: Option<String>,
    /// What stands in the way of the whole form.
    pub problem: Option<String>,
}

/// Asks once before a rule is removed.
#[derive(Template)]
#[template(path = "builds/remove_rule.html")]
pub struct RemoveRulePage {
    /// What surrounds it.
    pub frame: Frame,
    /// The rule in words.
    pub words: String,
    /// Where the form posts to.
    pub action: String,
    /// The way back.
    pub cancel_href: String,
}

/// What a rule makes of a token.
pub struct TriedRow {
    /// What it asks for.
    pub words: String,
    /// Whether it lets the build in.
    pub lets_in: bool,
    /// Claim by claim.
    pub checks: Vec<Check>,
    /// Whose the build is.
    pub origin: &'static str,
    /// Whether the rule lets such builds in.
    pub origin_fits: bool,
}

/// What became of a token that was tried.
pub struct TriedView {
    /// Whether it would open a build.
    pub opens: bool,
    /// Why it isn't taken, whatever the rules say.
    pub why_not_genuine: Option<String>,
    /// Who issued it.
    pub issuer: Option<String>,
    /// What each rule about that CI makes of it.
    pub rows: Vec<TriedRow>,
    /// What it says.
    pub claims: Vec<(String, String)>,
}

/// Tries the rules.
#[derive(Template)]
#[template(path = "builds/try.html")]
pub struct TryPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What stands above it.
    pub project: Head,
    /// Where the form posts to.
    pub action: String,
    /// The way back.
    pub back_href: String,
    /// What became of the token that was sent.
    pub tried: Option<TriedView>,
}

/// Asks about a new project token.
#[derive(Template)]
#[template(path = "builds/make_token.html")]
pub struct MakeTokenPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What stands above it.
    pub project: Head,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// `label`.
    pub label: Field,
    /// The choices of `expires`.
    pub expiries: Vec<Choice>,
    /// What stands in the way of the whole form.
    pub problem: Option<String>,
}

/// The token, this once.
#[derive(Template)]
#[template(path = "builds/made_token.html")]
pub struct MadeTokenPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What stands above it.
    pub project: Head,
    /// What it is called.
    pub label: String,
    /// The token.
    pub token: String,
    /// When it expires.
    pub expires: When,
    /// The way on.
    pub done_href: String,
}

/// A CI whose identity tokens are taken.
pub struct IssuerRow {
    /// What it is called.
    pub name: String,
    /// What its tokens say in `iss`.
    pub url: String,
    /// What they have to say in `aud`.
    pub audience: String,
    /// When it was added.
    pub added: When,
    /// Where it is removed.
    pub remove_href: String,
}

/// The CIs.
#[derive(Template)]
#[template(path = "builds/issuers.html")]
pub struct IssuersPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The CIs.
    pub rows: Vec<IssuerRow>,
    /// Where one is added.
    pub add_href: String,
    /// The way up.
    pub up_href: String,
}

/// Asks about a new CI.
#[derive(Template)]
#[template(path = "builds/add_issuer.html")]
pub struct AddIssuerPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// The CIs that are known, each with its URL.
    pub presets: Vec<Choice>,
    /// `name`.
    pub name: Field,
    /// `url`.
    pub url: Field,
    /// `audience`.
    pub audience: Field,
    /// This server's URL, which is the audience if nothing is said.
    pub own_url: String,
    /// `claim`.
    pub claim: Field,
    /// `allow_private`.
    pub allow_private: bool,
    /// What stands in the way of the whole form.
    pub problem: Option<String>,
}

/// Asks once before a CI is removed.
#[derive(Template)]
#[template(path = "builds/remove_issuer.html")]
pub struct RemoveIssuerPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What it is called.
    pub name: String,
    /// How many rules name it.
    pub rules: usize,
    /// Where the form posts to.
    pub action: String,
    /// The way back.
    pub cancel_href: String,
}
