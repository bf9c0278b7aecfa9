//! Asking an issuer for its keys (OpenID Connect Discovery 1.0). No redirect is followed, and no address asked that is the server's own or of its
//! network, unless whoever added the issuer allowed it: what is asked is written by the issuer, and shall reach nothing that only we can reach.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    StatusCode,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CACHE_CONTROL, HeaderMap},
};
use serde_json::Value;
use store::issuers::Issuer;
use url::{Host, Url};

use super::{jws::Keys, strict};
use crate::out;

/// How long one request may take in all.
const TIME_OUT: Duration = Duration::from_secs(5);
/// How many bytes an answer may have.
const ANSWER_MOST: usize = 128 * 1024;
/// For how long keys are used without asking again: at least, and at most, whatever the issuer says; in seconds.
const FRESH: (i64, i64) = (5 * 60, 24 * 60 * 60);

/// An issuer's keys, as they were answered.
pub struct Fetched {
    /// The keys.
    pub keys: Keys,
    /// For how many seconds they needn't be asked for again.
    pub fresh_seconds: i64,
}

/// Asks an issuer for its keys.
///
/// # Errors
/// In words: why they can't be had.
pub async fn keys(issuer: &Issuer) -> Result<Fetched, String> {
    let discovery = format!("{}/.well-known/openid-configuration", issuer.url.trim_end_matches('/'));
    let (_, body) = get(&discovery, issuer.near).await?;
    let said = strict::object(&body).ok_or("what it says of itself can't be read")?;
    let text = |name: &str| said.get(name).and_then(Value::as_str);
    if text("issuer") != Some(issuer.url.as_str()) {
        return Err("it calls itself otherwise than it was added here".into());
    }
    let place = text("jwks_uri").ok_or("it doesn't say where its keys are")?;
    let (headers, body) = get(place, issuer.near).await?;
    let keys = Keys::parse(&body).ok_or("its keys can't be read")?;
    Ok(Fetched { keys, fresh_seconds: max_age(&headers).clamp(FRESH.0, FRESH.1) })
}

/// What the header `Cache-Control` says; 0 where it says nothing.
fn max_age(headers: &HeaderMap) -> i64 {
    let said = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut parts = said.flat_map(|value| value.split(',')).map(|part| part.trim().to_ascii_lowercase());
    parts.find_map(|part| part.strip_prefix("max-age=")?.trim_matches('"').parse().ok()).unwrap_or(0)
}

/// Whether an issuer, or its keys, may be at this address.
///
/// # Errors
/// In words, when they may not.
pub fn allowed(typed: &str, near: bool) -> Result<Url, String> {
    let url = Url::parse(typed).map_err(|_| "its address can't be read")?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("its address has parts that don't belong there".into());
    }
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(_)) => None,
        None => return Err("its address names no host".into()),
    };
    match (url.scheme(), near) {
        ("https", true) => Ok(url),
        ("https", false) if ip.is_none_or(is_public) => Ok(url),
        ("http", true) if ip.is_none_or(is_near) => Ok(url),
        ("https", false) => Err("its address isn't a public one".into()),
        _ => Err("its address has to begin with https://".into()),
    }
}

async fn get(place: &str, near: bool) -> Result<(HeaderMap, Vec<u8>), String> {
    let url = allowed(place, near)?;
    let mut builder = out::builder().timeout(TIME_OUT);
    // What an address in the URL may be was looked at above; where a name leads is looked at when it is asked.
    match (url.scheme(), near) {
        ("http", _) => builder = builder.tls_certs_only([]).dns_resolver(Arc::new(Only(is_near))),
        (_, false) => builder = builder.dns_resolver(Arc::new(Only(is_public))),
        (_, true) => {}
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    let lost = |error: reqwest::Error| match error.is_timeout() {
        true => format!("{host} doesn't answer within {} seconds", TIME_OUT.as_secs()),
        false => format!("{host} can't be asked: {}", out::root(&error)),
    };
    let client = builder.build().map_err(lost)?;
    let mut response = client.get(url).send().await.map_err(lost)?;
    match response.status() {
        StatusCode::OK => {}
        status if status.is_redirection() => {
            return Err(format!("{host} sends on to another address, which isn't followed"));
        }
        status => return Err(format!("{host} answers with status {}", status.as_u16())),
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > ANSWER_MOST {
            return Err(format!("{host} answers with more than {ANSWER_MOST} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.headers().clone(), body))
}

/// Finds the addresses of a name that are such.
struct Only(fn(IpAddr) -> bool);

impl Resolve for Only {
    fn resolve(&self, name: Name) -> Resolving {
        let fits = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let fitting: Vec<SocketAddr> = found.filter(|address| fits(address.ip())).collect();
            if fitting.is_empty() {
                return Err("the name leads to no address that may be asked".into());
            }
            Ok(Box::new(fitting.into_iter()) as Addrs)
        })
    }
}

/// Whether it is this machine, or a network of one's own.
fn is_near(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

/// Whether it is an address of the public Internet, and hides no other one.
fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let reserved = matches!(
        (a, b, c),
        (0 | 10 | 127 | 240..=255, ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224..=239, ..)
    );
    !reserved
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, .., y, z] = ip.segments();
    let hidden = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match (a, b) {
        // What NAT64 and 6to4 lead to.
        (0x64, 0xff9b) if ip.segments().get(2..6) == Some(&[0; 4]) => is_public_v4(hidden(y, z)),
        (0x2002, _) => ip.segments().get(2).is_some_and(|c| is_public_v4(hidden(b, *c))),
        // Protocols' own (Teredo among them), documentation, and all that was never given out.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => false,
        _ => (0x2000..=0x3fff).contains(&a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_asked() {
        for public in ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "2002:5db8:d822::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for own in [
            "127.0.0.1",
            "127.8.8.8",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "fe80::1",
            "fec0::1",
            "fd00::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(own.parse().unwrap()), "{own}");
        }
    }

    #[test]
    fn what_is_near_is_asked_only_where_it_is_allowed_and_what_is_far_never_in_the_clear() {
        for (place, near, far) in [
            ("https://ci.example.org", true, true),
            ("https://93.184.216.34/x", true, true),
            ("https://127.0.0.1", true, false),
            ("https://[::ffff:127.0.0.1]", true, false),
            ("https://0x7f.1", true, false),
            ("https://2130706433", true, false),
            ("http://ci.example.org", true, false),
            ("http://127.0.0.1:8080", true, false),
            ("http://[::1]:8080", true, false),
            ("http://93.184.216.34", false, false),
            ("http://169.254.169.254/latest", false, false),
            ("https://user@ci.example.org", false, false),
            ("https://ci.example.org/#x", false, false),
            ("file:///etc/passwd", false, false),
            ("ci.example.org", false, false),
            ("https://", false, false),
        ] {
            assert_eq!((allowed(place, true).is_ok(), allowed(place, false).is_ok()), (near, far), "{place}");
        }
    }

    #[test]
    fn what_an_issuer_says_of_the_age_of_its_keys_is_read() {
        for (said, seconds) in
            [("public, max-age=600", 600), ("Max-Age=\"60\"", 60), ("no-store", 0), ("max-age=x", 0)]
        {
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, said.parse().unwrap())]);
            assert_eq!(max_age(&headers), seconds, "{said}");
        }
    }
}
