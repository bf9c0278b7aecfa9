//! What app-specific passwords have open, for the person who takes them back: what ends at once, and which services are asked.

use domain::{AccountId, Admission, AppPassword};
use serde::{Deserialize, Serialize};
use store::services;
use utoipa::ToSchema;

use crate::{app::App, problem::Problem};

/// What ends with app-specific passwords.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SignedOut)]
pub struct Open {
    /// How many connections to Doorkey's own doors are closed (LDAP).
    pub connections: usize,
    /// The services that are asked to end what is open there, by name. They are asked at once, and again until they have done it.
    pub services: Vec<String>,
}

impl Open {
    /// What these passwords of an account have open, or may have.
    ///
    /// # Errors
    /// As the database has them.
    pub fn of(app: &App, account: AccountId, passwords: &[&AppPassword]) -> Result<Self, Problem> {
        let live = app.live.services();
        let mut asked = Vec::new();
        for service in app.store.read(|conn| services::usable(conn, account))? {
            let is_asked = live.get(service.name.as_str()).is_some_and(|known| known.sign_out.is_some());
            let opens =
                |password: &&AppPassword| matches!(password.opens.admit(service.kinds), Admission::Yes);
            if is_asked && passwords.iter().any(opens) {
                asked.push(service.name.to_string());
            }
        }
        let connections =
            app.live.connections.count(account, |id| passwords.iter().any(|password| password.id == id));
        Ok(Self { connections, services: asked })
    }

    /// What ends, in sentences that go on; empty when there is nothing to say. `many` when it was more than one password.
    pub fn sentences(&self, many: bool) -> String {
        let (its, it, has) = if many { ("Their", "they", "have") } else { ("Its", "it", "has") };
        let mut said = match self.connections {
            0 => String::new(),
            1 => format!(" {its} open connection was closed."),
            n => format!(" {its} {n} open connections were closed."),
        };
        if let Some(services) = self.services() {
            said.push_str(&format!(" What {it} {has} open at {services} is being closed."));
        }
        said
    }

    /// The services, as a sentence names them.
    pub fn services(&self) -> Option<String> {
        match self.services.split_last()? {
            (last, []) => Some(last.clone()),
            (last, rest) => Some(format!("{} and {last}", rest.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_as_people_say_it() {
        let said = |connections, services: &[&str], many| {
            let services = services.iter().map(|name| (*name).to_owned()).collect();
            Open { connections, services }.sentences(many)
        };
        assert_eq!(said(0, &[], false), "");
        assert_eq!(said(1, &[], false), " Its open connection was closed.");
        assert_eq!(
            said(2, &["mail"], false),
            " Its 2 open connections were closed. What it has open at mail is being closed."
        );
        assert_eq!(
            said(0, &["chat", "mail", "wiki"], true),
            " What they have open at chat, mail and wiki is being closed."
        );
    }
}
