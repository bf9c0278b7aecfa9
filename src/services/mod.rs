//! Services: the servers that people's apps sign in to, each with a name, what it holds, and a key that it shows at its door.

use domain::{
    Actor, Event, GroupName, Kind, KindSet, MachineToken, ServiceId, ServiceName, Timestamp, TokenKind, What,
};
use store::{
    Conn, Tx, app_passwords,
    events::{self, Filter},
    groups::{self, Group},
    services::{self as rows, Service},
};

use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    doors::ldap::directory,
    events::{names::Names, sentence::to_administrator},
    groups::{named, parse_names},
    problem::{Code, Problem},
    secrets,
};

pub mod api;
pub mod configuration;
pub mod pages;
pub mod views;

/// What is asked about a new service.
pub struct New {
    /// Its name.
    pub name: ServiceName,
    /// What it holds.
    pub kinds: KindSet,
    /// The groups that may use it; none for everyone.
    pub groups: Vec<GroupName>,
}

impl New {
    /// Reads what was typed.
    ///
    /// # Errors
    /// `unfit`, at `name`, `kinds` or `groups`.
    pub fn parse<'a>(
        name: &str,
        kinds: impl Iterator<Item = &'a str>,
        groups: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Problem> {
        let name = ServiceName::parse(name.trim())
            .map_err(|error| Problem::field("name", format!("That can't be the name: {error}.")))?;
        if [directory::GROUPS, directory::SERVICES].contains(&name.as_str()) {
            let detail = format!("{name} is a branch of the LDAP directory. Choose another name.");
            return Err(Problem::field("name", detail));
        }
        Ok(Self { name, kinds: parse_kinds(kinds)?, groups: parse_names(groups)? })
    }
}

fn parse_kinds<'a>(kinds: impl Iterator<Item = &'a str>) -> Result<KindSet, Problem> {
    let kinds = kinds
        .map(str::parse::<Kind>)
        .collect::<Result<KindSet, _>>()
        .map_err(|error| Problem::field("kinds", format!("{error}.")))?;
    if kinds.is_empty() {
        return Err(Problem::field("kinds", "Choose at least one kind of thing that this service holds."));
    }
    Ok(kinds)
}

/// What is to be changed about a service; what isn't said stays.
#[derive(Default)]
pub struct Change {
    /// What it holds.
    pub kinds: Option<KindSet>,
    /// The groups that may use it; an empty list for everyone.
    pub groups: Option<Vec<GroupName>>,
    /// What it was when this was decided, as [`Listed::state`] says it: if it is something else by now, nothing is changed.
    pub seen: Option<String>,
}

impl Change {
    /// Reads what was typed.
    ///
    /// # Errors
    /// `unfit`, at `kinds` or `groups`.
    pub fn parse<'a>(
        kinds: Option<impl Iterator<Item = &'a str>>,
        groups: Option<impl Iterator<Item = &'a str>>,
    ) -> Result<Self, Problem> {
        let (kinds, groups) = (kinds.map(parse_kinds).transpose()?, groups.map(parse_names).transpose()?);
        Ok(Self { kinds, groups, seen: None })
    }
}

/// A service, who may use it, and when a password was last good there.
pub struct Listed {
    /// The service.
    pub service: Service,
    /// The groups that may use it, by name; none for everyone.
    pub groups: Vec<Group>,
    /// When an app-specific password was last used there.
    pub last_used: Option<Timestamp>,
}

impl Listed {
    fn read(conn: &mut Conn, service: Service) -> Result<Self, Problem> {
        let groups = groups::of_service(conn, service.id)?;
        let last_used = app_passwords::last_use_of(conn, &service.name)?;
        Ok(Self { service, groups, last_used })
    }

    /// What can be changed about it, in one text.
    pub fn state(&self) -> String {
        format!("{}:{}", self.service.kinds.bits(), self.group_names().join(","))
    }

    /// The names of the groups that may use it.
    pub fn group_names(&self) -> Vec<&str> {
        self.groups.iter().map(|group| group.name.as_str()).collect()
    }
}

/// Every service, by name.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App, _admin: &Admin) -> Result<Vec<Listed>, Problem> {
    app.store.read(|conn| {
        let mut listed = Vec::new();
        for service in rows::all(conn)? {
            listed.push(Listed::read(conn, service)?);
        }
        Ok(listed)
    })
}

/// The service of this name.
///
/// # Errors
/// `not-found`.
pub fn get(app: &App, _admin: &Admin, name: &str) -> Result<Listed, Problem> {
    app.store.read(|conn| find(conn, name))
}

/// The service of this name, in a unit of work.
///
/// # Errors
/// `not-found`.
pub fn find(conn: &mut Conn, name: &str) -> Result<Listed, Problem> {
    let name = ServiceName::parse(name).map_err(|_| no_service())?;
    let service = rows::by_name(conn, &name)?.ok_or_else(no_service)?;
    Listed::read(conn, service)
}

/// The last change of a service: that it was registered, or what became of it since.
pub struct LastChange {
    /// When.
    pub at: Timestamp,
    /// Whether it was registered then.
    pub is_new: bool,
    /// Who did it.
    pub by: String,
    /// What happened, in one sentence.
    pub sentence: String,
}

/// What was last changed about the service of this name, and by whom, as the log has it.
///
/// # Errors
/// As the database has them.
pub fn last_change(app: &App, _admin: &Admin, name: &ServiceName) -> Result<Option<LastChange>, Problem> {
    app.store.read(|conn| {
        let mut last: Option<Event> = None;
        // By what happened, of which there is little, and not by the service, at which sign-ins are refused all day.
        let kinds = [
            "service_added",
            "service_changed",
            "service_set_up_changed",
            "service_sign_out_set",
            "service_key_replaced",
        ];
        for kind in kinds {
            let filter =
                Filter { kind: Some(kind.into()), service: Some(name.to_string()), ..Filter::default() };
            last =
                last.into_iter().chain(events::newest(conn, &filter, i64::MAX, 1)?).max_by_key(|e| e.number);
        }
        let Some(event) = last else { return Ok(None) };
        let mut names = Names::default();
        names.learn(conn, std::slice::from_ref(&event))?;
        let by = match event.actor {
            Actor::Account(id) => names.of(id).to_owned(),
            Actor::Machine => "the server’s command line".into(),
            Actor::Doorkey => "Doorkey".into(),
        };
        let is_new = matches!(event.what, What::ServiceAdded { .. });
        let sentence = to_administrator(&event, names.actor(&event), names.account(&event));
        Ok(Some(LastChange { at: event.at, is_new, by, sentence }))
    })
}

fn no_service() -> Problem {
    Problem::new(Code::NotFound, "There is no service of this name. Look at the list of services again.")
}

/// Registers a service. Its key is in the answer and nowhere else.
///
/// # Errors
/// `conflict` at `name` when it is taken, `unfit` at `groups` when there is none of such a name.
pub async fn add(
    app: &App,
    ctx: &mut Ctx,
    admin: &Fresh<Admin>,
    new: New,
) -> Result<(Listed, MachineToken), Problem> {
    let key = MachineToken::generate(TokenKind::ServiceKey, &mut ctx.rng);
    let service = Service {
        id: ServiceId::new(ctx.stamp.now, &mut ctx.rng),
        name: new.name,
        kinds: new.kinds,
        key_hash: secrets::hash(key.expose()),
        created_at: ctx.stamp.now,
        key_made_at: ctx.stamp.now,
    };
    let (stamp, actor) = (ctx.stamp.clone(), admin.who().actor);
    let listed = app
        .store
        .write(move |tx| {
            let row = service.clone();
            if rows::by_name(tx, &row.name)?.is_some() {
                let detail = format!("There is already a service {}. Choose another name.", row.name);
                return Err(Problem { code: Code::Conflict, ..Problem::field("name", detail) });
            }
            let allowed = named(tx, &new.groups)?;
            rows::insert(tx, &row)?;
            allow(tx, row.id, &allowed)?;
            let (name, groups) = (row.name.to_string(), names(&allowed));
            let what = What::ServiceAdded { id: row.id, name, kinds: row.kinds, groups };
            events::append(tx, stamp.now, stamp.event(None, actor, what))?;
            Listed::read(tx, row)
        })
        .await?;
    Ok((listed, key))
}

fn allow(tx: &mut Tx<'_>, service: ServiceId, allowed: &[Group]) -> Result<(), Problem> {
    let ids: Vec<_> = allowed.iter().map(|group| group.id).collect();
    Ok(groups::allow(tx, service, &ids)?)
}

fn names(groups: &[Group]) -> Vec<String> {
    groups.iter().map(|group| group.name.to_string()).collect()
}

/// Changes what the service holds and who may use it: at once, at its door, before this is answered. What passwords open stays.
///
/// # Errors
/// `not-found`; `unfit` at `groups` when there is none of such a name; `conflict` when it was changed since it was seen.
pub async fn change(
    app: &App,
    ctx: &Ctx,
    admin: &Fresh<Admin>,
    name: &str,
    change: Change,
) -> Result<Listed, Problem> {
    let (stamp, actor, name) = (ctx.stamp.clone(), admin.who().actor, name.to_owned());
    app.store
        .write(move |tx| {
            let before = find(tx, &name)?;
            let state = before.state();
            if change.seen.as_ref().is_some_and(|seen| *seen != state) {
                return Err(Problem::new(
                    Code::Conflict,
                    "Somebody else has changed this service meanwhile. Look at what it is now, then change it again.",
                ));
            }
            let Listed { mut service, mut groups, last_used } = before;
            if let Some(kinds) = change.kinds {
                service.kinds = kinds;
            }
            if let Some(names) = &change.groups {
                groups = named(tx, names)?;
            }
            let after = Listed { service, groups, last_used };
            if after.state() == state {
                return Ok(after);
            }
            rows::set_kinds(tx, after.service.id, after.service.kinds)?;
            allow(tx, after.service.id, &after.groups)?;
            let what = What::ServiceChanged {
                id: after.service.id,
                name: after.service.name.to_string(),
                kinds: after.service.kinds,
                groups: names(&after.groups),
            };
            events::append(tx, stamp.now, stamp.event(None, actor, what))?;
            Ok(after)
        })
        .await
}

/// Gives the service a new key; the old one stops working at once.
///
/// # Errors
/// `not-found`.
pub async fn new_key(
    app: &App,
    ctx: &mut Ctx,
    admin: &Fresh<Admin>,
    name: &str,
) -> Result<(Service, MachineToken), Problem> {
    let key = MachineToken::generate(TokenKind::ServiceKey, &mut ctx.rng);
    let mut service = get(app, admin.who(), name)?.service;
    service.key_hash = secrets::hash(key.expose());
    service.key_made_at = ctx.stamp.now;
    let (stamp, actor, row) = (ctx.stamp.clone(), admin.who().actor, service.clone());
    app.store
        .write(move |tx| {
            if !rows::set_key(tx, row.id, &row.key_hash, row.key_made_at)? {
                return Err(no_service());
            }
            let what = What::ServiceKeyReplaced { id: row.id, name: row.name.to_string() };
            Ok(events::append(tx, stamp.now, stamp.event(None, actor, what))?)
        })
        .await?;
    Ok((service, key))
}

/// Removes the service, and with it its door.
///
/// # Errors
/// `not-found`.
pub async fn remove(app: &App, ctx: &Ctx, admin: &Fresh<Admin>, name: &str) -> Result<(), Problem> {
    let service = get(app, admin.who(), name)?.service;
    let (stamp, actor) = (ctx.stamp.clone(), admin.who().actor);
    app.store
        .write(move |tx| {
            if !rows::delete(tx, service.id)? {
                return Err(no_service());
            }
            let what = What::ServiceRemoved { id: service.id, name: service.name.to_string() };
            Ok(events::append(tx, stamp.now, stamp.event(None, actor, what))?)
        })
        .await
}

/// Where a server in front of a service reaches this one. `localhost` has two addresses, and this server listens on one: a server that tried
/// the other first would count it as a failure.
pub fn base(app: &App) -> String {
    let listen = app.config.http.listen.ip();
    let base = app.config.http.public_url.as_str();
    if listen.is_ipv4() { base.replace("://localhost", "://127.0.0.1") } else { base.to_owned() }
}

/// The address of the service's HTTP door.
pub fn http_door(app: &App, name: &ServiceName) -> String {
    format!("{}/door/http/{name}", base(app))
}
