use std::sync::{Arc, PoisonError, RwLock};

use domain::{AccountId, AppPasswordSecret, Rng};
use zeroize::Zeroizing;

use crate::{
    KeyPurpose, MasterKey, MasterKeys, WrappedKey, aead::Cipher, mac::MacKey, wrapped_key::UnwrapError,
};

/// The data keys at work. They are wiped when dropped.
///
/// The keys that seal can be replaced while others seal and open: see [`Self::take_over`]. What makes fingerprints never changes, so
/// that no door waits for anything.
pub struct Keyring {
    sealing: RwLock<Arc<Sealing>>,
    fingerprint: MacKey,
}

/// The keys that seal and open.
pub(crate) struct Sealing {
    /// The key that seals: the one with the highest number.
    pub(crate) newest: Arc<SealingKey>,
    /// Keys that only open what they sealed.
    pub(crate) older: Vec<Arc<SealingKey>>,
}

/// A key that seals, and its number.
pub(crate) struct SealingKey {
    pub(crate) id: i64,
    pub(crate) cipher: Cipher,
}

/// Why the data keys can't be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another master key has wrapped them.
    #[error(
        "this isn't the key that the data was last sealed with. It is another database's, or one that was replaced since: put back the one that was in use last"
    )]
    OtherKey,
    /// They aren't as they were written, or some are missing.
    #[error("the data keys in the database are damaged: restore the database from a backup")]
    Corrupt,
}

impl Keyring {
    /// New data keys for a new database, and what the database keeps of them.
    #[must_use]
    pub fn create(master: &MasterKey, rng: &mut Rng) -> (Self, Vec<WrappedKey>) {
        let (seal, fingerprint) = (Zeroizing::new(rng.bytes()), Zeroizing::new(rng.bytes()));
        let wrapped = vec![
            WrappedKey::wrap(master, 1, KeyPurpose::Seal, &seal, rng),
            WrappedKey::wrap(master, 2, KeyPurpose::Fingerprint, &fingerprint, rng),
        ];
        let newest = Arc::new(SealingKey { id: 1, cipher: Cipher::new(&seal) });
        (Self::new(newest, Vec::new(), MacKey::new(&*fingerprint)), wrapped)
    }

    fn new(newest: Arc<SealingKey>, older: Vec<Arc<SealingKey>>, fingerprint: MacKey) -> Self {
        Self { sealing: RwLock::new(Arc::new(Sealing { newest, older })), fingerprint }
    }

    /// The data keys that the database keeps, in any order.
    ///
    /// # Errors
    /// When none of `masters` wrapped them, or they aren't all as they were written.
    pub fn open(masters: &MasterKeys, wrapped: &[WrappedKey]) -> Result<Self, OpenError> {
        let keys: Vec<_> = wrapped.iter().map(|key| (key, key.unwrap_by_any(masters))).collect();
        // One key that seems to be another database's, beside others that don't, is damaged.
        if !keys.is_empty() && keys.iter().all(|(_, key)| matches!(key, Err(UnwrapError::OtherKey))) {
            return Err(OpenError::OtherKey);
        }
        let (mut sealing, mut fingerprints) = (Vec::new(), Vec::new());
        for (WrappedKey { id, purpose, .. }, key) in keys {
            let key = key.map_err(|_| OpenError::Corrupt)?;
            match purpose {
                KeyPurpose::Seal => {
                    sealing.push(Arc::new(SealingKey { id: *id, cipher: Cipher::new(key.expose()) }));
                }
                KeyPurpose::Fingerprint => fingerprints.push(MacKey::new(key.expose())),
            }
        }
        sealing.sort_by_key(|key| key.id);
        // Two keys for fingerprints would leave it open which of them a password was kept under.
        match (sealing.pop(), fingerprints.pop()) {
            (Some(newest), Some(fingerprint)) if fingerprints.is_empty() => {
                Ok(Self::new(newest, sealing, fingerprint))
            }
            _ => Err(OpenError::Corrupt),
        }
    }

    /// What the database is to keep after the keys are rotated: the same data keys and a new one that seals, all of them wrapped by
    /// the first of `masters`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn rotate(
        masters: &MasterKeys,
        wrapped: &[WrappedKey],
        rng: &mut Rng,
    ) -> Result<Vec<WrappedKey>, OpenError> {
        // Whatever can't be opened as a whole is left as it is.
        Self::open(masters, wrapped)?;
        let mut rotated = Vec::with_capacity(wrapped.len() + 1);
        for old in wrapped {
            let key = old.unwrap_by_any(masters).map_err(|_| OpenError::Corrupt)?;
            rotated.push(WrappedKey::wrap(&masters.first, old.id, old.purpose, key.expose(), rng));
        }
        let id = wrapped.iter().map(|key| key.id).max().unwrap_or_default() + 1;
        let key = Zeroizing::new(rng.bytes());
        rotated.push(WrappedKey::wrap(&masters.first, id, KeyPurpose::Seal, &key, rng));
        Ok(rotated)
    }

    /// Goes on with the sealing keys of another ring of the same database. What this one sealed before must open with them.
    pub fn take_over(&self, other: &Self) {
        let new = other.sealing();
        *self.sealing.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    /// Forgets the keys that only open, once nothing is sealed under them any more.
    pub fn forget_older(&self) {
        let mut sealing = self.sealing.write().unwrap_or_else(PoisonError::into_inner);
        *sealing = Arc::new(Sealing { newest: Arc::clone(&sealing.newest), older: Vec::new() });
    }

    /// Whether there are keys that only open.
    #[must_use]
    pub fn has_older(&self) -> bool {
        !self.sealing().older.is_empty()
    }

    /// The number of the key that seals.
    #[must_use]
    pub fn newest(&self) -> i64 {
        self.sealing().newest.id
    }

    pub(crate) fn sealing(&self) -> Arc<Sealing> {
        Arc::clone(&self.sealing.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What an app-specific password is known by: it says nothing about the password, and it is another for another
    /// account, so that one look-up answers whether this password is this account's.
    #[must_use]
    pub fn app_password_fingerprint(
        &self,
        account: AccountId,
        letters: &[u8; AppPasswordSecret::LETTERS],
    ) -> [u8; 32] {
        self.fingerprint.app_password(account, letters)
    }

    /// A MAC of `data` that only this database's keys can make. One made for one purpose is of no use for another.
    #[must_use]
    pub fn mac(&self, purpose: &'static str, data: &[u8]) -> [u8; 32] {
        self.fingerprint.mac(purpose, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use hmac::{Hmac, KeyInit, Mac};

    fn master(rng: &mut Rng) -> MasterKey {
        MasterKey::generate(rng)
    }

    fn opened(master: &MasterKeys, wrapped: &[WrappedKey]) -> Option<OpenError> {
        Keyring::open(master, wrapped).err()
    }

    #[test]
    fn opens_again_with_the_key_that_made_it_and_no_other() {
        let rng = &mut Rng::from_seed([1; 32]);
        let (master, other) = (MasterKeys::from(master(rng)), MasterKeys::from(master(rng)));
        let (made, mut wrapped) = Keyring::create(&master.first, rng);
        wrapped.reverse();
        let again = Keyring::open(&master, &wrapped).ok().unwrap();
        assert_eq!(again.mac("test", b"data"), made.mac("test", b"data"));
        assert_eq!(opened(&other, &wrapped), Some(OpenError::OtherKey));
        assert_eq!(
            OpenError::OtherKey.to_string(),
            "this isn't the key that the data was last sealed with. It is another database's, or one that was replaced since: put back the one that was in use last"
        );
    }

    #[test]
    fn anything_but_its_own_whole_set_of_keys_is_damage() {
        let rng = &mut Rng::from_seed([1; 32]);
        let (master, other) = (MasterKeys::from(master(rng)), MasterKeys::from(master(rng)));
        let (_, wrapped) = Keyring::create(&master.first, rng);
        let (_, foreign) = Keyring::create(&other.first, rng);
        let [seal, fingerprint] = wrapped.try_into().unwrap();
        let second = WrappedKey::wrap(&master.first, 3, KeyPurpose::Fingerprint, &[3; 32], rng);
        let sets = [
            vec![],
            vec![seal.clone()],
            vec![fingerprint.clone()],
            vec![seal.clone(), foreign[1].clone()],
            vec![seal, fingerprint, second],
        ];
        for set in sets {
            assert_eq!(opened(&master, &set), Some(OpenError::Corrupt), "{set:?}");
        }
    }

    #[test]
    fn a_rotation_changes_every_key_but_that_of_fingerprints() {
        let rng = &mut Rng::from_seed([1; 32]);
        let place = crate::Place { table: "accounts", row: b"row", column: "password_sealed" };
        let old = master(rng);
        let (keyring, wrapped) = Keyring::create(&old, rng);
        let sealed = keyring.seal(place, b"before", rng);
        let fingerprint = keyring.mac("test", b"data");
        let both = MasterKeys { first: master(rng), others: vec![old] };
        let rotated = Keyring::rotate(&both, &wrapped, rng).ok().unwrap();
        assert!(rotated.iter().all(|key| key.is_wrapped_by(&both.first)));
        assert!(!wrapped.iter().any(|key| key.is_wrapped_by(&both.first)));
        let MasterKeys { first: new, mut others } = both;
        let old = MasterKeys::from(others.remove(0));
        assert_eq!(opened(&old, &rotated), Some(OpenError::OtherKey), "the old key opens nothing any more");
        let new = MasterKeys::from(new);
        keyring.take_over(&Keyring::open(&new, &rotated).ok().unwrap());
        assert_eq!((keyring.newest(), keyring.has_older()), (3, true));
        assert_eq!(keyring.unseal(place, &sealed).unwrap().expose(), b"before");
        assert_eq!(keyring.mac("test", b"data"), fingerprint);
        let again = keyring.seal(place, b"after", rng);
        keyring.forget_older();
        assert_eq!(keyring.unseal(place, &again).unwrap().expose(), b"after");
        assert!(keyring.unseal(place, &sealed).is_err() && !keyring.has_older());
        assert_eq!(Keyring::rotate(&old, &rotated, rng).err(), Some(OpenError::OtherKey));
    }

    #[test]
    fn a_fingerprint_is_the_hmac_of_label_account_and_letters() {
        let rng = &mut Rng::from_seed([1; 32]);
        let master = master(rng);
        let wrapped = [
            WrappedKey::wrap(&master, 1, KeyPurpose::Seal, &[8; 32], rng),
            WrappedKey::wrap(&master, 2, KeyPurpose::Fingerprint, &[9; 32], rng),
        ];
        let keyring = Keyring::open(&master.into(), &wrapped).ok().unwrap();
        let account = AccountId::new(Timestamp::from_millis(1_777_777_777_000), rng);
        let letters = b"abcdefghijklmnopqrstuvwx";
        let found = keyring.app_password_fingerprint(account, letters);

        let mut by_hand = Hmac::<sha2::Sha256>::new_from_slice(&[9; 32]).unwrap();
        by_hand.update(&[b"app-password-1".as_slice(), &account.to_bytes(), letters].concat());
        assert_eq!(found.as_slice(), by_hand.finalize().into_bytes().as_slice());

        let other = AccountId::new(Timestamp::from_millis(1_777_777_777_000), rng);
        assert_ne!(keyring.app_password_fingerprint(other, letters), found);
        assert_ne!(keyring.app_password_fingerprint(account, b"abcdefghijklmnopqrstuvwy"), found);
    }
}
