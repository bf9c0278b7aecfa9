//! What somebody wants of the log, as it stands in a query.

use std::net::IpAddr;

use domain::{Actor, ConnectionId, ProjectId, Sort, Timestamp};
use serde::Deserialize;
use store::{Conn, events::Filter};
use utoipa::IntoParams;

use super::names::account_meant;
use crate::{openapi::words, problem::Problem, refusals::network, web::in_query};

/// The parts of a query that filter the log, as they were typed. What is empty wants nothing in particular.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// The name of what happened: `signed_in`.
    #[param(value_type = Option<String>)]
    pub kind: String,
    /// The sort that people know it by: `sign_ins`.
    #[param(value_type = Option<words::Sort>)]
    pub sort: String,
    /// Whose account: an ID, or the account's own id.
    #[param(value_type = Option<String>)]
    pub account: String,
    /// Who did it: the same, or `machine`, or `doorkey`.
    #[param(value_type = Option<String>)]
    pub actor: String,
    /// A service's name.
    #[param(value_type = Option<String>)]
    pub service: String,
    /// A project's id.
    #[param(value_type = Option<String>)]
    pub project: String,
    /// A connection's id.
    #[param(value_type = Option<String>)]
    pub connection: String,
    /// An address. An IPv6 address stands for its network too, by which refusals are summed up.
    #[param(value_type = Option<String>)]
    pub address: String,
    /// Not before this moment: RFC 3339, or a date, or a date and a time in UTC.
    #[param(value_type = Option<String>)]
    pub from: String,
    /// Before this moment.
    #[param(value_type = Option<String>)]
    pub to: String,
}

impl Wanted {
    /// Reads it.
    ///
    /// # Errors
    /// `unfit`, at the part that can't be meant; and as the database has them.
    pub fn filter(&self, conn: &mut Conn, default_domain: &str) -> Result<Filter, Problem> {
        let mut account = |field, typed: &str| match account_meant(conn, typed, default_domain)? {
            Some(id) => Ok(id),
            None => Err(Problem::field(field, "No account has this ID, or had it when it was removed.")),
        };
        Ok(Filter {
            account: set(&self.account).map(|typed| account("account", typed)).transpose()?,
            actor: match set(&self.actor) {
                None => None,
                Some("machine") => Some(Actor::Machine),
                Some("doorkey") => Some(Actor::Doorkey),
                Some(typed) => Some(Actor::Account(account("actor", typed)?)),
            },
            kind: set(&self.kind).map(kind).transpose()?,
            sort: sort(&self.sort)?,
            service: set(&self.service).map(str::to_owned),
            project: set(&self.project).map(project).transpose()?,
            connection: set(&self.connection).map(connection).transpose()?,
            sources: set(&self.address).map(sources).unwrap_or_default(),
            from: time("from", &self.from)?,
            to: time("to", &self.to)?,
        })
    }

    /// The same as a query, to be put after an address: `?kind=signed_in`, or nothing.
    pub fn query(&self, more: &[(&str, String)]) -> String {
        let parts = [
            ("kind", &self.kind),
            ("sort", &self.sort),
            ("account", &self.account),
            ("actor", &self.actor),
            ("service", &self.service),
            ("project", &self.project),
            ("connection", &self.connection),
            ("address", &self.address),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let parts = parts.into_iter().chain(more.iter().map(|(name, value)| (*name, value)));
        let set = parts.filter(|(_, value)| !value.is_empty());
        let set: Vec<_> = set.map(|(name, value)| format!("{name}={}", in_query(value))).collect();
        if set.is_empty() { String::new() } else { format!("?{}", set.join("&")) }
    }
}

fn set(typed: &str) -> Option<&str> {
    Some(typed.trim()).filter(|typed| !typed.is_empty())
}

fn kind(typed: &str) -> Result<String, Problem> {
    if typed.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
        return Ok(typed.to_owned());
    }
    Err(Problem::field("kind", "Name what happened as events do, like signed_in."))
}

fn project(typed: &str) -> Result<ProjectId, Problem> {
    typed
        .parse()
        .map_err(|_| Problem::field("project", "Name the project by its id, which begins with prj_."))
}

fn connection(typed: &str) -> Result<ConnectionId, Problem> {
    typed
        .parse()
        .map_err(|_| Problem::field("connection", "Name the connection by its id, which begins with con_."))
}

/// A sort as it was typed; none when nothing was.
///
/// # Errors
/// `unfit`, at `sort`.
pub fn sort(typed: &str) -> Result<Option<Sort>, Problem> {
    let Some(typed) = set(typed) else { return Ok(None) };
    Sort::from_code(typed).map(Some).ok_or_else(|| {
        let all = Sort::ALL.map(Sort::code).join(", ");
        Problem::field("sort", format!("There is no such sort of event. There are {all}."))
    })
}

/// A moment as it was typed; none when nothing was.
///
/// # Errors
/// `unfit`, at this field.
pub fn time(field: &'static str, typed: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(typed) = set(typed) else { return Ok(None) };
    Timestamp::parse(typed).map(Some).ok_or_else(|| {
        Problem::field(
            field,
            "Write the time as in 2026-05-03T14:05:00Z, or the day alone, as in 2026-05-03. It is in UTC.",
        )
    })
}

fn sources(typed: &str) -> Vec<String> {
    match typed.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(ip @ IpAddr::V6(_)) => vec![ip.to_string(), network(&ip.to_string())],
        Ok(ip) => vec![ip.to_string()],
        Err(_) => vec![typed.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ipv6_stands_for_its_network_too() {
        assert_eq!(sources("2001:DB8:1:2::5"), ["2001:db8:1:2::5", "2001:db8:1:2::/64"]);
        assert_eq!(sources("::ffff:203.0.113.9"), ["203.0.113.9"]);
        assert_eq!(sources("2001:db8:1:2::/64"), ["2001:db8:1:2::/64"]);
    }

    #[test]
    fn a_query_is_written_as_it_is_read() {
        let wanted =
            Wanted { account: "a+b@example.org".into(), sort: "sign_ins".into(), ..Wanted::default() };
        let query = wanted.query(&[("before", "5".into())]);
        assert_eq!(query, "?sort=sign%5Fins&account=a%2Bb%40example%2Eorg&before=5");
        let read: Wanted = serde_urlencoded::from_str(&query[1..]).unwrap();
        assert_eq!(read, wanted);
        assert_eq!(Wanted::default().query(&[]), "");
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        assert_eq!(time("from", "2026-05-03").unwrap(), time("from", "2026-05-03T00:00Z").unwrap());
        assert_eq!(time("to", "2026-05-03T14:05").unwrap(), time("to", "2026-05-03T16:05:00+02:00").unwrap());
        assert_eq!(time("to", "soon").unwrap_err().field, Some("to"));
        assert_eq!(sort("cake").unwrap_err().field, Some("sort"));
        assert_eq!(connection("prj_1").unwrap_err().field, Some("connection"));
        assert_eq!(kind("Signed in").unwrap_err().field, Some("kind"));
        assert_eq!(sort(" "), Ok(None));
    }
}
