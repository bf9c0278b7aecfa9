//! App Store Connect API keys: reading the `.p8` files that Apple hands out, writing them as tools want them, and signing with them.

mod der;
mod names;
mod read;
mod token;

#[cfg(test)]
mod tests;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::Secret;
use zeroize::Zeroizing;

pub use names::{issuer_id, key_id, key_id_in_file_name};
pub use read::ReadError;
pub use token::{KeyName, SECONDS_MAX, SignError, Token};

/// A private key of P-256, in the one form in which it is kept: PKCS#8 (RFC 5958) with its public half, and nothing else. It can't be
/// printed, and is wiped when dropped.
pub struct ApiKey {
    der: Zeroizing<Vec<u8>>,
}

impl ApiKey {
    /// A key as [`Self::der`] gave it, to be given out again. That its halves belong together was seen when it was read, and isn't looked
    /// at again. None when it isn't in that form.
    #[must_use]
    pub fn kept(der: &[u8]) -> Option<Self> {
        read::is_kept_form(der).then(|| Self { der: Zeroizing::new(der.to_vec()) })
    }

    /// The key as PKCS#8 in DER: what is sealed and stored. [`ApiKey::read`] reads it again.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The key as PKCS#8 in PEM, with LF as Apple's own files have it.
    #[must_use]
    pub fn pem(&self) -> Secret<String> {
        let body = Zeroizing::new(STANDARD.encode(&*self.der));
        // Large enough from the beginning, so that growing leaves no copy behind.
        let mut pem = String::with_capacity(body.len() + body.len() / LINE + 80);
        pem.push_str("-----BEGIN PRIVATE KEY-----\n");
        let mut rest = body.as_str();
        while let Some((line, more)) = rest.split_at_checked(LINE) {
            pem.push_str(line);
            pem.push('\n');
            rest = more;
        }
        if !rest.is_empty() {
            pem.push_str(rest);
            pem.push('\n');
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        Secret::new(pem)
    }

    /// The DER in base64 on one line, without the lines of PEM around it.
    #[must_use]
    pub fn der_base64(&self) -> Secret<String> {
        Secret::new(STANDARD.encode(&*self.der))
    }

    /// The PEM in base64 on one line: how keys are kept in variables that hold no line ends.
    #[must_use]
    pub fn pem_base64(&self) -> Secret<String> {
        Secret::new(STANDARD.encode(self.pem().expose()))
    }
}

/// How many characters a line of PEM has.
const LINE: usize = 64;
