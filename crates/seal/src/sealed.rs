use domain::{Rng, Secret};

use crate::{Keyring, keyring::SealingKey};

/// The first byte of what is sealed. Another form would get another number.
const VERSION: u8 = 1;

/// Where a sealed value lies. It opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// What the row is found by: the bytes of its id.
    pub row: &'a [u8],
    /// The column.
    pub column: &'a str,
}

/// Why a sealed value can't be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// It isn't as it was written, or it was written for another place.
    #[error("a sealed value is damaged, or was written for another place in the database")]
    Corrupt,
    /// The key that it was sealed under isn't there.
    #[error("a sealed value needs the data key {id}, which isn't in the database")]
    UnknownKey {
        /// The number of the key.
        id: i64,
    },
}

impl Keyring {
    /// `plain`, encrypted for this place: a version, the key's number, a nonce, and what only that key reads.
    #[must_use]
    pub fn seal(&self, place: Place<'_>, plain: &[u8], rng: &mut Rng) -> Vec<u8> {
        let sealing = self.sealing();
        let SealingKey { id, cipher } = &*sealing.newest;
        let encrypted = cipher.encrypt(&place.bound(&id.to_be_bytes()), plain, rng);
        [sealed_by(*id).as_slice(), &encrypted].concat()
    }

    /// What was sealed for this place.
    ///
    /// # Errors
    /// When it was sealed for another place, isn't as it was written, or its key isn't in the ring.
    pub fn unseal(&self, place: Place<'_>, sealed: &[u8]) -> Result<Secret<Vec<u8>>, UnsealError> {
        let ([version, id @ ..], encrypted) = sealed.split_first_chunk::<9>().ok_or(UnsealError::Corrupt)?;
        if *version != VERSION {
            return Err(UnsealError::Corrupt);
        }
        let number = i64::from_be_bytes(*id);
        let sealing = self.sealing();
        let mut keys = sealing.older.iter().chain([&sealing.newest]);
        let key = keys.find(|key| key.id == number).ok_or(UnsealError::UnknownKey { id: number })?;
        key.cipher.decrypt(&place.bound(id), encrypted).ok_or(UnsealError::Corrupt)
    }
}

/// What everything begins with that the data key of this number sealed.
#[must_use]
pub fn sealed_by(id: i64) -> [u8; 9] {
    let [a, b, c, d, e, f, g, h] = id.to_be_bytes();
    [VERSION, a, b, c, d, e, f, g, h]
}

impl<'a> Place<'a> {
    /// The fields that a sealed value is bound to.
    const fn bound(&self, key: &'a [u8; 8]) -> [&'a [u8]; 6] {
        [b"value", &[VERSION], key, self.table.as_bytes(), self.row, self.column.as_bytes()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyPurpose, MasterKey, WrappedKey};
    use proptest::{prop_assert, prop_assert_eq, proptest};

    const HERE: Place<'_> = Place { table: "accounts", row: b"row", column: "totp" };

    fn keyring() -> (Keyring, Rng) {
        let mut rng = Rng::from_seed([1; 32]);
        let (keyring, _) = Keyring::create(&MasterKey::generate(&mut rng), &mut rng);
        (keyring, rng)
    }

    #[test]
    fn opens_where_it_was_sealed_and_nowhere_else() {
        let (keyring, mut rng) = keyring();
        let sealed = keyring.seal(HERE, b"secret", &mut rng);
        assert_eq!(keyring.unseal(HERE, &sealed).unwrap().expose(), b"secret");
        let elsewhere = [
            Place { table: "connections", ..HERE },
            Place { row: b"other", ..HERE },
            Place { column: "password", ..HERE },
            Place { table: "account", row: b"srow", ..HERE },
            Place { row: b"rowt", column: "otp", ..HERE },
        ];
        for place in elsewhere {
            assert_eq!(keyring.unseal(place, &sealed).err(), Some(UnsealError::Corrupt), "{place:?}");
        }
    }

    #[test]
    fn every_bit_of_it_counts() {
        let (keyring, mut rng) = keyring();
        let sealed = keyring.seal(HERE, b"secret", &mut rng);
        for byte in 0..sealed.len() {
            assert_eq!(
                keyring.unseal(HERE, &sealed[..byte]).err(),
                Some(UnsealError::Corrupt),
                "cut to {byte}"
            );
            for bit in 0..8 {
                let mut flipped = sealed.clone();
                flipped[byte] ^= 1 << bit;
                assert!(keyring.unseal(HERE, &flipped).is_err(), "bit {bit} of byte {byte}");
            }
        }
        let longer = [sealed.as_slice(), &[0]].concat();
        assert_eq!(keyring.unseal(HERE, &longer).err(), Some(UnsealError::Corrupt));
    }

    #[test]
    fn the_newest_key_seals_and_older_ones_still_open() {
        let mut rng = Rng::from_seed([1; 32]);
        let master = MasterKey::generate(&mut rng);
        let (before, mut keys) = Keyring::create(&master, &mut rng);
        let old = before.seal(HERE, b"old", &mut rng);
        for id in [4, 3] {
            keys.insert(0, WrappedKey::wrap(&master, id, KeyPurpose::Seal, &[3; 32], &mut rng));
        }
        let after = Keyring::open(&master.into(), &keys).ok().unwrap();
        let new = after.seal(HERE, b"new", &mut rng);
        assert_eq!(after.unseal(HERE, &old).unwrap().expose(), b"old");
        assert_eq!(after.unseal(HERE, &new).unwrap().expose(), b"new");
        assert_eq!(before.unseal(HERE, &new).err(), Some(UnsealError::UnknownKey { id: 4 }));
        assert_eq!(
            UnsealError::UnknownKey { id: 4 }.to_string(),
            "a sealed value needs the data key 4, which isn't in the database"
        );
        // A value can't be passed off as sealed under another key, also when that is the same by another number.
        let mut renumbered = new;
        renumbered[8] = 3;
        assert_eq!(after.unseal(HERE, &renumbered).err(), Some(UnsealError::Corrupt));
    }

    #[test]
    fn sealing_the_same_twice_looks_different() {
        let (keyring, mut rng) = keyring();
        assert_ne!(keyring.seal(HERE, b"secret", &mut rng), keyring.seal(HERE, b"secret", &mut rng));
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(plain: Vec<u8>, table: String, row: Vec<u8>, column: String) {
            let (keyring, mut rng) = keyring();
            let place = Place { table: &table, row: &row, column: &column };
            let sealed = keyring.seal(place, &plain, &mut rng);
            let opened = keyring.unseal(place, &sealed);
            prop_assert_eq!(opened.ok().map(|secret| secret.expose().clone()), Some(plain));
        }

        #[test]
        fn whatever_lies_there_is_opened_or_refused(mut bytes: Vec<u8>, looks_sealed: bool) {
            let (keyring, _) = keyring();
            if looks_sealed {
                bytes.splice(0..0, [VERSION, 0, 0, 0, 0, 0, 0, 0, 1]);
            }
            prop_assert!(keyring.unseal(HERE, &bytes).is_err());
        }
    }
}
