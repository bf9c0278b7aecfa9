//! Ready configuration for the servers that ask at the doors, with a service's own values in it. The tests start those servers with
//! these very texts; docs/integrations says which.

pub mod api;
mod directory;
mod front;
mod mail;
mod radicale;

use std::net::SocketAddr;

use domain::{Kind, KindSet};

use super::{
    base,
    views::{Configuration, ConfigurationFile, ConfigurationGroup},
};
use crate::{app::App, config::SaslListen};

/// What goes into the texts.
pub struct Values<'a> {
    /// The service's name.
    pub service: &'a str,
    /// Its key where it is known, or what stands for it.
    pub key: &'a str,
    /// What it holds.
    pub kinds: KindSet,
    /// Where others reach this server, without a slash at its end.
    pub url: String,
    /// Where it is reached without TLS from its own machine, if it is.
    pub plain_url: Option<String>,
    /// Where others reach the LDAP door; none where it is off.
    pub ldap: Option<Directory>,
    /// What all of the LDAP door's entries stand below.
    pub base_dn: String,
    /// The service's listener of the SASL door, if it has one.
    pub sasl: Option<SaslListen>,
}

/// Where the LDAP door is, for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How what is said there is encrypted.
    pub encryption: Encryption,
}

/// How LDAP is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// It stays on this machine, and isn't.
    None,
    /// The client asks for it first.
    StartTls,
    /// From the first byte.
    Tls,
}

impl Directory {
    /// Its address, such as `ldap://127.0.0.1:3893`.
    fn url(&self) -> String {
        let scheme = if self.encryption == Encryption::Tls { "ldaps" } else { "ldap" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}

impl<'a> Values<'a> {
    /// A service's, on this server.
    pub fn of(app: &App, service: &'a str, kinds: KindSet, key: &'a str) -> Self {
        let (http, ldap) = (&app.config.http, &app.config.ldap);
        Self {
            service,
            key,
            kinds,
            url: base(app),
            plain_url: http.tls.is_none().then(|| format!("http://{}", near(http.listen))),
            ldap: directory(ldap.listen_tls, ldap.listen, http.public_url.host()),
            base_dn: ldap.base_dn.clone(),
            sasl: app.config.sasl.get(service).map(|sasl| sasl.listen.clone()),
        }
    }

    /// The name that the service's people stand below.
    fn people_dn(&self) -> String {
        format!("ou={},{}", self.service, self.base_dn)
    }

    /// The service's own name in the directory.
    fn own_dn(&self) -> String {
        format!("cn={},ou=services,{}", self.service, self.base_dn)
    }

    /// Where the LDAP door is, or where it is when nothing is set.
    fn directory(&self) -> Directory {
        let default = || Directory { host: "127.0.0.1".into(), port: 3893, encryption: Encryption::None };
        self.ldap.clone().unwrap_or_else(default)
    }
}

/// The address from the same machine.
fn near(listen: SocketAddr) -> SocketAddr {
    if !listen.ip().is_unspecified() {
        return listen;
    }
    let loopback =
        if listen.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
    SocketAddr::new(loopback, listen.port())
}

/// By TLS if it is offered: then other machines are meant to come. Where they may come without, there is a certificate for StartTLS.
fn directory(tls: Option<SocketAddr>, plain: Option<SocketAddr>, public_host: &str) -> Option<Directory> {
    let (listen, host, encryption) = match (tls, plain) {
        (Some(tls), _) => (tls, public_host.to_owned(), Encryption::Tls),
        (None, Some(listen)) if listen.ip().is_loopback() => {
            let ip = listen.ip();
            let host = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
            (listen, host, Encryption::None)
        }
        (None, Some(listen)) => (listen, public_host.to_owned(), Encryption::StartTls),
        (None, None) => return None,
    };
    Some(Directory { host, port: listen.port(), encryption })
}

/// What to put where, for each server that may hold what the service holds.
pub fn all(values: &Values<'_>) -> Vec<ConfigurationGroup> {
    let holds = |kind| values.kinds.contains(kind);
    let is_dav = holds(Kind::Contacts) || holds(Kind::Calendars);
    let only_mail = values.kinds.iter().all(|kind| kind == Kind::Mail);
    let mut groups = Vec::new();
    if holds(Kind::Mail) {
        groups.push(group("Mail servers", mail::all(values)));
    }
    if !only_mail {
        groups.push(group("A web server in front of it", front::all(values)));
    }
    if is_dav {
        groups.push(group("Radicale itself", radicale::all(values)));
    }
    let products = !only_mail;
    groups.push(group("By LDAP", directory::all(values, products)));
    groups
}

fn group(title: &str, configurations: Vec<Configuration>) -> ConfigurationGroup {
    ConfigurationGroup { title: title.into(), configurations }
}

/// One text, in a file that is the reader's own.
fn configuration(id: &str, title: &str, note: impl Into<String>, text: String) -> Configuration {
    several(id, title, note, vec![ConfigurationFile { place: None, text }])
}

/// Several texts, each with where it goes.
fn several(id: &str, title: &str, note: impl Into<String>, files: Vec<ConfigurationFile>) -> Configuration {
    Configuration { id: id.into(), title: title.into(), note: note.into(), files }
}

fn file(place: &str, text: impl Into<String>) -> ConfigurationFile {
    ConfigurationFile { place: Some(place.into()), text: text.into() }
}

/// Text as a POSIX shell takes it for one word.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Text between the quotes of TOML, of nginx and of Apache, which know the backslash alike.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests;
