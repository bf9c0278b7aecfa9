//! The pages in a real browser, with real clicks and typing.

mod first_hour;
mod journey;
mod keyboard;
mod looks;
mod visitor;

use visitor::{ADA, PASSWORD, Visitor};
