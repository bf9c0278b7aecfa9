//! Signed tokens in their compact form (RFC 7515), and the keys that they are verified with (RFC 7517).
//!
//! What signs is decided by the key, never by the token: an RSA key verifies RS256 and PS256, an elliptic one the algorithm of its curve, and
//! that is all there is. No key is taken from a token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::strict;

/// How long a token may be, in bytes.
pub const LONGEST: usize = 16 * 1024;

/// How many keys of an issuer are kept.
const KEYS: usize = 64;

/// A token that was taken apart, and proves nothing yet.
#[derive(Debug)]
pub struct Token<'t> {
    /// Which algorithm it says to be signed with.
    pub algorithm: &'t str,
    /// Which key it says to be signed with.
    pub key: Option<String>,
    /// What it says.
    pub claims: Map<String, Value>,
    signed: &'t str,
    signature: Vec<u8>,
}

/// Why it can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is too long.
    TooLong,
    /// It isn't three parts of base64url, or they aren't what they should be.
    NotOne,
    /// It says to be unsigned, or to be signed in a way that isn't taken.
    Algorithm,
    /// It has extensions that have to be understood, and aren't.
    Critical,
}

/// The algorithms that are taken.
const ALGORITHMS: [&str; 5] = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];

impl<'t> Token<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// When it isn't one that could be verified.
    pub fn parse(text: &'t str) -> Result<Self, Unreadable> {
        if text.len() > LONGEST {
            return Err(Unreadable::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Unreadable::NotOne)?;
        let (header, payload) = signed.split_once('.').ok_or(Unreadable::NotOne)?;
        // Only the one way to write bytes is read, so that nobody can write a token in another way.
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Unreadable::NotOne);
        let header = strict::object(&bytes(header)?).ok_or(Unreadable::NotOne)?;
        let claims = strict::object(&bytes(payload)?).ok_or(Unreadable::NotOne)?;
        let signature = bytes(signature)?;
        if header.contains_key("crit") {
            return Err(Unreadable::Critical);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Unreadable::NotOne)?;
        let algorithm =
            ALGORITHMS.into_iter().find(|known| *known == algorithm).ok_or(Unreadable::Algorithm)?;
        let key = match header.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(Unreadable::NotOne),
        };
        Ok(Self { algorithm, key, claims, signed, signature })
    }

    /// What it is known by once it is verified: the SHA-256 of what was signed. The signature has no part in it, since some can be written in
    /// another way without the key.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.signed.as_bytes()).into()
    }
}

/// A public key of an issuer.
#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    /// The one algorithm that its issuer keeps it to, if it does.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// The public keys of an issuer.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// Reads a set of keys; those that can't verify are left out. None when it is no set of keys.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let set = strict::object(text)?;
        let keys = set.get("keys")?.as_array()?;
        Some(Self(keys.iter().filter_map(key).take(KEYS).collect()))
    }

    /// Whether one of them may have signed the token: without a key's id in the token, that is each.
    pub fn know(&self, token: &Token<'_>) -> bool {
        self.0.iter().any(|key| key.may_have_signed(token))
    }

    /// Whether the token is signed with one of them.
    pub fn signed(&self, token: &Token<'_>) -> bool {
        self.0.iter().any(|key| key.may_have_signed(token) && key.verifies(token))
    }
}

impl Key {
    fn may_have_signed(&self, token: &Token<'_>) -> bool {
        token.key.is_none() || self.id == token.key
    }

    fn verifies(&self, token: &Token<'_>) -> bool {
        if self.algorithm.as_deref().is_some_and(|only| only != token.algorithm) {
            return false;
        }
        let (signed, signature) = (token.signed.as_bytes(), token.signature.as_slice());
        match (&self.material, token.algorithm) {
            (Material::Rsa { n, e }, "RS256") => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok()
            }
            (Material::Rsa { n, e }, "PS256") => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PSS_2048_8192_SHA256, signed, signature).is_ok()
            }
            (Material::P256(point), "ES256") => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
            }
            (Material::P384(point), "ES384") => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(signed, signature).is_ok()
            }
            (Material::Ed25519(point), "EdDSA") => {
                UnparsedPublicKey::new(&ED25519, point).verify(signed, signature).is_ok()
            }
            _ => false,
        }
    }
}

fn key(of: &Value) -> Option<Key> {
    let text = |name: &str| of.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    if of.get("use").is_some_and(|made_for| made_for != "sig") {
        return None;
    }
    if let Some(may) = of.get("key_ops")
        && !may.as_array()?.iter().any(|may| may == "verify")
    {
        return None;
    }
    let point = |length: usize| {
        let (x, y) = (bytes("x")?, bytes("y")?);
        (x.len() == length && y.len() == length).then(|| [&[4], x.as_slice(), y.as_slice()].concat())
    };
    let material = match (text("kty")?, text("crv")) {
        ("RSA", None) => Material::Rsa { n: without_zeros(bytes("n")?), e: without_zeros(bytes("e")?) },
        ("EC", Some("P-256")) => Material::P256(point(32)?),
        ("EC", Some("P-384")) => Material::P384(point(48)?),
        ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x")?),
        _ => return None,
    };
    Some(Key { id: text("kid").map(Into::into), algorithm: text("alg").map(Into::into), material })
}

/// Some write a leading zero before a large number, which says nothing.
fn without_zeros(mut number: Vec<u8>) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.split_off(zeros)
}

#[cfg(test)]
mod tests;
