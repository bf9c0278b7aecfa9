//! Random tokens, and the hashes under which they are kept.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Rng, Secret};
use sha2::{Digest, Sha256};

/// A token of 256 random bits, for a cookie or a link.
pub fn token(rng: &mut Rng) -> Secret<String> {
    Secret::new(URL_SAFE_NO_PAD.encode(rng.bytes::<32>()))
}

/// What is kept of a token: its SHA-256. No slow hash and no salt, since nobody can guess 160 or more random bits.
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
