//! Builds that weren't opened: failures are bounded for each address, since looking at a token costs something, and refusals are summed up in
//! memory until the keeper writes them into the project's log.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::{Actor, ProjectId, Timestamp, What, WhyBuildRefused};
use store::{events, projects};

use crate::{
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
    refusals::network,
};

/// How many attempts of an address may fail in a minute.
const FAILURES: u32 = 60;
/// How many addresses are remembered.
const ADDRESSES: usize = 100_000;
/// How many kinds of refusals are told apart; more are one number for all.
const KINDS: usize = 1_000;
/// Refusals of a kind are written down at most so often, in milliseconds.
const EVERY: i64 = 10 * 60 * 1000;

/// Attempts to open builds.
#[derive(Default)]
pub struct Openings {
    failures: Mutex<HashMap<String, Failures>>,
    refusals: Mutex<HashMap<(ProjectId, WhyBuildRefused, String), Tally>>,
}

/// The failures of an address in a minute.
struct Failures {
    since: Timestamp,
    count: u32,
}

#[derive(Default)]
struct Tally {
    count: u64,
    written_at: Option<Timestamp>,
}

impl Tally {
    fn is_recent(&self, now: Timestamp) -> bool {
        self.written_at.is_some_and(|at| (0..EVERY).contains(&now.since(at)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Openings {
    /// Counts an attempt from this address as a failure until it turns out right.
    ///
    /// # Errors
    /// `too-many-attempts` when there were too many in this minute.
    pub fn attempt(&self, source: &str, now: Timestamp) -> Result<(), Problem> {
        let mut failures = lock(&self.failures);
        let is_current = |failures: &Failures| (0..60_000).contains(&now.since(failures.since));
        let from = network(source);
        if failures.len() >= ADDRESSES && !failures.contains_key(&from) {
            failures.retain(|_, failures| is_current(failures));
            if failures.len() >= ADDRESSES {
                failures.clear();
            }
        }
        let of = failures.entry(from).or_insert(Failures { since: now, count: 0 });
        if !is_current(of) {
            *of = Failures { since: now, count: 0 };
        }
        if of.count >= FAILURES {
            let seconds = ((60_000 - now.since(of.since)) + 999).div_euclid(1000).max(1);
            let detail = format!(
                "Too many builds from this address were refused. Try again in {seconds} seconds, with what was said to do."
            );
            return Err(Problem {
                retry_after: Some(seconds),
                ..Problem::new(Code::TooManyAttempts, detail)
            });
        }
        of.count += 1;
        Ok(())
    }

    /// An attempt turned out right.
    pub fn right(&self, source: &str) {
        if let Some(of) = lock(&self.failures).get_mut(&network(source)) {
            of.count = of.count.saturating_sub(1);
        }
    }

    /// A genuine token of this issuer opened no build of the project.
    pub fn refused(&self, project: ProjectId, why: WhyBuildRefused, issuer: String) {
        let mut refusals = lock(&self.refusals);
        let kind = (project, why, issuer);
        if refusals.len() < KINDS || refusals.contains_key(&kind) {
            refusals.entry(kind).or_default().count += 1;
        }
    }

    fn take(&self, now: Option<Timestamp>) -> Vec<((ProjectId, WhyBuildRefused, String), u64)> {
        let mut taken = Vec::new();
        lock(&self.refusals).retain(|kind, tally| {
            let waits = now.is_some_and(|now| tally.is_recent(now));
            if tally.count > 0 && !waits {
                taken.push((kind.clone(), std::mem::take(&mut tally.count)));
                tally.written_at = now;
            }
            tally.count > 0 || now.is_some_and(|now| tally.is_recent(now))
        });
        taken
    }
}

/// Writes refusals into the logs of their projects: at `now`, or, at the end, all that there are.
///
/// # Errors
/// As the database has them; those refusals are then lost, and only they.
pub async fn write_refusals(app: &App, now: Option<Timestamp>) -> Result<(), Problem> {
    let taken = app.openings.take(now);
    if taken.is_empty() {
        return Ok(());
    }
    let stamp = Ctx::own(app)?.stamp;
    app.store
        .write(move |tx| {
            for ((project, why, issuer), count) in &taken {
                // One that was removed meanwhile has nobody to be told.
                let Some(found) = projects::by_id(tx, *project)? else { continue };
                let what = What::BuildRefused {
                    project: *project,
                    project_name: found.name.as_str().into(),
                    issuer: issuer.clone(),
                    why: *why,
                    count: *count,
                };
                events::append(tx, stamp.now, stamp.event(None, Actor::Doorkey, what))?;
            }
            Ok::<_, Problem>(())
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_777_777_777_000);

    #[test]
    fn failures_of_an_address_are_bounded_and_what_turns_out_right_is_none() {
        let openings = Openings::default();
        for _ in 0..FAILURES - 1 {
            assert!(openings.attempt("192.0.2.1", NOON).is_ok());
        }
        for _ in 0..100 {
            assert!(openings.attempt("192.0.2.1", NOON).is_ok());
            openings.right("192.0.2.1");
        }
        assert!(openings.attempt("192.0.2.1", NOON).is_ok());
        let refused = openings.attempt("192.0.2.1", NOON.plus_seconds(20)).unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::TooManyAttempts, Some(40)));
        assert!(openings.attempt("192.0.2.2", NOON).is_ok());
        assert!(openings.attempt("192.0.2.1", NOON.plus_seconds(60)).is_ok());
    }

    #[test]
    fn refusals_are_told_at_once_and_then_summed_up() {
        let openings = Openings::default();
        let project = ProjectId::from_bytes([1; 16]);
        let refuse = || openings.refused(project, WhyBuildRefused::Fork, "GitHub Actions".into());
        let counts = |now| openings.take(now).into_iter().map(|(_, count)| count).collect::<Vec<_>>();
        refuse();
        assert_eq!(counts(Some(NOON)), [1]);
        refuse();
        refuse();
        assert!(counts(Some(NOON.plus_minutes(9))).is_empty());
        assert_eq!(counts(Some(NOON.plus_minutes(10))), [2]);
        refuse();
        assert_eq!(counts(None), [1]);
        assert!(lock(&openings.refusals).is_empty());
    }
}
