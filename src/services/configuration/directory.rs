//! Software that asks a directory.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Directory, Encryption, Values, configuration, quoted, shell};
use crate::services::views::Configuration;

/// What the address of a search leaves as it is (RFC 4516).
const IN_URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'=').remove(b',').remove(b'-').remove(b'.').remove(b'_');

pub fn all(values: &Values<'_>, products: bool) -> Vec<Configuration> {
    let mut all = Vec::new();
    if products {
        all.extend([apache(values), nextcloud(values), gitea(values), grafana(values)]);
    }
    all.push(other(values));
    if values.ldap.is_none() {
        for configuration in &mut all {
            configuration.note =
                format!("The LDAP door is off: set listen under [ldap]. {}", configuration.note);
        }
    }
    all
}

fn apache(values: &Values<'_>) -> Configuration {
    let people = values.people_dn();
    let base = utf8_percent_encode(&people, IN_URL);
    let directory = values.directory();
    let address = quoted(&format!("{}/{base}?uid,mail?sub?(objectClass=person)", directory.url()));
    let start = if directory.encryption == Encryption::StartTls { " STARTTLS" } else { "" };
    let (own, key, service) = (quoted(&values.own_dn()), values.key, values.service);
    let text = format!(
        "# For the whole server: what is kept here would go on after it is revoked.
LDAPCacheEntries 0
LDAPOpCacheEntries 0

<Location \"/\">
    AuthType Basic
    AuthName \"{service}\"
    AuthBasicProvider ldap
    AuthLDAPURL {address}{start}
    AuthLDAPBindDN {own}
    AuthLDAPBindPassword \"{key}\"
    AuthLDAPRemoteUserAttribute mail
    Require valid-user

    RequestHeader set X-Remote-User expr=%{{REMOTE_USER}}
    RequestHeader unset Authorization
    ProxyPass http://127.0.0.1:5232/
</Location>
"
    );
    configuration(
        "apache",
        "Apache, mod_authnz_ldap",
        "Change the last address to the server that you protect. Run a2enmod authnz_ldap headers proxy_http.",
        text,
    )
}

fn nextcloud(values: &Values<'_>) -> Configuration {
    let Directory { host, port, encryption } = values.directory();
    let host = if encryption == Encryption::Tls { format!("ldaps://{host}") } else { host };
    let port = port.to_string();
    let start = if encryption == Encryption::StartTls { "1" } else { "0" };
    let people = values.people_dn();
    let own = values.own_dn();
    let set = [
        ("ldapHost", host.as_str()),
        ("ldapPort", &port),
        ("ldapTLS", start),
        ("ldapAgentName", &own),
        ("ldapAgentPassword", values.key),
        ("ldapBase", &people),
        ("ldapBaseUsers", &people),
        ("ldapUserFilter", "(objectClass=person)"),
        ("ldapLoginFilter", "(&(objectClass=person)(uid=%uid))"),
        ("ldapUserDisplayName", "cn"),
        ("ldapEmailAttribute", "mail"),
        ("ldapExpertUsernameAttr", "mail"),
        ("ldapExpertUUIDUserAttr", "entryUUID"),
        ("ldapCacheTTL", "0"),
        ("ldapConfigurationActive", "1"),
    ];
    let mut text = "occ app:enable user_ldap\nocc ldap:create-empty-config\n".to_owned();
    for (name, value) in set {
        text += &format!("occ ldap:set-config s01 {name} {}\n", shell(value));
    }
    text += "occ ldap:test-config s01\n";
    configuration(
        "nextcloud",
        "Nextcloud, user_ldap",
        "In a shell where occ runs Nextcloud's command. People then sign in to Nextcloud itself with an app-specific password \
         too: it has one door for its pages and its apps.",
        text,
    )
}

fn gitea(values: &Values<'_>) -> Configuration {
    let Directory { host, port, encryption } = values.directory();
    let security = match encryption {
        Encryption::None => "unencrypted",
        Encryption::StartTls => "StartTLS",
        Encryption::Tls => "LDAPS",
    };
    let text = format!(
        "gitea admin auth add-ldap \\
    --name {service} --security-protocol {security} \\
    --host {host} --port {port} \\
    --bind-dn {own} --bind-password {key} \\
    --user-search-base {people} \\
    --user-filter '(&(objectClass=person)(uid=%s))' \\
    --firstname-attribute cn --email-attribute mail
",
        service = shell(values.service),
        host = shell(&host),
        own = shell(&values.own_dn()),
        key = shell(values.key),
        people = shell(&values.people_dn()),
    );
    configuration(
        "gitea",
        "Gitea and Forgejo",
        "In a shell, as the user that runs it; with Forgejo the command is forgejo. People sign in by the part of their ID before \
         the @, so default_domain has to be set in doorkey.toml.",
        text,
    )
}

fn grafana(values: &Values<'_>) -> Configuration {
    let Directory { host, port, encryption } = values.directory();
    let (tls, start) = (encryption != Encryption::None, encryption == Encryption::StartTls);
    let text = format!(
        "[[servers]]
host = {host}
port = {port}
use_ssl = {tls}
start_tls = {start}
bind_dn = {own}
bind_password = {key}
search_filter = \"(&(objectClass=person)(uid=%s))\"
search_base_dns = [{people}]

[servers.attributes]
username = \"mail\"
email = \"mail\"
name = \"cn\"
member_of = \"memberOf\"

# Who is in no group that is named here can look at things.
[[servers.group_mappings]]
group_dn = \"*\"
org_role = \"Viewer\"
",
        host = quoted(&host),
        own = quoted(&values.own_dn()),
        key = quoted(values.key),
        people = quoted(&values.people_dn()),
    );
    configuration(
        "grafana",
        "Grafana",
        "In ldap.toml; then set enabled = true under [auth.ldap] in grafana.ini.",
        text,
    )
}

/// What every product asks for, in some words.
fn other(values: &Values<'_>) -> Configuration {
    let Directory { host, port, encryption } = values.directory();
    let text = format!(
        "Server               {host}
Port                 {port}
Encryption           {encryption}
Bind DN              {own}
Bind password        {key}
Search base          {people}
User filter          (&(objectClass=person)(uid=%s))
User name attribute  mail
Display name         cn
E-mail               mail
Unique ID            entryUUID
Groups               ou=groups,{base}
",
        encryption = match encryption {
            Encryption::None => "none",
            Encryption::StartTls => "StartTLS",
            Encryption::Tls => "TLS",
        },
        own = values.own_dn(),
        key = values.key,
        people = values.people_dn(),
        base = values.base_dn,
    );
    configuration(
        "ldap",
        "Anything else",
        "What such software asks for, in words of its own. Where it keeps sign-ins for a time, turn that off: a password that \
         is revoked would go on.",
        text,
    )
}
