//! The account's own password: which ones do, and how they are kept. It is hashed slowly (argon2id), since people choose it, and
//! the hash is sealed.

use argon2::{
    Algorithm, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use domain::{AccountId, AccountName, DisplayName, Rng, Secret};
use seal::{Keyring, Place};

use super::memory::Memory;
use crate::{app::App, problem::Problem};

/// The fewest characters, with a second factor beside it (NIST SP 800-63B, 3.1.1.2).
pub const MIN_WITH_SECOND_FACTOR: usize = 8;
/// The fewest characters, alone.
pub const MIN_ALONE: usize = 15;
/// The most characters: nobody's memory needs more, and every one of them is hashed.
const MAX: usize = 256;

/// A password that may be set.
pub struct NewPassword {
    text: Secret<String>,
    long: bool,
}

impl NewPassword {
    /// Checks a password that a person chose: long enough, and not one of those that are guessed first, in general or for someone
    /// of this `id` and `name` at this server. Nothing is asked about which characters it has.
    ///
    /// # Errors
    /// `unfit`, at this `field`.
    pub fn check(
        app: &App,
        field: &'static str,
        typed: &str,
        fewest: usize,
        (id, name): (&AccountName, &DisplayName),
    ) -> Result<Self, Problem> {
        let text = normal(typed);
        let length = length(field, &text, fewest)?;
        if is_guessed_first(text.expose(), &words_of(app, id, name)) {
            return Err(Problem::field(
                field,
                "That password is one of those that are guessed first. Choose another; a few words that don't belong \
                 together are easy to remember and hard to guess.",
            ));
        }
        Ok(Self { text, long: length >= MIN_ALONE })
    }
}

/// Checks nothing but how long a password is that a person chose.
///
/// # Errors
/// `unfit`, at this `field`.
pub fn check_length(field: &'static str, typed: &str, fewest: usize) -> Result<(), Problem> {
    length(field, &normal(typed), fewest).map(drop)
}

fn length(field: &'static str, text: &Secret<String>, fewest: usize) -> Result<usize, Problem> {
    let length = text.expose().chars().count();
    if length < fewest {
        let alone =
            if fewest == MIN_ALONE { " (8 are enough once two-factor authentication is on)" } else { "" };
        return Err(Problem::field(
            field,
            format!("Choose a password of at least {fewest} characters{alone}."),
        ));
    }
    if length > MAX {
        return Err(Problem::field(field, format!("Choose a password of at most {MAX} characters.")));
    }
    Ok(length)
}

/// What a guesser who knows this server and this person tries first: their ID and name, and what the server is called, whole and in
/// their parts.
fn words_of(app: &App, id: &AccountName, name: &DisplayName) -> Vec<String> {
    let config = &app.config;
    let host = config.http.public_url.host();
    let whole = [id.as_str(), name.as_str(), host, app.default_domain(), "doorkey"];
    let halves = id.as_str().split('@');
    let parts = whole.iter().flat_map(|text| text.split(['@', '.', ' ', '-', '_']));
    // Shorter ones are in every password.
    whole
        .into_iter()
        .chain(halves)
        .chain(parts)
        .filter(|word| word.chars().count() > 2)
        .map(str::to_owned)
        .collect()
}

/// A guesser who knows the common ones finds it within a million tries.
fn is_guessed_first(text: &str, known: &[String]) -> bool {
    // The estimate costs more than linear time, and what is guessed first is short.
    let head: String = text.chars().take(64).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    zxcvbn::zxcvbn(&head, &known).guesses() < 1_000_000
}

/// One form for all ways to type the same characters (NFC), so that another keyboard doesn't make another password.
fn normal(typed: &str) -> Secret<String> {
    Secret::new(domain::compose(typed))
}

/// What is kept of a password.
pub struct Kept {
    phc: Secret<String>,
    /// Whether it is long enough to stand alone.
    pub long: bool,
}

impl Kept {
    /// A hash that no password matches, to spend the same time on an ID that nobody has.
    pub fn nobody() -> Self {
        let phc =
            "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$IgFSmtRGaJRtCjpIIHbLSeLqcqbgPlfXBZYoGpPlEbY";
        Self { phc: Secret::new(phc.into()), long: true }
    }

    /// Seals it for the account's row.
    pub fn seal(&self, keyring: &Keyring, account: AccountId, rng: &mut Rng) -> Vec<u8> {
        let text = Secret::new(format!("{} {}", if self.long { "long" } else { "short" }, self.phc.expose()));
        keyring.seal(place(&account.to_bytes()), text.expose().as_bytes(), rng)
    }

    /// Opens what the account's row holds.
    ///
    /// # Errors
    /// When it isn't what was sealed there.
    pub fn open(keyring: &Keyring, account: AccountId, sealed: &[u8]) -> Result<Self, Problem> {
        let opened = keyring.unseal(place(&account.to_bytes()), sealed).map_err(|error| {
            tracing::error!(%error, %account, "the account's password can't be opened");
            Problem::unavailable()
        })?;
        let text = std::str::from_utf8(opened.expose()).unwrap_or_default();
        let (long, phc) = text.split_once(' ').unwrap_or_default();
        Ok(Self { phc: Secret::new(phc.into()), long: long == "long" })
    }
}

fn place(row: &[u8]) -> Place<'_> {
    Place { table: "accounts", row, column: "password_sealed" }
}

impl NewPassword {
    /// Hashes it. It takes a hundredth of a second or more, so only the hasher's threads do it.
    pub(super) fn hash(&self, memory: &mut Memory, salt: &[u8; 16]) -> Option<Kept> {
        let hash = memory.hash::<HASH>(params()?, self.text.expose().as_bytes(), salt)?;
        let phc = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params()?).ok()?,
            salt: Some(Salt::new(salt).ok()?),
            hash: Some(Output::new(hash.expose()).ok()?),
        };
        Some(Kept { phc: Secret::new(phc.to_string()), long: self.long })
    }
}

impl Kept {
    /// Whether this is the password that is kept. It takes as long as hashing, so only the hasher's threads do it.
    pub(super) fn is(&self, memory: &mut Memory, typed: &str) -> Option<bool> {
        let phc = PasswordHash::new(self.phc.expose()).ok()?;
        let kept: &[u8; HASH] = phc.hash.as_ref()?.as_bytes().try_into().ok()?;
        let (params, salt) = (Params::try_from(&phc).ok()?, phc.salt.as_ref()?);
        let hash = memory.hash::<HASH>(params, normal(typed).expose().as_bytes(), salt)?;
        Some(seal::same(hash.expose(), kept))
    }
}

/// The length of a hash, in bytes.
const HASH: usize = 32;

/// argon2id with 19 MiB, two passes, one lane (OWASP Password Storage).
fn params() -> Option<Params> {
    Params::new(19 * 1024, 2, 1, None).ok()
}
