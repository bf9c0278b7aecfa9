use base64::{Engine, prelude::BASE64_STANDARD};
use domain::{Rng, Secret};
use zeroize::Zeroizing;

use crate::{aead::Cipher, mac::MacKey};

/// What a key's text begins with: what it is, and the version of its form.
const PREFIX: &str = "doorkey-key-1:";

/// The key that is kept outside the database. It wraps the data keys, and does nothing else.
pub struct MasterKey(Secret<[u8; 32]>);

/// What the place of the key holds: the key, and before it is everywhere in use, or after, others that still open what they
/// wrapped.
pub struct MasterKeys {
    /// The key that wraps.
    pub first: MasterKey,
    /// Keys that only open.
    pub others: Vec<MasterKey>,
}

impl MasterKeys {
    /// Reads keys in the form of their file: one a line. The first wraps, all of them open. Empty lines don't count.
    ///
    /// # Errors
    /// When any line is no key, or there is none.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        let lines = text.lines().filter(|line| !line.trim_ascii().is_empty());
        let mut keys = lines.map(MasterKey::parse).collect::<Result<Vec<_>, _>>()?.into_iter();
        let first = keys.next().ok_or(NotAKey::Form)?;
        Ok(Self { first, others: keys.collect() })
    }

    /// All of them, the first one first.
    pub fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl From<MasterKey> for MasterKeys {
    fn from(first: MasterKey) -> Self {
        Self { first, others: Vec::new() }
    }
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// It has another form.
    #[error("this is not a Doorkey key: lines are expected of \"{PREFIX}\" and then 32 bytes in base64")]
    Form,
    /// It has the form, and is a key for something else, or cut off.
    #[error("this key has {found} bytes, and a Doorkey key has 32")]
    Length {
        /// How many bytes it has.
        found: usize,
    },
}

impl MasterKey {
    /// A new key.
    #[must_use]
    pub fn generate(rng: &mut Rng) -> Self {
        Self(Secret::new(rng.bytes()))
    }

    /// Reads a key in the form of its file: `doorkey-key-1:` and 32 bytes in base64, on one line. Space around it
    /// doesn't count.
    ///
    /// # Errors
    /// When it is no key.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        let encoded = text.trim_ascii().strip_prefix(PREFIX).ok_or(NotAKey::Form)?;
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(encoded).map_err(|_| NotAKey::Form)?);
        let key = bytes.as_slice().try_into().map_err(|_| NotAKey::Length { found: bytes.len() })?;
        Ok(Self(Secret::new(key)))
    }

    /// The key as [`Self::parse`] reads it, with the end of its line.
    #[must_use]
    pub fn text(&self) -> Secret<String> {
        let encoded = Zeroizing::new(BASE64_STANDARD.encode(self.0.expose()));
        Secret::new([PREFIX, &encoded, "\n"].concat())
    }

    /// The key at work.
    pub(crate) fn cipher(&self) -> Cipher {
        Cipher::new(self.0.expose())
    }

    /// What tells this key from others and says nothing about it. It lies beside what the key has wrapped, so that
    /// a key of another database can be called just that.
    #[must_use]
    pub fn mark(&self) -> [u8; 32] {
        MacKey::new(self.0.expose()).mac("mark of a master key", &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "doorkey-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn is_one_line_with_its_name_before_it() {
        let key = MasterKey::parse(TEXT).ok().unwrap();
        assert_eq!(key.0.expose().as_slice(), (0..32).collect::<Vec<u8>>());
        assert_eq!(key.text().expose(), &format!("{TEXT}\n"));
        for text in [format!("{TEXT}\n"), format!("{TEXT}\r\n"), format!(" {TEXT}")] {
            assert!(MasterKey::parse(&text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_a_reason() {
        let form =
            "this is not a Doorkey key: lines are expected of \"doorkey-key-1:\" and then 32 bytes in base64";
        let twice = format!("{TEXT}\n{TEXT}");
        for text in [
            "",
            "\n",
            "-----BEGIN PRIVATE KEY-----",
            &TEXT[14..],
            "doorkey-key-2:AAEC",
            "doorkey-key-1:?",
            &twice,
        ] {
            let why = MasterKey::parse(text).err().unwrap();
            assert_eq!((why, why.to_string().as_str()), (NotAKey::Form, form), "{text:?}");
        }
        for (text, found) in [("doorkey-key-1:", 0), ("doorkey-key-1:AAECAwQFBgcICQoLDA0ODw==", 16)] {
            let why = MasterKey::parse(text).err().unwrap();
            assert_eq!(why, NotAKey::Length { found });
            assert_eq!(why.to_string(), format!("this key has {found} bytes, and a Doorkey key has 32"));
        }
    }

    #[test]
    fn several_are_a_line_each_and_the_first_one_wraps() {
        let mut rng = Rng::from_seed([1; 32]);
        let (one, two) = (MasterKey::generate(&mut rng), MasterKey::generate(&mut rng));
        let text = format!("\n{}\n{}", one.text().expose(), two.text().expose());
        let keys = MasterKeys::parse(&text).ok().unwrap();
        assert_eq!(keys.first.mark(), one.mark());
        assert_eq!(keys.others.iter().map(MasterKey::mark).collect::<Vec<_>>(), [two.mark()]);
        assert_eq!(keys.all().count(), 2);
        for bad in ["", "\n \n", &format!("{TEXT}\nsomething else"), &format!("# mine\n{TEXT}")] {
            assert_eq!(MasterKeys::parse(bad).err(), Some(NotAKey::Form), "{bad:?}");
        }
    }

    #[test]
    fn its_mark_is_its_own() {
        let mut rng = Rng::from_seed([1; 32]);
        let (one, two) = (MasterKey::generate(&mut rng), MasterKey::generate(&mut rng));
        assert_ne!(one.mark(), two.mark());
        assert_eq!(one.mark(), MasterKey::parse(one.text().expose()).ok().unwrap().mark());
    }
}
