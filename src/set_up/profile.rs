//! A configuration profile for iPhone, iPad and Mac (`.mobileconfig`): an XML property list, not signed.

use domain::{AccountName, DisplayName, Label, Protocol, PublicServer, Secret};

use super::{person::Opened, xml::escape};
use crate::secrets;

/// Whom a profile is for, and what it is made of.
pub struct Profile<'a> {
    /// The server's public host, which names the profile.
    pub host: &'a str,
    /// The person's ID: user name and e-mail address.
    pub id: &'a AccountName,
    /// What the person is called.
    pub name: &'a DisplayName,
    /// What the password is called.
    pub label: &'a Label,
    /// The password, as it was shown.
    pub password: &'a Secret<String>,
    /// What it opens.
    pub opened: &'a [Opened],
}

/// A value of a property list.
enum Plist<'a> {
    Text(&'a str),
    Number(u16),
    True,
    Dicts(&'a [String]),
}

fn dict(entries: &[(&str, Plist<'_>)]) -> String {
    let mut text = String::from("<dict>\n");
    for (key, value) in entries {
        let value = match value {
            Plist::Text(value) => format!("<string>{}</string>", escape(value)),
            Plist::Number(value) => format!("<integer>{value}</integer>"),
            Plist::True => "<true/>".into(),
            Plist::Dicts(dicts) => format!("<array>\n{}</array>", dicts.concat()),
        };
        text.push_str(&format!("<key>{key}</key>{value}\n"));
    }
    text.push_str("</dict>\n");
    text
}

/// Mail comes in and goes out: an account on the phone needs both.
pub fn mailboxes(opened: &[Opened]) -> Vec<(&PublicServer, &PublicServer)> {
    let of =
        |servers: &'_ [PublicServer], protocol| servers.iter().position(|server| server.protocol == protocol);
    let anywhere = opened.iter().find_map(|service| {
        of(&service.servers, Protocol::Submission).and_then(|place| service.servers.get(place))
    });
    let mailbox = |service: &'_ Opened| {
        let incoming =
            of(&service.servers, Protocol::Imap).or_else(|| of(&service.servers, Protocol::Pop3))?;
        Some((incoming, of(&service.servers, Protocol::Submission)))
    };
    opened
        .iter()
        .filter_map(|service| {
            let (incoming, outgoing) = mailbox(service)?;
            let outgoing = outgoing.and_then(|place| service.servers.get(place)).or(anywhere)?;
            Some((service.servers.get(incoming)?, outgoing))
        })
        .collect()
}

/// Whether there is anything that a profile can set up.
pub fn is_possible(opened: &[Opened]) -> bool {
    let dav = |server: &PublicServer| matches!(server.protocol, Protocol::Caldav | Protocol::Carddav);
    !mailboxes(opened).is_empty() || opened.iter().any(|service| service.servers.iter().any(dav))
}

impl Profile<'_> {
    /// The profile's text; none when there is nothing that it can set up. It holds the password.
    pub fn text(&self) -> Option<Secret<String>> {
        let mut parts = Vec::new();
        for (incoming, outgoing) in mailboxes(self.opened) {
            parts.push(self.mail(incoming, outgoing));
        }
        for server in self.opened.iter().flat_map(|service| &service.servers) {
            match server.protocol {
                Protocol::Caldav => parts.push(self.dav("CalDAV", "caldav", server)),
                Protocol::Carddav => parts.push(self.dav("CardDAV", "carddav", server)),
                _ => {}
            }
        }
        if parts.is_empty() {
            return None;
        }
        // The same services again take the place of the profile from before, with its old password.
        let servers = self.opened.iter().flat_map(|service| &service.servers);
        let all: Vec<_> = servers.map(ToString::to_string).collect();
        let all = all.join(" ");
        let title = format!("{} ({})", self.label.as_str(), self.id);
        let about = format!("Signs in as {} with an app-specific password. Remove it to sign out.", self.id);
        let profile = dict(&[
            ("PayloadContent", Plist::Dicts(&parts)),
            ("PayloadDescription", Plist::Text(&about)),
            ("PayloadDisplayName", Plist::Text(&title)),
            ("PayloadOrganization", Plist::Text(self.host)),
            ("PayloadIdentifier", Plist::Text(&self.identifier(&all))),
            ("PayloadType", Plist::Text("Configuration")),
            ("PayloadUUID", Plist::Text(&self.uuid(&all))),
            ("PayloadVersion", Plist::Number(1)),
        ]);
        drop(parts.into_iter().map(Secret::new));
        Some(Secret::new(format!("{HEAD}{profile}</plist>\n")))
    }

    fn mail(&self, incoming: &PublicServer, outgoing: &PublicServer) -> String {
        let sort = if incoming.protocol == Protocol::Imap { "EmailTypeIMAP" } else { "EmailTypePOP" };
        let (id, password) = (self.id.as_str(), self.password.expose());
        let of = incoming.to_string();
        dict(&[
            ("EmailAccountDescription", Plist::Text(id)),
            ("EmailAccountName", Plist::Text(self.name.as_str())),
            ("EmailAccountType", Plist::Text(sort)),
            ("EmailAddress", Plist::Text(id)),
            ("IncomingMailServerAuthentication", Plist::Text("EmailAuthPassword")),
            ("IncomingMailServerHostName", Plist::Text(incoming.host.as_str())),
            ("IncomingMailServerPortNumber", Plist::Number(incoming.port)),
            // Also where TLS begins within the protocol: the port tells which.
            ("IncomingMailServerUseSSL", Plist::True),
            ("IncomingMailServerUsername", Plist::Text(id)),
            ("IncomingPassword", Plist::Text(password)),
            ("OutgoingMailServerAuthentication", Plist::Text("EmailAuthPassword")),
            ("OutgoingMailServerHostName", Plist::Text(outgoing.host.as_str())),
            ("OutgoingMailServerPortNumber", Plist::Number(outgoing.port)),
            ("OutgoingMailServerUseSSL", Plist::True),
            ("OutgoingMailServerUsername", Plist::Text(id)),
            ("OutgoingPassword", Plist::Text(password)),
            ("PayloadDisplayName", Plist::Text("Mail")),
            ("PayloadIdentifier", Plist::Text(&self.identifier(&of))),
            ("PayloadType", Plist::Text("com.apple.mail.managed")),
            ("PayloadUUID", Plist::Text(&self.uuid(&of))),
            ("PayloadVersion", Plist::Number(1)),
        ])
    }

    /// `prefix` begins the keys, `kind` stands in the payload's type.
    fn dav(&self, prefix: &str, kind: &str, server: &PublicServer) -> String {
        let key = |name: &str| format!("{prefix}{name}");
        let [about, host, port, tls, user, password, start] = [
            key("AccountDescription"),
            key("HostName"),
            key("Port"),
            key("UseSSL"),
            key("Username"),
            key("Password"),
            key("PrincipalURL"),
        ];
        let (of, title) = (server.to_string(), server.protocol.title());
        let (identifier, uuid, sort) =
            (self.identifier(&of), self.uuid(&of), format!("com.apple.{kind}.account"));
        // Without it the phone begins at the host's .well-known.
        let url = server.url().filter(|_| server.path != "/");
        let mut entries = vec![
            (about.as_str(), Plist::Text(self.id.as_str())),
            (host.as_str(), Plist::Text(server.host.as_str())),
            (port.as_str(), Plist::Number(server.port)),
            (tls.as_str(), Plist::True),
            (user.as_str(), Plist::Text(self.id.as_str())),
            (password.as_str(), Plist::Text(self.password.expose())),
            ("PayloadDisplayName", Plist::Text(title)),
            ("PayloadIdentifier", Plist::Text(&identifier)),
            ("PayloadType", Plist::Text(&sort)),
            ("PayloadUUID", Plist::Text(&uuid)),
            ("PayloadVersion", Plist::Number(1)),
        ];
        if let Some(url) = &url {
            entries.push((start.as_str(), Plist::Text(url)));
        }
        dict(&entries)
    }

    fn hash(&self, of: &str) -> [u8; 32] {
        secrets::hash(&format!("profile {} {} {of}", self.host, self.id))
    }

    /// Names a part, the same each time: the host's name from its end, as such names are.
    fn identifier(&self, of: &str) -> String {
        let mut host: Vec<_> = self.host.split('.').collect();
        host.reverse();
        let hash: String = self.hash(of).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{}.doorkey.{hash}", host.join("."))
    }

    /// The same as a UUID of version 8, which are anybody's own.
    fn uuid(&self, of: &str) -> String {
        let bytes = u128::from_be_bytes(self.hash(of).first_chunk().copied().unwrap_or_default());
        let uuid = bytes & !(0xf << 76) & !(0x3 << 62) | 0x8 << 76 | 0x2 << 62;
        let hex = format!("{uuid:032X}");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
    }
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<plist version=\"1.0\">
";
