use crate::{Rng, Secret};

/// What a machine token is for; its prefix says so to people and to secret scanners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A service's key, which its server shows at a door: `dks_`.
    ServiceKey,
    /// A person's token for the API, which the command line keeps: `dka_`.
    PersonalApi,
    /// A build's token, which lives as long as the build: `dkb_`.
    Build,
    /// A project's token, which opens its builds: `dkp_`.
    Project,
}

impl TokenKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::ServiceKey => "dks_",
            Self::PersonalApi => "dka_",
            Self::Build => "dkb_",
            Self::Project => "dkp_",
        }
    }
}

/// A secret for machines: a prefix, 160 random bits in 27 digits of base 62, and a CRC-32 in 6, so that a
/// scanner can tell one from any other text without asking us.
pub struct MachineToken(Secret<String>);

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BODY: usize = 27;
const CHECK: usize = 6;

impl MachineToken {
    /// A new token. 27 digits of base 62 hold 160.8 bits, and each is drawn by itself.
    #[must_use]
    pub fn generate(kind: TokenKind, rng: &mut Rng) -> Self {
        let mut text = String::with_capacity(kind.prefix().len() + BODY + CHECK);
        text.push_str(kind.prefix());
        for _ in 0..BODY {
            text.push(digit(usize::from(rng.below(62))));
        }
        text.push_str(&check(&text));
        Self(Secret::new(text))
    }

    /// Reads a token of this kind; `None` when it can't be one, which costs no look-up.
    #[must_use]
    pub fn parse(kind: TokenKind, text: &str) -> Option<Self> {
        let body_end = kind.prefix().len() + BODY;
        let fits = text.is_ascii() && text.len() == body_end + CHECK && text.starts_with(kind.prefix());
        let (front, crc) = fits.then(|| text.split_at(body_end))?;
        (check(front) == crc).then(|| Self(Secret::new(text.into())))
    }

    /// The whole token, to show it once or to hash it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

fn digit(n: usize) -> char {
    DIGITS.get(n).copied().map_or('0', char::from)
}

fn check(front: &str) -> String {
    let mut rest = crc32fast::hash(front.as_bytes()) as usize;
    let mut digits = ['0'; CHECK];
    for place in digits.iter_mut().rev() {
        *place = digit(rest % DIGITS.len());
        rest /= DIGITS.len();
    }
    digits.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_as_its_own_kind_only() {
        let mut rng = Rng::from_seed([1; 32]);
        let token = MachineToken::generate(TokenKind::ServiceKey, &mut rng);
        let text = token.expose().to_owned();
        assert!(text.starts_with("dks_") && text.len() == 37, "{text}");
        assert!(MachineToken::parse(TokenKind::ServiceKey, &text).is_some());
        assert!(MachineToken::parse(TokenKind::PersonalApi, &text).is_none());
        assert!(MachineToken::parse(TokenKind::PersonalApi, &text.replace("dks_", "dka_")).is_none());
    }

    #[test]
    fn one_wrong_character_is_noticed_without_a_look_up() {
        let mut rng = Rng::from_seed([1; 32]);
        let text = MachineToken::generate(TokenKind::ServiceKey, &mut rng).expose().to_owned();
        for place in 4..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(MachineToken::parse(TokenKind::ServiceKey, &changed).is_none(), "{place}");
        }
        for wrong in ["", "dks_", "dks_ää", &text[1..], &format!("{text}a")] {
            assert!(MachineToken::parse(TokenKind::ServiceKey, wrong).is_none(), "{wrong}");
        }
    }
}
