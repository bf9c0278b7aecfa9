//! `[metrics]`

use std::net::SocketAddr;

use super::section::{Form, Given, Section};
use super::values::{address, address_like};

/// Figures for monitoring. They hold no secret and name no one, so they may go over plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// Where `/metrics` is served; port 0 picks a free one. Default: off.
    pub listen: Option<SocketAddr>,
}

const LISTEN: Form = address_like("127.0.0.1:9100");

impl Metrics {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let listen = section.optional("listen", &LISTEN, address);
        if let Given::Is(address, place) = &listen {
            section.listens("listen", *address, Some(place.clone()));
        }
        Self { listen: listen.value() }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{faults, from_toml};

    #[test]
    fn on_and_off() {
        let listen = |text: &str| from_toml(&format!("metrics.listen = '{text}'")).unwrap().metrics.listen;
        assert_eq!(listen("0.0.0.0:9100").unwrap().port(), 9100);
        assert_eq!(listen(""), None);
        assert_eq!(
            faults("metrics.listen = ':9100'"),
            ["doorkey.toml, line 1: [metrics] listen must be an IP address and a port, like \
                 \"127.0.0.1:9100\"; it is \":9100\"."]
        );
    }
}
