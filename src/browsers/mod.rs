//! Trusted browsers: the list, and forgetting them. How a browser comes to be trusted is in [`crate::sign_in`].

use domain::{BrowserId, What};
use store::{
    browsers::{self as rows, Browser},
    events,
};

use crate::{access::SignedIn, accounts, app::App, ctx::Ctx, problem::Problem};

pub mod api;
pub mod pages;

/// The person's trusted browsers, the newest first.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App, ctx: &Ctx, person: &SignedIn) -> Result<Vec<Browser>, Problem> {
    Ok(app.store.read(|conn| rows::of_account(conn, person.account.id, ctx.stamp.now))?)
}

/// Forgets one, and gives what it was: it is asked for a code again. Whoever is signed in there stays so.
///
/// # Errors
/// `not-found` when it isn't this person's, or was forgotten before.
pub async fn forget(app: &App, ctx: &Ctx, person: &SignedIn, id: BrowserId) -> Result<Browser, Problem> {
    let (stamp, account, actor) = (ctx.stamp.clone(), person.account.id, person.actor());
    app.store
        .write(move |tx| {
            let mine = rows::of_account(tx, account, stamp.now)?.into_iter().find(|browser| browser.id == id);
            let browser = mine.ok_or_else(Problem::not_found)?;
            rows::delete(tx, account, id)?;
            let what = What::BrowserForgotten { agent: browser.agent.clone() };
            events::append(tx, stamp.now, stamp.event(Some(account), actor, what))?;
            Ok(browser)
        })
        .await
}

/// Forgets all, and tells how many that were.
///
/// # Errors
/// As the database has them.
pub async fn forget_all(app: &App, ctx: &Ctx, person: &SignedIn) -> Result<u64, Problem> {
    let (stamp, account, actor) = (ctx.stamp.clone(), person.account.id, person.actor());
    app.store.write(move |tx| accounts::forget_browsers(tx, &stamp, actor, account)).await
}
