//! The memory that a slow hash (argon2id) works in. Each of the hasher's threads keeps one, so that many sign-ins take no more of the machine
//! than a few, and nothing of a password stays in it.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use domain::Secret;
use zeroize::Zeroize as _;

/// Zeros but while a hash is made.
#[derive(Default)]
pub struct Memory(Vec<Block>);

impl Memory {
    /// Hashes `text` by argon2id (RFC 9106), and wipes what it has worked in. `None` when it can't be done with these parameters.
    pub fn hash<const N: usize>(
        &mut self,
        params: Params,
        text: &[u8],
        salt: &[u8],
    ) -> Option<Secret<[u8; N]>> {
        let blocks = params.block_count();
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::default());
        }
        let used = self.0.get_mut(..blocks)?;
        let mut out = [0; N];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let done = argon2.hash_password_into_with_memory(text, salt, &mut out, &mut *used);
        used.iter_mut().for_each(Block::zeroize);
        done.ok()?;
        Some(Secret::new(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_hashed_before_makes_no_difference_and_nothing_stays() {
        let params = |blocks| Params::new(blocks, 1, 1, Some(32)).unwrap();
        let mut memory = Memory::default();
        let mut hash = |blocks, text: &str| {
            *memory.hash::<32>(params(blocks), text.as_bytes(), b"a salt of it").unwrap().expose()
        };
        let first = hash(64, "one");
        assert_ne!(hash(128, "two"), first);
        assert_eq!(hash(64, "one"), first);
        let mut expected = [0; 32];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params(64));
        argon2.hash_password_into(b"one", b"a salt of it", &mut expected).unwrap();
        assert_eq!(first, expected);
        assert!(memory.0.iter().all(|block| block.as_ref().iter().all(|word| *word == 0)));
        assert_eq!(memory.0.len(), 128);
    }
}
