//! The task that sends what waits: woken when a letter is queued, and when the time of one that was put off has come.
//!
//! A mail is sent until the server has taken it, so at least once. Should Doorkey end just then, it is sent again, under the same
//! Message-ID.

use std::{sync::Arc, time::Duration};

use domain::{Actor, Timestamp, What};
use store::{
    links,
    mails::{self, Mail},
    project_invitations,
};

use super::{
    letter::Letter,
    place,
    smtp::{self, Connection, Trouble},
};
use crate::{app::App, config, ctx::Ctx, problem::Problem, secrets};

/// How long to wait before a mail is tried again, in minutes: after the first time, the second and so on.
const PAUSES: [i64; 8] = [1, 2, 5, 10, 20, 40, 60, 120];
/// How many are looked at in one go.
const AT_ONCE: i64 = 20;
/// The pause between two mails, so that many at once are no flood.
const BETWEEN: Duration = Duration::from_millis(100);
/// The longest sleep: a clock may be set meanwhile.
const AT_MOST: Duration = Duration::from_secs(60);
/// For how many days it is remembered that a mail was given up.
const REMEMBERED_DAYS: i64 = 30;
/// How long a mail that is on its way may take when the server is told to stop.
const WHEN_STOPPING: Duration = Duration::from_secs(5);

/// Keeps going until `stopping`.
pub async fn run(app: Arc<App>, mut stopping: tokio::sync::watch::Receiver<bool>) {
    let Some(config) = &app.config.mail else { return };
    let mut stopped = stopping.clone();
    let patience = async {
        let _ = stopped.wait_for(|stop| *stop).await;
        let _ = tokio::time::timeout(WHEN_STOPPING, std::future::pending::<()>()).await;
    };
    let work = async {
        loop {
            if send_due(&app, config, &stopping).await.is_err() {
                tracing::warn!("the mails that wait can't be read or written; it is tried again");
            }
            tokio::select! {
                _ = tokio::time::timeout(until_next(&app), app.mailer.woken.notified()) => {}
                _ = stopping.wait_for(|stop| *stop) => break,
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = patience => {}
    }
}

fn until_next(app: &App) -> Duration {
    let Ok(Some(next)) = app.store.read(mails::next) else { return AT_MOST };
    let wait = next.since(app.clock.now()).clamp(1000, 60_000);
    Duration::from_millis(wait.unsigned_abs()).min(AT_MOST)
}

async fn send_due(
    app: &App,
    config: &config::Mail,
    stopping: &tokio::sync::watch::Receiver<bool>,
) -> Result<(), Problem> {
    let forgotten = app.clock.now().plus_days(-REMEMBERED_DAYS);
    app.store.write(move |tx| mails::delete_given_up(tx, forgotten)).await?;
    let mut connection = None;
    let mut pace = tokio::time::interval(BETWEEN);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        // What is read here is opened one by one: a key that sealed any of it is not dropped meanwhile.
        let _open = app.in_flight.begin();
        let now = app.clock.now();
        let due = app.store.read(|conn| mails::due(conn, now, AT_ONCE))?;
        if due.is_empty() || *stopping.borrow() {
            break;
        }
        let _turn = app.mailer.turn.lock().await;
        for (n, mail) in due.iter().enumerate() {
            pace.tick().await;
            if let Err(words) = one(app, config, &mut connection, mail).await? {
                // Nothing is taken at the moment: all that are due wait for their next time.
                connection = None;
                let rest = due.get(n..).unwrap_or_default().to_vec();
                postpone(app, rest, words).await?;
                break;
            }
            if *stopping.borrow() {
                break;
            }
        }
    }
    if let Some(connection) = connection {
        connection.close().await;
    }
    Ok(())
}

/// Sends one. The inner error says, in words, why none can be sent.
async fn one(
    app: &App,
    config: &config::Mail,
    connection: &mut Option<Connection>,
    mail: &Mail,
) -> Result<Result<(), String>, Problem> {
    if mail.expires_at <= app.clock.now() {
        let last = mail.answer.clone().unwrap_or_default();
        give_up(app, mail, None, format!("It wasn't taken in time. {last}").trim()).await?;
        return Ok(Ok(()));
    }
    let letter = match opened(app, mail) {
        Some(letter) => letter,
        None => {
            give_up(app, mail, None, "What it says can't be opened.").await?;
            return Ok(Ok(()));
        }
    };
    if leads_nowhere(app, &letter)? {
        let id = mail.id;
        app.store.write(move |tx| mails::delete(tx, id)).await?;
        tracing::info!(mail = %id, about = mail.about, "a mail isn't sent: its link has been used or taken back");
        return Ok(Ok(()));
    }
    let composed = match letter.compose(mail.id, &config.from, &mail.recipient, mail.created_at) {
        Ok(composed) => composed,
        Err(words) => {
            give_up(app, mail, None, &words).await?;
            return Ok(Ok(()));
        }
    };
    let open = match connection {
        Some(open) => open,
        None => {
            let host = app.config.http.public_url.host();
            match Connection::open(&config.smtp, host, smtp::PATIENCE).await {
                Ok(open) => connection.insert(open),
                Err(words) => return Ok(Err(words)),
            }
        }
    };
    let id = mail.id;
    match open.send(&composed).await {
        Ok(_) => {
            tracing::info!(mail = %id, about = mail.about, "a mail was taken by the mail server");
            app.store.write(move |tx| mails::delete(tx, id)).await?;
        }
        Err(Trouble::Refused { status, words }) => give_up(app, mail, status, &words).await?,
        Err(Trouble::NotNow(words)) => postpone(app, vec![mail.clone()], words).await?,
        Err(Trouble::Closed(words)) => return Ok(Err(words)),
    }
    Ok(Ok(()))
}

fn opened(app: &App, mail: &Mail) -> Option<Letter> {
    let letter = app.keyring.unseal(place(&mail.id.to_bytes()), &mail.letter_sealed).ok()?;
    Letter::from_bytes(letter.expose())
}

/// Whether all that the letter is for is a link that can no longer be used.
fn leads_nowhere(app: &App, letter: &Letter) -> Result<bool, Problem> {
    let Some(token) = letter.one_time_token() else { return Ok(false) };
    let (hash, now) = (secrets::hash(token), app.clock.now());
    app.store.read(|conn| {
        let found = links::by_token(conn, &hash, now)?.is_some()
            || project_invitations::by_token(conn, &hash, now)?.is_some();
        Ok(!found)
    })
}

async fn postpone(app: &App, those: Vec<Mail>, words: String) -> Result<(), Problem> {
    let (now, waiting, why) = (app.clock.now(), those.len(), words.clone());
    app.store
        .write(move |tx| {
            for mail in &those {
                mails::postpone(tx, mail.id, next_try(mail.attempts, now), &words)?;
            }
            Ok::<_, Problem>(())
        })
        .await?;
    tracing::warn!(waiting, why, "mail isn't taken; it is tried again");
    Ok(())
}

fn next_try(attempts: i64, now: Timestamp) -> Timestamp {
    let [.., longest] = PAUSES;
    let pause = usize::try_from(attempts).ok().and_then(|n| PAUSES.get(n)).copied();
    now.plus_minutes(pause.unwrap_or(longest))
}

async fn give_up(app: &App, mail: &Mail, status: Option<u16>, words: &str) -> Result<(), Problem> {
    let stamp = Ctx::own(app)?.stamp;
    let (id, account, about, words) = (mail.id, mail.account, mail.about.clone(), words.to_owned());
    app.store
        .write(move |tx| {
            if mails::give_up(tx, id, stamp.now, &words)? {
                let what = What::MailFailed { about: about.clone(), status };
                store::events::append(tx, stamp.now, stamp.event(account, Actor::Doorkey, what))?;
            }
            Ok::<_, Problem>(())
        })
        .await?;
    // The words may name an address: they stand beside the mail, for administrators, and neither here nor in the event.
    tracing::warn!(mail = %mail.id, about = mail.about, status, "a mail was given up");
    Ok(())
}
