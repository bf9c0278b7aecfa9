use crate::{Rng, Secret};

/// How many recovery codes are made at a time.
pub const RECOVERY_CODES: usize = 10;

/// A recovery code: it stands in once for a code of the authenticator app. 16 characters out of 32, 80 bits, shown in four
/// groups of four.
pub struct RecoveryCode(Secret<[u8; Self::LENGTH]>);

/// Digits and letters but 0, O, 1 and I, which are mistaken for one another.
const CHARACTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

impl RecoveryCode {
    /// Characters in a code.
    pub const LENGTH: usize = 16;

    /// A new code, each character equally likely.
    #[must_use]
    pub fn generate(rng: &mut Rng) -> Self {
        let mut characters = [0; Self::LENGTH];
        for character in &mut characters {
            *character = CHARACTERS.get(usize::from(rng.below(32))).copied().unwrap_or_default();
        }
        Self(Secret::new(characters))
    }

    /// Reads a code as a person types it: with or without hyphens and spaces, in any case. `None` when it can't be one,
    /// as the six digits of an authenticator app can't.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        // Wiped when dropped, also when what was typed turns out not to be a code.
        let mut characters = zeroize::Zeroizing::new([0; Self::LENGTH]);
        let mut places = characters.iter_mut();
        for byte in typed.trim().bytes().filter(|b| !matches!(b, b'-' | b' ')) {
            *places.next()? = byte.to_ascii_uppercase();
        }
        let full = places.next().is_none() && characters.iter().all(|c| CHARACTERS.contains(c));
        full.then(|| Self(Secret::new(*characters)))
    }

    /// The characters, to make the hash from.
    #[must_use]
    pub const fn characters(&self) -> &[u8; Self::LENGTH] {
        self.0.expose()
    }

    /// As it is shown, once: `ABCD-EFGH-JKLM-NPQR`.
    #[must_use]
    pub fn shown(&self) -> Secret<String> {
        let mut text = String::with_capacity(Self::LENGTH + 3);
        for (n, character) in self.characters().iter().enumerate() {
            if n > 0 && n % 4 == 0 {
                text.push('-');
            }
            text.push(char::from(*character));
        }
        Secret::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert, proptest};

    #[test]
    fn a_code_is_four_groups_of_four_and_every_character_is_in_use() {
        let mut rng = Rng::from_seed([5; 32]);
        let mut seen = [0_u32; 256];
        for _ in 0..400 {
            let code = RecoveryCode::generate(&mut rng);
            let shown = code.shown();
            let groups: Vec<_> = shown.expose().split('-').collect();
            assert!(groups.len() == 4 && groups.iter().all(|group| group.len() == 4), "{groups:?}");
            assert_eq!(RecoveryCode::parse(shown.expose()).unwrap().characters(), code.characters());
            for character in code.characters() {
                seen[usize::from(*character)] += 1;
            }
        }
        for character in CHARACTERS {
            assert!(seen[usize::from(*character)] > 100, "{character}");
        }
        for alike in b"0O1I" {
            assert_eq!(seen[usize::from(*alike)], 0);
        }
    }

    #[test]
    fn it_is_typed_in_any_case_with_or_without_hyphens_and_spaces() {
        for typed in ["ABCD-EFGH-JKLM-NPQR", "abcdefghjklmnpqr", " abcd efgh-JKLM npqr\n"] {
            assert_eq!(RecoveryCode::parse(typed).unwrap().characters(), b"ABCDEFGHJKLMNPQR", "{typed}");
        }
        for wrong in [
            "",
            "123456",
            "471 902",
            "ABCD-EFGH-JKLM-NPQ",
            "ABCD-EFGH-JKLM-NPQRS",
            "ABCD-EFGH-JKLM-NPQO",
            "ä",
        ] {
            assert!(RecoveryCode::parse(wrong).is_none(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_read_or_refused(typed in ".{0,60}") {
            let read = RecoveryCode::parse(&typed).map(|code| *code.characters());
            prop_assert!(read.is_none_or(|read| read.iter().all(|c| CHARACTERS.contains(c))));
        }
    }
}
