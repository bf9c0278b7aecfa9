//! A stream with secrets on one side, and without on the other.

use std::{ops::Range, sync::Arc};

use aho_corasick::{BuildError, automaton::StateID};

use crate::{
    forms::{self, Secret},
    patterns::Patterns,
};

/// What stands in a secret's place.
pub const MASK: &[u8] = b"***";

/// Masks secrets in a stream. What it holds back is exactly the end of the stream that could be the beginning of a
/// secret; where that is nothing, nothing is held back.
///
/// Where forms overlap or touch, all of them become one mask.
pub struct Masker {
    patterns: Option<Arc<Patterns>>,
    state: Option<StateID>,
    /// What has been read and not given out.
    held: Vec<u8>,
    /// Where the secrets in it are: in order, and apart.
    found: Vec<Range<usize>>,
    /// Whether a mask was given out last.
    masked: bool,
}

impl Masker {
    /// One that knows these secrets in all their forms.
    ///
    /// # Errors
    /// When they are too many to look for: gigabytes.
    pub fn new<'a>(secrets: impl IntoIterator<Item = Secret<'a>>) -> Result<Self, BuildError> {
        Ok(Self::of(Patterns::new(&forms::of(secrets))?.map(Arc::new)))
    }

    /// Another one, for another stream, that knows the same.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::of(self.patterns.clone())
    }

    const fn of(patterns: Option<Arc<Patterns>>) -> Self {
        Self { patterns, state: None, held: Vec::new(), found: Vec::new(), masked: false }
    }

    /// Reads what comes next, and appends to `out` all that can be given out of it.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(patterns) = self.patterns.clone() else {
            out.extend_from_slice(bytes);
            return;
        };
        let read = self.held.len();
        self.held.extend_from_slice(bytes);
        let state = self.state.unwrap_or_else(|| patterns.start());
        let found = &mut self.found;
        let state = patterns.read(state, &self.held, read, |end, length| {
            // It may have begun in what has been given out, as part of a mask.
            let mut begin = end.saturating_sub(length);
            while let Some(before) = found.pop_if(|before| before.end >= begin) {
                begin = begin.min(before.start);
            }
            found.push(begin..end);
        });
        self.state = Some(state);
        // Nothing that is yet to be found begins before this.
        self.give(self.held.len().saturating_sub(patterns.depth(state)), out);
    }

    /// Appends to `out` what was held back: nothing follows it. Then the masker can be used anew.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.give(self.held.len(), out);
        (self.state, self.masked) = (None, false);
    }

    /// How many bytes are held back.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held.len()
    }

    /// Gives out what is before `limit`, and a secret that goes on from there.
    fn give(&mut self, limit: usize, out: &mut Vec<u8>) {
        let (mut at, mut given) = (0, 0);
        for secret in &self.found {
            if secret.start > limit {
                break;
            }
            let before = self.held.get(at..secret.start).unwrap_or_default();
            out.extend_from_slice(before);
            self.masked &= before.is_empty();
            if !self.masked {
                out.extend_from_slice(MASK);
                self.masked = true;
            }
            (at, given) = (secret.end, given + 1);
        }
        if let Some(rest @ [_, ..]) = self.held.get(at..limit) {
            out.extend_from_slice(rest);
            (at, self.masked) = (limit, false);
        }
        self.held.drain(..at);
        self.found.drain(..given);
        for secret in &mut self.found {
            *secret = secret.start - at..secret.end - at;
        }
    }
}

#[cfg(test)]
mod tests;
