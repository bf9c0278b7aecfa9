//! Reading what people upload or paste as their key.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use zeroize::Zeroizing;

use super::{
    ApiKey,
    der::{BITS, BYTES, FIRST, INTEGER, OBJECT, Reader, SECOND, SECOND_BITS, SEQUENCE, bits},
};

/// Why something isn't an App Store Connect API key. Each says what it seems to be, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is nothing in it.
    #[error("It is empty. Choose the .p8 file that App Store Connect gave you, or paste all of its text.")]
    Empty,
    /// Far larger than any key.
    #[error(
        "It is too large to be an API key, which has about 250 bytes. Choose the .p8 file that App Store Connect gave you."
    )]
    TooLarge,
    /// A certificate.
    #[error(
        "It is a certificate, and no key. Choose the .p8 file that App Store Connect gave you under Users and Access, Integrations."
    )]
    Certificate,
    /// A request for a certificate.
    #[error(
        "It is a request for a certificate, and no key. Choose the .p8 file that App Store Connect gave you under Users and \
         Access, Integrations."
    )]
    Request,
    /// Several things in one, most likely with a password: PKCS#12, PKCS#7.
    #[error(
        "It is a bundle of certificates (.p12, .pfx, .p7b), and no API key. Choose the .p8 file that App Store Connect gave you \
         under Users and Access, Integrations."
    )]
    Bundle,
    /// Only the half of a key that anybody may know.
    #[error(
        "It is a public key. What Doorkey needs is the private one: the .p8 file that App Store Connect gave you."
    )]
    PublicKey,
    /// A key of RSA.
    #[error(
        "It is an RSA key. App Store Connect's API keys are of another sort: choose the .p8 file that it gave you."
    )]
    Rsa,
    /// A key of another curve.
    #[error(
        "It is a key of another curve than P-256, which App Store Connect's API keys have. Choose the .p8 file that it gave you."
    )]
    OtherCurve,
    /// A key of another sort yet.
    #[error(
        "It is a key of another sort than App Store Connect's API keys. Choose the .p8 file that it gave you."
    )]
    OtherSort,
    /// It would need a password to be read.
    #[error(
        "It is encrypted with a password. App Store Connect's own .p8 file isn't: choose that, or decrypt this one first \
         (openssl pkcs8 -in FILE -out AuthKey.p8 -nocrypt -topk8)."
    )]
    Encrypted,
    /// The half that anybody may know is missing.
    #[error(
        "It is a P-256 key without its public half. Choose App Store Connect's own .p8 file, or let openssl add that half \
         (openssl ec -in FILE | openssl pkcs8 -topk8 -nocrypt -out AuthKey.p8)."
    )]
    NoPublicHalf,
    /// More than one thing.
    #[error("There is more than one thing in it. Paste one key alone, from its BEGIN line to its END line.")]
    Several,
    /// It began as a key, and isn't whole.
    #[error(
        "It is a key that isn't whole, or was changed on the way. Choose the .p8 file itself, or paste all of its text again."
    )]
    Damaged,
    /// Nothing that can be told.
    #[error(
        "It isn't a key. Choose the .p8 file that App Store Connect gave you, or paste all of its text, from BEGIN PRIVATE KEY \
         to END PRIVATE KEY."
    )]
    NotAKey,
}

/// How many bytes are looked at.
const LONGEST: usize = 16 * 1024;

/// Base64 as it is met: with the equals signs at its end, or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// `ecPublicKey` (RFC 5480).
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// `secp256r1` (RFC 5480).
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// What the algorithms of PKCS#1 begin with.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];

impl ApiKey {
    /// Reads a key in any of the forms in which people have it: Apple's `.p8` file with whatever line ends, its text on one line or with
    /// spaces around, base64 of it, or the bytes inside, in PKCS#8 or in the older form that openssl writes (SEC 1).
    ///
    /// # Errors
    /// What it is instead.
    pub fn read(given: &[u8]) -> Result<Self, ReadError> {
        if given.len() > LONGEST {
            return Err(ReadError::TooLarge);
        }
        // No text begins like this: the byte after it says that a long length follows, or the rest is as long as it says.
        if given.first() == Some(&SEQUENCE) && Reader::new(given).next().is_some() {
            return from_der(given);
        }
        let given = given.strip_prefix(b"\xef\xbb\xbf").unwrap_or(given);
        let text = std::str::from_utf8(given).map_err(|_| match given.first() {
            Some(&SEQUENCE) => ReadError::Damaged,
            _ => ReadError::NotAKey,
        })?;
        if text.trim().is_empty() {
            return Err(ReadError::Empty);
        }
        if text.contains(BEGIN) {
            return from_pem(text);
        }
        let inside = decode(text.trim().trim_matches(['"', '\''])).ok_or(ReadError::NotAKey)?;
        match std::str::from_utf8(&inside) {
            Ok(text) if text.contains(BEGIN) => from_pem(text),
            _ => from_der(&inside),
        }
    }
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Without the line ends and spaces that there may be, also where they were written as `\n`.
fn decode(base64: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut clean = Zeroizing::new(String::with_capacity(base64.len()));
    let mut rest = base64.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' if matches!(rest.peek(), Some('n' | 'r')) => drop(rest.next()),
            c if c.is_ascii_whitespace() => {}
            c => clean.push(c),
        }
    }
    BASE64.decode(clean.as_bytes()).ok().map(Zeroizing::new)
}

fn from_pem(text: &str) -> Result<ApiKey, ReadError> {
    let mut found = None;
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (label, after) = after.split_once(DASHES).ok_or(ReadError::Damaged)?;
        let (body, after) = after.split_once(END).ok_or(ReadError::Damaged)?;
        rest = after;
        // What openssl writes before a key of its own.
        if label == "EC PARAMETERS" {
            continue;
        }
        if found.replace((label, body)).is_some() {
            return Err(ReadError::Several);
        }
    }
    let (label, body) = found.ok_or(ReadError::NotAKey)?;
    match label {
        "PRIVATE KEY" | "EC PRIVATE KEY" if body.contains("ENCRYPTED") => Err(ReadError::Encrypted),
        "PRIVATE KEY" | "EC PRIVATE KEY" => match from_der(&decode(body).ok_or(ReadError::Damaged)?) {
            Err(ReadError::NotAKey) => Err(ReadError::Damaged),
            read => read,
        },
        "ENCRYPTED PRIVATE KEY" => Err(ReadError::Encrypted),
        "RSA PRIVATE KEY" => Err(ReadError::Rsa),
        "PUBLIC KEY" | "RSA PUBLIC KEY" => Err(ReadError::PublicKey),
        "CERTIFICATE" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE" => Err(ReadError::Certificate),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Err(ReadError::Request),
        "PKCS7" | "CMS" => Err(ReadError::Bundle),
        label if label.ends_with("PRIVATE KEY") => Err(ReadError::OtherSort),
        _ => Err(ReadError::NotAKey),
    }
}

fn from_der(bytes: &[u8]) -> Result<ApiKey, ReadError> {
    let mut all = Reader::new(bytes);
    let Some(mut inside) = all.enter(SEQUENCE) else {
        // Cut off, if it began as it has to.
        return Err(if bytes.first() == Some(&SEQUENCE) { ReadError::Damaged } else { ReadError::NotAKey });
    };
    if !all.is_empty() {
        return Err(ReadError::Damaged);
    }
    let (first, second) = (inside.next(), inside.next());
    let (Some(first), Some(second)) = (first, second) else { return Err(ReadError::NotAKey) };
    match (first.tag, first.content, second.tag) {
        (INTEGER, [0 | 1], SEQUENCE) => pkcs8(Reader::new(second.content), inside),
        (INTEGER, [1], BYTES) => sec1(second.content, inside, None),
        (INTEGER, [0 | 1], INTEGER) => Err(ReadError::Rsa),
        (INTEGER, [3], SEQUENCE) | (OBJECT, _, FIRST) => Err(ReadError::Bundle),
        (SEQUENCE, _, BITS) => Err(ReadError::PublicKey),
        (SEQUENCE, _, BYTES) => Err(ReadError::Encrypted),
        (SEQUENCE, [FIRST, ..], SEQUENCE) => Err(ReadError::Certificate),
        (SEQUENCE, [INTEGER, ..], SEQUENCE) => Err(ReadError::Request),
        _ => Err(ReadError::NotAKey),
    }
}

/// The rest of PKCS#8 (RFC 5958), from the algorithm on.
fn pkcs8(mut algorithm: Reader<'_>, mut rest: Reader<'_>) -> Result<ApiKey, ReadError> {
    match algorithm.take(OBJECT) {
        Some(EC) if algorithm.take(OBJECT) == Some(P256) => {}
        Some(EC) => return Err(ReadError::OtherCurve),
        Some(other) if other.starts_with(RSA) => return Err(ReadError::Rsa),
        Some(_) => return Err(ReadError::OtherSort),
        None => return Err(ReadError::NotAKey),
    }
    let mut key = rest.enter(BYTES).ok_or(ReadError::Damaged)?;
    // Attributes: Apple writes none, and they say nothing of the key.
    rest.take(FIRST);
    let public = rest.take(SECOND_BITS);
    let mut key = key.enter(SEQUENCE).ok_or(ReadError::Damaged)?;
    if key.take(INTEGER) != Some(&[1]) {
        return Err(ReadError::Damaged);
    }
    let private = key.take(BYTES).ok_or(ReadError::Damaged)?;
    sec1(private, key, public)
}

/// The rest of a key of SEC 1 (RFC 5915), from its private half on; with a public half that stood around it.
fn sec1(private: &[u8], mut rest: Reader<'_>, public: Option<&[u8]>) -> Result<ApiKey, ReadError> {
    if let Some(mut curve) = rest.enter(FIRST)
        && curve.take(OBJECT) != Some(P256)
    {
        return Err(ReadError::OtherCurve);
    }
    if private.len() > PRIVATE {
        return Err(ReadError::OtherCurve);
    }
    let within = rest.enter(SECOND).and_then(|mut public| public.take(BITS));
    let public = within.or(public).ok_or(ReadError::NoPublicHalf)?;
    keep(private, bits(public).ok_or(ReadError::Damaged)?)
}

/// How long the private half is, in bytes.
const PRIVATE: usize = 32;
/// How long the public half is, in bytes, with the one that says that both of its numbers follow.
const PUBLIC: usize = 65;
/// What stands before the private half in the form that is kept, ...
const BEFORE: &[u8] = &[
    0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01,
    0x04, 0x20,
];
/// ... and between it and the public one.
const BETWEEN: &[u8] = &[0xa1, 0x44, 0x03, 0x42, 0x00];

/// Whether this is the form that is kept.
pub(super) fn is_kept_form(der: &[u8]) -> bool {
    let parts = der.strip_prefix(BEFORE).and_then(|rest| rest.split_at_checked(PRIVATE));
    let public = parts.and_then(|(_, rest)| rest.strip_prefix(BETWEEN));
    public.is_some_and(|public| public.len() == PUBLIC && public.first() == Some(&4))
}

/// The key in the form that is kept, if its halves belong together.
fn keep(private: &[u8], public: &[u8]) -> Result<ApiKey, ReadError> {
    match public {
        [0x04, ..] if public.len() == PUBLIC => {}
        // Only one of its numbers.
        [0x02 | 0x03, ..] => return Err(ReadError::NoPublicHalf),
        _ => return Err(ReadError::Damaged),
    }
    let mut der = Zeroizing::new(Vec::with_capacity(BEFORE.len() + PRIVATE + BETWEEN.len() + PUBLIC));
    der.extend(BEFORE);
    // Some write the number without the zeros that it begins with.
    der.extend(std::iter::repeat_n(0, PRIVATE.saturating_sub(private.len())));
    der.extend(private);
    der.extend(BETWEEN);
    der.extend(public);
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new());
    pair.map(|_| ApiKey { der }).map_err(|_| ReadError::Damaged)
}
