use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use proptest::prelude::*;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey},
};
use serde_json::{Value, json};

use super::*;

/// Keys and certificates that openssl made for these tests; nothing else has ever used them.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/", $name))
    };
}

const GOOD: &str = fixture!("pkcs8.pem");

fn good() -> ApiKey {
    read(GOOD).ok().unwrap()
}

fn read(given: impl AsRef<[u8]>) -> Result<ApiKey, ReadError> {
    ApiKey::read(given.as_ref())
}

fn error(given: impl AsRef<[u8]>) -> ReadError {
    read(given).err().unwrap()
}

/// What is inside of PEM.
fn inside(pem: &str) -> Vec<u8> {
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(lines).unwrap()
}

#[test]
fn a_key_that_was_kept_is_that_key_and_anything_else_is_none() {
    let der = good().der().to_vec();
    let kept = ApiKey::kept(&der).unwrap();
    assert_eq!((kept.der(), kept.pem().expose()), (&*der, good().pem().expose()));
    for cut in 0..der.len() {
        assert!(ApiKey::kept(&der[..cut]).is_none(), "{cut}");
    }
    let mut longer = der.clone();
    longer.push(0);
    let mut compressed = der;
    compressed[73] = 2;
    for other in [longer, compressed, inside(fixture!("sec1.pem")), Vec::new()] {
        assert!(ApiKey::kept(&other).is_none());
    }
}

#[test]
fn every_form_of_one_key_is_that_key() {
    let lines: Vec<_> = GOOD.lines().collect();
    let body = STANDARD.encode(inside(GOOD));
    let unpadded = body.trim_end_matches('=');
    let forms = [
        GOOD.to_owned(),
        GOOD.replace('\n', "\r\n"),
        GOOD.replace('\n', "\r"),
        GOOD.trim_end().to_owned(),
        format!("\u{feff}{GOOD}"),
        format!("\n\n   {}  \n", lines.join("   \n    ")),
        format!("here it is:\n{GOOD}thanks"),
        lines.join(" "),
        lines.join(""),
        lines.join("\\n"),
        format!("\"{}\\n\"", lines.join("\\r\\n")),
        format!("-----BEGIN PRIVATE KEY-----\n{unpadded}\n-----END PRIVATE KEY-----"),
        body.clone(),
        format!("  {unpadded}\n"),
        format!("\"{body}\""),
        inside(GOOD).chunks(33).map(|part| STANDARD.encode(part)).collect::<Vec<_>>().join("\r\n"),
        STANDARD.encode(GOOD),
        STANDARD.encode(GOOD.replace('\n', "\r\n")).trim_end_matches('=').to_owned(),
        fixture!("sec1.pem").to_owned(),
        STANDARD.encode(fixture!("sec1.pem")),
    ];
    for form in &forms {
        match read(form) {
            Ok(key) => assert_eq!(key.der(), inside(GOOD), "{form}"),
            Err(error) => panic!("{form}: {error}"),
        }
    }
    for pem in [GOOD, fixture!("sec1.pem")] {
        assert_eq!(read(inside(pem)).ok().unwrap().der(), inside(GOOD));
    }
    assert!(read(fixture!("sec1_params.pem")).is_ok(), "with the curve in a block before it");
}

#[test]
fn apples_own_form_names_the_curve_twice() {
    // Apple's files have the curve within the key too: `MIGTAgEAMBMG...oAoGCCqGSM49AwEH`.
    let ours = inside(GOOD);
    let curve = [&[0xa0, 0x0a, 0x06, 0x08][..], &ours[19..27]].concat();
    let mut apples = ours.clone();
    apples.splice(68..68, curve.iter().copied());
    for (at, by) in [(2, 12), (28, 12), (30, 12)] {
        apples[at] += by;
    }
    assert!(STANDARD.encode(&apples).starts_with("MIGTAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBHkwdwIBAQQg"));
    assert_eq!(read(&apples).ok().unwrap().der(), ours);
    assert_eq!(read(STANDARD.encode(apples)).ok().unwrap().der(), ours);
}

#[test]
fn what_is_no_api_key_is_called_what_it_is() {
    use ReadError as E;
    for (given, expected) in [
        ("", E::Empty),
        (" \r\n\t", E::Empty),
        (fixture!("certificate.pem"), E::Certificate),
        (fixture!("request.csr"), E::Request),
        (fixture!("certificates.p7.pem"), E::Bundle),
        (fixture!("public.pem"), E::PublicKey),
        (fixture!("rsa.pem"), E::Rsa),
        (fixture!("rsa_pkcs8.pem"), E::Rsa),
        (fixture!("p384.pem"), E::OtherCurve),
        (fixture!("p384_sec1.pem"), E::OtherCurve),
        (fixture!("pkcs8_explicit.pem"), E::OtherCurve),
        (fixture!("ed25519.pem"), E::OtherSort),
        (fixture!("openssh.pem"), E::OtherSort),
        (fixture!("encrypted.pem"), E::Encrypted),
        (fixture!("encrypted_sec1.pem"), E::Encrypted),
        (fixture!("pkcs8_without_public.pem"), E::NoPublicHalf),
        (fixture!("sec1_without_public.pem"), E::NoPublicHalf),
        (fixture!("pkcs8_compressed.pem"), E::NoPublicHalf),
        (&[GOOD, GOOD].concat(), E::Several),
        (&[GOOD, fixture!("certificate.pem")].concat(), E::Several),
        (&GOOD[..GOOD.len() / 2], E::Damaged),
        (&GOOD.replace("END", "ENDE"), E::Damaged),
        (&GOOD.replace("AgEAMBMG", "AgEAMBM"), E::Damaged),
        (&GOOD.replace("AgEAMBMG", "AgEA!BMG"), E::Damaged),
        ("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", E::Damaged),
        ("-----BEGIN PRIVATE KEY", E::Damaged),
        ("-----BEGIN PGP MESSAGE-----\nxxxx\n-----END PGP MESSAGE-----", E::NotAKey),
        ("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----", E::NotAKey),
        ("2X9R4HXF34", E::NotAKey),
        ("0", E::NotAKey),
        ("<html><body>Sign in</body></html>", E::NotAKey),
        (r#"{"key_id": "2X9R4HXF34"}"#, E::NotAKey),
        ("kluč", E::NotAKey),
        (&"A".repeat(20_000), E::TooLarge),
    ] {
        assert_eq!(error(given), expected, "{given}");
    }
    let bundle = include_bytes!("fixtures/bundle.p12");
    assert_eq!(error(bundle), E::Bundle);
    assert_eq!(error(STANDARD.encode(bundle)), E::Bundle);
    assert_eq!(error([0xff, 0xfe, 0x2d, 0x00]), E::NotAKey);
    for (pem, expected) in [
        (fixture!("certificate.pem"), E::Certificate),
        (fixture!("request.csr"), E::Request),
        (fixture!("public.pem"), E::PublicKey),
        (fixture!("rsa.pem"), E::Rsa),
        (fixture!("encrypted.pem"), E::Encrypted),
        (fixture!("certificates.p7.pem"), E::Bundle),
    ] {
        assert_eq!(error(inside(pem)), expected, "{pem}");
    }
    let mut more = inside(GOOD);
    assert_eq!(error(&more[..100]), E::Damaged);
    more.push(0);
    assert_eq!(error(&more), E::Damaged);
}

#[test]
fn each_refusal_says_what_to_do_and_nothing_of_the_key() {
    use ReadError as E;
    for error in [
        E::Empty,
        E::TooLarge,
        E::Certificate,
        E::Request,
        E::Bundle,
        E::PublicKey,
        E::Rsa,
        E::OtherCurve,
        E::OtherSort,
        E::Encrypted,
        E::NoPublicHalf,
        E::Several,
        E::Damaged,
        E::NotAKey,
    ] {
        let text = error.to_string();
        let does = ["Choose", "choose", "Paste", "the .p8 file"].iter().any(|word| text.contains(word));
        assert!(does && text.ends_with('.') && !text.contains("  "), "{text}");
    }
}

#[test]
fn halves_that_do_not_belong_together_are_no_key() {
    let mut der = inside(GOOD);
    der[50] ^= 1;
    assert_eq!(error(&der), ReadError::Damaged);
    // A private half of zero belongs to nothing.
    der[36..68].fill(0);
    assert_eq!(error(&der), ReadError::Damaged);
}

#[test]
fn a_number_that_lost_its_zeros_gets_them_back() {
    let chance = SystemRandom::new();
    // One key in 256 begins with a zero.
    let der = loop {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &chance).unwrap();
        if made.as_ref()[36] == 0 {
            break made.as_ref().to_vec();
        }
    };
    let mut short = der.clone();
    short.remove(36);
    for at in [2, 28, 30, 35] {
        short[at] -= 1;
    }
    assert_eq!(read(&short).ok().unwrap().der(), der);
}

#[test]
fn the_forms_for_tools_are_the_same_key() {
    let key = good();
    assert_eq!(key.pem().expose(), GOOD);
    assert_eq!(STANDARD.decode(key.der_base64().expose()).unwrap(), key.der());
    assert_eq!(STANDARD.decode(key.pem_base64().expose()).unwrap(), GOOD.as_bytes());
}

const KEY: KeyName<'_> = KeyName {
    key_id: "2X9R4HXF34",
    issuer_id: Some("57246542-96fe-1a63-e053-0824d011072a"),
    enterprise: false,
};

/// A token's header and claims, once its signature is found to be the key's.
fn opened(key: &ApiKey, token: &str) -> (Value, Value) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.der()[73..]);
    public.verify(signed.as_bytes(), &decode(signature)).unwrap();
    let json = |part: &str| serde_json::from_slice(&decode(part)).unwrap();
    (json(header), json(claims))
}

#[test]
fn tokens_are_as_apple_wants_them() {
    let (key, now) = (good(), Timestamp::from_millis(1_700_000_000_999));
    let token = key.token(&KEY, &[], now, 300).ok().unwrap();
    let (header, claims) = opened(&key, token.text.expose());
    assert_eq!(header, json!({ "alg": "ES256", "kid": "2X9R4HXF34", "typ": "JWT" }));
    assert_eq!(
        claims,
        json!({ "iss": KEY.issuer_id, "iat": 1_699_999_940, "exp": 1_700_000_300, "aud": "appstoreconnect-v1" })
    );
    assert_eq!(token.expires_at.millis(), 1_700_000_300_000);

    let individual = KeyName { issuer_id: None, enterprise: true, ..KEY };
    let scope = ["GET /v1/apps".to_owned()];
    let token = key.token(&individual, &scope, now, 1).ok().unwrap();
    let (_, claims) = opened(&key, token.text.expose());
    assert_eq!(
        claims,
        json!({ "sub": "user", "iat": 1_699_999_940, "exp": 1_700_000_001, "aud": "apple-developer-enterprise-v1",
            "scope": ["GET /v1/apps"] })
    );
}

#[test]
fn no_token_lasts_longer_than_apple_allows() {
    let (key, now) = (good(), Timestamp::from_millis(1_700_000_000_000));
    for seconds in [1, 1139, 1140, 1141, 1200, 1201, u32::MAX] {
        let token = key.token(&KEY, &[], now, seconds).ok().unwrap();
        let (_, claims) = opened(&key, token.text.expose());
        let (from, to) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
        assert!(to - from <= 1200 && from <= now.seconds(), "{seconds}");
        assert_eq!(to - now.seconds(), i64::from(seconds.min(1200)));
    }
}

proptest! {
    #[test]
    fn nothing_makes_reading_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(read(&bytes).is_err());
        prop_assert!(read([&[0x30][..], &bytes].concat()).is_err());
        let pem = format!("-----BEGIN PRIVATE KEY-----{}-----END PRIVATE KEY-----", STANDARD.encode(bytes));
        prop_assert!(read(pem).is_err());
    }

    #[test]
    fn text_that_is_no_key_is_refused(text in r"(?s)(-----BEGIN |-----END |-----|PRIVATE KEY|MIGH|\\n|.){0,40}") {
        prop_assert!(read(text).is_err());
    }

    #[test]
    fn a_key_with_one_byte_changed_is_refused_or_the_same(at in 0usize..138, by in 1u8..) {
        let mut der = inside(GOOD);
        der[at] ^= by;
        if let Ok(key) = read(&der) {
            prop_assert_eq!(key.der(), inside(GOOD));
        }
    }

    #[test]
    fn spaces_anywhere_in_the_text_change_nothing(places in prop::collection::vec((0usize..160, "[ \t\r\n]{1,3}"), 0..20)) {
        let mut body = STANDARD.encode(inside(GOOD));
        for (at, spaces) in places {
            body.insert_str(at, &spaces);
        }
        prop_assert_eq!(read(&body).ok().map(|key| key.der().to_vec()), Some(inside(GOOD)));
        let pem = format!("-----BEGIN PRIVATE KEY-----{body}-----END PRIVATE KEY-----");
        prop_assert!(read(pem).is_ok());
    }
}
