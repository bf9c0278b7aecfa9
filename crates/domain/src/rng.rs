use rand::{Rng as _, SeedableRng, rngs::StdRng};

/// Randomness fit for keys (ChaCha12), seeded by whoever makes it: the operating system in a server, a fixed
/// seed in a test. It is handed to every rule that needs it, so that none takes its own.
pub struct Rng(StdRng);

impl Rng {
    /// A generator from 32 bytes of seed. A server takes them from the operating system for every request.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(StdRng::from_seed(seed))
    }

    /// Fills `buffer` with random bytes.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        self.0.fill_bytes(buffer);
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut buffer = [0; N];
        self.fill(&mut buffer);
        buffer
    }

    /// A number from 0 up to, not including, `bound`, each equally likely: bytes above the last whole multiple
    /// of `bound` are drawn again. `bound` is at least 1.
    pub fn below(&mut self, bound: u8) -> u8 {
        let bound = bound.max(1);
        let fair = u8::MAX - (u8::MAX % bound);
        loop {
            let [byte] = self.bytes::<1>();
            if byte < fair {
                return byte % bound;
            }
        }
    }
}
