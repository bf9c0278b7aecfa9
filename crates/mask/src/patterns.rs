//! What is looked for: one automaton over all forms.

use std::collections::BTreeSet;

use aho_corasick::{
    Anchored, BuildError,
    automaton::{Automaton, StateID},
    nfa::contiguous::NFA,
};

use crate::skip::Skip;

/// How little of a pattern is worth a second look at whether it can be one at all. In text of the secret's own letters nearly
/// each of them begins one.
const SHALLOW: usize = 2;

/// All patterns, and how far into one a text can be.
pub(crate) struct Patterns {
    automaton: NFA,
    start: StateID,
    /// How long the longest suffix is that begins a pattern, in each state.
    depths: Vec<u32>,
    skip: Skip,
}

impl Patterns {
    /// Nothing where there is nothing to look for.
    pub(crate) fn new(forms: &BTreeSet<Vec<u8>>) -> Result<Option<Self>, BuildError> {
        if forms.is_empty() {
            return Ok(None);
        }
        let automaton = NFA::builder().prefilter(false).build(forms)?;
        let Ok(start) = automaton.start_state(Anchored::No) else { return Ok(None) };
        let mut depths = Vec::new();
        for form in forms {
            let mut state = start;
            for (byte, depth) in form.iter().zip(1..) {
                // What has been read is the beginning of a pattern, and nothing longer can be.
                state = automaton.next_state(Anchored::No, state, *byte);
                let at = state.as_usize();
                depths.resize(depths.len().max(at + 1), 0);
                if let Some(slot) = depths.get_mut(at) {
                    *slot = depth;
                }
            }
        }
        Ok(Some(Self { automaton, start, depths, skip: Skip::new(forms) }))
    }

    pub(crate) const fn start(&self) -> StateID {
        self.start
    }

    /// How much of what was read last could go on to be a pattern.
    pub(crate) fn depth(&self, state: StateID) -> usize {
        self.depths.get(state.as_usize()).map_or(0, |depth| *depth as usize)
    }

    /// Reads `text` from `at` on, and says of each match where it ends and how long the longest one is that ends there.
    /// Gives the state that it ends in.
    pub(crate) fn read(
        &self,
        mut state: StateID,
        text: &[u8],
        mut at: usize,
        mut matched: impl FnMut(usize, usize),
    ) -> StateID {
        loop {
            let depth = self.depth(state);
            if depth <= SHALLOW
                && let Some(began) = at.checked_sub(depth)
            {
                // Read anew from where it could have begun, if it can't have.
                let next = self.skip.to(text, began);
                if next > began {
                    (state, at) = (self.start, next);
                }
            }
            let Some(byte) = text.get(at) else { return state };
            state = self.automaton.next_state(Anchored::No, state, *byte);
            at += 1;
            if self.automaton.is_match(state) {
                let ended = (0..self.automaton.match_len(state))
                    .map(|index| self.automaton.pattern_len(self.automaton.match_pattern(state, index)));
                matched(at, ended.max().unwrap_or_default());
            }
        }
    }
}
