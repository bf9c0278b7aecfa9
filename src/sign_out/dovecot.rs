//! doveadm's HTTP API: one request ends the sessions of a user, or from Dovecot 2.4 on those of one app-specific password.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::SignOutWay;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use store::sign_outs::SignOut;
use url::Url;

use super::out::{Answer, Asker};

/// The field in which Dovecot 2.4 is told, at sign-in, which app-specific password a session belongs to.
pub const FIELD: &str = "user_apppw";
/// Where doveadm answers when the address names no path.
const PATH: &str = "/doveadm/v1";
/// What doveadm ends with when it found nothing to do.
const NOT_FOUND: i64 = 68;

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub enum Kicked {
    /// Sessions were ended.
    Some,
    /// There were none.
    None,
}

/// The address that is asked.
pub fn url(mut url: Url) -> Url {
    if url.path() == "/" {
        url.set_path(PATH);
    }
    url
}

/// Asks Dovecot to end what is open. An ID in the default domain may be known to it by the part before the `@`, as it may be here.
///
/// # Errors
/// In words, with what to do.
pub async fn kick(
    asker: &Asker,
    key: &str,
    way: SignOutWay,
    what: &SignOut,
    default_domain: &str,
) -> Result<Kicked, String> {
    if !way_names_password(way, what) && what.name.contains(['*', '?']) {
        // In doveadm's mask they stand for anybody, and nothing makes them stand for themselves.
        tracing::warn!("an ID with * or ? can't be signed out of Dovecot by name");
        return Ok(Kicked::None);
    }
    ask(asker, key, &command(way, what, default_domain)).await
}

/// Whether Dovecot does what it is asked, found out by asking for nobody: no name that people have is a single `@`.
///
/// # Errors
/// In words, with what to do.
pub async fn probe(asker: &Asker, key: &str) -> Result<(), String> {
    ask(asker, key, &json!([["kick", { "mask": ["@"] }, "doorkey"]])).await.map(drop)
}

async fn ask(asker: &Asker, key: &str, command: &Value) -> Result<Kicked, String> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(mut value) = HeaderValue::from_str(&format!("X-Dovecot-API {}", STANDARD.encode(key))) {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let answer = asker.post(headers, command.to_string().into_bytes()).await?;
    understood(&asker.place(), &answer)
}

fn way_names_password(way: SignOutWay, what: &SignOut) -> bool {
    way == SignOutWay::DovecotAppPassword && what.app_password.is_some()
}

fn command(way: SignOutWay, what: &SignOut, default_domain: &str) -> Value {
    if let Some(id) = what.app_password.filter(|_| way_names_password(way, what)) {
        return json!([["kick", { "passdbField": FIELD, "mask": [id.to_string()] }, "doorkey"]]);
    }
    let short = what.name.split_once('@').filter(|(_, domain)| *domain == default_domain);
    let mask = |name: &str| json!(["kick", { "mask": [name] }, "doorkey"]);
    std::iter::once(what.name.as_str()).chain(short.map(|(local, _)| local)).map(mask).collect()
}

fn understood(place: &str, answer: &Answer) -> Result<Kicked, String> {
    match answer.status.as_u16() {
        200 => {}
        401 | 403 => return Err(format!("{place} refused the key. Enter Dovecot’s doveadm_api_key here.")),
        404 => return Err(format!("{place} has no doveadm at this address. It is /doveadm/v1 as a rule.")),
        other => return Err(format!("{place} answered {other}, which doveadm doesn’t say.")),
    }
    let said: Vec<Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
    if said.is_empty() {
        return Err(format!("{place} doesn’t answer as doveadm does. Check the address."));
    }
    let mut kicked = Kicked::None;
    for one in &said {
        if done(place, one)? == Kicked::Some {
            kicked = Kicked::Some;
        }
    }
    Ok(kicked)
}

/// What came of one command.
fn done(place: &str, said: &Value) -> Result<Kicked, String> {
    match (said.get(0).and_then(Value::as_str), said.get(1)) {
        (Some("doveadmResponse"), Some(_)) => Ok(Kicked::Some),
        (Some("error"), Some(why)) => {
            let kind = why.get("type").and_then(Value::as_str).unwrap_or_default();
            match why.get("exitCode").and_then(Value::as_i64) {
                Some(NOT_FOUND) if kind == "exitCode" => Ok(Kicked::None),
                // An old Dovecot knows no fields.
                Some(code) => Err(format!(
                    "doveadm at {place} could not do it ({kind}, exit code {code}). Its log says why."
                )),
                None => Err(format!("doveadm at {place} could not do it. Its log says why.")),
            }
        }
        _ => Err(format!("{place} doesn’t answer as doveadm does. Check the address.")),
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        AccountId, AppPasswordId, Initiator, RequestId, ServiceId, SignOutId, SignOutKind, Timestamp,
    };
    use reqwest::StatusCode;

    use super::*;

    fn what(app_password: Option<AppPasswordId>) -> SignOut {
        let at = Timestamp::from_millis(0);
        SignOut {
            id: SignOutId::from_bytes([1; 16]),
            service: ServiceId::from_bytes([2; 16]),
            kind: SignOutKind::Kick,
            whose: AccountId::from_bytes([3; 16]),
            name: "o\"brien@example.org".into(),
            app_password,
            label: String::new(),
            event: 1,
            request: RequestId::from_bytes([5; 16]),
            initiator: Initiator::User,
            happened_at: at,
            round: 0,
            attempts: 0,
            next_at: at,
        }
    }

    #[test]
    fn it_is_asked_by_user_or_by_password() {
        let (all, one) = (what(None), what(Some(AppPasswordId::from_bytes([4; 16]))));
        let by_user = r#"[["kick",{"mask":["o\"brien@example.org"]},"doorkey"]]"#;
        let by_password = r#"[["kick",{"passdbField":"user_apppw","mask":["apw_04040404040404040404040404040404"]},"doorkey"]]"#;
        for (way, what, asked) in [
            (SignOutWay::DovecotUser, &one, by_user),
            (SignOutWay::DovecotUser, &all, by_user),
            (SignOutWay::DovecotAppPassword, &one, by_password),
            (SignOutWay::DovecotAppPassword, &all, by_user),
        ] {
            assert_eq!(command(way, what, "").to_string(), asked);
        }
        let both = r#"[["kick",{"mask":["o\"brien@example.org"]},"doorkey"],["kick",{"mask":["o\"brien"]},"doorkey"]]"#;
        assert_eq!(command(SignOutWay::DovecotUser, &one, "example.org").to_string(), both);
        assert_eq!(command(SignOutWay::DovecotUser, &one, "example.com").to_string(), by_user);
    }

    #[tokio::test]
    async fn a_name_that_would_stand_for_others_is_never_asked_for() {
        // Nobody listens there: whoever is asked for would be an error.
        let asker = Asker::new(Url::parse("http://127.0.0.1:1/doveadm/v1").unwrap()).unwrap();
        for name in ["*@example.org", "ad?@example.org"] {
            let what = SignOut { name: name.into(), ..what(None) };
            assert_eq!(
                kick(&asker, "key", SignOutWay::DovecotUser, &what, "").await,
                Ok(Kicked::None),
                "{name}"
            );
        }
        assert!(kick(&asker, "key", SignOutWay::DovecotUser, &what(None), "").await.is_err());
    }

    #[test]
    fn nothing_to_end_is_no_failure_and_anything_else_is() {
        let answered = |status, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            understood("http://d", &Answer { status, body: body.into() })
        };
        let done = r#"[["doveadmResponse",[{"result":"ada@example.org"}],"doorkey"]]"#;
        assert_eq!(answered(200, done), Ok(Kicked::Some));
        let nothing = r#"[["error",{"type":"exitCode", "exitCode":68},"doorkey"]]"#;
        assert_eq!(answered(200, nothing), Ok(Kicked::None));
        let both = format!("[{},{}]", &nothing[1..nothing.len() - 1], &done[1..done.len() - 1]);
        assert_eq!(answered(200, &both), Ok(Kicked::Some));
        for (status, body) in [
            (200, r#"[["error",{"type":"exitCode", "exitCode":75},"doorkey"]]"#),
            (200, r#"[["error",{"type":"unknownMethod", "exitCode":68},"doorkey"]]"#),
            (200, r#"[["error",{},"doorkey"]]"#),
            (200, "[]"),
            (200, "{}"),
            (200, "Welcome"),
            (200, ""),
            (401, ""),
            (302, done),
            (404, ""),
            (500, done),
        ] {
            let why = answered(status, body).unwrap_err();
            assert!(why.contains("http://d"), "{why}");
        }
    }

    #[test]
    fn an_address_without_a_path_has_the_usual_one() {
        let of = |typed: &str| url(Url::parse(typed).unwrap()).to_string();
        assert_eq!(of("http://127.0.0.1:8080"), "http://127.0.0.1:8080/doveadm/v1");
        assert_eq!(of("http://127.0.0.1:8080/mail/doveadm/v1"), "http://127.0.0.1:8080/mail/doveadm/v1");
    }
}
