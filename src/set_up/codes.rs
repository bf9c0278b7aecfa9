//! What QR codes say to apps that read them. Each holds the password.

use domain::{AccountName, DisplayName, Protocol, PublicServer, Secret, Security};
use serde_json::{Value, json};

use super::{person::Opened, profile::mailboxes};
use crate::web::in_query;

/// A text for a QR code.
pub struct Code {
    /// For which app.
    pub title: &'static str,
    /// What to do with it.
    pub note: &'static str,
    /// What it says.
    pub text: Secret<String>,
}

/// Those that there are for what a password opens; the password alone is the last.
pub fn all(id: &AccountName, name: &DisplayName, password: &Secret<String>, opened: &[Opened]) -> Vec<Code> {
    let mut codes = Vec::new();
    if let Some(text) = thunderbird(id, name, password, opened) {
        codes.push(Code {
            title: "Thunderbird for Android",
            note: "Choose there to import accounts, and scan it. It sets mail up, with the password.",
            text,
        });
    }
    for (url, title) in dav(opened) {
        codes.push(Code {
            title,
            note: "Scan it with an app that opens links. DAVx⁵ then has everything filled in.",
            text: davx5(id, password, url),
        });
    }
    codes.push(Code {
        title: "The password alone",
        note: "Scan it with the phone’s camera, copy the text, and paste it where the app asks for your password.",
        text: Secret::new(password.expose().clone()),
    });
    codes
}

/// The format that Thunderbird's *Export for Mobile* has, version 1. It takes no address but an ASCII one.
fn thunderbird(
    id: &AccountName,
    name: &DisplayName,
    password: &Secret<String>,
    opened: &[Opened],
) -> Option<Secret<String>> {
    let mailboxes = mailboxes(opened);
    if mailboxes.is_empty() || !id.as_str().is_ascii() {
        return None;
    }
    let security = |server: &PublicServer| match server.security {
        Security::Starttls => 2,
        Security::Tls => 3,
    };
    let (id, password) = (id.as_str(), password.expose());
    // The format's version, the first code of one; 1 is a plain password, 0 SMTP.
    let mut export = vec![json!(1), json!([1, 1])];
    for (incoming, outgoing) in mailboxes {
        let sort = i32::from(incoming.protocol == Protocol::Pop3);
        export.push(json!([
            sort,
            incoming.host,
            incoming.port,
            security(incoming),
            1,
            id,
            Value::Null,
            password
        ]));
        let server = json!([0, outgoing.host, outgoing.port, security(outgoing), 1, id, password]);
        export.push(json!([[server, [id, name.as_str()]]]));
    }
    Some(Secret::new(Value::from(export).to_string()))
}

/// Each place where calendars or contacts are, once.
fn dav(opened: &[Opened]) -> Vec<(&PublicServer, &'static str)> {
    let mut found: Vec<(&PublicServer, &'static str)> = Vec::new();
    for server in opened.iter().flat_map(|service| &service.servers) {
        let title = match server.protocol {
            Protocol::Caldav => "DAVx⁵ for Android, calendars",
            Protocol::Carddav => "DAVx⁵ for Android, contacts",
            _ => continue,
        };
        match found.iter_mut().find(|(other, _)| other.url() == server.url()) {
            Some((_, title)) => *title = "DAVx⁵ for Android, calendars and contacts",
            None => found.push((server, title)),
        }
    }
    found
}

/// The address that DAVx⁵ takes from other apps, and no other app does.
fn davx5(id: &AccountName, password: &Secret<String>, server: &PublicServer) -> Secret<String> {
    let PublicServer { host, port, path, .. } = server;
    let port = if *port == 443 { String::new() } else { format!(":{port}") };
    let user = in_query(id.as_str());
    Secret::new(format!("davx5://{user}:{}@{host}{port}{path}", in_query(password.expose())))
}

#[cfg(test)]
mod tests {
    use domain::ServiceName;

    use super::*;

    fn service(name: &str, servers: &[&str]) -> Opened {
        let servers = servers.iter().map(|text| PublicServer::parse(text).unwrap()).collect();
        Opened { service: ServiceName::parse(name).unwrap(), servers }
    }

    fn codes(id: &str, opened: &[Opened]) -> Vec<(&'static str, String)> {
        let id = AccountName::parse(id, "").unwrap();
        let name = DisplayName::parse("Ada \"L\"").unwrap();
        let password = Secret::new("abcd-efgh".to_owned());
        all(&id, &name, &password, opened)
            .into_iter()
            .map(|code| (code.title, code.text.expose().clone()))
            .collect()
    }

    #[test]
    fn each_app_reads_its_own() {
        let opened = [
            service("dav", &["caldavs://d.example:8443/dav/", "carddavs://d.example:8443/dav/"]),
            service("mail", &["pop3s://m.example:995", "submission://s.example:587"]),
        ];
        assert_eq!(
            codes("ada+x@example.org", &opened),
            [
                (
                    "Thunderbird for Android",
                    r#"[1,[1,1],[1,"m.example",995,3,1,"ada+x@example.org",null,"abcd-efgh"],[[[0,"s.example",587,2,1,"ada+x@example.org","abcd-efgh"],["ada+x@example.org","Ada \"L\""]]]]"#
                        .to_owned()
                ),
                (
                    "DAVx⁵ for Android, calendars and contacts",
                    "davx5://ada%2Bx%40example%2Eorg:abcd%2Defgh@d.example:8443/dav/".to_owned()
                ),
                ("The password alone", "abcd-efgh".to_owned()),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_offered() {
        let mail = ["imaps://m.example:993", "submissions://m.example:465"];
        let titles = |id: &str, opened: &[Opened]| {
            codes(id, opened).into_iter().map(|(title, _)| title).collect::<Vec<_>>()
        };
        assert_eq!(titles("jos\u{e9}@example.org", &[service("mail", &mail)]), ["The password alone"]);
        // Nothing could be sent.
        assert_eq!(titles("ada@example.org", &[service("mail", &mail[..1])]), ["The password alone"]);
        let both = [service("imap", &mail[..1]), service("smtp", &mail[1..])];
        assert_eq!(titles("ada@example.org", &both), ["Thunderbird for Android", "The password alone"]);
        let two =
            [service("cal", &["caldavs://c.example:443/"]), service("con", &["carddavs://d.example:443/"])];
        assert_eq!(
            titles("ada@example.org", &two),
            ["DAVx⁵ for Android, calendars", "DAVx⁵ for Android, contacts", "The password alone"]
        );
    }
}
