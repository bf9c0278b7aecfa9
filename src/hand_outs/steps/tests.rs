use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{AccountId, ConnectionId, ConnectionKind, ConnectionState};
use proptest::{
    prelude::{Just, ProptestConfig, any},
    prop_assert, prop_assert_eq, prop_oneof, proptest,
    strategy::Strategy as _,
};
use serde_json::{Map, Value, json};
use store::connections::{self, Connection};

use super::*;

/// A key that openssl made for tests.
const KEY: &str = include_str!("../../../crates/appleid/src/api_key/fixtures/pkcs8.pem");

fn held(key_id: &str, issuer_id: Option<&str>, enterprise: bool) -> Held {
    let (id, at) = (ConnectionId::from_bytes([1; 16]), Timestamp::from_millis(0));
    Held {
        connection: Connection {
            id,
            account: AccountId::from_bytes([2; 16]),
            kind: ConnectionKind::ApiKey,
            name: "AuthKey".into(),
            state: ConnectionState::Good,
            created_at: at,
            checked_at: at,
            answer: None,
        },
        key: connections::ApiKey {
            connection: id,
            key_id: key_id.into(),
            issuer_id: issuer_id.map(str::to_owned),
            enterprise,
            can: String::new(),
            private_sealed: Vec::new(),
        },
    }
}

/// What a step makes of an answer.
#[derive(Debug, PartialEq, Eq)]
enum Made {
    /// There is no connection, and the step goes on without.
    Nothing,
    /// An API key: its ID, its issuer, and the DER in it.
    Key(String, String, Vec<u8>),
    /// An Apple ID.
    AppleId,
}

/// What a step that can't read an answer says, with the whole of the answer behind it.
type Printed = &'static str;

/// The names by which Go finds fields, whatever their case, and whether their kind is right. None of them may be missed.
const APPLE_ID: [&str; 5] =
    ["apple_id", "password", "app_specific_password", "connection_expiry_date", "session_cookies"];
const API_KEY: [&str; 3] = ["key_id", "issuer_id", "private_key"];

/// go-xcode's parser of an answer, as strict as its strictest version (the second, which counts `is_enterprise_account` to the key).
fn step(body: &str) -> Result<Made, Printed> {
    let Ok(Value::Object(fields)) = serde_json::from_str(body) else { return Err("not JSON") };
    let fields: Map<_, _> = fields.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
    let text = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err("wrong type"),
    };
    let has = |names: &[&str]| names.iter().any(|name| fields.contains_key(*name));
    for name in ["apple_id", "password", "app_specific_password"] {
        text(name)?;
    }
    match fields.get("connection_expiry_date") {
        None | Some(Value::Null) => {}
        Some(Value::String(at)) if is_rfc_3339(at) => {}
        Some(_) => return Err("wrong time"),
    }
    let cookies = fields.get("session_cookies").filter(|cookies| !cookies.is_null());
    for list in
        cookies.map(|cookies| cookies.as_object().ok_or("wrong type")).transpose()?.into_iter().flatten()
    {
        for cookie in list.1.as_array().into_iter().flatten() {
            if cookie.get("max_age").is_some_and(|age| !age.is_i64() && !age.is_null()) {
                return Err("wrong type");
            }
        }
    }
    for device in fields.get("test_devices").and_then(Value::as_array).into_iter().flatten() {
        let wrong = |name| device.get(name).is_some_and(|at: &Value| !at.as_str().is_some_and(is_rfc_3339));
        if wrong("created_at") || wrong("updated_at") {
            return Err("wrong time");
        }
    }
    if fields.get("is_enterprise_account").is_some_and(|is| !is.is_boolean()) {
        return Err("wrong type");
    }
    if has(&API_KEY) || has(&["is_enterprise_account"]) {
        let [key_id, issuer_id, private_key] = [text("key_id")?, text("issuer_id")?, text("private_key")?];
        if issuer_id.is_empty() {
            return Err("empty issuer_id in response");
        }
        if key_id.is_empty() {
            return Err("empty key_id in response");
        }
        if private_key.is_empty() {
            return Err("empty private_key in response");
        }
        // It makes a file's name of it.
        if key_id.contains(['/', '\\', '\0', '\n']) || key_id.starts_with('.') {
            return Err("a file elsewhere");
        }
        // One without its lines is given them, also one that has others.
        let inside = private_key
            .strip_prefix("-----BEGIN PRIVATE KEY-----\n")
            .and_then(|rest| rest.trim_end().strip_suffix("-----END PRIVATE KEY-----"))
            .ok_or("a broken key")?;
        let inside = STANDARD.decode(inside.replace('\n', "")).map_err(|_| "a broken key")?;
        return Ok(Made::Key(key_id.into(), issuer_id.into(), inside));
    }
    Ok(if has(&APPLE_ID) { Made::AppleId } else { Made::Nothing })
}

fn is_rfc_3339(text: &str) -> bool {
    // With a zone, which is what is forgotten.
    let zone = text.ends_with('Z')
        || text.get(text.len().saturating_sub(6)..).is_some_and(|zone| zone.starts_with(['+', '-']));
    zone && text.len() >= 20 && text.as_bytes()[10] == b'T'
}

#[test]
fn the_model_of_a_step_is_as_the_steps_were_seen_to_be() {
    let pem = ApiKey::read(KEY.as_bytes()).ok().unwrap().pem().expose().clone();
    let key = |more: Value| {
        let mut whole = json!({ "key_id": "K", "issuer_id": "I", "private_key": pem });
        whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        whole
    };
    let apple_id = |more: Value| {
        let mut whole = json!({ "apple_id": "a@example.org", "password": "p" });
        whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        whole
    };
    let device = |at: &str| json!({ "test_devices": [{ "device_identifier": "x", "created_at": at }] });
    let cookie = |age: Value| json!({ "session_cookies": { "https://idmsa.apple.com": [{ "name": "n", "max_age": age }] } });
    for (body, is_read) in [
        (json!({}), true),
        (json!({ "test_devices": null }), true),
        (device("2026-05-03T09:14:07Z"), true),
        (device(""), false),
        (apple_id(json!({})), true),
        (apple_id(json!({ "key_id": null, "issuer_id": null, "private_key": null })), false),
        (apple_id(json!({ "key_id": "", "issuer_id": "", "private_key": "" })), false),
        (apple_id(json!({ "is_enterprise_account": false })), false),
        (apple_id(json!({ "connection_expiry_date": null })), true),
        (apple_id(json!({ "connection_expiry_date": "2026-05-03T09:14:07+02:00" })), true),
        (apple_id(json!({ "connection_expiry_date": "2026-05-03T09:14:07.000Z" })), true),
        (apple_id(json!({ "connection_expiry_date": "" })), false),
        (apple_id(json!({ "connection_expiry_date": "2026-05-03T09:14:07" })), false),
        (apple_id(json!({ "connection_expiry_date": 1_777_777_777 })), false),
        (apple_id(json!({ "session_cookies": null, "app_specific_password": null })), true),
        (apple_id(cookie(json!(3600))), true),
        (apple_id(cookie(json!("3600"))), false),
        (key(json!({})), true),
        (key(json!({ "is_enterprise_account": true, "unknown": 1 })), true),
        (key(json!({ "is_enterprise_account": null })), false),
        (key(json!({ "apple_id": "a@example.org", "password": "p" })), true),
        (key(json!({ "issuer_id": "" })), false),
        (key(json!({ "KEY_ID": "" })), false),
        (
            key(
                json!({ "private_key": "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n" }),
            ),
            false,
        ),
    ] {
        let read = step(&body.to_string());
        assert_eq!(read.is_ok(), is_read, "{body}: {read:?}");
    }
    assert!(step("").is_err() && step("null").is_err() && step("[]").is_err());
}

/// A key in the form that is kept, whatever is in it: that its halves belong together is seen when it is connected.
fn any_key(private: [u8; 32], public: Vec<u8>) -> Vec<u8> {
    let mut der = ApiKey::read(KEY.as_bytes()).ok().unwrap().der().to_vec();
    let at = der.len() - 65;
    der[at + 1..].copy_from_slice(&public);
    der[36..68].copy_from_slice(&private);
    der
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_is_stored_no_step_refuses_its_answer_or_prints_it(
        key_id in prop_oneof!["[A-Z0-9]{10}", any::<String>(), "[./\\\\a-z\u{0}\n\"-]{0,4}"],
        issuer_id in prop_oneof![
            Just(None),
            "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".prop_map(Some),
            any::<String>().prop_map(Some),
            Just(Some(String::new())),
        ],
        enterprise: bool,
        private: [u8; 32],
        public in proptest::collection::vec(any::<u8>(), 64),
    ) {
        let der = any_key(private, public);
        let (held, key) = (held(&key_id, issuer_id.as_deref(), enterprise), ApiKey::kept(&der).unwrap());
        match body(&held, &key) {
            None => prop_assert!(!fits(&held)),
            Some(body) => {
                prop_assert!(fits(&held));
                let expected = Made::Key(key_id, issuer_id.unwrap(), der);
                prop_assert_eq!(step(&body), Ok(expected));
            }
        }
    }

    #[test]
    fn whatever_bytes_are_stored_are_a_key_in_its_form_or_none(der: Vec<u8>) {
        prop_assert!(ApiKey::kept(&der).is_none());
    }
}

#[test]
fn what_apple_gives_can_be_given_to_steps() {
    let issuer = Some("57246542-96fe-1a63-e053-0824d011072a");
    assert!(fits(&held("2X9R4HXF34", issuer, false)));
    for (key_id, issuer) in
        [("2X9R4HXF34", None), ("2X9R4HXF34", Some("")), ("", issuer), ("../../x", issuer), ("a b", issuer)]
    {
        assert!(!fits(&held(key_id, issuer, true)), "{key_id}");
    }
}

#[test]
fn a_missing_token_is_told_once_a_minute() {
    let (untold, now) = (Untold::default(), Timestamp::from_millis(1_777_777_777_000));
    let due = |at: i64| untold.is_due(now.plus_seconds(at));
    assert_eq!([0, 1, 59, 60, 61, -1].map(due), [true, false, false, true, false, true]);
}
