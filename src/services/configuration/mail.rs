//! Mail servers.

use super::{Values, configuration, file, several};
use crate::{
    config::SaslListen,
    services::views::{Configuration, ConfigurationFile},
};

const DOVECOT: &str = include_str!("../../../packaging/dovecot/99-doorkey.conf");
const SCRIPT: &str = include_str!("../../../packaging/dovecot/doorkey.lua");

pub fn all(values: &Values<'_>) -> Vec<Configuration> {
    vec![dovecot(values), postfix(values), nginx(values)]
}

fn dovecot(values: &Values<'_>) -> Configuration {
    let Values { url, service, key, .. } = values;
    let secret = format!("door = {url}/door/http/{service}\nkey = {key}\n");
    several(
        "dovecot",
        "Dovecot 2.3",
        "Three files, the first for root and Dovecot alone (chown root:dovecot, chmod 640), and the package \
         dovecot-auth-lua. Take away the passdb that you have, keep your userdb, and reload. So that people see where their \
         apps are, name Dovecot's machine in trusted_proxies of doorkey.toml. docs/integrations/dovecot.md goes step by step.",
        vec![
            file("/etc/dovecot/doorkey.secret", secret),
            file("/etc/dovecot/conf.d/99-doorkey.conf", DOVECOT),
            file("/etc/dovecot/doorkey.lua", SCRIPT),
        ],
    )
}

fn postfix(values: &Values<'_>) -> Configuration {
    let at = match &values.sasl {
        None => "inet:127.0.0.1:3894".to_owned(),
        Some(SaslListen::Tcp(address)) => format!("inet:{address}"),
        // A relative path begins at its queue's folder, and in Debian it sees nothing else.
        Some(SaslListen::Unix(path)) => {
            path.strip_prefix("/var/spool/postfix").unwrap_or(path).display().to_string()
        }
    };
    let main = format!(
        "smtpd_sasl_type = dovecot
smtpd_sasl_path = {at}
smtpd_sasl_security_options = noanonymous
smtpd_tls_auth_only = yes
"
    );
    let (mut files, note) = listener(
        values,
        "Set smtpd_sasl_auth_enable nowhere but where people submit mail: a smtpd with it needs Doorkey to start, and mail \
         from elsewhere shouldn't. Then run postfix reload. A socket instead of an address has to lie below \
         /var/spool/postfix.",
    );
    files.push(file("/etc/postfix/main.cf", main));
    files.push(file("/etc/postfix/master.cf", SUBMISSION));
    several("postfix", "Postfix", note, files)
}

const SUBMISSION: &str = "\
submission inet n - y - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
";

/// What the SASL door needs first, if it has no listener for the service yet.
pub fn listener(values: &Values<'_>, then: &str) -> (Vec<ConfigurationFile>, String) {
    if values.sasl.is_some() {
        return (
            Vec::new(),
            format!("It needs no key: whoever reaches the listener asks for {}. {then}", values.service),
        );
    }
    let section = format!("[sasl.{}]\nlisten = \"127.0.0.1:3894\"\n", values.service);
    let note = format!(
        "First a listener of the SASL door: put the two lines into Doorkey's own configuration and restart it. It needs no \
         key, so only those who ask for {} may reach it. {then}",
        values.service
    );
    (vec![file("doorkey.toml", section)], note)
}

fn nginx(values: &Values<'_>) -> Configuration {
    let Values { service, key, .. } = values;
    let url = values.plain_url.as_deref().unwrap_or("http://127.0.0.1:8080");
    let text = format!(
        "mail {{
    auth_http {url}/door/nginx-mail/{service}?imap=127.0.0.1:10143&smtp=127.0.0.1:10025;
    auth_http_header Doorkey-Service-Key \"{key}\";
    server_name mail.example.org;

    server {{
        listen 143;
        protocol imap;
        imap_auth plain login;
    }}
    server {{
        listen 587;
        protocol smtp;
        smtp_auth plain login;
        xclient off;
    }}
}}
"
    );
    let plain = match values.plain_url {
        Some(_) => "",
        None => " Doorkey has to listen without TLS for it, on the same machine.",
    };
    configuration(
        "nginx-mail",
        "nginx, mail proxy",
        format!(
            "Beside http in nginx.conf, with the package libnginx-mod-mail. The addresses behind imap= and smtp= are those of \
             the servers that it goes on to; add starttls and your certificate. It asks by plain HTTP only.{plain}"
        ),
        text,
    )
}
