use std::sync::atomic::{AtomicU64, Ordering};

/// The upper ends of the ranges that durations are told apart by, in microseconds.
const BOUNDS: [u64; 14] =
    [10, 25, 50, 100, 250, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000];

/// How long something took, each time: a histogram. Noting one down costs two additions and no lock.
#[derive(Debug, Default)]
pub struct Durations {
    counts: [AtomicU64; BOUNDS.len()],
    longer: AtomicU64,
    micros: AtomicU64,
}

/// What has been noted down so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    /// How many there were up to each bound, in seconds, that weren't up to the one before it. The last bound has no end.
    pub counts: Vec<(f64, u64)>,
    /// How many there were.
    pub count: u64,
    /// How long they took together, in seconds.
    pub seconds: f64,
}

impl Durations {
    /// Notes one down, in microseconds.
    pub fn note(&self, micros: u64) {
        let at = BOUNDS.partition_point(|bound| *bound < micros);
        self.counts.get(at).unwrap_or(&self.longer).fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// All that was noted down. One that is noted down meanwhile may be in a part of it.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a figure for people, exact up to 2^53 microseconds")]
    pub fn noted(&self) -> Noted {
        let seconds = |micros: u64| micros as f64 / 1e6;
        let bounded = BOUNDS.iter().zip(&self.counts);
        let mut counts: Vec<_> =
            bounded.map(|(bound, count)| (seconds(*bound), count.load(Ordering::Relaxed))).collect();
        counts.push((f64::INFINITY, self.longer.load(Ordering::Relaxed)));
        let count = counts.iter().map(|(_, count)| count).sum();
        Noted { counts, count, seconds: seconds(self.micros.load(Ordering::Relaxed)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_counts_in_one_range() {
        let durations = Durations::default();
        for micros in [0, 10, 11, 25, 5_000_000, 5_000_001, 60_000_000] {
            durations.note(micros);
        }
        let noted = durations.noted();
        let found: Vec<_> = noted.counts.iter().copied().filter(|(_, count)| *count > 0).collect();
        assert_eq!(found, [(0.000_01, 2), (0.000_025, 2), (5.0, 1), (f64::INFINITY, 2)]);
        assert_eq!((noted.count, noted.seconds), (7, 70.000_047));
    }
}
