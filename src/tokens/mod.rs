//! Personal API tokens: making, listing and revoking them. What each scope opens is said beside the capabilities: see
//! [`crate::access::scope_of`].

use domain::{AccountId, Label, MachineToken, Scope, Timestamp, TokenId, TokenKind, What};
use store::{
    events,
    tokens::{self as rows, Token},
};

use crate::{
    access::{Fresh, SignedIn},
    accounts::two_factor,
    app::App,
    app_passwords,
    ctx::Ctx,
    problem::{Code, Problem},
    secrets,
};

pub mod api;
pub mod pages;
pub mod views;

/// How many tokens of an account may work at a time.
pub const TOKENS_MAX: usize = 25;

/// How long a token works at most, in days.
const LONGEST_DAYS: i64 = 366;

/// What is asked about a new token.
pub struct New {
    /// What its person calls it.
    pub label: Label,
    /// What it may be used for: at least one scope, each once.
    pub scopes: Vec<Scope>,
    /// When it stops working.
    pub expires_at: Timestamp,
}

impl New {
    /// Reads what was typed.
    ///
    /// # Errors
    /// `unfit`, at the field `label`, `scopes` or `expires`.
    pub fn parse<'a>(
        label: &str,
        scopes: impl Iterator<Item = &'a str>,
        expires: &str,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let label =
            Label::parse(label).map_err(|error| Problem::field("label", format!("The label {error}.")))?;
        let mut read = Vec::new();
        for typed in scopes {
            let scope = Scope::from_name(typed).ok_or_else(|| {
                let names = Scope::ALL.map(Scope::name).join(", ");
                Problem::field("scopes", format!("There is no such scope. There are {names}."))
            })?;
            read.push(scope);
        }
        read.sort_unstable();
        read.dedup();
        if read.is_empty() {
            return Err(Problem::field("scopes", "Choose at least one thing that it may be used for."));
        }
        let days = app_passwords::days(expires).filter(|days| *days <= LONGEST_DAYS).ok_or_else(|| {
            Problem::field(
                "expires",
                "Say when it expires as in 30d, 12w or 1y: at least a day, at most a year.",
            )
        })?;
        Ok(Self { label, scopes: read, expires_at: now.plus_days(days) })
    }
}

/// The person's tokens, the newest first; those that expired stay for a month.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App, person: &SignedIn) -> Result<Vec<Token>, Problem> {
    Ok(app.store.read(|conn| rows::of_account(conn, person.account.id))?)
}

/// Somebody who may make one: two-factor authentication is on, since a token goes round it, and the second factor was shown a short while
/// ago.
///
/// # Errors
/// `two-factor-needed`, `confirmation-needed`.
pub fn maker(app: &App, person: SignedIn, now: Timestamp) -> Result<Fresh<SignedIn>, Problem> {
    if !app.store.read(|conn| two_factor::is_on(conn, person.account.id))? {
        return Err(two_factor_needed());
    }
    person.fresh(now)
}

fn two_factor_needed() -> Problem {
    Problem::new(
        Code::TwoFactorNeeded,
        "A token works without your second factor, so it is made only where there is one. Turn on two-factor authentication \
         first.",
    )
}

/// Makes a token. The token itself is in the answer and nowhere else.
///
/// # Errors
/// `unfit` at `scopes` when one is for administrators and the person is none; `too-many-tokens`, `two-factor-needed`.
pub async fn make(
    app: &App,
    ctx: &mut Ctx,
    person: &Fresh<SignedIn>,
    new: New,
) -> Result<(Token, MachineToken), Problem> {
    let person = person.who();
    let (stamp, account, actor, session) =
        (ctx.stamp.clone(), person.account.id, person.actor(), person.session.id);
    let forbidden = new.scopes.iter().find(|scope| scope.is_for_administrators());
    if let Some(scope) = forbidden.filter(|_| !person.account.administrator) {
        let detail = format!("The scope {} is for administrators. Leave it out.", scope.name());
        return Err(Problem::field("scopes", detail));
    }
    let secret = MachineToken::generate(TokenKind::PersonalApi, &mut ctx.rng);
    let hash = secrets::hash(secret.expose());
    let token = Token {
        id: TokenId::new(stamp.now, &mut ctx.rng),
        account,
        label: new.label,
        scopes: new.scopes,
        created_at: stamp.now,
        expires_at: new.expires_at,
        last_use: None,
    };
    let row = token.clone();
    app.store
        .write(move |tx| {
            SignedIn::still(tx, session)?;
            if !two_factor::is_on(tx, account)? {
                return Err(two_factor_needed());
            }
            if rows::count_live(tx, account, stamp.now)? >= TOKENS_MAX {
                return Err(Problem::new(
                    Code::TooManyTokens,
                    "You have 25 API tokens, the most there can be. Revoke one that is no longer used.",
                ));
            }
            rows::insert(tx, &row, &hash)?;
            let what = What::TokenMade {
                id: row.id,
                label: row.label.as_str().into(),
                scopes: row.scopes.clone(),
                expires_at: row.expires_at,
            };
            Ok(events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?)
        })
        .await?;
    Ok((token, secret))
}

/// Revokes one for good, and gives what it was. It asks for no fresh second factor: what takes something back must be easy.
///
/// # Errors
/// `not-found` when it isn't this person's, or has been revoked before.
pub async fn revoke(app: &App, ctx: &Ctx, person: &SignedIn, id: TokenId) -> Result<Token, Problem> {
    let (stamp, account, actor) = (ctx.stamp.clone(), person.account.id, person.actor());
    app.store
        .write(move |tx| {
            let token = of(tx, account, id)?;
            rows::delete(tx, account, id)?;
            let what = What::TokenRevoked { id, label: token.label.as_str().into() };
            events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?;
            Ok(token)
        })
        .await
}

fn of(conn: &mut store::Conn, account: AccountId, id: TokenId) -> Result<Token, Problem> {
    let mine = rows::of_account(conn, account)?.into_iter().find(|token| token.id == id);
    mine.ok_or_else(Problem::not_found)
}
