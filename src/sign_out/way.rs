//! How people are signed out of a service: what administrators set, and how it goes.

use domain::{Secret, ServiceId, ServiceName, SignOutWay, Timestamp, What};
use seal::Place;
use store::{
    Conn, events, services,
    sign_outs::{self as rows, Waiting, Way},
};
use url::Url;

use super::{dovecot, out, signing::NewKey};
use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
};

/// How long a key may be, in bytes.
const LONGEST_KEY: usize = 500;

/// What is to be set.
pub struct New {
    way: SignOutWay,
    url: Url,
    key: Key,
}

/// The key that is shown to who is asked.
pub enum Key {
    /// As before.
    Kept,
    /// This one.
    New(Secret<String>),
    /// None.
    Taken,
}

impl New {
    /// Reads what was typed.
    ///
    /// # Errors
    /// `unfit`, at `way`, `url` or `key`.
    pub fn parse(way: &str, url: &str, key: Key) -> Result<Self, Problem> {
        let way = SignOutWay::from_code(way).ok_or_else(|| {
            let detail = "Choose who ends open sessions: dovecot_user, dovecot_app_password or webhook.";
            Problem::field("way", detail)
        })?;
        let url = out::address(url)?;
        if let Key::New(key) = &key {
            let key = key.expose();
            if key.len() > LONGEST_KEY || !key.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
                let detail = "A key is at most 500 letters, digits and signs, without spaces.";
                return Err(Problem::field("key", detail));
            }
        }
        Ok(Self { way, url: if way.is_dovecot() { dovecot::url(url) } else { url }, key })
    }
}

/// How people are signed out of a service, and how that goes.
pub struct State {
    /// How.
    pub way: SignOutWay,
    /// Where it is asked.
    pub url: String,
    /// Whether a key is shown there.
    pub has_key: bool,
    /// When it last did what it was asked.
    pub done_at: Option<Timestamp>,
    /// When it last didn't, and why; nothing when it did since.
    pub failed: Option<(Timestamp, String)>,
    /// How many wait.
    pub waiting: Waiting,
}

/// How people are signed out of the service of this name; nothing when they aren't.
///
/// # Errors
/// `not-found`.
pub fn get(app: &App, _admin: &Admin, name: &str) -> Result<Option<State>, Problem> {
    app.store.read(|conn| {
        let service = find(conn, name)?;
        read(conn, service.id)
    })
}

fn find(conn: &mut Conn, name: &str) -> Result<services::Service, Problem> {
    let name = ServiceName::parse(name).ok();
    let found = name.map(|name| services::by_name(conn, &name)).transpose()?.flatten();
    found.ok_or_else(|| {
        Problem::new(Code::NotFound, "There is no service of this name. Look at the list of services again.")
    })
}

fn read(conn: &mut Conn, service: ServiceId) -> Result<Option<State>, Problem> {
    let Some(way) = rows::way(conn, service)? else { return Ok(None) };
    let failed_since = way.failed_at.filter(|failed| way.done_at.is_none_or(|done| done <= *failed));
    Ok(Some(State {
        way: way.way,
        url: way.url,
        has_key: !way.secret_sealed.is_empty(),
        done_at: way.done_at,
        failed: failed_since.zip(way.answer),
        waiting: rows::waiting(conn, service)?,
    }))
}

fn place(row: &[u8]) -> Place<'_> {
    Place { table: "sign_out_ways", row, column: "secret_sealed" }
}

/// What is shown to who is asked; empty when there is nothing. `None` when it can't be opened.
pub(super) fn key(app: &App, way: &Way) -> Option<Secret<String>> {
    if way.secret_sealed.is_empty() {
        return Some(Secret::new(String::new()));
    }
    let key = app.keyring.unseal(place(&way.service.to_bytes()), &way.secret_sealed).ok()?;
    String::from_utf8(key.expose().clone()).ok().map(Secret::new)
}

/// Sets how people are signed out of the service. What was still to be asked is asked there.
///
/// # Errors
/// `not-found`; `unfit` at `key` when one is needed: Dovecot wants one, and what was typed for one address isn't shown to another.
pub async fn set(
    app: &App,
    ctx: &mut Ctx,
    admin: &Fresh<Admin>,
    name: &str,
    new: New,
) -> Result<State, Problem> {
    let service = app.store.read(|conn| find(conn, name))?;
    let New { way, url, key } = new;
    let sealed = match &key {
        Key::New(key) => {
            Some(app.keyring.seal(place(&service.id.to_bytes()), key.expose().as_bytes(), &mut ctx.rng))
        }
        Key::Taken => Some(Vec::new()),
        Key::Kept => None,
    };
    let signs = (way == SignOutWay::Webhook).then(|| NewKey::make(app, ctx.stamp.now, &mut ctx.rng));
    let signs = signs.transpose()?;
    let (stamp, actor) = (ctx.stamp.clone(), admin.who().actor);
    let state = app
        .store
        .write(move |tx| {
            // It may have been removed, and its name given to another, a moment ago.
            let service = services::by_id(tx, service.id)?.ok_or_else(Problem::not_found)?;
            let before = rows::way(tx, service.id)?;
            let secret_sealed = match (sealed.clone(), &before) {
                (Some(sealed), _) => sealed,
                (None, None) => Vec::new(),
                (None, Some(before)) if before.secret_sealed.is_empty() => Vec::new(),
                (None, Some(before)) if fits(before, way, &url) => before.secret_sealed.clone(),
                (None, Some(_)) => {
                    let detail = "Enter the key again: the one from before isn’t shown to another address.";
                    return Err(Problem::field("key", detail));
                }
            };
            if way.is_dovecot() && secret_sealed.is_empty() {
                return Err(Problem::field(
                    "key",
                    "Enter the key that is doveadm_api_key in Dovecot’s settings.",
                ));
            }
            if rows::ways(tx)?.is_empty() {
                // What was taken back before anybody was to be asked is past.
                rows::begin_here(tx)?;
            }
            match before {
                Some(before) if before.way.is_dovecot() == way.is_dovecot() => {
                    rows::at_once(tx, service.id, stamp.now)?;
                }
                _ => rows::delete_of(tx, service.id)?,
            }
            let set = Way {
                service: service.id,
                way,
                url: url.to_string(),
                secret_sealed,
                set_at: stamp.now,
                done_at: None,
                failed_at: None,
                answer: None,
            };
            rows::set_way(tx, &set)?;
            if let Some(key) = &signs {
                key.keep(tx)?;
            }
            let what =
                What::ServiceSignOutSet { id: service.id, name: service.name.to_string(), way: Some(way) };
            events::append(tx, stamp.now, stamp.event(None, actor, what))?;
            read(tx, service.id)?.ok_or_else(Problem::not_found)
        })
        .await?;
    app.sign_outs.wake();
    Ok(state)
}

/// Whether a key that was typed for `before` may be shown at `url`.
fn fits(before: &Way, way: SignOutWay, url: &Url) -> bool {
    let same_place = Url::parse(&before.url).is_ok_and(|before| before.origin() == url.origin());
    same_place && before.way.is_dovecot() == way.is_dovecot()
}

/// Nobody is signed out of the service any more; what was still to be asked is forgotten.
///
/// # Errors
/// `not-found`.
pub async fn unset(app: &App, ctx: &Ctx, admin: &Fresh<Admin>, name: &str) -> Result<(), Problem> {
    let service = app.store.read(|conn| find(conn, name))?;
    let (stamp, actor) = (ctx.stamp.clone(), admin.who().actor);
    app.store
        .write(move |tx| {
            if !rows::unset_way(tx, service.id)? {
                return Ok(());
            }
            rows::delete_of(tx, service.id)?;
            let what = What::ServiceSignOutSet { id: service.id, name: service.name.to_string(), way: None };
            Ok(events::append(tx, stamp.now, stamp.event(None, actor, what))?)
        })
        .await
}
