use proptest::prelude::*;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::json;

use super::*;

fn part(of: &Value) -> String {
    URL_SAFE_NO_PAD.encode(of.to_string())
}

fn written(header: &Value) -> String {
    format!("{}.{}.{}", part(header), part(&json!({ "iss": "x" })), URL_SAFE_NO_PAD.encode([7; 64]))
}

struct Signer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self { pair: EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap(), random }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&self.random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn key(&self, more: Value) -> Value {
        let point = self.pair.public_key().as_ref();
        let mut key = json!({
            "kty": "EC", "crv": "P-256",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]),
        });
        for (name, value) in more.as_object().unwrap() {
            key[name] = value.clone();
        }
        key
    }
}

fn keys(of: &[Value]) -> Keys {
    Keys::parse(json!({ "keys": of }).to_string().as_bytes()).unwrap()
}

#[test]
fn only_what_is_signed_in_a_way_that_is_taken_can_be_read() {
    assert!(Token::parse(&written(&json!({ "alg": "ES256", "kid": "a", "typ": "JWT" }))).is_ok());
    for (header, why) in [
        (json!({ "alg": "none" }), Unreadable::Algorithm),
        (json!({ "alg": "None" }), Unreadable::Algorithm),
        (json!({ "alg": "HS256" }), Unreadable::Algorithm),
        (json!({ "alg": "RS512" }), Unreadable::Algorithm),
        (json!({ "alg": "es256" }), Unreadable::Algorithm),
        (json!({ "alg": null }), Unreadable::NotOne),
        (json!({ "alg": ["ES256"] }), Unreadable::NotOne),
        (json!({}), Unreadable::NotOne),
        (json!({ "alg": "ES256", "kid": 7 }), Unreadable::NotOne),
        (json!({ "alg": "ES256", "crit": ["exp"] }), Unreadable::Critical),
        (json!({ "alg": "ES256", "b64": false, "crit": ["b64"] }), Unreadable::Critical),
        (json!([]), Unreadable::NotOne),
    ] {
        assert_eq!(Token::parse(&written(&header)).unwrap_err(), why, "{header}");
    }
    assert_eq!(Token::parse(&"a".repeat(LONGEST + 1)).unwrap_err(), Unreadable::TooLong);
}

#[test]
fn a_token_is_written_in_one_way_only() {
    let good = Signer::new().sign(&json!({ "alg": "ES256" }), &json!({ "iss": "x" }));
    assert!(Token::parse(&good).is_ok());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    for wrong in [
        format!("{good}="),
        format!("{good}."),
        format!(".{good}"),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{signed}.{}+", &signature[..signature.len() - 1]),
        signed.to_owned(),
        String::new(),
        "..".into(),
        // The last character of 64 bytes has four bits that say nothing, and have to be zero.
        format!("{signed}.{}_", &signature[..signature.len() - 1]),
    ] {
        assert!(Token::parse(&wrong).is_err(), "{wrong}");
    }
    let twice = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","alg":"ES256"}"#);
    assert!(Token::parse(&format!("{twice}.{}.{signature}", part(&json!({})))).is_err());
}

#[test]
fn the_key_says_how_it_is_signed() {
    let (signer, other) = (Signer::new(), Signer::new());
    let text = signer.sign(&json!({ "alg": "ES256", "kid": "a" }), &json!({ "iss": "x" }));
    let token = Token::parse(&text).unwrap();
    let with = |more: Value| keys(&[signer.key(more)]);
    assert!(with(json!({ "kid": "a" })).signed(&token));
    assert!(with(json!({ "kid": "a", "alg": "ES256", "use": "sig", "key_ops": ["verify"] })).signed(&token));
    for other in [
        json!({ "kid": "b" }),
        json!({}),
        json!({ "kid": "a", "alg": "ES384" }),
        json!({ "kid": "a", "use": "enc" }),
        json!({ "kid": "a", "key_ops": ["sign"] }),
        json!({ "kid": "a", "crv": "P-384" }),
    ] {
        assert!(!with(other.clone()).signed(&token), "{other}");
    }
    assert!(!keys(&[other.key(json!({ "kid": "a" }))]).signed(&token));
    // An RSA key of that name verifies nothing that says to be elliptic.
    let rsa = json!({ "kty": "RSA", "kid": "a", "n": URL_SAFE_NO_PAD.encode([0xc7; 256]), "e": "AQAB" });
    assert!(keys(std::slice::from_ref(&rsa)).know(&token) && !keys(&[rsa]).signed(&token));
    // Without a name in the token each key is tried.
    let text = signer.sign(&json!({ "alg": "ES256" }), &json!({ "iss": "x" }));
    let token = Token::parse(&text).unwrap();
    assert!(keys(&[other.key(json!({ "kid": "a" })), signer.key(json!({ "kid": "b" }))]).signed(&token));
}

#[test]
fn the_same_token_signed_in_another_way_is_the_same() {
    let signer = Signer::new();
    let (header, claims) = (json!({ "alg": "ES256" }), json!({ "iss": "x" }));
    let (one, other) = (signer.sign(&header, &claims), signer.sign(&header, &claims));
    assert_ne!(one, other);
    assert_eq!(Token::parse(&one).unwrap().hash(), Token::parse(&other).unwrap().hash());
}

#[test]
fn a_set_of_keys_is_bounded_and_skips_what_it_does_not_know() {
    let signer = Signer::new();
    let mut all: Vec<_> = (0..100).map(|n| signer.key(json!({ "kid": n.to_string() }))).collect();
    all.insert(0, json!({ "kty": "oct", "k": "c2VjcmV0" }));
    all.insert(0, json!(7));
    assert_eq!(keys(&all).0.len(), KEYS);
    for wrong in ["", "{}", r#"{"keys":7}"#, r#"{"keys":[],"keys":[]}"#] {
        assert!(Keys::parse(wrong.as_bytes()).is_none(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn nothing_that_is_sent_makes_it_fall(text in "\\PC{0,300}", bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Token::parse(&text);
        let _ = Token::parse(&format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(&bytes), part(&json!({})), "AA"));
        let _ = Keys::parse(&bytes);
    }

    #[test]
    fn whatever_is_changed_in_a_token_is_noticed(place in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let signer = Signer::new();
        let text = signer.sign(&json!({ "alg": "ES256", "kid": "a" }), &json!({ "iss": "x", "aud": "y", "exp": 1 }));
        let keys = keys(&[signer.key(json!({ "kid": "a" }))]);
        prop_assert!(keys.signed(&Token::parse(&text).unwrap()));
        let place = place.index(text.len());
        let mut changed = text.clone();
        changed.replace_range(place..=place, &to);
        prop_assume!(changed != text);
        prop_assert!(!Token::parse(&changed).is_ok_and(|token| keys.signed(&token)));
    }
}

/// Tokens and keys that another program made, one for each algorithm; the last with a key of 1024 bits.
#[test]
fn what_others_sign_is_verified_by_their_key_and_no_other() {
    let signed: Vec<Value> = serde_json::from_str(include_str!("signed.json")).unwrap();
    assert_eq!(signed.len(), ALGORITHMS.len() + 1);
    for (place, one) in signed.iter().enumerate() {
        let token = Token::parse(one["token"].as_str().unwrap()).unwrap();
        for (other, of) in signed.iter().enumerate() {
            let is_its_own = place == other || (place < 2 && other < 2);
            let good = is_its_own && one["too_small"] != true;
            assert_eq!(keys(&[of["key"].clone()]).signed(&token), good, "{place} {other}");
        }
    }
}
