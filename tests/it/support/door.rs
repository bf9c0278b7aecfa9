//! A service that asks at the HTTP door.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Answer, Request, Server};

/// A service, with its key.
pub struct Service<'s> {
    server: &'s Server,
    pub name: String,
    pub key: String,
}

/// HTTP Basic authentication of anything.
pub fn basic(name_and_secret: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode(name_and_secret))
}

impl<'s> Service<'s> {
    pub fn new(server: &'s Server, name: &str, key: &str) -> Self {
        Self { server, name: name.into(), key: key.into() }
    }

    /// A question of this service's, with nobody in it.
    pub fn request(&self) -> Request {
        Request::get(&format!("/door/http/{}", self.name)).header("Doorkey-Service-Key", &self.key)
    }

    /// Whether somebody may sign in, to be asked.
    pub fn question(&self, name: &str, secret: &str) -> Request {
        self.request().header("Authorization", basic(format!("{name}:{secret}")))
    }

    /// Asks whether somebody may sign in.
    #[track_caller]
    pub fn ask(&self, name: &str, secret: &str) -> Answer {
        self.server.ask(&self.question(name, secret))
    }

    /// Asks, and gives the status alone.
    #[track_caller]
    pub fn status(&self, name: &str, secret: &str) -> u16 {
        self.ask(name, secret).status
    }
}
