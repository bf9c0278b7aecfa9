use domain::{AccountId, AppPasswordSecret};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Stands before what fingerprints are made of. No [`MacKey::mac`] begins with it: those begin with a length, and
/// none is that long. With it, account and letters fill exactly one block of SHA-256.
const APP_PASSWORD: &[u8; 14] = b"app-password-1";

/// A key for HMAC-SHA-256, prepared once: a MAC starts from a copy of its state instead of hashing the key again.
/// It is wiped when dropped, and so are the copies.
pub(crate) struct MacKey(Hmac<Sha256>);

impl MacKey {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("any length will do"))
    }

    pub(crate) fn app_password(
        &self,
        account: AccountId,
        letters: &[u8; AppPasswordSecret::LETTERS],
    ) -> [u8; 32] {
        let mac = self.0.clone().chain_update(APP_PASSWORD).chain_update(account.to_bytes());
        mac.chain_update(letters).finalize().into_bytes().into()
    }

    pub(crate) fn mac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let mac = self.0.clone().chain_update((purpose.len() as u64).to_be_bytes());
        mac.chain_update(purpose).chain_update(data).finalize().into_bytes().into()
    }
}

/// Whether two MACs, tokens or codes are the same, in a time that doesn't tell where they differ.
#[must_use]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_of_it_is_the_same() {
        assert!(same(b"", b"") && same(b"token", b"token"));
        for other in [b"tokeN".as_slice(), b"Token", b"toke", b"tokens", b""] {
            assert!(!same(b"token", other), "{other:?}");
        }
    }

    #[test]
    fn purpose_and_data_do_not_run_into_each_other() {
        let key = MacKey::new(&[5; 32]);
        assert_eq!(key.mac("form", b"data"), key.mac("form", b"data"));
        for other in [key.mac("for", b"mdata"), key.mac("formdata", b""), key.mac("", b"formdata")] {
            assert_ne!(key.mac("form", b"data"), other);
        }
        assert_ne!(key.mac("form", b"data"), MacKey::new(&[6; 32]).mac("form", b"data"));
    }
}
