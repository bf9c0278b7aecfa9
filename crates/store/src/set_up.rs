//! Where people's apps reach services, and the domains whose people's apps are told so without signing in.

use domain::{HostName, PublicServer, ServiceId};

use crate::{
    db::{Conn, DbError},
    row, statements,
};

/// How apps are set up with a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetUp {
    /// Its public servers, in the order of their protocols.
    pub servers: Vec<PublicServer>,
    /// The domains, in the order of their letters.
    pub domains: Vec<HostName>,
}

statements! {
    SERVERS = "SELECT address FROM service_servers WHERE service_id = $1 ORDER BY address";
    DOMAINS = "SELECT domain FROM service_domains WHERE service_id = $1 ORDER BY domain";
    ADD_SERVER = "INSERT INTO service_servers (service_id, address) VALUES ($1, $2)";
    ADD_DOMAIN = "INSERT INTO service_domains (service_id, domain) VALUES ($1, $2)";
    FORGET_SERVERS = "DELETE FROM service_servers WHERE service_id = $1";
    FORGET_DOMAINS = "DELETE FROM service_domains WHERE service_id = $1";
}

/// How apps are set up with the service.
///
/// # Errors
/// As the database has them.
pub fn of_service(conn: &mut Conn, service: ServiceId) -> Result<SetUp, DbError> {
    let mut set_up = SetUp::default();
    for row in conn.query(&SERVERS, &[service.to_string().into()])? {
        let server = PublicServer::parse(row.text(0)?).map_err(|_| row::corrupt("service_servers"))?;
        set_up.servers.push(server);
    }
    set_up.servers.sort();
    for row in conn.query(&DOMAINS, &[service.to_string().into()])? {
        set_up.domains.push(HostName::parse(row.text(0)?).map_err(|_| row::corrupt("service_domains"))?);
    }
    Ok(set_up)
}

/// Puts this in the place of what was there.
///
/// # Errors
/// As the database has them.
pub fn replace(conn: &mut Conn, service: ServiceId, set_up: &SetUp) -> Result<(), DbError> {
    let id = service.to_string();
    conn.execute(&FORGET_SERVERS, &[id.as_str().into()])?;
    conn.execute(&FORGET_DOMAINS, &[id.as_str().into()])?;
    for server in &set_up.servers {
        conn.execute(&ADD_SERVER, &[id.as_str().into(), server.to_string().into()])?;
    }
    for domain in &set_up.domains {
        conn.execute(&ADD_DOMAIN, &[id.as_str().into(), domain.as_str().into()])?;
    }
    Ok(())
}
