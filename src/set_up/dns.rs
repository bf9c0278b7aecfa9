//! The records in DNS from which apps find the servers of a domain (RFC 6186, RFC 6764, RFC 8314), as a zone file has them.

use domain::{HostName, Protocol, PublicServer, Security};
use store::set_up::SetUp;

/// A line or two for each server and domain; empty when there is none. `public_host` is where Doorkey itself is reached.
pub fn records(set_up: &SetUp, public_host: &str) -> String {
    let mut lines = Vec::new();
    for domain in &set_up.domains {
        for server in &set_up.servers {
            lines.extend(of_server(domain, server));
        }
        let has_mail =
            set_up.servers.iter().any(|server| matches!(server.protocol, Protocol::Imap | Protocol::Pop3));
        if has_mail && public_host.contains('.') && HostName::parse(public_host).is_ok() {
            lines.push(format!("autoconfig.{domain}. 3600 IN CNAME {public_host}."));
        }
    }
    lines.join("\n")
}

fn of_server(domain: &HostName, server: &PublicServer) -> Vec<String> {
    let PublicServer { protocol, security, host, port, path } = server;
    let (service, priority) = match (protocol, security) {
        (Protocol::Imap, Security::Tls) => ("_imaps", 0),
        (Protocol::Imap, Security::Starttls) => ("_imap", 0),
        // Where there is IMAP too, apps are to take that.
        (Protocol::Pop3, Security::Tls) => ("_pop3s", 10),
        (Protocol::Pop3, Security::Starttls) => ("_pop3", 10),
        (Protocol::Submission, Security::Tls) => ("_submissions", 0),
        (Protocol::Submission, Security::Starttls) => ("_submission", 0),
        (Protocol::Sieve, Security::Starttls) => ("_sieve", 0),
        (Protocol::Caldav, _) => ("_caldavs", 0),
        (Protocol::Carddav, _) => ("_carddavs", 0),
        // Nobody has a name for it.
        (Protocol::Sieve, Security::Tls) | (Protocol::Web, _) => return Vec::new(),
    };
    let mut lines = vec![format!("{service}._tcp.{domain}. 3600 IN SRV {priority} 1 {port} {host}.")];
    // One string of such a record has room for 255 bytes.
    if protocol.has_path() && path != "/" && path.len() <= 250 {
        lines.push(format!("{service}._tcp.{domain}. 3600 IN TXT \"path={path}\""));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_has_a_line_for_each_server_of_each_domain() {
        let servers = [
            "imaps://mail.example.org:993",
            "submission://mail.example.org:587",
            "sieves://mail.example.org:4190",
            "caldavs://dav.example.org:8443/dav/",
            "carddavs://dav.example.org:443/",
            "https://files.example.org:443/",
        ];
        let set_up = SetUp {
            servers: servers.iter().map(|text| PublicServer::parse(text).unwrap()).collect(),
            domains: vec![HostName::parse("example.org").unwrap()],
        };
        assert_eq!(
            records(&set_up, "doorkey.example.org"),
            "\
_imaps._tcp.example.org. 3600 IN SRV 0 1 993 mail.example.org.
_submission._tcp.example.org. 3600 IN SRV 0 1 587 mail.example.org.
_caldavs._tcp.example.org. 3600 IN SRV 0 1 8443 dav.example.org.
_caldavs._tcp.example.org. 3600 IN TXT \"path=/dav/\"
_carddavs._tcp.example.org. 3600 IN SRV 0 1 443 dav.example.org.
autoconfig.example.org. 3600 IN CNAME doorkey.example.org."
        );
        assert!(!records(&set_up, "localhost").contains("autoconfig"));
        assert!(!records(&set_up, "192.0.2.1").contains("autoconfig"));
        assert_eq!(records(&SetUp { domains: Vec::new(), ..set_up }, "doorkey.example.org"), "");
    }
}
