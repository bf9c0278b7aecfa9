//! Radicale, from 3.3 on, which asks by itself.

use super::{Encryption, Values, configuration, file, mail, several};
use crate::{config::SaslListen, services::views::Configuration};

pub fn all(values: &Values<'_>) -> Vec<Configuration> {
    vec![by_ldap(values), by_sasl(values)]
}

fn by_ldap(values: &Values<'_>) -> Configuration {
    let directory = values.directory();
    let (url, people, own, key) = (directory.url(), values.people_dn(), values.own_dn(), values.key);
    let security = match directory.encryption {
        Encryption::None => String::new(),
        Encryption::StartTls => secured("starttls"),
        Encryption::Tls => secured("tls"),
    };
    let text = format!(
        "[auth]
type = ldap
ldap_uri = {url}
{security}ldap_base = {people}
ldap_reader_dn = {own}
ldap_secret = {key}
ldap_filter = (&(objectClass=person)(uid={{0}}))
ldap_user_attribute = mail
cache_logins = False
"
    );
    configuration(
        "radicale-ldap",
        "Radicale 3.5, by the LDAP door",
        "In Radicale's configuration. It needs Python's ldap3, and no web server in front. People get the calendars of their \
         ID, whatever they type.",
        text,
    )
}

fn secured(how: &str) -> String {
    format!("ldap_security = {how}\nldap_ssl_ca_file = /etc/ssl/certs/ca-certificates.crt\n")
}

fn by_sasl(values: &Values<'_>) -> Configuration {
    let place = match &values.sasl {
        Some(SaslListen::Unix(path)) => {
            format!("dovecot_connection_type = AF_UNIX\ndovecot_socket = {}\n", path.display())
        }
        Some(SaslListen::Tcp(address)) => tcp(&address.ip().to_string(), address.port(), address.is_ipv6()),
        None => tcp("127.0.0.1", 3894, false),
    };
    let text = format!("[auth]\ntype = dovecot\n{place}lc_username = True\ncache_logins = False\n");
    let then = "Calendars belong to what people type, so they have to type their whole ID. While Doorkey is away, Radicale \
                says \"wrong password\" to apps: by LDAP it doesn't.";
    let (mut files, note) = mail::listener(values, then);
    files.push(file("/etc/radicale/config", text));
    several("radicale-sasl", "Radicale 3.5, by the SASL door", note, files)
}

fn tcp(host: &str, port: u16, is_ipv6: bool) -> String {
    let family = if is_ipv6 { "AF_INET6" } else { "AF_INET" };
    format!("dovecot_connection_type = {family}\ndovecot_host = {host}\ndovecot_port = {port}\n")
}
