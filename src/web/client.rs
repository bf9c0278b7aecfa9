//! The client's real address.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap},
};

use crate::app::App;

/// The address that a request came from; none when it came through the socket in the data folder.
pub struct ClientAddress(pub Option<String>);

impl ClientAddress {
    /// The peer's address; where the peer is a trusted proxy, the last address in `X-Forwarded-For` that isn't one. What stands
    /// before that was written by whoever sent the request.
    pub fn of(extensions: &Extensions, headers: &HeaderMap, app: &App) -> Self {
        let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<SocketAddr>>() else { return Self(None) };
        let trusted = |ip: &IpAddr| app.config.http.trusted_proxies.iter().any(|net| net.contains(ip));
        let mut client = peer.ip().to_canonical();
        if trusted(&client) {
            // Each hop is read by itself: what a client writes into the first can't make the last, the proxy's own, unreadable.
            let lines = headers.get_all("x-forwarded-for").iter();
            let hops: Vec<_> = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).collect();
            for hop in hops.into_iter().rev() {
                let Some(ip) = std::str::from_utf8(hop).ok().and_then(|hop| address(hop.trim())) else {
                    break;
                };
                client = ip;
                if !trusted(&ip) {
                    break;
                }
            }
        }
        Self(Some(client.to_string()))
    }

    /// The address, or `local`.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("local")
    }
}

/// An address, which some proxies write with a port.
fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .map(|ip| ip.to_canonical())
}
