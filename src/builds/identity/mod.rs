//! A CI's identity tokens (OpenID Connect Core 1.0): whether one is genuine, and for this server. What a project makes of it, its rules say.

use std::fmt;

use domain::Timestamp;
use serde_json::{Map, Value};
use store::issuers::{self, Issuer};

use crate::app::App;
use jws::{Token, Unreadable};

pub mod fetch;
pub mod jws;
pub mod known;
pub mod strict;

/// By how many seconds the clocks of an issuer and of this server may differ.
const LEEWAY: i64 = 60;
/// How long a token may last, in seconds.
const LONGEST_LIFE: i64 = 24 * 60 * 60;

/// What a genuine token says.
pub struct Identity {
    /// Who signed it.
    pub issuer: Issuer,
    /// Its claims.
    pub claims: Claims,
    /// What it is known by.
    pub hash: [u8; 32],
    /// When it was issued.
    pub issued_at: Timestamp,
    /// From when on it can't come again.
    pub ends_at: Timestamp,
}

/// The claims of a token.
#[derive(Clone, Debug)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// A claim, if it says anything: a number, or whether something is so, as it is written. Lists and objects say nothing here.
    pub fn get(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) if !number.is_f64() => Some(number.to_string()),
            Value::Bool(so) => Some(so.to_string()),
            _ => None,
        }
    }

    /// The claims that say something, in their order.
    pub fn all(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.keys().filter_map(|name| Some((name.as_str(), self.get(name)?)))
    }

    #[cfg(test)]
    pub(in crate::builds) fn of(claims: Value) -> Self {
        match claims {
            Value::Object(claims) => Self(claims),
            _ => panic!("claims are an object"),
        }
    }
}

/// Why a token isn't taken, whatever the rules say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotGenuine {
    /// It can't be read.
    Unreadable(Unreadable),
    /// A claim that each has is missing, or isn't what it should be.
    Claim(&'static str),
    /// Nobody has added its issuer here.
    UnknownIssuer(String),
    /// The issuer's keys can't be had.
    NoKeys(String, String),
    /// It isn't signed with one of the issuer's keys.
    Signature(String),
    /// It is for somebody else.
    Audience {
        /// For whom it has to be.
        expected: String,
    },
    /// Its time is over.
    Expired(Timestamp),
    /// Its time hasn't come.
    Early,
    /// It lasts too long.
    LongLived,
}

impl fmt::Display for NotGenuine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(Unreadable::TooLong) => {
                write!(f, "It is longer than {} KiB, which no identity token is.", jws::LONGEST / 1024)
            }
            Self::Unreadable(Unreadable::NotOne) => {
                f.write_str("It isn't an identity token: three parts with dots between. Send it whole.")
            }
            Self::Unreadable(Unreadable::Algorithm) => f.write_str(
                "It is unsigned, or signed in a way that isn't taken: RS256, PS256, ES256, ES384 and EdDSA are.",
            ),
            Self::Unreadable(Unreadable::Critical) => {
                f.write_str("It needs extensions that aren't known here (crit).")
            }
            Self::Claim(name) => {
                write!(f, "Its claim {name} is missing, or isn't what it has to be. Use the CI's own identity token.")
            }
            Self::UnknownIssuer(issuer) => write!(
                f,
                "It was issued by {issuer}, which this server doesn't know. An administrator of the server can add it: \
                 doorkey admin issuer add."
            ),
            Self::NoKeys(issuer, why) => {
                write!(f, "The keys of {issuer} can't be had: {why}. Try again in half a minute.")
            }
            Self::Signature(issuer) => write!(
                f,
                "It isn't signed with one of the keys that {issuer} has. Use the token as the CI gave it; if its keys are new, try \
                 again in half a minute."
            ),
            Self::Audience { expected } => {
                write!(f, "It is for somebody else. Ask the CI for one with the audience {expected}.")
            }
            Self::Expired(at) => {
                write!(f, "It expired at {}. Ask the CI for a new one right before it is used.", at.exact())
            }
            Self::Early => f.write_str(
                "It isn't good yet: its time lies ahead. Look at the clocks of the CI and of this server.",
            ),
            Self::LongLived => f.write_str("It lasts longer than 24 hours. Ask the CI for one that doesn't."),
        }
    }
}

/// What looking at a token found: what it says, if it could be read, and whether it is genuine.
pub struct Looked {
    /// The issuer, if it is one that was added here.
    pub issuer: Option<Issuer>,
    /// What it says, true or not.
    pub claims: Option<Claims>,
    /// Why it isn't genuine, or what proves that it is.
    pub genuine: Result<Identity, NotGenuine>,
}

/// A token that is genuine, for this server, and of now.
///
/// # Errors
/// Why it isn't; `Err` of the outer kind as the database has them.
pub async fn verify(app: &App, text: &str) -> Result<Result<Identity, NotGenuine>, store::DbError> {
    Ok(look(app, text).await?.genuine)
}

/// The same, with what the token says when it isn't genuine.
///
/// # Errors
/// As the database has them.
pub async fn look(app: &App, text: &str) -> Result<Looked, store::DbError> {
    let token = match Token::parse(text) {
        Ok(token) => token,
        Err(why) => {
            return Ok(Looked { issuer: None, claims: None, genuine: Err(NotGenuine::Unreadable(why)) });
        }
    };
    let claims = Claims(token.claims.clone());
    let said = |issuer, genuine| Looked { issuer, claims: Some(claims.clone()), genuine };
    let Some(url) = token.claims.get("iss").and_then(Value::as_str) else {
        return Ok(said(None, Err(NotGenuine::Claim("iss"))));
    };
    let Some(issuer) = app.store.read(|conn| issuers::by_url(conn, url))? else {
        return Ok(said(None, Err(NotGenuine::UnknownIssuer(shown(url)))));
    };
    let keys = match app.identities.keys_for(&issuer, &token, &app.clock).await {
        Ok(keys) => keys,
        Err(why) => {
            let none = NotGenuine::NoKeys(issuer.name.clone(), why);
            return Ok(said(Some(issuer), Err(none)));
        }
    };
    if !keys.signed(&token) {
        let name = issuer.name.clone();
        return Ok(said(Some(issuer), Err(NotGenuine::Signature(name))));
    }
    let genuine = times(&token.claims, app.clock.now()).and_then(|(issued_at, ends_at)| {
        let audience = audience(app, &issuer);
        if !is_for(&token.claims, audience) {
            return Err(NotGenuine::Audience { expected: audience.to_owned() });
        }
        Ok(Identity {
            issuer: issuer.clone(),
            claims: claims.clone(),
            hash: token.hash(),
            issued_at,
            ends_at,
        })
    });
    Ok(said(Some(issuer), genuine))
}

/// What the issuer's tokens for this server have to say in `aud`.
pub fn audience<'a>(app: &'a App, issuer: &'a Issuer) -> &'a str {
    issuer.audience.as_deref().unwrap_or(app.config.http.public_url.as_str())
}

/// What somebody sent, short enough to be said again.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !domain::is_invisible(*c)).take(200).collect()
}

/// Whether the token is for this audience: it names it, alone or among others, to the letter.
fn is_for(claims: &Map<String, Value>, audience: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(some)) => {
            some.iter().all(Value::is_string) && some.iter().any(|one| one == audience)
        }
        _ => false,
    }
}

/// When a token was issued and when it can't be used any more, if it can be used now.
fn times(claims: &Map<String, Value>, now: Timestamp) -> Result<(Timestamp, Timestamp), NotGenuine> {
    // Seconds, which some write with a fraction. What is far from our time isn't one.
    let time = |name: &'static str| match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => {
            let seconds = number.as_f64().filter(|seconds| (0.0..1e11).contains(seconds));
            let seconds = seconds.ok_or(NotGenuine::Claim(name))?;
            #[expect(clippy::cast_possible_truncation, reason = "it lies between 0 and 1e11")]
            Ok(Some(Timestamp::from_millis(seconds as i64 * 1000)))
        }
        Some(_) => Err(NotGenuine::Claim(name)),
    };
    let expires_at = time("exp")?.ok_or(NotGenuine::Claim("exp"))?;
    let issued_at = time("iat")?.ok_or(NotGenuine::Claim("iat"))?;
    let begins_at = time("nbf")?.unwrap_or(issued_at);
    let ends_at = expires_at.plus_seconds(LEEWAY);
    if ends_at <= now {
        return Err(NotGenuine::Expired(expires_at));
    }
    let latest = now.plus_seconds(LEEWAY);
    if begins_at > latest || issued_at > latest {
        return Err(NotGenuine::Early);
    }
    if expires_at.since(issued_at) > LONGEST_LIFE * 1000 {
        return Err(NotGenuine::LongLived);
    }
    Ok((issued_at, ends_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOON: i64 = 1_777_777_777;

    fn at(claims: Value) -> Result<(), NotGenuine> {
        let Value::Object(claims) = claims else { panic!("claims") };
        times(&claims, Timestamp::from_millis(NOON * 1000)).map(drop)
    }

    #[test]
    fn a_token_is_of_now_and_lasts_no_longer_than_a_day() {
        let expired = |seconds| Err(NotGenuine::Expired(Timestamp::from_millis(seconds * 1000)));
        for (claims, found) in [
            (json!({ "iat": NOON, "exp": NOON + 300 }), Ok(())),
            (json!({ "iat": NOON + 59, "nbf": NOON + 59, "exp": NOON + 300 }), Ok(())),
            (json!({ "iat": NOON - 300, "exp": NOON - 59 }), Ok(())),
            (json!({ "iat": 1_777_777_776.5, "exp": NOON + 300 }), Ok(())),
            (json!({ "iat": NOON - 300, "exp": NOON - 60 }), expired(NOON - 60)),
            (json!({ "iat": NOON + 61, "exp": NOON + 300 }), Err(NotGenuine::Early)),
            (json!({ "iat": NOON, "nbf": NOON + 61, "exp": NOON + 300 }), Err(NotGenuine::Early)),
            (json!({ "iat": NOON, "exp": NOON + 86_401 }), Err(NotGenuine::LongLived)),
            (json!({ "exp": NOON + 300 }), Err(NotGenuine::Claim("iat"))),
            (json!({ "iat": NOON }), Err(NotGenuine::Claim("exp"))),
            (json!({ "iat": NOON, "exp": (NOON + 300).to_string() }), Err(NotGenuine::Claim("exp"))),
            (json!({ "iat": NOON, "exp": 1e300 }), Err(NotGenuine::Claim("exp"))),
            (json!({ "iat": -1, "exp": NOON + 300 }), Err(NotGenuine::Claim("iat"))),
            (json!({ "iat": NOON, "nbf": null, "exp": NOON + 300 }), Err(NotGenuine::Claim("nbf"))),
        ] {
            assert_eq!(at(claims.clone()), found, "{claims}");
        }
    }

    #[test]
    fn the_audience_is_named_to_the_letter() {
        for (aud, found) in [
            (json!("https://doorkey.example"), true),
            (json!(["x", "https://doorkey.example"]), true),
            (json!("https://doorkey.example/"), false),
            (json!("https://doorkey.example.evil"), false),
            (json!("https://DOORKEY.example"), false),
            (json!([]), false),
            (json!(["https://doorkey.example", 7]), false),
            (json!({ "0": "https://doorkey.example" }), false),
            (Value::Null, false),
        ] {
            let Value::Object(claims) = json!({ "aud": aud }) else { panic!("claims") };
            assert_eq!(is_for(&claims, "https://doorkey.example"), found, "{claims:?}");
        }
    }

    #[test]
    fn a_claim_says_something_or_it_is_not_there() {
        let claims = json!({ "a": "x", "b": 7, "c": true, "d": "", "e": null, "f": ["x"], "g": 7.0 });
        let claims = Claims::of(claims);
        let said: Vec<_> = claims.all().collect();
        assert_eq!(said, [("a", "x".to_owned()), ("b", "7".into()), ("c", "true".into())]);
    }
}
