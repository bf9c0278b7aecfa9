//! Looks at everything around an installation and says, a line each, what is fine, what isn't, and what to do. Nothing is changed, and
//! no secret is in what is said.
//!
//! A server looks at itself, since much of what matters is its own: its limits, its user, what it has open. Where none runs, the
//! command looks at the data folder in its place. One file a subject; each says what it found to [`Findings`].

use std::sync::Arc;

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{app::App, clock::Clock, config::Config};

mod addresses;
pub mod api;
mod certificate;
pub mod configuration;
mod data;
mod folder;
mod key;
mod limits;
mod mail;
mod people;
pub mod probe;
mod program;
mod public_url;
mod services;
mod time;

use data::Seen;

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// Whether nothing is wrong. What only deserves a look is no wrong.
    pub fine: bool,
    /// Whether it is a running server that looked at itself.
    pub server: bool,
    /// What was looked at, in order.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// What it is about.
    pub about: About,
    /// How it is.
    pub state: State,
    /// What was found, in whole sentences.
    pub said: String,
    /// What to do about it; nothing when it is fine.
    pub advice: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Fine,
    /// It works; somebody should look at it.
    Warning,
    /// It doesn't work, or isn't safe.
    Wrong,
}

macro_rules! abouts {
    ($($(#[doc = $doc:literal])* $name:ident = $words:literal;)+) => {
        /// What is looked at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum About {
            $($(#[doc = $doc])* $name,)+
        }

        impl About {
            /// As people read it.
            pub const fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)+
                }
            }
        }
    };
}

abouts! {
    /// The settings.
    Configuration = "configuration";
    /// The program and its version.
    Program = "program";
    /// The data folder and who may open it.
    Folder = "data folder";
    /// Room on the disk.
    Space = "disk space";
    /// The key that seals what is stored.
    Key = "key";
    /// The database.
    Database = "database";
    /// The machine's clock.
    Clock = "clock";
    /// Where the server listens.
    Addresses = "addresses";
    /// The certificate that it shows.
    Certificate = "certificate";
    /// Where people reach it.
    PublicUrl = "public URL";
    /// What the system lets it have.
    Limits = "limits";
    /// Accounts and administrators.
    People = "people";
    /// The servers that ask at the doors.
    Services = "services";
    /// The mail server.
    Mail = "mail";
}

impl State {
    /// As people read it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
        }
    }
}

/// How far a look goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// What this machine alone tells, at once.
    Machine,
    /// Also the mail server and the public URL, which may take their time.
    Network,
}

/// What has been found so far.
#[derive(Debug, Default)]
pub struct Findings(Vec<Check>);

impl Findings {
    /// Something is as it should be.
    pub fn fine(&mut self, about: About, said: impl Into<String>) {
        self.0.push(Check { about, state: State::Fine, said: said.into(), advice: None });
    }

    /// Somebody should look at it.
    pub fn warning(&mut self, about: About, said: impl Into<String>, advice: impl Into<String>) {
        self.0.push(Check { about, state: State::Warning, said: said.into(), advice: Some(advice.into()) });
    }

    /// It doesn't work, or isn't safe.
    pub fn wrong(&mut self, about: About, said: impl Into<String>, advice: impl Into<String>) {
        self.0.push(Check { about, state: State::Wrong, said: said.into(), advice: Some(advice.into()) });
    }

    /// All of it.
    pub fn report(self, server: bool) -> Report {
        let fine = self.0.iter().all(|check| check.state != State::Wrong);
        Report { fine, server, checks: self.0 }
    }

    /// Whether nothing but what is fine has been said about this so far.
    fn is_fine(&self, about: About) -> bool {
        self.0.iter().all(|check| check.about != about || check.state == State::Fine)
    }
}

/// A running server looks at itself.
pub async fn of_server(app: &Arc<App>, reach: Reach) -> Report {
    let mut findings = Findings::default();
    let (now, config) = (app.clock.now(), &app.config);
    configuration::of_server(app, &mut findings);
    program::of_server(&mut findings);
    folder::look(config, &mut findings);
    let seen = data::of_server(app, &mut findings).await;
    key::of_server(app, seen.as_ref(), &mut findings).await;
    if let Some(seen) = &seen {
        time::look(seen, now, &mut findings);
    }
    addresses::of_server(app, &mut findings);
    certificate::of_server(app, now, &mut findings);
    public_url::look(config, &mut findings);
    if reach == Reach::Network {
        public_url::of_server(app, &mut findings).await;
    }
    limits::of_server(app, &mut findings);
    if let Some(seen) = &seen {
        of_people(config, seen, now, &mut findings);
        services::refused(app, &mut findings);
    }
    if reach == Reach::Network {
        services::signed_out(app, &mut findings).await;
        mail::look(config, seen.as_ref(), &mut findings).await;
    }
    findings.report(true)
}

/// A look at the data folder where no server runs.
pub async fn of_data(config: &Config, mut findings: Findings) -> Report {
    let now = Clock::System.now();
    folder::look(config, &mut findings);
    let seen = data::of_data(config, &mut findings);
    key::of_data(config, seen.as_ref(), &mut findings);
    if let Some(seen) = &seen {
        time::look(seen, now, &mut findings);
    }
    addresses::of_data(config, &mut findings);
    certificate::of_data(config, now, &mut findings);
    public_url::look(config, &mut findings);
    if let Some(seen) = &seen {
        of_people(config, seen, now, &mut findings);
    }
    mail::look(config, seen.as_ref(), &mut findings).await;
    findings.report(false)
}

fn of_people(config: &Config, seen: &Seen, now: Timestamp, findings: &mut Findings) {
    people::look(config, seen, findings);
    services::look(seen, now, findings);
}

/// So many of something.
fn counted(count: i64, one: &str, more: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {more}") }
}
