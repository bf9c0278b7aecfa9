use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use domain::{AppPasswordId, KindSet, Opens, Timestamp};

/// An app-specific password as the store has it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is known by, unlike that of any other password.
    pub fingerprint: [u8; 32],
    /// Its id.
    pub id: AppPasswordId,
    /// What it opens.
    pub opens: Opens,
    /// When it stops working by itself, if ever.
    pub expires_at: Option<Timestamp>,
    /// Whether it has stopped working.
    pub ended: bool,
}

/// An app-specific password as a door finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: AppPasswordId,
    /// What it opens.
    pub opens: Opens,
    /// When it stops working by itself, if ever: whole seconds, never later than the store has it.
    pub expires_at: Option<Timestamp>,
    /// Whether it has stopped working.
    pub ended: bool,
    /// Whether its account is active, seen in the same moment as the rest.
    pub account_active: bool,
    /// Whether its account is among those that were asked for, seen in the same moment too.
    pub account_allowed: bool,
}

/// Stands for no expiry. One that is this late or later is taken to be a second earlier, in February 2106.
const NEVER: u32 = u32::MAX;

/// A password in as few bytes as it takes: 44.
pub(crate) struct Password {
    /// Half of the fingerprint: 128 bits of a keyed hash are not met by chance or by trying.
    fingerprint: [u8; 16],
    id: [u8; 16],
    /// Seconds since 1970, or [`NEVER`].
    expires: u32,
    /// When it was last stamped as used, in seconds since 1970; 0 before.
    used: AtomicU32,
    /// As [`Opens::bits`] has it.
    opens: u8,
    ended: AtomicBool,
}

/// All passwords of an account, in the order of their fingerprints.
pub(crate) struct Passwords(Box<[Password]>);

impl Passwords {
    pub(crate) fn new(entries: &[Entry]) -> Self {
        let mut passwords: Box<[_]> = entries.iter().map(Password::new).collect();
        passwords.sort_unstable_by_key(|password| password.fingerprint);
        Self(passwords)
    }

    /// Fingerprints are as good as random, so the one that is looked for lies about as far along as its first bytes
    /// say, and a few steps from there find it. Memory that lies together is read where a hash table, or halving,
    /// would jump about; that makes 25 passwords as quick as one.
    pub(crate) fn find(&self, fingerprint: &[u8; 32]) -> Option<&Password> {
        let known_by = half(fingerprint);
        let (before, after) = self.0.split_at_checked(self.about(&known_by))?;
        let is = |password: &&Password| password.fingerprint == known_by;
        let found = after.iter().find(|password| password.fingerprint >= known_by).filter(is);
        found.or_else(|| before.iter().rev().find(|password| password.fingerprint <= known_by).filter(is))
    }

    /// Where a fingerprint lies if all are spread evenly.
    fn about(&self, known_by: &[u8; 16]) -> usize {
        let first = known_by.first_chunk().copied().map_or(0, u32::from_be_bytes);
        usize::try_from((u64::from(first) * self.0.len() as u64) >> 32).unwrap_or(0)
    }

    /// Takes over when passwords were last used from those that these replace.
    pub(crate) fn keep_stamps(&self, replaced: &Self) {
        let mut places = self.0.iter().peekable();
        // Both are in order, so one walk along both will do.
        for old in &replaced.0 {
            while places.next_if(|new| new.fingerprint < old.fingerprint).is_some() {}
            if let Some(new) = places.next_if(|new| new.fingerprint == old.fingerprint) {
                new.used.store(old.used.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
    }
}

impl Password {
    fn new(entry: &Entry) -> Self {
        let expires = entry.expires_at.map_or(NEVER, |at| {
            // Seconds are rounded down, and what doesn't fit is made to: to the past, or to the latest that fits.
            u32::try_from(at.seconds().max(0)).unwrap_or(NEVER).min(NEVER - 1)
        });
        Self {
            fingerprint: half(&entry.fingerprint),
            id: entry.id.to_bytes(),
            expires,
            used: AtomicU32::new(0),
            opens: entry.opens.bits(),
            ended: AtomicBool::new(entry.ended),
        }
    }

    pub(crate) fn found(&self, account_active: bool, account_allowed: bool) -> Found {
        let expires = (self.expires != NEVER).then_some(self.expires);
        Found {
            id: AppPasswordId::from_bytes(self.id),
            // The bits were made from kinds, so they are kinds; should they ever not be, they'd open nothing.
            opens: Opens::from_bits(self.opens).unwrap_or(Opens::Kinds(KindSet::NONE)),
            expires_at: expires.map(|seconds| Timestamp::from_millis(i64::from(seconds) * 1_000)),
            ended: self.ended.load(Ordering::Relaxed),
            account_active,
            account_allowed,
        }
    }

    pub(crate) fn mark_ended(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Whether this is the first stamp of its second.
    pub(crate) fn stamp_use(&self, at: Timestamp) -> bool {
        let second = u32::try_from(at.seconds()).unwrap_or(u32::MAX);
        // Looked at first: most uses in a busy second change nothing, and then no other core's cache is disturbed.
        self.used.load(Ordering::Relaxed) != second && self.used.swap(second, Ordering::Relaxed) != second
    }
}

fn half(fingerprint: &[u8; 32]) -> [u8; 16] {
    fingerprint.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(expires_at: Option<i64>) -> Entry {
        Entry {
            fingerprint: [7; 32],
            id: AppPasswordId::from_bytes([1; 16]),
            opens: Opens::First,
            expires_at: expires_at.map(Timestamp::from_millis),
            ended: false,
        }
    }

    #[test]
    fn a_password_takes_44_bytes() {
        assert_eq!(size_of::<Password>(), 44);
    }

    #[test]
    fn never_lives_longer_than_the_store_has_it() {
        let latest = (i64::from(u32::MAX) - 1) * 1_000;
        for (stored, kept) in [
            (1_777_777_777_999, 1_777_777_777_000),
            (1_777_777_777_000, 1_777_777_777_000),
            (999, 0),
            (0, 0),
            (-1, 0),
            (i64::MIN, 0),
            (latest, latest),
            (latest + 1_000, latest),
            (latest + 2_000, latest),
            (i64::MAX, latest),
        ] {
            let found = Password::new(&entry(Some(stored))).found(true, true);
            assert_eq!(found.expires_at, Some(Timestamp::from_millis(kept)), "{stored}");
        }
        assert_eq!(Password::new(&entry(None)).found(true, true).expires_at, None);
    }

    #[test]
    fn a_second_is_stamped_once() {
        let password = Password::new(&entry(None));
        let at = |millis| Timestamp::from_millis(millis);
        assert!(password.stamp_use(at(5_000)));
        assert!(!password.stamp_use(at(5_999)));
        assert!(password.stamp_use(at(6_000)));
        // A clock that was set back doesn't silence it until it has caught up.
        assert!(password.stamp_use(at(5_000)));
    }

    #[test]
    fn a_second_is_stamped_once_by_two_threads_together() {
        const PASSWORDS: usize = 20_000;
        let passwords: Vec<_> = (0..PASSWORDS).map(|_| Password::new(&entry(None))).collect();
        for second in 1..=100 {
            let at = Timestamp::from_millis(second * 1_000);
            let start = std::sync::Barrier::new(2);
            // From both ends, so that they meet.
            let stamped: usize = std::thread::scope(|threads| {
                let back = threads.spawn(|| {
                    start.wait();
                    passwords.iter().rev().filter(|password| password.stamp_use(at)).count()
                });
                start.wait();
                passwords.iter().filter(|password| password.stamp_use(at)).count() + back.join().unwrap()
            });
            assert_eq!(stamped, PASSWORDS);
        }
    }

    #[test]
    fn every_set_of_kinds_comes_back() {
        for bits in 0..32 {
            let opens = Opens::from_bits(bits).unwrap();
            assert_eq!(Password::new(&Entry { opens, ..entry(None) }).found(true, true).opens, opens);
        }
    }
}
