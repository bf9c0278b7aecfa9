//! What apps find out by themselves, without signing in: where calendars and contacts are (RFC 6764), and which servers mail has (Thunderbird's
//! autoconfiguration). It depends on domains alone, and tells nothing of accounts.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{any, get},
};
use domain::{HostName, Protocol, PublicServer, Security};
use serde::Deserialize;
use store::{services, set_up as rows};

use super::{fitting, host_name, xml::escape};
use crate::{
    app::App,
    problem::{Code, Problem},
};

/// Its routes.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/.well-known/caldav", any(caldav))
        .route("/.well-known/caldav/", any(caldav))
        .route("/.well-known/carddav", any(carddav))
        .route("/.well-known/carddav/", any(carddav))
        .route("/mail/config-v1.1.xml", get(mail))
        .route("/.well-known/autoconfig/mail/config-v1.1.xml", get(mail))
        .route("/.well-known/change-password", get(change_password))
}

/// Where a password manager sends somebody to change the account's password (W3C, A Well-Known URL for Changing Passwords).
async fn change_password() -> Redirect {
    Redirect::to("/security/password")
}

/// A service that is told without signing in.
struct Told {
    servers: Vec<PublicServer>,
    domains: Vec<HostName>,
}

impl Told {
    fn server(&self, protocol: Protocol) -> Option<&PublicServer> {
        self.servers.iter().find(|server| server.protocol == protocol)
    }
}

/// Every service that has a domain, by name.
fn told(app: &App) -> Result<Vec<Told>, Problem> {
    app.store.read(|conn| {
        let mut told = Vec::new();
        for service in services::all(conn)? {
            let set_up = fitting(rows::of_service(conn, service.id)?, &service);
            if !set_up.domains.is_empty() {
                told.push(Told { servers: set_up.servers, domains: set_up.domains });
            }
        }
        Ok(told)
    })
}

/// The host that the request is for.
fn asked_host(headers: &HeaderMap) -> Option<HostName> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    host_name(name).ok()
}

async fn caldav(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    on_to(&app, Protocol::Caldav, &headers)
}

async fn carddav(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    on_to(&app, Protocol::Carddav, &headers)
}

fn on_to(app: &App, protocol: Protocol, headers: &HeaderMap) -> Result<Response, Problem> {
    let host = asked_host(headers);
    let all = told(app)?;
    let place = choose(&all, protocol, host.as_ref()).and_then(PublicServer::url).ok_or_else(|| {
        let detail = format!(
            "Nobody has said here where apps find {}. An administrator says it on the page of the service, under What apps need, \
             with the domain that people’s addresses have.",
            protocol.title()
        );
        Problem::new(Code::NotFound, detail)
    })?;
    // 307, so that what was asked is asked there just the same: 301 and 302 make a GET of it in some apps.
    Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, place)]).into_response())
}

/// The service whose domain is nearest to the host that was asked; where none is near, the first by name.
fn choose<'a>(all: &'a [Told], protocol: Protocol, host: Option<&HostName>) -> Option<&'a PublicServer> {
    let mut best: Option<(usize, &PublicServer)> = None;
    for told in all {
        let Some(server) = told.server(protocol) else { continue };
        let near = told.domains.iter().filter(|domain| host.is_some_and(|host| host.is_in(domain)));
        let near = near.map(|domain| domain.as_str().len()).max().unwrap_or(0);
        if best.is_none_or(|(than, _)| near > than) {
            best = Some((near, server));
        }
    }
    best.map(|(_, server)| server)
}

/// What mail programs ask with.
#[derive(Default, Deserialize)]
struct Asked {
    #[serde(default)]
    emailaddress: String,
}

async fn mail(
    State(app): State<Arc<App>>,
    query: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = query.map(|Query(asked)| asked).unwrap_or_default();
    let of_address =
        asked.emailaddress.rsplit_once('@').and_then(|(_, domain)| host_name(domain.trim()).ok());
    let of_host = || {
        let host = asked_host(&headers)?;
        HostName::parse(host.as_str().strip_prefix("autoconfig.").unwrap_or(host.as_str())).ok()
    };
    let text = match of_address.or_else(of_host) {
        Some(domain) => configuration(&domain, &told(&app)?),
        None => None,
    };
    let text = text.ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "Nobody has said here which mail servers this domain has. An administrator says it on the page of the service, under What \
             apps need.",
        )
    })?;
    Ok(([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], text).into_response())
}

/// How mail of this domain is set up; none when there is no server to read it from.
fn configuration(domain: &HostName, all: &[Told]) -> Option<String> {
    let of_domain: Vec<_> = all.iter().filter(|told| told.domains.contains(domain)).collect();
    let every = |protocol| of_domain.iter().filter_map(move |told| told.server(protocol));
    let incoming: String = [(Protocol::Imap, "imap"), (Protocol::Pop3, "pop3")]
        .into_iter()
        .flat_map(|(protocol, sort)| {
            every(protocol).map(move |server| mail_server("incomingServer", sort, server))
        })
        .collect();
    if incoming.is_empty() {
        return None;
    }
    let outgoing: String =
        every(Protocol::Submission).map(|server| mail_server("outgoingServer", "smtp", server)).collect();
    let books: String =
        every(Protocol::Carddav).map(|server| dav("addressBook", "carddav", server)).collect();
    let calendars: String = every(Protocol::Caldav).map(|server| dav("calendar", "caldav", server)).collect();
    let domain = escape(domain.as_str());
    Some(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<clientConfig version=\"1.1\">
  <emailProvider id=\"{domain}\">
    <domain>{domain}</domain>
    <displayName>{domain}</displayName>
    <displayShortName>{domain}</displayShortName>
{incoming}{outgoing}  </emailProvider>
{books}{calendars}</clientConfig>
"
    ))
}

fn mail_server(element: &str, sort: &str, server: &PublicServer) -> String {
    let socket = match server.security {
        Security::Tls => "SSL",
        Security::Starttls => "STARTTLS",
    };
    let (host, port) = (escape(server.host.as_str()), server.port);
    format!(
        "    <{element} type=\"{sort}\">
      <hostname>{host}</hostname>
      <port>{port}</port>
      <socketType>{socket}</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>password-cleartext</authentication>
    </{element}>
"
    )
}

fn dav(element: &str, sort: &str, server: &PublicServer) -> String {
    let url = escape(&server.url().unwrap_or_default());
    format!(
        "  <{element} type=\"{sort}\">
    <username>%EMAILADDRESS%</username>
    <authentication>http-basic</authentication>
    <serverURL>{url}</serverURL>
  </{element}>
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(servers: &[&str], domains: &[&str]) -> Told {
        Told {
            servers: servers.iter().map(|text| PublicServer::parse(text).unwrap()).collect(),
            domains: domains.iter().map(|name| HostName::parse(name).unwrap()).collect(),
        }
    }

    #[test]
    fn the_nearest_domain_has_it_and_else_the_first() {
        let all = [
            told(&["imaps://m.example.org:993"], &["dav.example.net"]),
            told(&["caldavs://one.example.org:443/"], &["example.org"]),
            told(&["caldavs://two.example.org:443/"], &["other.example", "cal.example.org"]),
        ];
        let at = |host: &str| {
            choose(&all, Protocol::Caldav, HostName::parse(host).ok().as_ref()).unwrap().host.to_string()
        };
        for host in ["example.org", "a.example.org", "nowhere.example", "", "127.0.0.1", "dav.example.net"] {
            assert_eq!(at(host), "one.example.org", "{host}");
        }
        for host in ["cal.example.org", "x.cal.example.org", "other.example"] {
            assert_eq!(at(host), "two.example.org", "{host}");
        }
        assert!(choose(&all, Protocol::Carddav, None).is_none());
    }
}
