//! Setting up apps: where they reach a service, as its administrator says it and as its people, and their apps, are told.

use domain::{HostName, Protocol, PublicServer, Security, ServiceName, What};
use store::{
    events,
    services::Service,
    set_up::{self as rows, SetUp},
};
use url::{Host, Url};

use crate::{
    access::{Admin, Fresh},
    app::App,
    ctx::Ctx,
    problem::{Code, Problem},
    services,
};

pub mod api;
pub mod codes;
pub mod dns;
pub mod found;
pub mod pages;
pub mod person;
pub mod profile;
pub mod views;
mod xml;

/// For how many domains a service's apps can find it by themselves.
const MOST_DOMAINS: usize = 50;

/// Where a server is, as somebody typed it.
pub enum Typed<'a> {
    /// A host, a port (the usual one when there is none), and how it is kept from being read.
    Host {
        /// The host's name.
        host: &'a str,
        /// The port.
        port: Option<i64>,
        /// TLS, or STARTTLS.
        security: Security,
    },
    /// An `https:` address.
    Url(&'a str),
}

/// Reads where apps reach a service by this protocol.
///
/// # Errors
/// `unfit`, at the protocol's name.
pub fn server(protocol: Protocol, typed: Typed<'_>) -> Result<PublicServer, Problem> {
    let wrong = |detail: String| Problem::field(protocol.name(), detail);
    let (host, port, security, path) = match typed {
        Typed::Url(url) if protocol.has_path() => {
            let (host, port, path) = address(url.trim()).map_err(wrong)?;
            (host, port, Security::Tls, path)
        }
        Typed::Host { host, port, security } if !protocol.has_path() => {
            let host = host_name(host.trim()).map_err(wrong)?;
            let port = port.unwrap_or_else(|| protocol.usual_port(security).into());
            let port = u16::try_from(port).ok().filter(|port| *port > 0);
            let port = port.ok_or_else(|| wrong("A port is a number from 1 to 65535.".into()))?;
            (host, port, security, String::new())
        }
        Typed::Url(_) => {
            return Err(wrong("Say host, port and security: this one has no address of its own.".into()));
        }
        Typed::Host { .. } => {
            return Err(wrong("Say its address, such as https://dav.example.org/.".into()));
        }
    };
    PublicServer::new(protocol, security, host, port, &path).map_err(|_| {
        wrong("The address has a path that apps can't carry. Use a shorter one, of plain letters.".into())
    })
}

/// The name of a host or a domain in its ASCII form, or what to do about it.
fn host_name(typed: &str) -> Result<HostName, String> {
    let named = if typed.contains('%') { None } else { Host::parse(typed).ok() };
    let ascii = match named {
        Some(Host::Domain(name)) => Some(name),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => return Err(NO_ADDRESS.into()),
        // What `Host` takes only in brackets.
        None if typed.parse::<std::net::IpAddr>().is_ok() => return Err(NO_ADDRESS.into()),
        None => None,
    };
    ascii.and_then(|name| HostName::parse(&name).ok()).ok_or_else(|| {
        if typed.is_empty() {
            return "Write the name of the host, such as mail.example.org.".into();
        }
        format!("“{typed}” isn’t the name of a host. Write it alone, such as mail.example.org.")
    })
}

const NO_ADDRESS: &str = "That is an IP address, and apps compare the name with the server’s certificate. Write the name of the \
                          host, such as mail.example.org.";

/// The parts of an `https:` address, or what to do about it.
fn address(typed: &str) -> Result<(HostName, u16, String), String> {
    let like = "such as https://dav.example.org/";
    if typed.is_empty() {
        return Err(format!("Write the address, {like}."));
    }
    let full = if typed.contains("://") { typed.to_owned() } else { format!("https://{typed}") };
    let url = Url::parse(&full).map_err(|_| format!("“{typed}” isn’t an address. Write it {like}."))?;
    if url.scheme() != "https" {
        return Err(format!("Passwords are sent there, so it begins with https://, {like}."));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "There is a user name or a password in it. Leave that out: apps send their person’s.".into()
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("Leave out what follows the ? or the # in it.".into());
    }
    if url.path().starts_with("/.well-known/") {
        return Err("Apps come from there. Write the address that they are to be sent to.".into());
    }
    let host = host_name(url.host_str().unwrap_or_default().trim_matches(['[', ']']))?;
    Ok((host, url.port_or_known_default().unwrap_or(443), url.path().to_owned()))
}

/// Reads the domains whose people's apps find the service by themselves.
///
/// # Errors
/// `unfit`, at `domains`.
pub fn domains<'a>(typed: impl Iterator<Item = &'a str>) -> Result<Vec<HostName>, Problem> {
    let mut domains = Vec::new();
    for name in typed.map(str::trim).filter(|name| !name.is_empty()) {
        let domain = host_name(name).map_err(|_| {
            let detail = format!(
                "“{name}” isn’t a domain. Write what stands behind the @ of people’s addresses, such as example.org."
            );
            Problem::field("domains", detail)
        })?;
        domains.push(domain);
    }
    domains.sort();
    domains.dedup();
    if domains.len() > MOST_DOMAINS {
        let detail = format!("There is room for {MOST_DOMAINS} domains. Leave some out.");
        return Err(Problem::field("domains", detail));
    }
    Ok(domains)
}

/// How apps are to be set up with a service from now on.
pub struct Change {
    /// That.
    pub set_up: SetUp,
    /// What it was when this was decided, as [`state`] says it: if it is something else by now, nothing is changed.
    pub seen: Option<String>,
}

impl Change {
    /// Puts one together.
    ///
    /// # Errors
    /// `unfit` at a protocol's name, where that is there twice.
    pub fn new(mut servers: Vec<PublicServer>, domains: Vec<HostName>) -> Result<Self, Problem> {
        servers.sort();
        for (one, next) in servers.iter().zip(servers.iter().skip(1)) {
            if one.protocol == next.protocol {
                let detail = format!("{} is there twice. Say it once.", one.protocol.title());
                return Err(Problem::field(one.protocol.name(), detail));
            }
        }
        Ok(Self { set_up: SetUp { servers, domains }, seen: None })
    }
}

/// All that can be changed about it, in one text.
pub fn state(set_up: &SetUp) -> String {
    let servers = set_up.servers.iter().map(ToString::to_string);
    servers.chain(set_up.domains.iter().map(ToString::to_string)).collect::<Vec<_>>().join(" ")
}

/// A service, and how apps are set up with it.
///
/// # Errors
/// `not-found`.
pub fn get(app: &App, _admin: &Admin, name: &str) -> Result<(Service, SetUp), Problem> {
    app.store.read(|conn| {
        let service = services::find(conn, name)?.service;
        let set_up = fitting(rows::of_service(conn, service.id)?, &service);
        Ok((service, set_up))
    })
}

/// Without what the service doesn't hold any more.
fn fitting(mut set_up: SetUp, service: &Service) -> SetUp {
    set_up.servers.retain(|server| server.protocol.fits(service.kinds));
    set_up
}

/// Changes how apps are set up with the service, for whoever sets one up from now on.
///
/// # Errors
/// `not-found`; `unfit` at the name of a protocol that what the service holds isn't reached by; `conflict` when it was changed since it
/// was seen.
pub async fn change(
    app: &App,
    ctx: &Ctx,
    admin: &Fresh<Admin>,
    name: &str,
    change: Change,
) -> Result<(Service, SetUp), Problem> {
    let (stamp, actor, name) = (ctx.stamp.clone(), admin.who().actor, name.to_owned());
    app.store
        .write(move |tx| {
            let service = services::find(tx, &name)?.service;
            let before = rows::of_service(tx, service.id)?;
            let shown = state(&fitting(before.clone(), &service));
            if change.seen.as_ref().is_some_and(|seen| *seen != shown) {
                return Err(Problem::new(
                    Code::Conflict,
                    "Somebody else has changed this meanwhile. Look at what it is now, then change it again.",
                ));
            }
            let after = change.set_up.clone();
            if let Some(server) = after.servers.iter().find(|server| !server.protocol.fits(service.kinds)) {
                return Err(unfitting(&service.name, &service.kinds.to_string(), server.protocol));
            }
            if after == before {
                return Ok((service, after));
            }
            rows::replace(tx, service.id, &after)?;
            let what = What::ServiceSetUpChanged {
                id: service.id,
                name: service.name.to_string(),
                servers: after.servers.iter().map(ToString::to_string).collect(),
                domains: after.domains.iter().map(ToString::to_string).collect(),
            };
            events::append(tx, stamp.now, stamp.event(None, actor, what))?;
            Ok((service, after))
        })
        .await
}

fn unfitting(service: &ServiceName, kinds: &str, protocol: Protocol) -> Problem {
    let detail = format!(
        "{service} holds {kinds}, which no app reaches as {}. Leave that out, or change what it holds.",
        protocol.title()
    );
    Problem::field(protocol.name(), detail)
}

#[cfg(test)]
mod tests;
