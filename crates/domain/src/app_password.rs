use serde::{Deserialize, Serialize};

use crate::{AccountId, AppPasswordId, KindSet, LineError, Rng, Secret, ServiceName, Timestamp, line::line};

/// The most app-specific passwords that one account can have live at a time. Ended ones don't count.
pub const ACTIVE_APP_PASSWORDS_MAX: usize = 25;

/// How many ended ones of an account are kept, the newest: enough to name a device that was forgotten, and no more, since each is read
/// again with every change of its account.
pub const ENDED_APP_PASSWORDS_KEPT: usize = 200;

/// An app-specific password as Doorkey keeps it: everything but the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppPassword {
    /// Its id.
    pub id: AppPasswordId,
    /// Whose it is.
    pub account: AccountId,
    /// What its person calls it.
    pub label: Label,
    /// What it opens.
    pub opens: Opens,
    /// When it was generated.
    pub created_at: Timestamp,
    /// When it stops working by itself, if ever.
    pub expires_at: Option<Timestamp>,
    /// When and why it stopped working, once it has. It never works again.
    pub ended: Option<Ended>,
    /// When it last opened something.
    pub last_use: Option<LastUse>,
    /// When it was last tried after its end.
    pub tried_after_end: Option<LastUse>,
}

impl AppPassword {
    /// Whether it works at `now`. One whose time has come doesn't, also before its end has been written down.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended_by(now).is_none()
    }

    /// Its end, if that has come by `now`: one whose time is over has expired, also before that has been written down.
    #[must_use]
    pub fn ended_by(&self, now: Timestamp) -> Option<Ended> {
        let expired = self.expires_at.filter(|at| *at <= now).map(|at| Ended { at, why: WhyEnded::Expired });
        self.ended.or(expired)
    }
}

/// The end of an app-specific password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When it stopped working.
    pub at: Timestamp,
    /// Why.
    pub why: WhyEnded,
}

/// Why an app-specific password stopped working.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyEnded {
    /// Its time was over.
    Expired,
    /// Its person revoked it.
    Revoked,
    /// Its person revoked all.
    RevokedAll,
    /// The account's password was changed.
    PasswordChanged,
    /// The account's password was reset through a link.
    PasswordReset,
    /// Two-factor authentication was turned off.
    TwoFactorOff,
    /// A backup of the server was restored, which would have brought back what had been revoked since.
    Restored,
}

impl WhyEnded {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Expired,
        Self::Revoked,
        Self::RevokedAll,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::TwoFactorOff,
        Self::Restored,
    ];

    /// The reason as it is stored and as the API gives it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::RevokedAll => "revoked_all",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::TwoFactorOff => "two_factor_off",
            Self::Restored => "restored",
        }
    }

    /// The reason of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.code() == code)
    }
}

/// A use of an app-specific password: when, at which service, from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// At which service.
    pub service: ServiceName,
    /// The client's address, as the door saw it.
    pub source: String,
}

/// What a person calls an app-specific password: one line, 1 to 200 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label(String);

impl Label {
    /// Reads a label as a person types it.
    ///
    /// # Errors
    /// When it is empty, too long, or has characters that can't be seen.
    pub fn parse(typed: &str) -> Result<Self, LineError> {
        line(typed, 200).map(Self)
    }

    /// The label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an app-specific password opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opens {
    /// Whatever it opens first, and from then on only that.
    First,
    /// These kinds.
    Kinds(KindSet),
}

/// Whether a password opens a service, by the kinds of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It does.
    Yes,
    /// It will, once it has been bound to these kinds for good.
    Bind(KindSet),
    /// It doesn't.
    No,
}

impl Opens {
    /// THE rule of what opens what. A service that holds several kinds can't say which of them an app is after, so a
    /// password for any of them opens it; whoever wants them apart registers a service for each.
    #[must_use]
    pub const fn admit(self, service: KindSet) -> Admission {
        match self {
            Self::First if !service.is_empty() => Admission::Bind(service),
            Self::Kinds(kinds) if kinds.meets(service) => Admission::Yes,
            Self::First | Self::Kinds(_) => Admission::No,
        }
    }

    /// As it is stored: the kinds' bits, 0 for the first app.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::First => 0,
            Self::Kinds(kinds) => kinds.bits(),
        }
    }

    /// From stored bits; `None` when a bit stands for no kind.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match KindSet::from_bits(bits) {
            None => None,
            Some(kinds) if kinds.is_empty() => Some(Self::First),
            Some(kinds) => Some(Self::Kinds(kinds)),
        }
    }
}

/// The secret of an app-specific password: 24 lower-case letters, 112.8 bits, shown in six groups of four.
pub struct AppPasswordSecret(Secret<[u8; Self::LETTERS]>);

impl AppPasswordSecret {
    /// Letters in a secret.
    pub const LETTERS: usize = 24;

    /// A new secret, each letter equally likely.
    #[must_use]
    pub fn generate(rng: &mut Rng) -> Self {
        let mut letters = [0; Self::LETTERS];
        for letter in &mut letters {
            *letter = b'a' + rng.below(26);
        }
        Self(Secret::new(letters))
    }

    /// Reads a secret as an app sends it: with or without hyphens and spaces, in any case. `None` when it can't be
    /// one, which needs no look-up.
    #[must_use]
    pub fn parse(sent: &str) -> Option<Self> {
        // Wiped when dropped, also when what was sent turns out not to be a secret.
        let mut letters = zeroize::Zeroizing::new([0; Self::LETTERS]);
        let mut places = letters.iter_mut();
        for byte in sent.bytes().filter(|b| !matches!(b, b'-' | b' ')) {
            *places.next()? = byte.to_ascii_lowercase();
        }
        let full = places.next().is_none() && letters.iter().all(u8::is_ascii_lowercase);
        full.then(|| Self(Secret::new(*letters)))
    }

    /// The letters, to make the fingerprint from.
    #[must_use]
    pub const fn letters(&self) -> &[u8; Self::LETTERS] {
        self.0.expose()
    }

    /// As it is shown, once: `abcd-efgh-ijkl-mnop-qrst-uvwx`.
    #[must_use]
    pub fn shown(&self) -> Secret<String> {
        let mut text = String::with_capacity(29);
        for (n, letter) in self.letters().iter().enumerate() {
            if n > 0 && n % 4 == 0 {
                text.push('-');
            }
            text.push(char::from(*letter));
        }
        Secret::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use proptest::{prop_assert, proptest};

    fn kinds(kinds: &[Kind]) -> KindSet {
        kinds.iter().copied().collect()
    }

    #[test]
    fn a_password_opens_its_kinds_and_no_other() {
        let dav = kinds(&[Kind::Contacts, Kind::Calendars]);
        let calendars = Opens::Kinds(kinds(&[Kind::Calendars]));
        assert_eq!(calendars.admit(dav), Admission::Yes);
        assert_eq!(calendars.admit(kinds(&[Kind::Mail])), Admission::No);
        assert_eq!(Opens::First.admit(dav), Admission::Bind(dav));
        assert_eq!(Opens::Kinds(dav).admit(KindSet::NONE), Admission::No);
    }

    #[test]
    fn what_it_opens_is_stored_as_bits() {
        for bits in 0..32 {
            assert_eq!(Opens::from_bits(bits).map(Opens::bits), Some(bits));
        }
        assert_eq!(Opens::from_bits(0), Some(Opens::First));
        assert_eq!(Opens::from_bits(32), None);
    }

    #[test]
    fn reasons_read_back_from_their_codes() {
        for why in WhyEnded::ALL {
            assert_eq!(WhyEnded::from_code(why.code()), Some(why));
            assert_eq!(serde_json::to_value(why).unwrap(), why.code());
        }
        assert_eq!(WhyEnded::from_code("other"), None);
    }

    #[test]
    fn a_secret_is_six_groups_of_four_letters_all_of_them_in_use() {
        let mut rng = Rng::from_seed([3; 32]);
        let mut seen = [0_u32; 26];
        for _ in 0..200 {
            let secret = AppPasswordSecret::generate(&mut rng);
            let shown = secret.shown();
            let groups: Vec<_> = shown.expose().split('-').collect();
            assert!(groups.len() == 6 && groups.iter().all(|g| g.len() == 4), "{groups:?}");
            for letter in secret.letters() {
                seen[usize::from(letter - b'a')] += 1;
            }
        }
        assert!(seen.iter().all(|n| *n > 100), "{seen:?}");
    }

    #[test]
    fn an_app_may_send_it_with_or_without_hyphens_and_in_any_case() {
        for sent in
            ["abcd-efgh-ijkl-mnop-qrst-uvwx", "abcdefghijklmnopqrstuvwx", " ABCD efgh-IJKL mnop qrst uvwx "]
        {
            assert_eq!(&AppPasswordSecret::parse(sent).unwrap().letters()[..], b"abcdefghijklmnopqrstuvwx");
        }
        for sent in ["", "abcd", "abcd-efgh-ijkl-mnop-qrst-uvw1", "abcd-efgh-ijkl-mnop-qrst-uvwxy", "ä"] {
            assert!(AppPasswordSecret::parse(sent).is_none(), "{sent}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_read_or_refused(sent in ".{0,60}") {
            let letters = AppPasswordSecret::parse(&sent).map(|s| *s.letters());
            prop_assert!(letters.is_none_or(|l| l.iter().all(u8::is_ascii_lowercase)));
        }
    }
}
