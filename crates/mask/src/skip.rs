//! Passes over text that no pattern can begin in, several bytes at a time (after Wu and Manber).

use std::collections::BTreeSet;

/// How many bytes are looked at together.
const BLOCK: usize = 3;

/// How far into the patterns is looked: as far as the shortest form of a secret goes.
const WINDOW: usize = crate::SHORTEST;

/// The longest stride: past a block that none of the patterns has.
const LONGEST: usize = WINDOW - BLOCK + 1;

/// A table that is larger would be slower to reach, and a smaller one fuller.
const BITS: u32 = 17;

/// For each block, how much further on a pattern could begin whose window ends with it.
pub(crate) struct Skip(Option<Box<[u8; 1 << BITS]>>);

impl Skip {
    /// Nothing is passed over where a pattern is shorter than the window.
    pub(crate) fn new(patterns: &BTreeSet<Vec<u8>>) -> Self {
        if patterns.iter().any(|pattern| pattern.len() < WINDOW) {
            return Self(None);
        }
        let mut strides = Box::new([LONGEST as u8; 1 << BITS]);
        for pattern in patterns {
            for (block, stride) in pattern.windows(BLOCK).zip((0..LONGEST as u8).rev()) {
                if let Some(slot) = strides.get_mut(slot(block)) {
                    *slot = stride.min(*slot);
                }
            }
        }
        Self(Some(strides))
    }

    /// The first place from `at` on where a pattern could begin, or could be beginning at the end of the text.
    pub(crate) fn to(&self, text: &[u8], mut at: usize) -> usize {
        let Some(strides) = &self.0 else { return at };
        while let Some(ahead) = text.get(at + WINDOW - BLOCK..) {
            // Nearly always the longest stride is right; taken for granted, the processor needn't wait for each of them.
            let looked = ahead.chunks(LONGEST).map(|blocks| {
                let block = blocks.get(..BLOCK)?;
                strides.get(slot(block)).copied()
            });
            let mut other = None;
            for stride in looked {
                if stride != Some(LONGEST as u8) {
                    other = stride;
                    break;
                }
                at += LONGEST;
            }
            match other {
                // A pattern may begin here, or there is too little left to tell.
                Some(0) | None => return at,
                Some(stride) => at += usize::from(stride),
            }
        }
        at
    }
}

fn slot(block: &[u8]) -> usize {
    let [a, b, c] = *block else { return 0 };
    let number = u32::from_le_bytes([a, b, c, 0]).wrapping_mul(0x9E37_79B1);
    (number >> (32 - BITS)) as usize
}
