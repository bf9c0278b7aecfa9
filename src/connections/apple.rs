//! Asking Apple: every host of Apple's, or the one address that the configuration sends them all to.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use appleid::{ApiKey, KeyName, SignError};
use domain::{ConnectionState, Timestamp};
use reqwest::{
    Certificate, Client, StatusCode,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{self, HeaderMap},
};
use serde::Deserialize;

use super::reads::Reads;
use crate::{
    app::App,
    config::Apple,
    out,
    problem::{Code, Problem},
};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one request may take in all.
const TIME_OUT: Duration = Duration::from_secs(10);
/// How many bytes of an answer are read.
const ANSWER_MOST: usize = 256 * 1024;
/// How long a token is good that is made for one request, in seconds.
const TOKEN: u32 = 120;
/// By how much Apple's clock and ours may differ, in seconds, before that is what is wrong.
const CLOCK: i64 = 60;

/// What App Store Connect is asked.
const STORE: &str = "https://api.appstoreconnect.apple.com";
/// What the Apple Developer Enterprise Program is asked: it has users and certificates, and no apps.
const ENTERPRISE: &str = "https://api.enterprise.developer.apple.com";

/// What Apple said about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Whether it takes it.
    pub state: ConnectionState,
    /// What the key may read.
    pub reads: Vec<Reads>,
    /// What Apple said, in words, if that wasn't a plain yes.
    pub answer: Option<String>,
}

/// A client for Apple's hosts.
///
/// # Errors
/// `apple-unavailable` when the operator's authorities can't be read, or the machine has none.
pub fn client(apple: &Apple) -> Result<Client, Problem> {
    let mut builder = out::builder().https_only(true).connect_timeout(CONNECT).timeout(TIME_OUT);
    if let Some(address) = apple.hosts_at {
        builder = builder.dns_resolver(Arc::new(At(address)));
    }
    if let Some(path) = &apple.ca_file {
        let read = std::fs::read(path).map_err(|error| error.to_string());
        let authorities = read.and_then(|pem| match Certificate::from_pem_bundle(&pem) {
            Ok(none) if none.is_empty() => Err("there is no certificate in it".to_owned()),
            Ok(authorities) => Ok(authorities),
            Err(error) => Err(out::root(&error)),
        });
        let authorities = authorities.map_err(|error| {
            tracing::error!(path = %path.display(), error, "[apple] ca_file can't be used");
            not_set_up()
        })?;
        builder = builder.tls_certs_only(authorities);
    }
    builder.build().map_err(|error| {
        tracing::error!(error = out::root(&error), "Apple can't be asked");
        not_set_up()
    })
}

/// Answers each name with one address; the names stay what they are to TLS and HTTP.
struct At(SocketAddr);

impl Resolve for At {
    fn resolve(&self, _: Name) -> Resolving {
        let address = self.0;
        Box::pin(async move { Ok(Box::new(std::iter::once(address)) as Addrs) })
    }
}

/// Asks Apple whether it takes the key, and what the key may read: by a list of one of each, the cheapest that there is. Apple tells
/// nobody which roles a key has, so that is all that can be known.
///
/// # Errors
/// `apple-unavailable` when there was no answer that says anything, `clock-wrong` when Apple refuses for the time that it is here.
pub async fn check(app: &App, key: &ApiKey, name: &KeyName<'_>) -> Result<Checked, Problem> {
    let client = client(&app.config.apple)?;
    let host = if name.enterprise { ENTERPRISE } else { STORE };
    let token = key.token(name, &[], app.clock.now(), TOKEN).map_err(|SignError| Problem::unavailable())?;
    let (mut reads, mut denied) = (Vec::new(), None);
    for one in Reads::asked(name) {
        let address = format!("{host}/v1/{}?limit=1", one.code());
        let request =
            client.get(address).bearer_auth(token.text.expose()).header(header::ACCEPT, "application/json");
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = out::read(&mut response, ANSWER_MOST).await.map_err(|error| unreachable(&error))?;
        match status {
            StatusCode::OK if serde_json::from_slice::<List>(&body).is_ok() => reads.push(one),
            StatusCode::UNAUTHORIZED => {
                clock_is_right(&headers, app.clock.now())?;
                let answer = Some(refused(name));
                return Ok(Checked { state: ConnectionState::Refused, reads: Vec::new(), answer });
            }
            StatusCode::FORBIDDEN => {
                let agreement = wants_agreement(&body);
                denied.get_or_insert(agreement);
                if agreement {
                    break;
                }
            }
            status => return Err(says_nothing(status, &headers)),
        }
    }
    let answer = match denied {
        Some(true) => Some(AGREEMENT.to_owned()),
        Some(false) if reads.is_empty() => Some(NOTHING.to_owned()),
        _ => None,
    };
    let state = if answer.is_some() { ConnectionState::Limited } else { ConnectionState::Good };
    Ok(Checked { state, reads, answer })
}

const AGREEMENT: &str = "Apple wants an agreement to be accepted before any key of this team works. Its Account Holder signs in at \
     developer.apple.com/account and accepts it; then press Test connection.";
const NOTHING: &str = "Apple knows this key, and lets it read nothing that builds need. What a key may do can't be changed: make another \
     one in App Store Connect with at least the role Developer for uploads, App Manager for TestFlight and the App Store, or Admin \
     where Xcode manages signing.";

/// What is told of a key that Apple doesn't take.
fn refused(name: &KeyName<'_>) -> String {
    let begin = "Apple doesn't take this key. Either it was revoked, or";
    let (what, place) = match (name.issuer_id.is_some(), name.enterprise) {
        (true, _) => {
            ("the key ID or the issuer ID isn't the one that belongs to it", "Users and Access, Integrations")
        }
        (false, _) => (
            "the key ID isn't the one that belongs to it, or it is a team's key, which has an issuer ID",
            "your profile, or Users and Access, Integrations",
        ),
    };
    let program = match name.enterprise {
        true => "It was asked as a key of the Enterprise Program: an ordinary one isn't taken there.",
        false => "A key of the Enterprise Program has to be marked as such.",
    };
    format!("{begin} {what}: compare them in App Store Connect under {place}. {program}")
}

/// A list, whatever is in it.
#[derive(Deserialize)]
struct List {
    #[serde(rename = "data")]
    _data: Vec<serde::de::IgnoredAny>,
}

/// What Apple answers when it refuses something.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
}

/// Whether it is for an agreement that the team hasn't accepted: then no key of it works, whatever its roles.
fn wants_agreement(body: &[u8]) -> bool {
    let errors = serde_json::from_slice::<Errors>(body).map(|answer| answer.errors).unwrap_or_default();
    errors.iter().any(|one| one.code.contains("AGREEMENT") || one.detail.contains("License Agreement"))
}

/// That it isn't the clock of this server for which Apple refuses: a token says when it was made.
fn clock_is_right(headers: &HeaderMap, now: Timestamp) -> Result<(), Problem> {
    let date = headers.get(header::DATE).and_then(|date| date.to_str().ok());
    // What is no date says nothing.
    let Some(theirs) = date.and_then(Timestamp::parse_http) else { return Ok(()) };
    let ahead = now.seconds() - theirs.seconds();
    if ahead.abs() <= CLOCK {
        return Ok(());
    }
    tracing::error!(
        seconds = ahead,
        "this server's clock is ahead of Apple's by so much; a negative number is behind"
    );
    let by = in_words(ahead.abs());
    let side = if ahead > 0 { "ahead of" } else { "behind" };
    Err(Problem::new(
        Code::ClockWrong,
        format!(
            "This server's clock is {by} {side} Apple's, and Apple takes no token that isn't of the right time. The key may be fine: tell the \
             person who runs this server to set the clock, then try again."
        ),
    ))
}

/// A length of time, in seconds, as people say it.
fn in_words(seconds: i64) -> String {
    match seconds {
        ..=119 => format!("{seconds} seconds"),
        120..=7_199 => format!("{} minutes", seconds / 60),
        7_200..=172_799 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn unreachable(error: &reqwest::Error) -> Problem {
    // Never the address: only what went wrong with it.
    let why = if error.is_timeout() { "it doesn't answer in time".to_owned() } else { out::root(error) };
    tracing::warn!(error = why, "Apple can't be reached");
    if why.contains("not valid yet") || why.contains("certificate expired") {
        return Problem::new(
            Code::ClockWrong,
            "By this server's clock, Apple's certificate isn't valid at this time, so nothing was asked. Tell the person who runs this \
             server to set the clock, then try again.",
        );
    }
    let detail = "Apple can't be reached from this server right now, so nothing was changed. Try again in a few minutes; if it goes on, \
         the person who runs this server finds the reason in its log.";
    Problem { retry_after: Some(60), ..Problem::new(Code::AppleUnavailable, detail) }
}

fn not_set_up() -> Problem {
    Problem::new(
        Code::AppleUnavailable,
        "This server isn't set up to reach Apple. Tell the person who runs it: its log says what is wrong.",
    )
}

/// An answer that tells nothing of the key.
fn says_nothing(status: StatusCode, headers: &HeaderMap) -> Problem {
    tracing::warn!(status = status.as_u16(), "Apple gave no answer about a key");
    let seconds =
        headers.get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.trim().parse::<i64>().ok());
    let after = seconds.map_or(60, |seconds| seconds.clamp(1, 3600));
    let detail = match status {
        StatusCode::TOO_MANY_REQUESTS => {
            "Apple takes no more requests for this key at the moment, so nothing was changed. Try again in a while.".to_owned()
        }
        status if status.is_server_error() => {
            "Apple has trouble of its own at the moment, so nothing was changed. Try again in a few minutes.".to_owned()
        }
        status => format!(
            "Something answered in Apple's place, or Apple answers differently than it used to (status {}), so nothing was changed. Try \
             again later; if it goes on, tell the person who runs this server.",
            status.as_u16()
        ),
    };
    Problem { retry_after: Some(after), ..Problem::new(Code::AppleUnavailable, detail) }
}
