//! Tokens that a key signs, as Apple wants them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Secret, Timestamp};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde_json::{Value, json};

use super::ApiKey;

/// What Apple knows a key by.
#[derive(Clone, Copy, Debug)]
pub struct KeyName<'a> {
    /// The key's own ID.
    pub key_id: &'a str,
    /// Whose keys they are; none for an individual key, which stands for its person.
    pub issuer_id: Option<&'a str>,
    /// Whether it belongs to the Apple Developer Enterprise Program.
    pub enterprise: bool,
}

/// A token for Apple.
pub struct Token {
    /// The token: a JWT (RFC 7519), for the header `Authorization: Bearer`.
    pub text: Secret<String>,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// Nothing can be signed: the system has no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system has no randomness to sign with")]
pub struct SignError;

/// For how many seconds a token works at most: Apple takes none that is good for longer than 20 minutes.
pub const SECONDS_MAX: u32 = 20 * 60;

/// How long before it was made a token says that it was, in seconds. Apple takes none from the future, and clocks differ.
const EARLIER: u32 = 60;

impl ApiKey {
    /// A token that is good for so many seconds ([`SECONDS_MAX`] at most), and for the requests in `scope` alone, such as
    /// `GET /v1/apps`; an empty one is everything that the key may do.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn token(
        &self,
        name: &KeyName<'_>,
        scope: &[String],
        now: Timestamp,
        seconds: u32,
    ) -> Result<Token, SignError> {
        let seconds = seconds.min(SECONDS_MAX);
        let expires_at = Timestamp::from_millis(now.seconds() * 1000).plus_seconds(seconds.into());
        // From its making to its end it is never longer than Apple allows.
        let made_at = now.plus_seconds(-i64::from(EARLIER.min(SECONDS_MAX - seconds)));
        let header = json!({ "alg": "ES256", "kid": name.key_id, "typ": "JWT" });
        let mut claims = match name.issuer_id {
            Some(issuer) => json!({ "iss": issuer }),
            None => json!({ "sub": "user" }),
        };
        let audience = if name.enterprise { "apple-developer-enterprise-v1" } else { "appstoreconnect-v1" };
        if let Some(claims) = claims.as_object_mut() {
            claims.insert("iat".into(), made_at.seconds().into());
            claims.insert("exp".into(), expires_at.seconds().into());
            claims.insert("aud".into(), audience.into());
            if !scope.is_empty() {
                claims.insert("scope".into(), scope.into());
            }
        }
        let text = Secret::new(self.sign(&header, &claims)?);
        Ok(Token { text, expires_at })
    }

    fn sign(&self, header: &Value, claims: &Value) -> Result<String, SignError> {
        let chance = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.der, &chance);
        let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature =
            pair.map_err(|_| SignError)?.sign(&chance, signed.as_bytes()).map_err(|_| SignError)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
