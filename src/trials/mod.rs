//! Trying a service out: a password for a few minutes, and what services ask Doorkey about it meanwhile. It is watched by what it is,
//! whatever name a service sends with it: a name that isn't the person's is what is wrong most often.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{AccountId, AccountName, AppPasswordId, AppPasswordSecret, KindSet, Label, Opens, Timestamp};
use sha2::{Digest, Sha256};
use store::set_up;
use tokio::sync::watch;

use crate::{
    access::{Fresh, SignedIn},
    app::App,
    app_passwords::{self, New, verify::SignIn},
    ctx::Ctx,
    metrics::doors::{Answer, Door},
    problem::{Code, Problem},
    services,
};
use knock::Tried;

pub mod api;
pub mod knock;
pub mod pages;
pub mod views;

/// How long the password of a trial works, in minutes.
pub const MINUTES: i64 = 5;
/// How long after its end it can still be looked at, in minutes.
const KEPT_MINUTES: i64 = 10;
/// How many trials are kept at a time, of everybody.
const MOST: usize = 100;
/// How many sign-ins of one are kept: the first ones.
const MOST_SEEN: usize = 50;
/// How much of a name is kept, in characters.
const MOST_OF_A_NAME: usize = 254;
/// The longest that an answer waits for a sign-in.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The trials that run, or ended a while ago. In memory alone: a trial is over when the server ends, and its password soon after.
#[derive(Default)]
pub struct Trials {
    /// How many there are, so that a sign-in pays nothing while there are none.
    kept: AtomicUsize,
    /// By the SHA-256 of what is secret.
    all: Mutex<HashMap<[u8; 32], Arc<Trial>>>,
}

/// One trial.
pub struct Trial {
    /// Its password's id.
    pub id: AppPasswordId,
    /// The service.
    pub service: String,
    /// What the password opens.
    pub opens: KindSet,
    /// Until when it works.
    pub ends_at: Timestamp,
    account: AccountId,
    seen: watch::Sender<Vec<Seen>>,
}

/// A sign-in with the password of a trial, as a door saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// At which door.
    pub door: Door,
    /// Of which service.
    pub service: String,
    /// The name that came with it.
    pub name: String,
    /// Whether that name is the person's.
    pub is_theirs: bool,
    /// What was asked for.
    pub kinds: KindSet,
    /// The app's address, as far as the door knew.
    pub source: String,
    /// What was answered.
    pub answer: Answer,
}

/// A sign-in that is to be seen.
pub struct Watched {
    trial: Arc<Trial>,
    seen: Seen,
}

impl Trials {
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Arc<Trial>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, secret: &AppPasswordSecret, trial: Trial, now: Timestamp) {
        let mut all = self.lock();
        all.retain(|_, trial| trial.ends_at.plus_minutes(KEPT_MINUTES) > now);
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, trial)| trial.ends_at).map(|(hash, _)| *hash)
        {
            all.remove(&oldest);
        }
        all.insert(hash(secret), Arc::new(trial));
        self.kept.store(all.len(), Ordering::Release);
    }

    fn find(&self, id: AppPasswordId) -> Option<Arc<Trial>> {
        self.lock().values().find(|trial| trial.id == id).cloned()
    }

    /// A sign-in at a door that is with the password of a trial; none of all others.
    pub fn watch(&self, app: &App, door: Door, sign_in: &SignIn<'_>) -> Option<Watched> {
        if self.kept.load(Ordering::Acquire) == 0 {
            return None;
        }
        let trial = self.lock().get(&hash(&AppPasswordSecret::parse(sign_in.secret)?)).cloned()?;
        let name = AccountName::parse(sign_in.name, app.default_domain()).ok();
        let account = name.and_then(|name| app.index().account(name.as_str()));
        let seen = Seen {
            at: app.clock.now(),
            door,
            service: sign_in.service.name.to_string(),
            name: sign_in.name.chars().filter(|c| !c.is_control()).take(MOST_OF_A_NAME).collect(),
            is_theirs: account.is_some_and(|account| account.id == trial.account),
            kinds: sign_in.kinds,
            source: sign_in.source.to_owned(),
            answer: Answer::Unavailable,
        };
        Some(Watched { trial, seen })
    }
}

fn hash(secret: &AppPasswordSecret) -> [u8; 32] {
    Sha256::digest(secret.letters()).into()
}

impl Watched {
    /// It was answered so.
    pub fn answered(self, answer: Answer) {
        let seen = Seen { answer, ..self.seen };
        self.trial.seen.send_modify(|all| {
            if all.len() < MOST_SEEN {
                all.push(seen);
            }
        });
    }
}

impl Trial {
    /// What has been seen so far, the oldest first.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// What a sign-in means for whoever tries the service out: what was answered, and what to do.
    pub fn sentence(&self, seen: &Seen) -> String {
        let Seen { service, name, at, .. } = seen;
        match seen.answer {
            Answer::Yes if *service == self.service => format!("{service} asked, and Doorkey said yes."),
            Answer::Yes => format!("{service} asked, and Doorkey said yes: it opens {} too.", self.opens),
            Answer::No if !seen.is_theirs => format!(
                "Refused: {service} gave the user name “{name}”, which isn’t yours. Look at the name in the app, and at what {service} \
                 makes of it."
            ),
            Answer::No if *at >= self.ends_at => "Refused: the password of this test had expired.".into(),
            Answer::No => "Refused: the password was revoked, or your account is suspended.".into(),
            Answer::NotForThisService => {
                format!("Refused: it opens {}, and {service} asked for something else.", self.opens)
            }
            Answer::NotForThisPerson => {
                format!("Refused: you are in none of the groups that may use {service}.")
            }
            Answer::Unavailable | Answer::WrongKey => {
                "Doorkey couldn’t tell at that moment, and said so. Try again.".into()
            }
        }
    }
}

/// A trial that has begun.
pub struct Begun {
    /// The trial.
    pub trial: Arc<Trial>,
    /// Its password: in the answer and nowhere else.
    pub secret: AppPasswordSecret,
    /// Where Doorkey has signed in with it: wherever the service's people do whose apps it knows.
    pub tried: Vec<Tried>,
}

/// Begins a trial of the service of this name: makes a password for its person that opens what the service holds, for a few minutes, and
/// signs in with it at the service's public servers. It is one of their 25.
///
/// # Errors
/// `not-found`, `not-allowed`, `two-factor-needed`, `too-many-app-passwords`.
pub async fn begin(app: &App, ctx: &mut Ctx, person: &Fresh<SignedIn>, name: &str) -> Result<Begun, Problem> {
    let service = services::get(app, person.admin()?.who(), name)?.service;
    let servers = app.store.read(|conn| set_up::of_service(conn, service.id))?.servers;
    let ends_at = ctx.stamp.now.plus_minutes(MINUTES);
    let label = Label::parse(&format!("Test of {}", service.name))
        .map_err(|error| Problem::field("label", format!("The label {error}.")))?;
    let new = New { label, opens: Opens::Kinds(service.kinds), expires_at: Some(ends_at) };
    let (password, secret) = app_passwords::generate(app, ctx, person, new).await?;
    let trial = Trial {
        id: password.id,
        service: service.name.to_string(),
        opens: service.kinds,
        ends_at,
        account: password.account,
        seen: watch::Sender::default(),
    };
    app.trials.begin(&secret, trial, ctx.stamp.now);
    let trial = app.trials.find(password.id).ok_or_else(over)?;
    let (here, account) = (app.config.http.public_url.host(), &person.who().account);
    let tried = knock::all(servers, here, account.name.as_str(), secret.shown().expose()).await;
    Ok(Begun { trial, secret, tried })
}

/// A trial of the person's, once more than `after` sign-ins have been seen, it has ended, or the time is over.
///
/// # Errors
/// `not-found` when there is none, or no longer; `not-allowed`; `unavailable` when too many wait already.
pub async fn look(
    app: &App,
    person: &SignedIn,
    service: &str,
    id: AppPasswordId,
    after: usize,
    wait: Duration,
) -> Result<Arc<Trial>, Problem> {
    person.admin()?;
    let trial = app.trials.find(id).filter(|trial| trial.account == person.account.id);
    let trial = trial.filter(|trial| trial.service == service).ok_or_else(over)?;
    if wait.is_zero() || trial.ends_at <= app.clock.now() {
        return Ok(trial);
    }
    let mut log = app.live.end.watch().ok_or_else(too_many_wait)?;
    let mut seen = trial.seen.subscribe();
    let more = async {
        while seen.borrow_and_update().len() <= after {
            tokio::select! {
                _ = seen.changed() => {}
                // Whatever ends the password is in the log.
                goes_on = log.more() => if !goes_on { break },
            }
        }
    };
    let _ = tokio::time::timeout(wait.min(LONGEST_WAIT), more).await;
    drop(seen);
    Ok(trial)
}

fn over() -> Problem {
    Problem::new(Code::NotFound, "This test isn’t kept any more, or was never yours. Begin a new one.")
}

fn too_many_wait() -> Problem {
    Problem {
        retry_after: Some(5),
        ..Problem::new(
            Code::Unavailable,
            "Too many wait for something to happen already. Look without waiting, or again in a few seconds.",
        )
    }
}
