//! Services: the servers that people's apps sign in to, each with a name, what it holds, and a key that it shows at its door.

use domain::{Kind, KindSet, MachineToken, ServiceId, ServiceName, Timestamp, TokenKind, What};
use store::{
    app_passwords, events,
    services::{self as rows, Service},
};

use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
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
}

impl New {
    /// Reads what was typed.
    ///
    /// # Errors
    /// `unfit`, at `name` or `kinds`.
    pub fn parse<'a>(name: &str, kinds: impl Iterator<Item = &'a str>) -> Result<Self, Problem> {
        let name = ServiceName::parse(name.trim())
            .map_err(|error| Problem::field("name", format!("That can't be the name: {error}.")))?;
        let kinds = kinds
            .map(str::parse::<Kind>)
            .collect::<Result<KindSet, _>>()
            .map_err(|error| Problem::field("kinds", format!("{error}.")))?;
        if kinds.is_empty() {
            return Err(Problem::field(
                "kinds",
                "Choose at least one kind of thing that this service holds.",
            ));
        }
        Ok(Self { name, kinds })
    }
}

/// A service, and when a password was last good there.
pub struct Listed {
    /// The service.
    pub service: Service,
    /// When an app-specific password was last used there.
    pub last_used: Option<Timestamp>,
}

/// Every service, by name.
///
/// # Errors
/// As the database has them.
pub fn list(app: &App, _admin: &Admin) -> Result<Vec<Listed>, Problem> {
    app.store.read(|conn| {
        let mut listed = Vec::new();
        for service in rows::all(conn)? {
            let last_used = app_passwords::last_use_of(conn, &service.name)?;
            listed.push(Listed { service, last_used });
        }
        Ok(listed)
    })
}

/// The service of this name.
///
/// # Errors
/// `not-found`.
pub fn get(app: &App, _admin: &Admin, name: &str) -> Result<Listed, Problem> {
    let name = ServiceName::parse(name).map_err(|_| no_service())?;
    app.store.read(|conn| {
        let service = rows::by_name(conn, &name)?.ok_or_else(no_service)?;
        let last_used = app_passwords::last_use_of(conn, &service.name)?;
        Ok(Listed { service, last_used })
    })
}

fn no_service() -> Problem {
    Problem::new(Code::NotFound, "There is no service of this name. Look at the list of services again.")
}

/// Registers a service. Its key is in the answer and nowhere else.
///
/// # Errors
/// `conflict` at `name` when it is taken.
pub async fn add(
    app: &App,
    ctx: &mut Ctx,
    admin: &Fresh<Admin>,
    new: New,
) -> Result<(Service, MachineToken), Problem> {
    let key = MachineToken::generate(TokenKind::ServiceKey, &mut ctx.rng);
    let service = Service {
        id: ServiceId::new(ctx.stamp.now, &mut ctx.rng),
        name: new.name,
        kinds: new.kinds,
        key_hash: secrets::hash(key.expose()),
        created_at: ctx.stamp.now,
        key_made_at: ctx.stamp.now,
    };
    let (stamp, actor, row) = (ctx.stamp.clone(), admin.who().actor, service.clone());
    app.store
        .write(move |tx| {
            if rows::by_name(tx, &row.name)?.is_some() {
                let detail = format!("There is already a service {}. Choose another name.", row.name);
                return Err(Problem { code: Code::Conflict, ..Problem::field("name", detail) });
            }
            rows::insert(tx, &row)?;
            let what = What::ServiceAdded {
                id: row.id,
                name: row.name.to_string(),
                kinds: row.kinds,
                groups: Vec::new(),
            };
            Ok(events::append(tx, stamp.now, stamp.event(None, actor, what))?)
        })
        .await?;
    Ok((service, key))
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
