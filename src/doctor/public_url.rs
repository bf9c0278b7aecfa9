//! Where people reach the server: whether that is safe, leads to this very server, and what a proxy in front passes on.

use std::{error::Error, net::IpAddr, time::Duration};

use url::{Host, Url};

use crate::{
    app::App,
    config::{Config, PublicUrl},
};

use super::{
    About, Findings,
    probe::{Arrived, PATH, UNDERSCORE},
};

const PATIENCE: Duration = Duration::from_secs(8);

/// What a client may claim to be: an address that nobody has (RFC 5737).
const CLAIMED: &str = "192.0.2.66";

/// What it says by itself.
pub(super) fn look(config: &Config, findings: &mut Findings) {
    let http = &config.http;
    let url = &http.public_url;
    let near = is_near(url);
    if !url.is_https() && !near {
        let said = format!(
            "[http] public_url is {url}: passwords cross the network unencrypted, and cookies with them."
        );
        let advice =
            "Put a proxy with TLS in front, or give the server a certificate, and write https in public_url.";
        return findings.wrong(About::PublicUrl, said, advice);
    }
    let listens_to_others = !http.listen.ip().to_canonical().is_loopback();
    if near && (listens_to_others || !http.trusted_proxies.is_empty()) {
        let said = format!(
            "[http] public_url is {url}, and the server is set up for other machines: its links lead them to themselves."
        );
        return findings.warning(About::PublicUrl, said, "Set public_url to the address that people use.");
    }
    findings.fine(About::PublicUrl, format!("People are sent to {url}."));
}

fn is_near(url: &PublicUrl) -> bool {
    let host = Url::parse(url.as_str()).ok().and_then(|url| url.host().map(|host| host.to_owned()));
    match host {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        None => false,
    }
}

/// What comes back when the server asks itself there.
pub(super) async fn of_server(app: &App, findings: &mut Findings) {
    let url = &app.config.http.public_url;
    let Some(number) = app.probes.begin() else { return };
    let asked = ask(url, &number).await;
    let arrived = app.probes.end(&number);
    match (asked, arrived) {
        (_, Some(arrived)) => judge(&app.config, own_port(app), &arrived, findings),
        (Ok(status), None) => {
            let said = format!("{url} is answered by something else than this server (status {status}).");
            let advice =
                "Look at where the name leads, and at what the proxy there passes on to this server.";
            findings.wrong(About::PublicUrl, said, advice);
        }
        (Err(Unasked::Untrusted(why)), None) => {
            let said = format!("{url} can't be trusted from here: {why}.");
            findings.wrong(About::PublicUrl, said, "Give whoever answers there a certificate for that name.");
        }
        (Err(Unasked::Unreached(why)), None) if is_near(url) => {
            let said = format!("{url} can't be reached: {why}.");
            findings.wrong(About::PublicUrl, said, "Set [http] public_url to where the server listens.");
        }
        (Err(Unasked::Unreached(why)), None) => {
            let said = format!("{url} can't be reached from here: {why}.");
            let advice = "If people reach it, all is well. If not: look at the name, the proxy in front, and the firewall.";
            findings.warning(About::PublicUrl, said, advice);
        }
    }
}

enum Unasked {
    Unreached(String),
    Untrusted(String),
}

async fn ask(url: &PublicUrl, number: &str) -> Result<u16, Unasked> {
    // An error says that there is a provider already, which is this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .no_proxy()
        .user_agent(concat!("doorkey/", env!("CARGO_PKG_VERSION")));
    if !url.is_https() {
        // Without TLS no roots are needed, and a machine that has none shall not fail for it.
        builder = builder.tls_certs_only([]);
    }
    let failed = |error: &reqwest::Error| {
        let mut deepest: &dyn Error = error;
        let mut tls = false;
        while let Some(source) = deepest.source() {
            deepest = source;
            tls |= deepest.is::<rustls::Error>();
        }
        let why = if error.is_timeout() { "nothing answers in time".to_owned() } else { deepest.to_string() };
        if tls { Unasked::Untrusted(why) } else { Unasked::Unreached(why) }
    };
    let client = builder.build().map_err(|error| failed(&error))?;
    let request = client.get(format!("{url}{PATH}{number}"));
    let request = request.header("x-forwarded-for", CLAIMED).header(UNDERSCORE, "arrives");
    let response = request.send().await.map_err(|error| failed(&error))?;
    Ok(response.status().as_u16())
}

/// What became of the question on its way.
fn judge(config: &Config, own_port: u16, arrived: &Arrived, findings: &mut Findings) {
    let url = &config.http.public_url;
    let peer = arrived.peer.map_or_else(|| "somebody".into(), |peer| peer.to_string());
    let trusted =
        arrived.peer.is_some_and(|peer| config.http.trusted_proxies.iter().any(|net| net.contains(&peer)));
    let expected = url.as_str().split_once("://").map_or("", |(_, authority)| authority);
    if arrived.host != expected {
        let said = format!(
            "What stands in front of the server passes on the host {}, and not {expected}.",
            arrived.host
        );
        findings.warning(
            About::PublicUrl,
            said,
            "Let it pass on the Host that came (nginx: proxy_set_header Host $http_host).",
        );
    }
    if !arrived.underscore {
        let said = "What stands in front of the server drops headers with an underscore in their name: the steps of builds \
                    send their token in BUILD_API_TOKEN, and are refused. Nothing else needs one.";
        let advice = "Let them through: nginx `underscores_in_headers on;` in the http block, HAProxy and others where they drop \
                      or rename such headers. Apache and Caddy pass them on by themselves.";
        findings.warning(About::PublicUrl, said, advice);
    }
    let untouched = arrived.hops == [CLAIMED];
    if untouched && url.is_https() == config.http.tls.is_some() && (!trusted || port(url) == Some(own_port)) {
        return findings
            .fine(About::PublicUrl, format!("{url} leads to this server, with nothing in between."));
    }
    let write_own =
        "Let it write the address that it sees (nginx: proxy_set_header X-Forwarded-For $remote_addr).";
    if !trusted {
        let said = format!(
            "Requests for {url} come by way of {peer}, which isn't in trusted_proxies: every sign-in seems to come from there."
        );
        findings.wrong(
            About::PublicUrl,
            said,
            format!("Name the proxy: [http] trusted_proxies = [\"{peer}\"]"),
        );
    } else if untouched {
        let said = format!(
            "The proxy {peer} passes on an X-Forwarded-For that anybody can write: anyone can claim to be anywhere."
        );
        findings.wrong(About::PublicUrl, said, write_own);
    } else if !arrived.hops.iter().any(|hop| hop.parse::<IpAddr>().is_ok()) {
        let said = format!(
            "The proxy {peer} doesn't say whom it speaks for: every sign-in seems to come from there."
        );
        findings.wrong(About::PublicUrl, said, write_own);
    } else {
        findings.fine(About::PublicUrl, format!("{url} leads to this server, by way of the proxy {peer}."));
    }
}

fn port(url: &PublicUrl) -> Option<u16> {
    Url::parse(url.as_str()).ok().and_then(|url| url.port_or_known_default())
}

/// The port that the server really has.
fn own_port(app: &App) -> u16 {
    app.listens.first().map_or(0, |(_, address)| address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    fn judged(settings: &str, peer: &str, host: &str, hops: &[&str]) -> Vec<(State, String)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("doorkey.toml");
        std::fs::write(&file, format!("[http]\n{settings}")).unwrap();
        let config =
            crate::config::load(Some(&file), std::iter::empty(), crate::config::Overrides::default())
                .unwrap();
        let hops = hops.iter().map(|hop| (*hop).to_owned()).collect();
        let underscore = !settings.contains("# nginx");
        let arrived = Arrived { peer: peer.parse().ok(), host: host.into(), hops, client: None, underscore };
        let mut findings = Findings::default();
        judge(&config, 8080, &arrived, &mut findings);
        findings.report(true).checks.into_iter().map(|check| (check.state, check.said)).collect()
    }

    fn one(settings: &str, peer: &str, hops: &[&str]) -> (State, String) {
        let found = judged(settings, peer, "d.example.org", hops);
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().unwrap()
    }

    const BEHIND: &str = "public_url = 'https://d.example.org'\ntrusted_proxies = ['10.0.0.1', '127.0.0.1']";

    #[test]
    fn what_a_proxy_passes_on_is_told_apart() {
        let (state, said) = one(BEHIND, "10.0.0.1", &["198.51.100.7"]);
        assert_eq!(
            (state, said.as_str()),
            (State::Fine, "https://d.example.org leads to this server, by way of the proxy 10.0.0.1.")
        );
        // It adds what it sees to what was claimed: the last counts. Also where that is this machine itself, which is trusted.
        assert_eq!(one(BEHIND, "10.0.0.1", &[CLAIMED, "198.51.100.7"]).0, State::Fine);
        assert_eq!(one(BEHIND, "127.0.0.1", &[CLAIMED, "127.0.0.1"]).0, State::Fine);
        let (state, said) = one(BEHIND, "10.0.0.1", &[CLAIMED]);
        assert!(state == State::Wrong && said.contains("anyone can claim to be anywhere"), "{said}");
        let (state, said) = one(BEHIND, "10.0.0.1", &[]);
        assert!(state == State::Wrong && said.contains("doesn't say whom it speaks for"), "{said}");
        let (state, said) = one(BEHIND, "10.0.0.9", &["198.51.100.7"]);
        assert!(state == State::Wrong && said.contains("10.0.0.9, which isn't in trusted_proxies"), "{said}");
        let found = judged(BEHIND, "10.0.0.1", "127.0.0.1:8080", &["198.51.100.7"]);
        assert!(
            found[0].0 == State::Warning && found[0].1.contains("passes on the host 127.0.0.1:8080"),
            "{found:?}"
        );
    }

    #[test]
    fn a_proxy_that_drops_what_steps_send_is_found() {
        let found = judged(&format!("{BEHIND} # nginx"), "10.0.0.1", "d.example.org", &["198.51.100.7"]);
        assert_eq!(found.iter().map(|(state, _)| *state).collect::<Vec<_>>(), [State::Warning, State::Fine]);
        assert!(found[0].1.contains("BUILD_API_TOKEN"), "{found:?}");
    }

    #[test]
    fn without_a_proxy_nothing_is_said_of_one() {
        // A port that is only passed on is no proxy that could be named.
        let mapped = "public_url = 'http://localhost:9000'";
        let found = judged(mapped, "172.17.0.1", "localhost:9000", &[CLAIMED]);
        assert!(found[0].0 == State::Fine && found[0].1.ends_with("with nothing in between."), "{found:?}");
        let unnamed = "public_url = 'https://localhost'";
        let found = judged(unnamed, "172.17.0.1", "localhost", &[CLAIMED]);
        assert!(found[0].0 == State::Wrong && found[0].1.contains("isn't in trusted_proxies"), "{found:?}");
        let own = "public_url = 'http://localhost:8080'\ntrusted_proxies = ['127.0.0.1']";
        let found = judged(own, "127.0.0.1", "localhost:8080", &[CLAIMED]);
        assert_eq!(found.len(), 1);
        assert!(found[0].0 == State::Fine && found[0].1.ends_with("with nothing in between."), "{found:?}");
    }
}
