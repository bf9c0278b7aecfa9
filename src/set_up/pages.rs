//! How apps are set up with a service, in a browser, for its administrators.

use axum::{extract::Path, response::Response};
use domain::{Protocol, PublicServer, Security};
use store::{services::Service, set_up::SetUp};

use super::{
    Change, Typed, dns, state,
    views::{ChangePage, Row, Section, ServerField},
};
use crate::{
    access::{Admin, Fresh, SignedIn},
    problem::{Code, Problem},
    services::pages::{HERE, page_of},
    web::{
        form::Form,
        views::{Choice, Field, NoticeKind},
        visit::{Visit, about},
    },
};

/// The part of the service's page.
///
/// # Errors
/// `not-found`.
pub fn section(visit: &Visit, admin: &Admin, name: &str) -> Result<Section, Problem> {
    let (_, set_up) = super::get(&visit.app, admin, name)?;
    Ok(Section {
        servers: set_up.servers.iter().map(row).collect(),
        domains: set_up.domains.iter().map(ToString::to_string).collect(),
        records: dns::records(&set_up, visit.app.config.http.public_url.host()),
        change_href: format!("{}/set-up", page_of(name)),
    })
}

/// What to enter for this server.
pub fn row(server: &PublicServer) -> Row {
    let value = server
        .url()
        .unwrap_or_else(|| format!("{}, port {}, {}", server.host, server.port, server.security.title()));
    Row { label: server.protocol.title().into(), value }
}

/// `GET /services/at/{name}/set-up`.
pub async fn change(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let (service, set_up) = super::get(&visit.app, person.admin()?.who(), &name)?;
    let entered: Vec<_> = protocols(&service).map(|protocol| Entered::stored(protocol, &set_up)).collect();
    let domains: Vec<_> = if set_up == SetUp::default() {
        visit.app.config.accounts.default_domain.iter().cloned().collect()
    } else {
        set_up.domains.iter().map(ToString::to_string).collect()
    };
    Ok(change_page(&visit, &person, &service, &state(&set_up), &entered, &domains.join(" "), None))
}

fn protocols(service: &Service) -> impl Iterator<Item = Protocol> {
    let kinds = service.kinds;
    Protocol::ALL.into_iter().filter(move |protocol| protocol.fits(kinds))
}

/// What stands in the fields of a protocol.
struct Entered {
    protocol: Protocol,
    place: String,
    port: String,
    security: Security,
}

impl Entered {
    fn stored(protocol: Protocol, set_up: &SetUp) -> Self {
        // Filters are reached with STARTTLS nearly everywhere: nothing else has a name in DNS.
        let security = if protocol == Protocol::Sieve { Security::Starttls } else { Security::Tls };
        let empty = Self { protocol, place: String::new(), port: String::new(), security };
        set_up.servers.iter().find(|server| server.protocol == protocol).map_or(empty, |server| Self {
            protocol,
            place: server.url().unwrap_or_else(|| server.host.to_string()),
            port: server.port.to_string(),
            security: server.security,
        })
    }

    fn typed(protocol: Protocol, form: &Form) -> Self {
        let field = |part: &str| form.get(&format!("{}{part}", protocol.name())).trim().to_owned();
        Self {
            protocol,
            place: field(""),
            port: field("-port"),
            security: Security::from_name(&field("-security")).unwrap_or(Security::Tls),
        }
    }

    /// The server; none when its place is empty.
    fn server(&self) -> Option<Result<PublicServer, Problem>> {
        let typed = match self.protocol.has_path() {
            _ if self.place.is_empty() => return None,
            true => Typed::Url(&self.place),
            false => Typed::Host {
                host: &self.place,
                // What is no number is no port either.
                port: (!self.port.is_empty()).then(|| self.port.parse().unwrap_or(0)),
                security: self.security,
            },
        };
        Some(super::server(self.protocol, typed))
    }

    fn field(&self, problem: Option<&Problem>) -> ServerField {
        let choice = |security: Security| Choice {
            value: security.name().into(),
            label: security.title().into(),
            hint: String::new(),
            chosen: security == self.security,
        };
        ServerField {
            name: self.protocol.name().into(),
            title: self.protocol.title().into(),
            is_url: self.protocol.has_path(),
            place: Field { value: self.place.clone(), error: about(problem, &[self.protocol.name()]) },
            port: self.port.clone(),
            usual_port: self.protocol.usual_port(Security::Tls),
            securities: Security::ALL.map(choice).into(),
        }
    }
}

fn change_page(
    visit: &Visit,
    person: &Fresh<SignedIn>,
    service: &Service,
    seen: &str,
    entered: &[Entered],
    domains: &str,
    problem: Option<&Problem>,
) -> Response {
    let name = service.name.as_str();
    let view = ChangePage {
        frame: visit.frame(person.who(), HERE),
        action: format!("{}/set-up", page_of(name)),
        cancel_href: page_of(name),
        name: name.into(),
        seen: seen.into(),
        servers: entered.iter().map(|entered| entered.field(problem)).collect(),
        domains: Field { value: domains.into(), error: about(problem, &["domains"]) },
    };
    visit.show_again(&view, problem)
}

/// `POST /services/at/{name}/set-up`.
pub async fn post_change(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let (service, _) = super::get(&visit.app, admin.who(), &name)?;
    let entered: Vec<_> = protocols(&service).map(|protocol| Entered::typed(protocol, &form)).collect();
    let (seen, domains) = (form.get("seen"), form.get("domains"));
    let changed = match wanted(&entered, domains) {
        Ok(change) => {
            let change = Change { seen: Some(seen.into()), ..change };
            super::change(&visit.app, &visit.ctx, &admin, &name, change).await
        }
        Err(problem) => Err(problem),
    };
    match changed {
        Ok(_) => {
            let text = format!("People who generate a password for {name} see this now.");
            Ok(visit.go(&page_of(&name), NoticeKind::Success, &text))
        }
        Err(problem) if problem.code == Code::Unfit => {
            Ok(change_page(&visit, &person, &service, seen, &entered, domains, Some(&problem)))
        }
        Err(problem) if problem.code == Code::Conflict => {
            Ok(visit.go(&page_of(&name), NoticeKind::Warning, &problem.detail))
        }
        Err(problem) => Err(problem),
    }
}

fn wanted(entered: &[Entered], domains: &str) -> Result<Change, Problem> {
    let servers = entered.iter().filter_map(Entered::server).collect::<Result<_, _>>()?;
    Change::new(servers, super::domains(domains.split([' ', ',', ';', '\r', '\n', '\t']))?)
}
