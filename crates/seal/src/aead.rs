//! The one cipher, XChaCha20-Poly1305, as this crate uses it: a random nonce before what it sealed.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use domain::{Rng, Secret};

/// Bytes of a nonce: enough that random ones never meet, however much is sealed under one key.
const NONCE: usize = 24;

/// A key that encrypts. It is wiped when dropped.
pub(crate) struct Cipher(XChaCha20Poly1305);

impl Cipher {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// The nonce, then `plain` encrypted and authenticated together with the `bound` fields.
    #[expect(
        clippy::expect_used,
        reason = "the cipher refuses only more than 256 GiB at once, which no memory holds"
    )]
    pub(crate) fn encrypt(&self, bound: &[&[u8]], plain: &[u8], rng: &mut Rng) -> Vec<u8> {
        let nonce: [u8; NONCE] = rng.bytes();
        let payload = Payload { msg: plain, aad: &framed(bound) };
        let encrypted = self.0.encrypt(&XNonce::from(nonce), payload).expect("less than 256 GiB");
        [nonce.as_slice(), &encrypted].concat()
    }

    /// What [`Self::encrypt`] was given; `None` when any bit of it, of the key or of the `bound` fields differs.
    pub(crate) fn decrypt(&self, bound: &[&[u8]], encrypted: &[u8]) -> Option<Secret<Vec<u8>>> {
        let (nonce, msg) = encrypted.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg, aad: &framed(bound) };
        self.0.decrypt(&XNonce::from(*nonce), payload).ok().map(Secret::new)
    }
}

/// Several fields as one, each after its length, so that "ab" and "c" are not "a" and "bc".
fn framed(fields: &[&[u8]]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(fields.iter().map(|field| 8 + field.len()).sum());
    for field in fields {
        framed.extend_from_slice(&(field.len() as u64).to_be_bytes());
        framed.extend_from_slice(field);
    }
    framed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_letters_in_other_fields_are_another_place() {
        let cipher = Cipher::new(&[1; 32]);
        let mut rng = Rng::from_seed([2; 32]);
        let encrypted = cipher.encrypt(&[b"ab", b"c"], b"plain", &mut rng);
        assert!(cipher.decrypt(&[b"ab", b"c"], &encrypted).is_some());
        for other in
            [&[b"a".as_slice(), b"bc"][..], &[b"abc"], &[b"abc", b""], &[b"", b"abc"], &[b"ab", b"c", b""]]
        {
            assert!(cipher.decrypt(other, &encrypted).is_none(), "{other:?}");
        }
    }

    #[test]
    fn no_nonce_is_used_twice() {
        let cipher = Cipher::new(&[1; 32]);
        let mut rng = Rng::from_seed([2; 32]);
        let once = cipher.encrypt(&[], b"plain", &mut rng);
        let again = cipher.encrypt(&[], b"plain", &mut rng);
        assert_ne!(once[..NONCE], again[..NONCE]);
        assert_ne!(once[NONCE..], again[NONCE..]);
    }
}
