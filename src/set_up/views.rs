//! How apps are set up with a service: on its page, and in a form.

use askama::Template;

use crate::web::views::{Choice, Field, Frame};

/// One line of what to enter where.
pub struct Row {
    /// What apps call it, such as `Incoming mail (IMAP)`.
    pub label: String,
    /// What to enter, such as `mail.example.org, port 993, TLS`.
    pub value: String,
}

/// The part of a service's page.
pub struct Section {
    /// Its public servers; none while nobody said them.
    pub servers: Vec<Row>,
    /// The domains whose people's apps find them by themselves.
    pub domains: Vec<String>,
    /// The records for their DNS; empty when there are none.
    pub records: String,
    /// The way to change that.
    pub change_href: String,
}

/// One protocol in the form.
pub struct ServerField {
    /// Names its fields: `NAME`, `NAME-port` and `NAME-security`, or `NAME` alone for an address.
    pub name: String,
    /// What people know it as.
    pub title: String,
    /// Whether an address is asked for, and not a host and a port.
    pub is_url: bool,
    /// The host, or the address; empty for none. Its error is about all fields of the protocol.
    pub place: Field,
    /// The port; empty for the usual one.
    pub port: String,
    /// The usual port with TLS.
    pub usual_port: u16,
    /// TLS, or STARTTLS.
    pub securities: Vec<Choice>,
}

/// Changes how apps are set up with a service.
#[derive(Template)]
#[template(path = "set_up/change.html")]
pub struct ChangePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the form posts to.
    pub action: String,
    /// The way back without it.
    pub cancel_href: String,
    /// The service's name.
    pub name: String,
    /// `seen`: what it was when the form was made.
    pub seen: String,
    /// The protocols that what the service holds is reached by.
    pub servers: Vec<ServerField>,
    /// `domains`, with a space between.
    pub domains: Field,
}
