use domain::{Rng, Secret};

use crate::{MasterKey, MasterKeys};

/// The first byte of a wrapped key. Another form would get another number.
const VERSION: u8 = 1;

/// What a data key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPurpose {
    /// Sealing what must be read again: two-factor secrets, connections.
    Seal,
    /// Fingerprints of app-specific passwords, and other MACs.
    Fingerprint,
}

impl KeyPurpose {
    /// The purpose as it is stored.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Fingerprint => "fingerprint",
        }
    }

    /// The purpose of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Seal, Self::Fingerprint].into_iter().find(|purpose| purpose.code() == code)
    }
}

/// A data key as the database keeps it: of no use without the [`MasterKey`] that wrapped it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// Its number, unique and above 0; what is sealed names it.
    pub id: i64,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// The key, encrypted: a version, the master key's mark, a nonce, and what can be read with that key alone.
    pub wrapped: Vec<u8>,
}

/// Why a wrapped key can't be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnwrapError {
    /// Another master key has wrapped it.
    OtherKey,
    /// It isn't as it was written.
    Corrupt,
}

impl WrappedKey {
    /// `key` for the database, bound to its number and purpose.
    pub(crate) fn wrap(
        master: &MasterKey,
        id: i64,
        purpose: KeyPurpose,
        key: &[u8; 32],
        rng: &mut Rng,
    ) -> Self {
        let encrypted = master.cipher().encrypt(&bound(&id.to_be_bytes(), purpose), key, rng);
        Self { id, purpose, wrapped: [&[VERSION], master.mark().as_slice(), &encrypted].concat() }
    }

    /// Whether this master key wrapped it.
    #[must_use]
    pub fn is_wrapped_by(&self, master: &MasterKey) -> bool {
        self.unwrap(master).is_ok()
    }

    /// The key, by whichever of the master keys wrapped it.
    pub(crate) fn unwrap_by_any(&self, masters: &MasterKeys) -> Result<Secret<[u8; 32]>, UnwrapError> {
        let mut last = Err(UnwrapError::OtherKey);
        for master in masters.all() {
            match self.unwrap(master) {
                // Damage is said, whichever other key didn't wrap it either.
                Err(UnwrapError::OtherKey) => {}
                Err(UnwrapError::Corrupt) => last = Err(UnwrapError::Corrupt),
                opened => return opened,
            }
        }
        last
    }

    pub(crate) fn unwrap(&self, master: &MasterKey) -> Result<Secret<[u8; 32]>, UnwrapError> {
        let (head, encrypted) = self.wrapped.split_first_chunk::<33>().ok_or(UnwrapError::Corrupt)?;
        let [version, mark @ ..] = head;
        if *version != VERSION {
            return Err(UnwrapError::Corrupt);
        }
        let key = master.cipher().decrypt(&bound(&self.id.to_be_bytes(), self.purpose), encrypted);
        match (*mark == master.mark(), key) {
            (true, Some(key)) => {
                key.expose().as_slice().try_into().map(Secret::new).map_err(|_| UnwrapError::Corrupt)
            }
            // Both say so: a mark alone may be another for being damaged.
            (false, None) => Err(UnwrapError::OtherKey),
            _ => Err(UnwrapError::Corrupt),
        }
    }
}

/// The mark of the master key that wrapped this data key, if it is one. [`MasterKey::mark`] is the mark of a key at hand.
#[must_use]
pub fn wrapped_by(wrapped: &[u8]) -> Option<[u8; 32]> {
    let (head, _) = wrapped.split_first_chunk::<33>()?;
    let [version, mark @ ..] = head;
    (*version == VERSION).then_some(*mark)
}

/// The fields that a wrapped key is bound to.
fn bound(id: &[u8; 8], purpose: KeyPurpose) -> [&[u8]; 4] {
    [b"data key", &[VERSION], id, purpose.code().as_bytes()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_read_back_from_their_codes() {
        for (purpose, code) in [(KeyPurpose::Seal, "seal"), (KeyPurpose::Fingerprint, "fingerprint")] {
            assert_eq!((purpose.code(), KeyPurpose::from_code(code)), (code, Some(purpose)));
        }
        assert_eq!(KeyPurpose::from_code("Seal"), None);
    }

    #[test]
    fn opens_only_as_what_it_was_wrapped_as() {
        let mut rng = Rng::from_seed([1; 32]);
        let (master, other) = (MasterKey::generate(&mut rng), MasterKey::generate(&mut rng));
        let wrapped = WrappedKey::wrap(&master, 1, KeyPurpose::Seal, &[9; 32], &mut rng);
        assert_eq!(wrapped.unwrap(&master).ok().unwrap().expose(), &[9; 32]);
        assert_eq!(wrapped.unwrap(&other).err(), Some(UnwrapError::OtherKey));
        let renumbered = WrappedKey { id: 2, ..wrapped.clone() };
        assert_eq!(renumbered.unwrap(&master).err(), Some(UnwrapError::Corrupt));
        let repurposed = WrappedKey { purpose: KeyPurpose::Fingerprint, ..wrapped };
        assert_eq!(repurposed.unwrap(&master).err(), Some(UnwrapError::Corrupt));
    }

    #[test]
    fn it_says_which_key_has_wrapped_it() {
        let mut rng = Rng::from_seed([1; 32]);
        let master = MasterKey::generate(&mut rng);
        let wrapped = WrappedKey::wrap(&master, 1, KeyPurpose::Seal, &[9; 32], &mut rng);
        assert_eq!(wrapped_by(&wrapped.wrapped), Some(master.mark()));
        assert_eq!(wrapped_by(&wrapped.wrapped[1..]), None);
        assert_eq!(wrapped_by(&wrapped.wrapped[..32]), None);
    }

    #[test]
    fn damage_is_never_taken_for_another_database() {
        let mut rng = Rng::from_seed([1; 32]);
        let master = MasterKey::generate(&mut rng);
        let good = WrappedKey::wrap(&master, 1, KeyPurpose::Seal, &[9; 32], &mut rng);
        for byte in 0..good.wrapped.len() {
            let mut flipped = good.clone();
            flipped.wrapped[byte] ^= 1;
            assert_eq!(flipped.unwrap(&master).err(), Some(UnwrapError::Corrupt), "byte {byte}");
            let mut cut = good.clone();
            cut.wrapped.truncate(byte);
            assert_eq!(cut.unwrap(&master).err(), Some(UnwrapError::Corrupt), "cut to {byte}");
        }
    }
}
