//! The budget of failures: every password and code that a person types counts against one, and is counted before it is looked at,
//! so that a hundred guesses at once are a hundred guesses.

use domain::{AccountId, Actor, BrowserId, Budget, LinkId, What};
use store::{Tx, browsers, budgets, events, sessions::Session};

use crate::{app::App, ctx::Stamp, problem::Problem};

/// What failures are counted for, and whose account it is.
#[derive(Clone)]
pub struct Bucket {
    key: String,
    account: AccountId,
    /// The trusted browser that is forgotten when it is spent.
    forgets: Option<BrowserId>,
}

impl Bucket {
    /// All sign-ins to the account by whoever tries.
    pub fn account(id: AccountId) -> Self {
        Self { key: id.to_string(), account: id, forgets: None }
    }

    /// Sign-ins from a trusted browser: strangers can't use it up.
    pub fn browser(id: AccountId, browser: BrowserId) -> Self {
        Self { key: browser.to_string(), account: id, forgets: None }
    }

    /// What is typed where the person is signed in already. Until the second factor was shown, all sessions that a trusted browser opened
    /// have one together: whoever has the browser and the password can open any number of them.
    pub fn session(session: &Session) -> Self {
        let (key, forgets) = match session.browser.filter(|_| !session.was_ever_fresh()) {
            Some(browser) => (format!("{browser} codes"), Some(browser)),
            None => (session.id.to_string(), None),
        };
        Self { key, account: session.account, forgets }
    }

    /// What is typed behind a one-time link, which must work when the account's own budget is spent.
    pub fn link(id: AccountId, link: LinkId) -> Self {
        Self { key: link.to_string(), account: id, forgets: None }
    }
}

/// An attempt that has been counted. Drop it, and it stays a failure.
#[must_use = "an attempt that turns out right has to be said so"]
pub struct Attempt {
    bucket: Bucket,
    before: Budget,
}

/// Counts an attempt.
///
/// # Errors
/// `too-many-attempts`, and then it isn't looked at.
pub async fn attempt(app: &App, stamp: &Stamp, bucket: Bucket) -> Result<Attempt, Problem> {
    let (counted, stamp) = (bucket.clone(), stamp.clone());
    let now = stamp.now;
    let counted = app
        .store
        .write(move |tx| {
            let found = budgets::get(tx, &counted.key)?;
            let before = found.not_ahead(now);
            let after = match before.attempt(now) {
                Ok(after) => after,
                Err(why) => {
                    if before != found {
                        budgets::put(tx, &counted.key, before)?;
                    }
                    return Ok(Err(why));
                }
            };
            budgets::put(tx, &counted.key, after)?;
            if after.failures == Budget::LIMIT {
                spent(tx, &stamp, &counted)?;
            }
            Ok::<_, Problem>(Ok(before))
        })
        .await?;
    let before = counted.map_err(|why| Problem::too_many(why, now))?;
    Ok(Attempt { bucket, before })
}

fn spent(tx: &mut Tx<'_>, stamp: &Stamp, bucket: &Bucket) -> Result<(), Problem> {
    let event = |what| stamp.event(Some(bucket.account), Actor::Doorkey, what);
    events::append(tx, stamp.now, event(What::SignInBlocked))?;
    let Some(id) = bucket.forgets else { return Ok(()) };
    let browsers = browsers::of_account(tx, bucket.account, stamp.now)?;
    if let Some(browser) = browsers.into_iter().find(|browser| browser.id == id) {
        browsers::delete(tx, bucket.account, id)?;
        events::append(tx, stamp.now, event(What::BrowserForgotten { agent: browser.agent }))?;
    }
    Ok(())
}

impl Attempt {
    /// It was right, and completes the sign-in: nothing counts any more.
    ///
    /// # Errors
    /// As the database has them.
    pub async fn right(self, app: &App) -> Result<(), Problem> {
        Ok(app.store.write(move |tx| budgets::clear(tx, &self.bucket.key)).await?)
    }

    /// It was right, but the code is still to come: only this attempt is taken back.
    ///
    /// # Errors
    /// As the database has them.
    pub async fn right_so_far(self, app: &App) -> Result<(), Problem> {
        app.store
            .write(move |tx| {
                let counted = budgets::get(tx, &self.bucket.key)?;
                Ok::<_, Problem>(budgets::put(tx, &self.bucket.key, counted.refund(self.before))?)
            })
            .await
    }
}
