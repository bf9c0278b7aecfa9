//! What is looked for: one automaton over all forms.

use std::collections::{BTreeSet, HashMap};

use aho_corasick::{
    Anchored, BuildError,
    automaton::{Automaton, StateID},
    nfa::contiguous::NFA,
};

use crate::skip::Skip;

/// All patterns, and how far into one a text can be.
pub(crate) struct Patterns {
    automaton: NFA,
    start: StateID,
    /// How long the longest suffix is that begins a pattern, in each state.
    depths: HashMap<StateID, usize>,
    skip: Skip,
}

impl Patterns {
    /// Nothing where there is nothing to look for.
    pub(crate) fn new(forms: &BTreeSet<Vec<u8>>) -> Result<Option<Self>, BuildError> {
        if forms.is_empty() {
            return Ok(None);
        }
        let automaton = NFA::builder().build(forms)?;
        let Ok(start) = automaton.start_state(Anchored::No) else { return Ok(None) };
        let mut depths = HashMap::from([(start, 0)]);
        for form in forms {
            let mut state = start;
            for (before, byte) in form.iter().enumerate() {
                // What has been read is the beginning of a pattern, and nothing longer can be.
                state = automaton.next_state(Anchored::No, state, *byte);
                depths.insert(state, before + 1);
            }
        }
        Ok(Some(Self { automaton, start, depths, skip: Skip::new(forms) }))
    }

    pub(crate) const fn start(&self) -> StateID {
        self.start
    }

    /// How much of what was read last could go on to be a pattern.
    pub(crate) fn depth(&self, state: StateID) -> usize {
        self.depths.get(&state).copied().unwrap_or_default()
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
            if state == self.start {
                at = self.skip.to(text, at);
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
