//! Asks services to end what is open, until they have done it. Woken when the log moves on, and when the time of something that was put
//! off has come. Each service is asked by itself, so that one that doesn't answer keeps no other waiting.

use std::{collections::HashSet, sync::Arc, time::Duration};

use domain::{AccountId, Actor, ServiceId, SignOutKind, SignOutWay, Timestamp, What};
use store::{
    DbError, Tx, events, services,
    sign_outs::{self as rows, SignOut, Way},
};
use tokio::{sync::watch, task::JoinSet};
use url::Url;

use super::{
    dovecot::{self, Kicked},
    out::Asker,
    reader::Reader,
    signing::SigningKey,
    way,
    webhook::{self, Trouble},
};
use crate::{
    app::App,
    ctx::{Ctx, Stamp},
    metrics::sign_outs::Came,
    problem::Problem,
};

/// How long to wait before a service is asked again, in seconds: after the first time, the second and so on.
const PAUSES: [i64; 10] = [1, 2, 5, 10, 20, 60, 120, 300, 600, 900];
/// After how many days nothing more is tried.
const GIVEN_UP_DAYS: i64 = 7;
/// When Dovecot is asked once more, in seconds after the password was taken back. An app that was let in a moment before has no session
/// that could be ended until its log-in is through, and Dovecot lets a log-in take three minutes.
const LOG_IN_SECONDS: i64 = 180;
/// How many are looked at in one go.
const AT_ONCE: i64 = 100;
/// The longest sleep: a clock may be set meanwhile.
const AT_MOST: Duration = Duration::from_secs(60);
/// How long a service that is being asked may take when the server is told to stop.
const WHEN_STOPPING: Duration = Duration::from_secs(2);

/// Keeps going until `stopping`.
pub async fn run(app: Arc<App>, mut stopping: watch::Receiver<bool>) {
    let mut log = app.live.end.follow();
    let mut reader = None;
    let (mut busy, mut asking) = (HashSet::new(), JoinSet::new());
    loop {
        if go_on(&app, &mut reader, &mut busy, &mut asking).await.is_err() {
            tracing::warn!("what is to be signed out can't be read or written; it is tried again");
        }
        tokio::select! {
            more = log.more() => if !more { break },
            () = app.sign_outs.woken.notified() => {}
            Some(done) = asking.join_next(), if !asking.is_empty() => {
                // A task that panicked says not which it was: all are looked at again.
                match done {
                    Ok(service) => { busy.remove(&service); }
                    Err(_) => busy.clear(),
                }
            }
            () = until_next(&app) => {}
            _ = stopping.wait_for(|stop| *stop) => break,
        }
    }
    let rest = async { while asking.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(WHEN_STOPPING, rest).await;
    if let Some(reader) = reader {
        reader.close(&app).await;
    }
}

async fn until_next(app: &App) {
    let wait = match app.store.read(rows::next) {
        Ok(Some(next)) => next.since(app.clock.now()).clamp(1000, 60_000),
        _ => 60_000,
    };
    let wait = Duration::from_millis(wait.unsigned_abs()).min(AT_MOST);
    let _ = tokio::time::timeout(wait, std::future::pending::<()>()).await;
}

async fn go_on(
    app: &Arc<App>,
    reader: &mut Option<Reader>,
    busy: &mut HashSet<ServiceId>,
    asking: &mut JoinSet<ServiceId>,
) -> Result<(), Problem> {
    let reader = match reader {
        Some(reader) => reader,
        None => reader.insert(Reader::resume(app)?),
    };
    reader.read_on(app).await?;
    let now = app.clock.now();
    for service in app.store.read(|conn| rows::due_services(conn, now))? {
        if busy.insert(service) {
            let app = Arc::clone(app);
            asking.spawn(async move {
                if ask(&app, service).await.is_err() {
                    tracing::warn!("what came of signing out can't be written; it is tried again");
                }
                service
            });
        }
    }
    Ok(())
}

/// Asks the service all that is due.
async fn ask(app: &App, service: ServiceId) -> Result<(), Problem> {
    loop {
        let now = app.clock.now();
        let (way, name, due) = app.store.read(|conn| {
            let name = services::by_id(conn, service)?.map(|service| service.name.to_string());
            Ok::<_, DbError>((rows::way(conn, service)?, name, rows::due(conn, service, now, AT_ONCE)?))
        })?;
        let (Some(way), Some(name)) = (way, name) else { return Ok(()) };
        if due.is_empty() {
            return Ok(());
        }
        if let Err(why) = ask_these(app, &way, &name, due).await? {
            app.metrics.sign_outs.count(&name, Came::Failed);
            tracing::warn!(service = name, why, "a service isn't signed out of; it is tried again");
            return put_off(app, service, &name, now, why).await;
        }
    }
}

/// Asks this of the service. The inner error says, in words, why it can't be asked any more now.
async fn ask_these(
    app: &App,
    way: &Way,
    name: &str,
    due: Vec<SignOut>,
) -> Result<Result<(), String>, Problem> {
    let key = {
        // The key that sealed it is not dropped meanwhile.
        let _open = app.in_flight.begin();
        way::key(app, way)
    };
    let Some(key) = key else {
        return Ok(Err("The key that is shown there can’t be opened. Enter it again.".into()));
    };
    let asker = Url::parse(&way.url).map_err(|error| error.to_string()).and_then(Asker::new);
    let asker = match asker {
        Ok(asker) => asker,
        Err(why) => return Ok(Err(why)),
    };
    let to = To { app, way, name };
    match way.way {
        SignOutWay::DovecotUser | SignOutWay::DovecotAppPassword => to.kick(&asker, key.expose(), due).await,
        SignOutWay::Webhook => to.push(&asker, key.expose(), due).await,
    }
}

/// Whether the service can be asked. Dovecot is asked to sign out somebody whom nobody is; a webhook isn't asked, only reached.
///
/// # Errors
/// In words, with what to do.
pub async fn reach(app: &App, way: &Way) -> Result<(), String> {
    let key = {
        let _open = app.in_flight.begin();
        way::key(app, way)
    };
    let key = key.ok_or("the key that is shown there can’t be opened. Enter it again.")?;
    let asker = Url::parse(&way.url).map_err(|error| error.to_string()).and_then(Asker::new)?;
    if way.way.is_dovecot() { dovecot::probe(&asker, key.expose()).await } else { asker.reach().await }
}

/// A service that is asked.
struct To<'a> {
    app: &'a App,
    way: &'a Way,
    name: &'a str,
}

impl To<'_> {
    async fn kick(
        &self,
        asker: &Asker,
        key: &str,
        mut due: Vec<SignOut>,
    ) -> Result<Result<(), String>, Problem> {
        while let Some(first) = due.first().cloned() {
            // By user, all that is to end of one person ends at once.
            let (those, rest): (Vec<_>, Vec<_>) = due.into_iter().partition(|other| match self.way.way {
                SignOutWay::DovecotUser => other.name == first.name,
                _ => other.id == first.id,
            });
            due = rest;
            let default_domain = self.app.default_domain();
            match dovecot::kick(asker, key, self.way.way, &first, default_domain).await {
                Ok(Kicked::Some) => self.done(those, Came::Done).await?,
                Ok(Kicked::None) => self.done(those, Came::Nothing).await?,
                Err(why) => return Ok(Err(why)),
            }
        }
        Ok(Ok(()))
    }

    async fn push(&self, asker: &Asker, key: &str, due: Vec<SignOut>) -> Result<Result<(), String>, Problem> {
        let Some(signing) = SigningKey::load(self.app)? else {
            return Ok(Err("The key that signs is missing. Set the webhook again.".into()));
        };
        let issuer = self.app.config.http.public_url.as_str();
        for one in due {
            let token = signing.sign(webhook::TYPE, &webhook::claims(issuer, &self.way.url, &one))?;
            match webhook::push(asker, key, token).await {
                Ok(()) => self.done(vec![one], Came::Done).await?,
                Err(Trouble::Refused(why)) => self.refused(one, why).await?,
                Err(Trouble::NotNow(why)) => return Ok(Err(why)),
            }
        }
        Ok(Ok(()))
    }

    /// The service has done this.
    async fn done(&self, those: Vec<SignOut>, came: Came) -> Result<(), Problem> {
        self.app.metrics.sign_outs.count(self.name, came);
        let stamp = Ctx::own(self.app)?.stamp;
        let (service, way, name) = (self.way.service, self.way.way, self.name.to_owned());
        self.app
            .store
            .write(move |tx| {
                let mut told: Option<(AccountId, Option<String>)> = None;
                for one in &those {
                    let again_at = one.happened_at.plus_seconds(LOG_IN_SECONDS);
                    let is_there = match way.is_dovecot() && one.round == 0 && again_at > stamp.now {
                        true => rows::again(tx, one.id, again_at)?,
                        false => rows::delete(tx, one.id)?,
                    };
                    // Told once: the second time ends what the others have opened again, and two tokens tell of one thing.
                    let first = one.round == 0 && one.kind != SignOutKind::CredentialChange;
                    if is_there && first && came == Came::Done {
                        let label = one.app_password.map(|_| one.label.clone());
                        told = Some((one.whose, label.filter(|_| told.is_none())));
                    }
                }
                rows::note_done(tx, service, stamp.now)?;
                if let Some((whose, label)) = told {
                    let what = What::SignedOutAt { service: name.clone(), label, way };
                    events::append(tx, stamp.now, stamp.event(Some(whose), Actor::Doorkey, what))?;
                }
                Ok::<_, Problem>(())
            })
            .await
    }

    /// The webhook doesn't want this one: the others don't wait for it.
    async fn refused(&self, one: SignOut, why: String) -> Result<(), Problem> {
        self.app.metrics.sign_outs.count(self.name, Came::Failed);
        tracing::warn!(service = self.name, why, "a webhook refused a token; it is tried again");
        let stamp = Ctx::own(self.app)?.stamp;
        let (way, name) = (self.way.clone(), self.name.to_owned());
        let given_up = self
            .app
            .store
            .write(move |tx| {
                rows::note_failed(tx, way.service, stamp.now, &why)?;
                if give_up_old(tx, &stamp, &way, &name, &one)? {
                    return Ok(true);
                }
                rows::postpone_one(tx, one.id, next_try(one.attempts, stamp.now))?;
                Ok::<_, Problem>(false)
            })
            .await?;
        if given_up {
            self.app.metrics.sign_outs.count(self.name, Came::GivenUp);
        }
        Ok(())
    }
}

/// Gives up what is too old. False when it isn't.
fn give_up_old(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    way: &Way,
    name: &str,
    one: &SignOut,
) -> Result<bool, Problem> {
    if one.happened_at.plus_days(GIVEN_UP_DAYS) > stamp.now {
        return Ok(false);
    }
    rows::delete(tx, one.id)?;
    // It has been done, and was only to be asked once more.
    if one.round == 0 && one.kind != SignOutKind::CredentialChange {
        let label = one.app_password.map(|_| one.label.clone());
        let what = What::SignOutFailed { service: name.to_owned(), label, way: way.way };
        events::append(tx, stamp.now, stamp.event(Some(one.whose), Actor::Doorkey, what))?;
    }
    Ok(true)
}

/// The service can't be asked now: what is too old is given up, the rest waits.
async fn put_off(
    app: &App,
    service: ServiceId,
    name: &str,
    asked_at: Timestamp,
    why: String,
) -> Result<(), Problem> {
    let (stamp, name) = (Ctx::own(app)?.stamp, name.to_owned());
    let metrics_name = name.clone();
    let given_up = app
        .store
        .write(move |tx| {
            let Some(way) = rows::way(tx, service)? else { return Ok(0) };
            rows::note_failed(tx, service, stamp.now, &why)?;
            let (mut given_up, mut attempts) = (0, 0);
            for one in rows::due(tx, service, asked_at, i64::MAX)? {
                match give_up_old(tx, &stamp, &way, &name, &one)? {
                    true => given_up += 1,
                    false => attempts = attempts.max(one.attempts),
                }
            }
            rows::postpone(tx, service, asked_at, next_try(attempts, stamp.now))?;
            Ok::<_, Problem>(given_up)
        })
        .await?;
    for _ in 0..given_up {
        app.metrics.sign_outs.count(&metrics_name, Came::GivenUp);
    }
    Ok(())
}

fn next_try(attempts: i64, now: Timestamp) -> Timestamp {
    let [.., longest] = PAUSES;
    let pause = usize::try_from(attempts).ok().and_then(|n| PAUSES.get(n)).copied().unwrap_or(longest);
    now.plus_seconds(pause)
}
