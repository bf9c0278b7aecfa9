//! Keeps secrets out of what a program writes, whatever form it writes them in: pure, no input or output.
//!
//! A [`Masker`] is made of secrets. What is pushed through it comes out with `***` in place of each of them, also where
//! one is encoded, escaped, cut into lines, or split over writes. It is a net for mishaps, not a wall: a program that
//! means to give its secrets away turns their letters round, and no masker sees it.

mod forms;
mod masker;
mod patterns;
mod skip;

pub use forms::{SHORTEST, Secret};
pub use masker::{MASK, Masker};
