use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::{Rng, Secret, Timestamp};

/// A time-based one-time password (RFC 6238) as authenticator apps make them: SHA-1, six digits, 30 seconds.
pub struct Totp(Secret<[u8; 20]>);

/// Six digits as a person types them; spaces between are taken as they come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TotpCode(u32);

impl Totp {
    /// How long one code stands, in seconds.
    const STEP: i64 = 30;

    /// A new secret of 160 bits, as RFC 4226 recommends.
    #[must_use]
    pub fn generate(rng: &mut Rng) -> Self {
        Self(Secret::new(rng.bytes()))
    }

    /// The secret that has these 20 bytes; `None` for any other number of them.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Secret::new(bytes.try_into().ok()?)))
    }

    /// The secret's bytes, to be sealed.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// The secret in base 32, to be typed where no QR code can be read.
    #[must_use]
    pub fn manual_key(&self) -> String {
        data_encoding::BASE32_NOPAD.encode(self.0.expose())
    }

    /// The `otpauth:` address in the QR code, with `account` as what the authenticator shows.
    #[must_use]
    pub fn uri(&self, account: &str) -> String {
        let account: String = account.bytes().map(percent).collect();
        format!("otpauth://totp/Doorkey:{account}?secret={}&issuer=Doorkey", self.manual_key())
    }

    /// The step whose code this is, looking one step back and one ahead of `now` for clocks that differ. A step at
    /// or before `last_step` has been used, and isn't looked at: a code counts once (RFC 6238, 5.2).
    #[must_use]
    pub fn accepts(&self, code: TotpCode, now: Timestamp, last_step: i64) -> Option<i64> {
        let step = now.seconds().div_euclid(Self::STEP);
        [step, step - 1, step + 1].into_iter().find(|s| *s > last_step && self.code_at(*s) == code)
    }

    /// The code that stands at `now`, as an authenticator shows it.
    #[must_use]
    pub fn code(&self, now: Timestamp) -> TotpCode {
        self.code_at(now.seconds().div_euclid(Self::STEP))
    }

    /// HOTP (RFC 4226, 5.3) of the step.
    fn code_at(&self, step: i64) -> TotpCode {
        // An HMAC takes a key of any length, so the zeros never happen; they'd be a code like any other.
        let digest: [u8; 20] = Hmac::<Sha1>::new_from_slice(self.0.expose())
            .map(|mac| mac.chain_update(step.to_be_bytes()).finalize().into_bytes().into())
            .unwrap_or_default();
        let offset = usize::from(digest[19] & 0x0f);
        let word = digest.get(offset..offset + 4).and_then(|four| four.try_into().ok()).unwrap_or_default();
        TotpCode((u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000)
    }
}

fn percent(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    }
}

impl TotpCode {
    /// Reads six digits; `None` for anything else.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let digits: String = typed.chars().filter(|c| !c.is_whitespace()).take(7).collect();
        (digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse().ok().map(Self))
            .flatten()
    }
}

impl std::fmt::Display for TotpCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc() -> Totp {
        Totp::from_bytes(b"12345678901234567890").unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn gives_the_codes_of_rfc_6238() {
        // Appendix B has eight digits; an authenticator shows the last six of them.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(rfc().code(at(seconds)).to_string(), code);
        }
    }

    #[test]
    fn a_code_counts_once_and_one_step_either_side() {
        let now = at(1_234_567_890);
        let step = 1_234_567_890 / 30;
        for (typed_at, accepted) in
            [(-60, None), (-30, Some(step - 1)), (0, Some(step)), (30, Some(step + 1)), (60, None)]
        {
            let code = rfc().code(at(1_234_567_890 + typed_at));
            assert_eq!(rfc().accepts(code, now, 0), accepted, "{typed_at}");
        }
        let code = rfc().code(now);
        assert_eq!(rfc().accepts(code, now, step), None);
        assert_eq!(rfc().accepts(code, now, step - 1), Some(step));
    }

    #[test]
    fn reads_six_digits_with_space_between_and_nothing_else() {
        assert_eq!(TotpCode::parse(" 471 902 ").map(|c| c.to_string()), Some("471902".into()));
        assert_eq!(TotpCode::parse("000001").map(|c| c.to_string()), Some("000001".into()));
        for wrong in ["", "12345", "1234567", "12345a", "+12345", "١٢٣٤٥٦", "12-456"] {
            assert!(TotpCode::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn the_address_escapes_the_account() {
        assert_eq!(
            rfc().uri("a+b&c@example.org"),
            "otpauth://totp/Doorkey:a%2Bb%26c@example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Doorkey"
        );
    }
}
