//! Requests to the addresses that administrators have set, and nowhere else: what needs a secret goes over TLS, or no farther than the
//! networks that are one's own.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Client, StatusCode,
    dns::{Addrs, Name, Resolve, Resolving},
    header::HeaderMap,
};
use url::{Host, Url};

use crate::{out, problem::Problem};

/// How long a request may take in all.
const TIME_OUT: Duration = Duration::from_secs(5);
/// How many bytes of an answer are read.
const ANSWER_MOST: usize = 64 * 1024;
/// How long an address may be, in bytes.
const LONGEST: usize = 1000;

/// An address that an administrator typed.
///
/// # Errors
/// `unfit` at `url`, with what to do.
pub fn address(typed: &str) -> Result<Url, Problem> {
    let unfit = |detail: &str| Err(Problem::field("url", detail));
    if typed.len() > LONGEST {
        return unfit("That address is too long: at most 1000 characters.");
    }
    let Ok(url) = Url::parse(typed.trim()) else {
        return unfit("Enter a whole address, like https://mail.example.org:8080/doveadm/v1.");
    };
    if !["http", "https"].contains(&url.scheme()) || url.host().is_none() {
        return unfit("Enter an address that begins with https:// or http://.");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return unfit("Leave user and password out of the address: the key has a field of its own.");
    }
    if url.fragment().is_some() {
        return unfit("Leave out the # and what follows it.");
    }
    let is_far = match url.host() {
        Some(Host::Ipv4(ip)) => !is_near(ip.into()),
        Some(Host::Ipv6(ip)) => !is_near(ip.into()),
        // Where a name leads is looked at whenever it is asked: see `Near`.
        Some(Host::Domain(_)) | None => false,
    };
    if url.scheme() == "http" && is_far {
        return unfit(
            "Over http everybody on the way could read the key. Use https, or an address of your own network.",
        );
    }
    Ok(url)
}

/// Whether it is this machine, or a network of one's own.
fn is_near(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

/// An answer.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body, as far as it is read.
    pub body: Vec<u8>,
}

/// Asks one address.
pub struct Asker {
    client: Client,
    url: Url,
}

impl Asker {
    /// Makes ready to ask.
    ///
    /// # Errors
    /// In words, when the machine has nothing to check certificates with.
    pub fn new(url: Url) -> Result<Self, String> {
        let mut builder = out::builder().timeout(TIME_OUT);
        if url.scheme() == "http" {
            // Without TLS no roots are needed, and a machine that has none shall not fail for it.
            builder = builder.tls_certs_only([]).dns_resolver(Arc::new(Near));
        }
        let client = builder.build().map_err(|error| out::root(&error))?;
        Ok(Self { client, url })
    }

    /// Sends this, and waits for the answer.
    ///
    /// # Errors
    /// In words, when there is none.
    pub async fn post(&self, headers: HeaderMap, body: Vec<u8>) -> Result<Answer, String> {
        let sent = self.client.post(self.url.clone()).headers(headers).body(body).send().await;
        self.answer(sent).await.map_err(|error| self.lost(&error))
    }

    /// Whether anything answers there, whatever it says.
    ///
    /// # Errors
    /// In words, when nothing does.
    pub async fn reach(&self) -> Result<(), String> {
        let sent = self.client.head(self.url.clone()).send().await;
        sent.map(drop).map_err(|error| self.lost(&error))
    }

    async fn answer(
        &self,
        sent: Result<reqwest::Response, reqwest::Error>,
    ) -> Result<Answer, reqwest::Error> {
        let mut response = sent?;
        let body = out::read(&mut response, ANSWER_MOST).await?;
        Ok(Answer { status: response.status(), body })
    }

    /// The address without what follows the host: the rest may be nobody's business.
    pub fn place(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    fn lost(&self, error: &reqwest::Error) -> String {
        let place = self.place();
        if error.is_timeout() {
            return format!("{place} doesn't answer within {} seconds.", TIME_OUT.as_secs());
        }
        format!("{place} can't be asked: {}.", out::root(error))
    }
}

/// Finds the addresses of a name that are one's own.
struct Near;

impl Resolve for Near {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let near: Vec<_> = found.into_iter().filter(|address| is_near(address.ip())).collect();
            if near.is_empty() {
                return Err("the name leads out of your own network, where everybody on the way could read the key: use https".into());
            }
            Ok(Box::new(near.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_whole_and_keep_secrets() {
        for good in [
            "https://mail.example.org",
            "https://203.0.113.9/doveadm/v1",
            "http://127.0.0.1:8080/doveadm/v1",
            "http://10.1.2.3",
            "http://[::1]:8080",
            "http://[fd00::1]/",
            "http://dovecot:8080",
        ] {
            assert!(address(good).is_ok(), "{good}");
        }
        for wrong in [
            "",
            "mail.example.org",
            "ftp://mail.example.org",
            "https://",
            "https://user@mail.example.org",
            "https://user:key@mail.example.org",
            "https://mail.example.org/#x",
            "http://203.0.113.9",
            "http://169.254.169.254/latest",
            "http://[2001:db8::1]/",
            "http://[::ffff:203.0.113.9]/",
            "http://0.0.0.0/",
            &format!("https://mail.example.org/{}", "a".repeat(LONGEST)),
        ] {
            let problem = address(wrong).unwrap_err();
            assert_eq!(problem.field, Some("url"), "{wrong}");
        }
    }
}
