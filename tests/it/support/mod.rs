//! What the tests share: a server that runs, the people who use it, the services that ask at its doors.

mod apple;
mod browser;
mod building;
mod cli;
mod clock;
#[path = "../../postgres/cluster.rs"]
#[expect(dead_code, reason = "shared with the tests of the store, which use the rest")]
pub mod cluster;
mod contract;
mod data;
mod door;
mod group;
mod http;
mod issuer;
mod job;
mod ldap;
mod output;
mod person;
#[path = "../../postgres/proxy.rs"]
mod proxy;
mod race;
mod receiver;
mod server;
mod sink;

pub use apple::{Apple, AppleAsked, AppleKey, ENTERPRISE, ISSUER, STORE, Says};
pub use browser::{Browser, Page};
pub use building::{Building, Made, OpenBuild, everything, key};
pub use cli::{Cli, Done};
pub use clock::{since, sweep};
pub use contract::{Route, routes};
pub use data::Data;
pub use door::{Service, basic};
pub use group::{group, join, leave};
pub use http::{Address, Answer, Connection, Request};
pub use issuer::{Issuer, Mood};
pub use job::{BUILD_TOKEN, Job, Step, credentials, pem, signal};
pub use ldap::{LdapClient, connect_from, ldap_values};
pub use output::Output;
pub use person::{Api, AppPassword, PASSWORD, Person, code_of, generate_request};
pub use proxy::Proxy;
pub use race::{race, until};
pub use receiver::{Asked, Receiver};
pub use server::{Options, Server, program};
pub use sink::{Encrypts, Identity, Received, Sink, settings as mail_settings};
