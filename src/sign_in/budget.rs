//! The budget of failures: every password and code that a person types counts against one, and is counted before it is looked at,
//! so that a hundred guesses at once are a hundred guesses.

use domain::{AccountId, Actor, BrowserId, Budget, LinkId, What};
use store::{budgets, events, sessions::Session};

use crate::{app::App, ctx::Stamp, problem::Problem};

/// What failures are counted for, and whose account it is.
#[derive(Clone)]
pub struct Bucket {
    key: String,
    account: AccountId,
}

impl Bucket {
    /// All sign-ins to the account by whoever tries.
    pub fn account(id: AccountId) -> Self {
        Self { key: id.to_string(), account: id }
    }

    /// Sign-ins from a trusted browser: strangers can't use it up.
    pub fn browser(id: AccountId, browser: BrowserId) -> Self {
        Self { key: browser.to_string(), account: id }
    }

    /// What is typed where the person is signed in already.
    pub fn session(session: &Session) -> Self {
        Self { key: session.id.to_string(), account: session.account }
    }

    /// What is typed behind a one-time link, which must work when the account's own budget is spent.
    pub fn link(id: AccountId, link: LinkId) -> Self {
        Self { key: link.to_string(), account: id }
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
    let before = app
        .store
        .write(move |tx| {
            let now = stamp.now;
            let before = budgets::get(tx, &counted.key)?;
            let after = before.attempt(now).map_err(|why| Problem::too_many(why, now))?;
            budgets::put(tx, &counted.key, after)?;
            if after.failures == Budget::LIMIT {
                let event = stamp.event(Some(counted.account), Actor::Doorkey, What::SignInBlocked);
                events::append(tx, now, event)?;
            }
            Ok::<_, Problem>(before)
        })
        .await?;
    Ok(Attempt { bucket, before })
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
