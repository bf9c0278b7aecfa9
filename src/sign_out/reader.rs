//! Reads the log, and writes down which services are to be asked what. A change of the log that asks for nothing costs no write.

use domain::{
    AccountId, Actor, AppPasswordId, Event, Initiator, KindSet, Opens, ServiceId, SignOutId, SignOutKind,
    Timestamp, What,
};
use store::{
    DbError, Tx, accounts, app_passwords,
    events::{self, Filter},
    groups, services,
    sign_outs::{self as rows, SignOut, Way},
};

use crate::{app::App, clock, problem::Problem};

/// How many events are read at a time.
const AT_ONCE: i64 = 500;
/// After how many events that ask for nothing it is written down that they have been read.
const FORGIVEN: i64 = 1000;

/// How far the log has been read.
pub(super) struct Reader {
    read: i64,
    written: i64,
}

impl Reader {
    /// Goes on where the last one has written that it was.
    pub(super) fn resume(app: &App) -> Result<Self, DbError> {
        let read = app.store.read(rows::read_to)?;
        Ok(Self { read, written: read })
    }

    /// Reads on to the end of the log.
    pub(super) async fn read_on(&mut self, app: &App) -> Result<(), Problem> {
        loop {
            let (after, all) = (self.read, Filter::default());
            let found = app.store.read(|conn| events::oldest(conn, &all, after, i64::MAX, AT_ONCE))?;
            let Some(last) = found.last().map(|event| event.number) else { return Ok(()) };
            let asks = anybody_asked(app) && found.iter().any(|event| takes_back(&event.what));
            if asks || last - self.written >= FORGIVEN {
                let (now, mut rng) = (app.clock.now(), clock::rng()?);
                app.store
                    .write(move |tx| {
                        write_down(tx, &found, now, &mut rng)?;
                        rows::set_read_to(tx, last)
                    })
                    .await?;
                self.written = last;
            }
            self.read = last;
        }
    }

    /// Writes down how far the log has been read.
    pub(super) async fn close(self, app: &App) {
        if self.read > self.written && anybody_asked(app) {
            // What is read again asks for nothing again.
            let _ = app.store.write(move |tx| rows::set_read_to(tx, self.read)).await;
        }
    }
}

/// Whether there is a service to be asked at all. While there is none, how far the log has been read means nothing.
fn anybody_asked(app: &App) -> bool {
    app.live.services().values().any(|service| service.sign_out.is_some())
}

/// Whether something may have to end somewhere.
const fn takes_back(what: &What) -> bool {
    matches!(
        what,
        What::AppPasswordEnded { .. }
            | What::AccountSuspended
            | What::AccountRemoved { .. }
            | What::GroupLeft { .. }
            | What::ServiceChanged { .. }
    )
}

/// A service that is to be asked.
struct Asked {
    way: Way,
    service: services::Service,
}

/// What ended: of whom, and which password, if not all.
struct Ended<'a> {
    event: &'a Event,
    whose: AccountId,
    name: String,
    app_password: Option<(AppPasswordId, String)>,
}

fn write_down(
    tx: &mut Tx<'_>,
    events: &[Event],
    now: Timestamp,
    rng: &mut domain::Rng,
) -> Result<(), DbError> {
    let mut asked = Vec::new();
    for way in rows::ways(tx)? {
        asked.extend(services::by_id(tx, way.service)?.map(|service| Asked { way, service }));
    }
    if asked.is_empty() {
        return Ok(());
    }
    // What was taken back before anybody was to be asked is past.
    let after = rows::read_to(tx)?;
    for event in events.iter().filter(|event| event.number > after) {
        for (ended, those) in of_event(tx, event, &asked)? {
            for Asked { way, .. } in those {
                let kinds: &[SignOutKind] = match (way.way.is_dovecot(), &ended.app_password) {
                    (true, _) => &[SignOutKind::Kick],
                    (false, None) => &[SignOutKind::SessionRevoked],
                    (false, Some(_)) => &[SignOutKind::CredentialChange, SignOutKind::SessionRevoked],
                };
                for kind in kinds {
                    rows::insert(tx, &ended.row(SignOutId::new(now, rng), way.service, *kind, now))?;
                }
            }
        }
    }
    Ok(())
}

impl Ended<'_> {
    fn row(&self, id: SignOutId, service: ServiceId, kind: SignOutKind, now: Timestamp) -> SignOut {
        SignOut {
            id,
            service,
            kind,
            whose: self.whose,
            name: self.name.clone(),
            app_password: self.app_password.as_ref().map(|(id, _)| *id),
            label: self.app_password.as_ref().map(|(_, label)| label.clone()).unwrap_or_default(),
            event: self.event.number,
            request: self.event.request,
            initiator: match self.event.actor {
                Actor::Account(who) if who == self.whose => Initiator::User,
                Actor::Account(_) | Actor::Machine => Initiator::Admin,
                Actor::Doorkey => Initiator::Policy,
            },
            happened_at: self.event.at,
            round: 0,
            attempts: 0,
            next_at: now,
        }
    }
}

/// What ended with this event, and the services where that may have had something open.
fn of_event<'a>(
    tx: &mut Tx<'_>,
    event: &'a Event,
    asked: &'a [Asked],
) -> Result<Vec<(Ended<'a>, Vec<&'a Asked>)>, DbError> {
    let ended = |whose, name, app_password| Ended { event, whose, name, app_password };
    match (&event.what, event.account) {
        (What::AccountRemoved { name }, Some(whose)) => {
            // What it had is gone, so nobody can say where it was good.
            Ok(vec![(ended(whose, name.clone(), None), asked.iter().collect())])
        }
        (What::AppPasswordEnded { id, label, .. }, Some(whose)) => {
            // Whoever has been removed since is signed out everywhere by that.
            let Some(account) = accounts::by_id(tx, whose)? else { return Ok(Vec::new()) };
            let opens = app_passwords::by_id(tx, *id)?.map(|password| password.opens);
            let mut those = Vec::new();
            for one in asked {
                // Whether its person may still use the service says nothing: they may have lost that together with the password, and
                // so may the service have got other kinds since.
                let opened = match opens {
                    None => true,
                    Some(opens) if opens_now(opens, one.service.kinds) => true,
                    Some(opens) => before(tx, event.number, one.service.name.as_str())?
                        .is_some_and(|(kinds, _)| opens_now(opens, kinds)),
                };
                if opened {
                    those.push(one);
                }
            }
            let app_password = Some((*id, label.clone()));
            Ok(vec![(ended(whose, account.name.to_string(), app_password), those)])
        }
        (What::AccountSuspended, Some(whose)) => {
            let Some(account) = accounts::by_id(tx, whose)? else { return Ok(Vec::new()) };
            let live = app_passwords::live_at(tx, whose, event.at)?;
            let opened = |one: &&Asked| live.iter().any(|p| opens_now(p.opens, one.service.kinds));
            let those = asked.iter().filter(opened).collect();
            Ok(vec![(ended(whose, account.name.to_string(), None), those)])
        }
        (What::GroupLeft { id, .. }, Some(whose)) => {
            let Some(account) = accounts::by_id(tx, whose)? else { return Ok(Vec::new()) };
            let live = app_passwords::live_at(tx, whose, event.at)?;
            let mut those = Vec::new();
            for one in asked {
                let opened = live.iter().any(|p| opens_now(p.opens, one.service.kinds));
                let by_group = groups::of_service(tx, one.service.id)?.iter().any(|group| group.id == *id);
                if opened && by_group && !services::may_use(tx, one.service.id, whose)? {
                    those.push(one);
                }
            }
            Ok(vec![(ended(whose, account.name.to_string(), None), those)])
        }
        (What::ServiceChanged { id, name, kinds, groups }, _) => {
            let Some(one) = asked.iter().find(|one| one.service.id == *id) else { return Ok(Vec::new()) };
            let Some((kinds_before, groups_before)) = before(tx, event.number, name)? else {
                return Ok(Vec::new());
            };
            let kept_from_some = !groups.is_empty() && *groups != groups_before;
            if !kept_from_some && *kinds == kinds_before {
                return Ok(Vec::new());
            }
            let mut had: Vec<(AccountId, String, bool)> = Vec::new();
            rows::for_each_live(tx, event.at, |whose, name, opens| {
                if opens_now(opens, kinds_before) {
                    let lost = !opens_now(opens, *kinds);
                    match had.last_mut().filter(|last| last.0 == whose) {
                        Some(last) => last.2 |= lost,
                        None => had.push((whose, name.to_owned(), lost)),
                    }
                }
            })?;
            let mut all = Vec::new();
            for (whose, name, lost) in had {
                if lost || kept_from_some && !services::may_use(tx, *id, whose)? {
                    all.push((ended(whose, name, None), vec![one]));
                }
            }
            Ok(all)
        }
        _ => Ok(Vec::new()),
    }
}

/// Whether a password lets in there. One that waits for its first app has opened nothing.
const fn opens_now(opens: Opens, kinds: KindSet) -> bool {
    matches!(opens.admit(kinds), domain::Admission::Yes)
}

/// What the service of this name held before that event, and the groups that could use it, as the log has it.
fn before(tx: &mut Tx<'_>, number: i64, name: &str) -> Result<Option<(KindSet, Vec<String>)>, DbError> {
    let mut last: Option<Event> = None;
    for kind in ["service_added", "service_changed"] {
        let filter = Filter { kind: Some(kind.into()), service: Some(name.to_owned()), ..Filter::default() };
        last = last.into_iter().chain(events::newest(tx, &filter, number, 1)?).max_by_key(|e| e.number);
    }
    Ok(match last.map(|event| event.what) {
        Some(What::ServiceAdded { kinds, groups, .. } | What::ServiceChanged { kinds, groups, .. }) => {
            Some((kinds, groups))
        }
        _ => None,
    })
}
