//! What is done every few seconds: uses, tries and refusals written down, expired passwords and builds ended for good, what is too old
//! forgotten, and memory read anew when it couldn't follow the log.

use std::{sync::Arc, time::Duration};

use domain::{Actor, AppPassword, Ended, LastUse, Timestamp, What, WhyEnded};
use store::{
    app_passwords as rows, browsers, budgets, events, identities, links, project_tokens, sessions, tokens,
};

use crate::{
    app::App,
    builds::{close, openings},
    ctx::{Ctx, Stamp},
    hand_outs,
    problem::Problem,
    refusals::Place,
    sign_in,
};

/// How often uses are written down. With the time that a write takes, a crash loses at most the last 10 seconds of them.
const EVERY: Duration = Duration::from_secs(5);
/// What is too old is forgotten every so many rounds: every minute.
const ROUNDS_A_CLEANING: u32 = 12;
/// How many passwords that were bound are looked through for one that was used for the first time: it is among the newest.
const MOST_BOUND: i64 = 100;
/// How many expired passwords are ended in one transaction.
const EXPIRED_AT_ONCE: i64 = 500;

/// Keeps going until `stopping`, then writes down what is left.
pub async fn run(app: Arc<App>, mut stopping: tokio::sync::watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for round in 1_u32.. {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopping.wait_for(|stop| *stop) => break,
        }
        note(round_once(&app).await);
        note(write_refusals(&app, Some(app.clock.now())).await);
        note(openings::write_refusals(&app, Some(app.clock.now())).await);
        if round.is_multiple_of(ROUNDS_A_CLEANING) {
            note(forget_old(&app).await);
        }
    }
    note(write_uses(&app).await);
    note(hand_outs::write_repeats(&app).await);
    note(write_refusals(&app, None).await);
    note(openings::write_refusals(&app, None).await);
}

fn note(done: Result<(), Problem>) {
    if done.is_err() {
        tracing::warn!("what the doors saw could not be written down yet; it is tried again");
    }
}

async fn round_once(app: &Arc<App>) -> Result<(), Problem> {
    if !app.live.is_current() {
        // On the writer's thread, so that no change is followed while everything is read.
        let live = Arc::clone(&app.live);
        app.store.write(move |tx| live.load(tx)).await?;
    }
    write_uses(app).await?;
    hand_outs::write_repeats(app).await?;
    end_expired(app).await?;
    close::end_overdue(app).await
}

/// Writes down uses, and tries after the end: of each password, the first such try is told to its person.
///
/// # Errors
/// As the database has them; then nothing is lost, and the next round tries again.
pub async fn write_uses(app: &App) -> Result<(), Problem> {
    let stamp = Ctx::own(app)?.stamp;
    let (uses, tries) = (app.usage.take_uses(), app.usage.take_tries());
    if uses.is_empty() && tries.is_empty() {
        return Ok(());
    }
    let (write_uses, write_tries) = (uses.clone(), tries.clone());
    let done = app
        .store
        .write(move |tx| {
            let ids: Vec<_> = write_uses.keys().copied().collect();
            // Of one that has been revoked since, nobody is asked any more whether they know it.
            for password in rows::never_used(tx, &ids)?.iter().filter(|password| password.ended.is_none()) {
                if let Some(used) = write_uses.get(&password.id) {
                    tell_first_use(tx, &stamp, password, used)?;
                }
            }
            for (id, used) in &write_uses {
                rows::stamp_use(tx, *id, used)?;
            }
            for (id, tried) in &write_tries {
                tell_once(tx, &stamp, *id, tried)?;
                rows::stamp_tried(tx, *id, tried)?;
            }
            Ok::<_, Problem>(())
        })
        .await;
    if done.is_err() {
        app.usage.give_back(uses, tries);
    }
    done
}

/// One that was made for the first app has told of its first use already, when it was bound.
fn tell_first_use(
    tx: &mut store::Tx<'_>,
    stamp: &Stamp,
    password: &AppPassword,
    used: &LastUse,
) -> Result<(), Problem> {
    let bound = events::Filter {
        account: Some(password.account),
        kind: Some("app_password_bound".into()),
        from: Some(password.created_at),
        ..events::Filter::default()
    };
    let bound = events::newest(tx, &bound, i64::MAX, MOST_BOUND)?;
    if bound.iter().any(|event| matches!(event.what, What::AppPasswordBound { id, .. } if id == password.id))
    {
        return Ok(());
    }
    let (id, label) = (password.id, password.label.as_str().to_owned());
    let what = What::AppPasswordFirstUsed { id, label, service: used.service.to_string() };
    let mut event = stamp.event(Some(password.account), Actor::Doorkey, what);
    event.source = Some(used.source.clone());
    Ok(events::append(tx, stamp.now, event)?)
}

fn tell_once(
    tx: &mut store::Tx<'_>,
    stamp: &Stamp,
    id: domain::AppPasswordId,
    tried: &LastUse,
) -> Result<(), Problem> {
    let Some(password) = rows::by_id(tx, id)?.filter(|password| password.tried_after_end.is_none()) else {
        return Ok(());
    };
    let what = What::AppPasswordTriedAfterEnd {
        id,
        label: password.label.as_str().into(),
        service: tried.service.to_string(),
    };
    let mut event = stamp.event(Some(password.account), Actor::Doorkey, what);
    event.source = Some(tried.source.clone());
    Ok(events::append(tx, stamp.now, event)?)
}

/// Ends for good what has expired, so that no clock that is moved back brings it to life.
///
/// # Errors
/// As the database has them.
pub async fn end_expired(app: &App) -> Result<(), Problem> {
    let stamp = Ctx::own(app)?.stamp;
    let now = stamp.now;
    if app.store.read(|conn| rows::expired(conn, now, 1))?.is_empty() {
        return Ok(());
    }
    app.store
        .write(move |tx| {
            for password in rows::expired(tx, now, EXPIRED_AT_ONCE)? {
                let ended = Ended { at: password.expires_at.unwrap_or(now), why: WhyEnded::Expired };
                rows::end(tx, password.id, ended)?;
                let what = What::AppPasswordEnded {
                    id: password.id,
                    label: password.label.as_str().into(),
                    why: WhyEnded::Expired,
                };
                events::append(tx, now, stamp.event(Some(password.account), Actor::Doorkey, what))?;
            }
            Ok::<_, Problem>(())
        })
        .await
}

async fn forget_old(app: &App) -> Result<(), Problem> {
    let now = app.clock.now();
    let given_up = app
        .store
        .write(move |tx| {
            let waiting = now.plus_minutes(-crate::access::CODE_WAIT_MINUTES);
            let given_up = sessions::waiting_since(tx, waiting)?;
            sessions::delete_old(tx, now.plus_days(-90), now.plus_days(-30), waiting)?;
            browsers::delete_ended(tx, now)?;
            // They stay in the list for a while, so that whoever wonders why a program stopped finds out.
            tokens::delete_expired(tx, now.plus_days(-30))?;
            project_tokens::delete_expired(tx, now.plus_days(-30))?;
            identities::forget(tx, now)?;
            budgets::forget_old(tx, now.plus_days(-100))?;
            links::delete_expired(tx, now)?;
            Ok::<_, Problem>(given_up)
        })
        .await?;
    sign_in::no_code_came(app, now, &given_up);
    // What was deleted has been overwritten in the database; now it leaves the write-ahead log too. A long read puts it off to
    // the next time.
    app.store.checkpoint().await?;
    Ok(())
}

/// Writes down refusals, one event for each kind: at `now`, or, at the end, all that there are.
///
/// # Errors
/// As the database has them; those refusals are then lost, and only they.
pub async fn write_refusals(app: &App, now: Option<Timestamp>) -> Result<(), Problem> {
    let stamp = Ctx::own(app)?.stamp;
    let refusals = app.refusals.take(now);
    if refusals.counts.is_empty() && refusals.more.is_empty() {
        return Ok(());
    }
    app.store
        .write(move |tx| {
            for (account, refusal, count) in &refusals.counts {
                let (reason, count) = (refusal.reason, *count);
                let what = match &refusal.place {
                    Place::Door(service) => What::Refused { service: service.to_string(), reason, count },
                    Place::SignIn => What::SignInRefused { reason, count },
                };
                let mut event = stamp.event(*account, Actor::Doorkey, what);
                event.source = Some(refusal.source.clone());
                events::append(tx, stamp.now, event)?;
            }
            for (account, count) in &refusals.more {
                let what = What::MoreRefused { count: *count };
                events::append(tx, stamp.now, stamp.event(*account, Actor::Doorkey, what))?;
            }
            Ok::<_, Problem>(())
        })
        .await
}
