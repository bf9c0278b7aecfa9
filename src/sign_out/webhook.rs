//! Webhooks: a Security Event Token (RFC 8417) with one event of CAEP, pushed as RFC 8935 has it.

use domain::SignOutKind;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::sign_outs::SignOut;

use super::out::{Answer, Asker};

/// The type of the token.
pub const TYPE: &str = "secevent+jwt";
const EVENTS: &str = "https://schemas.openid.net/secevent/caep/event-type/";
/// How many characters of what a webhook says are shown.
const SHOWN: usize = 200;

/// Why a webhook didn't take a token.
#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It doesn't want this one: in words.
    Refused(String),
    /// It takes none now: in words, with what to do.
    NotNow(String),
}

/// What the token says. It is the same however often it is sent.
pub fn claims(issuer: &str, audience: &str, what: &SignOut) -> Value {
    let user = json!({ "format": "email", "email": what.name });
    let at = what.happened_at.seconds();
    let mut event = Map::new();
    event.insert("event_timestamp".into(), at.into());
    event.insert("initiating_entity".into(), what.initiator.code().into());
    let (name, subject) = match (what.kind, what.app_password) {
        (SignOutKind::CredentialChange, _) => {
            event.insert("credential_type".into(), "app-password".into());
            event.insert("change_type".into(), "revoke".into());
            event.insert("friendly_name".into(), what.label.as_str().into());
            ("credential-change", user)
        }
        // The sessions of that password, and no others.
        (_, Some(id)) => {
            let session = json!({ "format": "opaque", "id": id.to_string() });
            ("session-revoked", json!({ "format": "complex", "user": user, "session": session }))
        }
        (_, None) => ("session-revoked", user),
    };
    let mut events = Map::new();
    events.insert(format!("{EVENTS}{name}"), event.into());
    json!({
        "iss": issuer,
        "jti": what.id.to_string(),
        "iat": at,
        "aud": audience,
        "txn": what.request.to_string(),
        "sub_id": subject,
        "events": events,
    })
}

/// Hands the token to the webhook.
///
/// # Errors
/// In words.
pub async fn push(asker: &Asker, key: &str, token: String) -> Result<(), Trouble> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/secevent+jwt"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if !key.is_empty()
        && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {key}"))
    {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let answer = asker.post(headers, token.into_bytes()).await.map_err(Trouble::NotNow)?;
    understood(&asker.place(), &answer)
}

fn understood(place: &str, answer: &Answer) -> Result<(), Trouble> {
    match answer.status.as_u16() {
        200 | 202 | 204 => Ok(()),
        400 => Err(Trouble::Refused(format!("{place} refused a token{}", reason(&answer.body)))),
        401 | 403 => Err(Trouble::NotNow(format!("{place} refused the key. Enter its bearer token here."))),
        300..=399 => {
            Err(Trouble::NotNow(format!("{place} sends on to another address. Enter that one here.")))
        }
        // It may be about this one: the others don't wait for it.
        404 | 410 => Err(Trouble::Refused(format!(
            "{place} has no webhook at this address, or doesn’t know whom it was told of. Check the path."
        ))),
        other @ (405..=428 | 500) => {
            Err(Trouble::Refused(format!("{place} answered {other}. Its log may say why.")))
        }
        other => Err(Trouble::NotNow(format!("{place} answered {other}. Its log may say why."))),
    }
}

/// What a webhook says of a token that it refuses (RFC 8935, section 2.3).
fn reason(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Said {
        err: String,
        #[serde(default)]
        description: String,
    }
    let shown = |text: &str| -> String { text.chars().filter(|c| !c.is_control()).take(SHOWN).collect() };
    match serde_json::from_slice::<Said>(body) {
        Ok(Said { err, description }) if description.is_empty() => format!(": {}.", shown(&err)),
        Ok(Said { err, description }) => format!(": {} ({}).", shown(&err), shown(&description)),
        Err(_) => ", and doesn’t say why.".into(),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    #[test]
    fn what_a_webhook_answers_is_told_from_what_it_means() {
        let answered = |status, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            understood("https://w", &Answer { status, body: body.into() })
        };
        for status in [200, 202, 204] {
            assert_eq!(answered(status, "whatever"), Ok(()));
        }
        let refused = |body| match answered(400, body) {
            Err(Trouble::Refused(words)) => words,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            refused(r#"{"err":"invalid_key","description":"unknown\n kid"}"#),
            "https://w refused a token: invalid_key (unknown kid)."
        );
        assert_eq!(refused(r#"{"err":"jwtAud"}"#), "https://w refused a token: jwtAud.");
        assert_eq!(refused("no"), "https://w refused a token, and doesn’t say why.");
        assert!(refused(&format!(r#"{{"err":"{}"}}"#, "x".repeat(5000))).len() < 300);
        for status in [404, 409, 410, 422, 500] {
            assert!(matches!(answered(status, ""), Err(Trouble::Refused(_))), "{status}");
        }
        for status in [301, 307, 401, 403, 429, 502, 503] {
            assert!(matches!(answered(status, ""), Err(Trouble::NotNow(_))), "{status}");
        }
    }
}
