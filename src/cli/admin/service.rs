//! `doorkey admin service`

use axum::http::Method;
use clap::{ArgGroup, Subcommand};
use domain::{Kind, Protocol, Security, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Call;
use super::service_sign_out::SignOut;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::render::{plain, read, table};
use crate::cli::{in_path, path_part};
use crate::clock::Clock;

const KEY_HELP: &str = "The key is printed alone on standard output, the words around it on standard error.";

const SET_UP_HELP: &str = "An address is imaps://HOST, pop3s://HOST, submissions://HOST or sieve://HOST, without the last s for STARTTLS, or \
                           caldavs://HOST/PATH, carddavs://HOST/PATH or https://HOST/PATH; with :PORT where it isn't the usual one:\n\n    \
                           doorkey admin service set-up mail imaps://mail.example.org submission://mail.example.org --domain example.org";

/// Reads an address as the API takes it. Whether its host is one, the server says.
fn server(typed: &str) -> Result<Value, String> {
    let unknown = || {
        "it doesn't begin with imaps://, submission://, caldavs:// or another that the help lists".to_owned()
    };
    let (scheme, rest) = typed.split_once("://").ok_or_else(unknown)?;
    let (protocol, security) = Protocol::of_scheme(scheme).ok_or_else(unknown)?;
    if protocol.has_path() {
        return Ok(json!({ "protocol": protocol, "url": format!("https://{rest}") }));
    }
    let (host, port) = match rest.rsplit_once(':') {
        None => (rest, None),
        Some((host, port)) => {
            (host, Some(port.parse::<u16>().map_err(|_| "its port isn't a number up to 65535".to_owned())?))
        }
    };
    Ok(json!({ "protocol": protocol, "host": host, "port": port, "security": security }))
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register a service, and print its key this once
    #[command(after_help = KEY_HELP)]
    Add {
        /// Its name, like calendar: letters a to z, digits and hyphens
        name: String,
        /// What it holds: mail, contacts, calendars, builds, other
        #[arg(long = "kind", value_name = "KIND[,KIND...]", value_delimiter = ',', required = true)]
        kinds: Vec<Kind>,
        /// Who may use it: people in one of these groups [default: everyone]
        #[arg(long = "group", value_name = "GROUP[,GROUP...]", value_delimiter = ',')]
        groups: Vec<String>,
        /// Print the API's answer as JSON, with the key in it
        #[arg(long)]
        json: bool,
    },
    /// Change what a service holds, or who may use it, from the next sign-in on
    #[command(group = ArgGroup::new("change").args(["kinds", "groups", "everyone"]).required(true).multiple(true))]
    Set {
        /// Its name
        #[arg(value_parser = path_part)]
        name: String,
        /// What it holds: mail, contacts, calendars, builds, other
        #[arg(long = "kind", value_name = "KIND[,KIND...]", value_delimiter = ',')]
        kinds: Vec<Kind>,
        /// Who may use it: people in one of these groups
        #[arg(
            long = "group",
            value_name = "GROUP[,GROUP...]",
            value_delimiter = ',',
            conflicts_with = "everyone"
        )]
        groups: Vec<String>,
        /// Let everyone use it who has an account
        #[arg(long)]
        everyone: bool,
        /// Print the API's answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the services
    List {
        /// Print the API's answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say where people's apps reach a service, or show what is said
    #[command(after_help = SET_UP_HELP)]
    SetUp {
        /// Its name
        #[arg(value_parser = path_part)]
        name: String,
        /// Where apps reach it: these take the place of what was said before [default: show that]
        #[arg(value_name = "ADDRESS", value_parser = server)]
        servers: Vec<Value>,
        /// Apps for e-mail addresses at these domains find it by themselves, without signing in
        #[arg(
            long = "domain",
            value_name = "DOMAIN[,DOMAIN...]",
            value_delimiter = ',',
            requires = "servers"
        )]
        domains: Vec<String>,
        /// Forget what was said
        #[arg(long, conflicts_with = "servers")]
        none: bool,
        /// Print the API's answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a service a new key, and print it this once; the old one stops working
    #[command(after_help = KEY_HELP)]
    NewKey {
        /// Its name
        #[arg(value_parser = path_part)]
        name: String,
        /// Print the API's answer as JSON, with the key in it
        #[arg(long)]
        json: bool,
    },
    /// Say how open sessions end when a password is revoked, or look how that goes
    SignOut(SignOut),
    /// Remove a service; its key stops working
    Remove {
        /// Its name
        #[arg(value_parser = path_part)]
        name: String,
    },
}

#[derive(Deserialize)]
struct Listed {
    services: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    name: String,
    kinds: Vec<String>,
    groups: Vec<String>,
    last_used_at: Option<Timestamp>,
    door: String,
}

#[derive(Deserialize)]
struct SetUp {
    servers: Vec<PublicServer>,
    domains: Vec<String>,
}

/// A public server, as the API tells it.
#[derive(Deserialize)]
pub(in crate::cli) struct PublicServer {
    protocol: Protocol,
    #[serde(default)]
    host: String,
    #[serde(default)]
    port: u16,
    security: Option<Security>,
    url: Option<String>,
}

impl PublicServer {
    /// What apps call it, and what to enter.
    pub(in crate::cli) fn told(&self) -> [String; 2] {
        let security = self.security.map_or("", Security::title);
        let value = self.url.clone();
        let value = value.unwrap_or_else(|| format!("{}, port {}, {security}", self.host, self.port));
        [self.protocol.title().into(), value]
    }
}

/// A service whose key was just made.
#[derive(Deserialize)]
struct Keyed {
    name: String,
    key: String,
    door: Option<String>,
}

impl Command {
    pub(super) fn call(&self, console: &mut Console) -> Result<Call, Failure> {
        let of = |name: &str| format!("/services/{}", in_path(name));
        let (method, path, body) = match self {
            Self::Add { name, kinds, groups, .. } => {
                let body = json!({ "name": name, "kinds": kinds, "groups": groups });
                (Method::POST, "/services".into(), Some(body))
            }
            Self::Set { name, kinds, groups, everyone, .. } => {
                let mut body = Map::new();
                if !kinds.is_empty() {
                    body.insert("kinds".into(), json!(kinds));
                }
                if *everyone || !groups.is_empty() {
                    body.insert("groups".into(), json!(groups));
                }
                (Method::PATCH, of(name), Some(body.into()))
            }
            Self::SetUp { name, servers, domains, none, .. } => {
                let path = format!("{}/set-up", of(name));
                match servers.is_empty() && !none {
                    true => (Method::GET, path, None),
                    false => (Method::PUT, path, Some(json!({ "servers": servers, "domains": domains }))),
                }
            }
            Self::List { .. } => (Method::GET, "/services".into(), None),
            Self::NewKey { name, .. } => (Method::POST, format!("{}/key", of(name)), None),
            Self::SignOut(sign_out) => return sign_out.call(console),
            Self::Remove { name } => (Method::DELETE, of(name), None),
        };
        Ok(Call { method, path, body })
    }

    pub(super) fn print(&self, answer: &Value, console: &mut Console) -> Result<(), Failure> {
        match self {
            Self::Add { json: true, .. }
            | Self::Set { json: true, .. }
            | Self::List { json: true }
            | Self::SetUp { json: true, .. }
            | Self::NewKey { json: true, .. } => console.json(answer),
            Self::Set { .. } => {
                let service: Service = read(answer)?;
                let (name, kinds, who) = (&service.name, service.kinds.join(", "), who(&service));
                console.say(&plain(&format!("{name} holds {kinds} now. Who may use it: {who}.")))
            }
            Self::Add { .. } => {
                let Keyed { name, key, door } = read(answer)?;
                let door = door.map(|door| format!(" to {door}")).unwrap_or_default();
                console.secret(
                    &plain(&format!("Registered {name}. Its key, shown this once:")),
                    &key,
                    &plain(&format!("Send it in the header Doorkey-Service-Key with each request{door}.")),
                )
            }
            Self::SetUp { name, .. } => console.say(&set_up(&plain(name), &read(answer)?)),
            Self::NewKey { .. } => {
                let Keyed { name, key, .. } = read(answer)?;
                let before = format!("The new key of {name}, shown this once. The old one no longer works:");
                console.secret(&plain(&before), &key, "")
            }
            Self::List { .. } => console.say(&list(&read(answer)?, Clock::System.now())),
            Self::SignOut(sign_out) => sign_out.print(answer, console),
            Self::Remove { name } => {
                console.say(&plain(&format!("Removed {name}. Its key no longer works.")))
            }
        }
    }
}

fn who(service: &Service) -> String {
    if service.groups.is_empty() { "everyone".into() } else { service.groups.join(", ") }
}

fn set_up(name: &str, SetUp { servers, domains }: &SetUp) -> String {
    if servers.is_empty() {
        return format!(
            "Nobody has said where apps reach {name}. Say it: doorkey admin service set-up {name} ADDRESS..."
        );
    }
    let rows: Vec<_> = servers.iter().map(PublicServer::told).collect();
    let found = if domains.is_empty() { "no app".into() } else { format!("apps for {}", domains.join(", ")) };
    let rows = table(["PROTOCOL", "ENTER"], &rows).join("\n");
    format!("{rows}\nFound without signing in by {found}.")
}

fn list(Listed { services }: &Listed, now: Timestamp) -> String {
    if services.is_empty() {
        return "There are no services. Register one: doorkey admin service add NAME --kind KIND".into();
    }
    let row = |service: &Service| {
        let used = service.last_used_at.map_or_else(|| "never".into(), |at| at.human(now));
        [service.name.clone(), service.kinds.join(", "), who(service), used, service.door.clone()]
    };
    let rows: Vec<_> = services.iter().map(row).collect();
    table(["NAME", "KINDS", "WHO", "LAST USED", "DOOR"], &rows).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::Screen;

    #[test]
    fn names_stand_in_the_path_so_that_they_lead_nowhere_else() {
        let call = Command::NewKey { name: "../a b".into(), json: false }
            .call(&mut Screen::new().console())
            .unwrap();
        assert_eq!(call.path, "/services/..%2Fa%20b/key");
        let call = Command::Remove { name: "calendar".into() }.call(&mut Screen::new().console()).unwrap();
        assert_eq!((call.method, call.path.as_str()), (Method::DELETE, "/services/calendar"));
    }

    #[test]
    fn a_new_service_is_sent_with_its_kinds_and_its_key_stands_alone() {
        let add = Command::Add {
            name: "dav".into(),
            kinds: vec![Kind::Contacts, Kind::Calendars],
            groups: vec!["staff".into()],
            json: false,
        };
        let body = json!({ "name": "dav", "kinds": ["contacts", "calendars"], "groups": ["staff"] });
        assert_eq!(add.call(&mut Screen::new().console()).unwrap().body, Some(body));
        let screen = Screen::new();
        let answer = json!({ "name": "dav", "key": "dks_x", "door": "https://d.example.org/door/http/dav" });
        add.print(&answer, &mut screen.console()).unwrap();
        assert_eq!(screen.out(), "dks_x\n");
        assert!(screen.err().contains("https://d.example.org/door/http/dav"), "{}", screen.err());
    }

    #[test]
    fn only_what_is_said_is_changed() {
        let set = |kinds: &[Kind], groups: &[&str], everyone| {
            let groups = groups.iter().map(|group| (*group).to_owned()).collect();
            let set =
                Command::Set { name: "dav".into(), kinds: kinds.to_vec(), groups, everyone, json: false };
            let call = set.call(&mut Screen::new().console()).unwrap();
            assert_eq!((call.method, call.path.as_str()), (Method::PATCH, "/services/dav"));
            call.body.unwrap()
        };
        assert_eq!(set(&[Kind::Mail], &[], false), json!({ "kinds": ["mail"] }));
        assert_eq!(set(&[], &["staff", "board"], false), json!({ "groups": ["staff", "board"] }));
        assert_eq!(set(&[], &[], true), json!({ "groups": [] }));
    }

    #[test]
    fn addresses_are_sent_as_the_api_takes_them() {
        let sent = |typed| server(typed).map_err(|_| ());
        assert_eq!(
            sent("imaps://m.example:1993"),
            Ok(json!({ "protocol": "imap", "host": "m.example", "port": 1993, "security": "tls" }))
        );
        assert_eq!(
            sent("submission://m.example"),
            Ok(
                json!({ "protocol": "submission", "host": "m.example", "port": null, "security": "starttls" })
            )
        );
        assert_eq!(
            sent("caldavs://d.example:8443/dav/"),
            Ok(json!({ "protocol": "caldav", "url": "https://d.example:8443/dav/" }))
        );
        for wrong in ["mail.example.org", "http://d.example/", "imaps://m:x", "imaps://m:70000"] {
            assert_eq!(sent(wrong), Err(()), "{wrong}");
        }
    }

    #[test]
    fn what_apps_need_is_shown_or_replaced() {
        let set_up = |servers: &[&str], none| {
            let servers = servers.iter().map(|typed| server(typed).unwrap()).collect();
            let call =
                Command::SetUp { name: "mail".into(), servers, domains: Vec::new(), none, json: false }
                    .call(&mut Screen::new().console())
                    .unwrap();
            assert_eq!(call.path, "/services/mail/set-up");
            (call.method, call.body.map(|body| body["servers"].as_array().unwrap().len()))
        };
        assert_eq!(set_up(&[], false), (Method::GET, None));
        assert_eq!(set_up(&[], true), (Method::PUT, Some(0)));
        assert_eq!(set_up(&["sieve://m"], false), (Method::PUT, Some(1)));
        let told = json!({ "servers": [
            { "protocol": "imap", "host": "m.example", "port": 993, "security": "tls" },
            { "protocol": "web", "url": "https://m.example/" },
        ], "domains": ["example.org"] });
        assert_eq!(
            super::set_up("mail", &read(&told).unwrap()),
            "\
PROTOCOL              ENTER
Incoming mail (IMAP)  m.example, port 993, TLS
Web address           https://m.example/
Found without signing in by apps for example.org."
        );
        let none = json!({ "servers": [], "domains": [] });
        assert!(super::set_up("mail", &read(&none).unwrap()).starts_with("Nobody has said"));
    }

    #[test]
    fn services_are_a_table() {
        let answer = json!({ "services": [
            { "name": "dav", "kinds": ["contacts", "calendars"], "groups": [], "last_used_at": null, "door": "https://d/dav" },
            { "name": "mail", "kinds": ["mail"], "groups": ["staff"], "last_used_at": "2026-05-03T11:00:00Z", "door": "https://d/mail" },
        ]});
        let now = serde_json::from_value(json!("2026-05-03T12:00:00Z")).unwrap();
        assert_eq!(
            list(&read(&answer).unwrap(), now),
            "\
NAME  KINDS                WHO       LAST USED   DOOR
dav   contacts, calendars  everyone  never       https://d/dav
mail  mail                 staff     1 hour ago  https://d/mail"
        );
        assert!(list(&read(&json!({ "services": [] })).unwrap(), now).starts_with("There are no services."));
    }
}
