//! The doors: how a service asks whether a sign-in is good. A door reads bytes, asks `app_passwords::verify` once, and writes bytes;
//! a rule in a door is in the wrong room.

pub mod accept;
pub mod http;
pub mod ldap;
pub mod nginx_mail;
pub mod sasl;

use crate::{
    app::App,
    app_passwords::verify::{SignIn, Verdict, verify},
    clock::Stopwatch,
    metrics::doors::{Answer, Door},
};

/// Whether a sign-in is good. What this door answers, and how long that took, is counted.
pub async fn check(app: &App, door: Door, sign_in: SignIn<'_>) -> Verdict {
    let (watch, answers) = (Stopwatch::start(), &sign_in.service.answers);
    let watched = app.trials.watch(app, door, &sign_in);
    let verdict = verify(app, sign_in).await;
    let answer = match &verdict {
        Verdict::Yes(_) => Answer::Yes,
        Verdict::No => Answer::No,
        Verdict::NotForThisService => Answer::NotForThisService,
        Verdict::NotForThisPerson => Answer::NotForThisPerson,
        Verdict::Unavailable => Answer::Unavailable,
    };
    answers.count(door, answer);
    if let Some(watched) = watched {
        watched.answered(answer);
    }
    app.metrics.doors.took(door, watch.micros());
    verdict
}
