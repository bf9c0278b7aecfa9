//! What a person enters in an app: the servers of the services that a password of theirs opens.

use domain::{
    AccountId, AppPassword, AppPasswordSecret, KindSet, Opens, PublicServer, ServiceName, Timestamp,
};
use store::{Conn, DbError, app_passwords, services, set_up as rows};

use crate::{access::SignedIn, app::App, problem::Problem};

/// A service that a password opens, and where apps reach what it opens there; that may be nowhere that anybody said.
pub struct Opened {
    /// The service's name.
    pub service: ServiceName,
    /// Its public servers.
    pub servers: Vec<PublicServer>,
}

/// The services that this account may use and a password opens, by name.
///
/// # Errors
/// As the database has them.
pub fn opened(app: &App, account: AccountId, opens: Opens) -> Result<Vec<Opened>, Problem> {
    Ok(app.store.read(|conn| read(conn, account, opens))?)
}

fn read(conn: &mut Conn, account: AccountId, opens: Opens) -> Result<Vec<Opened>, DbError> {
    let mut opened = Vec::new();
    for service in services::usable(conn, account)? {
        let kinds: KindSet = match opens {
            Opens::First => service.kinds,
            Opens::Kinds(kinds) => kinds.both(service.kinds),
        };
        if !kinds.is_empty() {
            let mut servers = rows::of_service(conn, service.id)?.servers;
            servers.retain(|server| server.protocol.fits(kinds));
            opened.push(Opened { service: service.name, servers });
        }
    }
    Ok(opened)
}

/// The app-specific password that somebody sends back who has just been shown it. It isn't kept, so that nothing made with it in it can be
/// made again later.
///
/// # Errors
/// `unfit` at `password` when it is none of theirs that works.
pub fn sent_back(
    app: &App,
    person: &SignedIn,
    password: &str,
    now: Timestamp,
) -> Result<(AppPassword, AppPasswordSecret), Problem> {
    let none = || {
        let detail =
            "That is none of your app-specific passwords that work. Generate a new one for this app.";
        Problem::field("password", detail)
    };
    let account = person.account.id;
    let secret = AppPasswordSecret::parse(password).ok_or_else(none)?;
    let fingerprint = app.keyring.app_password_fingerprint(account, secret.letters());
    let all = app.store.read(|conn| {
        let found = app_passwords::indexed_of_all(conn, &[account])?
            .into_iter()
            .flatten()
            .find(|known| seal::same(&known.fingerprint, &fingerprint));
        let Some(found) = found else { return Ok::<_, DbError>(None) };
        let all = app_passwords::of_account(conn, account)?;
        Ok(all.into_iter().find(|password| password.id == found.id))
    })?;
    let password = all.filter(|password| password.is_live(now)).ok_or_else(none)?;
    Ok((password, secret))
}
